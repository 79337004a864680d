"""Sections 1, 2 and 3.1 and Appendices A, B and C of the paper, in rational numbers.

Identities that are linear in the game are tested on the unit games, which proves them for the
number of parties at hand; properties of dummies and of symmetric parties on bases of the games that
have them. The bases are made here, from unanimity games, and the Shapley values of the helpers come
from permutations, so neither is the package's.
"""

from fractions import Fraction
from itertools import combinations, permutations, product
from math import inf

import helpers
import pytest
from helpers import additive, is_monotone, parties, shapley_by_permutations, subsets, tables
from hypothesis import given, settings
from hypothesis import strategies as st

from shapfair.theory import exact
from shapfair.theory.axioms import balance, dummy_party, efficiency, linearity, symmetry
from shapfair.theory.schemes import FEES_GAIN_GAME, FEES_PROPORTIONAL
from shapfair.theory.schemes import rho_shapley as rho_scheme
from shapfair.theory.uniqueness import (
    affine_axioms,
    affine_payoffs,
    affine_system,
    anonymous_functional,
    dividends,
    payoff_axioms,
    payoff_dimension,
    satisfied,
)

exactly = settings(max_examples=40, deadline=None, derandomize=True)
third, half = Fraction(1, 3), Fraction(1, 2)
items = [0, 2, 2, 3, 1, 2, 2, 3]
gloves = [0, 0, 0, 1, 0, 1, 0, 1]


# --- games ---------------------------------------------------------------------------------------


def unit_games(n):
    return [[int(c == d) for c in range(2**n)] for d in range(1, 2**n)]


def unanimity(n, members):
    t = helpers.bits(members)
    return [int(c & t == t) for c in range(2**n)]


def groups(n):
    return [t for t in subsets(range(n)) if t]


def add(first, second):
    return [x + y for x, y in zip(first, second, strict=True)]


def games_with_dummy(n, i):
    return [unanimity(n, t) for t in groups(n) if i not in t]


def games_with_symmetric(n, i, j):
    alike = [unanimity(n, t) for t in groups(n) if (i in t) == (j in t)]
    rest = list(subsets(set(range(n)) - {i, j}))
    return alike + [add(unanimity(n, (*s, i)), unanimity(n, (*s, j))) for s in rest]


def random_pair(n=3, low=-9):
    values = st.lists(st.integers(low, 9), min_size=2**n - 1, max_size=2**n - 1)
    return st.tuples(values, values).map(lambda pair: [[0, *values] for values in pair])


def small_games():
    """All monotone games of three parties with integers and 1 <= v(N) <= 3."""
    games = [[0, *rest] for rest in product(range(4), repeat=7) if rest[-1]]
    return [values for values in games if is_monotone(values)]


# --- schemes -------------------------------------------------------------------------------------


def payoffs(values):
    """Equation (1), from the package's Shapley values."""
    n = parties(values)
    return tuple(n * x - values[-1] for x in exact.shapley_values(values))


def banzhaf(values):
    n = parties(values)
    return [
        sum(
            Fraction(values[c | 1 << i] - values[c], 2 ** (n - 1))
            for c in range(2**n)
            if not c >> i & 1
        )
        for i in range(n)
    ]


def proportional(weights):
    """n v(N) in proportion to weights, minus v(N): everything but linear."""

    def scheme(values):
        w = weights(values)
        return [Fraction(len(w) * values[-1]) * x / sum(w) - values[-1] for x in w]

    return scheme


by_banzhaf = proportional(banzhaf)
by_squares = proportional(lambda values: [x * x for x in exact.shapley_values(values)])


def two_party_witness(values):
    gap = values[1] - values[2]
    return [sign * Fraction(gap * abs(gap), values[3]) for sign in (1, -1)]


def deposits(values):
    return [-values[-1]] * parties(values)


def nothing(values):
    return [0] * parties(values)


def by_order(values):
    n = parties(values)
    return [n * (values[2 ** (i + 1) - 1] - values[2**i - 1]) - values[-1] for i in range(n)]


def remark_3_6(alpha, beta):
    def scheme(values):
        constant = Fraction(beta(values) - alpha * values[-1]) / parties(values)
        return tuple(alpha * x + constant for x in exact.shapley_values(values))

    return scheme


def rho_shapley(values, rho=1):
    phi = exact.shapley_values(values)
    return [(x / max(phi)) ** rho * values[-1] for x in phi]


# --- Section 2 and Appendix A --------------------------------------------------------------------


