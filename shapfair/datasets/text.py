"""From reviews to numbers: standardisation, vocabulary and word ids (App. J.3 of the paper)."""

import re
import string
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt16

PADDING, UNKNOWN = 0, 1
"""Ids of the padding after a short text and of a word that is not in the vocabulary."""

_PUNCTUATION = re.compile(f"[{re.escape(string.punctuation)}]")


def words(text: str) -> list[str]:
    """The words of a text: lower case, no line-break tags, no punctuation, split at white space.

    This is the standardisation of the TensorFlow tutorial on these reviews, which the paper's
    network follows.
    """
    return _PUNCTUATION.sub("", text.lower().replace("<br />", " ")).split()


@dataclass(frozen=True)
class Vocabulary:
    """The most frequent words of some texts.

    Attributes:
        words: in the order of their ids, which start at 2.
    """

    words: tuple[str, ...]

    @classmethod
    def of(cls, texts: Iterable[str], size: int = 10_000) -> "Vocabulary":
        """The ``size`` most frequent words, padding and unknown counted; ties go by the alphabet.

        Raises:
            ValueError: if there is no word, or ``size`` leaves no room for one or is more than the
                65,536 ids that 16 bits tell apart.
        """
        if not 2 < size <= 2**16:
            raise ValueError(f"size: {size} words, padding and unknown counted, need 3 to {2**16}")
        counts = Counter(word for text in texts for word in words(text))
        if not counts:
            raise ValueError("texts: no word in them, need at least one text with a word")
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        return cls(tuple(ranked[: size - 2]))

    def encode(
        self, texts: Sequence[str], length: int = 250
    ) -> UInt16[np.ndarray, "texts {length}"]:
        """Word ids of the first ``length`` words of every text, padded at the end."""
        ids = {word: k for k, word in enumerate(self.words, start=2)}
        encoded = np.full((len(texts), length), PADDING, np.uint16)
        for row, text in zip(encoded, texts, strict=True):
            found = [ids.get(word, UNKNOWN) for word in words(text)[:length]]
            row[: len(found)] = found
        return encoded
