"""Options, files and variables that somebody chose to do harm: one line each, and nothing acts."""

import csv
import io
import json
import os
import socket
import time
import unicodedata
from pathlib import Path
from xml.etree import ElementTree

import pytest
from watched import within

from shapfair import Game, allocate, evaluate, memory
from shapfair.cli.main import main
from shapfair.files import write_whole
from shapfair.training import devices
from shapfair.valuation.run import MOST_VALUES

ACTING = ("\x1b[31m", "\x9b31m", "\x07", "\x7f", "\r", "\u202e", "\u2066", "\u200f", "\x1b]0;t\x07")
"""What a terminal takes for an order, or what turns the direction of a text around."""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Game([0, 1, 2, 4], ("A", "B")).to_csv("v.csv")
    Game([0, 1, 2, 4], ("A", "B")).to_json("v.json")
    return tmp_path


def harmless(text):
    """Whether nothing in a text acts, with the isolates that it needs itself."""
    return all(c.isprintable() or c in "\n\u2068\u2069" for c in text) and text.count(
        "\u2068"
    ) == text.count("\u2069")


def run(capsys, *arguments, code=2, seconds=3):
    """What a command prints; an error is one line and comes at once."""
    with within(seconds):
        assert main(list(arguments)) == code
    out, err = capsys.readouterr()
    assert harmless(out)
    assert harmless(err)
    if code == 2:
        assert out == ""
        assert err.startswith("shapfair: error: ")
        assert err.count("\n") == 1
        assert len(err) < 11_000
        return err
    return out


# --- outputs that are inputs ---------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--out", "--figure"])
@pytest.mark.parametrize(
    "way", ["the same", "another path", "a link", "a link to it", "a hard link"]
)
def test_an_output_is_not_the_input(capsys, folder, option, way):
    values, out = "v.svg.csv", "v.svg.csv"
    write_whole(values, (folder / "v.csv").read_bytes())
    if option == "--figure":
        os.rename(values, "v.svg")
        os.symlink("v.svg", "values.csv")
        values, out = "values.csv", "v.svg"
    if way == "another path":
        os.mkdir("sub")
        out = f"sub/../{out}"
    elif way == "a link":
        os.symlink(out, "l.svg")
        out = "l.svg"
    elif way == "a link to it":
        os.symlink(values, "in.csv")
        values = "in.csv"
    elif way == "a hard link":
        os.link(out, "h.svg")
        out = "h.svg"
    before = Path(values).read_bytes()
    err = run(capsys, "allocate", values, f"{option}={out}")
    assert f"{option} {out}: is the file of VALUES too, name another" in err
    assert Path(values).read_bytes() == before


def test_two_outputs_are_two_files(capsys):
    err = run(capsys, "allocate", "v.csv", "--out=o.svg", "--figure=./o.svg")
    assert "--figure o.svg: is the file of --out too" in err
    run(capsys, "allocate", "v.csv", "--out=o.txt", "--figure=o.svg", code=0, seconds=20)


def test_a_record_does_not_take_the_place_of_the_store(capsys, folder):
    evaluate(lambda parties, seed: 1.0, ["A"], name="x", store="values.sqlite")
    before = (folder / "values.sqlite").read_bytes()
    err = run(capsys, "reproduce", "mnist", "--store=values.sqlite", "--out=./values.sqlite")
    assert "--out values.sqlite: is the file of --store too" in err
    assert (folder / "values.sqlite").read_bytes() == before


def test_what_is_no_file_is_not_written_over(capsys, folder):
    os.mkfifo("pipe")
    os.symlink("pipe", "link.json")
    assert "--out link.json: exists and is not a file" in run(
        capsys, "allocate", "v.csv", "--out=link.json"
    )
    with pytest.raises(OSError, match="is there and not a file"):
        write_whole("link.json", b"x")
    assert (folder / "link.json").is_symlink()
    assert (folder / "pipe").is_fifo()


