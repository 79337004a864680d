"""A limit of address space at which XLA would end the process is said in one line."""

import os
import subprocess
import sys

import pytest

from shapfair import memory
from shapfair.training import devices


@pytest.mark.parametrize("gib", [0.75, 1.25])
def test_training_under_a_low_limit_is_refused_in_one_line(gib, tmp_path):
    command = [sys.executable, "-m", "shapfair.cli", "reproduce", "mnist", "--data", "embedded"]
    line = f'ulimit -v {int(gib * 2**20)}; exec "$@"'
    done = subprocess.run(
        ["bash", "-c", line, "bash", *command, "--store", str(tmp_path / "s.db")],
        env={**os.environ, "SHAPFAIR_CACHE": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "of address space needed" in done.stderr
    assert "raise the limit (`ulimit -v`)" in done.stderr


def test_what_is_needed_grows_with_the_cores(monkeypatch):
    needed = []
    monkeypatch.setattr(memory, "check_address_space", lambda size, what: needed.append(size))
    for cores in (1, 2, 64):
        monkeypatch.setattr(devices, "usable_cores", lambda cores=cores: cores)
        devices.check_address_space()
    assert [size / 2**30 for size in needed] == [1.25, 1.5, 17]


def test_the_limit_is_compared_with_what_is_left(monkeypatch):
    monkeypatch.setattr(memory, "_of_limit", lambda: iter(()))
    memory.check_address_space(2**60, "training")  # no limit
    monkeypatch.setattr(memory, "_of_limit", lambda: iter((2**30,)))
    memory.check_address_space(2**30, "training")
    with pytest.raises(
        ValueError, match=r"^training: 1\.5 GiB of address space needed, 1\.0 GiB left: raise"
    ):
        memory.check_address_space(3 << 29, "training")
