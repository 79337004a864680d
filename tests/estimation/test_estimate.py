"""Estimates of games that are valued: budgets, stores, noise, intervals, rewards."""

import doctest
import math
import signal
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import pairwise
from math import comb
from multiprocessing import get_context

import elsewhere
import numpy as np
import pytest
from scipy import stats

import shapfair
from shapfair import Game, allocate, conditional_shapley_values
from shapfair.coalitions import bitmask
from shapfair.estimation import Estimate, campaign, estimate
from shapfair.estimation.design import always, least, random_design
from shapfair.estimation.known import PartialTable
from shapfair.estimation.rewards import reward
from shapfair.estimation.training_noise import flow_variance, payoff_variance, variance_by_size
from shapfair.estimation.weights import payoffs_of
from shapfair.lattice import membership
from shapfair.noise import payoff_matrix
from shapfair.valuation.store import Store

SPAWN = get_context("spawn")
N = 8
PARTIES = tuple("abcdefgh")
HAS = np.random.default_rng(1).random((N, 25)) < 0.3


def score(members, seed):
    """The share of 25 items that the parties have together, and a little by chance."""
    held = HAS[[PARTIES.index(name) for name in members]].any(axis=0).mean()
    if not seed:
        return float(held)
    coalition = bitmask(PARTIES.index(name) for name in members)
    return float(held + 0.01 * np.random.default_rng([seed, coalition]).standard_normal())


VALUES = np.append(
    0.0, [score([PARTIES[i] for i in range(N) if c >> i & 1], 0) for c in range(1, 2**N)]
)
FLOWS = conditional_shapley_values(VALUES)


def table(coalitions, values=VALUES, parties=PARTIES):
    values = np.atleast_2d(values)
    return PartialTable(parties, tuple(coalitions), values[:, list(coalitions)])


def test_the_example_of_the_documentation():
    assert doctest.testmod(campaign).failed == 0
    assert shapfair.estimate is estimate
    assert shapfair.Estimate is Estimate


def test_a_budget_is_kept_to_and_the_truth_is_within_the_intervals():
    calls = []

    def counted(members, seed):
        calls.append(members)
        return score(members, seed)

    found = estimate(counted, PARTIES, evaluations=160)
    assert len(calls) == len(set(calls)) == found.evaluations == 160
    assert found.share == 160 / 255
    assert (found.design, found.method, found.warnings) == ("random", "coverage process", ())
    assert found.promise.endswith("include those of an estimate that is unbiased for any game")
    for quantity, truth in [
        ("flows", FLOWS),
        ("payoffs", payoffs_of(FLOWS)),
        ("shapley_values", (payoffs_of(FLOWS) + VALUES[-1]) / N),
    ]:
        low, high = found.intervals(quantity)
        assert ((low - 1e-12 <= truth) & (truth <= high + 1e-12)).all()
        inner = found.intervals(quantity, simultaneous=False)
        assert (inner[0] >= low).all()
        assert (inner[1] <= high).all()
    assert found.payoffs.sum() == pytest.approx(0, abs=1e-12)
    assert found.shapley_values.sum() == pytest.approx(VALUES[-1])
    np.testing.assert_allclose(found.flows.sum(axis=1), VALUES[-1] - VALUES[2 ** np.arange(N)])
    assert np.linalg.norm(found.flows - FLOWS) < np.linalg.norm(found.baseline - FLOWS) / 4


