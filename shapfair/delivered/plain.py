"""The networks of the paper in NumPy, for parties that use a model and train none.

Each says which arrays its weights are, and computes from them what the Flax network of the same
name in :mod:`shapfair.paper.networks` computes, written as one would write it by hand. Kernels have
the inputs as rows and the outputs as columns; that of a convolution has the shape (3, 3, channels,
filters). :data:`NETWORKS` has them by name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float32, Shaped

from shapfair.delivered.document import Each, check_form

Weights = Mapping[str, np.ndarray]
"""Name of an array, as in ``params/Dense_0/kernel``, and the array."""

Shapes = dict[str, tuple[int, ...]]


class Network(Protocol):
    """A network in NumPy; its fields are those of the Flax network."""

    def shapes(self, inputs: tuple[int, ...]) -> Shapes:
        """Name and shape of every array of the weights, for inputs of this shape."""
        ...

    def outputs(self, weights: Weights, x: Any) -> Float32[np.ndarray, "batch outputs"]:
        """Outputs for a batch of inputs: one for each class, or a single one for two classes."""
        ...


@dataclass(frozen=True)
class MLP:
    """The MNIST network (App. J.1): layers ``params/Dense_0``, ``Dense_1``, ... with ReLU between.

    Args:
        hidden: widths of the hidden layers.
        classes: number of labels.
    """

    hidden: tuple[int, ...]
    classes: int

    def shapes(self, inputs: tuple[int, ...]) -> Shapes:
        """See :class:`Network`."""
        _check_inputs(inputs)
        widths = (inputs[-1], *self.hidden, self.classes)
        shapes: Shapes = {}
        for k, (wide, narrow) in enumerate(pairwise(widths)):
            shapes |= _dense_shapes(k, wide, narrow)
        return shapes

    def outputs(
        self, weights: Weights, x: Shaped[np.ndarray, "batch pixels"]
    ) -> Float32[np.ndarray, "batch outputs"]:
        """See :class:`Network`."""
        x = x.astype(np.float32) / 255
        for k in range(len(self.hidden)):
            x = _relu(_dense(weights, k, x))
        return _dense(weights, len(self.hidden), x)


@dataclass(frozen=True)
class CNN:
    """The CIFAR-10 network (App. J.2): three 3x3 convolutions, two dense layers without ReLU.

    Each convolution, ``params/conv1_kernel`` and ``params/conv1_bias`` and so on, is followed by
    ReLU, the first two by 2x2 max-pooling as well.

    Args:
        filters: numbers of filters of the convolutions.
        hidden: width of the first dense layer.
        classes: number of labels.
    """

    filters: tuple[int, ...]
    hidden: int
    classes: int

    def shapes(self, inputs: tuple[int, ...]) -> Shapes:
        """See :class:`Network`."""
        _check_inputs(inputs, 32 * 32 * 3)
        shapes: Shapes = {}
        for k, (deep, filters) in enumerate(
            zip((3, *self.filters[:-1]), self.filters, strict=True)
        ):
            shapes[f"params/conv{k + 1}_kernel"] = (3, 3, deep, filters)
            shapes[f"params/conv{k + 1}_bias"] = (filters,)
        flat = 4 * 4 * self.filters[-1]
        return {
            **shapes,
            **_dense_shapes(0, flat, self.hidden),
            **_dense_shapes(1, self.hidden, self.classes),
        }

    def outputs(
        self, weights: Weights, x: Shaped[np.ndarray, "batch pixels"]
    ) -> Float32[np.ndarray, "batch outputs"]:
        """See :class:`Network`."""
        x = x.reshape(-1, 32, 32, 3).astype(np.float32) / 255
        x = _pool(_relu(_convolution(weights, 1, x)))
        x = _pool(_relu(_convolution(weights, 2, x)))
        x = _relu(_convolution(weights, 3, x)).reshape(len(x), -1)
        return _dense(weights, 1, _dense(weights, 0, x))


@dataclass(frozen=True)
class WordAverage:
    """The IMDB network (App. J.3): mean of the word vectors, dense layers without ReLU.

    Args:
        words: number of word ids.
        width: length of a word vector; they are ``params/vectors``, one after the other.
        hidden: width of the first of two dense layers; 0 if there is only one.
        rate: of dropout, in training alone.
    """

    words: int
    width: int
    hidden: int
    rate: float

    def shapes(self, inputs: tuple[int, ...]) -> Shapes:
        """See :class:`Network`."""
        _check_inputs(inputs)
        shapes: Shapes = {"params/vectors": (self.words * self.width,)}
        if self.hidden:
            shapes |= _dense_shapes(0, self.width, self.hidden)
        last = int(self.hidden > 0)
        return shapes | _dense_shapes(last, self.hidden or self.width, 1)

    def outputs(
        self, weights: Weights, x: Shaped[np.ndarray, "batch positions"]
    ) -> Float32[np.ndarray, "batch 1"]:
        """See :class:`Network`."""
        if x.dtype.kind not in "iu" or x.min() < 0 or x.max() >= self.words:
            raise ValueError(
                f"inputs: {x.dtype} from {x.min()} to {x.max()}, need words 0 to {self.words - 1}"
            )
        mean = weights["params/vectors"].reshape(self.words, self.width)[x].mean(1)
        for k in range(1 + (self.hidden > 0)):
            mean = _dense(weights, k, mean)
        return mean


NETWORKS: dict[str, Callable[..., MLP | CNN | WordAverage]] = {
    network.__name__: network for network in (MLP, CNN, WordAverage)
}
"""The networks by the name in a document."""

FIELDS = {
    "MLP": {"hidden": Each(int, list), "classes": int},
    "CNN": {"filters": Each(int, list), "hidden": int, "classes": int},
    "WordAverage": {"words": int, "width": int, "hidden": int, "rate": float},
}
"""Form of their fields in a document."""


def network_of(name: str, given: Mapping[str, Any]) -> MLP | CNN | WordAverage:
    """A network by its name and fields, as a document has them.

    Raises:
        ValueError: if there is none such.
    """
    if name not in NETWORKS:
        raise ValueError(f"network: there is no {name}, only {', '.join(NETWORKS)}")
    check_form(given, FIELDS[name], "network.fields.")
    values = {key: tuple(one) if isinstance(one, list) else one for key, one in given.items()}
    if name == "CNN" and len(values["filters"]) != 3:
        raise ValueError(f"network CNN: three convolutions, not {len(values['filters'])}")
    return NETWORKS[name](**values)


def _check_inputs(inputs: tuple[int, ...], size: int | None = None) -> None:
    if len(inputs) != 1 or size not in (None, *inputs):
        raise ValueError(f"network: takes rows of {size or 'any number of'} numbers, not {inputs}")


def _dense_shapes(k: int, inputs: int, outputs: int) -> Shapes:
    return {f"params/Dense_{k}/kernel": (inputs, outputs), f"params/Dense_{k}/bias": (outputs,)}


def _dense(weights: Weights, k: int, x: np.ndarray) -> np.ndarray:
    layer = f"params/Dense_{k}"
    return np.asarray(x @ weights[f"{layer}/kernel"] + weights[f"{layer}/bias"])


def _relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def _convolution(weights: Weights, k: int, x: np.ndarray) -> np.ndarray:
    """3x3 convolution without padding, as a product of all windows with the filters."""
    kernel = weights[f"params/conv{k}_kernel"]
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (1, 2))  # ..., channel, dy, dx
    rows = windows.transpose(0, 1, 2, 4, 5, 3).reshape(*windows.shape[:3], -1)
    return np.asarray(rows @ kernel.reshape(-1, kernel.shape[-1]) + weights[f"params/conv{k}_bias"])


def _pool(x: np.ndarray) -> np.ndarray:
    """Largest of every 2x2 block; an odd row or column at the end is left out."""
    batch, height, width, channels = x.shape
    even = x[:, : height // 2 * 2, : width // 2 * 2]
    return np.asarray(even.reshape(batch, height // 2, 2, width // 2, 2, channels).max((2, 4)))
