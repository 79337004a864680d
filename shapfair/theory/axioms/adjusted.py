"""Properties of the adjusted value functions of Section 4."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

from shapfair.coalitions import count_parties
from shapfair.theory.axioms.roles import without
from shapfair.theory.axioms.verdict import Number, Verdict, coalition, differ, first_failure, text
from shapfair.theory.exact import Adjustment, Table


def adjusted_values(a: Adjustment) -> tuple[tuple[Fraction, ...], ...]:
    r"""Tables of the adjusted value functions, Equation (10).

    :math:`v'_i(C) = \lambda_i v(C) + (1-\lambda_i)v(i)` where :math:`i` is in :math:`C`. The paper
    leaves the other coalitions open; they are 0 here and no predicate looks at them.
    """
    return tuple(
        tuple(x * v + (1 - x) * own if c >> i & 1 else Fraction(0) for c, v in enumerate(a.values))
        for i, (x, own) in enumerate(zip(a.scaling, a.own_values, strict=True))
    )


def feasibility(values: Table, adjusted: Sequence[Table], *, atol: Number = 0) -> Verdict:
    r"""No adjusted value exceeds the value, the left half of (8).

    Args:
        values: the value table.
        adjusted: for every party :math:`i` the table of :math:`v'_i`; only coalitions with
            :math:`i` count.
        atol: tolerance.
    """
    n = count_parties(len(values))
    return first_failure(
        f"v'_{i + 1} of {coalition(c)} is {text(adjusted[i][c])}, more than {text(values[c])}"
        for i in range(n)
        for c in _with(n, i)
        if not adjusted[i][c] - values[c] <= atol
    )


def individual_rationality(
    values: Table, adjusted: Sequence[Table], *, atol: Number = 0
) -> Verdict:
    r"""No adjusted value is below :math:`v(i)`, the right half of (8)."""
    n = count_parties(len(values))
    return first_failure(
        f"v'_{i + 1} of {coalition(c)} is {text(adjusted[i][c])}, "
        f"less than the party's own {text(values[1 << i])}"
        for i in range(n)
        for c in _with(n, i)
        if not values[1 << i] - adjusted[i][c] <= atol
    )


def marginal_contribution_consistency(
    values: Table, adjusted: Sequence[Table], *, atol: Number = 0
) -> Verdict:
    r"""One factor :math:`\lambda_i\ge 0` scales all marginal contributions, (9) repaired.

    With a budget of 0, a dummy can pay for nothing, so that only :math:`\lambda_i = 0` is within
    the budget. :func:`marginal_contribution_consistency_as_printed` forbids it.
    """
    return first_failure(_inconsistencies(values, adjusted, atol))


def marginal_contribution_consistency_as_printed(
    values: Table, adjusted: Sequence[Table], *, atol: Number = 0
) -> Verdict:
    r"""One factor :math:`\lambda_i > 0` scales all marginal contributions, (9)."""
    return first_failure(_inconsistencies(values, adjusted, atol, positive=True))


def _inconsistencies(
    values: Table, adjusted: Sequence[Table], atol: Number, positive: bool = False
) -> Iterable[str]:
    n = count_parties(len(values))
    for i in range(n):
        steps = [(c, c | 1 << j) for c in _with(n, i) for j in range(n) if not c >> j & 1]
        pairs = [(values[d] - values[c], adjusted[i][d] - adjusted[i][c]) for c, d in steps]
        base, moved = max(pairs, key=lambda pair: abs(pair[0]), default=(0, 0))
        # If nobody adds anything to party i, then any factor will do.
        factor = _over(moved, base) if base else 1
        if factor < -atol or (positive and factor <= atol):
            yield f"party {i + 1} has factor {text(factor)}"
        for (c, d), (step, adjusted_step) in zip(steps, pairs, strict=True):
            if differ(adjusted_step, factor * step, atol):
                yield (
                    f"v'_{i + 1} rises by {text(adjusted_step)} from {coalition(c)} to "
                    f"{coalition(d)}, not by {text(factor)} of {text(step)}"
                )


def _with(n: int, i: int) -> Iterable[int]:
    """Coalitions that contain ``i``."""
    return (c | 1 << i for c in without(n, i))


def _over(x: Any, y: Any) -> Any:
    return (
        Fraction(x, y) if isinstance(x, int | Fraction) and isinstance(y, int | Fraction) else x / y
    )
