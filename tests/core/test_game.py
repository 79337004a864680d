import json

import numpy as np
import pytest
from helpers import is_monotone, monotone_hull, tables
from hypothesis import given, settings

from shapfair import Game, allocate
from shapfair.game import table_digest

GLOVES = [0, 0, 0, 1, 0, 1, 0, 1]
"""Party 1 has a left glove, parties 2 and 3 a right one."""

CSV = "a,b,value\n0,0,0\n1,0,0.25\n0,1,0.5\n1,1,1\n"
JSON = {"parties": ["a", "b"], "values": [[0, 0.25, 0.5, 1]]}


def written(tmp_path, content, name="v.csv"):
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content, encoding="utf-8", newline="")
    return path


# --- values --------------------------------------------------------------------------------------


def test_a_game_knows_its_values():
    game = Game([0, 1, 2, 5], ("left", "right"))
    assert (game.n, game.seeds, game.grand_value, game.own_values.tolist()) == (2, 1, 5, [1, 2])
    seeds = Game([[0, 1, 2, 5], [0, 2, 2, 7]])
    assert (seeds.n, seeds.seeds, seeds.parties) == (2, 2, ("1", "2"))
    assert seeds.grand_value.tolist() == [5, 7]
    assert seeds.own_values.tolist() == [[1, 2], [2, 2]]


def test_a_game_keeps_its_own_read_only_copy():
    values = np.array([0.0, 1.0])
    game = Game(values)
    values[1] = 7
    assert game.values.tolist() == [0, 1]
    with pytest.raises(ValueError, match="read-only"):
        game.values[1] = 7


def test_exchange_rate_scales_values():
    game = Game([0, 1, 2, 5], ("a", "b"), {"data": "x"}).scaled(10)
    assert game.values.tolist() == [0, 10, 20, 50]
    assert game.parties == ("a", "b")
    assert game.provenance == {"data": "x", "derived": ["exchange rate 10"]}


@pytest.mark.parametrize("rate", [0, -1, np.inf, np.nan])
def test_exchange_rate_must_be_positive_and_finite(rate):
    with pytest.raises(ValueError, match=r"exchange_rate: .*need a positive finite"):
        Game([0, 1]).scaled(rate)


def test_an_exchange_rate_that_overflows_is_reported():
    with pytest.raises(ValueError, match="need finite values"):
        Game([0, 1e308]).scaled(100)


@pytest.mark.parametrize(
    ("values", "parties", "message"),
    [
        ([0, 1, 2], (), "3 coalition values, need 2\\*\\*n"),
        ([], (), "shape \\(0,\\)"),
        ([[[0, 1]]], (), "shape \\(1, 1, 2\\)"),
        (np.array(5), (), "shape \\(\\)"),
        ([0, "x"], (), "not an array of numbers"),
        ([[0, 1], [0, 1, 2]], (), "not an array of numbers"),
        ([0, 1, np.nan, 2], (), r"coalition \{2\} has value nan"),
        ([[0, 1], [0, np.inf]], (), r"coalition \{1\} of table 2 has value inf"),
        ([0.5, 1], (), "the empty coalition has value 0.5, it must be 0"),
        ([0, 1, 2, 3], ("a",), "1 names, the table has 2 parties"),
        ([0, 1, 2, 3], ("a", "a"), "two parties are named 'a'"),
        ([0, 1, 2, 3], ("a", ""), "party 2 is named ''"),
        ([0, 1, 2, 3], ("a", "b\n"), r"party 2 is named 'b\\n'"),
    ],
)
def test_what_is_not_a_game_is_refused(values, parties, message):
    with pytest.raises(ValueError, match=message) as caught:
        Game(values, parties)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "pair",
    [
        ("\xe9", "e\u0301"),
        ("\u212a", "K"),
        ("\uff21", "A"),
        ("\ufb01n", "fin"),
        ("A  B", "A B"),
        ("A", "A\ufe0f"),
        ("\u3164A", "A"),
    ],
)
def test_parties_that_look_alike_are_refused(pair):
    with pytest.raises(ValueError, match="look alike") as caught:
        Game([0, 1, 2, 3], pair)
    assert all(ascii(name) in str(caught.value) for name in pair)


