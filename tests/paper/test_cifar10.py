"""What the paper reports of CIFAR-10 (App. J.2), on the recorded tables, in rational numbers.

Accuracies are counts of 10,000 test images, so every recorded value is a fraction and everything
that follows from it is exact. Unless a test says otherwise, it asks each of the three seeds by
itself, and so their mean. Where budgets bind, the monotone hull of the table is taken, as on the
page.
"""

import json
from fractions import Fraction
from functools import cache
from math import inf

import numpy as np
import pytest
from helpers import RESULTS, fractions, monotone_hull
from scipy import stats

from shapfair import Game
from shapfair import allocate as allocate_floats
from shapfair.datasets import CIFAR10_PARTIES
from shapfair.theory import exact

RECORD = RESULTS / "cifar10.json"
TEST_IMAGES = 10_000
P1, P2, P3, P4 = range(4)
UNLIMITED, ZERO, RICH_4 = (inf,) * 4, (0,) * 4, (0, 0, 0, inf)
BUDGETS = {"unlimited": UNLIMITED, "zero": ZERO, "unlimited for party 4": RICH_4}


@cache
def record():
    return json.loads(RECORD.read_text(encoding="utf-8"))


@cache
def tables():
    """One table per seed, as fractions."""
    return fractions(record(), TEST_IMAGES)


@cache
def outcome(seed, budgets):
    """Raw table with unlimited budgets, else hull."""
    table = tables()[seed]
    return exact.allocate(table if budgets == UNLIMITED else monotone_hull(table), budgets)


def outcomes(budgets):
    return [outcome(seed, budgets) for seed in range(len(tables()))]


def compared(before, after):
    """Every seed under two kinds of budgets."""
    return list(zip(outcomes(before), outcomes(after), strict=True))


def paid(allocation, i, j):
    """What i pays j."""
    return allocation.scaling[i] * allocation.flows[i][j]


# --- the record ----------------------------------------------------------------------------------


def test_cifar10_record_is_of_the_described_experiment():
    assert record()["parties"] == list(CIFAR10_PARTIES) == ["[1,8,9]", "[0,2,3]", "[4,5]", "[6,7]"]
    assert list(CIFAR10_PARTIES.values()) == [[1, 8, 9], [0, 2, 3], [4, 5], [6, 7]]
    origin = record()["provenance"]
    assert origin["data_size"] == "full"
    assert (origin["train_examples"], origin["test_examples"]) == (50_000, TEST_IMAGES)
    assert origin["network"] == {
        "kind": "CNN",
        "filters": [32, 64, 64],
        "hidden": 64,
        "classes": 10,
    }
    assert origin["training"] == {"batch_size": 512, "epochs": 20, "learning_rate": 0.001}
    assert len(tables()) == len(set(origin["seeds"])) == 3
    assert all(len(table) == 16 and table[0] == 0 for table in tables())


@pytest.mark.parametrize("budgets", BUDGETS)
def test_float_path_agrees_with_the_exact_one(budgets):
    repair = "none" if budgets == "unlimited" else "hull"
    floats = allocate_floats(Game.read(RECORD), list(BUDGETS[budgets]), repair=repair)
    for name in ("scaling", "payoffs", "model_values"):
        wanted = [[float(x) for x in getattr(a, name)] for a in outcomes(BUDGETS[budgets])]
        np.testing.assert_allclose(getattr(floats, name), wanted, rtol=0, atol=1e-9)


def test_every_new_member_adds_more_than_9_percent():
    for table in tables():
        gains = [
            table[c | 1 << i] - table[c] for c in range(16) for i in range(4) if not c >> i & 1
        ]
        assert len(gains) == 32
        assert min(gains) > Fraction(9, 100)
        assert tuple(monotone_hull(table)) == table


def test_parties_know_no_classes_but_their_own():
    for table in tables():
        for i, classes in enumerate(CIFAR10_PARTIES.values()):
            share = Fraction(len(classes), 10)
            assert share * Fraction(3, 4) < table[1 << i] <= share


def test_three_seeds_give_wide_intervals():
    """95 % is 4.3 standard errors to each side; that is enough to tell who pays and who earns."""
    quantile = stats.t.ppf(0.975, df=len(tables()) - 1)
    assert quantile == pytest.approx(4.303, abs=5e-4)
    payoffs = np.array([[float(x) for x in a.payoffs] for a in outcomes(UNLIMITED)])
    error = payoffs.std(axis=0, ddof=1) / np.sqrt(len(payoffs))
    assert 0 < error.max() < 0.01
    assert (abs(payoffs.mean(axis=0)) > quantile * error).all()


def test_pooled_spread_gives_all_payoffs_the_same_standard_error():
    """Party 2's own standard error, a fifth of this, is small by luck."""
    values = np.array([[float(x) for x in table] for table in tables()])[:, 1:]
    pooled = np.sqrt(values.var(axis=0, ddof=1).mean())
    assert 0.004 < pooled < 0.006
    units = np.eye(16, dtype=int)[1:].tolist()
    weights = np.array([[float(x) for x in exact.allocate(unit).payoffs] for unit in units])
    error = pooled * np.sqrt((weights**2).sum(axis=0) / len(values))
    np.testing.assert_allclose(error, 0.0055, atol=5e-4)
    payoffs = np.array([[float(x) for x in a.payoffs] for a in outcomes(UNLIMITED)])
    assert (abs(payoffs.mean(axis=0)) > 6 * error).all()


