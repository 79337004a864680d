"""Coalition values that are known, of a table that need not be complete."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from shapfair.coalitions import coalition_name
from shapfair.estimation.design import always
from shapfair.estimation.weights import MAX_PARTIES, Members, members_of
from shapfair.tables import check_names

SMALLEST, LARGEST = 1e-50, 1e50
"""Magnitudes between which the largest value has to be, as errors have fourth powers."""


def check_range(values: np.ndarray) -> None:
    """Refuse values of which no errors could be told in float64.

    Raises:
        ValueError: naming the largest magnitude.
    """
    largest = float(np.abs(values).max(initial=0.0))
    if largest and not SMALLEST <= largest <= LARGEST:
        raise ValueError(
            f"values: the largest has magnitude {largest:.3g}, an estimate needs {SMALLEST:g} to "
            f"{LARGEST:g}: choose another unit"
        )


@dataclass(frozen=True, eq=False)
class PartialTable:
    """Values of some coalitions, all under the same seeds.

    Attributes:
        parties: names of the parties, 2 to 64.
        coalitions: distinct bitmasks, none empty.
        values: one row per seed, shape ``(seeds, m)``.

    Raises:
        ValueError: if names, coalitions or values are not as described, or a single party or the
            grand coalition has no value, without which nothing can be estimated.
    """

    parties: tuple[str, ...]
    coalitions: tuple[int, ...]
    values: Float[np.ndarray, "seeds m"]

    def __post_init__(self) -> None:
        check_names(self.parties)
        if not 2 <= self.n <= MAX_PARTIES:
            raise ValueError(f"parties: {self.n}, need 2 to {MAX_PARTIES} for an estimate")
        if not np.isfinite(self.values).all():
            raise ValueError("values: not finite")
        check_range(self.values)
        for coalition in always(self.n):
            if coalition not in self.coalitions:
                name = coalition_name(coalition, self.parties)
                raise ValueError(
                    f"values: coalition {name} has none, an estimate needs all single parties "
                    "and the grand coalition"
                )

    @classmethod
    def of(cls, parties: Sequence[str], tables: Sequence[dict[int, float]]) -> "PartialTable":
        """From the values of every seed by coalition; the empty one is left out.

        Raises:
            ValueError: if a coalition has a value under one seed and none under another.
        """
        coalitions = sorted(set().union(*tables) - {0}, key=lambda c: (c.bit_count(), c))
        for coalition in coalitions:
            if not all(coalition in table for table in tables):
                raise ValueError(
                    f"values: coalition {coalition_name(coalition, parties)} has a value under "
                    "some seeds only: give it under all or none"
                )
        values = np.array([[table[c] for c in coalitions] for table in tables], dtype=np.float64)
        return cls(tuple(parties), tuple(coalitions), values)

    @property
    def n(self) -> int:
        """Number of parties."""
        return len(self.parties)

    @property
    def is_complete(self) -> bool:
        """Whether every coalition has a value."""
        return len(self.coalitions) == 2**self.n - 1

    @cached_property
    def members(self) -> Members:
        """Who belongs to which coalition, shape ``(m, n)``."""
        return members_of(list(self.coalitions), self.n)

    @cached_property
    def mean(self) -> Float[np.ndarray, " m"]:
        """Values, averaged over the seeds."""
        return np.asarray(self.values.mean(axis=0))

    def value(self, coalition: int) -> float:
        """Mean value of a coalition that is known."""
        return float(self.mean[self.coalitions.index(coalition)])

    @property
    def own_values(self) -> Float[np.ndarray, " n"]:
        """Values of single parties."""
        return np.array([self.value(1 << i) for i in range(self.n)])

    @property
    def grand_value(self) -> float:
        """Value of all parties together."""
        return self.value(2**self.n - 1)
