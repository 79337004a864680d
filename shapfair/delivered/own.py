"""A delivered model of one's own Flax network, for who has the network and JAX."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from shapfair.delivered.weights import nested
from shapfair.extras import load

if TYPE_CHECKING:
    from flax import linen as nn


def outputs_of(
    network: "nn.Module", arrays: Mapping[str, np.ndarray], document: Mapping[str, Any]
) -> Callable[[np.ndarray], np.ndarray]:
    """What a network computes with these weights.

    Args:
        network: a Flax module.
        arrays: its weights.
        document: of the model.

    Raises:
        ValueError: if the network is none of Flax, or computes something else than that of the
            model.
        MissingExtra: if JAX or Flax is not installed.
    """
    jax = load("jax")
    from shapfair.training.checks import check_flax
    from shapfair.training.model import Model
    from shapfair.training.program import network_program, user_of
    from shapfair.training.traces import Outline, first_line

    check_flax(network)
    said = document["network"]
    variables, shape = nested(arrays), tuple(said["inputs"]["shape"])
    outline = jax.tree.map(lambda array: Outline(array.shape, array.dtype), variables)
    try:
        found = network_program(network, outline, Outline(shape, np.dtype(said["inputs"]["dtype"])))
    except Exception as error:
        raise ValueError(
            f"network: {type(network).__name__} does not take these weights and inputs "
            f"({first_line(error)})"
        ) from error
    if found != said["program"]:
        made, here = document["versions"].get("jax"), jax.__version__
        other = f", or JAX {here} writes it in another way than {made}" if made != here else ""
        raise ValueError(
            f"network: {type(network).__name__} computes something else than the model's "
            f"{said['name']}{other}"
        )
    return Model(document["result"]["test"], 0.0, variables, user_of(network))
