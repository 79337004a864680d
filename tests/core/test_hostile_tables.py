"""Value tables that somebody made to do harm: each is refused in one line, at once."""

import json
import os
import resource
import socket
import time

import numpy as np
import pytest
from watched import within

from shapfair import Game, allocate, memory, tables
from shapfair.tables import Table, check_parties, check_seed_labels, write_json

JSON = {"parties": ["a", "b"], "values": [[0, 0.25, 0.5, 1]]}


def refused(path, seconds=2):
    """What is said of a file, which has to be one line."""
    with within(seconds), pytest.raises(ValueError, match=r".+") as caught:
        Game.read(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000
    return str(caught.value)


def written(tmp_path, content, name="v.json"):
    path = tmp_path / name
    text = content if isinstance(content, str | bytes) else json.dumps(content)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


# --- what is no file -----------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_a_pipe_is_not_waited_for(tmp_path, ending):
    os.mkfifo(tmp_path / f"v.{ending}")
    assert f"v.{ending}: is a pipe, not a file: save what comes" in refused(
        tmp_path / f"v.{ending}"
    )


def test_a_pipe_in_the_place_of_a_file_that_was_looked_at_is_not_waited_for(tmp_path, monkeypatch):
    path = tmp_path / "v.csv"
    os.mkfifo(path)
    regular = os.stat(__file__)
    monkeypatch.setattr(os, "stat", lambda *_, **__: regular)
    assert "is a pipe" in refused(path)


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom", "/dev/null", "/dev/tty"])
def test_a_device_behind_a_link_is_not_read(tmp_path, device):
    (tmp_path / "v.csv").symlink_to(device)
    assert "is a device, not a file" in refused(tmp_path / "v.csv")


def test_a_socket_and_a_folder_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s.json")
        assert "s.json: is a socket, not a file" in refused("s.json")
    (tmp_path / "f.csv").mkdir()
    assert "f.csv: is a folder, not a file: name a file in it" in refused("f.csv")


def test_the_standard_input_is_no_file_either(monkeypatch, tmp_path):
    reading, writing = os.pipe()
    for name, target in (("in.csv", f"/dev/fd/{reading}"), ("in.json", f"/proc/self/fd/{reading}")):
        (tmp_path / name).symlink_to(target)
        assert "is a pipe" in refused(tmp_path / name)
    os.close(reading)
    os.close(writing)


# --- what is too large ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["v.csv", "v.json"])
def test_a_file_that_is_larger_than_the_memory_is_not_read(tmp_path, name):
    with (tmp_path / name).open("wb") as file:
        file.truncate(10**13)  # takes no room on the disk
    found = refused(tmp_path / name)
    assert f"{name}: 10,000,000,000,000 bytes: 9,313.2 GiB of memory needed, " in found


@pytest.mark.parametrize("count", [27, 2_000, 100_000])
def test_too_many_parties_are_refused_before_their_names_are_looked_at(tmp_path, count):
    # All of them are bad, and the same.
    header = ",".join(["\x1b[31m"] * count)
    table = written(tmp_path, f"{header},value\n", "v.csv")
    assert f"v.csv: line 1: n = {count:,} parties need" in refused(table)
    table = written(tmp_path, f"{header}\n", "v.csv")
    assert f"n = {count:,} parties need" in refused(table)
    table = written(tmp_path, {"parties": ["\x1b[31m"] * count, "values": []})
    assert f"v.json: n = {count:,} parties need" in refused(table)
    with within(1), pytest.raises(ValueError, match=rf"^parties: n = {count:,} parties need"):
        check_parties(["\x1b[31m"] * count)


@pytest.mark.parametrize("name", ["v.csv", "v.json"])
def test_a_table_that_does_not_fit_into_memory_is_not_made(tmp_path, name, monkeypatch):
    game = Game(np.arange(2.0**12))
    game.to_csv(tmp_path / "v.csv")
    game.to_json(tmp_path / "v.json")
    monkeypatch.setattr(memory, "SMALL", 0)
    monkeypatch.setattr(memory, "available", lambda: 80_000)
    assert "of memory needed, 0.0 GiB there" in refused(tmp_path / name)
    monkeypatch.setattr(memory, "available", lambda: 30_000)
    for make in (lambda: Game(np.zeros((1, 2**12))), lambda: allocate(game)):
        with pytest.raises(ValueError, match=r"^parties: n = 12 parties: 0\.0 GiB of memory need"):
            make()


def test_what_json_may_take_is_known_before_it_is_parsed(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 1 << 28)
    for content in ("[" * 5_000_000, "[" + "{}," * 2_000_000, '{"a":[' + "[]," * 3_000_000):
        assert "the JSON document: 0." in refused(written(tmp_path, content))


def test_tables_are_limited(tmp_path, monkeypatch):
    assert tables.MAX_TABLES == 10_000
    monkeypatch.setattr(tables, "MAX_TABLES", 5)
    rows = "".join(f"0,0,{k}\n1,1,{k}\n" for k in range(6))
    path = written(tmp_path, f"a,value,seed\n{rows}", "v.csv")
    assert "line 12: the seed 5 is one too many, the limit is 5" in refused(path)
    path = written(tmp_path, {"parties": ["a"], "values": [[0, 1]] * 6})
    assert "values has 6 rows, the limit is 5" in refused(path)


def test_rows_that_are_missing_take_no_memory(tmp_path):
    """The first lines of 64 tables of 512 MiB each."""
    parties = [f"p{i}" for i in range(26)]
    rows = [f"{'0,' * 26}0,{k}\n" for k in range(64)]
    text = f"{','.join(parties)},value,seed\n{''.join(rows)}"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = refused(written(tmp_path, text, "v.csv"))
    assert "67,108,863 of 67,108,864" in found or "64 tables: 96.0 GiB of memory needed" in found
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB


def test_many_rows_that_come_twice_are_found_fast(tmp_path):
    path = written(tmp_path, "a,value\n" + "0,0\n" * 3_000_000, "v.csv")
    assert "line 3: coalition {} appears twice" in refused(path, 1)


# --- what is in it -------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [65, 500, 990, 3_000, 1_000_000])
@pytest.mark.parametrize(
    "frame",
    [
        '{"parties": ["a"], "values": [[0, 1]], "provenance": {"x": %s}}',
        '{"parties": ["a"], "values": [[0, %s]]}',
        '{"parties": ["a"], "values": %s}',
        '{"parties": %s, "values": [[0, 1]]}',
    ],
)
def test_deep_json_is_refused(tmp_path, depth, frame):
    refused(written(tmp_path, frame % ("[" * depth + "]" * depth)))
    refused(written(tmp_path, frame % ('{"x":' * depth + "1" + "}" * depth)))


@pytest.mark.parametrize(
    ("provenance", "message"),
    [
        ({"digest": 1}, "provenance: digest is 1, need text"),
        ({"digest": {"a": 1}}, "provenance: digest is an object, need text"),
        ({"table": []}, "provenance: table is an empty list, need text"),
        ({"data_size": []}, "provenance: data_size is an empty list, need text"),
        ({"data_size": True}, "provenance: data_size is True, need text"),
        ({"experiment": 10**400}, "provenance: experiment is 1000"),
        ({"seeds": 5}, "provenance: seeds is 5, need a list of different whole numbers"),
        ({"seeds": "0"}, "provenance: seeds is text, need a list"),
        ({"seeds": ["a"]}, "provenance: seeds is a list of something else, need a list"),
        ({"seeds": [True]}, "need a list of different whole numbers"),
        ({"seeds": [0.0]}, "need a list of different whole numbers"),
        ({"seeds": [[0]]}, "need a list of different whole numbers"),
        ({"seeds": [0, 1]}, "provenance: 2 seeds for 1 tables"),
        ({"seeds": []}, "provenance: 0 seeds for 1 tables"),
        ({"derived": 5}, "provenance: derived is 5, need a list of texts"),
        ({"derived": [5]}, "provenance: derived is a list of something else"),
        ({"x": float("nan")}, "provenance: holds a number that is not finite"),
        ({"x": [{"y": float("inf")}]}, "provenance: holds a number that is not finite"),
    ],
)
def test_a_provenance_of_other_types_is_refused(tmp_path, provenance, message):
    found = refused(written(tmp_path, JSON | {"provenance": provenance}))
    assert f"v.json: {message}" in found or message in found
    with pytest.raises(ValueError, match=r"^provenance: "):
        Game([0, 1], provenance=provenance)


def test_two_tables_are_not_of_one_seed(tmp_path):
    twice = {"parties": ["a"], "values": [[0, 1], [0, 2]], "provenance": {"seeds": [3, 3]}}
    assert "need a list of different whole numbers" in refused(written(tmp_path, twice))


@pytest.mark.parametrize(
    "provenance",
    [
        {},
        {"seeds": [0], "digest": None, "x": None},
        {"x": "\ud800", "\udfff": "\x1b[31m\x9b\u202e\u2066\0"},
        {"x": 10**4000, "y": [[[]]] * 1000},
    ],
)
def test_any_other_provenance_survives_being_written_and_read(tmp_path, provenance):
    game = Game([0, 1], ("a",), provenance)
    game.to_json(tmp_path / "v.json")
    again = Game.read(tmp_path / "v.json")
    assert (again.provenance, again.values.tolist()) == (provenance, [0, 1])
    text = (tmp_path / "v.json").read_text()
    assert all(character.isprintable() or character == "\n" for character in text)
    assert again.is_as_recorded() in (None, False)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"parties": ["a"], "values": [[0, 1]], "provenance": {"x": 1, "x": 2}}', "'x' appears"),
        ('{"parties": ["a"], "values": [[0, 1]], "provenance": {"x": %s}}' % ("1" * 5000), "4300"),
        (b'{"parties": ["a"], "values": [[0, 1]]}\0', "not JSON"),
        (b'{"parties": ["a\0"], "values": [[0, 1]]}', "not JSON"),
        ('{"parties": ["a\\u0000"], "values": [[0, 1]]}', "need a printable name"),
        ('{"parties": ["a\\ud800"], "values": [[0, 1]]}', "need a printable name"),
        (b"\xef\xbb\xbf\xef\xbb\xbf{}", "not JSON"),
        ('{"parties": ["a"], "values": [[0, [1]]]}', "{a} has value a list, need a finite number"),
        ('{"parties": ["a"], "values": [[0, {"b": 1}]]}', "{a} has value an object"),
        ('{"parties": ["a"], "values": [[0, null]]}', "{a} has value null"),
        (f'{{"{"k" * 10_000}": 1, "{"k" * 10_000}": 2}}', "'kkkk"),
    ],
)
def test_odd_json_is_one_clear_line(tmp_path, content, message):
    assert message in refused(written(tmp_path, content))


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf\xef\xbb\xbfa,value\n0,0\n1,1\n",
        b"a,value\n0,0\n1,1\0\n",
        b"a,value\n0,0\n1,%s\n" % (b"9" * 200_000),
        b"a,value,seed\n0,0,%s\n" % (b"x" * 101),
        b"%s,value\n" % (b"x" * 101),
        b"a,value\n%s" % (b"0,0," * 50_000),
        b"a,value\n0,0\n1,1\xff\n",
        b"a,value\n%s\xff" % (b"0,0\n" * 5000),
        b"%s" % (b"\r" * 100_000),
        b'"' * 99_999,
    ],
)
def test_odd_csv_is_one_clear_line(tmp_path, content):
    refused(written(tmp_path, content, "v.csv"))


