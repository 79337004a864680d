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


@dataclass(frozen=True, eq=False)
class Additive:
    r"""The additive game nearest to the values by least squares.

    Coalitions weigh :math:`1/(s(n-s))`, as what they miss counts for payoffs; the grand coalition,
    of which there is one, weighs as much as single parties.
    """

    sample: Sample

    def seeing(self, known: Bool[np.ndarray, " m"]) -> Explained:
        """See :class:`Surrogate`. Where values do not decide, the least squares of shares do."""
        members, size = self.sample.members.astype(np.float64), self.sample.sizes
        n = self.sample.n
        weights = 1 / np.sqrt(size * np.maximum(n - size, 1))
        rows = members * weights[:, None]
        shares, *_ = np.linalg.lstsq(rows[known], (self.sample.values * weights)[known])
        return Explained(members @ shares, additive_flows(shares))
