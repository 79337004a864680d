import csv
import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from helpers import additive

from shapfair import Game, __version__, allocate
from shapfair.cli.main import main

PARTIES = ("[0]", "[1-2]", "b=c")
GAME = Game(additive(1, 3, 4), PARTIES)
NOISY = Game([0, 3, 2, 1, 0, 3, 2, 4], PARTIES)


@pytest.fixture(autouse=True)
def tables(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    GAME.to_csv("v.csv")
    GAME.to_json("v.json")
    NOISY.to_csv("noisy.csv")
    Game([additive(1, 3, 4), additive(1, 2, 3)], PARTIES).to_csv("seeds.csv")
    return sorted(os.listdir())


def run(capsys, *arguments):
    code = main(["allocate", *arguments])
    out, err = capsys.readouterr()
    assert code == 0, err
    return out, err


# --- what it prints ------------------------------------------------------------------------------


@pytest.mark.parametrize("values", ["v.csv", "v.json"])
def test_json_is_the_allocation(capsys, values):
    out, err = run(
        capsys,
        values,
        "--budget=[0]=0.5",
        "--budget",
        "b=c=inf",
        "--default-budget=0.25",
        "--desired=[1-2]=12",
        "--exchange-rate=2",
        "--format=json",
    )
    budgets, desired = {"[0]": 0.5, "[1-2]": 0.25}, {"[1-2]": 12}
    expected = allocate(GAME, budgets, desired, exchange_rate=2).to_dict()
    assert {key: json.loads(out)[key] for key in expected} == expected
    assert err == ""


def test_csv_is_the_allocation(capsys):
    out, _ = run(capsys, "v.csv", "--default-budget=0", "--format=csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["party"] for row in rows] == list(PARTIES)
    assert [float(row["scaling"]) for row in rows] == pytest.approx([1 / 4, 3 / 4, 1])
    paid = [[float(row[f"pays {name}"]) for name in PARTIES] for row in rows]
    np.testing.assert_allclose(paid, allocate(GAME, 0).adjusted_flows)


def test_a_table_for_people(capsys):
    out, err = run(capsys, "v.csv", "--budget=[0]=0.5")
    assert "3 parties, grand coalition's value 8.000" in out
    line = next(line for line in out.splitlines() if "[0]" in line and "0.500" in line)
    cells = [cell.strip() for cell in line.strip("│").split("│")]
    assert cells == ["[0]", "0.500", "1.000", "1.000", "0.3571", "3.500", "-0.500"]
    assert "unlimited" in out
    assert "desired" not in out
    assert "by what all payments together grow with one more unit: [0] (1)" in out
    assert "Settlement: [1-2] -> b=c 0.929, [0] -> b=c 0.500" in out
    assert "Certificate: total cost 11.500, upper bound 11.500, gap" in out
    assert err == ""


def test_means_and_standard_errors(capsys):
    out, _ = run(capsys, "seeds.csv", "--default-budget=0", "--desired=[0]=100")
    assert "3 parties, 2 tables (mean ± standard error), grand coalition's value 7.000" in out
    assert "0.7083 ± 0.0417" in out  # party [1-2]: 3/4 and 2/3
    assert "desired" in out


def test_a_table_that_is_not_monotone_is_reported_and_repaired(capsys):
    out, err = run(capsys, "noisy.csv")
    assert err.startswith("shapfair: warning: not monotone: 2 of 12 edges drop, worst 2 at {[0]}")
    assert "; --repair hull replaces the game by its monotone hull\n" in err
    assert "warning" not in out
    out, err = run(capsys, "noisy.csv", "--default-budget=0", "--repair=hull", "--format=json")
    assert err == ""
    assert json.loads(out)["warnings"][0].endswith("replaced by the monotone hull")


def test_a_file_is_what_would_be_printed(capsys, tables):
    for form in ("table", "json", "csv"):
        printed, _ = run(capsys, "seeds.csv", f"--format={form}")
        out, _ = run(capsys, "seeds.csv", f"--format={form}", "--out", "o.txt")
        assert out == ""
        with open("o.txt", encoding="utf-8", newline="") as file:
            assert file.read() == printed
    assert sorted(os.listdir()) == sorted([*tables, "o.txt"])


def test_a_file_through_a_link_stays_a_link(capsys):
    os.symlink("target.json", "link.json")
    run(capsys, "v.csv", "--format=json", "--out=link.json")
    assert os.path.islink("link.json")
    with open("target.json", encoding="utf-8") as file:
        assert json.load(file)["seeds"] == 1


@pytest.mark.parametrize(
    ("name", "start"), [("f.svg", b"<?xml"), ("f.png", b"\x89PNG"), ("f.pdf", b"%PDF")]
)
def test_figures(capsys, name, start):
    run(capsys, "v.csv", "--figure", name)
    with open(name, "rb") as file:
        assert file.read(5).startswith(start[:5])


# --- what it refuses -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.csv"], "none.csv: No such file or directory"),
        (["v.txt"], "v.txt: a value table's name ends in .csv or .json"),
        ([], "the following arguments are required: VALUES (see shapfair allocate --help)"),
        (
            ["v.csv", "--bugdet=a=1"],
            "unknown: --bugdet=a=1, did you mean --budget? (see shapfair allocate --help)",
        ),
        (["v.csv", "w.csv"], "unknown: w.csv (see shapfair allocate --help)"),
        (["v.csv", "--budget=[0]"], "argument --budget: '[0]' is not of the form NAME=AMOUNT"),
        (
            ["v.csv", "--budget=[0]=x"],
            "argument --budget: party '[0]': 'x' is not a number, need plain digits such as 0.25 "
            "or 1e-3, or unlimited",
        ),
        (["v.csv", "--budget=x=1"], "argument --budget: no party 'x', known: [0], [1-2], b=c"),
        (["v.csv", "--desired=x=1"], "argument --desired: no party 'x', known: [0], [1-2], b=c"),
        (
            ["v.csv", "--budget=[0]=1", "--budget=[0]=1"],
            "argument --budget: party '[0]' is given twice",
        ),
        (
            ["v.csv", "--desired=[0]=1", "--desired=[0]=2"],
            "argument --desired: party '[0]' is given twice",
        ),
        (
            ["v.csv", "--budget=[0]=-1"],
            "argument --budget: party '[0]': '-1' is negative, need a number >= 0, or unlimited",
        ),
        (
            ["v.csv", "--default-budget=nan"],
            "argument --default-budget: 'nan' is not finite, need a number such as 0.25, or "
            "unlimited (see shapfair allocate --help)",
        ),
        (
            ["v.csv", "--default-budget=all"],
            "argument --default-budget: 'all' is not a number, need plain digits such as 0.25 or "
            "1e-3, or unlimited (see shapfair allocate --help)",
        ),
        (
            ["v.csv", "--exchange-rate=0"],
            "argument --exchange-rate: '0' is not positive, need a number > 0 "
            "(see shapfair allocate --help)",
        ),
        (
            ["v.csv", "--exchange-rate=1e308"],
            "argument --exchange-rate: 1e+308 times the values is too large, take a lower one",
        ),
        (
            ["v.csv", "--figure=f.gif"],
            "--figure f.gif: the name must end in one of .svg, .png, .pdf",
        ),
        (
            ["v.csv", "--out=no/o.json"],
            "--out no/o.json: cannot be written (No such file or directory)",
        ),
        (["v.csv", "--out=."], "--out .: exists and is not a file"),
        (
            ["v.csv", "--figure=no/f.svg"],
            "--figure no/f.svg: cannot be written (No such file or directory)",
        ),
        (
            ["noisy.csv", "--default-budget=0"],
            "flows: party [0] pays party [1-2] a negative -0.5 and a budget or desired value "
            "binds: repair the value table (--repair hull) or lift the budgets; the table is not "
            "monotone: 2 of 12 edges drop, worst 2 at {[0]} -> {[0], [1-2]}",
        ),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(capsys, tables, arguments, message):
    assert main(["allocate", *arguments]) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"shapfair: error: {message}\n")
    assert sorted(os.listdir()) == tables


BAD_NUMBERS = [
    "1e400",
    "1_000",
    "１２",
    "٣",
    "1\xa0",
    " 1",
    "1\x1f",
    "0x10",
    "",
    "nan",
    "1,5",
    "-inf",
]


@pytest.mark.parametrize("text", BAD_NUMBERS)
@pytest.mark.parametrize(
    "option", ["--budget=[0]", "--desired=[0]", "--default-budget", "--exchange-rate"]
)
def test_numbers_that_could_be_misread_are_refused_in_one_line(capsys, option, text):
    assert main(["allocate", "v.csv", f"{option}={text}"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"shapfair: error: argument {option.split('=')[0]}: ")
    assert (ascii(text) in err, err.count("\n"), "need " in err) == (
        True,
        1,
        True,
    )


@pytest.mark.parametrize("text", [*BAD_NUMBERS, "unlimited", "-1", "1.0", "1e2"])
def test_whole_numbers_that_could_be_misread_are_refused_in_one_line(capsys, text):
    for command in (["reproduce", "mnist", "--seeds"], ["models", "make", "mnist", "--seed"]):
        assert main([*command[:-1], f"{command[-1]}={text}"]) == 2
        err = capsys.readouterr().err
        assert err.startswith(f"shapfair: error: argument {command[-1]}: {text!a} is not a whole")
        assert err.count("\n") == 1


@pytest.mark.parametrize("text", ["unlimited", "inf", "Unlimited"])
def test_unlimited_is_what_the_table_calls_it(capsys, text):
    unlimited, _ = run(capsys, "v.csv")
    assert "unlimited" in unlimited
    options = [f"--default-budget={text}", f"--budget=[0]={text}", f"--desired=[0]={text}"]
    assert run(capsys, "v.csv", *options)[0] == unlimited


@pytest.mark.parametrize("text", ["1", "+1", "1.", "1.0", ".1e1", "100E-2", "-0"])
def test_numbers_may_be_written_in_the_usual_ways(capsys, text):
    out, _ = run(capsys, "v.csv", f"--budget=[0]={text}", "--format=json")
    assert json.loads(out)["budgets"][0] == float(text)


def test_an_accent_may_be_written_either_way(capsys):
    composed, apart = "Z\xfcrich", "Zu\u0308rich"
    Game(additive(1, 3), (composed, "b")).to_csv("z.csv")
    out, _ = run(capsys, "z.csv", f"--budget={apart}=0.5", f"--desired={apart}=2", "--format=json")
    assert (json.loads(out)["budgets"], json.loads(out)["desired"]) == ([0.5, None], [2, None])
    assert main(["allocate", "z.csv", f"--budget={apart}=1", f"--budget={composed}=2"]) == 2
    assert "is given twice" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_values_of_the_embedded_subset_are_called_that(capsys, form):
    Game(GAME.values, PARTIES, {"data_size": "embedded"}).to_json("e.json")
    Game(GAME.values, PARTIES, {"data_size": "full"}).to_json("f.json")
    said = "trained on the embedded subset, not on the full data"
    out, err = run(capsys, "e.json", f"--format={form}", "--exchange-rate=2", "--repair=hull")
    assert (said in out, said in err) == (form == "json", form != "json")
    assert said not in "".join(run(capsys, "f.json", f"--format={form}"))
    assert said in allocate(Game.read("e.json")).warnings[0]


def test_outputs_are_checked_before_the_table_is_read(capsys):
    assert main(["allocate", "none.csv", "--out=no/o.json"]) == 2
    assert "--out" in capsys.readouterr().err


def test_a_failure_keeps_the_old_file(capsys, tables):
    with open("o.csv", "w", encoding="utf-8") as file:
        file.write("old")
    assert main(["allocate", "v.csv", "--budget=x=1", "--out=o.csv"]) == 2
    with open("o.csv", encoding="utf-8") as file:
        assert file.read() == "old"
    assert sorted(os.listdir()) == sorted([*tables, "o.csv"])


@pytest.mark.parametrize("arguments", [[], ["alocate"], ["allocate", "v.csv", "--format=xml"]])
def test_what_is_no_command_is_one_line(capsys, arguments):
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("shapfair: error: ")
    assert err.count("\n") == 1


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"shapfair {__version__}\n"


# --- how it starts -------------------------------------------------------------------------------


LIGHT = {"shapfair", "numpy", "jaxtyping", "rich"}
"""Packages that an allocation may load; all others, SciPy and JAX first of all, are slow."""


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_an_allocation_loads_small_packages_alone(form):
    code = (
        "import sys\nbefore = set(sys.modules)\nfrom shapfair.cli.main import main\n"
        f"code = main(['allocate', 'v.csv', '--default-budget=0', '--format={form}'])\n"
        "names = {m.partition('.')[0] for m in set(sys.modules) - before}\n"
        "print(*sorted(names - sys.stdlib_module_names), file=sys.stderr)\nsys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert set(done.stderr.split()) - LIGHT == set()
    assert "[1-2]" in done.stdout


def test_numbers_survive_the_trip_through_the_shell(capsys):
    out, _ = run(capsys, "v.json", "--format=json", f"--budget=[0]={1 / 3!r}")
    np.testing.assert_array_equal(json.loads(out)["budgets"][0], 1 / 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "A;B;value\n0;0;0\n1;0;0,5\n",
            "line 1: no column is named 'value', found: A;B;value; fields are separated by "
            "semicolons, need commas, and points in decimals",
        ),
        ("A\tvalue\n", "fields are separated by tabs, need commas, and points in decimals"),
        ("A,B\n0,0\n", "line 1: no column is named 'value', found: A, B\n"),
        ("A,value\n0,0\n1,75%\n", "line 3: value '75%' is not a number, write 75% as 0.75"),
        ("A,value\n0,0\n1,%\n", "line 3: value '%' is not a number, need plain digits"),
    ],
)
def test_what_spreadsheets_write_has_a_hint(capsys, text, message):
    with open("w.csv", "w") as file:
        file.write(text)
    assert main(["allocate", "w.csv"]) == 2
    assert message in capsys.readouterr().err
