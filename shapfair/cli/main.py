"""The command line: ``shapfair COMMAND ...``.

Each command is a module with a function ``add_<command>`` that describes its arguments and names
its handler. Handlers import their rooms when they run, so that ``shapfair allocate`` starts without
JAX.
"""

import argparse
import sys
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

from shapfair import __version__
from shapfair.cli.allocate import add_allocate
from shapfair.cli.data import add_data
from shapfair.cli.estimate import add_estimate
from shapfair.cli.explore import add_explore
from shapfair.cli.models import add_models
from shapfair.cli.notes import stopped
from shapfair.cli.options import on_command_line, say
from shapfair.cli.report import add_report
from shapfair.cli.reproduce import add_reproduce
from shapfair.cli.store import add_store
from shapfair.cli.template import add_template
from shapfair.cli.verify import add_verify
from shapfair.extras import MissingExtra

SIGPIPE = 13
"""The signal that ends programs of the system whose output nobody reads."""


SHORTAGES = ("can't start new thread", "RESOURCE_EXHAUSTED", "Out of memory")
"""How threads and JAX say that memory is short."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; 0 if it succeeds, 2 with one line on stderr for bad input.

    Args:
        argv: arguments after the program's name, those of the process by default.
    """
    words: dict[str, str] = {}
    try:
        arguments = _arguments(argv)
        words = arguments.words
        with warnings.catch_warnings():
            warnings.showwarning = _show
            status: int = arguments.handler(arguments)
        sys.stdout.flush()  # what cannot be written is to be known now
        return status
    except KeyboardInterrupt as stop:
        # In an interpreter of somebody else; of our own, shapfair.cli.program takes care.
        print(stopped(getattr(stop, "__notes__", ())), file=sys.stderr)
        return 130
    except BrokenPipeError:  # nobody reads on, as after `| head`
        return 128 + SIGPIPE
    except MemoryError as error:
        message = f"there is not enough memory ({error})" if str(error) else "not enough memory"
    except OSError as error:
        message = f"{error.filename or 'output'}: {error.strerror}" if error.errno else str(error)
    except (ValueError, ArithmeticError, MissingExtra) as error:
        message = on_command_line(str(error), words)
    except RuntimeError as error:
        if not any(sign in str(error) for sign in SHORTAGES):
            raise
        message = f"not enough memory ({error})"
    except ImportError as error:
        message = f"a package cannot be loaded: {error.__cause__ or error}"
    say(f"shapfair: error: {message}", sys.stderr)
    return 2


def _show(message: Warning | str, *_: Any, **__: Any) -> None:
    """A warning of a library, without the line of code that it is from."""
    say(f"shapfair: warning: {message}", sys.stderr)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    try:
        arguments, unknown = parser().parse_known_args(argv)
    except SystemExit:  # all has been said, as with --help
        return argparse.Namespace(words={}, handler=lambda arguments: 0)
    if unknown:
        from difflib import get_close_matches  # late, since it is seldom needed

        options = [word for word in arguments.words.values() if word.startswith("--")]
        meant = get_close_matches(unknown[0].partition("=")[0], options, n=1)
        hint = f", did you mean {meant[0]}?" if meant else ""
        program = f"shapfair {arguments.command}"
        raise ValueError(f"unknown: {' '.join(unknown)}{hint} (see {program} --help)")
    return arguments


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
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands = (
        *(add_allocate, add_report, add_explore, add_verify, add_template, add_estimate, add_data),
        *(add_reproduce, add_store, add_models),
    )
    for add in commands:
        add(subparsers)
    return parser
