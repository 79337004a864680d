"""A run: find every coalition's value, and keep each as soon as it is known."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from shapfair.game import Game
from shapfair.valuation.progress import Progress
from shapfair.valuation.protocol import Job, Valuation
from shapfair.valuation.provenance import commit
from shapfair.valuation.store import Store, digest


@dataclass(frozen=True)
class Run:
    """Coalition values that a valuation has found.

    Attributes:
        valuation: what found them.
        seeds: one per row of ``values``.
        values: in bitmask order; the empty coalition has 0.
        work: what the valuation says that this call took.
        seconds: wall time of this call.
        found: how many values were in the store already.
        strangers: how many values of other valuations are in the store; they are never used.
    """

    valuation: Valuation
    seeds: tuple[int, ...]
    values: Float64[np.ndarray, "seeds coalitions"]
    work: Mapping[str, Any]
    seconds: float
    found: int
    strangers: int

    @property
    def game(self) -> Game:
        """The value tables with their provenance."""
        return Game(self.values, self.valuation.parties, provenance=self.provenance())

    def provenance(self) -> dict[str, Any]:
        """Where the numbers come from: what they depend on, seeds, versions, time, commit."""
        description = self.valuation.description()
        return {
            **description,
            "digest": digest(description),
            **self.valuation.provenance(),
            "seeds": list(self.seeds),
            "seconds": round(self.seconds, 1),
            **self.work,
            "values_resumed": self.found,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": commit(),
        }


def run(
    valuation: Valuation, seeds: Sequence[int] = (0,), *, store: str | Path = ":memory:"
) -> Run:
    """Find the value of every coalition under every seed, and keep each as soon as it is known.

    Shows a progress bar on a terminal. A run that was stopped goes on where it was when it is
    called again with the same store.

    Args:
        valuation: what coalitions are worth.
        seeds: seeds of the runs, each a row of the value table.
        store: file of finished values; the default keeps them in memory alone.

    Raises:
        StoreError: if the store cannot be used; else what the valuation raises.
    """
    start = time.perf_counter()
    n = len(valuation.parties)
    with Store(store, valuation.description()) as values:
        jobs = valuation.jobs(range(1, 2**n), seeds)
        waiting = [job for job in jobs if values.get(job.seed, job.coalition) is None]
        with Progress(valuation.name, jobs, waiting) as progress:

            def finished(job: Job, value: float) -> None:
                values.put(job.seed, job.coalition, value)
                progress.finished()

            work = valuation.evaluate(
                waiting,
                finished,
                is_finished=lambda job: values.get(job.seed, job.coalition) is not None,
                stepped=progress.stepped,
            )
        table = values.table(seeds, n)
        strangers = values.strangers()
    seconds = time.perf_counter() - start
    return Run(valuation, tuple(seeds), table, work, seconds, len(jobs) - len(waiting), strangers)
