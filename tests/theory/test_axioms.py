from fractions import Fraction
from math import inf

import numpy as np
import pytest
from helpers import additive, amounts, is_monotone, monotone_hull, parties, tables
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import shapfair
from shapfair.theory import axioms, exact

HALF, THIRD = Fraction(1, 2), Fraction(1, 3)
GLOVES = [0, 0, 0, 1, 0, 1, 0, 1]
"""Party 1 has a left glove, parties 2 and 3 have right ones."""
WITH_DUMMY = additive(2, 0, 3)
OMNIPOTENT = [0, 3, 1, 3, 1, 3, 2, 3]


def equation_1(values):
    n = parties(values)
    return [n * share - values[-1] for share in exact.shapley_values(values)]


def breaks(verdict, witness):
    """Whether a property fails for this reason."""
    assert not verdict
    assert not verdict.holds
    assert verdict.witness == witness
    return True


def test_a_verdict_is_a_truth_value_with_a_reason():
    assert axioms.Verdict(True)
    assert not axioms.Verdict(False, "party 1 lacks 2")
    assert axioms.balance(equation_1, GLOVES) == axioms.Verdict(True, "")


def test_all_names_are_there():
    assert axioms.__all__ == sorted(set(axioms.__all__), key=lambda name: (name != "Verdict", name))
    for name in axioms.__all__:
        assert getattr(axioms, name).__doc__


# --- roles ---------------------------------------------------------------------------------------


def test_dummies():
    assert axioms.dummies(WITH_DUMMY) == (1,)
    assert axioms.dummies(GLOVES) == ()
    assert axioms.dummies([0, 0, 0, 0]) == (0, 1)


def test_symmetric_pairs():
    assert axioms.symmetric_pairs(GLOVES) == ((1, 2),)
    assert axioms.symmetric_pairs(additive(2, 2, 2)) == ((0, 1), (0, 2), (1, 2))
    assert axioms.symmetric_pairs(additive(1, 2, 3)) == ()


def test_omnipotent():
    assert axioms.omnipotent(OMNIPOTENT) == (0,)
    assert axioms.omnipotent([0, 1, 1, 1]) == (0, 1)
    assert axioms.omnipotent(GLOVES) == ()
    # Its own value is the grand coalition's, but a coalition in between is worth more.
    assert axioms.omnipotent([0, 1, 0, 2, 0, 1, 0, 1]) == ()


def test_conditional_roles():
    assert axioms.conditional_dummies(GLOVES, 1) == (2,)  # no second right glove
    assert axioms.conditional_dummies(GLOVES, 0) == ()
    assert axioms.conditional_dummies(OMNIPOTENT, 0) == (1, 2)
    assert axioms.conditional_symmetric_pairs(GLOVES, 0) == ((1, 2),)
    assert axioms.conditional_symmetric_pairs(GLOVES, 1) == ()
    # Symmetric to party 1, though not without it.
    values = [0, 1, 2, 4, 3, 4, 5, 6]
    assert axioms.symmetric_pairs(values) == ()
    assert axioms.conditional_symmetric_pairs(values, 0) == ((1, 2),)


def test_at_least_as_desirable():
    better = {(i, j) for i in range(3) for j in range(3) if i != j}
    assert {p for p in better if axioms.at_least_as_desirable(additive(1, 2, 2), *p)} == {
        (1, 0),
        (2, 0),
        (1, 2),
        (2, 1),
    }
    # Alone party 1 is better, together with party 3 it is worse: not comparable.
    crossed = [0, 2, 1, 2, 0, 2, 3, 3]
    assert not axioms.at_least_as_desirable(crossed, 0, 1)
    assert not axioms.at_least_as_desirable(crossed, 1, 0)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(tables(min_parties=2, max_parties=4))
def test_roles_are_related_as_they_should_be(values):
    n, grand = parties(values), values[-1]
    pairs = axioms.symmetric_pairs(values)
    for i in range(n):
        for j in range(i + 1, n):
            both = [axioms.at_least_as_desirable(values, *p) for p in ((i, j), (j, i))]
            assert all(both) == ((i, j) in pairs)
    idle = axioms.dummies(values)
    assert all(set(idle) - {i} <= set(axioms.conditional_dummies(values, i)) for i in range(n))
    # Remark 3.11 and its converse for monotone games.
    assert axioms.omnipotent(values) == tuple(i for i in range(n) if values[1 << i] == grand)
    for i in range(n):
        everyone = len(axioms.conditional_dummies(values, i)) == n - 1
        assert everyone == (i in axioms.omnipotent(values))


