"""Coalitions that would leave, in fractions: definitions, theorems, smallest examples, records."""

import json
from fractions import Fraction
from math import inf
from random import Random

import numpy as np
import pytest
from helpers import (
    RESULTS,
    SMALL_GAMES,
    additive,
    amounts,
    dot,
    fractions,
    monotone_hull,
    parties,
    shapley_by_permutations,
    tables,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from shapfair import Game
from shapfair.games import monotone_games, small_games, unanimity
from shapfair.stability import leaving
from shapfair.theory import exact, stability

exactly = settings(max_examples=40, derandomize=True, deadline=None)
half = Fraction(1, 2)

DIGITS = [{0}, {1, 2}, {0, 1, 2, 3}, {3, 4, 5}, {6, 7, 8, 9}]
"""What the parties of the paper's first experiment have; in chapter 5 a digit is worth 1."""


def items(*sets):
    """The game in which a coalition is worth the number of different items that it has."""
    return [
        len(set().union(*(sets[i] for i in range(len(sets)) if c >> i & 1)))
        for c in range(2 ** len(sets))
    ]


def proper(n):
    return range(1, 2**n - 1)


def inside(x, s):
    return [x[i] for i in range(len(x)) if s >> i & 1]


# --- definitions ---------------------------------------------------------------------------------


@exactly
@given(v=tables(max_parties=4), data=st.data())
def test_totals_are_models_and_payoffs(v, data):
    n = parties(v)
    unlimited = exact.allocate(v)
    with_models = [m + p for m, p in zip(unlimited.model_values, unlimited.payoffs, strict=True)]
    assert list(stability.totals(v)) == with_models
    assert with_models == [n * x for x in shapley_by_permutations(v)]
    budgets = data.draw(amounts(n))
    a = exact.allocate(v, budgets)
    assert stability.totals(v, budgets) == tuple(
        m + p for m, p in zip(a.model_values, a.payoffs, strict=True)
    )


@exactly
@given(v=tables(max_parties=4, monotone=False))
def test_deficits_are_what_a_coalition_pays_beyond_what_it_gets(v):
    totals, n = stability.totals(v), parties(v)
    payoffs = exact.allocate(v).payoffs
    found = stability.deficits(v, totals)
    assert found[0] == 0
    for s in range(2**n):
        worth = s.bit_count() * (v[-1] - v[s])
        assert found[s] == -sum(inside(payoffs, s)) - worth
        phi = sum(inside(exact.shapley_values(v), s))
        assert (found[s] > 0) == (n * phi < s.bit_count() * v[s])


@exactly
@given(v=tables(max_parties=4, monotone=False), data=st.data())
def test_gain_is_the_largest_that_members_can_pay_one_another(v, data):
    n = parties(v)
    totals = data.draw(st.lists(st.fractions(-9, 9, max_denominator=4), min_size=n, max_size=n))
    budgets = data.draw(amounts(n))
    found = stability.gains(v, totals, budgets)
    assert found[0] == 0

    def left_over(s, g):
        kept = (min(v[s] - g, t + b) for t, b in zip(totals, budgets, strict=True))
        return sum(inside(list(kept), s)) - sum(inside(totals, s))

    for s in range(1, 2**n):
        assert left_over(s, found[s]) >= 0 > left_over(s, found[s] + Fraction(1, 10**9))
        # The formula of the docstring.
        rest = {r: [i for i in range(n) if (s & ~r) >> i & 1] for r in range(1, 2**n) if r & s == r}
        needed = [
            (sum(inside(totals, r)) - sum(budgets[i] for i in others)) / r.bit_count()
            for r, others in rest.items()
            if all(budgets[i] < inf for i in others)
        ]
        assert found[s] == v[s] - max(needed)
    assert stability.gains(v, totals, 0)[1:] == tuple(
        v[s] - max(inside(totals, s)) for s in range(1, 2**n)
    )
    assert stability.gains(v, totals)[1:] == tuple(
        Fraction(d) / s.bit_count() for s, d in enumerate(stability.deficits(v, totals)) if s
    )
    floats = leaving(v, list(map(float, totals)), list(map(float, budgets)))
    expected = [0, *map(float, found[1:-1]), 0]
    np.testing.assert_allclose(floats.gains, expected, atol=1e-12 * max(map(abs, [*v, 9])))


def test_restricted_by_hand():
    v = [0, 1, 2, 3, 4, 5, 6, 7]
    assert stability.restricted(v, 0b101) == [0, 1, 4, 5]
    assert stability.restricted(v, 0b110) == [0, 2, 4, 6]
    assert stability.restricted(v, 0b111) == v
    assert stability.restricted(v, 0b010) == [0, 2]


@exactly
@given(v=tables(min_parties=2, max_parties=4, monotone=False))
def test_supermodular_is_that_of_all_pairs_of_coalitions(v):
    all_pairs = (v[a | b] + v[a & b] >= v[a] + v[b] for a in range(len(v)) for b in range(len(v)))
    assert stability.is_supermodular(v) == all(all_pairs)


# --- unlimited budgets ---------------------------------------------------------------------------


def test_201_of_the_small_games_are_blocked():
    assert sum(not stability.is_stable(v) for v in SMALL_GAMES) == 201
    assert all(stability.is_stable(v) for v in small_games(2, 4))


def test_smallest_games_that_are_blocked():
    blocked = [v for v in small_games(3, 1) if not stability.is_stable(v)]
    assert blocked == [(0, 0, 0, 1, 1, 1, 1, 1), (0, 0, 1, 1, 1, 1, 1, 1)]
    item_of_two = [0, 0, 1, 1, 1, 1, 1, 1]
    assert stability.totals(item_of_two) == (0, 3 * half, 3 * half)
    assert stability.blocking(item_of_two, (0, 3 * half, 3 * half)) == {3: half / 2, 5: half / 2}
    assert stability.deficits(item_of_two, (0, 3 * half, 3 * half))[3] == half
    witness = "{1, 2} could have 1/4 more each without the others"
    assert stability.is_stable(item_of_two).witness == witness
    two_halves = [0, 0, 0, 1, 1, 1, 1, 1]
    assert stability.totals(two_halves) == (half, half, 2)
    assert stability.blocking(two_halves, (half, half, 2)) == {3: half}


def test_witness_of_instability_gains_most():
    v = (0, 0, 3, 3, 2, 3, 3, 3)
    assert stability.blocking(v, stability.totals(v)) == {3: Fraction(1, 4), 5: 1}
    assert stability.is_stable(v).witness == "{1, 3} could have 1 more each without the others"


def test_all_parties_are_no_coalition_that_leaves():
    assert stability.gains([0, 0, 0, 1], [0, 0])[3] == 1
    assert stability.blocking([0, 0, 0, 1], [0, 0]) == {}


def test_supermodular_games_are_never_blocked():
    games = [v for v in SMALL_GAMES + monotone_games(4, 2) if stability.is_supermodular(v)]
    assert len(games) == 126 + 150
    assert all(stability.is_stable(v) for v in games)
    # The reason: the Shapley value is in the core.
    for v in games:
        phi = exact.shapley_values(v)
        assert all(sum(inside(phi, s)) >= v[s] for s in range(len(v)))
    # Sums of unanimity games, and larger numbers.
    rng = Random(7)
    for _ in range(20):
        n = rng.choice([3, 4])
        parts = [unanimity(n, rng.randrange(1, 2**n)) for _ in range(4)]
        v = [dot((9, 4, 2, 1), column) for column in zip(*parts, strict=True)]
        assert stability.is_supermodular(v)
        assert stability.is_stable(v)


@exactly
@given(v=tables(min_parties=2, max_parties=4), data=st.data())
def test_free_sharing_is_always_stable(v, data):
    n = parties(v)
    free = [v[-1]] * n
    assert stability.blocking(v, free) == {}
    assert stability.blocking(v, free, data.draw(amounts(n))) == {}


def test_free_sharing_is_not_stable_if_a_coalition_is_worth_more_than_all():
    assert stability.blocking([0, 1, 1, 3, 1, 1, 1, 2], [2, 2, 2]) == {3: 1}


def test_all_others_leave_a_party_that_costs_them_more_than_it_adds():
    games = SMALL_GAMES + monotone_games(4, 1)
    redundant, met = set(), 0
    for v in games:
        n, totals = parties(v), stability.totals(v)
        deficits, payoffs = stability.deficits(v, totals), [t - v[-1] for t in totals]
        for s in range(2**n):
            paid = sum(payoffs) - sum(inside(payoffs, s))
            assert deficits[s] == paid - s.bit_count() * (v[-1] - v[s])
        for i in range(n):
            others = 2**n - 1 - (1 << i)
            blocks = others in stability.blocking(v, totals)
            assert blocks == (payoffs[i] > (n - 1) * (v[-1] - v[others]))
            if v[others] == v[-1]:
                assert blocks == (payoffs[i] > 0)
                assert deficits[others] == payoffs[i] <= (n - 2) * v[-1]
                if n == 3 and blocks:
                    redundant.add(v)
                    met += 1
    assert met == 183
    assert len(redundant) == 144


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6])
def test_what_all_others_have_together_can_cost_them_most(n):
    rich, others = 1 << n - 1, (1 << n - 1) - 1
    v = [int(c & rich > 0 or c == others) for c in range(2**n)]
    totals = stability.totals(v)
    assert totals == (*[Fraction(1, n - 1)] * (n - 1), n - 1)
    assert stability.deficits(v, totals)[others] == n - 2


