"""Second readers for the fuzzer: slow, obvious, and written from what the docstrings say.

They share no code with the package. Each returns what a reader must find, or raises Refused.
"""

import unicodedata
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

Tables = tuple[tuple[str, ...], list[tuple[str, list[float]]], Any]
"""Parties, label and values of every table, provenance."""

GREATEST = 2**1024 - 2**970
"""Of the finite float64."""


class Refused(Exception):
    """The format does not have this."""


def demand(condition: bool, why: str) -> None:
    """Refuse unless a condition holds."""
    if not condition:
        raise Refused(why)


# --- numbers: shapfair.numerals ------------------------------------------------------------------


def number(text: str) -> float:
    """A finite decimal number in ASCII: sign, digits with at most one point, exponent."""
    rest = text[1:] if text[:1] in ("+", "-") else text
    mantissa, exponent = rest, "0"
    for sign in "eE":
        if sign in rest:
            mantissa, exponent = rest.split(sign, 1)
            demand(digits(exponent[1:] if exponent[:1] in ("+", "-") else exponent), "exponent")
            break
    whole, _, part = mantissa.partition(".")
    demand(bool(whole or part) and all(digits(x) for x in (whole, part) if x), "digits")
    size = nearest((whole + part).lstrip("0"), integer(exponent) - len(part))
    return -size if text[0] == "-" else size


def digits(text: str) -> bool:
    """Whether a text is one ASCII digit or more."""
    return bool(text) and all(c in "0123456789" for c in text)


def nearest(mantissa: str, exponent: int) -> float:
    """The float64 nearest to mantissa * 10**exponent."""
    if not mantissa or len(mantissa) + exponent < -400:
        return 0.0
    demand(len(mantissa) + exponent < 400, "too large")
    exact = integer(mantissa) * Fraction(10) ** exponent
    try:
        return exact.numerator / exact.denominator  # Python rounds this correctly
    except OverflowError:
        raise Refused("too large") from None


def integer(text: str) -> int:
    """A whole number of any length, which int alone does not read."""
    value = 0
    for k in range(0, len(text), 1000):
        part = text[k : k + 1000]
        value = value * 10 ** len(part.lstrip("+-")) + int(part)
    return value


def amount(text: str) -> float:
    """A number of at least 0, or unlimited, or inf."""
    if text.isascii() and text.lower() in ("unlimited", "inf"):
        return float("inf")
    value = number(text)
    demand(value >= 0, "negative")
    return value


def positive(text: str) -> float:
    """A number greater than 0."""
    value = number(text)
    demand(value > 0, "not positive")
    return value


def whole(text: str) -> int:
    """One to nine digits."""
    demand(digits(text) and len(text) <= 9, "not whole")
    return int(text)


# --- names: shapfair.names -----------------------------------------------------------------------

SILENT = {
    *(0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, 0x16FE4, 0x1D159),
    *(*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)),
}


def prints(text: str) -> bool:
    """Whether all characters are printable: no controls, no separators but the space."""
    return all(c == " " or unicodedata.category(c)[0] not in "CZ" for c in text)


def formula(text: str) -> bool:
    """Whether = + - @ begin the text, or follow a separator, spaces or none between."""
    text = unicodedata.normalize("NFKC", text)
    begins = [0, *(k + 1 for k, c in enumerate(text) if c in ",;|")]
    return any(text[k:].lstrip()[:1] in ("=", "+", "-", "@") for k in begins if text[k:].lstrip())


def look(name: str) -> str:
    """What names have in common that look alike."""
    seen = "".join(c for c in name if ord(c) not in SILENT)
    return " ".join(unicodedata.normalize("NFKC", seen).split())


def check_names(names: list[str]) -> None:
    """1 to 26 names that are taken and do not look alike."""
    demand(1 <= len(names) <= 26, "number of parties")
    for name in names:
        demand(0 < len(name) <= 100 and prints(name) and name == name.strip(), "name")
        demand(bool(look(name)) and unicodedata.category(name[0])[0] != "M", "unseen name")
        demand(not formula(name), "formula")
    demand(len({look(name) for name in names}) == len(names), "alike")


