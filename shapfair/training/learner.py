"""What a model is and how it learns: a Flax network, a loss, a score, an optimiser."""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from jaxtyping import Array, Float, Num, PRNGKeyArray, Shaped

Variables = dict[str, Any]
"""Flax's collections, ``"params"``, which the optimiser moves, and what else a network keeps."""

SWITCHES = {
    "train": True,
    "training": True,
    "is_training": True,
    "deterministic": False,
    "use_running_average": False,
}
"""Arguments of a network's ``__call__`` and their values in training; scoring has the opposite."""

KEY = "key"
"""The argument that gets the step's random key in training, and None in scoring."""


@dataclass(frozen=True)
class Task:
    """What a model is trained for.

    Args:
        loss: from outputs and labels of a batch to the loss of each example, shape ``(batch,)``; in
            JAX, as its gradient is taken.
        score: from outputs and labels of all test examples, NumPy arrays, to one number, the more
            the better; it is the value of the coalition.
        name: short name.
        bounds: the least and the greatest score that there can be.
        check: raises a ValueError if training labels, test labels or the outputs of a batch are not
            what loss and score take.
    """

    loss: Callable[[Any, Any], Any]
    score: Callable[[Any, Any], Any]
    name: str = "own"
    bounds: tuple[float, float] = (-math.inf, math.inf)
    check: Callable[[np.ndarray, np.ndarray, jax.ShapeDtypeStruct], None] = (
        lambda train, test, outputs: None
    )


def cross_entropy(
    outputs: Float[Array, "batch classes"], labels: Num[Array, " batch"]
) -> Float[Array, " batch"]:
    """Of the softmax; of the sigmoid if there is one output, which then speaks for class 1."""
    if outputs.shape[-1] == 1:
        return optax.sigmoid_binary_cross_entropy(outputs[:, 0], labels)
    return optax.softmax_cross_entropy_with_integer_labels(outputs, labels)


def accuracy(
    outputs: Shaped[np.ndarray, "examples classes"], labels: Shaped[np.ndarray, " examples"]
) -> float:
    """Share of the examples whose class has the largest output."""
    guess = outputs[:, 0] > 0 if outputs.shape[-1] == 1 else np.argmax(outputs, -1)
    return int(np.count_nonzero(guess == labels)) / len(labels)


def squared_error(
    outputs: Float[Array, "batch ..."], labels: Num[Array, "batch ..."]
) -> Float[Array, " batch"]:
    """Mean over the numbers of an example, if its label has several."""
    gaps = outputs.reshape(labels.shape) - labels
    return jnp.mean(gaps.reshape(len(gaps), -1) ** 2, 1)


def r_squared(
    outputs: Shaped[np.ndarray, "examples ..."], labels: Shaped[np.ndarray, "examples ..."]
) -> float:
    """Share of the labels' variance that is explained, 1 for perfect outputs, 0 for their mean.

    It is negative for outputs that are worse than the mean of the test labels. Of labels of several
    numbers it is the mean over these, as in scikit-learn.
    """
    y = np.asarray(labels, np.float64)
    left = ((outputs.reshape(y.shape).astype(np.float64) - y) ** 2).sum(0)
    return float(np.mean(1 - left / ((y - y.mean(0)) ** 2).sum(0)))


def _check_classes(train: np.ndarray, test: np.ndarray, outputs: jax.ShapeDtypeStruct) -> None:
    for part, labels in (("train", train), ("test", test)):
        if labels.dtype.kind not in "biu":
            raise ValueError(
                f"{part} labels: {labels.dtype}, but classes are whole numbers from 0: convert "
                'them, or say task="regression"'
            )
        if labels.ndim != 1:
            raise ValueError(
                f"{part} labels: shape {labels.shape}, need one class an example, ({len(labels)},)"
            )
    if len(outputs.shape) != 2:
        raise ValueError(
            f"network: outputs of a batch have shape {outputs.shape}, need (batch, classes), or "
            "(batch, 1) for two classes"
        )
    classes = max(2, outputs.shape[-1])
    for part, labels in (("train", train), ("test", test)):
        for label in (labels.min(), labels.max()):
            if not 0 <= label < classes:
                raise ValueError(
                    f"{part} labels: {label} found, but the network's {outputs.shape[-1]} outputs "
                    f"are for classes 0 to {classes - 1}: number the classes from 0, or give the "
                    "network more outputs"
                )


