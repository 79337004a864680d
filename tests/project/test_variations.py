"""What is varied, and nothing else: the script that records variations, on small data."""

from dataclasses import replace

import numpy as np
import pytest
import variations
from helpers import RESULTS
from variations import EPOCHS, OnTheWay, StoppedEarly

from shapfair import Game
from shapfair.datasets import (
    IMDB_PARTIES,
    IMDB_REVIEWS_EACH,
    MNIST_PARTIES,
    Dataset,
    Deal,
    Partition,
)
from shapfair.made_to_order.stopping import halves
from shapfair.paper.networks import MLP
from shapfair.training.experiment import Experiment
from shapfair.training.plan import Job, Training
from shapfair.valuation.store import digest

SHARES = Partition(("a", "b"), (np.arange(60), np.arange(40, 110)))


def small_dataset():
    rng = np.random.default_rng(4)
    centres = rng.integers(0, 256, (10, 12))
    labels = np.arange(250) % 10
    inputs = np.clip(centres[labels] + rng.integers(-90, 90, (250, 12)), 0, 255).astype(np.uint8)
    y = labels.astype(np.uint8)
    return Dataset("small", inputs[:150], y[:150], inputs[150:], y[150:], 10, "made", "full")


SMALL = small_dataset()
PARTS = ("small", SMALL, SHARES, MLP(hidden=(8,)), Training(16, EPOCHS, 0.01))


@pytest.fixture
def small_mnist(monkeypatch):
    """MNIST with 150 training records; of the digits 1, 2 and 6 to 9 there are 15 each."""
    monkeypatch.setattr("shapfair.paper.experiments.load", lambda name, size: SMALL)
    return variations.mnist("full")


def test_values_on_the_way_are_those_of_shorter_trainings():
    longest = OnTheWay(*PARTS)
    for epochs in (1, 3, EPOCHS):
        training = replace(longest.training, epochs=epochs)
        plain = Experiment(*PARTS[:4], training)
        way = replace(longest, training=training)
        assert digest(way.description()) == digest(plain.description())
        np.testing.assert_array_equal(way.run([2]).values, plain.run([2]).values)
    assert len(longest.paths) == 3  # once a coalition, however many numbers of epochs


def test_stopped_early_is_best_on_one_half_and_valued_on_the_other(tmp_path):
    stopped = StoppedEarly(*PARTS)
    value = stopped.run([2], store=tmp_path / "s.sqlite").values[0, 3]
    path = stopped.path(Job(3, 2))
    assert path.shape == (EPOCHS, 3)
    np.testing.assert_allclose(path[:, 0], (path[:, 1] + path[:, 2]) / 2)  # halves of equal size
    for seed in (2, 3):  # which share a split, the second with its halves swapped
        model = Experiment(*PARTS).train_one(3, seed)
        right = [
            (model(half.test_inputs).argmax(axis=1) == half.test_labels).mean()
            for half in halves(SMALL, seed)
        ]
        assert stopped.path(Job(3, seed))[-1, 1:] == pytest.approx(right)
    best = max(range(EPOCHS), key=lambda k: path[k, 1])
    assert value == path[best, 2]
    assert OnTheWay(*PARTS).run([2], store=tmp_path / "s.sqlite").found == 0
    path[:, 1:] = [[0.1, 0.9], [0.3, 0.5], [0.3, 0.6], *[[0.2, 0.8]] * 7]
    assert stopped.value(path) == 0.5


@pytest.mark.parametrize("party", variations.MANIPULATED)
def test_a_manipulation_touches_the_data_of_its_party_alone(small_mnist, party):
    k = small_mnist.parties.index(party)
    held = small_mnist.partition.indices
    digits = set(MNIST_PARTIES[party])
    assert len(held[k]) == 15 * len(digits)
    for how in ("withheld", "flipped", "noisy", "split"):
        seeds, make = variations.VARIATIONS[f"mnist-{how}-{party.strip('[]')}"]
        (other,) = make()
        assert seeds == 5
        assert other.name == f"mnist-{how}-{party.strip('[]')}"
        assert other.parties[:5] == small_mnist.parties
        np.testing.assert_array_equal(other.dataset.train_inputs[:150], SMALL.train_inputs)
        np.testing.assert_array_equal(other.dataset.train_labels[:150], SMALL.train_labels)
        for i in range(5):
            if i != k:
                np.testing.assert_array_equal(other.partition.indices[i], held[i])


def data_of(experiment, party):
    rows = experiment.partition.indices[experiment.parties.index(party)]
    return experiment.dataset.train_inputs[rows], experiment.dataset.train_labels[rows], rows


