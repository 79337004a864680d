"""Data, networks, optimisers and losses that users bring: right, or one clear line."""

import os
import pickle
import subprocess
import sys
import textwrap
from dataclasses import replace

import cloudpickle
import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import optax
import pytest
from flax import linen as nn

from shapfair.datasets import Dataset, Partition
from shapfair.paper.networks import MLP
from shapfair.training.experiment import Experiment
from shapfair.training.learner import CLASSIFICATION, REGRESSION, Learner, Task
from shapfair.training.plan import Training, job_batches
from shapfair.training.step import gradient
from shapfair.valuation.store import digest


def images(count, seed):
    """Images in which the class shows, shape (count, 8, 8, 1), and three classes."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % 3)
    x = rng.normal(0, 1, (count, 8, 8, 1))
    x[np.arange(count), labels, labels] += 4
    return x, labels


TRAIN, TEST = images(120, 0), images(60, 1)
PARTIES = {"a": range(60), "b": range(40, 100), "c": range(80, 120)}


class Net(nn.Module):
    """All that used to be a trap: a function and a ``rate`` as fields, statistics, dropout."""

    act: object = nn.relu
    rate: float = 0.3
    width: int = 8

    @nn.compact
    def __call__(self, x, train=False):
        x = nn.Conv(4, (3, 3), strides=2)(x)
        x = self.act(nn.BatchNorm(use_running_average=not train)(x))
        x = nn.Dense(self.width)(x.reshape(len(x), -1))
        x = nn.Dropout(self.rate, deterministic=not train)(x)
        return nn.Dense(3)(x)


def experiment(**changes):
    given = {"name": "own", "train": TRAIN, "test": TEST, "parties": PARTIES, "network": Net()}
    given |= {"batch_size": 20, "epochs": 3, "optimiser": optax.sgd(0.1, momentum=0.9)}
    given |= changes
    return Experiment.of_arrays(given.pop("name"), **given)


def key_of(**changes):
    return digest(experiment(**changes).description())


def numbers(count=90, seed=0, columns=4):
    """Inputs, and labels that are linear in them."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, columns))
    return x, x @ np.arange(1, columns + 1) + 0.1 * rng.normal(size=count) + 7


def regression(**changes):
    given = {"train": numbers(), "test": numbers(40, 1), "task": "regression"}
    given |= {"parties": {"a": range(40), "b": range(30, 90)}, "network": nn.Dense(1)}
    return experiment(**{**given, "epochs": 30, "optimiser": optax.adam(0.1), **changes})


# --- what is right -------------------------------------------------------------------------------


def plain_model(e, coalition, seed):
    """Oracle: Flax and optax by the book, one step after the other."""
    variables = e.network.init(jax.random.key(seed), jnp.zeros((1, 8, 8, 1)))
    parameters, state = {"params": variables["params"]}, variables["batch_stats"]
    moments = e.optimiser.init(parameters)
    lane = jax.random.fold_in(jax.random.key(seed), coalition)
    (job,) = e.jobs([coalition], [seed])

    @jax.jit
    def gradient(parameters, state, x, y, key):
        def loss(parameters):
            outputs, changed = e.network.apply(
                {**parameters, "batch_stats": state},
                x,
                train=True,
                rngs={"dropout": key},
                mutable=["batch_stats"],
            )
            return -jnp.mean(jax.nn.log_softmax(outputs)[jnp.arange(len(y)), y]), changed

        return jax.grad(loss, has_aux=True)(parameters)

    for t, rows in enumerate(job_batches(job, e.partition, e.training)):
        x, y = jnp.asarray(TRAIN[0][rows], jnp.float32), TRAIN[1][rows]
        slope, changed = gradient(parameters, state, x, y, jax.random.fold_in(lane, t))
        state = changed["batch_stats"]
        update, moments = e.optimiser.update(slope, moments, parameters)
        parameters = optax.apply_updates(parameters, update)
    return {**parameters, "batch_stats": state}


def assert_close(one, other, atol):
    gaps = jax.tree.map(lambda a, b: float(np.abs(a - b).max()), one, other)
    assert max(jax.tree.leaves(gaps)) <= atol, gaps


