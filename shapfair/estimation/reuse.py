r"""Maximum sample reuse: every value counts for all parties at once.

Flows are sums over all coalitions of :math:`G(C)\,v(C)`; those of a size are estimated by the ones
that were drawn. What a surrogate explains has known flows and is taken off first: the mean of the
size, without which it would be most of the error; an additive game; or what a coverage process
expects. Values are cross-fitted, so that the estimates are unbiased.

J. T. Wang and R. Jia, Data Banzhaf: a robust data valuation framework for machine learning, AISTATS
2023. R. T. Witter, Y. Liu and C. Musco, Regression-adjusted Monte Carlo estimators for Shapley
values and probabilistic values, arXiv:2506.11849, 2025.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from shapfair.estimation.adjusted import cross_fitted
from shapfair.estimation.closed_forms import symmetric_flows
from shapfair.estimation.process import FittedAnew
from shapfair.estimation.protocol import Estimated, Values
from shapfair.estimation.sample import Sample
from shapfair.estimation.surrogate import Additive, Explained, Surrogate


@dataclass(frozen=True, eq=False)
class SizeMeans:
    """The game in which a coalition is worth the mean of its size."""

    sample: Sample

    def seeing(self, known: Bool[np.ndarray, " m"]) -> Explained:
        """See :class:`~shapfair.estimation.surrogate.Surrogate`."""
        n, sizes = self.sample.n, self.sample.sizes
        sums = np.bincount(sizes[known], self.sample.values[known], minlength=n + 1)
        number = np.bincount(sizes[known], minlength=n + 1)
        means: Float[np.ndarray, " sizes"] = sums / np.maximum(number, 1)
        return Explained(means[sizes], symmetric_flows(n, float(means[n] - means[1])))


@dataclass(frozen=True)
class Reuse:
    """Unbiased flows by maximum sample reuse of the residuals of a surrogate.

    Args:
        name: what it is called in the literature.
        surrogate: of a sample, with a seed for what it leaves to chance.
    """

    name: str
    surrogate: Callable[[Sample, int], Surrogate]

    def estimate(self, values: Values, n: int, evaluations: int, seed: int) -> Estimated:
        """Flows and payoffs; see :class:`~shapfair.estimation.protocol.Estimator`."""
        sample = Sample.by_random_design(values, n, evaluations, seed)
        found = cross_fitted(sample, self.surrogate(sample, seed))
        return Estimated(
            found.flows, found.flow_errors, found.payoff_errors, len(sample.coalitions)
        )


MAXIMUM_SAMPLE_REUSE = Reuse("maximum sample reuse", lambda sample, seed: SizeMeans(sample))
REGRESSION_ADJUSTED = Reuse("regression-adjusted reuse", lambda sample, seed: Additive(sample))
COVERAGE_UNBIASED = Reuse("coverage process, unbiased", FittedAnew)
