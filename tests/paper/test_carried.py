"""The optimiser that is carried from coalition to coalition, against a plain loop."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from shapfair.datasets import Dataset, Partition
from shapfair.paper import carried
from shapfair.paper.carried import CarriedExperiment, batches_in_order, carried_over_values
from shapfair.paper.networks import MLP, WordAverage
from shapfair.training.engine import TrainingDiverged
from shapfair.training.experiment import Experiment
from shapfair.training.learner import Learner, adam
from shapfair.training.plan import PADDING, Job, Training, job_batches, plan_jobs
from shapfair.valuation.store import digest


def small_dataset():
    rng = np.random.default_rng(4)
    centres = rng.integers(0, 256, (3, 12))
    labels = np.arange(150) % 3
    inputs = np.clip(centres[labels] + rng.integers(-90, 90, (150, 12)), 0, 255).astype(np.uint8)
    y = labels.astype(np.uint8)
    return Dataset("small", inputs[:110], y[:110], inputs[110:], y[110:], 3, "made", "full")


SMALL = small_dataset()
SHARES = Partition(("a", "b", "c"), (np.arange(40, 80), np.arange(50), np.arange(75, 110)))
NETWORK = MLP(hidden=(8,), classes=3)
TRAINING = Training(batch_size=16, epochs=3, learning_rate=0.01)
SEED = 3


def carried_values(examples, partition, network, training, seed):
    learner = Learner(network, adam(training.learning_rate))
    return carried_over_values(learner, examples, partition, training, seed)


@pytest.fixture
def models(monkeypatch):
    """The parameters of every model that is scored, in order."""
    scored = []
    score = carried.score

    def spy(learner, variables, test):
        scored.append(variables)
        return score(learner, variables, test)

    monkeypatch.setattr(carried, "score", spy)
    return scored


def slices_in_order(coalition):
    """Batches that are slices of the coalition's examples in their order, every epoch the same."""
    rows = sorted({k for i in range(3) if coalition >> i & 1 for k in SHARES.indices[i]})
    slices = range(0, len(rows), TRAINING.batch_size)
    return [rows[k : k + TRAINING.batch_size] for _ in range(TRAINING.epochs) for k in slices]


def train_one_after_the_other(reset, order=range(1, 8), batches=slices_in_order):
    """Oracle: yields every coalition's parameters; the optimiser is reset before each or not."""
    weights = NETWORK.init(jax.random.key(SEED), jnp.zeros((1, 12), jnp.uint8))
    adam = optax.adam(TRAINING.learning_rate, eps=1e-7)
    moments = adam.init(weights)

    @jax.jit
    def slope(parameters, inputs, labels):
        def loss(parameters):
            logits = jax.nn.log_softmax(NETWORK.apply(parameters, inputs))
            return -jnp.mean(logits[jnp.arange(len(labels)), labels])

        return jax.grad(loss)(parameters)

    for coalition in order:
        parameters = weights
        if reset:
            moments = adam.init(weights)
        for batch in map(np.array, batches(coalition)):
            inputs, labels = SMALL.train_inputs[batch], SMALL.train_labels[batch]
            update, moments = adam.update(slope(parameters, inputs, labels), moments)
            parameters = optax.apply_updates(parameters, update)
        yield parameters


def distance(one, other):
    gaps = jax.tree.map(lambda a, b: np.abs(a - b).max(), one, other)
    return max(jax.tree.leaves(gaps))


def test_values_are_those_of_a_plain_loop_that_never_resets_its_optimiser(models):
    values = carried_values(SMALL, SHARES, NETWORK, TRAINING, SEED)
    kept, fresh = (list(train_one_after_the_other(reset)) for reset in (False, True))
    assert values.shape == (8,)
    assert values[0] == 0
    for k, parameters in enumerate(models):
        assert distance(parameters, kept[k]) < 1e-4
        logits = NETWORK.apply(parameters, jnp.asarray(SMALL.test_inputs))
        assert values[k + 1] == np.mean(np.argmax(logits, -1) == SMALL.test_labels)
    # Only the first coalition has an optimiser that is fresh.
    assert distance(models[0], fresh[0]) < 1e-4
    assert min(distance(models[k], fresh[k]) for k in range(1, 7)) > 1e-2


