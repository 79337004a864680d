import subprocess
import sys
from fractions import Fraction
from itertools import pairwise
from math import inf
from random import Random

import numpy as np
import pytest
from helpers import (
    additive,
    amounts,
    clearing_by_enumeration,
    fictitious_default,
    flows_by_definition,
    flows_by_permutations,
    monotone_hull,
    parties,
    shapley_by_permutations,
    shortfalls,
    tables,
)
from hypothesis import given, settings
from hypothesis import strategies as st

import shapfair
from shapfair.theory import exact

NEGATIVE = [0, 0, 0, 2, 0, 0, 0, 1]
"""Costs are positive, but parties 1 and 2 would be paid for party 3's data."""


# --- Shapley values and flows --------------------------------------------------------------------


@settings(max_examples=40, deadline=None, derandomize=True)
@given(tables(max_parties=5, monotone=False))
def test_shapley_values_and_flows_are_those_of_all_orders(values):
    assert exact.shapley_values(values) == tuple(shapley_by_permutations(values))
    flows = [list(row) for row in exact.conditional_shapley_values(values)]
    assert flows == flows_by_permutations(values) == flows_by_definition(values)


def test_parties_and_coalitions_are_where_they_should_be():
    assert exact.shapley_values(additive(1, 2, 4)) == (1, 2, 4)
    assert exact.conditional_shapley_values(additive(1, 2, 4)) == ((0, 2, 4), (1, 0, 4), (1, 2, 0))
    assert exact.shapley_values([0, 7]) == (7,)
    assert exact.conditional_shapley_values([0, 7]) == ((0,),)


def test_numbers_of_any_kind_are_taken_as_they_are():
    table = [0, -(2**62), 2**62, 2**62]  # differences overflow 64 bits
    assert exact.shapley_values(np.array(table)) == (-(2**61), 3 * 2**61)
    table = additive(1, 3)
    assert exact.allocate(np.array(table), np.array([1, 2])) == exact.allocate(table, [1, 2])
    assert exact.shapley_values([0.0, 0.1]) == (Fraction(0.1),)
    assert Fraction(0.1) != Fraction(1, 10)
    half = exact.adjustment([0, 0, 0, 1], np.array([0.5, 1.0]), budgets=np.array([0.5, inf]))
    assert (half.scaling, half.budgets) == ((Fraction(1, 2), 1), (Fraction(1, 2), inf))


# --- adjustments ---------------------------------------------------------------------------------


def test_all_that_follows_from_scaling_factors():
    third = Fraction(1, 3)
    a = exact.adjustment(additive(1, 2, 3), [third, 2 * third, 1], 1, desired=[4, inf, 0])
    assert (a.n, a.grand_value, a.own_values, a.gains) == (3, 6, (1, 2, 3), (5, 4, 3))
    assert a.targets == (4, 6, 3)  # more than the best and less than one's own count for nothing
    assert a.caps == (Fraction(3, 5), 1, 0)
    assert a.costs == (Fraction(5, 3), Fraction(8, 3), 3)
    assert a.revenues == (Fraction(5, 3), Fraction(8, 3), 3)
    assert a.payoffs == (0, 0, 0)
    assert a.shortfalls == (-1, -1, -1)
    assert a.model_values == (Fraction(8, 3), Fraction(14, 3), 6)
    assert (a.constrained, a.history) == (frozenset(), ())


def test_payers_are_rows():
    a = exact.adjustment([0, 0, 0, 1, 0, 1, 0, 1], [1, 0, 0])  # gloves
    assert a.costs == (1, 0, 0)
    assert a.revenues == (0, Fraction(1, 2), Fraction(1, 2))
    assert a.payoffs == (-1, Fraction(1, 2), Fraction(1, 2))
    assert exact.clearing_matrix(a.flows) == (
        (1, -1, -1),
        (-Fraction(1, 2), 1, 0),
        (-Fraction(1, 2), 0, 1),
    )


def test_a_party_with_nothing_to_gain_has_factor_1():
    assert exact.allocate([0, 1, 0, 1], 0).scaling == (1, 0)
    assert exact.allocate([0, 1, 1, 1], 0, desired=0).scaling == (1, 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: exact.allocate([0, 1, 1]), "values: 3 coalition values"),
        (lambda: exact.shapley_values([0]), "values: 1 coalition values"),
        (lambda: exact.conditional_shapley_values([]), "values: 0 coalition values"),
        (lambda: exact.allocate([0, 1, 1, 2], [1]), "budgets: 1 amounts for 2 parties"),
        (lambda: exact.allocate([0, 1, 1, 2], 0, [1, 2, 3]), "desired: 3 amounts for 2 parties"),
        (lambda: exact.allocate([0, 1, 1, 2], [0, -1]), "budgets: party 2 has -1, need a number"),
        (lambda: exact.allocate([0, 1, 1, 2], 0, float("nan")), "desired: party 1 has nan"),
        (lambda: exact.adjustment([0, 1, 1, 2], [1]), "scaling: 1 factors for 2 parties"),
        (lambda: exact.allocate(NEGATIVE, 0), "values: a budget binds and some flow is negative"),
    ],
)
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_negative_flows_do_no_harm_without_budgets():
    assert exact.allocate(NEGATIVE).scaling == (1, 1, 1)


