"""Value tables on disk: CSV for people and spreadsheets, JSON for programs.

Both are UTF-8 text, with or without a byte order mark, without NUL. A file holds at most 10,000
tables of 1 to 26 parties, each with every coalition exactly once, the empty one with value 0. Names
of parties are as :mod:`shapfair.names` wants them.

**CSV.** The header has a column per party, then ``value``; a column ``seed`` may stand anywhere
among them or last. Every other line that is not empty is a coalition: 0 or 1 for every party, its
value, and the seed if there is such a column; lines may come in any order. Fields are separated by
commas; one that begins with a double quote ends with one, and has two for each within, so that it
may hold commas and ends of lines. Lines end with LF, CR or both. Spaces and tabs around a field do
not count. A value is a number as :func:`shapfair.numerals.number` reads it; a seed is a label as
:func:`check_seed_labels` wants it.

**JSON.** An object with the keys ``parties`` (a list of names), ``values`` (a list of rows of
numbers, one row per seed in bitmask order) and, if need be, ``provenance`` (an object, see
:mod:`shapfair.origin`), and no other. No object has a key twice; whole numbers have up to 4,300
digits.

Whatever is missing, duplicated, non-finite or malformed is an error that names the place; nothing
is repaired.
"""

import csv
import io
import json
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from shapfair import documents, files, names, numerals
from shapfair.coalitions import check_memory, check_party_count, coalition_name
from shapfair.filling import Filling
from shapfair.origin import check_provenance

VALUE, SEED = "value", "seed"
"""Names of the CSV columns that are not parties."""

SEPARATORS = {"semicolons": ";", "tabs": "\t"}
"""What spreadsheets may put in the place of commas, for which there is a hint."""

MAX_TABLES = 10_000
"""Most tables of a file, one per seed."""


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
    parties, rows = _rows(path, content, exact=True)
    tables: dict[str, Filling] = {}
    for line, seed, coalition, text in rows:
        where = f"{path}: line {line}"
        value = _value(text, coalition, where)
        if seed not in tables:
            tables[seed] = Filling(path, parties, seed)
        tables[seed].add(coalition, value, line)
    if not tables:
        raise ValueError(f"{path}: no rows, need all {2 ** len(parties)} coalitions")
    check_memory(len(parties), len(tables), 3, str(path))
    values = np.array([table.table() for table in tables.values()])
    return Table(_without_single_seed(values), parties, None, tuple(filter(None, tables)))


def read_partial_csv(
    path: str | Path, content: bytes | None = None
) -> tuple[tuple[str, ...], dict[str, dict[int, float]]]:
    """Parties of a CSV value table that need not be complete, and by seed its values by coalition.

    A row whose value is empty counts as missing. Without a column of seeds the only seed is ``""``.
    There is no limit to the parties but that of whoever takes them.

    Raises:
        ValueError: names the file, the line and what is wrong there.
        OSError: if the file cannot be read.
    """
    parties, rows = _rows(path, content, exact=False)
    tables: dict[str, dict[int, float]] = {}
    for line, seed, coalition, text in rows:
        where = f"{path}: line {line}"
        value, table = _value(text, coalition, where), tables.setdefault(seed, {})
        if coalition in table:
            name = coalition_name(coalition, parties)
            raise ValueError(f"{where}: coalition {name} appears twice")
        table[coalition] = value
    known = {
        seed: {coalition: value for coalition, value in table.items() if not math.isnan(value)}
        for seed, table in tables.items()
    }
    return parties, {seed: table for seed, table in known.items() if table}


Row = tuple[int, str, int, str]
"""Line, seed (empty if there is no such column), coalition and the text of its value."""


def _rows(
    path: str | Path, content: bytes | None, *, exact: bool
) -> tuple[tuple[str, ...], Iterator[Row]]:
    """Parties and rows of a CSV value table; ``exact`` ones have as many parties as a table can."""
    records = _records(path, files.read(path) if content is None else content)
    line, header = next(records, (1, []))
    parties = _parties(header, f"{path}: line {line}", exact)
    return parties, _checked_rows(path, records, header, parties)


