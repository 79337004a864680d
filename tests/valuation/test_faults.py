"""A short version of `make faults`: whatever happens, nothing is lost or wrong."""

import random

import faults
import pytest

RIGHT = {"whole", "refused", "repaired: all values but one at most"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return faults.Runs(tmp_path_factory.mktemp("runs"), faults.functions)


def test_signals_lose_nothing(runs):
    faults.signals(runs, 5, random.Random(1))
    assert runs.findings == []


def test_failing_writes_lose_nothing(runs, tmp_path):
    library = faults.compiled(tmp_path)
    if library is None:
        pytest.skip("no C compiler on Linux")
    faults.io(runs, 5, random.Random(2), library)
    assert runs.findings == []
    assert any("ended early" in ending for ending in runs.endings)


def test_wrong_clocks_lose_nothing(runs):
    faults.clocks(runs, 3, random.Random(3))
    assert runs.findings == []


@pytest.mark.parametrize("damage", ["flips", "copies"])
def test_damaged_stores_are_whole_or_refused(tmp_path, damage):
    outcomes = {*getattr(faults, damage)(tmp_path, 15, random.Random(4))}
    assert outcomes <= RIGHT
    assert "whole" in outcomes


def test_journals_cut_off_are_applied_or_the_store_is_refused(tmp_path):
    outcomes = [*faults.journals(tmp_path)]
    assert {*outcomes} == {"whole", "refused"}
    assert outcomes[-1] == "whole"  # nothing was cut off


def test_what_is_wrong_is_found(runs):
    """Values that change, a table that differs, words that are too many."""
    runs._kept = {(0, 1): 0.5}
    runs.ended("a test", 1, "one line\nand another")
    runs.store.unlink(missing_ok=True)
    found = "\n".join(runs.findings)
    assert "lost or changed values" in found
    assert "said 'one line" in found
    runs.findings.clear()
