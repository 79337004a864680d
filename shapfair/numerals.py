"""Numbers that come in as text: one reading for value tables and for the command line.

Python's own reading is too kind where money is concerned: it takes ``1e400`` for infinity, which is
an unlimited budget, ``1_000`` for a thousand, and digits of every script.
"""

import math
import re

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_NOT_FINITE = re.compile(r"[+-]?(inf|infinity|nan)", re.ASCII | re.IGNORECASE)
_PERCENT = re.compile(r"[\d.,]+ ?%", re.ASCII)
_WHOLE = re.compile(r"\d{1,9}", re.ASCII)


def number(text: str) -> float:
    """A finite decimal number such as ``12``, ``-0.25`` or ``1e-3``, in ASCII and nothing beside.

    Raises:
        ValueError: saying what was found and what is needed.
    """
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"{text!r} is not finite, need a number such as 0.25")
    if not _NUMBER.fullmatch(text):
        if _PERCENT.fullmatch(text):
            raise ValueError(f"{_short(text)} is not a number, write 75% as 0.75")
        raise ValueError(f"{_short(text)} is not a number, need plain digits such as 0.25 or 1e-3")
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{_short(text)} is not finite: too large, need at most 1.79e308")
    return value


def amount(text: str) -> float:
    """A number of at least 0, or ``unlimited`` (or ``inf``), which is infinity.

    Raises:
        ValueError: saying what was found and what is needed.
    """
    if text.lower() in ("unlimited", "inf"):
        return math.inf
    try:
        value = number(text)
    except ValueError as error:
        raise ValueError(f"{error}, or unlimited") from None
    if value < 0:
        raise ValueError(f"{_short(text)} is negative, need a number >= 0, or unlimited")
    return value


def positive(text: str) -> float:
    """A finite number greater than 0.

    Raises:
        ValueError: saying what was found and what is needed.
    """
    value = number(text)
    if value <= 0:
        raise ValueError(f"{_short(text)} is not positive, need a number > 0")
    return value


def whole(text: str) -> int:
    """A whole number from 0 to 999,999,999, in digits alone.

    Raises:
        ValueError: saying what was found and what is needed.
    """
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{_short(text)} is not a whole number, need up to nine digits such as 3")
    return int(text)


def _short(text: str) -> str:
    """As Python writes it, so that strange characters show."""
    return ascii(text) if len(text) <= 40 else f"{text[:40]!a}..."
