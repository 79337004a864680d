"""Worst cases by monotonicity, against all tables and against dense programmes."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from shapfair import conditional_shapley_values
from shapfair.estimation.bounds import bounds
from shapfair.estimation.known import PartialTable
from shapfair.estimation.weights import payoffs_of
from shapfair.games import monotone_games
from shapfair.noise import payoff_matrix


def partial(values, unknown):
    coalitions = tuple(c for c in range(1, len(values)) if c not in unknown)
    n = len(values).bit_length() - 1
    names = tuple("abcdefghijklm"[:n])
    return PartialTable(names, coalitions, np.array([[float(values[c]) for c in coalitions]]))


GAMES = [game for game in monotone_games(3, 4) if game[7] == 4]


@settings(max_examples=10, deadline=None)
@given(game=st.sampled_from(GAMES), unknown=st.sets(st.sampled_from([3, 5, 6]), min_size=1))
def test_bounds_are_those_of_all_monotone_tables(game, unknown):
    """Vertices of the polytope are tables of known values, which are integers here."""
    flows = []
    for filled in product(range(5), repeat=len(unknown)):
        values = list(game)
        for coalition, value in zip(unknown, filled, strict=True):
            values[coalition] = value
        if all(values[c] <= values[c | 1 << i] for c in range(8) for i in range(3)):
            flows.append(conditional_shapley_values(values))
    found, payoffs = bounds(partial(game, unknown)), payoffs_of(np.array(flows))
    np.testing.assert_allclose(found.flows[0], np.min(flows, axis=0), atol=1e-9)
    np.testing.assert_allclose(found.flows[1], np.max(flows, axis=0), atol=1e-9)
    np.testing.assert_allclose(found.payoffs[0], payoffs.min(axis=0), atol=1e-9)
    np.testing.assert_allclose(found.payoffs[1], payoffs.max(axis=0), atol=1e-9)


def test_bounds_are_those_of_dense_programmes():
    n, rng = 4, np.random.default_rng(3)
    values = np.sqrt([bin(c).count("1") + c / 16 for c in range(16)])
    values[0] = 0
    unknown = [c for c in range(1, 15) if c.bit_count() > 1 and rng.random() < 0.6]
    found = bounds(partial(values, unknown))
    edges = [(c, c | 1 << i) for c in range(16) for i in range(n) if not c >> i & 1]
    rows = np.zeros((len(edges), 16))
    for row, (small, large) in zip(rows, edges, strict=True):
        row[small], row[large] = 1, -1
    limits = [(None, None) if c in unknown else (values[c], values[c]) for c in range(16)]
    for i, weights in enumerate(payoff_matrix(n)):
        for end, sign in enumerate([1, -1]):
            result = linprog(sign * weights, A_ub=rows, b_ub=np.zeros(len(edges)), bounds=limits)
            assert found.payoffs[end, i] == pytest.approx(sign * result.fun, abs=1e-9)


def test_one_unknown_value_lies_between_its_neighbours():
    values = np.array([0, 1, 2, 3, 2.5, 3, 4, 5], float)
    found = bounds(partial(values, {5}))
    assert found.values[:, 5].tolist() == [2.5, 5.0]
    assert found.values[:, 3].tolist() == [3.0, 3.0]
    exact = bounds(partial(values, set()))
    np.testing.assert_allclose(exact.payoffs[0], exact.payoffs[1], atol=1e-12)


def test_what_has_no_bounds():
    falling = np.array([0, 1, 2, 1.5, 2, 3, 4, 5], float)
    with pytest.raises(ValueError, match=r"coalition {b} has a part worth 2 and a whole worth 1.5"):
        bounds(partial(falling, {6}))
    n = 13
    with pytest.raises(ValueError, match="parties: 13, bounds by monotonicity need 12 at most"):
        bounds(partial([c.bit_count() for c in range(2**n)], {3}))