def _checked_rows(
    path: str | Path,
    records: Iterator[tuple[int, list[str]]],
    header: list[str],
    parties: tuple[str, ...],
) -> Iterator[Row]:
    columns = [header.index(name) for name in parties]
    value_column, seed_column = header.index(VALUE), header.index(SEED) if SEED in header else None
    seeds: set[str] = set()
    for line, record in records:
        where = f"{path}: line {line}"
        if len(record) != len(header):
            raise ValueError(f"{where}: {len(record)} fields, the header has {len(header)}")
        seed = "" if seed_column is None else record[seed_column]
        if seed not in seeds:
            if seed_column is not None:
                _check_seed(seed, len(seeds), where)
            seeds.add(seed)
        coalition = _coalition([record[column] for column in columns], parties, where)
        yield line, seed, coalition, record[value_column]


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
    files.write_whole(path, text.getvalue().encode())


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
    content = files.read(path) if content is None else content
    try:
        document = documents.parse(content)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if not isinstance(document, dict):
        raise ValueError(f"{path}: not a JSON object with the keys parties and values")
    for key in ("parties", "values"):
        if key not in document:
            raise ValueError(f"{path}: the key {key!r} is missing")
    for key in document.keys() - {"parties", "values", "provenance"}:
        raise ValueError(
            f"{path}: unknown key {names.shown(key)}, known: parties, values, provenance"
        )
    parties, provenance = document["parties"], document.get("provenance")
    if not (isinstance(parties, list) and all(isinstance(name, str) for name in parties)):
        raise ValueError(f"{path}: parties must be a list of names")
    if not (provenance is None or isinstance(provenance, dict)):
        raise ValueError(f"{path}: provenance must be an object")
    check_parties(parties, str(path))
    values = _json_values(document["values"], parties, path)
    if provenance is not None:
        check_provenance(provenance, len(values), str(path))
    return Table(_without_single_seed(values), tuple(parties), provenance)


def write_json(path: str | Path, table: Table) -> None:
    """Write a JSON value table; ``provenance`` appears if there is any.

    Raises:
        ValueError: if the provenance is not JSON, or the text does not fit into memory.
    """
    files.write_whole(path, json_bytes(table))


def json_bytes(table: Table) -> bytes:
    """Content of the file that :func:`write_json` writes, which see for errors."""
    # Measured: the text and its pieces take 23 times as much as the values.
    check_memory(len(table.parties), table.values.size >> len(table.parties), copies=23)
    document: dict[str, Any] = {
        "parties": list(table.parties),
        "values": table.values.reshape(-1, 2 ** len(table.parties)).tolist(),
    }
    if table.provenance is not None:
        document["provenance"] = table.provenance
    return f"{documents.to_text(document, indent=1)}\n".encode()


def check_parties(parties: Sequence[str], where: str = "parties") -> None:
    """Refuse too many parties, and names that are not taken (:mod:`shapfair.names`) or look alike.

    Raises:
        ValueError: naming the first offender; also beyond 26 parties, before any name is looked at.
    """
    check_party_count(len(parties), where)
    check_names(parties, where)


def check_names(parties: Sequence[str], where: str = "parties") -> None:
    """Refuse no parties, and names that are not taken (:mod:`shapfair.names`) or look alike.

    Raises:
        ValueError: naming the first offender.
    """
    if not parties:
        raise ValueError(f"{where}: no parties, need at least one")
    names.check(parties, where)


def check_seed_labels(labels: Sequence[str], count: int) -> None:
    """Refuse seed labels that are not one per table, different, and harmless.

    A label is printable, has no padding, at most 100 characters, and is a number or something that
    no spreadsheet takes for a formula.

    Raises:
        ValueError: naming the first offender.
    """
    if len(labels) != count:
        raise ValueError(f"seed_labels: {len(labels)} labels for {count} tables")
    seen: set[str] = set()
    for label in labels:
        if flaw := _label_flaw(label):
            raise ValueError(f"seed_labels: {names.shown(label)}, {flaw}")
        if label in seen:
            raise ValueError(f"seed_labels: two tables are of seed {label!r}")
        seen.add(label)


def _label_flaw(label: str) -> str:
    """What is needed instead of a label; empty if it is taken."""
    if not label or label != label.strip() or not label.isprintable():
        return "need a printable label without padding"
    if len(label) > names.LONGEST:
        return f"need at most {names.LONGEST} characters"
    try:
        numerals.number(label)
    except ValueError:
        if names.is_formula(label):
            return "a spreadsheet would take it for a formula"
    return ""


