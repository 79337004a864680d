"""Values from any function: checked, kept, tried again, in this process and in others."""

import doctest
import itertools
import multiprocessing
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from fractions import Fraction

import elsewhere
import numpy as np
import pytest
from elsewhere import PARTIES, length
from hypothesis import given, settings
from hypothesis import strategies as st

import shapfair
from shapfair import allocate, evaluate
from shapfair.coalitions import bitmask, members
from shapfair.valuation import executors, functions, leases
from shapfair.valuation.executors import WorkerLost
from shapfair.valuation.functions import ScoreValuation
from shapfair.valuation.leases import Leases
from shapfair.valuation.protocol import Job
from shapfair.valuation.run import find, run
from shapfair.valuation.store import Store, digest

SPAWN = multiprocessing.get_context("spawn")
LENGTHS = np.arange(32.0)
"""Values of :func:`elsewhere.length` under seed 0, in bitmask order."""


def parties_of(n):
    return tuple("ABCDEFGH"[:n])


class Sometimes:
    """Fails for some coalitions, the first few times."""

    def __init__(self, *coalitions, times=10**9):
        self.left = dict.fromkeys(coalitions, times)
        self.calls = []

    def __call__(self, parties, seed):
        self.calls.append(parties)
        if self.left.get(parties, 0) > 0:
            self.left[parties] -= 1
            raise OSError("no licence")
        return length(parties, seed)


# Values


@settings(max_examples=50, deadline=None)
@given(data=st.data(), n=st.integers(1, 5), seeds=st.lists(st.integers(), min_size=1, unique=True))
def test_a_score_that_looks_values_up_gives_the_table_back(data, n, seeds):
    seeds = [seed % 2**63 for seed in seeds[:3]]
    seeds = list(dict.fromkeys(seeds))
    numbers = st.floats(-1e9, 1e9)
    table = np.array(
        [[0, *data.draw(st.lists(numbers, min_size=2**n - 1, max_size=2**n - 1))] for _ in seeds]
    )
    names = parties_of(n)

    def score(parties, seed):
        return table[seeds.index(seed), bitmask(map(names.index, parties))]

    evaluation = evaluate(score, names, name="look up", seeds=seeds)
    np.testing.assert_array_equal(evaluation.values, table)
    np.testing.assert_array_equal(evaluation.game.values, table)
    assert evaluation.game.parties == names
    assert (evaluation.failures, evaluation.found) == ((), 0)
    assert evaluation.game.provenance["seeds"] == seeds


def test_the_example_of_the_docstring():
    assert doctest.testmod(functions, raise_on_error=True).attempted > 5