def test_coalitions_can_be_trained_backwards_and_batches_be_shuffled(models):
    def as_elsewhere(coalition):
        rows = job_batches(Job(coalition, SEED), SHARES, TRAINING)
        return [row[row != PADDING] for row in rows]

    learner = Learner(NETWORK, adam(TRAINING.learning_rate))
    parts = (learner, SMALL, SHARES, TRAINING, SEED)
    carried_over_values(*parts, backwards=True)
    backwards = list(train_one_after_the_other(False, range(7, 0, -1)))
    assert max(map(distance, models, backwards)) < 1e-4
    models.clear()
    carried_over_values(*parts, shuffled=True)
    shuffled = list(train_one_after_the_other(False, batches=as_elsewhere))
    assert max(map(distance, models, shuffled)) < 1e-4
    assert min(map(distance, backwards[::-1], shuffled)) > 1e-2


def test_batches_keep_their_order():
    batches = batches_in_order(SHARES, 0b011, TRAINING)
    epochs = np.split(batches.ravel(), TRAINING.epochs)
    for epoch in epochs:
        np.testing.assert_array_equal(epoch[:80], np.arange(80))
        assert (epoch[80:] == PADDING).all()
    kept = batches_in_order(SHARES, 0b011, TRAINING, "keep")
    np.testing.assert_array_equal(kept.ravel()[:90], [*range(40, 80), *range(50)])
    (job,) = plan_jobs(SHARES, [0b111], [0], TRAINING)
    assert len(batches_in_order(SHARES, 0b111, TRAINING)) == job.steps


def test_dropout_goes_on_from_coalition_to_coalition(models):
    """The same data twice: the second model differs by moments and by dropout."""
    words = (SMALL.train_inputs.astype(np.uint16), SMALL.test_inputs.astype(np.uint16))
    labels = (SMALL.train_labels % 2, SMALL.test_labels % 2)
    dataset = Dataset("w", words[0], labels[0], words[1], labels[1], 2, "made", "full")
    twins = Partition(("a", "b"), (np.arange(50), np.arange(50)))
    still = Training(batch_size=25, epochs=1, learning_rate=0.0)
    carried_values(dataset, twins, WordAverage(words=256), still, SEED)
    assert distance(models[0], models[1]) == 0  # nothing is learnt at rate zero
    moving = Training(batch_size=25, epochs=1, learning_rate=0.01)
    carried_values(dataset, twins, WordAverage(words=256), moving, SEED)
    assert distance(models[3], models[4]) > 1e-4


def test_a_run_that_diverges_names_coalition_seed_step_and_rate():
    with pytest.raises(
        TrainingDiverged,
        match=r"coalition \{a\}, seed 3: the loss is not finite at step \d of 9 with learning rate "
        r"1e\+38: lower",
    ):
        carried_values(SMALL, SHARES, NETWORK, Training(16, 3, 1e38), SEED)


def test_what_is_varied_is_described_and_done():
    parts = ("c", SMALL, SHARES, NETWORK, TRAINING)
    ways = [
        CarriedExperiment(*parts),
        CarriedExperiment(*parts, shuffled=True),
        CarriedExperiment(*parts, backwards=True),
    ]
    assert len({digest(way.description()) for way in ways}) == 3
    learner = ways[0].learner
    for way, how in zip(ways, ({}, {"shuffled": True}, {"backwards": True}), strict=True):
        want = carried_over_values(learner, SMALL, SHARES, TRAINING, SEED, **how)
        np.testing.assert_array_equal(way.run([SEED]).values[0], want)


def test_an_experiment_carries_over_and_is_stored(tmp_path):
    experiment = CarriedExperiment("c", SMALL, SHARES, NETWORK, TRAINING)
    store = tmp_path / "s.sqlite"
    run = experiment.run([SEED], store=store)
    want = carried_values(SMALL, SHARES, NETWORK, TRAINING, SEED)
    np.testing.assert_array_equal(run.values[0], want)
    assert run.provenance()["optimiser"] == "carried over"
    again = experiment.run([SEED, 0], store=store)
    assert again.found == 7
    np.testing.assert_array_equal(again.values[0], want)
    fresh = Experiment("c", SMALL, SHARES, NETWORK, TRAINING)
    assert "optimiser" not in fresh.description()
    assert fresh.run([SEED], store=store).found == 0
