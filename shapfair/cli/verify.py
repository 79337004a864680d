"""``shapfair verify``: check a receipt against its value table, and who has signed it."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shapfair.cli.options import words_of

WRONG = ("fault: ", "not signed: ")
"""Beginnings of lines that make the exit status 1."""


def add_verify(subparsers: Any) -> None:
    """Describe ``shapfair verify``."""
    parser = subparsers.add_parser(
        "verify",
        help="check a receipt, and who has signed it",
        description="Check a receipt, which `shapfair allocate --format json` writes, against its "
        "value table. The exit status is 0 if all holds, 1 if something does not, and 2 if a file "
        "cannot be checked.",
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
    from shapfair import verifier

    content, values = arguments.receipt.read_bytes(), arguments.values.read_bytes()
    lines = findings(content, arguments.values, values)
    if arguments.signers and not lines[0].startswith(WRONG):
        lines += _by_the_parties(arguments, content)
    verifier.show(lines)
    return int(any(line.startswith(WRONG) for line in lines))


def findings(content: bytes, path: Path, values: bytes) -> list[str]:
    """What the independent checker finds; and that shapfair gives this receipt and its warnings.

    Args:
        content: of the receipt.
        path: of the value table.
        values: what that file holds.

    Raises:
        ValueError: if the receipt or the table cannot be checked.
    """
    from shapfair import receipt, verifier

    lines = verifier.check(content, values)
    if lines[0].startswith(WRONG):
        return lines
    stated, source = json.loads(content), receipt.Source.of(path, values)
    try:
        again = receipt.again(stated, source)
    except ValueError as error:
        return [f"fault: shapfair gives no receipt for this: {error}"]
    writer, warnings = again["written_by"], again["warnings"]
    if stated["warnings"] != warnings:
        return [f"fault: receipt.warnings: {writer} gives {warnings!a}"]
    return [*lines, f"checked: wording of the warnings, as {writer} gives them"]


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
