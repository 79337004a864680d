"""Weights of coalitions and flows in closed form, against tables and quadrature."""

from itertools import accumulate

import numpy as np
import pytest
from scipy import integrate

from shapfair import conditional_shapley_values
from shapfair.estimation import closed_forms
from shapfair.estimation.kernel import PARTS, Kernel
from shapfair.estimation.weights import (
    counts,
    flow_sum,
    flow_terms,
    flow_weights,
    members_of,
    payoff_terms,
    payoffs_of,
)
from shapfair.games import unanimity
from shapfair.lattice import membership

SIZES = range(2, 13)


def close(found, wanted, tolerance=1e-12):
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance * (1 + np.abs(wanted).max()))


def some(n, number, seed=0):
    """Coalitions, the empty and the grand one among them."""
    drawn = np.random.default_rng(seed).random((number, n)) < 0.4
    return np.vstack([drawn, np.zeros((1, n), dtype=bool), np.ones((1, n), dtype=bool)])


@pytest.mark.parametrize("n", SIZES)
def test_weights_are_those_of_the_flows(n):
    values = np.random.default_rng(n).standard_normal(2**n)
    values[0] = 0
    members = membership(n)[1:]
    shares = values[1:] / counts(n)[members.sum(axis=1)]
    wanted = conditional_shapley_values(values)
    close(flow_sum(members, shares), wanted)
    close(payoff_terms(members).T @ shares, payoffs_of(wanted))
    if n < 9:
        close(np.tensordot(shares, flow_terms(members), 1), wanted)


@pytest.mark.parametrize("n", SIZES)
def test_closed_forms_are_those_of_tables(n):
    rng, members = np.random.default_rng(n), membership(n).astype(float)
    shares, factors = rng.standard_normal(n), rng.uniform(0.2, 1.5, n)
    close(closed_forms.additive_flows(shares), conditional_shapley_values(members @ shares))
    size = members.sum(axis=1)
    close(
        closed_forms.symmetric_flows(n, np.sqrt(n) - 1), conditional_shapley_values(np.sqrt(size))
    )
    covered = some(n, 2)
    tables = [np.prod(np.where(membership(n) & ~d, factors, 1), axis=1) for d in covered]
    close(closed_forms.coverage_flows(factors, covered), conditional_shapley_values(tables))
    close(closed_forms.product_flows(factors), conditional_shapley_values(tables[-2]))
    both = members @ covered.T.astype(float)
    close(closed_forms.pairs_flows(covered), conditional_shapley_values((both * (both - 1) / 2).T))
    coalition = int(rng.integers(1, 2**n))
    close(
        closed_forms.unanimity_flows(n, coalition),
        conditional_shapley_values(unanimity(n, coalition)),
    )


@pytest.mark.parametrize("n", [2, 3, 8, 11])
def test_flows_of_the_kernel_are_those_of_its_table(n):
    rng = np.random.default_rng(n)
    kernel, amplitudes = Kernel.of(rng.uniform(-0.1, 1, n)), rng.exponential(size=PARTS)
    d = some(n, 3)
    tables = kernel.between(amplitudes, membership(n), d).T
    close(tables[:, 0], np.zeros(len(d)))
    close(kernel.flows(amplitudes, d), conditional_shapley_values(tables))


def test_a_kernel_is_symmetric_and_positive():
    rng, members = np.random.default_rng(5), membership(6)
    table = Kernel.of(rng.random(6)).between(rng.exponential(size=PARTS), members, members)
    close(table, table.T)
    assert np.linalg.eigvalsh(table).min() > -1e-9 * np.abs(table).max()


def test_products_of_fifty_parties_by_quadrature():
    n, rng = 50, np.random.default_rng(50)
    factors, covered = rng.uniform(0.3, 1.1, n), rng.random((1, n)) < 0.3
    found = closed_forms.coverage_flows(factors, covered)[0]
    for i, j in [(0, 1), (7, 31), (49, 12), (20, 21)]:
        effective = np.where(covered[0], 1.0, factors)
        others = np.delete(effective, [i, j])

        def density(t, i=i, j=j, f=effective, others=others):
            return f[i] * (f[j] - 1) * np.prod(1 - t + t * others)

        wanted, _ = integrate.quad(density, 0, 1, epsabs=1e-15, epsrel=1e-13)
        assert found[i, j] == pytest.approx(wanted, rel=1e-11, abs=1e-16)


def test_sixty_four_parties_have_a_bitmask():
    rows = members_of([1, 2**63, 2**64 - 1], 64)
    assert rows.sum(axis=1).tolist() == [1, 1, 64]
    assert rows[1].argmax() == 63
    chain = members_of(list(accumulate(1 << i for i in range(64))), 64)
    # A game that only counts members has equal flows; of every size one coalition is weighed.
    total = flow_sum(chain, np.ones(64))
    assert total.sum() == pytest.approx(0, abs=1e-9)
    with pytest.raises(ValueError, match="parties: 65, need 2 to 64"):
        flow_weights(65)
