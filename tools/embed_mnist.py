"""Write the embedded subset of MNIST: ``python tools/embed_mnist.py``.

The subset is stratified: the first 500 training and 100 test images of every digit in canonical
order. Needs the full data set, cached or reachable.
"""

import json
import lzma
from dataclasses import replace

import numpy as np

from shapfair.datasets import DataError, Dataset, load
from shapfair.datasets.mnist import MNIST
from shapfair.datasets.sources import EMBEDDED

TRAIN_PER_CLASS, TEST_PER_CLASS = 500, 100


def first_of_each_class(labels: np.ndarray, count: int) -> np.ndarray:
    """Positions of the first ``count`` records of every class, ascending."""
    return np.sort(np.concatenate([np.flatnonzero(labels == c)[:count] for c in np.unique(labels)]))


def subset_of(full: Dataset) -> Dataset:
    """The embedded subset of the full data set."""
    train = first_of_each_class(full.train_labels, TRAIN_PER_CLASS)
    test = first_of_each_class(full.test_labels, TEST_PER_CLASS)
    return replace(
        full,
        train_inputs=full.train_inputs[train],
        train_labels=full.train_labels[train],
        test_inputs=full.test_inputs[test],
        test_labels=full.test_labels[test],
        source="embedded",
        size="embedded",
    )


def provenance(full: Dataset, subset: Dataset) -> dict[str, object]:
    """What a stranger needs to know about the file."""
    return {
        "name": "mnist",
        "title": f"{MNIST.title}, stratified subset",
        "citation": MNIST.citation,
        "made_by": "tools/embed_mnist.py",
        "selection": f"first {TRAIN_PER_CLASS} training and {TEST_PER_CLASS} test images of every "
        "digit in canonical order (by SHA-256 of label byte and image bytes)",
        "format": "xz; train_inputs (5000, 784), train_labels, test_inputs (1000, 784), "
        "test_labels, one after the other as unsigned bytes",
        "sha256": subset.digest,
        "sha256_of_full": full.digest,
    }


def main() -> None:
    """Write the subset and its provenance into the package."""
    full = load("mnist")
    if full.size != "full":
        raise DataError("the full data set is needed to make the subset")
    subset = subset_of(full)
    (EMBEDDED / "mnist.xz").write_bytes(
        lzma.compress(subset.to_bytes(), preset=9 | lzma.PRESET_EXTREME)
    )
    (EMBEDDED / "mnist.json").write_text(json.dumps(provenance(full, subset), indent=2) + "\n")


if __name__ == "__main__":
    main()
