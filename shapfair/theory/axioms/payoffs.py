"""Properties of payoff schemes (Section 3.1) and of flow schemes (Section 3.2)."""

from collections.abc import Callable
from typing import Any

from shapfair.theory.axioms.roles import (
    conditional_dummies,
    conditional_symmetric_pairs,
    dummies,
    symmetric_pairs,
)
from shapfair.theory.axioms.verdict import Number, Verdict, differ, first_failure, text
from shapfair.theory.exact import Table

PayoffScheme = Callable[[Any], Any]
"""From a value table to ``n`` payoffs."""
FlowScheme = Callable[[Any], Any]
"""From a value table to ``n`` rows of ``n`` flows; entry ``[i][j]`` is what ``i`` pays ``j``."""


def efficiency(
    scheme: PayoffScheme, values: Table, total: Number | None = None, *, atol: Number = 0
) -> Verdict:
    r"""Payoffs sum to ``total``, by default :math:`v(N)` (App. A; any total in Remark 3.6)."""
    paid, want = sum(scheme(values)), values[-1] if total is None else total
    return first_failure(
        [f"payoffs sum to {text(paid)}, not {text(want)}"] * differ(paid, want, atol)
    )


def balance(scheme: PayoffScheme, values: Table, *, atol: Number = 0) -> Verdict:
    """Payoffs sum to 0 (Section 3.1)."""
    return efficiency(scheme, values, 0, atol=atol)


def symmetry(scheme: PayoffScheme, values: Table, *, atol: Number = 0) -> Verdict:
    """Symmetric parties receive the same (Section 3.1)."""
    p = scheme(values)
    return first_failure(
        f"symmetric parties {i + 1} and {j + 1} receive {text(p[i])} and {text(p[j])}"
        for i, j in symmetric_pairs(values)
        if differ(p[i], p[j], atol)
    )


def dummy_party(
    scheme: PayoffScheme, values: Table, payoff: Number | None = None, *, atol: Number = 0
) -> Verdict:
    r"""Dummy parties receive ``payoff``, by default :math:`-v(N)` (Section 3.1).

    It is 0 for the Shapley value (App. A) and :math:`(\beta - \alpha v(N))/n` in Remark 3.6.
    """
    p, want = scheme(values), -values[-1] if payoff is None else payoff
    return first_failure(
        f"dummy party {i + 1} receives {text(p[i])}, not {text(want)}"
        for i in dummies(values)
        if differ(p[i], want, atol)
    )


def linearity(
    scheme: PayoffScheme, first: Table, second: Table, scalar: Number, *, atol: Number = 0
) -> Verdict:
    """Payoffs of a sum or a multiple of games are the sum or the multiple (Section 3.1)."""
    p, q = scheme(first), scheme(second)
    p_sum, p_multiple = scheme(_sum(first, second)), scheme(_multiple(scalar, first))
    return first_failure(
        f"party {i + 1} receives {text(got)} in the {what}, not {text(want)}"
        for i in range(len(p))
        for what, got, want in (
            ("sum of the games", p_sum[i], p[i] + q[i]),
            (f"{text(scalar)}-fold game", p_multiple[i], scalar * p[i]),
        )
        if differ(got, want, atol)
    )


def fair_cost(scheme: FlowScheme, values: Table, *, atol: Number = 0) -> Verdict:
    r"""Every party pays :math:`v(N) - v(i)` in all, Equation (4)."""
    flows = scheme(values)
    n = len(flows)
    costs = [sum(flows[i][j] for j in range(n) if j != i) for i in range(n)]
    return first_failure(
        f"party {i + 1} pays {text(costs[i])}, not {text(values[-1] - values[1 << i])}"
        for i in range(n)
        if differ(costs[i], values[-1] - values[1 << i], atol)
    )


def conditional_symmetry(scheme: FlowScheme, values: Table, *, atol: Number = 0) -> Verdict:
    """Every party pays parties that are symmetric given itself the same (Section 3.2)."""
    flows = scheme(values)
    return first_failure(
        f"party {i + 1} pays parties {j + 1} and {k + 1}, symmetric given it, "
        f"{text(flows[i][j])} and {text(flows[i][k])}"
        for i in range(len(flows))
        for j, k in conditional_symmetric_pairs(values, i)
        if differ(flows[i][j], flows[i][k], atol)
    )


def conditional_dummy(scheme: FlowScheme, values: Table, *, atol: Number = 0) -> Verdict:
    """Every party pays nothing to parties that are dummies given itself (Section 3.2)."""
    flows = scheme(values)
    return first_failure(
        f"party {i + 1} pays party {j + 1}, a dummy given it, {text(flows[i][j])}"
        for i in range(len(flows))
        for j in conditional_dummies(values, i)
        if differ(flows[i][j], 0, atol)
    )


def flow_linearity(
    scheme: FlowScheme, first: Table, second: Table, scalar: Number, *, atol: Number = 0
) -> Verdict:
    """Flows of a sum or a multiple of games are the sum or the multiple (Section 3.2)."""
    f, g = scheme(first), scheme(second)
    f_sum, f_multiple = scheme(_sum(first, second)), scheme(_multiple(scalar, first))
    return first_failure(
        f"party {i + 1} pays party {j + 1} {text(got)} in the {what}, not {text(want)}"
        for i in range(len(f))
        for j in range(len(f))
        for what, got, want in (
            ("sum of the games", f_sum[i][j], f[i][j] + g[i][j]),
            (f"{text(scalar)}-fold game", f_multiple[i][j], scalar * f[i][j]),
        )
        if differ(got, want, atol)
    )


def _sum(first: Table, second: Table) -> list[Any]:
    return [x + y for x, y in zip(first, second, strict=True)]


def _multiple(scalar: Number, table: Table) -> list[Any]:
    return [scalar * x for x in table]
