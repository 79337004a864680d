"""Rounding noise is judged per table; what float64 cannot settle is exact, or said."""

from fractions import Fraction
from math import inf

import numpy as np
import pytest
from helpers import additive, fictitious_default, flows_by_definition

from shapfair import Game, allocate, allocation, clearing, clearing_vector, payments
from shapfair.noise import compare
from shapfair.rounding import NOISE, TOLERANCE, magnitude
from shapfair.theory import exact

SMALL, LARGE = [0, 1, 2, 4], [0, 1e15, 2e15, 4e15]


def literal(values, budgets, desired):
    """Scaling factors of the floats as they stand."""
    values = [Fraction(v) for v in values]
    own, grand = [values[1 << i] for i in range(len(budgets))], values[-1]
    caps = [
        (min(grand, max(v, r)) - v) / (grand - v) if grand > v else Fraction(1)
        for v, r in zip(own, desired, strict=True)
    ]
    exact_budgets = [b if b == inf else Fraction(b) for b in budgets]
    return fictitious_default(flows_by_definition(values), exact_budgets, caps)[0]


# --- per table -----------------------------------------------------------------------------------


def test_a_large_table_does_not_blur_a_small_one():
    both = allocate(Game([SMALL, LARGE]), budgets=0)
    np.testing.assert_array_equal(both.scaling[0], allocate(Game(SMALL), budgets=0).scaling)
    np.testing.assert_array_equal(both.payoffs, [[0, 0], [0, 0]])
    assert Game([SMALL, LARGE]).rounding.tolist() == [4 * NOISE, 4e15 * NOISE]
    assert Game(SMALL).rounding == 4 * NOISE


def test_drops_and_negative_flows_are_counted_on_each_tables_own_scale():
    dropping = [0, 3, 1, 2]
    game = Game([dropping, LARGE])
    report = game.monotonicity()
    assert (report.violations, report.tables, report.worst_drop) == (1, 1, 1)
    assert report.worst_edge == "{1} -> {1, 2} (table 1)"
    assert allocate(game).warnings[1] == "1 of 4 flows are negative, worst -1"


def test_desired_values_of_a_small_table_beside_a_large_one():
    result = allocate(Game([SMALL, LARGE]), inf, {"1": 2.5})
    assert result.scaling[0].tolist() == [0.5, 1]


def test_payoffs_of_a_seed_are_equal_on_that_seeds_own_scale():
    # On the scale of the first seed, where both are equal, the others' differences would be noise.
    samples = np.array([[1e15, 1e15], [1.0, 2.0], [1.0, 2.0], [1.0, 2.0]])
    np.testing.assert_array_equal(compare(samples).differences[0, 1], -0.75)


# --- where float64 cannot decide -----------------------------------------------------------------


@pytest.mark.parametrize(("leak", "budget"), [(1.1e-12, 5e-14), (3.3e-14, 1.5e-15)])
def test_money_that_circulates_for_long(leak, budget):
    # Two parties pay each other almost all, and a third one what leaks.
    values, budgets, desired = (
        [0, 0, 0, 1.1, 0, leak, leak, 1.1],
        [budget, budget, 0],
        [inf, inf, 0],
    )
    result = allocate(Game(values), budgets, desired)
    right = literal(values, budgets, desired)
    np.testing.assert_allclose(result.scaling, np.array(right, dtype=float), rtol=TOLERANCE)
    np.testing.assert_allclose(result.model_values, [0.1, 0.1, 0], rtol=1e-9)
    assert result.warnings == ()
    proof = result.certificates[0]
    assert proof.gap == 0
    np.testing.assert_allclose(proof.budget_prices, [2.2 / leak, 2.2 / leak, 0], rtol=1e-3)


def test_the_prices_are_exact_too():
    values, budgets = [0, 0, 0, 1.1, 0, 1.1e-12, 1.1e-12, 1.1], [5e-14, 5e-14, 0]
    allocation = exact.allocate(values, budgets, [inf, inf, 0])
    y, z = exact.certificate(allocation)
    proof = allocate(Game(values), budgets, [inf, inf, 0]).certificates[0]
    assert proof.budget_prices.tolist() == list(map(float, y))
    assert proof.cap_prices.tolist() == list(map(float, z))


