"""The SQLite file behind a store: its format, its transactions, and what can go wrong with it."""

import contextlib
import sqlite3
import textwrap
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from shapfair.leftovers import undisturbed
from shapfair.valuation.record import Record, mark

APPLICATION_ID = 0x53484150
"""Marks the file as ours (``SHAP``), so that another program's database is not written to."""

BITS = 64
"""Bits of an integer of the file: the most parties of a coalition, which is kept as one."""

FORMAT = 2
"""Version of the format. Number 0 had no leases, 1 no records of who found a value."""

_LEASES = """
CREATE TABLE IF NOT EXISTS leases (
    digest TEXT NOT NULL,
    seed INTEGER NOT NULL,
    coalition INTEGER NOT NULL,
    owner TEXT NOT NULL,
    ends REAL NOT NULL,
    PRIMARY KEY (digest, seed, coalition)
) WITHOUT ROWID;
"""

_TABLES = f"""
CREATE TABLE IF NOT EXISTS experiments (
    digest TEXT PRIMARY KEY,
    description TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE origins (
    origin TEXT PRIMARY KEY,
    document TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE records (
    digest TEXT NOT NULL,
    seed INTEGER NOT NULL,
    coalition INTEGER NOT NULL,
    line TEXT NOT NULL,
    PRIMARY KEY (digest, seed, coalition)
) WITHOUT ROWID;
CREATE TABLE tally (
    count INTEGER NOT NULL,
    marks INTEGER NOT NULL
);
INSERT INTO tally VALUES (0, 0);
{_LEASES}"""
"""The tally says how many records there are and what their marks add up to, so that none can be
missing unseen."""

_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_REFUSED = (
    *(sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY),
    *(sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOMEM),
)
"""Errors of the system, not of the file."""

Self = TypeVar("Self", bound="Database")


class StoreError(OSError):
    """The store cannot be used; the message names the file and what to do."""


class NotAStore(StoreError):
    """The file is damaged, or holds something else."""


class Database:
    """A store's file, which other processes may use at the same time.

    Args:
        path: made with its folder if missing. ``":memory:"`` keeps nothing.
        timeout: seconds to wait while another process writes.

    Raises:
        StoreError: if the file is locked for longer than ``timeout``, is damaged, is not a store,
            or cannot be opened.
    """

    def __init__(self, path: str | Path, *, timeout: float = 30.0) -> None:
        self.path, self._timeout = path, timeout
        self._lock = threading.RLock()
        try:
            if not self.in_memory:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
            # Threads take turns by our own lock; each statement is its own transaction.
            self._db = sqlite3.connect(
                path, timeout=timeout, isolation_level=None, check_same_thread=False
            )
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"store {path}: cannot be opened ({error}): choose another") from error
        try:
            self._prepare_file()
        except StoreError:
            self._db.close()
            raise

    @property
    def in_memory(self) -> bool:
        """Whether nobody else can see it, and nothing is kept."""
        return str(self.path) == ":memory:"

    def _prepare_file(self) -> None:
        """Bring an empty or an older file to this format; refuse one that holds something else."""
        if self._is_ours() and self.number("PRAGMA user_version") == FORMAT:
            return
        with self.transaction():  # two processes may both find the file empty
            version = self._version()
            if version > FORMAT:
                raise NotAStore(
                    f"store {self.path}: was made by a newer shapfair: update it, or choose "
                    "another file"
                )
            if version == FORMAT:
                return
            for statement in _TABLES.split(";"):
                self.execute(statement)
            if version >= 0:
                self._take_over_values()
            self.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self.execute(f"PRAGMA user_version = {FORMAT}")

    def _take_over_values(self) -> None:
        """Of the values in a file of an older format, only the time was recorded."""
        for digest, seed, coalition, value, finished in self.execute(
            "SELECT digest, seed, coalition, value, finished FROM coalition_values"
        ):
            self.add(Record(digest, seed, coalition, value, None, finished, ""))
        self.execute("DROP TABLE coalition_values")

    def _is_ours(self) -> bool:
        return self.number("PRAGMA application_id") == APPLICATION_ID

    def _version(self) -> int:
        """Version of the file's format, -1 for an empty file."""
        if self._is_ours():
            return self.number("PRAGMA user_version")
        if self.execute("SELECT 1 FROM sqlite_master LIMIT 1"):
            raise NotAStore(
                f"store {self.path}: is the database of another program: choose another file"
            )
        return -1

    def add(self, record: Record) -> bool:
        """Commit a record; false if there is one for its key, which stays."""
        line = record.to_text()
        with self.transaction():
            if self.execute(
                "SELECT 1 FROM records WHERE digest = ? AND seed = ? AND coalition = ?", record.key
            ):
                return False
            self.execute("INSERT INTO records VALUES (?, ?, ?, ?)", (*record.key, line))
            ((count, marks),) = self.execute("SELECT count, marks FROM tally")
            self.execute("UPDATE tally SET count = ?, marks = ?", (count + 1, marks ^ mark(line)))
        return True

    def number(self, statement: str, values: Sequence[Any] = ()) -> int:
        """The number that a statement finds."""
        return self.execute(statement, values)[0][0]

    @contextmanager
    def transaction(self, kind: str = "IMMEDIATE") -> Iterator[None]:
        """Statements that count together or not at all, with no other process in between.

        Within another one it is a part of that.
        """
        # All the time, not for each statement: else another store of this process could hold one
        # lock while it waits for the other.
        with self._lock, undisturbed:
            if self._db.in_transaction:
                yield
                return
            self.execute(f"BEGIN {kind}")
            try:
                yield
                self.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # what went wrong counts more
                    self._db.rollback()
                raise

    def clear_journal(self) -> None:
        """Have SQLite remove a journal with nothing in it, which a killed process has left.

        It passes over one, and removes it with the next transaction that changes the file.
        """
        if not self.in_memory and Path(f"{self.path}-journal").exists():
            self.execute(f"PRAGMA user_version = {FORMAT}")

    def execute(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one SQL statement.

        Raises:
            StoreError: if it cannot be run.
        """
        try:
            with self._lock, undisturbed:
                return self._db.execute(statement, tuple(map(_signed, values))).fetchall()
        except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter where names are damaged
            # The lowest byte is the kind of error, the others say more about it.
            kind = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
            if kind in _BUSY:
                advice = f"another process has held it for {self._timeout:g} s: try again later"
            elif kind in _REFUSED:
                advice = "check free space and permissions, or choose another file"
            else:
                raise NotAStore(damaged(self.path, str(error))) from error
            raise StoreError(f"store {self.path}: {error}: {advice}") from error

    def close(self) -> None:
        """Close the file; everything that was put is already there."""
        self._db.close()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _signed(value: Any) -> Any:
    """A value as SQLite takes it: a bitmask of 64 bits as the signed integer of the same bits."""
    return value - 2**BITS if isinstance(value, int) and value >> (BITS - 1) == 1 else value


def unsigned(coalition: int) -> int:
    """The bitmask that a signed integer of the file stands for."""
    return coalition % 2**BITS


def damaged(path: str | Path, finding: str) -> str:
    """What is said of a damaged file, in one line."""
    return (
        f"store {path}: damaged, or not a store ({textwrap.shorten(finding, 120)}): "
        f"`shapfair store repair {path}` saves the sound values"
    )