@exactly
@given(tables(), st.fractions(min_value=Fraction(1, 100), max_value=100))
def test_section_2_exchange_rate_keeps_the_assumptions(values, rate):
    values[-1] += 1  # so that s(N) > 0
    exchanged = [rate * x for x in values]
    assert exchanged[0] == 0 < exchanged[-1]
    assert is_monotone(exchanged)


@exactly
@given(st.lists(st.lists(st.integers(-3, 3), min_size=2, max_size=2), min_size=1, max_size=5))
def test_section_2_information_gain_is_monotone(inputs):
    # The gain is half the logarithm of det(I + X'X), for one input per party.
    def determinant(members):
        a, b, d = (
            (j == k) + sum(inputs[i][j] * inputs[i][k] for i in members)
            for j, k in ((0, 0), (0, 1), (1, 1))
        )
        return a * d - b * b

    n = len(inputs)
    values = [determinant([i for i in range(n) if c >> i & 1]) for c in range(2**n)]
    assert values[0] == 1
    assert is_monotone(values)
    assert (values[-1] > 1) == any(map(any, inputs))


@pytest.mark.parametrize("n", range(1, 7))
def test_equation_12_is_the_subset_formula(n):
    for values in unit_games(n):
        assert list(exact.shapley_values(values)) == shapley_by_permutations(values)


@pytest.mark.parametrize(
    ("values", "shapley"),
    [
        (items, (4 * third, 4 * third, third)),
        (gloves, (2 * third, half * third, half * third)),
        (additive(1, 2, 3), (1, 2, 3)),
    ],
)
def test_shapley_values_of_the_textbook(values, shapley):
    assert exact.shapley_values(values) == shapley


@pytest.mark.parametrize("n", range(1, 6))
def test_appendix_a_axioms_of_the_shapley_value(n):
    shapley = exact.shapley_values
    assert all(efficiency(shapley, values) for values in unit_games(n))
    for i in range(n):
        for values in games_with_dummy(n, i):
            assert shapley(values)[i] == 0
            assert dummy_party(shapley, values, payoff=0)
    for i, j in combinations(range(n), 2):
        for values in games_with_symmetric(n, i, j):
            assert shapley(values)[i] == shapley(values)[j]
            assert symmetry(shapley, values)


@exactly
@given(random_pair(4), st.fractions(-5, 5, max_denominator=9))
def test_appendix_a_linearity_of_the_shapley_value(pair, scalar):
    assert linearity(exact.shapley_values, *pair, scalar)


def test_appendix_a_axioms_are_not_empty_words():
    # Other recipes break them: Banzhaf efficiency, shares by own value linearity.
    assert not efficiency(banzhaf, [0, 0, 0, 1, 0, 1, 1, 1])
    by_own_value = lambda v: [Fraction(v[-1] * x, v[1] + v[2]) for x in (v[1], v[2])]  # noqa: E731
    assert not linearity(by_own_value, [0, 1, 1, 1], [0, 0, 1, 1], 1)


@pytest.mark.parametrize("n", range(1, 6))
def test_space_of_games_has_dimension_2_to_the_n_minus_1(n):
    # Dividends invert the map from coefficients to games, on bases of both sides.
    for t in groups(n):
        game = unanimity(n, t)
        assert dividends(game) == [int(c == helpers.bits(t)) for c in range(2**n)]
    for values in unit_games(n):
        total = [0] * 2**n
        for t in groups(n):
            coefficient = dividends(values)[helpers.bits(t)]
            total = add(total, [coefficient * x for x in unanimity(n, t)])
        assert total == values


@exactly
@given(tables(max_parties=4, monotone=False))
def test_dummies_and_symmetric_parties_show_in_the_dividends(values):
    n, c = parties(values), dividends(values)
    for i in range(n):
        dummy = all(values[s | 1 << i] == values[s] for s in range(2**n))
        assert dummy == all(c[t] == 0 for t in range(2**n) if t >> i & 1)
    for i, j in combinations(range(n), 2):
        rest = [s for s in range(2**n) if not s >> i & 1 and not s >> j & 1]
        symmetric = all(values[s | 1 << i] == values[s | 1 << j] for s in rest)
        assert symmetric == all(c[s | 1 << i] == c[s | 1 << j] for s in rest)