def test_it_starts_without_jax_and_ends_in_an_allocation():
    code = (
        "import sys, shapfair; e = shapfair.evaluate(lambda p, s: len(p), ['A', 'B'], name='n'); "
        "assert shapfair.allocate(e.game).payoffs.tolist() == [[0, 0]]; "
        "sys.exit('jax' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_names_come_in_the_order_of_the_parties_and_the_empty_coalition_is_not_asked():
    seen = []
    evaluate(lambda parties, seed: seen.append(parties) or 1, ["b", "a"], name="n")
    assert sorted(seen) == [("a",), ("b",), ("b", "a")]


@pytest.mark.parametrize(
    "value", [3, 0.5, np.float32(0.5), np.float64(0.5), np.int8(-2), Fraction(1, 2)]
)
def test_real_numbers_are_values(value):
    found = evaluate(lambda parties, seed: value, ["A"], name="n").values
    np.testing.assert_array_equal(found, [[0, float(value)]])


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        (float("nan"), ValueError, "nan is not a finite number"),
        (np.float64("inf"), ValueError, r"np.float64\(inf\) is not a finite number"),
        (True, TypeError, "True is not a number"),
        (np.True_, TypeError, r"np.True_ is not a number"),
        (None, TypeError, "None is not a number"),
        ("0.5", TypeError, "'0.5' is not a number"),
        (1 + 0j, TypeError, r"\(1\+0j\) is not a number"),
        (np.ones(1), TypeError, r"array\(\[1.\]\) is not a number"),
    ],
)
def test_what_is_not_a_finite_number_is_refused_and_the_coalition_named(value, kind, message):
    with pytest.raises(kind, match=message) as caught:
        evaluate(
            lambda parties, seed: value if parties == ("A", "C") else 1, "A B C".split(), name="n"
        )
    assert caught.value.__notes__ == ["while valuing coalition {A, C}, seed 0"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"parties": "ABC"}, "parties: 'ABC' is one name"),
        ({"parties": ["A", "A"]}, "parties: two parties are named 'A'"),
        ({"parties": []}, "parties: no parties"),
        ({"name": " "}, "name: empty"),
        ({"seeds": []}, r"seeds: \(\), need at least one, each once"),
        ({"seeds": [1, 1]}, r"seeds: \(1, 1\), need at least one, each once"),
        ({"coalitions": [0]}, "coalitions: 0, need bitmasks from 1 to 7 for 3 parties"),
        ({"coalitions": [8]}, "coalitions: 8, need bitmasks from 1 to 7 for 3 parties"),
        ({"window": 0}, "window: 0, need at least 1"),
        ({"retries": -1}, "retries: -1, need 0 or more"),
    ],
)
def test_wrong_arguments_are_one_line(options, message):
    with pytest.raises(ValueError, match=message) as caught:
        evaluate(length, **{"parties": ["A", "B", "C"], "name": "n", **options})
    assert "\n" not in str(caught.value)


# Some coalitions only


def test_some_coalitions_leave_the_rest_nan_and_the_game_says_so():
    evaluation = evaluate(length, "A B C".split(), name="n", coalitions=[1, 3, 3], seeds=[0, 4])
    nan = np.nan
    np.testing.assert_array_equal(
        evaluation.values,
        [[0, 1, nan, 3, nan, nan, nan, nan], [0, 1.004, nan, 3.004, nan, nan, nan, nan]],
    )
    with pytest.raises(ValueError, match=r"10 of 14 are missing, the first .* \{B\} under seed 0"):
        _ = evaluation.game


def test_only_what_was_asked_for_is_shown_whatever_is_in_the_store(tmp_path):
    store = tmp_path / "s.sqlite"
    evaluate(length, PARTIES, name="n", store=store)
    some = evaluate(length, PARTIES, name="n", store=store, coalitions=[1, 2])
    assert some.found == 2
    assert np.isfinite(some.values).sum() == 3


# Failures


def test_an_error_of_the_score_comes_out_as_it_is_with_its_coalition():
    with pytest.raises(OSError, match="no licence") as caught:
        evaluate(Sometimes(("A", "B")), PARTIES, name="n")
    assert caught.value.__notes__ == ["while valuing coalition {A, B}, seed 0"]


def test_without_retries_nothing_is_tried_twice():
    score = Sometimes(("A", "B"))
    evaluation = evaluate(score, PARTIES, name="n", on_error="record")
    assert len(score.calls) == len(set(score.calls)) == 31
    assert [str(failure) for failure in evaluation.failures] == [
        "{A, B}, seed 0: OSError: no licence"
    ]
    (failure,) = evaluation.failures
    assert (failure.coalition, failure.seed) == (("A", "B"), 0)
    want = np.where(np.arange(32) == 3, np.nan, LENGTHS)
    np.testing.assert_array_equal(evaluation.values[0], want)
    with pytest.raises(ValueError, match=r"1 of 31 are missing, 1 of them failed, .* \{A, B\}"):
        allocate(evaluation.game)


@pytest.mark.parametrize("pool", [None, ThreadPoolExecutor])
def test_a_failure_is_tried_again_as_often_as_asked(pool):
    score = Sometimes(("A", "B"), ("E",), times=2)
    executor = pool(2) if pool else None
    evaluation = evaluate(score, PARTIES, name="n", retries=2, executor=executor)
    np.testing.assert_array_equal(evaluation.values[0], LENGTHS)
    assert len(score.calls) == 31 + 4
    with pytest.raises(OSError, match="no licence"):
        evaluate(Sometimes(("E",), times=3), PARTIES, name="n", retries=2, executor=executor)


