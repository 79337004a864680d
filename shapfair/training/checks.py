"""What would go wrong later is found when an experiment is made, and said in a single line."""

from functools import partial
from typing import Any

import jax
import optax
from flax import linen as nn
from flax.errors import FlaxError

from shapfair.datasets import Examples
from shapfair.training.learner import Learner
from shapfair.training.plan import Training
from shapfair.training.step import Lane, example_of, step
from shapfair.training.traces import (
    Outline,
    batch_outline,
    data_outline,
    first_line,
    inputs_outline,
    labels_outline,
    lane_outline,
    outlines,
)


def check_flax(network: Any) -> None:
    """Refuse what is no Flax module, or cannot be told from another.

    Raises:
        ValueError: if so.
    """
    if isinstance(network, type) and issubclass(network, nn.Module):
        raise ValueError(
            f"network: the class {network.__name__}, need one of its objects: {network.__name__}()"
        )
    if not isinstance(network, nn.Module):
        raise ValueError(
            f"network: {type(network).__module__}.{type(network).__qualname__} is no Flax module "
            "(flax.linen.Module): shapfair.evaluate values models of any other library"
        )
    try:
        hash(network)
    except TypeError:
        raise ValueError(
            f"network: a field of {type(network).__name__} cannot be hashed, such as an array: "
            "make it a tuple, or a constant of __call__"
        ) from None


def check_optimiser(optimiser: Any, training: Training) -> None:
    """Refuse an optimiser that is none of optax, and two learning rates or none.

    Raises:
        ValueError: if so.
    """
    if optimiser is None and training.learning_rate is None:
        raise ValueError("training: no learning rate: give one, or an optimiser")
    if optimiser is None:
        return
    if not isinstance(optimiser, optax.GradientTransformation):
        raise ValueError(
            f"optimiser: a {type(optimiser).__name__}, need one of optax, such as optax.sgd(0.1)"
        )
    if training.learning_rate is not None:
        raise ValueError(
            f"training: learning rate {training.learning_rate}, but the optimiser has its own: "
            "give Training(..., learning_rate=None)"
        )


def check_learner(learner: Learner, examples: Examples, batch_size: int) -> None:
    """Refuse network, labels, loss and optimiser that do not fit together.

    Raises:
        ValueError: if so.
    """
    inputs = inputs_outline(examples, batch_size)
    try:
        lane = lane_outline(learner, examples)
        outputs = outlines(learner.outputs, lane.variables, inputs)
        trained, state = outlines(learner.in_training, lane.variables, inputs, lane.key)
    except Exception as error:
        raise _of_network(examples, error) from error
    if not isinstance(outputs, Outline):
        raise ValueError(f"network: gives a {type(outputs).__name__}, need one array of outputs")
    learner.task.check(examples.train_labels, examples.test_labels, outputs)
    if _types(state) != _types(lane.state):
        raise ValueError(
            "network: a step changes shapes or types of its collections "
            f"{', '.join(lane.state)}: they must stay as they are"
        )
    _check_loss(learner, trained, labels_outline(examples.train_labels, batch_size))
    _check_step(learner, lane, examples, batch_size)


def _check_loss(learner: Learner, outputs: Outline, labels: Outline) -> None:
    losses = outlines(learner.task.loss, outputs, labels)
    if getattr(losses, "shape", None) != labels.shape[:1]:
        raise ValueError(
            f"loss: gives shape {getattr(losses, 'shape', None)} for a batch of {labels.shape[0]}, "
            f"need the loss of each example, {labels.shape[:1]}: leave out the mean"
        )


def _check_step(learner: Learner, lane: Lane, examples: Examples, batch_size: int) -> None:
    batch, data = batch_outline(batch_size), data_outline(examples)
    moved, _ = outlines(partial(step, learner), lane, batch, data)
    if _types(moved) != _types(lane):
        raise ValueError(
            "network or optimiser: a step changes shapes or types of parameters or moments, so "
            "that no second one can follow"
        )


def _types(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), tree)


def _of_network(examples: Examples, error: Exception) -> ValueError:
    example = example_of(examples)
    advice = (
        ": does its __call__ take train, true in training alone, and pass it on to dropout and "
        "batch statistics?"
        if isinstance(error, FlaxError)
        else ""
    )
    return ValueError(
        f"network: fails with inputs of shape {example.shape}, {example.dtype} "
        f"({first_line(error)}){advice}"
    )