# --- the greatest scaling factors ----------------------------------------------------------------


def caps_of(values, desired):
    """Caps by their definition in words."""
    grand, caps = values[-1], []
    for i, wish in enumerate(desired):
        own = values[1 << i]
        best = own if wish < own else grand if wish > grand else wish
        caps.append(Fraction(best - own) / (grand - own) if grand > own else Fraction(1))
    return caps


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.data())
def test_allocation_is_the_greatest_clearing_vector(data):
    values = data.draw(tables(max_parties=5))
    n = parties(values)
    budgets, desired = (data.draw(amounts(n, top=max(1, values[-1]))) for _ in range(2))
    flows, caps = flows_by_definition(values), caps_of(values, desired)
    a = exact.allocate(values, budgets, desired)
    scaling, constrained = fictitious_default(flows, budgets, caps)
    assert (a.scaling, a.constrained) == (tuple(scaling), constrained)
    if n <= 4:
        assert list(a.scaling) == clearing_by_enumeration(flows, budgets, caps)
    # The rounds come down on the solution; one party is never held back.
    assert (a.history[0], a.history[-1]) == (a.caps, a.scaling)
    assert len(a.history) - 1 <= n - 1
    for before, after in pairwise(a.history):
        assert all(y <= x for x, y in zip(before, after, strict=True))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.data())
def test_the_certificate_proves_optimality_exactly(data):
    values = data.draw(tables())
    n = parties(values)
    budgets, desired = (data.draw(amounts(n, top=max(1, values[-1]))) for _ in range(2))
    a = exact.allocate(values, budgets, desired)
    y, z = exact.certificate(a)
    matrix, c = exact.clearing_matrix(a.flows), a.gains
    assert min(y) >= 0 <= min(z)  # dual feasible ...
    assert all(sum(matrix[i][k] * y[i] for i in range(n)) + z[k] >= c[k] for k in range(n))
    assert all(y[i] == 0 for i in range(n) if a.budgets[i] == inf)
    dual = sum(b * p for b, p in zip(a.budgets, y, strict=True) if p)
    dual += sum(u * p for u, p in zip(a.caps, z, strict=True))
    assert dual == sum(a.costs)  # ... and as good as the allocation
    assert all(y[i] >= 1 for i in a.constrained if c[i])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_the_join_of_feasible_scaling_factors_is_feasible(data):
    values = data.draw(tables(min_parties=2, max_parties=4))
    n, grand = parties(values), values[-1]
    pair, budgets = [], [Fraction(0)] * n
    for _ in range(2):  # feasible for less is feasible for the larger of both budgets
        less, wish = (data.draw(amounts(n, top=max(1, grand))) for _ in range(2))
        pair.append(exact.allocate(values, less, wish).scaling)
        budgets = [max(b, c) for b, c in zip(budgets, less, strict=True)]
    joined = exact.join(*pair)
    assert all(z >= x and z >= y and z in (x, y) for x, y, z in zip(*pair, joined, strict=True))
    assert max(shortfalls(flows_by_definition(values), budgets, joined)) <= 0
    assert exact.join(joined, exact.allocate(values, budgets).scaling) == (
        exact.allocate(values, budgets).scaling
    )  # the greatest is greater than both


def test_the_meet_of_feasible_scaling_factors_need_not_be_feasible():
    half, budgets = Fraction(1, 2), [0, 2, 2]
    meet, first, second = (half, 0, 0), (half, 1, 0), (half, 0, 1)
    feasible = [
        max(exact.adjustment(additive(1, 1, 1), point, budgets).shortfalls) <= 0
        for point in (first, second, exact.join(first, second), meet)
    ]
    assert feasible == [True, True, True, False]


def test_a_linear_system():
    assert exact.solve([[2, 1], [1, 1]], [1, 1]) == (0, 1)
    assert exact.solve([[Fraction(1, 3)]], [2]) == (6,)
    assert exact.solve([], ()) == ()
    with pytest.raises(ZeroDivisionError):
        exact.solve([[1, 1], [1, 1]], [1, 2])


