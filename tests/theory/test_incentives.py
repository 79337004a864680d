"""Moves of a party, in fractions: theorems on many games, failures as smallest examples, searches.

A test called a search is the record of a conjecture: that it finds nothing is no proof.
"""

import json
from fractions import Fraction
from itertools import combinations, product
from math import comb, inf
from random import Random

import numpy as np
import pytest
from helpers import (
    RESULTS,
    SMALL_GAMES,
    amounts,
    clearing_by_enumeration,
    fractions,
    is_monotone,
    monotone_hull,
    parties,
    revenues,
    shapley_by_permutations,
    tables,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from shapfair.games import additive, monotone_games, small_games, unanimity
from shapfair.theory import exact, incentives, stability
from shapfair.theory.replication import replicate, total_payoff

exactly = settings(max_examples=60, derandomize=True, deadline=None)
half = Fraction(1, 2)
third = Fraction(1, 3)

BUDGETS = [0, half, (half, 0, 1), (0, 0, half), (0, half, 0), (1, 0, 0)]
"""For games of three parties."""


def groups(n):
    """All groups of two or more of ``n`` parties."""
    return [group for size in range(2, n + 1) for group in combinations(range(n), size)]


def payoffs(v):
    return [parties(v) * x - v[-1] for x in shapley_by_permutations(v)]


def coverage(weights):
    """Value tables of items of which ``weights[t]`` are with exactly the parties of ``t``."""
    return [sum(w for t, w in enumerate(weights) if t & c) for c in range(len(weights))]


# --- one party and the others --------------------------------------------------------------------


def comes_back(flows, budgets, party, spent):
    """Revenue of a party that spends so much, whatever it has; the others clear."""
    gap = sum(flows[party])
    caps = [spent / gap if gap and k == party else Fraction(1) for k in range(len(flows))]
    rich = [inf if k == party else b for k, b in enumerate(budgets)]
    return revenues(flows, clearing_by_enumeration(flows, rich, caps))[party]


def test_a_party_spends_the_most_that_comes_back_or_is_its_own():
    tried = 0
    for v in SMALL_GAMES[::13]:
        flows = exact.conditional_shapley_values(v)
        for budgets in ((0, 0, 0), (half, 0, 1), (0, half, 0)):
            found = exact.allocate(v, budgets)
            for i in range(3):
                own, gap, cost = v[1 << i], v[-1] - v[1 << i], found.costs[i]
                back = comes_back(flows, budgets, i, cost)
                assert found.model_values[i] + found.payoffs[i] == own + back
                assert cost <= budgets[i] + back
                steps = [Fraction(k * gap, 4) for k in range(5)]
                backs = [comes_back(flows, budgets, i, s) for s in steps]
                assert backs == sorted(backs)
                assert all(
                    s <= cost or s > budgets[i] + x for s, x in zip(steps, backs, strict=True)
                )
                tried += 1
    assert tried == 56 * 9


# --- withholding ---------------------------------------------------------------------------------


@exactly
@given(v=tables(max_parties=4, monotone=False), data=st.data())
def test_withholding_never_pays_with_unlimited_budgets(v, data):
    n = parties(v)
    party = data.draw(st.integers(0, n - 1))
    less = data.draw(st.lists(st.integers(0, 9), min_size=2**n, max_size=2**n))
    w = [x - (y if c >> party & 1 else 0) for c, (x, y) in enumerate(zip(v, less, strict=True))]
    assert incentives.withholding(v, w, party)
    # Nor does the payoff rise, so it does not pay to add what was withheld to the model either.
    change = payoffs(w)[party] - payoffs(v)[party]
    assert change <= 0
    # The difference is a sum over sizes of mean differences; that of v(N) is not in it.
    means = [
        Fraction(-sum(less[c] for c in range(2**n - 1) if c >> party & 1 and c.bit_count() == s))
        / comb(n - 1, s - 1)
        for s in range(1, n)
    ]
    assert change == sum(means)


def test_withholding_can_pay_with_budgets():
    v, w = [0, 0, 0, 1, 0, 2, 0, 2], [0, 0, 0, 1, 0, 1, 0, 2]
    before, after = exact.allocate(v, half), exact.allocate(w, half)
    assert before.model_values[0] == after.model_values[0] == 2
    assert (before.payoffs[0], after.payoffs[0]) == (3 * half / 2, 1)
    verdict = incentives.withholding(v, w, 0, half)
    assert verdict.witness == "party 1 has 11/4, if it withholds data 3"
    assert incentives.withholding(v, w, 0)


def test_withholding_can_pay_without_money():
    v, w = [0, 0, 0, 2, 1, 2, 1, 2], [0, 0, 0, 2, 1, 1, 1, 2]
    assert not incentives.withholding(v, w, 0, 0)
    assert exact.allocate(v, 0).model_values[0] == Fraction(8, 5)
    assert exact.allocate(w, 0).model_values[0] == 2


def less_of(v, party):
    """Monotone games that ``party`` can show by withholding, in small integers."""
    free = [c for c in range(len(v)) if c >> party & 1]
    for shown in product(*(range(v[c & ~(1 << party)], v[c] + 1) for c in free)):
        w = list(v)
        for c, x in zip(free, shown, strict=True):
            w[c] = x
        if w[-1] and is_monotone(w):
            yield w


def moves(n, most):
    return [(v, tuple(w)) for v in monotone_games(n, most) for w in less_of(v, 0)]


def those_that_pay(cases, budgets):
    total = {v: stability.totals(v, budgets)[0] for pair in cases for v in pair}
    return [pair for pair in cases if total[pair[1]] > total[pair[0]]]


def test_withholding_never_pays_with_unlimited_budgets_in_all_small_games():
    for cases, number in ((moves(3, 2), 817), (moves(4, 1), 866)):
        assert len(cases) == number
        assert those_that_pay(cases, inf) == []


def test_smallest_games_in_which_withholding_pays():
    """Of whole values: none with v(N) = 1; up to names one with v(N) = 2 and b = 0."""
    for cases in (moves(3, 1), moves(4, 1)[::3]):
        assert those_that_pay(cases, 0) == those_that_pay(cases, half) == []
    v, w = (0, 0, 0, 2, 1, 2, 1, 2), (0, 0, 0, 2, 1, 1, 1, 2)

    def exchanged(table):  # parties 2 and 3
        return tuple(table[c & 1 | (c & 2) << 1 | (c & 4) >> 1] for c in range(8))

    assert those_that_pay(moves(3, 2), 0) == [(v, w), (exchanged(v), exchanged(w))]
    pays = those_that_pay(moves(3, 2), half)
    assert ((0, 0, 0, 1, 0, 2, 0, 2), (0, 0, 0, 1, 0, 1, 0, 2)) in pays
    assert len(pays) == 4


def test_two_parties_never_gain_by_withholding():
    budgets = [0, half, 1, (0, half), (half, 0), (0, 2), (2, third)]
    tried = 0
    for v in monotone_games(2, 3):
        for b in budgets:
            own = exact.amounts_of("budgets", b, 2)
            assert stability.totals(v, b)[0] == v[3] + min(v[1] - v[2], own[1])
            for w in less_of(v, 0):
                assert incentives.withholding(v, w, 0, b)
                tried += 1
    assert tried == 805


def test_withholding_what_others_make_up_for_never_pays_with_any_budgets():
    tried = 0
    for v in SMALL_GAMES[::19]:
        for w in less_of(v, 0):
            if incentives.made_up_for(v, w, 0):
                for budgets in BUDGETS:
                    before, after = (stability.totals(x, budgets)[0] for x in (v, w))
                    assert after <= before - (v[-1] - w[-1])
                    tried += 1
    assert tried == 990


def test_four_parties_never_gain_by_withholding_what_others_make_up_for():
    tried = 0
    for v, w in moves(4, 1)[::2]:
        if incentives.made_up_for(v, w, 0):
            for budgets in (0, half, (half, 0, 1, 0)):
                before, after = (stability.totals(x, budgets)[0] for x in (v, w))
                assert after <= before - (v[-1] - w[-1])
                tried += 1
    assert tried == 3 * 148


def test_withholding_items_never_pays_with_any_budgets():
    rng = Random(11)
    for _ in range(100):
        n = rng.choice([3, 3, 4])
        items = [0, *(rng.choice([0, 0, 1, 2]) for _ in range(2**n - 1))]
        hidden = list(items)
        for t in range(1, 2**n, 2):  # types that party 1 has
            moved = rng.randint(0, items[t])
            hidden[t] -= moved
            hidden[t & ~1] += moved if t > 1 else 0
        v, w = coverage(items), coverage(hidden)
        if w[-1]:
            budgets = rng.choice([0, [rng.choice([0, 0, half, 1, 2]) for _ in range(n)]])
            assert incentives.made_up_for(v, w, 0)
            assert incentives.withholding(v, w, 0, budgets)


def test_what_others_do_not_make_up_for():
    v = [0, 0, 0, 1, 0, 2, 0, 2]
    assert not incentives.made_up_for(v, [0, 0, 0, 1, 0, 1, 0, 2], 0)  # it needs party 3
    assert incentives.made_up_for(v, v, 0)
    assert incentives.made_up_for([0, 2, 1, 2], [0, 1, 1, 2], 0)
    assert incentives.made_up_for([0, 2, 1, 3], [0, 1, 1, 2], 0)
    assert not incentives.made_up_for([0, 2, 1, 4], [0, 1, 1, 2], 0)
    assert not incentives.made_up_for([0, 2, 1, 7 * half], [0, 1, 1, 2], 0)


# --- names ---------------------------------------------------------------------------------------


def test_merged_by_hand():
    v = list(range(8))
    assert incentives.merged(v, [0, 1]) == [0, 3, 4, 7]
    assert incentives.merged(v, [2, 0]) == [0, 5, 2, 7]
    assert incentives.merged(v, [1, 2]) == [0, 1, 6, 7]
    assert incentives.merged(v, [1]) == v
    assert incentives.merged(v, range(3)) == [0, 7]


@exactly
@given(v=tables(max_parties=4, monotone=False), data=st.data())
def test_merging_undoes_copies(v, data):
    n = parties(v)
    party, k = data.draw(st.integers(0, n - 1)), data.draw(st.integers(0, 2))
    names = [party, *range(n, n + k)]
    assert incentives.merged(replicate(v, party, k), names) == list(v)
    several, one = incentives.names_and_party(replicate(v, party, k), names)
    assert (several, one) == (total_payoff(v, party, k), total_payoff(v, party, 0))


@exactly
@given(v=tables(min_parties=2, max_parties=5))
def test_names_have_at_most_their_number_times_the_payoff(v):
    alone, n = payoffs(v), parties(v)
    for group in groups(n):
        assert incentives.names_bound(v, group)
        several, one = incentives.names_and_party(v, group)
        assert several == sum(alone[k] for k in group)
        assert one == payoffs(incentives.merged(v, group))[group[0]]
        assert several <= len(group) * one
        assert incentives.false_names(v, group) or one > 0


def test_names_have_at_most_their_number_times_the_payoff_in_all_small_games():
    tried = 0
    for v in [*SMALL_GAMES, *small_games(4, 1)]:
        for group in groups(parties(v)):
            assert incentives.names_bound(v, group)
            tried += 1
    assert tried == 4 * 718 + 11 * 28


@exactly
@given(v=tables(min_parties=2, max_parties=5, monotone=False), data=st.data())
def test_names_earn_what_the_proof_says(v, data):
    """The sum of the docstring, of which every weight is a hypergeometric probability."""
    total = parties(v)
    group = data.draw(st.sampled_from(groups(total)))
    m, outside = len(group), [k for k in range(total) if k not in group]
    n = total - m + 1
    earned = Fraction(0)
    for c in [sum(1 << k for k in x) for r in range(n) for x in combinations(outside, r)]:
        size, whole = c.bit_count(), Fraction(0)
        for j in range(m):
            steps = [
                v[c | sum(1 << k for k in before) | 1 << k] - v[c | sum(1 << k for k in before)]
                for before in combinations(group, j)
                for k in group
                if k not in before
            ]
            mean = Fraction(sum(steps), len(steps))
            whole += mean
            earned += m * mean * Fraction(comb(m - 1, j), comb(n + m - 2, size + j))
            chance = Fraction(comb(n - 1, size) * comb(m - 1, j), comb(n + m - 2, size + j))
            assert 0 < chance <= 1
        assert whole == v[c | sum(1 << k for k in group)] - v[c]
    assert incentives.names_and_party(v, group)[0] == earned - m * v[-1]


def test_halves_can_pay_where_copies_do_not():
    v = [0, 0, 0, 1, 0, 0, 0, 1]  # parties 1 and 2 need each other, party 3 adds nothing
    assert payoffs(v)[0] == half
    assert total_payoff(v, 0, 1) == -Fraction(2, 3)
    halves = unanimity(4, 0b1011)  # the other half of party 1's data is party 4's
    assert incentives.merged(halves, [0, 3]) == v
    assert incentives.names_and_party(halves, [0, 3]) == (Fraction(2, 3), half)
    verdict = incentives.false_names(halves, [0, 3])
    assert verdict.witness == "{1, 4} have 2/3 under their names, 1/2 as one party"
    assert incentives.false_names(replicate(v, 0), [0, 3])
    assert incentives.names_bound(halves, [0, 3])


def test_names_that_do_harm_break_the_bound():
    v = [0, 2, 2, 0]  # merged it is worth nothing
    with pytest.raises(ValueError, match=r"name 1 lowers the value of \{2\}"):
        incentives.names_bound(v, [0, 1])
    # Others may do harm.
    assert incentives.names_bound([0, 1, 1, 1, 0, 0, 0, 0], [0, 1])


def test_buyers_club_never_hurts_whom_it_leaves_paying():
    clubs = 0
    for v in SMALL_GAMES:
        for pair in combinations(range(3), 2):
            several, one = incentives.names_and_party(v, pair)
            if one <= 0:
                assert several <= 2 * one
                clubs += 1
    assert clubs == 597


def test_two_parties_of_mnist_would_save_by_a_club():
    rows = json.loads((RESULTS / "mnist.json").read_text())
    v = monotone_hull(fractions(rows, 10_000)[0])  # seed 0
    several, one = incentives.names_and_party(v, [0, 1])
    assert (round(float(several), 3), round(float(one), 3)) == (-1.164, -0.349)
    assert incentives.false_names(v, [0, 1])


def test_every_club_of_mnist_parties_gains():
    rows = json.loads((RESULTS / "mnist.json").read_text())
    first, *_ = tables = [monotone_hull(v) for v in fractions(rows, 10_000)]
    assert len(tables) == 10
    apart, as_one = zip(*(incentives.names_and_party(v, [0, 1]) for v in tables), strict=True)
    for found, low, high in ((apart, -1.174, -1.163), (as_one, -0.355, -0.346)):
        assert (round(float(min(found)), 3), round(float(max(found)), 3)) == (low, high)
    assert [round(float(sum(x) / 10), 3) for x in (apart, as_one)] == [-1.168, -0.351]
    for group in groups(5)[:-1]:
        for v in tables:
            several, one = incentives.names_and_party(v, group)
            assert several < one
    assert incentives.names_and_party(first, range(5)) == (0, 0)


# --- copies within budgets -----------------------------------------------------------------------


def test_copies_can_pay_with_a_positive_payoff_and_budgets_of_others():
    v, budgets = [0, 1, 0, 1, 1, 1, 1, 1], (0, half, 0)
    assert payoffs(v)[0] == half
    verdict = incentives.copies(v, 0, [0, 0], budgets)
    assert verdict.witness == "party 1 has 5/4, with 1 more names 4/3"
    assert incentives.copies(v, 0, [0, 0, 0], budgets).holds is False


@exactly
@given(v=tables(max_parties=3), data=st.data())
def test_copies_are_counted_with_the_best_model_and_all_payoffs(v, data):
    n, k = parties(v), data.draw(st.integers(1, 2))
    budgets = list(data.draw(amounts(n)))
    party = data.draw(st.integers(0, n - 1))
    own = budgets[party]
    purses = [own, *[0] * k] if data.draw(st.booleans()) else [0] * k + [own]
    table = replicate(v, party, k)
    after = exact.allocate(table, [*budgets[:party], purses[0], *budgets[party + 1 :], *purses[1:]])
    names = [party, *range(n, n + k)]
    total = max(after.model_values[i] for i in names) + sum(after.payoffs[i] for i in names)
    before = stability.totals(v, budgets)[party]
    assert incentives.copies_and_party(v, party, purses, budgets) == (total, before)
    assert bool(incentives.copies(v, party, purses, budgets)) == (total <= before)


def test_copies_use_the_best_model_whoever_has_the_money():
    v = [0, 0, 1, 4]
    after = exact.allocate(replicate(v, 0), [0, 0, 1])
    assert after.model_values[2] > after.model_values[0]
    total = after.model_values[2] + after.payoffs[0] + after.payoffs[2]
    for purses in ([0, 1], [1, 0]):
        found = incentives.copies_and_party(v, 0, purses, (1, 0))
        assert found == (total, stability.totals(v, (1, 0))[0])


def test_copies_with_unlimited_budgets():
    for v in SMALL_GAMES[::7]:
        for party in range(3):
            gain = total_payoff(v, party, 1) - total_payoff(v, party, 0)
            assert bool(incentives.copies(v, party, [inf, inf])) == (gain <= 0)


def test_copies_never_pay_in_supermodular_games():
    games = [v for v in small_games(3, 3) if stability.is_supermodular(v)]
    for v in games[::2]:
        for party in range(3):
            flows = exact.conditional_shapley_values(v)
            with_copy = exact.conditional_shapley_values(replicate(v, party))
            others = [k for k in range(3) if k != party]
            assert all(with_copy[k][j] >= flows[k][j] for k in others for j in others)
            for budgets in BUDGETS:
                own = exact.amounts_of("budgets", budgets, 3)[party]
                for part in {Fraction(0), own / 2}:
                    assert incentives.copies(v, party, [own - part, part], budgets)


@pytest.mark.parametrize("budgets", [*product((0, half, 1, 2), repeat=2)])
def test_copies_never_pay_with_two_parties(budgets):
    """Nobody else pays anybody else, so the theorem on supermodular games applies."""
    for v in monotone_games(2, 3):
        for party in range(2):
            for part in {Fraction(0), budgets[party] * half}:
                own = budgets[party] - part
                assert incentives.copies(v, party, [own, part], budgets)


def test_copies_never_pay_in_supermodular_games_of_four_parties():
    games = [v for v in small_games(4, 2) if stability.is_supermodular(v)]
    for v in games[::8]:
        for budgets in ((0, 0, 0, 0), (half, 0, 1, 0), (0, 1, 0, half)):
            for party in range(4):
                own = Fraction(budgets[party])
                assert incentives.copies(v, party, [own / 2, own / 2], budgets)


def test_search_copies_without_money_or_with_a_payoff_that_is_not_positive():
    """Conjecture: copies never help if nobody has money, or if the payoff is not positive."""
    tried = 0
    for v in small_games(3, 2):
        for party in range(3):
            assert incentives.copies(v, party, [0, 0], 0)
            if payoffs(v)[party] <= 0:
                for budgets in BUDGETS[1:]:
                    own = exact.amounts_of("budgets", budgets, 3)[party]
                    for part in {Fraction(0), own / 2}:
                        assert incentives.copies(v, party, [own - part, part], budgets)
                        tried += 1
    assert tried > 300


# --- newcomers -----------------------------------------------------------------------------------


def test_newcomers_can_harm_incumbents():
    third_party = [v for v in SMALL_GAMES if not incentives.entry(v, 2)]
    anyone = [v for v in SMALL_GAMES if not all(incentives.entry(v, k) for k in range(3))]
    assert (len(third_party), len(anyone)) == (210, 432)
    # An item of 1 and 2; party 1 had it alone.
    assert incentives.entry([0, 1, 1, 1], 1)
    assert incentives.entry([0, 1, 0, 1, 1, 1, 1, 1], 2).witness == (
        "party 1 has 3/2, without party 3 2"
    )


def test_newcomers_harm_nobody_in_supermodular_games():
    games = [v for v in SMALL_GAMES + monotone_games(4, 2) if stability.is_supermodular(v)]
    assert len(games) == 126 + 150
    assert all(incentives.entry(v, k) for v in games for k in range(parties(v)))


def test_newcomers_can_harm_incumbents_of_a_supermodular_game_without_money():
    v = [0, 0, 0, 1, 2, 2, 2, 3]
    assert stability.is_supermodular(v)
    assert incentives.entry(v, 2)
    assert incentives.entry(v, 2, 0).witness == "party 1 has 3/4, without party 3 1"


@exactly
@given(v=tables(min_parties=2, max_parties=4), data=st.data())
def test_entry_compares_every_incumbent(v, data):
    n = parties(v)
    newcomer, budgets = data.draw(st.integers(0, n - 1)), data.draw(amounts(n))
    old = [i for i in range(n) if i != newcomer]
    before = stability.totals(
        [v[c] for c in range(2**n) if not c >> newcomer & 1], [budgets[i] for i in old]
    )
    after = stability.totals(v, budgets)
    harmed = [i for k, i in enumerate(old) if after[i] < before[k]]
    verdict = incentives.entry(v, newcomer, budgets)
    assert verdict.holds is (not harmed)
    assert verdict or verdict.witness.startswith(f"party {harmed[0] + 1} has {after[harmed[0]]}")


# --- money ---------------------------------------------------------------------------------------


@exactly
@given(v=tables(min_parties=2, max_parties=4), data=st.data())
def test_hiding_money_never_pays_if_models_are_worth_their_price(v, data):
    n = parties(v)
    budgets = [*data.draw(amounts(n - 1)), Fraction(data.draw(st.integers(0, 8)), 2)]
    shown = budgets[-1] * Fraction(data.draw(st.integers(0, 4)), 4)
    assert incentives.hidden_budget(v, budgets, n - 1, shown)
    assert incentives.hidden_budget(v, budgets, n - 1, shown, worth=2)


def test_hiding_money_pays_if_a_model_is_worth_two_thirds_of_its_price():
    v, budgets = [0, 0, 1, 2], [1, 0]
    assert exact.allocate(v, budgets).model_values == (2, 2)
    verdict = incentives.hidden_budget(v, budgets, 0, 0, worth=2 * third)
    assert verdict.witness == "party 1 has 1/3, if it hides money 2/3"
    pays = [
        v
        for v in SMALL_GAMES[::3]
        if not incentives.hidden_budget(v, (1, half, 0), 0, half, worth=2 * third)
    ]
    assert len(pays) == 102


# --- continuity ----------------------------------------------------------------------------------


def test_models_and_flows_are_continuous_on_monotone_games():
    rng = Random(5)
    for v in SMALL_GAMES[::40]:
        other = monotone_hull([0, *(rng.randint(0, 3) for _ in range(7))])
        for budgets in (0, (half, 0, 0)):
            near = []
            for power in (1, 3, 6, 9):
                t = Fraction(1, 10**power)
                mixed = [(1 - t) * x + t * y for x, y in zip(v, other, strict=True)]
                near.append(max(incentives.jump(v, budgets, mixed, budgets)))
            assert near[3] < Fraction(1, 10**6)


def test_models_and_flows_are_continuous_where_budgets_become_unlimited():
    for v in SMALL_GAMES[::40]:
        for rich in ((inf, 0, 0), (inf, half, inf)):
            near = [incentives.jump(v, rich, v, [min(b, m) for b in rich]) for m in (1, 100)]
            assert near[1] == (0, 0)
    assert incentives.jump([0, 0, 1, 4], (inf, 0), [0, 0, 1, 4], (half, 0)) != (0, 0)


def test_models_jump_if_flows_alone_are_nonnegative():
    couples = [(0, 0, 0, 1, 1)[c.bit_count()] for c in range(16)]
    couples[0b0011] = couples[0b1100] = 2
    assert not is_monotone(couples)
    assert exact.allocate(couples, 0).scaling == (1, 1, 1, 1)
    tiny = Fraction(1, 10**6)
    for pair, scaling in ((0b0011, (0, 0, 1, 1)), (0b1100, (1, 1, 0, 0))):
        other = list(couples)
        other[pair] -= tiny
        assert min(map(min, exact.conditional_shapley_values(other))) >= 0
        assert exact.allocate(other, 0).scaling == scaling
        models, flows = incentives.jump(couples, 0, other, 0)
        assert models == 1
        assert flows == 1


def test_jump_by_hand():
    # Party 1 pays half of its gain with half the money.
    assert incentives.jump([0, 0, 1, 2], [1, 0], [0, 0, 1, 2], [0, 0]) == (1, 1)
    assert incentives.jump(additive(1, 2), 0, additive(1, 2), 0) == (0, 0)
    assert incentives.jump(additive(1, 2), 0, additive(1, 3), 0) == (1, 0)


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: incentives.withholding([0, 1, 1, 2], [0, 1, 1, 2], 2), "there are 2 parties"),
        (lambda: incentives.withholding([0, 1, 1, 2], [0, 1], 0), "shown: 2 values, need 4"),
        (lambda: incentives.withholding([0, 1, 1, 2], [0, 1, 0, 2], 0), r"\{2\} has 0 for 1"),
        (lambda: incentives.withholding([0, 1, 1, 2], [0, 2, 1, 2], 0), r"\{1\} has 2 for 1"),
        (lambda: incentives.merged([0, 1], []), "names"),
        (lambda: incentives.merged([0, 1], [1]), "names"),
        (lambda: incentives.merged([0, 1], [-1]), "names"),
        (lambda: incentives.merged([0, 1, 2], [0]), "2\\*\\*n"),
        (lambda: incentives.copies([0, 1], 1, [0, 0]), "there are 1 parties"),
        (lambda: incentives.copies([0, 1], 0, [1], 1), "purses: 1 amounts for 2"),
        (lambda: incentives.copies([0, 1], 0, [1, 1], 1), "purses: sum to 2, the budget is 1"),
        (lambda: incentives.copies([0, 1], 0, [-1, 2], 1), "purses: party 1 has -1"),
        (lambda: incentives.entry([0, 1, 1, 2], -1), "party -1"),
        (lambda: incentives.entry([0, 1], 0), "no other"),
        (lambda: incentives.hidden_budget([0, 1], [1], 0, 2), "shown: 2, more than"),
        (lambda: incentives.hidden_budget([0, 1], [1], 1, 0), "there are 1 parties"),
        (lambda: incentives.hidden_budget([0, 1], [1], 0, -1), "shown: party 1 has -1"),
        (lambda: incentives.jump([0, 1], 0, [0, 1, 1, 2], 0), "numbers of parties"),
    ],
)
def test_errors_name_the_argument(call, match):
    with pytest.raises(ValueError, match=match):
        call()


def test_floats_are_fractions():
    assert incentives.withholding(np.array([0, 0.5, 0.5, 1]), np.array([0, 0.25, 0.5, 1]), 0)
