"""The networks of App. J against the plain formulas: outputs, losses, gradients, steps."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import lax

from shapfair.datasets import Dataset, Partition
from shapfair.paper.networks import CNN, MLP, WordAverage
from shapfair.training.engine import Engine, TrainingDiverged
from shapfair.training.learner import Kind, Learner, adam
from shapfair.training.plan import PADDING, Training, job_batches, plan_jobs
from shapfair.training.step import Chunks, fresh_lane, gradient, score, step


@partial(jax.jit, static_argnums=(0, 2))
def initial(network, seed, inputs):
    return network.init(jax.random.key(seed), jnp.zeros((1, inputs), jnp.uint8))


def learner_of(network, learning_rate=1e-3):
    return Learner(network, adam(learning_rate), micro_batch=Kind.of(network).micro_batch)


def loss_and_slope(learner, parameters, batch, data):
    """Of a network that keeps no state and whose dropout, if any, has rate 0."""
    (loss, state), slope = gradient(learner, parameters, {}, batch, data, jax.random.key(0))
    assert state == {}
    return loss, slope


def random_parameters(network, inputs, seed=0):
    """Parameters of which none is zero, the biases included."""
    rng = np.random.default_rng(seed)

    def noisy(leaf):
        return leaf + rng.normal(0, 0.1, leaf.shape).astype(np.float32)

    return jax.tree.map(noisy, initial(network, seed, inputs))


def assert_close(found, wanted, relative=1e-5):
    """In every leaf the largest error is small beside the largest entry."""
    assert jax.tree.structure(found) == jax.tree.structure(wanted)
    for (path, leaf), want in zip(
        jax.tree.leaves_with_path(found), jax.tree.leaves(wanted), strict=True
    ):
        error = np.abs(np.asarray(leaf, np.float64) - want).max() / np.abs(want).max()
        assert error <= relative, (jax.tree_util.keystr(path), error)


# The CIFAR-10 network


def plain_cnn(parameters, images):
    """App. J.2 as it is usually written: convolution, bias, ReLU, then pooling."""
    p = parameters["params"]

    def convolution(x, name):
        kernel, bias = p[f"{name}_kernel"], p[f"{name}_bias"]
        layout = ("NHWC", "HWIO", "NHWC")
        out = lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=layout)
        return jax.nn.relu(out + bias)

    def max_pool(x):
        return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

    x = images.reshape(-1, 32, 32, 3).astype(jnp.float32) / 255
    x = max_pool(convolution(x, "conv1"))
    x = max_pool(convolution(x, "conv2"))
    x = convolution(x, "conv3").reshape(len(x), -1)
    x = x @ p["Dense_0"]["kernel"] + p["Dense_0"]["bias"]
    return x @ p["Dense_1"]["kernel"] + p["Dense_1"]["bias"]


def plain_cnn_loss(parameters, images, labels):
    logits = plain_cnn(parameters, images)
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(7)
    images = rng.integers(0, 256, (40, 3072)).astype(np.uint8)
    return jnp.asarray(images), jnp.asarray(rng.integers(0, 10, 40), jnp.int32)


def test_cnn_has_the_shapes_of_the_appendix():
    start = initial(CNN(), 0, 3072)
    shapes = jax.tree.map(jnp.shape, start)["params"]
    kernels = [shapes[f"conv{k}_kernel"] for k in (1, 2, 3)]
    assert kernels == [(3, 3, 3, 32), (3, 3, 32, 64), (3, 3, 64, 64)]
    # 32 -> 30, pooled 15 -> 13, pooled 6 -> 4: the last convolution leaves 4 x 4 x 64 numbers.
    assert (shapes["Dense_0"]["kernel"], shapes["Dense_1"]["kernel"]) == ((1024, 64), (64, 10))
    assert sum(leaf.size for leaf in jax.tree.leaves(start)) == 122_570


def test_cnn_weights_start_glorot_uniform_and_biases_at_zero():
    start = initial(CNN(), 0, 3072)["params"]
    layers = [(start[f"conv{k}_kernel"], start[f"conv{k}_bias"]) for k in (1, 2, 3)]
    layers += [(start[f"Dense_{k}"]["kernel"], start[f"Dense_{k}"]["bias"]) for k in (0, 1)]
    for kernel, bias in layers:
        np.testing.assert_array_equal(bias, 0)
        area = np.prod(kernel.shape[:-2], initial=1)
        bound = np.sqrt(6 / (area * (kernel.shape[-2] + kernel.shape[-1])))
        assert 0.95 * bound < np.abs(kernel).max() <= bound
        assert np.std(kernel) == pytest.approx(bound / np.sqrt(3), rel=0.1)


def test_cnn_is_the_plain_formula(pictures):
    """Pooling before bias and ReLU, cropping and windows change nothing but rounding."""
    images, _ = pictures
    parameters = random_parameters(CNN(), 3072)
    want = jax.jit(plain_cnn)(parameters, images)
    assert_close(jax.jit(CNN().apply)(parameters, images), want, 2e-6)
    # ReLU cuts off a part of what it gets, so its place in the order matters.
    kernel, bias = (parameters["params"][f"conv1_{part}"] for part in ("kernel", "bias"))
    layout = ("NHWC", "HWIO", "NHWC")
    x = images.reshape(-1, 32, 32, 3).astype(np.float32) / 255
    before = lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=layout) + bias
    assert 0.1 < (before < 0).mean() < 0.9


BATCHES = {
    "padded": np.append(np.arange(19), [PADDING] * 5),
    "a whole group of padding": np.append(np.arange(11), [PADDING] * 13),
    "not a multiple of the group": np.append(np.arange(18), [PADDING] * 3),
}
assert len(BATCHES["not a multiple of the group"]) % CNN.kind.micro_batch


@pytest.mark.parametrize("batch", BATCHES.values(), ids=BATCHES.keys())
def test_cnn_gradient_is_that_of_the_plain_formula(pictures, batch):
    """Also in micro-batches, and whatever is padded: the mean is over the real examples."""
    images, labels = pictures
    rows = jnp.asarray(batch[batch != PADDING])
    parameters = random_parameters(CNN(), 3072)
    want = jax.jit(jax.value_and_grad(plain_cnn_loss))(parameters, images[rows], labels[rows])
    found = jax.jit(partial(loss_and_slope, learner_of(CNN())))(
        parameters, jnp.asarray(batch), pictures
    )
    assert_close(found, want)


def test_micro_batches_change_nothing_but_rounding(pictures):
    batch = jnp.asarray(BATCHES["padded"])
    parameters = random_parameters(CNN(), 3072)
    whole, groups = (
        jax.jit(partial(loss_and_slope, learner))(parameters, batch, pictures)
        for learner in (Learner(CNN(), adam(1e-3)), learner_of(CNN()))
    )
    assert_close(groups, whole, 2e-6)
    # They are not the same computation: some last digit differs.
    leaves = zip(jax.tree.leaves(groups), jax.tree.leaves(whole), strict=True)
    assert any(np.any(a != b) for a, b in leaves)


# The IMDB network


def plain_word_average(parameters, words):
    """App. J.3 with one review, one position and one number at a time; dropout off."""
    p = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), parameters["params"])
    width = 16
    logits = []
    for review in np.asarray(words):
        average = [0.0] * width
        for word in review:
            for k in range(width):
                average[k] += p["vectors"][int(word) * width + k] / len(review)
        x = np.array(average)
        for name in sorted(name for name in p if name.startswith("Dense")):
            x = x @ p[name]["kernel"] + p[name]["bias"]
        logits.append(x)
    return np.array(logits)


@pytest.fixture(scope="module")
def sentences():
    rng = np.random.default_rng(8)
    words = rng.integers(1, 50, (20, 12)).astype(np.uint16)
    for row, length in zip(words, rng.integers(1, 13, 20), strict=True):
        row[length:] = 0
    return jnp.asarray(words), jnp.asarray(rng.integers(0, 2, 20), jnp.int32)


@pytest.mark.parametrize("hidden", [16, 0])
def test_word_average_is_the_plain_formula(sentences, hidden):
    words, labels = sentences
    network = WordAverage(words=50, hidden=hidden)
    without_dropout = WordAverage(words=50, hidden=hidden, rate=0.0)
    parameters = random_parameters(network, 12)
    logits = plain_word_average(parameters, words)
    assert_close(network.apply(parameters, words), logits, 2e-6)
    # The loss is the cross-entropy of the sigmoid, over the real examples; padding has no weight.
    probability = 1 / (1 + np.exp(-logits[:17, 0]))
    entropy = -np.log(np.where(labels[:17] == 1, probability, 1 - probability))
    batch = jnp.append(jnp.arange(17), jnp.full(3, PADDING))
    loss, _ = loss_and_slope(learner_of(without_dropout), parameters, batch, sentences)
    assert loss == pytest.approx(entropy.mean(), rel=1e-6)


def test_word_average_has_the_shapes_of_the_appendix():
    start = initial(WordAverage(), 0, 250)["params"]
    assert jax.tree.map(jnp.shape, start) == {
        "vectors": (10_001 * 16,),  # one long parameter, for the sake of Adam
        "Dense_0": {"kernel": (16, 16), "bias": (16,)},
        "Dense_1": {"kernel": (16, 1), "bias": (1,)},
    }
    assert 0.0499 < np.abs(start["vectors"]).max() <= 0.05
    published = initial(WordAverage(hidden=0), 0, 250)["params"]
    assert {name for name in published} == {"vectors", "Dense_0"}
    assert published["Dense_0"]["kernel"].shape == (16, 1)


def test_gradient_of_the_flat_word_vectors_is_that_of_a_table(sentences):
    words, labels = sentences
    network = WordAverage(words=50, rate=0.0)
    parameters = random_parameters(network, 12)

    def loss(table):
        p = parameters["params"]
        x = table[words].mean(1)
        for name in ("Dense_0", "Dense_1"):
            x = x @ p[name]["kernel"] + p[name]["bias"]
        return optax.sigmoid_binary_cross_entropy(x[:, 0], labels).mean()

    want = jax.grad(loss)(parameters["params"]["vectors"].reshape(50, 16))
    _, slope = loss_and_slope(learner_of(network), parameters, jnp.arange(20), sentences)
    assert_close(slope["params"]["vectors"].reshape(50, 16), want)


def test_scoring_uses_no_dropout_and_counts_what_is_right(sentences):
    words, labels = sentences
    network = WordAverage(words=50)
    parameters = random_parameters(network, 12)
    right = int(((plain_word_average(parameters, words)[:, 0] > 0) == labels).sum())
    assert 0 < right < 20
    inputs, y = np.asarray(words), np.asarray(labels, np.uint8)
    dataset = Dataset("d", inputs, y, inputs, y, 2, "made", "full")
    assert score(learner_of(network), parameters, Chunks.of(dataset)) == right / 20
    keys = jax.random.split(jax.random.key(0))
    plain, one, other = (network.apply(parameters, words, *k) for k in [(), keys[:1], keys[1:]])
    assert np.any(plain != one)
    assert np.any(one != other)


def losses_without_learning(network, coalitions, sentences, steps=4, seed=0):
    """Losses of the same batch in every step, as the parameters stay where they start."""
    learner, example = learner_of(network, 0.0), jax.ShapeDtypeStruct((12,), sentences[0].dtype)
    lanes = [fresh_lane(learner, example, seed, c) for c in coalitions]
    lanes = jax.tree.map(lambda *leaves: jnp.stack(leaves), *lanes)
    one_step = jax.jit(jax.vmap(partial(step, learner), in_axes=(0, None, None)))
    losses = []
    for _ in range(steps):
        lanes, loss = one_step(lanes, jnp.arange(20), sentences)
        losses.append(np.asarray(loss))
    return np.array(losses)


def test_dropout_is_drawn_anew_for_every_step_lane_coalition_and_seed(sentences):
    network = WordAverage(words=50, rate=0.5)
    losses = losses_without_learning(network, [1, 2, 1, 7], sentences)
    np.testing.assert_array_equal(losses[:, 0], losses[:, 2])  # a lane's place does not matter
    others = losses_without_learning(network, [1], sentences, seed=1)
    assert len({*losses[:, [0, 1, 3]].ravel(), *others.ravel()}) == 4 * 3 + 4
    without = losses_without_learning(WordAverage(words=50, rate=0.0), [1, 2], sentences)
    np.testing.assert_allclose(without, without[0, 0], rtol=1e-6)
    images = MLP(hidden=(4,), classes=2)
    plain = losses_without_learning(images, [1, 2], (sentences[0].astype(jnp.uint8), sentences[1]))
    np.testing.assert_allclose(plain, plain[0, 0], rtol=1e-6)


# Both in the engine


def small(kind):
    """Data in which the label shows, the parties, and a small network of the kind."""
    rng = np.random.default_rng(9)
    labels = np.arange(150) % 2
    if kind == "words":
        inputs = rng.integers(2, 30, (150, 12)) + 15 * labels[:, None]
        network = WordAverage(words=50)
    else:
        inputs = np.clip(rng.integers(0, 160, (150, 3072)) + 60 * labels[:, None], 0, 255)
        network = CNN(filters=(4, 4, 4), hidden=4, classes=2)
    inputs = inputs.astype(np.uint16 if kind == "words" else np.uint8)
    y = labels.astype(np.uint8)
    dataset = Dataset(kind, inputs[:100], y[:100], inputs[100:], y[100:], 2, "made", "full")
    return dataset, Partition(("a", "b"), (np.arange(50), np.arange(40, 100))), network


def model_of_a_plain_loop(dataset, partition, network, training, job):
    """Oracle: one step after the other, every key spelled out."""
    parameters = initial(network, job.seed, dataset.train_inputs.shape[1])
    adam = optax.adam(training.learning_rate, eps=1e-7)
    moments = adam.init(parameters)
    lane = jax.random.fold_in(jax.random.key(job.seed), job.coalition)

    @jax.jit
    @jax.grad
    def gradient_of(parameters, inputs, labels, key):
        logits = network.apply(parameters, inputs, key)[:, 0]
        return -jnp.mean(jax.nn.log_sigmoid(jnp.where(labels == 1, logits, -logits)))

    for t, row in enumerate(job_batches(job, partition, training)):
        rows = row[row != PADDING]
        inputs, labels = map(jnp.asarray, (dataset.train_inputs[rows], dataset.train_labels[rows]))
        slope = gradient_of(parameters, inputs, labels, jax.random.fold_in(lane, t))
        update, moments = adam.update(slope, moments, parameters)
        parameters = optax.apply_updates(parameters, update)
    return parameters


def test_lanes_with_dropout_give_what_a_plain_loop_gives():
    """The very parameters. Batches are full: with padding the masks would have another shape."""
    dataset, partition, network = small("words")
    training = Training(batch_size=10, epochs=4, learning_rate=0.01)
    models = {}
    jobs = plan_jobs(partition, range(1, 4), (0, 1), training)
    Engine(learner_of(network, 0.01), dataset, partition, training, lanes=2).run(
        jobs, lambda job, model: models.__setitem__(job, model.variables)
    )
    for job in jobs:
        want = model_of_a_plain_loop(dataset, partition, network, training, job)
        gaps = jax.tree.map(lambda a, b: np.abs(a - b).max(), models[job], want)
        assert max(jax.tree.leaves(gaps)) < 1e-4
    start = initial(network, 0, 12)["params"]["vectors"]
    assert np.abs(models[jobs[0]]["params"]["vectors"] - start).max() > 0.05


def values_of(dataset, partition, network, training, seeds=(0,), **options):
    values = {}
    jobs = plan_jobs(partition, range(1, 4), seeds, training)
    learner = learner_of(network, training.learning_rate)
    Engine(learner, dataset, partition, training, **options).run(
        jobs, lambda job, model: values.__setitem__((job.coalition, job.seed), model.score)
    )
    return values


def test_cnn_learns_in_the_lanes():
    training = Training(batch_size=20, epochs=20, learning_rate=0.01)
    assert values_of(*small("images"), training)[3, 0] > 0.9


@pytest.mark.parametrize("kind", ["words", "images"])
def test_a_run_that_diverges_names_coalition_seed_step_and_rate(kind):
    with pytest.raises(
        TrainingDiverged,
        match=r"coalition \{.*\}, seed 5: the loss is not finite at step \d+ of \d+ with learning "
        r"rate 1e\+38: lower the learning rate or check the inputs$",
    ):
        values_of(*small(kind), Training(batch_size=20, epochs=3, learning_rate=1e38), (5,))