def test_quantiles_are_students():
    """Of a single flow, from the definition; and of the normal distribution without sampling."""
    found = estimate(score, PARTIES, evaluations=90, seeds=(1, 2))
    terms, sizes = found.sampling.flows()[:, 1, 4], found.sampling.groups
    parts = [terms[sizes == size] for size in set(sizes)]
    total = sum((part**2).sum() for part in parts) + found.errors["flows"]["training"][1, 4] ** 2
    normal = [(part**2).sum() ** 2 / (len(part) - 1) for part in parts]
    heavy = [len(part) * statistics.variance(part**2) / 2 for part in parts]
    assert sum(map(float.__gt__, heavy, normal)) in range(1, len(parts))  # neither everywhere
    degrees = total**2 / sum(map(max, normal, heavy))
    for simultaneous, chances in [(False, 1), (True, 56)]:
        low, high = found.intervals("flows", simultaneous=simultaneous)
        quantile = stats.t.ppf(1 - 0.025 / chances, degrees)
        ends = found.flows[1, 4], found.unbiased[1, 4]
        assert low[1, 4] == pytest.approx(min(ends) - quantile * np.sqrt(total))
        assert high[1, 4] == pytest.approx(max(ends) + quantile * np.sqrt(total))
    payoffs, shapley = (np.subtract(*found.intervals(x)) for x in ("payoffs", "shapley_values"))
    assert (shapley < payoffs / N).all()  # wider, as the grand coalition's value is noisy
    quiet = estimate(score, PARTIES, evaluations=90)
    payoffs, shapley = (np.subtract(*quiet.intervals(x)) for x in ("payoffs", "shapley_values"))
    np.testing.assert_allclose(shapley, payoffs / N)
    exact = estimate(score, PARTIES[:5], seeds=(1, 2))
    low, high = exact.intervals("payoffs", simultaneous=False)
    np.testing.assert_allclose(high - low, 2 * 1.959964 * exact.standard_error("payoffs"), 1e-6)


def test_few_parties_are_enumerated():
    found = estimate(score, PARTIES[:6])
    assert (found.is_exact, found.evaluations, found.method) == (True, 63, "all coalitions")
    np.testing.assert_allclose(found.flows, conditional_shapley_values(VALUES[:64]))
    assert found.margin == 0
    assert found.next_purchase.startswith("another seed for all coalitions (63 evaluations)")


def test_a_tiny_budget_has_no_errors_and_says_so():
    found = estimate(score, PARTIES, evaluations=20)
    assert (found.design, found.evaluations) == ("paired", 20)
    assert found.warnings == (f"standard errors are not known: 20 evaluations, need {least(N)}",)
    assert np.isnan(found.standard_error("payoffs")).all()
    assert "certificate: none" in found.promise
    assert found.next_purchase == "coalitions: enough for standard errors"


def test_a_small_budget_is_warned_of():
    found = estimate(score, PARTIES, evaluations=60)
    assert found.warnings == (
        "60 evaluations for 8 parties: intervals hold less often than they say below 160 "
        "(20 a party)",
    )


def test_an_active_design_says_that_it_has_no_certificate():
    found = estimate(score, PARTIES, evaluations=160, design="active")
    assert "the active design has no certificate" in found.warnings[0]
    assert found.promise.endswith("certificate: none")
    random = estimate(score, PARTIES, evaluations=160)
    assert np.linalg.norm(found.flows - FLOWS) < np.linalg.norm(random.flows - FLOWS)


def test_a_larger_budget_continues_a_smaller_one_from_the_store(tmp_path):
    calls = []

    def counted(members, seed):
        calls.append((members, seed))
        return score(members, seed)

    options = {"seeds": (0, 3), "name": "one", "store": tmp_path / "values.sqlite"}
    small = estimate(counted, PARTIES, evaluations=70, **options)
    large = estimate(counted, PARTIES, evaluations=120, **options)
    assert len(calls) == len(set(calls)) == 240
    assert set(small.table.coalitions) < set(large.table.coalitions)
    alone = estimate(score, PARTIES, evaluations=120, seeds=(0, 3))
    np.testing.assert_array_equal(alone.flows, large.flows)


@pytest.mark.parametrize("design", ["random", "active"])
def test_a_stopped_estimate_that_goes_on_is_the_undisturbed_one(tmp_path, design):
    left = [70]

    def stopping(members, seed):
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return score(members, seed)

    options = {"evaluations": 100, "design": design, "name": "x", "store": tmp_path / "v.sqlite"}
    with pytest.raises(KeyboardInterrupt):
        estimate(stopping, PARTIES, **options)
    left[0] = -1
    resumed = estimate(stopping, PARTIES, **options)
    with ThreadPoolExecutor(2) as executor:
        undisturbed = estimate(score, PARTIES, evaluations=100, design=design, executor=executor)
    np.testing.assert_array_equal(resumed.flows, undisturbed.flows)
    np.testing.assert_array_equal(
        resumed.standard_error("flows"), undisturbed.standard_error("flows")
    )


