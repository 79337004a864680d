"""Check a receipt of ``shapfair allocate`` without shapfair: ``python verifier.py RECEIPT VALUES``.

From the value table and the receipt's options alone this program computes, in exact fractions, what
the receipt has to state, proves it, and holds every number and every key of the receipt to it.
Numbers may be off by 1e-9 of the table's largest magnitude, or of themselves if larger.
"""

import csv
import io
import json
import sys
from fractions import Fraction
from hashlib import sha256
from math import factorial, inf, lcm, sqrt
from pathlib import Path
from statistics import stdev
from typing import Any

FORMAT, MOST_PARTIES = "shapfair receipt 1", 16
ZERO, ONE, TOLERANCE = Fraction(0), Fraction(1), Fraction(1, 10**9)
NOISE = Fraction(64, 2**52)  # differences up to this share of the largest magnitude are none
UNITLESS, AMOUNTS = ("scaling", "scaling_se", "budget_prices"), ("budgets", "desired")
MEANS = ("grand_value", "own_values", "shapley", "scaling", "payoffs", "model_values")
WORDS = ("written_by", "command", "warnings")
HOLDS = "all numbers and keys hold; not checked: command, warnings, whether two names look alike"
Numbers = list[Any]  # fractions, and infinity for what is unlimited


def need(condition: object, message: str) -> None:
    """Refuse what is not so."""
    if not condition:
        raise ValueError(message)


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON in which no key comes twice."""
    need(len(dict(pairs)) == len(pairs), "a key comes twice")
    return dict(pairs)


def read(content: bytes, form: str) -> tuple[list[str], dict[Any, list[float]]]:
    """Parties, and tables by seed or number; bit i of a table's index is party i."""
    cells: list[tuple[Any, int, Any]] = []
    need(form in ("csv", "json"), "the form is neither csv nor json")
    if form == "json":
        document = json.loads(content, object_pairs_hook=unique)
        names = parties = document["parties"]
        cells += [(k, c, x) for k, row in enumerate(document["values"]) for c, x in enumerate(row)]
        need({type(x) for *_, x in cells} <= {int, float}, "a value is not a number")
    else:
        lines = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        names, *rows = [[cell.strip(" \t") for cell in line] for line in lines if line]
        parties = [name for name in names if name not in ("value", "seed")]
        for row in (dict(zip(names, line, strict=True)) for line in rows):
            bits, x = [row[p] for p in reversed(parties)], row["value"]
            need({*bits} <= {"0", "1"} and {*x} <= {*"0123456789.+-eE"}, "a row is not of numbers")
            cells.append((row.get("seed", 0), int("".join(bits), 2), x))
    n, tables = len(parties), dict[Any, dict[int, float]]()
    need(1 <= n <= MOST_PARTIES, f"{n} parties, this program checks 1 to {MOST_PARTIES}")
    need(type(names) is list and len({*names}) == len(names), "a name comes twice")
    for seed, coalition, x in cells:
        need(coalition not in tables.setdefault(seed, {}), "a coalition comes twice")
        tables[seed][coalition] = float(x)
    complete = all(len(table) == 2**n and table[0] == 0 for table in tables.values())
    need(tables and complete, "a coalition is missing, or the empty one is not worth 0")
    return parties, {seed: [table[c] for c in range(2**n)] for seed, table in tables.items()}


def share(v: list[int], j: int, given: int) -> Fraction:
    """Shapley value of ``j`` among those who join ``given``: Equation (5) if that is one party."""
    free, bit = len(v).bit_length() - 1 - given.bit_count(), 1 << j
    weights = [factorial(s) * factorial(free - 1 - s) for s in range(free)]
    others = (c for c in range(len(v)) if c & (given | bit) == given)
    total = sum(weights[(c ^ given).bit_count()] * (v[c | bit] - v[c]) for c in others)
    return Fraction(total, factorial(free))


def dot(x: Numbers, y: Numbers) -> Fraction:
    """Sum of products."""
    return sum((a * b for a, b in zip(x, y, strict=True) if a and b), ZERO)


