r"""The trivial estimate: who adds what is said by what parties are worth alone.

.. math:: F_{ij} = \frac{v(j)}{\sum_{k\ne i} v(k)}\,\bigl(v(N) - v(i)\bigr)

from :math:`n + 1` evaluations. Every other estimate has to be better than this one to be worth its
trainings; where parties hardly interact, it is hard to beat.
"""

import numpy as np

from shapfair.coalitions import check_party_count
from shapfair.estimation.design import always
from shapfair.estimation.protocol import Estimated, Ledger, Values
from shapfair.shapley import conditional_shapley_values


def proportional_flows(own_values: np.ndarray, grand_value: float) -> np.ndarray:
    """Flows in proportion to what parties are worth alone; equal where that is 0 altogether.

    Args:
        own_values: of single parties, shape ``(n,)``.
        grand_value: of all together.
    """
    others = 1 - np.eye(len(own_values))
    wanted = others * own_values
    sums = wanted.sum(axis=1, keepdims=True)
    even = others / others.sum(axis=1, keepdims=True)
    shares = np.where(np.abs(sums) > 1e-300, wanted / np.where(sums == 0, 1, sums), even)
    return shares * (grand_value - own_values)[:, None]


class Proportional:
    """Flows in proportion to own values, the trivial baseline."""

    name = "in proportion to own values"

    def estimate(self, values: Values, n: int, evaluations: int, seed: int) -> Estimated:
        """Flows and payoffs; see :class:`~shapfair.estimation.protocol.Estimator`."""
        ledger = Ledger(values, evaluations)
        found = ledger(always(n))
        return Estimated.without_errors(proportional_flows(found[:n], found[-1]), ledger.spent)


class Enumeration:
    """All coalitions: exact."""

    name = "enumeration"

    def estimate(self, values: Values, n: int, evaluations: int, seed: int) -> Estimated:
        """Flows and payoffs; see :class:`~shapfair.estimation.protocol.Estimator`.

        Raises:
            ValueError: if the budget is less than all, or there are too many parties for a table.
        """
        check_party_count(n)
        ledger = Ledger(values, evaluations)
        table = np.append(0.0, ledger(range(1, 2**n)))
        flows = conditional_shapley_values(table)
        return Estimated(flows, np.zeros((n, n)), np.zeros(n), ledger.spent)