@exactly
@given(tables(max_parties=4, monotone=False))
def test_cone_of_monotone_games_generates_all_games(values):
    n, c = parties(values), dividends(values)
    sides = [unanimity(n, range(n)), unanimity(n, range(n))]
    for t in groups(n):
        coefficient = c[helpers.bits(t)]
        side = coefficient < 0
        sides[side] = add(sides[side], [abs(coefficient) * x for x in unanimity(n, t)])
    for side in sides:
        assert side[0] == 0 < side[-1]
        assert is_monotone(side)
    assert [x - y for x, y in zip(*sides, strict=True)] == values


@pytest.mark.parametrize("n", range(1, 6))
def test_shapley_value_shares_dividends_equally(n):
    # The closed form that Shapley's theorem ends with, which leaves no other map.
    for values in unit_games(n):
        c = dividends(values)
        assert shapley_by_permutations(values) == [
            sum(Fraction(c[helpers.bits(t)], len(t)) for t in groups(n) if i in t) for i in range(n)
        ]


@exactly
@given(tables(max_parties=5))
def test_section_2_shapley_payoffs_need_an_outside_source(values):
    values[-1] += 1
    shares = shapley_by_permutations(values)
    assert min(shares) >= 0
    assert sum(shares) == values[-1] > 0


# --- Lemma 3.1 -----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", range(1, 6))
def test_lemma_3_1_payoffs_satisfy_the_axioms(n):
    for values in unit_games(n):
        assert sum(payoffs(values)) == 0
        assert balance(payoffs, values)
    for i in range(n):
        for values in games_with_dummy(n, i):
            assert payoffs(values)[i] == -values[-1]
            assert dummy_party(payoffs, values)
    for i, j in combinations(range(n), 2):
        for values in games_with_symmetric(n, i, j):
            assert payoffs(values)[i] == payoffs(values)[j]
            assert symmetry(payoffs, values)
    for rows in payoff_axioms(n).values():
        assert satisfied(rows, [payoffs(values) for values in unit_games(n)])


@exactly
@given(random_pair(3), st.fractions(-5, 5, max_denominator=9))
def test_lemma_3_1_payoffs_are_linear(pair, scalar):
    assert linearity(payoffs, *pair, scalar)


@pytest.mark.parametrize("n", range(1, 7))
def test_lemma_3_1_is_unique(n):
    assert payoff_dimension(n) == 0


@pytest.mark.parametrize("n", range(1, 6))
def test_lemma_3_1_on_unanimity_games(n):
    # What the proof derives: outsiders pay the price, members share what they pay.
    for t in groups(n):
        want = tuple(Fraction(n, len(t)) - 1 if i in t else -1 for i in range(n))
        assert payoffs(unanimity(n, t)) == want


@exactly
@given(tables(max_parties=5, monotone=False))
def test_appendix_b_reduction_to_the_shapley_value(values):
    # zeta(v') = p(v) + v(N) is the Shapley value of v' = n v.
    n = parties(values)
    zeta = [x + values[-1] for x in payoffs(values)]
    assert zeta == shapley_by_permutations([n * x for x in values])


@pytest.mark.parametrize("n", range(2, 7))
@pytest.mark.parametrize("axiom", ["balance", "dummy", "symmetry"])
def test_lemma_3_1_dimension_without_an_axiom(n, axiom):
    want = {
        "balance": n,
        "dummy": n - 1,
        "symmetry": sum(len(t) - 1 for t in groups(n)),
    }
    assert want["symmetry"] == (n - 2) * 2 ** (n - 1) + 1
    assert payoff_dimension(n, without=axiom) == want[axiom] > 0


AXIOMS = {"balance": balance, "dummy": dummy_party, "symmetry": symmetry}


@pytest.mark.parametrize(
    ("scheme", "missing"), [(deposits, "balance"), (nothing, "dummy"), (by_order, "symmetry")]
)
def test_lemma_3_1_axioms_are_independent(scheme, missing):
    games = small_games()
    for name, axiom in AXIOMS.items():
        assert all(axiom(scheme, values) for values in games) == (name != missing)
    for first, second in zip(games, reversed(games), strict=True):
        assert linearity(scheme, first, second, 3)


@pytest.mark.parametrize("scheme", [by_banzhaf, by_squares])
def test_linearity_is_independent(scheme):
    for values in small_games()[::3]:
        assert all(axiom(scheme, values) for axiom in AXIOMS.values())
    first, second = unanimity(3, [0, 1]), unanimity(3, [0, 1, 2])
    assert not linearity(scheme, first, second, 1)


def test_linearity_is_independent_by_banzhaf():
    values = [0, 1, 0, 2, 1, 3, 1, 5]
    assert is_monotone(values)
    assert by_banzhaf(values) == [Fraction(x, 19) for x in (40, -50, 10)]
    assert payoffs(values) == (2, -5 * half, half)


