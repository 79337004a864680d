"""The independent checker: right receipts hold, and no other numbers do.

What it leaves to `shapfair verify`, words and form, is tested in tests/cli/test_verify.py.
"""

import ast
import csv
import hashlib
import json
import re
import runpy
import subprocess
import sys
from fractions import Fraction
from math import inf, nan
from random import Random
from types import SimpleNamespace

import altered_receipts
import pytest
from helpers import (
    RESULTS,
    ROOT,
    amounts,
    fictitious_default,
    flows_by_permutations,
    revenues,
    shapley_by_permutations,
    tables,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from shapfair import Game, allocate, receipt

TOOL = ROOT / "tools" / "altered_receipts.py"
CHECKER = ROOT / "shapfair" / "verifier.py"
PARTIES = ("A", "B", "C")
verifier = SimpleNamespace(**runpy.run_path(str(CHECKER)))
"""The checker as it is when it runs by itself: types that other tests check, it does not."""
RECORDS = sorted(path.name for path in RESULTS.glob("*.json"))
CLINICS = ROOT / "book" / "examples" / "clinics.csv"
OPEN = Game([0, 3, 1, 2], ("A", "B"))
NOISY = Game([0, 3, 2, 1, 0, 3, 2, 4], PARTIES)


def issued(folder, game, form="csv", **options):
    """A receipt as data, and the bytes of its value table."""
    path = folder / f"values.{form}"
    (game.to_csv if form == "csv" else game.to_json)(path)
    source = receipt.Source.read(path)
    return receipt.receipt(allocate(source.game, **options), source), path.read_bytes()


def check(document, values):
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    return verifier.check(content, values)


def fault(document, values):
    """What is wrong, or nothing."""
    try:
        check(document, values)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def test_it_is_short_enough_to_be_read():
    lines = CHECKER.read_text().splitlines()
    assert len(lines) < 200
    assert max(map(len, lines)) <= 100
    functions = [
        x for x in ast.walk(ast.parse(CHECKER.read_text())) if hasattr(x, "decorator_list")
    ]
    assert all(ast.get_docstring(function) for function in functions)


# --- right receipts hold, altered ones do not ----------------------------------------------------


def test_right_receipts_hold_and_altered_ones_do_not():
    """A short campaign; tools/altered_receipts.py by itself is the long one."""
    command = [sys.executable, TOOL, "--games", "30", "--alterations", "120", "--seed", "2022"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    found = re.findall(r"^ *(\d+)  ([\w ]+): (\w+)$", done.stdout, re.MULTILINE)
    assert done.stdout.count("\n") == len(found)
    counts = {kind: (int(count), end) for count, kind, end in found}
    assert counts.pop("as they are") == (30, "hold")
    assert counts.keys() == {alter.__name__ for alter in altered_receipts.ALTERATIONS}
    assert {end for _, end in counts.values()} == {"refused"}
    assert sum(count for count, _ in counts.values()) == 120


@pytest.mark.parametrize(("found", "wrong"), [([], 10), (["fault: "], 5)])
def test_a_campaign_sees_a_checker_that_lets_all_pass_or_none(monkeypatch, capsys, found, wrong):
    monkeypatch.setattr(altered_receipts, "findings", lambda *_: found)
    assert altered_receipts.wrong(altered_receipts.campaign(5, 10, 1)) == wrong
    assert len(capsys.readouterr().out.splitlines()) == wrong


def test_the_file_alone_lets_words_pass_and_nothing_else():
    """Of the alterations that it does not see, all numbers are right."""
    cases = [case for k in range(30) if (case := altered_receipts.random_case(Random(k)))]
    passed = 0
    for k in range(120):
        rng = Random(k)
        case, alter = rng.choice(cases), rng.choice(altered_receipts.ALTERATIONS)
        altered, values = alter(rng, case) or (b"", b"")
        if fault(altered, values):
            continue
        passed += 1
        right = receipt.again(altered, receipt.Source.of(case.path, values))
        words = {key: right[key] for key in verifier.WORDS}
        assert altered_receipts.is_right(case, ({**altered, **words}, values)), (k, alter)
    assert 0 < passed < 30


@pytest.mark.parametrize("name", [name for name in RECORDS if not name.startswith("models-")])
def test_receipts_of_the_records_hold(name):
    source = receipt.Source.read(RESULTS / name)
    options = {"budgets": [0.0, 0.01, *[inf] * (source.game.n - 2)], "repair": "hull"}
    for settings_ in ({}, options):
        document = receipt.receipt(allocate(source.game, **settings_), source)
        assert fault(document, (RESULTS / name).read_bytes()) == ""


# --- it computes what the definitions say --------------------------------------------------------


def as_float(amount):
    """The number that a receipt can hold."""
    return amount if amount == inf else Fraction(float(amount))


def finite(amount):
    """An amount as a receipt has it."""
    return None if amount == inf else float(amount)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_table_is_computed_as_the_slow_oracles_do(data):
    values = data.draw(tables(max_parties=4))
    n = len(values).bit_length() - 1
    budgets = [as_float(x) for x in data.draw(amounts(n))]
    desired = [as_float(x) for x in data.draw(amounts(n, 1000))]
    options = {
        "budgets": dict(enumerate(map(finite, budgets))),
        "desired": dict(enumerate(map(finite, desired))),
        "exchange_rate": 1.0,
        "repair": "none",
    }
    entry, unit = verifier.entry(list(map(float, values)), options, range(n))
    flows, own, grand = (
        flows_by_permutations(values),
        [values[1 << i] for i in range(n)],
        values[-1],
    )
    caps = [
        Fraction(min(grand, max(v, r)) - v) / (grand - v) if grand > v else Fraction(1)
        for v, r in zip(own, desired, strict=True)
    ]
    scaling, _ = fictitious_default(flows, budgets, caps)
    assert unit == max(map(abs, values))
    assert entry["unscaled_flows"] == flows
    assert entry["shapley"] == shapley_by_permutations(values)
    assert entry["scaling"] == scaling
    assert entry["revenues"] == revenues(flows, scaling)
    assert entry["costs"] == [x * sum(row) for x, row in zip(scaling, flows, strict=True)]
    assert sum(entry["payoffs"]) == 0
    assert entry["certificate"]["primal"] == entry["certificate"]["dual"] == sum(entry["costs"])


def test_a_party_that_pays_only_noise_has_nothing_to_gain(tmp_path):
    """Its gain is more than noise, but no flow is: its factor is 1, whatever it desires."""
    gain = 1.5 * 2.0**-46
    values = [0, 1 - gain, 0.5, 1 - gain / 2, 0.5, 1 - gain / 2, 0.75, 1]
    document, values = issued(tmp_path, Game(values, PARTIES), desired={"A": 0.0})
    assert document["scaling"][0] == 1
    assert fault(document, values) == ""


def test_a_gain_within_the_noise_is_none(tmp_path):
    """Flows that cancel out but for noise: a desired value does not hold the party back."""
    game = Game([0, 1, 1, 2, 1, 0, 1, 1 + 2.0**-47], PARTIES)
    document, values = issued(tmp_path, game, desired={"A": 0})
    assert document["scaling"][0] == 1
    assert fault(document, values) == ""


def test_a_budget_that_lacks_no_more_than_noise_suffices(tmp_path):
    game = Game([0, 3, 3 + 2.0**-46, 2], ("A", "B"))
    document, values = issued(tmp_path, game, budgets=0)
    assert fault(document, values) == ""


def test_scaling_factors_and_prices_have_no_unit(tmp_path):
    for unit, off, holds in ((1e6, 1e-6, False), (1e-6, 1e-10, True)):
        game = Game([0, 0, 0, unit], ("A", "B"))
        document, values = issued(tmp_path, game, budgets=unit / 4, desired=unit / 2)
        document["scaling"][0] -= off
        assert (fault(document, values) == "") == holds


def test_a_table_too_many(tmp_path):
    document, values = issued(tmp_path, NOISY)
    document["tables"] *= 2
    document["certificate"] = {name: x * 2 for name, x in document["certificate"].items()}
    assert fault(document, values) == "ValueError: receipt['tables']: missing or unknown: [1]"


def test_means_and_standard_errors(tmp_path):
    game = Game([[0, 1, 2, 3 + k] for k in range(3)], ("A", "B"), seed_labels="xyz")
    document, values = issued(tmp_path, game)
    assert fault(document, values) == ""
    assert document["model_values_se"] == pytest.approx([3**-0.5] * 2)
    for name in ("scaling_se", "payoffs_se", "model_values_se"):
        spoilt = {**document, name: [x + 1e-8 for x in document[name]]}
        assert fault(spoilt, values).startswith(f"ValueError: receipt['{name}'][0] is "), name


def test_sixteen_parties_are_its_limit(tmp_path):
    lines = [",".join([*(f"p{i}" for i in range(17)), "value"]), ",".join(["0"] * 18)]
    values = "\n".join(lines).encode()
    document, _ = issued(tmp_path, NOISY)
    document["input"] = source_of(values)
    with pytest.raises(ValueError, match=r"^17 parties, this program checks 1 to 16$"):
        check(document, values)


def source_of(values):
    return {"form": "csv", "bytes": len(values), "sha256": hashlib.sha256(values).hexdigest()}


# --- what it says --------------------------------------------------------------------------------


def test_it_says_what_holds_and_what_it_leaves(tmp_path):
    document, values = issued(tmp_path, NOISY)
    (line,) = check(document, values)
    assert line.startswith("all numbers and keys hold; not checked: command, warnings, ")


def test_it_says_that_a_certificate_is_open(tmp_path):
    document, values = issued(tmp_path, OPEN)
    assert check(document, values)[1:] == [
        "OPEN: certificate 1: costs are negative, others may be better"
    ]


def test_a_fault_names_its_place_and_what_is_needed(tmp_path):
    document, values = issued(tmp_path, NOISY, repair="hull", budgets={"A": 0.5})
    for place, new, words in (
        (("tables", 0, "payoffs", 1), 0.25, "['tables'][0]['payoffs'][1] is 0.25, need 0.0"),
        (("tables", 0, "costs"), [0.0], "['tables'][0]['costs']: missing or unknown: [1, 2]"),
        (("parties", 1), "\x1b[31mC", "['parties'][1] is '\\x1b[31mC', need 'B'"),
        (("seeds",), True, "['seeds'] is True, need 1"),
        (("note",), "\x1b", ": missing or unknown: ['note']"),
    ):
        spoilt = altered_receipts.with_part(document, place, new)
        assert fault(spoilt, values) == f"ValueError: receipt{words}"
    del document["seeds"]
    assert fault(document, values) == "ValueError: receipt: missing or unknown: ['seeds']"


def test_options_that_allow_no_allocation(tmp_path):
    document, values = issued(tmp_path, NOISY, repair="hull", budgets=0)
    document["options"]["repair"] = "none"
    assert fault(document, values) == (
        "ValueError: flows are negative and a budget binds, which no allocation allows"
    )


# --- forgeries, one by one -----------------------------------------------------------------------


def with_scaling(document, scaling):
    """A receipt of one table in which all else follows from these scaling factors."""
    document = json.loads(json.dumps(document))
    (table,), flows = document["tables"], document["tables"][0]["unscaled_flows"]
    scaled = [[x * f for f in row] for x, row in zip(scaling, flows, strict=True)]
    costs, incomes = [sum(row) for row in scaled], [sum(row) for row in zip(*scaled, strict=True)]
    own, grand = table["own_values"], table["grand_value"]
    models = [x * grand + (1 - x) * v for x, v in zip(scaling, own, strict=True)]
    payoffs = [r - c for r, c in zip(incomes, costs, strict=True)]
    table |= {"scaling": scaling, "scaled_flows": scaled, "costs": costs, "revenues": incomes}
    table |= {"payoffs": payoffs, "model_values": models}
    table["certificate"]["primal"] = table["certificate"]["dual"] = sum(costs)
    document["certificate"] |= {"primal": [sum(costs)], "dual": [sum(costs)]}
    names = ("scaling", "payoffs", "model_values")
    return {**document, **{name: table[name] for name in names}, "flows": scaled}


def test_the_greatest_scaling_counts_not_just_one_within_the_budgets(tmp_path):
    """Nobody pays and nobody gets a better model: feasible and consistent, but not the greatest."""
    document, values = issued(tmp_path, Game([0, 1, 1, 3], ("A", "B")), budgets=0)
    assert fault(with_scaling(document, document["scaling"]), values) == ""
    found = fault(with_scaling(document, [0.0, 0.0]), values)
    assert found.endswith("['scaling'][0] is 0.0, need 1.0")


def test_factors_cannot_hide_in_a_tolerance_of_the_budgets(tmp_path):
    """Two parties pay each other almost all, and a third what leaks: prices are large."""
    leak = 1e-5
    game = Game([0, 0, 0, 1.1, 0, leak, leak, 1.1], PARTIES)
    document, values = issued(tmp_path, game, budgets=[1e-6, 0, 0], desired={"C": 0})
    assert max(document["tables"][0]["certificate"]["budget_prices"]) > 1e5
    assert fault(with_scaling(document, document["scaling"]), values) == ""
    x, y, one = document["scaling"]
    assert 0.1 < x < 0.9
    off = 1e-5  # it costs each of them no more than 1e-10 beyond its budget
    found = fault(with_scaling(document, [x + off, y + off, one]), values)
    assert "['scaling'][0] is " in found


def test_prices_are_those_of_budgets_not_just_any_that_prove(tmp_path):
    """Nobody pays C: another price of C's budget of 0 proves as well, and says something else."""
    game = Game([0, 0, 0, 1, 0, 0, 0, 1], PARTIES)
    document, values = issued(tmp_path, game, budgets=0)
    assert fault(document, values) == ""
    k = 2
    for prices in (document["certificate"], document["tables"][0]["certificate"]):
        row = prices["budget_prices"]
        (row[0] if isinstance(row[0], list) else row)[k] += 1
    assert "['budget_prices'][2] is " in fault(document, values)


@pytest.mark.parametrize(
    ("place", "new"),
    [
        (("options", "budgets", "A"), -0.5),
        (("options", "budgets", "A"), "0.5"),
        (("options", "budgets", "A"), 10**400),
        (("options", "budgets", "A"), inf),
        (("options", "desired", "A"), -1.0),
        (("options", "budgets"), []),
        (("options", "budgets"), "ABC"),
        (("options", "exchange_rate"), 0.0),
        (("options", "exchange_rate"), -1.0),
        (("options", "exchange_rate"), None),
        (("options", "exchange_rate"), 1e308),
        (("options", "repair"), "mend"),
        (("options", "repair"), []),
        (("options",), None),
        (("options", "default_budget"), None),
        (("budgets", 0), 0.25),
        (("desired", 2), 9.0),
        (("seeds",), 1.0),
        (("seeds",), True),
        (("scaling", 2), True),
        (("parties",), ["A", "B", "C", "D"]),
        (("tables", 0, "scaling"), [0.75, 1.0, 1.0, 1.0]),
        (("payoffs", 0), 10**400),
        (("payoffs", 0), inf),
        (("payoffs", 0), nan),
        (("payoffs", 0), "0"),
        (("payoffs",), {}),
        (("tables", 0), []),
        (("tables",), {}),
        (("parties", 0), "\x1b[31mA"),
        (("input", "form"), []),
        (("input", "form"), "xml"),
        (("input",), [["form", "csv"]]),
        (("input", "bytes"), 97.0),
        (("input", "path"), "values.csv"),
        (("tables", 0, "seed"), "0"),
    ],
)
def test_numbers_and_forms(tmp_path, place, new):
    document, values = issued(tmp_path, Game([0, 1, 1, 2, 1, 2, 2, 4], PARTIES), budgets={"A": 0.5})
    assert fault(document, values) == ""
    found = fault(altered_receipts.with_part(document, place, new), values)
    assert found
    assert found.isascii()
    assert found.isprintable()


def test_values_near_the_end_of_the_range(tmp_path):
    document, _ = issued(tmp_path, Game([0, 1, 1, 1], ("A", "B")), budgets=0)
    values = b"A,B,value\n0,0,0\n1,0,-1.7e308\n0,1,1.7e308\n1,1,-1.7e308\n"
    document["input"] = source_of(values)
    assert fault(document, values)


def test_a_price_beyond_the_range_holds_nothing(tmp_path):
    """The game of tests/core/test_range.py, for which shapfair gives no receipt."""
    small = Game([0, 0, 0, 1, 0, 1e-9, 1e-9, 1], PARTIES)
    document, _ = issued(tmp_path, small, budgets=0, desired={"C": 0})
    Game([0, 0, 0, 1e300, 0, 1e287, 1e287, 1e300], PARTIES).to_csv(tmp_path / "large.csv")
    values = (tmp_path / "large.csv").read_bytes()
    document["input"] = source_of(values)
    assert fault(document, values)


NOT_RECEIPTS = {
    "empty": b"",
    "not JSON": b"{",
    "two": b"{}{}",
    "a list": b"[]",
    "of nothing": b"{}",
    "a key twice": b'{"input": 1, "input": 1}',
    "deep": b"[" * 100_000,
    "latin 1": b'{"format": "\xfc"}',
    "a long number": b'{"format": ' + b"9" * 10_000 + b"}",
}


@pytest.mark.parametrize("content", NOT_RECEIPTS.values(), ids=NOT_RECEIPTS)
def test_what_is_no_receipt_is_one_line(content):
    found = fault(content, CLINICS.read_bytes())
    assert found
    assert "\n" not in found


def test_another_format(tmp_path):
    document, values = issued(tmp_path, NOISY)
    document["format"] = "shapfair receipt 2"
    assert fault(document, values).endswith("is 'shapfair receipt 2', need 'shapfair receipt 1'")


TABLES = {
    "a row is missing": b"A,value\n0,0\n",
    "a row twice": b"A,value\n0,0\n1,1\n1,1\n",
    "a field too many": b"A,value\n0,0,0\n1,1\n",
    "seed twice": b"seed,A,value,seed\n1,0,0,1\n1,1,1,1\n",
    "no value": b"A,worth\n0,0\n1,1\n",
    "value twice": b"A,value,value\n0,0,0\n1,1,1\n",
    "party twice": b"A,A,value\n0,0,0\n1,1,1\n0,1,1\n1,0,1\n",
    "no party": b"value\n0\n",
    "no header": b"",
    "member 2": b"A,value\n0,0\n2,1\n",
    "member empty": b"A,value\n0,0\n,1\n",
    "two members in one cell": b"A,B,value\n,0,0\n0,1,1\n1,0,1\n,11,1\n",
    "number of another script": "A,value\n0,0\n1,\u0661\n".encode(),
    "underscore": b"A,value\n0,0\n1,1_0\n",
    "infinite": b"A,value\n0,0\n1,1e400\n",
    "not a number": b"A,value\n0,0\n1,nan\n",
    "worth something empty": b"A,value\n0,1\n1,1\n",
    "a seed without a row": b"A,value,seed\n0,0,1\n1,1,1\n0,0,2\n",
    "quote": b'A,value\n0,"0\n1,1\n',
    "utf-16": "A,value\n0,0\n1,1\n".encode("utf-16"),
}
JSON_TABLES = {
    "no parties": b'{"values": [[0, 1]]}',
    "parties as text": b'{"parties": "A", "values": [[0, 1]]}',
    "a text for a value": b'{"parties": ["A"], "values": [[0, "1"]]}',
    "true": b'{"parties": ["A"], "values": [[0, true]]}',
    "NaN": b'{"parties": ["A"], "values": [[0, NaN]]}',
    "too large": b'{"parties": ["A"], "values": [[0, 1e999]]}',
    "huge integer": b'{"parties": ["A"], "values": [[0, ' + b"9" * 400 + b"]]}",
    "a short row": b'{"parties": ["A"], "values": [[0]]}',
    "a long row": b'{"parties": ["A"], "values": [[0, 1, 1]]}',
    "no rows": b'{"parties": ["A"], "values": []}',
    "one row": b'{"parties": ["A"], "values": [0, 1]}',
    "an object of rows": b'{"parties": ["A"], "values": {"0": [0, 1]}}',
    "a key twice": b'{"parties": ["A"], "values": [[0, 2]], "values": [[0, 1]]}',
    "a list": b"[]",
}


@pytest.mark.parametrize(
    ("form", "values"),
    [*(("csv", x) for x in TABLES.values()), *(("json", x) for x in JSON_TABLES.values())],
    ids=[*TABLES, *JSON_TABLES],
)
def test_no_receipt_is_right_for_what_is_no_table(tmp_path, form, values):
    """The receipt is as right as can be: the table itself has to be refused."""
    document, _ = issued(tmp_path, Game([0, 1], ("A",)))
    document["input"] = {**source_of(values), "form": form}
    assert fault(document, values)
    with pytest.raises((ArithmeticError, LookupError, TypeError, ValueError, csv.Error)):
        verifier.entry(verifier.read(values, form)[1].popitem()[1], document["options"], ["A"])


GOOD = {
    "spaces, blank lines, a mark": ("csv", "\ufeff A , value\r\n\r\n1, 1e0\r\n0 ,-0\r\n".encode()),
    "quotes": ("csv", b'"A","value"\n"0","0"\n"1","+1."\n'),
    "a seed first": ("csv", b"seed,A,value\n7,0,0\n7,1,1\n"),
    "whole numbers": ("json", b'{"values": [[0, 1]], "parties": ["A"]}'),
    "provenance": ("json", b'{"parties": ["A"], "values": [[0, 1.0]], "provenance": null}'),
}


@pytest.mark.parametrize(("form", "values"), GOOD.values(), ids=GOOD)
def test_what_shapfair_reads_it_reads_alike(tmp_path, form, values):
    path = tmp_path / f"v.{form}"
    path.write_bytes(values)
    source = receipt.Source.read(path)
    assert verifier.read(values, form)[1].popitem()[1] == source.game.values.tolist() == [0, 1]
    assert fault(receipt.receipt(allocate(source.game), source), values) == ""


# --- by itself -----------------------------------------------------------------------------------


def alone(*arguments):
    command = [sys.executable, "-I", CHECKER, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_runs_by_itself(tmp_path):
    document, values = issued(tmp_path, NOISY)
    path = tmp_path / "r.json"
    path.write_text(json.dumps(document))
    done = alone(path, tmp_path / "values.csv")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == check(document, values)
    document["payoffs"][0] += 0.001
    path.write_text(json.dumps(document))
    done = alone(path, tmp_path / "values.csv")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("fault: ValueError: receipt['payoffs'][0] is ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["none.json", CLINICS], [CLINICS, CLINICS]])
def test_what_it_cannot_read_is_one_line(arguments):
    done = alone(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("fault: ")
    assert done.stderr.count("\n") == 1


def test_it_needs_the_standard_library_alone():
    for node in ast.walk(ast.parse(CHECKER.read_text())):
        names = [node.module] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names


def test_nothing_of_shapfair_needs_it_but_the_command():
    users = [
        path.relative_to(ROOT / "shapfair").as_posix()
        for path in (ROOT / "shapfair").rglob("*.py")
        if "import verifier" in path.read_text() or ", verifier" in path.read_text()
    ]
    assert users == ["cli/verify.py"]
