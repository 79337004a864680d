"""The game: what every coalition's model is worth."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from shapfair import tables
from shapfair.coalitions import check_memory, coalition_name, count_parties
from shapfair.origin import DERIVED, SEEDS, TABLE, check_provenance
from shapfair.rounding import NOISE, magnitude

Repair = Literal["none", "hull"]


@dataclass(frozen=True)
class Monotonicity:
    r"""How far value tables are from monotone.

    An edge is a pair :math:`C, C\cup i` with :math:`i\notin C`; it drops if :math:`v(C\cup i) <
    v(C)`. A game is monotone if no edge drops. Drops within the table's rounding noise do not count
    (:mod:`shapfair.rounding`).

    Attributes:
        edges: number of edges, :math:`n2^{n-1}` per table.
        violations: number of edges that drop.
        tables: number of tables with an edge that drops.
        worst_drop: largest :math:`v(C) - v(C\cup i)`, in units of value; 0 if monotone.
        worst_edge: that edge in words, empty if monotone.
    """

    edges: int
    violations: int
    tables: int
    worst_drop: float
    worst_edge: str

    @property
    def monotone(self) -> bool:
        """Whether no edge drops."""
        return self.violations == 0

    def __str__(self) -> str:
        if self.monotone:
            return f"monotone ({self.edges} edges)"
        return (
            f"not monotone: {self.violations} of {self.edges} edges drop, "
            f"worst {self.worst_drop:.4g} at {self.worst_edge}"
        )


@dataclass(frozen=True, eq=False, init=False)
class Game:
    r"""Value function :math:`v` of :math:`n` parties as a table, or one table per seed.

    Attributes:
        values: value of every coalition in bitmask order (see :mod:`shapfair.coalitions`), shape
            ``(2**n,)`` or ``(seeds, 2**n)``; anything array-like is taken, kept as a read-only
            float64 copy. Index 0 is the empty coalition, of value 0.
        parties: names of the parties, ``"1"`` to ``"n"`` by default.
        provenance: where the values come from, kept in JSON files.
        seed_labels: what every table's seed is called, empty if the tables have no names but their
            numbers; kept in CSV files.

    Raises:
        ValueError: if there are not :math:`2^n` finite values with :math:`1\le n\le 26`, if the
            empty coalition's value is not 0, if a name or a label is not taken
            (:func:`shapfair.tables.check_parties`), if the provenance is not what its keys say
            (:mod:`shapfair.origin`), or if memory cannot hold a copy of the values.

    Three clinics; alone they have models of accuracy 0.6, 0.7 and 0.8, together one of 0.94:

    >>> from shapfair import Game
    >>> values = [0, 0.6, 0.7, 0.78, 0.8, 0.85, 0.9, 0.94]  # {}, A, B, AB, C, AC, BC, ABC
    >>> clinics = Game(values, parties=["A", "B", "C"])
    >>> clinics.own_values
    array([0.6, 0.7, 0.8])
    >>> float(clinics.grand_value)
    0.94
    """

    values: Float[np.ndarray, "*seeds coalitions"]
    parties: tuple[str, ...]
    provenance: dict[str, Any] | None
    seed_labels: tuple[str, ...]

    def __init__(
        self,
        values: ArrayLike,
        parties: Sequence[str] = (),
        provenance: dict[str, Any] | None = None,
        seed_labels: Sequence[Any] = (),
    ):
        try:
            values = np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            raise ValueError("values: not an array of numbers with one row per seed") from None
        if values.ndim not in (1, 2) or 0 in values.shape:
            raise ValueError(
                f"values: shape {values.shape}, need (2**n,) for one table or (seeds, 2**n)"
            )
        n = count_parties(values.shape[-1])
        names = tuple(parties) or tuple(str(i + 1) for i in range(n))
        if len(names) != n:
            raise ValueError(f"parties: {len(names)} names, the table has {n} parties")
        tables.check_parties(names)
        labels, rows = tuple(map(str, seed_labels)), values.size // 2**n
        if labels:
            tables.check_seed_labels(labels, rows)
        if provenance is not None:
            check_provenance(provenance, rows)
        check_memory(n, rows)
        self._set(values.copy(), names, provenance, labels)
        self._check_finite()
        for value in self.values[..., 0].ravel():
            if value != 0:
                raise ValueError(f"values: the empty coalition has value {value}, it must be 0")

    def _set(self, values: np.ndarray, *fields: Any) -> None:
        values.flags.writeable = False
        for name, field in zip(self.__dataclass_fields__, (values, *fields), strict=True):
            object.__setattr__(self, name, field)

    def _with_values(self, values: np.ndarray, how: str) -> "Game":
        """The game with other values, an array of its own that nobody else holds.

        ``how`` they were made of the old ones is added to the provenance. Seeds are those of the
        tables as long as there are as many.
        """
        game = object.__new__(Game)
        as_many, provenance = values.size == self.values.size, self.provenance
        if provenance is not None:
            earlier = provenance.get(DERIVED)
            steps = [*earlier, how] if isinstance(earlier, list) else [how]
            kept = {k: x for k, x in provenance.items() if as_many or k != SEEDS}
            provenance = {**kept, DERIVED: steps}
        game._set(values, self.parties, provenance, self.seed_labels if as_many else ())
        return game

    def _check_finite(self) -> None:
        for index in np.argwhere(~np.isfinite(self.values))[:1]:
            *seed, coalition = index.tolist()
            raise ValueError(
                f"values: coalition {coalition_name(coalition, self.parties)}"
                f"{f' of {self.table_name(seed[0])}' if seed else ''} has value "
                f"{self.values[tuple(index)]}, need finite values"
            )

    def table_name(self, k: int) -> str:
        """What messages call table ``k``, by its seed's label or its number from 1."""
        return f"table of seed {self.seed_labels[k]}" if self.seed_labels else f"table {k + 1}"

    @property
    def n(self) -> int:
        """Number of parties."""
        return len(self.parties)

    @property
    def seeds(self) -> int:
        """Number of tables."""
        return self.values.size // 2**self.n

    @property
    def grand_value(self) -> Float[np.ndarray, "*seeds"]:
        """:math:`v(N)`, shape ``(*seeds)``."""
        return self.values[..., -1]

    @property
    def own_values(self) -> Float[np.ndarray, "*seeds parties"]:
        """:math:`v(i)` of every party, shape ``(*seeds, n)``."""
        return self.values[..., 2 ** np.arange(self.n)]

    @property
    def rounding(self) -> Float[np.ndarray, "*seeds"]:
        """Differences of a table's values up to this size are noise (:mod:`shapfair.rounding`)."""
        return np.asarray(NOISE * magnitude(self.values))

    def scaled(self, exchange_rate: float | int) -> "Game":
        r"""The game :math:`\nu v`: values in units of payoff.

        Raises:
            ValueError: if the exchange rate :math:`\nu` is not positive and finite.
        """
        if not 0 < exchange_rate < np.inf:
            raise ValueError(f"exchange_rate: {exchange_rate}, need a positive finite number")
        if exchange_rate == 1:
            return self
        with np.errstate(over="ignore"):  # an overflow is reported as a value that is not finite
            scaled = self._with_values(
                float(exchange_rate) * self.values, f"exchange rate {exchange_rate!r}"
            )
        scaled._check_finite()
        return scaled

    def averaged(self) -> "Game":
        """The game of the mean table over all seeds; its provenance says so.

        Raises:
            ValueError: if a mean leaves float64's range.
        """
        with np.errstate(over="ignore"):
            mean = np.asarray(self.values.reshape(-1, 2**self.n).mean(axis=0))
        seeds = (self.provenance or {}).get(SEEDS) or self.seed_labels
        which = f"the tables of seeds {', '.join(map(str, seeds))}" if seeds else "all tables"
        game = self._with_values(mean, f"mean of {which}")
        game._check_finite()
        return game

    def is_as_recorded(self) -> bool | None:
        """Whether values, parties and seeds are those that a run has recorded.

        None if the provenance names no run. It finds what was changed by accident or in good faith,
        not what was forged: whoever changes values can change their digest, too.
        """
        origin = self.provenance or {}
        if "digest" not in origin or DERIVED in origin:
            return None
        return origin.get(TABLE) == table_digest(self.values, self.parties, origin)

    def message_about(self, k: int) -> str:
        """How a message about table ``k`` begins, if there are several."""
        return f"{self.table_name(k)}: " if self.seeds > 1 else ""

    def monotonicity(self) -> Monotonicity:
        """Count the edges that drop, over all tables; O(n 2^n) per table."""
        violations, worst, where, spoilt = 0, 0.0, "", np.zeros(self.seeds, bool)
        rounding = self.rounding.reshape(-1, 1, 1)
        for i in range(self.n):
            halves = self._halves(self.values, i)
            with np.errstate(over="ignore"):  # a drop may exceed the largest float64, and does drop
                drops = halves[:, :, 0] - halves[:, :, 1]
            dropping = drops > rounding
            violations += int(dropping.sum())
            spoilt |= dropping.any(axis=(1, 2))
            drops[~dropping] = 0.0
            if drops.max() > worst:
                worst = float(drops.max())
                seed, high, low = np.unravel_index(int(drops.argmax()), drops.shape)
                coalition = int(high) * 2 ** (i + 1) + int(low)
                where = self._edge_name(coalition, i, int(seed))
        return Monotonicity(
            edges=self.seeds * self.n * 2 ** (self.n - 1),
            violations=violations,
            tables=int(spoilt.sum()),
            worst_drop=worst,
            worst_edge=where,
        )

    def hull(self) -> "Game":
        r"""Monotone hull :math:`\bar v(C) = \max_{B\subseteq C} v(B)`, the least monotone majorant.

        A coalition may leave data unused. It differs from :math:`v` only where :math:`v` is not
        monotone. One in-place sweep per party, O(n 2^n).
        """
        hull = self.values.copy()
        for i in range(self.n):
            halves = self._halves(hull, i)
            np.maximum(halves[:, :, 0], halves[:, :, 1], out=halves[:, :, 1])
        return self._with_values(hull, "monotone hull")

    @staticmethod
    def _halves(values: np.ndarray, i: int) -> np.ndarray:
        """View ``(seeds, higher parties, without or with i, lower parties)`` of tables."""
        return values.reshape(-1, values.shape[-1] >> (i + 1), 2, 1 << i)

    def _edge_name(self, coalition: int, i: int, seed: int) -> str:
        table = f" ({self.table_name(seed)})" if self.seeds > 1 else ""
        return (
            f"{coalition_name(coalition, self.parties)} -> "
            f"{coalition_name(coalition | 1 << i, self.parties)}{table}"
        )

    @classmethod
    def read(cls, path: str | Path, content: bytes | None = None) -> "Game":
        """Read a value table, ``.csv`` or ``.json`` by the ending of its name.

        Args:
            path: the file.
            content: what the file holds, if it has been read already.

        Raises:
            ValueError: if the ending is another, or as :meth:`from_csv` and :meth:`from_json`.
            OSError: if the file cannot be read.
        """
        read = {"csv": tables.read_csv, "json": tables.read_json}[tables.form_of(path)]
        return cls(*read(path, content))

    @classmethod
    def from_csv(cls, path: str | Path) -> "Game":
        """Read a CSV value table; see :mod:`shapfair.tables` for the format and the errors."""
        return cls(*tables.read_csv(path))

    @classmethod
    def from_json(cls, path: str | Path) -> "Game":
        """Read a JSON value table; see :mod:`shapfair.tables` for the format and the errors."""
        return cls(*tables.read_json(path))

    def to_csv(self, path: str | Path) -> None:
        """Write a CSV value table; a game with provenance needs :meth:`to_json`."""
        tables.write_csv(path, self._table())

    def to_json(self, path: str | Path) -> None:
        """Write a JSON value table, which has no place for seed labels but in the provenance."""
        tables.write_json(path, self._table())

    def _table(self) -> tables.Table:
        return tables.Table(self.values, self.parties, self.provenance, self.seed_labels)


def table_digest(
    values: Float[np.ndarray, "*seeds coalitions"],
    parties: Sequence[str],
    provenance: Mapping[str, Any],
) -> str:
    """Hexadecimal SHA-256 of values, parties, seeds and the digest of their experiment."""
    content = {
        "digest": provenance.get("digest"),
        "parties": list(parties),
        "seeds": provenance.get("seeds"),
        "values": values.reshape(-1, values.shape[-1]).tolist(),
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
