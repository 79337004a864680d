"""Worst cases by monotonicity, against all tables and against dense programmes."""

from inspect import unwrap
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


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31 - 1), unknown=st.sets(st.integers(3, 14)))
def test_the_hull_is_the_greatest_known_value_of_a_part(seed, unknown):
    n, unknown = 4, {c for c in unknown if c.bit_count() > 1}
    values = np.random.default_rng(seed).integers(-2, 9, 2**n).astype(float)
    values[0] = 0
    known = [c for c in range(2**n) if c not in unknown]
    raised = [max(values[d] for d in known if d & c == d) for c in range(2**n)]
    found = bounds(partial(values, unknown), repair="hull")
    wanted = bounds(partial(raised, unknown))
    np.testing.assert_array_equal(found.values, wanted.values)
    np.testing.assert_array_equal(found.payoffs, wanted.payoffs)
    np.testing.assert_array_equal(found.flows, wanted.flows)
    assert wanted.warnings == bounds(partial(raised, unknown), repair="hull").warnings == ()
    rises = [raised[c] - values[c] for c in known]
    said = f"worst case: {np.count_nonzero(rises)} of {len(known) - 1} known values, {{"
    assert [said in line for line in found.warnings] == [True] * any(rises)
    assert all(f"the most, by {max(rises):g};" in line for line in found.warnings)


def test_a_drop_within_rounding_noise_is_none():
    values = np.array([0, 0.1 + 0.2, 0.1, 0.3, 0.1, 0.3, 0.3, 1])
    assert values[1] > values[3]
    found = bounds(partial(values, {6}))
    assert found.values[:, 3].tolist() == [values[1]] * 2
    assert found.warnings == ()


@pytest.mark.parametrize("power", [-160, -40, 70, 160])
def test_bounds_have_any_unit(power):
    """HiGHS takes 1e20 for infinity, and differences of 1e-7 for none."""
    values = np.random.default_rng(2).random(16).cumsum() * 2.0**power
    values[0] = 0
    found, unknown = bounds(partial(values, {3, 5, 6, 9, 7})), 2.0**-power
    wanted = bounds(partial(values * unknown, {3, 5, 6, 9, 7}))
    assert np.ptp(wanted.payoffs, axis=0).min() > 0.1
    np.testing.assert_array_equal(found.payoffs * unknown, wanted.payoffs)
    np.testing.assert_array_equal(found.flows * unknown, wanted.flows)


def test_what_has_no_bounds():
    falling = np.array([0, 1, 2, 1.5, 2, 3, 4, 5], float)
    with pytest.raises(
        ValueError,
        match=r"coalition {b} has a part worth 2 and a whole worth 1.5: the known values are not "
        "monotone, no bounds follow; repair='hull' raises them",
    ):
        bounds(partial(falling, {6}))
    (warning,) = bounds(partial(falling, {6}), repair="hull").warnings
    assert warning == (
        "raised to the monotone hull for the worst case: 1 of 6 known values, {a, b} the most, by "
        "0.5; the estimate is from the values as given"
    )
    with pytest.raises(ValueError, match="repair: 'hul', need one of none, hull"):
        unwrap(bounds)(partial(falling, {6}), repair="hul")
    n = 13
    with pytest.raises(ValueError, match="parties: 13, bounds by monotonicity need 12 at most"):
        bounds(partial([c.bit_count() for c in range(2**n)], {3}))
