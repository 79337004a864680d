"""Standard streams that are closed, full or not read: one line, a status, and nothing else."""

import os
import subprocess
import sys

import pytest
from helpers import ROOT

from shapfair.cli import program

CLINICS = str(ROOT / "book/examples/clinics.csv")
COMMANDS = {
    "allocate": ["allocate", CLINICS],
    "json": ["allocate", CLINICS, "--format", "json"],
    "template": ["template", "--parties", "A,B,C,D,E,F,G,H,I,J,K,L"],
    "help": ["--help"],
}

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")


def shell(line, arguments):
    """A command in a shell line, in which it stands as ``"$@"``."""
    command = ["bash", "-c", line, "bash", sys.executable, "-m", "shapfair.cli", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=120
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_a_closed_output_is_an_error(command):
    done = shell('"$@" >&-', COMMANDS[command])
    assert (done.returncode, done.stderr) == (2, "shapfair: error: output: Bad file descriptor\n")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
@pytest.mark.parametrize("command", ["allocate", "json", "template"])
def test_a_full_disk_is_an_error(command):
    done = shell('"$@" >/dev/full', COMMANDS[command])
    assert done.returncode == 2
    assert done.stderr == "shapfair: error: output: No space left on device\n"


def test_a_reader_who_goes_away_ends_it_without_a_word():
    done = shell('"$@" | head -1; echo "${PIPESTATUS[0]}"', COMMANDS["template"])
    assert done.stdout == "A,B,C,D,E,F,G,H,I,J,K,L,value\n141\n"
    assert done.stderr == ""


def test_closed_errors_do_not_go_elsewhere():
    done = shell('"$@" --budget=A=x 2>&-', COMMANDS["allocate"])
    assert (done.returncode, done.stdout) == (2, "")
    done = shell('"$@" 0<&- 2>&-', COMMANDS["allocate"])
    assert done.returncode == 0
    assert "Certificate" in done.stdout


def test_files_are_not_written_to_by_what_is_printed(tmp_path):
    """A file that is opened where standard output is closed gets its number."""
    out = tmp_path / "out.csv"
    done = shell(f'"$@" --out "{out}" 1>&- 2>&-', COMMANDS["template"])
    assert done.returncode == 0
    assert out.read_text().startswith("A,B,C")
    done = shell(f'"$@" --format json --out "{out}" 1>&-', COMMANDS["allocate"])
    assert (done.returncode, out.read_text()[0]) == (0, "{")


@pytest.mark.parametrize("megabytes", [40, 90, 150, 250])
def test_no_room_for_packages_is_one_line(megabytes):
    done = shell(f'ulimit -v {megabytes * 1024}; "$@"', COMMANDS["allocate"])
    need = (program.ROOM + program.ROOM_OF_A_THREAD * os.cpu_count()) >> 20
    words = f"the limit on memory (ulimit -v) is {megabytes} MiB, need {need} MiB"
    assert (done.returncode, done.stderr) == (2, f"shapfair: error: {words}\n")


def test_room_that_is_asked_for_is_enough():
    need = program.ROOM + program.ROOM_OF_A_THREAD * os.cpu_count()
    done = shell(f'ulimit -v {need >> 10}; "$@"', COMMANDS["allocate"])
    assert (done.returncode, done.stderr) == (0, "")
