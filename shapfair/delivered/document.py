"""The document beside the weights: all that is needed to use a model, and to know what it is.

A document is strict JSON of a fixed form, :data:`FORM`. It has a digest over its own content and
one over the weights, so that an edited number, a document in the place of another and weights of
somebody else are found. That finds accidents, not forgers: whoever writes a document can write its
digest, too. What forgers cannot make is the signature of the allocation's receipt, which the
document names.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shapfair.delivered.weights import DTYPES, Kind
from shapfair.valuation.store import digest

FORMAT = "shapfair model 1"
"""Name and version of the form."""

LARGEST = 2**24
"""Most bytes of a document."""


class NotADocument(ValueError):
    """The file is something else, not a damaged document."""


class OrNull:
    """A form of which ``null`` may take the place."""

    def __init__(self, form: Any) -> None:
        self.form = form


class Each:
    """An object with any keys, or a list, whose values have one form."""

    def __init__(self, form: Any, kind: type = dict) -> None:
        self.form, self.kind = form, kind


SHA256 = re.compile("[0-9a-f]{64}")

TEXT = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,1000}")

EXACT = 2**53
"""Whole numbers up to this size are floats, too."""

FORM: dict[str, Any] = {
    "format": re.compile(re.escape(FORMAT)),
    "party": {"name": TEXT, "number": int, "parties": Each(TEXT, list)},
    "experiment": {"name": TEXT, "digest": SHA256, "data": TEXT, "seed": int},
    "target": {"accuracy": float, "own": float, "best": float, "alone": OrNull(float)},
    "price": OrNull(
        {"payoff": float, "scaling": float, "exchange_rate": float, "receipt": OrNull(SHA256)}
    ),
    "result": {
        "start": Each(float, list),
        "alone": float,
        "validation": float,
        "test": float,
        "step": float,
        "reached": bool,
        "outcome": TEXT,
        "curve": Each(Each(float, list), list),
    },
    "task": re.compile("classification|regression|own"),
    "labels": Each(TEXT, list),
    "inputs": dict,
    "network": {
        "name": TEXT,
        "fields": dict,
        "program": OrNull(SHA256),
        "inputs": {"shape": Each(int, list), "dtype": TEXT},
    },
    "weights": {
        "file": TEXT,
        "sha256": SHA256,
        "arrays": Each({"shape": Each(int, list), "dtype": re.compile("|".join(DTYPES))}),
    },
    "versions": Each(TEXT),
    "digest": SHA256,
}
"""What every key holds, which is a type, a pattern for the whole of a text, or a form again.

``party.number`` counts from 1 in the order of ``party.parties``. ``target`` is what was ordered,
and ``price`` what the allocation says of the party, in its units. ``result`` is what was made:
``start`` has validation and test accuracy of the party's own model, ``alone`` that over all test
examples, ``curve`` pairs of step and validation accuracy. ``inputs`` says how raw inputs are read,
and ``network.inputs`` what then comes into the network. Networks of the paper have ``fields``,
others a ``program``, the digest of what they compute.
"""


def file_name(number: int | str, ending: str) -> str:
    """Name of a file of the party with this number, such as ``party-1.json``; ``*`` for any."""
    return f"party-{number}.{ending}"


def to_bytes(document: Mapping[str, Any]) -> bytes:
    """Content of the file, with the digest of now.

    Raises:
        ValueError: if a number is not finite.
    """
    content = {key: value for key, value in document.items() if key != "digest"}
    whole = {**content, "digest": digest(content)}
    return (json.dumps(whole, ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode()


def read(path: Path) -> dict[str, Any]:
    """A document that is of the right form, unedited, and bears the name of its party.

    Raises:
        NotADocument: (a ValueError) if the file is not of this kind at all.
        ValueError: if the document is damaged or in the place of another.
        OSError: if it cannot be read.
    """
    document = _parsed(path)
    try:
        check_form(document, FORM, "")
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not a document of a delivered model ({error})") from None
    content = {key: value for key, value in document.items() if key != "digest"}
    if digest(content) != document["digest"]:
        raise ValueError(f"{path}: was edited since it was written: get the file again")
    party, weights = document["party"], document["weights"]["file"]
    names = party["parties"]
    if not 1 <= party["number"] <= len(names) or names[party["number"] - 1] != party["name"]:
        raise ValueError(
            f"{path}: party {party['name']} is not number {party['number']} of {names}"
        )
    wanted = file_name(party["number"], "json")
    if path.name != wanted or weights != file_name(party["number"], "safetensors"):
        raise ValueError(
            f"{path}: the document of party {party['name']}, whose files are named {wanted} and "
            f"{file_name(party['number'], 'safetensors')}"
        )
    return document


def check_form(value: Any, form: Any, where: str) -> None:
    """Refuse what does not have the form.

    Args:
        value: of JSON.
        form: see :data:`FORM`.
        where: keys that lead to the value, each with a point after it.

    Raises:
        ValueError: naming the first key that is wrong.
    """
    if isinstance(form, OrNull):
        if value is not None:
            check_form(value, form.form, where)
    elif isinstance(form, Each):
        _check_type(value, form.kind, where)
        for one in value.values() if form.kind is dict else value:
            check_form(one, form.form, where)
    elif isinstance(form, dict):
        _check_type(value, dict, where)
        for key in sorted(form.keys() ^ value.keys()):
            what = "is missing" if key in form else "is not known"
            raise ValueError(f"{where}{key[:100]!r} {what}")
        for key, inner in form.items():
            check_form(value[key], inner, f"{where}{key}.")
    elif isinstance(form, re.Pattern):
        if not (isinstance(value, str) and form.fullmatch(value)):
            raise ValueError(f"{where[:-1]} cannot be {_short(value)}")
    else:
        _check_type(value, form, where)


def arrays_of(document: Mapping[str, Any]) -> dict[str, Kind]:
    """Shape and type of every array of the weights."""
    arrays = document["weights"]["arrays"]
    return {name: Kind(tuple(one["shape"]), one["dtype"]) for name, one in arrays.items()}


def _parsed(path: Path) -> dict[str, Any]:
    """A JSON object that says that it is a delivered model."""
    if path.stat().st_size > LARGEST:
        raise NotADocument(f"{path}: not a delivered model, it is too large for its document")
    try:
        document = json.loads(
            path.read_bytes().decode(),
            object_pairs_hook=_unique,
            parse_constant=_refuse,
            parse_float=_finite,
        )
    except (ValueError, RecursionError) as error:
        raise NotADocument(f"{path}: not a delivered model ({error})") from None
    found = document.get("format") if isinstance(document, dict) else None
    if not (isinstance(found, str) and found.startswith("shapfair model ")):
        raise NotADocument(f"{path}: not a delivered model: its format is not {FORMAT!r}")
    if found != FORMAT:
        raise ValueError(f"{path}: has the format {found[:40]!r}, of another shapfair: update it")
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for key, times in Counter(key for key, _ in pairs).items():
        if times > 1:
            raise ValueError(f"the key {key[:100]!r} is there twice")
    return dict(pairs)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError(f"{text[:40]} is too large")
    return value


def _check_type(value: Any, kind: type, where: str) -> None:
    kinds = (int, float) if kind is float else (kind,)
    too_large = type(value) is int and abs(value) > EXACT
    if type(value) not in kinds or too_large:
        raise ValueError(f"{where[:-1]} cannot be {_short(value)}")


def _short(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