@pytest.mark.parametrize("design", ["random", "active"])
def test_a_killed_estimate_that_goes_on_is_the_undisturbed_one(tmp_path, design):
    store, log = tmp_path / "v.sqlite", tmp_path / "log"
    process = SPAWN.Process(target=elsewhere.estimate_slowly, args=(store, log, design))
    process.start()
    deadline = time.monotonic() + 60
    while not log.exists() or len(log.read_text().splitlines()) < 60:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    description = {"protocol": 1, "score": "letters", "parties": list(elsewhere.TREES)}
    with Store(store, description) as values:
        kept = len(values.keys())
    assert 59 <= kept < 90
    calls = []

    def counted(trees, seed):
        calls.append(trees)
        return elsewhere.letters(trees, seed)

    options = {"evaluations": 90, "design": design}
    resumed = estimate(counted, elsewhere.TREES, name="letters", store=store, **options)
    assert len(calls) == 90 - kept
    undisturbed = estimate(elsewhere.letters, elsewhere.TREES, **options)
    assert resumed.table.coalitions == undisturbed.table.coalitions
    np.testing.assert_array_equal(resumed.payoffs, undisturbed.payoffs)
    for quantity in ("flows", "payoffs"):
        np.testing.assert_array_equal(
            resumed.standard_error(quantity), undisturbed.standard_error(quantity)
        )
        np.testing.assert_array_equal(resumed.intervals(quantity), undisturbed.intervals(quantity))


@pytest.mark.parametrize("design", ["random", "active"])
@pytest.mark.parametrize("outcome", ["raised", math.nan, None])
def test_a_coalition_that_fails_is_an_error_that_names_it(design, outcome):
    def failing(members, seed):
        if members != PARTIES[:7]:
            return score(members, seed)
        if outcome == "raised":
            raise RuntimeError("no data")
        return outcome

    with pytest.raises((RuntimeError, ValueError, TypeError)) as caught:
        estimate(failing, PARTIES, design=design, evaluations=255)
    assert caught.value.__notes__ == ["while valuing coalition {a, b, c, d, e, f, g}, seed 0"]


def test_precision_stops_at_preset_budgets():
    calls = []

    def counted(members, seed):
        calls.append(members)
        return score(members, seed)

    wanted = 0.7 * estimate(score, PARTIES, evaluations=160).margin
    found = estimate(counted, PARTIES, precision=wanted)
    assert len(calls) == len(set(calls)) == found.evaluations
    assert found.margin <= wanted
    assert found.evaluations in campaign._budgets(N, None, wanted, "random")
    assert 160 < found.evaluations < 255
    assert f"at {found.looks} budgets together" in found.promise
    # All looks count: with one look the same values have narrower intervals.
    assert Estimate.from_table(found.table, design="random").margin < found.margin
    budgets = campaign._budgets(20, None, 0.1, "random")
    assert (budgets[1], len(budgets)) == (400, campaign.LOOKS + 1)
    assert all(b / a == pytest.approx(1.5, abs=0.01) for a, b in pairwise(budgets))
    assert found.looks == len(campaign._budgets(N, None, wanted, "random")) - 1
    assert estimate(score, PARTIES, precision=1e-9, evaluations=200).evaluations == 200
    first, settled = (estimate(score, PARTIES, evaluations=m) for m in (106, 160))
    assert np.abs(first.payoffs - settled.payoffs).max() < settled.margin  # at a single look
    assert estimate(score, PARTIES, precision=settled.margin).evaluations > 160


