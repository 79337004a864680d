"""The partition among parties: the paper's sets, their unions, and one clear error for bad ones."""

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shapfair.coalitions import members
from shapfair.datasets import MNIST_PARTIES, Deal, Partition, load

LABELS = np.array([3, 0, 1, 0, 2, 1, 3, 9], np.uint8)


def partition_of(*held):
    names = tuple(f"party {i}" for i in range(len(held)))
    return Partition(names, tuple(np.array(sorted(h), np.int64) for h in held))


def unchecked(name):
    """A method as users have it, without the type checks of the tests."""
    return inspect.unwrap(getattr(Partition, name))


def test_parties_hold_the_records_with_their_labels():
    partition = Partition.by_label(LABELS, {"zero": [0], "low": [0, 1], "odd": [1, 3, 9]})
    assert partition.parties == ("zero", "low", "odd")
    held = [indices.tolist() for indices in partition.indices]
    assert held == [[1, 3], [1, 2, 3, 5], [0, 2, 5, 6, 7]]


def test_a_shared_record_counts_once_unless_duplicates_are_kept():
    partition = Partition.by_label(LABELS, {"zero": [0], "low": [0, 1], "odd": [1, 3, 9]})
    assert partition.coalition_indices(0b011).tolist() == [1, 2, 3, 5]
    assert partition.coalition_indices(0b011, "keep").tolist() == [1, 3, 1, 2, 3, 5]
    assert partition.coalition_indices(0).size == 0


def test_parties_of_the_paper():
    subset = load("mnist", "embedded")
    partition = Partition.by_label(subset.train_labels, MNIST_PARTIES)
    assert partition.parties == ("[0]", "[1-2]", "[0-3]", "[3-5]", "[6-9]")
    assert [held.size for held in partition.indices] == [500, 1000, 2000, 1500, 2000]
    # The grand coalition holds every image: digits 0 to 3 twice over, but as a set.
    np.testing.assert_array_equal(partition.coalition_indices(0b11111), np.arange(5000))
    assert partition.coalition_indices(0b11111, "keep").size == 7000
    # [0-3] already has what [0] and [1-2] bring.
    np.testing.assert_array_equal(
        partition.coalition_indices(0b00111), partition.coalition_indices(0b00100)
    )


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    held=st.lists(st.sets(st.integers(0, 12), min_size=1), min_size=1, max_size=5), data=st.data()
)
def test_coalitions_train_on_unions(held, data):
    partition = partition_of(*held)
    coalition = data.draw(st.integers(0, 2 ** len(held) - 1))
    union = set().union(*(held[i] for i in members(coalition)))
    assert partition.coalition_indices(coalition).tolist() == sorted(union)
    kept = [k for i in members(coalition) for k in sorted(held[i])]
    assert partition.coalition_indices(coalition, "keep").tolist() == kept
    assert partition.coalition_sizes()[coalition] == len(union)
    assert partition.coalition_sizes("keep")[coalition] == len(kept)
    assert len(partition.coalition_sizes()) == 2 ** len(held)


def test_parties_are_given_by_positions_or_by_a_mask():
    mask = np.array([True, False, True, False])
    partition = Partition.of({"a": [3, 0], "b": mask, "c": range(1, 3)}, 4)
    assert partition.parties == ("a", "b", "c")
    assert [held.tolist() for held in partition.indices] == [[3, 0], [0, 2], [1, 2]]


@pytest.mark.parametrize(
    ("held", "message"),
    [
        ([0.5, 1.0], r"party 'a' has float64 of shape \(2,\), need the positions"),
        (np.ones(3, bool), r"party 'a' has bool of shape \(3,\), .* true and false for 4 records"),
        ([[0], [1]], r"party 'a' has int64 of shape \(2, 1\)"),
        ([], "party 'a' has no data"),
        ([-1, 2], "holds negative index -1"),
    ],
)
def test_positions_that_make_no_sense_are_named(held, message):
    with pytest.raises(ValueError, match=message):
        Partition.of({"a": held}, 4)


