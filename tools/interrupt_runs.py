"""Interrupt ``shapfair reproduce mnist --data embedded`` at random moments and see how it ends.

Usage: python tools/interrupt_runs.py [COUNT] [--signals K] [--seeds K] [--random-seed S]

Every run is a real process that gets Ctrl-C at a moment drawn from the whole length of a run; each
goes on with the store of the one before until that is complete. Each has to end within
:data:`SECONDS`, with exit status 130, one line that says how to go on and no traceback; what was
stored has to stay, and at the end the table has to be that of a run left alone.
"""

import argparse
import itertools
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import IO, Any, NamedTuple

from shapfair.valuation.record import Record

SECONDS = 2.0
"""A command that is interrupted ends within this time."""

TRACES = ("Traceback", "Fatal Python error", "Exception ignored", "terminate called")
"""What nobody wants to read after Ctrl-C."""

STARTING = ("init_import_site", "<frozen site>")
"""What Python itself says if it is interrupted before it has come to any program."""

DIFFERENCE = 0.003
"""Largest difference of accuracies between two runs on one machine: lanes fall differently."""


class Ending(NamedTuple):
    """How a command ended: seconds from start to signal and on to the end, status, last words."""

    moment: float
    seconds: float
    status: int
    errors: str

    @property
    def faults(self) -> list[str]:
        """What is wrong with it, nothing if it is as it should be."""
        return [
            *([f"exit status {self.status}"] if self.status != 130 else []),
            *([f"took {self.seconds:.2f} s"] if self.seconds > SECONDS else []),
            *([f"said {trace!r}" for trace in TRACES if trace in self.errors]),
            *(["did not say that it stopped"] if "shapfair: stopped" not in self.errors else []),
        ]


def start(
    command: Sequence[str], errors: int | IO[str] = subprocess.PIPE, **settings: Any
) -> subprocess.Popen[str]:
    """A process that Ctrl-C and the like reach; ``errors`` is where its standard error goes.

    A shell's background jobs ignore Ctrl-C and ``nohup`` has SIGHUP ignored, and so would the
    children of such a process.
    """
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    try:
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, **settings
        )
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def reproduce(store: Path, *options: str, seeds: int = 3) -> list[str]:
    """The command that is interrupted."""
    command = [sys.executable, "-m", "shapfair.cli", "reproduce", "mnist", "--data", "embedded"]
    return [*command, "--seeds", str(seeds), "--store", str(store), *options]


def interrupt(
    command: Sequence[str], moment: float | Callable[[], bool], signals: int = 1
) -> Ending | None:
    """Send Ctrl-C, ``signals`` times at once, after so many seconds, or when something is so.

    Seconds count from when the program has taken over from the interpreter, whose own start knows
    nothing of it. None if the command had come to its end before.
    """
    with tempfile.TemporaryFile("w+") as said:  # a pipe that nobody reads would fill and block
        ending = _interrupt(start(command, said), moment, signals)
        said.seek(0)
        errors = said.read()
    if ending is None or any(sign in errors for sign in STARTING):
        return None
    return ending._replace(errors=errors)


def _interrupt(
    process: subprocess.Popen[str], moment: float | Callable[[], bool], signals: int
) -> Ending | None:
    """The ending of a process, whose errors are elsewhere."""
    while process.poll() is None and not _has_taken_over(process.pid):
        time.sleep(0.005)
    started = time.perf_counter()
    reached = moment if callable(moment) else lambda: time.perf_counter() - started >= moment
    while not reached():
        if process.poll() is not None:
            process.communicate()
            return None
        time.sleep(0.005)
    sent = time.perf_counter()
    for _ in range(signals):
        process.send_signal(signal.SIGINT)
        time.sleep(0.05 * (signals > 1))
    process.communicate()
    seconds = time.perf_counter() - sent
    if process.returncode == 0 and seconds <= SECONDS:  # all that was left was to tidy up
        return None
    return Ending(sent - started, seconds, process.returncode, errors="")


def _has_taken_over(pid: int) -> bool:
    """Whether the thread that waits for signals is there; elsewhere than on Linux, nobody tells."""
    threads = Path(f"/proc/{pid}/task")
    return not threads.exists() or sum(1 for _ in threads.iterdir()) > 1


def stored_values(store: Path) -> dict[tuple[int, int], float]:
    """What is in a store, by seed and coalition.

    Raises:
        ValueError: if the store is damaged.
    """
    if not store.exists():
        return {}
    with closing(sqlite3.connect(store, timeout=30)) as db:
        (state,) = db.execute("PRAGMA integrity_check").fetchone()
        if state != "ok":
            raise ValueError(f"{store}: {state}")
        try:
            rows = db.execute("SELECT line FROM records").fetchall()
        except sqlite3.OperationalError:  # the table is not made yet
            return {}
    records = [Record.from_text(line) for (line,) in rows]
    return {(record.seed, record.coalition): record.value for record in records}


def main() -> int:
    """Run a campaign; 0 if nothing was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("count", nargs="?", type=int, default=60)
    parser.add_argument("--signals", type=int, default=1, help="times of Ctrl-C (default: 1)")
    parser.add_argument("--seeds", type=int, default=3, help="length of a run (default: 3)")
    parser.add_argument("--random-seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        faults = _campaign(Path(folder), arguments)
    print(f"{arguments.count} interrupts, {faults} faults")
    return 1 if faults else 0


def _campaign(folder: Path, arguments: argparse.Namespace) -> int:
    moments = random.Random(arguments.random_seed)
    seconds, whole = _left_alone(folder / "whole", arguments.seeds)
    print(f"a run left alone takes {seconds:.1f} s", flush=True)
    store, count, faults = folder / "0.sqlite", 0, 0
    out = folder / "out.json"
    while count < arguments.count:
        command = reproduce(store, "--out", os.fspath(out), seeds=arguments.seeds)
        kept = stored_values(store)
        ending = interrupt(command, moments.uniform(0.05, seconds), arguments.signals)
        if ending is None:
            seconds = max(5, 0.8 * seconds)  # runs that go on are shorter than the first
            if out.exists():  # all is trained: begin anew
                faults += _differs(json.loads(out.read_text())["values"], whole)
                out.unlink()
                store.unlink()
            continue
        count += 1
        wrong = ending.faults
        if not kept.items() <= stored_values(store).items():
            wrong.append("lost values")
        if leftovers := sorted(path.name for path in folder.glob(".*")):
            wrong.append(f"left {', '.join(leftovers)}")
        faults += bool(wrong)
        found = f"after {ending.moment:5.2f} s: ended in {ending.seconds:.2f} s"
        print(f"{found}, {len(kept)} kept {'; '.join(wrong) or 'ok'}", flush=True)
        if wrong:
            print(ending.errors, flush=True)
    return faults + _differs(_left_alone(store, arguments.seeds)[1], whole)


def _left_alone(store: Path, seeds: int) -> tuple[float, list[list[float]]]:
    """Seconds and table of a run, which goes on with a store."""
    out, began = store.with_suffix(".json"), time.perf_counter()
    subprocess.run(
        reproduce(store, "--out", os.fspath(out), seeds=seeds), check=True, capture_output=True
    )
    return time.perf_counter() - began, json.loads(out.read_text())["values"]


def _differs(table: list[list[float]], whole: list[list[float]]) -> bool:
    pairs = zip(itertools.chain(*table), itertools.chain(*whole), strict=True)
    largest = max(abs(found - expected) for found, expected in pairs)
    print(f"a table of interrupted runs: differs by at most {largest:.4f}", flush=True)
    return largest > DIFFERENCE


if __name__ == "__main__":
    sys.exit(main())
