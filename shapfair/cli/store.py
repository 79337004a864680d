"""``shapfair store list|check|repair|prune``: the file of finished values."""

import argparse
import sys
from pathlib import Path
from typing import Any

from shapfair.cli.options import say


def add_store(subparsers: Any) -> None:
    """Describe ``shapfair store list|check|repair|prune``."""
    parser = subparsers.add_parser(
        "store",
        help="what a file of finished values holds, and whether it is whole",
        description="The file in which `shapfair reproduce` and `shapfair.evaluate` keep finished "
        "values.",
        epilog="example: shapfair store list",
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    for name, handler, purpose in (
        ("list", _list, "show what is in it, experiment by experiment"),
        ("check", _check, "check that nothing in it is damaged or missing"),
        ("repair", _repair, "save the sound values of a damaged file; the damaged one is kept"),
        ("prune", _prune, "remove the values of an experiment"),
    ):
        action = actions.add_parser(name, help=purpose, description=f"{purpose.capitalize()}.")
        if name == "prune":
            action.add_argument("path", metavar="PATH", type=Path, help="the store")
            action.add_argument("digest", metavar="DIGEST", help="of the experiment, see list")
        else:
            action.add_argument(
                "path",
                metavar="PATH",
                type=Path,
                nargs="?",
                help="the store (default: values.sqlite in the cache folder)",
            )
        action.set_defaults(handler=handler, words={})


def default_store() -> Path:
    """Where ``shapfair reproduce`` keeps values unless it is told otherwise."""
    from shapfair.datasets import cache_folder

    return cache_folder() / "values.sqlite"


def _list(arguments: argparse.Namespace) -> int:
    from shapfair.report.text_tables import TextTable, console
    from shapfair.valuation.inventory import holdings

    path = arguments.path or default_store()
    rows = [
        (
            holding.name,
            holding.digest[:12],
            _ranges(holding.seeds),
            f"{holding.values:,}",
            f"{holding.makers:,}",
            holding.last,
        )
        for holding in holdings(path)
    ]
    columns = ("experiment", "digest", "seeds", "values", "found by", "last found")
    console(sys.stdout).print(TextTable(columns, rows, "<<<>><"))
    say(f"in {path}")
    return 0


def _ranges(numbers: tuple[int, ...]) -> str:
    """Whole numbers in order, such as ``0-9, 12``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return ", ".join("-".join(map(str, run)) for run in runs)


def _check(arguments: argparse.Namespace) -> int:
    from shapfair.valuation.inventory import holdings

    path = arguments.path or default_store()
    held = holdings(path)
    values = sum(holding.values for holding in held)
    say(f"{path}: ok, {values:,} values of {len(held):,} experiments, each as it was written")
    return 0


def _repair(arguments: argparse.Namespace) -> int:
    from shapfair.valuation.integrity import repair

    path = arguments.path or default_store()
    saved = repair(path)
    if saved.damaged is None:
        say(f"{path}: nothing to repair, {saved.values:,} values")
        return 0
    known = "" if saved.expected is None else f" of {saved.expected:,}"
    say(f"{path}: {saved.values:,}{known} values saved, the damaged file is {saved.damaged}")
    return 0


def _prune(arguments: argparse.Namespace) -> int:
    from shapfair.valuation.inventory import prune

    say(f"{arguments.path}: {prune(arguments.path, arguments.digest):,} values removed")
    return 0
