"""A Dask cluster of real processes on this machine, some of which are killed."""

import os
import signal
import subprocess
import sys
import threading
import time

import dask
import elsewhere
import numpy as np
import pytest
from distributed import Client
from elsewhere import PARTIES, TREES, length
from helpers import ROOT

from shapfair import Game, evaluate
from shapfair.cli.main import main
from shapfair.datasets import Partition, load
from shapfair.estimation import estimate
from shapfair.paper import experiments
from shapfair.paper.networks import MLP
from shapfair.training.experiment import Experiment
from shapfair.training.plan import Training
from shapfair.valuation import executors
from shapfair.valuation.executors import WorkerLost
from shapfair.valuation.store import Store

LENGTHS = np.arange(32.0)
"""Values of :func:`elsewhere.length` under seed 0."""


def until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing happened for a minute"
        time.sleep(0.02)


class Cluster:
    """A scheduler and two workers with a thread each; ports are those that are free."""

    def __init__(self, folder):
        self.file = folder / "scheduler.json"
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tests"))),
            # Else a job may kill four workers before anybody hears of it.
            "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0",
            # Else a worker that pauses, as on a busy machine, may lose its copy of the data.
            "DASK_DISTRIBUTED__SCHEDULER__ACTIVE_MEMORY_MANAGER__START": "False",
        }

        def start(*arguments):
            return subprocess.Popen(
                [sys.executable, "-m", "dask", *arguments, "--no-dashboard"],
                cwd=folder,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # so that a nanny's worker can be ended with it
            )

        local, file = ("--host", "127.0.0.1"), ("--scheduler-file", str(self.file))
        self.scheduler = start("scheduler", *local, "--port", "0", *file)
        nanny = ("--nanny", "--nthreads", "1", "--local-directory", str(folder))
        self.workers = [start("worker", *local, *file, *nanny) for _ in range(2)]

    def client(self):
        until(self.file.exists)
        client = Client(scheduler_file=str(self.file))
        client.wait_for_workers(2, timeout=60)
        return client

    def stop(self):
        for process in (*self.workers, self.scheduler):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def client(cluster):
    with cluster.client() as client:
        yield client


@pytest.fixture
def executor(client):
    return client.get_executor(pure=False)


@pytest.fixture(scope="module")
def experiment():
    dataset = load("mnist", "embedded")
    parties = {"low": [0, 1, 2], "middle": [2, 3, 4, 5, 6], "high": [7, 8, 9]}
    partition = Partition.by_label(dataset.train_labels, parties)
    return Experiment("short", dataset, partition, MLP(hidden=(8,)), Training(epochs=1))


def test_models_trained_on_a_cluster_are_the_same_to_the_bit(executor, experiment, monkeypatch):
    there = experiment.run([0, 1], executor=executor)
    here = experiment.run([0, 1])
    np.testing.assert_array_equal(there.values, here.values)
    assert there.work == here.work
    assert here.origin["devices"] == 2
    assert there.origin["devices"] == 1  # two workers on two cores take one each


@pytest.mark.parametrize("design", ["random", "active"])
def test_an_estimate_on_a_cluster_is_the_same_to_the_bit(executor, tmp_path, design):
    log, options = tmp_path / "log", {"evaluations": 80, "design": design, "seeds": (0, 1)}
    there = estimate(
        elsewhere.Logged(log, 0.002, elsewhere.letters), TREES, executor=executor, **options
    )
    here = estimate(elsewhere.letters, TREES, **options)
    callers = {int(line.split()[0]) for line in log.read_text().splitlines()}
    assert len(callers - {os.getpid()}) == 2
    assert there.table.coalitions == here.table.coalitions
    np.testing.assert_array_equal(there.table.values, here.table.values)
    np.testing.assert_array_equal(there.flows, here.flows)
    for quantity in ("flows", "payoffs"):
        np.testing.assert_array_equal(there.intervals(quantity), here.intervals(quantity))


