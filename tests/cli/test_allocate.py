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
    assert json.loads(out) == allocate(GAME, budgets, desired, exchange_rate=2).to_dict()
    assert err == ""


def test_csv_is_the_allocation(capsys):
    out, _ = run(capsys, "v.csv", "--default-budget=0", "--format=csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["party"] for row in rows] == list(PARTIES)
    assert [float(row["scaling"]) for row in rows] == pytest.approx([1 / 4, 3 / 4, 1])


def test_a_table_for_people(capsys):
    out, err = run(capsys, "v.csv", "--budget=[0]=0.5")
    assert "3 parties, grand coalition's value 8.000" in out
    line = next(line for line in out.splitlines() if "[0]" in line and "0.500" in line)
    cells = [cell.strip() for cell in line.strip("│").split("│")]
    assert cells == ["[0]", "0.500", "1.000", "1.000", "0.3571", "3.500", "-0.500"]
    assert "unlimited" in out
    assert "desired" not in out
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
        (["v.csv", "--bugdet=a=1"], "unrecognized arguments: --bugdet=a=1 (see shapfair --help)"),
        (["v.csv", "--budget=[0]"], "argument --budget: '[0]' is not of the form NAME=AMOUNT"),
        (["v.csv", "--budget=[0]=x"], "argument --budget: party '[0]' has 'x', need a number"),
        (["v.csv", "--budget=x=1"], "budgets: no party 'x', known: [0], [1-2], b=c"),
        (["v.csv", "--desired=x=1"], "desired: no party 'x', known: [0], [1-2], b=c"),
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
            "budgets: party [0] has -1.0, need a number >= 0 (inf for unlimited)",
        ),
        (
            ["v.csv", "--default-budget=nan"],
            "budgets: party [0] has nan, need a number >= 0 (inf for unlimited)",
        ),
        (
            ["v.csv", "--default-budget=all"],
            "argument --default-budget: invalid float value: 'all' (see shapfair allocate --help)",
        ),
        (
            ["v.csv", "--exchange-rate=0"],
            "exchange_rate: 0.0, need a positive finite number",
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
            "binds: repair the value table (repair='hull') or lift the budgets",
        ),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(capsys, tables, arguments, message):
    assert main(["allocate", *arguments]) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"shapfair: error: {message}\n")
    assert sorted(os.listdir()) == tables


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
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
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
