"""The most stable payoffs and the stable ones nearest to fair: floats, fractions, proofs."""

from fractions import Fraction
from random import Random

import numpy as np
import pytest
from helpers import RESULTS, SMALL_GAMES, monotone_hull
from scipy import optimize

from shapfair import Game
from shapfair.lattice import membership, sizes
from shapfair.theory import stability, stable_payoffs
from shapfair.theory.stable_payoffs import (
    least_core,
    nearest,
    proved_least_core,
    proved_nearest,
)

half = Fraction(1, 2)
ITEM_OF_TWO = [0, 0, 1, 1, 1, 1, 1, 1]


def random_games(seed, parties, top, number):
    rng = Random(seed)
    return [
        monotone_hull([0, *(rng.randint(0, top) for _ in range(2**parties - 1))])
        for _ in range(number)
    ]


GAMES = [*SMALL_GAMES[::29], *random_games(1, 4, 9, 10), *random_games(2, 5, 50, 4)]


@pytest.mark.parametrize("v", GAMES, ids=str)
def test_least_core_is_proved(v):
    found, n = proved_least_core(v), len(v).bit_length() - 1
    # Nobody has a larger deficit, and by the weights no totals do better.
    assert sum(found.totals) == n * v[-1]
    assert max(stability.deficits(v, found.totals)[1:-1]) == found.epsilon
    weights = found.weights
    assert min(weights.values()) >= 0
    assert sum(weights.values()) == 1
    assert set(weights) <= set(range(1, 2**n - 1))
    (often,) = {sum(y for s, y in weights.items() if s >> i & 1) for i in range(n)}
    club = sum(y * s.bit_count() * v[s] for s, y in weights.items())
    assert club - often * n * v[-1] == found.epsilon
    assert least_core(np.array(v)).epsilon == pytest.approx(float(found.epsilon), abs=1e-8)
    # Free sharing is stable, so the most stable totals are.
    assert found.epsilon <= 0


@pytest.mark.parametrize("v", GAMES, ids=str)
def test_nearest_totals_are_proved(v):
    found, n, fair = proved_nearest(v), len(v).bit_length() - 1, stability.totals(v)
    deficits = stability.deficits(v, found.totals)
    assert max(deficits) <= 0
    assert sum(found.totals) == n * v[-1]
    assert found.totals == tuple(a + b for a, b in zip(fair, found.changes, strict=True))
    # Stationary, and only what is tight has a price.
    prices = found.prices
    mean = sum(y * s.bit_count() for s, y in prices.items()) / Fraction(n)
    for i in range(n):
        assert found.changes[i] == sum(y for s, y in prices.items() if s >> i & 1) - mean
    assert all(y > 0 and deficits[s] == 0 for s, y in prices.items())
    assert bool(prices) == (not stability.is_stable(v))
    floats = nearest(v)
    np.testing.assert_allclose(floats.totals, np.array(found.totals, float), atol=1e-7)
    # A peer: the same programme as it stands.
    if n == 3:
        sides, right = membership(n)[1:-1].astype(float), (sizes(n) * np.array(v))[1:-1]
        peer = optimize.minimize(
            lambda x: ((x - np.array(fair, float)) ** 2).sum(),
            np.full(n, float(v[-1])),
            constraints=[
                {"type": "ineq", "fun": lambda x: sides @ x - right},
                {"type": "eq", "fun": lambda x: x.sum() - n * v[-1]},
            ],
            method="SLSQP",
            options={"ftol": 1e-13},
        )
        np.testing.assert_allclose(floats.totals, peer.x, atol=1e-5)


def test_an_item_of_two_is_shared_freely():
    found = proved_nearest(ITEM_OF_TWO)
    assert found.totals == (1, 1, 1)
    assert found.changes == (1, -half, -half)
    assert found.prices == {3: 3 * half, 5: 3 * half}
    assert proved_least_core(ITEM_OF_TWO).epsilon == 0
    assert proved_least_core(ITEM_OF_TWO).totals == (1, 1, 1)


