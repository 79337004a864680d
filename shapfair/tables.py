"""Value tables on disk: CSV for people and spreadsheets, JSON for programs.

CSV has one 0/1 column per party, then ``value``, and optionally ``seed``; every coalition appears
exactly once per seed, the empty one included, in any order. JSON is ``{"parties": [...], "values":
[[...]], "provenance": {...}}`` with one row of values per seed in bitmask order.

Whatever is missing, duplicated, non-finite or malformed is an error that names the place; nothing
is repaired.
"""

import csv
import io
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from shapfair import names, numerals
from shapfair.coalitions import check_party_count, coalition_name
from shapfair.files import write_whole

VALUE, SEED = "value", "seed"
"""Names of the CSV columns that are not parties."""


class Table(NamedTuple):
    """What a file holds: values ``(2**n,)`` for one seed, else ``(seeds, 2**n)``.

    ``seed_labels`` are the entries of the seed column, one per table; empty if there is none.
    """

    values: np.ndarray
    parties: tuple[str, ...]
    provenance: dict[str, Any] | None = None
    seed_labels: tuple[str, ...] = ()


def form_of(path: str | Path) -> str:
    """``csv`` or ``json``, by the ending of a name.

    Raises:
        ValueError: if it has another.
    """
    form = Path(path).suffix.lower().removeprefix(".")
    if form not in ("csv", "json"):
        raise ValueError(f"{path}: a value table's name ends in .csv or .json")
    return form


def read_csv(path: str | Path, content: bytes | None = None) -> Table:
    """Read a CSV value table; ``content`` is what the file holds, if it has been read already.

    Raises:
        ValueError: names the file, the line and what is wrong there.
        OSError: if the file cannot be read.
    """
    parties, tables = _read_rows(path, content, _value)
    check_party_count(len(parties))
    if not tables:
        raise ValueError(f"{path}: no rows, need all {2 ** len(parties)} coalitions")
    for seed, table in tables.items():
        _check_complete(table, parties, f"{path}{_of_seed(seed)}")
    values = np.array([[table[c] for c in range(len(table))] for table in tables.values()])
    return Table(_without_single_seed(values), parties, None, tuple(filter(None, tables)))


def read_partial_csv(
    path: str | Path, content: bytes | None = None
) -> tuple[tuple[str, ...], dict[str, dict[int, float]]]:
    """Parties of a CSV value table that need not be complete, and by seed its values by coalition.

    A row whose value is empty counts as missing. Without a column of seeds the only seed is ``""``.

    Raises:
        ValueError: names the file, the line and what is wrong there.
        OSError: if the file cannot be read.
    """
    return _read_rows(path, content, lambda text, *where: _value(text, *where) if text else None)


def _read_rows(
    path: str | Path,
    content: bytes | None,
    value_of: Callable[[str, int, Sequence[str], str], float | None],
) -> tuple[tuple[str, ...], dict[str, dict[int, float]]]:
    """Parties, and by seed the values by coalition of all rows that have one."""
    records = _records(path, content)
    line, header = next(records, (1, []))
    parties = _parties(header, f"{path}: line {line}")
    columns = [header.index(name) for name in parties]

    tables: dict[str, dict[int, float]] = {}
    for line, record in records:
        where = f"{path}: line {line}"
        if len(record) != len(header):
            raise ValueError(f"{where}: {len(record)} fields, the header has {len(header)}")
        seed = record[header.index(SEED)] if SEED in header else ""
        if SEED in header and not seed:
            raise ValueError(f"{where}: the seed is empty")
        if not seed.isprintable():
            raise ValueError(f"{where}: the seed {seed!r} is not printable")
        coalition = _coalition([record[column] for column in columns], parties, where)
        value = value_of(record[header.index(VALUE)], coalition, parties, where)
        if value is None:
            continue
        _check_empty_value(coalition, value, where)
        table = tables.setdefault(seed, {})
        if coalition in table:
            name = coalition_name(coalition, parties)
            raise ValueError(f"{where}: coalition {name} appears twice{_of_seed(seed)}")
        table[coalition] = value
    return parties, tables


