"""The cache folder, and the verified copy of each data set in it.

A cached data set is a single file with the bytes of the arrays, nothing else: its SHA-256 is the
digest of the data set, and ``sha256sum`` alone can check it. It is verified at every read. Writers
fill a temporary file of their own in the same folder and rename it, so that readers and other
writers see the old content or the new, never a part.
"""

import os
from pathlib import Path

import platformdirs

from shapfair.datasets import bounded
from shapfair.datasets.dataset import DataError, Recipe, Records
from shapfair.files import write_whole


class NotCached(DataError):
    """The cache holds no copy."""


def cache_folder() -> Path:
    """Folder for data sets and finished values; it need not exist yet.

    The environment variable ``SHAPFAIR_CACHE`` names it; by default, or if that is empty, it is
    ``shapfair`` in the platform's cache folder (``XDG_CACHE_HOME`` or ``~/.cache`` on Linux).

    Raises:
        DataError: if the variable names the home of nobody, or a folder whose place depends on
            where one stands.
    """
    if chosen := os.environ.get("SHAPFAIR_CACHE"):
        try:
            folder = Path(chosen).expanduser()
        except RuntimeError:
            raise DataError(f"SHAPFAIR_CACHE: {chosen!r} is in the home of nobody here") from None
        if not folder.is_absolute():
            raise DataError(f"SHAPFAIR_CACHE: {chosen!r}, need an absolute path")
        return folder
    return platformdirs.user_cache_path("shapfair", appauthor=False, opinion=False)


def cache_file(name: str) -> Path:
    """Where the cache keeps the data set ``name``."""
    return cache_folder() / "datasets" / f"{name}.bin"


def read(recipe: Recipe) -> Records:
    """The cached data set, verified.

    Raises:
        NotCached: if there is no copy.
        DataError: if the copy cannot be read, is truncated or altered; the message names the file.
    """
    file = cache_file(recipe.name)
    try:
        content = bounded.read(file)
    except (FileNotFoundError, NotADirectoryError):
        raise NotCached(f"{file}: {recipe.name} is not cached") from None
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror})") from error
    return recipe.from_bytes(content, "full", source="cache", place=str(file))


def state(recipe: Recipe) -> str:
    """Whether the cache holds the data set intact: ``"yes"``, ``"no"`` or ``"damaged"``."""
    try:
        read(recipe)
    except NotCached:
        return "no"
    except DataError:
        return "damaged"
    return "yes"


def write(dataset: Records) -> Path:
    """Put a data set into the cache and return its file.

    Raises:
        DataError: if the folder is not writable or the disk is full; an older copy stays as it was.
    """
    file = cache_file(dataset.name)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, dataset.to_bytes())
    except OSError as error:
        raise DataError(
            f"cannot write {file} ({error.strerror}): make room or set SHAPFAIR_CACHE to another "
            "folder"
        ) from error
    return file