def test_two_halves_by_hand():
    # Parties 1 and 2 together have what 3 has: they need 2 together, and have 1.
    v = [0, 0, 0, 1, 1, 1, 1, 1]
    assert proved_nearest(v).totals == (1, 1, 1)
    assert proved_nearest(v).prices == {3: 3 * half}
    assert proved_least_core([0, 1, 1, 3]).totals == (3, 3)
    assert proved_least_core([0, 1, 1, 3]).epsilon == -2
    assert set(proved_least_core([0, 1, 1, 3]).weights) == {1, 2}


def test_one_coalition_is_paid_by_all_others_alike():
    met = 0
    for v in SMALL_GAMES[::5]:
        found = proved_nearest(v)
        if len(found.prices) == 1:
            ((s, price),) = found.prices.items()
            size, d = s.bit_count(), stability.deficits(v, stability.totals(v))[s]
            share = d / size, -d / (3 - size)
            assert found.changes == tuple(share[not s >> i & 1] for i in range(3))
            assert price == 3 * d / (size * (3 - size))
            met += 1
    assert met > 10


def test_other_totals_can_be_given():
    given = [half, 5 * half, 0]
    found = proved_nearest(ITEM_OF_TWO, given)
    assert found.totals == (1, 1, 1)
    assert found.changes == (half, -3 * half, 1)
    np.testing.assert_allclose(nearest(ITEM_OF_TWO, [0.5, 2.5, 0.0]).totals, 1, atol=1e-9)
    assert proved_nearest([0, 1, 1, 3], [2, 4]).changes == (0, 0)
    assert proved_nearest([0, 1, 1, 3], [0, 6]).totals == (1, 5)


def test_symmetric_parties_stay_equal():
    for v in SMALL_GAMES[::5]:
        swapped = [v[c & 4 | (c & 1) << 1 | c >> 1 & 1] for c in range(8)]
        x, y = nearest(v).totals, nearest(swapped).totals
        np.testing.assert_allclose(x, [y[1], y[0], y[2]], atol=1e-8)


@pytest.mark.parametrize("v", [ITEM_OF_TWO, *GAMES[-4:]], ids=str)
def test_units_do_not_matter(v):
    table = np.array(v, float)
    expected = nearest(table).totals
    for factor in (2.0**-200, 2.0**200):
        found = np.array(nearest(table * factor).totals) / factor
        np.testing.assert_allclose(found, expected, atol=1e-9 * table[-1])


def test_mnist_is_stable_if_party_0_to_3_gives_what_the_others_lack():
    """Party [0-3] pays back what the others paid for digits that they have."""
    for table in Game.read(RESULTS / "mnist.json").hull().values:
        found = nearest(table)
        assert set(found.prices) == {0b11011}
        # The deficit is spread evenly over the four, and party [0-3] gives it.
        np.testing.assert_allclose(
            np.array(found.changes) / found.changes[2], [-0.25, -0.25, 1, -0.25, -0.25]
        )
        assert -0.0500 < found.changes[2] < -0.0353
        assert least_core(table).epsilon < -0.03


def test_where_party_0_to_3_adds_nothing_it_would_be_paid_nothing():
    """In the mean table of MNIST, and in fractions."""
    mean = Game.read(RESULTS / "mnist.json").averaged().hull()
    v = [Fraction(round(x * 10**6), 10**6) for x in mean.values.ravel()]
    assert v[0b11011] == v[-1]
    payoff = stability.totals(v)[2] - v[-1]
    assert payoff == pytest.approx(0.0502, abs=5e-5)
    found = proved_nearest(v)
    assert found.totals[2] == v[-1]
    assert found.changes == tuple(x * payoff / 4 for x in (1, 1, -4, 1, 1))
    assert proved_least_core(v).epsilon == pytest.approx(-0.2798, abs=5e-5)


def test_many_parties():
    rng = np.random.default_rng(0)
    table = Game([0, *rng.random(2**13 - 1)]).hull().values
    club = sizes(13) * table
    member = membership(13)
    x, y = np.array(least_core(table).totals), np.array(nearest(table).totals)
    assert (club - member @ x).max() < 1e-8
    assert (club - member @ y).max() < 1e-8
    assert x.sum() == pytest.approx(13 * table[-1])


