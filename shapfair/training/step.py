"""One step of training: loss, gradient, optimiser; and the score of a model."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, Int32, PRNGKeyArray, Shaped

from shapfair.datasets import Examples
from shapfair.training.learner import Learner, Variables
from shapfair.training.plan import PADDING

SCORE_BATCH = {"cpu": 50, "gpu": 2_000, "tpu": 2_000}
"""Most test examples scored at a time, by backend.

On a CPU few, so that what lies between layers stays in the cache: 1000 at a time take twice as long
for IMDB and 2.6 times as long for CIFAR-10. Accelerators want many; that number is not a
measurement.
"""

Data = tuple[Shaped[Array, "train ..."], Shaped[Array, "train ..."]]
"""Inputs and labels to train on, on a device."""


class Lane(NamedTuple):
    """A model under way; lanes side by side have one more axis in front of every leaf.

    Args:
        parameters: what the optimiser moves, as Flax has them, ``{"params": ...}``.
        moments: the optimiser's state.
        key: the job's own, from which every step's is drawn.
        state: the network's other collections, such as the statistics of ``BatchNorm``.
        taken: number of steps taken.
    """

    parameters: Variables
    moments: optax.OptState
    key: PRNGKeyArray
    state: Variables
    taken: Int32[Array, "..."]

    @property
    def variables(self) -> Variables:
        """All that the network is applied with."""
        return {**self.parameters, **self.state}


def new_lane(
    learner: Learner,
    example: jax.ShapeDtypeStruct,
    seed: int | Int[Array, ""],
    coalition: int | Int[Array, ""],
) -> Lane:
    """A lane before the first step.

    All is the same for every coalition of a seed but the key, from which dropout is drawn.
    """
    state = learner.init(seed, example)
    parameters = {"params": state.pop("params", {})}
    key = jax.random.fold_in(jax.random.key(seed), coalition)
    return Lane(parameters, learner.optimiser.init(parameters), key, state, jnp.int32(0))


fresh_lane = partial(jax.jit, static_argnums=(0, 1))(new_lane)
""":func:`new_lane`, compiled."""


def step(
    learner: Learner, lane: Lane, batch: Int32[Array, " batch"], data: Data
) -> tuple[Lane, Float[Array, ""]]:
    """One optimiser step of a lane; the lane after it and the loss before it."""
    key = jax.random.fold_in(lane.key, lane.taken)
    (loss, state), slope = gradient(learner, lane.parameters, lane.state, batch, data, key)
    update = optax.with_extra_args_support(learner.optimiser).update
    change, moments = update(slope, lane.moments, lane.parameters, value=loss)
    parameters: Any = optax.apply_updates(lane.parameters, change)
    return Lane(parameters, moments, lane.key, state, lane.taken + 1), loss


def gradient(
    learner: Learner,
    parameters: Variables,
    state: Variables,
    batch: Int32[Array, " batch"],
    data: Data,
    key: PRNGKeyArray,
) -> tuple[tuple[Float[Array, ""], Variables], Variables]:
    """Loss of a batch and the network's state after it; gradient of the loss.

    The loss is the mean over the real examples of the batch. Padding repeats them, with weight
    zero: a network that looks at the batch as a whole sees nobody else's example.
    """
    group = learner.micro_batch
    if group:
        batch = jnp.pad(batch, (0, -len(batch) % group), constant_values=PADDING)
    real = batch >= 0
    weights = real.astype(jnp.float32)
    batch = jnp.where(real, batch, batch[jnp.arange(len(batch)) % jnp.sum(real)])
    share = jax.value_and_grad(partial(_loss, learner), has_aux=True)
    # The images stay uint8 and are gathered inside the step: a quarter of the memory traffic.
    inputs, labels = data
    count = jnp.sum(weights)
    if not group:
        return share(parameters, state, inputs[batch], labels[batch], weights, count, key)

    def add(total: Any, part: Any) -> Any:
        (loss, state), slope = total
        batch, weights, k = part
        own = jax.random.fold_in(key, k)
        (more, state), rise = share(
            parameters, state, inputs[batch], labels[batch], weights, count, own
        )
        return ((loss + more, state), jax.tree.map(jnp.add, slope, rise)), None

    start = ((jnp.float32(0), state), jax.tree.map(jnp.zeros_like, parameters))
    groups = (batch.reshape(-1, group), weights.reshape(-1, group))
    return jax.lax.scan(add, start, (*groups, jnp.arange(len(groups[0]))))[0]


def _loss(
    learner: Learner,
    parameters: Variables,
    state: Variables,
    inputs: Array,
    labels: Array,
    weights: Float[Array, " batch"],
    count: Float[Array, ""],
    key: PRNGKeyArray,
) -> tuple[Float[Array, ""], Variables]:
    """Sum of the losses of the examples of weight one, over their number ``count``; the state."""
    outputs, state = learner.in_training({**parameters, **state}, inputs, key)
    losses = learner.task.loss(outputs, labels)
    return jnp.sum(losses * weights) / count, state


def example_of(examples: Examples) -> jax.ShapeDtypeStruct:
    """Shape and type of one input."""
    inputs = examples.train_inputs
    return jax.ShapeDtypeStruct(inputs.shape[1:], jax.dtypes.canonicalize_dtype(inputs.dtype))


def training_data(examples: Examples) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and labels to train on, as :func:`step` takes them once they are on a device."""
    return _narrow(examples.train_inputs), device_labels(examples.train_labels)


