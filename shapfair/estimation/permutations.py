r"""Permutation sampling: parties join one after the other, and each earns what it adds.

The flow :math:`\varphi_{j|i}` is what :math:`j` adds on average over the orders in which :math:`i`
is first (Equation (24) of the paper). So every party takes its turn as the first one. Shapley
values by permutation sampling are the means of these columns, own values included: the payoffs
here are those of Castro, Gómez and Tejada, with the first place stratified.

J. Castro, D. Gómez and J. Tejada, Polynomial calculation of the Shapley value based on sampling,
Computers & Operations Research 36(5), 2009, 1726-1730. R. Mitchell, J. Cooper, E. Frank and G.
Holmes, Sampling permutations for Shapley value estimation, JMLR 23, 2022 (antithetic orders).
A. Ghorbani and J. Zou, Data Shapley, ICML 2019 (truncation).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, count, islice

import numpy as np

from shapfair.estimation.design import always
from shapfair.estimation.protocol import Estimated, Ledger, Values

_TURNS = 10
"""Most turns per evaluation: orders may ask for nothing new for ever."""


@dataclass(frozen=True)
class Permutations:
    """Permutation sampling, plain, antithetic or truncated.

    Args:
        antithetic: whether every order of the parties after the first is followed by its reverse.
        tolerance: an order is broken off where its parties' value is within this share of the grand
            coalition's, and who has not joined yet earns nothing (truncated Monte Carlo, TMC).
    """

    antithetic: bool = False
    tolerance: float | None = None

    @property
    def name(self) -> str:
        """What it is called in the literature."""
        if self.tolerance is not None:
            return "truncated Monte Carlo"
        return "permutations, antithetic" if self.antithetic else "permutations"

    def estimate(self, values: Values, n: int, evaluations: int, seed: int) -> Estimated:
        """Flows and payoffs; see :class:`~shapfair.estimation.protocol.Estimator`.

        A row without an order, for which the budget was too small, has the mean of the others,
        moved so that it sums to the party's cost. Only whole orders (pairs if antithetic) count.

        Raises:
            ValueError: if the budget does not suffice for single parties, all, and one order.
        """
        ledger = Ledger(values, evaluations)
        ledger(always(n))
        sums, squares, counts = np.zeros((n, n)), np.zeros((n, n)), np.zeros(n)
        for first, orders in islice(self._turns(n, seed), _TURNS * evaluations):
            gains = self._gains(orders, ledger)
            if gains is None:
                break
            mean = gains.mean(axis=0)
            sums[first] += mean
            squares[first] += mean**2
            counts[first] += 1
        if not counts.any():
            raise ValueError(
                f"evaluations: {evaluations}, need at least {len(always(n)) + n - 2} for one order"
            )
        return _of_rows(ledger, sums, squares, counts)

    def _turns(self, n: int, seed: int) -> Iterator[tuple[int, list[list[int]]]]:
        """Who is first, and the orders of that turn, without end."""
        rng = np.random.default_rng([seed, n])
        for turn in count():
            first = turn % n
            others = [int(i) for i in rng.permutation(n) if i != first]
            reverse = [[first, *reversed(others)]] if self.antithetic else []
            yield first, [[first, *others], *reverse]

    def _gains(self, orders: Sequence[Sequence[int]], ledger: Ledger) -> np.ndarray | None:
        """What every party adds in each order; None if the budget does not allow it."""
        gains = np.zeros((len(orders), len(orders[0])))
        for row, order in zip(gains, orders, strict=True):
            path = list(accumulate((1 << i for i in order), int.__or__))
            if self.tolerance is None:
                if not ledger.allows(path):
                    return None
                row[order[1:]] = np.diff(ledger(path))
                continue
            grand = ledger.known[path[-1]]
            for party, before, after in zip(order[1:], path, path[1:], strict=False):
                if abs(grand - ledger.known[before]) <= self.tolerance * abs(grand):
                    break
                if not ledger.allows([after]):
                    return None
                row[party] = ledger([after])[0] - ledger.known[before]
        return gains


def _of_rows(
    ledger: Ledger, sums: np.ndarray, squares: np.ndarray, counts: np.ndarray
) -> Estimated:
    n = len(counts)
    with np.errstate(divide="ignore", invalid="ignore"):
        flows = sums / counts[:, None]
        variances = (squares / counts[:, None] - flows**2) / (counts[:, None] - 1)
    variances[counts < 2] = np.nan
    seen, own = counts > 0, ledger([1 << i for i in range(n)])
    others = seen.sum() - seen  # rows that tell what a party earns
    pooled = np.where(others > 0, np.nansum(flows, axis=0) / np.maximum(others, 1), own)
    for i in np.flatnonzero(~seen):
        flows[i] = pooled
        flows[i, i] = 0.0
        flows[i] += (ledger.known[2**n - 1] - own[i] - flows[i].sum()) / max(n - 1, 1)
    np.fill_diagonal(flows, 0.0)
    np.fill_diagonal(variances, 0.0)
    # Rows are independent, columns of a row are not, but a row's sum is known.
    payoff_errors = np.sqrt(np.maximum(variances, 0).sum(axis=0))
    return Estimated(flows, np.sqrt(np.maximum(variances, 0)), payoff_errors, ledger.spent)
