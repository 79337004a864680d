"""A damaged store is never taken for a whole one, and what is sound in it is saved."""

import random
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shapfair.cli.main import main
from shapfair.valuation import integrity
from shapfair.valuation.database import NotAStore, StoreError
from shapfair.valuation.inventory import holdings, prune
from shapfair.valuation.record import LINE, Damaged, Record
from shapfair.valuation.store import Store, digest

DESCRIPTION = {"experiment": "small", "data": "abc"}
OTHER = {"experiment": "other", "data": "abc"}
VALUES = {(seed, coalition): coalition / 31 + seed for seed in (0, 1) for coalition in range(1, 32)}
RECORD = Record("ab" * 32, 3, 5, 0.1 + 0.2, 1.25, "2026-11-27T10:00:00+00:00", "cd" * 32)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "s.sqlite"
    for description in (DESCRIPTION, OTHER):
        with Store(path, description) as store, store.transaction():
            origin = store.sign_in({"process": f"7 on {description['experiment']}"})
            for (seed, coalition), value in VALUES.items():
                store.put(seed, coalition, value, 0.5, origin)
    return path


@pytest.fixture
def copy(whole, tmp_path):
    return shutil.copy(whole, tmp_path / "s.sqlite")


def values(path, description=DESCRIPTION):
    with Store(path, description) as store:
        return {(record.seed, record.coalition): record.value for record in store.records([0, 1])}