# --- payoff schemes ------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None, derandomize=True)
@given(tables(max_parties=4, monotone=False), st.fractions(-3, 3), st.data())
def test_equation_1_and_the_shapley_value_have_their_properties(values, scalar, data):
    n, shapley = parties(values), exact.shapley_values
    other = data.draw(tables(min_parties=n, max_parties=n, monotone=False))
    assert axioms.balance(equation_1, values)
    assert axioms.efficiency(shapley, values)
    for scheme in (equation_1, shapley):
        assert axioms.symmetry(scheme, values)
        assert axioms.linearity(scheme, values, other, scalar)
    assert axioms.dummy_party(equation_1, values)
    assert axioms.dummy_party(shapley, values, 0)


def test_efficiency_and_balance_can_fail():
    assert axioms.efficiency(equation_1, GLOVES, 0)
    assert breaks(axioms.efficiency(equation_1, GLOVES), "payoffs sum to 0, not 1")
    assert breaks(axioms.balance(exact.shapley_values, GLOVES), "payoffs sum to 1, not 0")
    assert breaks(axioms.efficiency(lambda v: [HALF] * 3, GLOVES, 1), "payoffs sum to 3/2, not 1")


def test_symmetry_can_fail():
    assert axioms.symmetry(lambda v: [1, 0, 0], GLOVES)
    assert breaks(
        axioms.symmetry(lambda v: [0, 1, 0], GLOVES),
        "symmetric parties 2 and 3 receive 1 and 0",
    )


def test_dummy_party_can_fail():
    payoffs = [4, -5, 1]
    assert axioms.dummy_party(lambda v: payoffs, WITH_DUMMY)
    assert breaks(
        axioms.dummy_party(lambda v: payoffs, WITH_DUMMY, payoff=0),
        "dummy party 2 receives -5, not 0",
    )
    assert breaks(
        axioms.dummy_party(exact.shapley_values, WITH_DUMMY), "dummy party 2 receives 0, not -5"
    )


def test_linearity_can_fail_in_either_half():
    first, second = [0, 1, 2, 4], [0, 1, 0, 2]
    assert breaks(
        axioms.linearity(lambda v: [v[-1] ** 2, 0], first, second, 1),
        "party 1 receives 36 in the sum of the games, not 20",
    )
    # The sum of these two games tells nothing, but a negative multiple does.
    assert breaks(
        axioms.linearity(lambda v: [0, max(v[1], 0)], first, second, -2),
        "party 2 receives 0 in the -2-fold game, not -2",
    )


# --- flow schemes --------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None, derandomize=True)
@given(tables(max_parties=4, monotone=False), st.fractions(-3, 3), st.data())
def test_equation_5_has_its_properties(values, scalar, data):
    n, flows = parties(values), exact.conditional_shapley_values
    other = data.draw(tables(min_parties=n, max_parties=n, monotone=False))
    if n > 1:
        assert axioms.fair_cost(flows, values)
    assert axioms.conditional_symmetry(flows, values)
    assert axioms.conditional_dummy(flows, values)
    assert axioms.flow_linearity(flows, values, other, scalar)


def test_fair_cost_can_fail():
    flows = [[99, HALF, HALF], [1, 99, 0], [HALF, 0, 99]]  # the diagonal does not count
    assert breaks(axioms.fair_cost(lambda v: flows, GLOVES), "party 3 pays 1/2, not 1")
    flows[2][0] = 1
    assert axioms.fair_cost(lambda v: flows, GLOVES)


def test_conditional_symmetry_can_fail():
    flows = [[0, 1, 0], [1, 0, 0], [1, 0, 0]]
    assert breaks(
        axioms.conditional_symmetry(lambda v: flows, GLOVES),
        "party 1 pays parties 2 and 3, symmetric given it, 1 and 0",
    )
    flows[0] = [0, HALF, HALF]
    assert axioms.conditional_symmetry(lambda v: flows, GLOVES)


