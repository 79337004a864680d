import json
from fractions import Fraction
from inspect import unwrap
from math import inf

import numpy as np
import pytest
from helpers import (
    additive,
    amounts,
    fictitious_default,
    flows_by_definition,
    parties,
    shapley_by_permutations,
    tables,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from shapfair import Game, allocate, linear_programme

NOISY = [0, 3, 2, 1, 0, 3, 2, 4]
"""Not monotone, and party 1 would be paid for taking party 2's data."""


def close(left, right, atol=1e-12):
    np.testing.assert_allclose(left, np.array(right, dtype=float), rtol=0, atol=atol)


# --- against exact arithmetic --------------------------------------------------------------------


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.data())
def test_exact_within_any_budgets_and_desires(data):
    values = data.draw(tables())
    n, grand = parties(values), values[-1]
    budgets, desired = (data.draw(amounts(n, top=max(1, grand))) for _ in range(2))
    own = [values[1 << i] for i in range(n)]
    flows = flows_by_definition(values)
    targets = [min(grand, max(v, r)) for v, r in zip(own, desired, strict=True)]
    caps = [
        Fraction(t - v, grand - v) if grand > v else Fraction(1)
        for t, v in zip(targets, own, strict=True)
    ]
    scaling, _ = fictitious_default(flows, budgets, caps)
    models = [v + x * (grand - v) for v, x in zip(own, scaling, strict=True)]
    adjusted = [[x * f for f in row] for x, row in zip(scaling, flows, strict=True)]
    payoffs = [sum(row[i] for row in adjusted) - sum(adjusted[i]) for i in range(n)]

    result = allocate(Game(values), [float(b) for b in budgets], [float(r) for r in desired])
    atol = 1e-9 * max(1, grand)
    close(result.scaling, scaling, 1e-9)
    close(result.model_values, models, atol)
    close(result.payoffs, payoffs, atol)
    close(result.adjusted_flows, adjusted, atol)
    # What theory promises: balance, budgets, individual rationality, weak efficiency (22).
    assert abs(result.payoffs.sum()) <= atol
    assert (result.payoffs >= -result.budgets - atol).all()
    assert (result.model_values >= result.game.own_values - atol).all()
    assert (abs(result.model_values - np.array(targets, dtype=float)) <= atol).any()
    assert all(abs(proof.gap) <= atol * n for proof in result.certificates)
    close(
        result.scaling, linear_programme(result.flows, result.budgets, np.array(caps, float)), 1e-6
    )


@settings(max_examples=30, deadline=None, derandomize=True)
@given(tables(max_parties=5, monotone=False))
def test_without_budgets_any_game_is_equation_1(values):
    n = parties(values)
    result = allocate(Game(values))
    close(result.scaling, np.ones(n))
    scale = max(map(abs, values)) + 1
    exact = [n * phi - values[-1] for phi in shapley_by_permutations(values)]
    close(result.payoffs, exact, 1e-12 * scale)
    close(result.model_values, [values[-1]] * n, 0)


# --- named games ---------------------------------------------------------------------------------


def test_affordable_at_first_sight_only():
    # Budget efficiency as printed fails: party 2's payoff is 0 >= -b with unlimited budgets, and
    # yet it gets less than v(N) once the others cannot pay it in full.
    free = allocate(Game(additive(1, 2, 3)))
    close(free.payoffs, [-3, 0, 3])
    bound = allocate(Game(additive(1, 2, 3)), 0)
    close(bound.scaling, [1 / 3, 2 / 3, 1])
    close(bound.model_values, [8 / 3, 14 / 3, 6])
    close(bound.payoffs, [0, 0, 0])