def test_statistics_dropout_and_images_give_what_a_plain_loop_gives():
    e = experiment()
    for coalition, seed in ((0b111, 0), (0b001, 5)):
        model, want = e.train_one(coalition, seed), plain_model(e, coalition, seed)
        assert_close(model.variables, want, 2e-4)
        outputs = np.asarray(e.network.apply(want, TEST[0].astype(np.float32)))  # dropout off
        assert_close(model(TEST[0]), outputs, 2e-3)
        assert model.score == pytest.approx(np.mean(outputs.argmax(-1) == TEST[1]), abs=1.01 / 60)
        assert model.score > 0.7
        moved = model.variables["batch_stats"]["BatchNorm_0"]["mean"]
        assert np.abs(moved).max() > 1e-3


def test_dropout_is_on_in_training_and_off_in_scoring():
    still = experiment(network=Net(rate=0.0)).train_one(7, 0)
    dropped = experiment().train_one(7, 0)
    gaps = jax.tree.map(lambda a, b: np.abs(a - b).max(), still.variables, dropped.variables)
    assert max(jax.tree.leaves(gaps)) > 1e-2
    np.testing.assert_array_equal(dropped(TEST[0]), dropped(TEST[0]))


def test_run_gives_the_scores_of_the_models_and_resumes(tmp_path):
    e, store = experiment(), tmp_path / "s.sqlite"
    run = e.run([0, 1], store=store)
    assert run.game.parties == ("a", "b", "c")
    assert run.values[1, 0b101] == e.train_one(0b101, seed=1).score
    assert e.run([0, 1, 2], store=store).found == 14
    several = replace(e, lanes=8).run([0, 1])
    assert np.abs(several.values - run.values).max() <= 1.01 / 60


class OfTheWholeBatch(nn.Module):
    """Centres the batch, so that every example has a say in every output."""

    @nn.compact
    def __call__(self, x, train=False):
        x = nn.BatchNorm(use_running_average=not train, momentum=0.5)(x.reshape(len(x), -1))
        return nn.Dense(3)(x)


@pytest.mark.parametrize("micro_batch", [None, 8])
def test_a_model_depends_on_nobody_elses_examples(micro_batch):
    """Padding repeats the batch's own examples: example 0 belongs to another party."""
    x, y = TRAIN
    poisoned = x.copy()
    poisoned[0] = np.nan
    own = {"network": OfTheWholeBatch(), "micro_batch": micro_batch, "batch_size": 24}
    models = [  # 40 examples in batches of 24: 8 places are padding
        experiment(train=(inputs, y), **own).train_one(0b100, 0) for inputs in (x, poisoned)
    ]
    jax.tree.map(np.testing.assert_array_equal, models[0].variables, models[1].variables)


