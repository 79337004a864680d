from fractions import Fraction
from itertools import permutations, product
from math import comb

import pytest
from helpers import bits, subsets, tables
from hypothesis import given, settings

from shapfair.games import (
    additive,
    gloves,
    is_monotone,
    majority,
    monotone_games,
    renamed,
    small_games,
    unanimity,
)

exactly = settings(max_examples=25, deadline=None)


def coalitions(n):
    """Coalitions as sets, in bitmask order."""
    return [{i for i in range(n) if c >> i & 1} for c in range(2**n)]


def test_additive_games_add_the_members_shares():
    third = Fraction(1, 3)
    assert additive(1, third) == [0, 1, third, 1 + third]
    assert additive(2, 3, 5) == [sum((2, 3, 5)[i] for i in c) for c in coalitions(3)]
    assert additive() == [0]


def test_unanimity_games_want_all_members():
    for t in subsets(range(3)):
        assert unanimity(3, bits(t)) == [int(set(t) <= c) for c in coalitions(3)]


def test_textbook_games():
    assert gloves(1, 2) == [0, 0, 0, 1, 0, 1, 0, 1]
    assert gloves(2, 2)[-1] == 2
    assert gloves(2, 3) == [min(len(c & {0, 1}), len(c & {2, 3, 4})) for c in coalitions(5)]
    assert majority(3) == [0, 0, 0, 1, 0, 1, 1, 1]
    assert majority(2) == unanimity(2, 3)
    assert sum(majority(4)) == comb(4, 3) + 1


@exactly
@given(tables(max_parties=4, monotone=False) | tables(max_parties=4))
def test_monotone_means_that_no_subset_is_worth_more(values):
    pairs = product(range(len(values)), repeat=2)
    assert is_monotone(values) == all(values[b] <= values[c] for b, c in pairs if b & c == b)


def test_a_table_that_is_none_is_refused():
    with pytest.raises(ValueError, match="3 coalition values"):
        is_monotone([0, 1, 2])


@pytest.mark.parametrize(("n", "most"), [(1, 3), (2, 4), (3, 2), (3, 3), (4, 1)])
def test_monotone_games_are_all_and_in_order(n, most):
    every = ((0, *rest) for rest in product(range(most + 1), repeat=2**n - 1))
    assert monotone_games(n, most) == [v for v in every if v[-1] and is_monotone(v)]


def test_there_are_718_games_of_three_parties():
    assert len(monotone_games(3, 3)) == 718


@exactly
@given(tables(max_parties=4))
def test_renamed_games_are_the_same_but_for_names(values):
    n = len(values).bit_length() - 1
    wanted = sorted(
        tuple(values[bits(order[i] for i in c)] for c in coalitions(n))
        for order in permutations(range(n))
    )
    assert sorted(renamed(tuple(values))) == wanted


@pytest.mark.parametrize(("n", "most"), [(2, 4), (3, 2), (4, 1)])
def test_small_games_stand_for_all_names_once(n, most):
    found = small_games(n, most)
    names = [frozenset(renamed(v)) for v in found]
    assert len(set(names)) == len(names)
    assert frozenset.union(*names) == set(monotone_games(n, most))
    order = [(v[-1], sum(v), v) for v in found]
    assert order == sorted(order)
    assert all(v == min(renamed(v)) for v in found)