@pytest.mark.parametrize(
    ("values", "budgets", "unlimited", "scaling"),
    [
        (additive(1, 3, 4), 0, (-5, 1, 4), (1 / 4, 3 / 4, 1)),
        (additive(1, 3, 4), 0.5, (-5, 1, 4), (11 / 32, 29 / 32, 1)),
        ([0, 0, 0, 0, 0, 1, 2, 2], 0, (-3 / 2, 0, 3 / 2), (1 / 4, 13 / 16, 1)),
        ([0, 0, 0, 2, 1, 1, 2, 2], 0, (-1, 1 / 2, 1 / 2), (2 / 5, 4 / 5, 1)),
    ],
)
def test_positive_payoffs_that_do_not_buy_the_best_model(values, budgets, unlimited, scaling):
    close(allocate(Game(values)).payoffs, unlimited)
    close(allocate(Game(values), budgets).scaling, scaling)


@pytest.mark.parametrize("shares", [(1, 2, 3), (2, 5, 5, 1), (0, 2, 3)])
def test_additive_games_without_budgets(shares):
    close(allocate(Game(additive(*shares)), 0).scaling, np.array(shares) / max(shares))


def test_a_dummy_gets_what_it_pays_for():
    result = allocate(Game(additive(0, 2, 3)), [1.5, 0, 0])
    close(result.model_values[0], 1.5)
    close(result.payoffs[0], -1.5)
    close(allocate(Game(additive(0, 2, 3)), [9, 0, 0]).model_values[0], 5)


def test_omnipotent_parties_pay_nothing_and_have_factor_1():
    close(allocate(Game([0, 1, 1, 1]), 0).scaling, [1, 1])
    close(allocate(Game([0, 1, 0, 1]), 0).scaling, [1, 0])
    result = allocate(Game([0, 3, 1, 3, 1, 3, 2, 3]), 0)
    close(result.scaling, [1, 0, 0])
    close(result.costs, [0, 0, 0])


def test_valuable_data_need_not_help_without_budgets():
    # Three data sets {a, c}, {b, c}, {c}: the third has a Shapley value and yet no buyer.
    result = allocate(Game([0, 2, 2, 3, 1, 2, 2, 3]), 0)
    close(result.shapley[2], 1 / 3)
    close(result.scaling, [1, 1, 0])


def test_a_larger_shapley_value_may_get_the_worse_model():
    result = allocate(Game([0, 3, 5, 8, 0, 8, 5, 8]), 0)
    close(result.shapley, [23 / 6, 10 / 3, 5 / 6])
    close(result.scaling, [32 / 35, 1, 2 / 7])
    close(result.model_values, [53 / 7, 8, 16 / 7])


def test_the_budgeted_scheme_is_not_linear():
    models = [allocate(Game(additive(*a)), 0).model_values for a in [(1, 2), (2, 1), (3, 3)]]
    close(models, [(2, 3), (3, 2), (6, 6)])


def test_a_budget_helps_others_and_its_owner_pays():
    game = Game(additive(1, 2, 3))
    before, after = allocate(game, 0), allocate(game, [1, 0, 0])
    assert (after.model_values >= before.model_values - 1e-12).all()
    close(after.payoffs[0], -1)
    assert (after.payoffs[1:] >= -1e-12).all()


def test_a_desired_value_below_its_own_keeps_the_own_model():
    # The printed target min(v(N), r_i) would break individual rationality here.
    result = allocate(Game(additive(1, 1)), 0, [0.5, 0.5])
    close(result.model_values, [1, 1])
    close(result.scaling, [0, 0])


def test_a_desired_value_is_not_exceeded():
    result = allocate(Game(additive(1, 2, 3)), inf, {"1": 4})
    close(result.model_values, [4, 6, 6])
    close(result.scaling[0], 3 / 5)


def test_one_and_two_parties():
    alone = allocate(Game([0, 7]), 0, 3)
    assert (alone.scaling.tolist(), alone.payoffs.tolist()) == ([1], [0])
    assert alone.model_values.tolist() == [7]
    two = allocate(Game([0, 1, 2, 4]), 0)
    close(two.scaling, [2 / 3, 1])
    close(two.payoffs, [0, 0])


def test_a_worthless_game():
    result = allocate(Game(np.zeros(8)), 0)
    assert result.scaling.tolist() == [1, 1, 1]
    assert not result.payoffs.any()


