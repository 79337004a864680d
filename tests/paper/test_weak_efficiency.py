"""Remark 4.2 and Lemma H.1: somebody receives the best model; what notebook 06 says about it.

All arithmetic is rational. Parties are numbered from 0 here, from 1 in the text.
"""

import re
from fractions import Fraction
from itertools import product
from math import inf

import numpy as np
import pytest
import scipy
from helpers import (
    ROOT,
    SMALL_GAMES,
    additive,
    amounts,
    clearing_by_enumeration,
    clearing_for,
    clearing_matrix,
    dot,
    flows_by_definition,
    is_clearing,
    is_monotone,
    parties,
    solve,
    subsets,
    tables,
    vertices,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from shapfair import clearing_vector, linear_programme
from shapfair.theory import axioms, exact

HALF = Fraction(1, 2)
BUDGETS = [(0, 0, 0), (HALF, 0, 0), (0, Fraction(1, 3), 1), (Fraction(1, 5), HALF, Fraction(1, 3))]
NOTHING_TO_GAIN = [([0, 1, 1, 1], (0, 0)), ([0, 1, 0, 1], (0, 0))]
"""Where the zero vector is optimal."""


def programme(values):
    """Costs and constraint matrix of (P)."""
    flows = flows_by_definition(values)
    return [sum(row) for row in flows], clearing_matrix(flows)


def optimal_vertices(values, budgets):
    """Value of (P) and its optimal vertices."""
    costs, _ = programme(values)
    worth = {x: dot(costs, x) for x in vertices(flows_by_definition(values), budgets)}
    best = max(worth.values())
    return best, {x for x, value in worth.items() if value == best}


@st.composite
def problems(draw, min_parties=2, max_parties=5):
    """A monotone game with v(N) > 0, and finite budgets."""
    values = draw(tables(min_parties, max_parties))
    assume(values[-1] > 0)
    budgets = draw(amounts(parties(values), top=values[-1]))
    return values, [values[-1] * 9 if b == inf else b for b in budgets]


# --- the printed form ----------------------------------------------------------------------------


@pytest.mark.parametrize(("values", "budgets"), NOTHING_TO_GAIN)
def test_lemma_h_1_as_printed_fails_for_zero_budgets(values, budgets):
    best, corners = optimal_vertices(values, budgets)
    assert best == 0
    assert (0, 0) in corners


def test_lemma_h_1_as_printed_fails_for_positive_budgets_too():
    best, corners = optimal_vertices([0, 1, 0, 1], (0, HALF))
    assert best == HALF
    assert corners == {(0, HALF), (1, HALF)}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(problems(), st.fractions(0, 1, max_denominator=5))
def test_56_is_the_value_of_the_model(problem, t):
    values, _ = problem
    n, flows = parties(values), flows_by_definition(values)
    a = exact.adjustment(values, [t] * n)
    for i in range(n):
        assert a.model_values[i] == values[1 << i] + t * sum(flows[i])
        best = a.model_values[i] == values[-1]
        assert best == (t == 1 or values[1 << i] == values[-1])


def test_case_1_1_is_not_strict_without_a_gain():
    values, budgets = [0, 1, 0, 1], (1, 0)
    costs, matrix = programme(values)
    best, _ = optimal_vertices(values, budgets)
    factors, scaled = [HALF, 0], [1, 0]
    for point in (factors, scaled):
        assert all(dot(row, point) == 0 for row in matrix)  # all payoffs are 0
        assert dot(costs, point) == best == 0
    # With gains for all it is strict: the objective is the factor 1/m times as large.
    for game in SMALL_GAMES[::9]:
        costs, _ = programme(game)
        if min(costs) > 0:
            third = [x / 3 for x in exact.allocate(game, 0).scaling]
            assert dot(costs, third) < dot(costs, [3 * x for x in third])


def test_58_raising_a_factor_stays_within_all_constraints():
    raised = 0
    for values, budgets in product(SMALL_GAMES[::3], BUDGETS):
        greatest = exact.allocate(values, budgets).scaling
        a = exact.adjustment(values, [HALF * x for x in greatest], budgets)
        for i in range(3):
            if a.payoffs[i] > 0:  # so that there is room below 1
                step = min(HALF, a.payoffs[i] / (2 * max(a.gains[i], 1)))
                more = exact.adjustment(
                    values, [x + step * (k == i) for k, x in enumerate(a.scaling)], budgets
                )
                raised += 1
                assert max(more.scaling) <= 1
                assert more.payoffs[i] > 0
                assert max(more.shortfalls) <= 0
    assert raised > 100


def test_57_fails_for_a_party_with_nothing_to_gain():
    # Party 1 has a budget; still its factor may be zero, and so may all.
    best, corners = optimal_vertices([0, 1, 0, 1], (1, 0))
    assert best == 0
    assert (0, 0) in corners


def test_57_holds_for_a_party_with_something_to_gain():
    for values, budgets in product(SMALL_GAMES[::40], BUDGETS):
        for x in optimal_vertices(values, budgets)[1]:
            assert all(x[i] > 0 for i in range(3) if budgets[i] > 0 and values[1 << i] < values[-1])


def test_59_is_not_strict_for_a_party_with_nothing_to_gain():
    values, budgets = [0, 1, 0, 1], (0, HALF)
    before = exact.adjustment(values, (0, HALF), budgets)
    after = exact.adjustment(values, (1, HALF), budgets)
    assert before.payoffs[0] == HALF > 0
    assert before.scaling[0] < 1
    assert sum(before.costs) == sum(after.costs)


@pytest.mark.parametrize("method", ["highs", "highs-ds", "highs-ipm"])
@pytest.mark.parametrize(("values", "budgets"), NOTHING_TO_GAIN)
def test_a_solver_returns_the_zero_vector(values, budgets, method):
    costs, matrix = (np.array(x, dtype=float) for x in programme(values))
    result = linprog(-costs, A_ub=matrix, b_ub=budgets, bounds=(0, 1), method=method)
    assert result.status == 0
    assert result.fun == pytest.approx(0, abs=1e-12)  # the optimum, by test_lemma_h_1_as_printed
    # Which of the optimal solutions comes back is up to the solver.
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    if scipy.__version__ not in re.findall(r"^scipy==(\S+)", lock, re.MULTILINE):
        pytest.skip("the page speaks of the locked versions of SciPy")
    np.testing.assert_allclose(result.x, 0, atol=1e-12)


@pytest.mark.parametrize(("values", "budgets"), NOTHING_TO_GAIN)
def test_the_package_applies_the_convention(values, budgets):
    flows = np.array(flows_by_definition(values), dtype=float)
    money = np.array(budgets, dtype=float)
    assert linear_programme(flows, money).max() == 1
    assert clearing_vector(flows, money).scaling.max() == 1
    assert max(exact.allocate(values, budgets).scaling) == 1


# --- what holds ----------------------------------------------------------------------------------


@pytest.mark.parametrize("budgets", BUDGETS)
def test_somebody_receives_the_best_model(budgets):
    for values in SMALL_GAMES:
        a = exact.allocate(values, budgets)
        assert max(a.scaling) == 1
        assert max(a.model_values) == values[-1]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(problems())
def test_somebody_receives_the_best_model_at_random(problem):
    values, budgets = problem
    # By enumeration of the clearing vectors, not by the code that the book uses.
    scaling = clearing_by_enumeration(
        flows_by_definition(values), budgets, [Fraction(1)] * parties(values)
    )
    assert max(scaling) == 1
    assert max(exact.adjustment(values, scaling).model_values) == values[-1]


def test_every_optimal_solution_gives_somebody_the_best_model():
    several = 0
    for values, budgets in product(SMALL_GAMES[::30], BUDGETS[:3]):
        costs, _ = programme(values)
        corners = optimal_vertices(values, budgets)[1]
        for x in corners:
            assert max(exact.adjustment(values, x).model_values) == values[-1]
            if min(costs) > 0:
                assert max(x) == 1
        assert len(corners) == 1 or min(costs) == 0
        several += len(corners) > 1
    assert several > 0


def test_nonnegative_flows_suffice():
    seen = 0
    for rest in product(range(3), repeat=7):
        values = [0, *rest]
        flows = flows_by_definition(values)
        if is_monotone(values) or min(map(min, flows)) < 0:
            continue
        seen += 1
        for budgets in BUDGETS[:2]:
            scaling = clearing_by_enumeration(flows, budgets, [Fraction(1)] * 3)
            assert max(scaling) == 1
            assert max(exact.adjustment(values, scaling).model_values) == values[-1]
    assert seen > 20


def test_negative_flows_break_it():
    values = [0, 0, 0, 2, 0, 0, 0, 1]
    costs, matrix = programme(values)
    assert costs == [1, 1, 1]
    assert matrix[2] == [HALF, HALF, 1]  # so that no budget of party 3 means no model for anybody
    for budgets in [(0, 0, 0), (1, 0, 0)]:
        assert optimal_vertices(values, budgets) == (0, {(0, 0, 0)})


def test_the_proof_has_its_null_vector():
    for values in SMALL_GAMES[::3]:
        costs, matrix = programme(values)
        if min(costs) == 0:
            continue
        # Stationary distribution of the payment chain: one equation is redundant, so normalise.
        chain = [[x / c for x, c in zip(row, costs, strict=True)] for row in matrix]
        stationary = solve([*chain[:2], [1] * 3], [0, 0, 1])
        assert min(stationary) >= 0
        null = [s / c for s, c in zip(stationary, costs, strict=True)]
        assert [dot(row, null) for row in matrix] == [0, 0, 0]
        assert dot(costs, null) == 1
        # Along it nobody's payoff changes, whatever the budgets, and the objective grows.
        for budgets in BUDGETS:
            below = [x / 2 for x in exact.allocate(values, budgets).scaling]
            step = min((1 - x) / y for x, y in zip(below, null, strict=True) if y)
            above = [x + step * y for x, y in zip(below, null, strict=True)]
            before, after = (exact.adjustment(values, x, budgets) for x in (below, above))
            assert before.payoffs == after.payoffs
            assert sum(after.costs) == sum(before.costs) + step > sum(before.costs)
            assert max(before.model_values) < max(after.model_values) == values[-1]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(problems(2, 2))
def test_of_two_parties_the_better_own_model_is_served_best(problem):
    values, budgets = problem
    models = exact.allocate(values, budgets).model_values
    assert all(models[i] == values[-1] for i in range(2) if values[1 << i] == max(values[1:3]))


def test_of_three_parties_the_best_own_model_need_not_be_served_best():
    a = exact.allocate([0, 0, 0, 3, 1, 1, 1, 3], 0)
    assert a.own_values == (0, 0, 1)
    assert a.model_values == (3, 3, 2)


# --- zero budgets: what continuity proves --------------------------------------------------------


@pytest.mark.parametrize("t", [Fraction(1, k) for k in (1, 2, 10, 1000)])
def test_a_continuous_value_does_not_carry_a_selection_of_solutions(t):
    best, corners = optimal_vertices([0, 1, 0, 1], (0, t))
    assert best == t  # continuous in t, 0 at 0
    assert (1, t) in corners
    assert (0, 0) in optimal_vertices([0, 1, 0, 1], (0, 0))[1]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(problems())
def test_greatest_factors_are_continuous_at_zero_budgets(problem):
    values, budgets = problem
    none = exact.allocate(values, 0).scaling
    steps = [Fraction(1, 10**6), Fraction(1, 2 * 10**6)]
    near = [exact.allocate(values, [s * b for b in budgets]).scaling for s in steps]
    for x, full, half in zip(none, *near, strict=True):
        assert full - x == 2 * (half - x)  # linear in a neighbourhood, without a jump


def test_remark_4_2_does_not_follow_from_affordability_alone():
    values = additive(1, 2)
    flows = flows_by_definition(values)
    for t in (Fraction(0), Fraction(1, 3), HALF, Fraction(1)):
        scaling = [t * HALF, t]
        assert is_clearing(flows, (0, 0), (1, 1), scaling)
        best = max(exact.adjustment(values, scaling).model_values)
        assert (best == values[-1]) == (t == 1)
        # The package's predicates agree; with money of party 2 the efficiency holds at t = 1 alone.
        a = exact.adjustment(values, scaling, (0, 0))
        rich = exact.adjustment(values, scaling, (0, Fraction(1, 3)))
        assert axioms.budget_constraints(a)
        assert axioms.budget_efficiency(a)
        assert bool(axioms.weak_efficiency(a)) == bool(axioms.budget_efficiency(rich)) == (t == 1)
    assert not axioms.budget_constraints(exact.adjustment(values, (1, 1), (0, 0)))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(problems(max_parties=4))
def test_remark_4_2_follows_from_affordability_if_anybody_has_money(problem):
    values, budgets = problem
    assume(max(budgets) > 0)
    flows, ones = flows_by_definition(values), [Fraction(1)] * parties(values)
    for held_back in subsets(range(len(flows))):
        scaling = clearing_for(flows, budgets, ones, set(held_back))
        if scaling is not None and is_clearing(flows, budgets, ones, scaling):
            assert max(exact.adjustment(values, scaling).model_values) == values[-1]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(problems())
def test_the_most_desirable_party_with_the_largest_budget_has_the_best_model(problem):
    values, budgets = problem
    n, a = parties(values), exact.allocate(*problem)

    def desirable(i, j):
        free = [c for c in range(2**n) if not c >> i & 1 and not c >> j & 1]
        return all(values[c | 1 << i] >= values[c | 1 << j] for c in free)

    for i in range(n):
        if budgets[i] == max(budgets) and all(desirable(i, j) for j in range(n) if j != i):
            assert a.scaling[i] == 1
