"""Section 4 of the paper as a clearing problem: every theorem and counterexample of notebook 05.

All arithmetic is rational. Parties are numbered from 0 here, from 1 in the text.
"""

from fractions import Fraction
from functools import cache
from itertools import pairwise, product
from math import inf, prod

import pytest
from helpers import (
    SMALL_GAMES,
    additive,
    amounts,
    clearing_by_enumeration,
    dot,
    flows_by_definition,
    is_clearing,
    is_monotone,
    parties,
    solve,
    tables,
    vertices,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from shapfair.theory import axioms, exact

THIRD = Fraction(1, 3)
HALF = Fraction(1, 2)
BUDGETS = [(0, 0, 0), (HALF, 0, 0), (0, THIRD, 1), (Fraction(1, 5), HALF, THIRD)]


@cache
def small(index, budgets):
    """The allocation of a small game; several tests look at the same ones."""
    return exact.allocate(SMALL_GAMES[index], budgets)


often = settings(max_examples=80, deadline=None, derandomize=True)


def digits(*held):
    """A coalition is worth the number of distinct items that its members hold."""
    sets = [set(items) for items in held]
    return [
        len(set().union(*(s for i, s in enumerate(sets) if c >> i & 1)))
        for c in range(2 ** len(sets))
    ]


DIGITS = digits("0", "12", "0123", "345", "6789")
"""The parties of the paper's MNIST experiment if accuracy were the number of digits seen."""


@st.composite
def problems(draw, min_parties=2, max_parties=4):
    """A monotone game with v(N) > 0, and finite budgets."""
    values = draw(tables(min_parties, max_parties))
    assume(values[-1] > 0)
    budgets = draw(amounts(parties(values), top=values[-1]))
    return values, [values[-1] * 9 if b == inf else b for b in budgets]


@st.composite
def growing(draw):
    """A problem and larger budgets."""
    values, low = draw(problems())
    extra = [draw(st.sampled_from([0, 0, 1]) | st.fractions(0, 3, max_denominator=5)) for _ in low]
    return values, low, [b + x for b, x in zip(low, extra, strict=True)]


def total_rewards(a):
    return [m + p for m, p in zip(a.model_values, a.payoffs, strict=True)]


def raised(budgets, j, by):
    return [b + (by if i == j else 0) for i, b in enumerate(budgets)]


def reachable(flows, start):
    """Parties that a chain of positive payments from a party leads to, the party included."""
    seen, ahead = {start}, [start]
    while ahead:
        i = ahead.pop()
        for j, flow in enumerate(flows[i]):
            if flow > 0 and j not in seen:
                seen.add(j)
                ahead.append(j)
    return frozenset(seen)


def closed_classes(flows):
    """Strongly connected classes that no payment leaves."""
    ahead = [reachable(flows, i) for i in range(len(flows))]
    return {
        frozenset(j for j in ahead[i] if i in ahead[j])
        for i in range(len(flows))
        if all(i in ahead[j] for j in ahead[i])
    }


def minors(flows):
    """Principal minors of A, party after party deleted."""
    matrix = exact.clearing_matrix(flows)
    return [_determinant(_without(matrix, i)) for i in range(len(flows))]


def _without(matrix, i):
    return [[x for k, x in enumerate(row) if k != i] for r, row in enumerate(matrix) if r != i]


def _determinant(matrix):
    if not matrix:
        return Fraction(1)
    return sum(
        (-1) ** k * matrix[0][k] * _determinant([row[:k] + row[k + 1 :] for row in matrix[1:]])
        for k in range(len(matrix))
    )


def tree_weights(flows):
    """Total weight of the spanning trees that lead to each party, one choice of payee each."""
    n, weights = len(flows), []
    for root in range(n):
        others = [i for i in range(n) if i != root]
        total = Fraction(0)
        for payees in product(range(n), repeat=n - 1):
            step = dict(zip(others, payees, strict=True))
            if all(_arrives(step, i, root) for i in others):
                total += prod((flows[i][j] for i, j in step.items()), start=Fraction(1))
        weights.append(total)
    return weights


def _arrives(step, i, root):
    for _ in range(len(step)):
        i = step.get(i, root)
    return i == root


# --- the clearing view ---------------------------------------------------------------------------


@often
@given(problems(max_parties=3))
def test_corrected_property_with_budgets_is_the_clearing_equation(problem):
    values, budgets = problem
    flows, n = flows_by_definition(values), parties(values)
    grid = [Fraction(0), HALF, Fraction(1)]
    greatest = exact.allocate(values, budgets).scaling
    mixed = [[HALF * x for x in greatest], *product(grid, repeat=n), greatest]
    for scaling in mixed:
        a = exact.adjustment(values, scaling, budgets)
        property_holds = all(
            s <= 0 and (x == 1 or (s == 0 and c > 0))
            for s, x, c in zip(a.shortfalls, a.scaling, a.gains, strict=True)
        )
        assert property_holds == is_clearing(flows, budgets, [1] * n, scaling)
        # The same in the words of Eisenberg and Noe: payments, obligations, assets.
        payments, owed = a.costs, a.gains
        inflow = [
            sum(flows[k][i] / owed[k] * payments[k] if owed[k] else Fraction(0) for k in range(n))
            for i in range(n)
        ]
        en = all(payments[i] == min(owed[i], budgets[i] + inflow[i]) for i in range(n))
        convention = all(x == 1 or c > 0 for x, c in zip(scaling, owed, strict=True))
        assert (en and convention) == property_holds


def test_predicates_of_budgets_hold_and_fail_as_the_clearing_equation_says():
    kept = {"within": set(), "spent": set()}
    for values, budgets in product(SMALL_GAMES[::5], BUDGETS):
        greatest = exact.allocate(values, budgets).scaling
        flows = flows_by_definition(values)
        for t in (0, HALF, 1):
            half = exact.adjustment(values, [t * x for x in greatest], budgets)
            assert axioms.budget_constraints(half)
            # The factor of a party that has nothing to buy is 1 in a clearing vector.
            factors = [
                x if c else Fraction(1) for x, c in zip(half.scaling, half.gains, strict=True)
            ]
            spent = axioms.budget_efficiency(half).holds
            assert spent == is_clearing(flows, budgets, [1] * 3, factors)
            kept["spent"].add(spent)
        within = axioms.budget_constraints(exact.adjustment(values, [1] * 3, budgets)).holds
        assert within == (min(greatest) == 1)
        kept["within"].add(within)
    assert kept == {"within": {True, False}, "spent": {True, False}}


@often
@given(problems())
def test_allocate_is_the_greatest_clearing_vector(problem):
    values, budgets = problem
    flows = flows_by_definition(values)
    everything = clearing_by_enumeration(flows, budgets, [1] * parties(values))
    assert list(exact.allocate(values, budgets).scaling) == everything


@often
@given(problems())
def test_fictitious_default_is_correct_round_by_round(problem):
    values, budgets = problem
    a = exact.allocate(values, budgets)
    assert len(a.history) - 1 <= a.n - 1
    assert a.constrained == {i for i, x in enumerate(a.scaling) if x < 1}
    for before, after in pairwise(a.history):
        assert all(x >= y >= z for x, y, z in zip(before, after, a.scaling, strict=True))
        d = [i for i, x in enumerate(after) if x < 1]
        matrix = exact.clearing_matrix(a.flows)
        # A nonsingular M-matrix: every column of the inverse exists and is nonnegative.
        for k in d:
            column = solve([[matrix[i][j] for j in d] for i in d], [int(i == k) for i in d])
            assert column is not None
            assert min(column) >= 0


def test_n_minus_1_solves_are_attained():
    a = exact.allocate(additive(1, 4, 5, 5, 6), (0, 1, 1, 0, 1))
    assert len(a.history) - 1 == 4
    newly = [
        [i for i in range(5) if after[i] < 1 == before[i]] for before, after in pairwise(a.history)
    ]
    assert newly == [[0], [1], [3], [2]]


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_n_minus_1_solves_are_attained_for_every_n(n):
    # Every budget just suffices until the party before is held back.
    values = additive(*[1] * (n - 1), 2)
    budgets = [Fraction(0)] + [Fraction(n)] * (n - 1)
    for i in range(1, n - 1):
        history = exact.allocate(values, budgets).history
        budgets[i] = -exact.adjustment(values, history[-2]).payoffs[i]
    assert len(exact.allocate(values, budgets).history) - 1 == n - 1


# --- zero budgets --------------------------------------------------------------------------------


@cache
def small_class(index):
    """The class S of a small game, see `two_cases`."""
    return two_cases(SMALL_GAMES[index])


def two_cases(values):
    """The dichotomy of the closed classes, asserted; the class S, or None with omnipotents."""
    flows, n = flows_by_definition(values), parties(values)
    omnipotent = {i for i in range(n) if values[1 << i] == values[-1]}
    classes = closed_classes(flows)
    if omnipotent:
        assert classes == {frozenset([i]) for i in omnipotent}
        others = set(range(n)) - omnipotent
        assert all(flows[j][i] > 0 for j in others for i in omnipotent)
        return None
    (single,) = classes
    assert len(single) >= 2
    return single


def test_closed_classes_are_the_omnipotent_parties_or_one():
    cases = [small_class(index) for index in range(len(SMALL_GAMES))]
    assert len(cases) == 718
    assert 0 < cases.count(None) < 718


@often
@given(tables(4, 5))
def test_closed_classes_are_the_omnipotent_parties_or_one_at_random(values):
    assume(values[-1] > 0)
    two_cases(values)


def test_zero_budgets_solve_a_singular_system():
    for index, values in enumerate(SMALL_GAMES):
        a = small(index, (0, 0, 0))
        single, weights = small_class(index), minors(a.flows)
        assert weights == tree_weights(a.flows)
        if single is None:
            omnipotent = [values[1 << i] == values[-1] for i in range(3)]
            assert list(a.scaling) == omnipotent
            if sum(omnipotent) > 1:
                assert max(weights) == 0
                continue
        else:
            assert {i for i in range(3) if weights[i] > 0} == single
        assert list(a.scaling) == [w / max(weights) for w in weights]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(tables(4, 4))
def test_zero_budgets_are_spanning_trees_at_random(values):
    assume(all(values[1 << i] < values[-1] for i in range(4)))
    a = exact.allocate(values, 0)
    weights = tree_weights(a.flows)
    assert weights == minors(a.flows)
    assert list(a.scaling) == [w / max(weights) for w in weights]


@often
@given(problems())
def test_zero_budgets_leave_no_payoffs(problem):
    a = exact.allocate(problem[0], 0)
    assert set(a.payoffs) == {0}


def test_zero_budgets_without_omnipotent_clear_on_a_segment():
    for values in SMALL_GAMES[::7]:
        flows, greatest = flows_by_definition(values), exact.allocate(values, 0).scaling
        fractions = [Fraction(t, 4) for t in range(4)]
        clear = [is_clearing(flows, [0] * 3, [1] * 3, [t * x for x in greatest]) for t in fractions]
        assert clear == [two_cases(values) is not None] * 4


@pytest.mark.parametrize("budgets", BUDGETS)
def test_positivity(budgets):
    for index in range(len(SMALL_GAMES)):
        a = small(index, budgets)
        single = small_class(index) or frozenset()
        sources = [reachable(a.flows, k) for k in range(3) if budgets[k] > 0]
        paid = single.union(*sources)
        expected = {i for i in range(3) if a.gains[i] == 0 or i in paid}
        assert {i for i, x in enumerate(a.scaling) if x > 0} == expected


# --- additive games and dummies ------------------------------------------------------------------


@often
@given(
    st.lists(st.integers(0, 6), min_size=2, max_size=5),
    st.lists(st.fractions(0, 8, max_denominator=4), min_size=5, max_size=5),
    st.booleans(),
)
def test_additive_games_in_closed_form(shares, budgets, penniless):
    total = sum(shares)
    assume(total > 0)
    budgets = [Fraction(0)] * len(shares) if penniless else budgets[: len(shares)]
    scaling = exact.allocate(additive(*shares), budgets).scaling
    sum_of_factors = sum(scaling)
    for x, a, b in zip(scaling, shares, budgets, strict=True):
        assert x == min(1, (b + a * sum_of_factors) / total)
    if penniless and sum(a > 0 for a in shares) >= 2:
        assert list(scaling) == [Fraction(a, max(shares)) for a in shares]


@often
@given(problems(max_parties=3), st.fractions(0, 12, max_denominator=3))
def test_dummy_spends_its_budget_for_exactly_that_model(problem, budget):
    values, budgets = problem
    with_dummy = exact.allocate([*values, *values], [*budgets, budget])
    assert with_dummy.revenues[-1] == 0
    assert with_dummy.costs[-1] == with_dummy.model_values[-1] == min(values[-1], budget)


# --- budgets -------------------------------------------------------------------------------------


@often
@given(growing(), st.fractions(0, 1, max_denominator=6))
def test_factors_are_monotone_and_concave_in_the_budgets(problem, t):
    values, low, high = problem
    less, more = exact.allocate(values, low).scaling, exact.allocate(values, high).scaling
    between = [t * y + (1 - t) * x for x, y in zip(low, high, strict=True)]
    middle = exact.allocate(values, between).scaling
    for x, y, m in zip(less, more, middle, strict=True):
        assert x <= m <= y
        assert m >= t * y + (1 - t) * x


@often
@given(problems(max_parties=3), problems(max_parties=3), st.fractions(0, 1, max_denominator=6))
def test_factors_are_concave_between_any_two_budgets(first, second, t):
    values, one = first
    other = [second[1][i % len(second[1])] for i in range(len(one))]
    ends = [exact.allocate(values, b).scaling for b in (one, other)]
    between = [t * y + (1 - t) * x for x, y in zip(one, other, strict=True)]
    for x, y, m in zip(*ends, exact.allocate(values, between).scaling, strict=True):
        assert m >= t * y + (1 - t) * x


@often
@given(growing())
def test_who_gains_when_budgets_grow(problem):
    values, low, high = problem
    less, more = exact.allocate(values, low), exact.allocate(values, high)
    for name in ("scaling", "model_values", "costs", "revenues"):
        assert all(x <= y for x, y in zip(getattr(less, name), getattr(more, name), strict=True))
    assert all(x <= y for x, y in zip(total_rewards(less), total_rewards(more), strict=True))
    for i in range(less.n):
        # Cash left: never negative, never less than before.
        assert 0 <= low[i] + less.payoffs[i] <= high[i] + more.payoffs[i]
        if low[i] == high[i]:
            assert less.payoffs[i] <= more.payoffs[i]
    for i in range(less.n):
        alone = exact.allocate(values, raised(low, i, 1))
        assert alone.payoffs[i] <= less.payoffs[i]
        if less.scaling[i] < 1:
            assert alone.scaling[i] > less.scaling[i]
        else:
            assert alone.scaling == less.scaling


@often
@given(problems())
def test_saturation(problem):
    values, budgets = problem
    unconstrained = exact.adjustment(values, [1] * parties(values)).payoffs
    enough = all(b >= -p for b, p in zip(budgets, unconstrained, strict=True))
    assert enough == (min(exact.allocate(values, budgets).scaling) == 1)
    least = [max(Fraction(0), -p) for p in unconstrained]
    assert min(exact.allocate(values, least).scaling) == 1


@often
@given(problems())
def test_price_of_a_budget_is_a_right_derivative(problem):
    values, budgets = problem
    a = exact.allocate(values, budgets)
    y, z = exact.certificate(a)
    assert min(z) >= 0
    assert all(y[i] >= 1 if i in a.constrained else y[i] == 0 for i in range(a.n))
    matrix = exact.clearing_matrix(a.flows)
    for i in range(a.n):  # dual feasible
        assert sum(matrix[k][i] * y[k] for k in range(a.n)) + z[i] >= a.gains[i]
    assert sum(a.costs) == sum(b * x for b, x in zip(budgets, y, strict=True)) + sum(z)
    step = Fraction(1, 10**9)
    for i in range(a.n):
        more = exact.allocate(values, raised(budgets, i, step))
        assert (sum(more.costs) - sum(a.costs)) / step == y[i]
    for i in a.constrained:  # expected number of constrained hands a unit passes through
        passed_on = sum(a.flows[i][k] / a.gains[i] * y[k] for k in a.constrained)
        assert y[i] == 1 + passed_on


@often
@given(growing())
def test_best_model_keeps_its_costs(problem):
    values, low, high = problem
    less, more = exact.allocate(values, low), exact.allocate(values, high)
    for i in range(less.n):
        if less.scaling[i] == 1:
            assert more.costs[i] == less.costs[i]
            assert more.revenues[i] >= less.revenues[i]


@often
@given(problems())
def test_best_model_costs_most_when_the_others_lack_money(problem):
    values, budgets = problem
    a = exact.allocate(values, budgets)
    unconstrained = exact.adjustment(values, [1] * a.n).payoffs
    for i in range(a.n):
        if a.scaling[i] == 1:
            assert a.payoffs[i] <= unconstrained[i]


def breakpoints(values, budgets, j):
    """Budgets of party j at which another party, or j, reaches the best model; others fixed."""
    budgets, found = list(map(Fraction, budgets)), []
    while True:
        a = exact.allocate(values, budgets)
        found.append((budgets[j], a))
        d = sorted(a.constrained)
        if j not in d:
            return found
        matrix = exact.clearing_matrix(a.flows)
        rates = solve([[matrix[i][k] for k in d] for i in d], [int(i == j) for i in d])
        budgets[j] += min((1 - a.scaling[i]) / r for i, r in zip(d, rates, strict=True) if r > 0)


def test_breakpoints_of_the_digit_parties():
    path = breakpoints(DIGITS, [0] * 5, 0)
    assert [t for t, _ in path] == [0, Fraction(135, 23), Fraction(125, 16)]
    _, second, last = (a for _, a in path)
    assert second.scaling == (Fraction(18, 23), Fraction(8, 23), Fraction(77, 92), 1, 1)
    assert last.scaling == (1, Fraction(3, 8), Fraction(43, 48), 1, 1)
    assert last.payoffs == (-Fraction(125, 16), 0, 0, Fraction(35, 48), Fraction(85, 12))
    # Linear in between, constant afterwards.
    for (t, a), (s, b) in pairwise(path):
        middle = exact.allocate(DIGITS, [(t + s) / 2, 0, 0, 0, 0]).scaling
        assert middle == tuple((x + y) / 2 for x, y in zip(a.scaling, b.scaling, strict=True))
    assert exact.allocate(DIGITS, [inf, 0, 0, 0, 0]).scaling == last.scaling


def test_without_money_of_the_others_the_digit_party_pays_more():
    unconstrained = exact.allocate(DIGITS).payoffs
    rich = exact.allocate(DIGITS, [inf, 0, 0, 0, 0]).payoffs
    assert rich[0] == -Fraction(125, 16) < unconstrained[0] == -Fraction(15, 2)


def optima(values, budgets):
    """Value of (P) and its optimal vertices."""
    costs = [values[-1] - values[1 << i] for i in range(parties(values))]
    value = {x: dot(costs, x) for x in vertices(flows_by_definition(values), budgets)}
    best = max(value.values())
    return best, {x for x, worth in value.items() if worth == best}


def test_monotone_in_budgets_needs_nonnegative_flows():
    values = [0, 0, 0, 2, 0, 2, 0, 1]
    assert min(map(min, flows_by_definition(values))) < 0
    assert optima(values, (1, 0, 0))[1] == {(1, THIRD, THIRD)}
    richer = (1, Fraction(1, 6), 0)
    assert optima(values, richer)[1] == {(1, Fraction(5, 9), Fraction(2, 9))}  # party 3 loses


@settings(max_examples=15, deadline=None, derandomize=True)
@given(problems(max_parties=3))
def test_every_factor_is_the_value_of_a_linear_programme(problem):
    values, budgets = problem
    corners = vertices(flows_by_definition(values), budgets)
    for k, x in enumerate(exact.allocate(values, budgets).scaling):
        assert max(corner[k] for corner in corners) == x


# --- the paper's observations --------------------------------------------------------------------


def test_first_observation_if_valuable_means_shapley_value():
    for values in SMALL_GAMES[::5]:
        a, shapley = exact.allocate(values), exact.shapley_values(values)
        assert set(a.model_values) == {values[-1]}
        assert all(
            (a.payoffs[i] > a.payoffs[j]) == (shapley[i] > shapley[j])
            for i in range(3)
            for j in range(3)
        )


def test_first_observation_fails_if_valuable_means_own_value():
    values = digits("abc", "de", "abc")
    assert values == [0, 3, 2, 5, 3, 3, 5, 5]
    assert values[0b001] > values[0b010]
    assert exact.allocate(values).payoffs == (-HALF, 1, -HALF)


def test_second_observation_fails_for_covered_data():
    values = digits("ac", "bc", "c")
    assert values == [0, 2, 2, 3, 1, 2, 2, 3]
    assert exact.shapley_values(values)[2] == THIRD
    a = exact.allocate(values, 0)
    assert a.scaling == (1, 1, 0)
    assert a.model_values[2] == a.own_values[2] == 1
    assert clearing_by_enumeration(flows_by_definition(values), [0] * 3, [1] * 3) == [1, 1, 0]


def test_second_observation_fails_beside_an_omnipotent_party():
    values = [0, 3, 1, 3, 1, 3, 2, 3]
    assert is_monotone(values)
    assert min(exact.shapley_values(values)) > 0
    a = exact.allocate(values, 0)
    assert a.scaling == (1, 0, 0)
    assert a.model_values == (3, 1, 1)
    assert clearing_by_enumeration(flows_by_definition(values), [0] * 3, [1] * 3) == [1, 0, 0]


def test_second_observation_holds_exactly_on_the_closed_class():
    for index in range(len(SMALL_GAMES)):
        a = small(index, (0, 0, 0))
        gains = {i for i in range(3) if a.model_values[i] > a.own_values[i]}
        assert gains == (small_class(index) or set())


@often
@given(problems(), st.integers(0, 3))
def test_third_observation(problem, j):
    values, budgets = problem
    j %= len(budgets)
    less = exact.allocate(values, budgets)
    more = exact.allocate(values, raised(budgets, j, HALF))
    assert more.model_values[j] >= less.model_values[j]
    assert (more.model_values[j] > less.model_values[j]) == (less.scaling[j] < 1)
    for i in set(range(less.n)) - {j}:
        assert more.model_values[i] >= less.model_values[i]
        assert more.payoffs[i] >= less.payoffs[i]
    if less.scaling[j] < 1:  # somebody else gains strictly
        pairs = zip(total_rewards(less), total_rewards(more), strict=True)
        assert any(x < y for i, (x, y) in enumerate(pairs) if i != j)


def test_third_observation_needs_a_party_that_is_held_back():
    poor, rich = (exact.allocate([0, 0, 0, 1], b) for b in ((0, 0), (5, 0)))
    assert poor.model_values == rich.model_values == (1, 1)
    assert poor.payoffs == rich.payoffs == (0, 0)


# --- linearity -----------------------------------------------------------------------------------


def test_linearity_fails_under_budgets():
    one, other, both = additive(1, 2), additive(2, 1), additive(3, 3)
    assert [x + y for x, y in zip(one, other, strict=True)] == both
    first, second, whole = (exact.allocate(v, 0) for v in (one, other, both))
    assert (first.model_values, second.model_values) == ((2, 3), (3, 2))
    assert whole.model_values == (6, 6)
    flow = [a.scaling[0] * a.flows[0][1] for a in (first, second, whole)]
    assert flow == [1, 1, 3]


def test_linearity_holds_without_budgets():
    one, other = DIGITS, additive(1, 2, 3, 4, 5)
    whole = exact.allocate([3 * x + 2 * y for x, y in zip(one, other, strict=True)])
    parts = exact.allocate(one), exact.allocate(other)
    assert whole.payoffs == tuple(
        3 * x + 2 * y for x, y in zip(parts[0].payoffs, parts[1].payoffs, strict=True)
    )


@often
@given(problems(), st.fractions(Fraction(1, 7), 9, max_denominator=7))
def test_the_unit_of_value_does_not_matter(problem, t):
    values, budgets = problem
    a, scaled = (exact.allocate([s * x for x in values], [s * b for b in budgets]) for s in (1, t))
    assert a.scaling == scaled.scaling
    assert scaled.payoffs == tuple(t * p for p in a.payoffs)


# --- fairness that survives budgets --------------------------------------------------------------


def desirable(values, i, j):
    """Whether i is at least as desirable as j."""
    free = [c for c in range(len(values)) if not c >> i & 1 and not c >> j & 1]
    return all(values[c | 1 << i] >= values[c | 1 << j] for c in free)


def test_desirability_order_is_kept():
    pairs = 0
    for index, values in enumerate(SMALL_GAMES):
        for budgets in BUDGETS:
            a = small(index, budgets)
            for i, j in product(range(3), repeat=2):
                if i != j and desirable(values, i, j) and budgets[i] >= budgets[j]:
                    pairs += 1
                    assert a.scaling[i] >= a.scaling[j]
                    assert a.model_values[i] >= a.model_values[j]
                    if budgets[i] == budgets[j]:
                        assert a.payoffs[i] >= a.payoffs[j]
    assert pairs > 5000


@often
@given(problems(min_parties=4, max_parties=4))
def test_desirability_order_is_kept_by_four(problem):
    values, budgets = problem
    a = exact.allocate(values, budgets)
    for i, j in product(range(4), repeat=2):
        if i != j and desirable(values, i, j) and budgets[i] >= budgets[j]:
            assert a.scaling[i] >= a.scaling[j]
            assert a.model_values[i] >= a.model_values[j]


def test_equal_parties_with_equal_budgets_are_treated_equally():
    values = additive(2, 2, 3)
    a = exact.allocate(values, (1, 1, 0))
    assert a.scaling[0] == a.scaling[1]
    assert a.payoffs[0] == a.payoffs[1]


def test_shapley_order_is_not_kept():
    values = [0, 3, 5, 8, 0, 8, 5, 8]
    assert is_monotone(values)
    shapley = exact.shapley_values(values)
    assert shapley == (Fraction(23, 6), Fraction(10, 3), Fraction(5, 6))
    a = exact.allocate(values, 0)
    assert a.scaling == (Fraction(32, 35), 1, Fraction(2, 7))
    assert a.model_values == (Fraction(53, 7), 8, Fraction(16, 7))
    assert not desirable(values, 0, 1)


def test_total_reward_need_not_follow_desirability_with_unequal_budgets():
    values, budgets = [0, 0, 0, 0, 0, 1, 1, 2], (1, 0, 0)
    assert is_monotone(values)
    assert desirable(values, 0, 1)
    assert desirable(values, 1, 0)  # equals, of which party 1 has more money
    scaling = clearing_by_enumeration(flows_by_definition(values), budgets, [1] * 3)
    a = exact.allocate(values, budgets)
    assert list(a.scaling) == scaling
    assert a.model_values == (2, 3 * HALF, 2)
    assert total_rewards(a) == [Fraction(11, 8), Fraction(3, 2), Fraction(21, 8)]
