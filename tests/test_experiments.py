"""The MNIST experiment end to end on the embedded images, interrupted and not."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from shapfair import Game, allocate
from shapfair.datasets import load
from shapfair.experiments import Experiment, mnist
from shapfair.store import digest
from shapfair.training.models import MLP
from shapfair.training.plan import Training


@pytest.fixture(scope="module")
def experiment():
    return mnist("embedded")


@pytest.fixture(scope="module")
def run(experiment):
    return experiment.run()


def reproduce(folder, *options):
    command = [sys.executable, "-m", "shapfair.cli", "reproduce", "mnist", "--data", "embedded"]
    command += ["--store", str(folder / "store.sqlite"), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def stored_values(path):
    if not path.exists():
        return {}
    db = sqlite3.connect(path, timeout=30)
    try:
        return dict(db.execute("SELECT coalition, value FROM coalition_values").fetchall())
    except sqlite3.OperationalError:  # the table is not made yet
        return {}
    finally:
        db.close()


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
    assert kept.usage.job_steps > run.usage.job_steps
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


def test_killed_runs_end_with_the_table_of_one_left_alone(run, tmp_path):
    """SIGKILL at random moments; what was committed stays, to the bit."""
    moments = random.Random(0)
    kept = {}
    for _ in range(3):
        process = reproduce(tmp_path)
        goal = len(kept) + moments.randint(1, 5)
        while len(stored_values(tmp_path / "store.sqlite")) < goal and process.poll() is None:
            time.sleep(0.02)
        time.sleep(moments.uniform(0, 0.1))
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        after = stored_values(tmp_path / "store.sqlite")
        assert kept.items() <= after.items()
        kept = after
    assert 3 <= len(kept) < 31
    process = reproduce(tmp_path, "--out", str(tmp_path / "out.json"))
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    assert f"{31 - len(kept)} models trained" in output
    values = Game.read(tmp_path / "out.json").values
    assert {c: values[c] for c in kept} == kept
    assert np.abs(values - run.values[0]).max() <= 0.003


def test_ctrl_c_says_how_to_go_on(tmp_path):
    process = reproduce(tmp_path, "--out", str(tmp_path / "out.json"))
    while len(stored_values(tmp_path / "store.sqlite")) < 1:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130
    assert "run again to go on" in errors
    assert "Traceback" not in errors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store.sqlite"]


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
    assert "store.sqlite: file is not a database: the file is damaged or not a store" in errors


def test_recorded_table_is_that_of_the_paper():
    """The record's own numbers: full data, ten seeds, and the values that the paper plots."""
    record = Game.read(os.path.join(os.path.dirname(__file__), "..", "results", "mnist.json"))
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