def test_what_failed_is_not_kept_and_what_did_not_is(tmp_path):
    store = tmp_path / "s.sqlite"
    score = Sometimes(("A", "B"))
    evaluate(score, PARTIES, name="n", on_error="record", store=store)
    score.left.clear()
    again = evaluate(score, PARTIES, name="n", store=store)
    assert again.found == 30
    np.testing.assert_array_equal(again.values[0], LENGTHS)


# The store


def test_a_run_stopped_by_ctrl_c_goes_on_where_it_was(tmp_path):
    store = tmp_path / "s.sqlite"
    calls = []

    def score(parties, seed):
        calls.append(parties)
        if len(calls) == 10:
            raise KeyboardInterrupt
        return length(parties, seed)

    with pytest.raises(KeyboardInterrupt):
        evaluate(score, PARTIES, name="n", store=store)
    evaluation = evaluate(score, PARTIES, name="n", store=store)
    assert evaluation.found == 9
    assert len(calls) == 10 + 22
    np.testing.assert_array_equal(evaluation.values[0], LENGTHS)
    assert [path.name for path in tmp_path.iterdir()] == ["s.sqlite"]


def test_name_and_parties_key_the_store_and_nothing_else(tmp_path):
    store = tmp_path / "s.sqlite"
    evaluate(length, PARTIES, name="one", store=store)
    edited = evaluate(lambda parties, seed: -1, PARTIES, name="one", store=store)
    assert edited.found == 31
    np.testing.assert_array_equal(edited.values[0], LENGTHS)
    other = evaluate(lambda parties, seed: -1, PARTIES, name="two", store=store)
    assert (other.found, other.strangers) == (0, 31)
    assert evaluate(length, PARTIES[::-1], name="one", store=store).found == 0
    assert edited.game.provenance["digest"] == digest(
        {"protocol": 1, "score": "one", "parties": list(PARTIES)}
    )


def test_nothing_is_printed_where_standard_error_is_no_terminal(capfd):
    evaluate(length, PARTIES, name="n")
    assert capfd.readouterr() == ("", "")


# Threads and processes


@pytest.mark.parametrize("score", [length, elsewhere.slow_length])
@pytest.mark.parametrize("window", [None, 1])
def test_threads_give_the_same_values(score, window):
    with ThreadPoolExecutor(3) as executor:
        evaluation = evaluate(
            score, PARTIES, name="n", seeds=[0, 5], executor=executor, window=window
        )
    np.testing.assert_array_equal(evaluation.values, [LENGTHS, np.append(0, LENGTHS[1:] + 0.005)])


@pytest.fixture(scope="module")
def pool():
    with ProcessPoolExecutor(2, mp_context=SPAWN) as executor:
        yield executor


def test_processes_give_the_same_values_and_odd_errors_come_back(pool):
    many = evaluate(length, PARTIES, name="n", seeds=range(30), executor=pool)
    assert many.values.sum() == pytest.approx(30 * LENGTHS.sum() + 31 * sum(range(30)) / 1000)
    assert many.work == {"calls": 31 * 30}
    odd = evaluate(elsewhere.fails_oddly, PARTIES, name="n", executor=pool, on_error="record")
    (failure,) = odd.failures
    assert failure.coalition == ("B", "C")
    assert "TwoParts: this and that" in str(failure)
    assert "in fails_oddly" in failure.error.__notes__[0]


def test_a_score_that_cannot_be_sent_is_one_line(pool):
    with pytest.raises(ValueError, match=r"executor: 'n' does not work on its workers .*lambda"):
        evaluate(lambda parties, seed: 1.0, PARTIES, name="n", executor=pool)


def test_a_pool_that_was_shut_down_is_one_line(tmp_path):
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(WorkerLost, match="are gone: nothing is kept without a store"):
        evaluate(length, PARTIES, name="n", executor=executor)