@pytest.mark.parametrize("n", range(2, 5))
def test_linearity_is_independent_by_squares(n):
    values = add(unanimity(n, [0]), [2 * x for x in unanimity(n, [1])])
    assert payoffs(values)[0] == n - 3
    assert by_squares(values)[0] == Fraction(3 * n, 5) - 3


def test_linearity_is_independent_for_two_parties():
    games = [[0, a, b, c] for a in range(5) for b in range(5) for c in range(max(a, b, 1), 6)]
    for values in games:
        assert all(axiom(two_party_witness, values) for axiom in AXIOMS.values())
    assert two_party_witness([0, 1, 0, 2]) == [half, -half]
    assert payoffs([0, 1, 0, 2]) == (1, -1)
    assert not linearity(two_party_witness, [0, 1, 0, 2], [0, 0, 1, 1], 1)


# --- Corollaries 3.2, 3.3, Remarks 3.4, 3.5 ------------------------------------------------------


@exactly
@given(tables(max_parties=5, monotone=False))
def test_corollary_3_2_who_pays(values):
    shares = shapley_by_permutations(values)
    average = sum(shares) / len(shares)
    assert average == Fraction(values[-1], parties(values))
    assert [x < 0 for x in payoffs(values)] == [x < average for x in shares]


@exactly
@given(tables(max_parties=5, monotone=False))
def test_corollary_3_3_payoff_differences(values):
    n, shares, p = parties(values), shapley_by_permutations(values), payoffs(values)
    for i, j in permutations(range(n), 2):
        assert p[i] - p[j] == n * (shares[i] - shares[j])
        assert (p[i] > p[j]) == (shares[i] > shares[j])


def test_corollary_3_3_is_affine_not_linear():
    # A positive Shapley value and a negative payoff; twice the Shapley value, not twice the payoff.
    assert exact.shapley_values(additive(1, 2, 3)) == (1, 2, 3)
    assert payoffs(additive(1, 2, 3)) == (-3, 0, 3)


@exactly
@given(tables(min_parties=2, max_parties=4), st.fractions(-5, 5, max_denominator=9))
def test_scaling_violates_balance_unless_nobody_pays(values, factor):
    values[-1] += 1
    scaled = lambda v: [factor * x for x in exact.shapley_values(v)]  # noqa: E731
    assert bool(balance(scaled, values)) == (factor == 0)


@pytest.mark.parametrize("rho", [1, 2, 3])
def test_scaling_violates_linearity_unless_the_factor_is_constant(rho):
    assert not linearity(lambda v: rho_shapley(v, rho), additive(1, 2), additive(2, 1), 1)
    constant = lambda v: [rho * x for x in exact.shapley_values(v)]  # noqa: E731
    assert linearity(constant, items, gloves, Fraction(-7, 2))


def test_scaling_of_the_1_shapley_value():
    first, second = additive(1, 2), additive(2, 1)
    assert add(rho_shapley(first), rho_shapley(second)) == [9 * half, 9 * half]
    assert rho_shapley(add(first, second)) == [6, 6]


@exactly
@given(tables(min_parties=2, max_parties=4), st.integers(0, 6))
def test_remark_3_4_factor_n_is_forced_by_the_dummy_axiom(values, alpha):
    values[-1] += 1
    n = parties(values) + 1
    values = values + values  # the last party is a dummy
    p = remark_3_6(alpha, lambda v: 0)(values)
    assert sum(p) == 0
    assert (p[-1] == -values[-1]) == (alpha == n)
    assert sum(n * x for x in shapley_by_permutations(values)) == n * values[-1]


@exactly
@given(tables(max_parties=5))
def test_remark_3_5_the_pool_is_emptied(values):
    n, deposit = parties(values), values[-1]
    withdrawals = [n * x for x in shapley_by_permutations(values)]
    assert min(withdrawals) >= 0
    assert sum(withdrawals) == n * deposit
    assert tuple(x - deposit for x in withdrawals) == payoffs(values)


@exactly
@given(tables(max_parties=5, monotone=False))
def test_section_3_intermediate_pool(values):
    p = payoffs(values)
    assert sum(-x for x in p if x < 0) == sum(x for x in p if x > 0)


# --- Remark 3.6 and Appendix C -------------------------------------------------------------------


