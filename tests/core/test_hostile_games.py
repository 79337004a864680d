"""A short campaign of hostile games: none may be wrong without a warning."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "hostile_games.py"


def counts(*arguments):
    """Verdicts of a campaign, which must not fail."""
    command = [sys.executable, str(TOOL), *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stdout[:4000] + run.stderr
    found = re.findall(r"^ *([\d,]+)  (.+)$", run.stdout, re.MULTILINE)
    return {verdict: int(count.replace(",", "")) for count, verdict in found}


def test_nothing_hostile_is_wrong_without_a_warning():
    found = counts("--games", 1500, "--seed", 2022)
    assert sum(found.values()) == 1500
    assert found["right"] > 900  # it is not bought by warnings and refusals
    assert found["differs, with a warning"] < 15


@pytest.mark.parametrize("kind", ["integers", "shares"])
def test_ordinary_games_are_right_without_a_warning(kind):
    found = counts("--games", 250, "--seed", 2022, "--kind", kind)
    assert found["right"] == 250
