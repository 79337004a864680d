"""Flows and clearing in rational numbers, held to the slow oracles."""

from fractions import Fraction
from math import inf

import numpy as np
import pytest
from helpers import amounts, fictitious_default, flows_by_definition, parties, tables
from helpers import solve as gauss_jordan
from hypothesis import given, settings
from hypothesis import strategies as st

from shapfair import conditional_shapley_values, rational
from shapfair.shapley import exact_conditional_shapley_values, flow_error


@pytest.mark.parametrize("spread", [0, 3, 300])
@pytest.mark.parametrize("n", range(1, 7))
def test_flows_of_floats_without_rounding(n, spread):
    rng = np.random.default_rng(n)
    values = rng.normal(size=2**n) * 10.0 ** rng.uniform(-spread, spread, 2**n)
    values[rng.random(2**n) < 0.1] = 0
    values[0] = 0
    right = flows_by_definition([Fraction(v) for v in values.tolist()])
    assert exact_conditional_shapley_values(values) == tuple(map(tuple, right))


def test_flows_of_subnormal_values_and_of_none():
    values = [0, 5e-324, 0, 15e-324]
    flows = exact_conditional_shapley_values(np.array(values))
    assert flows == tuple(map(tuple, flows_by_definition(list(map(Fraction, values)))))
    assert exact_conditional_shapley_values(np.zeros(4)) == ((0, 0), (0, 0))


@pytest.mark.parametrize("n", [2, 3, 5, 8, 11])
def test_the_error_of_flows_is_within_its_bound(n):
    values = np.random.default_rng(n).uniform(-1, 1, 2**n)
    values[0] = 0
    floats = conditional_shapley_values(values).ravel().tolist()
    exact = [f for row in exact_conditional_shapley_values(values) for f in row]
    error = max(abs(Fraction(x) - y) for x, y in zip(floats, exact, strict=True))
    bound = flow_error(n) * np.abs(values).max()
    assert error < bound


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.data())
def test_clearing_is_that_of_the_oracle(data):
    values = data.draw(tables(max_parties=5))
    n, flows = parties(values), flows_by_definition(values)
    budgets = data.draw(amounts(n, top=max(1, values[-1])))
    caps = data.draw(st.lists(st.fractions(0, 1, max_denominator=6), min_size=n, max_size=n))
    scaling, constrained = fictitious_default(flows, budgets, caps)
    cleared = rational.clear(flows, budgets, caps)
    assert (list(cleared.scaling), set(cleared.constrained)) == (scaling, constrained)
    y, z = rational.prices(rational.clearing_matrix(flows), cleared.constrained)
    assert min(*y, *z) >= 0
    funds = [b if price else 0 for b, price in zip(budgets, y, strict=True)]
    primal = rational.dot(map(sum, flows), scaling)
    assert primal == rational.dot(funds, y) + rational.dot(cleared.history[0], z)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.data())
def test_linear_systems(data):
    n, entry = data.draw(st.integers(0, 4)), st.fractions(-5, 5, max_denominator=3)
    rows = data.draw(st.lists(st.lists(entry, min_size=n, max_size=n), min_size=n, max_size=n))
    right = data.draw(st.lists(entry, min_size=n, max_size=n))
    solution = gauss_jordan(rows, right)
    if solution is None:
        with pytest.raises(ZeroDivisionError, match="singular matrix"):
            rational.solve(rows, right)
    else:
        assert rational.solve(rows, right) == tuple(solution)


def test_unlimited_budgets_never_bind():
    assert rational.clear([[0, 1], [0, 0]], [inf, 0], [1, 1]).constrained == frozenset()