def functional(n, seed):
    """Some linear functional with integer coefficients."""
    return lambda values: (
        sum((seed * c * c + 3 * c) % 17 * values[c] for c in range(1, 2**n)) - (5 * values[1])
    )


@pytest.mark.parametrize("n", [2, 3, 4])
@pytest.mark.parametrize("alpha", ["n", 1, 0, Fraction(-3, 2)])
def test_remark_3_6_repaired_has_one_solution(n, alpha):
    alpha = n if alpha == "n" else alpha
    for beta in (functional(n, 1), functional(n, 7), lambda values: values[-1]):
        assert affine_system(n, alpha, beta).unique
        found = [remark_3_6(alpha, beta)(values) for values in unit_games(n)]
        assert satisfied(affine_axioms(n, alpha, beta), found)
        assert found == [tuple(affine_payoffs(v, [alpha] * n, beta)) for v in unit_games(n)]


@pytest.mark.parametrize("n", [2, 3, 4])
def test_remark_3_6_repaired_satisfies_the_axioms(n):
    beta = functional(n, 2)
    for alpha in (0, Fraction(-3, 2)):
        scheme = remark_3_6(alpha, beta)
        for values in unit_games(n):
            assert efficiency(scheme, values, beta(values))
        for i in range(n):
            for values in games_with_dummy(n, i):
                assert scheme(values)[i] == Fraction(beta(values) - alpha * values[-1]) / n
        for i, j in combinations(range(n), 2):
            for values in games_with_symmetric(n, i, j):
                assert scheme(values)[i] == scheme(values)[j]


@pytest.mark.parametrize("n", [2, 3, 4])
@pytest.mark.parametrize("constant", [1, -2, Fraction(1, 3)])
def test_remark_3_6_fails_for_a_constant_beta(n, constant):
    for alpha in (n, 1, 0):
        assert not affine_system(n, alpha, lambda values: constant).consistent
        assert affine_system(n, alpha, lambda values: 0).unique


def test_remark_3_6_for_a_constant_beta_in_numbers():
    # alpha = beta = 1: the formula sums to 1 in every game, so it is not linear.
    scheme = remark_3_6(1, lambda values: 1)
    double = [2 * x for x in gloves]
    assert scheme(gloves) == (2 * third, half * third, half * third)
    assert scheme(double) == (1, 0, 0)
    assert sum(scheme(gloves)) == sum(scheme(double)) == 1
    assert not linearity(scheme, gloves, gloves, 2)


def test_remark_3_6_examples():
    shapley = remark_3_6(1, lambda values: values[-1])
    ours = remark_3_6(3, lambda values: 0)
    same = remark_3_6(0, lambda values: values[-1])
    for values in (items, gloves, additive(1, 2, 3)):
        assert list(shapley(values)) == shapley_by_permutations(values)
        assert ours(values) == payoffs(values)
        assert same(values) == (Fraction(values[-1], 3),) * 3


@pytest.mark.parametrize("n", [2, 3, 4])
def test_remark_3_6_extends_to_anonymous_functionals(n):
    beta = functional(n, 4)
    for weights in (
        [1] + [0] * (n - 1),
        list(range(n, 0, -1)),
        [Fraction(-1, k + 1) for k in range(n)],
    ):
        gamma = anonymous_functional(weights)
        system = affine_system(n, gamma, beta)
        assert system.unique
        found = [affine_payoffs(values, weights, beta) for values in unit_games(n)]
        assert satisfied(affine_axioms(n, gamma, beta), found)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_remark_3_6_needs_an_anonymous_functional(n):
    assert not affine_system(n, lambda values: values[1], lambda values: 0).consistent
    seen = set()
    for seed in range(17):
        gamma = functional(n, seed)
        by_size = {(len(t), gamma(unanimity(n, t))) for t in groups(n)}
        anonymous = len(by_size) == n
        assert affine_system(n, gamma, lambda values: 0).consistent == anonymous
        seen.add(anonymous)
    assert False in seen


@exactly
@given(tables(min_parties=2, max_parties=4, monotone=False))
def test_remark_3_6_extension_has_known_members(values):
    n = parties(values)
    for weights, want in (
        ([1] + [0] * (n - 1), [values[1 << i] for i in range(n)]),
        ([Fraction(2 * t, 2**t) for t in range(1, n + 1)], banzhaf(values)),
        ([1] * n, shapley_by_permutations(values)),
    ):
        assert affine_payoffs(values, weights, anonymous_functional(weights)) == want


