"""What a learner computes, as a digest of its traced program.

The digest is part of the key under which values are stored. It follows the arithmetic alone: any
change to the network's body, a function or number that it is given, the loss or the optimiser
changes it, and a new process finds the same one. Another version of JAX, Flax or optax may write
the same arithmetic in another way; then values are trained anew, never mixed up.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from shapfair.datasets import Examples
from shapfair.training.learner import CLASSIFICATION, REGRESSION, Learner
from shapfair.training.step import example_of, new_lane, step
from shapfair.training.traces import (
    Outline,
    batch_outline,
    data_outline,
    first_line,
    inputs_outline,
    labels_outline,
    lane_outline,
    trace,
)

_ADDRESS = re.compile(r"0x[0-9a-f]+")

_CALLS_BACK = ("pure_callback", "io_callback")

_BY_NAME = (CLASSIFICATION.score, REGRESSION.score)
"""Scores that the name of their task stands for."""


class Untraceable(ValueError):
    """A part of a learner of which JAX cannot tell what it computes."""


def program_of(
    learner: Learner, examples: Examples, batch_size: int, version: str | None = None
) -> str:
    """Hexadecimal SHA-256 of all that a learner computes on such examples.

    A ``version`` is part of it, and speaks for what cannot be traced.

    Raises:
        Untraceable: if a part cannot be traced and there is no version.
    """
    lane, inputs = lane_outline(learner, examples), inputs_outline(examples, batch_size)
    batch, data = batch_outline(batch_size), data_outline(examples)
    programs = [
        trace(partial(new_lane, learner, example_of(examples)), 0, 1),
        trace(partial(step, learner), lane, batch, data),
        trace(learner.outputs, lane.variables, inputs),
    ]
    task, content = learner.task, hashlib.sha256(f"{version}\n".encode())
    if task.score in _BY_NAME:
        content.update(task.name.encode())
    else:
        programs += _score_program(task.score, programs[-1].out_avals[0], examples, version)
    if version is None and _calls_back(programs):
        raise Untraceable(
            "network, loss or optimiser: calls back into Python, where JAX sees nothing: give the "
            'experiment a version="1", and another whenever that function changes'
        )
    for part in _parts(programs):
        content.update(part)
    return content.hexdigest()


def network_program(network: nn.Module, variables: Any, example: jax.ShapeDtypeStruct) -> str:
    """Hexadecimal SHA-256 of what a network computes when it is used; training does not matter.

    Args:
        network: a Flax module.
        variables: shapes and types of all its variables.
        example: shape and type of one input.
    """
    inputs = Outline((2, *example.shape), example.dtype)
    content = hashlib.sha256()
    for part in _parts([trace(user_of(network).outputs, variables, inputs)]):
        content.update(part)
    return content.hexdigest()


def user_of(network: nn.Module) -> Learner:
    """A network that learns nothing any more."""
    return Learner(network, optax.identity())


def _score_program(
    score: Callable[..., Any], outputs: Any, examples: Examples, version: str | None
) -> list[ClosedJaxpr]:
    count = len(examples.test_labels)
    labels = labels_outline(examples.test_labels, count)
    try:
        return [trace(score, Outline((count, *outputs.shape[1:]), outputs.dtype), labels)]
    except Exception as error:
        if version is not None:
            return []
        raise Untraceable(
            f"score: JAX cannot trace it ({first_line(error)}), so its values cannot be told from "
            'those of another: give the experiment a version="1", and another whenever it changes'
        ) from error


def _calls_back(value: Any) -> bool:
    """Whether a program leaves JAX for Python."""
    if isinstance(value, ClosedJaxpr | Jaxpr):
        return any(
            equation.primitive.name in _CALLS_BACK or _calls_back([*equation.params.values()])
            for equation in value.eqns
        )
    return isinstance(value, list | tuple) and any(map(_calls_back, value))


def _parts(value: Any) -> Iterator[bytes]:
    """A program, or what it consists of, as bytes that depend on nothing but what is computed.

    The text of a program will not do: it leaves out what large arrays hold, and shows names and
    whether JAX has met a piece before. Functions among the parameters do not count: they are the
    rules of derivatives, which are there as equations wherever a derivative is taken.
    """
    if isinstance(value, ClosedJaxpr | Jaxpr):  # the same class since JAX 0.12
        program: Any = value
        yield from map(_bytes, getattr(program, "consts", ()))
        yield from _equations(getattr(program, "jaxpr", program))
    elif isinstance(value, np.ndarray | jax.Array):
        yield _bytes(value)
    elif isinstance(value, Mapping):
        yield from _parts([(key, value[key]) for key in sorted(value)])
    elif isinstance(value, list | tuple):
        yield b"("
        for part in value:
            yield from _parts(part)
        yield b")"
    elif not callable(value) or isinstance(value, type):
        yield f"{_ADDRESS.sub('', str(value))},".encode()


def _equations(jaxpr: Jaxpr) -> Iterator[bytes]:
    """The equations of a program; variables go by the order in which they come."""
    numbers: dict[Any, int] = {}

    def new(variables: Iterable[Any]) -> bytes:
        numbers.update((variable, len(numbers) + k) for k, variable in enumerate(variables))
        return f"{[str(variable.aval) for variable in variables]}".encode()

    def used(variables: Iterable[Any]) -> Iterator[bytes]:
        for variable in variables:
            if isinstance(variable, Literal):
                yield str(variable.aval).encode() + _bytes(variable.val)
            else:
                yield f"{numbers[variable]},".encode()

    yield new([*jaxpr.constvars, *jaxpr.invars])
    for equation in jaxpr.eqns:
        yield equation.primitive.name.encode()
        yield from used(equation.invars)
        yield from _parts({k: v for k, v in equation.params.items() if k != "name"})
        yield new(equation.outvars)
    yield from used(jaxpr.outvars)


def _bytes(array: Any) -> bytes:
    """Type, shape and content of an array; of a random key its words."""
    if isinstance(array, jax.Array) and jnp.issubdtype(array.dtype, jax.dtypes.prng_key):
        array = jax.random.key_data(array)
    array = np.asarray(array)
    return f"{array.dtype} {array.shape} ".encode() + array.tobytes()
