"""From raw inputs to what a network sees: pictures, texts, or numbers of one's own.

An experiment is trained on arrays. Who uses one of its models has pictures or texts; what makes
such arrays of them is described here and goes with the model in JSON. It refuses what cannot be
meant.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar, TypeAlias

import numpy as np
from jaxtyping import Shaped, UInt8, UInt16

from shapfair.datasets.text import Vocabulary, words

WHITE = 255
"""The largest value of a pixel; the least is 0."""


@dataclass(frozen=True)
class Images:
    """Pictures of whole numbers from 0 to 255.

    Args:
        shape: of a picture: rows and columns, and 3 channels (red, green, blue) if it has colours.
            Grey pictures may come as rows of pixels, too; with colours, nothing would tell in which
            order.
    """

    shape: tuple[int, ...]

    kind: ClassVar[str] = "images"

    @property
    def seen(self) -> tuple[tuple[int, ...], str]:
        """Shape and type of an input as the network sees it."""
        return (prod(self.shape),), "uint8"

    def read(self, raw: Any) -> UInt8[np.ndarray, "inputs pixels"]:
        """What the network sees of pictures.

        Args:
            raw: numbers, shape ``(pictures, *shape)``, for grey ones also ``(pictures, pixels)``.

        Raises:
            ValueError: if they are not such pictures, or cannot be meant: pixels between 0 and 1.
        """
        pixels, flat = _finite_numbers(raw), (prod(self.shape),)
        shapes = [self.shape, flat] if len(self.shape) == 2 else [self.shape]
        _check_shape(pixels, shapes)
        low, high = pixels.min(), pixels.max()
        if low < 0 or high > WHITE:
            raise ValueError(f"inputs: numbers from {low:g} to {high:g}, {_PIXELS}")
        if 0 < high <= 1:
            raise ValueError(
                f"inputs: no number is above {high:g}, {_PIXELS}: multiply shares by 255 and round"
            )
        _check_whole(pixels, f"{_PIXELS}: round them")
        return pixels.astype(np.uint8).reshape(len(pixels), -1)

    def to_json(self) -> dict[str, Any]:
        """All fields; :func:`from_json` reads them."""
        return {"kind": self.kind, "shape": list(self.shape), "pixels": [0, WHITE]}


_PIXELS = f"but pixels are whole numbers from 0 to {WHITE}"


@dataclass(frozen=True)
class Texts:
    """Texts, of which the network sees the ids of the first words.

    Args:
        words: the vocabulary, see :class:`~shapfair.datasets.text.Vocabulary`.
        length: words of a text that count.
    """

    words: tuple[str, ...]
    length: int = 250

    kind: ClassVar[str] = "texts"

    @property
    def seen(self) -> tuple[tuple[int, ...], str]:
        """Shape and type of an input as the network sees it."""
        return (self.length,), "uint16"

    def read(self, raw: Any) -> UInt16[np.ndarray, "inputs length"]:
        """What the network sees of texts.

        Args:
            raw: a sequence of strings.

        Raises:
            ValueError: if they are not texts, or one has no words.
        """
        if isinstance(raw, str):
            raise ValueError("inputs: a single text, need a list of texts")
        if isinstance(raw, np.ndarray) and raw.dtype.kind != "U":
            raise ValueError(f"inputs: an array of {raw.dtype}, need a list of texts")
        if not isinstance(raw, Sequence | np.ndarray):
            raise ValueError(f"inputs: a {type(raw).__name__}, need a list of texts")
        for k, text in enumerate(raw, start=1):
            if not isinstance(text, str):
                raise ValueError(f"inputs: number {k} is a {type(text).__name__}, need a text")
            if not words(text):
                raise ValueError(f"inputs: text {k} has no words, leave it out")
        if len(raw) == 0:
            raise ValueError("inputs: there are none, need at least one")
        return Vocabulary(self.words).encode(list(raw), self.length)

    def to_json(self) -> dict[str, Any]:
        """All fields; :func:`from_json` reads them."""
        return {"kind": self.kind, "length": self.length, "vocabulary": list(self.words)}


@dataclass(frozen=True)
class Numbers:
    """Arrays of one's own, as the experiment was trained on them.

    Args:
        shape: of an input.
        dtype: its type, by NumPy's name, such as ``"float32"``.
    """

    shape: tuple[int, ...]
    dtype: str

    kind: ClassVar[str] = "numbers"

    @property
    def seen(self) -> tuple[tuple[int, ...], str]:
        """Shape and type of an input as the network sees it."""
        return self.shape, self.dtype

    def read(self, raw: Any) -> Shaped[np.ndarray, "inputs ..."]:
        """What the network sees of arrays.

        Args:
            raw: numbers, shape ``(inputs, *shape)``.

        Raises:
            ValueError: if they are not such numbers, or the type cannot hold them.
        """
        numbers, dtype = _finite_numbers(raw), np.dtype(self.dtype)
        _check_shape(numbers, [self.shape])
        if dtype.kind == "f":
            with np.errstate(over="ignore"):
                return _finite_numbers(numbers.astype(dtype))
        limits = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        if numbers.min() < limits[0] or numbers.max() > limits[1]:
            raise ValueError(
                f"inputs: numbers from {numbers.min():g} to {numbers.max():g}, but the model takes "
                f"{dtype}"
            )
        _check_whole(numbers, f"but the model takes {dtype}")
        return numbers.astype(dtype)

    def to_json(self) -> dict[str, Any]:
        """All fields; :func:`from_json` reads them."""
        return {"kind": self.kind, "shape": list(self.shape), "dtype": self.dtype}


Inputs: TypeAlias = Images | Texts | Numbers
"""How raw inputs are read."""

DTYPES = """
bool int8 uint8 int16 uint16 int32 uint32 float16 float32
""".split()
"""Types of numbers that networks see; JAX computes with at most 32 bits."""

LONGEST = 2**16
"""Most words of a text that a description may ask for."""


def from_json(document: Mapping[str, Any]) -> Inputs:
    """What ``to_json`` wrote.

    Raises:
        ValueError: if it is something else.
    """
    kind = document.get("kind")
    made: Inputs
    if kind == "images" and _is_shape(document.get("shape")) and len(document["shape"]) in (2, 3):
        made = Images(tuple(document["shape"]))
    elif kind == "numbers" and _is_shape(document.get("shape")) and document.get("dtype") in DTYPES:
        made = Numbers(tuple(document["shape"]), document["dtype"])
    elif kind == "texts" and _is_length(document.get("length")) and _are_words(document):
        made = Texts(tuple(document["vocabulary"]), document["length"])
    else:
        raise ValueError(f"inputs: {str(kind)[:40]!r} is not a description of inputs")
    if made.to_json() != document:
        raise ValueError(f"inputs: not a description of {kind}")
    return made


def _is_shape(value: Any) -> bool:
    return isinstance(value, list) and all(type(size) is int and size > 0 for size in value)


def _is_length(value: Any) -> bool:
    return type(value) is int and 0 < value <= LONGEST


def _are_words(document: Mapping[str, Any]) -> bool:
    found = document.get("vocabulary")
    if not (isinstance(found, list) and all(isinstance(word, str) for word in found)):
        return False
    return len(set(found)) == len(found) <= 2**16 - 2


def _finite_numbers(raw: Any) -> np.ndarray:
    """An array of finite numbers."""
    try:
        array = np.asarray(raw)
    except ValueError:
        raise ValueError("inputs: rows of different lengths, need an array of numbers") from None
    if array.dtype.kind in "US":
        raise ValueError("inputs: texts, need numbers")
    if array.dtype.kind == "b":
        return array.astype(np.uint8)
    if array.dtype.kind not in "iuf":
        raise ValueError(f"inputs: an array of {array.dtype}, need numbers")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        where = np.argwhere(~np.isfinite(array))[0].tolist()
        raise ValueError(f"inputs: {array[tuple(where)]} at {where}, need finite numbers")
    return array


def _check_shape(array: np.ndarray, shapes: Sequence[tuple[int, ...]]) -> None:
    if array.ndim == 0 or array.shape[1:] not in shapes:
        wanted = " or ".join(f"({', '.join(['inputs', *map(str, shape)])})" for shape in shapes)
        raise ValueError(f"inputs: shape {array.shape}, need {wanted}")
    if len(array) == 0:
        raise ValueError("inputs: there are none, need at least one")


def _check_whole(array: np.ndarray, reason: str) -> None:
    if array.dtype.kind == "f" and not (whole := array == np.floor(array)).all():
        raise ValueError(f"inputs: {array[~whole][0]:g} found, {reason}")
