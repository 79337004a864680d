"""Section 4 and App. G of the paper, statement by statement, in rational arithmetic.

Games are in bitmask order; ``additive(1, 2, 3)`` is the game of three parties in which a coalition
is worth the sum of its members. Parties count from 0 here and from 1 in the paper.
"""

from fractions import Fraction
from functools import cache
from itertools import combinations, permutations, product

import pytest
from helpers import (
    RESULTS,
    SMALL_GAMES,
    additive,
    amounts,
    fictitious_default,
    flows_by_definition,
    is_monotone,
    monotone_hull,
    parties,
    revenues,
    shortfalls,
    solve,
    subsets,
    tables,
    vertices,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from shapfair import Game
from shapfair.theory import axioms, exact

ONE, HALF = Fraction(1), Fraction(1, 2)
EASY = settings(max_examples=100, deadline=None, derandomize=True)

# No budget at all, one rich party, equal budgets, and a mixture.
BUDGETS = [
    (Fraction(0),) * 3,
    (Fraction(0), Fraction(0), HALF),
    (Fraction(1, 3),) * 3,
    (ONE, Fraction(0), Fraction(1, 4)),
]


@cache
def flows_of(values):
    return flows_by_definition(values)


def costs_of(flows):
    return [sum(row) for row in flows]


def greatest(values, budgets):
    """Greatest feasible scaling factors by the slow algorithm of the helpers."""
    return list(_greatest(tuple(values), tuple(budgets)))


@cache
def _greatest(values, budgets):
    flows = flows_of(values)
    return fictitious_default(flows, budgets, [ONE] * len(flows))[0]


def payoffs(values, scaling):
    flows = flows_of(tuple(values))
    pays = [x * cost for x, cost in zip(scaling, costs_of(flows), strict=True)]
    return [earns - paid for earns, paid in zip(revenues(flows, scaling), pays, strict=True)]


def unscaled(values):
    """The payoffs p(v), with unlimited budgets."""
    return payoffs(values, [ONE] * parties(values))


def is_feasible(values, budgets, scaling):
    lacks = shortfalls(flows_of(tuple(values)), budgets, scaling)
    return all(0 <= x <= 1 for x in scaling) and all(lack <= 0 for lack in lacks)


def refutes_statement_1(values, budgets, strictly=False):
    """Parties that can afford the best model at p(v) and do not receive it."""
    costs, scaling = costs_of(flows_of(tuple(values))), greatest(values, budgets)
    return [
        i
        for i, payoff in enumerate(unscaled(values))
        if costs[i] and scaling[i] < 1 and (payoff > 0 if strictly else -payoff <= budgets[i])
    ]


def solutions(values, budgets, constrained):
    """Feasible points with factor 1 off the constrained parties and tight budgets on them.

    The solutions are none, a point, or the segment between two points: the ends are returned.
    """
    flows, d = flows_of(tuple(values)), sorted(constrained)
    n, costs = len(flows), costs_of(flows)
    matrix = [[(costs[i] if i == k else 0) - flows[k][i] for k in d] for i in d]
    right = [budgets[i] + sum(flows[k][i] for k in range(n) if k not in d) for i in d]
    base = solve(matrix, right)
    direction = [Fraction(0)] * len(d)
    if base is None:  # one constrained party can be left out: its factor is free
        ends = []
        for last in d:
            rest = [i for i in d if i != last]
            small = [[matrix[d.index(i)][d.index(k)] for k in rest] for i in rest]
            column = [-matrix[d.index(i)][d.index(last)] for i in rest]
            tail = solve(small, column)
            if tail is None:
                continue
            start = solve(small, [right[d.index(i)] for i in rest])
            base = [start[rest.index(i)] if i != last else Fraction(0) for i in d]
            direction = [tail[rest.index(i)] if i != last else ONE for i in d]
            break
        assert any(direction)  # the null space has dimension 1
        rows = list(zip(matrix, right, strict=True))
        if any(sum(a * x for a, x in zip(row, base, strict=True)) != b for row, b in rows):
            return []
        assert all(sum(a * x for a, x in zip(row, direction, strict=True)) == 0 for row, _ in rows)
    at = [[base[d.index(i)] if i in d else ONE for i in range(n)]]
    at.append([direction[d.index(i)] if i in d else Fraction(0) for i in range(n)])
    low, high = Fraction(-(10**9)), Fraction(10**9)
    lacks = shortfalls(flows, budgets, at[0])
    moves = shortfalls(flows, [Fraction(0)] * n, at[1])
    limits = [(lack, move) for lack, move in zip(lacks, moves, strict=True)]
    limits += [(x - 1, dx) for x, dx in zip(*at, strict=True)]
    limits += [(-x, -dx) for x, dx in zip(*at, strict=True)]
    for level, slope in limits:  # level + t slope <= 0
        if slope > 0:
            high = min(high, -level / slope)
        elif slope < 0:
            low = max(low, -level / slope)
        elif level > 0:
            return []
    if low > high:
        return []
    ends = [low, high] if any(direction) else [Fraction(0)]
    return [[x + t * dx for x, dx in zip(*at, strict=True)] for t in ends]


def repaired_solutions(values, budgets):
    """Ends of all solutions of budget constraints and repaired budget efficiency."""
    gaining = [i for i, cost in enumerate(costs_of(flows_of(tuple(values)))) if cost]
    return [end for d in subsets(gaining) for end in solutions(values, budgets, d)]


def assert_the_five_properties(a):
    """Those of the repaired Lemma 4.1."""
    adjusted = axioms.adjusted_values(a)
    assert axioms.feasibility(a.values, adjusted)
    assert axioms.individual_rationality(a.values, adjusted)
    assert axioms.marginal_contribution_consistency(a.values, adjusted)
    assert axioms.budget_constraints(a)
    assert axioms.budget_efficiency(a)
    assert axioms.weak_efficiency(a)


def closed_sets(flows):
    """Nonempty sets of parties that pay nobody outside."""
    n = len(flows)
    for s in subsets(range(n)):
        if s and not any(flows[i][k] for i in s for k in range(n) if k not in s):
            yield frozenset(s)


# --- (8), (9), Lemmas G.1 and G.2 ----------------------------------------------------------------

scaled_games = tables(min_parties=2, max_parties=4).flatmap(
    lambda v: st.tuples(
        st.just(v),
        st.lists(st.fractions(0, 1, max_denominator=6), min_size=parties(v), max_size=parties(v)),
    )
)


def adjusted_by_hand(values, scaling):
    return [
        [scaling[i] * v + (1 - scaling[i]) * values[1 << i] for v in values]
        for i in range(parties(values))
    ]


@EASY
@given(scaled_games)
def test_lemma_g_1_every_factor_between_0_and_1_meets_8_and_9(problem):
    values, scaling = problem
    adjusted = adjusted_by_hand(values, scaling)
    assert axioms.feasibility(values, adjusted)
    assert axioms.individual_rationality(values, adjusted)
    assert axioms.marginal_contribution_consistency(values, adjusted)
    for i, table in enumerate(adjusted):
        with_i = [c for c in range(len(values)) if c >> i & 1]
        assert table[1 << i] == values[1 << i]  # (26)
        assert all(table[c] <= table[d] for c in with_i for d in with_i if c & d == c)  # monotone


@pytest.mark.parametrize("factor", [Fraction(-1, 9), Fraction(10, 9)])
def test_lemma_g_1_no_factor_outside_0_and_1_meets_8(factor):
    values = additive(1, 2, 3)
    for i in range(3):
        adjusted = adjusted_by_hand(values, [factor if k == i else ONE for k in range(3)])
        bounded = axioms.feasibility(values, adjusted)
        assert not (bounded and axioms.individual_rationality(values, adjusted))


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_lemma_g_1_is_unique_for_given_factors(n):
    # The unknowns are v'_1 of the coalitions with party 1, the equations (27) and (26). The own
    # value is reached from every coalition by dropping one member after another.
    with_party = [c for c in range(2**n) if c & 1]
    equations = [(c, c | 1 << j) for c in with_party for j in range(n) if not c >> j & 1]
    known = {1}
    while grown := {d for c, d in equations if c in known} - known:
        known |= grown
    assert known == set(with_party)


def test_lemma_g_1_leaves_the_factor_free_without_a_gain():
    values = [0, 3, 1, 3]  # party 1 is omnipotent
    tables_of_1 = [[adjusted_by_hand(values, [x, 1])[0][c] for c in (1, 3)] for x in (0, HALF, 1)]
    assert tables_of_1 == [[3, 3]] * 3


def test_9_with_positive_factors_cannot_meet_the_budget_of_a_dummy():
    values = additive(0, 2, 3)
    flows = flows_by_definition(values)
    assert [flows[k][0] for k in range(3)] == [0, 0, 0]  # nobody pays party 1
    assert sum(flows[0]) == 5  # so that its constraint is 5 lambda_1 <= 0
    assert greatest(values, [0, 0, 0]) == [0, Fraction(2, 3), 1]
    a = exact.allocate(values, 0)
    assert axioms.marginal_contribution_consistency(values, axioms.adjusted_values(a))
    assert not axioms.marginal_contribution_consistency_as_printed(
        values, axioms.adjusted_values(a)
    )


def test_9_holds_for_no_negative_factor():
    for values in SMALL_GAMES[::5]:
        for x in (Fraction(-1, 9), Fraction(10, 9)):
            w = axioms.adjusted_values(exact.adjustment(values, [x] * 3))
            kept = axioms.marginal_contribution_consistency(values, w)
            assert bool(kept) == (x > 0 or max(costs_of(flows_of(values))) == 0)


def test_9_asks_for_the_same_factor_for_all_contributions():
    # Party 2 adds half of what it did, party 3 as much as before: within (8), and no factor fits.
    values = additive(1, 2, 3)
    w = [[0, 1, 0, 2, 0, 4, 0, 5], values, values]
    assert axioms.feasibility(values, w)
    assert axioms.individual_rationality(values, w)
    assert not axioms.marginal_contribution_consistency(values, w)


def test_8_is_empty_on_a_table_that_is_not_monotone():
    values = [0, 2, 0, 1]
    assert values[0b11] < values[0b01]  # nothing lies between v(1) and v(12)
    for x in (0, HALF, 1):
        adjusted = adjusted_by_hand(values, [x, x])
        bounded = axioms.feasibility(values, adjusted)
        assert not (bounded and axioms.individual_rationality(values, adjusted))


@EASY
@given(scaled_games)
def test_lemma_g_2_flows_of_the_adjusted_value_functions(problem):
    values, scaling = problem
    flows, adjusted = flows_by_definition(values), adjusted_by_hand(values, scaling)
    for i, x in enumerate(scaling):
        want = [x * flow for flow in flows[i]]
        assert flows_by_definition(adjusted[i])[i] == want
        assert flows_by_definition([x * v for v in values])[i] == want


def test_lemma_g_2_scaled_game_is_another_value_function():
    # lambda_1 v(N) = 2 is not the model value v(1) + lambda_1 (v(N) - v(1)) = 8/3.
    values = additive(1, 2, 3)
    x = greatest(values, [0, 0, 0])[0]
    assert (x * values[-1], adjusted_by_hand(values, [x, 1, 1])[0][-1]) == (2, Fraction(8, 3))


# --- the linear programme (P) --------------------------------------------------------------------


@EASY
@given(scaled_games)
def test_p_in_matrix_form(problem):
    values, scaling = problem
    n, flows = parties(values), flows_by_definition(values)
    matrix = exact.clearing_matrix(exact.conditional_shapley_values(values))
    left = [sum(a * x for a, x in zip(row, scaling, strict=True)) for row in matrix]
    assert left == [-p for p in payoffs(values, scaling)]
    assert [sum(column) for column in zip(*matrix, strict=True)] == [0] * n
    pairs = sum(scaling[i] * flows[i][j] for i, j in permutations(range(n), 2))
    a = exact.adjustment(values, scaling)
    assert pairs == sum(a.costs)
    # Revenue, cost and model value after Lemma 4.1.
    assert list(a.revenues) == revenues(flows, scaling)
    assert list(a.model_values) == [v[-1] for v in adjusted_by_hand(values, scaling)]
    assert list(a.model_values) == [
        own + cost for own, cost in zip(a.own_values, a.costs, strict=True)
    ]
    # Welfare: payoffs cancel, so total reward is total model value.
    rewards = [m + p for m, p in zip(a.model_values, a.payoffs, strict=True)]
    assert sum(rewards) == sum(a.own_values) + pairs
    assert all(reward >= own for reward, own in zip(rewards, a.own_values, strict=True))


def test_p_has_many_solutions_where_a_party_gains_nothing():
    values = [0, 1, 0, 1]
    assert costs_of(flows_by_definition(values)) == [0, 1]
    assert vertices(flows_by_definition(values), [0, 0]) == {
        (0, 0),
        (1, 0),
    }  # the objective is lambda_2
    assert greatest(values, [0, 0]) == [1, 0]


def test_own_revenue_rises_with_the_own_budget():
    # The revenue does not contain the own factor, but money that is spent comes back.
    values = additive(1, 3, 4)
    earns = [
        revenues(flows_of(tuple(values)), greatest(values, [b, Fraction(0), Fraction(0)]))[0]
        for b in (Fraction(0), HALF)
    ]
    assert earns == [Fraction(7, 4), Fraction(115, 64)]


def test_shapley_values_do_not_determine_payoffs_with_different_models():
    first, second = [0, 2, 2, 2, 2, 2, 2, 3], [0, 0, 0, 2, 0, 2, 2, 3]
    for values in (first, second):
        assert is_monotone(values)
        assert unscaled(values) == [0, 0, 0]  # so all Shapley values are 1
    factors = [ONE, Fraction(0), Fraction(0)]
    assert payoffs(first, factors) == [-1, HALF, HALF]
    assert payoffs(second, factors) == [-3, 3 * HALF, 3 * HALF]


def test_a_lower_cost_need_not_raise_the_own_payoff():
    def cost_and_payoff(wish, budget):
        values = additive(1, 2, 3)
        cap = Fraction(wish - 2, 4)
        flows = flows_of(tuple(values))
        factors = fictitious_default(flows, [budget] * 3, [ONE, cap, ONE])[0]
        a = exact.allocate(values, budget, [6, wish, 6])
        assert list(a.scaling) == list(factors)
        return 4 * factors[1], payoffs(values, factors)[1]

    assert [cost_and_payoff(wish, 0) for wish in (6, 4, 3, 2)] == [
        (Fraction(8, 3), 0),
        (2, 0),
        (1, 0),
        (0, 0),
    ]
    assert [cost_and_payoff(wish, HALF) for wish in (3, 2)] == [(1, 1), (0, 1)]


@EASY
@given(values=tables(min_parties=2, max_parties=4), data=st.data())
def test_a_lower_wish_never_lowers_the_own_payoff(values, data):
    budgets = data.draw(amounts(parties(values), top=values[-1]))
    wishes = data.draw(amounts(parties(values), top=values[-1]))
    i = data.draw(st.integers(0, parties(values) - 1))
    higher = [w + (k == i) for k, w in enumerate(wishes)]
    low, high = (exact.allocate(values, budgets, w) for w in (wishes, higher))
    assert low.costs[i] <= high.costs[i]
    assert low.payoffs[i] >= high.payoffs[i]


# --- budget efficiency as printed, Statements 1 and 2 --------------------------------------------

ZERO = (Fraction(0),) * 3
STATEMENT_1 = {
    "additive_1_2_3": (additive(1, 2, 3), ZERO, (-3, 0, 3), ("1/3", "2/3", "1"), 1),
    "positive_payoff_1_3_4": (additive(1, 3, 4), ZERO, (-5, 1, 4), ("1/4", "3/4", "1"), 1),
    "all_budgets_positive": (
        additive(1, 3, 4),
        (HALF,) * 3,
        (-5, 1, 4),
        ("11/32", "29/32", "1"),
        1,
    ),
    "smallest_grand_value": (
        [0, 0, 0, 0, 0, 1, 2, 2],
        ZERO,
        (-3 * HALF, 0, 3 * HALF),
        ("1/4", "13/16", "1"),
        1,
    ),
    "smallest_strictly": (
        [0, 0, 0, 2, 1, 1, 2, 2],
        ZERO,
        (-1, HALF, HALF),
        ("2/5", "4/5", "1"),
        1,
    ),
}


@pytest.mark.parametrize("name", STATEMENT_1)
def test_statement_1_fails_for(name):
    values, budgets, payoff, factors, party = STATEMENT_1[name]
    scaling = [Fraction(x) for x in factors]
    assert is_monotone(values)
    assert unscaled(values) == list(payoff)
    assert greatest(values, budgets) == scaling
    a = exact.allocate(values, budgets)
    assert list(a.scaling) == scaling
    assert -payoff[party] <= budgets[party]  # it can afford the best model,
    assert a.model_values[party] < values[-1]  # and does not receive it
    assert party in refutes_statement_1(values, budgets)
    assert not axioms.budget_efficiency_as_printed(a)
    assert axioms.budget_efficiency(a)


def test_statement_1_printed_chain_bounds_the_payment_from_below():
    # a = (1, 3, 4), b = 0, party 2: the chain needs a payment of at most 0 and bounds it below.
    values = additive(1, 3, 4)
    flows, raised = flows_of(tuple(values)), [Fraction(1, 4), ONE, ONE]
    cost, earns, full = sum(flows[1]), revenues(flows, raised)[1], revenues(flows, [ONE] * 3)[1]
    assert (cost - earns, cost - full, full - cost) == (Fraction(5, 4), -1, 1)
    assert not is_feasible(values, ZERO, raised)
    assert shortfalls(flows, ZERO, raised)[1] == Fraction(5, 4)


def test_statement_1_sweep_of_the_718_games():
    assert len(SMALL_GAMES) == 718
    violated = [v for v in SMALL_GAMES if refutes_statement_1(v, ZERO)]
    strictly = [v for v in SMALL_GAMES if refutes_statement_1(v, ZERO, strictly=True)]
    assert (len(violated), len(strictly)) == (222, 84)
    assert [sum(v[-1] == top for v in violated) for top in (1, 2, 3)] == [0, 30, 192]
    assert [sum(v[-1] == top for v in strictly) for top in (1, 2, 3)] == [0, 6, 78]
    for v in violated[::7]:
        assert not axioms.budget_efficiency_as_printed(exact.allocate(v, 0))


def test_statement_1_holds_for_two_parties():
    cases = 0
    for top in range(1, 6):
        for first, second in product(range(top + 1), repeat=2):
            for budgets in product([Fraction(k, 2) for k in range(5)], repeat=2):
                assert not refutes_statement_1([0, first, second, top], budgets)
                cases += 1
    assert cases == 2250


def test_literal_axioms_are_unsatisfiable_exactly_where_statement_1_fails():
    # The literal axioms leave one system: factor 1 where -p_i(v) <= b_i, tight budgets elsewhere.
    unsatisfiable = 0
    for values, budgets in product(SMALL_GAMES, BUDGETS):
        short = [i for i, p in enumerate(unscaled(values)) if -p > budgets[i]]
        literal = solutions(values, budgets, short)
        assert bool(literal) == (not refutes_statement_1(values, budgets))
        assert all(point == greatest(values, budgets) for point in literal)
        unsatisfiable += not literal
    assert unsatisfiable == 744


def test_literal_axioms_with_positive_factors_need_that_money_reaches_everybody():
    shares = additive(0, 1)
    assert not refutes_statement_1(shares, (Fraction(0),) * 2)
    assert greatest(shares, (Fraction(0),) * 2) == [0, 1]
    positive = 0
    for values, budgets in product(SMALL_GAMES, BUDGETS):
        short = [i for i, p in enumerate(unscaled(values)) if -p > budgets[i]]
        for point in solutions(values, budgets, short)[:1]:
            a = exact.adjustment(values, point, budgets)
            w = axioms.adjusted_values(a)
            printed = axioms.marginal_contribution_consistency_as_printed(values, w)
            gains = [x for x, c in zip(point, a.gains, strict=True) if c > 0]
            assert bool(printed) == all(x > 0 for x in gains)
            positive += bool(printed)
    assert positive == 1861


def test_literal_axioms_contradict_each_other_for_additive_1_2_3():
    # Parties 2 and 3 can afford it; party 2 then needs lambda_1 = 1, and party 1 cannot pay 5.
    flows = flows_of(tuple(additive(1, 2, 3)))
    assert shortfalls(flows, ZERO, [ONE, ONE, ONE]) == [3, 0, -3]
    assert shortfalls(flows, ZERO, [Fraction(1, 2), ONE, ONE])[1] == 1


def test_statement_1_fails_on_the_mnist_table():
    record = Game.read(RESULTS / "mnist.json")
    names = ["[0-3]", "[3-5]"]
    for row in record.hull().values:
        # Accuracies on 10,000 test images.
        values = [Fraction(round(10_000 * float(x)), 10_000) for x in row]
        full, a = exact.adjustment(values, [1] * 5, 0), exact.allocate(values, 0)
        for i in map(list(record.parties).index, names):
            assert full.payoffs[i] > 0
            assert a.model_values[i] < values[-1]


@EASY
@given(
    tables(min_parties=2, max_parties=4).flatmap(
        lambda v: st.tuples(st.just(v), amounts(parties(v)))
    )
)
def test_converse_of_statement_1_and_statement_2(problem):
    values, budgets = problem
    scaling = greatest(values, budgets)
    costs, adjusted = costs_of(flows_of(tuple(values))), payoffs(values, scaling)
    for i, payoff in enumerate(unscaled(values)):
        if scaling[i] == 1 and costs[i]:
            assert -payoff <= budgets[i]  # the converse of Statement 1
        if -payoff > budgets[i]:
            assert adjusted[i] == -budgets[i]  # Statement 2
        # Statement 1 repaired: what counts is the revenue that the party really receives.
        affordable = costs[i] - revenues(flows_of(tuple(values)), scaling)[i] <= budgets[i]
        assert affordable == (scaling[i] == 1)
        # (36): the last two steps are equalities.
        tail = (scaling[i] - 1) * costs[i] - payoff
        total = scaling[i] * costs[i] - revenues(flows_of(tuple(values)), [ONE] * len(costs))[i]
        assert tail == total
        assert total <= -adjusted[i]


# --- Lemma G.3 -----------------------------------------------------------------------------------


def test_lemma_g_3_greatest_point_among_all_vertices():
    for values, budgets in product(SMALL_GAMES[::15], BUDGETS):
        corners, best = vertices(flows_of(values), budgets), tuple(greatest(values, budgets))
        assert best in corners
        assert tuple(max(column) for column in zip(*corners, strict=True)) == best
        for weights in ((1, 1, 1), (5, 1, 2)):  # the only maximiser of a positive objective
            top = max(sum(w * x for w, x in zip(weights, p, strict=True)) for p in corners)
            at_top = [
                p for p in corners if sum(w * x for w, x in zip(weights, p, strict=True)) == top
            ]
            assert all(p == best for p in at_top)


def test_lemma_g_3_joins_are_feasible_and_meets_need_not_be():
    meets = 0
    for values, budgets in product(SMALL_GAMES[::24], BUDGETS):
        for p, q in combinations(vertices(flows_of(values), budgets), 2):
            assert is_feasible(values, budgets, exact.join(p, q))
            meets += not is_feasible(values, budgets, list(map(min, p, q)))
    assert meets > 0


def test_lemma_g_3_meet_that_is_not_feasible():
    values, budgets = additive(1, 3, 4), (HALF,) * 3
    p, q = (Fraction(1, 4), Fraction(5, 8), ONE), (Fraction(1, 8), Fraction(3, 4), ONE)
    assert is_feasible(values, budgets, p)
    assert is_feasible(values, budgets, q)
    assert exact.join(p, q) == (Fraction(1, 4), Fraction(3, 4), ONE)
    assert is_feasible(values, budgets, exact.join(p, q))
    meet = [Fraction(1, 8), Fraction(5, 8), ONE]
    assert shortfalls(flows_of(tuple(values)), budgets, meet)[2] == HALF


def test_lemma_g_3_needs_gains():
    # (0, 0) solves (P) and is not above the feasible point (1, 0): lambda_1 touches nothing.
    values = [0, 1, 0, 1]
    assert is_feasible(values, [0, 0], [1, 0])
    assert payoffs(values, [0, 0]) == payoffs(values, [1, 0]) == [0, 0]
    assert vertices(flows_by_definition(values), [0, 0]) == {
        (0, 0),
        (1, 0),
    }  # both have lambda_2 = 0


def test_lemma_g_3_printed_proof_active_constraint_with_positive_unscaled_payoff():
    values = additive(1, 3, 4)
    flows, scaling = flows_of(tuple(values)), greatest(values, ZERO)
    assert payoffs(values, scaling)[1] == 0  # the budget constraint of party 2 is active,
    assert (revenues(flows, [ONE] * 3)[1], sum(flows[1])) == (6, 5)  # and p_+ > p_-


def test_lemma_g_3_printed_proof_would_make_one_half_greatest():
    # All that the proof uses of its lambda* is (46). The point (1/2, 1/2) has it, and (1, 1) is
    # feasible and larger: the strict sign after (47) would be a contradiction, but is an equality.
    values, half = additive(1, 1), [HALF, HALF]
    assert payoffs(values, half) == [0, 0]
    assert is_feasible(values, [0, 0], [ONE, ONE])
    flows = flows_of(tuple(values))
    left = sum((ONE - HALF) * flows[j][0] for j in (0, 1))
    right = (ONE - HALF) * sum(flows[0])
    assert left == right == HALF
    assert revenues(flows, [ONE, ONE])[0] <= sum(flows[0])


# --- uniqueness ----------------------------------------------------------------------------------


def test_uniqueness_printed_chain_at_an_instance():
    # (50) to (53) hold for lambda' = (0, 2/3, 1) and i_o = 1, and the chain reads 0 < -2/3 < -5/3.
    values = additive(1, 2, 3)
    flows, best = flows_of(tuple(values)), greatest(values, ZERO)
    other = [Fraction(0), Fraction(2, 3), ONE]
    assert [i for i in range(3) if other[i] < best[i]] == [0]  # (50), (51)
    assert other[1:] == best[1:]  # (52)
    assert -unscaled(values)[0] == 3  # (53)
    gaps = [x - y for x, y in zip(other, best, strict=True)]
    earns, costs = revenues(flows, [ONE] * 3)[0], sum(flows[0])
    assert earns < costs
    chain = sum(gaps[j] * flows[j][0] for j in (1, 2)), gaps[0] * earns, gaps[0] * costs
    assert chain == (0, Fraction(-2, 3), Fraction(-5, 3))


def test_uniqueness_argument_has_no_53_for_the_repaired_property():
    # lambda_2* < 1 although -p_2(v) = 0 = b_2.
    values = additive(1, 2, 3)
    assert greatest(values, ZERO)[1] == Fraction(2, 3)
    assert unscaled(values)[1] == 0


def structure(flows):
    """Omnipotent parties and closed classes; asserts the dichotomy."""
    n, costs = len(flows), costs_of(flows)
    omnipotent = {i for i in range(n) if costs[i] == 0}
    closed = list(closed_sets(flows))
    classes = [s for s in closed if not any(t < s for t in closed)]
    if omnipotent:
        assert set(classes) == {frozenset({i}) for i in omnipotent}
        assert all(flows[i][z] > 0 for i in range(n) if i not in omnipotent for z in omnipotent)
    else:
        assert len(classes) == 1
        assert len(classes[0]) >= 2
        for s in closed:
            assert all(any(flows[k][i] for i in s) for k in range(n) if k not in s)
    return omnipotent, classes


def test_structure_dichotomy_of_the_718_games():
    assert sum(bool(structure(flows_of(v))[0]) for v in SMALL_GAMES) == 123


def test_structure_dichotomy_of_the_166_simple_games_of_four_parties():
    ups = [v for v in product((0, 1), repeat=15) if is_monotone((0, *v)) and v[-1]]
    assert len(ups) == 166
    for v in ups:
        structure(flows_by_definition([0, *v]))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(tables(min_parties=4, max_parties=5).filter(lambda v: v[-1] > 0))
def test_structure_dichotomy_of_larger_games(values):
    structure(flows_by_definition(values))


def test_repaired_lemma_4_1_solutions_are_a_point_or_a_segment():
    counts = {"point": 0, "segment": 0}
    for values, budgets in product(SMALL_GAMES, BUDGETS):
        omnipotent = any(cost == 0 for cost in costs_of(flows_of(values)))
        ends, best = repaired_solutions(values, budgets), greatest(values, budgets)
        assert best in ends
        if omnipotent or any(budgets):
            assert all(end == best for end in ends)
            counts["point"] += 1
        else:
            assert max(best) == 1  # weak efficiency holds at t = 1
            assert [0, 0, 0] in ends
            assert all(end == [max(end) * x for x in best] for end in ends)  # t = max(end)
            counts["segment"] += 1
    # No budgets and no omnipotent party, of which 123 games have one.
    assert counts == {"point": 4 * 718 - 595, "segment": 718 - 123}


def test_repaired_lemma_4_1_properties_of_the_greatest_point():
    for values, budgets in product(SMALL_GAMES[::8], BUDGETS):
        a = exact.allocate(values, budgets)
        assert list(a.scaling) == greatest(values, budgets)
        assert_the_five_properties(a)
        assert axioms.pareto_efficiency(a)


def test_repaired_budget_efficiency_is_not_had_by_every_feasible_point():
    values = additive(1, 3, 4)
    low = exact.adjustment(values, [Fraction(1, 4), Fraction(5, 8), 1], HALF)
    assert max(shortfalls(flows_of(tuple(values)), (HALF,) * 3, low.scaling)) <= 0
    assert axioms.budget_constraints(low)
    assert not axioms.budget_efficiency(low)
    meet = exact.adjustment(values, [Fraction(1, 8), Fraction(5, 8), 1], HALF)
    assert not axioms.budget_constraints(meet)
    # To pay nothing is within every budget, and has the property only where nothing is left.
    lazy = [
        axioms.budget_efficiency(exact.adjustment(v, [0, 0, 0], b)).holds
        for v, b in product(SMALL_GAMES[::7], BUDGETS)
        if max(costs_of(flows_of(v))) > 0
    ]
    assert 0 < sum(lazy) < len(lazy)


def test_repaired_lemma_4_1_needs_weak_efficiency_without_budgets():
    values = additive(1, 2, 3)
    for t in (Fraction(0), HALF, ONE):
        a = exact.adjustment(values, [t / 3, 2 * t / 3, t], 0)
        assert axioms.budget_constraints(a)
        assert axioms.budget_efficiency(a)
        assert bool(axioms.weak_efficiency(a)) == bool(axioms.pareto_efficiency(a)) == (t == 1)


def test_repaired_lemma_4_1_needs_monotone_values():
    # No flow is negative and (8) can be met, but parties 2 and 3 owe only each other while party 1
    # has the best model anyway: every (1, t, t) has all five properties.
    values = [0, 1, 0, 1, 0, 1, 2, 1]
    assert flows_by_definition(values) == [[0, 0, 0], [0, 0, 1], [0, 1, 0]]
    for t in (Fraction(0), HALF, ONE):
        a = exact.adjustment(values, [ONE, t, t], 0)
        assert_the_five_properties(a)
        assert bool(axioms.pareto_efficiency(a)) == (t == 1)


def test_positive_factors_are_those_that_money_reaches():
    zero = 0
    for values, budgets in product(SMALL_GAMES, BUDGETS):
        flows, best = flows_of(values), greatest(values, budgets)
        omnipotent, classes = structure(flows)
        reached = {i for i in range(3) if budgets[i]} | omnipotent
        reached |= set() if omnipotent else classes[0]
        for _ in range(3):
            reached |= {k for i in reached for k in range(3) if flows[i][k]}
        assert reached == {i for i in range(3) if best[i] > 0}
        zero += min(best) == 0
    assert zero == 332


# --- certificate ---------------------------------------------------------------------------------


def total_cost(values, budgets):
    costs = costs_of(flows_of(tuple(values)))
    return sum(x * c for x, c in zip(greatest(values, budgets), costs, strict=True))


def test_certificate_proves_the_greatest_point_optimal():
    for values, budgets in product(SMALL_GAMES[::4], BUDGETS):
        a = exact.allocate(values, budgets)
        assert {i for i in range(3) if a.scaling[i] < 1} == a.constrained
        y, z = exact.certificate(a)
        flows, costs = flows_of(values), costs_of(flows_of(values))
        assert all(price >= (i in a.constrained) for i, price in enumerate(y))
        assert min(z) >= 0
        for i in range(3):  # dual feasibility, with equality
            assert costs[i] * y[i] - sum(flows[i][k] * y[k] for k in range(3)) + z[i] == costs[i]
        dual = sum(b * price for b, price in zip(budgets, y, strict=True)) + sum(z)
        assert dual == sum(x * c for x, c in zip(a.scaling, costs, strict=True))


def test_certificate_is_the_right_derivative_of_total_cost():
    step = Fraction(1, 10**9)
    for values, budgets in product(SMALL_GAMES[::6], BUDGETS):
        y, _ = exact.certificate(exact.allocate(values, budgets))
        base = total_cost(values, budgets)
        for i in range(3):
            more = [b + step * (k == i) for k, b in enumerate(budgets)]
            assert (total_cost(values, more) - base) / step == y[i]


def test_certificate_of_additive_1_3_4_counts_how_often_money_is_spent():
    a = exact.allocate(additive(1, 3, 4), HALF)
    y, z = exact.certificate(a)
    assert y == (Fraction(25, 16), Fraction(21, 16), 0)
    assert z == (0, 0, Fraction(19, 2))
    # Party 1 passes 3/7 of a unit to party 2, which passes 1/5 of it back.
    assert y[0] == 1 + Fraction(3, 7) * y[1]
    assert y[1] == 1 + Fraction(1, 5) * y[0]


def test_certificate_is_not_the_left_derivative_at_a_kink():
    values, step = additive(1, 2), Fraction(1, 10**9)
    assert exact.certificate(exact.allocate(values, [1, 0]))[0] == (0, 0)
    assert total_cost(values, [1 + step, 0]) == total_cost(values, [1, 0])
    assert total_cost(values, [ONE, 0]) - total_cost(values, [1 - step, 0]) == step


def test_hull_of_a_table_keeps_8_nonempty():
    values = [0, 2, 0, 1]
    hull = monotone_hull(values)
    assert hull == [0, 2, 0, 2]
    adjusted = adjusted_by_hand(hull, [HALF, HALF])
    assert axioms.feasibility(hull, adjusted)
    assert axioms.individual_rationality(hull, adjusted)
