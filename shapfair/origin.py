"""The provenance of a value table: JSON of whoever made it, in which some keys mean something here.

All else in it is kept as it is.
"""

import math
from collections.abc import Mapping
from typing import Any

TABLE = "table"
"""Key for the digest of the table that it is of."""

DERIVED = "derived"
"""Key for what was done to that table since."""

SEEDS = "seeds"
"""Key for the seeds of the tables, in their order."""

TEXTS = ("digest", TABLE, "experiment", "data_size")
"""Keys whose values are text."""

DEEPEST = 64
"""How deep lists and objects may lie in each other, so that whoever walks them gets to the end."""


def check_provenance(provenance: Mapping[str, Any], tables: int, where: str = "") -> None:
    """Refuse a provenance that cannot be read as what it says.

    Args:
        provenance: JSON types.
        tables: number of tables that it is of.
        where: the file that it is from, if any.

    Raises:
        ValueError: naming the key, what it has and what is needed.
    """
    where = f"{where}: " if where else ""
    for key in TEXTS:
        value = provenance.get(key)
        if not (value is None or isinstance(value, str)):
            raise ValueError(f"{where}provenance: {key} is {_kind(value)}, need text")
    steps = provenance.get(DERIVED, [])
    if not (isinstance(steps, list) and all(isinstance(step, str) for step in steps)):
        raise ValueError(f"{where}provenance: {DERIVED} is {_kind(steps)}, need a list of texts")
    seeds = provenance.get(SEEDS)
    if seeds is not None:
        _check_seeds(seeds, tables, where)
    _check_content(provenance, where)


def _check_seeds(seeds: Any, tables: int, where: str) -> None:
    whole = isinstance(seeds, list) and all(type(seed) is int for seed in seeds)
    if not whole or len(set(seeds)) < len(seeds):
        raise ValueError(
            f"{where}provenance: {SEEDS} is {_kind(seeds)}, need a list of different whole numbers"
        )
    if len(seeds) != tables:
        raise ValueError(f"{where}provenance: {len(seeds)} {SEEDS} for {tables} tables")


def _check_content(provenance: Mapping[str, Any], where: str) -> None:
    """Level by level, since a walk that calls itself would not get to the end of a deep one."""
    level: list[Any] = [provenance]
    for _ in range(DEEPEST):
        inner: list[Any] = []
        for one in level:
            inner += one.values() if isinstance(one, Mapping) else one
        if any(isinstance(x, float) and not math.isfinite(x) for x in inner):
            raise ValueError(f"{where}provenance: holds a number that is not finite")
        level = [x for x in inner if isinstance(x, Mapping | list | tuple)]
        if not level:
            return
    raise ValueError(f"{where}provenance: more than {DEEPEST} lists and objects in each other")


def _kind(value: Any) -> str:
    """What a value is, in few words."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list of something else" if value else "an empty list"
    if isinstance(value, str):
        return "text"
    return repr(value)[:40]
