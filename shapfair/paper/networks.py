"""The networks of Appendix J, in Flax."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float, PRNGKeyArray, UInt, UInt8

from shapfair.paper.dropout import dropout
from shapfair.training.learner import Kind


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

    kind: ClassVar[Kind] = Kind("MLP")

    @nn.compact
    def __call__(self, images: UInt8[Array, "batch pixels"]) -> Float[Array, "batch classes"]:
        """Logits of grey-scale images, pixels 0 to 255."""
        glorot = nn.initializers.glorot_uniform()
        x = images.astype(jnp.float32) / 255
        for width in self.hidden:
            x = nn.relu(nn.Dense(width, kernel_init=glorot)(x))
        return nn.Dense(self.classes, kernel_init=glorot)(x)


class CNN(nn.Module):
    """The CIFAR-10 network of App. J.2: three 3x3 convolutions, two max-pools, two dense layers.

    Pooling follows the first two convolutions; the first dense layer is linear, as the appendix
    says. That convolutions have ReLU and do not pad, and that pixels are scaled to 0 to 1, are
    assumptions: the appendix does not say. Each convolution is a matrix product with the windows of
    its input laid out as rows: inside a loop XLA's own convolution is 25 times slower on a CPU.
    Pooling comes before bias and ReLU, which gives the same numbers at a quarter of the work, and
    only what pooling keeps is computed.

    Args:
        filters: numbers of filters of the three convolutions.
        hidden: width of the linear layer.
        classes: number of labels.
    """

    filters: tuple[int, int, int] = (32, 64, 64)
    hidden: int = 64
    classes: int = 10

    # The windows of four examples fit a core's cache.
    kind: ClassVar[Kind] = Kind("CNN", micro_batch=4)

    @nn.compact
    def __call__(self, images: UInt8[Array, "batch pixels"]) -> Float[Array, "batch classes"]:
        """Logits of 32x32 colour images, rows of pixels with their channels, 0 to 255."""
        first, second, third = self.filters
        x = images.reshape(-1, 32, 32, 3).astype(jnp.float32) / 255
        kernel, bias = self._convolution("conv1", 3, first)
        x = nn.relu(_pooled_convolution(x, kernel) + bias)
        kernel, bias = self._convolution("conv2", first, second)
        # Of 13 x 13 outputs, pooling drops the last row and column; they need no input.
        x = nn.relu(_pool(_windows(x[:, :14, :14], 3, 1) @ _as_matrix(kernel)) + bias)
        kernel, bias = self._convolution("conv3", second, third)
        x = nn.relu(_windows(x, 3, 1) @ _as_matrix(kernel) + bias)
        glorot = nn.initializers.glorot_uniform()
        x = nn.Dense(self.hidden, kernel_init=glorot)(x.reshape(len(x), -1))
        return nn.Dense(self.classes, kernel_init=glorot)(x)

    def _convolution(self, name: str, inputs: int, filters: int) -> tuple[Array, Array]:
        glorot, zeros = nn.initializers.glorot_uniform(), nn.initializers.zeros
        kernel = self.param(f"{name}_kernel", glorot, (3, 3, inputs, filters))
        return kernel, self.param(f"{name}_bias", zeros, (filters,))


def _windows(
    x: Float[Array, "batch height width channels"], size: int, stride: int
) -> Float[Array, "batch rows columns window"]:
    """The ``size`` x ``size`` windows of images, each laid out as a vector."""
    rows, columns = x.shape[1] - size + 1, x.shape[2] - size + 1
    shifted = [
        x[:, dy : dy + rows : stride, dx : dx + columns : stride]
        for dy in range(size)
        for dx in range(size)
    ]
    return jnp.concatenate(shifted, -1)


def _as_matrix(kernel: Float[Array, "h w inputs filters"]) -> Float[Array, "window filters"]:
    return kernel.reshape(-1, kernel.shape[-1])


def _pool(x: Float[Array, "batch height width channels"]) -> Float[Array, "batch h w channels"]:
    """Largest of every 2 x 2 block."""
    batch, height, width, channels = x.shape
    return x.reshape(batch, height // 2, 2, width // 2, 2, channels).max((2, 4))


def _pooled_convolution(
    x: Float[Array, "batch height width channels"], kernel: Float[Array, "3 3 channels filters"]
) -> Float[Array, "batch h w filters"]:
    """3x3 convolution and 2x2 max-pooling as one product with 4x4 windows.

    With few channels the windows of a plain convolution are short rows, which matrix products
    handle badly. The four outputs of a pooling block depend on a 4x4 window; their kernels are the
    given one at four positions in it.
    """
    placed = [
        jnp.pad(kernel, ((dy, 1 - dy), (dx, 1 - dx), (0, 0), (0, 0)))
        for dy in (0, 1)
        for dx in (0, 1)
    ]
    outputs = _windows(x, 4, 2) @ _as_matrix(jnp.concatenate(placed, -1))
    return outputs.reshape(*outputs.shape[:3], 4, -1).max(3)


class WordAverage(nn.Module):
    """The IMDB network of App. J.3: average of word vectors, a linear layer, a sigmoid in the loss.

    Dropout follows the embedding and the average, in training only. All positions are averaged, the
    padding too, as in the authors' code. The word vectors are one long parameter: on rows of 16,
    Adam's arithmetic would not fill the processor's registers.

    Args:
        words: number of word ids.
        width: length of a word vector.
        hidden: width of the linear layer; 0 leaves it out, as the authors' published code does.
        rate: share of entries that dropout sets to 0.
    """

    words: int = 10_001
    width: int = 16
    hidden: int = 16
    rate: float = 0.2

    kind: ClassVar[Kind] = Kind("WordAverage")

    @nn.compact
    def __call__(
        self, words: UInt[Array, "batch positions"], key: PRNGKeyArray | None = None
    ) -> Float[Array, "batch 1"]:
        """Logit of a positive review; with a key, dropout is on."""
        keys = (None, None) if key is None else jax.random.split(key)
        vectors = self.param("vectors", _uniform, (self.words * self.width,))
        x = vectors.reshape(self.words, self.width)[words]
        x = self._dropout(self._dropout(x, keys[0]).mean(1), keys[1])
        glorot = nn.initializers.glorot_uniform()
        if self.hidden:
            x = nn.Dense(self.hidden, kernel_init=glorot)(x)
        return nn.Dense(1, kernel_init=glorot)(x)

    def _dropout(self, x: Array, key: PRNGKeyArray | None) -> Array:
        return x if key is None else dropout(x, self.rate, key)


def _uniform(key: PRNGKeyArray, shape: tuple[int, ...]) -> Array:
    """Word vectors start uniform between -0.05 and 0.05, Keras' default for embeddings."""
    return jax.random.uniform(key, shape, minval=-0.05, maxval=0.05)
