"""Paired regression: an additive game from coalitions and their complements, for tiny budgets.

What a game has beyond an additive one mostly cancels in the difference of a coalition and its
complement. So a few pairs tell the Shapley values of a nearly additive game, long before a budget
allows errors to be estimated.

I. Covert and S.-I. Lee, Improving KernelSHAP: practical Shapley value estimation using linear
regression, AISTATS 2021.
"""

import numpy as np

from shapfair.estimation.adjusted import completed
from shapfair.estimation.design import paired_design
from shapfair.estimation.protocol import Estimated, Ledger, Values
from shapfair.estimation.sample import Sample
from shapfair.estimation.surrogate import Additive


class PairedRegression:
    """A table completed by the additive game that fits pairs of complements."""

    name = "paired regression"

    def estimate(self, values: Values, n: int, evaluations: int, seed: int) -> Estimated:
        """Flows and payoffs; see :class:`~shapfair.estimation.protocol.Estimator`.

        Raises:
            ValueError: if the budget does not suffice for single parties and all.
        """
        coalitions = paired_design(n, evaluations, seed)
        found = Ledger(values, evaluations)(coalitions)
        drawn = np.zeros(len(coalitions), dtype=bool)
        sample = Sample(n, tuple(coalitions), found, drawn)
        return Estimated.without_errors(completed(sample, Additive(sample)), len(coalitions))
