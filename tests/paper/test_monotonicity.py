"""The monotonicity assumption of Section 2: who needs it, and the hull that restores it."""

import json
from fractions import Fraction
from functools import cache
from itertools import pairwise, permutations, product

import pytest
from helpers import (
    RESULTS,
    additive,
    dot,
    flows_by_definition,
    is_monotone,
    monotone_hull,
    parties,
    shapley_by_permutations,
    tables,
    vertices,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from shapfair import Game, allocate
from shapfair.theory import axioms, exact

HALF, THIRD = Fraction(1, 2), Fraction(1, 3)
SPOILED = [0, 0, 0, 2, 0, 0, 0, 1]
RIVALS = [0, 0, 0, 2, 0, 2, 0, 1]
TIE = [0, 0, 0, 3, 0, 3, 0, 1]
IDLE = [0, 0, 0, 2, 0, 3, 0, 1]
DIP = [0, 0, 0, 0, 1, 0, 0, 1]
"""Not monotone, but no flow is negative."""
RECORD = RESULTS / "mnist.json"


@cache
def measured():
    """The recorded MNIST accuracies as exact fractions, one table per seed."""
    rows = json.loads(RECORD.read_text())["values"]
    return [[Fraction(round(x * 10000), 10000) for x in row] for row in rows]


def payoffs(v):
    """Equation (1)."""
    n = parties(v)
    return [n * share - v[-1] for share in exact.shapley_values(v)]


def farthest(x, y):
    return max(abs(p - q) for p, q in zip(x, y, strict=True))


def minorant(v):
    size = len(v)
    return [min(v[b] for b in range(size) if b & c == c) for c in range(size)]


def midpoint(v):
    return [(Fraction(x) + y) / 2 for x, y in zip(monotone_hull(v), minorant(v), strict=True)]


def no_negative_flow(v):
    return min(map(min, flows_by_definition(v))) >= 0


def optima(v, budgets):
    costs = [sum(row) for row in flows_by_definition(v)]
    corners = vertices(flows_by_definition(v), budgets)
    best = max(dot(costs, x) for x in corners)
    return {x for x in corners if dot(costs, x) == best}


def join(points):
    return tuple(map(max, zip(*points, strict=True)))


# --- what needs no assumption --------------------------------------------------------------------


def test_payoffs_by_coalition_size_on_all_unit_games():
    for n in (2, 3, 4):
        for target in range(1, 2**n):
            v = [int(c == target) for c in range(2**n)]
            phi = shapley_by_permutations(v)
            for i in range(n):
                assert by_sizes(v, i) == n * phi[i] - v[-1]


def by_sizes(v, i):
    n = parties(v)
    total = Fraction(0)
    for s in range(1, n):
        sets = [c for c in range(2**n) if c.bit_count() == s]
        with_i = [v[c] for c in sets if c >> i & 1]
        without = [v[c] for c in sets if not c >> i & 1]
        total += Fraction(sum(with_i), len(with_i)) - Fraction(sum(without), len(without))
    return total


@given(v=tables(min_parties=2, max_parties=5, monotone=False))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_section_3_needs_no_monotonicity(v):
    n, flows, phi = parties(v), exact.conditional_shapley_values(v), exact.shapley_values(v)
    one = exact.adjustment(v, [1] * n)
    assert list(one.payoffs) == payoffs(v) == [by_sizes(v, i) for i in range(n)]
    for i in range(n):
        assert sum(flows[i]) == v[-1] - v[1 << i]
        assert n * phi[i] == v[1 << i] + one.revenues[i]
        for j in set(range(n)) - {i}:
            assert flows[i][j] - flows[j][i] == phi[j] - phi[i]


@given(v=tables(min_parties=2, max_parties=4), shift=st.fractions(0, 10, max_denominator=5))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_other_metrics_may_have_another_zero(v, shift):
    shifted = [0, *(x + shift for x in v[1:])]
    before, after = exact.allocate(v, 1), exact.allocate(shifted, 1)
    assert after.flows == before.flows
    assert after.scaling == before.scaling
    assert after.payoffs == before.payoffs


def test_other_metrics_information_gain():
    # Three fair bits, each observation erased with probability 1/2.
    observed = [[1, 0, 0], [2, 1, 0], [0, 1, 3]]
    v = [
        sum(1 - HALF ** sum(observed[i][k] for i in range(3) if c >> i & 1) for k in range(3))
        for c in range(8)
    ]
    assert v[-1] == Fraction(5, 2)
    assert is_monotone(v)
    a = exact.allocate(v, [HALF, 0, 0])
    adjusted = axioms.adjusted_values(a)
    assert axioms.budget_constraints(a)
    assert axioms.budget_efficiency(a)
    assert axioms.weak_efficiency(a)
    assert axioms.feasibility(v, adjusted)
    assert axioms.individual_rationality(v, adjusted)


# --- nonnegative flows ---------------------------------------------------------------------------


def test_nonnegative_flows_are_weaker_than_monotone():
    assert not is_monotone(DIP)
    assert flows_by_definition(DIP) == [[0, HALF, HALF], [HALF, 0, HALF], [0, 0, 0]]
    every = [(0, *rest) for rest in product(range(3), repeat=7) if rest[-1]]
    flows = [
        v for v in every if all(x >= 0 for row in exact.conditional_shapley_values(v) for x in row)
    ]
    monotone = [v for v in every if is_monotone(v)]
    assert (len(every), len(flows), len(monotone)) == (1458, 315, 147)
    assert set(monotone) < set(flows)


def test_nonnegative_flows_suffice_for_the_budget_theorems():
    every = [(0, *rest) for rest in product(range(3), repeat=7) if rest[-1]]
    games = [v for v in every if not is_monotone(v) and no_negative_flow(v)]
    assert len(games) == 168
    for v in games[::2]:
        low, high = exact.allocate(v, [1, 0, 0]), exact.allocate(v, [1, HALF, 0])
        for a in (low, high):
            corners = vertices(flows_by_definition(v), a.budgets)
            assert a.scaling == join(corners)
            assert {exact.adjustment(v, x).model_values for x in optima(v, a.budgets)} == {
                a.model_values
            }
            assert axioms.budget_efficiency(a)
            assert axioms.weak_efficiency(a)
            assert all(
                a.shortfalls[i] == 0
                for i, p in enumerate(payoffs(v))
                if -p > a.budgets[i]  # Statement 2
            )
        assert all(x <= y for x, y in zip(low.scaling, high.scaling, strict=True))


def test_weak_efficiency_fails_without_nonnegative_flows():
    flows = flows_by_definition(SPOILED)
    assert flows == [[0, 3 * HALF, -HALF], [3 * HALF, 0, -HALF], [HALF, HALF, 0]]
    for budgets in ((0, 0, 0), (1, 0, 0)):
        assert vertices(flows_by_definition(SPOILED), budgets) == {(0, 0, 0)}
    a = exact.adjustment(SPOILED, (0, 0, 0), (1, 0, 0))
    assert not axioms.weak_efficiency(a)
    assert not axioms.budget_efficiency(a)  # "best model or all spent"


def test_lemma_g_3_fails_without_nonnegative_flows():
    corners = vertices(flows_by_definition(RIVALS), (1, 0, 0))
    assert {(1, HALF, 0), (1, 0, HALF)} <= corners
    assert exact.join((1, HALF, 0), (1, 0, HALF)) == (1, HALF, HALF)
    a = exact.adjustment(RIVALS, (1, HALF, HALF), (1, 0, 0))
    assert a.shortfalls[1:] == (Fraction(1, 4), Fraction(1, 4))
    assert not axioms.budget_constraints(a)
    assert join(corners) not in corners
    assert optima(RIVALS, (1, 0, 0)) == {(1, THIRD, THIRD)}


def test_more_budget_may_hurt_without_nonnegative_flows():
    assert optima(RIVALS, (1, Fraction(1, 6), 0)) == {(1, Fraction(5, 9), Fraction(2, 9))}
    assert Fraction(2, 9) < THIRD  # the factor of party 3 before


def test_optimum_is_not_unique_without_nonnegative_flows():
    assert [sum(row) for row in flows_by_definition(TIE)] == [1, 1, 1]
    assert optima(TIE, (0, 0, 0)) == {(1, 0, HALF), (1, HALF, 0)}
    for s in (0, Fraction(1, 5), HALF):
        assert axioms.budget_constraints(exact.adjustment(TIE, (1, s, HALF - s), 0))


def test_statement_2_fails_without_nonnegative_flows():
    assert optima(IDLE, (1, 0, 0)) == {(1, 0, 0)}
    assert payoffs(IDLE)[2] == -HALF  # cannot afford the best model
    assert exact.adjustment(IDLE, (1, 0, 0), (1, 0, 0)).payoffs[2] == 1  # budget 0 not exhausted


@pytest.mark.parametrize("v", [SPOILED, RIVALS, TIE, IDLE])
def test_negative_flows_are_refused_where_a_budget_binds_and_the_hull_is_not(v):
    with pytest.raises(ValueError, match="negative"):
        exact.allocate(v, [1, 0, 0])
    with pytest.raises(ValueError, match="negative"):
        allocate(Game(v), [1, 0, 0])
    a = exact.allocate(monotone_hull(v), [1, 0, 0])
    assert a.scaling == join(vertices(flows_by_definition(a.values), (1, 0, 0)))
    assert axioms.weak_efficiency(a)


def test_weak_efficiency_does_not_select_with_two_closed_classes():
    v = [(0, 0, 0, 1, 1)[c.bit_count()] for c in range(16)]
    v[0b0011] = v[0b1100] = 2
    assert flows_by_definition(v) == [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]
    for t in (0, THIRD, 1):
        a = exact.adjustment(v, (1, 1, t, t), 0)
        assert axioms.budget_constraints(a)
        assert axioms.budget_efficiency(a)
        assert axioms.weak_efficiency(a)
        assert bool(axioms.pareto_efficiency(a)) == (t == 1)


# --- what needs monotonicity ---------------------------------------------------------------------


@given(
    v=tables(min_parties=2, max_parties=4),
    scaling=st.lists(st.fractions(0, 1, max_denominator=9), min_size=4, max_size=4),
)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_8_holds_for_every_factor_in_monotone_games(v, scaling):
    n = parties(v)
    adjusted = axioms.adjusted_values(exact.adjustment(v, scaling[:n]))
    assert axioms.feasibility(v, adjusted)
    assert axioms.individual_rationality(v, adjusted)
    for i in range(n):  # and the adjusted value functions are monotone
        for c in range(2**n):
            if c >> i & 1:
                assert all(adjusted[i][c] <= adjusted[i][c | 1 << j] for j in range(n))


def test_8_is_empty_with_nonnegative_flows_only():
    assert DIP[0b101] < DIP[0b100]  # v(13) < v(3)
    for x in (0, HALF, 1):
        adjusted = axioms.adjusted_values(exact.adjustment(DIP, (x, x, x)))
        assert not axioms.feasibility(DIP, adjusted) or not axioms.individual_rationality(
            DIP, adjusted
        )


def test_8_is_empty_on_measured_tables():
    def empty(v):
        return any(v[c] < v[1 << i] for c in range(32) for i in range(5) if c >> i & 1)

    assert [k + 1 for k, v in enumerate(measured()) if empty(v)] == [2, 3, 6, 7, 9]
    assert not any(map(empty, map(monotone_hull, measured())))


def test_converse_of_remark_3_11_needs_monotonicity():
    assert sum(flows_by_definition(DIP)[2]) == 0
    assert DIP[0b101] != DIP[0b100]  # party 3 is not omnipotent


def test_robustness_to_replication_needs_monotonicity():
    v = [0, 1, 0, 1, 0, 1, 2, 1]
    assert no_negative_flow(v)
    assert payoffs(v)[0] == 0
    replicated = [v[c % 8 | (1 if c >= 8 else 0)] for c in range(16)]
    assert payoffs(replicated)[0] == payoffs(replicated)[3] == THIRD  # 2/3 together


# --- the hull ------------------------------------------------------------------------------------


@given(v=tables(min_parties=1, max_parties=5, monotone=False))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_hull_is_the_least_monotone_majorant(v):
    hull = Game(v).hull().values.tolist()
    assert hull == monotone_hull(v)
    assert is_monotone(hull)
    # Any smaller entry is below a value or below the entry of a part.
    for c in range(1, len(v)):
        assert hull[c] in (v[c], *(hull[c ^ 1 << i] for i in range(parties(v)) if c >> i & 1))


@given(v=tables(min_parties=2, max_parties=5, monotone=False))
@settings(max_examples=80, deadline=None, derandomize=True)
def test_hull_moves_payoffs_by_at_most_n_minus_1_drops(v):
    n = parties(v)
    for table, factor in ((v, n - 1), ([abs(x) for x in v], n - 2)):
        hull = [int(x) for x in Game(table).hull().values]
        drop = farthest(hull, table)
        nested = max(table[b] - table[c] for c in range(2**n) for b in range(2**n) if b & c == b)
        assert drop == nested
        assert farthest(payoffs(hull), payoffs(table)) <= factor * drop
        flows, repaired = flows_by_definition(table), flows_by_definition(hull)
        assert all(farthest(x, y) <= drop for x, y in zip(flows, repaired, strict=True))
        assert min(map(min, flows)) >= -drop


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_hull_bound_is_sharp(n):
    for alone, together, factor in ((-1, -1, n - 1), (1, 0, n - 2)):
        v = [0] * 2**n
        v[1::2] = [alone] + [together] * (2 ** (n - 1) - 1)
        v[-1] = 1
        hull = Game(v).hull().values
        assert n == 2 or farthest(hull, v) == 1
        assert payoffs([int(x) for x in hull])[0] - payoffs(v)[0] == factor


@given(v=tables(min_parties=1, max_parties=4, monotone=False))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_midpoint_is_the_best_repair(v):
    v = [abs(x) for x in v]
    middle, drop = midpoint(v), farthest(monotone_hull(v), v)
    assert middle[0] == 0
    assert is_monotone(middle)
    assert farthest(middle, v) == Fraction(drop, 2)
    # No monotone function is nearer: the pair with the worst drop forbids it.
    b, c = max(
        ((b, c) for c in range(len(v)) for b in range(len(v)) if b & c == b),
        key=lambda pair: v[pair[0]] - v[pair[1]],
    )
    for u in (monotone_hull(v), minorant(v), middle, additive(*[1] * parties(v))):
        assert abs(v[b] - u[b]) + abs(u[c] - v[c]) >= drop


def test_midpoint_on_all_small_monotone_functions():
    v = [0, 3, 1, 1]  # worst drop 2
    monotone = [u for u in product([Fraction(k, 2) for k in range(8)], repeat=4) if is_monotone(u)]
    assert min(farthest(u, v) for u in monotone) == 1 == farthest(midpoint(v), v)


@given(v=tables(min_parties=2, max_parties=2, monotone=False))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_of_two_parties_the_hull_moves_no_payoff(v):
    v = [abs(x) for x in v]
    assert payoffs(monotone_hull(v)) == payoffs(v) == [v[1] - v[2], v[2] - v[1]]
    assert no_negative_flow(v) == is_monotone(v)


# --- noise ---------------------------------------------------------------------------------------


@given(v=tables(min_parties=2, max_parties=5, monotone=False))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_a_line_of_the_hull_is_at_least_a_share_of_one_rise(v):
    v = [abs(x) for x in v]
    n, lines = parties(v), flows_by_definition(monotone_hull(v))
    for i, j in permutations(range(n), 2):
        rise = v[1 << i | 1 << j] - v[1 << i]
        assert lines[i][j] >= Fraction(max(0, rise), n - 1)


def test_noise_cancels_in_a_flow_and_becomes_a_fee_by_the_hull():
    """Party 3 adds nothing; what 1 pays it, if the model of 1 and 3 errs by one, up or down."""
    raw, repaired = (
        [flows_by_definition(repair([0, 4, 4, 6, 0, 4 + e, 4, 6]))[0][2] for e in (-1, 1)]
        for repair in (list, monotone_hull)
    )
    assert raw == [-HALF, HALF]
    assert repaired == [0, HALF]  # the bound is attained


# --- measured tables -----------------------------------------------------------------------------


def test_measured_tables_are_not_monotone():
    report = Game.read(RECORD).monotonicity()
    drops = [
        v[c] - v[c | 1 << i]
        for v in measured()
        for c in range(32)
        for i in range(5)
        if not c >> i & 1
    ]
    assert (report.edges, report.tables) == (800, 10)
    assert report.violations == sum(x > 0 for x in drops) == 87
    assert report.worst_drop == pytest.approx(float(max(drops)), abs=1e-12)
    assert max(drops) == Fraction(64, 10000)


def test_measured_tables_have_negative_flows_from_a_party_to_its_parts():
    found = [
        {
            (i, j)
            for i, row in enumerate(exact.conditional_shapley_values(v))
            for j, flow in enumerate(row)
            if flow < 0
        }
        for v in measured()
    ]
    assert sum(map(bool, found)) == 6
    assert set.union(*found) == {(2, 0), (2, 1)}  # [0-3] pays [0] and [1-2]


def test_hull_of_measured_tables_changes_no_rank():
    def order(p):
        return sorted(range(5), key=p.__getitem__)

    for v in measured():
        raw, hull = payoffs(v), payoffs(monotone_hull(v))
        drop = farthest(monotone_hull(v), v)
        assert 0 < drop <= Fraction(64, 10000)
        assert farthest(raw, hull) <= 3 * drop
        assert farthest(raw, hull) < Fraction(6, 1000)
        assert order(raw) == order(hull) == order(payoffs(midpoint(v)))
        assert min(b - a for a, b in pairwise(sorted(raw))) > Fraction(1, 10)


def test_noise_cancels_in_a_measured_bill_and_what_the_hull_adds_does_not():
    """What [0-3] pays for data that it has: on average nothing, until the tables are repaired."""

    def lines(v):
        return exact.conditional_shapley_values(v)[2][:2]

    def mean(rows):
        return [sum(column) / len(rows) for column in zip(*rows, strict=True)]

    raw = [lines(v) for v in measured()]
    repaired = [lines(monotone_hull(v)) for v in measured()]
    assert sum(x < 0 for row in raw for x in row) == 10
    assert min(min(row) for row in repaired) >= 0
    thousandth = Fraction(1, 1000)
    assert all(abs(x) < thousandth / 5 for x in mean(raw))
    assert all(thousandth / 2 < x < thousandth for x in mean(repaired))
    first = lines(monotone_hull(mean(measured())))
    assert all(0 < x < thousandth / 5 for x in first)
    assert [round(10_000 * sum(x)) for x in (mean(repaired), first)] == [13, 2]


def test_the_hull_keeps_own_values_and_the_minorant_does_not():
    raised = lowered = 0
    for v in measured():
        hull, below = monotone_hull(v), minorant(v)
        assert all(hull[1 << i] == v[1 << i] for i in range(5))
        raised += hull[-1] > v[-1]
        lowered += below[0b00100] < v[0b00100]
        assert farthest(payoffs(below), payoffs(v)) <= 4 * farthest(hull, v)
    assert (raised, lowered) == (8, 5)
