import tracemalloc

import numpy as np
import pytest
from helpers import (
    additive,
    flows_by_definition,
    flows_by_permutations,
    shapley_by_permutations,
    tables,
)
from hypothesis import given, settings
from shapiq import ExactComputer

from shapfair import Game, conditional_shapley_values, shapley_values

AIRPORT = [0, 1, 2, 2, 3, 3, 3, 3]
"""A runway for planes that need 1, 2 and 3 units of length (Littlechild and Owen 1973)."""


def exact(fractions):
    return np.array(fractions, dtype=float)


@pytest.mark.parametrize(
    ("values", "phi"),
    [
        ([0, 0, 0, 1, 0, 1, 0, 1], [2 / 3, 1 / 6, 1 / 6]),  # gloves
        (AIRPORT, [1 / 3, 1 / 3 + 1 / 2, 1 / 3 + 1 / 2 + 1]),
        (additive(1, 2, 3), [1, 2, 3]),
        ([0, 0, 0, 1], [1 / 2, 1 / 2]),
        ([0, 7], [7]),
    ],
)
def test_textbook_shapley_values(values, phi):
    np.testing.assert_allclose(shapley_values(np.array(values)), phi, atol=1e-15)


def test_textbook_flows():
    np.testing.assert_allclose(
        conditional_shapley_values(np.array(additive(1, 2, 3))),
        [[0, 2, 3], [1, 0, 3], [1, 2, 0]],
        atol=1e-15,
    )
    # A glove's owner pays only for the glove that makes a pair with it.
    np.testing.assert_allclose(
        conditional_shapley_values(Game([0, 0, 0, 1, 0, 1, 0, 1])),
        [[0, 1 / 2, 1 / 2], [1, 0, 0], [1, 0, 0]],
        atol=1e-15,
    )
    assert conditional_shapley_values(Game([0, 7])).tolist() == [[0]]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(tables(max_parties=5, monotone=False))
def test_exact_to_rounding(values):
    scale = max(map(abs, values)) + 1
    game = Game(values)
    phi, flows = exact(shapley_by_permutations(values)), exact(flows_by_permutations(values))
    np.testing.assert_allclose(shapley_values(game), phi, rtol=0, atol=1e-14 * scale)
    np.testing.assert_allclose(conditional_shapley_values(game), flows, rtol=0, atol=1e-14 * scale)
    np.testing.assert_array_equal(flows, exact(flows_by_definition(values)))


@settings(max_examples=15, deadline=None, derandomize=True)
@given(tables(min_parties=6, max_parties=9, monotone=False))
def test_identities_of_the_paper(values):
    n, scale = len(values).bit_length() - 1, max(map(abs, values)) + 1
    game = Game(values)
    phi, flows = shapley_values(game), conditional_shapley_values(game)

    def same(left, right):
        np.testing.assert_allclose(left, right, rtol=0, atol=1e-13 * scale)

    assert not np.diagonal(flows).any()
    same(flows.sum(axis=1), game.grand_value - game.own_values)  # fair cost
    same(flows.sum(axis=0) - flows.sum(axis=1), n * phi - game.grand_value)  # (7)
    off_diagonal = phi[None, :] - phi[:, None]  # pairwise fairness: i to j minus j to i
    same(flows - flows.T, off_diagonal)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_shapiq_agrees(n):
    values = np.random.default_rng(n).normal(size=2**n)
    values[0] = 0

    def value(coalitions):
        return values[coalitions @ 2 ** np.arange(n)]

    theirs = ExactComputer(value, n_players=n)("SV").dict_values
    np.testing.assert_allclose(shapley_values(values), [theirs[(i,)] for i in range(n)], atol=1e-12)
    flows = conditional_shapley_values(values)
    for i in range(n if n > 1 else 0):
        others = [j for j in range(n) if j != i]

        def given_i(coalitions, i=i, others=others):
            return values[(1 << i) + coalitions @ (1 << np.array(others))] - values[1 << i]

        theirs = ExactComputer(given_i, n_players=n - 1)("SV").dict_values
        np.testing.assert_allclose(
            flows[i, others], [theirs[(k,)] for k in range(n - 1)], atol=1e-12
        )


def test_seeds_are_kept_in_front():
    values = np.random.default_rng(0).normal(size=(2, 3, 16))
    phi, flows = shapley_values(values), conditional_shapley_values(values)
    assert (phi.shape, flows.shape) == ((2, 3, 4), (2, 3, 4, 4))
    np.testing.assert_array_equal(phi[1, 2], shapley_values(values[1, 2]))
    np.testing.assert_array_equal(flows[1, 2], conditional_shapley_values(values[1, 2]))


def test_a_value_of_the_empty_coalition_shifts_nothing_but_the_total():
    values = np.array([3.0, 5.0, 4.0, 9.0])
    assert shapley_values(values).sum() == pytest.approx(9 - 3)
    np.testing.assert_allclose(shapley_values(values), shapley_values(values - 3))
    np.testing.assert_array_equal(
        conditional_shapley_values(values),
        [[0, 4], [5, 0]],  # v(12) - v(i)
    )


@pytest.mark.parametrize("function", [shapley_values, conditional_shapley_values])
@pytest.mark.parametrize("values", [np.zeros(3), np.zeros(1), np.zeros((2, 0)), np.array(1.0)])
def test_what_is_not_a_table_is_refused(function, values):
    with pytest.raises(ValueError, match=r"^values: "):
        function(values)


def test_a_large_table_is_not_copied():
    values = np.random.default_rng(0).random((2, 2**20))
    tracemalloc.start()
    conditional_shapley_values(values)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < values[0].nbytes / 2


def test_a_large_game_with_known_values():
    # v(C) = |C|^2: by symmetry n each, and given i the others share n^2 - 1.
    n = 18
    sizes = np.array([c.bit_count() for c in range(2**n)])
    np.testing.assert_allclose(shapley_values(sizes**2), n, rtol=1e-13)
    flows = conditional_shapley_values(sizes**2)
    expected = np.where(np.eye(n, dtype=bool), 0, n + 1)  # (n^2 - 1) / (n - 1)
    np.testing.assert_allclose(flows, expected, rtol=1e-13)
