"""A short campaign of the fuzzer, which has to find what is broken on purpose."""

import csv
import importlib
import json
import random
import warnings
from types import SimpleNamespace
from unittest import mock

import fuzz
import numpy as np
import pytest

from shapfair import documents, escapes, names, numerals, origin, tables
from shapfair.datasets import archive, bounded, cache, cifar10
from shapfair.datasets.dataset import Recipe
from shapfair.delivered import weights
from shapfair.filling import Filling
from shapfair.valuation import integrity, record

TARGETS = fuzz.targets()
INPUTS = {"command lines": 40, "stores": 30, "claims": 30}
"""Fewer of those that take long."""


def findings(name, number, seed="test"):
    """What the fuzzer finds, and whether inputs were both accepted and refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        outcomes = [found for _, found in fuzz.campaign(TARGETS[name], f"{seed} {name}", number)]
    return [found.finding for found in outcomes if found.finding], {
        found.word for found in outcomes
    }


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_is_found(name):
    found, words = findings(name, INPUTS.get(name, 250))
    assert found == []
    assert words == ({"accepted"} if name == "shown texts" else {"accepted", "refused"})


def test_inputs_come_from_the_seed():
    makes = [TARGETS["values json"].make(random.Random("7")) for _ in range(2)]
    assert makes[0] == makes[1]


def lenient_csv(*arguments, strict, **options):
    return csv_reader(*arguments, **options)


def size_without_checksum(header):
    try:
        return archive._octal(header[124:136])
    except ValueError:
        raise bounded.DataError("truncated or damaged") from None


def other_errors(name):
    found = importlib.import_module(name)
    return found if name.endswith("numpy") else SimpleNamespace(SafetensorError=KeyError)


csv_reader, taken = csv.reader, lambda *_, **__: None
BROKEN = {
    "values csv": [
        (tables.csv, "reader", lenient_csv),
        (tables, "_check_empty_value", taken),
        (tables, "_check_seed", taken),
        (Filling, "_check_complete", taken),
        (Filling, "_check_once", taken),
        (numerals, "number", float),
        (names, "check", taken),
    ],
    "values json": [
        (documents, "_unique_keys", dict),
        (documents, "parse", json.loads),
        (tables, "check_provenance", taken),
        (origin, "DEEPEST", 65),
        (tables, "_json_values", lambda rows, *_: np.array(rows, float)),
    ],
    "numbers": [
        (numerals, "number", float),
        (numerals, "whole", int),
        (numerals, "amount", float),
        (numerals, "positive", numerals.number),
    ],
    "names": [
        (names, "LONGEST", 101),
        (names, "is_formula", lambda name: name[:1] in "=+-@"),
        (names, "looks", lambda name: name),
        (names, "check_distinct", taken),
    ],
    "amounts": [(names, "find", lambda name, known: name if name in known else known[0])],
    "command lines": [(escapes, "line", str)],
    "shown texts": [(escapes, "html", str), (escapes, "_seen", str)],
    "cache": [(Recipe, "verified", lambda recipe, dataset, place: dataset)],
    "cache folder": [(cache.Path, "is_absolute", lambda path: True)],
    "archives": [
        (archive, "_REGULAR", (b"0", b"\0", b"2")),
        (archive, "_size_after", size_without_checksum),
        (bounded, "_whole", lambda found, ended: found),
    ],
    "pictures": [(cifar10, "Exception", OSError)],
    "store lines": [(record, "_is_record", lambda document: True)],
    "stores": [(integrity, "check", taken)],
    "deliveries": [(weights, "optional", other_errors)],
    "claims": [(fuzz.ledger, "_odd", taken), (fuzz.ledger.yaml, "YAMLError", KeyError)],
}
"""Parts of readers, and what is put in their place."""


@pytest.mark.parametrize(
    ("name", "where", "part", "other"),
    [(name, *change) for name, changes in BROKEN.items() for change in changes],
)
def test_what_is_broken_is_found(name, where, part, other):
    with mock.patch.object(where, part, other, create=True):
        for k in range(100):
            if findings(name, 5 if name in INPUTS else 50, f"broken {k}")[0]:
                return
    pytest.fail("not found")
