"""The independent checker: right receipts hold, whatever else does not."""

import ast
import hashlib
import json
import re
import runpy
import subprocess
import sys
from fractions import Fraction
from math import inf
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


def faults(document, values):
    return [line for line in check(document, values) if line.startswith("fault: ")]


# --- right receipts hold, altered ones do not ----------------------------------------------------


def test_right_receipts_hold_and_altered_ones_do_not():
    """A short campaign; tools/altered_receipts.py by itself is the long one."""
    command = [sys.executable, TOOL, "--games", "200", "--alterations", "300", "--seed", "2022"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    found = re.findall(r"^ *(\d+)  ([\w ]+): (\w+)$", done.stdout, re.MULTILINE)
    assert done.stdout.count("\n") == len(found)
    counts = {kind: (int(count), end) for count, kind, end in found}
    assert counts.pop("as they are") == (200, "hold")
    assert counts.keys() == {alter.__name__ for alter in altered_receipts.ALTERATIONS}
    assert {end for _, end in counts.values()} == {"refused"}
    assert sum(count for count, _ in counts.values()) == 300


@pytest.mark.parametrize(("found", "wrong"), [([], 20), (["fault: "], 10)])
def test_a_campaign_sees_a_checker_that_lets_all_pass_or_none(monkeypatch, capsys, found, wrong):
    monkeypatch.setattr(altered_receipts, "findings", lambda *_: found)
    assert altered_receipts.wrong(altered_receipts.campaign(10, 20, 1)) == wrong
    assert len(capsys.readouterr().out.splitlines()) == wrong


@pytest.mark.parametrize("name", [name for name in RECORDS if not name.startswith("models-")])
def test_receipts_of_the_records_hold(name):
    source = receipt.Source.read(RESULTS / name)
    options = {"budgets": [0.0, 0.01, *[inf] * (source.game.n - 2)], "repair": "hull"}
    for settings_ in ({}, options):
        document = receipt.receipt(allocate(source.game, **settings_), source)
        assert faults(document, (RESULTS / name).read_bytes()) == []


# --- it computes what the definitions say --------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_table_is_computed_as_the_slow_oracles_do(data):
    values = data.draw(tables(max_parties=4))
    n = len(values).bit_length() - 1
    budgets = data.draw(amounts(n))
    desired = data.draw(
        st.lists(st.just(inf) | st.fractions(0, 1000, max_denominator=4), min_size=n, max_size=n)
    )
    entry = verifier.entry(list(map(float, values)), budgets, desired)
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
    assert faults(document, values) == []


def test_means_and_standard_errors(tmp_path):
    game = Game([[0, 1, 2, 3 + k] for k in range(3)], ("A", "B"), seed_labels="xyz")
    document, values = issued(tmp_path, game)
    assert faults(document, values) == []
    assert document["model_values_se"] == pytest.approx([3**-0.5] * 2)
    for name in ("scaling_se", "payoffs_se", "model_values_se"):
        spoilt = {**document, name: [x + 1e-8 for x in document[name]]}
        assert len(faults(spoilt, values)) == 2, name


def test_sixteen_parties_are_its_limit(tmp_path):
    lines = [",".join([*(f"p{i}" for i in range(17)), "value"]), ",".join(["0"] * 18)]
    values = "\n".join(lines).encode()
    document, _ = issued(tmp_path, NOISY)
    document["input"] = source_of(values)
    with pytest.raises(ValueError, match=r"^values: 17 parties, this program checks 1 to 16$"):
        check(document, values)


def source_of(values):
    return {"form": "csv", "bytes": len(values), "sha256": hashlib.sha256(values).hexdigest()}


# --- what it says --------------------------------------------------------------------------------


def test_it_says_what_it_checked_and_what_it_trusts(tmp_path):
    document, values = issued(tmp_path, NOISY)
    lines = check(document, values)
    assert [line.split(": ")[0] for line in lines] == [
        *["checked"] * 9,
        *["warning"] * 2,
        *["not checked"] * 4,
    ]
    assert lines[5].startswith("checked: certificate, closed: within the budgets nobody could pay")
    assert lines[2] == "checked: options, as in shapfair allocate VALUES --format=json"
    assert lines[9].startswith("warning: not monotone: 2 of 12 edges drop")


def test_it_says_that_a_certificate_is_open(tmp_path):
    document, values = issued(tmp_path, OPEN)
    assert "certificate, OPEN where costs are negative: no proof" in check(document, values)[5]
    (_, _, warning) = document["warnings"]
    assert warning.startswith("v(i) > v(N) for i = A")
    document["warnings"].pop()
    assert faults(document, values) == [
        r"fault: receipt.warnings: one has to begin with 'v\\(i\\) > v\\(N\\) for '"
    ]


def test_a_fault_names_its_place_and_what_is_needed(tmp_path):
    document, values = issued(tmp_path, NOISY, repair="hull", budgets={"A": 0.5})
    document["tables"][0]["payoffs"][1] += 0.25
    document["parties"] = ["A", "C", "B"]
    document["x\x1b[2J"] = document.pop("seeds")
    document["tables"][0]["costs"] = [0.0]
    assert faults(document, values) == [
        "fault: receipt.parties[1]: 'C', need 'B'",
        "fault: receipt.parties[2]: 'B', need 'C'",
        "fault: receipt.tables[0].costs: a list of 1, need a list of 3",
        "fault: receipt.tables[0].payoffs[1]: 0.25, need 0.0",
        "fault: receipt: the key 'x\\x1b[2J' is unknown",
        "fault: receipt: the key 'seeds' is missing",
    ]


def test_options_that_allow_no_allocation_are_a_fault(tmp_path):
    document, values = issued(tmp_path, NOISY, repair="hull", budgets=0)
    document["options"]["repair"] = "none"
    assert faults(document, values) == [
        "fault: receipt.options: not such as the command takes (flows are negative and a budget "
        "binds, which no allocation allows)"
    ]


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
    assert faults(with_scaling(document, document["scaling"]), values) == []
    found = faults(with_scaling(document, [0.0, 0.0]), values)
    assert "fault: receipt.scaling[0]: 0.0, need 1.0" in found


def test_factors_cannot_hide_in_a_tolerance_of_the_budgets(tmp_path):
    """Two parties pay each other almost all, and a third what leaks: prices are large."""
    leak = 1e-5
    game = Game([0, 0, 0, 1.1, 0, leak, leak, 1.1], PARTIES)
    document, values = issued(tmp_path, game, budgets=[1e-6, 0, 0], desired={"C": 0})
    assert max(document["tables"][0]["certificate"]["budget_prices"]) > 1e5
    assert faults(with_scaling(document, document["scaling"]), values) == []
    x, y, one = document["scaling"]
    assert 0.1 < x < 0.9
    off = 1e-5  # it costs each of them no more than 1e-10 beyond its budget
    assert len(faults(with_scaling(document, [x + off, y + off, one]), values)) > 10


def test_prices_are_those_of_budgets_not_just_any_that_prove(tmp_path):
    """Nobody pays C: another price of C's budget of 0 proves as well, and says something else."""
    game = Game([0, 0, 0, 1, 0, 0, 0, 1], PARTIES)
    document, values = issued(tmp_path, game, budgets=0)
    assert faults(document, values) == []
    k = 2
    for prices in (document["certificate"], document["tables"][0]["certificate"]):
        row = prices["budget_prices"]
        (row[0] if isinstance(row[0], list) else row)[k] += 1
    assert any("budget_prices" in fault for fault in faults(document, values))


@pytest.mark.parametrize(
    ("place", "new"),
    [
        (("options", "budgets", "A"), -0.0),
        (("options", "budgets", "A"), 1),
        (("options", "budgets", "A"), True),
        (("options", "budgets", "A"), "0.5"),
        (("options", "budgets", "A"), 10**400),
        (("options", "budgets"), []),
        (("options", "budgets"), "ABC"),
        (("options", "exchange_rate"), 0.0),
        (("options", "exchange_rate"), None),
        (("options", "exchange_rate"), 1e308),
        (("options", "repair"), "mend"),
        (("options", "repair"), []),
        (("options",), None),
        (("budgets", 0), 0.25),
        (("desired", 2), 9.0),
        (("options", "default_budget"), None),
        (("seeds",), 1.0),
        (("seeds",), True),
        (("scaling", 2), True),
        (("parties",), ["A", "B", "C", "D"]),
        (("tables", 0, "scaling"), [0.75, 1.0, 1.0, 1.0]),
        (("payoffs", 0), 10**400),
        (("payoffs", 0), "0"),
        (("payoffs",), {}),
        (("tables", 0), []),
        (("warnings",), "none"),
        (("warnings",), [1]),
        (("warnings",), [[[]]]),
        (("written_by",), None),
        (("parties", 0), "\x1b[31mA"),
        (("input", "form"), []),
        (("input",), [["form", "csv"]]),
        (("input", "bytes"), 97.0),
        (("input", "path"), "values.csv"),
        (("command",), "shapfair allocate VALUES"),
        (("tables", 0, "seed"), "0"),
    ],
)
def test_types_and_forms(tmp_path, place, new):
    document, values = issued(tmp_path, Game([0, 1, 1, 2, 1, 2, 2, 4], PARTIES), budgets={"A": 0.5})
    assert faults(document, values) == []
    spoilt = altered_receipts.with_part(document, place, new)
    found = faults(spoilt, values)
    assert found
    assert all(line.isascii() and line.isprintable() for line in found)


@pytest.mark.parametrize(
    ("name", "new"),
    [("budgets", {"A": -0.0, "B": None}), ("exchange_rate", -1.0), ("repair", "mend")],
)
def test_options_that_the_command_does_not_take(tmp_path, name, new):
    """They are said alike everywhere, and would give the same numbers."""
    document, values = issued(tmp_path, Game([0, 0, 0, 0], ("A", "B")), budgets={"A": 0.0})
    document["options"][name] = new
    document["command"] = receipt.command(document["options"])
    assert faults(document, values)[0].startswith("fault: receipt.options: not such as the command")


def test_a_warning_without_a_reason(tmp_path):
    document, values = issued(tmp_path, Game([0, 1, 1, 2], ("A", "B")))
    document["warnings"] = ["1 of 2 flows are negative, worst -1"]
    assert faults(document, values) == [
        r"fault: receipt.warnings: none may begin with '\\d+ of \\d+ flows are negative'"
    ]


def test_values_near_the_end_of_the_range(tmp_path):
    document, _ = issued(tmp_path, Game([0, 1, 1, 1], ("A", "B")), budgets=0)
    values = b"A,B,value\n0,0,0\n1,0,-1.7e308\n0,1,1.7e308\n1,1,-1.7e308\n"
    document["input"] = source_of(values)
    (fault,) = faults(document, values)
    assert "values are too large in this unit" in fault


def test_a_price_beyond_the_range_is_no_error(tmp_path):
    """The game of tests/core/test_range.py, for which shapfair gives no receipt."""
    small = Game([0, 0, 0, 1, 0, 1e-9, 1e-9, 1], PARTIES)
    document, _ = issued(tmp_path, small, budgets=0, desired={"C": 0})
    Game([0, 0, 0, 1e300, 0, 1e287, 1e287, 1e300], PARTIES).to_csv(tmp_path / "large.csv")
    values = (tmp_path / "large.csv").read_bytes()
    document["input"] = source_of(values)
    assert any("need 1.7976931348623157e+308" in fault for fault in faults(document, values))


NOT_RECEIPTS = {
    "empty": b"",
    "not JSON": b"{",
    "two": b"{}{}",
    "a list": b"[]",
    "of another format": b'{"format": "shapfair receipt 2"}',
    "a key twice": b'{"format": "shapfair receipt 1", "format": "shapfair receipt 1"}',
    "deep": b"[" * 100_000,
    "deep inside": b'{"format": "shapfair receipt 1", "written_by": '
    + b"[" * 900
    + b"]" * 900
    + b"}",
    "latin 1": b'{"format": "\xfc"}',
    "a long number": b'{"format": ' + b"9" * 10_000 + b"}",
}


@pytest.mark.parametrize("content", NOT_RECEIPTS.values(), ids=NOT_RECEIPTS)
def test_what_is_no_receipt_is_one_line(content):
    try:
        lines = verifier.check(content, CLINICS.read_bytes())
    except ValueError as error:
        lines = [str(error)]
    assert len(lines) == 1
    assert "\n" not in lines[0]


TABLES = {
    "a row is missing": b"A,value\n0,0\n",
    "a row twice": b"A,value\n0,0\n1,1\n1,1\n",
    "a field too many": b"A,value\n0,0,0\n1,1\n",
    "a column after value": b"A,value,B\n0,0,0\n1,1,0\n",
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
    "no seed": b"A,value,seed\n0,0,\n1,1,\n",
    "quote": b'A,value\n0,"0\n1,1\n',
    "names that look alike": "\xe9,e\u0301,value\n0,0,0\n1,0,1\n0,1,1\n1,1,1\n".encode(),
    "a name that cannot be seen": "\u202eA,value\n0,0\n1,1\n".encode(),
    "utf-16": "A,value\n0,0\n1,1\n".encode("utf-16"),
}
JSON_TABLES = {
    "no parties": b'{"values": [[0, 1]]}',
    "parties as text": b'{"parties": "A", "values": [[0, 1]]}',
    "a number for a name": b'{"parties": [1], "values": [[0, 1]]}',
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
    "another key": b'{"parties": ["A"], "values": [[0, 1]], "note": ""}',
    "a key twice": b'{"parties": ["A"], "values": [[0, 2]], "values": [[0, 1]]}',
    "provenance as a list": b'{"parties": ["A"], "values": [[0, 1]], "provenance": [1]}',
    "a list": b"[]",
}


@pytest.mark.parametrize(
    ("form", "values"),
    [*(("csv", x) for x in TABLES.values()), *(("json", x) for x in JSON_TABLES.values())],
    ids=[*TABLES, *JSON_TABLES],
)
def test_no_receipt_is_right_for_what_is_no_table(tmp_path, form, values):
    """The receipt is as right as can be: the table itself has to be refused."""
    with pytest.raises(ValueError, match=r"^values: "):
        verifier.loaded(verifier.read, values, "values", form)
    document, _ = issued(tmp_path, Game([0, 1], ("A",)))
    document["input"] = {**source_of(values), "form": form}
    with pytest.raises(ValueError, match=r"^values: "):
        check(document, values)


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
    assert faults(receipt.receipt(allocate(source.game), source), values) == []


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
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("fault: receipt.payoffs[0]: ")
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["none.json", CLINICS], [CLINICS, CLINICS]])
def test_what_it_cannot_read_is_one_line(arguments):
    done = alone(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("verifier: error: ")
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
