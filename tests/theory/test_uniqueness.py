"""Equations, bases and ranks; what they prove is in test_paper_payoffs and test_paper_flows."""

from fractions import Fraction

import pytest

from shapfair.theory import axioms, exact
from shapfair.theory.uniqueness import (
    Equation,
    anonymous_functional,
    conditional_dummy_games,
    conditional_symmetric_games,
    dividends,
    dummy_games,
    flow_axioms,
    flow_dimension,
    payoff_axioms,
    payoff_dimension,
    satisfied,
    solutions,
    symmetric_games,
    unit_games,
)

# --- payoff schemes ------------------------------------------------------------------------------


def test_the_number_of_equations():
    system = [row for rows in payoff_axioms(6).values() for row in rows]
    found = solutions(6, 6, system)
    unit, dummies, symmetric_pairs = 63, 6 * 31, 15 * 47  # of games: all, 2**5 - 1, 3 * 2**4 - 1
    assert len(system) == unit + dummies + symmetric_pairs == 954
    assert (found.unknowns, found.rank) == (6 * 63, 6 * 63)
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


# --- flow schemes --------------------------------------------------------------------------------


@pytest.mark.parametrize("i", [0, 1, 3])
def test_it_does_not_matter_who_pays(i):
    rows = [row for axiom in flow_axioms(4, i).values() for row in axiom]
    assert solutions(4, 3, rows).unique


def test_an_unknown_axiom_is_an_error():
    with pytest.raises(ValueError, match="without: 'efficiency', need one of balance, dummy, sym"):
        payoff_dimension(3, "efficiency")
    with pytest.raises(ValueError, match="need one of fair cost, conditional dummy, conditional s"):
        flow_dimension(3, "dummy")


# --- dividends -----------------------------------------------------------------------------------


def test_dividends_add_up():
    values = [0, 1, 2, 5, 3, 4, 5, 7]
    parts = dividends(values)
    assert parts == [0, 1, 2, 2, 3, 0, 0, -1]
    assert [sum(parts[t] for t in range(8) if t & c == t) for c in range(8)] == values
    assert anonymous_functional([4, 4, 4])(values) == 4 * 7
    assert anonymous_functional([1, 0, 0])(values) == 1 + 2 + 3


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
