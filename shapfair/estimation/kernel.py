r"""A kernel over coalitions whose functions have flows in closed form.

Values of data show diminishing returns: what a party adds is partly covered by what the others
bring. The simplest such game is that of coverage, :math:`1 - q^{u(C)}` with weights :math:`u` of
the parties, and the kernel is made of those:

.. math:: k(C, D) = \sum_u\Bigl(a_u\!\!\sum_{k\in C\cap D}\!u_k^2 + \sum_q a_{uq}
    \bigl(1 - q^{u(C)} - q^{u(D)} + q^{u(C\cup D)}\bigr)\Bigr) + a\binom{|C\cap D|}2,

for two kinds of weights, what parties are worth alone and equal ones, and four :math:`q`. The
empty coalition has value 0. As a function of :math:`C` each part is additive, a number of pairs or
a product game, so that its flows are exact (:mod:`shapfair.estimation.closed_forms`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from shapfair.estimation.closed_forms import (
    additive_flows,
    coverage_flows,
    pairs_flows,
    product_flows,
)

REMAINDERS = (0.97, 0.85, 0.6, 0.3)
"""Factors :math:`q` by which a party of average weight leaves less to gain."""

PARTS = 2 * (1 + len(REMAINDERS)) + 1
"""Number of amplitudes of a kernel."""

_CHUNK = 256
"""Coalitions whose flows are found at a time."""


@dataclass(frozen=True, eq=False)
class Kernel:
    """The parts of the kernel for some parties.

    Attributes:
        weights: kinds of weights of the parties, each with mean 1, shape ``(2, n)``.
    """

    weights: Float[np.ndarray, "kinds n"]

    @classmethod
    def of(cls, own_values: Float[np.ndarray, " n"]) -> "Kernel":
        """Weights as parties are worth alone, none less than a twentieth of the largest; and 1."""
        own = np.maximum(own_values, 0.05 * max(float(own_values.max()), 1e-300))
        return cls(np.stack([own / own.mean(), np.ones_like(own)]))

    def parts(
        self, c: Bool[np.ndarray, "c n"], d: Bool[np.ndarray, "d n"]
    ) -> Iterator[Float[np.ndarray, "c d"]]:
        """Every part for all pairs of coalitions, one after the other."""
        one, other = c.astype(np.float64), d.astype(np.float64)
        for u in self.weights:
            yield (one * u**2) @ other.T
            size_c, size_d = one @ u, other @ u
            union = size_c[:, None] + size_d - (one * u) @ other.T
            for q in REMAINDERS:
                rate = np.log(q)
                part = np.exp(rate * union)
                part -= np.exp(rate * size_c)[:, None]
                part += 1 - np.exp(rate * size_d)
                yield part
        both = one @ other.T
        yield both * (both - 1) / 2

    def between(
        self,
        amplitudes: Float[np.ndarray, " parts"],
        c: Bool[np.ndarray, "c n"],
        d: Bool[np.ndarray, "d n"],
    ) -> Float[np.ndarray, "c d"]:
        """The kernel for all pairs of coalitions; O(len(c) len(d)) memory."""
        total = np.zeros((len(c), len(d)))
        for amplitude, part in zip(amplitudes, self.parts(c, d), strict=True):
            total += amplitude * part
        return total

    def flows(
        self, amplitudes: Float[np.ndarray, " parts"], d: Bool[np.ndarray, "d n"]
    ) -> Float[np.ndarray, "d n n"]:
        r"""Flows of the games :math:`k(\cdot, D)`.

        Cost: O(m n^3) in matrix products, and O(m n^2) memory.
        """
        chunks = [d[k : k + _CHUNK] for k in range(0, max(len(d), 1), _CHUNK)]
        return np.concatenate([self._flows(amplitudes, chunk) for chunk in chunks])

    def _flows(self, amplitudes: np.ndarray, d: Bool[np.ndarray, "d n"]) -> np.ndarray:
        inside, part = d.astype(np.float64), iter(amplitudes)
        flows = np.zeros((len(d), d.shape[1], d.shape[1]))
        for u in self.weights:
            flows += additive_flows(next(part) * u**2 * inside)
            for q in REMAINDERS:
                factors, amplitude = q**u, next(part)
                left = q ** (inside @ u)
                flows += amplitude * left[:, None, None] * coverage_flows(factors, d)
                flows -= amplitude * product_flows(factors)
        return flows + next(part) * pairs_flows(d)
