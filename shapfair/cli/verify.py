"""``shapfair verify``: check a receipt against its value table, and who has signed it."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shapfair import documents, files
from shapfair.cli.options import words_of

WRONG = ("fault: ", "not signed: ")
"""Beginnings of lines that make the exit status 1."""

FORM = ("input", "options", "seeds", "budgets", "desired", "command", "warnings")
"""Keys that the independent checker takes as they are or by their numbers alone."""

NEEDED = "the first file has to be one that `shapfair allocate --format json` wrote"
"""What a file lacks that is no receipt."""

OF_THE_TABLE = "receipt['input']"
"""How a fault begins if the table is not the one that the receipt is for."""

TRUSTED = (
    "that the values are what the models of the coalitions are worth",
    "that budgets, desired values, exchange rate and repair are what the parties agreed on",
    "that models of these values are delivered, and these payoffs paid",
    "which program wrote the receipt",
)
"""What nobody can check."""


def add_verify(subparsers: Any) -> None:
    """Describe ``shapfair verify``."""
    parser = subparsers.add_parser(
        "verify",
        help="check a receipt, and who has signed it",
        description="Check a receipt, which `shapfair allocate --format json` writes, against its "
        "value table. The exit status is 0 if all holds, 1 if something does not, and 2 if a file "
        "cannot be checked.",
        epilog="example: shapfair verify receipt.json clinics.csv",
    )
    add = parser.add_argument
    add("receipt", metavar="RECEIPT", type=Path, help="the receipt, .json")
    add("values", metavar="VALUES", type=Path, help="its value table, .csv or .json")
    add(
        "--signers",
        metavar="FILE",
        type=Path,
        help="the parties' keys, as OpenSSH's allowed_signers: check the signatures beside the "
        "receipt, RECEIPT.sig and RECEIPT.*.sig, and that every party has signed",
    )
    parser.set_defaults(handler=_verify, words=words_of(parser))


def _verify(arguments: argparse.Namespace) -> int:
    content, values = files.read(arguments.receipt), files.read(arguments.values)
    lines = findings(content, arguments.values, values)
    if arguments.signers and not lines[0].startswith(WRONG):
        lines += _by_the_parties(arguments, content)
    show(lines)
    return int(any(line.startswith(WRONG) for line in lines))


def findings(content: bytes, path: Path, values: bytes) -> list[str]:
    """What was checked and what cannot be; or the first thing that is wrong.

    Args:
        content: of the receipt.
        path: of the value table.
        values: what that file holds.

    Raises:
        ValueError: if the receipt or the table cannot be checked.
    """
    from shapfair import receipt, verifier

    stated, source = _receipt(content), receipt.Source.of(path, values)
    if source.game.n > verifier.MOST_PARTIES:
        raise ValueError(
            f"{path}: {source.game.n} parties, receipts of at most {verifier.MOST_PARTIES} are "
            "checked"
        )
    try:
        _, *open_ = verifier.check(content, values)
        again = receipt.again(stated, source)
        faults = [f"fault: {fault}" for fault in _other_form(stated, again)]
    except Exception as error:  # whatever the checker stumbles over, the receipt does not hold
        fault = _words(error)
        other = f"; {path} is not its table, or one of the two was edited"
        return [f"fault: {fault}{other if fault.startswith(OF_THE_TABLE) else ''}"]
    return faults or [*_checked(again, open_), *(f"not checked: {what}" for what in TRUSTED)]


def _receipt(content: bytes) -> dict[str, Any]:
    """What a file holds that says it is a receipt."""
    from shapfair.receipt import FORMAT

    try:
        stated = documents.parse(content)
    except ValueError as error:
        raise ValueError(f"receipt: {error}; {NEEDED}") from None
    if not isinstance(stated, dict) or stated.get("format") != FORMAT:
        raise ValueError(f"receipt: not a {FORMAT}; {NEEDED}")
    return stated


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, ValueError) else f"receipt: {error!r}"


def _other_form(stated: dict[str, Any], again: dict[str, Any]) -> Iterator[str]:
    """Where a receipt whose numbers are right differs from what shapfair gives."""
    if not isinstance(stated["written_by"], str):
        yield f"receipt['written_by'] is {stated['written_by']!a:.80}, need a text"
    for key in FORM:
        found, right = (json.dumps(one[key], sort_keys=True) for one in (stated, again))
        if found != right:
            yield f"receipt[{key!r}] is {found:.200}, {again['written_by']} gives {right:.200}"


def _checked(again: dict[str, Any], open_: list[str]) -> Iterator[str]:
    """What has been found right, from a receipt that was given again; what to know of it."""
    source, warnings = again["input"], again["warnings"]
    closed = "closed: within the budgets nobody could pay more or get a better model"
    yield f"checked: value table, {source['bytes']} bytes with the SHA-256 {source['sha256']}"
    yield f"checked: all coalitions of {len(again['parties'])} parties, tables: {again['seeds']}"
    yield f"checked: options, as in {again['command']}"
    yield "checked: Shapley values and flows, by their definition and by Equation (5)"
    yield "checked: scaling factors, the greatest within budgets and desired values"
    yield f"checked: certificates, {'not all closed' if open_ else closed}"
    yield "checked: costs, revenues, model values, and payoffs, which sum to 0"
    yield "checked: means and standard errors over the tables"
    yield f"checked: warnings, {len(warnings)}, as {again['written_by']} gives them"
    yield from open_
    yield from (f"warning: {warning}" for warning in warnings)


def show(lines: list[str]) -> None:
    """Print what a terminal can show, and nothing that it would take for a command."""
    code = sys.stdout.encoding or "ascii"
    for line in lines:
        seen = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
        print(seen.encode(code, "backslashreplace").decode(code))


def _by_the_parties(arguments: argparse.Namespace, content: bytes) -> Iterator[str]:
    """Who has signed and who has not."""
    from shapfair.signatures import signatures

    parties = json.loads(content)["parties"]
    found = signatures(arguments.receipt, content, arguments.signers, parties)
    for party, keys in found.signed.items():
        yield from (f"signed: {party}, by {key}" for key in keys)
        if not keys:
            yield f"not signed: {party}"
    yield from (f"fault: {fault}" for fault in found.faults)
