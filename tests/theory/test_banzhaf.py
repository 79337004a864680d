from fractions import Fraction

import numpy as np
import pytest
from helpers import bits, parties, subsets, tables
from hypothesis import given, settings

from shapfair.games import majority
from shapfair.theory.axioms import dummy_party, efficiency, linearity, symmetry
from shapfair.theory.banzhaf import banzhaf_values


@settings(max_examples=25, deadline=None)
@given(tables(max_parties=5, monotone=False))
def test_it_is_the_mean_marginal_contribution(values):
    for i, found in enumerate(banzhaf_values(values)):
        others = [bits(c) for c in subsets(set(range(parties(values))) - {i})]
        gains = [values[c | 1 << i] - values[c] for c in others]
        assert found == Fraction(sum(gains), len(gains))


def test_properties_and_the_one_that_is_missing():
    values = majority(3)
    assert banzhaf_values(values) == (Fraction(1, 2),) * 3
    assert not efficiency(banzhaf_values, values)
    assert symmetry(banzhaf_values, values)
    assert dummy_party(banzhaf_values, [0, 2, 0, 2], 0)
    assert linearity(banzhaf_values, values, [0, 1, 2, 5, 0, 1, 2, 9], Fraction(-7, 3))


def test_floats_are_fractions():
    assert banzhaf_values(np.array([0, 0.5, 0.25, 1])) == (Fraction(5, 8), Fraction(3, 8))
    with pytest.raises(ValueError, match="3 coalition values"):
        banzhaf_values([0, 1, 2])