def check_label(label: str) -> None:
    """A label of a seed."""
    demand(0 < len(label) <= 100 and prints(label) and label == label.strip(), "label")
    try:
        number(label)
    except Refused:
        demand(not formula(label), "formula")


# --- value tables: shapfair.tables ---------------------------------------------------------------


def utf8(content: bytes) -> str:
    """Text, without a byte order mark."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("not UTF-8") from None
    demand("\0" not in text, "NUL")
    return text.removeprefix("\ufeff")


def csv_table(content: bytes) -> Tables:
    """A value table in CSV."""
    header, *lines = [*records(utf8(content))] or [[]]
    parties = [name for name in header if name not in ("value", "seed")]
    check_names(parties)
    demand(header.count("value") == 1 and header.count("seed") <= 1, "columns")
    demand(set(header[header.index("value") + 1 :]) <= {"seed"}, "after value")
    tables: dict[str, dict[int, float]] = {}
    for fields in lines:
        demand(len(fields) == len(header), "fields")
        row = dict(zip(header, fields, strict=True))
        label = row.get("seed", "")
        if "seed" in row:
            check_label(label)
        demand(all(row[party] in ("0", "1") for party in parties), "membership")
        coalition = sum(2**i for i, party in enumerate(parties) if row[party] == "1")
        table = tables.setdefault(label, {})
        demand(coalition not in table, "twice")
        table[coalition] = number(row["value"])
    demand(0 < len(tables) <= 10_000, "number of tables")
    for table in tables.values():
        demand(len(table) == 2 ** len(parties) and table[0] == 0, "coalitions")
    rows = [(label, [t[c] for c in range(len(t))]) for label, t in tables.items()]
    return tuple(parties), rows, None


def records(text: str) -> Iterator[list[str]]:
    """Fields of every line that is not empty, without spaces and tabs around them."""
    fields: list[str] = []
    field: list[str] = []
    state, k = "begin", 0  # of a line, then: next (field), plain, quoted, closed
    while k < len(text):
        c = text[k]
        k += 1
        if state == "quoted":
            if c != '"':
                field.append(c)
            elif text[k : k + 1] == '"':
                field.append(c)
                k += 1
            else:
                state = "closed"
        elif c in "\r\n":
            if state != "begin":
                yield [*fields, "".join(field).strip(" \t")]
            fields, field, state = [], [], "begin"
        elif c == ",":
            fields.append("".join(field).strip(" \t"))
            field, state = [], "next"
        elif c == '"' and state in ("begin", "next"):
            state = "quoted"
        else:
            demand(state != "closed", "text behind quotes")
            field.append(c)
            state = "plain"
    demand(state != "quoted", "open quotes")
    if state != "begin":
        yield [*fields, "".join(field).strip(" \t")]


def json_table(content: bytes) -> Tables:
    """A value table in JSON."""
    document = json_document(utf8(content))
    demand(isinstance(document, dict), "no object")
    demand(set(document) - {"provenance"} == {"parties", "values"}, "keys")
    parties, rows, provenance = (document.get(k) for k in ("parties", "values", "provenance"))
    demand(isinstance(parties, list) and all(type(x) is str for x in parties), "parties")
    check_names(parties)
    demand(isinstance(rows, list) and 0 < len(rows) <= 10_000, "rows")
    for row in rows:
        demand(isinstance(row, list) and len(row) == 2 ** len(parties), "row")
        demand(all(type(x) in (int, float) and abs(x) <= GREATEST for x in row), "value")
        demand(row[0] == 0, "empty coalition")
    if provenance is not None:
        check_provenance(provenance, len(rows))
    return tuple(parties), [("", [float(x) for x in row]) for row in rows], provenance


def check_provenance(provenance: Any, tables: int) -> None:
    """An object whose known keys have what is said of them, not too deep."""
    demand(isinstance(provenance, dict) and depth(provenance) <= 64, "provenance")
    for key in ("digest", "table", "experiment", "data_size"):
        demand(type(provenance.get(key)) in (str, type(None)), key)
    steps = provenance.get("derived", [])
    demand(isinstance(steps, list) and all(type(x) is str for x in steps), "derived")
    seeds = provenance.get("seeds")
    if seeds is not None:
        demand(isinstance(seeds, list) and all(type(x) is int for x in seeds), "seeds")
        demand(len(set(seeds)) == len(seeds) == tables, "seeds")


def depth(value: Any) -> int:
    """How many lists and objects lie in each other."""
    if not isinstance(value, dict | list):
        return 0
    return 1 + max(map(depth, value.values() if isinstance(value, dict) else value), default=0)


# --- JSON: RFC 8259, no key twice, numbers within float64, whole ones up to 4,300 digits ----------

BLANKS = " \t\n\r"
ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def json_document(text: str) -> Any:
    """What a JSON text says."""
    value, k = json_value(text, skipped(text, 0), 0)
    demand(skipped(text, k) == len(text), "behind the end")
    return value


def skipped(text: str, k: int) -> int:
    """The next place that is not blank."""
    while k < len(text) and text[k] in BLANKS:
        k += 1
    return k


def json_value(text: str, k: int, deep: int) -> tuple[Any, int]:
    """The value that begins at a place, and where it ends."""
    demand(deep < 100, "deep")
    first = text[k : k + 1]
    if first == "{":
        return json_object(text, k + 1, deep)
    if first == "[":
        return json_list(text, k + 1, deep)
    if first == '"':
        return json_string(text, k + 1)
    for word, value in (("true", True), ("false", False), ("null", None)):
        if text.startswith(word, k):
            return value, k + len(word)
    return json_number(text, k)


def json_list(text: str, k: int, deep: int) -> tuple[list[Any], int]:
    """A list, from behind its bracket."""
    found: list[Any] = []
    if text[(k := skipped(text, k)) : k + 1] == "]":
        return found, k + 1
    while True:
        value, k = json_value(text, skipped(text, k), deep + 1)
        found.append(value)
        k = skipped(text, k)
        if text[k : k + 1] == "]":
            return found, k + 1
        demand(text[k : k + 1] == ",", "comma")
        k += 1


def json_object(text: str, k: int, deep: int) -> tuple[dict[str, Any], int]:
    """An object, from behind its brace."""
    found: dict[str, Any] = {}
    if text[(k := skipped(text, k)) : k + 1] == "}":
        return found, k + 1
    while True:
        k = skipped(text, k)
        demand(text[k : k + 1] == '"', "key")
        key, k = json_string(text, k + 1)
        demand(key not in found, "twice")
        k = skipped(text, k)
        demand(text[k : k + 1] == ":", "colon")
        found[key], k = json_value(text, skipped(text, k + 1), deep + 1)
        k = skipped(text, k)
        if text[k : k + 1] == "}":
            return found, k + 1
        demand(text[k : k + 1] == ",", "comma")
        k += 1


def json_string(text: str, k: int) -> tuple[str, int]:
    """A string, from behind its quote; two halves of a surrogate pair make one character."""
    found: list[str] = []
    while True:
        demand(k < len(text) and text[k] >= " ", "string")
        c, k = text[k], k + 1
        if c == '"':
            pairs = "".join(found).encode("utf-16", "surrogatepass")
            return pairs.decode("utf-16", "surrogatepass"), k
        if c == "\\":
            c, k = text[k : k + 1], k + 1
            if c == "u":
                code = text[k : k + 4]
                demand(len(code) == 4 and all(x in "0123456789abcdefABCDEF" for x in code), "\\u")
                c, k = chr(int(code, 16)), k + 4
            else:
                demand(c in ESCAPES and c != "", "escape")
                c = ESCAPES[c]
        found.append(c)


def json_number(text: str, k: int) -> tuple[int | float, int]:
    """A number: no leading zeros, a digit on both sides of the point."""
    end = k
    while end < len(text) and text[end] in "+-.0123456789eE":
        end += 1
    found = text[k:end]
    size = found.removeprefix("-")
    demand(digits(size[:1]) and (size[:1] != "0" or not digits(size[1:2])), "number")
    if digits(size):
        demand(len(size) <= 4300, "digits")
        return int(found), end
    before, point, _ = size.lower().partition("e")[0].partition(".")
    demand(digits(before) and (not point or digits(size[len(before) + 1 :][:1])), "point")
    return number(found), end