def test_a_link_to_itself_is_replaced(capsys, folder):
    os.symlink("loop.json", "loop.json")
    assert "loop.json" in run(capsys, "allocate", "loop.json")
    run(capsys, "allocate", "v.csv", "--format=json", "--out=loop.json", code=0)
    assert json.loads((folder / "loop.json").read_text())["parties"] == ["A", "B"]


# --- too much ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "count"), [("mnist", "30,999,999,969"), ("cifar10", "14,999,999,985")]
)
def test_too_many_models_are_refused_before_anything_is_loaded(capsys, name, count):
    err = run(capsys, "reproduce", name, "--seeds=999999999")
    assert f"argument --seeds: 999,999,999 seeds times {'31' if name == 'mnist' else '15'}" in err
    assert f"are {count} values to find, the limit is 10,000,000: take fewer" in err
    err = run(capsys, "reproduce", name, "--seeds=1000000000")
    assert "argument --seeds: '1000000000' is not a whole number, need up to nine digits" in err


def test_too_many_rows_of_a_template_are_refused(capsys):
    err = run(capsys, "template", "--parties=A", "--seeds=999999999", "--out=t.csv")
    assert "make 1,999,999,998 rows, too many for a spreadsheet (1,048,576)" in err
    assert not os.path.exists("t.csv")
    err = run(capsys, "template", "--parties", ",".join(map(str, range(100_000))))
    assert "argument --parties: n = 100,000 parties need more memory than there is" in err


@pytest.mark.parametrize(
    ("parties", "seeds", "coalitions"),
    [(3, range(10**9), None), (3, range(10**15), None), (26, (0,), None), (2, range(10**9), [1])],
)
def test_too_many_values_are_refused_at_once(parties, seeds, coalitions):
    names = [f"p{i}" for i in range(parties)]
    with within(1), pytest.raises(ValueError, match="values to find, the limit is 10,000,000"):
        evaluate(lambda p, s: 1.0, names, name="x", seeds=seeds, coalitions=coalitions)


def test_values_that_do_not_fit_into_memory_are_refused(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 1 << 30)
    names = [f"p{i}" for i in range(20)]
    message = r"1,048,575 values to find: 2\.0 GiB of memory needed, 1\.0 GiB there: take fewer"
    with within(1), pytest.raises(ValueError, match=message):
        evaluate(lambda p, s: 1.0, names, name="x")
    assert MOST_VALUES == 10_000_000


def test_long_lists_of_wrong_seeds_are_not_quoted():
    with pytest.raises(ValueError, match=r"^seeds: 1,000 of them, need at least one, each once"):
        evaluate(lambda p, s: 1.0, ["A"], name="x", seeds=[0] * 1000)


# --- variables -----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["many", "-1", "1e3", " 1", "9" * 30, "\x1b[31m"])
def test_an_odd_number_of_devices_is_one_line(value, monkeypatch):
    monkeypatch.setenv("SHAPFAIR_DEVICES", value)
    with pytest.raises(ValueError, match=r"^SHAPFAIR_DEVICES: .* is not a whole number") as caught:
        devices.local_devices()
    assert str(caught.value).isprintable()


# --- provenance ----------------------------------------------------------------------------------

ODD = [
    {"digest": 1},
    {"digest": 1, "seeds": [0]},
    {"digest": "x", "seeds": 5},
    {"digest": "x", "seeds": ["a"]},
    {"data_size": []},
    {"data_size": {}, "digest": "x", "seeds": [0]},
    {"digest": "x", "seeds": [0, 1]},
    {"table": 3},
]


@pytest.mark.parametrize("provenance", ODD)
def test_a_provenance_of_other_types_is_one_line(capsys, provenance):
    with open("p.json", "w") as file:
        json.dump({"parties": ["A", "B"], "values": [[0, 1, 2, 4]], "provenance": provenance}, file)
    for command in (
        ["allocate", "p.json"],
        ["allocate", "p.json", "--format=json", "--repair=hull"],
        ["models", "mnist", "--data=embedded", "--values=p.json", "--out=m"],
    ):
        assert "p.json: provenance: " in run(capsys, *command)


