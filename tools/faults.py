"""Break runs and stores in every way that machines do, and see that nothing is lost or wrong.

Usage: python tools/faults.py [--signals N] [--io N] [--flips N] [--copies N] [--clocks N]
           [--memory N] [--random-seed S]

A run is a real process that values coalitions and keeps them in a store: a function of five
parties, in every tenth run the models of the embedded MNIST images. It is killed, stopped or
interrupted at random moments, its writes fail (a full disk, a broken disk, a disk that only reads),
its clock is wrong, it gets too little memory. Whatever happens, the store must be whole or refused
in one line, keep what was in it, and in the end yield the table of a run left alone, to the bit;
no unfinished file may be left after the next run. Stores are also damaged themselves: a bit flipped
anywhere, copied while they are written, the journal of a killed process cut off at every length.
None may ever yield a value that was not put into it, nor hide one.

Input and output fail by tools/faulty_io.c, which needs a C compiler and Linux.
"""

import argparse
import errno
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from interrupt_runs import TRACES, start, stored_values

from shapfair.valuation.database import Database, StoreError
from shapfair.valuation.integrity import check
from shapfair.valuation.record import Record
from shapfair.valuation.store import Store

HERE = Path(__file__).parent
SIGNALS = [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT]
ERRORS = [errno.ENOSPC, errno.EIO, errno.EROFS]

RUN = """
import sys, time
shift = float(sys.argv[3])
real = time.time
time.time = lambda: real() + shift
import shapfair
from shapfair.valuation.store import StoreError

def score(parties, seed):
    time.sleep(0.001)
    return sum(map(ord, parties)) / 7 + seed / 1000

try:
    found = shapfair.evaluate(score, [*"ABCDE"], name="faults", seeds=range(4), store=sys.argv[1])
    found.game.to_json(sys.argv[2])
except (StoreError, MemoryError) as error:
    sys.exit(f"{type(error).__name__}: {error}")
except OSError as error:
    sys.exit(f"{error.filename or 'output'}: {error.strerror}")
"""
"""A run of a function; its arguments are the store, the table, and how far the clock is wrong."""


class Runs:
    """Runs that go on with one store until its table is complete, and then begin anew.

    Attributes:
        findings: what was wrong, a line each.
        endings: how often runs ended in which way.
    """

    def __init__(self, folder: Path, command: Callable[..., list[str]]) -> None:
        self.store, self.out = folder / "values.sqlite", folder / "table.json"
        self._folder, self._command = folder, command
        self.findings: list[str] = []
        self.endings: Counter[str] = Counter()
        self._kept: dict[tuple[int, int], float] = {}
        began = time.perf_counter()
        process = subprocess.run(self.command(), capture_output=True, text=True, check=False)
        assert process.returncode == 0, process.stderr
        self.seconds = time.perf_counter() - began
        self._whole = self._finish()

    def command(self, shift: float = 0.0) -> list[str]:
        """The run, with its clock wrong by so many seconds."""
        return self._command(self.store, self.out, shift)

    def _finish(self) -> list[list[float]]:
        values = json.loads(self.out.read_text())["values"]
        self.out.unlink()
        self.store.unlink()
        self._kept = {}
        return values

    def ended(self, what: str, status: int, errors: str) -> None:
        """See what is left of a run that has ended."""
        self.endings[f"{what}: {'finished' if status == 0 else 'ended early'}"] += 1
        self._note(what, [f"said {trace!r}" for trace in TRACES if trace in errors])
        if status not in (0, -9) and len(errors.strip().splitlines()) != 1:
            self._note(what, [f"said {errors.strip()!r}"])
        try:
            values = stored_values(self.store)
            if self.store.exists():
                with Database(self.store) as database:
                    check(database)
        except (StoreError, ValueError, sqlite3.Error) as error:
            self._note(what, [f"the store is damaged: {error}"])
            values = {}
        if not self._kept.items() <= values.items():
            self._note(what, ["lost or changed values"])
        self._kept = values
        if status == 0:
            self._note(what, ["no table"] if not self.out.exists() else [])
            left = sorted(path.name for path in self._folder.iterdir())
            if left != ["table.json", "values.sqlite"]:
                self._note(what, [f"left {', '.join(left)}"])
            if self._finish() != self._whole:
                self._note(what, ["another table than that of a run left alone"])

    def _note(self, what: str, faults: list[str]) -> None:
        self.findings += [f"{what}: {fault}" for fault in faults]


def functions(store: Path, out: Path, shift: float) -> list[str]:
    """The command of a run of a function."""
    return [sys.executable, "-c", RUN, str(store), str(out), str(shift)]


def models(store: Path, out: Path, shift: float) -> list[str]:
    """The command of a run that trains."""
    command = [sys.executable, "-m", "shapfair.cli", "reproduce", "mnist", "--data", "embedded"]
    return [*command, "--store", str(store), "--out", str(out)]


