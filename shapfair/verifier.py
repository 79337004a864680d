"""Check a receipt of ``shapfair allocate`` without shapfair: ``python verifier.py RECEIPT VALUES``.

From the value table and the receipt's options alone this program computes, in exact fractions, what
the receipt has to state, proves it, and holds every key of the receipt to it. Numbers may be off by
1e-9 of the table's largest magnitude, or of themselves if larger; all else has to be equal.
"""

import csv
import hashlib
import io
import json
import re
import shlex
import sys
from collections.abc import Iterator
from fractions import Fraction
from math import comb, inf, isfinite, lcm, sqrt
from pathlib import Path
from typing import Any
from unicodedata import normalize

FORMAT, MOST_PARTIES = "shapfair receipt 1", 16
LARGEST = Fraction(sys.float_info.max)
ZERO, ONE, TOLERANCE = Fraction(0), Fraction(1), Fraction(1, 10**9)
NOISE = Fraction(64, 2**52)  # differences up to this share of the largest magnitude are none
UNITLESS = ("scaling", "scaling_se", "budget_prices")
ERRORS = ("scaling", "payoffs", "model_values")
PROOF = ("budget_prices", "cap_prices", "primal", "dual")
MEANS = ("grand_value", "own_values", "shapley", *ERRORS)
OPEN = r"v\(i\) > v\(N\) for "  # how the warning of an open certificate begins
TRUSTED = (
    "that the values are what the models of the coalitions are worth",
    "that budgets, desired values, exchange rate and repair are what the parties agreed on",
    "that models of these values are delivered, and these payoffs paid",
    "which program wrote the receipt",
)
Numbers = list[Any]  # fractions, and infinity for what is unlimited


def need(condition: object, message: str) -> None:
    """Refuse what is not so."""
    if not condition:
        raise ValueError(message)


def parse(content: bytes) -> Any:
    """JSON in UTF-8 in which no key comes twice."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        need(len(dict(pairs)) == len(pairs), "a key comes twice")
        return dict(pairs)

    return json.loads(content.decode("utf-8-sig"), object_pairs_hook=unique)


def read(content: bytes, form: str) -> tuple[list[str], dict[Any, list[float]], dict[str, Any]]:
    """Parties, tables by seed or number, provenance; bit i of a table's index is party i."""
    cells: list[tuple[Any, int, Any]] = []
    if form == "json":
        document = parse(content)
        need(document.keys() <= {"parties", "values", "provenance"}, "a key is unknown")
        parties, provenance = document["parties"], document.get("provenance")
        need(type(parties) is list and all(type(p) is str for p in parties), "parties: no names")
        need(type(provenance or {}) is dict, "provenance: not an object")
        cells += [(k, c, x) for k, v in enumerate(document["values"]) for c, x in enumerate(v)]
        need(all(type(x) in (int, float) for *_, x in cells), "a value is not a number")
    else:
        lines = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        header, *rows = [[cell.strip(" \t") for cell in line] for line in lines if line]
        after = header[header.index("value") + 1 :]
        need({*after} <= {"seed"} and header.count("seed") < 2, "a column is out of place")
        parties, provenance = [p for p in header if p not in ("value", "seed")], None
        for row in (dict(zip(header, row, strict=True)) for row in rows):
            bits, x = [row[p] for p in reversed(parties)], row["value"]
            need({*bits} <= {"0", "1"} and {*x} <= {*"0123456789.+-eE"}, "a row is not of numbers")
            cells.append((row.get("seed", 0), int("".join(bits), 2), x))
    n, tables = len(parties), dict[Any, dict[int, float]]()
    need(1 <= n <= MOST_PARTIES, f"{n} parties, this program checks 1 to {MOST_PARTIES}")
    for seed, coalition, x in cells:
        need(coalition not in tables.setdefault(seed, {}), "a coalition comes twice")
        tables[seed][coalition] = float(x)
        need(isfinite(float(x)), "a value is not finite")
    need(tables and all(len(table) == 2**n for table in tables.values()), "a coalition is missing")
    need(all(table[0] == 0 for table in tables.values()), "the empty coalition is not worth 0")
    names = [*parties, *(seed for seed in tables if type(seed) is str)]
    need(all(x.isprintable() and x.strip() == x != "" for x in names), "a name is not printable")
    need(len({normalize("NFKC", p) for p in parties}) == n, "two parties look alike")
    return parties, {k: [t[c] for c in range(2**n)] for k, t in tables.items()}, provenance or {}


