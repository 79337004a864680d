"""The store of finished values: what is committed stays, whatever happens to the process."""

import json
import multiprocessing
import sqlite3
import threading
import time
from contextlib import closing

import numpy as np
import pytest
from elsewhere import put_many

from shapfair.valuation.database import APPLICATION_ID, StoreError
from shapfair.valuation.store import Store, digest

DESCRIPTION = {"data": "abc", "training": {"epochs": 5}}


def filled(path, coalitions):
    """A store with a value for every coalition below a number."""
    with Store(path, DESCRIPTION) as store, store.transaction():
        origin = store.sign_in({"process": "7 on a machine"})
        for coalition in range(1, coalitions):
            store.put(0, coalition, coalition / coalitions, seconds=1.5, origin=origin)


def test_values_survive_reopening(tmp_path):
    with Store(tmp_path / "store.sqlite", DESCRIPTION) as store:
        store.put(seed=3, coalition=1, value=0.5)
        store.put(seed=3, coalition=3, value=0.75)
    with Store(tmp_path / "store.sqlite", DESCRIPTION) as store:
        assert store.get(3, 1) == 0.5
        assert store.get(4, 1) is None
        np.testing.assert_array_equal(
            store.table(seeds=[3, 4], n=2), [[0, 0.5, np.nan, 0.75], [0, np.nan, np.nan, np.nan]]
        )


def test_first_value_counts(tmp_path):
    with Store(tmp_path / "s.sqlite", DESCRIPTION) as one:
        with Store(tmp_path / "s.sqlite", DESCRIPTION) as two:
            one.put(0, 1, 0.25)
            two.put(0, 1, 0.5)
            assert two.get(0, 1) == 0.25


def test_every_part_of_the_description_separates_experiments(tmp_path):
    path = tmp_path / "s.sqlite"
    with Store(path, DESCRIPTION) as store:
        store.put(0, 1, 0.5)
    for other in ({**DESCRIPTION, "data": "abd"}, {**DESCRIPTION, "training": {"epochs": 6}}):
        with Store(path, other) as store:
            assert store.get(0, 1) is None
            assert store.strangers() == 1
    with Store(path, DESCRIPTION) as store:
        assert store.get(0, 1) == 0.5
        assert store.strangers() == 0


def test_digest_ignores_the_order_of_keys_only():
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({"a": 1, "b": 2}) != digest({"a": 2, "b": 1})


def test_locked_store_is_one_clear_error_and_nothing_is_lost(tmp_path):
    path = tmp_path / "s.sqlite"
    with Store(path, DESCRIPTION, timeout=0.1) as store:
        store.put(0, 1, 0.5)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match=r"s\.sqlite: database is locked: another process"):
            store.put(0, 2, 0.6)
        other.execute("ROLLBACK")
        other.close()
        store.put(0, 2, 0.6)
        assert (store.get(0, 1), store.get(0, 2)) == (0.5, 0.6)


@pytest.mark.parametrize("damage", ["text", "head"])
def test_damaged_file_is_named_and_left_alone(tmp_path, damage):
    path = tmp_path / "s.sqlite"
    if damage == "text":
        path.write_text("not a database, but long enough to be taken for one" * 100)
    else:
        filled(path, 2000)
        content = bytearray(path.read_bytes())
        content[20:4096] = b"\xff" * 4076
        path.write_bytes(content)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"s\.sqlite: damaged, or not a store"):
        Store(path, DESCRIPTION)
    assert path.read_bytes() == before


def test_database_of_another_program_is_refused(tmp_path):
    path = tmp_path / "other.sqlite"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE mail (id INTEGER)")
    db.commit()
    db.close()
    with pytest.raises(StoreError, match="database of another program"):
        Store(path, DESCRIPTION)


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be opened"):
        Store(tmp_path / "file" / "s.sqlite", DESCRIPTION)


OLDER = """
CREATE TABLE experiments (digest TEXT PRIMARY KEY, description TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE coalition_values (
    digest TEXT NOT NULL REFERENCES experiments,
    seed INTEGER NOT NULL,
    coalition INTEGER NOT NULL,
    value REAL NOT NULL,
    finished TEXT NOT NULL,
    PRIMARY KEY (digest, seed, coalition)
) WITHOUT ROWID;
"""
LEASES = """
CREATE TABLE leases (
    digest TEXT NOT NULL,
    seed INTEGER NOT NULL,
    coalition INTEGER NOT NULL,
    owner TEXT NOT NULL,
    ends REAL NOT NULL,
    PRIMARY KEY (digest, seed, coalition)
) WITHOUT ROWID;
"""