# --- the four observations -----------------------------------------------------------------------


def test_first_observation_on_cifar10():
    for seed, allocation in enumerate(outcomes(UNLIMITED)):
        assert allocation.model_values == (allocation.grand_value,) * 4
        by_payoff = sorted(range(4), key=lambda i: allocation.payoffs[i])
        shares = exact.shapley_values(tables()[seed])
        assert by_payoff == sorted(range(4), key=lambda i: shares[i])
        # Here the models of the parties alone have the same order, unlike on MNIST.
        assert by_payoff == sorted(range(4), key=lambda i: allocation.own_values[i])
        assert by_payoff == [P3, P4, P2, P1]


def test_second_observation_on_cifar10():
    for allocation in outcomes(ZERO):
        assert min(allocation.costs) > Fraction(1, 5)  # what the model gains


@pytest.mark.parametrize("party", [P2, P3, P4])
def test_third_observation_on_cifar10(party):
    budgets = tuple(inf if i == party else 0 for i in range(4))
    for before, after in compared(ZERO, budgets):
        assert after.scaling[party] == 1 > before.scaling[party]
        assert all(after.model_values[i] > before.model_values[i] for i in (P2, P3, P4))
        assert after.payoffs[P1] > before.payoffs[P1] == 0
        assert all(after.payoffs[i] >= 0 for i in (P2, P3, P4) if i != party)


def test_third_observation_says_nothing_of_party_1_on_cifar10():
    """It has the best model already, so that a budget changes nothing."""
    for before, after in compared(ZERO, (inf, 0, 0, 0)):
        assert after.scaling == before.scaling
        assert after.payoffs == (0,) * 4


@pytest.mark.parametrize("budgets", BUDGETS)
def test_fourth_observation_on_cifar10(budgets):
    for allocation in outcomes(BUDGETS[budgets]):
        assert allocation.grand_value in allocation.model_values


# --- Figures 3a to 3c: unlimited budgets ---------------------------------------------------------


def test_figure_3a_parties_3_and_4_pay():
    for allocation in outcomes(UNLIMITED):
        assert max(allocation.payoffs[P3], allocation.payoffs[P4]) < 0
    sizes = [len(classes) for classes in CIFAR10_PARTIES.values()]
    assert max(sizes[P3], sizes[P4]) < min(sizes[P1], sizes[P2])


def test_figure_3a_party_1_receives_more_than_party_2():
    for allocation in outcomes(UNLIMITED):
        assert allocation.payoffs[P1] > 5 * allocation.payoffs[P2] > 0
    sizes = [len(classes) for classes in CIFAR10_PARTIES.values()]
    assert sizes[P1] == sizes[P2]  # so it is not the number of images


def test_figure_3b_all_receive_the_best_model():
    for allocation in outcomes(UNLIMITED):
        assert allocation.scaling == (1,) * 4
        assert allocation.model_values == (max(allocation.values),) * 4


def test_figure_3c_party_1_is_paid_most_by_everybody():
    for allocation in outcomes(UNLIMITED):
        for i in (P2, P3, P4):
            assert max(range(4), key=lambda j: allocation.flows[i][j]) == P1


# --- Figures 3d to 3f: zero budgets --------------------------------------------------------------


def test_figure_3d_all_payoffs_are_zero():
    for allocation in outcomes(ZERO):
        assert allocation.payoffs == (0,) * 4
        assert min(allocation.costs) > 0  # parties do pay each other


def test_figure_3e_all_models_improve_and_party_1_has_the_best():
    for allocation in outcomes(ZERO):
        pairs = zip(allocation.model_values, allocation.own_values, strict=True)
        assert all(model > own for model, own in pairs)
        best = [i for i in range(4) if allocation.model_values[i] == allocation.grand_value]
        assert best == [P1]
        assert min(allocation.scaling) > Fraction(1, 2)


# --- Figures 3g to 3i: party 4 has an unlimited budget -------------------------------------------


def test_figure_3h_party_4_has_the_best_model_and_2_and_3_improve():
    for before, after in compared(ZERO, RICH_4):
        assert after.model_values[P4] == after.grand_value > before.model_values[P4]
        assert all(after.model_values[i] > before.model_values[i] for i in (P2, P3))


def test_figures_3f_3i_party_4_pays_2_and_3_more_and_they_pay_1_more():
    for before, after in compared(ZERO, RICH_4):
        for i in (P2, P3):
            assert paid(after, P4, i) > paid(before, P4, i) > 0
            assert paid(after, i, P1) > paid(before, i, P1) > 0


def test_figure_3g_party_1_obtains_an_additional_payoff():
    for before, after in compared(ZERO, RICH_4):
        assert after.payoffs[P1] > before.payoffs[P1] == 0
        assert after.payoffs == (-after.payoffs[P4], 0, 0, after.payoffs[P4])


def test_figures_3a_3g_party_4_pays_more_than_with_unlimited_budgets_for_all():
    for free, after in compared(UNLIMITED, RICH_4):
        assert -after.payoffs[P4] > -free.payoffs[P4] > 0
        assert after.revenues[P4] < free.revenues[P4]  # the paper's reason
        assert after.costs[P4] == free.costs[P4]


def test_figures_3c_3i_flows_from_2_and_3_to_4_fall():
    for free, after in compared(UNLIMITED, RICH_4):
        assert all(0 < paid(after, i, P4) < paid(free, i, P4) for i in (P2, P3))