@pytest.mark.parametrize("size", ["half", "\x1b[31m", "x" * 100_000])
def test_an_unknown_size_of_the_data_is_one_line(capsys, size):
    with open("p.json", "w") as file:
        origin = {"digest": "x" * 64, "seeds": [0], "data_size": size, "experiment": size}
        json.dump({"parties": ["A", "B"], "values": [[0, 1, 2, 4]], "provenance": origin}, file)
    run(capsys, "allocate", "p.json", code=0)
    run(capsys, "models", "mnist", "--values=p.json", "--out=m", seconds=60)
    run(capsys, "models", "mnist", "--data=embedded", "--values=p.json", "--out=m", seconds=60)


# --- what errors quote ---------------------------------------------------------------------------


@pytest.mark.parametrize("acting", ACTING)
def test_nothing_that_an_error_quotes_acts(capsys, acting):
    def write(name, text):
        with open(name, "w", encoding="utf-8", newline="") as file:
            file.write(text)

    odd = json.dumps(acting)[1:-1]
    write("header.csv", f"A,x{acting}y,score\n0,0\n")
    write("after.csv", f"A,value,x{acting}y\n0,0,1\n")
    write("cell.csv", f"A,value\n0,0\nx{acting}y,1\n")
    write("value.csv", f"A,value\n0,0\n1,x{acting}y\n")
    write("seed.csv", f"A,value,seed\n0,0,x{acting}y\n")
    write("key.json", f'{{"parties": ["A"], "values": [[0, 1]], "x{odd}y": 1}}')
    write("twice.json", f'{{"x{odd}y": 1, "x{odd}y": 1}}')
    write("name.json", f'{{"parties": ["x{odd}y"], "values": [[0, 1]]}}')
    write("value.json", f'{{"parties": ["A"], "values": [[0, "x{odd}y"]]}}')
    for name in sorted(os.listdir()):
        if name not in ("v.csv", "v.json"):
            run(capsys, "allocate", name)
    run(capsys, "allocate", f"x{acting}y.csv")
    run(capsys, "allocate", f"x{acting}y")
    run(capsys, "allocate", "v.csv", f"--budget=x{acting}y=1")
    run(capsys, "allocate", "v.csv", f"--budget=x{acting}y")
    run(capsys, "allocate", "v.csv", f"--default-budget=x{acting}y")
    run(capsys, "allocate", "v.csv", f"--x{acting}y")
    run(capsys, "allocate", "v.csv", f"--format=x{acting}y")
    run(capsys, "allocate", "v.csv", f"--out=no{acting}/y")
    run(capsys, "allocate", "v.csv", f"--figure=x{acting}y")
    run(capsys, f"x{acting}y")
    run(capsys, "template", f"--party=x{acting}y")
    run(capsys, "store", "list", f"x{acting}y")
    run(capsys, "data", "fetch", f"x{acting}y")
    run(capsys, "models", "mnist", f"--values=x{acting}y.json", "--out=m")


def test_a_file_of_any_name_is_read_and_named_harmlessly(capsys):
    name = "x\x1b[31m\n\udcff\u202ey.csv"
    os.rename("v.csv", name)
    run(capsys, "allocate", name, code=0)
    os.mkdir("x\x1b[31m")
    assert r"x\x1b[31m: exists and is not a file" in run(
        capsys, "allocate", name, "--out=x\x1b[31m"
    )


def test_long_arguments_are_cut(capsys):
    for command in (
        ["allocate", "v.csv", "--" + "x" * 1_000_000],
        ["allocate", "x" * 1_000_000],
        ["allocate", "v.csv", f"--budget={'x' * 1_000_000}=1"],
        ["template", "--party", "x" * 1_000_000],
    ):
        run(capsys, *command)