@pytest.mark.parametrize("version", [0, 1])
def test_values_of_an_older_store_are_taken_over(tmp_path, version):
    path, key = tmp_path / "s.sqlite", digest(DESCRIPTION)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(OLDER + LEASES * version)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {version}")
        db.execute("INSERT INTO experiments VALUES (?, '{}')", (key,))
        db.execute("UPDATE experiments SET description = ?", (json.dumps(DESCRIPTION),))
        db.execute("INSERT INTO coalition_values VALUES (?, 3, 1, 0.5, '2026-11-24')", (key,))
    for _ in range(2):
        with Store(path, DESCRIPTION) as store:
            (record,) = store.records([3])
            assert (record.value, record.seconds, record.origin) == (0.5, None, "")
            assert record.finished == "2026-11-24"
            assert store.execute("SELECT COUNT(*) FROM leases") == [(0,)]
            assert store.put(3, 1, 0.75) is False


def test_store_of_a_newer_version_is_refused(tmp_path):
    path = tmp_path / "s.sqlite"
    with Store(path, DESCRIPTION) as store:
        store.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="made by a newer shapfair: update it"):
        Store(path, DESCRIPTION)


def test_what_fails_in_the_middle_of_a_transaction_is_undone(tmp_path):
    with Store(tmp_path / "s.sqlite", DESCRIPTION) as store:
        with pytest.raises(ZeroDivisionError), store.transaction():
            store.put(0, 1, 0.5) and 1 / 0
        assert store.get(0, 1) is None
        store.put(0, 1, 0.75)
    with Store(tmp_path / "s.sqlite", DESCRIPTION) as store:
        assert store.get(0, 1) == 0.75


def test_two_processes_share_a_new_file(tmp_path):
    path = tmp_path / "s.sqlite"
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=put_many, args=(path, DESCRIPTION, first)) for first in (1, 2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    with Store(path, DESCRIPTION) as store:
        values = store.table([0], 9)[0, 1:400]
    np.testing.assert_array_equal(values, np.arange(1, 400) / 1000)


def test_stores_of_one_process_do_not_lock_each_other_out(tmp_path):
    """A transaction of one, while a thread writes through another to the same file."""
    path = tmp_path / "store.sqlite"
    with Store(path, DESCRIPTION, timeout=3.0) as one, Store(path, DESCRIPTION, timeout=3.0) as two:
        failures = []

        def write():
            try:
                two.put(0, 2, 0.5)
            except StoreError as error:
                failures.append(error)

        thread = threading.Thread(target=write)
        with one.transaction():
            one.put(0, 1, 0.5)
            thread.start()
            time.sleep(0.2)  # the other one waits by now
            one.put(0, 3, 0.5)
        thread.join()
        assert failures == []
        assert (one.get(0, 1), one.get(0, 2), one.get(0, 3)) == (0.5, 0.5, 0.5)


def test_a_value_comes_with_all_that_is_known_of_it(tmp_path):
    filled(tmp_path / "s.sqlite", 3)
    with Store(tmp_path / "s.sqlite", DESCRIPTION) as store:
        one, two = store.records([0])
        assert (one.value, one.seconds, two.coalition) == (1 / 3, 1.5, 2)
        assert one.finished.endswith("+00:00")
        assert store.origins() == {one.origin: {"process": "7 on a machine"}}
        assert store.records([1]) == []


@pytest.mark.parametrize("value", [1.0000001, -1e-9, float("nan"), float("inf")])
def test_values_where_the_measure_does_not_lie_are_refused(tmp_path, value):
    path = tmp_path / "s.sqlite"
    with Store(path, DESCRIPTION, bounds=(0.0, 1.0)) as store:
        with pytest.raises(ValueError, match=r"coalition 5, seed 2: value .* is not from 0 to 1"):
            store.put(2, 5, value)
        assert store.keys() == set()
    with Store(path, DESCRIPTION) as store:
        store.put(2, 5, 4182753.0)  # as by somebody who writes what he likes
    with Store(path, DESCRIPTION, bounds=(0.0, 1.0)) as store:
        with pytest.raises(StoreError, match=r"coalition 5, seed 2: value 4.18275e\+06 is not"):
            store.get(2, 5)
        with pytest.raises(StoreError, match=r"shapfair store prune .*s\.sqlite [0-9a-f]{12}` rem"):
            store.table([2], 3)
