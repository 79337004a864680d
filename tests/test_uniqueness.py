from fractions import Fraction
from random import Random

import pytest
from helpers import additive

from shapfair import axioms, exact
from shapfair.uniqueness import (
    Equation,
    affine_axioms,
    affine_payoffs,
    affine_system,
    anonymous_functional,
    conditional_dummy_games,
    conditional_symmetric_games,
    dividends,
    dummy_games,
    flow_axioms,
    flow_dimension,
    flow_dimension_formula,
    flow_map_rank,
    flows_of_payoffs_dimension,
    payoff_axioms,
    payoff_dimension,
    payoff_dimension_formula,
    satisfied,
    solutions,
    symmetric_games,
    unit_games,
)

PAYOFFS = {  # without which axiom -> dimensions for n = 2, ..., 6
    None: [0, 0, 0, 0, 0],
    "balance": [2, 3, 4, 5, 6],
    "dummy": [1, 2, 3, 4, 5],
    "symmetry": [1, 5, 17, 49, 129],
}
FLOWS = {
    None: [0, 0, 0, 0, 0],
    "fair cost": [1, 2, 3, 4, 5],
    "conditional dummy": [0, 1, 2, 3, 4],
    "conditional symmetry": [0, 1, 5, 17, 49],
}


def equation_1(values):
    n = len(values).bit_length() - 1
    return [n * share - values[-1] for share in exact.shapley_values(values)]


def random_functional(rng, n):
    weights = [rng.randint(-5, 5) for _ in range(2**n)]
    return lambda v: sum(w * x for w, x in zip(weights, v, strict=True))


# --- Lemma 3.1 -----------------------------------------------------------------------------------


@pytest.mark.parametrize("without", PAYOFFS)
def test_lemma_3_1_is_unique_and_its_axioms_are_independent(without):
    found = [payoff_dimension(n, without) for n in range(2, 7)]
    assert found == PAYOFFS[without]
    assert found == [payoff_dimension_formula(n, without) for n in range(2, 7)]


@pytest.mark.parametrize("n", range(2, 7))
def test_equation_1_satisfies_every_equation(n):
    on_unit_games = [equation_1(game) for game in unit_games(n)]
    for equations in payoff_axioms(n).values():
        assert equations
        assert satisfied(equations, on_unit_games)


def test_the_number_of_equations():
    system = [row for rows in payoff_axioms(6).values() for row in rows]
    found = solutions(6, 6, system)
    assert (found.unknowns, found.equations, found.rank) == (378, 954, 378)
    assert found.unique


@pytest.mark.parametrize("n", [2, 3, 4])
def test_other_schemes_break_the_axiom_that_they_should(n):
    def broken_by(scheme):
        on_unit_games = [scheme(game) for game in unit_games(n)]
        return {
            name for name, rows in payoff_axioms(n).items() if not satisfied(rows, on_unit_games)
        }

    assert broken_by(exact.shapley_values) == {"balance", "dummy"}
    assert broken_by(lambda v: [Fraction(0)] * n) == {"dummy"}
    assert broken_by(lambda v: [-v[-1]] * n) == {"balance"}
    # By order of arrival, one order only: everybody pays v(N) and is paid n times what it adds.
    arrival = [2**i - 1 for i in range(n + 1)]
    assert broken_by(
        lambda v: [n * (v[arrival[i + 1]] - v[arrival[i]]) - v[-1] for i in range(n)]
    ) == {"symmetry"}


# --- Lemma 3.7 -----------------------------------------------------------------------------------


@pytest.mark.parametrize("without", FLOWS)
def test_lemma_3_7_is_unique_and_its_axioms_are_independent_from_three_parties_on(without):
    found = [flow_dimension(n, without) for n in range(2, 7)]
    assert found == FLOWS[without]
    assert found == [flow_dimension_formula(n, without) for n in range(2, 7)]


@pytest.mark.parametrize("n", range(2, 7))
def test_equation_5_satisfies_every_equation(n):
    flows = [exact.conditional_shapley_values(game) for game in unit_games(n)]
    for i in {0, n - 1}:
        for name, equations in flow_axioms(n, i).items():
            assert equations or (n == 2 and name == "conditional symmetry")
            assert satisfied(equations, [flow[i] for flow in flows])


@pytest.mark.parametrize("i", [0, 1, 3])
def test_it_does_not_matter_who_pays(i):
    rows = [row for axiom in flow_axioms(4, i).values() for row in axiom]
    assert solutions(4, 3, rows).unique