def test_floats_that_prove_nothing_are_errors(monkeypatch):
    good = least_core(ITEM_OF_TWO)
    bad = stable_payoffs.LeastCore(good.epsilon, good.totals, {1: 0.5, 2: 0.5})
    monkeypatch.setattr(stable_payoffs, "least_core", lambda _: bad)
    with pytest.raises(ArithmeticError, match="contradict each other"):
        proved_least_core(ITEM_OF_TWO)
    # Right weights, and totals of which none is tight; negative weights.
    bad = stable_payoffs.LeastCore(9.0, (2.0, 0.5, 0.5), good.weights)
    with pytest.raises(ArithmeticError, match="do not prove the least core"):
        proved_least_core(ITEM_OF_TWO)
    bad = stable_payoffs.LeastCore(9.0, (1.0, 1.0, 1.0), dict.fromkeys((3, 5, 6, 1), 0.25))
    with pytest.raises(ArithmeticError, match="do not prove the least core"):
        proved_least_core([0, 0, 0, 0, 0, 0, 0, 1])
    # Tight coalitions, whose weights would have to be negative to count all parties alike.
    bad = stable_payoffs.LeastCore(0.0, (1.0, 1.0, 1.0), dict.fromkeys((3, 5, 6, 2), 0.25))
    with pytest.raises(ArithmeticError, match="do not prove the least core"):
        proved_least_core(ITEM_OF_TWO)
    near = nearest(ITEM_OF_TWO)
    few = stable_payoffs.Nearest(near.totals, near.changes, {3: 1.0})
    monkeypatch.setattr(stable_payoffs, "nearest", lambda *_: few)
    with pytest.raises(ArithmeticError, match="do not prove the nearest"):
        proved_nearest(ITEM_OF_TWO)
    # Stable totals, (1, 5) in the place of (3, 3), held down by a negative price.
    few = stable_payoffs.Nearest((1.0, 5.0), (-2.0, 2.0), {1: 1.0})
    with pytest.raises(ArithmeticError, match="do not prove the nearest"):
        proved_nearest([0, 1, 1, 3])


def test_programmes_that_do_not_end_are_errors():
    calls = []

    def stuck(rows):
        def violations():
            calls.append(list(rows))
            return np.array([0.0, 1.0, 0.0, 0.0])

        return violations

    rows = [1]
    with pytest.raises(ArithmeticError, match="do not come to an end"):
        stable_payoffs._generate(rows, stuck(rows), 1.0)
    assert calls == [[1]]  # a coalition that stays violated although it is a row
    calls.clear()
    rows = [2]
    with pytest.raises(ArithmeticError, match="do not come to an end"):
        stable_payoffs._generate(rows, stuck(rows), 1.0)
    assert calls == [[2], [2, 1]]
    calls.clear()
    rows = [2]
    stable_payoffs._generate(rows, stuck(rows), 1e9)  # what is within rounding is no violation
    assert calls == [[2]]


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: least_core([0, 1]), "one party"),
        (lambda: least_core([0, 2, 1, 1]), "the largest 2"),
        (lambda: least_core([0, 1, 1]), "2\\*\\*n"),
        (lambda: least_core([[0, 1]]), "2\\*\\*n"),
        (lambda: nearest([0, 1, 2, 1]), "the largest 2"),
        (lambda: nearest([0, 1, 1, np.nan]), "v\\(N\\) = nan"),
        (lambda: nearest([0, 1, 1, 2], [1, 2]), "given: need 2 totals"),
        (lambda: nearest([0, 1, 1, 2], [4]), "given: need 2 totals"),
        (lambda: proved_nearest([0, 1, 1, 2], [1, 2]), "given: need 2 totals"),
        (lambda: proved_nearest([0, 1, 1, 2], [4]), "given: need 2 totals"),
        (lambda: proved_least_core([0, 2, 1, 1]), "the largest 2"),
    ],
)
def test_errors_name_the_argument(call, match):
    with pytest.raises(ValueError, match=match):
        call()


def test_one_party_is_stable():
    assert nearest([0, 3]).totals == (3,)
    assert proved_nearest([0, 3]).prices == {}


def test_totals_may_be_an_array_and_none_are_not_all():
    values = [0, 0, 1, 1, 1, 1, 1, 1]
    assert proved_nearest(values, np.array([1.0, 1.0, 1.0])).totals == (1, 1, 1)
    with pytest.raises(ValueError, match="given"):
        proved_nearest(values, [])
