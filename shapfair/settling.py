"""Clearing in rational numbers, and whether the flows within rounding noise decide the answer."""

from fractions import Fraction
from typing import NamedTuple

from shapfair import rational
from shapfair.payments import NegativeFlowError
from shapfair.rounding import TOLERANCE


class Settled(NamedTuple):
    """The greatest clearing vector, when flows within the noise count as 0.

    Attributes:
        cleared: the clearing vector.
        flows: the flows that it is for, none within the noise but 0.
        doubt: that the flows as they stand give another answer, else empty.
    """

    cleared: rational.Cleared
    flows: rational.Rows
    doubt: str


def settle(
    flows: rational.Matrix,
    budgets: rational.Amounts,
    caps: rational.Vector,
    literal_caps: rational.Vector,
    noise: Fraction,
) -> Settled:
    """Clear with the flows within the noise as 0, and compare with the flows as they stand.

    There, too, negative flows within the noise count as 0, since negative ones need not have a
    greatest clearing vector. ``caps`` are 1 for a party whose gain is within the noise,
    ``literal_caps`` for one whose gain is 0.

    Raises:
        NegativeFlowError: if budgets fall short by more than the noise of all flows, and some flow
            is negative.

    Cost: that of :func:`shapfair.rational.clear`, twice if some flow is within the noise.
    """
    slack = len(flows) * noise
    cleaned = [[f if abs(f) > noise else Fraction(0) for f in row] for row in flows]
    kept = [[Fraction(0) if -noise <= f < 0 else f for f in row] for row in flows]
    cleared = _greatest(cleaned, budgets, caps, slack)
    doubt = _shortage(cleared, kept, budgets)
    if (cleaned, caps) != (kept, literal_caps) and not doubt:
        literal = _greatest(kept, budgets, literal_caps, slack)
        doubt = _difference(cleared.scaling, literal.scaling, kept, slack)
    return Settled(cleared, cleaned, doubt)


def _greatest(
    flows: rational.Rows, budgets: rational.Amounts, caps: rational.Vector, slack: Fraction
) -> rational.Cleared:
    """Greatest clearing vector; with negative flows the caps, if budgets and slack suffice."""
    if min(map(min, flows)) >= 0:
        return rational.clear(flows, budgets, caps)
    matrix = rational.clearing_matrix(flows)
    scaling = rational.start(matrix, caps)
    if rational.short_parties(matrix, [b + slack for b in budgets], scaling):
        payer, earner = next(
            (i, j) for i, row in enumerate(flows) for j, f in enumerate(row) if f < 0
        )
        raise NegativeFlowError(payer, earner, float(flows[payer][earner]))
    return rational.Cleared(scaling, frozenset(), (scaling,))


def _shortage(cleared: rational.Cleared, flows: rational.Rows, budgets: rational.Amounts) -> str:
    """Says that budgets bind within the noise where negative flows allow no budget to bind."""
    matrix = rational.clearing_matrix(flows)
    if min(map(min, flows)) >= 0 or not rational.short_parties(matrix, budgets, cleared.scaling):
        return ""
    return (
        "budgets fall short by no more than rounding noise and count as enough; taken as they "
        "stand they bind, which negative flows do not allow"
    )


def _difference(
    scaling: rational.Vector, literal: rational.Vector, flows: rational.Rows, slack: Fraction
) -> str:
    """Says that the flows within the noise decide, where the answers differ by more than they may.

    A party's scaling factor may change by the share that the noise of its flows is of them.
    """
    amounts = [sum((abs(Fraction(f)) for f in row), Fraction(0)) for row in flows]
    same = all(
        abs(x - y) * amount <= max(slack, Fraction(TOLERANCE) * amount)
        for x, y, amount in zip(scaling, literal, amounts, strict=True)
    )
    if same:
        return ""
    given, other = (", ".join(f"{float(x):.6g}" for x in one) for one in (scaling, literal))
    return (
        "flows or gains within rounding noise decide: they count as 0, so that the scaling "
        f"factors are ({given}); as they stand they would give ({other})"
    )
