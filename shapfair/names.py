"""Names of parties: which are taken, which can be told apart, and which party a name means.

A name is shown on terminals, in figures and on pages, and stands in cells of spreadsheets. One that
a spreadsheet takes for a formula is refused, not escaped: an apostrophe before it would be part of
the name for every other program that reads the file, and of the name that a budget is given to.
"""

import re
import unicodedata
from collections.abc import Sequence

LONGEST = 100
"""Characters of a name."""

_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U00016fe4\U0001d159\U000e0100-\U000e01ef]"
)
"""Characters that count as printable and show nothing: fillers, joiners, variation selectors."""

_FORMULA = re.compile(r"(?:^|[,;|])\s*[=+\-@]")
"""Where a spreadsheet sees a formula: at the beginning of a cell, or behind what it may take for
the end of one, since the separator is a matter of the country."""


def flaw(name: str) -> str:
    """Why a name is not taken, or what is needed instead; empty if it is."""
    if len(name) > LONGEST:
        return f"need at most {LONGEST} characters, these are {len(name):,}"
    if not name or name != name.strip() or not name.isprintable() or not looks(name):
        return "need a printable name without spaces around it"
    if unicodedata.category(name[0]).startswith("M"):
        return "it begins with an accent, which would go to whatever stands before it"
    if is_formula(name):
        return "a spreadsheet would take it for a formula, begin with something else than = + - @"
    return ""


def is_formula(text: str) -> bool:
    """Whether a spreadsheet may take a cell, or a part of it, for a formula."""
    return bool(_FORMULA.search(unicodedata.normalize("NFKC", text)))


def shown(text: str) -> str:
    """A text as an error quotes it: as Python writes it, cut to a length that can be read."""
    return repr(text) if len(text) <= LONGEST else f"{text[:40]!r}..."


def looks(name: str) -> str:
    """What names have in common that look alike: the same in Unicode's normal form NFKC.

    So a letter counts as the same whether it is one character or a letter and an accent, wide or
    narrow, a ligature or not; runs of spaces count as one, and characters that show nothing as
    none. Capital letters are not the same as small ones: nobody takes A for a.
    """
    return " ".join(unicodedata.normalize("NFKC", _UNSEEN.sub("", name)).split())


def find(name: str, names: Sequence[str]) -> str | None:
    """The one of the names that is meant, whichever way its accents are written; else None."""
    composed = unicodedata.normalize("NFC", name)
    return next((n for n in names if unicodedata.normalize("NFC", n) == composed), None)


def check(names: Sequence[str], where: str) -> None:
    """Refuse names of parties that are not taken, are the same, or look the same.

    Raises:
        ValueError: naming the first offender.
    """
    for i, name in enumerate(names):
        if why := flaw(name):
            raise ValueError(f"{where}: party {i + 1} is named {shown(name)}, {why}")
    check_distinct(names, where)


def check_distinct(names: Sequence[str], where: str) -> None:
    """Refuse names that are the same or look the same.

    Raises:
        ValueError: naming the first two, and how each is written if that cannot be seen.
    """
    seen: dict[str, str] = {}
    for name in names:
        other = seen.get(looks(name))
        seen[looks(name)] = name
        if other == name:
            raise ValueError(f"{where}: two parties are named {name!r}")
        if other is not None:
            raise ValueError(
                f"{where}: parties {other!r} and {name!r} look alike (they are written "
                f"{other!a} and {name!a}), rename one"
            )