def loaded(load: Any, content: bytes, name: str, *form: str) -> Any:
    """What a file holds; or what is wrong with it, if it is not what it has to be."""
    try:
        return load(content, *form)
    except Exception as error:
        raise ValueError(f"{name}: {error}") from None


def valued(v: list[float], options: dict[str, Any], repair: bool = True) -> list[float]:
    """A table after exchange rate and repair: a coalition is then worth the best of its parts."""
    v = [options["exchange_rate"] * x for x in v]
    need(all(map(isfinite, v)), "values are too large in this unit")
    for i in range(len(v).bit_length() - 1) if repair and options["repair"] == "hull" else ():
        v = [max(x, v[c & ~(1 << i)]) for c, x in enumerate(v)]
    return v


def share(v: list[int], j: int, given: int) -> Fraction:
    """Shapley value of ``j`` among those who join ``given``: Equation (5) if that is one party."""
    free = len(v).bit_length() - 1 - given.bit_count()
    gains = [0] * free
    for c in range(len(v)):
        if c & (given | 1 << j) == given:
            gains[(c ^ given).bit_count()] += v[c | 1 << j] - v[c]
    return sum((Fraction(x, free * comb(free - 1, s)) for s, x in enumerate(gains)), ZERO)


def dot(x: Numbers, y: Numbers) -> Fraction:
    """Sum of products."""
    return sum((a * b for a, b in zip(x, y, strict=True) if a and b), ZERO)


def transposed(rows: list[Numbers]) -> list[Numbers]:
    """Columns as rows."""
    return [list(column) for column in zip(*rows, strict=True)]


def solve(matrix: list[Numbers], right: Numbers) -> Numbers:
    """Solution of a linear system, by Gauss and Jordan."""
    rows = [[*row, b] for row, b in zip(matrix, right, strict=True)]
    for k in range(len(rows)):
        pivot = next(r for r in range(k, len(rows)) if rows[r][k])
        rows[k], rows[pivot] = rows[pivot], rows[k]
        rows[k] = [x / rows[k][k] for x in rows[k]]
        for r in (r for r in range(len(rows)) if r != k):
            rows[r] = [x - rows[r][k] * y for x, y in zip(rows[r], rows[k], strict=True)]
    return [row[-1] for row in rows]


def clear(flows: list[Numbers], budgets: Numbers, caps: Numbers, slack: Fraction) -> Any:
    """Greatest scaling factors within budgets and caps, and the certificate that proves them.

    Whoever falls short spends all that it has, until nobody else does (Eisenberg and Noe 2001). The
    proof needs no trust in that. A scaling l is feasible if A l <= b and 0 <= l <= u. Prices y >= 0
    and z >= 0 with A'y + z >= c bound the total cost of each: c'l <= y'A l + z'l <= b'y + u'z. If
    ours reaches the bound, none costs more in total. Where flows are not negative, the party by
    party larger of two feasible scalings is feasible, too. So nobody can pay more than by ours, or
    the larger of both would cost more in total: the certificate bounds every party's amount.
    """
    n, costs, negative = range(len(flows)), [sum(row) for row in flows], min(map(min, flows)) < 0
    a = [[(costs[i] if i == k else ZERO) - flows[k][i] for k in n] for i in n]
    limits = [b + slack if negative and b < inf else b for b in budgets]
    top = [u if c else ONE for u, c in zip(caps, costs, strict=True)]  # 1 if nothing is to gain
    scaling, y, held = top.copy(), [ZERO for _ in n], list[int]()
    while new := [i for i in n if i not in held and dot(a[i], scaling) > limits[i]]:
        need(not negative, "flows are negative and a budget binds, which no allocation allows")
        held = sorted(held + new)
        block = [[a[i][k] for k in held] for i in held]
        paid = [ZERO if k in held else top[k] for k in n]
        spent = solve(block, [budgets[i] - dot(a[i], paid) for i in held])
        price = solve(transposed(block), [costs[i] for i in held])
        for k, i in enumerate(held):
            scaling[i], y[i] = spent[k], price[k]
    z = [max(c - dot(column, y), ZERO) for c, column in zip(costs, transposed(a), strict=True)]
    primal, dual = dot(costs, scaling), dot(budgets, y) + dot(top, z)
    feasible = all(dot(a[i], scaling) <= limits[i] and 0 <= scaling[i] <= top[i] for i in n)
    need(feasible and min(y) >= 0 and (primal == dual or min(costs) < 0), "no proof is found")
    return scaling, {"budget_prices": y, "cap_prices": z, "primal": primal, "dual": dual}