@pytest.mark.parametrize(
    "names", [("a", "A"), ("1", "11"), ("\xe9", "e"), ("A-B", "A B"), ("stra\xdfe", "strasse")]
)
def test_parties_that_can_be_told_apart_are_taken(names):
    assert Game([0, 1, 2, 3], names).parties == names


@pytest.mark.parametrize("name", ["a\u200b", "\u202ea", "a\xadb", "\ufeffa", "a\u2028b", "a\tb"])
def test_names_with_characters_that_cannot_be_seen_are_refused(name):
    with pytest.raises(ValueError, match="need a printable name"):
        Game([0, 1], (name,))


# --- monotonicity --------------------------------------------------------------------------------


def test_the_glove_game_is_monotone():
    report = Game(GLOVES).monotonicity()
    assert (report.monotone, report.edges, report.worst_drop) == (True, 12, 0)
    assert str(report) == "monotone (12 edges)"


def test_drops_are_counted_and_the_worst_is_named():
    values = [[0, 1, 1, 1, 1, 1, 1, 1], [0, 3, 1, 2, 1, 3, 1, 2.5]]
    report = Game(values, ("a", "b", "c")).monotonicity()
    # In table 2: a -> ab by 1, ac -> abc by 1/2.
    assert (report.violations, report.tables, report.edges, report.worst_drop) == (2, 1, 24, 1)
    assert report.worst_edge == "{a} -> {a, b} (table 2)"


def test_rounding_is_no_drop():
    assert Game([0, 0.1 + 0.2, 0, 0.3]).monotonicity().monotone
    assert not Game([0, 0.3 + 1e-12, 0, 0.3]).monotonicity().monotone


@settings(max_examples=60, deadline=None, derandomize=True)
@given(tables(max_parties=4, monotone=False))
def test_hull_is_the_largest_value_of_a_subset(values):
    game = Game(values)
    hull = game.hull()
    assert hull.values.tolist() == monotone_hull(values)
    assert hull.monotonicity().monotone
    assert game.monotonicity().monotone == is_monotone(values)
    drops = [
        values[c] - values[c | 1 << i]
        for c in range(len(values))
        for i in range(game.n)
        if not c >> i & 1
    ]
    assert game.monotonicity().violations == sum(drop > 0 for drop in drops)
    assert game.monotonicity().worst_drop == max(0, *drops)


def test_hull_of_every_seed():
    assert Game([[0, 2, 0, 1], [0, 0, 3, 1]]).hull().values.tolist() == [[0, 2, 0, 2], [0, 0, 3, 3]]


# --- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["csv", "json"])
@pytest.mark.parametrize("values", [[0, 0.1, 1 / 3, 1e-300], [[0, 1, 2, 3], [0, 1, 1, 1 / 7]]])
def test_files_keep_every_bit(tmp_path, ending, values):
    game = Game(values, ("[0]", "Zürich, \"ETH\" = 'best'"))
    path = tmp_path / f"v.{ending}"
    getattr(game, f"to_{ending}")(path)
    again = Game.read(path)
    np.testing.assert_array_equal(again.values, game.values, strict=True)
    assert again.parties == game.parties


def test_provenance_is_kept_in_json_alone(tmp_path):
    game = Game([0, 1], ("a",), {"data": "MNIST", "seeds": [0]})
    game.to_json(tmp_path / "v.json")
    assert Game.read(tmp_path / "v.json").provenance == game.provenance
    with pytest.raises(ValueError, match="provenance: a CSV value table cannot carry it"):
        game.to_csv(tmp_path / "v.csv")
    assert not (tmp_path / "v.csv").exists()


def test_json_is_as_documented(tmp_path):
    Game([0, 1, 2, 3], ("a", "b")).to_json(tmp_path / "v.json")
    document = json.loads((tmp_path / "v.json").read_text())
    assert document == {"parties": ["a", "b"], "values": [[0, 1, 2, 3]]}


