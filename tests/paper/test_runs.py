"""The MNIST experiment end to end on the embedded images, interrupted and not."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace

import jax
import numpy as np
import pytest
import small_run
from helpers import RESULTS
from interrupt_runs import start, stored_values

from shapfair import Game, allocate
from shapfair.cli.main import main
from shapfair.cli.options import EXPERIMENT_PARTIES
from shapfair.datasets import (
    CIFAR10_PARTIES,
    MNIST_PARTIES,
    Dataset,
    Deal,
    Partition,
    Reviews,
    load,
    sources,
)
from shapfair.paper import experiments
from shapfair.paper.experiments import EXPERIMENTS, mnist, mnist_with_copy
from shapfair.paper.networks import CNN, MLP, WordAverage
from shapfair.training.devices import lanes_of
from shapfair.training.experiment import Experiment
from shapfair.training.plan import Training
from shapfair.valuation.store import digest


@pytest.fixture(scope="module")
def experiment():
    return mnist("embedded")


@pytest.fixture(scope="module")
def run(experiment):
    return experiment.run()


def reproduce(folder, *options, errors=subprocess.PIPE):
    """The command in a process of its own, on small data."""
    store = folder / "store.sqlite"
    command = [sys.executable, small_run.__file__, "reproduce", "mnist", "--store", str(store)]
    return start([*command, *options], errors)


def test_values_are_accuracies_that_grow_with_the_digits(run):
    assert run.values.shape == (1, 32)
    value = run.values[0]
    assert value[0] == 0
    assert value[1] == pytest.approx(0.1, abs=0.002)  # one digit of ten
    assert value[-1] > 0.85
    np.testing.assert_allclose(value * 1000, np.round(value * 1000), atol=1e-9)


def test_payoffs_show_the_pattern_of_the_paper(run):
    payoffs = allocate(run.game).payoffs[0]
    assert payoffs.sum() == pytest.approx(0, abs=1e-12)
    assert payoffs.argmax() == 4
    assert payoffs[2] > max(payoffs[0], payoffs[1])


def test_duplicates_kept_make_longer_jobs(experiment, run):
    kept = replace(experiment, duplicates="keep").run()
    assert kept.work["job_steps"] > run.work["job_steps"]
    assert np.abs(kept.values - run.values).max() < 0.1


def test_provenance_says_where_the_numbers_come_from(experiment, run, tmp_path):
    run.game.to_json(tmp_path / "run.json")
    game = Game.read(tmp_path / "run.json")
    origin = game.provenance
    assert origin["data"] == load("mnist", "embedded").digest
    assert origin["digest"] == digest(experiment.description())
    assert (origin["seeds"], origin["data_size"]) == ([0], "embedded")
    assert origin["network"] == {"kind": "MLP", "hidden": [64, 64], "classes": 10}
    assert origin["training"] == {"batch_size": 64, "epochs": 5, "learning_rate": 0.001}
    assert {"python", "jax", "jaxlib", "flax", "optax", "numpy"} <= set(origin["versions"])
    assert {"device", "seconds", "finished", "commit", "job_steps", "partition"} <= set(origin)
    assert origin["processor"]
    assert origin["threads"] == len(os.sched_getaffinity(0))
    assert origin["lanes"] == lanes_of(jax.local_devices()[0])
    assert origin["xla_flags"] == os.environ.get("XLA_FLAGS", "")
    (maker,) = origin["makers"]
    assert maker["values"] == {"0": [*range(1, 32)]}
    assert (maker["versions"], maker["commit"]) == (origin["versions"], origin["commit"])
    assert maker["process"].startswith(f"{os.getpid()} on ")
    assert 0 < maker["seconds"] < 3 * origin["seconds"]  # two devices, and some beside a block
    assert maker["first"] <= maker["last"] <= origin["finished"]
    np.testing.assert_array_equal(game.values, run.values[0])


def test_every_setting_changes_the_key_of_the_store(experiment):
    variants = [
        experiment,
        replace(experiment, duplicates="keep"),
        replace(experiment, network=MLP(hidden=(64,))),
        replace(experiment, training=Training(epochs=4)),
        replace(experiment, training=Training(learning_rate=0.002)),
        replace(
            experiment,
            dataset=replace(
                experiment.dataset, name="m", test_labels=experiment.dataset.test_labels[::-1]
            ),
        ),
        replace(
            experiment, partition=replace(experiment.partition, parties=("a", "b", "c", "d", "e"))
        ),
    ]
    assert len({digest(variant.description()) for variant in variants}) == len(variants)


def test_a_second_run_finds_everything_and_other_experiments_are_left_alone(
    experiment, run, tmp_path
):
    store = tmp_path / "store.sqlite"
    short = Experiment("short", experiment.dataset, experiment.partition, MLP(), Training(epochs=1))
    first = short.run(store=store)
    again = short.run(store=store)
    assert (first.found, again.found) == (0, 31)
    np.testing.assert_array_equal(again.values, first.values)
    more = short.run([0, 1], store=store)
    assert more.found == 31
    np.testing.assert_array_equal(more.values[0], first.values[0])
    assert replace(short, training=Training(epochs=2)).run(store=store).strangers == 62


def test_runs_that_are_stopped_end_with_the_table_of_one_left_alone(tmp_path, monkeypatch):
    """SIGKILL and Ctrl-C at random moments; what was committed stays, to the bit."""
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "compiled"))
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    moments, store, out = random.Random(0), tmp_path / "store.sqlite", tmp_path / "out.json"
    kept, said = {}, tmp_path / "said"
    for number in (signal.SIGKILL, signal.SIGINT, signal.SIGKILL):
        with said.open("w") as file:  # a pipe that nobody reads would fill and block
            with monkeypatch.context() as patch:
                patch.setenv("SMALL_RUN_WAITS_AT", "20")
                process = reproduce(tmp_path, "--seeds", "3", "--out", str(out), errors=file)
        goal = len(kept) + moments.randint(1, 5)
        while len(stored_values(store)) < goal and process.poll() is None:
            time.sleep(0.02)
        time.sleep(moments.uniform(0, 0.1))
        process.send_signal(number)
        process.communicate()
        errors = said.read_text()
        assert process.returncode == {signal.SIGKILL: -9, signal.SIGINT: 130}[number]
        if number == signal.SIGINT:
            assert errors.endswith(f"what is finished is in {store}, run again to go on\n")
            assert "Traceback" not in errors
            assert not list(tmp_path.glob(".out.json*"))
        for unfinished in tmp_path.glob(".out.json*"):  # of the one that was killed outright
            unfinished.unlink()
        after = stored_values(store)
        assert kept.items() <= after.items()
        kept = after
    assert 3 <= len(kept) < 93
    output, values = finished_run(tmp_path, "--seeds", "3")
    assert f"{93 - len(kept)} models trained" in output
    assert {(seed, c): values[seed, c] for seed, c in kept} == kept
    (tmp_path / "alone").mkdir()
    _, alone = finished_run(tmp_path / "alone", "--seeds", "3")
    assert np.abs(values - alone).max() <= 0.005  # one of 200 images


def finished_run(folder, *options):
    """Output and values of a run that goes to its end."""
    process = reproduce(folder, *options, "--out", str(folder / "out.json"))
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    return output, Game.read(folder / "out.json").values


def test_two_processes_share_a_store_and_train_hardly_anything_twice(run, tmp_path):
    tables = [tmp_path / "one.json", tmp_path / "two.json"]
    processes = [reproduce(tmp_path, "--out", str(table)) for table in tables]
    for process in processes:
        _, errors = process.communicate()
        assert process.returncode == 0, errors
    one, two = map(Game.read, tables)
    np.testing.assert_array_equal(one.values, two.values)
    steps = [game.provenance["job_steps"] for game in (one, two)]
    assert sum(steps) <= 1.05 * run.work["job_steps"]
    makers = [game.provenance["makers"] for game in (one, two)]
    assert makers[0] == makers[1]
    assert len(makers[0]) == 2
    assert sorted(c for maker in makers[0] for c in maker["values"]["0"]) == [*range(1, 32)]
    assert one.provenance["values_resumed"] + two.provenance["values_resumed"] >= 31


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seeds", "0"], "argument --seeds: 0, need at least 1"),
        (["--out", "nowhere/out.json"], "--out nowhere/out.json: cannot be written"),
    ],
)
def test_bad_input_is_one_line(tmp_path, options, message):
    process = reproduce(tmp_path, *options)
    output, errors = process.communicate()
    assert process.returncode == 2
    assert output == ""
    assert errors.count("\n") == 1
    assert errors.startswith("shapfair: error: ")
    assert message in errors


def test_damaged_store_is_one_line(tmp_path):
    (tmp_path / "store.sqlite").write_bytes(os.urandom(8192))
    process = reproduce(tmp_path)
    _, errors = process.communicate()
    assert process.returncode == 2
    assert errors.count("\n") == 1
    assert "store.sqlite: damaged, or not a store (file is not a database): `shapfair" in errors


# All experiments, on small data made for the purpose


def made(name, data=None):
    """What stands in for a data set: enough records of every label for one batch of each party."""
    rng = np.random.default_rng(len(name))
    if name == "imdb":
        words = [f"word{k}" for k in range(30)]

        def reviews(count):
            labels = (np.arange(count) % 2).astype(np.uint8)
            picks = rng.integers(0, 20, (count, 150)) + 10 * labels[:, None]
            return tuple(" ".join(words[k] for k in row) for row in picks), labels

        return Reviews("imdb", *reviews(210), *reviews(60), source="made")
    width, each = (784, 40) if name == "mnist" else (3072, 300)
    labels = np.repeat(np.arange(10), each).astype(np.uint8)
    inputs = rng.integers(0, 256, (len(labels), width)).astype(np.uint8)
    return Dataset(name, inputs, labels, inputs[::40], labels[::40], 10, "made", data or "full")


@pytest.fixture
def made_data(monkeypatch):
    monkeypatch.setattr(experiments, "load", made)
    monkeypatch.setattr(experiments, "IMDB_REVIEWS_EACH", 40)


def test_names_on_the_command_line_are_those_of_the_experiments(made_data):
    built = {name: len(build("full").parties) for name, build in EXPERIMENTS.items()}
    assert [*built.items()] == [*EXPERIMENT_PARTIES.items()]


def test_every_experiment_has_a_name_and_a_key_of_its_own(made_data):
    built = {name: build("full") for name, build in EXPERIMENTS.items()}
    assert [experiment.name for experiment in built.values()] == list(EXPERIMENTS)
    # Not by their names alone: what is trained differs, too.
    keys = [digest({**experiment.description(), "experiment": ""}) for experiment in built.values()]
    assert len(set(keys)) == len(built) == 12
    assert {name for name, experiment in built.items() if not experiment.independent} == {
        "mnist-carried",
        "imdb-carried",
    }


def test_experiments_are_those_of_the_appendix(made_data):
    cifar10, imdb, published, carried = (
        EXPERIMENTS[name]("full") for name in ("cifar10", "imdb", "imdb-published", "imdb-carried")
    )
    assert cifar10.partition.parties == ("[1,8,9]", "[0,2,3]", "[4,5]", "[6,7]")
    assert sorted(y for labels in CIFAR10_PARTIES.values() for y in labels) == list(range(10))
    assert cifar10.network == CNN(filters=(32, 64, 64), hidden=64, classes=10)
    assert cifar10.training == Training(batch_size=512, epochs=20, learning_rate=1e-3)
    assert imdb.partition == Deal(("1", "2", "3", "4", "5"), 40)
    assert imdb.network == WordAverage(words=10_001, width=16, hidden=16, rate=0.2)
    assert imdb.training == Training(batch_size=32, epochs=10, learning_rate=1e-3)
    # The authors' code: no layer of 16; and the optimiser is never reset.
    assert published.network == carried.network == replace(imdb.network, hidden=0)
    assert (published.independent, carried.independent) == (True, False)
    assert imdb.dataset.train_inputs.shape == (200, 250)
    assert imdb.dataset.test_inputs.shape == (60, 250)
    assert imdb.dataset.train_inputs.max() == 31  # 30 words, after padding and unknown


def test_imdb_vocabulary_knows_the_dealt_reviews_only(monkeypatch):
    """Neither the test set nor the 5,000 training reviews that nobody holds take part."""
    train = ("seen seen", "seen twice", "left out")
    reviews = Reviews(
        "imdb", train, np.zeros(3, np.uint8), ("new seen",), np.ones(1, np.uint8), "m"
    )
    monkeypatch.setattr(experiments, "load", lambda name, data: reviews)
    monkeypatch.setattr(experiments, "IMDB_PARTIES", ("1", "2"))
    monkeypatch.setattr(experiments, "IMDB_REVIEWS_EACH", 1)
    dataset = experiments.imdb().dataset
    assert dataset.train_inputs[:, :2].tolist() == [[2, 2], [2, 3]]
    assert dataset.test_inputs[:, :3].tolist() == [[1, 2, 0]]


def test_imdb_end_to_end(made_data, tmp_path, capsys):
    """The command, from reviews to payoffs, under two seeds with deals of their own."""
    out, store = tmp_path / "imdb.json", tmp_path / "store.sqlite"
    command = ["reproduce", "imdb", "--store", str(store), "--out", str(out)]
    assert main([*command, "--seeds", "2"]) == 0
    assert "imdb: 62 models trained" in capsys.readouterr().out
    game = Game.read(out)
    assert game.parties == ("1", "2", "3", "4", "5")
    assert game.values[:, -1].min() > 0.7  # the words tell
    assert game.provenance["network"]["kind"] == "WordAverage"
    assert (game.provenance["train_examples"], game.provenance["test_examples"]) == (200, 60)
    assert main(command) == 0
    assert "imdb: 0 models trained" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["cifar10", "imdb", "imdb-published", "imdb-carried"])
def test_no_subset_of_the_larger_data_is_one_line(name, capsys):
    assert main(["reproduce", name, "--data", "embedded"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(
        f"shapfair: error: argument --data: {name.split('-')[0]} has no embedded subset"
    )
    assert error.count("\n") == 1


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """No source of any data set can be reached, and none is cached."""
    monkeypatch.setenv("SHAPFAIR_CACHE", str(tmp_path))
    monkeypatch.setattr(sources, "SOURCES", {})


@pytest.mark.parametrize(
    ("command", "options"),
    [(["reproduce"], []), (["models", "make"], ["--values=v.json", "--out=models"])],
)
def test_full_data_that_are_asked_for_are_not_replaced_in_silence(
    nowhere, command, options, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Game([0, 1], ("a",), {"data_size": "full"}).to_json("v.json")
    for data in ["--data=full"], *([[]] if options else []):
        assert main([*command, "mnist", *options, *data]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("shapfair: error: argument --data: mnist could not be obtained (")
        assert err.endswith("): connect, or take the embedded subset (--data embedded)\n")
        assert err.count("\n") == 1


def test_the_embedded_subset_that_takes_the_place_of_the_full_data_is_seen(
    nowhere, capsys, tmp_path, monkeypatch
):
    monkeypatch.setattr(experiments, "Training", lambda: Training(batch_size=256, epochs=1))
    assert main(["reproduce", "mnist", f"--out={tmp_path / 'out.json'}"]) == 0
    out, err = capsys.readouterr()
    assert "data from embedded" in out
    assert "using the embedded 5,000 training and 1,000 test records instead" in err
    assert "shapfair: warning: the values are of models trained on the embedded subset" in err
    origin = Game.read(tmp_path / "out.json").provenance
    assert (origin["data_size"], origin["data_source"]) == ("embedded", "embedded")


def test_parties_of_mnist_variants():
    disjoint = EXPERIMENTS["mnist-disjoint"]("embedded").partition
    assert disjoint.parties == ("[0-1]", "[2-3]", "[4-5]", "[6-7]", "[8-9]")
    np.testing.assert_array_equal(np.sort(np.concatenate(disjoint.indices)), np.arange(5000))
    for party, place in (("[1-2]", 1), ("[6-9]", 4)):
        copied = mnist_with_copy(party, "embedded").partition
        assert copied.parties == (*MNIST_PARTIES, f"copy of {party}")
        np.testing.assert_array_equal(copied.indices[5], copied.indices[place])


def test_with_duplicates_the_grand_coalition_of_mnist_has_the_rows_of_the_authors_code():
    """Their loader lays the parties' images one after the other: [0-3] has what [0], [1-2] have."""
    images = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]  # of every digit
    held = [images[digit] for digits in MNIST_PARTIES.values() for digit in digits]
    assert sum(held) == 84_754
    kept, dropped = EXPERIMENTS["mnist-duplicates"]("embedded"), EXPERIMENTS["mnist"]("embedded")
    assert (kept.duplicates, dropped.duplicates) == ("keep", "drop")
    (job,), (shorter,) = kept.jobs([31], [0]), dropped.jobs([31], [0])
    twice = np.bincount(kept.dataset.train_labels)[:4].sum()  # digit 3 is in [0-3] and in [3-5]
    assert job.steps == 5 * -(-(5000 + twice) // 64) > shorter.steps == 5 * -(-5000 // 64)


def test_consortia_beyond_the_paper():
    digits = EXPERIMENTS["mnist-digits"]("embedded")
    assert digits.partition.parties == tuple(f"[{d}]" for d in range(10))
    np.testing.assert_array_equal(np.sort(np.concatenate(digits.partition.indices)), range(5000))
    overlapping = EXPERIMENTS["mnist-overlapping"]("embedded")
    held = [
        set(overlapping.dataset.train_labels[rows].tolist())
        for rows in overlapping.partition.indices
    ]
    names = overlapping.partition.parties
    assert [f"[{min(h)}-{max(h)}]" if len(h) > 1 else f"[{min(h)}]" for h in held] == [*names]
    assert (len(names), set.union(*held)) == (12, set(range(10)))
    assert (digits.training.epochs, overlapping.training.epochs) == (5, 1)


def test_copy_of_a_party_that_does_not_exist_is_one_clear_error():
    with pytest.raises(ValueError, match=r"^party: no '\[1-3\]' in MNIST, choose from \[0\], \[1"):
        mnist_with_copy("[1-3]", "embedded")


def test_label_sets_that_leave_a_party_empty_are_one_clear_error():
    with pytest.raises(ValueError, match=r"^partition: party 'none' has no data, leave it out$"):
        mnist("embedded", parties={"all": range(10), "none": []})
    with pytest.raises(
        ValueError, match=r"^partition: party 'b' asks for label 12, but the labels"
    ):
        mnist("embedded", parties={"a": [0], "b": [12]})


def test_party_with_an_example_that_does_not_exist_is_one_clear_error(experiment):
    """On a device an index beyond the end would silently give the last example."""
    beyond = Partition(("a", "b"), (np.arange(10), np.array([7, 5000])))
    for partition in (beyond, Deal(("a", "b"), 2501)):
        with pytest.raises(
            ValueError,
            match=r"party '[ab]' holds record 500[01], but the data have 5000 training records",
        ):
            replace(experiment, partition=partition)


def test_recorded_table_is_that_of_the_paper():
    """The record's own numbers: full data, ten seeds, and the values that the paper plots."""
    record = Game.read(RESULTS / "mnist.json")
    origin = record.provenance
    assert origin["data_size"] == "full"
    assert origin["seeds"] == list(range(10))
    assert origin["commit"]
    assert "dirty" not in origin["commit"]
    experiment = mnist("embedded").description()
    for key in ("protocol", "duplicates", "network", "training"):
        assert origin[key] == json.loads(json.dumps(experiment[key]))
    assert 0.965 < record.grand_value.mean() < 0.980
    np.testing.assert_allclose(record.values[:, 1], 0.0980, atol=5e-5)
    unlimited = allocate(record).mean("payoffs")
    np.testing.assert_allclose(unlimited, (-0.73, -0.44, 0.05, 0.18, 0.94), atol=0.03)
    zero = allocate(record, 0, repair="hull").mean("scaling")
    np.testing.assert_allclose(zero, (0.10, 0.24, 0.59, 0.60, 1), atol=0.03)