def write_csv(path: str | Path, table: Table) -> None:
    """Write a CSV value table in bitmask order; seeds without labels are numbered from 0.

    Raises:
        ValueError: if a party bears the name of another column, or there is provenance, which CSV
            cannot carry.
    """
    if table.provenance is not None:
        raise ValueError("provenance: a CSV value table cannot carry it, write JSON")
    rows = table.values.reshape(-1, 2 ** len(table.parties))
    several = table.values.ndim > 1 or table.seed_labels
    seeds = (table.seed_labels or range(len(rows))) if several else ()
    text = io.StringIO()
    write_rows(text, table.parties, (map(repr, row.tolist()) for row in rows), seeds)
    write_whole(path, text.getvalue().encode())


def write_rows(
    file: Any, parties: Sequence[str], rows: Iterable[Iterable[Any]], seeds: Sequence[Any] = ()
) -> None:
    """Write the text of a CSV value table.

    Args:
        file: a text file open for writing.
        parties: names of the parties.
        rows: per table its values in bitmask order.
        seeds: the seed of every table; without them there is no such column.

    Raises:
        ValueError: if a party bears the name of another column.
    """
    for name in {VALUE, SEED}.intersection(parties):
        raise ValueError(f"parties: {name!r} is the name of another CSV column, rename the party")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*parties, VALUE, *([SEED] if seeds else [])])
    for k, values in enumerate(rows):
        for coalition, value in enumerate(values):
            membership = [coalition >> i & 1 for i in range(len(parties))]
            writer.writerow([*membership, value, *seeds[k : k + 1]])


def read_json(path: str | Path, content: bytes | None = None) -> Table:
    """Read a JSON value table; ``content`` is what the file holds, if it has been read already.

    Raises:
        ValueError: names the file, the row of ``values`` and what is wrong there.
        OSError: if the file cannot be read.
    """
    try:
        document = json.loads(_text(path, content), object_pairs_hook=_unique_keys)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: line {error.lineno}: not JSON ({error.msg})") from None
    except (RecursionError, ValueError) as error:
        raise ValueError(f"{path}: not a value table ({error})") from None
    if not isinstance(document, dict):
        raise ValueError(f"{path}: not a JSON object with the keys parties and values")
    for key in ("parties", "values"):
        if key not in document:
            raise ValueError(f"{path}: the key {key!r} is missing")
    for key in document.keys() - {"parties", "values", "provenance"}:
        raise ValueError(f"{path}: unknown key {key!r}, known: parties, values, provenance")
    parties, provenance = document["parties"], document.get("provenance")
    if not (isinstance(parties, list) and all(isinstance(name, str) for name in parties)):
        raise ValueError(f"{path}: parties must be a list of names")
    if not (provenance is None or isinstance(provenance, dict)):
        raise ValueError(f"{path}: provenance must be an object")
    check_parties(parties, str(path))
    values = _json_values(document["values"], parties, path)
    return Table(_without_single_seed(values), tuple(parties), provenance)


def write_json(path: str | Path, table: Table) -> None:
    """Write a JSON value table; ``provenance`` appears if there is any."""
    document: dict[str, Any] = {
        "parties": list(table.parties),
        "values": table.values.reshape(-1, 2 ** len(table.parties)).tolist(),
    }
    if table.provenance is not None:
        document["provenance"] = table.provenance
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    write_whole(path, f"{text}\n".encode())


def check_parties(parties: Sequence[str], where: str = "parties") -> None:
    """Refuse party names as :func:`check_names` does, and more of them than a table can have.

    Raises:
        ValueError: naming the first offender; also beyond 26 parties.
    """
    check_names(parties, where)
    check_party_count(len(parties))


def check_names(parties: Sequence[str], where: str = "parties") -> None:
    """Refuse party names that are missing, empty, unprintable, padded, or look alike.

    Raises:
        ValueError: naming the first offender.
    """
    if not parties:
        raise ValueError(f"{where}: no parties, need at least one")
    for i, name in enumerate(parties):
        if not name or name != name.strip() or not name.isprintable():
            raise ValueError(
                f"{where}: party {i + 1} is named {name!r}, need a printable name "
                "without spaces around it"
            )
    names.check_distinct(parties, where)


def check_seed_labels(labels: Sequence[str], count: int) -> None:
    """Refuse seed labels that are not one per table, distinct, printable and without padding.

    Raises:
        ValueError: naming the first offender.
    """
    if len(labels) != count:
        raise ValueError(f"seed_labels: {len(labels)} labels for {count} tables")
    for k, label in enumerate(labels):
        if not label or label != label.strip() or not label.isprintable():
            raise ValueError(f"seed_labels: {label!r}, need a printable label without padding")
        if label in labels[:k]:
            raise ValueError(f"seed_labels: two tables are of seed {label!r}")