def signals(runs: Runs, count: int, rng: random.Random) -> None:
    """End runs at random moments; one that has come to its end before does not count."""
    stopped, seconds = 0, runs.seconds
    while stopped < count:
        number = rng.choice(SIGNALS)
        with tempfile.TemporaryFile("w+") as said:
            process = start(runs.command(), said)
            moment = time.perf_counter() + rng.uniform(0, seconds)
            while process.poll() is None and time.perf_counter() < moment:
                time.sleep(0.002)
            process.send_signal(number)
            process.communicate()
            said.seek(0)
            errors = said.read()
        stopped += process.returncode != 0
        seconds *= 0.9 if process.returncode == 0 else 1.1  # runs that go on are shorter
        # A function is run by a program of the user's, who sees where he pressed Ctrl-C.
        own = number == signal.SIGINT and "KeyboardInterrupt" in errors
        early = number != signal.SIGKILL and process.returncode == -number
        status = -9 if own or early else process.returncode
        runs.ended(number.name, status, "" if own else errors)


def io(runs: Runs, count: int, rng: random.Random, library: Path) -> None:
    """Let calls of the system fail, once or from there on."""
    for _ in range(count):
        number, many = rng.choice(ERRORS), rng.choice(["0", "1", "3"])
        environment = {
            **os.environ,
            "LD_PRELOAD": str(library),
            "FAULTY_FILES": str(runs.store.parent),
            "FAULTY_AT": str(int(10 ** rng.uniform(0, 3.6))),
            "FAULTY_ERRNO": str(number),
            "FAULTY_COUNT": many,
        }
        done = subprocess.run(
            runs.command(), capture_output=True, text=True, check=False, env=environment
        )
        runs.ended(errno.errorcode[number], done.returncode, done.stderr)


def clocks(runs: Runs, count: int, rng: random.Random) -> None:
    """Let the clock be wrong by up to a year, another time for every run, and stop it."""
    for _ in range(count):
        process = start(runs.command(rng.uniform(-1, 1) * 3e7))
        time.sleep(rng.uniform(0, runs.seconds))
        process.kill()
        _, errors = process.communicate()
        runs.ended("clock", process.returncode, errors)


def memory(runs: Runs, count: int, rng: random.Random) -> None:
    """Give runs little room for addresses."""
    for _ in range(count):
        kilobytes = int(10 ** rng.uniform(4.5, 5.8))
        line = f'ulimit -v {kilobytes}; exec "$@"'
        done = subprocess.run(
            ["bash", "-c", line, "bash", *runs.command()],
            capture_output=True,
            text=True,
            check=False,
        )
        # Where there is too little for Python or NumPy themselves, nothing of ours has begun.
        begun = done.returncode == 0 or done.stderr.startswith(("StoreError", "MemoryError"))
        runs.ended("memory", done.returncode if begun else -9, done.stderr if begun else "")


# --- damaged stores ------------------------------------------------------------------------------

VALUES = {
    (seed, coalition): coalition / 64 + seed for seed in range(3) for coalition in range(1, 64)
}
DESCRIPTION = {"experiment": "faults"}


def a_store(path: Path) -> bytes:
    """A store with values, as bytes."""
    with Store(path, DESCRIPTION) as store, store.transaction():
        origin = store.sign_in({"process": "a process"})
        for (seed, coalition), value in VALUES.items():
            store.put(seed, coalition, value, 0.5, origin)
    return path.read_bytes()


def opened(path: Path) -> str:
    """What comes of reading a damaged store: ``whole``, ``refused``, or what is wrong."""
    try:
        with Store(path, DESCRIPTION) as store:
            records = store.records(range(3))
    except StoreError as error:
        return "refused" if "\n" not in str(error) else f"said {error}"
    found = {(record.seed, record.coalition): record.value for record in records}
    if not found.items() <= VALUES.items():
        return "WRONG VALUES"
    return "whole" if found == VALUES else "MISSING VALUES"


def flips(folder: Path, count: int, rng: random.Random) -> Iterator[str]:
    """Flip a bit anywhere; see what is read and what is repaired."""
    path = folder / "s.sqlite"
    content = a_store(path)
    for _ in range(count):
        damaged = bytearray(content)
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        outcome = opened(path)
        yield outcome
        if outcome == "refused" and rng.random() < 0.1:
            yield f"repaired: {_repaired(path)}"