def test_a_coalition_that_kills_its_worker_is_named_and_no_other(tmp_path):
    store = tmp_path / "s.sqlite"
    with ProcessPoolExecutor(2, mp_context=SPAWN) as executor:
        with pytest.raises(WorkerLost, match=r"coalition \{B, C\}, seed 0: its worker died") as one:
            evaluate(elsewhere.kills_its_worker, PARTIES, name="n", store=store, executor=executor)
    assert "\n" not in str(one.value)
    with ProcessPoolExecutor(2, mp_context=SPAWN) as executor:
        evaluation = evaluate(
            elsewhere.kills_its_worker,
            PARTIES,
            name="n",
            store=store,
            executor=executor,
            on_error="record",
        )
    assert [failure.coalition for failure in evaluation.failures] == [("B", "C")]
    want = np.where(np.arange(32) == 6, np.nan, LENGTHS)
    np.testing.assert_array_equal(evaluation.values[0], want)


def test_a_worker_that_was_killed_costs_nothing_else(tmp_path):
    with ProcessPoolExecutor(2, mp_context=SPAWN) as executor:
        evaluation = evaluate(elsewhere.KillsOnce(tmp_path), PARTIES, name="n", executor=executor)
    np.testing.assert_array_equal(evaluation.values[0], LENGTHS)


def test_a_process_that_a_broken_pool_has_forgotten_is_ended(tmp_path, monkeypatch):
    """Python 3.11 may start one at the moment when another one dies, and then waits for it."""
    forgotten, end = SPAWN.Process(target=time.sleep, args=(120,)), executors.end_broken

    def end_with_another(pool):
        if pool is executor and pool._broken and forgotten.pid is None:
            pool._executor_manager_thread.join(30)
            forgotten.start()
            pool._processes[forgotten.pid] = forgotten
        end(pool)

    monkeypatch.setattr(executors, "end_broken", end_with_another)
    with ProcessPoolExecutor(2, mp_context=SPAWN) as executor:
        evaluate(elsewhere.KillsOnce(tmp_path), PARTIES, name="n", executor=executor)
        forgotten.join(30)
        assert forgotten.exitcode == -signal.SIGKILL


# Processes that share a store


@pytest.mark.parametrize("size", [0, 512, 5000])
def test_an_empty_journal_of_a_killed_process_goes(tmp_path, size):
    """SQLite removes it with the next change of the file, and this run has nothing to change."""
    store, journal = tmp_path / "s.sqlite", tmp_path / "s.sqlite-journal"
    evaluate(length, PARTIES, name="n", store=store)
    journal.write_bytes(bytes(size))
    again = evaluate(length, PARTIES, name="n", store=store)
    assert again.found == 31
    np.testing.assert_array_equal(again.values[0], LENGTHS)
    assert [path.name for path in tmp_path.iterdir()] == ["s.sqlite"]


