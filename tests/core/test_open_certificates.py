"""An allocation either proves that no other scaling does better, or says that it does not."""

from math import inf

import numpy as np
import pytest

from shapfair import Game, allocate


def test_a_negative_cost_leaves_the_certificate_open_and_is_named():
    result = allocate(Game([0, 3, 1, 2], ("a", "b")))
    np.testing.assert_array_equal(result.payoffs, [2, -2])  # Equation (1), all the same
    assert result.certificates[0].gap == 1
    assert result.warnings[-2] == (
        "v(i) > v(N) for i = a, so that costs are negative: the payoffs are Equation (1), but no "
        "certificate shows that no other scaling does better (gap up to 1)"
    )
    assert result.warnings[-1].startswith("{b} would gain by leaving")  # it has less than v(b)


def test_the_tables_are_counted():
    game = Game([[0, 1, 1, 2], [0, 3, 1, 2], [0, 1, 4, 2]], ("a", "b"))
    assert "for i = a, b in 2 of 3 tables, so" in allocate(game).warnings[-1]


@pytest.mark.parametrize("budgets", [inf, 100.0])
def test_negative_flows_alone_leave_it_closed(budgets):
    # Costs are positive, so no scaling factor above the caps is missed: (P) is solved.
    result = allocate(Game([0, 0, 0, 2, 0, 0, 0, 1]), budgets)
    assert result.certificates[0].gap == 0
    assert len(result.warnings) == 3
    assert not any("certificate" in warning for warning in result.warnings)


def test_an_open_certificate_is_told_on_the_tables_own_scale():
    small = allocate(Game(1e-12 * np.array([[0, 3, 1, 2], [0, 3e12, 1e12, 9e12]])))
    assert "in 1 of 2 tables" in small.warnings[-1]


def test_a_negative_cost_within_the_noise_is_none():
    assert allocate(Game([0, 1 + 2.0**-50, 0, 1])).warnings == ()