# --- repair and warnings -------------------------------------------------------------------------


def test_what_is_not_monotone_is_reported():
    result = allocate(Game(NOISY, ("a", "b", "c")))
    monotone, flows = result.warnings
    assert monotone == (
        "not monotone: 2 of 12 edges drop, worst 2 at {a} -> {a, b}; "
        "repair='hull' replaces the game by its monotone hull"
    )
    assert flows == "1 of 6 flows are negative, worst -0.5"
    assert allocate(Game([0, 1])).warnings == ()


def test_negative_flows_are_refused_if_a_budget_binds():
    message = (
        r"^flows: party a pays party b a negative -0\.5 and a budget or desired value binds: "
        r"repair the value table \(repair='hull'\) or lift the budgets$"
    )
    with pytest.raises(ValueError, match=message):
        allocate(Game(NOISY, ("a", "b", "c")), 0)
    with pytest.raises(ValueError, match=r"^table 2: flows: party 1 pays"):
        allocate(Game([[0, 3, 2, 4, 1, 4, 3, 5], NOISY]), 0)


def test_the_hull_repairs():
    result = allocate(Game(NOISY), 0, repair="hull")
    assert result.game.values.tolist() == [0, 3, 2, 3, 0, 3, 2, 4]
    assert result.warnings[0].endswith("worst 2 at {1} -> {1, 2}; replaced by the monotone hull")
    assert len(result.warnings) == 1
    close(result.scaling, allocate(Game([0, 3, 2, 3, 0, 3, 2, 4]), 0).scaling, 0)


def test_several_tables_are_counted():
    game = Game([[0, 1, 2, 3], [0, 2, 1, 1]])
    assert "1 of 8 edges drop" in allocate(game).warnings[0]
    assert "{1} -> {1, 2} (table 2) in 1 of 2 tables;" in allocate(game).warnings[0]


# --- units, seeds and names ----------------------------------------------------------------------


def test_budgets_are_in_units_of_payoff():
    game, rate = Game(additive(1, 3, 4)), 1000.0
    result = allocate(game, 0.5 * rate, exchange_rate=rate)
    one = allocate(game, 0.5)
    close(result.scaling, one.scaling)
    np.testing.assert_allclose(result.payoffs, rate * one.payoffs)
    np.testing.assert_allclose(result.model_values, rate * one.model_values)


def test_every_table_is_allocated_on_its_own():
    first, second = additive(1, 2, 3), [0, 3, 5, 8, 0, 8, 5, 8]
    both = allocate(Game([first, second]), [1, 0, 0])
    assert both.flows.shape == (2, 3, 3)
    alone = [allocate(Game(values), [1, 0, 0]) for values in (first, second)]
    for name in ("shapley", "scaling", "payoffs", "model_values", "adjusted_flows", "costs"):
        each = np.array([getattr(one, name) for one in alone])
        np.testing.assert_array_equal(getattr(both, name), each)
        np.testing.assert_allclose(both.mean(name), each.mean(axis=0))
        np.testing.assert_allclose(both.standard_error(name), abs(each[0] - each[1]) / 2)
    assert both.mean("grand_value") == 7
    assert np.isnan(alone[0].standard_error("payoffs")).all()
    np.testing.assert_array_equal(alone[0].mean("payoffs"), alone[0].payoffs)


@pytest.mark.parametrize("budgets", [[1, inf, 0], {"a": 1, "c": 0}, np.array([1, inf, 0])])
def test_budgets_in_any_form(budgets):
    game = Game(additive(1, 2, 3), ("a", "b", "c"))
    assert allocate(game, budgets).budgets.tolist() == [1, inf, 0]
    assert allocate(game, 2).budgets.tolist() == [2, 2, 2]