def solve(rows: list[Numbers]) -> Numbers:
    """Solution of an M-matrix's linear system, the right side being its last column; by Gauss."""
    for k in range(len(rows)):
        rows[k] = [x / rows[k][k] for x in rows[k]]
        for r in (r for r in range(len(rows)) if r != k and rows[r][k]):
            rows[r] = [x - rows[r][k] * y for x, y in zip(rows[r], rows[k], strict=True)]
    return [row[-1] for row in rows]


def clear(flows: list[Numbers], budgets: Numbers, caps: Numbers, slack: Fraction) -> Any:
    """Greatest scaling factors within budgets and caps, and the certificate that proves them.

    Whoever falls short spends all that it has, until nobody else does (Eisenberg and Noe 2001). The
    proof needs no trust in that. A scaling l is feasible if A l <= b and 0 <= l <= u. Prices y >= 0
    and z >= 0 with A'y + z >= c bound its cost: c'l <= y'A l + z'l <= b'y + u'z. If ours reaches
    the bound, none costs more in total. Where flows are not negative, the party by party larger of
    two feasible scalings is feasible, too; it would cost more in total if anybody could pay more.
    """
    n, costs, negative = range(len(flows)), [sum(row) for row in flows], min(map(min, flows)) < 0
    one = [[Fraction(i == k) for k in n] for i in n]
    a = [[one[i][k] * costs[i] - flows[k][i] for k in n] for i in n]
    columns = [list(column) for column in zip(*a, strict=True)]
    limits = [b + negative * slack for b in budgets]
    top = [u if c else ONE for u, c in zip(caps, costs, strict=True)]  # 1 if nothing is to gain
    scaling, y, held = top, [ZERO for _ in n], set[int]()
    while short := {i for i in n if dot(a[i], scaling) > limits[i]}:
        need(not negative, "flows are negative and a budget binds, which no allocation allows")
        held |= short
        scaling = solve([[*a[i], budgets[i]] if i in held else [*one[i], top[i]] for i in n])
        y = solve([[*columns[i], costs[i]] if i in held else [*one[i], ZERO] for i in n])
    z = [max(c - dot(column, y), ZERO) for c, column in zip(costs, columns, strict=True)]
    primal, dual = dot(costs, scaling), dot(budgets, y) + dot(top, z)
    feasible = all(dot(a[i], scaling) <= limits[i] and 0 <= scaling[i] <= top[i] for i in n)
    need(feasible and min(y) >= 0 and (primal == dual or min(costs) < 0), "no proof is found")
    return scaling, {"budget_prices": y, "cap_prices": z, "primal": primal, "dual": dual}


def entry(values: list[float], options: Any, parties: list[str]) -> tuple[Any, Fraction]:
    """What the receipt has to state of a table, and the largest magnitude of a value."""
    n, rate, repair = range(len(parties)), options["exchange_rate"], options["repair"]
    amounts = [[options[name][p] for p in parties] for name in AMOUNTS]
    b, r = ([inf if x is None else Fraction.from_float(x) for x in row] for row in amounts)
    need(rate > 0 <= min(*b, *r) and repair in ("none", "hull"), "an option is out of range")
    v = [Fraction.from_float(rate * x) for x in values]
    for i in n if repair == "hull" else ():
        v = [max(x, v[c & ~(1 << i)]) for c, x in enumerate(v)]
    parts, noise = lcm(*(x.denominator for x in v)), NOISE * max(map(abs, v))
    whole, own, grand = [int(x * parts) for x in v], [v[1 << i] for i in n], v[-1]
    flows = [[share(whole, j, 1 << i) / parts if i != j else ZERO for j in n] for i in n]
    aims = [min(grand, max(own[i], r[i])) for i in n]
    caps = [(aims[i] - own[i]) / (grand - own[i]) if grand - own[i] > noise else ONE for i in n]
    clean = [[f if abs(f) > noise else ZERO for f in row] for row in flows]
    scaling, proof = clear(clean, b, caps, len(n) * noise)
    scaled = [[x * f for f in row] for x, row in zip(scaling, flows, strict=True)]
    costs, revenues = [sum(row) for row in scaled], [sum(x) for x in zip(*scaled, strict=True)]
    found = {"grand_value": grand, "own_values": own, "unscaled_flows": flows, "scaling": scaling}
    found |= {"scaled_flows": scaled, "costs": costs, "revenues": revenues, "certificate": proof}
    found["shapley"] = [share(whole, i, 0) / parts for i in n]
    found["payoffs"] = [revenues[i] - costs[i] for i in n]
    found["model_values"] = [scaling[i] * grand + (1 - scaling[i]) * own[i] for i in n]
    return found, max(map(abs, v))


