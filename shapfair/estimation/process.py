r"""The coverage Gaussian process: what is expected of all values when some are known.

Values are a Gaussian process with the kernel of :mod:`shapfair.estimation.kernel`, plus a nugget
for what no smooth game explains. Its posterior mean is a sum of kernel functions, so that the
flows of all :math:`2^n` expected values are known without a table.

C. E. Rasmussen and C. K. I. Williams, Gaussian Processes for Machine Learning, MIT Press, 2006.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

from shapfair.estimation.kernel import Kernel
from shapfair.estimation.sample import Sample
from shapfair.estimation.surrogate import Explained
from shapfair.estimation.weights import payoffs_of
from shapfair.extras import load

FITTED_ON = 150
"""Most coalitions from which the amplitudes are found."""

_SPREAD = 3.0
"""Standard deviation of the logarithm of an amplitude, before values are seen."""

_JITTER = 1e-10
"""Part of the prior variance that is added to the diagonal, so that rounding does no harm."""


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
        cls, sample: Sample, known: Bool[np.ndarray, " m"], rng: np.random.Generator
    ) -> "Prior":
        """The amplitudes of greatest posterior density, from up to :data:`FITTED_ON` known values.

        Their logarithms are normal beforehand, around an equal share of the values' mean square.

        Cost: some hundred systems of 150 equations, 0.1 to 0.5 s.
        """
        kernel = Kernel.of(sample.own_values)
        chosen = rng.permutation(np.flatnonzero(known))[:FITTED_ON]
        y, members = sample.values[chosen], sample.members[chosen]
        parts = np.stack([*kernel.parts(members, members), np.eye(len(y))])
        scales = np.maximum(np.trace(parts, axis1=1, axis2=2) / len(y), 1e-300)
        unit = float(np.mean(y**2)) or 1.0
        logs = _most_probable(parts / scales[:, None, None], y / np.sqrt(unit))
        amounts = np.exp(logs) * unit / scales
        return cls(kernel, amounts[:-1], float(amounts[-1]))

    def covariance(
        self, c: Bool[np.ndarray, "c n"], d: Bool[np.ndarray, "d n"]
    ) -> Float[np.ndarray, "c d"]:
        """Of the values of coalitions, without the nugget."""
        return self.kernel.between(self.amplitudes, c, d)

    def flows(self, d: Bool[np.ndarray, "d n"]) -> Float[np.ndarray, "d n n"]:
        """Covariances of the flows with the values of coalitions."""
        return self.kernel.flows(self.amplitudes, d)


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
class CoverageProcess:
    """The process for a sample.

    Attributes:
        sample: coalitions and their values.
        prior: what is expected before any value is seen.
    """

    sample: Sample
    prior: Prior

    @classmethod
    def of(
        cls, sample: Sample, known: Bool[np.ndarray, " m"], rng: np.random.Generator
    ) -> "CoverageProcess":
        """With the prior that fits the known values."""
        return cls(sample, Prior.fitted(sample, known, rng))

    @cached_property
    def covariance(self) -> Float[np.ndarray, "m m"]:
        """Of the values of the sample, without the nugget."""
        return self.prior.covariance(self.sample.members, self.sample.members)

    @cached_property
    def flows(self) -> Float[np.ndarray, "m n n"]:
        """Covariances of the flows with the values of the sample."""
        return self.prior.flows(self.sample.members)

    def factor(self, known: Bool[np.ndarray, " m"]) -> tuple[np.ndarray, bool]:
        """Cholesky factor of the covariance of some values, nugget included."""
        covariance = self.covariance[np.ix_(known, known)]
        jitter = _JITTER * np.trace(covariance) / max(len(covariance), 1)
        covariance[np.diag_indices_from(covariance)] += self.prior.nugget + jitter
        triangle, lower = load("scipy.linalg").cho_factor(covariance, lower=True)
        return triangle, bool(lower)

    def seeing(self, known: Bool[np.ndarray, " m"]) -> Explained:
        """See :class:`~shapfair.estimation.surrogate.Surrogate`."""
        y = self.sample.values[known]
        coefficients = load("scipy.linalg").cho_solve(self.factor(known), y)
        flows = np.tensordot(coefficients, self.flows[known], 1)
        return Explained(self.covariance[:, known] @ coefficients, flows)

    def payoff_weights(self, terms: Float[np.ndarray, "n m"]) -> Float[np.ndarray, "n m"]:
        """See :class:`~shapfair.estimation.surrogate.Surrogate`."""
        everything = np.ones(len(self.sample.values), dtype=bool)
        own = payoffs_of(self.flows).T - terms @ self.covariance
        solved = load("scipy.linalg").cho_solve(self.factor(everything), own.T)
        return np.asarray(solved.T) + terms


@dataclass(frozen=True, eq=False)
class FittedAnew:
    """The process whose prior, too, has seen the known values alone.

    In the amplitudes of a prior of all values it would have seen what it is to predict.

    Attributes:
        sample: coalitions and their values.
        seed: of the choice of values from which the prior is fitted.
    """

    sample: Sample
    seed: int

    def process(self, known: Bool[np.ndarray, " m"]) -> CoverageProcess:
        """With the prior that fits the known values. Cost: as :meth:`Prior.fitted`."""
        rng = np.random.default_rng([self.seed, self.sample.n])
        return CoverageProcess.of(self.sample, known, rng)

    def seeing(self, known: Bool[np.ndarray, " m"]) -> Explained:
        """See :class:`~shapfair.estimation.surrogate.Surrogate`."""
        return self.process(known).seeing(known)