def test_flows_within_the_noise_that_decide_are_named():
    # Party 3 is a dummy but for rounding, and takes all that parties 1 and 2 can leak to it.
    values = [0, 0, 0, 1, 0, 1e-15, 1e-15, 1 + 1e-15]
    result = allocate(Game(values), 0, {"3": 0})
    assert result.scaling.tolist() == [1, 1, 0]
    assert literal(values, [0, 0, 0], [inf, inf, 0]) == [0, 0, 0]
    (warning,) = result.warnings
    assert warning == (
        "flows or gains within rounding noise decide: they count as 0, so that the scaling factors "
        "are (1, 1, 0); as they stand they would give (0, 0, 0)"
    )
    several = allocate(Game([values, SMALL + SMALL]), 0, {"3": 0}, repair="hull").warnings
    assert several[-1].startswith("table 1: flows or gains within rounding noise decide")


def test_noise_that_does_not_decide_is_not_mentioned():
    values = additive(0.1, 0.2, 0.3)  # 0.1 + 0.2 + 0.3 is not 0.3 + 0.2 + 0.1
    values = [*values, *(v + 1e-17 for v in values)]
    result = allocate(Game(values), [0, 0.05, 0, 0])
    assert result.warnings == ()
    right = literal(additive(0.1, 0.2, 0.3), [0, 0.05, 0], [inf] * 3)
    np.testing.assert_allclose(result.scaling[:3], np.array(right, dtype=float), atol=1e-12)


def test_a_gain_within_the_noise_that_decides_is_named():
    # Party 1 gains nothing but noise, yet its flows are large and cancel; it desires nothing.
    values = [0, 1, 0, 0, 0, 2, 0, 1 + 1e-15]
    result = allocate(Game(values), inf, 0)
    assert result.scaling.tolist() == [1, 0, 0]
    assert "gains within rounding noise decide" in result.warnings[-1]
    assert result.warnings[-1].endswith("they would give (0, 0, 0)")


def test_budgets_that_fall_short_by_noise_where_flows_are_negative():
    # Party 2 would be paid -1 for its data, all its budget and 1e-15 more.
    values = [0, 1, 2, 1]
    enough = allocate(Game(values), [inf, 0])
    assert not any("short" in warning for warning in enough.warnings)
    with pytest.raises(ValueError, match="binds"):
        allocate(Game(values), [0, inf])
    short = allocate(Game(values), [1 - 2.0**-50, inf])
    assert "short by no more than rounding noise" in short.warnings[-2]


def test_a_budget_that_binds_by_noise_beside_negative_flows():
    # All that party 2 pays is noise, and its budget is a quarter of it.
    tiny = 1.390942736591509e-15
    values = [0, 1, 0, -tiny, 1.0000000000000013, -1, 2 * tiny, tiny]
    result = allocate(Game(values), [0.5, tiny / 2, inf])
    assert result.scaling.tolist() == [1, 1, 1]
    assert "short by no more than rounding noise" in result.warnings[-2]


# --- the bound -----------------------------------------------------------------------------------


def bounds(values, budgets, caps=None):
    """What the float path answers, its bound, and what is exact."""
    flows = np.array(flows_by_definition([Fraction(v) for v in values]), dtype=float)
    n = len(flows)
    caps = np.ones(n) if caps is None else caps
    system = payments.System.of(flows, budgets, caps, None, 1e-15 * np.abs(flows).max())
    found, bound = clearing._clear_in_floats(system)
    fractions = [b if b == inf else Fraction(b) for b in budgets.tolist()]
    right, _ = fictitious_default(
        [list(map(Fraction, row)) for row in flows.tolist()], fractions, list(map(Fraction, caps))
    )
    return found.scaling, bound, right


@pytest.mark.parametrize("seed", range(40))
def test_the_error_bound_holds(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 6))
    values = np.maximum.accumulate(rng.random(2**n) * 10 ** rng.uniform(-6, 0, 2**n))
    values[0] = 0
    scaling, bound, right = bounds(Game(values).hull().values, rng.random(n) * (seed % 2))
    error = max(abs(Fraction(x) - y) for x, y in zip(scaling.tolist(), right, strict=True))
    assert error <= bound
    assert bound > 0 or not (scaling < 1).any()


def test_ties_are_open_for_float64_and_settled_exactly():
    scaling, bound, right = bounds([0, 1, 1, 2, 1, 2, 2, 3], np.zeros(3))
    assert bound == inf
    assert scaling.tolist() == right == [1, 1, 1]
    assert allocate(Game([0, 1, 1, 2, 1, 2, 2, 3]), 0).warnings == ()