def test_csv_is_as_documented(tmp_path):
    Game([[0, 1], [0, 2]], ("a",)).to_csv(tmp_path / "v.csv")
    assert (tmp_path / "v.csv").read_text() == "a,value,seed\n0,0.0,0\n1,1.0,0\n0,0.0,1\n1,2.0,1\n"


@pytest.mark.parametrize(
    "content",
    [
        CSV,
        CSV.replace("\n", "\r\n"),
        CSV.encode("utf-8-sig"),
        CSV + "\n\n",
        CSV.replace(",", " , "),
        "a,b,value\n1,1,1\n0,1,.5\n1,0,25e-2\n0,0,-0\n",
        "seed,a,b,value\n7,0,0,0\n7,1,0,0.25\n7,0,1,0.5\n7,1,1,1",
    ],
)
def test_csv_in_any_dress(tmp_path, content):
    game = Game.read(written(tmp_path, content))
    assert game.parties == ("a", "b")
    assert game.values.tolist() == [0, 0.25, 0.5, 1]


def test_csv_seeds_may_be_interleaved(tmp_path):
    content = "a,value,seed\n0,0,x\n1,2,y\n1,1,x\n0,0,y\n"
    assert Game.read(written(tmp_path, content)).values.tolist() == [[0, 1], [0, 2]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1: no header"),
        ("a,b,value\n", "no rows, need all 4 coalitions"),
        ("a,b,score\n0,0,0\n", "line 1: no column is named 'value', found: a, b, score"),
        ("value\n0\n", "line 1: no parties"),
        (CSV.replace("value", "value,note"), "line 1: column 'note' after 'value'"),
        (CSV.replace("a,b", "a,a"), "line 1: two parties are named 'a'"),
        (CSV.replace("a,b", "a,"), "line 1: party 2 is named ''"),
        (CSV.replace("a,b,", "seed,seed,"), "line 1: two columns are named 'seed'"),
        (CSV.replace("1,0,0.25", "1,0"), "line 3: 2 fields, the header has 3"),
        (CSV.replace("1,0,0.25", "1,0,0,25"), "line 3: 4 fields, the header has 3"),
        (CSV.replace("1,0,0.25", "1,2,0.25"), "line 3: membership of party b is '2', need 0 or 1"),
        (CSV.replace("1,0,0.25", "True,0,0.25"), "line 3: membership of party a is 'True'"),
        (CSV.replace("0.25", "nan"), "line 3: value 'nan' is not finite"),
        (CSV.replace("0.25", "1e999"), "line 3: value '1e999' is not finite"),
        (CSV.replace("0.25", "1_000"), "line 3: value '1_000' is not a number, need plain digits"),
        (CSV.replace("0.25", "１"), r"line 3: value '\\uff11' is not a number"),
        (CSV.replace("0.25", "0.25\xa0"), r"line 3: value '0.25\\xa0' is not a number"),
        (CSV.replace("0.25", "0.25\x1f"), r"line 3: value '0.25\\x1f' is not a number"),
        (CSV.replace("0.25", "unlimited"), "line 3: value 'unlimited' is not a number"),
        (CSV.replace("0.25", "1" * 400), "line 3: value '1{40}'... is not finite"),
        (CSV.replace("1,0,0.25", "1\xa0,0,0.25"), r"line 3: membership of party a is '1\\xa0'"),
        (CSV.replace("a,b", "a\xa0,b"), r"line 1: party 1 is named 'a\\xa0'"),
        (
            CSV.replace("a,b", "\xe9,e\u0301"),
            r"look alike \(they are written '\\xe9' and 'e\\u0301'\)",
        ),
        ("a,value,seed\n0,0,1\xa0\n1,1,1\n", r"line 2: the seed '1\\xa0', need a printable label"),
        (CSV.replace("0.25", "n/a"), "line 3: value 'n/a' is not a number"),
        (
            CSV.replace("0.25", ""),
            r"csv: no value for 1 of 4 coalitions, first {a} \(line 3\): an allocation needs all",
        ),
        (CSV.replace("0,0,0", "0,0,0.1"), "line 2: the empty coalition has value 0.1"),
        (CSV.replace("0,0,0\n", ""), "no value for 1 of 4 coalitions, first the empty coalition"),
        (
            CSV.replace("0,1,0.5\n", ""),
            "csv: no value for 1 of 4 coalitions, first {b}: an allocation needs all",
        ),
        ("a,b,value\n0,0,0\n", "no value for 3 of 4 coalitions, first {a}: an"),
        ("a,b,value\n1,0,\n", "no value for 4 of 4 coalitions, first the empty coalition"),
        (CSV.replace("0.25", "") + "1,0,0.25\n", "line 6: coalition {a} appears twice"),
        (CSV + "0,1,0.5\n", "line 6: coalition {b} appears twice"),
        ("a,value,seed\n0,0,1\n1,1,1\n0,0,2\n", r"\(seed 2\): no value for 1 of 2 coal"),
        ("a,value,seed\n0,0,1\n0,0,1\n", r"line 3: coalition {} appears twice \(seed 1\)"),
        ("a,value,seed\n0,0,\n", "line 2: the seed is empty"),
        (CSV.replace("0.25", "x").replace("0.5", "y"), "line 3: value 'x'"),
        (CSV.replace("a,b", "ä,b").encode("latin-1"), "line 1: not UTF-8"),
        (CSV.encode("utf-16"), "line 1: not UTF-8"),
        (b"\x89PNG\r\n\x1a\n\0\0", "line 1: not UTF-8"),
        (b"PK\3\4\0\0\0", "a binary file"),
        (CSV.replace("0.25", '"0.25'), "not CSV"),
        (",".join(f"p{i}" for i in range(27)) + ",value\n", "n = 27 parties need about 2 GiB"),
    ],
)
def test_a_bad_csv_is_one_clear_line(tmp_path, content, message):
    with pytest.raises(ValueError, match=message) as caught:
        Game.read(written(tmp_path, content))
    assert "v.csv" in str(caught.value) or "GiB" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"line 1: not JSON \(Expecting value\)"),
        ('{\n"parties": [,]}', "line 2: not JSON"),
        ("[" * 100_000, "too many lists and objects in each other"),
        ("[]", "not a JSON object"),
        ({"parties": ["a"]}, "the key 'values' is missing"),
        ({"values": [[0, 1]]}, "the key 'parties' is missing"),
        (JSON | {"value": 1}, "unknown key 'value'"),
        ('{"parties": ["a"], "parties": ["b"], "values": [[0, 1]]}', "'parties' appears twice"),
        (JSON | {"parties": "ab"}, "parties must be a list of names"),
        (JSON | {"parties": ["a", 2]}, "parties must be a list of names"),
        (JSON | {"parties": []}, "no parties"),
        (JSON | {"parties": ["a", "a"]}, "two parties are named 'a'"),
        (JSON | {"provenance": "me"}, "provenance must be an object"),
        (JSON | {"values": [0, 1, 2, 3]}, "values must be a list of rows"),
        (JSON | {"values": []}, "values has no rows"),
        (JSON | {"values": [[0, 1, 2, 3], [0, 1]]}, "row 2 of values: 2 values, 2 parties have 4"),
        (JSON | {"values": [[0, 1, True, 3]]}, "row 1 of values: coalition {b} has value true"),
        (JSON | {"values": [[0, 1, 2, "3"]]}, 'coalition {a, b} has value "3"'),
        (JSON | {"values": [[0, float("nan"), 2, 3]]}, "coalition {a} has value NaN"),
        (JSON | {"values": [[0, 10**400, 2, 3]]}, "coalition {a} has value 1000"),
        ('{"parties": ["a"], "values": [[0, 1e400]]}', "coalition {a} has value Infinity, need a"),
        ('{"parties": ["a"], "values": [[0, 1_0]]}', "not JSON"),
        (JSON | {"values": [[1, 1, 2, 3]]}, "row 1 of values: the empty coalition has value 1"),
        (b"\xff\xfe", "line 1: not UTF-8"),
    ],
)
def test_a_bad_json_is_one_clear_line(tmp_path, content, message):
    content = json.dumps(content) if isinstance(content, dict) else content
    with pytest.raises(ValueError, match=message) as caught:
        Game.read(written(tmp_path, content, "v.json"))
    assert "v.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_only_csv_and_json_are_value_tables(tmp_path):
    with pytest.raises(ValueError, match=r"v\.txt: a value table's name ends in \.csv or \.json"):
        Game.read(written(tmp_path, CSV, "v.txt"))


