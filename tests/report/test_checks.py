from fractions import Fraction

import numpy as np
import pytest

from shapfair.report.checks import Claim, check, check_exactly, check_that, fractions_text, table
from shapfair.theory.axioms import Verdict


def test_a_claim_that_holds_is_a_row():
    assert check("two thirds", 2 / 3, 2 / 3, atol=1e-12) == Claim("two thirds", "0.667", "1e-12")
    assert check_that("sorted", [1, 2] == sorted([2, 1])) == Claim("sorted")


def test_rows_do_not_show_what_depends_on_the_machine():
    rows = [check("x", 0.1 + noise, 0.1, atol=1e-9) for noise in (-1e-15, 0, 1e-15)]
    assert len({repr(row) for row in rows}) == 1
    assert check("accuracy", 0.97312, 0.97, atol=0.03) == check("accuracy", 0.96, 0.97, atol=0.03)
    assert check("zero", 0.0, -1e-9, atol=1e-8).expected == "0"


@pytest.mark.parametrize(
    ("got", "want", "message"),
    [
        (1.0, 1.1, r"sum: got 1, want 1\.1 \+- 0\.001"),
        (np.nan, 1.0, "sum: got nan, want 1"),
        (np.nan, np.nan, "sum: got nan, want nan"),
        (np.inf, 1.0, "sum: got inf"),
        ([1.0, 2.0, 3.0], [1.0, 2.5, 3.1], r"sum: got 2, want 2\.5"),
        ([1.0, np.nan], 1.0, "sum: got nan"),
        ([1.0, 2.0], [1.0, 2.0, 3.0], r"sum: got shape \(2,\), want \(3,\)"),
        (1.0, [1.0, 1.0], "sum: got shape"),
        ([], 0.0, "sum: nothing"),
    ],
)
def test_a_claim_that_does_not_hold_is_an_error(got, want, message):
    with pytest.raises(AssertionError, match=message):
        check("sum", np.array(got), np.array(want), atol=1e-3)


def test_arrays_are_checked_entry_by_entry():
    row = check("payoffs", np.array([-0.5, 0.5]), np.array([-0.5, 0.5]), atol=1e-9)
    assert row.expected == "(-0.5, 0.5)"
    assert check("sums", np.zeros((2, 2)), 0, atol=0).expected == "0"
    assert check("unlimited", np.array(np.inf), np.array(np.inf), atol=0).expected == "inf"


@pytest.mark.parametrize(
    ("got", "want", "atol", "measured"),
    [
        (0.97312, 0.97, 0.01, "0.973"),  # three digits at least
        (0.9731249, 0.9731, 5e-5, "0.97312"),  # the digits that the tolerance tells apart
        (1 / 3, 1 / 3, 1e-12, "0.333333"),  # six at most
        (-1e-9, 0, 0.1, "0"),
        ([0.5, -0.25], [0.5, -0.25], 0, "(0.5, -0.25)"),
        ([0.21, 0.19, 0.2], 0.2, 0.02, "0.19 to 0.21"),  # many numbers that should be one
        ([1.0, 1.0], 1, 0, "1"),
    ],
)
def test_a_page_shows_what_was_measured(got, want, atol, measured):
    row = check("x", np.array(got), want, atol=atol)
    assert row.measured == measured
    assert f'<td class="measured">{measured}</td>' in row._repr_html_()


@pytest.mark.parametrize("condition", [False, np.array([True, False]), [], "yes", None, 1])
def test_only_a_truth_is_a_truth(condition):
    with pytest.raises(AssertionError, match="ordered: does not hold"):
        check_that("ordered", condition)


def test_a_verdict_is_a_condition_and_says_what_breaks_it():
    assert check_that("balanced", Verdict(True)).statement == "balanced"
    with pytest.raises(AssertionError, match=r"balanced: does not hold, .*party 2 pays 1"):
        check_that("balanced", Verdict(False, "party 2 pays 1"))


def test_a_table_reads_as_text_and_as_html():
    rows = table([check("a < b", 1.0, 1.0, atol=1e-9), check_that("balanced", True)])
    assert repr(rows).splitlines() == [
        "claim     expected  within  verdict",
        "a < b     1         1e-09   holds",
        "balanced                    holds",
    ]
    html = rows._repr_html_()
    assert '<td>a &lt; b</td><td>1</td><td>1e-09</td><td class="measured">1</td>' in html
    assert '<td>balanced</td><td></td><td></td><td class="measured">holds</td>' in html
    assert html.count("<tr>") == 3
    assert (len(rows), rows[1].statement) == (2, "balanced")
    assert repr(rows[0]) == "\n".join(
        ["claim  expected  within  verdict", "a < b  1         1e-09   holds"]
    )


# --- rational numbers ----------------------------------------------------------------------------


def test_rational_numbers_that_are_equal_are_a_row():
    thirds = (Fraction(1, 3), Fraction(2, 3), Fraction(1))
    assert check_exactly("factors", thirds, [Fraction(2, 6), Fraction(2, 3), 1]) == Claim(
        "factors", "(1/3, 2/3, 1)", "exact"
    )
    assert check_exactly("a count", 222, Fraction(222)).expected == "222"
    assert check_exactly("flows", ((0, 1), (2, 0)), [[0, 1], [2, 0]]).expected == "((0, 1), (2, 0))"
    assert "exact" in repr(table([check_exactly("a count", 1, 1)]))


@pytest.mark.parametrize(
    ("got", "want", "message"),
    [
        (Fraction(1, 3), Fraction(333, 1000), "factors: got 1/3, want 333/1000"),
        (Fraction(1, 3) + Fraction(1, 10**30), Fraction(1, 3), "want 1/3"),
        ((1, 2, 3), (1, 3, 2), r"factors: got \(1, 2, 3\), want \(1, 3, 2\)"),
        ((1, 2), (1, 2, 3), r"got \(1, 2\), want \(1, 2, 3\)"),
        (1, (1,), r"got 1, want \(1\)"),
        (((1, 2), (3,)), ((1,), (2, 3)), "want"),
        ((), (), "factors: nothing"),
        (((), ()), ((), ()), "factors: nothing"),
    ],
)
def test_rational_numbers_that_differ_are_an_error(got, want, message):
    with pytest.raises(AssertionError, match=message):
        check_exactly("factors", got, want)


@pytest.mark.parametrize("number", [0.5, (1, 0.5), "1/2", None, 1j, np.float64(1)])
def test_only_rational_numbers_can_be_exact(number):
    for compare in (lambda: check_exactly("x", number, 1), lambda: check_exactly("x", 1, number)):
        with pytest.raises(TypeError):
            compare()


def test_fractions_for_people():
    assert fractions_text(Fraction(-4, 6)) == "-2/3"
    assert fractions_text((Fraction(1, 3), 1, Fraction(4, 2))) == "(1/3, 1, 2)"
    assert fractions_text([(1,), [2, 3]]) == "((1), (2, 3))"
    with pytest.raises(TypeError, match="'1/2' is not an integer or a fraction"):
        fractions_text((1, "1/2"))