def test_the_line_that_is_not_utf8_is_named(tmp_path):
    content = b"a,value\n0,0\n" + b"\n" * 5000 + b"1,1\xff\n"
    assert "line 5003: not UTF-8" in refused(written(tmp_path, content, "v.csv"))


# --- names and labels ----------------------------------------------------------------------------

FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@A1",
    "＝1+1",
    "－x",
    "=",
    "a;=1",
    "a,=1",
    "a, -b",
    "x|@y",
    "\u207a1",
]


@pytest.mark.parametrize("name", FORMULAS)
def test_names_that_a_spreadsheet_takes_for_a_formula_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match="a spreadsheet would take it for a formula"):
        Game([0, 1], (name,))
    assert "for a formula" in refused(written(tmp_path, f'"{name}",value\n0,0\n1,1\n', "v.csv"))
    assert "for a formula" in refused(
        written(tmp_path, {"parties": [name], "values": [[0, 1]]}, "v.json")
    )


@pytest.mark.parametrize("name", ["a=b", "A+", "a-b", "me@home", "[-1]", "a -b", "1-2; 3-4", "$x$"])
def test_other_signs_within_a_name_are_taken(tmp_path, name):
    game = Game([0, 1], (name,))
    game.to_csv(tmp_path / "v.csv")
    assert Game.read(tmp_path / "v.csv").parties == (name,)


