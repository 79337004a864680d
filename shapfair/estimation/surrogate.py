"""Surrogates: games that are fitted to known values and whose flows are known.

What a surrogate says is linear in the values that it is given, and so are its flows; both come from
one matrix each, so that fitting it anew without some of the values costs one linear system.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float

from shapfair.estimation.closed_forms import additive_flows
from shapfair.estimation.sample import Sample


class Explained(NamedTuple):
    """What a surrogate says when it has seen some values.

    Attributes:
        values: of all coalitions of the sample, shape ``(m,)``.
        flows: its own, exactly, shape ``(n, n)``.
    """

    values: Float[np.ndarray, " m"]
    flows: Float[np.ndarray, "n n"]


@runtime_checkable
class Surrogate(Protocol):
    """A game that is fitted to the values of a sample."""

    def seeing(self, known: Bool[np.ndarray, " m"]) -> Explained:
        """What it says of all coalitions of the sample when it has seen the values of some."""
        ...


@runtime_checkable
class WeightedSurrogate(Surrogate, Protocol):
    """A surrogate that knows what every value counts in its payoffs."""

    def payoff_weights(self, terms: Float[np.ndarray, "n m"]) -> Float[np.ndarray, "n m"]:
        """Weights of the sample's values in its own payoffs and in sums over its residuals.

        Args:
            terms: what a residual adds to the payoffs.
        """
        ...


@dataclass(frozen=True, eq=False)
class Additive:
    r"""The additive game nearest to the values by least squares.

    Coalitions weigh :math:`1/(s(n-s))`, as what they miss counts for payoffs; the grand coalition,
    of which there is one, weighs as much as single parties.
    """

    sample: Sample

    def seeing(self, known: Bool[np.ndarray, " m"]) -> Explained:
        """See :class:`Surrogate`. Where values do not decide, the least squares of shares do."""
        rows, weights = self._weighted()
        shares, *_ = np.linalg.lstsq(rows[known], (self.sample.values * weights)[known])
        return Explained(self.sample.members @ shares, additive_flows(shares))

    def payoff_weights(self, terms: Float[np.ndarray, "n m"]) -> Float[np.ndarray, "n m"]:
        """See :class:`Surrogate`. A party of an additive game gets :math:`n c_i - v(N)`."""
        rows, weights = self._weighted()
        shares = np.linalg.pinv(rows) * weights
        return (
            self.sample.n * shares
            - shares.sum(axis=0)
            + terms
            - terms @ self.sample.members @ shares
        )

    def _weighted(self) -> tuple[np.ndarray, np.ndarray]:
        """The equations of the shares, and what each counts."""
        members, size = self.sample.members.astype(np.float64), self.sample.sizes
        weights = 1 / np.sqrt(size * np.maximum(self.sample.n - size, 1))
        return members * weights[:, None], weights
