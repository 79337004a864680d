"""``shapfair estimate``: on tables with missing values, on functions, and what it refuses."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest

from shapfair import Game, allocate
from shapfair.cli.main import main

MODULE = """
def score(members, seed):
    return 1 - 0.7 ** sum({"A": 1, "B": 2, "C": 3}.get(name, 1.5) for name in members)


def broken(members, seed):
    raise RuntimeError("out of disk")


def refusing(members, seed):
    raise ValueError("seeds: too few")


def empty(members, seed):
    pass


def endless(members, seed):
    return float("nan")


def ending(members, seed):
    raise SystemExit(0)


def vast(members, seed):
    return 1e300 * len(members)


NUMBER = 3
"""


EIGHT = ["--parties=A,B,C,D,E,F,G,H"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere_scores.py").write_text(MODULE)
    (tmp_path / "bad_scores.py").write_text("1 +")
    yield tmp_path
    sys.modules.pop("elsewhere_scores", None)


def values(n=4):
    return np.array([0.0, *(1 - 0.6 ** (c.bit_count() + c / 2**n) for c in range(1, 2**n))])


def write(missing=(), empty=(), n=4, seeds=("",)):
    with open("t.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["A", "B", "C", "D"][:n] + ["value"] + (["seed"] if seeds[0] else []))
        for seed in seeds:
            for c, value in enumerate(values(n)):
                if c not in missing:
                    cell = "" if c in empty else repr(float(value))
                    writer.writerow(
                        [*(c >> i & 1 for i in range(n)), cell, *([seed] if seed else [])]
                    )


def run(capsys, *arguments):
    assert main(["estimate", *arguments]) == 0
    return capsys.readouterr()


def test_a_table_with_missing_rows_and_values_has_two_answers(capsys):
    write(missing=[3, 10], empty=[7])
    out, err = run(capsys, "t.csv", "--budget=A=0.1")
    assert "12 of 15 coalitions valued" in out
    assert "Worst case with unlimited budgets if the game is monotone, nothing estimated:" in out
    assert "standard errors are not known: 4 coalitions of 2 parties are known" not in err
    assert "standard errors are not known: 3 coalitions of 3 parties are known, need 4" in err
    document = json.loads(run(capsys, "t.csv", "--format=json").out)
    exact = allocate(Game(values()))
    low, high = np.array(document["worst_case"]["payoffs"])
    assert (low <= exact.payoffs + 1e-12).all()
    assert (high >= exact.payoffs - 1e-12).all()
    assert np.ptp(high - low) > 0
    np.testing.assert_allclose(document["payoffs"], exact.payoffs, atol=0.1)
    assert document["certificate"] is False
    assert document["unlimited"]["payoffs"]["standard_error"] == [None] * 4


def test_a_complete_table_is_that_of_allocate(capsys):
    write(seeds=("x", "y"))
    document = json.loads(
        run(capsys, "t.csv", "--format=json", "--budget=A=0", "--exchange-rate=2").out
    )
    exact = allocate(Game(values(), "ABCD"), {"A": 0}, exchange_rate=2)
    for name in ("payoffs", "scaling", "model_values"):
        np.testing.assert_allclose(document[name], getattr(exact, name), atol=1e-9)
    assert (document["certificate"], document["worst_case"], document["seeds"]) == (True, None, 2)
    assert document["warnings"] == []
    assert document["errors_of_payoffs"]["test_set_at_most"] is None
    out, _ = run(capsys, "t.csv", "--test-examples=10000")
    assert "By a test set of 10,000 examples at most 0.0" in out
    tested = json.loads(run(capsys, "t.csv", "--format=json", "--test-examples=100").out)
    assert 0.01 < max(tested["errors_of_payoffs"]["test_set_at_most"]) < 0.3


def test_a_table_that_is_not_monotone_has_no_worst_case(capsys, folder):
    write(missing=[3])
    rows = (folder / "t.csv").read_text().splitlines()
    (folder / "t.csv").write_text("\n".join([*rows[:-1], "1,1,1,1,0.1", ""]))
    out, err = run(capsys, "t.csv")
    assert "warning: no worst case: values: coalition {B, C, D} has a part worth 0.8" in err
    assert err.endswith("no bounds follow; --repair hull raises them to their monotone hull\n")
    assert "Worst case" not in out
    repaired, err = run(capsys, "t.csv", "--repair=hull")
    raised = (
        "raised to the monotone hull for the worst case: 1 of 14 known values, {A, B, C, D} the"
    )
    assert f"shapfair: warning: {raised} most, by 0.7" in err
    assert repaired.startswith(out[: out.index("Standard error of a payoff")])
    assert "is monotone, known values raised to their hull, nothing estimated:" in repaired
    plain, found = (
        json.loads(run(capsys, "t.csv", "--format=json", *more).out)
        for more in ([], ["--repair=hull"])
    )
    assert found["worst_case"]["warnings"][0].startswith(raised)
    assert plain["worst_case"] is None
    assert found | {"worst_case": None} == plain


def test_monotone_values_need_no_repair(capsys):
    write(missing=[3])
    assert run(capsys, "t.csv", "--repair=hull") == run(capsys, "t.csv", "--repair=none")


def test_a_function_is_valued_and_kept(capsys, folder):
    options = ["elsewhere_scores:score", "--parties=A,B,C,D,E,F", "--party=G, Inc.", "--party=H"]
    kept = ["--evaluations=60", "--name=one", "--store=s.sqlite", "--out=e.csv", "--format=csv"]
    out, err = run(capsys, *options, *kept)
    assert out == ""
    assert err.startswith("shapfair: warning: 60 evaluations for 8 parties")
    first = (folder / "e.csv").read_text()
    rows = list(csv.DictReader(first.splitlines()))
    assert [row["party"] for row in rows] == ["A", "B", "C", "D", "E", "F", "G, Inc.", "H"]
    assert sum(float(row["payoffs"]) for row in rows) == pytest.approx(0, abs=1e-9)
    assert all(float(row["payoffs_low"]) < float(row["payoffs_high"]) for row in rows)
    run(capsys, *options, *kept)
    assert (folder / "e.csv").read_text() == first
    out, _ = run(capsys, *options, "--precision=0.05", "--seeds=1")
    assert "design: random; 95 % intervals at" in out
    assert "To buy next: " in out


def test_an_active_design_says_so(capsys):
    out, err = run(
        capsys,
        "elsewhere_scores:score",
        "--parties=A,B,C,D,E,F,G,H",
        "--evaluations=50",
        "--design=active",
    )
    assert "certificate: none" in out
    assert "the active design has no certificate" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "argument WHAT: 'nothing', need an experiment (mnist, "),
        (["no_such:f", "--parties=A,B"], "module 'no_such' cannot be loaded (ModuleNotFoundError"),
        (["bad_scores:f", "--parties=A,B"], "module 'bad_scores' cannot be loaded (SyntaxError"),
        (["elsewhere_scores:f"], "argument WHAT: module 'elsewhere_scores' has no attribute 'f'"),
        (
            ["elsewhere_scores:NUMBER", "--parties=A,B"],
            "argument WHAT: elsewhere_scores:NUMBER is 3,",
        ),
        (["elsewhere_scores:score"], "argument --parties: no parties, need at least one"),
        (["elsewhere_scores:score", "--parties=A"], "argument --parties: 1, need 2 to 64"),
        (
            ["elsewhere_scores:score", "--parties=A,B,C", "--evaluations=3"],
            "argument --evaluations: 3, need at least 4 for 3 parties: single parties and all",
        ),
        (
            ["elsewhere_scores:score", "--parties=A,B,C", "--store=s.sqlite"],
            "argument --name: need one for this version of the score, to keep its values by",
        ),
        (
            ["elsewhere_scores:score", "--parties=A,B,C", "--precision=1", "--design=active"],
            "argument --precision: needs design 'random', an active design has no certificate",
        ),
        (["elsewhere_scores:score", "--parties=A,B", "--seeds=0"], "argument --seeds: 0, need"),
        (["elsewhere_scores:score", "--data=full"], "argument --data: elsewhere_scores:score is a"),
        (["t.csv", "--evaluations=9"], "argument --evaluations: t.csv is a table, nothing is"),
        (["mnist", "--name=x"], "argument --name: mnist is an experiment and knows its own"),
        (["t.csv", "--test-examples=0"], "examples: 0, need at least one"),
        (["mnist", "--repair=hull"], "argument --repair: mnist is an experiment, without a worst"),
        (["elsewhere_scores:score", "--repair=none"], "argument --repair: elsewhere_scores:"),
        (["full.csv", "--repair=hull"], "argument --repair: full.csv is complete and has no worst"),
        (["gone.csv"], "gone.csv: No such file or directory"),
        (["t.csv", "--budget=Z=1"], "argument --budget: no party 'Z', known: A, B, C, D"),
        (["t.csv", "--out=t.csv"], "--out t.csv: is the file of WHAT too, name another"),
        (
            ["elsewhere_scores:broken", "--parties=A,B", "--budget=Z=1"],
            "--budget: no party 'Z', kno",
        ),
        (
            ["elsewhere_scores:score", "--parties=A,B", "--name="],
            "argument --name: empty, need one",
        ),
        (
            ["elsewhere_scores:vast", "--parties=A,B"],
            "values: the largest has magnitude 2e+300, an",
        ),
        (
            ["elsewhere_scores:vast", *EIGHT, "--design=active"],
            "values: the largest has magnitude 8e",
        ),
        (
            ["t.csv", "--exchange-rate=1e308"],
            "argument --exchange-rate: 1e+308 times the values is up",
        ),
        (
            [
                "elsewhere_scores:score",
                *(f"--party=P{i}" for i in range(64)),
                "--evaluations=99999999",
            ],
            "argument --evaluations: 99,999,999 of 64 parties: 521,549,786.6 GiB of memory needed",
        ),
        (
            [
                "elsewhere_scores:score",
                *(f"--party=P{i}" for i in range(26)),
                "--evaluations=99999999",
            ],
            "1 seeds times 67,108,863 coalitions are 67,108,863 values to find, the limit is",
        ),
    ],
)
def test_bad_input_is_one_line(capsys, folder, arguments, message):
    write()
    (folder / "t.csv").rename("full.csv")
    write(missing=[3])
    assert main(["estimate", *arguments]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err


def test_a_coalition_has_one_row(capsys, folder):
    write(empty=[3])
    with (folder / "t.csv").open("a") as file:
        file.write("1,1,0,0,0.5\n")
    assert main(["estimate", "t.csv"]) == 2
    assert "t.csv: line 18: coalition {A, B} appears twice" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ([4], "t.csv: values: coalition {C} has none, an estimate needs all single parties"),
        ([15], "t.csv: values: coalition {A, B, C, D} has none"),
        (range(16), "t.csv: no values"),
    ],
)
def test_tables_with_too_little_are_refused(capsys, missing, message):
    write(missing=missing)
    assert main(["estimate", "t.csv"]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("broken", "while valuing coalition {A, B, C}, seed 0: RuntimeError: out of disk"),
        ("refusing", "while valuing coalition {A, B, C}, seed 0: ValueError: seeds: too few"),
        (
            "empty",
            "while valuing coalition {A, B, C}, seed 0: TypeError: score: None is not a number",
        ),
        (
            "endless",
            "while valuing coalition {A, B, C}, seed 0: ValueError: score: nan is not a finite",
        ),
        ("ending", "while valuing: SystemExit: 0"),
    ],
)
def test_a_failing_score_is_one_line_that_names_the_coalition(capsys, name, message):
    assert main(["estimate", f"elsewhere_scores:{name}", "--parties=A,B,C"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"shapfair: error: elsewhere_scores:{name}: {message}")


def test_a_module_that_ends_the_program_is_refused(capsys, folder):
    (folder / "ending_scores.py").write_text("raise SystemExit")
    assert main(["estimate", "ending_scores:f", "--parties=A,B"]) == 2
    assert "module 'ending_scores' cannot be loaded (SystemExit: )" in capsys.readouterr().err


def test_allocate_refers_to_it_and_does_not_load_it(capsys, folder):
    write(missing=[3])
    assert main(["allocate", "t.csv"]) == 2
    said = (
        "shapfair: error: t.csv: no value for 1 of 16 coalitions, first {A, B}%s: an allocation "
        "needs all; `shapfair estimate t.csv` gives worst case and estimate if single parties and "
        "all together have theirs\n"
    )
    assert capsys.readouterr().err == said % ""
    write(empty=[3])
    assert main(["allocate", "t.csv"]) == 2
    assert capsys.readouterr().err == said % " (line 5)"
    (folder / "t.csv").rename("a table.csv")
    assert main(["allocate", "a table.csv"]) == 2
    assert "`shapfair estimate 'a table.csv'` gives" in capsys.readouterr().err
    write()
    code = (
        "import sys; from shapfair.cli.main import main; main(['allocate', 't.csv']);"
        "sys.exit(any(name in sys.modules for name in ('scipy', 'shapfair.estimation', 'jax')))"
    )
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 0


def test_without_scipy_the_extra_is_named(capsys, monkeypatch):
    def not_there(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name="scipy")

    monkeypatch.setattr("shapfair.extras.import_module", not_there)
    write(missing=[3])
    assert main(["estimate", "t.csv"]) == 2
    assert capsys.readouterr().err == (
        "shapfair: error: scipy is not installed: pip install 'shapfair[theory]' brings it\n"
    )
