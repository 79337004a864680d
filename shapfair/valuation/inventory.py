"""What a store holds, experiment by experiment, and how values that nobody needs go."""

import json
from dataclasses import dataclass
from pathlib import Path

from shapfair.valuation.database import Database, StoreError
from shapfair.valuation.integrity import check, existing
from shapfair.valuation.record import Record, mark


@dataclass(frozen=True)
class Holding:
    """The values of one experiment.

    Attributes:
        digest: of its description.
        name: what the description calls it; empty if the description is lost.
        seeds: seeds of the values.
        values: how many there are.
        makers: how many processes found them.
        first: when the first was found, in ISO 8601.
        last: when the last was.
    """

    digest: str
    name: str
    seeds: tuple[int, ...]
    values: int
    makers: int
    first: str
    last: str


def holdings(path: str | Path) -> list[Holding]:
    """What is in a store, the newest experiment last.

    Raises:
        StoreError: if there is no such file, or it is not whole.
    """
    with Database(existing(path)) as database:
        check(database)
        found: dict[str, list[Record]] = {}
        for (line,) in database.execute("SELECT line FROM records"):
            record = Record.from_text(line)
            found.setdefault(record.digest, []).append(record)
        names = {
            digest: _name(json.loads(text))
            for digest, text in database.execute("SELECT * FROM experiments")
        }
    held = (_holding(digest, names.get(digest, ""), found[digest]) for digest in found)
    return sorted(held, key=lambda holding: holding.last)


def _name(description: dict[str, object]) -> str:
    return str(description.get("experiment", description.get("score", "")))


def _holding(digest: str, name: str, records: list[Record]) -> Holding:
    times = [record.finished for record in records]
    seeds = tuple(sorted({record.seed for record in records}))
    makers = len({record.origin for record in records})
    return Holding(digest, name, seeds, len(records), makers, min(times), max(times))


def prune(path: str | Path, digest: str) -> int:
    """Remove the values of one experiment; returns how many there were.

    Args:
        path: the store.
        digest: of the experiment, or the first eight or more of its letters.

    Raises:
        StoreError: if the store is not whole, or none or several of its experiments are meant.
    """
    with Database(existing(path)) as database:
        check(database)
        with database.transaction():
            every = {name for (name,) in database.execute("SELECT DISTINCT digest FROM records")}
            meant = [name for name in every if len(digest) >= 8 and name.startswith(digest)]
            if len(meant) != 1:
                raise StoreError(
                    f"store {path}: {len(meant)} experiments are called {digest!r}: "
                    "`shapfair store list` shows their names, give eight letters or more"
                )
            lines = database.execute("SELECT line FROM records WHERE digest = ?", meant)
            ((count, marks),) = database.execute("SELECT count, marks FROM tally")
            for (line,) in lines:
                count, marks = count - 1, marks ^ mark(line)
            database.execute("DELETE FROM records WHERE digest = ?", meant)
            database.execute("DELETE FROM experiments WHERE digest = ?", meant)
            database.execute("UPDATE tally SET count = ?, marks = ?", (count, marks))
        database.execute("VACUUM")
    return len(lines)
