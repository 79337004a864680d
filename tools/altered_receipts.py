"""Receipts as they are have to hold, and altered ones must not.

Usage: python tools/altered_receipts.py [--games N] [--alterations K] [--seed S]

Receipts of random games: 1 to 6 parties, one table or several, values of every kind of
tools/hostile_games.py, all kinds of budgets and desired values, exchange rates, with the hull and
without, CSV and JSON, negative flows, open certificates, and noise that decides. Each is checked as
`shapfair verify` does and has to hold. Then it is altered, a small change at a time, in one of the
ways of ALTERATIONS, and must be refused.

An alteration is a change of meaning: a number by more than four times the tolerance, a name, an
order, a type, a key, a warning, a byte of the table. What leaves the meaning as it is, such as
white space or the order of keys, is none; neither is another name of the program that wrote the
receipt, which nobody can check. Where options or values are changed everywhere at once, the result
may be a right receipt of others; then it is not counted.
"""

import argparse
import hashlib
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from math import inf
from pathlib import Path
from random import Random
from typing import Any

import hostile_games

from shapfair import Game, allocate, receipt
from shapfair.cli.verify import findings
from shapfair.rounding import TOLERANCE, magnitude
from shapfair.verifier import UNITLESS

Document = dict[str, Any]
Altered = tuple[Document | bytes, bytes]
"""A receipt, as data or as its bytes, and the bytes of its value table."""

LABELS = ("7", "seed 8", "Zürich", "-1")


@dataclass
class Case:
    """A receipt as it is.

    Attributes:
        document: the receipt.
        values: the bytes of its value table.
        form: csv or json.
        units: largest magnitude of every table.
    """

    document: Document
    values: bytes
    form: str
    units: list[float]

    @property
    def path(self) -> Path:
        """What the value table is called."""
        return Path(f"values.{self.form}")


# --- receipts as they are ------------------------------------------------------------------------


def random_case(rng: Random) -> Case | None:
    """A receipt of a random game; none if budgets bind although flows are negative."""
    n, tables = rng.choice([1, 2, 2, 3, 3, 3, 4, 4, 5, 6]), rng.choice([1, 1, 2, 3])
    kind = rng.choice(list(hostile_games.KINDS))
    games = [hostile_games.random_game(rng, kind, n) for _ in range(tables)]
    values = [table for table, _ in games]
    form = rng.choice(["csv", "json"])
    origin = {"data_size": rng.choice(["full", "embedded"])} if form == "json" else None
    labels = LABELS[:tables] if form == "csv" and rng.random() < 0.5 else ()
    game = Game(values, names(rng, n), origin, labels)
    budgets, desired = (hostile_games.random_amounts(rng, values[0]) for _ in range(2))
    unlimited = [inf] * n
    try:
        return case_of(
            game,
            form,
            budgets if rng.random() < 0.7 else unlimited,
            desired if rng.random() < 0.5 else unlimited,
            rng.choice([1.0, 1.0, 2.5, 0.1]),
            games[0][1] if rng.random() < 0.7 else rng.choice(["none", "hull"]),
        )
    except ValueError:
        return None


def names(rng: Random, n: int) -> list[str]:
    """Names that need no quotes, and such that do."""
    return rng.choice([[f"party {i}" for i in range(n)], list("ABCDEF"[:n]), list("äß[$,x"[:n])])


