"""What a predicate returns, and how it compares and words numbers."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from shapfair.coalitions import members

Number = int | float | Fraction


@dataclass(frozen=True)
class Verdict:
    """Whether a property holds; true or false where a truth value is wanted.

    Attributes:
        holds: whether it holds.
        witness: what breaks it, in words; empty if it holds.
    """

    holds: bool
    witness: str = ""

    def __bool__(self) -> bool:
        return self.holds


def first_failure(failures: Iterable[str]) -> Verdict:
    """Holds if there is no failure; otherwise the first is the witness."""
    return next((Verdict(False, failure) for failure in failures), Verdict(True))


def differ(x: Any, y: Any, atol: Number) -> bool:
    """Whether two numbers are further apart than ``atol``; ``nan`` is from everything."""
    return not abs(x - y) <= atol


def coalition(c: int) -> str:
    """Members counted from 1, as in ``{1, 3}``."""
    return "{" + ", ".join(str(i + 1) for i in members(c)) + "}"


def text(x: Any) -> str:
    """A number for people: fractions as they are, floats to six digits."""
    return f"{float(x):.6g}" if isinstance(x, float | np.floating) else str(x)
