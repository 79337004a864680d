"""Coalition values from a function: any program, any language, any measure of success."""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from shapfair.coalitions import members
from shapfair.tables import check_names
from shapfair.valuation.agenda import OnError
from shapfair.valuation.evaluation import Evaluation
from shapfair.valuation.protocol import Finished, Job
from shapfair.valuation.provenance import versions
from shapfair.valuation.run import run

Score = Callable[[tuple[str, ...], int], Any]
"""``score(party_names, seed)``: what a coalition is worth, a finite real number."""

PROTOCOL = 1
"""Grows whenever the same name, parties and seed would mean something else."""


@dataclass(frozen=True)
class ScoreValuation:
    """A function that says what coalitions are worth.

    Args:
        score: called with the names of a coalition's members, in the order of ``parties``, and a
            seed.
        parties: names of the parties.
        name: version of the score; it stands for all that a value depends on.

    Raises:
        ValueError: if the names are not distinct and non-empty.
    """

    score: Score
    parties: tuple[str, ...]
    name: str

    def __post_init__(self) -> None:
        check_names(self.parties)
        if not self.name.strip():
            raise ValueError("name: empty, need one for this version of the score")

    @property
    def bounds(self) -> tuple[float, float]:
        """Any finite number, as nobody sees from outside what a function measures."""
        return -math.inf, math.inf

    def description(self) -> dict[str, Any]:
        """Name and parties: what a function does cannot be seen from outside."""
        return {"protocol": PROTOCOL, "score": self.name, "parties": list(self.parties)}

    def jobs(self, coalitions: Sequence[int], seeds: Sequence[int]) -> list[Job]:
        """The largest coalitions first, as they are likely to take longest."""
        jobs = [Job(coalition, seed) for seed in seeds for coalition in coalitions]
        return sorted(jobs, key=lambda job: -job.coalition.bit_count())

    def capacity(self) -> int:
        """One after the other."""
        return 1

    def evaluate(
        self,
        jobs: Iterable[Job],
        finished: Finished,
        failed: Callable[[Job, Exception], None],
        *,
        is_finished: Callable[[Job], bool],
        stepped: Callable[[int], None],
    ) -> Mapping[str, int]:
        """Call the function for every job."""
        calls = 0
        for job in jobs:
            if is_finished(job):
                continue
            calls, start = calls + 1, time.perf_counter()
            try:
                value = self._call(job)
            except Exception as error:  # whatever the caller's function may raise
                failed(job, error)
            else:
                finished(job, value, time.perf_counter() - start)
            stepped(job.steps)
        return {"calls": calls}

    def _call(self, job: Job) -> float:
        value = self.score(tuple(self.parties[i] for i in members(job.coalition)), job.seed)
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
            raise TypeError(f"score: {value!r} is not a number (it is of {type(value)})")
        if not math.isfinite(value):
            raise ValueError(f"score: {value!r} is not a finite number")
        return float(value)

    def provenance(self) -> dict[str, Any]:
        """Versions of Python and of this package; the function's own are not known."""
        return {"versions": versions(("shapfair", "numpy"))}


def evaluate(
    score: Score,
    parties: Sequence[str],
    *,
    name: str,
    seeds: Sequence[int] = (0,),
    coalitions: Iterable[int] | None = None,
    store: str | Path = ":memory:",
    executor: Executor | None = None,
    window: int | None = None,
    retries: int = 0,
    on_error: OnError = "raise",
) -> Evaluation:
    """Find out what coalitions are worth by calling a function, and keep each value.

    The empty coalition is worth 0, as in the paper, and is not scored. Where having no data is
    worth something too, such as an accuracy of one half by guessing, take it off in the score:

    >>> import shapfair
    >>> records = {"A": 100, "B": 50, "C": 400}
    >>> def accuracy(parties, seed):
    ...     return 1 - 1 / (2 + sum(records[party] for party in parties) / 100)
    >>> def gain(parties, seed):
    ...     return accuracy(parties, seed) - accuracy((), seed)
    >>> evaluation = shapfair.evaluate(gain, ["A", "B", "C"], name="gain over guessing, 1")
    >>> allocation = shapfair.allocate(evaluation.game)
    >>> allocation.payoffs.round(3)
    array([[-0.11 , -0.227,  0.337]])

    A run that was stopped, by Ctrl-C or worse, goes on where it was when it is called again with
    the same store. Each value is kept there under ``name``, the parties, the seed and the
    coalition. **The name is all that is known of the score**: give an edited score, or the same
    score on other data, another name, or it will be given the old values.

    Args:
        score: called as ``score(party_names, seed)`` with a tuple of names in the order of
            ``parties``; returns a finite real number that depends on these alone. For an executor
            with processes it has to be a function from the top level of a module.
        parties: names of the parties.
        name: version of the score.
        seeds: seeds of the runs, each a row of the value table.
        coalitions: the coalitions to value, as bitmasks; by default all ``2**n - 1``. Others are
            nan in ``values``.
        store: file of finished values; the default keeps them in memory alone.
        executor: where the score is called; by default here, one call after the other. See
            :func:`shapfair.valuation.run.run`.
        window: batches that are given to the executor at once, by default 8 a worker.
        retries: how often a coalition that fails is tried again.
        on_error: when it has failed for good, ``"raise"`` its error, with a note that says which
            it is, or ``"record"`` it in ``failures`` and go on.

    Returns:
        The values; ``.game`` goes to :func:`~shapfair.allocation.allocate`.

    Raises:
        TypeError: if the score returns something that is not a number.
        ValueError: if it returns nan or an infinity, or if an argument is wrong.
        StoreError: if the store cannot be used.
        WorkerLost: if a coalition kills its worker, or if the executor is gone.
        Exception: what the score raises.
    """
    if isinstance(parties, str):
        raise ValueError(f"parties: {parties!r} is one name, need a sequence of names")
    return run(
        ScoreValuation(score, tuple(parties), name),
        seeds,
        coalitions=coalitions,
        store=store,
        executor=executor,
        window=window,
        retries=retries,
        on_error=on_error,
    )