def test_an_unknown_axiom_is_an_error():
    with pytest.raises(ValueError, match="without: 'efficiency', need one of balance, dummy, sym"):
        payoff_dimension(3, "efficiency")
    with pytest.raises(ValueError, match="need one of fair cost, conditional dummy, conditional s"):
        flow_dimension(3, "dummy")


# --- Remark 3.6 ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 4])
@pytest.mark.parametrize("alpha", ["n", 1, 0, Fraction(-3, 2)])
def test_remark_3_6_for_a_linear_total(n, alpha):
    alpha, beta = n if alpha == "n" else alpha, random_functional(Random(n), n)
    assert affine_system(n, alpha, beta).unique
    on_unit_games = [affine_payoffs(game, [alpha] * n, beta) for game in unit_games(n)]
    assert satisfied(affine_axioms(n, alpha, beta), on_unit_games)
    for game, payoffs in zip(unit_games(n), on_unit_games, strict=True):
        rest = (beta(game) - alpha * game[-1]) * Fraction(1, n)
        assert payoffs == [alpha * share + rest for share in exact.shapley_values(game)]


@pytest.mark.parametrize("n", [2, 3, 4])
def test_remark_3_6_has_no_solution_for_a_constant_total(n):
    for alpha in (n, 1, 0):
        for constant in (1, Fraction(-1, 3)):
            assert not affine_system(n, alpha, lambda v, beta=constant: beta).consistent
        assert affine_system(n, alpha, lambda v: 0).unique


def test_remark_3_6_contains_the_shapley_value_and_lemma_3_1():
    values = [0, 3, 5, 8, 0, 8, 5, 9]
    assert affine_payoffs(values, [1] * 3, lambda v: v[-1]) == list(exact.shapley_values(values))
    assert affine_payoffs(values, [3] * 3, lambda v: 0) == equation_1(values)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_remark_3_6_for_any_anonymous_functional_and_no_other(n):
    rng = Random(n)
    weights = [Fraction(rng.randint(-9, 9), 2) for _ in range(n)]
    gamma, beta = anonymous_functional(weights), random_functional(rng, n)
    assert affine_system(n, gamma, beta).unique
    on_unit_games = [affine_payoffs(game, weights, beta) for game in unit_games(n)]
    assert satisfied(affine_axioms(n, gamma, beta), on_unit_games)
    assert not affine_system(n, lambda v: v[1], beta).consistent
    assert not affine_system(n, random_functional(rng, n), beta).consistent


def test_dividends_add_up():
    values = [0, 1, 2, 5, 3, 4, 5, 7]
    parts = dividends(values)
    assert parts == [0, 1, 2, 2, 3, 0, 0, -1]
    assert [sum(parts[t] for t in range(8) if t & c == t) for c in range(8)] == values
    assert anonymous_functional([4, 4, 4])(values) == 4 * 7
    assert anonymous_functional([1, 0, 0])(values) == 1 + 2 + 3


# --- flows as a whole ----------------------------------------------------------------------------


@pytest.mark.parametrize("n", range(2, 7))
def test_ranks_of_flows(n):
    assert flow_map_rank(n) == (n - 1) * (n + 2) // 2
    assert flows_of_payoffs_dimension(n) == (n - 1) ** 2
    assert flows_of_payoffs_dimension(n, fair_cost=True) == max(0, n**2 - 3 * n + 1)


# --- the games of a hypothesis -------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_bases_have_their_property_and_the_right_number_of_games(n):
    i, j, k = n - 1, 0, 1
    assert [sum(game) for game in unit_games(n)] == [1] * (2**n - 1)
    every = [
        (dummy_games(n, i), 2 ** (n - 1) - 1, lambda v: i in axioms.dummies(v)),
        (
            symmetric_games(n, j, i),
            3 * 2 ** (n - 2) - 1,
            lambda v: (j, i) in axioms.symmetric_pairs(v),
        ),
        (
            conditional_dummy_games(n, i, j),
            2**n - 1 - 2 ** (n - 2),
            lambda v: j in axioms.conditional_dummies(v, i),
        ),
    ]
    if n > 2:
        every.append(
            (
                conditional_symmetric_games(n, i, j, k),
                2**n - 1 - 2 ** (n - 3),
                lambda v: (j, k) in axioms.conditional_symmetric_pairs(v, i),
            )
        )
    for games, dimension, has_property in every:
        assert len({tuple(game) for game in games}) == len(games) == dimension
        assert all(has_property(game) and game[0] == 0 and any(game) for game in games)