def entry(values: list[float], budgets: Numbers, desired: Numbers) -> dict[str, Any]:
    """What the receipt has to state of a table."""
    v, n = list(map(Fraction, values)), range(len(values).bit_length() - 1)
    need(max(map(abs, v)) * 4 * len(n) <= LARGEST, "values are too large in this unit")
    unit, noise = lcm(*(x.denominator for x in v)), NOISE * max(map(abs, v))
    whole, own, grand = [int(x * unit) for x in v], [v[1 << i] for i in n], v[-1]
    flows = [[share(whole, j, 1 << i) / unit if i != j else ZERO for j in n] for i in n]
    gains = [grand - x if grand - x > noise else ZERO for x in own]
    aims = [min(grand, max(x, wish)) for x, wish in zip(own, desired, strict=True)]
    caps = [(aims[i] - own[i]) / gains[i] if gains[i] else ONE for i in n]
    clean = [[f if abs(f) > noise else ZERO for f in row] for row in flows]
    scaling, certificate = clear(clean, budgets, caps, len(n) * noise)
    scaled = [[x * f for f in row] for x, row in zip(scaling, flows, strict=True)]
    costs, revenues = [sum(row) for row in scaled], [sum(column) for column in transposed(scaled)]
    return {
        "grand_value": grand,
        "own_values": own,
        "shapley": [share(whole, i, 0) / unit for i in n],
        "unscaled_flows": flows,
        "scaling": scaling,
        "scaled_flows": scaled,
        "costs": costs,
        "revenues": revenues,
        "payoffs": [r - c for r, c in zip(revenues, costs, strict=True)],
        "model_values": [x * grand + (1 - x) * o for x, o in zip(scaling, own, strict=True)],
        "certificate": certificate,
    }


def summary(tables: list[dict[str, Any]], unit: Fraction) -> dict[str, Any]:
    """What the receipt has to state of all tables: means, and of several their standard errors."""

    def mean(x: Any) -> Any:
        return [*map(mean, zip(*x, strict=True))] if type(x[0]) is list else sum(x) / len(x)

    def error(x: Numbers, unit: Fraction) -> Fraction:
        squares = sum(((y - mean(x)) / unit) ** 2 for y in x)
        return unit * Fraction(sqrt(squares / (len(x) * (len(x) - 1))))

    of = {name: [table[name] for table in tables] for name in tables[0]}
    found = {name: mean(of[name]) for name in MEANS} | {"flows": mean(of["scaled_flows"])}
    for name in ERRORS if len(tables) > 1 else ():
        scale = ONE if name in UNITLESS else unit or ONE
        found[f"{name}_se"] = [error(x, scale) for x in transposed(of[name])]
    return found


def command(options: dict[str, Any]) -> str:
    """The command with these options in canonical form."""
    words = ["shapfair", "allocate", "VALUES"]
    for word, name in (("--budget", "budgets"), ("--desired", "desired")):
        words += [f"{word}={p}={x!r}" for p, x in options[name].items() if x is not None]
    words += [f"--exchange-rate={options['exchange_rate']!r}"] * (options["exchange_rate"] != 1)
    words += [f"--repair={options['repair']}"] * (options["repair"] != "none")
    return shlex.join([*words, "--format=json"])


