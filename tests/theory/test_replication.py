"""The room of replication: tables, totals, threshold games and the exact test."""

from fractions import Fraction
from math import comb, prod

import numpy as np
import pytest
from helpers import bits, is_monotone, shapley_by_permutations, subsets, tables
from hypothesis import given, settings
from hypothesis import strategies as st

from shapfair.theory import replication

exactly = settings(max_examples=40, derandomize=True, deadline=None)


def test_replicate_by_hand():
    v = [0, 1, 2, 5]
    # empty, 1, 2, 12, 1+, 11+, 21+, 121+
    assert replication.replicate(v, 0) == [0, 1, 2, 5, 1, 1, 5, 5]
    # empty, 1, 2, 12, 2+, 12+, 22+, 122+
    assert replication.replicate(v, 1) == [0, 1, 2, 5, 2, 5, 2, 5]
    assert replication.replicate(v, 1, 0) == v
    assert replication.replicate([0.0, 0.25], 0, 2) == [0.0] + 7 * [0.25]
    assert replication.replicate(np.array([0, 1, 2, 5]), 1)[7] == 5


@exactly
@given(v=tables(max_parties=4, monotone=False), copies=st.integers(0, 3), data=st.data())
def test_replicate_follows_the_members(v, copies, data):
    n = len(v).bit_length() - 1
    party = data.draw(st.integers(0, n - 1))
    table = replication.replicate(v, party, copies)
    assert len(table) == 2 ** (n + copies)
    for group in subsets(range(n + copies)):
        originals = {member if member < n else party for member in group}
        assert table[bits(group)] == v[bits(originals)]
    # Copies of a copy are copies.
    assert copies == 0 or table == replication.replicate(
        replication.replicate(v, party, copies - 1), party
    )


@exactly
@given(v=tables(max_parties=3, monotone=False), copies=st.integers(0, 3), data=st.data())
def test_total_payoff_is_that_of_the_game_with_the_copies(v, copies, data):
    n = len(v).bit_length() - 1
    party = data.draw(st.integers(0, n - 1))
    phi = shapley_by_permutations(replication.replicate(v, party, copies))
    group = [party, *range(n, n + copies)]
    expected = sum((n + copies) * phi[member] - v[-1] for member in group)
    assert replication.total_payoff(v, party, copies) == expected


def test_floats_are_fractions():
    assert replication.total_payoff([0.0, 0.5, 0.25, 1.0], 0, 1) == Fraction(-1, 4)
    assert replication.condition_19([0.0, 0.5, 0.25, 1.0], 0) == (Fraction(1, 2), 1)


@exactly
@given(v=tables(max_parties=5), data=st.data())
def test_averages_are_means_over_the_others(v, data):
    n = len(v).bit_length() - 1
    party = data.draw(st.integers(0, n - 1))
    without, joined = replication.averages(v, party)
    others = [k for k in range(n) if k != party]
    for c in range(n):
        groups = [bits(group) for group in subsets(others) if len(group) == c]
        assert len(groups) == comb(n - 1, c)
        assert without[c] == Fraction(sum(v[group] for group in groups), len(groups))
        assert joined[c] == Fraction(sum(v[group | 1 << party] for group in groups), len(groups))
        assert replication.mean_marginals(v, party)[c] == joined[c] - without[c]


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_threshold_games(n):
    assert len(set(replication.rays(n))) == len(replication.rays(n)) == n * (n + 3) // 2 - 1
    for t, s in replication.rays(n):
        for party in range(n):
            game = replication.ray_game(n, t, s, party)
            assert is_monotone(game)
            assert game[0] == 0
            assert game[-1] == 1
            for group in subsets(range(n)):
                others = len(set(group) - {party})
                assert game[bits(group)] == (others >= s or (party in group and others >= t))
            for copies in range(4):
                assert replication.ray_total(n, t, s, copies) == replication.total_payoff(
                    game, party, copies
                )


@exactly
@given(v=tables(max_parties=5), data=st.data())
def test_layers_rebuild_the_averages(v, data):
    n = len(v).bit_length() - 1
    party = data.draw(st.integers(0, n - 1))
    cake = replication.layers(v, party)
    assert all(weight > 0 for weight, _, _ in cake)
    assert sum(weight for weight, _, _ in cake) == v[-1]
    assert len(cake) <= 2 * n
    rebuilt = replication.combine(n, cake, party)
    assert replication.averages(rebuilt, party) == replication.averages(v, party)


def test_layers_by_hand():
    # With party 2 the averages are 0, 7/2, 6, without it 0, 5/2, 6.
    cake = ((Fraction(5, 2), 1, 1), (1, 1, 2), (Fraction(5, 2), 2, 2))
    assert replication.layers([0, 3, 0, 3, 2, 6, 4, 6], 1) == cake