# --- floats against rational numbers -------------------------------------------------------------


def any_game(rng):
    """A monotone game of 2 to 7 parties: noisy, or of a structure in which algorithms break."""
    n = rng.randint(2, 7)
    top = rng.choice([1, 2, 5, 100, Fraction(1), Fraction(97, 100)])
    shares = [rng.choice([0, 0, 1, 1, 2, 3, Fraction(1, 7)]) for _ in range(n)]
    kind = rng.choice(
        ["any", "accuracy", "simple", "additive", "anonymous", "omnipotent", "dummy", "items", "0"]
    )
    size = 2**n
    if kind == "any":  # small numbers: ties
        values = [rng.randint(0, 3) * top for _ in range(size)]
    elif kind == "accuracy":
        values = [Fraction(rng.randint(0, 10_000), 10_000) for _ in range(size)]
    elif kind == "simple":
        values = [int(rng.random() < 0.2) for _ in range(size)]
    elif kind == "additive":
        values = additive(*shares)
    elif kind == "anonymous":  # all symmetric
        steps = [rng.randint(0, 2) for _ in range(n + 1)]
        values = [sum(steps[: c.bit_count()]) for c in range(size)]
    elif kind == "omnipotent":
        who = rng.randrange(n)
        values = [4 * (c >> who & 1) + rng.randint(0, 4) * top for c in range(size)]
        values = [4 * top + 4 if c >> who & 1 else v for c, v in enumerate(values)]
        values[-1] = 4 * top + 4
    elif kind == "dummy":
        idle = rng.randrange(size)  # all of these parties
        base = monotone_hull([rng.randint(0, 9) for _ in range(size)])
        values = [base[c & ~idle] for c in range(size)]
    elif kind == "items":  # number of distinct items: copies, subsets
        owned = [rng.randrange(1 << 5) for _ in range(n)]
        unions = [0] * size
        for c in range(1, size):
            low = (c & -c).bit_length() - 1
            unions[c] = unions[c & (c - 1)] | owned[low]
        values = [union.bit_count() for union in unions]
    else:
        values = [0] * size
    values[0] = 0
    return monotone_hull(values)


def any_amounts(rng, values):
    """Budgets or desired values: none, unlimited, exactly a party's own value, or anything."""
    n, grand = parties(values), values[-1]
    choices = [
        lambda i: Fraction(0),
        lambda i: inf,
        lambda i: Fraction(values[1 << i]),
        lambda i: Fraction(values[1 << i]) / 2,
        lambda i: Fraction(grand) * rng.randint(0, 12) / 8,
        lambda i: Fraction(rng.randint(0, 10**6), 10**6),
    ]
    if rng.random() < 0.5:
        return [rng.choice(choices[:2])(i) for i in range(n)]
    return [rng.choice(choices)(i) for i in range(n)]


@pytest.mark.slow
def test_floats_agree_with_rational_numbers_on_1000_games():
    rng, seen = Random(2022), {"binding": 0, "capped": 0, "below own": 0, "nothing to gain": 0}
    for number in range(1, 1001):
        values = any_game(rng)
        budgets, desired = any_amounts(rng, values), any_amounts(rng, values)
        a = exact.allocate(values, budgets, desired)
        game = shapfair.Game([float(v) for v in values])
        b = shapfair.allocate(game, list(map(float, budgets)), list(map(float, desired)))
        where = f"game {number}: {values}, budgets {budgets}, desired {desired}"
        for name in ("scaling", "payoffs", "model_values", "costs", "revenues", "flows"):
            np.testing.assert_allclose(
                getattr(b, name),
                np.array(getattr(a, name), dtype=float),
                rtol=0,
                atol=1e-9,
                err_msg=f"{name} of {where}",
            )
        assert all(x == 1 for x, gain in zip(a.scaling, a.gains, strict=True) if not gain), where
        assert all(x == 1 for x, gain in zip(b.scaling, a.gains, strict=True) if not gain), where
        seen["binding"] += bool(a.constrained)
        seen["capped"] += any(u < 1 for u in a.caps)
        seen["below own"] += any(r < v for r, v in zip(a.desired, a.own_values, strict=True))
        seen["nothing to gain"] += 0 in a.gains
    assert min(seen.values()) >= 100, seen


def test_nothing_beyond_the_standard_library_is_needed():
    code = """
import sys
sys.modules |= dict.fromkeys(["numpy", "jaxtyping", "flint", "scipy"])  # not to be had
from shapfair.theory import exact
print(*exact.allocate([0, 1, 2, 3, 3, 4, 5, 6], budgets=0).model_values)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "8/3 14/3 6\n", done.stderr
