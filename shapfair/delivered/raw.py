"""Raw inputs in files, and predictions as CSV, for the command line."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from shapfair import numerals
from shapfair.delivered.model import Predictions


def read_inputs(path: Path) -> Any:
    """Inputs of a model: an array, or a list of texts.

    Args:
        path: ``.npy``, in which nothing is executed; ``.csv`` with numbers alone, an input a line;
            ``.txt`` in UTF-8, a text a line.

    Raises:
        ValueError: if the file is none of these, naming the line if there are lines.
        OSError: if it cannot be read.
    """
    readers = {".npy": _array, ".csv": _numbers, ".txt": _texts}
    if path.suffix.lower() not in readers:
        raise ValueError(f"{path}: inputs are in a file that ends in {', '.join(readers)}")
    return readers[path.suffix.lower()](path)


def write_predictions(predictions: Predictions, labels: Sequence[str], file: Any) -> None:
    """Write a line for every input, numbered from 1.

    Args:
        predictions: label and probabilities, or without labels the outputs.
        labels: names of the classes.
        file: a text file open for writing.
    """
    writer = csv.writer(file, lineterminator="\n")
    numbers = predictions.probabilities
    if predictions.labels is None or numbers is None:
        outputs = predictions.outputs.reshape(len(predictions.outputs), -1)
        writer.writerow(["input", *(f"output {k + 1}" for k in range(outputs.shape[1]))])
        writer.writerows([k, *row] for k, row in enumerate(outputs.tolist(), start=1))
        return
    writer.writerow(["input", "label", *(f"probability of {label}" for label in labels)])
    for k, (label, row) in enumerate(zip(predictions.labels, numbers, strict=True), start=1):
        writer.writerow([k, label, *(f"{share:.6f}" for share in row)])


def _array(path: Path) -> np.ndarray:
    try:  # mapped into memory, so that a header that claims too much is found at once
        return np.lib.format.open_memmap(path, mode="r")
    except (ValueError, EOFError, OverflowError) as error:
        raise ValueError(f"{path}: not an array of numbers ({error})") from None


def _numbers(path: Path) -> np.ndarray:
    rows: list[list[float]] = []
    for line, text in enumerate(_texts(path), start=1):
        try:
            row = [numerals.number(cell.strip(" \t")) for cell in text.split(",")]
        except ValueError as error:
            raise ValueError(f"{path}: line {line}: {error}") from None
        rows.append(row)
        if len(row) != (wanted := len(rows[0])):
            raise ValueError(f"{path}: line {line}: {len(row)} numbers, the first has {wanted}")
    return np.array(rows, np.float64)


def _texts(path: Path) -> list[str]:
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ValueError(f"{path}: line {line}: not UTF-8 text") from None
    return text.removesuffix("\n").split("\n")  # and at no other sign that Unicode has for it
