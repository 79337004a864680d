"""The estimate that is made by default: the table completed by the better surrogate.

Of the surrogates, the coverage process and the additive game, that one is taken whose residuals on
coalitions that it has not seen leave the smaller error. The errors are those of the unbiased
estimate, for which the surrogate is fitted and chosen anew without each fold; they are wider than
the completed table needs.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from shapfair import memory
from shapfair.estimation.adjusted import (
    CrossFitted,
    completed,
    completed_weights,
    cross_fitted,
    unexplained,
)
from shapfair.estimation.process import CoverageProcess, FittedAnew
from shapfair.estimation.protocol import Estimated, Values
from shapfair.estimation.sample import Sample
from shapfair.estimation.surrogate import Additive, Explained, Surrogate, WeightedSurrogate


@dataclass(frozen=True, eq=False)
class Completed:
    """Flows of a table that was completed by a surrogate.

    Attributes:
        surrogate: what it was completed by.
        flows: what ``i`` pays ``j``, shape ``(n, n)``.
        weights: of the known values in the payoffs, for a surrogate of this kind, shape ``(n, m)``.
        unbiased: flows and errors by cross-fitting.
    """

    surrogate: Surrogate
    flows: np.ndarray
    weights: np.ndarray
    unbiased: CrossFitted


@dataclass(frozen=True, eq=False)
class Better:
    """The better of the surrogates, fitted and chosen by the known values alone.

    Attributes:
        sample: coalitions and their values.
        seed: of the choice of values from which the process is fitted.
    """

    sample: Sample
    seed: int

    def of(self, known: Bool[np.ndarray, " m"]) -> WeightedSurrogate:
        """The one that leaves less unexplained of the known values."""
        process = FittedAnew(self.sample, self.seed).process(known)
        candidates: list[WeightedSurrogate] = [process, Additive(self.sample)]
        return min(candidates, key=lambda one: unexplained(self.sample, one, known))

    def seeing(self, known: Bool[np.ndarray, " m"]) -> Explained:
        """See :class:`~shapfair.estimation.surrogate.Surrogate`."""
        return self.of(known).seeing(known)


def complete(sample: Sample, seed: int, noise: float = 0.0) -> Completed:
    r"""Complete a table by the better surrogate.

    Args:
        sample: what is known.
        seed: of the choice of values from which the process is fitted.
        noise: variance of a value by training. So much of the process's nugget is noise, and the
            known values count less for it: by :math:`\max(0, 1 - \sigma^2/\text{nugget})`.
    """
    better = Better(sample, seed)
    surrogate = better.of(np.ones(len(sample.values), dtype=bool))
    share = 1.0
    if noise and isinstance(surrogate, CoverageProcess):
        share = max(0.0, 1 - noise / surrogate.prior.nugget)
    flows = completed(sample, surrogate, share)
    weights = completed_weights(sample, surrogate, share)
    return Completed(surrogate, flows, weights, cross_fitted(sample, better))


def check_memory(n: int, values: int, what: str) -> None:
    """Refuse more values than a table can be completed from in the memory that there is.

    Measured: 7 numbers for every two values, 3 for every value and two parties.

    Raises:
        ValueError: saying how much is needed.
    """
    needed = 8 * values * (7 * values + 3 * n**2)
    memory.check(needed, f"{what}: {values:,} of {n} parties", "take fewer")


class Completion:
    """The completed table, by a random design."""

    name = "coverage process, completed"

    def estimate(self, values: Values, n: int, evaluations: int, seed: int) -> Estimated:
        """Flows and payoffs; see :class:`~shapfair.estimation.protocol.Estimator`."""
        sample = Sample.by_random_design(values, n, evaluations, seed)
        found = complete(sample, seed)
        errors = found.unbiased.flow_errors, found.unbiased.payoff_errors
        return Estimated(found.flows, *errors, len(sample.coalitions))
