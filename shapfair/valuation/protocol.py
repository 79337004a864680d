"""The seam between coalitions and whatever finds out what they are worth."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True)
class Job:
    """One value to find: that of a coalition (bitmask) under a seed.

    ``steps`` is its length in the unit of the progress bar; long jobs are started first.
    """

    coalition: int
    seed: int
    steps: int = 1


Finished = Callable[[Job, float, float], object]
"""Called with a job, its value, and the seconds that it took to find."""


@runtime_checkable
class Valuation(Protocol):
    """What coalitions are worth, and how to find it out.

    A value must depend on the description, the coalition and the seed alone, so that it can be
    found on any machine, in any order, and be kept for later runs. Two kinds exist: a function
    (:class:`~shapfair.valuation.functions.ScoreValuation`) and a model per coalition
    (:class:`~shapfair.training.experiment.Experiment`).
    """

    @property
    def name(self) -> str:
        """Short name, for progress and messages."""
        ...

    @property
    def parties(self) -> tuple[str, ...]:
        """Names of the parties; bit ``i`` of a coalition is party ``i``."""
        ...

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest value that there can be; others are refused."""
        ...

    def description(self) -> dict[str, Any]:
        """All that a value depends on, other than its seed and coalition; JSON types.

        Its digest keys the store: whatever would change the values must change it.
        """
        ...

    def jobs(self, coalitions: Sequence[int], seeds: Sequence[int]) -> list[Job]:
        """Jobs for all pairs of (non-empty) coalition and seed, in the order to start them.

        Raises:
            ValueError: if a coalition cannot be valued.
        """
        ...

    def capacity(self) -> int:
        """How many jobs this process does side by side; asked on a worker before it gets some."""
        ...

    def evaluate(
        self,
        jobs: Iterable[Job],
        finished: Finished,
        failed: Callable[[Job, Exception], None],
        *,
        is_finished: Callable[[Job], bool],
        stepped: Callable[[int], None],
    ) -> Mapping[str, int]:
        """Find the value of every job, and hand each over as soon as it is known.

        Args:
            jobs: what to do.
            finished: called with every value, from any thread.
            failed: called with a job and why it has no value. It raises if that ends everything;
                if it returns, the other jobs are gone on with.
            is_finished: asked before a job starts; true skips it (its value was handed over, or
                another process is at it).
            stepped: called with a number of steps that were taken, for the progress bar.

        Returns:
            Amounts of work, for the provenance; those of several calls are added.
        """
        ...

    def provenance(self) -> dict[str, Any]:
        """What computes the values here: versions of packages, devices, source of the data."""
        ...