def test_halves_are_withheld_or_join_under_a_second_name(small_mnist):
    whole = set(data_of(small_mnist, "[6-9]")[2].tolist())
    kept = set(data_of(variations.withheld("[6-9]", "w"), "[6-9]")[2].tolist())
    apart = variations.split("[6-9]", "s")
    first, second = (
        set(data_of(apart, name)[2].tolist()) for name in ("[6-9]", "second half of [6-9]")
    )
    assert first == kept
    assert (first | second, first & second) == (whole, set())
    assert len(first) == len(second) == 30


def test_a_fifth_of_the_labels_is_flipped(small_mnist):
    inputs, labels, rows = data_of(small_mnist, "[6-9]")
    new_inputs, new_labels, new_rows = data_of(
        variations.with_changed("[6-9]", "f", variations.flipped), "[6-9]"
    )
    label_of = dict(zip(map(bytes, inputs), labels, strict=True))
    pairs = [(label_of[bytes(x)], y) for x, y in zip(new_inputs, new_labels, strict=True)]
    assert sum(old != new for old, new in pairs) == 12
    assert len(pairs) == 60
    # The others have the records with the old labels, which the party no longer has.
    assert sum(new_rows >= 150) == 12
    assert set(new_rows[new_rows < 150].tolist()) < set(rows.tolist())


def test_all_images_get_noise(small_mnist):
    inputs, labels, _ = data_of(small_mnist, "[6-9]")
    new_inputs, new_labels, new_rows = data_of(
        variations.with_changed("[6-9]", "n", variations.noisy), "[6-9]"
    )
    np.testing.assert_array_equal(new_labels, labels)
    assert (new_rows >= 150).all()
    inside = (new_inputs > 0) & (new_inputs < 255)
    moved = (new_inputs.astype(float) - inputs)[inside]
    assert 40 < moved.std() < variations.NOISE
    assert 0.4 < (moved > 0).mean() < 0.6


def origin(name):
    return Game.read(RESULTS / f"{name}.json").provenance


def without(provenance, *names):
    """What a record depends on, but for some of it."""
    kept = ("data", "partition", "duplicates", "network", "training")
    return {name: provenance[name] for name in kept if name not in names}


def test_imdb_records_differ_from_those_beside_them_in_one_point_each():
    published, carried = origin("imdb-published"), origin("imdb-carried")
    in_order, deal = origin("imdb-fixed-order"), origin("imdb-one-deal")
    assert without(in_order, "training") == without(published, "training")
    assert in_order["training"] == {**published["training"], "shuffled": False}
    assert without(deal, "partition") == without(published, "partition")
    assert deal["partition"] == Deal(IMDB_PARTIES, IMDB_REVIEWS_EACH).of_seed(0).digest
    for name, mark in (("shuffled", "batches"), ("backwards", "coalitions")):
        found = origin(f"imdb-carried-{name}")
        assert without(found) == without(carried)
        assert (found["optimiser"], found[mark]) == (carried["optimiser"], name)
        assert mark not in carried


@pytest.mark.parametrize("name", ["mnist", "imdb"])
def test_numbers_of_epochs_are_those_of_the_names_and_nothing_else_differs(name):
    base = origin(name)
    for epochs in range(1, EPOCHS + 1):
        found = origin(f"{name}-epochs-{epochs}")
        assert without(found, "training") == without(base, "training")
        assert found["training"] == {**base["training"], "epochs": epochs}
    assert origin(f"{name}-epochs-{base['training']['epochs']}")["digest"] == base["digest"]
    early = origin(f"{name}-stopped-early")
    assert without(early, "training") == without(base, "training")
    assert "half" in early["stopped"]


@pytest.mark.parametrize("party", ["1-2", "6-9"])
@pytest.mark.parametrize("how", ["withheld", "flipped", "noisy", "split"])
def test_manipulated_records_are_trained_as_the_honest_one(how, party):
    honest, found = origin("mnist"), origin(f"mnist-{how}-{party}")
    assert without(found, "data", "partition") == without(honest, "data", "partition")
    assert (found["data"] == honest["data"]) == (how in ("withheld", "split"))
    assert found["partition"] != honest["partition"]
    assert found["seeds"] == honest["seeds"][: len(found["seeds"])]
    # Coalitions without the party are trained on the same batches; only rounding can differ.
    game, recorded = (
        Game.read(RESULTS / f"{name}.json") for name in (f"mnist-{how}-{party}", "mnist")
    )
    k = recorded.parties.index(f"[{party}]")
    untouched = [c for c in range(32) if not c >> k & 1]
    gaps = game.values[:, untouched] - recorded.values[: game.seeds, untouched]
    assert np.abs(gaps).max() < 0.005
