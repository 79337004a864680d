"""A value table that is filled row by row, in any order, as a file gives it."""

import shlex
from array import array
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from shapfair.coalitions import coalition_name


class Filling:
    """The rows of one table, 24 bytes each: what a file does not hold takes no memory.

    Args:
        path: the file, as messages name it.
        parties: names of the parties.
        seed: what messages call the table; empty if the file holds but one.
    """

    def __init__(self, path: object, parties: Sequence[str], seed: str) -> None:
        self._path, self._parties, self._of = path, parties, f" (seed {seed})" if seed else ""
        self._total = 2 ** len(parties)
        self._coalitions, self._values, self._lines = array("q"), array("d"), array("q")

    def add(self, coalition: int, value: float, line: int) -> None:
        """Take a row; ``line`` is where it stands in the file, nan a value that is still to come.

        Raises:
            ValueError: if there are more rows than coalitions, so that one appears twice.
        """
        self._coalitions.append(coalition)
        self._values.append(value)
        self._lines.append(line)
        if len(self._lines) > self._total:
            self.table()

    def table(self) -> Float64[np.ndarray, " coalitions"]:
        """The values in bitmask order, shape ``(2**n,)``.

        Raises:
            ValueError: if a coalition appears twice, or has no value.
        """
        coalitions = np.frombuffer(self._coalitions, np.int64)
        order = np.argsort(coalitions, kind="stable")
        there, lines = coalitions[order], np.frombuffer(self._lines, np.int64)[order]
        self._check_once(there, lines)
        values = np.frombuffer(self._values)[order]
        self._check_complete(there, lines, values)
        return values

    def _check_once(self, there: np.ndarray, lines: np.ndarray) -> None:
        again = np.flatnonzero(there[1:] == there[:-1]) + 1
        if again.size:
            first = again[np.argmin(lines[again])]
            name = coalition_name(int(there[first]), self._parties)
            raise ValueError(
                f"{self._path}: line {lines[first]}: coalition {name} appears twice{self._of}"
            )

    def _check_complete(self, there: np.ndarray, lines: np.ndarray, values: np.ndarray) -> None:
        valued = there[~np.isnan(values)]
        if len(valued) == self._total:
            return
        gaps = np.flatnonzero(valued != np.arange(len(valued)))
        first = int(gaps[0]) if gaps.size else len(valued)
        name = (
            coalition_name(first, self._parties)
            if first
            else "the empty coalition (all zeros, value 0)"
        )
        line = "".join(f" (line {line})" for line in lines[there == first])
        raise ValueError(
            f"{self._path}{self._of}: no value for {self._total - len(valued):,} of "
            f"{self._total:,} coalitions, first {name}{line}: an allocation needs all; `shapfair "
            f"estimate {shlex.quote(str(self._path))}` gives worst case and estimate if single "
            "parties and all together have theirs"
        )
