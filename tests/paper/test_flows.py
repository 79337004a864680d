"""Section 3.2, Appendices E and F: payoff flows, in rational arithmetic.

Identities that are linear in the game are tested on all unit games, which proves them for that
number of parties.
"""

import random
from fractions import Fraction
from itertools import combinations, permutations
from math import factorial

import numpy as np
import pytest
from flint import fmpz_mat
from helpers import (
    additive,
    bits,
    flows_by_definition,
    flows_by_permutations,
    parties,
    shapley_by_permutations,
    subsets,
    tables,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from shapfair.theory import axioms, exact
from shapfair.theory.uniqueness import (
    flow_axioms,
    flow_dimension,
    flow_map_rank,
    satisfied,
    unit_games,
)

exactly = settings(derandomize=True, deadline=None, max_examples=60)
any_game = tables(min_parties=2, max_parties=5, monotone=False)
monotone_game = tables(min_parties=2, max_parties=5)

NOT_MONOTONE = [0, 1, 0, 2, 0, 0, 0, 1]
TWINS = [0, 1, 2, 4, 2, 4, 3, 5]
"""Parties 2 and 3 add the same to every coalition with party 1."""
IDLE = [0, 1, 2, 4, 2, 1, 3, 4]
"""Party 3 adds nothing to any coalition with party 1."""
PLAIN = [0, 1, 2, 3, 3, 5, 4, 7]
OTHER = [0, 2, 1, 3, 0, 4, 1, 6]

FLOW_AXIOMS = (axioms.fair_cost, axioms.conditional_symmetry, axioms.conditional_dummy)


def flows_of(values):
    return exact.conditional_shapley_values(values)


def rows(matrix):
    return [list(row) for row in matrix]


def payoffs_of(flows):
    n = len(flows)
    return [sum(flows[k][i] - flows[i][k] for k in range(n)) for i in range(n)]


def payoffs_by_flows(values):
    return payoffs_of(flows_of(values))


def all_units(largest):
    return [u for n in range(2, largest + 1) for u in unit_games(n)]


def unanimity(n, members):
    return [int(c & members == members) for c in range(2**n)]


def given_party(values, i):
    """The game v_{-i}: coalitions of the others, in their order."""
    others = [j for j in range(parties(values)) if j != i]
    return [
        values[1 << i | bits(others[k] for k in range(len(others)) if c >> k & 1)] - values[1 << i]
        for c in range(2 ** len(others))
    ]


# --- (3) and (4) ---------------------------------------------------------------------------------


@exactly
@given(monotone_game)
def test_equation_3_costs_and_revenues_are_not_negative_for_monotone_games(values):
    flows = flows_of(values)
    assert min(map(min, flows)) >= 0
    everyone = exact.adjustment(values, [1] * len(flows))
    assert min(everyone.costs) >= 0
    assert min(everyone.revenues) >= 0
    difference = [r - c for r, c in zip(everyone.revenues, everyone.costs, strict=True)]
    assert list(everyone.payoffs) == difference == payoffs_of(flows)


def test_equation_3_signs_fail_without_monotonicity():
    everyone = exact.adjustment([0, 2, 0, 1], [1, 1])
    assert everyone.costs == (-1, 1)
    assert everyone.revenues == (1, -1)


@pytest.mark.parametrize("n", range(2, 7))
def test_equation_4_fair_cost_on_unit_games(n):
    for u in unit_games(n):
        assert [sum(row) for row in flows_of(u)] == [u[-1] - u[1 << i] for i in range(n)]


# --- payoffs do not determine flows --------------------------------------------------------------


def add(flows, change, amount):
    return [
        [f + amount * x for f, x in zip(*both, strict=True)]
        for both in zip(flows, change, strict=True)
    ]


@pytest.mark.parametrize("n", range(2, 6))
def test_closed_loop_keeps_payoffs(n):
    loop = [[int(j == (i + 1) % n) for j in range(n)] for i in range(n)]
    values = additive(*range(1, n + 1))
    flows = flows_of(values)
    changed = add(flows, loop, Fraction(5, 3))
    assert changed != rows(flows)
    assert payoffs_of(changed) == payoffs_of(flows)
    # Not a loop: one flow raised changes two payoffs.
    assert payoffs_of(add(flows, [[0, 1, *[0] * (n - 2)], *[[0] * n] * (n - 1)], 1)) != payoffs_of(
        flows
    )


def free_dimensions(n, costs, net):
    pairs = list(permutations(range(n), 2))
    conditions = [[(j == k) - (i == k) for i, j in pairs] for k in range(n)]
    if costs:
        conditions += [[int(i == k) for i, _ in pairs] for k in range(n)]
    if net:
        conditions += [
            [(pair == p) - (pair == p[::-1]) for pair in pairs] for p in combinations(range(n), 2)
        ]
    return len(pairs) - fmpz_mat(conditions).rank()


@pytest.mark.parametrize("n", range(2, 8))
def test_payoffs_leave_free_dimensions(n):
    assert free_dimensions(n, costs=False, net=False) == (n - 1) ** 2
    assert free_dimensions(n, costs=True, net=False) == (n**2 - 3 * n + 1 if n > 2 else 0)
    assert free_dimensions(n, costs=True, net=True) == (n * (n - 3) // 2 if n > 2 else 0)


def test_flows_with_the_same_payoffs_and_costs_can_differ():
    values = additive(1, 2, 3)
    flows = flows_of(values)
    # Every row and every column of the change sums to 0.
    change = [[0, 1, -1], [-1, 0, 1], [1, -1, 0]]
    other = add(flows, change, Fraction(1, 2))
    assert min(map(min, other)) >= 0
    assert payoffs_of(other) == payoffs_of(flows)
    assert [sum(row) for row in other] == [sum(row) for row in flows]
    assert other != rows(flows)


# --- conditional symmetry ------------------------------------------------------------------------


def paid_without_payer(values):
    """Everyone is paid v(N without i)."""
    n, top = parties(values), len(values) - 1
    return [[Fraction(0 if i == j else values[top ^ 1 << i]) for j in range(n)] for i in range(n)]


def bent(values, factor=lambda values, i: 1):
    """Conditional Shapley values plus an antisymmetric sum of degree 3."""
    matrix = rows(flows_of(values))
    for i, j in permutations(range(parties(values)), 2):
        g = [values[1 << i | 1 << k] - values[1 << i] for k in range(parties(values))]
        matrix[i][j] += factor(values, i) * sum(g[j] * g[k] * (g[j] - g[k]) for k in range(len(g)))
    return matrix


def test_conditional_symmetry_alone_lets_costs_depend_on_coalitions_without_the_payer():
    for values in (PLAIN, OTHER, TWINS, IDLE):
        assert axioms.conditional_symmetry(paid_without_payer, values)
    assert axioms.flow_linearity(paid_without_payer, PLAIN, OTHER, Fraction(-3, 2))
    changed = [*PLAIN]
    changed[0b110] += 1
    assert paid_without_payer(changed)[0] != paid_without_payer(PLAIN)[0]
    assert sum(paid_without_payer(changed)[0]) != sum(paid_without_payer(PLAIN)[0])
    # It lacks the other two properties, as it must.
    assert not axioms.fair_cost(paid_without_payer, PLAIN)
    assert not axioms.conditional_dummy(paid_without_payer, IDLE)


def test_without_linearity_the_other_properties_let_costs_depend_on_them_too():
    def far(values):
        return bent(values, lambda values, i: values[len(values) - 1 ^ 1 << i])

    for values in (PLAIN, OTHER, TWINS, IDLE):
        assert all(holds(far, values) for holds in FLOW_AXIOMS)
    changed = [*PLAIN]
    changed[0b110] += 1
    assert far(changed)[0] != far(PLAIN)[0]
    assert not axioms.flow_linearity(far, PLAIN, OTHER, 2)


@exactly
@given(any_game, st.data())
def test_flows_do_not_depend_on_coalitions_without_the_payer(values, data):
    i = data.draw(st.integers(0, parties(values) - 1))
    numbers = data.draw(st.lists(st.integers(-9, 9), min_size=len(values), max_size=len(values)))
    changed = [
        x if c >> i & 1 or c == 0 else other
        for c, (x, other) in enumerate(zip(values, numbers, strict=True))
    ]
    assert flows_of(changed)[i] == flows_of(values)[i]


# --- Lemma 3.7, (5), (22), (23), Appendix E ------------------------------------------------------


@pytest.mark.parametrize("n", range(2, 7))
def test_lemma_3_7_is_unique(n):
    assert flow_dimension(n) == 0


@pytest.mark.parametrize("n", range(2, 7))
def test_lemma_3_7_properties_are_independent_from_three_parties(n):
    assert flow_dimension(n, without="fair cost") == n - 1
    assert flow_dimension(n, without="conditional dummy") == n - 2
    assert flow_dimension(n, without="conditional symmetry") == (n - 3) * 2 ** (n - 2) + 1


def dimension_from_random_games(n, without):
    """The dimension again, with random games of each kind in place of bases."""
    numbers, (i, *others) = random.Random(n), range(n)
    unknowns = {
        (j, c): k for k, (j, c) in enumerate((j, c) for j in others for c in range(1, 2**n))
    }

    def game():
        return [0, *(numbers.randint(-9, 9) for _ in range(2**n - 1))]

    def row(coefficients, values):
        entries = [0] * len(unknowns)
        for j, factor in coefficients.items():
            for c in range(1, 2**n):
                entries[unknowns[j, c]] = factor * values[c]
        return entries

    matrix = []
    for _ in range(2**n):
        if without != "fair cost":
            matrix.append(row(dict.fromkeys(others, 1), game()))
        for j in others if without != "conditional dummy" else ():
            v = game()
            for c in range(2**n):
                if c & 1 << i and c & 1 << j:
                    v[c] = v[c ^ 1 << j]
            matrix.append(row({j: 1}, v))
        for j, k in combinations(others, 2) if without != "conditional symmetry" else ():
            v = game()
            for c in range(2**n):
                if c & 1 << i and c & 1 << j and not c & 1 << k:
                    v[c] = v[c ^ 1 << j ^ 1 << k]
            matrix.append(row({j: 1, k: -1}, v))
    return len(unknowns) - fmpz_mat(matrix).rank()


@pytest.mark.parametrize("n", range(2, 5))
@pytest.mark.parametrize(
    "without", [None, "fair cost", "conditional dummy", "conditional symmetry"]
)
def test_dimensions_agree_with_random_games(n, without):
    assert flow_dimension(n, without=without) == dimension_from_random_games(n, without)


def test_for_two_parties_fair_cost_alone_decides():
    assert flow_dimension(2, without="conditional dummy") == 0
    assert flow_dimension(2, without="conditional symmetry") == 0
    assert flows_of([0, 3, 5, 11]) == ((0, 8), (6, 0))


def equal_split(values):
    n = parties(values)
    return [
        [Fraction(values[-1] - values[1 << i], n - 1) if i != j else 0 for j in range(n)]
        for i in range(n)
    ]


def fixed_order(values):
    n = parties(values)
    gains = [added(values, (i, *(j for j in range(n) if j != i))) for i in range(n)]
    return [[x if j != i else 0 for j, x in enumerate(row)] for i, row in enumerate(gains)]


def test_plain_schemes_that_lack_one_property_only():
    def properties(scheme):
        games = (PLAIN, OTHER, TWINS, IDLE)
        linear = bool(axioms.flow_linearity(scheme, PLAIN, OTHER, 3))
        return [*(all(holds(scheme, values) for values in games) for holds in FLOW_AXIOMS), linear]

    assert properties(flows_of) == [True, True, True, True]
    twice = [False, True, True, True]
    assert properties(lambda values: [[2 * x for x in row] for row in flows_of(values)]) == twice
    assert properties(fixed_order) == [True, False, True, True]
    assert properties(equal_split) == [True, True, False, True]
    assert properties(bent) == [True, True, True, False]


@pytest.mark.parametrize("n", range(2, 6))
def test_lemma_3_7_properties_hold_in_all_games(n):
    for i in range(n):
        on_unit_games = [flows_of(u)[i] for u in unit_games(n)]
        for equations in flow_axioms(n, i).values():
            assert satisfied(equations, on_unit_games)
    # The plain schemes lack what they lack here too.
    order = [fixed_order(u)[0] for u in unit_games(n)]
    assert satisfied(flow_axioms(n, 0)["conditional symmetry"], order) == (n == 2)
    split = [equal_split(u)[0] for u in unit_games(n)]
    assert satisfied(flow_axioms(n, 0)["conditional dummy"], split) == (n == 2)


def test_linearity_of_flows_asks_for_sums_and_for_multiples():
    def whole_units(values):
        return [[x.numerator // x.denominator for x in row] for row in flows_of(values)]

    ten_items = [0, 1, 3, 4, 5, 6, 6, 7, 5, 6, 8, 9, 8, 9, 9, 10]
    assert list(flows_of(ten_items)[0]) == [0, 2, 3, 4]
    assert axioms.flow_linearity(whole_units, ten_items, ten_items, 3)
    halves = axioms.flow_linearity(whole_units, ten_items, ten_items, Fraction(1, 2))
    assert halves.witness == "party 1 pays party 3 1 in the 1/2-fold game, not 3/2"


def test_linearity_is_independent_from_three_parties():
    for values in (PLAIN, OTHER, TWINS, IDLE):
        for game in (values, values + values):  # the second with a dummy as party 4
            assert all(holds(bent, game) for holds in FLOW_AXIOMS)
    assert not axioms.flow_linearity(bent, PLAIN, OTHER, 1)
    assert not axioms.flow_linearity(bent, PLAIN + PLAIN, OTHER + OTHER, 1)
    twice = [2 * x for x in PLAIN]
    assert bent(twice)[0] != [2 * x for x in bent(PLAIN)[0]]


@pytest.mark.parametrize("n", range(2, 7))
def test_equation_5_is_the_only_possibility_on_unanimity_games(n):
    for members in range(1, 2**n):
        for i, row in enumerate(flows_of(unanimity(n, members))):
            rest = [j for j in range(n) if members >> j & 1 and j != i]
            forced = [Fraction(1, len(rest)) if j in rest else Fraction(0) for j in range(n)]
            assert list(row) == forced


@exactly
@given(any_game)
def test_equation_5_term_by_term(values):
    assert rows(flows_of(values)) == flows_by_definition(values)


@pytest.mark.parametrize("n", range(2, 6))
def test_equations_22_and_23_the_flows_are_shapley_values_of_the_game_without_the_payer(n):
    for u in unit_games(n):
        for i in range(n):
            smaller = given_party(u, i)
            assert smaller[0] == 0
            others = [j for j in range(n) if j != i]
            for k, j in enumerate(others):
                for rest in subsets(set(others) - {j}):
                    c, small = bits(rest), bits(others.index(m) for m in rest)
                    gain = u[c | 1 << i | 1 << j] - u[c | 1 << i]
                    assert smaller[small | 1 << k] - smaller[small] == gain
            row = list(flows_of(u)[i])
            assert row[:i] + row[i + 1 :] == shapley_by_permutations(smaller)


@exactly
@given(any_game, any_game, st.fractions(-3, 3, max_denominator=4))
def test_lemma_3_7_properties_hold(first, second, scalar):
    for holds in FLOW_AXIOMS:
        for values in (first, TWINS, IDLE):
            assert holds(flows_of, values)
    if len(first) == len(second):
        assert axioms.flow_linearity(flows_of, first, second, scalar)


def test_conditional_symmetry_and_dummy_on_games_that_have_them():
    assert flows_of(TWINS)[0][1] == flows_of(TWINS)[0][2] == 2
    assert flows_of(IDLE)[0] == (0, 3, 0)
    assert flows_of(PLAIN)[0][1] != flows_of(PLAIN)[0][2]


@exactly
@given(any_game, st.data())
def test_appendix_e_missing_line_nobody_is_paid_if_the_game_without_the_payer_is_zero(values, data):
    i = data.draw(st.integers(0, parties(values) - 1))
    flat = [values[1 << i] if c >> i & 1 else x for c, x in enumerate(values)]
    assert not any(given_party(flat, i))
    for j in set(range(parties(values))) - {i}:
        assert all(flat[c | 1 << j] == flat[c] for c in range(len(flat)) if c >> i & 1)
    assert not any(flows_of(flat)[i])


# --- Corollary 3.8 -------------------------------------------------------------------------------


@exactly
@given(any_game, st.fractions(-9, 9, max_denominator=5), st.data())
def test_corollary_3_8_translation(values, amount, data):
    i = data.draw(st.integers(0, parties(values) - 1))
    shifted = [x + amount if c >> i & 1 else x for c, x in enumerate(values)]
    assert flows_of(shifted)[i] == flows_of(values)[i]


@exactly
@given(any_game, st.fractions(-9, 9, max_denominator=5), st.data())
def test_corollary_3_8_needs_the_empty_coalition_shifted_too(values, amount, data):
    n = parties(values)
    i = data.draw(st.integers(0, n - 1))
    partly = [x + amount if c >> i & 1 and c != 1 << i else x for c, x in enumerate(values)]
    raised = [0 if j == i else f + amount / (n - 1) for j, f in enumerate(flows_of(values)[i])]
    assert list(flows_of(partly)[i]) == raised


# --- Remarks 3.9 and 3.10, (24) ------------------------------------------------------------------


@pytest.mark.parametrize("n", range(2, 6))
def test_remark_3_10_and_equation_24_orders_that_begin_with_the_payer(n):
    for u in unit_games(n):
        assert rows(flows_of(u)) == flows_by_permutations(u)


def added(values, order):
    gains, coalition = [0] * len(order), 0
    for j in order:
        gains[j] = values[coalition | 1 << j] - values[coalition]
        coalition |= 1 << j
    return gains


def test_remark_3_9_sampled_orders_estimate_the_flows_without_bias():
    weights = [c.bit_count() ** 2 + c for c in range(2**6)]
    values = [Fraction(w, w + 20) for w in weights]
    everything = [added(values, (0, *rest)) for rest in permutations(range(1, 6))]
    mean = [sum(column) / factorial(5) for column in zip(*everything, strict=True)]
    assert mean[1:] == list(flows_of(values)[0])[1:]
    # Every order satisfies fair cost, so every estimate does.
    assert {sum(gains[1:]) for gains in everything} == {values[-1] - values[1]}

    deviation = np.array(everything, dtype=float).std(axis=0)[1:]
    draw = random.Random(0)
    table = np.array(values, dtype=float)
    samples = np.array([added(table, (0, *draw.sample(range(1, 6), 5))) for _ in range(4000)])
    for count in (100, 1000, 4000):
        miss = np.abs(samples[:count].mean(axis=0) - np.array(mean, dtype=float))[1:]
        assert (miss < 4 * deviation / np.sqrt(count)).all()
        # The band is not so wide that anything passes.
        assert miss.max() > 0.1 * deviation.max() / np.sqrt(count)


# --- pairwise identity, (6), (7), Appendix F -----------------------------------------------------


@pytest.mark.parametrize("n", range(2, 7))
def test_pairwise_shapley_fairness_on_unit_games(n):
    for u in unit_games(n):
        flows, phi = flows_of(u), exact.shapley_values(u)
        payoffs = payoffs_of(flows)
        for i, j in permutations(range(n), 2):
            assert flows[i][j] - flows[j][i] == phi[j] - phi[i]
            assert n * (phi[j] - phi[i]) == payoffs[j] - payoffs[i]


@exactly
@given(any_game)
def test_pairwise_shapley_fairness_against_permutations(values):
    flows, phi = flows_of(values), shapley_by_permutations(values)
    for i, j in permutations(range(len(phi)), 2):
        assert flows[i][j] - flows[j][i] == phi[j] - phi[i]


@pytest.mark.parametrize("n", range(2, 7))
def test_equation_7_on_unit_games(n):
    for u in unit_games(n):
        phi = exact.shapley_values(u)
        everyone = exact.adjustment(u, [1] * n)
        assert everyone.payoffs == tuple(n * x - u[-1] for x in phi)
        assert everyone.costs == tuple(u[-1] - u[1 << i] for i in range(n))
        assert everyone.revenues == tuple(n * x - u[1 << i] for i, x in enumerate(phi))


@pytest.mark.parametrize("n", range(2, 7))
def test_equation_6_on_unit_games(n):
    for u in unit_games(n):
        flows, phi = flows_of(u), exact.shapley_values(u)
        for i in range(n):
            assert n * phi[i] == u[1 << i] + sum(flows[j][i] for j in range(n))


@pytest.mark.parametrize("n", range(2, 6))
def test_appendix_f_orders_sorted_by_the_first_party(n):
    orders = list(permutations(range(n)))
    for u in unit_games(n):
        shares = [[Fraction(0)] * n for _ in range(n)]  # first party, party
        for order in orders:
            for i, gain in enumerate(added(u, order)):
                shares[order[0]][i] += Fraction(gain, factorial(n - 1))
        flows, phi = flows_of(u), exact.shapley_values(u)
        for i in range(n):
            assert shares[i][i] == u[1 << i]
            assert all(shares[j][i] == flows[j][i] for j in range(n) if j != i)
            assert n * phi[i] == sum(shares[j][i] for j in range(n))


@exactly
@given(any_game, any_game)
def test_payoffs_of_the_flows_have_the_four_properties_of_section_3_1(first, second):
    equal = [0, 2, 2, 3, 1, 4, 4, 7]
    dummy = [0, 0, 2, 2, 3, 3, 6, 6]
    for values in (first, equal, dummy):
        assert axioms.balance(payoffs_by_flows, values)
        assert axioms.symmetry(payoffs_by_flows, values)
        assert axioms.dummy_party(payoffs_by_flows, values)
    assert payoffs_by_flows(dummy)[0] == -6
    if len(first) == len(second):
        assert axioms.linearity(payoffs_by_flows, first, second, Fraction(-2, 3))


# --- which matrices are flow matrices ------------------------------------------------------------


@pytest.mark.parametrize("n", range(2, 7))
def test_rank_of_the_flow_map(n):
    assert flow_map_rank(n) == (n - 1) * (n + 2) // 2


@exactly
@given(any_game)
def test_flows_split_into_a_symmetric_part_and_shapley_values(values):
    flows, phi = flows_of(values), exact.shapley_values(values)
    for i, j in permutations(range(len(phi)), 2):
        symmetric = (flows[i][j] + flows[j][i]) / 2
        assert flows[i][j] == symmetric + (phi[j] - phi[i]) / 2


def triangles_agree(f):
    return all(
        f[i][j] + f[j][k] + f[k][i] == f[i][k] + f[k][j] + f[j][i]
        for i, j, k in combinations(range(len(f)), 3)
    )


def game_with_flows(f, x):
    pairs = list(combinations(range(len(f)), 2))
    return [
        sum(x[k] for k in range(len(f)) if c >> k & 1)
        + sum(
            (f[k][m] + f[m][k] - x[k] - x[m])
            * ((c >> k & c >> m & 1) - Fraction((c >> k & 1) + (c >> m & 1), 2))
            for k, m in pairs
        )
        for c in range(2 ** len(f))
    ]


@exactly
@given(st.data())
def test_every_matrix_with_equal_triangles_is_a_flow_matrix(data):
    n = data.draw(st.integers(2, 5))
    number = st.integers(-9, 9)
    x = data.draw(st.lists(number, min_size=n, max_size=n))
    wanted = [[Fraction(0)] * n for _ in range(n)]
    for i, j in combinations(range(n), 2):
        even = data.draw(number)
        wanted[i][j], wanted[j][i] = (
            even + Fraction(x[j] - x[i], 2),
            even + Fraction(x[i] - x[j], 2),
        )
    assert triangles_agree(wanted)
    assert rows(flows_of(game_with_flows(wanted, x))) == wanted


@exactly
@given(any_game)
def test_flow_matrices_have_equal_triangles(values):
    assert triangles_agree(flows_of(values))


def test_a_circle_of_payments_is_no_flow_matrix():
    circle = [[0, 1, 0], [0, 0, 1], [1, 0, 0]]
    assert not triangles_agree(circle)
    units = [[x for row in flows_of(u) for x in row] for u in unit_games(3)]
    scaled = [[int(x * 6) for x in row] for row in units]
    flat = [x for row in circle for x in row]
    assert fmpz_mat([*scaled, flat]).rank() == fmpz_mat(scaled).rank() + 1 == 6


# --- Remark 3.11 ---------------------------------------------------------------------------------


@exactly
@given(any_game, st.data())
def test_remark_3_11_an_omnipotent_party_pays_nobody(values, data):
    i = data.draw(st.integers(0, parties(values) - 1))
    omnipotent = [values[1 << i] if c >> i & 1 else x for c, x in enumerate(values)]
    assert not any(flows_of(omnipotent)[i])


@exactly
@given(tables(min_parties=2, max_parties=4))
def test_remark_3_11_converse_for_monotone_games(values):
    n = parties(values)
    free = [i for i, row in enumerate(flows_of(values)) if sum(row) == 0]
    assume(free)
    for i in free:
        assert all(values[c | 1 << i] == values[1 << i] for c in range(2**n))


def test_remark_3_11_converse_fails_without_monotonicity():
    assert flows_of(NOT_MONOTONE)[0] == (0, 1, -1)
    assert sum(flows_of(NOT_MONOTONE)[0]) == 0
    assert NOT_MONOTONE[0b011] != NOT_MONOTONE[0b001]


# --- the example of the page ---------------------------------------------------------------------


@exactly
@given(st.integers(2, 5), st.data())
def test_data_as_sets_of_items(n, data):
    owner_sets = st.integers(1, 2**n - 1)
    items = data.draw(st.dictionaries(owner_sets, st.integers(1, 5), max_size=6))
    values = [sum(number for t, number in items.items() if t & c) for c in range(2**n)]
    for i, row in enumerate(flows_of(values)):
        for j in range(n):
            share = sum(
                Fraction(number, t.bit_count())
                for t, number in items.items()
                if t >> j & 1 and not t >> i & 1
            )
            assert row[j] == share