def _check_seed(seed: str, tables: int, where: str) -> None:
    """Refuse the label of a new table of a CSV file."""
    if not seed:
        raise ValueError(f"{where}: the seed is empty")
    if flaw := _label_flaw(seed):
        raise ValueError(f"{where}: the seed {names.shown(seed)}, {flaw}")
    if tables == MAX_TABLES:
        raise ValueError(f"{where}: the seed {seed} is one too many, the limit is {MAX_TABLES:,}")


def _text(path: str | Path, content: bytes) -> str:
    """Content of a UTF-8 file, with or without a byte order mark."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(f"{path}: line {line}: not UTF-8 text, save the table as UTF-8") from None
    if "\0" in text:
        raise ValueError(f"{path}: a binary file, not a value table")
    return text


def _records(path: str | Path, content: bytes) -> Iterator[tuple[int, list[str]]]:
    """Line number and fields of every record that is not blank."""
    if b"\0" in content:
        _text(path, content)  # says what is wrong
    lines = io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", newline="")
    reader = csv.reader(lines, strict=True)
    try:
        for record in reader:
            if record:
                yield reader.line_num, [field.strip(" \t") for field in record]
    except csv.Error as error:
        raise ValueError(f"{path}: line {reader.line_num}: not CSV ({error})") from None
    except UnicodeDecodeError:
        _text(path, content)


def _parties(header: list[str], where: str, exact: bool) -> tuple[str, ...]:
    """Party names of a header that is found right; ``exact`` tables limit their number."""
    if not header:
        raise ValueError(f"{where}: no header, need one column per party, then 'value'")
    parties = [name for name in header if name not in (VALUE, SEED)]
    if exact:
        check_party_count(len(parties), where)
    if VALUE not in header:
        found = f"{where}: no column is named 'value', found: {', '.join(header)}"
        others = [name for name, mark in SEPARATORS.items() if mark in ",".join(header)]
        if others:
            found += f"; fields are separated by {others[0]}, need commas, and points in decimals"
        raise ValueError(found)
    for name in header[header.index(VALUE) + 1 :]:
        if name != SEED:
            raise ValueError(
                f"{where}: column {names.shown(name)} after 'value', only 'seed' may follow it"
            )
    if header.count(SEED) > 1:
        raise ValueError(f"{where}: two columns are named 'seed'")
    check_names(parties, where)
    return tuple(parties)


def _coalition(cells: list[str], parties: Sequence[str], where: str) -> int:
    if set(cells) <= {"0", "1"}:
        return int("".join(reversed(cells)), 2)
    name, cell = next(
        pair for pair in zip(parties, cells, strict=True) if pair[1] not in ("0", "1")
    )
    raise ValueError(f"{where}: membership of party {name} is {names.shown(cell)}, need 0 or 1")


def _value(text: str, coalition: int, where: str) -> float:
    """The value of a row, nan if it is empty."""
    if not text:
        return math.nan
    try:
        value = numerals.number(text)
    except ValueError as error:
        raise ValueError(f"{where}: value {error}") from None
    _check_empty_value(coalition, value, where)
    return value


def _check_empty_value(coalition: int, value: float | int, where: str) -> None:
    if coalition == 0 and value != 0:
        raise ValueError(f"{where}: the empty coalition has value {value!r}, it must be 0")


def _json_values(rows: Any, parties: Sequence[str], path: str | Path) -> np.ndarray:
    total = 2 ** len(parties)
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise ValueError(f"{path}: values must be a list of rows, one per seed")
    if not rows:
        raise ValueError(f"{path}: values has no rows, need one per seed")
    if len(rows) > MAX_TABLES:
        raise ValueError(f"{path}: values has {len(rows):,} rows, the limit is {MAX_TABLES:,}")
    for k, row in enumerate(rows):
        where = f"{path}: row {k + 1} of values"
        if len(row) != total:
            raise ValueError(
                f"{where}: {len(row)} values, {len(parties)} parties have {total} coalitions"
            )
        for coalition, value in enumerate(row):
            if type(value) not in (int, float) or not abs(value) <= sys.float_info.max:
                name = coalition_name(coalition, parties)
                raise ValueError(
                    f"{where}: coalition {name} has value {_found(value)}, need a finite number"
                )
        _check_empty_value(0, row[0], where)
    return np.array(rows, dtype=np.float64)


def _found(value: Any) -> str:
    """What stands in the place of a number, in few words; a list may be as deep as it likes."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    return json.dumps(value)[:40]


def _without_single_seed(values: np.ndarray) -> np.ndarray:
    return values[0] if len(values) == 1 else values