def test_two_processes_share_the_work(tmp_path):
    log, seeds = tmp_path / "log", 4
    arguments = (tmp_path / "s.sqlite", log, seeds)
    workers = [SPAWN.Process(target=elsewhere.share_a_store, args=arguments) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    calls = [line.split() for line in log.read_text().splitlines()]
    assert len(calls) == len({(names, seed) for _, names, seed in calls}) == 31 * seeds
    shares = [sum(pid == one for pid, _, _ in calls) for one in {pid for pid, _, _ in calls}]
    assert len(shares) == 2
    assert min(shares) > 20

    # Whoever asks afterwards has found nothing himself, and is told who has found what.
    score = elsewhere.Logged(log, 0.02)
    later = evaluate(score, PARTIES, name="logged", seeds=range(seeds), store=arguments[0])
    assert (later.found, later.work) == (31 * seeds, {})
    for maker in later.makers:
        pid = maker.origin["process"].split()[0]
        theirs = {(names, int(seed)) for one, names, seed in calls if one == pid}
        assert theirs == {
            ("".join(PARTIES[i] for i in members(c)), seed)
            for seed, coalitions in maker.values.items()
            for c in coalitions
        }
        assert 0.02 * len(theirs) < maker.seconds < 2 * len(theirs)
    assert len(later.makers) == 2
    assert later.game.provenance["makers"] == [maker.to_dict() for maker in later.makers]


JOB = Job(3, 0)


def lease(store, owner, ends):
    store.execute("INSERT OR REPLACE INTO leases VALUES (?, 0, 3, ?, ?)", (store.key, owner, ends))


@pytest.mark.parametrize(
    ("owner", "seconds", "free"),
    [
        ("elsewhere:1:x", 30, False),
        ("elsewhere:1:x", -1, True),  # not renewed
        ("elsewhere:1:x", 3600, True),  # written before the clock went back
        ("{here}:{dead}:x", 30, True),
        ("{here}:1:x", 30, False),  # of another user
    ],
)
def test_leases_of_living_processes_count(tmp_path, owner, seconds, free):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    owner = owner.format(here=leases.socket.gethostname(), dead=dead.pid)
    with Store(tmp_path / "s.sqlite", {}) as store, Leases(store) as mine:
        lease(store, owner, time.time() + seconds)
        assert mine.take([JOB]) == ([JOB] if free else [])
        with Leases(store) as other:
            assert other.take([JOB]) == []
        assert store.execute("SELECT COUNT(*) FROM leases") == [(1,)]
    with Store(tmp_path / "s.sqlite", {}) as store:
        assert store.execute("SELECT COUNT(*) FROM leases") == [(0 if free else 1,)]


def test_a_lease_is_renewed_while_its_process_works(tmp_path, monkeypatch):
    monkeypatch.setattr(leases, "LEASE", 0.2)
    with Store(tmp_path / "s.sqlite", {}) as store, Leases(store) as mine, Leases(store) as other:
        assert mine.take([JOB]) == [JOB]
        for _ in range(8):
            time.sleep(0.1)
            assert other.take([JOB]) == []
        mine._over.set()  # as if it hung
        time.sleep(0.5)
        assert other.take([JOB]) == [JOB]


def test_who_waits_for_another_process_takes_over_when_it_is_gone(tmp_path, monkeypatch):
    store = tmp_path / "s.sqlite"
    valuation = functions.ScoreValuation(length, PARTIES, "n")
    with Store(store, valuation.description()) as values:
        lease(values, "elsewhere:1:x", time.time() + 1)
    start = time.monotonic()
    evaluation = evaluate(length, PARTIES, name="n", store=store)
    assert time.monotonic() - start > 0.5
    np.testing.assert_array_equal(evaluation.values[0], LENGTHS)


def test_public_names_are_those_of_the_rooms():
    assert shapfair.evaluate is functions.evaluate
    assert shapfair.Evaluation.__module__ == "shapfair.valuation.evaluation"


# --- many parties, few coalitions ------------------------------------------------------------


def test_some_coalitions_of_sixty_four_parties(tmp_path):
    names = [f"P{i}" for i in range(64)]
    calls = []

    def score(parties, seed):
        calls.append(parties)
        return len(parties) + seed

    wanted = [1, 2**63, 2**64 - 1, 2**63 + 2**62 + 1]
    valuation = ScoreValuation(score, tuple(names), "size")
    store = tmp_path / "values.sqlite"
    result = find(valuation, wanted, seeds=[0, 10], store=store)
    assert result.values == {
        (seed, coalition): coalition.bit_count() + seed
        for seed, coalition in itertools.product([0, 10], wanted)
    }
    assert [sorted(maker.values[10]) for maker in result.makers] == [sorted(wanted)]
    again = find(valuation, wanted[::-1], seeds=[0, 10], store=store)
    assert (again.values, again.found, len(calls)) == (result.values, 8, 8)
    with pytest.raises(ValueError, match="parties: 65, need at most 64"):
        find(ScoreValuation(score, (*names, "Q"), "size"), wanted)
    with pytest.raises(ValueError, match="n = 64 parties need more memory"):
        run(valuation)
