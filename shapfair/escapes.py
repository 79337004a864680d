"""Text that others have chosen, made harmless for where it goes: one function a place.

Names of parties are harmless everywhere but for their direction (:mod:`shapfair.names`). Whatever
else comes from a file, such as its own name, a provenance or a cell that an error quotes, may hold
what a terminal or a browser takes for an order. JSON has :mod:`shapfair.documents`. What goes into
CSV is names, labels and numbers, which a spreadsheet takes for no formula, since
:mod:`shapfair.names` refuses those.
"""

import re

LONGEST = 10_000
"""Characters of a line; what is longer is cut."""

_RIGHT = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefe\U00010800-\U00010fff\U0001e800-\U0001efff"
_FROM_RIGHT_TO_LEFT = re.compile(f"[{_RIGHT}]+(?: [{_RIGHT}]+)*")
"""Words of scripts that run from right to left: the ranges that Unicode keeps for them."""


def terminal(text: str) -> str:
    """Text for people, on a terminal or in a text file.

    Characters that do not print, such as those that begin an order to the terminal or turn the
    direction around, stand as Python writes them. Words that run from right to left are isolated,
    or a terminal would turn around the numbers beside them as well.
    """
    return _FROM_RIGHT_TO_LEFT.sub("\u2068\\g<0>\u2069", _seen(text))


def line(text: str) -> str:
    """One line of text for a terminal, of no more than :data:`LONGEST` characters."""
    words = " ".join(text.split())
    return terminal(words if len(words) <= LONGEST else f"{words[:LONGEST]} ...")


def html(text: str) -> str:
    """Text of an element or an attribute of HTML."""
    from html import escape  # late, since it is slow to load and seldom needed

    return escape(_seen(text))


def _seen(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
