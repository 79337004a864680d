"""Remark 4.3 and App. I of the paper: desired performance, in rational arithmetic."""

import random
from fractions import Fraction
from functools import cache
from itertools import pairwise, product
from math import inf

import numpy as np
import pytest
from helpers import (
    SMALL_GAMES,
    additive,
    amounts,
    dot,
    fictitious_default,
    flows_by_definition,
    is_clearing,
    parties,
    shortfalls,
    tables,
    vertices,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from shapfair import Game, allocate, linear_programme
from shapfair.theory import axioms, exact

HALF = Fraction(1, 2)
MODEST = [0, 1, 1, 2]
"""Both parties alone reach 1; a wish of 1/2 is less than they have."""


@st.composite
def wishes(draw, n, top=10):
    one = st.just(inf) | st.fractions(0, top, max_denominator=6)
    return draw(st.lists(one, min_size=n, max_size=n))


@st.composite
def instances(draw, max_parties=4):
    """A monotone game with budgets and wishes."""
    v = draw(tables(min_parties=2, max_parties=max_parties))
    n = parties(v)
    return v, draw(amounts(n)), draw(wishes(n, top=max(v) + 1))


def targets(v, desired):
    return [min(v[-1], max(v[1 << i], r)) for i, r in enumerate(desired)]


def caps_of_61(v, desired):
    """The upper ends of the intervals in (61), 1 where they are 0/0."""
    own = [Fraction(v[1 << i]) for i in range(len(desired))]
    return [
        min(1, (max(x, r) - x) / (v[-1] - x)) if v[-1] > x else Fraction(1)
        for x, r in zip(own, desired, strict=True)
    ]


@cache
def small_instances():
    """The 718 monotone integer games with three parties and 1 <= v(N) <= 3, and their solution."""
    draw = random.Random(41)
    found = []
    for v in SMALL_GAMES:
        budgets = [draw.choice([Fraction(0), Fraction(0), HALF, Fraction(1)]) for _ in range(3)]
        desired = [draw.choice([inf, Fraction(draw.randint(0, 2 * v[-1]), 2)]) for _ in v[:3]]
        found.append(exact.allocate(v, budgets, desired))
    return found


def at(a, scaling):
    return exact.adjustment(a.values, scaling, a.budgets, a.desired)


def feasible_vertices(a):
    """Vertices of the feasible set of (Q), found without shapfair's clearing."""
    return vertices(flows_by_definition(a.values), a.budgets, caps_of_61(a.values, a.desired))


# --- the property that characterises the solution ------------------------------------------------


def test_performance_budget_efficiency_as_printed_overrates_revenue():
    v, desired = additive(1, 2, 3), [inf, 5, inf]
    caps, flows = caps_of_61(v, desired), flows_by_definition(v)
    revenue = sum(caps[k] * flows[k][1] for k in range(3))
    assert caps[1] * sum(flows[1]) == 3 < revenue == 4  # "can afford" its wish
    a = exact.allocate(v, 0, desired)
    assert a.scaling == (Fraction(1, 3), Fraction(2, 3), 1)
    # The wish is out of reach of every feasible factor, so that no adjustment has the property.
    assert max(point[1] for point in feasible_vertices(a)) == Fraction(2, 3) < caps[1]
    assert not axioms.performance_budget_efficiency_as_printed(a)
    assert axioms.performance_budget_efficiency(a)


@pytest.mark.parametrize("budget", [0, HALF, 3, inf])
def test_performance_budget_efficiency_as_printed_contradicts_individual_rationality(budget):
    # The printed target 1/2 < v(1) = 1 is affordable, since it costs less than nothing.
    assert min(MODEST[-1], HALF) < MODEST[1]
    for scaling in product([0, HALF, 1], repeat=2):
        a = exact.adjustment(MODEST, scaling, budget, [HALF, inf])
        assert a.model_values[0] >= MODEST[1]
        assert not axioms.performance_budget_efficiency_as_printed(a)


def test_performance_budget_efficiency_repaired_holds_in_718_games():
    found = small_instances()
    assert len(found) == 718
    printed = 0
    for a in found:
        wanted = targets(a.values, a.desired)
        assert all(
            m == t or short == 0
            for m, t, short in zip(a.model_values, wanted, a.shortfalls, strict=True)
        )
        assert axioms.performance_budget_efficiency(a)
        printed += bool(axioms.performance_budget_efficiency_as_printed(a))
    assert 0 < printed < 718


def test_60_compares_a_value_with_a_performance():
    performances, rate, wish = [0, 1, 1, 2], 2, Fraction(3, 2)
    v = [rate * s for s in performances]
    literal = exact.allocate(v, inf, [wish, inf])
    assert literal.model_values[0] / rate == 1  # nothing bought
    assert exact.allocate(v, inf, [rate * wish, inf]).model_values[0] / rate == wish
    bought_all = exact.adjustment(v, [1, 1], inf, [rate * wish, inf])
    assert not axioms.performance_constraints(bought_all)
    # The package takes wishes in units of payoff.
    game = allocate(Game(performances), desired=[3.0, np.inf], exchange_rate=2.0)
    assert game.model_values[0] == 3


# --- (Q) and (61) --------------------------------------------------------------------------------


def test_61_is_zero_over_zero_without_anything_to_gain():
    v, desired = [0, 1, 0, 1], [HALF, inf]
    with pytest.raises(ZeroDivisionError):
        Fraction(max(v[1], desired[0]) - v[1]) / Fraction(v[-1] - v[1])
    a = exact.allocate(v, 0, desired)
    assert a.caps == (1, 1)
    assert a.scaling[0] == 1
    assert a.costs == (0, 0)
    assert allocate(Game(v), 0, [0.5, np.inf]).scaling[0] == 1


@given(instance=instances())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_61_and_the_constraints_of_q_agree(instance):
    v, budgets, desired = instance
    a = exact.allocate(v, budgets, desired)
    assert list(a.caps) == caps_of_61(v, desired)
    assert list(a.targets) == targets(v, desired)
    for x in (Fraction(k, 7) for k in range(8)):
        for i, cap in enumerate(a.caps):
            wish = v[1 << i] + x * (v[-1] - v[1 << i]) <= max(v[1 << i], desired[i])
            assert wish == (x <= cap)


# --- Lemma I.1 -----------------------------------------------------------------------------------


@given(instance=instances())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_lemma_i_1_repaired_greatest_clearing_vector(instance):
    v, budgets, desired = instance
    a = exact.allocate(v, budgets, desired)
    flows, caps = flows_by_definition(v), caps_of_61(v, desired)
    scaling, constrained = fictitious_default(flows, budgets, caps)
    assert list(a.scaling) == scaling
    assert a.constrained == constrained
    assert len(a.history) <= a.n  # at most n - 1 systems
    assert all(s <= 0 for s in shortfalls(flows, budgets, scaling))
    assert is_clearing(flows, budgets, caps, scaling)
    for earlier, later in pairwise(a.history):
        assert all(x >= y for x, y in zip(earlier, later, strict=True))
    assert axioms.performance_constraints(a)
    assert axioms.pareto_efficiency(a)
    adjusted = axioms.adjusted_values(a)
    assert axioms.feasibility(v, adjusted)
    assert axioms.individual_rationality(v, adjusted)
    assert axioms.marginal_contribution_consistency(v, adjusted)


def test_lemma_i_1_repaired_certificate_in_718_games():
    for a in small_instances():
        y, z = exact.certificate(a)
        assert min(*y, *z) >= 0
        assert dot(a.gains, a.scaling) == dot(a.budgets, y) + dot(a.caps, z)
        flows = flows_by_definition(a.values)
        for i in range(3):  # dual constraint A^T y + z >= c
            paid = sum(flows[i][k] * y[k] for k in range(3))
            assert a.gains[i] * y[i] - paid + z[i] >= a.gains[i]


def is_segment(a):
    """Whether the repaired property leaves a segment of factors (part 5 of the theorem)."""
    if 0 in a.gains:
        return False
    reach = [{i} | {k for k in range(3) if a.flows[i][k]} for i in range(3)]
    reach = [set.union(*(reach[k] for k in found)) for found in reach]
    inside = set.intersection(*reach)
    return all(
        (a.budgets[i] == 0 < a.caps[i]) if i in inside else (a.budgets[i] == 0 or a.caps[i] == 0)
        for i in range(3)
    )


def test_lemma_i_1_repaired_uniqueness_by_all_vertices():
    sample = small_instances()[::4]
    sample = sample + [exact.allocate(a.values, 0, a.desired) for a in sample[::2]]
    seen = {True: 0, False: 0}
    for a in sample:
        corners = {  # the convention for parties with nothing to gain
            x
            for x in feasible_vertices(a)
            if all(y == 1 for y, c in zip(x, a.gains, strict=True) if not c)
        }
        assert a.scaling == tuple(map(max, zip(*corners, strict=True)))
        assert dot(a.gains, a.scaling) == max(dot(a.gains, x) for x in corners)
        flows, caps = flows_by_definition(a.values), caps_of_61(a.values, a.desired)
        efficient = {x for x in corners if is_clearing(flows, a.budgets, caps, x)}
        segment = is_segment(a)
        assert efficient == ({a.scaling, (0, 0, 0)} if segment else {a.scaling})
        if segment:
            assert is_clearing(flows, a.budgets, caps, [x / 3 for x in a.scaling])
        seen[segment] += 1
    assert min(seen.values()) > 20


def test_lemma_i_1_repaired_pareto_selects_the_greatest():
    for a in small_instances()[::20]:
        for x in feasible_vertices(a):
            same = at(a, x).costs == a.costs
            assert bool(axioms.pareto_efficiency(at(a, x))) == same


def test_lemma_i_1_as_printed_determines_nothing_where_its_axioms_are_contradictory():
    a = exact.allocate(additive(1, 2, 3), 0, [inf, 5, inf])
    for x in feasible_vertices(a):
        assert not axioms.performance_budget_efficiency_as_printed(at(a, x))


@given(instance=instances(max_parties=5))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_q_in_floating_point_agrees_with_the_exact_solution(instance):
    v, budgets, desired = instance
    a = exact.allocate(v, budgets, desired)
    fast = allocate(
        Game(np.array(v, dtype=float)), [float(b) for b in budgets], [float(r) for r in desired]
    )
    unit = max(1, max(v))
    np.testing.assert_allclose(
        fast.model_values, np.array(a.model_values, dtype=float), rtol=0, atol=1e-9 * unit
    )
    np.testing.assert_allclose(
        fast.payoffs, np.array(a.payoffs, dtype=float), rtol=0, atol=1e-9 * unit
    )


def test_q_by_a_solver_of_linear_programmes():
    for a in small_instances()[::12]:
        peer = linear_programme(
            np.array(a.flows, dtype=float),
            np.array(a.budgets, dtype=float),
            np.array(a.caps, dtype=float),
        )
        np.testing.assert_allclose(peer, np.array(a.scaling, dtype=float), atol=1e-7)


# --- the variant of weak efficiency --------------------------------------------------------------


@pytest.mark.parametrize("budget", [0, HALF, 3, inf])
def test_weak_efficiency_variant_fails_if_everybody_wants_less_than_it_has(budget):
    a = exact.allocate(MODEST, budget, [HALF, HALF])
    assert a.model_values == (1, 1)
    assert not axioms.weak_efficiency_variant_as_printed(a)
    assert axioms.weak_efficiency_variant(a)


def test_weak_efficiency_variant_fails_although_one_party_wants_the_best():
    a = exact.allocate(MODEST, 0, [HALF, inf])
    assert a.model_values == (1, 1)
    assert not axioms.weak_efficiency_variant_as_printed(a)


def test_weak_efficiency_variant_repaired_holds_in_718_games():
    failures = 0
    for a in small_instances():
        wanted = targets(a.values, a.desired)
        assert any(m == t for m, t in zip(a.model_values, wanted, strict=True))
        printed = [min(a.values[-1], r) for r in a.desired]
        holds = any(m == t for m, t in zip(a.model_values, printed, strict=True))
        assert bool(axioms.weak_efficiency_variant_as_printed(a)) == holds
        failures += not holds
        if all(r >= own for r, own in zip(a.desired, a.own_values, strict=True)):
            assert holds
    assert failures > 100


def test_weak_efficiency_variant_does_not_replace_pareto_efficiency():
    v, desired = additive(1, 1, 0), [inf, inf, 0]
    for t in (0, HALF, 1):
        a = exact.adjustment(v, (t, t, 0), 0, desired)
        assert axioms.budget_constraints(a)
        assert axioms.performance_budget_efficiency(a)
        assert axioms.weak_efficiency_variant(a)
        assert bool(axioms.pareto_efficiency(a)) == (t == 1)
    # Without a party that wants nothing the variant can fail.
    assert not axioms.weak_efficiency_variant(exact.adjustment(additive(1, 2), (HALF / 2, HALF), 0))


# --- changing a wish -----------------------------------------------------------------------------


@given(data=st.data(), instance=instances())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_wishes_are_monotone_and_truth_is_the_best_wish(data, instance):
    v, budgets, desired = instance
    n = parties(v)
    j = data.draw(st.integers(0, n - 1))
    ladder = sorted({Fraction(v[1 << j] * (6 - k) + v[-1] * k, 6) for k in range(7)})
    outcome = [exact.allocate(v, budgets, [*desired[:j], r, *desired[j + 1 :]]) for r in ladder]
    for low, high in pairwise(outcome):
        assert all(x <= y for x, y in zip(low.scaling, high.scaling, strict=True))
        assert all(x <= y for x, y in zip(low.revenues, high.revenues, strict=True))
        assert all(low.payoffs[i] <= high.payoffs[i] for i in range(n) if i != j)
        assert low.payoffs[j] >= high.payoffs[j]
        if low.model_values[j] < low.targets[j]:
            assert low.scaling == high.scaling
    for useful, honest in zip(ladder, outcome, strict=True):
        best = min(honest.model_values[j], useful) + honest.payoffs[j]
        for other in outcome:
            assert min(other.model_values[j], useful) + other.payoffs[j] <= best
            # Also if a unit of model is worth more than a unit of money.
            more = min(honest.model_values[j], useful) / 2 + best
            assert 3 * min(other.model_values[j], useful) / 2 + other.payoffs[j] <= more


def test_truth_is_not_best_if_a_model_is_worth_less_than_it_costs():
    truth, nothing = (exact.allocate(MODEST, 1, [r, inf]) for r in (2, 1))
    assert (truth.model_values[0], truth.payoffs[0]) == (2, 0)
    assert (nothing.model_values[0], nothing.payoffs[0]) == (1, 1)
    for worth in (HALF, Fraction(2, 3), Fraction(9, 10)):
        assert worth * 1 + 1 > worth * 2


@given(
    shares=st.lists(st.integers(1, 9), min_size=2, max_size=4),
    wishes=st.lists(st.integers(0, 40), min_size=4, max_size=4),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_without_money_the_smallest_wish_sets_the_pace(shares, wishes):
    v, n = additive(*shares), len(shares)
    free = exact.allocate(v, 0)
    desired = wishes[:n]
    caps = caps_of_61(v, desired)
    pace = min(1, *(u / x for u, x in zip(caps, free.scaling, strict=True)))
    assert exact.allocate(v, 0, desired).scaling == tuple(pace * x for x in free.scaling)


def test_all_trails_of_money_end_in_the_closed_class():
    holdings = [{1, 3}, {2, 3}, {3}, set()]
    v = [
        len(set().union(*(held for i, held in enumerate(holdings) if c >> i & 1)))
        for c in range(16)
    ]
    paid = {(i, j) for i, row in enumerate(flows_by_definition(v)) for j in range(4) if row[j]}
    assert paid == {(0, 1), (1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2)}
    efficiency = axioms.performance_budget_efficiency
    for budget, wish, segment in ((0, inf, True), (1, inf, False), (1, 0, True)):
        a = exact.allocate(v, [0, 0, 0, budget], [inf, inf, inf, wish])
        assert efficiency(a)
        assert bool(efficiency(at(a, [x / 2 for x in a.scaling]))) == segment
        assert (a.scaling == (1, 1, 0, 0)) == segment


def test_one_party_asks_for_less():
    outcome = {r: exact.allocate(additive(1, 2, 3), HALF, [inf, r, inf]) for r in (2, 4, 6)}
    assert outcome[6].model_values == (Fraction(121, 36), Fraction(49, 9), 6)
    assert outcome[4].payoffs == (-HALF, Fraction(4, 5), Fraction(-3, 10))
    assert outcome[2].model_values == (Fraction(11, 6), 2, 4)
    assert outcome[2].payoffs == (-HALF, 1, -HALF)
