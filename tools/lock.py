"""Renew requirements.lock from pyproject.toml, and environment.yml from both.

Also the peers of the benchmarks, from the files .in in benchmarks/. Locks are resolved for every
platform and for Python 3.11 to 3.13 at once, with hashes and environment markers and without any
index address; the peers of the estimates need Python 3.12 or later. The resolver (uv) lives in a
throw-away environment. ``environment_yml`` alone is what the tests use to compare the twins.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
ENVIRONMENT = ROOT / "environment.yml"
PEERS = {
    ROOT / "benchmarks" / "requirements.in": "3.11",
    ROOT / "benchmarks" / "requirements-estimation.in": "3.12",
}
"""What the benchmarks' peers are, and the oldest Python for each."""

CONDA_PYTHON = "3.12"

CONDA_NAMES = {"matplotlib": "matplotlib-base", "tensorflow-cpu": "tensorflow"}
"""PyPI name -> conda-forge name, where they differ."""

PIP_ONLY = {"array-record", "nbval", "shapiq", "sphinx-exercise", "sphinx-proof"}
"""Packages that the twin takes from PyPI."""


def direct_requirements() -> list[Requirement]:
    """Everything that pyproject.toml asks for, all extras included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    found = [Requirement(line) for lines in (project["dependencies"], *extras) for line in lines]
    return [requirement for requirement in found if requirement.name != project["name"]]


def locked_versions(python: str) -> dict[str, str]:
    """Package -> version in the lock, for a Python version on Linux."""
    marker = {"python_version": python, "python_full_version": python, "sys_platform": "linux"}
    versions = {}
    for line in re.findall(r"^[A-Za-z0-9].*?(?= \\$|$)", LOCK.read_text(), re.MULTILINE):
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(marker):
            (pin,) = requirement.specifier
            versions[canonicalize_name(requirement.name)] = pin.version
    return versions


def environment_yml() -> str:
    """The conda-forge twin: every direct requirement at the version of the lock."""
    versions = locked_versions(CONDA_PYTHON)
    on_linux = [
        canonicalize_name(r.name)
        for r in direct_requirements()
        if r.marker is None
        or r.marker.evaluate({"python_version": CONDA_PYTHON, "sys_platform": "linux"})
    ]
    conda = sorted(
        {CONDA_NAMES.get(n, n) + f"={versions[n]}" for n in on_linux if n not in PIP_ONLY}
    )
    pip = sorted({f"{n}=={versions[n]}" for n in on_linux if n in PIP_ONLY})
    lines = [
        "# The conda-forge twin of requirements.lock, for Binder and conda. Made by `make lock`.",
        "name: shapfair",
        "channels: [conda-forge, nodefaults]",
        "dependencies:",
        f"  - python={CONDA_PYTHON}",
        "  - pip",
        *(f"  - {entry}" for entry in conda),
        "  - pip:",
        *(f"      - {entry}" for entry in pip),
        "      - -e .",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Resolve, then write all files."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder, "Scripts" if sys.platform == "win32" else "bin", "python")
        subprocess.run([python, "-m", "pip", "install", "--quiet", "uv"], check=True)
        resolve(python, ROOT / "pyproject.toml", LOCK, "--all-extras")
        for source, oldest in PEERS.items():
            resolve(python, source, source.with_suffix(".txt"), oldest=oldest)
    ENVIRONMENT.write_text(environment_yml())


def resolve(python: Path, source: Path, lock: Path, *more: str, oldest: str = "3.11") -> None:
    """Write the lock of what a file asks for, with the resolver of an environment."""
    command = [python, "-m", "uv", "pip", "compile", source.relative_to(ROOT), *more]
    options = (
        f"--universal --python-version {oldest} --upgrade --quiet "
        "--generate-hashes --no-annotate --no-emit-index-url"
    )
    written = ["--output-file", lock, "--custom-compile-command", "make lock"]
    subprocess.run([*command, *options.split(), *written], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
