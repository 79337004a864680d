"""Appendix D of the paper, statement by statement, in rational arithmetic."""

from fractions import Fraction
from itertools import pairwise, product
from math import comb

import pytest
from helpers import (
    SMALL_GAMES,
    additive,
    bits,
    is_monotone,
    shapley_by_permutations,
    subsets,
    tables,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from shapfair.theory import exact
from shapfair.theory.replication import (
    averages,
    certificate_polynomials,
    combine,
    condition_19,
    failing_copies,
    failure,
    holds,
    layers,
    mean_marginals,
    proved_from,
    ray_game,
    ray_total,
    rays,
    replicate,
    total_payoff,
)

exactly = settings(max_examples=60, derandomize=True, deadline=None)
some = st.integers(0, 4)


def payoffs(values):
    """Lemma 3.1, from the definition of the Shapley value by orders of arrival."""
    n = len(values).bit_length() - 1
    return [n * phi - values[-1] for phi in shapley_by_permutations(values)]


def totals(values, party, copies):
    return [total_payoff(values, party, k) for k in range(copies + 1)]


def totals_from_scratch(values, party, copies):
    """``T_0``, ..., ``T_K`` from Shapley values of the games with the copies."""
    found = []
    for k in range(copies + 1):
        table = replicate(values, party, k)
        n = len(table).bit_length() - 1
        phi = exact.shapley_values(table)
        found.append(sum(n * phi[j] - values[-1] for j in [party, *range(n - k, n)]))
    return found


def party_of(data, values):
    return data.draw(st.integers(0, len(values).bit_length() - 2))


def marginals(values, party):
    """Coalitions without the party, with its marginal contribution."""
    others = [k for k in range(len(values).bit_length() - 1) if k != party]
    return [(len(c), values[bits(c) | 1 << party] - values[bits(c)]) for c in subsets(others)]


# --- The example and the well-known claims -------------------------------------------------------


def test_example_needs_identical_data():
    """1/3 for each of 1, 1+ and 2 if, among all ``v(1) = v(2) = a``, ``v(12) = 1``, a = 1."""
    for a in [Fraction(k, 6) for k in range(7)]:
        v = [0, a, a, 1]
        assert shapley_by_permutations(v) == [Fraction(1, 2)] * 2
        phi = shapley_by_permutations(replicate(v, 0))
        assert phi == [(1 + a) / 6, (4 - 2 * a) / 6, (1 + a) / 6]
        assert (phi == [Fraction(1, 3)] * 3) is (a == 1)
        assert (phi[0] + phi[2] > Fraction(1, 2)) is (a > Fraction(1, 2))


def test_example_fails_for_symmetric_parties_that_need_each_other():
    phi = shapley_by_permutations(replicate([0, 0, 0, 1], 0))
    assert phi == [Fraction(1, 6), Fraction(2, 3), Fraction(1, 6)]  # order 1, 2, 1+
    assert phi[0] + phi[2] == Fraction(1, 3) < Fraction(1, 2)


def test_symmetry_and_efficiency_force_a_gain_from_copies():
    """Identical data: symmetry makes shares equal, efficiency makes them sum to 1."""
    v = [0, 1, 1, 1]
    for k in range(5):
        table = replicate(v, 0, k)
        n = k + 2
        # Every two parties are symmetric, so a symmetric and efficient scheme pays 1/n to each.
        for i, j in product(range(n), repeat=2):
            for c in subsets(set(range(n)) - {i, j}):
                assert table[bits({*c, i})] == table[bits({*c, j})]
        assert shapley_by_permutations(table) == [Fraction(1, n)] * n
        assert total_payoff(v, 0, k) == 0  # the payoffs of Lemma 3.1 gain nothing


def test_symmetric_and_robust_valuations_are_not_efficient():
    """Identical data: robustness leaves at most 3/4 of the value to three symmetric parties.

    The Banzhaf value is symmetric and robust in this game, and attains the 3/4.
    """

    def banzhaf(values):
        n = len(values).bit_length() - 1
        return [
            sum(Fraction(gain, 2 ** (n - 1)) for _, gain in marginals(values, i)) for i in range(n)
        ]

    v = [0, 1, 1, 1]
    before, after = banzhaf(v), banzhaf(replicate(v, 0))
    assert sum(before) == 1
    assert after[0] == after[1] == after[2]
    assert after[0] + after[2] == before[0]  # robust
    assert sum(after) == 3 * before[0] / 2 == Fraction(3, 4)  # so not efficient


def test_replication_robustness_is_sacrificed_from_three_parties_on():
    assert totals_from_scratch(ray_game(3, 0, 2), 0, 1) == [1, Fraction(4, 3)]


@exactly
@given(v=tables(2, 2), copies=some, data=st.data())
def test_two_parties_never_gain_by_copies(v, copies, data):
    party = party_of(data, v)
    assert total_payoff(v, party, copies) <= total_payoff(v, party, 0)


# --- D.1 -----------------------------------------------------------------------------------------


@exactly
@given(v=tables(1, 4, monotone=False), data=st.data())
def test_equation_14_defines_the_game_with_one_copy(v, data):
    i = party_of(data, v)
    n = len(v).bit_length() - 1
    plus, copy = replicate(v, i), 1 << n
    for group in subsets(set(range(n)) - {i}):
        c = bits(group)
        assert plus[c | 1 << i | copy] == plus[c | 1 << i] == plus[c | copy] == v[c | 1 << i]
        assert plus[c] == v[c]


@exactly
@given(v=tables(1, 4, monotone=False), data=st.data())
def test_equations_15_and_16_restate_the_condition(v, data):
    i = party_of(data, v)
    n = len(v).bit_length() - 1
    before, after = payoffs(v), payoffs(replicate(v, i))
    assert after[i] == after[n]  # (15): i and its copy are symmetric
    phi, phi_plus = shapley_by_permutations(v), shapley_by_permutations(replicate(v, i))
    bound = (n * phi[i] + v[-1]) / (2 * (n + 1))
    assert after[i] + after[n] - before[i] == 2 * (n + 1) * (phi_plus[i] - bound)


@exactly
@given(v=tables(1, 4, monotone=False), data=st.data())
def test_equations_17_and_18_are_the_shapley_value_with_a_copy(v, data):
    i = party_of(data, v)
    n = len(v).bit_length() - 1
    plus = replicate(v, i)
    phi_plus = shapley_by_permutations(plus)[i]
    for group in subsets(set(range(n + 1)) - {i}):
        if n in group:  # (17): nothing to add to a copy
            assert plus[bits({*group, i})] == plus[bits(group)]
    by_18 = sum(
        Fraction(n - size, n + 1) * gain / comb(n - 1, size) for size, gain in marginals(v, i)
    )
    assert phi_plus == by_18 / n


@exactly
@given(v=tables(1, 4, monotone=False), data=st.data())
def test_equation_19_is_the_condition_and_its_slack_is_the_gain(v, data):
    i = party_of(data, v)
    n = len(v).bit_length() - 1
    left, right = condition_19(v, i)
    by_19 = n * shapley_by_permutations(v)[i] - sum(
        Fraction(2 * size, n) * gain / comb(n - 1, size) for size, gain in marginals(v, i)
    )
    assert (left, right) == (by_19, v[-1])
    before, after = payoffs(v), payoffs(replicate(v, i))
    assert left - right == 2 * after[i] - before[i]


@exactly
@given(v=tables(1, 6), data=st.data())
def test_equation_19_follows_from_a_payoff_that_is_not_positive(v, data):
    i = party_of(data, v)
    left, right = condition_19(v, i)
    assert total_payoff(v, i, 0) > 0 or left <= right


def test_equation_19_needs_monotonicity_there():
    v = [0, 2, 3, 1]
    assert totals_from_scratch(v, 0, 1) == [-1, 0]
    assert condition_19(v, 0) == (2, 1)


# --- D.2 -----------------------------------------------------------------------------------------


@exactly
@given(v=tables(1, 5), copies=some, data=st.data())
def test_equation_20_one_more_copy_lowers_the_payoff_of_each(v, copies, data):
    i = party_of(data, v)
    before, after = (total_payoff(v, i, k) / (k + 1) for k in (copies, copies + 1))
    assert after <= before


def test_equation_21_is_false_for_two_parties_already():
    """The printed step reads 1 + 1/2 <= 1; what it proves, 1/2 + 1/2 <= 1, is true."""
    v = [0, 1, 0, 1]
    before, after = payoffs(v), payoffs(replicate(v, 0))
    assert (before[0], after[0], after[2]) == (1, Fraction(1, 2), Fraction(1, 2))
    assert condition_19(v, 0) == (1, 1)  # one copy does not pay
    assert not before[0] + after[2] <= before[0]
    assert after[0] + after[2] <= before[0]


SEVEN = combine(7, [(3, 0, 2), (1, 5, 7)])


def test_multiple_replications_fail_for_seven_parties():
    for c in range(2**7):
        others = (c & ~1).bit_count()
        value = 3 * (c & 1 or others >= 2) + (c & 1 and others >= 5)
        assert SEVEN[c] == value
    assert is_monotone(SEVEN)
    expected = [4, 4, Fraction(117, 28), Fraction(89, 21), Fraction(29, 7), Fraction(43, 11)]
    assert totals_from_scratch(SEVEN, 0, 4) == expected[:5]
    assert totals(SEVEN, 0, 5) == expected


def test_equation_19_is_lost_at_the_second_copy():
    """In the game with one copy (19) is false, although it is true in the game without."""
    assert condition_19(SEVEN, 0) == (4, 4)
    left, right = condition_19(replicate(SEVEN, 0), 0)
    assert (left - right, right) == (Fraction(11, 14), 4)


@pytest.mark.parametrize("n", range(3, 15))
def test_multiple_replications_fail_for_every_n_from_seven_on(n):
    """The family ``2(n-1) v_{0,2} + (n-2) [C = N]``; the gain changes its sign at n = 6."""
    game = combine(n, [(2 * (n - 1), 0, 2), (n - 2, n - 1, n)])
    none, once, twice = totals(game, 0, 2)
    assert none == once == 2 * (n - 1)
    assert twice - none == Fraction((n - 1) * (n - 2) * (n - 6), n * (n + 1))
    assert (twice > none) is (n >= 7)
    if n == 7:
        assert totals_from_scratch(game, 0, 2) == [12, 12, 12 + Fraction(15, 28)]


def test_multiple_replications_fail_strictly():
    """One copy costs 1/7, two copies earn 1/14."""
    game = combine(7, [(7, 0, 2), (3, 6, 7)])
    assert totals_from_scratch(game, 0, 2) == [7, Fraction(48, 7), Fraction(99, 14)]


@exactly
@given(v=tables(1, 5), data=st.data())
def test_monotone_games_are_combinations_of_threshold_games(v, data):
    i = party_of(data, v)
    n = len(v).bit_length() - 1
    cake = layers(v, i)
    assert all(weight > 0 and (t, s) in rays(n) for weight, t, s in cake)
    mixed = combine(n, cake, i)
    assert averages(mixed, i) == averages(v, i)
    for k in range(4):
        total = sum(weight * ray_total(n, t, s, k) for weight, t, s in cake)
        assert total == total_payoff(v, i, k)


@pytest.mark.parametrize("n", range(2, 9))
def test_threshold_games_gain_by_one_copy(n):
    for t, s in rays(n):
        gain = ray_total(n, t, s, 1) - ray_total(n, t, s, 0)
        assert gain == Fraction((s - t) * (n + 1 - s - t) - n, n)


@pytest.mark.parametrize("n", range(2, 7))
def test_multiple_replications_hold_up_to_six_parties(n):
    """For every number of copies: by polynomials without a negative coefficient."""
    assert proved_from(n, 2)
    assert failing_copies(n) == []
    polynomials = certificate_polynomials(n, 2)
    assert len(polynomials) == n * (n + 3) // 2 - 1
    smallest = min(a for coefficients in polynomials for a in coefficients)
    assert smallest == 0 if n == 6 else smallest > 0  # with six parties two copies can tie


@pytest.mark.parametrize("n", range(7, 15))
def test_copies_that_break_the_claim(n):
    """Below the border every number of copies has its game, above it polynomials prove the rest."""
    last = (n - 2) ** 2 // 4 - 2
    assert failing_copies(n) == [*range(2, last + 1)]
    assert proved_from(n, last + 1)
    for copies in failing_copies(n):
        game = failure(n, copies)
        never, once, often = (
            sum(weight * ray_total(n, t, s, k) for weight, t, s in game) for k in (0, 1, copies)
        )
        assert once <= never < often


def margins(n, copies):
    """The left side of (*) in the proof, for k = n-3, ..., 0 and l = n-2-k."""
    return [
        copies * (copies - 1 - (n - 2 - size) * size)
        + size * (n - 1) * (1 - Fraction(comb(size + copies, copies), comb(n - 2 + copies, copies)))
        for size in range(1, n - 1)
    ]


@pytest.mark.parametrize("n", range(2, 15))
def test_condition_of_the_proof_is_the_exact_test(n):
    for copies in range(1, (n - 2) ** 2 // 4 + 5):
        assert (min(margins(n, copies), default=0) >= 0) is holds(n, copies)


def test_copies_that_break_the_claim_for_up_to_forty_parties():
    for n in range(2, 41):
        up_to = (n - 2) ** 2 // 4 + 5
        broken = [k for k in range(1, up_to) if min(margins(n, k), default=0) < 0]
        assert failing_copies(n) == broken


def test_six_parties_are_the_border():
    """At n = 6 the family above gains exactly nothing by two copies."""
    game = combine(6, [(10, 0, 2), (4, 5, 6)])
    assert totals_from_scratch(game, 0, 2) == [10, 10, 10]


def test_multiple_replications_hold_in_all_small_games():
    """Every monotone game of three parties with integer values up to 3."""
    kept = 0
    for v in SMALL_GAMES:
        none, once, *more = totals(v, 0, 5)
        if once <= none:
            kept += 1
            assert max(more) <= none
    assert kept > 100


@exactly
@given(v=tables(4, 6), copies=st.integers(2, 9), data=st.data())
def test_multiple_replications_hold_in_random_games(v, copies, data):
    i = party_of(data, v)
    none, once = totals(v, i, 1)
    assert once > none or total_payoff(v, i, copies) <= none


# --- What is true for every n --------------------------------------------------------------------


@exactly
@given(v=tables(1, 6), data=st.data())
def test_headline_every_copy_costs_a_paying_party_what_it_pays(v, data):
    i = party_of(data, v)
    found = totals(v, i, 5)
    assume(found[0] <= 0)
    assert all(after <= before + found[0] for before, after in pairwise(found))


@exactly
@given(v=tables(1, 6), data=st.data())
def test_multiple_replications_repaired_with_one_paying_copy(v, data):
    """What the printed chain proves: if a copy would pay, no number of copies earns more."""
    i = party_of(data, v)
    found = totals(v, i, 5)
    assume(found[1] <= 0)
    assert found == sorted(found, reverse=True)


@exactly
@given(v=tables(1, 5), copies=some, data=st.data())
def test_multiple_replications_step_by_step(v, copies, data):
    """If (19) holds in the game with K copies, then copy K + 1 does not pay."""
    i = party_of(data, v)
    left, right = condition_19(replicate(v, i, copies), i)
    assert left > right or total_payoff(v, i, copies + 1) <= total_payoff(v, i, copies)


@exactly
@given(
    marginal=st.lists(st.integers(-3, 9), min_size=2, max_size=9).map(
        lambda m: sorted(m, reverse=True)
    ),
    rest=st.integers(0, 30),
)
def test_diminishing_returns_make_totals_concave(marginal, rest):
    """Whatever the sign of the mean marginals; so a first copy that does not pay decides."""
    n = len(marginal)
    without = [0, *(rest + c for c in range(1, n))]
    v = [
        without[(c & ~1).bit_count()] + (marginal[(c & ~1).bit_count()] if c & 1 else 0)
        for c in range(2**n)
    ]
    assert [*mean_marginals(v, 0)] == marginal
    found = totals(v, 0, 12)
    gains = [after - before for before, after in pairwise(found)]
    assert gains == sorted(gains, reverse=True)
    assert gains[0] > 0 or max(found) == found[0]


@settings(max_examples=30, derandomize=True, deadline=None)
@given(v=tables(1, 3, monotone=False), copies=st.integers(0, 2))
def test_if_everybody_copies_all_payoffs_are_multiplied(v, copies):
    """And as well if everybody brings names without data."""
    n = len(v).bit_length() - 1
    m = n * (copies + 1)
    copied = v
    for i in range(n):
        copied = replicate(copied, i, copies)
    names = [[i, *range(n + i * copies, n + (i + 1) * copies)] for i in range(n)]
    for table in (copied, [v[c & 2**n - 1] for c in range(2**m)]):
        p = [m * phi - v[-1] for phi in exact.shapley_values(table)]
        assert [sum(p[k] for k in own) for own in names] == [(copies + 1) * x for x in payoffs(v)]


@exactly
@given(v=tables(1, 6), data=st.data())
def test_no_number_of_copies_earns_more_than_having_everything(v, data):
    n, i = len(v).bit_length() - 1, party_of(data, v)
    has_everything = [c >> i & 1 for c in range(2**n)]
    assert totals(has_everything, i, 5) == [n - 1] * 6
    assert max(totals(v, i, 5)) <= (n - 1) * v[-1]


def test_a_copy_of_additive_data_costs_what_others_add():
    v = additive(1, 2, 5)
    for i, share in enumerate((1, 2, 5)):
        expected = [3 * share - 8 - k * (8 - share) for k in range(4)]
        assert totals_from_scratch(v, i, 3) == expected