def test_precision_waits_until_the_estimate_has_settled():
    """A pair that is worth more comes late: before, the game seems additive and all is known."""
    parties = tuple("abcdefghij")

    def late(members, seed):
        return len(members) + 2.0 * (members == ("a", "e"))

    truth = np.where(np.isin(parties, ["a", "e"]), 2 / 9, -1 / 18)
    before, first = (estimate(late, parties, evaluations=m) for m in (133, 200))
    assert before.margin < 1e-9
    assert Estimate.from_table(first.table, design="random", looks=6).margin < 0.2
    assert np.abs(first.payoffs - before.payoffs).max() > 0.2
    found = estimate(late, parties, precision=0.2)
    assert (found.evaluations, found.looks) == (300, 6)
    assert np.abs(found.payoffs - truth).max() < 0.2


def test_intervals_hold_where_the_surrogate_misleads():
    """The completed table takes the pair's worth for that of others like it."""
    parties = tuple("abcdefghij")
    truth = np.where(np.isin(parties, ["c", "h"]), 2 / 9, -1 / 18)
    for seed in range(3):
        found = estimate(
            lambda members, _: len(members) + 2.0 * (members == ("c", "h")),
            parties,
            evaluations=450,
            seed=seed,
        )
        low, high = found.intervals("payoffs")
        assert ((low <= truth) & (truth <= high)).all()
        alone = (high - low) / 2 - np.abs(payoffs_of(found.unbiased) - found.payoffs) / 2
        assert (np.abs(found.payoffs - truth) > alone).any()  # from the point estimate they miss


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"evaluations": 8}, "evaluations: 8, need at least 9 for 8 parties"),
        ({"precision": 0}, "precision: 0, need a number > 0"),
        ({"precision": math.nan}, "precision: nan, need a number > 0"),
        ({"precision": 0.1, "design": "active"}, "precision: needs design 'random'"),
        ({"store": "x.sqlite"}, "name: need one for this version of the score"),
        ({"seeds": ()}, "seeds: "),
    ],
)
def test_what_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        estimate(score, PARTIES, **options)


def test_wrong_parties_are_refused():
    with pytest.raises(ValueError, match="parties: 'abc' is one name"):
        estimate(score, "abc")
    with pytest.raises(ValueError, match="parties: 1, need 2 to 64"):
        estimate(score, ["a"])
    with pytest.raises(ValueError, match="parties: 65, need 2 to 64"):
        estimate(score, [str(i) for i in range(65)])
    found = estimate(score, PARTIES, evaluations=20)
    with pytest.raises(ValueError, match="level: 1, need a number between 0 and 1"):
        found.intervals("flows", 1)


def test_sixty_four_parties():
    n = 64
    found = estimate(
        lambda members, seed: 1 - 0.9 ** len(members), [f"P{i}" for i in range(n)], evaluations=330
    )
    gain = (1 - 0.9**n) - 0.1
    np.testing.assert_allclose(found.flows, gain / (n - 1) * (1 - np.eye(n)), atol=1e-3)
    assert np.abs(found.flows.sum(axis=1) - gain).max() < 1e-9


# --- training noise --------------------------------------------------------------------------


def test_noise_of_payoffs_and_flows_is_that_of_the_whole_table():
    n, rng = 5, np.random.default_rng(0)
    variances = np.append(0, rng.exponential(size=n))
    size = membership(n).sum(axis=1)
    per_coalition = variances[size]
    wanted = payoff_matrix(n) ** 2 @ per_coalition
    np.testing.assert_allclose(payoff_variance(variances), wanted)
    units = conditional_shapley_values(np.eye(2**n)[1:])
    by_flow = np.tensordot(per_coalition[1:], units**2, 1)
    np.testing.assert_allclose(by_flow + 0, flow_variance(variances) * (1 - np.eye(n)))


def test_noise_is_told_from_seeds_by_size():
    rng, sizes = np.random.default_rng(0), np.repeat([1, 2, 3], 4000)
    values = rng.standard_normal((4, len(sizes))) * np.array([0, 3, 2, 1])[sizes] + sizes
    found = variance_by_size(values, sizes, 4)
    np.testing.assert_allclose(found, [0, 9 / 4, 1, 1 / 4, 0], rtol=0.05)


