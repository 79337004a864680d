"""What several commands share: options of allocations, files that are written whole, words."""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shapfair import escapes, names, numerals
from shapfair.files import replacing

if TYPE_CHECKING:
    from shapfair.allocation import Allocation
    from shapfair.game import Game

EXPERIMENT_PARTIES = {
    "mnist": 5,
    "mnist-carried": 5,
    "mnist-duplicates": 5,
    "mnist-copy-1-2": 6,
    "mnist-copy-6-9": 6,
    "mnist-disjoint": 5,
    "mnist-digits": 10,
    "mnist-overlapping": 12,
    "cifar10": 4,
    "imdb": 5,
    "imdb-published": 5,
    "imdb-carried": 5,
}
"""Names of shapfair.paper.experiments.EXPERIMENTS and how many parties they have, here so that the
help and the first checks do not load JAX."""


def option_type(kind: str) -> Callable[[str], Any]:
    """A type of :mod:`shapfair.numerals` for ``add_argument``, whose errors are told in full."""
    parse = getattr(numerals, kind)

    def convert(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def add_allocation_options(add: Any, repair: str, reason: str) -> None:
    """The options of an allocation.

    Args:
        add: ``add_argument`` of the command.
        repair: what is done about a table that is not monotone, unless the user says otherwise.
        reason: why, for the help; empty if there is nothing to say.
    """
    add_amount_options(add)
    add(
        "--repair",
        choices=("none", "hull"),
        default=repair,
        help="hull: replace a table that is not monotone by its monotone hull "
        f"(default: {repair}{reason})",
    )


def add_amount_options(add: Any) -> None:
    """Budgets, desired values and the exchange rate; ``add`` is ``add_argument`` of the command."""
    add(
        "--budget",
        metavar="NAME=AMOUNT",
        action="append",
        default=[],
        help="the most that a party may pay beyond its revenue, or unlimited (repeatable)",
    )
    add(
        "--default-budget",
        metavar="X",
        type=option_type("amount"),
        default=float("inf"),
        help="budget of the parties not named (default: unlimited)",
    )
    add(
        "--desired",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="model value beyond which a party will not pay (repeatable)",
    )
    add(
        "--exchange-rate",
        metavar="NU",
        type=option_type("positive"),
        default=1.0,
        help="payoff per unit of value; budgets, desired values and results are payoffs "
        "(default: 1)",
    )


def add_currency_option(add: Any) -> None:
    """What a unit of payoff is called; ``add`` is ``add_argument`` of the command."""
    add(
        "--currency",
        metavar="NAME",
        type=_name,
        default="",
        help="what a unit of payoff is called, as EUR, for tables and figures",
    )


def _name(text: str) -> str:
    """A name that is harmless wherever it is shown, or none."""
    if text and (flaw := names.flaw(text)):
        raise argparse.ArgumentTypeError(f"{names.shown(text)}: {flaw}")
    return text


def allocation_of(arguments: argparse.Namespace, game: "Game") -> "Allocation":
    """The allocation that the options of :func:`add_allocation_options` describe.

    Its warnings speak of the options by their names on the command line.

    Raises:
        ValueError: naming the option that is wrong.
    """
    import numpy as np

    from shapfair.allocation import allocate
    from shapfair.rounding import magnitude

    budgets = named_amounts("--budget", arguments.budget, game.parties)
    rate = arguments.exchange_rate
    if float(np.max(magnitude(game.values))) * rate == float("inf"):
        raise ValueError(f"exchange_rate: {rate:g} times the values is too large, take a lower one")
    desired = named_amounts("--desired", arguments.desired, game.parties)
    try:
        allocation = allocate(
            game,
            budgets=dict.fromkeys(game.parties, arguments.default_budget) | budgets,
            desired=desired,
            exchange_rate=rate,
            repair=arguments.repair,
        )
    except ValueError as error:
        table = game.monotonicity()
        if not str(error).startswith("flows: ") or table.monotone:
            raise
        raise ValueError(f"{error}; the table is {table}") from None
    warnings = tuple(on_command_line(line, arguments.words) for line in allocation.warnings)
    return replace(allocation, warnings=warnings)


def named_amounts(option: str, pairs: Sequence[str], parties: Sequence[str]) -> dict[str, float]:
    """Amounts given as ``NAME=AMOUNT``, by the parties' own spelling of their names.

    Raises:
        ValueError: naming the option and the pair that is wrong.
    """
    amounts: dict[str, float] = {}
    for pair in pairs:
        given, equals, text = pair.rpartition("=")
        if not equals:
            raise ValueError(f"argument {option}: {pair!r} is not of the form NAME=AMOUNT")
        name = names.find(given, parties)
        if name is None:
            known = ", ".join(parties)
            raise ValueError(f"argument {option}: no party {given!r}, known: {known}")
        if name in amounts:
            raise ValueError(f"argument {option}: party {name!r} is given twice")
        try:
            amounts[name] = numerals.amount(text)
        except ValueError as error:
            raise ValueError(f"argument {option}: party {name!r}: {error}") from None
    return amounts


def words_of(parser: argparse.ArgumentParser, repair: str = "--repair hull") -> dict[str, str]:
    """What arguments and settings of the Python functions are called on the command line.

    Args:
        parser: of the command; its arguments bear the names of those of the functions.
        repair: how the user asks for the monotone hull.
    """
    words = {
        action.dest: action.option_strings[-1] if action.option_strings else str(action.metavar)
        for action in parser._actions
    }
    settings = {"repair='hull'": repair, "data='embedded'": "--data embedded"}
    return {**words, "budgets": "--budget", **settings}


def on_command_line(message: str, words: Mapping[str, str]) -> str:
    """A message of a Python function in the words of the command line, see :func:`words_of`.

    Our errors begin with the name of the argument; what they advise is a setting of another.
    """
    argument, colon, rest = message.partition(": ")
    if colon and argument in words:
        message = f"argument {words[argument]}: {rest}"
    for setting in (word for word in words if "=" in word):
        message = message.replace(setting, words[setting])
    return message


def print_warnings(warnings: Sequence[str]) -> None:
    """Show the warnings of an allocation on standard error, a line each."""
    for warning in warnings:
        say(f"shapfair: warning: {warning}", sys.stderr)


def say(text: str, file: Any = None) -> None:
    """Print one line for people, harmless whatever it quotes, on standard output by default."""
    print(escapes.line(text), file=file)


def check_apart(files: Mapping[str, Path | None]) -> None:
    """Refuse files of a command that are the same one, by whatever paths and links.

    Args:
        files: path by the words for it on the command line, None if it is not given.

    Raises:
        ValueError: naming two of them.
    """
    given = [(words, path) for words, path in files.items() if path is not None]
    for (words, path), (other, there) in combinations(given, 2):
        if _are_same(path, there):
            raise ValueError(f"{other} {there}: is the file of {words} too, name another")


def _are_same(path: Path, other: Path) -> bool:
    if os.path.realpath(path) == os.path.realpath(other):
        return True
    try:
        return os.path.samefile(path, other)
    except OSError:  # one of them is not there
        return False


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