def test_experiments_of_a_store_are_named_harmlessly(capsys):
    name = f"x{''.join(ACTING)}y"
    evaluate(lambda parties, seed: 1.0, ["A"], name=name, store="s.sqlite")
    out = run(capsys, "store", "list", "s.sqlite", code=0)
    assert r"x\x1b[31m\x9b31m" in out
    run(capsys, "store", "check", "s.sqlite", code=0)


def test_a_store_that_is_no_file_is_not_waited_for(capsys, folder):
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        for name in ("pipe", "socket", ".", "/dev/zero", "/dev/full"):
            for command in (["store", "list", name], ["store", "repair", name]):
                run(capsys, *command)
            with within(3), pytest.raises((OSError, ValueError)):
                evaluate(lambda p, s: 1.0, ["A"], name="x", store=name)


# --- names in every output -----------------------------------------------------------------------

HEBREW, ARABIC = (
    "\u05d1\u05d9\u05ea \u05d7\u05d5\u05dc\u05d9\u05dd",
    "\u0645\u0633\u062a\u0634\u0641\u0649",
)
NAMES = [HEBREW, f"{ARABIC} 7", "a$x$", "<b>&amp;", "C:\\n", "%s {0}", "[red]x[/]", 'it\'s "q"']


@pytest.fixture
def odd_names():
    values = [bin(c).count("1") / 8 for c in range(2 ** len(NAMES))]
    game = Game(values, NAMES)
    game.to_csv("names.csv")
    return game


def test_names_that_run_from_right_to_left_are_isolated(capsys, odd_names):
    out = run(capsys, "allocate", "names.csv", code=0)
    for line in out.splitlines():
        for name in (HEBREW, ARABIC):
            assert line.count(name) == line.count(f"\u2068{name}\u2069")
    row = next(line for line in out.splitlines() if HEBREW in line and "unlimited" in line)
    # What stands beside the isolated words runs from left to right.
    rest = row.replace(f"\u2068{HEBREW}\u2069", "")
    assert not {"R", "AL"} & set(map(unicodedata.bidirectional, rest))
    err = run(capsys, "allocate", "names.csv", f"--budget={HEBREW}=x")
    assert f"party '\u2068{HEBREW}\u2069': 'x' is not a number" in err


def test_names_come_out_of_json_and_csv_as_they_are(capsys, odd_names):
    out = run(capsys, "allocate", "names.csv", "--format=json", code=0)
    assert json.loads(out)["parties"] == NAMES
    out = run(capsys, "allocate", "names.csv", "--format=csv", code=0)
    assert [row["party"] for row in csv.DictReader(io.StringIO(out))] == NAMES


def test_names_in_a_figure_are_drawn_as_they_are_and_are_no_markup(capsys, odd_names):
    run(capsys, "allocate", "names.csv", "--out=o.txt", "--figure=f.svg", code=0, seconds=30)
    tags = {element.tag.rpartition("}")[2] for element in ElementTree.parse("f.svg").iter()}
    assert "script" not in tags
    assert "b" not in tags


def test_spreadsheets_find_no_formula_in_what_is_written(capsys):
    game = Game([[0, 1], [0, 2]], ("a=1",), seed_labels=["-1", "+2"])
    game.to_csv("seeds.csv")
    out = run(capsys, "allocate", "seeds.csv", "--format=csv", code=0)
    for text in (out, Path("seeds.csv").read_text()):
        for row in csv.reader(io.StringIO(text)):
            for cell in row:
                assert cell[:1] not in "=+-@" or float(cell) is not None


def test_nothing_takes_long():
    """Names that together are as long as they may be."""
    names = [f"{i:02d} {'w' * 97}" for i in range(10)]
    start = time.perf_counter()
    allocate(Game([bin(c).count("1") for c in range(2**10)], names), 0.5)
    assert time.perf_counter() - start < 2