@pytest.mark.parametrize("name", ["value", "seed"])
def test_a_party_named_like_a_column_cannot_go_to_csv(tmp_path, name):
    with pytest.raises(ValueError, match=f"'{name}' is the name of another CSV column"):
        Game([0, 1], (name,)).to_csv(tmp_path / "v.csv")


def test_the_mean_table_is_one_table_without_a_seed():
    origin = {"seeds": [3, 5]}
    game = Game([[0, 1, 2, 4], [0, 2, -1, 8]], "ab", origin, ["3", "5"])
    mean = game.averaged()
    np.testing.assert_array_equal(mean.values, [0, 1.5, 0.5, 6])
    assert mean.provenance == {"derived": ["mean of the tables of seeds 3, 5"]}
    assert (mean.parties, mean.seed_labels) == (("a", "b"), ())
    assert not mean.values.flags.writeable
    single = Game([0.0, 1, 2, 4])
    np.testing.assert_array_equal(single.averaged().values, single.values)
    several = Game([[0.0, 1, 2, 4]] * 2, provenance={"source": "ours"}).averaged()
    assert several.provenance == {"source": "ours", "derived": ["mean of all tables"]}


def test_a_mean_that_overflows_is_refused():
    with pytest.raises(ValueError, match=r"coalition \{1\} has value inf"):
        Game([[0, 1.7e308], [0, 1.7e308]]).averaged()


