"""Where numbers come from: versions, machine, commit."""

import os
import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from shapfair.valuation.protocol import Valuation


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Versions of Python and of installed packages."""
    return {
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
    }


def processor() -> str:
    """Model of the processor, as the machine calls it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()


def origin_of(valuation: Valuation) -> dict[str, Any]:
    """What is known of this process as the one that finds values."""
    return {
        **valuation.provenance(),
        "commit": commit(),
        "process": f"{os.getpid()} on {platform.node()}",
    }


def commit() -> str | None:
    """Commit of the checkout that this package runs from, None outside one."""
    here = Path(__file__).parent
    command = ["git", "-C", os.fspath(here), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