def mean(x: Any) -> Any:
    """Average of numbers, lists or matrices."""
    return [*map(mean, zip(*x, strict=True))] if type(x[0]) is list else sum(x) / len(x)


def agree(found: Any, right: Any, unit: Fraction, where: str) -> None:
    """Refuse what the receipt states otherwise than it has to."""
    if type(right) is Fraction and type(found) in (int, float) and abs(found) < inf:
        close = abs(Fraction(found) - right) <= TOLERANCE * max(unit, abs(right))
        need(close, f"{where} is {found!r}, need {float(right)!r}")
    elif type(found) is type(right) and type(right) in (dict, list):
        x, y = (part if type(part) is dict else dict(enumerate(part)) for part in (found, right))
        need(x.keys() == y.keys(), f"{where}: missing or unknown: {sorted(x.keys() ^ y.keys())!a}")
        for key in y:
            agree(x[key], y[key], ONE if key in UNITLESS else unit, f"{where}[{key!a}]")
    else:
        same = (type(found), found) == (type(right), right)
        need(same, f"{where} is {found!a:.80}, need {right!a:.80}")


def check(receipt: bytes, values: bytes) -> list[str]:
    """Say what was checked and where a certificate is open; an error says what does not hold."""
    stated = json.loads(receipt, object_pairs_hook=unique)
    form, options, rows = stated["input"]["form"], stated["options"], stated["tables"]
    source = {"form": form, "bytes": len(values), "sha256": sha256(values).hexdigest()}
    agree(stated["input"], source, ONE, "receipt['input']")
    parties, tables = read(values, form)
    entries, lines = [entry(v, options, parties) for v in tables.values()], [HOLDS]
    for k, (seed, (found, unit)) in enumerate(zip(tables, entries, strict=True)):
        label, proof = {"seed": seed if type(seed) is str else None}, found["certificate"]
        agree(rows[k], label | found, unit, f"receipt['tables'][{k}]")
        if proof["dual"] - proof["primal"] > TOLERANCE * unit:
            lines.append(f"OPEN: certificate {k + 1}: costs are negative, others may be better")
    right = {"format": FORMAT, "input": source, "tables": rows[: len(tables)]}
    right |= {"parties": parties, "seeds": len(tables)} | {key: stated[key] for key in WORDS}
    named = {name: {p: options[name][p] for p in parties} for name in AMOUNTS}
    right["options"] = named | {name: options[name] for name in ("exchange_rate", "repair")}
    right |= {name: [*named[name].values()] for name in AMOUNTS}
    right |= {name: mean([found[name] for found, _ in entries]) for name in MEANS}
    right["flows"] = mean([found["scaled_flows"] for found, _ in entries])
    for name in MEANS[3:] if len(tables) > 1 else ():
        columns = zip(*(found[name] for found, _ in entries), strict=True)
        right[f"{name}_se"] = [Fraction(stdev(x) / sqrt(len(x))) for x in columns]
    right["certificate"] = {key: [x["certificate"][key] for x in rows] for key in proof}
    agree(stated, right, max(unit for _, unit in entries), "receipt")
    return lines


if __name__ == "__main__":
    try:
        print(*check(*(Path(path).read_bytes() for path in sys.argv[1:])), sep="\n")
    except Exception as error:
        sys.exit(f"fault: {type(error).__name__}: {error}")