def test_appendix_c_divides_by_alpha():
    # For alpha = 0 all v' = alpha v are equal, but p differs: (13) defines no function of v'.
    same = remark_3_6(0, lambda values: values[-1])
    assert [0 * x for x in gloves] == [0 * x for x in items]
    assert same(gloves) != same(items)


@exactly
@given(tables(min_parties=2, max_parties=4, monotone=False), st.fractions(-5, 5, max_denominator=9))
def test_appendix_c_13_is_the_shapley_value(values, alpha):
    n = parties(values)
    beta = functional(n, 5)
    p = remark_3_6(alpha, beta)(values)
    zeta = [x + Fraction(alpha * values[-1] - beta(values)) / n for x in p]
    assert zeta == shapley_by_permutations([alpha * x for x in values])


# --- Section 1 -----------------------------------------------------------------------------------


def test_section_1_subsumes_payments_only_and_models_only():
    for values in small_games()[::5]:
        rich, poor = exact.allocate(values, inf), exact.allocate(values, 0)
        assert set(rich.model_values) == {values[-1]}
        assert rich.payoffs == payoffs(values)
        assert set(poor.payoffs) == {0}


def test_section_1_models_are_not_rho_shapley_values():
    values = additive(1, 2, 3)
    models = exact.allocate(values, 0).model_values
    assert models == (Fraction(8, 3), Fraction(14, 3), 6)
    # (1/3)^rho = 4/9 needs rho > 7/10, (2/3)^rho = 7/9 needs rho < 7/10.
    assert [Fraction(x, 6) for x in models] == [Fraction(4, 9), Fraction(7, 9), 1]
    assert Fraction(4, 9) ** 10 < Fraction(1, 3) ** 7
    assert Fraction(7, 9) ** 10 > Fraction(2, 3) ** 7


def test_section_1_scheme_with_budgets_is_not_linear():
    games = additive(1, 2), additive(2, 1), additive(3, 3)
    first, second, both = (exact.allocate(values, 0) for values in games)
    assert (first.model_values, second.model_values) == ((2, 3), (3, 2))
    assert both.model_values == (6, 6)
    assert [a.scaling[0] * a.flows[0][1] for a in (first, second, both)] == [1, 1, 3]
    assert linearity(payoffs, games[0], games[1], 2)


def test_section_1_fees_exclude_poor_parties_with_useful_data():
    shares = additive(1, 2)
    assert FEES_GAIN_GAME(shares).payoffs == (Fraction(-1, 2), Fraction(1, 2))
    assert FEES_PROPORTIONAL(shares).payoffs == payoffs(shares) == (-1, 1)
    poor = exact.allocate(shares, 0)
    assert poor.payoffs == (0, 0)
    assert poor.model_values[0] > shares[1]  # within its budget, and better than its own


def test_section_1_rho_shapley_value_excludes_poor_data():
    for values in small_games()[::5]:
        shapley = shapley_by_permutations(values)
        for rho in range(4):
            models = rho_shapley(values, rho)
            for share, model in zip(shapley, models, strict=True):
                assert (model < values[-1]) == (rho > 0 and share < max(shapley))


def test_section_1_properties_of_older_schemes_leave_a_choice():
    differ = {"fees": False, "rho": False}
    for values in small_games()[::5]:
        fees = [scheme(values).payoffs for scheme in (FEES_GAIN_GAME, FEES_PROPORTIONAL)]
        differ["fees"] |= fees[0] != fees[1]
        for paid in fees:
            assert sum(paid) == 0
            assert symmetry(lambda _, paid=paid: paid, values)
        models = [rho_shapley(values, rho) for rho in (1, 2)]
        differ["rho"] |= models[0] != models[1]
        for received in models:
            assert max(received) == values[-1]
            assert symmetry(lambda _, received=received: received, values)
            assert dummy_party(lambda _, received=received: received, values, 0)
    assert differ == {"fees": True, "rho": True}


def test_section_5_rho_shapley_value_has_no_payments():
    for rho in (0, 1, 2):
        assert rho_scheme(rho)(additive(1, 2)).payoffs is None


@pytest.mark.parametrize("n", [2, 3, 4])
def test_section_5_rho_shapley_value_is_linear_for_rho_0_only(n):
    first, second = additive(1, 2, *[0] * (n - 2)), additive(2, 1, *[0] * (n - 2))
    for rho in range(4):
        scheme = lambda v, rho=rho: rho_shapley(v, rho)  # noqa: E731
        assert bool(linearity(scheme, first, second, 2)) == (rho == 0)
        assert scheme(first)[0] == Fraction(3, 2**rho)