@pytest.mark.parametrize("argument", ["budgets", "desired"])
@pytest.mark.parametrize(
    ("given", "message"),
    [
        (-1.0, "party a has -1.0, need a number >= 0"),
        ([0, float("nan")], "party b has nan, need a number"),
        ({"b": "much"}, "party b has 'much', need a number"),
        ({"c": 1}, "no party 'c', known: a, b"),
        ([1, 2, 3], "3 amounts for 2 parties"),
        ([1], "1 amounts for 2 parties"),
        ([[1, 2], [3, 4]], r"party a has array\(\[1, 2\]"),
    ],
)
def test_bad_amounts_are_named(argument, given, message):
    with pytest.raises(ValueError, match=f"^{argument}: .*{message}") as caught:
        allocate(Game([0, 1, 1, 2], ("a", "b")), **{argument: given})
    assert "\n" not in str(caught.value)


# --- documents -----------------------------------------------------------------------------------


def test_json_is_as_documented():
    result = allocate(Game(additive(1, 2, 3), ("a", "b", "c")), {"a": 0, "b": 0})
    document = json.loads(result.to_json())
    keys = "parties seeds grand_value own_values shapley budgets desired scaling payoffs "
    keys += "model_values flows certificate warnings"
    assert list(document) == keys.split()
    assert document["budgets"] == [0, 0, None]
    assert document["desired"] == [None, None, None]
    assert (document["seeds"], document["grand_value"]) == (1, 6)
    close(document["flows"], result.adjusted_flows, 0)
    certificate = document["certificate"]
    assert list(certificate) == ["budget_prices", "cap_prices", "primal", "dual"]
    close(certificate["primal"], [22 / 3])
    close(certificate["dual"], [22 / 3])


def test_json_of_several_tables_has_standard_errors():
    game = Game([additive(1, 2, 3), additive(2, 2, 3)])
    document = allocate(game, 0).to_dict()
    assert list(document)[-3:] == ["scaling_se", "payoffs_se", "model_values_se"]
    close(document["scaling"], [1 / 2, 2 / 3, 1])
    close(document["scaling_se"], [1 / 6, 0, 0])
    assert len(document["certificate"]["budget_prices"]) == 2
    json.dumps(document, allow_nan=False)


def test_csv_has_a_row_per_party():
    text = allocate(Game(additive(1, 2, 3), ("a", "b,c", "d")), 0).to_csv()
    header, *rows = text.splitlines()
    assert header == (
        "party,budget,desired,own_value,shapley,scaling,model_value,cost,revenue,payoff,"
        'pays a,"pays b,c",pays d'
    )
    assert rows[1].startswith('"b,c",0.0,inf,2.0,2.0,')
    assert len(rows) == 3
    several = allocate(Game([[0, 1], [0, 2]])).to_csv().splitlines()[0]
    assert several.endswith("payoff,payoff_se,pays 1")


def test_unknown_repair_is_refused():
    with pytest.raises(ValueError, match="repair: 'mend', need one of none, hull"):
        unwrap(allocate)(Game([0, 1]), repair="mend")


def test_hulls_of_single_tables_are_remarked_on():
    """Two tables that are monotone on average, each of which the hull raises by luck."""
    tables = Game([[0, 1, 1, 1.5], [0, 2, 1, 2.25], [0, 1, 2, 1.5]])
    with_budgets = allocate(tables, budgets=0, repair="hull")
    (said,) = [line for line in with_budgets.warnings if "the hulls of the 3 tables" in line]
    mean = tables.values.mean(axis=0)
    each = float(np.mean([max(row[1:]) - row[3] for row in tables.values]))
    first = max(mean[1:]) - mean[3]
    assert f"raise v(N) by {each:.2g} on average, that of their mean by {first:.2g}:" in said
    for quiet in (
        allocate(tables, repair="hull"),  # without budgets the payoffs are linear
        allocate(tables.averaged(), budgets=0, repair="hull"),
        allocate(Game([[0, 1, 1, 2], [0, 1, 1, 3]]), budgets=0, repair="hull"),
    ):
        assert not any("average them first" in line for line in quiet.warnings)