class Flat(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(3)(nn.tanh(nn.Dense(8)(x.reshape(len(x), -1))))


def test_micro_batches_change_nothing_but_rounding():
    whole = experiment(network=Flat(), optimiser=optax.sgd(0.05), batch_size=25)
    models = [replace(whole, micro_batch=size).train_one(7, 0).variables for size in (None, 3)]
    assert_close(*models, 1e-5)
    leaves = zip(*map(jax.tree.leaves, models), strict=True)
    assert any(np.any(a != b) for a, b in leaves)  # they are not the same computation


class Dropped(nn.Module):
    @nn.compact
    def __call__(self, x, train=False):
        return self.param("scale", nn.initializers.ones, ()) * nn.Dropout(0.5)(
            x, deterministic=not train
        )


def test_micro_batches_of_dropout_have_keys_of_their_own():
    task = Task(lambda outputs, labels: outputs[:, 0], CLASSIFICATION.score)
    learner = Learner(Dropped(), optax.sgd(0.1), task, micro_batch=1)
    ones, parameters = jnp.ones((16, 1)), {"params": {"scale": jnp.float32(1)}}
    data = (ones, jnp.zeros(16, jnp.int32))
    (mean, _), _ = gradient(learner, parameters, {}, jnp.arange(16), data, jax.random.key(0))
    assert 0 < mean < 2  # some of the sixteen are dropped, not all or none


def test_regression_learns_and_its_value_is_r_squared():
    e = regression()
    model = e.train_one(0b11, 0)
    x, y = numbers(40, 1)
    left = np.sum((model(x)[:, 0] - y) ** 2)
    assert model.score == pytest.approx(1 - left / np.sum((y - y.mean()) ** 2), rel=1e-5)
    assert model.score > 0.99
    untrained = regression(epochs=1, optimiser=optax.sgd(0.0)).train_one(0b11, 0)
    assert untrained.score < 0


def test_labels_of_several_numbers_average_as_in_scikit_learn():
    outputs, labels = np.array([[1.0, 5], [2, 7], [3, 6]]), np.array([[1.0, 4], [2, 8], [4, 6]])
    shares = [1 - 1 / (14 / 3), 1 - 2 / 8]
    assert REGRESSION.score(outputs, labels) == pytest.approx(np.mean(shares))
    np.testing.assert_allclose(
        REGRESSION.loss(jnp.array(outputs), jnp.array(labels)), [0.5, 0.5, 0.5]
    )
    x, y = numbers()
    test_x, test_y = numbers(40, 1)
    e = regression(
        train=(x, np.stack([y, -y], 1)),
        test=(test_x, np.stack([test_y, -test_y], 1)),
        network=nn.Dense(2),
    )
    assert e.train_one(0b11, 0).score > 0.99


def test_loss_and_score_of_ones_own():
    absolute = Task(
        loss=lambda outputs, labels: jnp.abs(outputs[:, 0] - labels),
        score=lambda outputs, labels: -abs(outputs[:, 0] - labels).mean(),
    )
    model = regression(task=absolute).train_one(0b11, 0)
    x, y = numbers(40, 1)
    assert model.score == pytest.approx(-np.abs(model(x)[:, 0] - y).mean(), rel=1e-5)


@pytest.mark.parametrize(
    "optimiser",
    [
        optax.adamw(optax.cosine_decay_schedule(0.3, 300)),
        optax.chain(optax.clip_by_global_norm(1.0), optax.adam(0.05)),
        optax.chain(optax.adam(0.1), optax.contrib.reduce_on_plateau(patience=50)),
    ],
)
def test_any_optimiser(optimiser):
    assert regression(optimiser=optimiser, epochs=60).train_one(0b11, 0).score > 0.3


def test_one_output_for_two_classes_and_a_party_with_a_single_class():
    x, y = TRAIN[0].reshape(120, -1), (TRAIN[1] == 0).astype(int)
    test = (TEST[0].reshape(60, -1), (TEST[1] == 0).astype(int))
    only = {"zeros": y == 0, "ones": y == 1}
    e = experiment(train=(x, y), test=test, parties=only, network=nn.Dense(1), epochs=20)
    values = e.run().values[0]
    assert values[3] > 0.8
    assert (e.train_one(0b01, 0)(x[y == 0]) < 0).all()  # it knows nothing else


# --- the key -------------------------------------------------------------------------------------

BODY = """
from flax import linen as nn
import jax.numpy as jnp, numpy as np
TABLE = np.arange(2000.0, dtype=np.float32)
class Edited(nn.Module):
    @nn.compact
    def __call__(self, x, train=False):
        x = nn.relu(nn.Dense(4)(x.reshape(len(x), -1)))
        x = x + jnp.asarray(TABLE)[1000] - 1000
        return nn.Dense(3)(x)
"""


def edited(old="", new=""):
    assert old in BODY
    room = {"__name__": "notebook"}
    exec(BODY.replace(old, new), room)
    return room["Edited"]()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("nn.relu(", "nn.tanh("),
        ("nn.relu(nn.Dense(4)(x.reshape(len(x), -1)))", "nn.Dense(4)(x.reshape(len(x), -1))"),
        ("[1000] - 1000", "[1000] - 999"),
        ("np.arange(2000.0, dtype=np.float32)", "np.arange(2000.0, dtype=np.float32) ** 1.01"),
        ("nn.Dense(3)(x)", "nn.Dense(3, kernel_init=nn.initializers.ones)(x)"),
    ],
)
def test_an_edited_body_is_another_key(old, new):
    assert key_of(network=edited(old, new)) != key_of(network=edited()) == key_of(network=edited())


