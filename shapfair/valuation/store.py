"""Finished coalition values on disk, so that a run can be stopped at any moment.

One SQLite file holds the values of any number of experiments. A value is keyed by the digest of
its experiment (data, partition, network, training), its seed and its coalition, and is committed
as soon as it is known, with what is known of how it was found
(:mod:`shapfair.valuation.record`). The file is checked before anything is read
(:mod:`shapfair.valuation.integrity`). Processes may share it: the first value that is committed
counts, and leases (:mod:`shapfair.valuation.leases`) say who is at which coalition.
"""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from shapfair.valuation.database import Database, StoreError, unsigned
from shapfair.valuation.integrity import check
from shapfair.valuation.record import Record, checksum, compact


def digest(description: Mapping[str, Any]) -> str:
    """Hexadecimal SHA-256 of a description, independent of the order of its keys."""
    return checksum(compact(description))


class Store(Database):
    """Values of one experiment in a file that others may share.

    Args:
        path: the SQLite file; made with its folder if missing. ``":memory:"`` keeps nothing.
        description: what the values depend on, other than seed and coalition; JSON types.
        bounds: the least and the greatest value that there can be.
        timeout: seconds to wait while another process writes.

    Raises:
        StoreError: if the file is locked for longer than ``timeout``, is damaged, is not a store,
            or cannot be opened.
    """

    def __init__(
        self,
        path: str | Path,
        description: Mapping[str, Any],
        bounds: tuple[float, float] = (-math.inf, math.inf),
        *,
        timeout: float = 30.0,
    ) -> None:
        super().__init__(path, timeout=timeout)
        self.key, self._bounds = digest(description), bounds
        try:
            if not self.in_memory:
                check(self)
            self.execute(
                "INSERT OR IGNORE INTO experiments VALUES (?, ?)",
                (self.key, json.dumps(description, sort_keys=True)),
            )
        except StoreError:
            self.close()
            raise

    def sign_in(self, origin: Mapping[str, Any]) -> str:
        """Note what is known of a process that finds values; returns what its values refer to."""
        text = compact(origin)
        self.execute("INSERT OR IGNORE INTO origins VALUES (?, ?)", (checksum(text), text))
        return checksum(text)

    def put(
        self,
        seed: int,
        coalition: int,
        value: float,
        seconds: float | None = None,
        origin: str = "",
    ) -> bool:
        """Commit one value; false if one is already there, which stays.

        Args:
            seed: seed of the run.
            coalition: bitmask.
            value: what the coalition is worth.
            seconds: how long it took to find.
            origin: of whoever found it, from :meth:`sign_in`.

        Raises:
            ValueError: if the value is not within the bounds.
            StoreError: if it cannot be committed.
        """
        if not self._bounds[0] <= value <= self._bounds[1]:
            raise ValueError(f"coalition {coalition}, seed {seed}: {self._outside(value)}")
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return self.add(Record(self.key, seed, coalition, float(value), seconds, now, origin))

    def get(self, seed: int, coalition: int) -> float | None:
        """A finished value, or None."""
        found = self._records("seed = ? AND coalition = ?", seed, coalition)
        return found[0].value if found else None

    def keys(self) -> set[tuple[int, int]]:
        """Seed and coalition of every finished value."""
        found = self.execute("SELECT seed, coalition FROM records WHERE digest = ?", (self.key,))
        return {(seed, unsigned(coalition)) for seed, coalition in found}

    def records(self, seeds: Sequence[int]) -> list[Record]:
        """All that is known of the values of these seeds."""
        wanted = set(seeds)
        return [record for record in self._records("TRUE") if record.seed in wanted]

    def _records(self, condition: str, *values: int) -> list[Record]:
        statement = f"SELECT line FROM records WHERE digest = ? AND {condition}"
        found = [Record.from_text(line) for (line,) in self.execute(statement, (self.key, *values))]
        for record in found:
            if not self._bounds[0] <= record.value <= self._bounds[1]:
                raise StoreError(
                    f"store {self.path}: coalition {record.coalition}, seed {record.seed}: "
                    f"{self._outside(record.value)}: it was not written by a run of this "
                    f"experiment, `shapfair store prune {self.path} {self.key[:12]}` removes its "
                    "values"
                )
        return found

    def _outside(self, value: float) -> str:
        low, high = self._bounds
        return f"value {value:g} is not from {low:g} to {high:g}, where the measure lies"

    def origins(self) -> dict[str, dict[str, Any]]:
        """What is known of the processes that found values."""
        return {name: json.loads(text) for name, text in self.execute("SELECT * FROM origins")}

    def table(self, seeds: Sequence[int], n: int) -> Float64[np.ndarray, "seeds coalitions"]:
        """Value table of ``n`` parties in bitmask order, one row per seed; nan where not finished.

        The empty coalition has value 0.
        """
        values = np.full((len(seeds), 2**n), np.nan)
        values[:, 0] = 0
        rows = {seed: k for k, seed in enumerate(seeds)}
        for record in self.records(seeds):
            values[rows[record.seed], record.coalition] = record.value
        return values

    def strangers(self) -> int:
        """Number of values in the file that belong to other experiments; none of them is used."""
        return self.number("SELECT COUNT(*) FROM records WHERE digest != ?", (self.key,))