def near(x: Any, unit: Fraction) -> Any:
    """Every number as a pair: the number, and how far off it may be stated."""
    if type(x) is dict:
        return {key: near(y, ONE if key in UNITLESS else unit) for key, y in x.items()}
    return [near(y, unit) for y in x] if type(x) is list else (x, TOLERANCE * max(unit, abs(x)))


def brief(x: Any) -> str:
    """What is found or needed, in ASCII."""
    return f"a {type(x).__name__} of {len(x)}" if type(x) in (list, dict) else f"{x!a:.80}"


def differences(found: Any, right: Any, where: str) -> Iterator[str]:
    """Every place where the receipt does not state what it has to."""
    if type(right) is dict and type(found) is dict:
        for key in [*found, *(right.keys() - found.keys())]:
            if key in right and key in found:
                yield from differences(found[key], right[key], f"{where}.{key}")
            else:
                yield f"{where}: the key {key!a} is {'missing' if key in right else 'unknown'}"
    elif type(right) is list and type(found) is list and len(found) == len(right):
        for k, (x, y) in enumerate(zip(found, right, strict=True)):
            yield from differences(x, y, f"{where}[{k}]")
    elif type(right) is tuple:
        number = type(found) in (int, float) and abs(found) < inf
        if not number or abs(Fraction(found) - right[0]) > right[1]:
            yield f"{where}: {brief(found)}, need {float(min(right[0], LARGEST))!r}"
    elif type(found) is not type(right) or found != right:
        yield f"{where}: {brief(found)}, need {brief(right)}"


def options_of(given: Any, parties: list[str]) -> dict[str, Any]:
    """The options that the receipt states, if the command takes such."""
    options = {name: {p: given[name][p] for p in parties} for name in ("budgets", "desired")}
    amounts = [x for named in options.values() for x in named.values() if x is not None]
    rate, repair = given["exchange_rate"], given["repair"]
    for x in (rate, *amounts):
        need(type(x) is float and 0 <= x < inf and str(x)[0] != "-", "an amount is wrong")
    need(rate > 0 and repair in ("none", "hull"), "the exchange rate or the repair is wrong")
    return {**options, "exchange_rate": rate, "repair": repair}


def text(x: Any) -> str:
    """What may say anything, as long as it is text."""
    return x if type(x) is str else "some text"


def rebuilt(stated: dict[str, Any], source: Any, parties: list[str], tables: Any) -> dict[str, Any]:
    """The receipt that follows from the tables and from the options stated."""
    options, warnings = options_of(stated.get("options"), parties), stated.get("warnings")
    values = [valued(v, options) for v in tables.values()]
    amounts = [[*options[name].values()] for name in ("budgets", "desired")]
    limits = [[inf if x is None else Fraction(x) for x in row] for row in amounts]
    entries = [entry(v, *limits) for v in values]
    units = [Fraction(max(map(abs, v))) for v in values]
    right = [near(x, unit) for x, unit in zip(entries, units, strict=True)]
    seeds = [key if type(key) is str else None for key in tables]
    return {
        "format": FORMAT,
        "written_by": text(stated.get("written_by")),
        "input": source,
        "command": command(options),
        "options": options,
        "parties": parties,
        "seeds": len(tables),
        "budgets": amounts[0],
        "desired": amounts[1],
        **near(summary(entries, max(units)), max(units)),
        "certificate": {name: [x["certificate"][name] for x in right] for name in PROOF},
        "tables": [{"seed": seed, **x} for seed, x in zip(seeds, right, strict=True)],
        "warnings": [text(x) for x in warnings] if type(warnings) is list else [],
    }


def drops(v: list[float]) -> bool:
    """Whether a coalition loses value by a party, beyond noise."""
    n, noise = range(len(v).bit_length() - 1), NOISE * max(map(abs, v))
    return any(v[c] - v[c | 1 << i] > noise for c in range(len(v)) for i in n)