def test_of_an_edited_body_no_old_value_is_served(tmp_path):
    store = tmp_path / "s.sqlite"
    experiment(network=edited(), lanes=4).run(store=store)
    second = experiment(network=edited("nn.relu(", "nn.tanh("), lanes=4).run(store=store)
    assert (second.found, second.strangers) == (0, 7)
    assert experiment(network=edited(), lanes=4).run(store=store).found == 7


def squared(outputs, labels):
    return ((outputs - jax.nn.one_hot(labels, 3)) ** 2).sum(-1)


def test_whatever_changes_the_values_changes_the_key():
    other = Task(squared, CLASSIFICATION.score, "classification")
    shifted = (TRAIN[0] + 1e-6, TRAIN[1])
    changes = [
        {},
        {"network": Net(act=nn.tanh)},
        {"network": Net(act=lambda x: nn.relu(x) * 1.5)},
        {"network": Net(act=lambda x: nn.relu(x) * 2.5)},
        {"network": Net(rate=0.4)},
        {"network": Net(width=9)},
        {"optimiser": optax.sgd(0.1, momentum=0.8)},
        {"optimiser": optax.sgd(0.1)},
        {"optimiser": optax.sgd(optax.linear_schedule(0.1, 0.0, 10))},
        {"optimiser": None},
        {"task": other},
        {"micro_batch": 5},
        {"batch_size": 10},
        {"epochs": 4},
        {"duplicates": "keep"},
        {"train": shifted},
        {"parties": {"a": range(61), "b": range(40, 100), "c": range(80, 120)}},
        {"version": "2"},
        {"name": "other"},
    ]
    keys = [key_of(**change) for change in changes]
    assert len(set(keys)) == len(keys)
    assert [key_of(**change) for change in changes[:3]] == keys[:3]


def test_a_new_process_finds_the_same_key():
    code = textwrap.dedent("""
        import sys
        sys.path.insert(0, sys.argv[1])
        import test_own
        print(test_own.key_of(), test_own.digest(test_own.regression().description()))
    """)
    here = str(__file__).rsplit("/", 1)[0]
    for seed in ("1", "2"):
        command = [sys.executable, "-c", code, here]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        found = subprocess.check_output(command, text=True, env=environment).split()
        assert found == [key_of(), digest(regression().description())]


def test_names_of_functions_are_no_part_of_the_key():
    def one(x):
        return 2 * x

    def other(x):
        return 2 * x

    assert len({key_of(network=Net(act=jax.jit(f))) for f in (one, other)}) == 1


def test_an_experiment_that_was_sent_has_the_same_key():
    """With functions pickled by value, as Dask does: their names and places change."""
    e = experiment(network=Net(act=lambda x: nn.relu(x) * 1.5))
    sent = cloudpickle.loads(cloudpickle.dumps(e))
    assert "learner" not in vars(sent)
    assert digest(sent.description()) == digest(e.description())
    assert sent.train_one(1, 0).score == e.train_one(1, 0).score
    x, y = (TRAIN[0].reshape(120, 64) > 0).astype(np.uint8), Y.astype(np.uint8)
    dataset = Dataset("d", x, y, x, y, 3, "made", "full")
    known = Experiment("e", dataset, Partition(("a",), (np.arange(120),)), MLP((8,), 3), Training())
    assert digest(pickle.loads(pickle.dumps(known)).description()) == digest(known.description())


def test_a_network_that_changes_behind_the_experiments_back_is_refused():
    room = {"__name__": "notebook"}
    exec(BODY, room)
    e = experiment(network=room["Edited"]())
    room["TABLE"] = room["TABLE"] + 1
    with pytest.raises(ValueError, match=r"own: its network, .* computes something else"):
        e.run()
    anew = experiment(network=room["Edited"]())
    assert digest(anew.description()) != digest(e.description())
    anew.train_one(7, 0)