def test_conditional_dummy_can_fail():
    flows = [[0, HALF, HALF], [1, 0, 0], [HALF, HALF, 0]]
    assert breaks(
        axioms.conditional_dummy(lambda v: flows, GLOVES),
        "party 3 pays party 2, a dummy given it, 1/2",
    )
    flows[2] = [1, 0, 0]
    assert axioms.conditional_dummy(lambda v: flows, GLOVES)


def test_flow_linearity_can_fail_in_either_half():
    first, second = [0, 1, 2, 4], [0, 1, 0, 2]
    assert breaks(
        axioms.flow_linearity(lambda v: [[0, v[-1] ** 2], [0, 0]], first, second, 1),
        "party 1 pays party 2 36 in the sum of the games, not 20",
    )
    assert breaks(
        axioms.flow_linearity(lambda v: [[0, 0], [max(v[1], 0), 0]], first, second, -2),
        "party 2 pays party 1 0 in the -2-fold game, not -2",
    )


# --- adjusted value functions --------------------------------------------------------------------


def test_adjusted_values_are_equation_10():
    a = exact.adjustment(additive(2, 4), [HALF, THIRD])
    assert axioms.adjusted_values(a) == ((0, 2, 0, 4), (0, 0, 4, Fraction(14, 3)))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.data())
def test_allocations_adjust_values_as_they_should(data):
    values = data.draw(tables(max_parties=4))
    budgets, desired = (data.draw(amounts(parties(values))) for _ in range(2))
    a = exact.allocate(values, budgets, desired)
    adjusted = axioms.adjusted_values(a)
    assert axioms.feasibility(values, adjusted)
    assert axioms.individual_rationality(values, adjusted)
    assert axioms.marginal_contribution_consistency(values, adjusted)
    positive = all(x > 0 for x, gain in zip(a.scaling, a.gains, strict=True) if gain)
    assert axioms.marginal_contribution_consistency_as_printed(values, adjusted).holds == positive
    # (11): the flows of the adjusted values are the adjusted flows.
    for i, table in enumerate(adjusted):
        flows = exact.conditional_shapley_values(table)[i]
        assert flows == tuple(a.scaling[i] * f for f in a.flows[i])
    # (8) stays monotone where it is defined.
    assert all(
        is_monotone([table[c | 1 << i] for c in range(len(table))])
        for i, table in enumerate(adjusted)
    )


def test_feasibility_and_individual_rationality_can_fail():
    values = additive(1, 2)
    own, most = [[9, 1, 9, 1], [9, 9, 2, 2]], [[9, 1, 9, 3], [9, 9, 2, 3]]
    for adjusted in (own, most):
        assert axioms.feasibility(values, adjusted)
        assert axioms.individual_rationality(values, adjusted)
    assert breaks(
        axioms.feasibility(values, [own[0], [9, 9, 2, 4]]), "v'_2 of {1, 2} is 4, more than 3"
    )
    assert breaks(
        axioms.feasibility(values, [[0, 2, 0, 3], own[1]]), "v'_1 of {1} is 2, more than 1"
    )
    assert breaks(
        axioms.individual_rationality(values, [own[0], [9, 9, 2, 1]]),
        "v'_2 of {1, 2} is 1, less than the party's own 2",
    )


def test_marginal_contribution_consistency_can_fail():
    values = additive(1, 2, 4)
    a = axioms.adjusted_values(exact.adjustment(values, [HALF, 0, 1]))
    assert axioms.marginal_contribution_consistency(values, a)
    assert breaks(
        axioms.marginal_contribution_consistency_as_printed(values, a), "party 2 has factor 0"
    )
    bent = [list(table) for table in a]
    bent[0][0b111] += 1
    assert breaks(
        axioms.marginal_contribution_consistency(values, bent),
        "v'_1 rises by 3 from {1, 2} to {1, 2, 3}, not by 1/2 of 4",
    )
    reversed_ = axioms.adjusted_values(exact.adjustment(values, [-1, 1, 1]))
    for rule in (
        axioms.marginal_contribution_consistency,
        axioms.marginal_contribution_consistency_as_printed,
    ):
        assert breaks(rule(values, reversed_), "party 1 has factor -1")
    # Nothing may be added where nobody adds anything.
    assert axioms.marginal_contribution_consistency_as_printed(
        [0, 1, 1, 1], [[0, 1, 0, 1], [0, 0, 1, 1]]
    )
    assert breaks(
        axioms.marginal_contribution_consistency([0, 1, 1, 1], [[0, 1, 0, 2], [0, 0, 1, 1]]),
        "v'_1 rises by 1 from {1} to {1, 2}, not by 1 of 0",
    )


