"""Linear, symmetric, balanced rules: their form, and how near one comes to printed payoffs."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shapfair import Game, allocate
from shapfair.theory.linear_rules import nearest_linear_rule, payoffs_by_size
from shapfair.theory.uniqueness import payoff_dimension

few = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**31 - 1)


def game_of(seed, n):
    return np.append(0, np.random.default_rng(seed).random(2**n - 1))


@few
@given(seed=seeds, n=st.integers(2, 6))
def test_by_size_sums_to_equation_1(seed, n):
    v = game_of(seed, n)
    parts = payoffs_by_size(v)
    np.testing.assert_allclose(parts.sum(axis=1), allocate(Game(v)).payoffs, atol=1e-12)


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_these_are_all_linear_symmetric_and_balanced_rules(n):
    """Of unit games: balanced, equal for symmetric parties, and as many as the axioms leave."""
    games = np.eye(2**n)[1:]
    for game in games:
        parts = payoffs_by_size(game)
        np.testing.assert_allclose(parts.sum(axis=0), 0, atol=1e-12)
        held = [bool(game @ (np.arange(2**n) >> i & 1)) for i in range(n)]
        for i, j in combinations(range(n), 2):
            if held[i] == held[j]:
                np.testing.assert_array_equal(parts[i], parts[j])
    # The rules of single sizes do not follow from each other, and there is no further one.
    rules = np.array([payoffs_by_size(game).T.ravel().reshape(n - 1, n) for game in games])
    assert np.linalg.matrix_rank(rules.transpose(1, 0, 2).reshape(n - 1, -1)) == n - 1
    assert payoff_dimension(n, without="dummy") == n - 1


def slow_miss(parts, printed, units):
    """The worst of all choices of one payoff more than there are weights (de la Vallee Poussin)."""
    rows, payoffs = np.vstack(parts), np.concatenate(printed)
    unit = np.repeat(units, [len(part) for part in parts])
    worst = 0.0
    for chosen in map(list, combinations(range(len(rows)), rows.shape[1] + 1)):
        y = np.linalg.svd(rows[chosen].T)[2][-1]  # gives every rule's payoffs the sum 0
        worst = max(worst, abs(y @ payoffs[chosen]) / (np.abs(y) @ unit[chosen]))
    return worst


@few
@given(seed=seeds, n=st.integers(3, 4))
def test_the_nearest_rule_is_as_near_as_the_slow_way_says(seed, n):
    rng = np.random.default_rng(seed)
    parts = [payoffs_by_size(game_of(seed + k, n)) for k in range(2)]
    printed = [rng.normal(size=n), rng.normal(size=n)]
    units = [0.5, 0.05]
    fit = nearest_linear_rule(parts, printed, units)
    assert fit.miss == pytest.approx(slow_miss(parts, printed, units), rel=1e-6)
    away = [np.abs(d @ fit.weights - p) / u for d, p, u in zip(parts, printed, units, strict=True)]
    assert np.max(away) == pytest.approx(fit.miss, rel=1e-6)


@few
@given(seed=seeds)
def test_multipliers_prove_it(seed):
    rng = np.random.default_rng(seed)
    parts = [payoffs_by_size(game_of(seed + k, 4)) for k in range(2)]
    printed = [rng.normal(size=4), rng.normal(size=4)]
    fit = nearest_linear_rule(parts, printed, [1.0, 0.1])
    y = fit.multipliers
    np.testing.assert_allclose(y @ np.vstack(parts), 0, atol=1e-9)
    assert y @ np.concatenate(printed) == pytest.approx(fit.miss)
    assert np.abs(y) @ np.repeat([1.0, 0.1], 4) == pytest.approx(1)


def test_rounded_payoffs_of_a_rule_are_within_half_a_unit():
    parts = [payoffs_by_size(game_of(seed, 5)) for seed in (1, 2)]
    weights = np.array([2.0, -1, 0.5, 1])
    printed = [np.round(d @ weights, digits) for d, digits in zip(parts, (2, 3), strict=True)]
    assert nearest_linear_rule(parts, printed, [0.005, 0.0005]).miss <= 1
    printed[0][0] += 1  # which also breaks balance
    assert nearest_linear_rule(parts, printed, [0.005, 0.0005]).miss > 10


@pytest.mark.parametrize(
    ("parts", "printed", "units"),
    [
        ([np.zeros((3, 2)), np.zeros((4, 3))], [[0.0] * 3, [0.0] * 4], [1.0, 1.0]),
        ([np.zeros((3, 2))], [[0.0] * 3, [0.0] * 3], [1.0]),
        ([np.zeros((3, 2))], [[0.0] * 4], [1.0]),
        ([np.zeros((3, 2))], [[0.0] * 3], [0.0]),
    ],
)
def test_what_does_not_fit_is_refused(parts, printed, units):
    with pytest.raises(ValueError, match="need one"):
        nearest_linear_rule(parts, printed, units)


@pytest.mark.parametrize("values", [[0, 1], [0, 1, 2], [[0, 1], [0, 1]]])
def test_what_is_no_game_of_two_is_refused(values):
    with pytest.raises(ValueError, match="values"):
        payoffs_by_size(values)