def case_of(game: Game, form: str, budgets: Any, desired: Any, rate: float, repair: Any) -> Case:
    """The receipt of a game that lies in a file of this form.

    Raises:
        ValueError: as :func:`shapfair.allocate`.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"values.{form}"
        (game.to_csv if form == "csv" else game.to_json)(path)
        source, values = receipt.Source.read(path), path.read_bytes()
    allocation = allocate(source.game, budgets, desired, exchange_rate=rate, repair=repair)
    units = magnitude(allocation.game.values).ravel().tolist()
    return Case(receipt.receipt(allocation, source), values, form, units)


def faults(document: Document | bytes, path: Path, values: bytes) -> list[str]:
    """What is wrong with a receipt; nothing if it holds."""
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    try:
        lines = findings(content, path, values)
    except ValueError as error:
        return [f"refused: {error}"]
    return [line for line in lines if line.startswith("fault: ")]


# --- places in a receipt -------------------------------------------------------------------------

Place = tuple[Any, ...]
"""Keys and indices that lead to a part of a document."""


def places(part: Any, where: Place = ()) -> Iterator[tuple[Place, Any]]:
    """All parts of a document and where they are."""
    yield where, part
    pairs = (
        part.items()
        if isinstance(part, dict)
        else enumerate(part)
        if isinstance(part, list)
        else ()
    )
    for key, inner in pairs:
        yield from places(inner, (*where, key))


def with_part(document: Document, where: Place, part: Any) -> Document:
    """A copy with another part at a place."""
    copy = deepcopy(document)
    inner: Any = copy
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = part
    return copy


def unit(case: Case, where: Place) -> float:
    """In which unit the tolerance of a number counts."""
    if set(where) & set(UNITLESS):
        return 1.0
    if where[0] == "tables":
        return case.units[where[1]]
    if where[0] == "certificate":
        return case.units[where[2]]
    return max(case.units)


def free(where: Place) -> bool:
    """Whether this says which program wrote the receipt, which is not checked."""
    return where == ("written_by",)


def differ(case: Case, where: Place, x: Any, y: Any) -> bool:
    """Whether two parts at a place differ in meaning."""
    if type(x) in (int, float) and type(y) in (int, float):
        if where[0] in ("options", "budgets", "desired", "input", "seeds"):
            return x != y
        return abs(x - y) > 4 * TOLERANCE * max(unit(case, where), abs(x), abs(y))
    if isinstance(x, list) and isinstance(y, list) and len(x) == len(y):
        pairs = enumerate(zip(x, y, strict=True))
        return any(differ(case, (*where, k), a, b) for k, (a, b) in pairs)
    if isinstance(x, dict) and isinstance(y, dict) and x.keys() == y.keys():
        return any(differ(case, (*where, key), x[key], y[key]) for key in x)
    return x != y or type(x) is not type(y)


def some(rng: Random, found: Iterator[Any] | list[Any]) -> Any:
    """One of them, or None."""
    chosen = list(found)
    return rng.choice(chosen) if chosen else None


# --- alterations ---------------------------------------------------------------------------------
# Each takes a receipt and gives an altered one, or None where there is nothing to alter that way.


def a_number(rng: Random, case: Case) -> Altered | None:
    """A number is off."""
    numbers = [(w, x) for w, x in places(case.document) if type(x) in (int, float)]
    where, x = rng.choice(numbers)
    if type(x) is int:
        return with_part(case.document, where, x + rng.choice([-1, 1, 10])), case.values
    scale = max(unit(case, where), abs(x))
    by = scale * rng.choice([4.5 * TOLERANCE, 1e-6, 1e-3, 0.1, 1.0]) * rng.choice([-1, 1])
    new = rng.choice([x + by, x + by, -x, 0.0, rng.choice(numbers)[1]])
    return (
        (with_part(case.document, where, new), case.values) if differ(case, where, x, new) else None
    )


def a_type(rng: Random, case: Case) -> Altered | None:
    """Something has another type."""
    where, x = some(rng, [(w, x) for w, x in places(case.document) if w and not free(w)])
    other = [None, True, str(x), [x], {"value": x}, 1, "", [], {}, 0.5]
    new = some(rng, [y for y in other if type(y) is not type(x) and differ(case, where, x, y)])
    return with_part(case.document, where, new), case.values


def a_text(rng: Random, case: Case) -> Altered | None:
    """A character of a text is another."""
    texts = [(w, x) for w, x in places(case.document) if isinstance(x, str) and not free(w)]
    where, x = rng.choice(texts)
    k = rng.randrange(len(x))
    new = x[:k] + rng.choice("aA0 .") + x[k + rng.choice([0, 1]) :]
    return (with_part(case.document, where, new), case.values) if new != x else None


def two_entries(rng: Random, case: Case) -> Altered | None:
    """Two entries of a list change places: numbers, rows, parties, tables, warnings."""
    lists = [(w, x) for w, x in places(case.document) if isinstance(x, list) and len(x) > 1]
    if not lists:
        return None
    where, x = rng.choice(lists)
    i, j = rng.sample(range(len(x)), 2)
    new = list(x)
    new[i], new[j] = x[j], x[i]
    return (
        (with_part(case.document, where, new), case.values) if differ(case, where, x, new) else None
    )


def a_matrix(rng: Random, case: Case) -> Altered | None:
    """Who pays and who earns change places."""
    where, x = some(
        rng,
        [
            (w, x)
            for w, x in places(case.document)
            if w and w[-1] in ("flows", "unscaled_flows", "scaled_flows")
        ],
    )
    new = [list(column) for column in zip(*x, strict=True)]
    return (
        (with_part(case.document, where, new), case.values) if differ(case, where, x, new) else None
    )


def an_entry(rng: Random, case: Case) -> Altered | None:
    """A list gains or loses an entry."""
    where, x = some(rng, [(w, x) for w, x in places(case.document) if isinstance(x, list)])
    k = rng.randrange(len(x) + 1)
    more = [*x[:k], rng.choice(x) if x else "all is well", *x[k:]]
    new = rng.choice([more, x[:k] + x[k + 1 :]])
    return (with_part(case.document, where, new), case.values) if len(new) != len(x) else None


def two_parties(rng: Random, case: Case) -> Altered | None:
    """Two parties change names in all that the receipt says."""
    parties = case.document["parties"]
    if len(parties) < 2:
        return None
    a, b = rng.sample(parties, 2)
    swap = {a: b, b: a}

    def renamed(part: Any) -> Any:
        if isinstance(part, dict):
            return {swap.get(key, key): renamed(x) for key, x in part.items()}
        if isinstance(part, list):
            return [renamed(x) for x in part]
        return swap.get(part, part) if isinstance(part, str) else part

    return renamed(case.document), case.values


def a_key(rng: Random, case: Case) -> Altered | None:
    """A key is dropped, renamed or added."""
    where, x = some(rng, [(w, x) for w, x in places(case.document) if isinstance(x, dict) and x])
    key = rng.choice(list(x))
    rest = {name: value for name, value in x.items() if name != key}
    new = rng.choice(
        [
            rest,
            {**rest, f"{key}_": x[key]},
            {**x, "note": "agreed"},
            {**x, key.upper() + "2": x[key]},
        ]
    )
    return (with_part({"": case.document}, ("", *where), new)[""], case.values)


def a_key_twice(rng: Random, case: Case) -> Altered | None:
    """A key comes twice, so that readers see one value or the other."""
    text = json.dumps(case.document, indent=1)
    key, value = rng.choice(list(re.finditer(r'^ "(\w+)": (.*)$', text, re.MULTILINE))).groups()
    value = value.rstrip(",") if value.rstrip(",")[-1:] not in "[{" else "null"
    double = f' "{key}": {rng.choice([value, "0", "null"])}'
    parts = [f"{{\n{double},{text[1:]}", f"{text.rstrip()[:-1].rstrip()},\n{double}\n}}"]
    return rng.choice(parts).encode(), case.values


def a_warning(rng: Random, case: Case) -> Altered | None:
    """A warning is dropped, added, softened, or another number stands in it."""
    warnings = case.document["warnings"]
    known = [
        "the values are of models trained on the embedded subset, not on the full data",
        "not monotone: 1 of 4 edges drop, worst 1 at {A} -> {A, B}; replaced by the monotone hull",
        "1 of 6 flows are negative, worst -0.1",
        "v(i) > v(N) for i = A, so that costs are negative: the payoffs are Equation (1), but no "
        "certificate shows that no other scaling does better (gap up to 1)",
        "all is well",
    ]
    new = [[*warnings, rng.choice(known)], [rng.choice(known), *warnings], [*warnings, *warnings]]
    if warnings:
        k = rng.randrange(len(warnings))
        x = warnings[k]
        changed = [
            x[: len(x) // 2],
            re.sub(r"\d", "0", x),
            re.sub(r"\d", "9", x),
            x + ".",
            x.upper(),
            "",
        ]
        new += [[*warnings[:k], *warnings[k + 1 :]]]
        new += [[*warnings[:k], y, *warnings[k + 1 :]] for y in changed]
    chosen = rng.choice(new)
    return ({**case.document, "warnings": chosen}, case.values) if chosen != warnings else None


def an_option(rng: Random, case: Case) -> Altered | None:
    """An option is another, here or everywhere where options stand."""
    options = deepcopy(case.document["options"])
    name = rng.choice(list(options))
    if name in ("budgets", "desired"):
        party = rng.choice(list(options[name]))
        old, most = options[name][party], max(case.units)
        new = some(
            rng, [x for x in (None, 0.0, 2 * (old or 0.0), most, most * rng.random()) if x != old]
        )
        options[name][party] = new
    elif name == "repair":
        options[name] = "hull" if options[name] == "none" else "none"
    else:
        options[name] *= rng.choice([2.0, 0.5, 1 + 1e-9])
    altered = {**case.document, "options": options}
    if rng.random() < 0.7:
        altered["command"] = receipt.command(options)
        for name in ("budgets", "desired"):
            altered[name] = list(options[name].values())
    return altered, case.values


def a_seed(rng: Random, case: Case) -> Altered | None:
    """A table is said to be of another seed."""
    k = rng.randrange(len(case.document["tables"]))
    old = case.document["tables"][k]["seed"]
    new = some(rng, [x for x in (None, "0", "7", "8", 0, 7) if x != old])
    return with_part(case.document, ("tables", k, "seed"), new), case.values


def a_byte(rng: Random, case: Case) -> Altered | None:
    """A bit of the value table is another, or a byte is missing or too many."""
    values, k = bytearray(case.values), rng.randrange(len(case.values))
    match rng.randrange(3):
        case 0:
            values[k] ^= 1 << rng.randrange(8)
        case 1:
            del values[k]
        case _:
            values.insert(k, rng.choice(b"0 \n,9"))
    return case.document, bytes(values)


def another_table(rng: Random, case: Case) -> Altered | None:
    """The receipt is said to be of another table: a value, two rows or two names differ there."""
    if case.form == "json":
        table = json.loads(case.values)
        row = rng.choice(table["values"])
        c = rng.randrange(1, len(row))
        row[c] = rng.choice([row[c] + 1e-3 * max(map(abs, row)), row[-c], -row[c]])
        values = json.dumps(table).encode()
    else:
        lines = case.values.decode().splitlines()
        i, j = rng.sample(range(1, len(lines)), 2)
        a, b = lines[i].split(","), lines[j].split(",")
        a[-2:], b[-2:] = b[-2:], a[-2:]
        lines[i], lines[j] = ",".join(a), ",".join(b)
        values = "\n".join(lines).encode()
    source = {
        **case.document["input"],
        "bytes": len(values),
        "sha256": hashlib.sha256(values).hexdigest(),
    }
    return {**case.document, "input": source}, values


def a_file(rng: Random, case: Case) -> Altered | None:
    """The file is no longer JSON of one meaning."""
    text = json.dumps(case.document)
    cut = text[: rng.randrange(len(text))]
    strange = cut
    if number := re.search(r"(?<=[\[ ])-?\d+\.\d+(?=[,\]}])", text):
        other = rng.choice(["NaN", "Infinity", "1e999", "0x1", "1_0"])
        strange = text[: number.start()] + other + text[number.end() :]
    return rng.choice([cut, text + "{}", strange, "[" * 100_000, f"[{text}]"]).encode(), case.values


ALTERATIONS: tuple[Callable[[Random, Case], Altered | None], ...] = (
    *(a_number, a_number, a_number, a_type, a_text, two_entries, a_matrix, an_entry, two_parties),
    *(a_key, a_key_twice, a_warning, a_warning, an_option, an_option, a_seed, a_byte),
    *(another_table, a_file),
)


def is_right(case: Case, altered: Altered) -> bool:
    """Whether it is what shapfair gives for the options and the table that it has now."""
    document, values = altered
    if isinstance(document, bytes):
        return False
    try:
        again = receipt.again(document, receipt.Source.of(case.path, values))
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
    return document.keys() == again.keys() and not any(
        differ(case, (key,), document[key], again[key]) for key in again if key != "written_by"
    )


# --- campaign ------------------------------------------------------------------------------------


def campaign(games: int, alterations: int, seed: int) -> Counter[tuple[str, str]]:
    """Count what became of receipts as they are and of altered ones; print what should not be."""
    counts: Counter[tuple[str, str]] = Counter()
    cases = list[Case]()
    number = 0
    while len(cases) < games:
        number += 1
        case = random_case(Random(f"{seed}/{number}"))
        if case is None:
            continue
        cases.append(case)
        found = faults(case.document, case.path, case.values)
        counts["as they are", "refused" if found else "hold"] += 1
        if found:
            print(f"refused as it is: game {number} of seed {seed}: {found[0]}")
    number = done = 0
    while done < alterations:
        number += 1
        rng = Random(f"{seed}/altered/{number}")
        case, alter = rng.choice(cases), rng.choice(ALTERATIONS)
        altered = alter(rng, case)
        if altered is None or is_right(case, altered):
            continue
        done += 1
        refused = bool(faults(altered[0], case.path, altered[1]))
        counts[alter.__name__, "refused" if refused else "hold"] += 1
        if not refused:
            print(f"holds though altered: {alter.__name__}, number {number} of seed {seed}")
    return counts


def wrong(counts: Counter[tuple[str, str]]) -> int:
    """How many came out as they must not."""
    return sum(
        count
        for (what, end), count in counts.items()
        if (what == "as they are") == (end == "refused")
    )


def command_line(
    doc: str, things: str, number: int, run: Callable[[int, int, int], Counter[tuple[str, str]]]
) -> int:
    """Run a campaign on so many things; 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    for name, default in ((things, number), ("alterations", 1000), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default, help="default %(default)s")
    given = vars(parser.parse_args())
    counts = run(given[things], given["alterations"], given["seed"])
    for (what, end), count in sorted(counts.items()):
        print(f"{count:8,d}  {what}: {end}")
    return int(wrong(counts) > 0)


if __name__ == "__main__":
    sys.exit(command_line(__doc__ or "", "games", 200, campaign))