# --- adjustments ---------------------------------------------------------------------------------

REPAIRED = (
    axioms.budget_constraints,
    axioms.performance_constraints,
    axioms.performance_budget_efficiency,
    axioms.weak_efficiency_variant,
    axioms.pareto_efficiency,
    axioms.desirability_order,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_allocations_have_the_repaired_properties(data):
    values = data.draw(tables(max_parties=4))
    n, top = parties(values), max(1, values[-1])
    a = exact.allocate(values, data.draw(amounts(n, top)), data.draw(amounts(n, top)))
    assert all(rule(a) for rule in REPAIRED), [rule(a).witness for rule in REPAIRED]
    without_wishes = exact.allocate(values, a.budgets)
    for rule in (*REPAIRED, axioms.budget_efficiency, axioms.weak_efficiency):
        assert rule(without_wishes), rule(without_wishes).witness
    # Without wishes both forms of the properties are the same.
    for name in ("budget_efficiency", "budget_efficiency_as_printed"):
        rules = getattr(axioms, name), getattr(axioms, f"performance_{name}")
        assert rules[0](without_wishes) == rules[1](without_wishes)
    assert axioms.weak_efficiency_variant(without_wishes) == axioms.weak_efficiency(without_wishes)


def test_budget_constraints_can_fail():
    values = additive(1, 3)
    assert axioms.budget_constraints(exact.adjustment(values, [1, 1], [2, 0]))
    assert axioms.budget_constraints(exact.adjustment(values, [1, 1], [inf, 0]))
    assert breaks(
        axioms.budget_constraints(exact.adjustment(values, [1, 1], [HALF, 0])), "party 1 lacks 3/2"
    )


def test_performance_constraints_can_fail():
    values = additive(1, 3)
    assert axioms.performance_constraints(exact.adjustment(values, [1, 0], inf, [4, 0]))
    assert breaks(
        axioms.performance_constraints(exact.adjustment(values, [1, 0], inf, [2, 0])),
        "party 1 has a model of 4, more than 2",
    )
    assert breaks(
        axioms.performance_constraints(exact.adjustment(values, [0, 1], inf, [2, 0])),
        "party 2 has a model of 4, more than 3",
    )


def test_budget_efficiency_as_printed_and_repaired():
    a = exact.allocate(additive(1, 2, 3), 0)
    assert a.scaling == (THIRD, 2 * THIRD, 1)
    assert axioms.budget_efficiency(a)
    assert breaks(
        axioms.budget_efficiency_as_printed(a), "party 2 can afford 6 but has a model of 14/3"
    )
    # What the printed property asks for is not within party 2's budget.
    rich = exact.adjustment(additive(1, 2, 3), [THIRD, 1, 1], 0)
    assert axioms.budget_efficiency_as_printed(rich).witness.startswith("party 1 cannot afford 6")
    assert not axioms.budget_constraints(rich)
    # Without binding budgets the two agree.
    free = exact.allocate(additive(1, 2, 3))
    assert axioms.budget_efficiency_as_printed(free)
    assert axioms.budget_efficiency(free)
    idle = exact.adjustment(additive(1, 3), [HALF, 1], [1, 0])
    assert breaks(
        axioms.budget_efficiency(idle),
        "party 1 has a model of 5/2, not 4, and 1/2 of its budget left",
    )
    assert breaks(
        axioms.budget_efficiency_as_printed(idle),
        "party 1 cannot afford 4 but has 1/2 of its budget left",
    )
    # Spending more than there is, is not spending all there is.
    assert not axioms.budget_efficiency(exact.adjustment(additive(1, 3), [HALF, 1], 0))


def test_nothing_to_gain_is_the_best_model_whatever_the_factor():
    a = exact.adjustment([0, 1, 1, 1], [0, HALF], 1)
    for rule in (axioms.budget_efficiency, axioms.weak_efficiency, axioms.pareto_efficiency):
        assert rule(a)


def test_weak_efficiency_can_fail():
    values = additive(1, 2, 3)
    assert axioms.weak_efficiency(exact.adjustment(values, [0, 0, 1]))
    shrunk = exact.adjustment(values, [x / 2 for x in exact.allocate(values, 0).scaling], 0)
    assert axioms.budget_efficiency(shrunk)  # so it does not follow
    assert breaks(
        axioms.weak_efficiency(shrunk), "models of 11/6, 10/3, 9/2; none is its party's 6, 6, 6"
    )


def test_performance_budget_efficiency_as_printed_and_repaired():
    repaired = axioms.performance_budget_efficiency
    printed = axioms.performance_budget_efficiency_as_printed
    # Wishes within reach: both hold.
    a = exact.allocate(additive(1, 3), 10, [2, 4])
    assert a.model_values == (2, 4)
    assert repaired(a)
    assert printed(a)
    # A wish below one's own value: nobody can be given that.
    a = exact.allocate(additive(1, 1), 0, HALF)
    assert a.model_values == (1, 1)
    assert repaired(a)
    assert breaks(printed(a), "party 1 can afford 1/2 but has a model of 1")
    # The others' budgets cut the revenue.
    a = exact.allocate(additive(1, 2, 3), 0)
    assert repaired(a)
    assert breaks(printed(a), "party 2 can afford 6 but has a model of 14/3")
    # The others' wishes cut the revenue: that is not overrated.
    a = exact.allocate(additive(1, 2, 3), 0, [1, 6, 3])
    assert a.model_values == (1, 2, 3)
    assert printed(a)
    assert repaired(a)
    over = exact.adjustment(additive(1, 3), [HALF, 1], 0, [inf, 3])
    assert breaks(repaired(over), "party 1 has a model of 5/2, not 4, and -1/2 of its budget left")
    idle = exact.adjustment(additive(1, 3), [0, 0], 1, [2, 3])
    assert breaks(repaired(idle), "party 1 has a model of 1, not 2, and 1 of its budget left")
    assert breaks(printed(idle), "party 1 can afford 2 but has a model of 1")


def test_the_variant_of_weak_efficiency_as_printed_and_repaired():
    repaired, printed = axioms.weak_efficiency_variant, axioms.weak_efficiency_variant_as_printed
    a = exact.allocate(additive(1, 1), 0, HALF)
    assert repaired(a)
    assert breaks(printed(a), "models of 1, 1; none is its party's 1/2, 1/2")
    a = exact.allocate(additive(1, 1), 1, [HALF, Fraction(3, 2)])
    assert a.model_values == (1, Fraction(3, 2))
    assert repaired(a)
    assert printed(a)
    idle = exact.adjustment(additive(1, 1), [0, 0], 0)
    assert breaks(repaired(idle), "models of 1, 1; none is its party's 2, 2")
    assert printed(exact.allocate(additive(1, 1)))


def test_pareto_efficiency_can_fail():
    values = additive(1, 2, 3)
    best = exact.allocate(values, 0)
    assert axioms.pareto_efficiency(best)
    shrunk = exact.adjustment(values, [x / 2 for x in best.scaling], 0)
    assert breaks(
        axioms.pareto_efficiency(shrunk),
        "party 1 could have 8/3 in place of 11/6, and no party less than now",
    )
    beyond = exact.adjustment(values, [1, 1, 1], 0)
    assert breaks(axioms.pareto_efficiency(beyond), "party 1 lacks 3")
    worse = exact.adjustment(additive(1, 3), [-HALF, 0])
    assert breaks(axioms.pareto_efficiency(worse), "party 1 has a model of -1/2, outside 1 to 4")
    greedy = exact.adjustment(additive(1, 3), [2, 1])
    assert breaks(axioms.pareto_efficiency(greedy), "party 1 has a model of 7, outside 1 to 4")
    wish = exact.adjustment(additive(1, 3), [1, 1], inf, [2, 4])
    assert breaks(axioms.pareto_efficiency(wish), "party 1 has a model of 4, outside 1 to 2")


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_pareto_efficiency_agrees_with_a_linear_programme(data):
    values = data.draw(tables(min_parties=2, max_parties=4))
    n, top = parties(values), max(1, values[-1])
    budgets = data.draw(amounts(n, top))
    # Greatest within smaller budgets, so feasible and often not the greatest.
    less = [min(b, c) for b, c in zip(budgets, data.draw(amounts(n, top)), strict=True)]
    a = exact.adjustment(values, exact.allocate(values, less).scaling, budgets)
    matrix = np.array(exact.clearing_matrix(a.flows), dtype=float)
    limited = np.array([b < inf for b in budgets])
    costs = np.array(a.gains, dtype=float)
    best = linprog(
        -costs,
        A_ub=matrix[limited] if limited.any() else None,
        b_ub=np.array([float(b) for b in budgets if b < inf]) if limited.any() else None,
        bounds=[(float(x), 1) for x in a.scaling],
    )
    # Rounding may leave nothing feasible where only one point is.
    gain = -best.fun - float(sum(a.costs)) if best.status == 0 else 0.0
    assert bool(axioms.pareto_efficiency(a)) == (gain < 1e-7)


def test_pareto_efficiency_needs_nonnegative_flows():
    values = [0, 0, 0, 2, 0, 0, 0, 1]
    with pytest.raises(ValueError, match="some flow is negative"):
        axioms.pareto_efficiency(exact.adjustment(values, [0, 0, 0], 0))


def test_desirability_order_can_fail():
    values = additive(1, 2, 3)
    assert axioms.desirability_order(exact.allocate(values, 0))
    assert breaks(
        axioms.desirability_order(exact.adjustment(values, [1, 0, 1])),
        "party 2 is at least as desirable as party 1 but has model value 2 < 6",
    )
    same = additive(1, 1)
    assert breaks(
        axioms.desirability_order(exact.adjustment(additive(0, 2), [HALF, 0], [1, 1])),
        "party 2 is at least as desirable as party 1 but has scaling factor 0 < 1/2",
    )
    assert axioms.desirability_order(exact.adjustment(same, [1, 1]))
    # Smaller budgets or wishes excuse it.
    assert axioms.desirability_order(exact.adjustment(values, [1, 0, 1], [3, 2, 3]))
    assert axioms.desirability_order(exact.adjustment(values, [1, 0, 1], inf, [6, 5, 6]))


def test_desirability_order_of_payoffs_can_fail():
    # Party 2 is worth more and has the better model, but pays more than party 1.
    a = exact.adjustment(additive(1, 2), [0, 1], 5)
    assert breaks(
        axioms.desirability_order(a),
        "party 2 is at least as desirable as party 1 but has payoff -1 < 1",
    )


# --- floats --------------------------------------------------------------------------------------


def test_floats_need_a_tolerance():
    values = np.array(monotone_hull([0, 1, 5, 7, 4, 8, 6, 9])) / 10
    flows = shapfair.conditional_shapley_values

    def payoffs(v):
        return 3 * shapfair.shapley_values(v) - v[-1]

    assert axioms.balance(payoffs, values, atol=1e-12)
    assert axioms.fair_cost(flows, values, atol=1e-12)
    assert axioms.linearity(lambda v: payoffs(np.array(v)), values, values[::-1], 0.1, atol=1e-12)
    assert not axioms.linearity(
        lambda v: payoffs(np.array(v)) + 1e-9, values, values[::-1], 0.1, atol=1e-12
    )
    assert not axioms.balance(lambda v: payoffs(v) + 1e-9, values, atol=1e-12)
    assert not axioms.balance(lambda v: payoffs(v) + np.nan, values, atol=1e-12)
    assert not axioms.fair_cost(lambda v: flows(v) + 1e-9, values, atol=1e-12)
    dummy = np.array(additive(0.1, 0.0, 0.2))
    assert axioms.conditional_dummy(flows, dummy, atol=1e-12)
    assert axioms.dummy_party(payoffs, dummy, atol=1e-12)
    assert axioms.efficiency(shapfair.shapley_values, dummy, atol=1e-12)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.data())
def test_float_allocations_have_the_repaired_properties_up_to_rounding(data):
    values = [v / 10 for v in data.draw(tables(min_parties=2, max_parties=4))]
    n, top = parties(values), max(1, int(values[-1]))
    budgets = [float(b) for b in data.draw(amounts(n, top))]
    b = shapfair.allocate(shapfair.Game(values), budgets)
    a = exact.adjustment(values, b.scaling, budgets)
    for rule in (*REPAIRED, axioms.budget_efficiency, axioms.weak_efficiency):
        assert rule(a, atol=1e-8), rule(a, atol=1e-8).witness
    adjusted = axioms.adjusted_values(a)
    for check in (
        axioms.feasibility,
        axioms.individual_rationality,
        axioms.marginal_contribution_consistency,
    ):
        assert check(values, adjusted, atol=1e-9)
