"""What a learner does with shapes and types in the place of numbers: nothing is computed here."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr

from shapfair.datasets import Examples
from shapfair.training.learner import Learner
from shapfair.training.step import Lane, device_labels, example_of, new_lane

Outline = jax.ShapeDtypeStruct
"""Shape and type of an array."""


def trace(function: Callable[..., Any], *arguments: Any) -> ClosedJaxpr:
    """The program that a function is, for arguments of such shapes and types."""
    return jax.make_jaxpr(_new(function))(*arguments)


def outlines(function: Callable[..., Any], *arguments: Any) -> Any:
    """Shapes and types of what a function returns."""
    return jax.eval_shape(_new(function), *arguments)


def _new(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that JAX has not seen before: one that it has may not be traced again."""
    return lambda *arguments: function(*arguments)


def lane_outline(learner: Learner, examples: Examples) -> Lane:
    """A lane before the first step."""
    example = example_of(examples)
    return outlines(lambda: new_lane(learner, example, 0, 1))


def inputs_outline(examples: Examples, count: int) -> Outline:
    """So many inputs."""
    example = example_of(examples)
    return Outline((count, *example.shape), example.dtype)


def labels_outline(labels: np.ndarray, count: int) -> Outline:
    """So many labels, as they are on a device."""
    return Outline((count, *labels.shape[1:]), device_labels(labels[:0]).dtype)


def data_outline(examples: Examples) -> tuple[Outline, Outline]:
    """All inputs and labels to train on."""
    count = len(examples.train_labels)
    return inputs_outline(examples, count), labels_outline(examples.train_labels, count)


def batch_outline(batch_size: int) -> Outline:
    """Indices of the examples of a batch."""
    return Outline((batch_size,), np.int32)


def first_line(error: Exception) -> str:
    """What went wrong, in short."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:200]}".rstrip(": ")