# --- systems in general --------------------------------------------------------------------------


def test_solutions_of_small_systems():
    one, two = (0, 1), (1, 1)  # parties 1 and 2 in the unit game of coalition {1}
    free = solutions(1, 2, [Equation({one: 1, two: 2}, Fraction(1, 2))])
    assert (free.unknowns, free.rank, free.dimension, free.consistent) == (2, 1, 1, True)
    assert not free.unique
    both = solutions(1, 2, [Equation({one: 1}, 1), Equation({two: 1}, 0)])
    assert both.unique
    clash = solutions(1, 2, [Equation({one: 2}, 1), Equation({one: 4}, 3), Equation({two: 1}, 0)])
    assert (clash.dimension, clash.consistent, clash.unique) == (0, False, False)
    assert satisfied([Equation({one: 2, two: -1}, 1)], [[1, 1]])
    assert not satisfied([Equation({one: 2, two: -1}, 1)], [[1, 2]])


# --- linearity is independent, too ---------------------------------------------------------------


def banzhaf(values):
    n = len(values).bit_length() - 1
    return [
        sum(values[c | 1 << i] - values[c] for c in range(2**n) if not c >> i & 1) for i in range(n)
    ]


def by_banzhaf(values):
    power, n = banzhaf(values), len(values).bit_length() - 1
    return [Fraction(n * values[-1] * share, sum(power)) - values[-1] for share in power]


def for_two(values):
    _, first, second, both = values
    gap = Fraction((first - second) * abs(first - second), both)
    return [gap, -gap]


@pytest.mark.parametrize(
    ("scheme", "values", "payoffs"),
    [
        (by_banzhaf, [0, 1, 0, 2, 1, 3, 1, 5], [Fraction(x, 19) for x in (40, -50, 10)]),
        (for_two, [0, 1, 3, 4], [-1, 1]),
    ],
)
def test_lemma_3_1_needs_linearity(scheme, values, payoffs):
    assert scheme(values) == payoffs != equation_1(values)
    n = len(values).bit_length() - 1
    games = [values, [0] + [1] * (2**n - 1), additive(*range(n)), additive(*[1] * n)]
    games += [additive(*range(1, n), 0)]  # dummies first, last, and none; symmetric parties
    for game in games:
        assert axioms.balance(scheme, game)
        assert axioms.symmetry(scheme, game)
        assert axioms.dummy_party(scheme, game)
    assert axioms.linearity(equation_1, values, games[1], 2)
    verdict = axioms.linearity(scheme, values, games[1], 2)
    assert not verdict
    assert "sum of the games" in verdict.witness


def flows_not_linear(values):
    """What a party owes goes to the others by their Banzhaf values once it is in, or for_two."""
    n, flows = len(values).bit_length() - 1, []
    for i in range(n):
        rest = [c for c in range(2**n) if not c >> i & 1]
        gain = [values[c | 1 << i] - values[1 << i] for c in rest]  # game of the others
        if n == 3 and gain[-1]:
            shares = [Fraction(gain[-1] + x, 2) for x in for_two(gain)]
        elif power := sum(banzhaf(gain)):
            shares = [Fraction(gain[-1] * share, power) for share in banzhaf(gain)]
        else:
            shares = [Fraction(0)] * (n - 1)
        flows.append([*shares[:i], Fraction(0), *shares[i:]])
    return flows


@pytest.mark.parametrize("n", [3, 4])
def test_lemma_3_7_needs_linearity(n):
    majority = [int(c.bit_count() > n // 2) for c in range(2**n)]
    games = [additive(*range(n)), additive(*[1] * n), additive(*range(1, n), 0), majority]
    games.append([a + (c.bit_count() ** 2 - c) for c, a in enumerate(additive(*[16] * n))])
    for game in games:
        assert axioms.fair_cost(flows_not_linear, game)
        assert axioms.conditional_symmetry(flows_not_linear, game)
        assert axioms.conditional_dummy(flows_not_linear, game)
    pairs = [(first, second) for first in games for second in games]
    flows = exact.conditional_shapley_values
    assert all(axioms.flow_linearity(flows, *pair, Fraction(1, 2)) for pair in pairs)
    broken = [pair for pair in pairs if not axioms.flow_linearity(flows_not_linear, *pair, 1)]
    assert broken