def test_errors_are_split_and_the_next_purchase_follows_them():
    noisy = estimate(score, PARTIES, evaluations=200, seeds=(1, 2))
    split = noisy.errors["payoffs"]
    assert split["training"].min() > 0
    np.testing.assert_allclose(
        noisy.standard_error("payoffs"), np.sqrt(split["sampling"] ** 2 + split["training"] ** 2)
    )
    assert noisy.next_purchase.startswith("another seed for all coalitions (200 evaluations)")
    few = estimate(score, PARTIES, evaluations=50, seeds=(1, 2))
    assert few.next_purchase.startswith("coalitions (50 more, 100 evaluations)")
    shapley = noisy.errors["shapley_values"]["training"]
    grand = noisy.noise[N]
    np.testing.assert_allclose(shapley, np.sqrt(split["training"] ** 2 + grand) / N)


@pytest.mark.parametrize(
    "options", [{"evaluations": 70}, {"evaluations": 20}, {"evaluations": 255}]
)
def test_weights_of_values_give_the_payoffs(options):
    """So the error by the test set is that of a weighted sum of accuracies, nuggets included."""
    for seeds in [(0,), (1, 2)]:
        found = estimate(score, PARTIES, seeds=seeds, **options)
        np.testing.assert_allclose(found.weights @ found.table.mean, found.payoffs, atol=1e-6)
    errors = found.test_errors(1000)
    assert (errors > 0).all()
    np.testing.assert_allclose(errors, 2 * found.test_errors(4000))


def test_weights_of_an_additive_game_give_the_payoffs():
    values = membership(N) @ np.linspace(0.05, 0.12, N)
    found = Estimate.from_table(table(random_design(N, 70, 0), values), design="random")
    assert found.method == "additive game"
    np.testing.assert_allclose(found.weights @ found.table.mean, found.payoffs, atol=1e-9)


# --- partial tables --------------------------------------------------------------------------


def test_a_complete_table_is_exact():
    found = Estimate.from_table(table(range(1, 256)))
    np.testing.assert_allclose(found.flows, FLOWS, atol=1e-14)
    assert (found.margin, found.warnings) == (0, ())


def test_a_table_that_was_given_is_not_certified():
    found = Estimate.from_table(table(random_design(N, 180, 4)))
    assert "the intervals hold if the known coalitions" in found.warnings[0]
    assert found.promise.endswith("certificate: none")
    sparse = [c for c in random_design(N, 180, 4) if c.bit_count() != 6]
    found = Estimate.from_table(table(sparse))
    assert found.warnings == (
        "standard errors are not known: 0 coalitions of 6 parties are known, need 4 of every size",
    )
    assert np.linalg.norm(found.flows - FLOWS) < 0.2 * np.linalg.norm(FLOWS)


@pytest.mark.parametrize("largest", [1e-51, 1e51, 5e-324, 1e308])
def test_values_whose_errors_float64_cannot_tell_are_refused(largest):
    with pytest.raises(
        ValueError, match=r"values: the largest has magnitude .*, an estimate needs 1e"
    ):
        PartialTable.of("ab", [{1: 0.0, 2: largest, 3: -largest}])


def test_an_estimate_has_any_unit():
    wanted = Estimate.from_table(table(random_design(N, 90, 0)), design="random")
    for power in (-160, 160):
        found = Estimate.from_table(
            table(random_design(N, 90, 0), VALUES * 2.0**power), design="random"
        )
        np.testing.assert_allclose(found.payoffs * 2.0**-power, wanted.payoffs, atol=1e-6)
        assert found.margin * 2.0**-power == pytest.approx(wanted.margin, rel=1e-4)


def test_what_does_not_fit_into_memory_is_refused_before_it_is_valued(monkeypatch):
    monkeypatch.setattr("shapfair.memory.available", lambda: 10**8)
    calls = []
    with pytest.raises(
        ValueError, match=r"evaluations: 1,500 of 12 parties: 0.1 GiB of memory need"
    ):
        estimate(
            lambda members, seed: calls.append(members), tuple("abcdefghijkl"), evaluations=1500
        )
    assert calls == []