def test_networks_of_the_paper_go_by_name_and_fields_but_not_what_is_made_of_them():
    class Louder(MLP):
        @nn.compact
        def __call__(self, images):
            return 2 * nn.Dense(3)(images.astype(jnp.float32))

    class Own(nn.Module):
        @nn.compact
        def __call__(self, images):
            return nn.Dense(3)(images.astype(jnp.float32))

    Own.__name__ = "MLP"
    x, y = TRAIN[0].reshape(120, 64), TRAIN[1]
    parts = ((np.clip(16 * x + 100, 0, 255)).astype(np.uint8), y.astype(np.uint8))
    dataset = Dataset("d", *parts, *(p[:60] for p in parts), 3, "made", "full")
    share = Partition(("a",), (np.arange(120),))
    known, louder, own = (
        Experiment("e", dataset, share, network, Training(20)).description()
        for network in (MLP((8,), 3), Louder((8,), 3), Own())
    )
    assert known["network"] == {"kind": "MLP", "hidden": (8,), "classes": 3}
    assert "program" not in known
    assert own["network"]["kind"] == "MLP"
    assert len({louder["program"], own["program"]}) == 2


def on_the_host(outputs, labels):
    return float(np.mean(np.asarray(outputs).argmax(-1) == labels))


class CallsBack(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.Dense(3)(x.reshape(len(x), -1))
        shape = jax.ShapeDtypeStruct(x.shape, x.dtype)
        return x + jax.lax.stop_gradient(
            jax.pure_callback(np.cos, shape, jax.lax.stop_gradient(x), vmap_method="sequential")
        )


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"task": Task(CLASSIFICATION.loss, on_the_host)}, "score: JAX cannot trace it"),
        ({"network": CallsBack()}, "network, loss or optimiser: calls back into Python"),
    ],
)
def test_what_cannot_be_traced_needs_a_version(change, what):
    with pytest.raises(ValueError, match=rf'^{what}.*give the experiment a version="1"'):
        experiment(**change)
    keys = {key_of(**change, version=version) for version in ("1", "2")}
    assert len(keys) == 2
    other = experiment(**{**change, "optimiser": optax.sgd(0.2)}, version="1")
    assert digest(other.description()) not in keys
    assert experiment(**change, version="1").train_one(7, 0).score > 0.3


# --- what is refused, in one line ----------------------------------------------------------------


