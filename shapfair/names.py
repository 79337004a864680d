"""Names of parties: which can be told apart, and which party a name means."""

import re
import unicodedata
from collections.abc import Sequence

_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0]")
"""Characters that count as printable and show nothing: fillers, joiners, variation selectors."""


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
