"""How large the exponent of the rho-Shapley models may be, against all coalitions one by one."""

import math

import pytest
from helpers import additive
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from shapfair.coalitions import members
from shapfair.games import small_games
from shapfair.theory.rho_bounds import rho_bounds
from shapfair.theory.schemes import rho_shapley


def is_stable(v, rho):
    models = rho_shapley(rho)(v).model_values
    return all(max(models[i] for i in members(c)) >= v[c] - 1e-9 for c in range(1, len(v)))


def is_rational(v, rho):
    models = rho_shapley(rho)(v).model_values
    return all(m >= v[1 << i] - 1e-9 for i, m in enumerate(models))


GAMES = [*small_games(2, 4), *small_games(3, 3), *list(small_games(4, 2))[::29]]


def test_the_bounds_are_where_it_ends():
    ends = 0
    for v in GAMES:
        bounds = rho_bounds(v)
        assert 0 <= bounds.stable <= bounds.rational
        for bound, holds in ((bounds.stable, is_stable), (bounds.rational, is_rational)):
            inside = min(bound, 20.0)
            assert holds(v, inside)
            if bound < math.inf:
                ends += 1
                assert not holds(v, bound + 0.01)
    assert ends > 200


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=2, max_size=4))
def test_additive_games_allow_one_and_no_more(shares):
    """Models v(i) are what everybody has alone; but somebody has less than two have together."""
    assume(len({x for x in shares if x > 0}) >= 2)
    bounds = rho_bounds(additive(*shares))
    best = max(shares)
    wanted = [math.log(x / sum(shares)) / math.log(x / best) for x in shares if 0 < x < best]
    assert bounds.rational == pytest.approx(min(wanted))
    assert bounds.stable <= bounds.rational


def test_two_parties_with_own_data():
    """v(1) = 1, v(2) = 2, v(N) = 3: log(1/3)/log(1/2)."""
    bounds = rho_bounds((0, 1, 2, 3))
    assert bounds.rational == bounds.stable == pytest.approx(math.log(3) / math.log(2))


@pytest.mark.parametrize("values", [(0, 2, 1, 1), (1, 1, 1, 2), (0, 0, 0, 0)])
def test_what_is_not_monotone_is_refused(values):
    with pytest.raises(ValueError, match="need a monotone game"):
        rho_bounds(values)
