"""``shapfair data list|fetch|verify``: the data sets of the experiments."""

import argparse
import sys
from typing import Any

from shapfair.cli.notes import if_stopped
from shapfair.cli.options import say


def add_data(subparsers: Any) -> None:
    """Describe ``shapfair data list|fetch|verify``."""
    parser = subparsers.add_parser(
        "data",
        help="list, fetch and verify the data sets",
        description="The data sets of the experiments. The folder of the cache is SHAPFAIR_CACHE.",
        epilog="example: shapfair data fetch mnist",
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="what there is, what is cached, and where")
    listing.set_defaults(handler=_data_list, words={})
    for name, handler, purpose in (
        ("fetch", _data_fetch, "put a data set into the cache, unless it is there intact"),
        ("verify", _data_verify, "recompute the checksum of a cached data set"),
    ):
        action = actions.add_parser(name, help=purpose, description=f"{purpose.capitalize()}.")
        action.add_argument("name", nargs="?", default="mnist", help="data set (default: mnist)")
        action.set_defaults(handler=handler, words={})


def _data_list(arguments: argparse.Namespace) -> int:
    from shapfair.datasets import RECIPES, cache, sources
    from shapfair.report.text_tables import TextTable, console

    rows = []
    for recipe in RECIPES.values():
        for size, shapes in recipe.shapes.items():
            row = [recipe.name, size, f"{shapes[1][0]:,} + {shapes[3][0]:,}"]
            if size == "full":
                row += [cache.state(recipe), ", ".join(sources.SOURCES)]
            else:
                row += ["-", "part of shapfair"]
            rows.append(row)
    columns = ("name", "size", "train + test", "cached", "sources")
    console(sys.stdout).print(TextTable(columns, rows))
    say(f"cached in {cache.cache_folder() / 'datasets'}")
    return 0


def _data_fetch(arguments: argparse.Namespace) -> int:
    from shapfair.datasets import cache, fetch

    with if_stopped(f"the cache has no part of {arguments.name}, run again to fetch it"):
        dataset = fetch(arguments.name)
    say(f"{dataset.name}: {cache.cache_file(dataset.name)}")
    say(f"from {dataset.source}, sha256 {dataset.digest}")
    return 0


def _data_verify(arguments: argparse.Namespace) -> int:
    from shapfair.datasets import DataError, cache, recipe_of

    recipe = recipe_of(arguments.name)
    try:
        dataset = cache.read(recipe)
    except DataError as error:
        raise DataError(f"{error}; `shapfair data fetch {arguments.name}` gets it") from error
    say(f"{dataset.name}: ok, sha256 {dataset.digest}")
    return 0