@pytest.mark.parametrize("label", ["=1+1", "@x", "+x", "-x", "-1-1", "x" * 101])
def test_labels_that_a_spreadsheet_takes_for_a_formula_are_refused(tmp_path, label):
    with pytest.raises(
        ValueError, match=r"^seed_labels: '.*'(\.\.\.)?, (a spread|need at most 100)"
    ):
        check_seed_labels([label], 1)
    text = f"a,value,seed\n0,0,{label}\n1,1,{label}\n"
    assert "line 2: the seed '" in refused(written(tmp_path, text, "v.csv"))


@pytest.mark.parametrize("label", ["-1", "+7", "-1e-3", "run = 3", "a-b"])
def test_numbers_and_other_labels_are_taken(tmp_path, label):
    game = Game([0, 1], ("a",), seed_labels=[label])
    game.to_csv(tmp_path / "v.csv")
    assert Game.read(tmp_path / "v.csv").seed_labels == (label,)


@pytest.mark.parametrize(
    "name",
    [
        "\u2800",  # a blank that counts as printable
        "\u3164\u115f",
        "\U000e0100",
        "\u0301a",  # an accent for the line of the table before it
        "\u0488a",
        "a\u200f",
        "\u2067a\u2069",
        "\x9b31m",
        "a\x7f",
        "\ud800",
        "x" * 101,
    ],
)
def test_names_that_show_nothing_or_do_something_are_refused(name):
    with pytest.raises(
        ValueError, match=r"need a printable name|begins with an accent|at most 100"
    ):
        Game([0, 1], (name,))


def test_names_that_differ_in_what_does_not_show_look_alike():
    with pytest.raises(ValueError, match="look alike"):
        Game([0, 1, 2, 3], ("A", "A\U000e0101"))


def test_ten_thousand_labels_are_checked_at_once():
    start = time.perf_counter()
    check_seed_labels([str(k) for k in range(10_000)], 10_000)
    assert time.perf_counter() - start < 1


def test_what_is_written_is_compared_with_the_memory_first(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "SMALL", 0)
    monkeypatch.setattr(memory, "available", lambda: 10_000)
    with pytest.raises(ValueError, match="n = 10 parties: 0"):
        write_json(tmp_path / "v.json", Table(np.zeros(2**10), tuple("abcdefghij")))
    assert not (tmp_path / "v.json").exists()
