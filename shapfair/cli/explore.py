"""``shapfair explore``: the budget explorer with one's own table."""

import argparse
import sys
import webbrowser
from pathlib import Path
from typing import Any

from shapfair.cli.options import say, words_of


def add_explore(subparsers: Any) -> None:
    """Describe ``shapfair explore``."""
    parser = subparsers.add_parser(
        "explore",
        help="move budgets in a browser and see payoffs and models at once",
        description="Show a value table in the budget explorer of the book: a page from this "
        "machine to its own browsers, which sends nothing anywhere. Read the file anew by "
        "reloading the page; Ctrl-C ends it.",
        epilog="example: shapfair explore clinics.csv",
    )
    parser.add_argument(
        "values", metavar="VALUES", type=Path, help="value table, .csv or .json, up to 16 parties"
    )
    parser.set_defaults(handler=_explore, words=words_of(parser))


def _explore(arguments: argparse.Namespace) -> int:
    from shapfair.explorer.page import page
    from shapfair.explorer.server import PageServer
    from shapfair.receipt import Source

    def show() -> str:
        return page(Source.read(arguments.values), str(arguments.values))

    show()  # a file that is no table is refused before anything opens
    with PageServer(show) as server:
        say(f"{server.address} shows {arguments.values}, Ctrl-C ends it")
        sys.stdout.flush()
        open_window(server.address)
        server.serve_forever()
    return 0


def open_window(address: str) -> None:
    """Open a browser in a window; one that would take the terminal is left alone."""
    try:
        found = webbrowser.get()
    except webbrowser.Error:
        return
    if type(found) is not webbrowser.GenericBrowser:  # the kind that waits until it is left
        found.open(address)