RECORDED = {"digest": "ab", "seeds": [3, 4]}
TABLES = np.array([[0.0, 1.0, 2.0, 4.0], [0.0, 1.5, 2.0, 4.0]])


def recorded(values=TABLES, parties=("a", "b"), **origin):
    """A game whose provenance has the digest of the tables above."""
    table = table_digest(TABLES, ("a", "b"), RECORDED)
    return Game(values, parties, {**RECORDED, "table": table, **origin})


def test_a_table_is_as_recorded_or_not():
    assert recorded().is_as_recorded() is True
    assert recorded(TABLES[::-1]).is_as_recorded() is False
    assert recorded(TABLES + np.array([0, 0, 0, 1e-12])).is_as_recorded() is False
    assert recorded(parties=("b", "a")).is_as_recorded() is False
    assert recorded(seeds=[4, 3]).is_as_recorded() is False
    assert recorded(digest="ac").is_as_recorded() is False
    assert recorded(table=None).is_as_recorded() is False
    assert Game(TABLES, ("a", "b"), RECORDED).is_as_recorded() is False


def test_nothing_is_claimed_of_other_tables():
    assert Game(TABLES).is_as_recorded() is None
    assert Game(TABLES, provenance={"source": "our own"}).is_as_recorded() is None
    assert recorded().hull().is_as_recorded() is None
    twice = recorded().scaled(2).hull()
    assert twice.is_as_recorded() is None
    assert twice.provenance["derived"] == ["exchange rate 2", "monotone hull"]


def test_the_digest_survives_being_written(tmp_path):
    recorded(TABLES).to_json(tmp_path / "t.json")
    assert Game.read(tmp_path / "t.json").is_as_recorded() is True


@pytest.mark.parametrize("rate", [1.0, 100.0])
@pytest.mark.parametrize("repair", ["none", "hull"])
def test_an_allocation_says_that_values_were_changed(rate, repair):
    warning = "values not from a recorded run: values, parties or seeds are not those"
    changed = allocate(recorded(TABLES + np.array([0, 0, 0, 1])), exchange_rate=rate, repair=repair)
    assert [line for line in changed.warnings if line.startswith(warning)]
    for game in (recorded(), recorded().hull(), Game(TABLES)):
        assert allocate(game, exchange_rate=rate, repair=repair).warnings == ()