def _repaired(path: Path) -> str:
    """What comes of the repair of a store in which one bit is wrong."""
    command = [sys.executable, "-m", "shapfair.cli", "store", "repair", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    for aside in path.parent.glob("*.damaged-*"):
        aside.unlink()
    if done.returncode:
        return done.stderr
    with Store(path, DESCRIPTION) as store:
        records = store.records(range(3))
    found = {(record.seed, record.coalition): record.value for record in records}
    right = found.items() <= VALUES.items() and len(found) >= len(VALUES) - 1
    return "all values but one at most" if right else "LOST VALUES"


def journals(folder: Path) -> Iterator[str]:
    """Cut off the journal of a killed process at every length, or zero what follows."""
    path, journal = folder / "s.sqlite", folder / "s.sqlite-journal"
    a_store(path)
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA cache_size = 2")  # so that pages go to the file before the commit
    db.execute("BEGIN IMMEDIATE")
    for k in range(300):
        record = Record("0" * 64, 9, k, 0.5, None, "2026-11-27T00:00:00+00:00", "")
        db.execute("INSERT INTO records VALUES (?, ?, ?, ?)", (*record.key, record.to_text()))
    content, log = path.read_bytes(), journal.read_bytes()
    db.execute("ROLLBACK")
    db.close()
    lengths = sorted({*range(0, len(log), 512), *range(0, len(log), 4104), len(log)})
    for length in lengths:
        for rest in (b"", bytes(len(log) - length)):
            path.write_bytes(content)
            journal.write_bytes(log[:length] + rest)
            yield opened(path)
            journal.unlink(missing_ok=True)


def copies(folder: Path, count: int, rng: random.Random) -> Iterator[str]:
    """Copy the file of a store while a process writes it."""
    path, copy = folder / "s.sqlite", folder / "copy.sqlite"
    writer = (
        "import sys; from shapfair.valuation.store import Store\n"
        "with Store(sys.argv[1], {'experiment': 'faults'}) as s:\n"
        "    for k in range(1, 10**6): s.put(k // 60, k % 60 + 1, k % 60 + 1)"
    )
    process = subprocess.Popen([sys.executable, "-c", writer, str(path)])
    try:
        while not stored_values(path):
            time.sleep(0.05)
        for _ in range(count):
            time.sleep(rng.uniform(0, 0.02))
            shutil.copyfile(path, copy)
            try:
                with Store(copy, DESCRIPTION) as store:
                    records = store.records(range(10**6))
            except StoreError:
                yield "refused"
                continue
            right = all(record.value == record.coalition for record in records)
            full = len(records) == max(60 * r.seed + r.coalition - 1 for r in records)
            yield "whole" if right and full else "WRONG OR MISSING VALUES"
    finally:
        process.kill()
        process.wait()


# --- the campaign --------------------------------------------------------------------------------


def compiled(folder: Path) -> Path | None:
    """The library that makes system calls fail; None where it cannot be made."""
    library, compiler = folder / "faulty_io.so", shutil.which("cc")
    if not compiler or sys.platform != "linux":
        return None
    source = str(HERE / "faulty_io.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


def damaged_stores(
    folder: Path, a: argparse.Namespace, rng: random.Random
) -> dict[str, Counter[str]]:
    """Outcomes of all ways to damage a store."""
    outcomes = {}
    for name, found in (
        ("a bit flipped", flips(folder, a.flips, rng)),
        ("a journal cut off", journals(folder)),
        ("copied while written", copies(folder, a.copies, rng)),
    ):
        outcomes[name] = Counter(found)
        for path in folder.iterdir():
            path.unlink()
    return outcomes


def broken_runs(folder: Path, a: argparse.Namespace, rng: random.Random) -> Iterator[Runs]:
    """Runs of functions and of models, broken in all ways."""
    library = compiled(folder)
    for command, share in ((functions, 0.9), (models, 0.1)):
        place = folder / command.__name__
        place.mkdir()
        runs = Runs(place, command)
        signals(runs, round(share * a.signals), rng)
        if library:
            io(runs, round(share * a.io), rng, library)
        if command is functions:
            clocks(runs, a.clocks, rng)
            memory(runs, a.memory, rng)
        yield runs


def main() -> int:
    """Run a campaign; 0 if nothing was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, number in (
        *(("signals", 500), ("io", 500), ("flips", 4000)),
        *(("copies", 300), ("clocks", 50), ("memory", 50), ("random-seed", 0)),
    ):
        parser.add_argument(f"--{name}", type=int, default=number, help=f"default: {number}")
    a = parser.parse_args()
    rng, wrong = random.Random(a.random_seed), 0
    with tempfile.TemporaryDirectory() as folder:
        for name, outcomes in damaged_stores(Path(folder), a, rng).items():
            for outcome, times in sorted(outcomes.items()):
                good = outcome in ("whole", "refused", "repaired: all values but one at most")
                wrong += 0 if good else times
                print(f"{times:6,}  {name}: {outcome}", flush=True)
        for runs in broken_runs(Path(folder), a, rng):
            for ending, times in sorted(runs.endings.items()):
                print(f"{times:6,}  {ending}", flush=True)
            wrong += len(runs.findings)
            print(*runs.findings, sep="\n", end="\n" * bool(runs.findings), flush=True)
    print(f"{wrong:6,}  findings")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
