from fractions import Fraction
from math import inf

import numpy as np
import pytest
from helpers import (
    additive,
    amounts,
    clearing_by_enumeration,
    fictitious_default,
    flows_by_definition,
    is_clearing,
    parties,
    tables,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from shapfair import NegativeFlowError, clearing_vector, linear_programme


@st.composite
def problems(draw, max_parties=5):
    """Flows of a monotone game, budgets and caps, exactly."""
    values = draw(tables(max_parties=max_parties))
    n = parties(values)
    budgets = draw(amounts(n, top=max(values)))
    cap = st.sampled_from([Fraction(0), Fraction(1)]) | st.fractions(0, 1, max_denominator=6)
    caps = draw(st.just([Fraction(1)] * n) | st.lists(cap, min_size=n, max_size=n))
    return flows_by_definition(values), budgets, caps


def clear(flows, budgets, caps):
    arrays = [np.array(x, dtype=float) for x in (flows, budgets, caps)]
    return *arrays, clearing_vector(*arrays)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(problems())
def test_greatest_clearing_vector_exactly(problem):
    exact, constrained = fictitious_default(*problem)
    assert exact == clearing_by_enumeration(*problem)
    *_, clearing = clear(*problem)
    np.testing.assert_allclose(clearing.scaling, np.array(exact, dtype=float), rtol=0, atol=1e-12)
    assert set(np.flatnonzero(clearing.constrained)) == constrained
    assert clearing.rounds <= len(exact)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(problems())
def test_certificate_proves_optimality(problem):
    flows, budgets, caps, clearing = clear(*problem)
    costs, proof = flows.sum(axis=1), clearing.certificate
    matrix, scale = np.diag(costs) - flows.T, max(1, flows.max())
    y, z = proof.budget_prices, proof.cap_prices
    # Primal feasible, dual feasible, and no gap: whatever the algorithm did, both are optimal.
    caps = np.where(costs == 0, 1, caps)
    assert (clearing.scaling >= 0).all()
    assert (clearing.scaling <= caps).all()
    assert (matrix @ clearing.scaling <= budgets + 1e-12 * scale).all()
    assert (y >= 0).all()
    assert (z >= 0).all()
    assert (matrix.T @ y + z >= costs - 1e-12 * scale).all()
    assert proof.primal == pytest.approx(costs @ clearing.scaling)
    bounded = y > 0
    assert proof.dual == pytest.approx(budgets[bounded] @ y[bounded] + caps @ z, abs=1e-12 * scale)
    assert abs(proof.gap) <= 1e-11 * scale


@settings(max_examples=60, deadline=None, derandomize=True)
@given(problems())
def test_highs_agrees(problem):
    flows, budgets, caps, clearing = clear(*problem)
    np.testing.assert_allclose(clearing.scaling, linear_programme(flows, budgets, caps), atol=1e-6)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(problems(max_parties=4))
def test_prices_are_marginal_costs(problem):
    flows, budgets, caps = problem
    *_, clearing = clear(*problem)
    exact, _ = fictitious_default(*problem)
    costs, step = list(map(sum, flows)), Fraction(1, 10**9)
    for i in range(len(flows)):
        more = [b + step if k == i else b for k, b in enumerate(budgets)]
        raised, _ = fictitious_default(flows, more, caps)
        gain = sum(c * (x - y) for c, x, y in zip(costs, raised, exact, strict=True))
        price = clearing.certificate.budget_prices[i]
        # A party whose last unit just pays in full is constrained no more once it has a step more.
        assert float(gain / step) == pytest.approx(price, rel=1e-6, abs=1e-9)


def test_history_falls_from_the_caps_to_the_scaling():
    flows = flows_by_definition(additive(1, 2, 3))
    *_, clearing = clear(flows, [0, 0, 0], [1, 1, 1])
    np.testing.assert_allclose(clearing.history, [[1, 1, 1], [2 / 5, 1, 1], [1 / 3, 2 / 3, 1]])
    assert (clearing.rounds, clearing.constrained.tolist()) == (2, [True, True, False])


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("seed", range(20))
def test_a_class_that_is_balanced_up_to_rounding_is_not_flagged_whole(seed, scale):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 9))
    flows = rng.random((n, n)) * ~np.eye(n, dtype=bool) * rng.choice([1, 1e-6], n)
    flows = scale * (flows + flows.T)  # every party's revenue is its cost
    clearing = clearing_vector(flows * (1 + 1e-16 * rng.normal(size=(n, n))), np.zeros(n))
    np.testing.assert_allclose(clearing.scaling, 1, atol=1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_without_budgets_the_positive_null_vector(seed):
    # theory: at b = 0 the scaling is the null vector of A, largest entry 1 (adjugate, any n).
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 12))
    flows = rng.random((n, n)) * ~np.eye(n, dtype=bool)
    matrix = np.diag(flows.sum(axis=1)) - flows.T
    minors = [np.linalg.det(np.delete(np.delete(matrix, i, axis=0), i, axis=1)) for i in range(n)]
    clearing = clearing_vector(flows, np.zeros(n))
    np.testing.assert_allclose(clearing.scaling, minors / np.max(minors), rtol=1e-9)


