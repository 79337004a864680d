import numpy as np
import pytest
from helpers import subsets

from shapfair import coalitions, lattice


@pytest.mark.parametrize("n", range(1, 6))
def test_every_set_of_parties_has_its_own_bitmask(n):
    sets = list(subsets(range(n)))
    assert sorted(map(coalitions.bitmask, sets)) == list(range(2**n))
    assert all(coalitions.members(coalitions.bitmask(s)) == s for s in sets)


@pytest.mark.parametrize("n", range(1, 6))
def test_sizes_and_membership_agree_with_members(n):
    members = [coalitions.members(c) for c in range(2**n)]
    assert lattice.sizes(n).tolist() == [len(m) for m in members]
    assert [tuple(np.flatnonzero(row)) for row in lattice.membership(n)] == members


def test_bit_i_is_party_i():
    assert coalitions.members(0b1011) == (0, 1, 3)
    assert coalitions.coalition_name(0b101, ("[0]", "[1-2]", "[0-3]")) == "{[0], [0-3]}"
    assert coalitions.coalition_name(0, ("a",)) == "{}"


@pytest.mark.parametrize("n", [1, 2, 5, 26])
def test_parties_of_a_table(n):
    assert coalitions.count_parties(2**n) == n


@pytest.mark.parametrize("length", [0, 1, 3, 12, 2**20 + 1])
def test_a_table_has_a_power_of_two_values(length):
    with pytest.raises(ValueError, match=rf"^values: {length} coalition values, need 2\*\*n"):
        coalitions.count_parties(length)


def test_too_many_parties_tells_memory_and_alternative():
    with pytest.raises(ValueError, match=r"n = 30 parties need about 16 GiB .* estimate"):
        coalitions.count_parties(2**30)
