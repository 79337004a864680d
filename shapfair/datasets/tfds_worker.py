"""The process that works with tensorflow-datasets, see :func:`shapfair.datasets.sources.from_tfds`.

``python -m shapfair.datasets.tfds_worker BUILDER DATA_FOLDER OUT`` prepares the data set in
``DATA_FOLDER``, unless it is there already, and writes its arrays to ``OUT`` (npz). If that fails,
the reason is the only thing on standard output.
"""

import sys
import threading
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

SECONDS = 3.0
"""How long a source may take to answer."""


def main(builder_name: str, data_folder: str, out: str) -> None:
    """Prepare a data set if need be, and copy it into one file."""
    import tensorflow_datasets as tfds

    builder = tfds.builder(builder_name, data_dir=data_folder, file_format="array_record")
    if not builder.is_prepared():
        if find_spec("tensorflow") is None:
            raise ImportError("TensorFlow, which prepares the data set, is not installed")
        for url in missing_downloads(builder, Path(data_folder) / "downloads"):
            require_answer(url)
        builder.download_and_prepare()
    train_inputs, train_labels = records(builder, "train")
    test_inputs, test_labels = records(builder, "test")
    np.savez(
        out,
        train_inputs=train_inputs,
        train_labels=train_labels,
        test_inputs=test_inputs,
        test_labels=test_labels,
    )


def missing_downloads(builder: Any, downloads: Path) -> list[str]:
    """Addresses that preparing would have to download."""
    from tensorflow_datasets.core.download.resource import get_dl_fname, is_locally_cached

    folder = downloads / builder.name
    return [
        url
        for url, file in builder.url_infos.items()
        if not is_locally_cached(folder / get_dl_fname(url, file.checksum))
    ]


def require_answer(url: str) -> None:
    """Raise ConnectionError unless the address answers within :data:`SECONDS`.

    tensorflow-datasets itself would wait for ever. A thread keeps the time, as no time limit of the
    connection covers the look-up of its name.
    """
    import requests

    outcome: list[str] = []

    def ask() -> None:
        try:
            with requests.get(url, stream=True, timeout=SECONDS) as answer:
                outcome.append("" if answer.ok else f"answers with status {answer.status_code}")
        except requests.RequestException:
            outcome.append("is not reachable")

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(SECONDS)
    problem = outcome[0] if outcome else f"does not answer within {SECONDS:.0f} seconds"
    if problem:
        raise ConnectionError(f"{url} {problem}")


def records(builder: Any, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and labels of a split.

    Inputs are one flat row for each record; texts are bytes one after the other, in which white
    space is a single space and a newline ends each text.
    """
    input_key, label_key = builder.info.supervised_keys
    # One pass: a record is unpacked anew, picture and all, each time that it is looked at.
    pairs = [(record[input_key], record[label_key]) for record in builder.as_data_source(split)]
    labels = np.array([label for _, label in pairs], np.uint8)
    if isinstance(pairs[0][0], bytes):
        texts = (" ".join(text.decode().split()) + "\n" for text, _ in pairs)
        return np.frombuffer("".join(texts).encode(), np.uint8), labels
    return np.stack([picture.ravel() for picture, _ in pairs]), labels


if __name__ == "__main__":
    try:
        with redirect_stdout(sys.stderr):
            main(*sys.argv[1:])
    except Exception as error:
        print(" ".join(f"{type(error).__name__}: {error}".split()))
        raise SystemExit(1) from error
