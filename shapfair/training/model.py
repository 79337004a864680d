"""A finished model."""

from dataclasses import dataclass, field

import jax
import numpy as np
from jaxtyping import Shaped

from shapfair.training.learner import Learner, Variables
from shapfair.training.step import chunk_outputs, chunked


@dataclass(frozen=True, eq=False)
class Model:
    """A model that was trained; called with inputs, it gives the network's outputs.

    Attributes:
        score: on the test examples: accuracy, :math:`R^2` or what the task says.
        seconds: from when it was begun until it was scored; others were trained beside it.
        variables: what Flax applies the network with: ``"params"`` and other collections.
        learner: network, loss, score, optimiser.
    """

    score: float
    seconds: float = field(compare=False)
    variables: Variables = field(repr=False)
    learner: Learner = field(repr=False)

    def __call__(self, inputs: Shaped[np.ndarray, "examples ..."]) -> np.ndarray:
        """Outputs for any number of inputs, dropout off; shape ``(examples, ...)``."""
        variables = jax.device_put(self.variables, jax.local_devices()[0])
        outputs = np.asarray(chunk_outputs(self.learner, variables, chunked(inputs)))
        return outputs.reshape(-1, *outputs.shape[2:])[: len(inputs)]
