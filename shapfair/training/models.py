"""The networks of Appendix J, in Flax."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float, UInt8


class MLP(nn.Module):
    """The MNIST network of App. J.1: 784-64-64-10 with ReLU, softmax in the loss.

    Weights start Glorot-uniform and biases at zero, which are the defaults of the library that the
    authors' code uses (Keras); the appendix does not say.

    Args:
        hidden: widths of the hidden layers.
        classes: number of labels.
    """

    hidden: tuple[int, ...] = (64, 64)
    classes: int = 10

    @nn.compact
    def __call__(self, images: UInt8[Array, "batch pixels"]) -> Float[Array, "batch classes"]:
        """Logits of grey-scale images, pixels 0 to 255."""
        glorot = nn.initializers.glorot_uniform()
        x = images.astype(jnp.float32) / 255
        for width in self.hidden:
            x = nn.relu(nn.Dense(width, kernel_init=glorot)(x))
        return nn.Dense(self.classes, kernel_init=glorot)(x)


def initial_parameters(network: nn.Module, seed: int | Array, inputs: int) -> Any:
    """Initial parameters of ``network``; one set per seed, shared by every coalition.

    Args:
        network: a Flax module from ``(batch, inputs)`` to logits.
        seed: seed of the run, not negative.
        inputs: length of one input.
    """
    return network.init(jax.random.key(seed), jnp.zeros((1, inputs), jnp.uint8))
