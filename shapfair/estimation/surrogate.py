r"""A Gaussian process over coalitions whose sample games have flows in closed form.

Values of data show diminishing returns: what a party adds is partly covered by what the others
bring. The simplest such game is that of coverage, :math:`1 - q^{u(C)}` with weights :math:`u` of the
parties, and the kernel is made of those:

.. math:: k(C, D) = \sum_u\Bigl(a_u\!\!\sum_{k\in C\cap D}\!u_k^2 + \sum_q a_{uq}
    \bigl(1 - q^{u(C)} - q^{u(D)} + q^{u(C\cup D)}\bigr)\Bigr) + a\binom{|C\cap D|}2,

for two kinds of weights, what parties are worth alone and equal ones, and four :math:`q`. The
empty coalition has value 0. A posterior mean is a sum of such kernels, each a product game in
:math:`C` but for additive parts, so that its flows are exact (:mod:`shapfair.estimation.closed_forms`).

C. E. Rasmussen and C. K. I. Williams, Gaussian Processes for Machine Learning, MIT Press, 2006.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from shapfair.estimation.closed_forms import additive_flows, coverage_flows
from shapfair.estimation.weights import Members
from shapfair.extras import load

REMAINDERS = (0.97, 0.85, 0.6, 0.3)
"""Factors :math:`q` by which a party of average weight leaves less to gain."""

FITTED_ON = 150
"""Most coalitions from which the amplitudes are found."""

_SPREAD = 3.0
"""Standard deviation of the logarithm of an amplitude, before values are seen."""

_JITTER = 1e-10
"""Part of the prior variance that is added to the diagonal, so that rounding does no harm."""


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

    def parts(self, c: Members, d: Members) -> Float[np.ndarray, "parts c d"]:
        """Every part for all pairs of coalitions, shape ``(11, len(c), len(d))``."""
        one, other = c.astype(np.float64), d.astype(np.float64)
        found = []
        for u in self.weights:
            found.append((one * u**2) @ other.T)
            size_c, size_d, common = one @ u, other @ u, (one * u) @ other.T
            union = size_c[:, None] + size_d - common
            found += [
                1 - q ** size_c[:, None] - q**size_d + q**union for q in REMAINDERS
            ]
        both = one @ other.T
        found.append(both * (both - 1) / 2)
        return np.stack(found)

    def flows(
        self,
        amplitudes: Float[np.ndarray, " parts"],
        d: Members,
        coefficients: Float[np.ndarray, " d"],
    ) -> Float[np.ndarray, "n n"]:
        """Flows of the game that is the sum of kernels at ``d`` with such coefficients.

        Cost: O(m n^3) in matrix products, 1 s for n = 50 and m = 1,000.
        """
        n, inside = d.shape[1], d.astype(np.float64)
        covered = np.vstack([d, np.zeros((1, n), dtype=bool)])
        flows, part = np.zeros((n, n)), iter(amplitudes)
        for u in self.weights:
            flows += additive_flows(next(part) * u**2 * (coefficients @ inside))
            for q in REMAINDERS:
                amounts = np.append(coefficients * q ** (inside @ u), -coefficients.sum())
                flows += next(part) * coverage_flows(q**u, covered, amounts)
        return flows + next(part) * _common_pairs(inside, coefficients)


def _common_pairs(
    inside: Float[np.ndarray, "d n"], coefficients: Float[np.ndarray, " d"]
) -> Float[np.ndarray, "n n"]:
    r"""Flows of :math:`\sum_D\alpha_D\binom{|C\cap D|}2`.

    If :math:`j\in D` joins, of the others in :math:`D` half are there, and :math:`i` is if it is one.
    """
    size = inside.sum(axis=1)
    payer_in = inside.T @ (inside * (coefficients * size / 2)[:, None])
    payer_out = (1 - inside).T @ (inside * (coefficients * (size - 1) / 2)[:, None])
    flows = payer_in + payer_out
    np.fill_diagonal(flows, 0.0)
    return flows


@dataclass(frozen=True, eq=False)
class Prior:
    """A kernel with its amplitudes, and the variance of what no smooth game explains.

    Attributes:
        kernel: the kernel.
        amplitudes: of its parts, in squared units of value.
        nugget: variance of single values.
    """

    kernel: Kernel
    amplitudes: Float[np.ndarray, " parts"]
    nugget: float

    @classmethod
    def fitted(
        cls,
        members: Members,
        values: Float[np.ndarray, " m"],
        own_values: Float[np.ndarray, " n"],
        rng: np.random.Generator,
    ) -> "Prior":
        """The amplitudes of greatest posterior density, from up to :data:`FITTED_ON` values.

        Their logarithms are normal beforehand, around an equal share of the values' mean square.

        Cost: some hundred systems of 150 equations, 0.1 to 0.5 s.
        """
        kernel = Kernel.of(own_values)
        chosen = rng.permutation(len(values))[:FITTED_ON]
        y = values[chosen]
        parts = kernel.parts(members[chosen], members[chosen])
        scales = np.array([max(np.trace(part) / len(y), 1e-300) for part in parts])
        unit = float(np.mean(y**2)) or 1.0
        parts = np.concatenate([parts / scales[:, None, None], np.eye(len(y))[None]])
        logs = _most_probable(parts, y / np.sqrt(unit))
        amounts = np.exp(logs) * unit
        return cls(kernel, amounts[:-1] / scales, float(amounts[-1]))

    def posterior(self, members: Members, values: Float[np.ndarray, " m"]) -> "Posterior":
        """What is expected of all values when some are known."""
        return Posterior(self, members, values)


def _most_probable(
    parts: Float[np.ndarray, "parts m m"], y: Float[np.ndarray, " m"]
) -> Float[np.ndarray, " parts"]:
    """Logarithms of amplitudes, with mean square 1 for ``y`` and mean diagonal 1 for each part."""
    linalg, minimize = load("scipy.linalg"), load("scipy.optimize").minimize
    start = np.full(len(parts), -np.log(len(parts)))
    start[-1] -= 5.0  # of single values little is expected to be noise

    def cost(logs: np.ndarray) -> tuple[float, np.ndarray]:
        amplitudes = np.exp(logs)
        covariance = np.tensordot(amplitudes, parts, 1)
        covariance[np.diag_indices_from(covariance)] += _JITTER * np.trace(covariance) / len(y)
        factor = linalg.cho_factor(covariance, lower=True)
        inverse = linalg.cho_solve(factor, np.eye(len(y)))
        alpha = inverse @ y
        fit = 0.5 * y @ alpha + np.log(np.diagonal(factor[0])).sum()
        slope = 0.5 * np.tensordot(parts, inverse - np.outer(alpha, alpha), 2) * amplitudes
        away = (logs - start) / _SPREAD
        return fit + 0.5 * away @ away, slope + away / _SPREAD

    found = minimize(cost, start, jac=True, method="L-BFGS-B", bounds=[(-40.0, 10.0)] * len(start))
    return np.asarray(found.x)


@dataclass(frozen=True, eq=False)
class Posterior:
    """What is expected of all values when some are known.

    Attributes:
        prior: what was expected before.
        members: coalitions whose values are known, shape ``(m, n)``.
        values: these, shape ``(m,)``.
    """

    prior: Prior
    members: Members
    values: Float[np.ndarray, " m"]

    @cached_property
    def coefficients(self) -> Float[np.ndarray, " m"]:
        """Of the kernels whose sum is the mean."""
        covariance = self._between(self.members, self.members)
        covariance[np.diag_indices_from(covariance)] += (
            self.prior.nugget + _JITTER * np.trace(covariance) / len(covariance)
        )
        linalg = load("scipy.linalg")
        return np.asarray(linalg.solve(covariance, self.values, assume_a="pos"))

    def _between(self, c: Members, d: Members) -> Float[np.ndarray, "c d"]:
        return np.tensordot(self.prior.amplitudes, self.prior.kernel.parts(c, d), 1)

    def mean(self, members: Members) -> Float[np.ndarray, " coalitions"]:
        """Expected values."""
        return self._between(members, self.members) @ self.coefficients

    def flows(self) -> Float[np.ndarray, "n n"]:
        """Flows of the expected values, exactly."""
        return self.prior.kernel.flows(self.prior.amplitudes, self.members, self.coefficients)
