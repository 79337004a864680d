"""Which coalitions gain by leaving, in floats, held to the definition in fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest
from helpers import RESULTS, amounts, bits, parties, subsets, tables
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from shapfair import Game, allocate, noise, remarks
from shapfair.coalitions import coalition_name
from shapfair.lattice import sizes
from shapfair.shapley import shapley_values
from shapfair.stability import leaving, needed_values, student_quantile

exactly = settings(max_examples=60, derandomize=True, deadline=None)


def gain_by_definition(value, totals, budgets):
    """Largest g for which members can pay one another so that each has g more.

    What is left over falls with g, along straight lines between the points where a member's budget
    begins to bind; so the largest g is at one of these or where one of the lines is 0.
    """

    def left_over(g):
        return sum(min(value - g, t + b) - t for t, b in zip(totals, budgets, strict=True))

    points = {value - t - b for t, b in zip(totals, budgets, strict=True) if b < math.inf}
    for paying in subsets(range(len(totals))):
        if paying:
            spent = sum(budgets[k] for k in range(len(totals)) if k not in paying)
            if spent < math.inf:
                points.add(value - (sum(totals[k] for k in paying) - spent) / len(paying))
    return max(g for g in points if left_over(g) >= 0)


@exactly
@given(v=tables(max_parties=5, monotone=False), data=st.data())
def test_gain_is_the_largest_that_all_members_can_have(v, data):
    n = parties(v)
    totals = data.draw(st.lists(st.fractions(-9, 9, max_denominator=4), min_size=n, max_size=n))
    budgets = data.draw(amounts(n))
    found = leaving(v, list(map(float, totals)), list(map(float, budgets)))
    scale = 1e-12 * max(map(abs, [*v, 10]))
    for members in subsets(range(n)):
        if 0 < len(members) < n:
            pick = [totals[i] for i in members], [budgets[i] for i in members]
            wanted = gain_by_definition(Fraction(v[bits(members)]), *pick)
            assert found.gains[bits(members)] == pytest.approx(float(wanted), abs=scale)
    assert found.gains[0] == found.gains[-1] == 0
    assert found.seeds == 1
    assert np.isnan(found.errors).all()
    assert np.isnan(found.margins()).all()


def test_needed_values_by_hand():
    totals = np.array([1.0, 2.0, 6.0])
    np.testing.assert_array_equal(needed_values(totals), [0, 1, 2, 1.5, 6, 3.5, 4, 3])
    np.testing.assert_array_equal(needed_values(totals, 0.0), [0, 1, 2, 2, 6, 6, 6, 6])
    # Party 1 can hand on 1: party 3 then needs 5 of its own model, 2 and 3 share 3.5 and 3.5.
    needed = needed_values(totals, [1.0, 9.0, 0.0])
    np.testing.assert_array_equal(needed, [0, 1, 2, 1.5, 6, 5, 4, 3.5])


def test_blocking_coalitions_are_in_order():
    found = leaving([[0, 1, 1, 1, 0, 0, 0, 9], [0, 3, 1, 3, 0, 0, 0, 9]], np.ones((2, 3)))
    np.testing.assert_array_equal(found.gains, [0, 1, 0, 1, -1, -1, -1, 0])
    np.testing.assert_array_equal(found.tables, [0, 1, 0, 1, 0, 0, 0, 0])
    np.testing.assert_array_equal(found.errors, [0, 1, 0, 1, 0, 0, 0, 0])
    assert found.blocking.tolist() == [1, 3]
    assert leaving([0, 2, 3, 9], [1, 1]).blocking.tolist() == [2, 1]
    assert leaving([0, 2, 2 + 2**-50, 9], [1, 1]).blocking.tolist() == [1, 2]
    assert leaving([0, 2, 3, 9], [1, 1]).tables.tolist() == [0, 1, 1, 0]


def test_errors_are_those_of_the_tables():
    rng = np.random.default_rng(3)
    v, t = rng.random((7, 8)), rng.random((7, 3))
    found = leaving(v, t, [0.1, math.inf, 0.0])
    each = np.array([leaving(*one, [0.1, math.inf, 0.0]).gains for one in zip(v, t, strict=True)])
    np.testing.assert_allclose(found.gains, each.mean(axis=0), atol=1e-14)
    np.testing.assert_allclose(found.errors, each.std(axis=0, ddof=1) / math.sqrt(7), atol=1e-14)
    np.testing.assert_array_equal(found.tables, (each > 0).sum(axis=0))
    quantile = special.stdtrit(6, 1 - 0.1 / 2 / 6)
    np.testing.assert_allclose(found.margins(0.9), quantile * found.errors)


@pytest.mark.parametrize("power", [-900, 0, 900])
def test_units_do_not_matter(power):
    rng = np.random.default_rng(4)
    v, t, b = rng.random((3, 16)), rng.random((3, 4)), rng.random(4)
    one = leaving(v, t, b)
    other = leaving(*(np.ldexp(x, power) for x in (v, t, b)))
    np.testing.assert_array_equal(np.ldexp(one.gains, power), other.gains)
    np.testing.assert_array_equal(np.ldexp(one.errors, power), other.errors)
    np.testing.assert_array_equal(one.tables, other.tables)
    assert other.noise == pytest.approx(math.ldexp(one.noise, power))


def test_rounding_is_no_gain():
    tight = leaving([0, 0.1 + 0.2, 0.3, 1], [0.3, 0.3])
    assert tight.gains[1] > 0
    assert tight.blocking.size == tight.tables.max() == 0
    assert leaving(np.zeros(4), np.zeros(2)).blocking.size == 0


@exactly
@given(v=tables(min_parties=2, max_parties=5), data=st.data())
def test_the_grand_coalition_never_blocks_an_allocation(v, data):
    if v[-1] == 0:
        return
    n = parties(v)
    budgets = list(map(float, data.draw(amounts(n))))
    allocation = allocate(Game(v), budgets)
    totals = allocation.model_values + allocation.payoffs
    assert needed_values(totals, budgets)[-1] >= v[-1] * (1 - 1e-9)


def test_nobody_can_leave_alone():
    assert leaving([0, 1], [0]).gains.tolist() == [0, 0]
    assert leaving([0, 1], [0]).margins().shape == (2,)
    assert leaving([[0, 1], [0, 2]], [[0], [0]]).margins().tolist() == [0, 0]


@pytest.mark.parametrize("df", [1, 2, 3, 4, 5, 9, 10, 31, 200])
@pytest.mark.parametrize("tail", [0.5, 0.3, 0.025, 1e-3, 1e-6, 2.5e-8])
def test_student_quantile_is_that_of_scipy(df, tail):
    expected = special.stdtrit(df, 1 - tail)
    assert student_quantile(df, tail) == pytest.approx(expected, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: leaving([0, 1, 2], [1]), "2\\*\\*n"),
        (lambda: leaving([0, 1, 1, 2], [1]), "totals: shape"),
        (lambda: leaving([[0, 1], [0, 1]], [1]), "totals: shape"),
        (lambda: leaving([[[0, 1]]], [1]), "totals: shape"),
        (lambda: leaving([0, math.nan], [1]), "finite"),
        (lambda: leaving([0, 1], [math.inf]), "finite"),
        (lambda: leaving([0, 1, 1, 2], [1, 1], [1.0, -1.0]), "budgets: need one number >= 0"),
        (lambda: leaving([0, 1, 1, 2], [1, 1], math.nan), "budgets: need one number >= 0"),
        (lambda: leaving([0, 1, 1, 2], [1, 1], [1.0, 1.0, 1.0]), "or 2 of them"),
        (lambda: leaving([0, 1, 1, 2], [1, 1]).margins(1.0), "level: 1.0"),
        (lambda: leaving([0, 1, 1, 2], [1, 1]).margins(0.0), "level: 0"),
    ],
)
def test_errors_name_the_argument(call, match):
    with pytest.raises(ValueError, match=match):
        call()


# --- the warning of an allocation ----------------------------------------------------------------

ITEM_OF_TWO = [0, 0, 1, 1, 1, 1, 1, 1]


def on_leaving(*arguments, **settings):
    warnings = allocate(*arguments, **settings).warnings
    return [line for line in warnings if "leaving" in line]


def test_an_allocation_says_who_would_leave():
    assert on_leaving(Game([0, 0, 0, 1, 1, 1, 1, 1], ("a", "b", "c"))) == [
        "{a, b} would gain by leaving: without the others each member could have 0.5 more"
    ]
    assert on_leaving(Game(ITEM_OF_TWO), exchange_rate=2.0) == [
        "{1, 2} and 1 other coalition would gain by leaving: without the others each member of the "
        "first could have 0.5 more"
    ]
    in_money = on_leaving(Game(ITEM_OF_TWO), exchange_rate=578_000.0)[0]
    assert in_money.endswith("first could have 144,500 more")
    assert "{1} and 5 other coalitions would" in on_leaving(Game([0, 2, 2, 2, 2, 2, 2, 1]))[0]
    assert on_leaving(Game([0, 0, 0, 1])) == []
    assert on_leaving(Game([0, 1])) == []


def test_who_would_leave_depends_on_the_budgets():
    assert on_leaving(Game(ITEM_OF_TWO), 0) == []
    # Party 1 has half a model and owes 1/4 to each; with {1, 2} it could hand on no more than 1/2.
    assert on_leaving(Game(ITEM_OF_TWO), [0.5, math.inf, math.inf]) == [
        "{1, 2} and 1 other coalition would gain by leaving: without the others each member of the "
        "first could have 0.25 more"
    ]


def test_tables_are_counted_and_their_noise_is_told():
    game = Game([ITEM_OF_TWO, [0, 0, 0, 1, 1, 1, 1, 1], [0, 0, 1, 1, 1, 1, 1, 1]])
    (line,) = on_leaving(game)
    assert line.endswith("0.3333 more in 3 of 3 tables, within their noise")
    (line,) = on_leaving(Game([*game.values.tolist(), [*[0] * 7, 0.5]]))
    assert line.endswith("in 3 of 4 tables, within their noise")
    (line,) = on_leaving(Game([ITEM_OF_TWO, ITEM_OF_TWO]))
    assert line.endswith("in 2 of 2 tables, beyond their noise")


def test_nothing_is_said_of_large_games_or_of_parties_that_want_less(monkeypatch):
    assert on_leaving(Game(ITEM_OF_TWO), desired=1.0)
    assert on_leaving(Game(ITEM_OF_TWO), desired=[1.0, 1.0, 0.5]) == []
    monkeypatch.setattr(remarks, "CHECKED_PARTIES", 3)
    monkeypatch.setattr(remarks, "CHECKED_TABLES", 2)
    assert on_leaving(Game([ITEM_OF_TWO] * 2))
    assert on_leaving(Game([ITEM_OF_TWO] * 3)) == []
    monkeypatch.setattr(remarks, "CHECKED_PARTIES", 2)
    assert on_leaving(Game(ITEM_OF_TWO)) == []


# --- the paper's experiment ----------------------------------------------------------------------


def test_four_parties_of_the_mnist_experiment_would_leave():
    """They pay party [0-3] for digits that they have."""
    game = Game.read(RESULTS / "mnist.json").hull()
    found = leaving(game.values, game.n * shapley_values(game))
    (four,) = found.blocking.tolist()
    assert coalition_name(four, game.parties) == "{[0], [1-2], [3-5], [6-9]}"
    assert found.tables.tolist() == [10 * (c == four) for c in range(32)]
    together = 4 * np.array(
        [leaving(v, game.n * shapley_values(v)).gains[four] for v in game.values]
    )
    assert together.min() == pytest.approx(0.0354, abs=5e-5)
    assert together.max() == pytest.approx(0.0500, abs=5e-5)
    low, high = found.gains[four] + np.array([-1, 1]) * found.margins()[four]
    assert (low, high) == pytest.approx((0.0090, 0.0129), abs=5e-5)
    assert low > 0


def test_with_little_money_three_parties_of_mnist_would_leave():
    game = Game.read(RESULTS / "mnist.json").hull()
    three, four = 0b01011, 0b11011
    for budget, blocking in ((0, []), (0.3, [three]), (0.45, []), (0.7, [four])):
        allocation = allocate(game, budget)
        found = leaving(game.values, allocation.model_values + allocation.payoffs, budget)
        assert found.blocking.tolist() == blocking
        for coalition in blocking:
            assert found.tables[coalition] == 10
            assert found.gains[coalition] > found.margins()[coalition]


@pytest.mark.parametrize(
    ("name", "blocking", "in_some_table"),
    [
        ("cifar10", 0, False),
        ("mnist-disjoint", 0, False),
        ("mnist-digits", 0, False),
        ("imdb", 0, True),
        ("imdb-published", 0, True),
        ("imdb-carried", 2, True),
        ("mnist-carried", 1, True),
        ("mnist-copy-1-2", 1, True),
        ("mnist-copy-6-9", 7, True),
        ("mnist-overlapping", 675, True),
    ],
)
def test_who_would_leave_the_other_records(name, blocking, in_some_table):
    game = Game.read(RESULTS / f"{name}.json").hull()
    found = leaving(game.values, game.n * shapley_values(game))
    assert len(found.blocking) == blocking
    assert (found.tables.max() > 0) == in_some_table
    if name == "imdb-carried":
        assert found.blocking[0] == 0b11110
        assert found.tables[0b11110] == 10
        assert found.gains[0b11110] > found.margins()[0b11110]


def test_the_test_set_could_still_decide():
    """Ten seeds share one test set, whose choice may move the gain by more than half of it."""
    game = Game.read(RESULTS / "mnist.json").hull()
    weights = noise.gain_weights(5, 0b11011)
    gains = game.values @ weights
    found = leaving(game.values, game.n * shapley_values(game))
    assert gains.mean() == pytest.approx(found.gains[0b11011])
    error = noise.largest_test_error(weights, game.averaged().values, 10_000)
    assert error == pytest.approx(0.0069, abs=5e-5)
    assert 1.5 < gains.mean() / error < 1.6


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_gain_weights_give_the_gains(n):
    values = np.random.default_rng(n).random(2**n)
    values[0] = 0
    totals = n * shapley_values(values)
    for s in range(1, 2**n):
        expected = values[s] - needed_values(totals)[s]
        assert noise.gain_weights(n, s) @ values == pytest.approx(expected)
        assert noise.gain_weights(n, s).sum() == pytest.approx(0)
    for s in (0, 2**n):
        with pytest.raises(ValueError, match="coalition"):
            noise.gain_weights(n, s)


def test_many_parties_take_little_time():
    rng = np.random.default_rng(5)
    values = np.sqrt(sizes(16) * rng.uniform(0.9, 1.1, 2**16))
    values[0] = 0
    for budgets in (math.inf, 0.0, rng.random(16)):
        found = leaving(values, 16 * shapley_values(values), budgets)
        assert found.gains.shape == (2**16,)
        assert np.isfinite(found.gains).all()
