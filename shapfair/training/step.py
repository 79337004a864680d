"""One step of training: loss, gradient, optimiser; and the score of a model."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from shapfair.datasets import Dataset
from shapfair.paper.networks import initial_parameters
from shapfair.training.plan import PADDING, Training

SCORE_BATCH = 50
"""Most test examples scored at a time, few so that what lies between layers stays in the cache.

On a CPU, 1000 at a time take twice as long for IMDB and 2.6 times as long for CIFAR-10.
"""


def optimiser(training: Training) -> optax.GradientTransformation:
    """Adam (Kingma and Ba, 2015) with the guard 1e-7 of the library that the authors' code uses."""
    return optax.adam(training.learning_rate, eps=1e-7)


def _loss(
    network: nn.Module,
    parameters: Any,
    inputs: Any,
    labels: Any,
    weights: Any,
    count: Any,
    key: Any,
) -> Any:
    """Sum of the cross-entropy of the examples of weight one, over their number ``count``."""
    logits: Any = network.apply(parameters, inputs, *key)
    if logits.shape[-1] == 1:
        losses = optax.sigmoid_binary_cross_entropy(logits[:, 0], labels)
    else:
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    return jnp.sum(losses * weights) / count


def gradient(network: nn.Module, parameters: Any, batch: Any, data: Any, key: Any = ()) -> Any:
    """Loss of a batch, the mean over its examples of weight one, and its gradient.

    A network with ``micro_batch`` has the examples pass in groups of that size, whose shares of the
    loss add up; only rounding differs. ``key`` holds the key of a network with dropout.
    """
    inputs, labels = data
    group = getattr(network, "micro_batch", None)
    if group:
        batch = jnp.pad(batch, (0, -len(batch) % group), constant_values=PADDING)
    real = batch >= 0
    batch, weights = jnp.where(real, batch, 0), real.astype(jnp.float32)
    # The images stay uint8 and are gathered inside the step: a quarter of the memory traffic.
    share = jax.value_and_grad(partial(_loss, network))
    if group is None:
        return share(parameters, inputs[batch], labels[batch], weights, jnp.sum(weights), key)

    def add(total: Any, part: Any) -> Any:
        batch, weights = part
        shares = share(parameters, inputs[batch], labels[batch], weights, jnp.sum(real), key)
        return jax.tree.map(jnp.add, total, shares), None

    nothing = (jnp.float32(0), jax.tree.map(jnp.zeros_like, parameters))
    return jax.lax.scan(add, nothing, (batch.reshape(-1, group), weights.reshape(-1, group)))[0]


def step(network: nn.Module, training: Training, lane: Any, batch: Any, data: Any) -> Any:
    """One optimiser step of a lane, which is parameters, moments and key; the lane and its loss."""
    parameters, moments, lane_key = lane
    key = (jax.random.fold_in(lane_key, moments[0].count),) if _has_dropout(network) else ()
    loss, slope = gradient(network, parameters, batch, data, key)
    update, moments = optimiser(training).update(slope, moments, parameters)
    return (optax.apply_updates(parameters, update), moments, lane_key), loss


def _has_dropout(network: nn.Module) -> bool:
    return hasattr(network, "rate")


@partial(jax.jit, static_argnums=(0, 1, 2))
def fresh_lane(
    network: nn.Module, training: Training, inputs: int, seed: Any, coalition: Any
) -> Any:
    """A lane before the first step.

    Parameters and moments are the same for every coalition of a seed; the key, from which every
    step's dropout is drawn, is the job's own.
    """
    parameters = initial_parameters(network, seed, inputs)
    key = jax.random.fold_in(jax.random.key(seed), coalition)
    return parameters, optimiser(training).init(parameters), key


@partial(jax.jit, static_argnums=0)
def correct(network: nn.Module, parameters: Any, inputs: Any, labels: Any) -> Any:
    """Number of test examples that a model gets right, in the chunks of :func:`scoring_chunks`."""

    def chunk(part: Any) -> Any:
        logits: Any = network.apply(parameters, part[0])
        guess = logits[:, 0] > 0 if logits.shape[-1] == 1 else jnp.argmax(logits, -1)
        return jnp.sum(guess == part[1])

    return jnp.sum(jax.lax.map(chunk, (inputs, labels)))


def training_data(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and labels to train on, as :func:`step` takes them."""
    return dataset.train_inputs, dataset.train_labels.astype(np.int32)


def scoring_chunks(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Test inputs and labels in equal chunks, of at most :data:`SCORE_BATCH` examples."""
    count = len(dataset.test_labels)
    chunks = next(c for c in range(-(-count // SCORE_BATCH), count + 1) if count % c == 0)
    return (
        dataset.test_inputs.reshape(chunks, count // chunks, -1),
        dataset.test_labels.reshape(chunks, -1).astype(np.int32),
    )