def _check_numbers(train: np.ndarray, test: np.ndarray, outputs: jax.ShapeDtypeStruct) -> None:
    shape, batch = train.shape[1:], outputs.shape[0]
    if outputs.shape not in {(batch, *shape), *([(batch, 1)] if shape == () else [])}:
        raise ValueError(
            f"network: outputs of a batch have shape {outputs.shape}, but labels of regression "
            f"have shape {shape} an example: need {(batch, *shape)}"
        )
    same = np.all(test == test[:1], axis=0)
    if np.any(same):
        value = test[0] if shape == () else test[0][same].flat[0]
        raise ValueError(
            f"test labels: all are {value:g}, so R^2 is not defined: take other test examples or "
            "a score of your own"
        )


CLASSIFICATION = Task(cross_entropy, accuracy, "classification", (0.0, 1.0), _check_classes)
"""Cross-entropy and accuracy; labels are whole numbers from 0."""

REGRESSION = Task(squared_error, r_squared, "regression", (-math.inf, 1.0), _check_numbers)
"""Squared error and :math:`R^2`; labels are numbers, one or several an example."""


@dataclass(frozen=True)
class Kind:
    """What a network class of the paper says of itself, as its attribute ``kind``.

    Name and fields of such a network tell all that it computes, so its records need no trace of it.
    The attribute is not inherited: a subclass may compute something else.

    Attributes:
        name: what the records call it.
        micro_batch: see :class:`Learner`.
    """

    name: str
    micro_batch: int | None = None

    @staticmethod
    def of(network: nn.Module) -> "Kind | None":
        """The kind of a network, None for those that users bring."""
        kind = vars(type(network)).get("kind")
        return kind if isinstance(kind, Kind) else None


@cache
def adam(learning_rate: float) -> optax.GradientTransformation:
    r"""Adam (Kingma and Ba, 2015) with the guard 1e-7 that the authors' library, Keras, has.

    The steps are not quite that library's. Optax adds the guard to the square root of the second
    moment after its bias is corrected; Keras before, which makes its guard larger by
    :math:`1/\sqrt{1-\beta_2^t}` in step :math:`t`, 32 times in the first.
    """
    return optax.adam(learning_rate, eps=1e-7)


@dataclass(frozen=True)
class Learner:
    """A network and how it learns.

    The network is a Flax module from a batch of inputs to a batch of outputs. Whichever of
    :data:`SWITCHES` and of :data:`KEY` its ``__call__`` has as arguments are given in training and
    in scoring; random streams (``make_rng``) are there in training. Collections other than
    ``"params"``, such as the statistics of ``BatchNorm``, change in training and rest in scoring.

    Args:
        network: a Flax module.
        optimiser: any of optax; it is given the loss as ``value``.
        task: loss and score.
        micro_batch: examples whose gradient is taken at a time, by default the whole batch; only
            rounding differs, and statistics of batches become those of micro-batches.
        program: digest of what all this computes, if it was traced. Compiled code is kept by it.
    """

    network: nn.Module
    optimiser: optax.GradientTransformation
    task: Task = CLASSIFICATION
    micro_batch: int | None = None
    program: str = ""

    def init(self, seed: int | Array, example: jax.ShapeDtypeStruct) -> Variables:
        """Initial variables; one set per seed, shared by every coalition.

        Args:
            seed: seed of the run, not negative.
            example: shape and type of one input.
        """
        inputs = jnp.zeros((1, *example.shape), example.dtype)
        variables = self.network.init(jax.random.key(seed), inputs, **self._arguments(None))
        return {name: part for name, part in variables.items() if name != "intermediates"}

    def outputs(self, variables: Variables, inputs: Shaped[Array, "batch ..."]) -> Array:
        """Outputs of a finished model."""
        outputs: Any = self.network.apply(variables, inputs, **self._arguments(None))
        return outputs

    def in_training(
        self, variables: Variables, inputs: Shaped[Array, "batch ..."], key: PRNGKeyArray
    ) -> tuple[Array, Variables]:
        """Outputs of a model in training, and the collections that it has changed."""
        kept = [name for name in variables if name != "params"]
        streams = {"dropout": key, "params": jax.random.fold_in(key, 1)}  # the latter for all else
        outputs: Any
        outputs, changed = self.network.apply(
            variables, inputs, **self._arguments(key), rngs=streams, mutable=kept
        )
        return outputs, {name: changed.get(name, variables[name]) for name in kept}

    def _arguments(self, key: PRNGKeyArray | None) -> Mapping[str, Any]:
        """Arguments of the network beside its inputs; a key means training."""
        known = {name: on is (key is not None) for name, on in SWITCHES.items()} | {KEY: key}
        names = list(inspect.signature(type(self.network).__call__).parameters)[2:]
        return {name: known[name] for name in names if name in known}
