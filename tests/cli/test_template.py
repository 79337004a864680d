"""``shapfair template``: an empty table that becomes an allocation when it is filled in."""

import csv
import io

import pytest

from shapfair import Game
from shapfair.cli.main import main


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def template(capsys, *options):
    assert main(["template", *options]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_a_row_for_every_coalition_in_bitmask_order(capsys):
    assert template(capsys, "--parties", "A, B") == "A,B,value\n0,0,0\n1,0,\n0,1,\n1,1,\n"


def test_several_seeds_have_a_column(capsys):
    out = template(capsys, "--parties=A", "--seeds=2")
    assert out == "A,value,seed\n0,0,0\n1,,0\n0,0,1\n1,,1\n"


@pytest.mark.parametrize("seeds", [1, 3])
def test_a_filled_template_is_allocated(capsys, seeds):
    names = ["Smith, Jones & Co", 'The "Lab"', "Zürich"]
    options = [f"--party={name}" for name in names[:2]]
    template(capsys, "--parties", names[2], *options, f"--seeds={seeds}", "--out=t.csv")
    with open("t.csv", encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header[:3] == [names[2], *names[:2]]
    text = io.StringIO()
    csv.writer(text).writerows(
        [
            header,
            *([*row[:3], row[3] or str(int(row[0]) + 2 * int(row[2])), *row[4:]] for row in rows),
        ]
    )
    with open("t.csv", "w", encoding="utf-8", newline="") as file:
        file.write(text.getvalue())
    game = Game.read("t.csv")
    assert game.values.reshape(seeds, 8).tolist() == [[0, 1, 0, 1, 2, 3, 2, 3]] * seeds
    assert main(["allocate", "t.csv", f"--budget={names[0]}=1"]) == 0
    assert names[0] in capsys.readouterr().out


def test_an_unfilled_template_is_refused_with_the_row(capsys):
    template(capsys, "--parties=A,B", "--out=t.csv")
    assert main(["allocate", "t.csv"]) == 2
    assert capsys.readouterr().err == (
        "shapfair: error: t.csv: no value for 3 of 4 coalitions, first {A} (line 3): an allocation "
        "needs all; `shapfair estimate t.csv` gives worst case and estimate if single parties and "
        "all together have theirs\n"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "argument --parties: no parties, need their names, such as --parties A,B,C"),
        (["--parties=A,A"], "argument --parties: two parties are named 'A'"),
        (["--parties=A,", "--party=B"], "argument --parties: party 2 is named ''"),
        (["--parties=A,value"], "argument --parties: 'value' is the name of another CSV column"),
        (["--parties=A", "--seeds=0"], "argument --seeds: 0, need at least 1"),
        (
            ["--parties", ",".join("ABCDEFGHIJKLMNOPQRST")],
            "argument --parties: 20 parties and --seeds 1 make 1,048,576 rows, too many for a "
            "spreadsheet (1,048,576): have a program write the table",
        ),
        (["--parties=A,B,C", "--seeds=999999"], "make 7,999,992 rows, too many"),
        (["--parties=A", "--out=no/t.csv"], "--out no/t.csv: cannot be written"),
    ],
)
def test_bad_input_is_one_line(capsys, folder, options, message):
    assert main(["template", *options]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err
    assert list(folder.iterdir()) == []


def test_the_largest_template(capsys):
    assert template(capsys, "--parties", ",".join("ABCDEFGHIJKLMNOPQRS")).count("\n") == 2**19 + 1
