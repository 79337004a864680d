"""Finished coalition values on disk, so that a run can be stopped at any moment.

One SQLite file holds the values of any number of experiments. A value is keyed by the digest of
its experiment (data, partition, network, training), its seed and its coalition, and is committed
as soon as it is known. Processes may share a file: the first value that is committed counts, and
leases (:mod:`shapfair.valuation.leases`) say who is at which coalition.
"""

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from jaxtyping import Float64

from shapfair.leftovers import undisturbed

APPLICATION_ID = 0x53484150
"""Marks the file as ours (``SHAP``), so that another program's database is not written to."""

_SCHEMA = """
CREATE TABLE experiments (
    digest TEXT PRIMARY KEY,
    description TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE coalition_values (
    digest TEXT NOT NULL REFERENCES experiments,
    seed INTEGER NOT NULL,
    coalition INTEGER NOT NULL,
    value REAL NOT NULL,
    finished TEXT NOT NULL,
    PRIMARY KEY (digest, seed, coalition)
) WITHOUT ROWID;
"""

_LEASES = """
CREATE TABLE leases (
    digest TEXT NOT NULL,
    seed INTEGER NOT NULL,
    coalition INTEGER NOT NULL,
    owner TEXT NOT NULL,
    ends REAL NOT NULL,
    PRIMARY KEY (digest, seed, coalition)
) WITHOUT ROWID;
"""

_VERSIONS = (_SCHEMA, _LEASES)
"""What each version of the file format adds to the one before; the first is number 0."""

_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class StoreError(OSError):
    """The store cannot be used; the message names the file and what to do."""


def digest(description: Mapping[str, Any]) -> str:
    """Hexadecimal SHA-256 of a description, independent of the order of its keys."""
    text = json.dumps(description, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class Store:
    """Values of one experiment in a file that others may share.

    Args:
        path: the SQLite file; made with its folder if missing. ``":memory:"`` keeps nothing.
        description: what the values depend on, other than seed and coalition; JSON types.
        timeout: seconds to wait while another process writes.

    Raises:
        StoreError: if the file is locked for longer than ``timeout``, is damaged, is not a store,
            or cannot be opened.
    """

    def __init__(
        self, path: str | Path, description: Mapping[str, Any], *, timeout: float = 30
    ) -> None:
        self.path = path
        self.key = digest(description)
        self._timeout = timeout
        self._lock = threading.RLock()
        try:
            if str(path) != ":memory:":
                Path(path).parent.mkdir(parents=True, exist_ok=True)
            # Threads take turns by our own lock; each statement is its own transaction.
            self._db = sqlite3.connect(
                path, timeout=timeout, isolation_level=None, check_same_thread=False
            )
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"store {path}: cannot be opened ({error}): choose another") from error
        try:
            self._prepare_file()
            self.execute(
                "INSERT OR IGNORE INTO experiments VALUES (?, ?)",
                (self.key, json.dumps(description, sort_keys=True)),
            )
        except StoreError:
            self._db.close()
            raise

    @property
    def in_memory(self) -> bool:
        """Whether nobody else can see it, and nothing is kept."""
        return str(self.path) == ":memory:"

    def _prepare_file(self) -> None:
        """Bring an empty or an older file to this format; refuse one that holds something else."""
        newest = len(_VERSIONS) - 1
        if self._is_ours() and self._number("PRAGMA user_version") == newest:
            return
        with self.transaction():  # two processes may both find the file empty
            version = self._version()
            if version > newest:
                raise StoreError(
                    f"store {self.path}: was made by a newer shapfair: update it, or choose "
                    "another file"
                )
            for addition in _VERSIONS[version + 1 :]:
                for statement in addition.split(";"):
                    self.execute(statement)
            self.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self.execute(f"PRAGMA user_version = {newest}")

    def _is_ours(self) -> bool:
        return self._number("PRAGMA application_id") == APPLICATION_ID

    def _version(self) -> int:
        """Version of the file's format, -1 for an empty file."""
        if self._is_ours():
            return self._number("PRAGMA user_version")
        if self.execute("SELECT 1 FROM sqlite_master LIMIT 1"):
            raise StoreError(
                f"store {self.path}: is the database of another program: choose another file"
            )
        return -1

    def _number(self, statement: str, values: Sequence[Any] = ()) -> int:
        return self.execute(statement, values)[0][0]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Statements that count together or not at all, with no other process in between."""
        # All the time, not for each statement: else another store of this process could hold one
        # lock while it waits for the other.
        with self._lock, undisturbed:
            self.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.rollback()
                raise
            self.execute("COMMIT")

    def execute(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one SQL statement.

        Raises:
            StoreError: if it cannot be run.
        """
        try:
            with self._lock, undisturbed:
                return self._db.execute(statement, values).fetchall()
        except sqlite3.OperationalError as error:
            # The lowest byte is the kind of error, the others say more about it.
            if error.sqlite_errorcode & 0xFF in _BUSY:
                advice = f"another process has held it for {self._timeout:g} s: try again later"
            else:
                advice = "check free space and permissions, or choose another file"
            raise StoreError(f"store {self.path}: {error}: {advice}") from error
        except sqlite3.DatabaseError as error:
            raise StoreError(
                f"store {self.path}: {error}: the file is damaged or not a store; move it away "
                "and run again (values are trained anew)"
            ) from error

    def put(self, seed: int, coalition: int, value: float) -> None:
        """Commit one value; a value that is already there stays."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self.execute(
            "INSERT OR IGNORE INTO coalition_values VALUES (?, ?, ?, ?, ?)",
            (self.key, seed, coalition, value, now),
        )

    def get(self, seed: int, coalition: int) -> float | None:
        """A finished value, or None."""
        rows = self.execute(
            "SELECT value FROM coalition_values WHERE digest = ? AND seed = ? AND coalition = ?",
            (self.key, seed, coalition),
        )
        return rows[0][0] if rows else None

    def keys(self) -> set[tuple[int, int]]:
        """Seed and coalition of every finished value."""
        return set(
            self.execute(
                "SELECT seed, coalition FROM coalition_values WHERE digest = ?", (self.key,)
            )
        )

    def table(self, seeds: Sequence[int], n: int) -> Float64[np.ndarray, "seeds coalitions"]:
        """Value table of ``n`` parties in bitmask order, one row per seed; nan where not finished.

        The empty coalition has value 0.
        """
        values = np.full((len(seeds), 2**n), np.nan)
        values[:, 0] = 0
        rows = {seed: k for k, seed in enumerate(seeds)}
        for seed, coalition, value in self.execute(
            "SELECT seed, coalition, value FROM coalition_values WHERE digest = ?", (self.key,)
        ):
            if seed in rows:
                values[rows[seed], coalition] = value
        return values

    def strangers(self) -> int:
        """Number of values in the file that belong to other experiments; none of them is used."""
        return self._number("SELECT COUNT(*) FROM coalition_values WHERE digest != ?", (self.key,))

    def close(self) -> None:
        """Close the file; everything that was put is already there."""
        self._db.close()

    def __enter__(self) -> "Store":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
