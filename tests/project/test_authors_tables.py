"""Tables that others have pickled are read without running anything, and compared as described."""

import json
import os
import pickle
import pickletools
import struct
import subprocess
import time
import warnings
from pathlib import Path

import authors_tables
import numpy as np
import pytest
from helpers import RESULTS
from pickled_tables import MOST_BYTES, read_table

from shapfair import Game, allocate

DIGITS = ([0], [1, 2])
VALUES = (0.0, 0.25, 0.5, 0.75)


def word(text: str) -> bytes:
    return b"\x8c" + bytes([len(text.encode())]) + text.encode()


def named(module: str, name: str) -> bytes:
    return word(module) + word(name) + b"\x93"


DTYPE = named("numpy", "dtype") + word("f8") + b"\x89\x88\x87R"
DTYPE += b"(K\x03" + word("<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"


def integers(*numbers: int) -> bytes:
    return b"".join(b"K" + bytes([number]) for number in numbers)


def from_buffer(values, dtype=DTYPE, shape=None) -> bytes:
    """As NumPy writes an array in protocol 5."""
    content = struct.pack(f"<{len(values)}d", *values)
    size = integers(len(values) if shape is None else shape) + b"\x85"
    buffer = b"\x96" + struct.pack("<Q", len(content)) + content
    return (
        named("numpy.core.numeric", "_frombuffer")
        + b"("
        + buffer
        + dtype
        + size
        + word("C")
        + b"tR"
    )


def reconstructed(values) -> bytes:
    """As NumPy writes an array in protocol 4."""
    content = struct.pack(f"<{len(values)}d", *values)
    start = named("numpy.core.multiarray", "_reconstruct") + named("numpy", "ndarray")
    start += integers(0) + b"\x85" + b"C\x01b" + b"\x87R"
    state = integers(1, len(values)) + b"\x85" + DTYPE + b"\x89"
    return start + b"(" + state + b"B" + struct.pack("<I", len(content)) + content + b"tb"


def digit_lists(parties=DIGITS) -> bytes:
    return b"](" + b"".join(b"](" + integers(*digits) + b"e" for digits in parties) + b"e"


def whole(array: bytes, labels=None, key="party_labels") -> bytes:
    labels = digit_lists() if labels is None else labels
    return b"\x80\x05}(" + word(key) + labels + word("test_acc") + array + b"u."


@pytest.fixture
def read(tmp_path):
    def read(content: bytes):
        path = tmp_path / "table.pkl"
        path.write_bytes(content)
        return read_table(path)

    return read


@pytest.mark.parametrize("array", [from_buffer, reconstructed])
@pytest.mark.parametrize("key", ["party_labels", "party_digits"])
def test_tables_are_read_as_pickle_itself_reads_them(array, key, read):
    content = whole(array(VALUES), key=key)
    assert read(content) == (("0", "1,2"), VALUES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of NumPy's old names
        known = pickle.loads(content)
    assert (list(known[key]), tuple(known["test_acc"])) == (list(map(list, DIGITS)), VALUES)


@pytest.mark.parametrize("protocol", [4, 5])
def test_tables_that_this_numpy_writes_are_read(protocol, read):
    values = np.append(0, np.random.default_rng(0).random(31))
    labels = list("abcde")
    content = pickle.dumps({"party_labels": labels, "test_acc": values, "name": "x"}, protocol)
    assert read(content) == (tuple(labels), tuple(values))


def test_what_pickle_stores_and_recalls_is_read(read):
    """With the memo, as real files have it."""
    plain = pickle.loads(whole(b"N"))
    twice = {"party_labels": ["a", "a"], "other": plain["party_labels"]}
    stored = pickle.dumps(twice, 5)
    assert {"MEMOIZE", "BINGET"} <= {opcode.name for opcode, _, _ in pickletools.genops(stored)}
    head, end = stored[:-2], stored[-2:]  # before "u." of the dictionary
    assert end == b"u."
    content = head[:2] + head[11:] + word("test_acc") + from_buffer(VALUES) + end
    assert read(content) == (("a", "a"), VALUES)


class Calls:
    """An object whose pickle runs a command."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_no_command_is_run(protocol, read, tmp_path):
    trace = tmp_path / "trace"
    hostile = pickle.dumps({"party_labels": Calls(f"touch {trace}")}, protocol)
    with pytest.raises(ValueError, match=r"asks for posix\.system|instruction [A-Z]+, which no"):
        read(hostile)
    assert not trace.exists()
    pickle.loads(hostile)
    assert trace.exists()


HOSTILE = {
    "other functions of the same module": (whole(named("numpy", "load")), "asks for numpy.load"),
    "names with orders to a terminal": (whole(named("\x1b[2J", "x")), r"asks for \\x1b\[2J.x"),
    "names that are no words": (whole(b"]]\x93"), "mixes up"),
    "a call of what is no name": (whole(b"K\x01)R"), "mixes up"),
    "dtype with a word of its own": (
        whole(named("numpy", "dtype") + word("O8") + b"\x89\x88\x87R"),
        "calls dtype in a way",
    ),
    "an array of one byte more": (whole(from_buffer(VALUES, shape=5)), "shape"),
    "an array of a type that is none": (whole(from_buffer(VALUES, dtype=b"N")), "than float64"),
    "an old-style global": (b"cos\nsystem\n.", "instruction GLOBAL"),
    "a persistent name": (b"\x80\x05K\x01Q.", "instruction BINPERSID"),
    "an extension": (b"\x80\x05\x82\x01.", "instruction EXT1"),
    "a place in the memo far away": (b"\x80\x05Nr\xff\xff\xff\x7f.", "instruction LONG_BINPUT"),
    "a recall of nothing": (b"\x80\x05h\x07.", "has not stored"),
    "an end without a beginning": (b"\x80\x05.", "takes what is not there"),
    "a mark taken for a thing": (b"\x80\x05(\x85.", "takes what is not there"),
    "no mark": (b"\x80\x05]e.", "takes what is not there"),
    "an odd dictionary": (b"\x80\x05}(K\x01u.", "keys are no words"),
    "a list as a key": (b"\x80\x05}]Ns.", "keys are no words"),
    "a list in itself as a party": (
        whole(from_buffer((0.0, 1.0)), b"]\x94](h\x00ea"),
        "neither a word nor",
    ),
    "no dictionary": (b"\x80\x05K\x01.", "something else than a table"),
    "a number for the table": (whole(b"K\x01"), "no array test_acc"),
    "values for three parties": (whole(from_buffer((0.0,) * 8)), "8 values for 2 parties"),
    "values that are not finite": (whole(from_buffer((0.0, 1, 1, np.nan))), "no accuracies"),
    "a value of nobody": (whole(from_buffer((0.5, 1, 1, 1))), "no accuracies"),
    "no end": (whole(from_buffer(VALUES))[:-1], "not a pickle"),
    "no pickle": (b"no pickle", "not a pickle|instruction"),
    "nothing": (b"", "not a pickle"),
    "deep nests": (b"\x80\x05)" + b"\x85" * 90_000 + b".", "something else than a table"),
    "too much": (b"N" * (MOST_BYTES + 1), "at most 100,000 expected"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_no_table_needs_is_refused_in_one_line(what, read):
    content, why = HOSTILE[what]
    with pytest.raises(ValueError, match=why) as refused:
        read(content)
    assert "\n" not in str(refused.value)
    assert str(refused.value).isprintable()


def test_an_array_that_is_made_ten_thousand_times_takes_no_memory(read):
    """Every call takes a dozen bytes; unpacked at once they would be gigabytes."""
    content = struct.pack("<4000d", *[0.0] * 4000)
    shape = b"M" + struct.pack("<H", 4000) + b"\x85"
    parts = [named("numpy.core.numeric", "_frombuffer") + b"\x94"]
    parts += [b"\x96" + struct.pack("<Q", len(content)) + content + b"\x94"]
    parts += [DTYPE + b"\x94", shape + b"\x94", word("C") + b"\x94"]
    call = b"h\x00(h\x01h\x02h\x03h\x04tR"
    start = time.perf_counter()
    with pytest.raises(ValueError, match="something else than a table"):
        read(b"\x80\x05" + b"".join(parts) + call * 4_000 + b".")
    assert time.perf_counter() - start < 5


def test_a_changed_byte_is_another_table_or_refused(read):
    content = whole(from_buffer(VALUES))
    read_anyway = 0
    for place in range(len(content)):
        for other in (0x00, 0x28, 0x52, 0x93, 0xFF):
            try:
                table = read(content[:place] + bytes([other]) + content[place + 1 :])
            except ValueError:
                continue
            read_anyway += 1
            assert len(table.values) == 2 ** len(table.parties)
    assert 0 < read_anyway < 5 * len(content) / 3
    for place in range(len(content)):
        with pytest.raises(ValueError, match=r"table\.pkl: "):
            read(content[:place])


# --- the comparison ------------------------------------------------------------------------------


def test_parties_are_put_in_our_order():
    values = np.arange(8.0)
    # Ours: their third, their first, their second.
    moved = authors_tables.reordered(values, (2, 0, 1))
    np.testing.assert_array_equal(moved, [0, 4, 1, 5, 2, 6, 3, 7])


@pytest.fixture
def checkout(tmp_path):
    """A repository like theirs whose tables are ours of one seed, shifted by a thousandth."""
    for published in authors_tables.TABLES.values():
        game = Game.read(RESULTS / f"{published.records[0]}.json")
        back = np.argsort(published.order)
        values = authors_tables.reordered(game.values[0], tuple(back))
        values[1:] += 0.001
        labels = b"](" + b"".join(map(word, (f"p{i}" for i in range(len(back))))) + b"e"
        path = tmp_path / published.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(whole(from_buffer(values), labels))
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "tables"]):
        subprocess.run([*git, *command], check=True)
    return tmp_path


def test_a_checkout_is_compared(checkout, tmp_path, capsys, monkeypatch):
    out = tmp_path / "out.json"
    monkeypatch.setattr("sys.argv", ["authors_tables.py", str(checkout), "--out", str(out)])
    assert authors_tables.main() == 0
    found = json.loads(out.read_text())
    assert len(found["commit"]) == 40
    assert set(found["tables"]) == set(authors_tables.TABLES)
    for table in found["tables"].values():
        for name, row in table["beside"].items():
            game = Game.read(RESULTS / f"{name}.json")
            assert row["table"] == game.provenance["table"]
            theirs = Game.read(RESULTS / f"{next(iter(table['beside']))}.json").values[0]
            away = np.abs(theirs[1:] + 0.001 - game.values.mean(axis=0)[1:])
            assert row["largest_difference"] == pytest.approx(away.max(), abs=1e-5)
            free = allocate(game).payoffs
            wanted = (table["payoffs"] - free.mean(axis=0)) / free.std(axis=0, ddof=1)
            np.testing.assert_allclose(row["deviations"], wanted, atol=0.05)
    assert found["tables"]["copy of [1-2]"]["their_parties"] == ["p0", "p1", "p3", "p4", "p5", "p2"]
    assert "imdb-carried" in capsys.readouterr().out


RECORD = json.loads(authors_tables.OUT.read_text(encoding="utf-8"))


def test_the_comparison_on_file_is_with_the_records_as_they_are():
    """Else: python tools/authors_tables.py CHECKOUT, and read what the pages say."""
    assert RECORD["commit"] == "8780320f35908b00aca88c67891110eb2a0e9430"
    assert set(RECORD["tables"]) == set(authors_tables.TABLES)
    for name, table in RECORD["tables"].items():
        assert list(table["beside"]) == list(authors_tables.TABLES[name].records)
        for record, row in table["beside"].items():
            assert row["table"] == Game.read(RESULTS / f"{record}.json").provenance["table"]


def test_the_comparison_on_file_holds_together():
    for table in RECORD["tables"].values():
        parts = np.array(table["payoffs_by_size"])
        np.testing.assert_allclose(parts.sum(axis=1), table["payoffs"], atol=1e-4)
        assert sum(table["payoffs"]) == pytest.approx(0, abs=1e-4)
        assert Path(table["file"]).suffix == ".pkl"
