"""Checked claims: an assertion that is also a row for the reader.

On a page, a row says what was expected, how closely it must be met, and what was measured. Its
plain text, which the tests of the notebooks compare, has nothing that depends on the machine: that
the claim holds stands there in place of what was measured.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from numbers import Rational

import numpy as np
from numpy.typing import ArrayLike

from shapfair.report.text_tables import TextTable, html

Numbers = float | int | ArrayLike
Rationals = Rational | Sequence
"""An integer or a fraction, or a nested sequence of them."""


@dataclass(frozen=True)
class Claim:
    """A statement that was checked and holds.

    Attributes:
        statement: what holds, in words.
        expected: the expected number or numbers to three decimals; empty for a plain truth.
        within: the tolerance; empty for a plain truth.
        measured: the number or numbers found, to the digits that the tolerance tells apart.
    """

    statement: str
    expected: str = ""
    within: str = ""
    measured: str = field(default="holds", compare=False)

    def __repr__(self) -> str:
        return repr(table([self]))

    def _repr_html_(self) -> str:
        return table([self])._repr_html_()


def check(statement: str, got: Numbers, want: Numbers, *, atol: float | int) -> Claim:
    """Assert that ``got`` is ``want`` up to ``atol``, entry by entry if they are arrays.

    Raises:
        AssertionError: naming the statement, the worst entry found and the one wanted; also if an
            entry is ``nan``, the shapes do not fit, or there is nothing to compare.

    >>> from shapfair import check
    >>> check("payoffs add up to zero", sum([0.25, 0.5, -0.75]), 0, atol=1e-12)
    claim                   expected  within  verdict
    payoffs add up to zero  0         1e-12   holds
    """
    found, wanted = np.asarray(got, dtype=float), np.asarray(want, dtype=float)
    if wanted.ndim and found.shape != wanted.shape:
        raise AssertionError(f"{statement}: got shape {found.shape}, want {wanted.shape}")
    if found.size == 0:
        raise AssertionError(f"{statement}: nothing to compare")
    wanted = np.broadcast_to(wanted, found.shape)
    with np.errstate(invalid="ignore"):  # inf - inf
        miss = np.where(found == wanted, 0.0, np.abs(found - wanted))
    if not (miss <= atol).all():  # so that nan fails too
        worst = np.unravel_index(int(np.argmax(miss)), miss.shape)  # nan counts as the largest
        raise AssertionError(
            f"{statement}: got {found[worst]:.6g}, want {wanted[worst]:.6g} +- {atol:.1g}"
        )
    digits = min(max(3, math.ceil(-math.log10(atol))), 6) if atol else 6
    if found.ndim > np.ndim(want):  # many numbers that should be one
        ends = dict.fromkeys(_tidy(np.array(end), digits) for end in (found.min(), found.max()))
        measured = " to ".join(ends)
    else:
        measured = _tidy(found, digits)
    return Claim(statement, _tidy(np.asarray(want, dtype=float), 3), f"{atol:.1g}", measured)


def check_exactly(statement: str, got: Rationals, want: Rationals) -> Claim:
    """Assert that ``got`` equals ``want`` as rational numbers, entry by entry if they are nested.

    Raises:
        AssertionError: naming the statement, what was found and what was wanted; also if there is
            nothing to compare.
        TypeError: if a number is a float, of which equality says little.

    >>> from fractions import Fraction
    >>> from shapfair import check_exactly
    >>> check_exactly("two thirds", 2 * Fraction(1, 3), Fraction(2, 3))
    claim       expected  within  verdict
    two thirds  2/3       exact   holds
    """
    found, wanted = fractions_text(got), fractions_text(want)
    if not wanted.strip("(), "):
        raise AssertionError(f"{statement}: nothing to compare")
    if found != wanted:
        raise AssertionError(f"{statement}: got {found}, want {wanted}")
    return Claim(statement, wanted, "exact", "equal")


def fractions_text(numbers: Rationals) -> str:
    """Rational numbers for people: ``(1/3, 2/3, 1)``.

    Raises:
        TypeError: if a number is not rational.

    >>> from fractions import Fraction
    >>> from shapfair import fractions_text
    >>> fractions_text([Fraction(1, 3), Fraction(2, 3), 1])
    '(1/3, 2/3, 1)'
    """
    if isinstance(numbers, Sequence) and not isinstance(numbers, str):
        return f"({', '.join(map(fractions_text, numbers))})"
    if not isinstance(numbers, Rational):
        raise TypeError(f"{numbers!r} is not an integer or a fraction")
    return str(numbers)


def check_that(statement: str, condition: object) -> Claim:
    """Assert that a condition holds; of an array, everywhere.

    A verdict of :mod:`shapfair.theory.axioms` is a condition, too, and says in the error what
    breaks it.

    Raises:
        AssertionError: naming the statement; also for an empty array, which shows nothing.

    >>> from shapfair import check_that
    >>> check_that("nobody pays too much", [0.05 <= 0.05, 0.01 <= 0.1])
    claim                 expected  within  verdict
    nobody pays too much                    holds
    """
    truths = np.asarray(getattr(condition, "holds", condition))
    if truths.dtype != bool or truths.size == 0 or not truths.all():
        raise AssertionError(f"{statement}: does not hold, got {condition!r}")
    return Claim(statement)


class ClaimTable(Sequence[Claim]):
    """Claims that a notebook shows as a table."""

    def __init__(self, rows: Sequence[Claim]):
        self._rows = tuple(rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        return self._rows[index]

    def __repr__(self) -> str:
        return repr(self._shown())

    def _repr_html_(self) -> str:
        rows = [(row.statement, row.expected, row.within, row.measured) for row in self._rows]
        shown = TextTable(("claim", "expected", "within", "measured"), rows)
        return html(shown, marked="measured")

    def _shown(self) -> TextTable:
        rows = [(row.statement, row.expected, row.within, "holds") for row in self._rows]
        return TextTable(("claim", "expected", "within", "verdict"), rows)


def table(rows: Sequence[Claim]) -> ClaimTable:
    """Show claims together, one row each."""
    return ClaimTable(rows)


def _tidy(values: np.ndarray, digits: int) -> str:
    """Numbers to so many decimals, without ``-0``."""
    rounded = [f"{round(float(x), digits) + 0.0:.15g}" for x in values.ravel()]
    return rounded[0] if values.ndim == 0 else f"({', '.join(rounded)})"
