"""A value that was found, as one line of text that tells by itself whether it is whole.

The line holds all that is known of the value and a checksum. So no bit of it changes unseen, and
it can be found again in a file whose order is lost. A checksum finds accidents, not forgers:
whoever can write to a store can write a line that is whole.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import NoneType
from typing import Any

LINE = re.compile(rb'\{"coalition":[^{}]{1,500}\} [0-9a-f]{64}')
"""Where a line may be in the bytes of a file."""


_TYPES: dict[str, tuple[type, ...]] = {
    "digest": (str,),
    "seed": (int,),
    "coalition": (int,),
    "value": (float,),
    "seconds": (float, NoneType),
    "finished": (str,),
    "origin": (str,),
}


class Damaged(ValueError):
    """A line is not what was written."""


@dataclass(frozen=True)
class Record:
    """A value and where it comes from.

    Attributes:
        digest: of the description of its experiment.
        seed: seed of the run.
        coalition: bitmask.
        value: what the coalition is worth.
        seconds: how long it took to find, None if nobody knows.
        finished: when it was found, in ISO 8601.
        origin: digest of what is known of the process that found it, empty if nothing is.
    """

    digest: str
    seed: int
    coalition: int
    value: float
    seconds: float | None
    finished: str
    origin: str

    @property
    def key(self) -> tuple[str, int, int]:
        """Experiment, seed and coalition, which have one value."""
        return self.digest, self.seed, self.coalition

    def to_text(self) -> str:
        """The line."""
        content = compact(asdict(self))
        return f"{content} {checksum(content)}"

    @classmethod
    def from_text(cls, text: Any) -> "Record":
        """Read a line.

        Raises:
            Damaged: if it is not as it was written.
        """
        content, _, found = text.rpartition(" ") if isinstance(text, str) else ("", "", "")
        if found != checksum(content):
            raise Damaged("checksum mismatch")
        try:
            document = json.loads(content)
        except (ValueError, RecursionError):
            document = None
        if not _is_record(document):
            raise Damaged(f"not a record of {', '.join(_TYPES)}")
        return cls(**document)


def _is_record(document: Any) -> bool:
    """Whether a line that is whole says what it should; somebody else may have written it."""
    return (
        isinstance(document, dict)
        and document.keys() == _TYPES.keys()
        and all(type(document[name]) in kinds for name, kinds in _TYPES.items())
        and math.isfinite(document["value"])
        and math.isfinite(document["seconds"] or 0)
    )


def compact(document: Mapping[str, Any]) -> str:
    """JSON in one line, keys in order."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def checksum(text: str) -> str:
    """Hexadecimal SHA-256."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def mark(text: str) -> int:
    """The start of a line's checksum as a number; marks of all lines are added up by XOR."""
    return int(text[-64:-49], 16)
