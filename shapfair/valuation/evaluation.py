"""What coalitions were found to be worth, and which of them could not be valued."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from jaxtyping import Float64

from shapfair.coalitions import coalition_name
from shapfair.game import Game, table_digest
from shapfair.origin import TABLE
from shapfair.valuation.protocol import Valuation
from shapfair.valuation.provenance import commit
from shapfair.valuation.record import Record
from shapfair.valuation.store import digest


@dataclass(frozen=True)
class Failure:
    """A coalition that has no value under a seed.

    Attributes:
        coalition: names of its members.
        seed: the seed.
        error: what its last attempt raised.
    """

    coalition: tuple[str, ...]
    seed: int
    error: Exception

    def __str__(self) -> str:
        members = ", ".join(self.coalition)
        return f"{{{members}}}, seed {self.seed}: {type(self.error).__name__}: {self.error}"


@dataclass(frozen=True)
class Maker:
    """A process that found values.

    Attributes:
        origin: what it computed with, and which it was; empty if that was not recorded.
        values: coalitions by seed.
        first: when the first of them was found, in ISO 8601.
        last: when the last was.
        seconds: what they took together, side by side or not; of those where that was recorded.
    """

    origin: Mapping[str, Any]
    values: Mapping[int, Sequence[int]]
    first: str
    last: str
    seconds: float

    @classmethod
    def of(cls, records: Sequence[Record], origin: Mapping[str, Any]) -> "Maker":
        """The maker of some values."""
        values: dict[int, list[int]] = {}
        for record in sorted(records, key=lambda record: (record.seed, record.coalition)):
            values.setdefault(record.seed, []).append(record.coalition)
        times = [record.finished for record in records]
        seconds = sum(record.seconds or 0.0 for record in records)
        return cls(origin, values, min(times), max(times), seconds)

    def to_dict(self) -> dict[str, Any]:
        """As the provenance of a table has it; JSON types."""
        return {
            **self.origin,
            "values": {str(seed): list(found) for seed, found in self.values.items()},
            "first": self.first,
            "last": self.last,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True)
class Outcome:
    """What is known of a run, beside the values.

    Attributes:
        seeds: the seeds of the runs.
        failures: the coalitions that could not be valued.
        work: what the valuation says that this call took.
        origin: what this process computes with: versions, devices, source of the data.
        makers: who found which of the values, this call among them.
        seconds: wall time of this call.
        found: how many values this call did not find itself: they were in the store, or another
            process that shares it put them there.
        strangers: how many values of other valuations are in the store; they are never used.
    """

    seeds: tuple[int, ...]
    failures: tuple[Failure, ...]
    work: Mapping[str, int]
    origin: Mapping[str, Any]
    makers: tuple[Maker, ...]
    seconds: float
    found: int
    strangers: int


@dataclass(frozen=True)
class Evaluation(Outcome):
    """Coalition values that a valuation has found.

    Attributes:
        valuation: what found them.
        values: in bitmask order, one row per seed, shape ``(seeds, 2**n)``; the empty coalition has
            0, one that was not asked for or has failed nan.
    """

    valuation: Valuation
    values: Float64[np.ndarray, "seeds coalitions"]

    @property
    def game(self) -> Game:
        """The value tables with their provenance, for :func:`~shapfair.allocation.allocate`.

        Raises:
            ValueError: if a coalition has no value, naming the first one.
        """
        missing = np.argwhere(np.isnan(self.values)).tolist()
        if missing:
            row, coalition = missing[0]
            failed = f", {len(self.failures)} of them failed" if self.failures else ""
            raise ValueError(
                f"values: {len(missing)} of {self.values[:, 1:].size} are missing{failed}, the "
                f"first is that of {coalition_name(coalition, self.valuation.parties)} under seed "
                f"{self.seeds[row]}: an exact allocation needs all; see .failures, or call again "
                "with the same store and all coalitions"
            )
        parties, origin = self.valuation.parties, self.provenance()
        recorded = {**origin, TABLE: table_digest(self.values, parties, origin)}
        return Game(self.values, parties, provenance=recorded)

    def provenance(self) -> dict[str, Any]:
        """Where the numbers come from: what they depend on, seeds, versions, time, commit."""
        made = {**self.work, "values_resumed": self.found}
        about = self.valuation.description()
        written = provenance(about, self.origin, self.seeds, self.seconds, made)
        return {**written, "makers": [maker.to_dict() for maker in self.makers]}


def provenance(
    description: Mapping[str, Any],
    origin: Mapping[str, Any],
    seeds: Sequence[int],
    seconds: float,
    work: Mapping[str, int],
) -> dict[str, Any]:
    """What is recorded beside numbers that come from a valuation; JSON types."""
    return {
        **description,
        "digest": digest(description),
        **origin,
        "seeds": list(seeds),
        "seconds": round(seconds, 1),
        **work,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
    }
