"""Remark 3.9: the methods that it cites, applied to flows, and what they ask for."""

from fractions import Fraction
from itertools import permutations
from math import comb, factorial

import numpy as np
import pytest
from helpers import RESULTS

from shapfair import Game, conditional_shapley_values
from shapfair.estimation.completion import Completion
from shapfair.estimation.permutations import Permutations
from shapfair.estimation.stratified import Stratified, hoeffding_bound
from shapfair.theory import exact

CONCAVE = [Fraction(w, w + 20) for w in (c.bit_count() ** 2 + c for c in range(2**5))]
"""Five parties, diminishing returns."""

RECORDS = pytest.mark.parametrize(
    "values",
    [
        Game.read(RESULTS / f"{name}.json").values.mean(axis=0)
        for name in ("tabular-diabetes", "tabular-digits")
    ],
    ids=("tabular-diabetes", "tabular-digits"),
)
"""Tables of ten parties whose data overlap, means over the seeds."""


def joins(values, i, j):
    """What j adds to every coalition with i, how many others are there, and the weight in (5)."""
    n = len(values).bit_length() - 1
    for before in range(2**n):
        if before >> i & 1 and not before >> j & 1:
            others = before.bit_count() - 1
            weight = Fraction(1, (n - 1) * comb(n - 2, others))
            yield values[before | 1 << j] - values[before], others, weight


def truncated(values, order, tolerance):
    """What each party adds in an order that is broken off near the grand coalition's value."""
    gains, coalition = [Fraction(0)] * len(order), 0
    for j in order:
        if coalition and values[-1] - values[coalition] <= tolerance * values[-1]:
            break
        gains[j] = values[coalition | 1 << j] - values[coalition]
        coalition |= 1 << j
    return gains


def test_strata_of_11_have_the_flows_as_their_mean():
    flows = exact.conditional_shapley_values(CONCAVE)
    for i, j in permutations(range(5), 2):
        strata = {}
        for gain, others, _ in joins(CONCAVE, i, j):
            strata.setdefault(others, []).append(gain)
        means = [sum(gains) / len(gains) for gains in strata.values()]
        assert sum(means) / len(means) == flows[i][j]


@pytest.mark.parametrize("tolerance", [Fraction(0), Fraction(1, 10), Fraction(1, 3)])
def test_orders_of_2_are_right_on_average_and_those_of_4_miss_at_most_the_tolerance(tolerance):
    flows = exact.conditional_shapley_values(CONCAVE)
    for i in range(5):
        orders = [(i, *rest) for rest in permutations([k for k in range(5) if k != i])]
        gains = [truncated(CONCAVE, order, tolerance) for order in orders]
        mean = [sum(column) / factorial(4) for column in zip(*gains, strict=True)]
        missing = [flow - found for flow, found in zip(flows[i], mean, strict=True)]
        missing[i] = Fraction(0)
        assert min(missing) >= 0
        assert sum(missing) <= tolerance * CONCAVE[-1]
        assert (sum(missing) > 0) == (tolerance > 0)


def test_the_bound_of_11_holds_and_asks_for_more_than_all():
    n, samples = 10, 10
    pairs, sizes = n * (n - 1), n - 1
    assert 2 * pairs * sizes * samples == 16_200 > 15 * (2**n - 1)
    assert hoeffding_bound(np.ones(sizes), samples, pairs) == pytest.approx(0.213, abs=5e-4)
    # Where four of nine strata have fewer coalitions than are drawn of them.
    assert sum(comb(n - 2, s) < samples for s in range(sizes)) == 4
    # Within 0.05, it asks for more draws than the largest stratum has coalitions.
    assert hoeffding_bound(np.ones(sizes), comb(8, 4), pairs) > 0.05


@RECORDS
def test_orders_of_2_ask_for_more_than_all_where_data_overlap(values):
    """Orders that start with i tell row i alone: 8 values each, beyond 11 that are known."""
    flows, variance = conditional_shapley_values(values), 0.0
    for i, j in permutations(range(10), 2):
        gain, _, weight = (np.array(x, dtype=float) for x in zip(*joins(values, i, j), strict=True))
        assert weight @ gain == pytest.approx(flows[i, j], abs=1e-12)
        variance += weight @ gain**2 - flows[i, j] ** 2
    orders = variance / (0.05 * np.linalg.norm(flows)) ** 2
    assert 11 + 8 * 10 * orders > 50 * (2**10 - 1)


@RECORDS
def test_900_coalitions_are_not_enough_for_2_4_and_11_and_400_are_for_the_completed_table(values):
    flows = conditional_shapley_values(values)

    def error(method, evaluations):
        runs = [
            method.estimate(lambda coalitions: values[list(coalitions)], 10, evaluations, seed)
            for seed in range(3)
        ]
        return np.median([np.linalg.norm(run.flows - flows) for run in runs])

    allowed = 0.05 * np.linalg.norm(flows)
    for method in (Permutations(), Permutations(tolerance=0.02), Stratified()):
        assert error(method, 900) > allowed
    assert error(Completion(), 400) < allowed