def test_partial_tables_are_checked():
    with pytest.raises(ValueError, match=r"coalition {c} has none, an estimate needs all single"):
        table([c for c in range(1, 256) if c != 4])
    with pytest.raises(ValueError, match=r"coalition {a, b} has a value under some seeds only"):
        PartialTable.of("ab", [{1: 1.0, 2: 1.0, 3: 2.0}, {1: 1.0, 2: 1.0}])
    with pytest.raises(ValueError, match="values: not finite"):
        PartialTable.of("ab", [{1: 1.0, 2: math.inf, 3: 2.0}])
    found = PartialTable.of("ab", [{0: 0.0, 3: 2.0, 1: 1.0, 2: 0.5}])
    assert (found.coalitions, found.values.tolist()) == ((1, 2, 3), [[1.0, 0.5, 2.0]])


# --- rewards ---------------------------------------------------------------------------------


@pytest.mark.parametrize("amounts", [{}, {"budgets": 0.05}, {"desired": 0.8}, {"budgets": 0}])
def test_rewards_of_an_exact_estimate_are_those_of_allocate(amounts):
    wanted = allocate(Game(VALUES, PARTIES), exchange_rate=3, repair="hull", **amounts)
    found = reward(Estimate.from_table(table(range(1, 256))), exchange_rate=3, **amounts)
    for name, value in found.values.items():
        np.testing.assert_allclose(value, getattr(wanted, name), atol=1e-9)
        low, high = found.interval(name)
        np.testing.assert_allclose(low, value, atol=1e-9)
        np.testing.assert_allclose(high, value, atol=1e-9)


def test_intervals_of_rewards_are_those_of_the_estimate():
    """Without budgets payoffs are linear, so resampling has to give the normal intervals."""
    found = estimate(score, PARTIES, evaluations=70, seeds=(1, 2, 3))
    samples = reward(found).samples["payoffs"]
    spread = samples.std(axis=0)
    np.testing.assert_allclose(spread, found.standard_error("payoffs"), rtol=0.15)
    assert reward(found, 0.05).samples["scaling"].min() >= 0


def test_who_has_nothing_to_gain_has_scaling_factor_1():
    """Whatever the estimate makes of the flows, their sum is known."""
    found = reward(estimate(lambda members, seed: 1.0, PARTIES, evaluations=90), budgets=0)
    assert np.abs(found.estimate.flows).max() > 1e-6
    np.testing.assert_array_equal(found.values["scaling"], np.ones(N))
    np.testing.assert_array_equal(found.values["payoffs"], np.zeros(N))
    noisy = np.array([0, 0.3, 0.1 + 0.2, 0.1 + 0.2])  # the first gains 5e-17
    exact = reward(Estimate.from_table(table([1, 2, 3], noisy, ("a", "b"))), budgets=0)
    wanted = allocate(Game(noisy), 0).scaling
    assert exact.values["scaling"].tolist() == wanted.tolist() == [1, 1]


def test_rewards_without_errors_have_no_intervals():
    found = reward(estimate(score, PARTIES, evaluations=20), budgets=0.1)
    assert np.isnan(found.interval("payoffs")).all()
    assert "standard errors are not known" in found.warnings[0]


def test_negative_flows_are_said_and_costs_stay():
    values = np.array([0, 5, 1, 3, 1, 6, 2, 7], float)
    exact = Estimate.from_table(table(range(1, 8), values, ("a", "b", "c")))
    assert (exact.flows < 0).any()
    found = reward(exact, budgets=0.5)
    assert "estimated flows are negative, the lowest -" in found.warnings[-1]
    assert found.values["payoffs"].sum() == pytest.approx(0, abs=1e-9)
    with pytest.raises(ValueError, match="exchange_rate: 0, need a positive finite number"):
        reward(exact, exchange_rate=0)


def test_weights_of_sizes_sum_to_those_of_the_paper():
    """The variance of a payoff under equal noise: 2 sum 1/C(n-1, k) - 2 + ... as fractions."""
    for n in range(2, 9):
        wanted = 2 * sum(Fraction(1, comb(n - 1, k)) for k in range(n)) - 2
        flat = np.append(0, np.ones(n))
        assert payoff_variance(flat) == pytest.approx(float(wanted))
    assert set(always(3)) == {1, 2, 4, 7}