def test_reproduce_on_a_scheduler(client, experiment, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(experiments.EXPERIMENTS, "mnist", lambda data: experiment)
    out, store = str(tmp_path / "out.json"), str(tmp_path / "s.sqlite")
    options = ["reproduce", "mnist", "--store", store, "--out", out]
    assert main([*options, "--scheduler", client.scheduler.address]) == 0
    assert "short: 7 models trained" in capsys.readouterr().out
    np.testing.assert_array_equal(Game.read(out).values, experiment.run().values[0])


def test_the_data_travel_once_to_each_worker(executor, tmp_path):
    log = tmp_path / "log"
    evaluation = evaluate(
        elsewhere.Heavy(str(log)), PARTIES, name="n", seeds=range(20), executor=executor
    )
    assert evaluation.work == {"calls": 31 * 20}
    arrivals = log.read_text().split()
    assert len(arrivals) == len(set(arrivals)) <= 2


def test_a_worker_that_is_killed_costs_its_unfinished_jobs_alone(client, tmp_path):
    store, log = tmp_path / "s.sqlite", tmp_path / "log"
    victim = next(iter(client.run(os.getpid).values()))
    valuation = elsewhere.Logged(str(log), 0.02)

    def kill():
        until(lambda: log.exists() and len(log.read_text().splitlines()) > 20)
        os.kill(victim, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    evaluation = evaluate(
        valuation,
        PARTIES,
        name="n",
        seeds=range(5),
        store=store,
        executor=client.get_executor(pure=False),
    )
    killer.join()
    seeds = np.arange(5)[:, None] / 1000
    np.testing.assert_array_equal(evaluation.values, np.where(LENGTHS == 0, 0, LENGTHS + seeds))
    calls = [tuple(line.split()[1:]) for line in log.read_text().splitlines()]
    assert len(set(calls)) == 31 * 5
    assert len(calls) - len(set(calls)) < 40  # a batch lasts a second at most


def test_a_coalition_that_kills_its_worker_is_named_and_no_other(executor):
    evaluation = evaluate(
        elsewhere.kills_its_worker, PARTIES, name="n", executor=executor, on_error="record"
    )
    (failure,) = evaluation.failures
    assert isinstance(failure.error, WorkerLost)
    assert "coalition {B, C}, seed 0: its worker died" in str(failure)
    want = np.where(np.arange(32) == 6, np.nan, LENGTHS)
    np.testing.assert_array_equal(evaluation.values[0], want)


def test_a_scheduler_that_is_killed_costs_nothing_that_is_finished(cluster, executor, tmp_path):
    """Comes last, as it leaves no cluster behind."""
    store = tmp_path / "s.sqlite"
    many = {"name": "n", "seeds": range(20), "store": store}

    def finished():
        description = {"protocol": 1, "score": "n", "parties": list(PARTIES)}
        with Store(store, description) as values:
            return len(values.keys())

    def kill():
        until(lambda: finished() > 10)
        os.kill(cluster.scheduler.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(WorkerLost, match=r"finished is in .*s\.sqlite, run again to go on"):
        evaluate(elsewhere.slow_length, PARTIES, executor=executor, window=4, **many)
    killer.join()
    kept = finished()
    assert 10 < kept < 31 * 20
    again = evaluate(length, PARTIES, **many)
    assert again.found == kept
    np.testing.assert_array_equal(again.values[0], LENGTHS)


# What --scheduler says in one line


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mnist", "scheduler tcp://127.0.0.1:9: cannot be reached"),
        ("mnist-carried", "argument --scheduler: mnist-carried trains its coalitions one after"),
    ],
)
def test_a_scheduler_that_cannot_be_used_is_one_line(name, message, tmp_path, capsys):
    arguments = ["reproduce", name, "--data", "embedded", "--store", str(tmp_path / "s.sqlite")]
    with dask.config.set({"distributed.comm.timeouts.connect": 0.2}):
        assert main([*arguments, "--scheduler", "tcp://127.0.0.1:9"]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("shapfair: error: " + message)
    assert errors.count("\n") == 1


def test_without_dask_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ValueError, match=r"pip install 'shapfair\[cluster\]'"):
        with executors.connected("tcp://127.0.0.1:9"):
            pass
