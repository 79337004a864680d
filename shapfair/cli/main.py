"""The command line: ``shapfair COMMAND ...``.

Each command is a module with a function ``add_<command>`` that describes its arguments and names
its handler. Handlers import their rooms when they run, so that ``shapfair allocate`` starts without
JAX.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from shapfair import __version__
from shapfair.cli.allocate import add_allocate
from shapfair.cli.data import add_data
from shapfair.cli.models import add_models
from shapfair.cli.notes import stopped
from shapfair.cli.options import on_command_line
from shapfair.cli.reproduce import add_reproduce
from shapfair.cli.template import add_template
from shapfair.cli.verify import add_verify
from shapfair.extras import MissingExtra


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; 0 if it succeeds, 2 with one line on stderr for bad input.

    Args:
        argv: arguments after the program's name, those of the process by default.
    """
    words: dict[str, str] = {}
    try:
        arguments = parser().parse_args(argv)
        words = arguments.words
        return arguments.handler(arguments)
    except KeyboardInterrupt as stop:
        # In an interpreter of somebody else; of our own, shapfair.cli.program takes care.
        print(stopped(getattr(stop, "__notes__", ())), file=sys.stderr)
        return 130
    except OSError as error:
        message = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    except (ValueError, ArithmeticError, MissingExtra) as error:
        message = on_command_line(str(error), words)
    print("shapfair: error:", " ".join(message.split()), file=sys.stderr)
    return 2


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are exceptions, so that they end as one line like all others."""

    def __init__(self, **options: Any):
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message} (see {self.prog} --help)")


def parser() -> argparse.ArgumentParser:
    """The parser of the command line, with all commands."""
    parser = _Parser(
        prog="shapfair",
        description="Payoffs and model rewards of Shapley-fair collaborative machine learning.",
    )
    parser.add_argument("--version", action="version", version=f"shapfair {__version__}")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (add_allocate, add_verify, add_template, add_data, add_reproduce, add_models):
        add(subparsers)
    return parser