def test_an_item_of_two_can_only_be_shared_freely():
    """So the dummy, party 1, pays nothing for it."""
    v = [0, 0, 1, 1, 1, 1, 1, 1]
    quarters = [Fraction(k, 4) for k in range(-4, 13)]
    splits = [(x, y, 3 - x - y) for x in quarters for y in quarters]
    assert [x for x in splits if not stability.blocking(v, x)] == [(1, 1, 1)]


def test_copies_make_a_consortium_more_stable():
    """Who blocks when models can be copied also has more alone than its Shapley values."""
    blocked = set()
    for v in SMALL_GAMES:
        phi = exact.shapley_values(v)
        core = {s for s in range(1, 8) if sum(inside(phi, s)) < v[s]}
        assert set(stability.blocking(v, stability.totals(v))) <= core
        blocked |= {v} if core else set()
    assert len(blocked) == 578


# --- budgets -------------------------------------------------------------------------------------


@pytest.mark.parametrize("budgets", [inf, 0, (half, 0, 2), (1, 1, 1), (inf, 0, half)])
def test_neither_one_party_nor_all_block(budgets):
    for v in SMALL_GAMES:
        gains = stability.gains(v, stability.totals(v, budgets), budgets)
        assert max(gains[s] for s in (1, 2, 4, 7)) <= 0


