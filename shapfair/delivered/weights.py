"""Weights as plain arrays with names, in a safetensors file.

The name of an array is its path through Flax's variables: ``params/Dense_0/kernel``. The file is
read strictly: it must hold exactly the arrays that are expected, all of finite numbers.
"""

import hashlib
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from shapfair.extras import load as optional

DTYPES = """
bool int8 uint8 int16 uint16 int32 uint32 float16 float32
""".split()
"""Types of arrays that can be delivered."""

HEADER = 2**12
"""Most bytes of a file's header for the name, type and shape of each array, and for what is around
them."""


class Kind(NamedTuple):
    """Shape and type of an array."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def size(self) -> int:
        """Bytes of such an array."""
        return prod(self.shape) * np.dtype(self.dtype).itemsize


def flat(variables: Mapping[Any, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Name and array of every leaf, in the order of the names within each level.

    Raises:
        ValueError: if a leaf is no array of a type in :data:`DTYPES`, or a name has a slash.
    """
    for name in sorted(variables):
        path, value = f"{above}{name}", variables[name]
        if not isinstance(name, str) or "/" in name:
            raise ValueError(f"network: {path!r} cannot be the name of an array, it has a slash")
        if isinstance(value, Mapping):
            yield from flat(value, f"{path}/")
        elif str(getattr(value, "dtype", None)) not in DTYPES:
            found = getattr(value, "dtype", type(value).__name__)
            raise ValueError(
                f"network: {path} is of {found}, a model that is delivered has arrays of "
                f"{', '.join(DTYPES)}"
            )
        else:
            yield path, value


def nested(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Flax's variables of the arrays that :func:`flat` gave.

    Raises:
        ValueError: if a name is that of an array and of a level at once.
    """
    variables: dict[str, Any] = {}
    for path, array in arrays.items():
        *levels, name = path.split("/")
        place = variables
        for level in levels:
            place = place.setdefault(level, {})
            if not isinstance(place, dict):
                raise ValueError(f"weights: {path} is inside of another array")
        if name in place:
            raise ValueError(f"weights: {path} is there twice")
        place[name] = array
    return variables


def to_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Content of a safetensors file.

    Raises:
        MissingExtra: if safetensors is not installed.
    """
    dense = {name: np.array(array, order="C") for name, array in arrays.items()}
    content: bytes = optional("safetensors.numpy").save(dense)
    return content


def read(path: Path, expected: Mapping[str, Kind], sha256: str) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file, read-only.

    Args:
        path: of the file.
        expected: the arrays that it must hold.
        sha256: of the file, in hexadecimal digits.

    Raises:
        ValueError: if the file is another or holds anything else.
        OSError: if it cannot be read.
        MissingExtra: if safetensors is not installed.
    """
    library = optional("safetensors.numpy")
    size, wanted = path.stat().st_size, sum(kind.size for kind in expected.values())
    if not wanted < size <= wanted + HEADER * (len(expected) + 1):
        raise ValueError(f"{path}: {size:,} bytes, its arrays make {wanted:,} and a short header")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(f"{path}: not the weights that were saved with the document beside it")
    try:
        arrays: dict[str, np.ndarray] = library.load(content)
    except (optional("safetensors").SafetensorError, KeyError) as error:  # the latter is a type
        raise ValueError(f"{path}: not a safetensors file of plain numbers ({error})") from None
    try:
        check(arrays, expected)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    for array in arrays.values():
        array.flags.writeable = False
    return dict(sorted(arrays.items()))


def check(arrays: Mapping[str, np.ndarray], expected: Mapping[str, Kind]) -> None:
    """Refuse arrays that are not exactly those expected, or not of finite numbers.

    Raises:
        ValueError: naming the first array that is wrong.
    """
    for name in sorted(arrays.keys() ^ expected.keys()):
        what = "is missing" if name in expected else "is no array of this network"
        raise ValueError(f"weights: {name[:100]!r} {what}")
    for name, array in arrays.items():
        found = Kind(array.shape, str(array.dtype))
        if found != expected[name]:
            raise ValueError(f"weights: {name} is {_words(found)}, need {_words(expected[name])}")
        if not np.isfinite(array).all():
            raise ValueError(f"weights: {name} holds numbers that are not finite")


def _words(kind: Kind) -> str:
    return f"{kind.dtype} of shape {kind.shape}"
