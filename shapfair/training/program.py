"""What a learner computes: its traced program, checked before anything trains, and a digest of it.

The digest is part of the key under which values are stored. It follows the arithmetic alone: any
change to the network's body, a function or number it is given, loss or optimiser changes it, and a
new process finds the same one. Another version of JAX, Flax or optax may write the same arithmetic
in another way; then values are trained anew, never mixed up.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.errors import FlaxError
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from shapfair.datasets import Examples
from shapfair.training.learner import CLASSIFICATION, REGRESSION, Learner
from shapfair.training.step import Lane, device_labels, example_of, new_lane, step

_ADDRESS = re.compile(r"0x[0-9a-f]+")

_CALLS_BACK = ("pure_callback", "io_callback")

_BY_NAME = (CLASSIFICATION.score, REGRESSION.score)
"""Scores that are known by the name of their task."""


class Untraceable(ValueError):
    """A part of a learner of which JAX cannot tell what it computes."""


def check(learner: Learner, examples: Examples, batch_size: int) -> None:
    """Find out now what would go wrong later: in network, labels, loss, optimiser.

    Raises:
        ValueError: in a single line.
    """
    lane, batch = _lane(learner, examples), _array((batch_size,), np.int32)
    many = _many(examples, batch_size)
    try:
        outputs = _shapes(learner.outputs, lane.variables, many)
    except Exception as error:
        raise _of_network("scoring", examples, error) from error
    if not isinstance(outputs, jax.ShapeDtypeStruct):
        raise ValueError(f"network: gives a {type(outputs).__name__}, need one array of outputs")
    learner.task.check(examples.train_labels, examples.test_labels, outputs)
    try:
        trained, state = _shapes(learner.in_training, lane.variables, many, lane.key)
    except Exception as error:
        raise _of_network("training", examples, error) from error
    if _types(state) != _types(lane.state):
        raise ValueError(
            "network: a step changes shapes or types of its collections "
            f"{', '.join(lane.state)}: they must stay as they are"
        )
    labels = _array((batch_size, *examples.train_labels.shape[1:]), _label_type(examples))
    losses = _shapes(learner.task.loss, trained, labels)
    if getattr(losses, "shape", None) != (batch_size,):
        raise ValueError(
            f"loss: gives shape {getattr(losses, 'shape', None)} for a batch of {batch_size}, need "
            f"the loss of each example, ({batch_size},): leave out the mean"
        )
    moved, _ = _shapes(partial(step, learner), lane, batch, _data(examples))
    if _types(moved) != _types(lane):
        raise ValueError(
            "network or optimiser: a step changes shapes or types of parameters or moments, so "
            "that no second one can follow"
        )


def program_of(
    learner: Learner, examples: Examples, batch_size: int, version: str | None = None
) -> str:
    """Hexadecimal SHA-256 of all that a learner computes on such examples.

    A ``version`` is part of it, and speaks for what cannot be traced.

    Raises:
        Untraceable: if a part cannot be traced and there is no version.
    """
    lane, batch = _lane(learner, examples), _array((batch_size,), np.int32)
    start = partial(new_lane, learner, example_of(examples))
    programs = [
        _trace(start, 0, 1),
        _trace(partial(step, learner), lane, batch, _data(examples)),
        _trace(learner.outputs, lane.variables, _many(examples, batch_size)),
    ]
    task, content = learner.task, hashlib.sha256(f"{version}\n".encode())
    if task.score in _BY_NAME:
        content.update(task.name.encode())
    else:
        programs += _score_program(task.score, programs[-1].out_avals[0], examples, version)
    for program in programs:
        content.update(_ADDRESS.sub("", str(program)).encode())
        for array in _constants(program.jaxpr, program.consts, version):
            content.update(f"{array.dtype} {array.shape}\n".encode() + array.tobytes())
    return content.hexdigest()


def _score_program(
    score: Callable[..., Any], outputs: Any, examples: Examples, version: str | None
) -> list[ClosedJaxpr]:
    labels = _array(examples.test_labels.shape, _label_type(examples))
    try:
        return [_trace(score, _array((len(labels), *outputs.shape[1:]), outputs.dtype), labels)]
    except Exception as error:
        if version is not None:
            return []
        raise Untraceable(
            f"score: JAX cannot trace it ({_first_line(error)}), so its values cannot be told from "
            'those of another: give the experiment a version="1", and another whenever it changes'
        ) from error


def _trace(function: Callable[..., Any], *arguments: Any) -> ClosedJaxpr:
    return jax.make_jaxpr(_new(function))(*arguments)


def _shapes(function: Callable[..., Any], *arguments: Any) -> Any:
    return jax.eval_shape(_new(function), *arguments)


def _new(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that JAX has not seen before: one that it has may not be traced again."""
    return lambda *arguments: function(*arguments)


def _constants(jaxpr: Jaxpr, consts: Any, version: str | None) -> Iterator[np.ndarray]:
    """All arrays in a program, which its text does not show in full; refuses what it hides."""
    yield from map(_plain, consts)
    for equation in jaxpr.eqns:
        if equation.primitive.name in _CALLS_BACK and version is None:
            raise Untraceable(
                f"network, loss or optimiser: calls back into Python ({equation.primitive.name}), "
                'where JAX sees nothing: give the experiment a version="1", and another whenever '
                "that function changes"
            )
        yield from (_plain(value.val) for value in equation.invars if isinstance(value, Literal))
        for part in jax.tree.leaves(
            list(equation.params.values()), is_leaf=lambda x: isinstance(x, ClosedJaxpr | Jaxpr)
        ):
            if isinstance(part, ClosedJaxpr):
                yield from _constants(part.jaxpr, part.consts, version)
            elif isinstance(part, Jaxpr):
                yield from _constants(part, (), version)
            elif isinstance(part, np.ndarray | jax.Array):
                yield _plain(part)


def _plain(array: Any) -> np.ndarray:
    """An array in NumPy's hands; of a random key its words."""
    if isinstance(array, jax.Array) and jnp.issubdtype(array.dtype, jax.dtypes.prng_key):
        array = jax.random.key_data(array)
    return np.asarray(array)


def _lane(learner: Learner, examples: Examples) -> Lane:
    """Shapes and types of a lane, found by a trace of their own."""
    example = example_of(examples)
    try:
        return _shapes(lambda: new_lane(learner, example, 0, 1))
    except Exception as error:
        raise _of_network("its initialisation", examples, error) from error


def _many(examples: Examples, count: int) -> jax.ShapeDtypeStruct:
    example = example_of(examples)
    return _array((count, *example.shape), example.dtype)


def _data(examples: Examples) -> tuple[jax.ShapeDtypeStruct, jax.ShapeDtypeStruct]:
    labels = examples.train_labels.shape
    return _many(examples, labels[0]), _array(labels, _label_type(examples))


def _label_type(examples: Examples) -> np.dtype:
    return device_labels(examples.train_labels[:0]).dtype


def _array(shape: tuple[int, ...], dtype: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, dtype)


def _types(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), tree)


def _of_network(where: str, examples: Examples, error: Exception) -> ValueError:
    example = example_of(examples)
    advice = (
        ": does its __call__ take train, true in training alone, and pass it on to dropout and "
        "batch statistics?"
        if isinstance(error, FlaxError)
        else ""
    )
    return ValueError(
        f"network: fails in {where} with inputs of shape {example.shape}, {example.dtype} "
        f"({_first_line(error)}){advice}"
    )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:200]}".rstrip(": ")