@pytest.mark.parametrize(("n", "copies"), [(7, 2), (7, 4), (8, 2), (8, 7), (9, 10), (10, 3)])
def test_failure_is_a_game_that_fails(n, copies):
    parts = replication.failure(n, copies)
    assert parts is not None
    game = replication.combine(n, parts)
    assert is_monotone(game)
    once, never, often = (replication.total_payoff(game, 0, k) for k in (1, 0, copies))
    assert once <= never < often
    assert all(weight.denominator == 1 and weight > 0 for weight, _, _ in parts)


@pytest.mark.parametrize("n", range(2, 10))
@pytest.mark.parametrize("copies", [1, 2, 3, 8])
def test_failure_tries_every_pair(n, copies):
    """All pairs of threshold games, mixed so that one copy changes nothing."""
    gain = {
        ray: [
            replication.ray_total(n, *ray, k) - replication.ray_total(n, *ray, 0)
            for k in (1, copies)
        ]
        for ray in replication.rays(n)
    }
    bad = any(x <= 0 < y for x, y in gain.values()) or any(
        x > 0 > x2 and -x2 * y + x * y2 > 0 for x, y in gain.values() for x2, y2 in gain.values()
    )
    assert replication.holds(n, copies) is not bad


@pytest.mark.parametrize("n", [2, 3, 5, 6, 8])
@pytest.mark.parametrize("start", [1, 2, 6])
def test_certificate_polynomials_are_those_of_the_docstring(n, start):
    polynomials = replication.certificate_polynomials(n, start)
    for (t, s), coefficients in zip(replication.rays(n), polynomials, strict=True):
        for u in range(n + 2):  # more points than the degree
            k = start + u
            x, y = (
                replication.ray_total(n, t, s, j) - replication.ray_total(n, t, s, 0)
                for j in (1, k)
            )
            margin = Fraction(n * k, n + k - 1) * x - y
            value = sum(a * u**power for power, a in enumerate(coefficients))
            assert value == margin * prod(range(k + 1, k + n))
            assert len(coefficients) <= n + 1


def test_failing_copies_agrees_with_the_scan():
    for n in range(2, 12):
        scan = [k for k in range(1, 25) if not replication.holds(n, k)]
        assert replication.failing_copies(n) == scan


@pytest.mark.parametrize("n", [3, 4, 6, 7, 9, 12])
@pytest.mark.parametrize("copies", [1, 2, 4, 11])
def test_no_smaller_multiplier_proves_more(n, copies):
    """That of the polynomials is the smallest that bounds the threshold games with s = n."""
    points = [
        [replication.ray_total(n, t, n, k) - replication.ray_total(n, t, n, 0) for k in (1, copies)]
        for t in range(n)
    ]
    points += [
        [replication.ray_total(n, 0, s, k) - replication.ray_total(n, 0, s, 0) for k in (1, copies)]
        for s in range(1, n)
    ]
    smallest = max(y / x for x, y in points if x > 0)
    assert smallest == Fraction(n * copies, n + copies - 1)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: replication.replicate([0, 1, 2], 0), "2\\*\\*n"),
        (lambda: replication.replicate([0, 1], 1), "there are 1 parties"),
        (lambda: replication.replicate([0, 1], -1), "there are 1 parties"),
        (lambda: replication.replicate([0, 1], 0, -1), "negative"),
        (lambda: replication.replicate([0, 1], 0, 30), "GiB"),
        (lambda: replication.total_payoff([0, 1], 0, -1), "negative"),
        (lambda: replication.condition_19([0, 1], 2), "there are 1 parties"),
        (lambda: replication.ray_game(3, 2, 1), "not a threshold game"),
        (lambda: replication.ray_game(3, 0, 0), "not a threshold game"),
        (lambda: replication.ray_game(3, 3, 3), "not a threshold game"),
        (lambda: replication.ray_game(3, 0, 1, 3), "not a threshold game"),
        (lambda: replication.layers([1, 1, 1, 1], 0), "not monotone"),
        (lambda: replication.layers([0, 2, 0, 1], 0), "not monotone"),
        (lambda: replication.layers([0, 0, 2, 1], 0), "not monotone"),
        (lambda: replication.failure(1, 2), "two parties"),
        (lambda: replication.failure(3, 0), "one copy"),
        (lambda: replication.certificate_polynomials(3, 0), "one copy"),
        (lambda: replication.failing_copies(1), "two parties"),
    ],
)
def test_errors_name_the_argument(call, match):
    with pytest.raises(ValueError, match=match):
        call()
