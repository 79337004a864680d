"""Budgets and desired values as people give them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Amounts = float | int | Sequence[Any] | np.ndarray | Mapping[str, Any]
"""One amount for all parties, one per party, or by name (the others unlimited)."""


def amounts_of(argument: str, given: Amounts, parties: Sequence[str]) -> np.ndarray:
    """Amounts as an array, one per party.

    Raises:
        ValueError: naming the argument and the party.
    """
    named: list[tuple[str, Any]]
    if isinstance(given, Mapping):
        for name in [name for name in given if name not in parties][:1]:
            raise ValueError(f"{argument}: no party {name!r}, known: {', '.join(parties)}")
        named = [(name, given.get(name, math.inf)) for name in parties]
    else:
        array = np.asarray(given, dtype=object)
        amounts = [array.item()] * len(parties) if array.ndim == 0 else list(array)
        if len(amounts) != len(parties):
            raise ValueError(f"{argument}: {len(amounts)} amounts for {len(parties)} parties")
        named = list(zip(parties, amounts, strict=True))
    for name, amount in named:
        try:
            valid = not isinstance(amount, str) and float(amount) >= 0
        except (TypeError, ValueError):
            valid = False
        if not valid:
            raise ValueError(
                f"{argument}: party {name} has {amount!r}, need a number >= 0 (inf for unlimited)"
            )
    return np.array([float(amount) + 0.0 for _, amount in named])  # no -0.0
