"""Payoffs from few evaluations by the peers' own code, and flows from a run of it for every row.

Run by benchmarks/estimation.py with the interpreter of the peers' environment:
``python estimation_peers.py TABLE.npy BUDGETS REPETITIONS ROW_BUDGET`` prints JSON: for every peer
and budget the largest error of a payoff in each repetition, and for shapiq's estimators under
``flows`` the relative error of the flows of which each row took ``ROW_BUDGET`` evaluations.
"""

import json
import sys
import warnings
from collections.abc import Callable
from math import comb

warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
import shapiq.approximator as peers  # noqa: E402
from pydvl.valuation import (  # noqa: E402
    AntitheticPermutationSampler,
    Dataset,
    MaxUpdates,
    PermutationSampler,
    ShapleyValuation,
)
from pydvl.valuation.utility.base import UtilityBase  # noqa: E402

Peer = Callable[[np.ndarray, int, int], np.ndarray]
"""From a table, a budget and a seed to Shapley values."""


def shapiq_peer(make: Callable[[int, int], object]) -> Peer:
    """An approximator of shapiq."""

    def values(table: np.ndarray, budget: int, seed: int) -> np.ndarray:
        n = len(table).bit_length() - 1

        def game(rows: np.ndarray) -> np.ndarray:
            return table[np.atleast_2d(rows).astype(int) @ 2 ** np.arange(n)]

        # The empty coalition counts as an evaluation there.
        found = make(n, seed).approximate(budget + 1, game)
        return np.asarray(found.get_n_order_values(1))

    return values


class Lookup(UtilityBase):
    """A table as a utility, which counts the coalitions that it is asked for."""

    def __init__(self, table: np.ndarray) -> None:
        self.table, self.asked = table, set()

    def __call__(self, sample: object) -> float:
        """The value of a coalition of which pyDVL knows the indices."""
        if sample is None or len(sample.subset) == 0:
            return 0.0
        coalition = sum(1 << int(i) for i in sample.subset)
        self.asked.add(coalition)
        return float(self.table[coalition])


def pydvl_peer(sampler: Callable[[int], object]) -> Peer:
    """As many permutations of pyDVL as the budget of distinct coalitions allows."""

    def once(table: np.ndarray, orders: int, seed: int) -> tuple[np.ndarray, int]:
        n = len(table).bit_length() - 1
        utility = Lookup(table)
        data = Dataset(np.zeros((n, 1)), np.zeros(n))
        valuation = ShapleyValuation(utility, sampler(seed), MaxUpdates(orders))
        valuation.fit(data)
        found = valuation.result
        values = np.zeros(n)
        values[found.indices] = found.values
        asked = getattr(valuation, "utility", utility).asked
        return values, len(asked)

    def values(table: np.ndarray, budget: int, seed: int) -> np.ndarray:
        best, orders = once(table, 2, seed)[0], 2
        while True:
            orders = max(orders + 2, int(orders * 1.2) // 2 * 2)
            found, asked = once(table, orders, seed)
            if asked > budget or orders > 4 * budget:
                return best
            best = found

    return values


PEERS: dict[str, Peer] = {
    "pyDVL permutations": pydvl_peer(lambda seed: PermutationSampler(seed=seed)),
    "pyDVL antithetic": pydvl_peer(lambda seed: AntitheticPermutationSampler(seed=seed)),
    "shapiq permutations": shapiq_peer(
        lambda n, seed: peers.PermutationSamplingSV(n, random_state=seed)
    ),
    "shapiq SVARM": shapiq_peer(lambda n, seed: peers.SVARM(n, random_state=seed)),
    "shapiq KernelSHAP": shapiq_peer(
        lambda n, seed: peers.KernelSHAP(n, pairing_trick=True, random_state=seed)
    ),
    "shapiq LeverageSHAP": shapiq_peer(lambda n, seed: peers.LeverageSHAP(n, random_state=seed)),
    "shapiq RegressionMSR linear": shapiq_peer(
        lambda n, seed: peers.RegressionMSR(n, "SV", proxy_model="linear", random_state=seed)
    ),
    "shapiq RegressionMSR xgboost": shapiq_peer(
        lambda n, seed: peers.RegressionMSR(n, "SV", random_state=seed)
    ),
    "shapiq OddSHAP": shapiq_peer(lambda n, seed: peers.OddSHAP(n, random_state=seed)),
}

FOR_FLOWS = ("shapiq LeverageSHAP", "shapiq RegressionMSR linear", "shapiq RegressionMSR xgboost")


def shapley(table: np.ndarray) -> np.ndarray:
    """Shapley values of a table."""
    n = len(table).bit_length() - 1
    size = np.array([c.bit_count() for c in range(2**n)])
    inside = np.arange(2**n)[:, None] >> np.arange(n) & 1
    weights = 1 / np.array([n * comb(n - 1, k) for k in range(n)])
    gain = np.where(size > 0, weights[np.maximum(size - 1, 0)], 0)[:, None] * inside
    loss = np.where(size < n, weights[np.minimum(size, n - 1)], 0)[:, None] * (1 - inside)
    return table @ (gain - loss)


def row_table(table: np.ndarray, i: int) -> np.ndarray:
    """The game of the others once ``i`` is in, from 0."""
    with_i = table[[c for c in range(len(table)) if c >> i & 1]]
    return with_i - with_i[0]


def main() -> None:
    """Measure every peer on one table and print JSON."""
    table = np.load(sys.argv[1])
    budgets = [int(word) for word in sys.argv[2].split(",")]
    repetitions, row_budget = int(sys.argv[3]), int(sys.argv[4])
    n, truth = len(table).bit_length() - 1, shapley(table)
    found: dict[str, dict[str, list[float]]] = {}
    for name, peer in PEERS.items():
        for budget in budgets:
            errors = [
                n * float(np.abs(peer(table, budget, seed) - truth).max())
                for seed in range(repetitions)
            ]
            found.setdefault(name, {})[str(budget)] = errors
    rows = [row_table(table, i) for i in range(n)]
    truths = np.array([shapley(row) for row in rows])
    for name in FOR_FLOWS:
        found[name]["flows"] = []
        for seed in range(repetitions):
            flows = np.array(
                [PEERS[name](row, row_budget, seed * n + i) for i, row in enumerate(rows)]
            )
            error = np.linalg.norm(flows - truths) / np.linalg.norm(truths)
            found[name]["flows"].append(float(error))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