@pytest.mark.parametrize("budgets", [0, (half, 0, 1, inf)])
def test_neither_one_of_four_nor_all_block(budgets):
    for v in monotone_games(4, 1):
        gains = stability.gains(v, stability.totals(v, budgets), budgets)
        assert max(gains[s] for s in (1, 2, 4, 8, 15)) <= 0


@pytest.mark.parametrize("budgets", [inf, 0, (half, 1), (1, inf)])
def test_two_parties_stay_together(budgets):
    assert all(stability.is_stable(v, budgets) for v in monotone_games(2, 4))


def test_money_can_make_a_consortium_more_or_less_stable():
    budgets = [inf, 0, half, (half, 0, 1), (inf, 0, half)]
    blocked = [sum(not stability.is_stable(v, b) for v in SMALL_GAMES) for b in budgets]
    assert blocked == [201, 162, 222, 209, 207]


def test_supermodular_games_can_be_blocked_with_budgets():
    v = (0, 0, 0, 1, 2, 2, 2, 3)
    games = [v for v in small_games(3, 3) if stability.is_supermodular(v)]
    assert [v for v in games if not stability.is_stable(v, 0)] == [v]
    assert stability.totals(v, 0) == (Fraction(3, 4), Fraction(3, 4), 3)
    assert stability.blocking(v, stability.totals(v, 0), 0) == {3: Fraction(1, 4)}


def test_four_would_run_the_scheme_of_the_digit_game_without_the_fifth():
    v, four = items(*DIGITS), 0b11011
    before = stability.totals(v, 0)
    assert inside(before, four) == [
        Fraction(4895, 2546),
        Fraction(250, 67),
        Fraction(18845, 2546),
        10,
    ]
    after = stability.totals(stability.restricted(v, four), 0)
    assert after == (Fraction(13, 4), 6, Fraction(33, 4), 10)
    assert stability.better_off_in_the_scheme(v, 0) == (four,)
    assert stability.gains(v, before, 0)[four] == 0  # party [6-9] has v(N) either way
    assert stability.is_stable(v, 0)
    assert stability.is_stable(v)