@pytest.fixture
def unchecked():
    """The package as users have it, without the type checks of the tests."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


class NoFlag(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(3)(nn.BatchNorm(use_running_average=False)(x.reshape(len(x), -1)))


class Grows(nn.Module):
    @nn.compact
    def __call__(self, x, train=False):
        seen = self.variable("memory", "seen", jnp.zeros, (1,))
        if train:
            seen.value = jnp.concatenate([seen.value, seen.value])
        return nn.Dense(3)(x.reshape(len(x), -1))


class WithArray(nn.Module):
    table: object

    @nn.compact
    def __call__(self, x):
        return nn.Dense(3)(x.reshape(len(x), -1) + self.table)


class Pair(nn.Module):
    @nn.compact
    def __call__(self, x):
        return x, nn.Dense(3)(x.reshape(len(x), -1))


Y = TRAIN[1]
MEAN = Task(lambda outputs, labels: squared(outputs, labels).mean(), CLASSIFICATION.score)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"train": (TRAIN[0], Y + 0.5), "test": (TEST[0], TEST[1] + 0.5)},
            r'^train labels: float64, but classes are whole numbers .* task="regression"$',
        ),
        (
            {"train": (TRAIN[0], Y + 1)},
            r"^train labels: 3 found, but the network's 3 outputs are for classes 0 to 2: number",
        ),
        ({"test": (TEST[0], TEST[1] - 1)}, r"^test labels: -1 found"),
        (
            {
                "train": (TRAIN[0], np.eye(3, dtype=int)[Y]),
                "test": (TEST[0], np.eye(3, dtype=int)[TEST[1]]),
            },
            r"^train labels: shape \(120, 3\), need one class an example, \(120,\)",
        ),
        (
            {"train": (TRAIN[0], Y.astype(str)), "test": (TEST[0], TEST[1].astype(str))},
            r"^train_labels: <U21, need numbers: encode them first$",
        ),
        ({"train": (TRAIN[0], Y[:-1])}, r"^train: 120 inputs, but 119 labels$"),
        ({"test": (TEST[0][:, :7], TEST[1])}, r"^inputs: float64 of shape \(8, 8, 1\) an example"),
        ({"train": (TRAIN[0][:0], Y[:0])}, r"need at least one example"),
        (
            {"parties": {"a": [0, 120]}},
            r"^partition: party 'a' holds record 120, but the data have",
        ),
        ({"network": Net}, r"^network: the class Net, need one of its objects: Net\(\)$"),
        ({"network": MEAN}, r"^network: .*Task is no Flax module .*: shapfair.evaluate values"),
        ({"network": WithArray(np.ones(3))}, r"^network: a field of WithArray cannot be hashed"),
        (
            {"network": nn.Conv(3, (3, 3))},
            r"^network: outputs of a batch have shape \(20, 8, 8, 3\)",
        ),
        ({"network": Pair()}, r"^network: gives a tuple, need one array"),
        (
            {"network": NoFlag()},
            r"^network: fails with inputs of shape \(8, 8, 1\), float32 \(ModifyScope.*"
            r"does its __call__ take train",
        ),
        (
            {"network": Grows()},
            r"^network: a step changes shapes or types of its collections memory",
        ),
        ({"network": MLP((4,), 3)}, r"^network: outputs of a batch have shape|^network: fails in"),
        ({"optimiser": optax.sgd}, r"^optimiser: a function, need one of optax, such as"),
        (
            {"task": MEAN},
            r"^loss: gives shape \(\) for a batch of 20, need the loss of each example",
        ),
        ({"batch_size": 0}, r"^training: batch_size 0, need at least 1"),
    ],
)
def test_what_does_not_fit_is_one_line_when_the_experiment_is_made(change, message):
    with pytest.raises(ValueError, match=message) as caught:
        experiment(**change)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"test": (numbers(40, 1)[0], np.full(40, 3.5))},
            r"^test labels: all are 3.5, so R\^2 is not defined",
        ),
        (
            {"network": nn.Dense(3)},
            r"^network: outputs of a batch have shape \(20, 3\), but labels of regression have "
            r"shape \(\) an example: need \(20,\)$",
        ),
    ],
)
def test_what_does_not_fit_regression(change, message):
    with pytest.raises(ValueError, match=message):
        regression(**change)


def test_optimiser_and_learning_rate_are_not_both_given():
    e = experiment()
    with pytest.raises(ValueError, match=r"learning rate 0.001, but the optimiser has its own"):
        replace(e, training=Training(20))
    with pytest.raises(ValueError, match=r"no learning rate: give one, or an optimiser"):
        replace(e, optimiser=None)


def test_a_batch_larger_than_a_coalitions_data_is_named():
    with pytest.raises(ValueError, match=r"coalition \{c\} has 40 examples, fewer than one batch"):
        experiment(batch_size=50).run()
    with pytest.raises(ValueError, match=r"coalition: bitmask 8 is not one of 3 parties"):
        experiment().train_one(8, 0)


def test_a_score_that_is_no_number_is_named():
    bad = Task(CLASSIFICATION.loss, lambda outputs, labels: jnp.sum(outputs) * jnp.nan)
    with pytest.raises(ArithmeticError, match=r"coalition \{a\}, seed 2: the score is nan"):
        experiment(task=bad).train_one(1, 2)


def test_divergence_under_an_own_optimiser_does_not_name_a_rate():
    with pytest.raises(ArithmeticError, match=r"not finite at step \d+ of \d+: lower"):
        experiment(optimiser=optax.sgd(1e38)).train_one(1, 0)
