"""``shapfair allocate``: payoffs, model values and flows for a table of coalition values."""

import argparse
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shapfair.cli.options import (
    add_allocation_options,
    add_currency_option,
    allocation_of,
    check_apart,
    print_warnings,
    whole_file,
    words_of,
)

if TYPE_CHECKING:
    from shapfair.allocation import Allocation
    from shapfair.receipt import Source

FIGURE_ENDINGS = (".svg", ".png", ".pdf")


def add_allocate(subparsers: Any) -> None:
    """Describe ``shapfair allocate``."""
    parser = subparsers.add_parser(
        "allocate",
        help="payoffs, model values and flows for a table of coalition values",
        description="Allocate payoffs and models from a table of coalition values and budgets.",
        epilog="example: shapfair allocate clinics.csv --budget A=0.05 --default-budget 0",
    )
    add = parser.add_argument
    add("values", metavar="VALUES", type=Path, help="value table, .csv or .json")
    add_allocation_options(add, repair="none", reason="")
    add(
        "--format",
        choices=("table", "json", "csv"),
        default="table",
        help="json: a receipt, which `shapfair verify` checks (default: table)",
    )
    add_currency_option(add)
    add("--out", metavar="FILE", type=Path, help="write to FILE instead of the terminal")
    add("--figure", metavar="FILE.svg", type=Path, help="draw payoffs, models and flows")
    parser.set_defaults(handler=_allocate, words=words_of(parser))


def _allocate(arguments: argparse.Namespace) -> int:
    if arguments.figure and arguments.figure.suffix not in FIGURE_ENDINGS:
        endings = ", ".join(FIGURE_ENDINGS)
        raise ValueError(f"--figure {arguments.figure}: the name must end in one of {endings}")
    check_apart({"VALUES": arguments.values, "--out": arguments.out, "--figure": arguments.figure})
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(whole_file("--out", arguments.out)) if arguments.out else None
        figure = (
            stack.enter_context(whole_file("--figure", arguments.figure))
            if arguments.figure
            else None
        )

        from shapfair.receipt import Source

        source = Source.read(arguments.values)
        allocation = allocation_of(arguments, source.game)
        if out:
            with out.open("w", encoding="utf-8", newline="") as file:
                _write(allocation, source, arguments, file)
        else:
            _write(allocation, source, arguments, sys.stdout)
        if figure:
            from shapfair.report import figures

            drawing = figures.figure(allocation, arguments.currency)
            figures.save(drawing, figure, arguments.figure.suffix[1:])
    if arguments.format != "json":  # where the warnings are part of the document
        print_warnings(allocation.warnings)
    return 0


def _write(
    allocation: "Allocation", source: "Source", arguments: argparse.Namespace, file: Any
) -> None:
    if arguments.format == "json":
        from shapfair import receipt

        file.write(receipt.to_json(allocation, source))
    elif arguments.format == "csv":
        file.write(allocation.to_csv())
    else:
        from shapfair.report.text import print_allocation

        print_allocation(allocation, file, arguments.currency)
