"""Values of some coalitions, and how those coalitions were chosen."""

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from shapfair.estimation.design import FOLDS, always, random_design
from shapfair.estimation.protocol import Ledger, Values
from shapfair.estimation.weights import Members, counts, members_of


@dataclass(frozen=True, eq=False)
class Sample:
    """Known values of a game.

    Of every size the coalitions marked as ``drawn`` are a simple random sample of those that are
    not otherwise known. The others, such as single parties or coalitions chosen for what their
    values were expected to tell, may be any.

    Attributes:
        n: number of parties.
        coalitions: distinct bitmasks, none empty.
        values: of these, shape ``(m,)``.
        drawn: whether a coalition was drawn at random, shape ``(m,)``.
        seed: by which the drawn ones are dealt into folds.

    Raises:
        ValueError: if a single party's value or the grand coalition's is not among them.
    """

    n: int
    coalitions: tuple[int, ...]
    values: Float[np.ndarray, " m"]
    drawn: Bool[np.ndarray, " m"]
    seed: int = 0

    def __post_init__(self) -> None:
        needed = [*(1 << i for i in range(self.n)), 2**self.n - 1]
        if missing := set(needed) - set(self.coalitions):
            raise ValueError(
                f"coalitions: {len(missing)} of the {self.n} single parties and the grand "
                "coalition have no value, which an estimate needs"
            )

    @classmethod
    def by_random_design(cls, values: Values, n: int, evaluations: int, seed: int) -> "Sample":
        """Values of the coalitions of a random design.

        Raises:
            ValueError: if the budget does not allow an estimate with errors.
        """
        coalitions = random_design(n, evaluations, seed)
        found = Ledger(values, evaluations)(coalitions)
        fixed = set(always(n))
        drawn = np.array([coalition not in fixed for coalition in coalitions])
        return cls(n, tuple(coalitions), found, drawn, seed)

    @cached_property
    def members(self) -> Members:
        """Who belongs to which coalition, shape ``(m, n)``."""
        return members_of(list(self.coalitions), self.n)

    @cached_property
    def sizes(self) -> Int[np.ndarray, " m"]:
        """Number of members of every coalition."""
        return self.members.sum(axis=1)

    @cached_property
    def own_values(self) -> Float[np.ndarray, " n"]:
        """Values of single parties."""
        known = dict(zip(self.coalitions, self.values.tolist(), strict=True))
        return np.array([known[1 << i] for i in range(self.n)])

    @cached_property
    def open(self) -> Float[np.ndarray, " sizes"]:
        """Number of coalitions of every size that are drawn or not known at all."""
        fixed = np.bincount(self.sizes[~self.drawn], minlength=self.n + 1)
        return counts(self.n) - fixed

    @cached_property
    def taken(self) -> Int[np.ndarray, " sizes"]:
        """Number of coalitions of every size that were drawn."""
        return np.bincount(self.sizes[self.drawn], minlength=self.n + 1)

    @cached_property
    def folds(self) -> Int[np.ndarray, " m"]:
        """The fold of every drawn coalition, dealt by chance within its size; -1 for the others.

        A table lists coalitions in order. Dealt in that order, a fold would be known to lie between
        its neighbours, and would not be a random sample of what the others leave.
        """
        folds, next_of = np.full(len(self.coalitions), -1), defaultdict[int, int](int)
        rng = np.random.default_rng([self.seed, self.n, FOLDS])
        for k in rng.permutation(np.flatnonzero(self.drawn)):
            size = int(self.sizes[k])
            folds[k] = next_of[size] % FOLDS
            next_of[size] += 1
        return folds
