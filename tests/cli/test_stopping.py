"""Ctrl-C: a command ends within two seconds, says how to go on and leaves nothing behind."""

import random
import signal
import subprocess
import sys
import time
import tomllib

import pytest
from helpers import ROOT
from interrupt_runs import SECONDS, interrupt, reproduce, start, stored_values

from shapfair.cli import main as command_line
from shapfair.cli.notes import if_stopped

BLOCKS = {
    "waiting": "threading.Event().wait()",
    "sleeping": "time.sleep(60)",
    "computing": "while True: time.time()",
    "deaf": "[_ for _ in iter(deaf, 1)]",
    "waiting for a thread": "sleeper = threading.Thread(target=time.sleep, args=(60,)); "
    "sleeper.start(); sleeper.join()",
    "in a process": "sources._run(['sleep', '60'])",
    "starting": "",
}
"""Where an interrupt may fall; `deaf` stands for libraries that catch whatever is raised."""

PROGRAM = """
import os, signal, subprocess, sys, threading, time
from shapfair import leftovers
from shapfair.cli import main, notes, program
from shapfair.datasets import sources
from shapfair.files import replacing

def deaf():
    try:
        time.sleep(0.01)
    except BaseException:
        pass

def block():
    print("begun", flush=True)
    {block}
    time.sleep(60)

main.main = block
sys.exit(program.run())
"""


def program(block):
    return start([sys.executable, "-c", PROGRAM.format(block=block)])


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def is_running(pid):
    """Neither gone nor waiting to be buried."""
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return done.stdout.strip()[:1] not in ("", "Z")


def stop(process, *signals):
    """Wait until it has begun, send the signals, and return seconds, output and errors."""
    assert process.stdout.readline() == "begun\n"
    time.sleep(0.1)
    began = time.perf_counter()
    for number in signals:
        process.send_signal(number)
    process.wait(60)
    seconds = time.perf_counter() - began
    with process.stdout, process.stderr:  # communicate() would pass over what readline() has read
        return seconds, process.stdout.read(), process.stderr.read()


@pytest.mark.parametrize("where", BLOCKS)
@pytest.mark.parametrize("times", [1, 5])
def test_ctrl_c_ends_a_command_wherever_it_is(where, times):
    process = program(BLOCKS[where])
    seconds, _, errors = stop(process, *[signal.SIGINT] * times)
    assert (process.returncode, errors) == (130, "shapfair: stopped\n")
    assert seconds < SECONDS


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_stop_asked_for_by_the_system_is_the_same(number):
    process = program("notes._notes.append('go on')")
    _, _, errors = stop(process, number)
    assert (process.returncode, errors) == (128 + number, "shapfair: stopped: go on\n")


def test_a_reader_who_does_not_read_does_not_hold_it_up():
    process = program("sys.stdout.write('x' * 2**20)")
    assert process.stdout.readline() == "begun\n"
    time.sleep(0.2)  # the pipe is full by now
    began = time.perf_counter()
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert time.perf_counter() - began < SECONDS
    process.communicate()


def test_what_was_printed_is_there(tmp_path):
    ready = tmp_path / "ready"
    process = program(
        "sys.stdout = open(1, 'w', closefd=False); sys.stdout.write('half a line'); "
        f"open({str(ready)!r}, 'w').close()"
    )
    wait_for(ready.exists)
    assert stop(process, signal.SIGINT)[1] == "half a line"


def test_unfinished_files_folders_and_processes_go(tmp_path):
    pid = tmp_path / "pid"
    process = program(
        f"sources.tempfile.tempdir = {str(tmp_path)!r}; "
        f"file = replacing({str(tmp_path / 'file')!r}); folder = sources._folder(); "
        "file.__enter__(), folder.__enter__(); "
        f"sources._run(['sh', '-c', 'echo $$ > {pid}; exec sleep 60'])"
    )
    wait_for(lambda: pid.exists() and pid.read_text())
    assert len(list(tmp_path.iterdir())) == 3
    stop(process, signal.SIGINT)
    assert process.returncode == 130
    assert [path.name for path in tmp_path.iterdir()] == ["pid"]
    wait_for(lambda: not is_running(int(pid.read_text())))


def test_a_commit_under_way_is_waited_for(tmp_path):
    process = program(
        "leftovers.undisturbed.acquire(); time.sleep(0.3); "
        f"open({str(tmp_path / 'done')!r}, 'w').close(); leftovers.undisturbed.release()"
    )
    stop(process, signal.SIGINT)
    assert (tmp_path / "done").exists()


def test_a_command_that_is_done_stays_done():
    """While Python tidies up after it, Ctrl-C would kill the process."""
    process = program(
        "import atexit; atexit.register(time.sleep, 0.2)\n"
        "    main.main = lambda: print('begun', flush=True) or 0\n    return main.main()"
    )
    seconds, _, errors = stop(process, signal.SIGINT, signal.SIGINT)
    assert (process.returncode, errors) == (0, "")
    assert seconds < SECONDS


def test_an_interrupt_that_the_caller_ignores_is_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        pipe = subprocess.PIPE
        command = [sys.executable, "-c", PROGRAM.format(block="time.sleep(0.5); os._exit(7)")]
        process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True)
    finally:
        signal.signal(signal.SIGINT, before)
    stop(process, signal.SIGINT)
    assert process.returncode == 7


def test_main_leaves_the_handlers_of_an_interpreter_alone(capsys, monkeypatch):
    """Called by somebody's program, or by a test, it is interrupted like any function."""

    def interrupted(arguments):
        assert signal.getsignal(signal.SIGINT) is before
        with if_stopped("a first thing"), if_stopped("run again to go on"):
            raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr("shapfair.cli.data._data_list", interrupted)
    assert command_line.main(["data", "list"]) == 130
    assert capsys.readouterr().err == "shapfair: stopped: a first thing\n"
    monkeypatch.setattr("shapfair.cli.data._data_list", lambda arguments: 0)
    assert command_line.main(["data", "list"]) == 0


def test_the_program_of_the_wheel_is_the_one_that_ends_at_signals():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts == {"shapfair": "shapfair.cli.program:run"}


def test_it_is_ready_for_signals_before_it_loads_anything_large():
    code = (
        "import sys\nbefore = set(sys.modules)\nimport shapfair.cli.program\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"argparse", "numpy", "rich", "subprocess", "socket"} & set(done.stdout.split())
    assert len(done.stdout.split()) < 20


def test_runs_that_are_interrupted_at_any_moment_go_on(tmp_path, tmp_path_factory, monkeypatch):
    """The real thing: loading, compiling, training; see tools/interrupt_runs.py for many more."""
    # What the first one compiles that gets so far serves those after it.
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path_factory.mktemp("compiled")))
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    moments, store = random.Random(1), tmp_path / "store.sqlite"
    command, kept = reproduce(store, "--out", str(tmp_path / "out.json")), {}

    def training():  # a value has come in
        return len(stored_values(store)) > len(kept)

    early = [moments.uniform(*span) for span in ((0, 0.4), (0.4, 2.5), (2.5, 5))]
    for moment in [*early, training, training]:
        ending = interrupt(command, moment, signals=moments.choice([1, 3]))
        assert ending
        assert ending.faults == [], ending.errors
        assert "run again to go on" in ending.errors or moment is not training
        after = stored_values(store)
        assert kept.items() <= after.items()
        assert {path.name for path in tmp_path.iterdir()} <= {"store.sqlite"}
        kept = after
    assert 2 <= len(kept) < 93
