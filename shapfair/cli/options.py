"""What several commands share: options of budgets, files that are written whole, warnings."""

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from shapfair.files import replacing

EXPERIMENT_NAMES = (
    "mnist",
    "mnist-carried",
    "mnist-copy-1-2",
    "mnist-copy-6-9",
    "mnist-disjoint",
    "cifar10",
    "imdb",
    "imdb-published",
    "imdb-carried",
)
"""Names of shapfair.paper.experiments.EXPERIMENTS, here so that the help does not load JAX."""


def print_warnings(warnings: Sequence[str]) -> None:
    """Show the warnings of an allocation on standard error, a line each."""
    for warning in warnings:
        print("shapfair: warning:", warning, file=sys.stderr)


def add_budgets(add: Any) -> None:
    """The options of budgets; amounts are in the unit of the values."""
    add(
        "--budget",
        metavar="NAME=AMOUNT",
        action="append",
        default=[],
        help="the most that a party may pay beyond its revenue (repeatable)",
    )
    add(
        "--default-budget",
        metavar="X",
        type=float,
        default=float("inf"),
        help="budget of the parties not named (default: unlimited)",
    )


def named_amounts(option: str, pairs: Sequence[str]) -> dict[str, float]:
    """Amounts given as ``NAME=AMOUNT``.

    Raises:
        ValueError: naming the option and the pair that is wrong.
    """
    amounts: dict[str, float] = {}
    for pair in pairs:
        name, equals, amount = pair.rpartition("=")
        if not equals:
            raise ValueError(f"argument {option}: {pair!r} is not of the form NAME=AMOUNT")
        if name in amounts:
            raise ValueError(f"argument {option}: party {name!r} is given twice")
        try:
            amounts[name] = float(amount)
        except ValueError:
            raise ValueError(
                f"argument {option}: party {name!r} has {amount!r}, need a number"
            ) from None
    return amounts


@contextlib.contextmanager
def whole_file(option: str, path: Path) -> Iterator[Path]:
    """A file beside ``path`` that takes its place when all has been written, or never.

    Raises:
        ValueError: before anything is computed, if ``path`` cannot be written.
    """
    if path.exists() and not path.is_file():
        raise ValueError(f"{option} {path}: exists and is not a file")
    with contextlib.ExitStack() as stack:
        try:
            unfinished = stack.enter_context(replacing(path))
        except OSError as error:
            raise ValueError(f"{option} {path}: cannot be written ({error.strerror})") from None
        yield unfinished
