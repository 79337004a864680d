r"""Stratified sampling: what a party adds to coalitions of one size is averaged by itself.

For every pair and every number :math:`s` of other parties that are there already, some coalitions
are drawn, and :math:`\varphi_{j|i}` is the mean over :math:`s` of the means. Hoeffding's inequality
bounds its error: if what :math:`j` adds at size :math:`s` lies in a range :math:`r_s`, then with
:math:`m` samples of each size

.. math:: P\bigl(|\hat\varphi_{j|i} - \varphi_{j|i}| \ge \epsilon\bigr) \le
    2\exp\Bigl(-\frac{2 m (n-1)^2\epsilon^2}{\sum_s r_s^2}\Bigr).

The bound is valid and of little use: for ten parties it asks for more samples than there are
coalitions.

S. Maleki, L. Tran-Thanh, G. Hines, T. Rahwan and A. Rogers, Bounding the estimation error of
sampling-based Shapley value approximation, arXiv:1306.4265, 2013.
"""

from itertools import product

import numpy as np

from shapfair.estimation.design import always
from shapfair.estimation.protocol import Estimated, Ledger, Values


def hoeffding_bound(ranges: np.ndarray, samples: int, pairs: int, level: float = 0.95) -> float:
    r"""Error that no flow exceeds, at a joint level, by Hoeffding's inequality.

    Args:
        ranges: :math:`r_s` of every size, shape ``(n - 1,)``.
        samples: coalitions of each size and pair.
        pairs: number of flows that the level is for, ``n (n - 1)`` for all.
        level: joint confidence level.
    """
    tail = np.log(2 * pairs / (1 - level))
    return float(np.sqrt(tail * np.sum(ranges**2) / (2 * samples)) / len(ranges))


class Stratified:
    """Stratified sampling of marginal contributions, by pair and size."""

    name = "stratified sampling"

    def estimate(self, values: Values, n: int, evaluations: int, seed: int) -> Estimated:
        """Flows and payoffs; see :class:`~shapfair.estimation.protocol.Estimator`.

        Every pair and size has its turn, in random order, until the budget is spent. One without
        a sample has the mean of what its party adds at that size, or else at any.
        """
        ledger = Ledger(values, evaluations)
        ledger(always(n))
        sums, counts = np.zeros((n, n, n - 1)), np.zeros((n, n, n - 1))
        rng = np.random.default_rng([seed, n])
        strata = [(i, j, s) for i, j, s in product(range(n), range(n), range(n - 1)) if i != j]
        while ledger.spent < min(evaluations, 2**n - 1):
            for k in rng.permutation(len(strata)):
                i, j, s = strata[k]
                before = 1 << i | _some_of(rng, [k for k in range(n) if k not in (i, j)], s)
                if not ledger.allows([before, before | 1 << j]):
                    return _of_strata(sums, counts, ledger.spent)
                without, together = ledger([before, before | 1 << j])
                sums[i, j, s] += together - without
                counts[i, j, s] += 1
        return _of_strata(sums, counts, ledger.spent)


def _some_of(rng: np.random.Generator, parties: list[int], size: int) -> int:
    return sum(1 << int(k) for k in rng.permutation(parties)[:size])


def _of_strata(sums: np.ndarray, counts: np.ndarray, spent: int) -> Estimated:
    means = np.zeros_like(sums)
    filled = np.zeros(sums.shape, dtype=bool)
    for axes in ((), (0,), (0, 2), (0, 1, 2)):
        total, number = sums.sum(axis=axes, keepdims=True), counts.sum(axis=axes, keepdims=True)
        usable = ~filled & (number > 0)
        pooled = np.broadcast_to(total / np.maximum(number, 1), sums.shape)
        means[usable] = pooled[usable]
        filled |= usable
    flows = means.mean(axis=2)
    np.fill_diagonal(flows, 0.0)
    return Estimated.without_errors(flows, spent)
