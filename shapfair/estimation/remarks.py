"""What is said of an estimate in words: what it promises, warnings, what to buy next."""

from typing import Literal

import numpy as np

from shapfair.estimation.design import FOLDS, least
from shapfair.estimation.known import PartialTable
from shapfair.estimation.weights import counts

ENOUGH = 20
"""Evaluations a party from which intervals were found to hold as often as they say."""

Design = Literal["random", "active", "paired", "given"]
"""How coalitions were chosen: by chance, by what they were expected to tell, in pairs of
complements for a tiny budget, or by whoever made the table."""


def promise(table: PartialTable, design: Design, looks: int, has_errors: bool) -> str:
    """What the intervals promise, and whether there is a certificate, in one line."""
    if table.is_complete:
        return "design: all coalitions were valued; certificate: exact"
    if not has_errors:
        return f"design: {design}; certificate: none, errors are not known"
    if design == "random":
        when = f" at {looks} budgets together" if looks > 1 else ""
        return (
            f"design: random; 95 % intervals{when} from residuals of coalitions that the fit has "
            "not seen; certificate: they include those of an estimate that is unbiased for any game"
        )
    return (
        f"design: {design}; 95 % intervals as if the coalitions had been drawn by chance; "
        "certificate: none"
    )


def warnings(table: PartialTable, design: Design, has_errors: bool) -> list[str]:
    """What a reader of the numbers should know."""
    found: list[str] = []
    n, evaluations = table.n, len(table.coalitions)
    if table.is_complete:
        return found
    if not has_errors:
        found.append(f"standard errors are not known: {_why_no_errors(table, design)}")
    elif evaluations < ENOUGH * n:
        found.append(
            f"{evaluations} evaluations for {n} parties: intervals hold less often than they say "
            f"below {ENOUGH * n} ({ENOUGH} a party)"
        )
    if design == "active":
        found.append(
            "the active design has no certificate: what it picks depends on values, its intervals "
            "are those of coalitions drawn by chance"
        )
    if design == "given" and has_errors:
        found.append(
            "the intervals hold if the known coalitions of every size were picked by chance, which "
            "the table does not tell"
        )
    return found


def sizes_too_short(table: PartialTable) -> list[int]:
    """Sizes of which so few coalitions are known that no error can be told."""
    known = np.bincount(table.members.sum(axis=1), minlength=table.n + 1)
    return [s for s in range(2, table.n) if known[s] < min(FOLDS, counts(table.n)[s])]


def _why_no_errors(table: PartialTable, design: Design) -> str:
    if design == "paired":
        return f"{len(table.coalitions)} evaluations, need {least(table.n)}"
    size = sizes_too_short(table)[0]
    known, need = int((table.members.sum(axis=1) == size).sum()), int(counts(table.n)[size])
    return f"{known} coalitions of {size} parties are known, need {min(FOLDS, need)} of every size"


def next_purchase(table: PartialTable, sampling: float, training: float) -> str:
    """What would lower the errors of the payoffs most for its price, in one line.

    Twice the coalitions halve the variance of sampling, if what is left to explain stays as it is;
    one more seed lowers that of training from :math:`1/k` to :math:`1/(k+1)`.

    Args:
        table: what was valued.
        sampling: mean variance of the payoffs by the choice of coalitions, nan if not known.
        training: likewise by the noise of training.
    """
    seeds, m = len(table.values), len(table.coalitions)
    another = f"another seed for all coalitions ({m} evaluations)"
    if np.isnan(sampling):
        return "coalitions: enough for standard errors"
    if seeds == 1:
        if table.is_complete:
            return f"{another}, if training has chance in it: one seed does not show how much"
        return "coalitions; a second seed, if training has chance in it, would show how much"
    if training / (seeds + 1) / m >= sampling / 2 / (m * seeds):
        return f"{another}: training noise is the larger part for its price"
    more = min(m, 2**table.n - 1 - m)
    return f"coalitions ({more} more, {more * seeds} evaluations): sampling is the larger part"
