"""Every console line of the README and of the pages under *Use it*, typed as a reader would."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from helpers import ROOT

from shapfair.cli.main import parser
from shapfair.cli.options import EXPERIMENT_PARTIES
from shapfair.datasets import cache_folder

ELSEWHERE = {
    "make": "this very test is part of it",
    "pip install": "test_wheel.py",
    "git": "the checkout is there",
    "dask": "serves until it is stopped; tests/valuation/test_cluster.py starts both",
    "for": "starts a worker for each of several GPUs",
    "srun": "needs a cluster",
    "sbatch": "needs a cluster",
}
"""First words of lines that are not typed here, and why."""

SHELL = ("cat", "echo", "head", "mv", "python", "ssh-keygen")
"""First words of lines of other programs that are typed here, into a shell."""

ONLY_PARSED = re.compile(r"shapfair reproduce (cifar10|imdb|.*--scheduler)")
"""Lines whose data are not always at hand, or that need other machines."""


MADE_BY_CELLS = {
    "notebooks/18_any_other_program.ipynb": {"values.csv": "book/examples/clinics.csv"},
}
"""Files that the cells of a page write, and what stands here for them."""


def use_it():
    """The README and the sources of the pages under *Use it*."""
    parts = yaml.safe_load((ROOT / "_toc.yml").read_text())["parts"]
    (chapters,) = (part["chapters"] for part in parts if part["caption"] == "Use it")
    kinds = [f"{chapter['file']}.{kind}" for chapter in chapters for kind in ("md", "ipynb")]
    return ["README.md", *kinds]


def text_of(page):
    """What a reader sees of a page, without the cells and their outputs."""
    text = (ROOT / page).read_text(encoding="utf-8")
    if not page.endswith(".ipynb"):
        return text
    cells = json.loads(text)["cells"]
    return "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def lines(page):
    """Console lines of a page, without comments."""
    text = text_of(page)
    for block in re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in re.findall(r"^\$ (.+)$", block, re.MULTILINE):
            yield re.sub(r"\s+#.*", "", line)


def is_elsewhere(line):
    return any(line == first or line.startswith(f"{first} ") for first in ELSEWHERE)


PAGES = [page for page in use_it() if (ROOT / page).is_file() and any(lines(page))]


def test_there_are_lines():
    assert "README.md" in PAGES
    assert "book/reproduce.md" in PAGES
    assert "notebooks/20_fewer_trainings.ipynb" in PAGES
    assert sum(line.startswith("shapfair ") for page in PAGES for line in lines(page)) >= 10


@pytest.fixture
def checkout(tmp_path):
    """A folder with what a fresh clone has, in which nothing is left in ours."""
    for part in ("book", "results", "shapfair"):
        (tmp_path / part).symlink_to(ROOT / part)
    # The data of the reader's own cache, but none of the values that he has there.
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache_folder() / "datasets").mkdir(parents=True, exist_ok=True)
    (cache / "datasets").symlink_to(cache_folder() / "datasets")
    return tmp_path


def run(command, folder):
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path, "SHAPFAIR_CACHE": str(folder / "cache")},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("page", PAGES)
def test_lines_do_as_typed(page, checkout):
    """One after the other in one folder; one seed, on the data that are always at hand."""
    for made, like in MADE_BY_CELLS.get(page, {}).items():
        shutil.copyfile(ROOT / like, checkout / made)
    for line in lines(page):
        if is_elsewhere(line):
            continue
        words = shlex.split(line)
        if words[0] in SHELL:
            done = run(["sh", "-ec", line], checkout)
            assert done.returncode == 0, f"{page}: {line}\n{done.stdout}{done.stderr}"
            continue
        assert words[0] == "shapfair", f"{page}: {line}: who types this?"
        arguments = parser().parse_args(words[1:])
        if ONLY_PARSED.match(line):
            continue
        if hasattr(arguments, "data") and set(words) & set(EXPERIMENT_PARTIES):
            words += ["--data", "embedded"]
        if hasattr(arguments, "seeds") and words[1] != "estimate":
            words += ["--seeds", "1"]
        done = run([sys.executable, "-m", "shapfair.cli", *words[1:]], checkout)
        assert done.returncode == 0, f"{page}: {line}\n{done.stderr}"


def test_python_of_the_readme_runs(checkout):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    done = run([sys.executable, "-c", "\n".join(blocks)], checkout)
    assert (len(blocks), done.returncode, done.stderr) == (2, 0, "")