def change(path, statement, *values):
    """As somebody who has the file open, and knows SQL."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(statement, values)


# --- records -------------------------------------------------------------------------------------


def test_a_record_is_read_as_it_was_written():
    text = RECORD.to_text()
    assert Record.from_text(text) == RECORD
    assert LINE.fullmatch(text.encode())
    assert "\n" not in text


@given(st.integers(0, 10**9), st.sampled_from("0123456789abcdefxyz {}\":,.'"))
def test_no_letter_of_a_record_changes_unseen(place, letter):
    text = RECORD.to_text()
    k = place % len(text)
    changed = text[:k] + letter + text[k + 1 :]
    if changed != text:
        with pytest.raises(Damaged):
            Record.from_text(changed)


@pytest.mark.parametrize("text", ["", " ", "{}", None, 5, b"{}", "x" * 10**6, "\udcff"])
def test_other_things_are_no_records(text):
    with pytest.raises(Damaged):
        Record.from_text(text)


# --- what is found -------------------------------------------------------------------------------


def test_nothing_is_wrong_with_a_whole_store(whole):
    assert values(whole) == values(whole, OTHER) == VALUES
    assert integrity.repair(whole).damaged is None
    assert [holding.values for holding in holdings(whole)] == [62, 62]


GONE = ("all missing", "a table")
"""SQLite overwrites what it deletes."""

FORGED = replace(RECORD, digest=digest(DESCRIPTION), seed=0, coalition=1, origin="").to_text()

CHANGES = {
    "a value": ("UPDATE records SET line = replace(line, '1.0', '1.1')", "checksum mismatch"),
    "a key": ("UPDATE records SET seed = 7 WHERE seed = 0 AND coalition = 5", "of another"),
    "swapped": (
        "UPDATE records SET line = (SELECT line FROM records AS other WHERE other.seed = 1 AND "
        "other.digest = records.digest AND other.coalition = 7 - records.coalition) "
        "WHERE seed = 1 AND coalition IN (3, 4)",
        "of another",
    ),
    "missing": ("DELETE FROM records WHERE coalition = 17", "not those that were put"),
    "all missing": ("DELETE FROM records", "not those that were put"),
    "the tally": ("UPDATE tally SET count = count - 1", "not those that were put"),
    "no tally": ("DELETE FROM tally", "not those that were put"),
    "a description": ("UPDATE experiments SET description = '{}'", "is not what was written"),
    "an origin": ("UPDATE origins SET document = '{'", "is not what was written"),
    "no origins": ("DELETE FROM origins", "where it comes from is missing"),
    "a table": ("DROP TABLE records", "no such table"),
    "a forged line": (f"UPDATE records SET line = '{FORGED}' WHERE coalition = 1", "that of anoth"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_was_changed_is_found_and_the_rest_is_saved(copy, capsys, what):
    statement, finding = CHANGES[what]
    change(copy, statement)
    with pytest.raises(NotAStore, match=finding):
        Store(copy, DESCRIPTION)
    assert main(["store", "check", str(copy)]) == 2
    assert finding in capsys.readouterr().err
    before = copy.read_bytes()
    assert main(["store", "repair", str(copy)]) == (2 if what in GONE else 0)
    aside = copy if what in GONE else copy.with_name("s.sqlite.damaged-1")
    assert aside.read_bytes() == before
    if what not in GONE:
        assert str(aside) in capsys.readouterr().out
        assert main(["store", "check", str(copy)]) == 0
        forged = {(0, 1): 0.1 + 0.2} if what == "a forged line" else {}  # which is whole by itself
        assert values(copy).items() <= {**VALUES, **forged}.items()


def test_a_line_that_is_whole_is_believed(copy):
    """A checksum finds accidents; that it does not find forgers is written where it stands."""
    with Store(copy, DESCRIPTION) as store:
        store.put(9, 1, 0.123)
    with Store(copy, DESCRIPTION) as store:
        assert store.get(9, 1) == 0.123


def flipped(content, rng):
    """The bytes with one bit of one of them changed."""
    place = rng.randrange(len(content))
    content = bytearray(content)
    content[place] ^= 1 << rng.randrange(8)
    return bytes(content)


def test_no_flipped_bit_changes_or_hides_a_value(whole, tmp_path):
    rng, path, content, refused = random.Random(1), tmp_path / "s.sqlite", whole.read_bytes(), 0
    for _ in range(150):
        path.write_bytes(flipped(content, rng))
        try:
            assert values(path) == VALUES
        except StoreError:
            refused += 1
    assert refused > 75  # of the file, over half is records


def test_from_any_damage_the_sound_values_are_saved(whole, tmp_path):
    """Pages lost, the head lost, the end cut off: what is saved is right, and it is most of it."""
    rng, content = random.Random(2), whole.read_bytes()
    damages = {
        "head": b"\xff" * 4096 + content[4096:],
        "end": content[: len(content) * 2 // 3],
        "start": content[len(content) // 4 :],
        "holes": b"".join(
            page if rng.random() < 0.8 else bytes(4096)
            for page in (content[k : k + 4096] for k in range(0, len(content), 4096))
        ),
    }
    for what, damaged in damages.items():
        path = tmp_path / f"{what}.sqlite"
        path.write_bytes(damaged)
        with pytest.raises(NotAStore):
            Store(path, DESCRIPTION)
        saved = integrity.repair(path)
        assert 30 <= saved.values < 124 or what == "head"
        assert values(path).items() <= VALUES.items()
        assert saved.damaged.read_bytes() == damaged
        assert [*tmp_path.glob(".*")] == []


def test_a_journal_of_the_damaged_file_is_not_applied_to_the_new_one(copy):
    journal = copy.with_name("s.sqlite-journal")
    content = copy.read_bytes()
    copy.write_bytes(b"\xff" * 4096 + content[4096:])
    journal.write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + bytes(504) + content)
    integrity.repair(copy)
    assert not journal.exists()
    assert values(copy) == VALUES


def test_what_holds_nothing_sound_is_left_alone(tmp_path, capsys):
    path = tmp_path / "s.sqlite"
    path.write_bytes(np.random.default_rng(0).bytes(10_000))
    before = path.read_bytes()
    assert main(["store", "repair", str(path)]) == 2
    assert "there is none, and nothing was changed" in capsys.readouterr().err
    assert path.read_bytes() == before
    assert [*tmp_path.iterdir()] == [path]


def test_another_programs_database_is_not_repaired(tmp_path):
    change(tmp_path / "s.sqlite", "CREATE TABLE mail (id INTEGER)")
    with pytest.raises(NotAStore, match="database of another program"):
        integrity.repair(tmp_path / "s.sqlite")


# --- the inventory -------------------------------------------------------------------------------


def test_the_list_shows_experiments(copy, capsys):
    assert main(["store", "list", str(copy)]) == 0
    shown = capsys.readouterr().out
    assert "small" in shown
    assert digest(OTHER)[:12] in shown
    assert " 0-1 " in shown


def test_prune_removes_one_experiment_and_leaves_a_whole_store(copy, capsys):
    assert prune(copy, digest(OTHER)[:12]) == 62
    assert values(copy) == VALUES
    assert values(copy, OTHER) == {}
    assert main(["store", "prune", str(copy), digest(OTHER)]) == 2
    assert "0 experiments are called" in capsys.readouterr().err
    assert main(["store", "prune", str(copy), digest(DESCRIPTION)[:7]]) == 2


@pytest.mark.parametrize("action", ["list", "check", "repair"])
def test_a_store_that_is_not_there_is_not_made(tmp_path, capsys, action):
    assert main(["store", action, str(tmp_path / "none.sqlite")]) == 2
    assert capsys.readouterr().err.endswith("none.sqlite: no such file\n")
    assert [*tmp_path.iterdir()] == []
