"""What estimators have in common: they ask for values of coalitions, within a budget."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from shapfair.estimation.weights import payoffs_of

Values = Callable[[Sequence[int]], Float[np.ndarray, " coalitions"]]
"""Values of some coalitions (bitmasks, none empty), found side by side if that can be."""


@dataclass(frozen=True, eq=False)
class Estimated:
    """Flows and payoffs with standard errors, in units of value.

    Attributes:
        flows: what ``i`` pays ``j``, shape ``(n, n)``.
        flow_errors: standard errors of the flows by the choice of coalitions; nan where the
            estimator does not know them.
        payoff_errors: likewise of the payoffs, shape ``(n,)``.
        evaluations: number of distinct coalitions that were valued.
    """

    flows: Float[np.ndarray, "n n"]
    flow_errors: Float[np.ndarray, "n n"]
    payoff_errors: Float[np.ndarray, " n"]
    evaluations: int

    @property
    def payoffs(self) -> Float[np.ndarray, " n"]:
        """Revenue minus cost of every party, shape ``(n,)``; they sum to 0."""
        return payoffs_of(self.flows)

    @classmethod
    def without_errors(cls, flows: np.ndarray, evaluations: int) -> "Estimated":
        """Of an estimator that does not know its errors."""
        unknown = np.full_like(flows, np.nan)
        np.fill_diagonal(unknown, 0.0)
        return cls(flows, unknown, np.full(len(flows), np.nan), evaluations)


@runtime_checkable
class Estimator(Protocol):
    """A way to estimate flows and payoffs from the values of some coalitions."""

    @property
    def name(self) -> str:
        """What it is called in the literature."""
        ...

    def estimate(self, values: Values, n: int, evaluations: int, seed: int) -> Estimated:
        """Flows and payoffs of a game of ``n`` parties.

        Args:
            values: of coalitions.
            n: number of parties.
            evaluations: most coalitions to value.
            seed: of whatever is left to chance.

        Raises:
            ValueError: if so few evaluations do not suffice.
        """
        ...


class Ledger:
    """Values that were asked for, each once, and how many more may be.

    Args:
        values: of coalitions.
        evaluations: most coalitions to value.
    """

    def __init__(self, values: Values, evaluations: int) -> None:
        self._values, self._evaluations = values, evaluations
        self.known: dict[int, float] = {0: 0.0}

    @property
    def spent(self) -> int:
        """Number of coalitions that were valued."""
        return len(self.known) - 1

    def allows(self, coalitions: Sequence[int]) -> bool:
        """Whether there is enough left for these."""
        return self.spent + len(set(coalitions) - self.known.keys()) <= self._evaluations

    def __call__(self, coalitions: Sequence[int]) -> Float[np.ndarray, " coalitions"]:
        """Values of coalitions.

        Raises:
            ValueError: if that is beyond the budget.
        """
        new = [c for c in dict.fromkeys(coalitions) if c not in self.known]
        if self.spent + len(new) > self._evaluations:
            raise ValueError(
                f"evaluations: {self._evaluations}, need at least {self.spent + len(new)}"
            )
        if new:
            self.known |= dict(zip(new, self._values(new).tolist(), strict=True))
        return np.array([self.known[c] for c in coalitions])