def test_digest_tells_partitions_apart():
    one = partition_of({0, 1}, {2})
    assert one.digest == partition_of({0, 1}, {2}).digest
    others = [partition_of({0}, {1, 2}), partition_of({2}, {0, 1}), partition_of({0, 1, 2})]
    others.append(Partition(("a", "b"), one.indices))
    assert len({one.digest, *(other.digest for other in others)}) == 5
    narrow = Partition(one.parties, tuple(held.astype(np.int32) for held in one.indices))
    assert narrow.digest == one.digest


def test_indices_cannot_be_changed_through_a_partition():
    mine = np.array([0, 1])
    partition = Partition(("a",), (mine,))
    with pytest.raises(ValueError, match="read-only"):
        partition.indices[0][0] = 5
    assert mine.flags.writeable


# A deal


@settings(max_examples=60, deadline=None, derandomize=True)
@given(n=st.integers(1, 6), each=st.integers(1, 30), seed=st.integers(0, 2**32))
def test_a_deal_gives_every_record_to_exactly_one_party(n, each, seed):
    deal = Deal(tuple("abcdef"[:n]), each)
    partition = deal.of_seed(seed)
    assert partition.parties == deal.parties
    assert [held.size for held in partition.indices] == [each] * n
    np.testing.assert_array_equal(np.sort(np.concatenate(partition.indices)), np.arange(n * each))
    assert partition.digest == deal.of_seed(seed).digest


def test_every_seed_deals_anew_and_fairly():
    deal = Deal(("a", "b", "c"), 10)
    assert len({deal.of_seed(seed).digest for seed in range(50)}) == 50
    # Every record comes to every party in about a third of the deals: 6 standard deviations.
    counts = np.zeros((3, 30))
    for seed in range(600):
        for row, held in zip(counts, deal.of_seed(seed).indices, strict=True):
            row[held] += 1
    assert np.abs(counts - 200).max() < 6 * np.sqrt(600 * 2 / 9)


def test_digest_tells_deals_apart_whatever_the_seed():
    deals = [Deal(("a", "b"), 5), Deal(("a", "b"), 6), Deal(("a", "c"), 5), Deal(("b", "a"), 5)]
    assert len({deal.digest for deal in deals}) == 4
    assert Deal(("a", "b"), 5).digest == deals[0].digest


def test_a_partition_is_the_same_under_every_seed():
    partition = partition_of({0, 1}, {2})
    assert partition.of_seed(3) is partition


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Partition((), ()), "0 parties"),
        (lambda: Partition(("a", "b"), (np.array([0]),)), "2 parties and 1 lists"),
        (lambda: Partition(("a", "a"), (np.array([0]), np.array([1]))), "two parties are named"),
        (lambda: partition_of({0}, set()), "party 'party 1' has no data"),
        (lambda: partition_of({-4, 2}), "party 'party 0' holds negative index -4"),
        (lambda: Partition(("a",), (np.array([7, 3, 7]),)), "party 'a' holds record 7 more than"),
        (lambda: Partition.by_label(LABELS, {"a": [0], "b": []}), "party 'b' has no data"),
        (lambda: Partition.by_label(LABELS, {"a": [0, 5]}), "party 'a' asks for label 5"),
        (lambda: partition_of({0}).coalition_indices(2), "bitmask 2"),
        (lambda: partition_of({0}).coalition_indices(-1), "bitmask -1"),
        (
            lambda: unchecked("coalition_indices")(partition_of({0}), 1, "twice"),
            "'twice' is neither",
        ),
        (lambda: unchecked("coalition_sizes")(partition_of({0}), "twice"), "'twice' is neither"),
        (lambda: partition_of(*[{0}] * 27), "27 parties"),
        (lambda: Deal(("a", "b"), 0), "deal: 0 records for every party, need at least 1"),
        (lambda: Deal(("a", "a"), 3), "two parties are named 'a'"),
        (lambda: Deal((), 3), "0 parties"),
    ],
)
def test_bad_input_is_one_clear_error(build, message):
    with pytest.raises(ValueError, match=message) as caught:
        build()
    assert "\n" not in str(caught.value)
