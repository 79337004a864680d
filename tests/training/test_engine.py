"""Jobs, batches and lanes against a plain loop that trains one coalition at a time."""

import itertools
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from shapfair.datasets import MNIST_PARTIES, Dataset, Partition, load
from shapfair.paper.networks import MLP
from shapfair.training import blocks
from shapfair.training.blocks import BLOCK_SECONDS, BLOCK_STEPS, Pace
from shapfair.training.engine import Engine, TrainingDiverged, Usage
from shapfair.training.learner import Learner, adam
from shapfair.training.plan import PADDING, Job, Training, job_batches, plan_jobs


def small_dataset(examples=150, tests=60, pixels=12, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.integers(0, 256, (classes, pixels))

    def draw(count):
        labels = np.arange(count) % classes
        noise = rng.integers(-60, 60, (count, pixels))
        return np.clip(centres[labels] + noise, 0, 255).astype(np.uint8), labels.astype(np.uint8)

    return Dataset("small", *draw(examples), *draw(tests), classes, source="made", size="full")


SMALL = small_dataset()
SHARES = Partition(("a", "b", "c"), (np.arange(70), np.arange(40, 110), np.arange(100, 150)))
NETWORK = MLP(hidden=(8,), classes=3)
TRAINING = Training(batch_size=32, epochs=3, learning_rate=0.01)
LEARNER = Learner(NETWORK, adam(0.01))


def initial_parameters(network, seed, inputs):
    return network.init(jax.random.key(seed), jnp.zeros((1, inputs), jnp.uint8))


def all_jobs(seeds=(0,), duplicates="drop"):
    return plan_jobs(SHARES, range(1, 8), seeds, TRAINING, duplicates)


def train(jobs, **options):
    values = {}
    usage = Engine(LEARNER, SMALL, SHARES, TRAINING, **options).run(
        jobs, lambda job, model: values.__setitem__((job.coalition, job.seed), model.score)
    )
    return values, usage


def accuracy_of_a_plain_loop(job, duplicates="drop"):
    """Oracle: no lanes, no padding, no compilation across jobs."""
    parameters = initial_parameters(NETWORK, job.seed, SMALL.train_inputs.shape[1])
    adam = optax.adam(TRAINING.learning_rate, eps=1e-7)
    moments = adam.init(parameters)

    @jax.jit
    def gradient(parameters, inputs, labels):
        def loss(parameters):
            logits = NETWORK.apply(parameters, inputs)
            return -jnp.mean(jax.nn.log_softmax(logits)[jnp.arange(len(labels)), labels])

        return jax.grad(loss)(parameters)

    for row in job_batches(job, SHARES, TRAINING, duplicates):
        rows = row[row != PADDING]
        step = gradient(parameters, SMALL.train_inputs[rows], SMALL.train_labels[rows])
        update, moments = adam.update(step, moments, parameters)
        parameters = optax.apply_updates(parameters, update)
    logits = NETWORK.apply(parameters, jnp.asarray(SMALL.test_inputs))
    return float(np.mean(np.argmax(logits, -1) == SMALL.test_labels))


# Jobs and batches


def test_jobs_cover_every_pair_once_and_the_longest_comes_first():
    jobs = all_jobs(seeds=(0, 5))
    pairs = {(job.coalition, job.seed) for job in jobs}
    assert pairs == set(itertools.product(range(1, 8), (0, 5)))
    assert len(jobs) == 14
    assert [job.steps for job in jobs] == sorted((job.steps for job in jobs), reverse=True)


@pytest.mark.parametrize("duplicates", ["drop", "keep"])
def test_every_epoch_shows_every_example_of_the_coalition_once(duplicates):
    for job in all_jobs(duplicates=duplicates):
        batches = job_batches(job, SHARES, TRAINING, duplicates)
        assert batches.shape == (job.steps, TRAINING.batch_size)
        want = SHARES.coalition_indices(job.coalition, duplicates)
        epochs = np.split(batches.reshape(-1), TRAINING.epochs)
        for epoch in epochs:
            shown = epoch[epoch != PADDING]
            np.testing.assert_array_equal(np.sort(shown), np.sort(want))
            assert (epoch[len(shown) :] == PADDING).all()
        assert any((epochs[0] != later).any() for later in epochs[1:])


def test_union_counts_a_shared_example_once():
    steps = {d: all_jobs(duplicates=d) for d in ("drop", "keep")}
    images = {
        d: sum((job_batches(j, SHARES, TRAINING, d) != PADDING).sum() for j in steps[d])
        for d in steps
    }
    # a and b share 30 examples, b and c share 10; pairs and the grand coalition see them.
    assert images["keep"] - images["drop"] == TRAINING.epochs * (2 * 30 + 2 * 10)


def test_batches_follow_from_seed_and_coalition_alone():
    job = Job(coalition=3, seed=1, steps=12)
    again = job_batches(job, SHARES, TRAINING)
    np.testing.assert_array_equal(job_batches(job, SHARES, TRAINING), again)
    assert (job_batches(Job(3, 2, 12), SHARES, TRAINING) != again).any()
    # c adds nothing to a: the same data, but another coalition and so another shuffle.
    nested = Partition(("a", "c"), (np.arange(70), np.arange(40)))
    alone, together = (job_batches(Job(c, 1, 9), nested, TRAINING) for c in (0b01, 0b11))
    assert (alone != together).any()


def test_batches_that_are_not_shuffled_keep_their_order_in_every_epoch_and_coalition():
    in_order = replace(TRAINING, shuffled=False)
    for job in all_jobs():
        want = SHARES.coalition_indices(job.coalition)
        for epoch in np.split(job_batches(job, SHARES, in_order).ravel(), TRAINING.epochs):
            np.testing.assert_array_equal(epoch[epoch != PADDING], want)
    assert "shuffled" not in TRAINING.described()  # as in records from before there was a choice
    assert in_order.described() == {**TRAINING.described(), "shuffled": False}


def test_initial_weights_are_those_of_the_seed():
    one, same, other = (initial_parameters(NETWORK, seed, 12) for seed in (1, 1, 2))
    assert jax.tree.all(jax.tree.map(np.array_equal, one, same))
    assert not jax.tree.all(jax.tree.map(np.array_equal, one, other))


def test_coalition_smaller_than_a_batch_is_named():
    with pytest.raises(ValueError, match=r"coalition \{c\} has 50 examples, fewer than one batch"):
        plan_jobs(SHARES, range(1, 8), [0], Training(batch_size=64))


# Lanes


def test_network_is_that_of_the_appendix():
    shapes = jax.tree.map(jnp.shape, initial_parameters(MLP(), 0, 784))["params"]
    assert [shapes[f"Dense_{k}"]["kernel"] for k in range(3)] == [(784, 64), (64, 64), (64, 10)]
    assert Training() == Training(batch_size=64, epochs=5, learning_rate=1e-3)


@pytest.mark.parametrize("duplicates", ["drop", "keep"])
def test_lanes_give_what_a_plain_loop_gives(duplicates):
    jobs = all_jobs(seeds=(0, 1), duplicates=duplicates)
    values, usage = train(jobs, lanes=2, duplicates=duplicates)
    assert usage.job_steps == sum(job.steps for job in jobs)
    for job in jobs:
        want = accuracy_of_a_plain_loop(job, duplicates)
        # One test example in 60 may flip by rounding.
        assert values[job.coalition, job.seed] == pytest.approx(want, abs=1.01 / 60)
    assert len(set(values.values())) > 2  # the comparison is not one of constants


@pytest.mark.parametrize("block", [1, 7])
def test_length_of_a_block_does_not_matter(block, monkeypatch):
    """To the bit: a block goes on where the one before it stopped."""
    taken = []
    monkeypatch.setattr(blocks, "BLOCK_STEPS", block)
    values = {}
    Engine(LEARNER, SMALL, SHARES, TRAINING, lanes=1).run(
        all_jobs(),
        lambda job, model: values.__setitem__((job.coalition, job.seed), model.score),
        stepped=taken.append,
    )
    assert max(taken) == block
    assert sum(taken) == sum(job.steps for job in all_jobs())
    monkeypatch.undo()
    assert values == train(all_jobs(), lanes=1)[0]


def test_blocks_grow_until_they_take_their_time():
    """However slow a step is and the first one is to compile, the host looks up in time."""
    for step_seconds, want in [(1e-5, BLOCK_STEPS), (0.01, 50), (0.2, 2), (3.0, 1)]:
        pace, lengths = Pace(batch_size=8), []
        for _ in range(40):
            lengths.append(pace.steps)
            pace.took(pace.steps, 10.0 * (len(lengths) == 1) + step_seconds * pace.steps)
        assert lengths[0] == lengths[1] == 1
        assert lengths[-1] == pytest.approx(want, abs=1)
        assert all(step_seconds * n <= max(BLOCK_SECONDS, step_seconds) + 1e-9 for n in lengths)
    pace.took(1, 1e-5)
    assert pace.steps == 2
    assert Pace(batch_size=512).most == 62  # of large batches fewer are sent at a time


def test_one_lane_per_device_wastes_no_step_and_many_lanes_few():
    jobs = all_jobs(seeds=range(20))
    total = sum(job.steps for job in jobs)
    assert train(jobs, lanes=1)[1] == Usage(total, total)
    assert train(jobs, lanes=4)[1].share > 0.9


def test_uneven_lanes_rest_until_the_others_are_done():
    """Of 16 lanes two may come to their end within a block: their models stay as they are then."""
    jobs, models = all_jobs(seeds=range(4)), {}
    for lanes in (1, 16):
        usage = Engine(LEARNER, SMALL, SHARES, TRAINING, lanes=lanes).run(
            jobs, lambda job, m, w=lanes: models.__setitem__((job, w), jax.device_get(m.variables))
        )
    assert usage.job_steps < usage.lane_steps
    for job in jobs:
        gaps = jax.tree.map(lambda a, b: np.abs(a - b).max(), models[job, 1], models[job, 16])
        assert max(jax.tree.leaves(gaps)) < 1e-4


def test_finished_jobs_are_passed_over():
    jobs = all_jobs()
    done = []
    Engine(LEARNER, SMALL, SHARES, TRAINING).run(
        jobs, lambda job, value: done.append(job), is_finished=lambda job: job.coalition < 6
    )
    assert {job.coalition for job in done} == {6, 7}
    assert train([]) == ({}, Usage())


def test_diverged_training_names_coalition_seed_and_step_and_keeps_what_was_finished():
    values = {}
    wild = Learner(NETWORK, adam(1e38))
    engine = Engine(wild, SMALL, SHARES, Training(32, 3, 1e38), lanes=1)
    with pytest.raises(
        TrainingDiverged,
        match=r"coalition \{.*\}, seed 0: the loss is not finite at step \d+ of \d+ with "
        r"learning rate 1e\+38: lower",
    ):
        engine.run(all_jobs(), lambda job, value: values.__setitem__(job, value))


def test_an_error_of_the_caller_stops_all_devices():
    jobs, handed_over = all_jobs(seeds=range(40)), []

    def finished(job, value):
        handed_over.append(job)
        if len(handed_over) == 1:
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        Engine(LEARNER, SMALL, SHARES, TRAINING).run(jobs, finished)
    assert len(handed_over) < len(jobs) / 4


@pytest.fixture(scope="module")
def embedded():
    dataset = load("mnist", "embedded")
    return dataset, Partition.by_label(dataset.train_labels, MNIST_PARTIES)


def test_values_do_not_depend_on_lanes_devices_or_order(embedded):
    """On the embedded images: at most 0.3 % accuracy apart."""
    dataset, partition = embedded
    jobs = plan_jobs(partition, range(1, 32), [0], Training())

    def values(jobs, **options):
        found = {}
        Engine(Learner(MLP(), adam(1e-3)), dataset, partition, Training(), **options).run(
            jobs, lambda job, model: found.__setitem__(job.coalition, model.score)
        )
        return np.array([found[c] for c in range(1, 32)])

    alone = values(jobs, lanes=1, devices=tuple(jax.local_devices()[:1]))
    assert alone[-1] > 0.8
    shuffled = [jobs[k] for k in np.random.default_rng(0).permutation(len(jobs))]
    for other in (values(jobs, lanes=1), values(jobs, lanes=3), values(shuffled, lanes=2)):
        assert np.abs(other - alone).max() <= 0.003


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are listed on Linux only")
def test_a_process_with_one_device_computes_with_one_thread():
    """Else a worker for every core would start a thread for every core."""
    code = (
        "from pathlib import Path\n"
        "import jax.numpy as jnp\n"
        "from shapfair.training.devices import local_devices\n"
        "assert len(local_devices()) == 1\n"
        "(jnp.ones((300, 300)) @ jnp.ones((300, 300))).block_until_ready()\n"
        "names = [path.read_text() for path in Path('/proc/self/task').glob('*/comm')]\n"
        "print(sum('XLAEigen' in name for name in names))\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "NPROC"} | {"SHAPFAIR_DEVICES": "1"}
    said = subprocess.check_output([sys.executable, "-c", code], text=True, env=environment)
    assert said == "1\n"