def _text(path: str | Path, content: bytes | None) -> str:
    """Content of a UTF-8 file, with or without a byte order mark."""
    raw = Path(path).read_bytes() if content is None else content
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ValueError(f"{path}: line {line}: not UTF-8 text, save the table as UTF-8") from None
    if "\0" in text:
        raise ValueError(f"{path}: a binary file, not a value table")
    return text


def _records(path: str | Path, content: bytes | None) -> Iterator[tuple[int, list[str]]]:
    """Line number and fields of every record that is not blank."""
    reader = csv.reader(io.StringIO(_text(path, content), newline=""), strict=True)
    try:
        for record in reader:
            if record:
                yield reader.line_num, [field.strip(" \t") for field in record]
    except csv.Error as error:
        raise ValueError(f"{path}: line {reader.line_num}: not CSV ({error})") from None


def _parties(header: list[str], where: str) -> tuple[str, ...]:
    """Party names of a header that is found right."""
    if not header:
        raise ValueError(f"{where}: no header, need one column per party, then 'value'")
    if VALUE not in header:
        raise ValueError(f"{where}: no column is named 'value', found: {', '.join(header)}")
    for name in header[header.index(VALUE) + 1 :]:
        if name != SEED:
            raise ValueError(f"{where}: column {name!r} after 'value', only 'seed' may follow it")
    if header.count(SEED) > 1:
        raise ValueError(f"{where}: two columns are named 'seed'")
    parties = tuple(name for name in header if name not in (VALUE, SEED))
    check_names(parties, where)
    return parties


def _coalition(cells: list[str], parties: Sequence[str], where: str) -> int:
    if set(cells) <= {"0", "1"}:
        return int("".join(reversed(cells)), 2)
    name, cell = next(
        pair for pair in zip(parties, cells, strict=True) if pair[1] not in ("0", "1")
    )
    raise ValueError(f"{where}: membership of party {name} is {cell!r}, need 0 or 1")


def _value(text: str, coalition: int, parties: Sequence[str], where: str) -> float:
    if not text:
        name = coalition_name(coalition, parties)
        raise ValueError(f"{where}: value '' is not a number: coalition {name} has no value yet")
    try:
        return numerals.number(text)
    except ValueError as error:
        raise ValueError(f"{where}: value {error}") from None


def _check_empty_value(coalition: int, value: float | int, where: str) -> None:
    if coalition == 0 and value != 0:
        raise ValueError(f"{where}: the empty coalition has value {value!r}, it must be 0")


def _of_seed(seed: str) -> str:
    return f" (seed {seed})" if seed else ""


def _check_complete(table: dict[int, float], parties: Sequence[str], where: str) -> None:
    total = 2 ** len(parties)
    if len(table) == total:
        return
    first = next(c for c in range(total) if c not in table)
    name = coalition_name(first, parties) if first else "the empty coalition (all zeros, value 0)"
    others = total - len(table) - 1
    raise ValueError(
        f"{where}: {len(table)} of {total} coalitions; missing: {name}"
        + (f" and {others} more" if others else "")
        + "; an exact allocation needs all, `shapfair estimate` does with some"
    )


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for key, times in Counter(key for key, _ in pairs).items():
        if times > 1:
            raise ValueError(f"the key {key!r} appears twice")
    return dict(pairs)


def _json_values(rows: Any, parties: Sequence[str], path: str | Path) -> np.ndarray:
    total = 2 ** len(parties)
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise ValueError(f"{path}: values must be a list of rows, one per seed")
    if not rows:
        raise ValueError(f"{path}: values has no rows, need one per seed")
    for k, row in enumerate(rows):
        where = f"{path}: row {k + 1} of values"
        if len(row) != total:
            raise ValueError(
                f"{where}: {len(row)} values, {len(parties)} parties have {total} coalitions"
            )
        for coalition, value in enumerate(row):
            if type(value) not in (int, float) or not abs(value) <= sys.float_info.max:
                found = json.dumps(value)[:40]
                name = coalition_name(coalition, parties)
                raise ValueError(
                    f"{where}: coalition {name} has value {found}, need a finite number"
                )
        _check_empty_value(0, row[0], where)
    return np.array(rows, dtype=np.float64)


def _without_single_seed(values: np.ndarray) -> np.ndarray:
    return values[0] if len(values) == 1 else values