def test_ordinary_tables_are_settled_in_float64(monkeypatch):
    exact_ones, exactly = [], clearing._clear_exactly

    def counted(*arguments):
        exact_ones.append(arguments)
        return exactly(*arguments)

    monkeypatch.setattr(clearing, "_clear_exactly", counted)
    rng, asked = np.random.default_rng(0), 0
    for n in (2, 3, 5, 8, 12):
        for _ in range(20):
            shares = rng.random(n)
            values = np.sqrt(additive(*shares))  # as accuracies, with diminishing returns
            for budgets in (0, inf, rng.random(n) / n):
                assert allocate(Game(values), budgets, repair="hull").clearings[0].doubt == ""
                asked += 1
    assert len(exact_ones) < 0.05 * asked


def test_too_many_parties_for_exact_arithmetic_are_told_how_certain_the_answer_is(monkeypatch):
    monkeypatch.setattr(clearing, "EXACT_PARTIES", 2)
    values, budgets, desired = (
        [0, 0, 0, 1.1, 0, 1.1e-12, 1.1e-12, 1.1],
        [5e-14, 5e-14, 0],
        [inf] * 3,
    )
    (warning,) = allocate(Game(values), budgets, [*desired[:2], 0]).warnings
    assert "scaling factors are" in warning
    assert "n = 3 parties are too many for exact arithmetic (limit 2)" in warning


@pytest.mark.parametrize("unit", [2.0**-900, 1.0, 2.0**900])
def test_the_unit_of_flows_does_not_matter_to_the_last_bit(unit):
    flows = np.array(flows_by_definition(additive(1, 3, 4)), dtype=float)
    one, other = (clearing_vector(u * flows, np.full(3, 0.5 * u)) for u in (1.0, unit))
    np.testing.assert_array_equal(one.scaling, other.scaling)
    np.testing.assert_array_equal(unit * one.certificate.cap_prices, other.certificate.cap_prices)
    assert other.certificate.primal == unit * one.certificate.primal


def test_magnitude_is_that_of_each_table():
    assert magnitude(np.array([[0.0, -3.0, 2.0, 1.0], [0.0, 1.0, 0.0, 7.0]])).tolist() == [3, 7]


def additive_system(budgets, caps=(1, 1, 1)):
    flows = np.array(flows_by_definition(additive(1, 3, 4)), dtype=float)
    system = payments.System.of(flows, np.array(budgets), np.array(caps, float), None)
    constrained = system.short(system.caps)
    while (more := constrained | system.short(system.solve(constrained))).sum() > constrained.sum():
        constrained = more
    return system, system.solve(constrained), constrained, system.prices(constrained)[0]


def test_the_bound_sees_an_error_of_a_scaling_factor_or_a_price():
    system, scaling, constrained, prices = additive_system([0.5, 0.5, 0.5])
    assert system.error_bound(scaling, constrained, prices) < 1e-13
    for i in (0, 1):
        off = np.where(np.arange(3) == i, 1e-6, 0)
        assert 1e-6 <= system.error_bound(scaling + off, constrained, prices) < 1e-4
        assert 1e-8 <= system.error_bound(scaling, constrained, prices + off) < 1e-4


@pytest.mark.parametrize("more", [1e-16, 1e-9])
def test_a_constrained_party_must_stay_below_its_cap(more):
    # Party 1 can just pay its cap of 11/32, and is or is not constrained.
    caps = np.array([11 / 32 + more, 1, 1])
    system, scaling, _, _ = additive_system([0.5, 0.5, 0.5], caps)
    both = np.array([True, True, False])
    bound = system.error_bound(scaling, both, system.prices(both)[0])
    assert bound < 1e-12 if more > 1e-12 else bound == inf


def test_the_bound_counts_what_flows_may_be_off_by(monkeypatch):
    flows = np.array([[0, 1, 1e-15], [1, 0, 0.5], [0.25, 1, 0]])
    plain, rounded = (
        payments.System.of(flows, np.ones(3), np.ones(3), *x) for x in ((0.0, 0.0), (0.0, 0.1))
    )
    ignoring = payments.System.of(flows, np.ones(3), np.ones(3), 1e-14)
    assert rounded.uncertainty >= plain.uncertainty + 0.1 / 2  # in units of 2
    assert ignoring.uncertainty >= plain.uncertainty + 1e-15 / 2
    assert not ignoring.flows[0, 2]
    monkeypatch.setattr(allocation, "flow_error", lambda n: 1e-3)
    exactly, exact_ones = clearing._clear_exactly, []
    monkeypatch.setattr(clearing, "_clear_exactly", lambda *x: exact_ones.append(x) or exactly(*x))
    allocate(Game(additive(1, 3, 4)), 0.5)
    assert len(exact_ones) == 1
