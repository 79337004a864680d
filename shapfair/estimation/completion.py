"""The estimate that is made by default: the table completed by the better surrogate.

Of the surrogates, the coverage process and the additive game, that one is taken whose residuals on
coalitions that it has not seen leave the smaller error. The errors are those of the unbiased
estimate with the same surrogate, which are wider than the completed table needs.
"""

from dataclasses import dataclass

import numpy as np

from shapfair import memory
from shapfair.estimation.adjusted import CrossFitted, completed, completed_weights, cross_fitted
from shapfair.estimation.process import CoverageProcess
from shapfair.estimation.protocol import Estimated, Values
from shapfair.estimation.sample import Sample
from shapfair.estimation.surrogate import Additive, Surrogate, WeightedSurrogate


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


def complete(sample: Sample, seed: int, noise: float = 0.0) -> Completed:
    r"""Complete a table by the better surrogate.

    Args:
        sample: what is known.
        seed: of the choice of values from which the process is fitted.
        noise: variance of a value by training. So much of the process's nugget is noise, and the
            known values count less for it: by :math:`\max(0, 1 - \sigma^2/\text{nugget})`.
    """
    process = CoverageProcess.of(sample, np.random.default_rng([seed, sample.n]))
    candidates: list[WeightedSurrogate] = [process, Additive(sample)]
    unbiased = [cross_fitted(sample, surrogate) for surrogate in candidates]
    best = int(np.argmin([found.score for found in unbiased]))
    share = max(0.0, 1 - noise / process.prior.nugget) if noise and best == 0 else 1.0
    flows = completed(sample, candidates[best], share)
    weights = completed_weights(sample, candidates[best], share)
    return Completed(candidates[best], flows, weights, unbiased[best])


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