def device_labels(labels: Shaped[np.ndarray, "..."]) -> np.ndarray:
    """Labels as 32-bit numbers, whole ones if they are whole."""
    return labels.astype(np.float32 if labels.dtype.kind == "f" else np.int32)


def _narrow(array: np.ndarray) -> np.ndarray:
    """An array with JAX's 32 bits in the place of NumPy's 64."""
    return array.astype(jax.dtypes.canonicalize_dtype(array.dtype), copy=False)


@dataclass(frozen=True, eq=False)
class Chunks:
    """Test inputs in equal chunks on a device, and their labels.

    Attributes:
        inputs: shape ``(chunks, size, ...)``; the last chunk is filled up with zeros.
        labels: shape ``(examples, ...)``, as they were given.
    """

    inputs: Array = field(repr=False)
    labels: Shaped[np.ndarray, "examples ..."] = field(repr=False)

    @classmethod
    def of(cls, examples: Examples, device: jax.Device | None = None) -> "Chunks":
        """The test examples of a data set, in chunks of at most :data:`SCORE_BATCH`."""
        return cls(chunked(examples.test_inputs, device), examples.test_labels)


def chunked(inputs: Shaped[np.ndarray, "examples ..."], device: jax.Device | None = None) -> Array:
    """Inputs in equal chunks on a device."""
    platform = (device or jax.local_devices()[0]).platform
    most, count = SCORE_BATCH.get(platform, SCORE_BATCH["gpu"]), len(inputs)
    chunks = -(-count // most)
    size = -(-count // chunks)
    filler = [(0, chunks * size - count)] + [(0, 0)] * (inputs.ndim - 1)
    padded = np.pad(_narrow(inputs), filler) if chunks * size > count else _narrow(inputs)
    return jax.device_put(padded.reshape(chunks, size, *inputs.shape[1:]), device)


@partial(jax.jit, static_argnums=0)
def chunk_outputs(learner: Learner, variables: Variables, inputs: Array) -> Array:
    """Outputs of a model, chunk by chunk."""
    return jax.lax.map(partial(learner.outputs, variables), inputs)


def score(learner: Learner, variables: Variables, test: Chunks) -> float:
    """Score of a model on test examples."""
    outputs = np.asarray(chunk_outputs(learner, variables, test.inputs))
    return score_of(learner, outputs, test.labels)


def score_of(
    learner: Learner,
    outputs: Shaped[np.ndarray, "chunks size ..."],
    labels: Shaped[np.ndarray, "examples ..."],
) -> float:
    """Score of the outputs of :func:`chunk_outputs`."""
    outputs = outputs.reshape(-1, *outputs.shape[2:])[: len(labels)]
    return float(learner.task.score(outputs, labels))