def test_who_is_better_off_in_the_scheme_is_so_in_any_way():
    several = 0
    for v in SMALL_GAMES[::9]:
        for budgets in (0, (half, 0, 1), inf):
            gains = stability.gains(v, stability.totals(v, budgets), budgets)
            found = stability.better_off_in_the_scheme(v, budgets)
            assert all(gains[s] >= 0 for s in found)
            several += len(found)
    assert several > 25


def test_a_coalition_may_block_and_not_be_better_off_in_the_scheme():
    v = [0, 0, 1, 2, 2, 3, 2, 3]
    assert not stability.is_stable(v, 0)
    assert stability.better_off_in_the_scheme(v, 0) == ()


def test_coalition_that_has_as_much_as_before_does_not_count():
    assert stability.better_off_in_the_scheme(additive(1, 1, 1), 0) == ()
    # Party 1 has nothing; the others do as well without it, and not better.
    assert stability.better_off_in_the_scheme([0, 0, 1, 1, 1, 1, 2, 2], 0) == ()


# --- the records ---------------------------------------------------------------------------------


def record(name, examples):
    rows = fractions(json.loads((RESULTS / name).read_text()), examples)
    return [monotone_hull(row) for row in rows]


def test_four_parties_of_mnist_block_under_every_seed():
    four, together = 0b11011, []
    for v in record("mnist.json", 10_000):
        totals = stability.totals(v)
        assert set(stability.blocking(v, totals)) == {four}
        together.append(stability.deficits(v, totals)[four])
    assert round(float(min(together)), 4) == 0.0354
    assert round(float(max(together)), 4) == 0.05


def test_four_parties_of_mnist_do_better_without_money_under_three_seeds():
    found = [stability.better_off_in_the_scheme(v, 0) for v in record("mnist.json", 10_000)]
    assert [k for k, coalitions in enumerate(found) if coalitions] == [4, 8, 9]
    assert {c for coalitions in found for c in coalitions} == {0b11011}
    assert all(
        stability.blocking(v, stability.totals(v, 0), 0) == {} for v in record("mnist.json", 10_000)
    )


def test_without_money_carried_imdb_parties_have_worse_models_than_they_could_share():
    """All coalitions of two or more of parties 2 to 5, under eight seeds and in the mean."""
    of_four = {s for s in proper(5) if not s & 1 and s.bit_count() > 1}
    assert len(of_four) == 11
    found = [
        set(stability.blocking(v, stability.totals(v, 0), 0))
        for v in record("imdb-carried.json", 25_000)
    ]
    assert [len(blocking) for blocking in found] == [11, 11, 11, 11, 11, 11, 3, 11, 11, 9]
    assert all(blocking <= of_four for blocking in found)
    assert set.intersection(*found) == {0b01100, 0b01110, 0b11110}
    mean = Game.from_json(RESULTS / "imdb-carried.json").averaged().hull().values.tolist()
    assert set(stability.blocking(mean, stability.totals(mean, 0), 0)) == of_four


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: stability.totals([0, 1, 2]), "2\\*\\*n"),
        (lambda: stability.totals([0, 1], -1), "budgets: party 1 has -1"),
        (lambda: stability.deficits([0, 1], [1, 1]), "totals: 2 for 1 parties"),
        (lambda: stability.gains([0, 1], []), "totals: 0 for 1 parties"),
        (lambda: stability.gains([0, 1], [1], [1, 2]), "budgets: 2 amounts"),
        (lambda: stability.better_off_in_the_scheme([0, 1], [1, 2]), "budgets: 2 amounts"),
        (lambda: stability.restricted([0, 1], 0), "parties: 0"),
        (lambda: stability.restricted([0, 1], 2), "parties: 2"),
        (lambda: stability.is_supermodular([0, 1, 2]), "2\\*\\*n"),
    ],
)
def test_errors_name_the_argument(call, match):
    with pytest.raises(ValueError, match=match):
        call()


def test_floats_are_fractions():
    assert stability.deficits(np.array([0, 0.5, 0.25, 1]), np.array([1.0, 1.0]))[1] == -half
