"""What runs in other processes, which find it by the name of this module."""

import os
import signal
import time
from pathlib import Path

from shapfair.valuation.store import Store

LENGTHS = {"A": 1.0, "B": 2.0, "C": 4.0, "D": 8.0, "E": 16.0}
PARTIES = tuple(LENGTHS)


def length(parties, seed):
    """Sum of lengths, which tells the coalition, and the seed in the decimals."""
    return sum(LENGTHS[party] for party in parties) + seed / 1000


TREES = ("alder", "birch", "cedar", "hazel", "larch", "maple", "rowan", "willow")


def letters(trees, seed):
    """How many letters their names have together: a game of parties whose data overlap."""
    return len({letter for tree in trees for letter in tree}) + seed / 1000


def slow_length(parties, seed):
    time.sleep(0.02)
    return length(parties, seed)


class TwoParts(Exception):
    """Does not survive pickling: its arguments are not those of its constructor."""

    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


def fails_oddly(parties, seed):
    if parties == ("B", "C"):
        raise TwoParts("this", "that")
    return length(parties, seed)


def kills_its_worker(parties, seed):
    """``{B, C}`` dies as by the kernel when memory is short."""
    if parties == ("B", "C"):
        os.kill(os.getpid(), signal.SIGKILL)
    return length(parties, seed)


class KillsOnce:
    """The first call kills its worker; who did is written to a file."""

    def __init__(self, folder):
        self.mark = Path(folder, "killed")

    def __call__(self, parties, seed):
        try:
            self.mark.touch(exist_ok=False)
        except FileExistsError:
            return length(parties, seed)
        os.kill(os.getpid(), signal.SIGKILL)


class Logged:
    """Appends every call to a file, so that calls of all processes can be counted."""

    def __init__(self, file, seconds, score=length):
        self.file, self.seconds, self.score = file, seconds, score

    def __call__(self, parties, seed):
        with open(self.file, "a") as file:
            file.write(f"{os.getpid()} {''.join(parties)} {seed}\n")
        time.sleep(self.seconds)
        return self.score(parties, seed)


class Heavy:
    """Stands for data that should travel once to each worker; every arrival is written down."""

    def __init__(self, log):
        self.log = log

    def __setstate__(self, state):
        self.log = state["log"]
        with open(self.log, "a") as file:
            file.write(f"{os.getpid()}\n")

    def __call__(self, parties, seed):
        return length(parties, seed)


def share_a_store(store, log, seeds):
    """A process of several that work on one store."""
    from shapfair import evaluate

    evaluation = evaluate(
        Logged(log, 0.02), PARTIES, name="logged", seeds=range(seeds), store=store
    )
    assert evaluation.game.n == 5


def estimate_slowly(store, log, design):
    """A process that is killed before it comes to its end."""
    from shapfair import estimate

    score = Logged(log, 0.02, letters)
    estimate(score, TREES, evaluations=90, design=design, name="letters", store=store)


def put_many(path, description, first):
    """A process that fills every other place of a store."""
    with Store(path, description) as store:
        for coalition in range(first, 400, 2):
            store.put(0, coalition, coalition / 1000)
