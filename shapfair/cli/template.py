"""``shapfair template``: an empty value table to fill in."""

import argparse
import contextlib
import sys
from pathlib import Path
from typing import Any

from shapfair.cli.options import option_type, whole_file, words_of

SPREADSHEET_ROWS = 1_048_576
"""Most rows of a sheet in the common spreadsheet programs, header included."""


def add_template(subparsers: Any) -> None:
    """Describe ``shapfair template``."""
    parser = subparsers.add_parser(
        "template",
        help="write an empty table of coalition values to fill in",
        description="Write a CSV table with a row for every coalition of the parties, in which the "
        "values are to be filled in for `shapfair allocate`. 1 is a member, 0 is none.",
        epilog="example: shapfair template --parties A,B,C --out values.csv",
    )
    add = parser.add_argument
    add("--parties", metavar="A,B,C", default="", help="names of the parties")
    add(
        "--party",
        metavar="NAME",
        action="append",
        default=[],
        help="one more party, whose name may have commas (repeatable)",
    )
    add(
        "--seeds",
        metavar="K",
        type=option_type("whole"),
        default=1,
        help="number of tables, such as values from K runs (default: 1)",
    )
    add("--out", metavar="FILE.csv", type=Path, help="write to FILE instead of the terminal")
    parser.set_defaults(handler=_template, words=words_of(parser))


def _template(arguments: argparse.Namespace) -> int:
    from shapfair import tables

    given = arguments.parties.split(",") if arguments.parties else []
    parties = [name.strip(" ") for name in given] + arguments.party
    if not parties:
        raise ValueError("parties: no parties, need their names, such as --parties A,B,C")
    tables.check_parties(parties)
    if arguments.seeds < 1:
        raise ValueError(f"seeds: {arguments.seeds}, need at least 1")
    _check_size(len(parties), arguments.seeds)
    values = ["0", *[""] * (2 ** len(parties) - 1)]
    seeds = range(arguments.seeds) if arguments.seeds > 1 else ()
    with contextlib.ExitStack() as stack:
        file: Any = sys.stdout
        if arguments.out:
            out = stack.enter_context(whole_file("--out", arguments.out))
            file = stack.enter_context(out.open("w", encoding="utf-8", newline=""))
        tables.write_rows(file, parties, [values] * arguments.seeds, seeds)
    return 0


def _check_size(parties: int, seeds: int) -> None:
    rows = seeds * 2**parties
    if rows >= SPREADSHEET_ROWS:
        raise ValueError(
            f"parties: {parties} parties and --seeds {seeds} make {rows:,} rows, too many for a "
            f"spreadsheet ({SPREADSHEET_ROWS:,}): have a program write the table"
        )
