"""Values near the ends of float64's range: right, or refused with the reason."""

import numpy as np
import pytest

from shapfair import Game, allocate, conditional_shapley_values, shapley_values

TABLE = np.array([0, 0.3, 0.2, 0.6, 0.1, 0.4, 0.3, 1])


@pytest.mark.parametrize("unit", [2.0**1019, 1e300, 1e-300, 2.0**-1028])
def test_right_at_the_ends(unit):
    here, one = allocate(Game(TABLE * unit), 0.01 * unit), allocate(Game(TABLE), 0.01)
    np.testing.assert_allclose(here.scaling, one.scaling, rtol=1e-12)
    for name in ("payoffs", "model_values", "flows", "shapley"):
        left, right = getattr(here, name) / unit, getattr(one, name)
        np.testing.assert_allclose(left, right, rtol=0, atol=1e-12)
    assert here.warnings == ()
    assert abs(here.certificates[0].gap) <= 1e-12 * unit


@pytest.mark.parametrize(
    ("unit", "message"),
    [
        (
            1e308,
            r"^values: the largest has magnitude 1e\+308, payments between parties may exceed ",
        ),
        (
            5e-324,
            r"^values: the largest has magnitude 4\.94e-324, float64 cannot tell differences ",
        ),
        (1e-310, r"choose another unit, such as exchange_rate=2\.0\*\*64$"),
    ],
)
def test_refused_beyond(unit, message):
    with pytest.raises(ValueError, match=message) as caught:
        allocate(Game(np.ceil(TABLE) * unit))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("unit", [1e308, 1e-310])
def test_the_advice_works(unit):
    with pytest.raises(ValueError, match="another unit") as caught:
        allocate(Game(TABLE * unit), 0)
    rate = eval(str(caught.value).rpartition("exchange_rate=")[2])
    result = allocate(Game(TABLE * unit), 0, exchange_rate=rate)
    np.testing.assert_allclose(result.scaling, allocate(Game(TABLE), 0).scaling, rtol=1e-11)


def test_the_table_is_named():
    with pytest.raises(ValueError, match=r"^values: table 2: the largest has magnitude 1e\+308"):
        allocate(Game([[0, 1], [0, 1e308]]))
    with pytest.raises(ValueError, match=r"^values: table of seed 9: the largest"):
        allocate(Game([[0, 1], [0, 1e308]], seed_labels=("7", "9")))


def test_a_worthless_table_is_in_range():
    assert allocate(Game(np.zeros(4)), 0).scaling.tolist() == [1, 1]


@pytest.mark.parametrize("solver", [shapley_values, conditional_shapley_values])
@pytest.mark.parametrize("unit", [1.7e308, 2.0**-1060])
def test_sums_that_overflow_or_lose_digits_on_the_way(solver, unit):
    right = solver(TABLE) * unit
    np.testing.assert_allclose(solver(TABLE * unit), right, rtol=1e-3 if unit < 1 else 1e-12)


def test_a_result_beyond_the_range_is_refused():
    spread = np.array([0, 1, -1, 1]) * 1.7e308
    with pytest.raises(ValueError, match="exceed float64's range"):
        conditional_shapley_values(spread)


def test_a_price_beyond_the_range_is_refused():
    # Nearly all that parties 1 and 2 pay goes round between them; a unit is spent 1e13 times.
    values = np.array([0, 0, 0, 1, 0, 1e-13, 1e-13, 1]) * 1e300
    with pytest.raises(ValueError, match=r"^flows: a price of the certificate exceeds float64"):
        allocate(Game(values), 0, {"3": 0})


def test_means_and_standard_errors_do_not_overflow():
    result = allocate(Game(np.array([[0, 1, 1, 2], [0, 1, 1, 4]]) * 1e305))
    assert result.mean("grand_value") == 3e305
    np.testing.assert_allclose(result.standard_error("grand_value"), 1e305)
    result.to_json()


def test_a_drop_beyond_the_range_is_a_drop():
    assert Game([0, 1.7e308, 0, -1.7e308]).monotonicity().violations == 2