@pytest.mark.parametrize("unit", [1e-12, 1e-9, 1.0, 1e9])
def test_the_unit_of_value_does_not_matter(unit):
    flows = unit * np.array(flows_by_definition(additive(1, 3, 4)), dtype=float)
    for solver in (lambda *problem: clearing_vector(*problem).scaling, linear_programme):
        scaling = solver(flows, np.full(3, 0.5 * unit))
        np.testing.assert_allclose(scaling, [11 / 32, 29 / 32, 1], rtol=1e-9)


def test_flows_of_rounding_size_count_as_zero():
    # Party 1 is constrained, its negative flow is noise; party 3 has nothing to gain but noise.
    flows = np.array([[0, 1, -1e-17], [0.5, 0, 1e-17], [1e-17, 1e-17, 0]])
    clearing = clearing_vector(flows, np.zeros(3), np.array([1, 1, 0.5]))
    assert clearing.scaling.tolist() == [0.5, 1, 1]
    noise = clearing_vector(flows * 1e-17, np.zeros(3), np.zeros(3), atol=1e-16)
    assert noise.scaling.tolist() == [1, 1, 1]


def test_negative_flows_are_refused_only_when_a_budget_binds():
    flows = np.array([[0, 1.5, -0.5], [1.5, 0, -0.5], [0.5, 0.5, 0]])
    free = clearing_vector(flows, np.full(3, inf))
    assert (free.scaling.tolist(), free.rounds) == ([1, 1, 1], 0)
    assert clearing_vector(flows, np.full(3, 2.0)).scaling.tolist() == [1, 1, 1]
    with pytest.raises(
        NegativeFlowError, match=r"^flows: party 0 pays party 2 a negative -0\.5 "
    ) as e:
        clearing_vector(flows, np.array([inf, inf, 0.0]))
    assert (e.value.payer, e.value.earner, e.value.flow) == (0, 2, -0.5)


def test_a_gap_tells_that_a_negative_cost_is_not_optimal():
    flows = np.array([[0, -1.0], [1.0, 0]])
    proof = clearing_vector(flows, np.full(2, inf)).certificate
    assert proof.gap == 1.0


@pytest.mark.parametrize(
    ("flows", "budgets", "caps", "message"),
    [
        (np.ones((2, 2)), np.ones(2), None, "flows: need a square matrix"),
        (np.array([[0, np.nan], [1, 0]]), np.ones(2), None, "flows: need a square matrix"),
        (np.zeros((2, 2)), np.array([1.0, -1.0]), None, "budgets: .* need 2 numbers from 0 to inf"),
        (np.zeros((2, 2)), np.array([1.0, np.nan]), None, "budgets: .* need 2 numbers"),
        (np.zeros((2, 2)), np.ones(2), np.array([1.0, 1.5]), r"caps: .* from 0 to 1\.0"),
    ],
)
@pytest.mark.parametrize("solver", [clearing_vector, linear_programme])
def test_bad_arguments_are_named(solver, flows, budgets, caps, message):
    with pytest.raises(ValueError, match=message):
        solver(flows, budgets, caps)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(problems(max_parties=4))
def test_the_oracle_is_a_clearing_vector(problem):
    flows, budgets, caps = problem
    scaling, _ = fictitious_default(*problem)
    caps = [cap if sum(row) else Fraction(1) for cap, row in zip(caps, flows, strict=True)]
    assert is_clearing(flows, budgets, caps, scaling)