def unwarned(stated: dict[str, Any], tables: Any, origin: dict[str, Any]) -> Iterator[str]:
    """Kinds of warnings that lack, or have no reason in the values and in the numbers stated."""
    options, proofs = stated["options"], stated["certificate"]
    largest = [max(map(abs, valued(v, options))) for v in tables.values()]
    flows = [[f for row in table["unscaled_flows"] for f in row] for table in stated["tables"]]
    gaps = [y - x for x, y in zip(proofs["primal"], proofs["dual"], strict=True)]
    due = {
        "the values are of models": origin.get("data_size") == "embedded",
        "not monotone: ": any(drops(valued(v, options, repair=False)) for v in tables.values()),
        r"\d+ of \d+ flows are negative": any(
            min(f) < -NOISE * x for f, x in zip(flows, largest, strict=True)
        ),
        OPEN: any(gap > TOLERANCE * x for gap, x in zip(gaps, largest, strict=True)),
    }
    for words, needed in due.items():
        if needed != any(re.match(words, warning) for warning in stated["warnings"]):
            yield f"receipt.warnings: {'one has to' if needed else 'none may'} begin with {words!a}"


def check(receipt: bytes, values: bytes) -> list[str]:
    """Lines that say what was checked and what cannot be; or what is wrong, a fault a line.

    Raises:
        ValueError: if a file is not of its format, or there are too many parties.
    """
    stated = loaded(parse, receipt, "receipt")
    need(type(stated) is dict and stated.get("format") == FORMAT, f"receipt: not a {FORMAT}")
    given, digest = stated.get("input"), hashlib.sha256(values).hexdigest()
    form = "json" if type(given) is dict and given.get("form") == "json" else "csv"
    source = {"form": form, "bytes": len(values), "sha256": digest}
    if faults := list(differences(given, source, "receipt.input")):
        return [f"fault: {fault}" for fault in faults]
    parties, tables, origin = loaded(read, values, "values", form)
    try:
        right = rebuilt(stated, source, parties, tables)
    except (LookupError, TypeError, ValueError) as error:
        return [f"fault: receipt.options: not such as the command takes ({error})"]
    faults = list(differences(stated, right, "receipt")) or list(unwarned(stated, tables, origin))
    if faults:
        return [f"fault: {fault}" for fault in faults]
    proof = "closed: within the budgets nobody could pay more or get a better model"
    if any(re.match(OPEN, warning) for warning in stated["warnings"]):
        proof = "OPEN where costs are negative: no proof that no other scaling is better"
    return [
        f"checked: value table, {len(values)} bytes with the SHA-256 {digest}",
        f"checked: all coalitions of {len(parties)} parties, tables: {len(tables)}",
        f"checked: options, as in {right['command']}",
        "checked: Shapley values and flows, by their definition and by Equation (5)",
        "checked: scaling factors, the greatest within budgets and desired values",
        f"checked: certificate, {proof}",
        "checked: costs, revenues, model values, and payoffs, which sum to 0",
        "checked: means and standard errors over the tables",
        f"checked: warnings, {len(stated['warnings'])}: the kinds that are due; not their wording",
        *(f"warning: {ascii(warning)[1:-1]}" for warning in stated["warnings"]),
        *(f"not checked: {what}" for what in TRUSTED),
    ]


def show(lines: list[str]) -> None:
    """Print what a terminal can show, and nothing that it would take for a command."""
    code = sys.stdout.encoding or "ascii"
    for line in lines:
        seen = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
        print(seen.encode(code, "backslashreplace").decode(code))


def main(paths: list[str]) -> int:
    """Check two files and print the lines: 0 if all holds, 1 if not, 2 if they cannot be read."""
    try:
        need(len(paths) == 2, "usage: python verifier.py RECEIPT VALUES")
        lines = check(*(Path(path).read_bytes() for path in paths))
    except (OSError, ValueError) as error:
        print(f"verifier: error: {error}", file=sys.stderr)
        return 2
    show(lines)
    return int(lines[0].startswith("fault: "))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
