r"""Clearing: the scaling factors that budgets allow (Section 4 of the paper).

With costs :math:`c_i = \sum_j F_{ij}`, the scaled costs :math:`\lambda_i c_i` clear the payment
system of Eisenberg and Noe (2001): every party pays in full, or all that it has, its budget and its
revenue. Their fictitious default algorithm finds the greatest such vector, which is the solution of
the paper's linear programme (P), in at most :math:`n` rounds.

The algorithm runs in float64, and its result is kept if an a-posteriori bound shows that it is that
of exact arithmetic to :data:`shapfair.rounding.TOLERANCE`; otherwise it runs in rational numbers.
With :math:`D` the constrained parties, the bound rests on :math:`A_{DD}` being an M-matrix, whose
inverse is nonnegative: a vector :math:`x > 0` with :math:`A_{DD}x\ge\eta` proves that, and that
residuals of the budget constraints up to :math:`\eta` move :math:`\lambda_D` by at most :math:`x`.
Here :math:`\eta` is the residual found, plus what the errors of the flows and the flows that count
as 0 can add. If then all other parties can pay, and the constrained ones stay below their caps, by
more than these errors can change, :math:`D` is the right set and :math:`x` bounds the error. (If
only one party is not constrained it can pay, because payoffs sum to 0.)

Eisenberg and Noe, Systemic risk in financial systems, Management Science 47(2), 2001, 236-249.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from jaxtyping import Bool, Float

from shapfair import rational
from shapfair.extras import load
from shapfair.payments import NegativeFlowError, System
from shapfair.rounding import TOLERANCE
from shapfair.settling import settle

EXACT_PARTIES = 20
"""Most parties for which rational numbers are taken where float64 cannot decide (a second)."""

Exactly = tuple[rational.Matrix, rational.Vector, rational.Vector]
"""Flows, caps that are 1 where the gain is within the noise, and where it is 0, as fractions."""


@dataclass(frozen=True)
class Certificate:
    r"""Dual solution that proves a clearing vector optimal.

    Any :math:`y, z\ge 0` with :math:`A^\top y + z \ge c`, where :math:`A = \mathrm{diag}(c) -
    F^\top`, bounds :math:`c^\top\lambda \le b^\top y + u^\top z` for every feasible
    :math:`\lambda`. A bound that is reached proves both sides optimal.

    Attributes:
        budget_prices: :math:`y`, by how much total cost rises per unit of the party's budget (the
            expected number of times that the unit is spent); 0 for unconstrained parties.
        cap_prices: :math:`z`, by how much total cost rises per unit of the party's cap.
        primal: :math:`c^\top\lambda`, in units of value.
        dual: :math:`b^\top y + u^\top z`, where an unlimited budget of price 0 counts 0.
    """

    budget_prices: Float[np.ndarray, " parties"]
    cap_prices: Float[np.ndarray, " parties"]
    primal: float
    dual: float

    @property
    def gap(self) -> float:
        """Dual minus primal objective; 0 up to rounding proves optimality."""
        return self.dual - self.primal


@dataclass(frozen=True)
class Clearing:
    r"""Greatest clearing vector of one table.

    Attributes:
        scaling: scaling factors :math:`\lambda_i`, shape ``(n,)``.
        constrained: parties held back by their budget, so that they spend all of it.
        rounds: number of linear systems solved, at most ``n``.
        history: scaling factors at the start and after each round, shape ``(rounds + 1, n)``.
        certificate: proof of optimality.
        doubt: what a reader must know about flows within the noise or a result that is not known to
            :data:`~shapfair.rounding.TOLERANCE`, else empty.
    """

    scaling: Float[np.ndarray, " parties"]
    constrained: Bool[np.ndarray, " parties"]
    rounds: int
    history: Float[np.ndarray, "rounds parties"]
    certificate: Certificate
    doubt: str = ""


def clearing_vector(
    flows: Float[np.ndarray, "parties parties"],
    budgets: Float[np.ndarray, " parties"],
    caps: Float[np.ndarray, " parties"] | None = None,
    *,
    atol: float | None = None,
) -> Clearing:
    r"""Greatest solution of :math:`\lambda_i = \min(u_i, (b_i + \sum_k\lambda_k F_{ki})/c_i)`.

    It solves (P), and (Q) with caps below 1. A party with nothing to gain, :math:`c_i = 0`, has
    :math:`\lambda_i = 1` by convention.

    Args:
        flows: ``flows[i, j]`` is what ``i`` pays ``j`` with unlimited budgets, shape ``(n, n)``.
        budgets: :math:`b_i \ge 0`, ``inf`` if unlimited, in the flows' unit.
        caps: largest scaling factors :math:`u_i` in :math:`[0, 1]`, all 1 by default.
        atol: flows up to this size are rounding noise and count as 0 (:mod:`shapfair.rounding`); by
            default 64 ulp of the largest flow.

    Raises:
        NegativeFlowError: (a ``ValueError``) if a budget binds and some flow is negative.
        ValueError: if shapes, budgets or caps are not as described, or a price exceeds float64's
            range.

    Cost: at most ``n`` linear systems, O(n^4), whatever the structure of the flows. Where float64
    cannot decide, the same number of systems in rational numbers, about 1 ms for n = 5 and less
    than a second for n = 20; beyond that the result says how certain it is.

    Three parties without money, of which each adds 1, 2, 3 to every coalition:

    >>> import numpy as np
    >>> from shapfair import clearing_vector, conditional_shapley_values
    >>> flows = conditional_shapley_values([0, 1, 2, 3, 3, 4, 5, 6])
    >>> found = clearing_vector(flows, np.zeros(3))
    >>> found.scaling.round(3), found.constrained
    (array([0.333, 0.667, 1.   ]), array([ True,  True, False]))
    """
    caps = np.ones(len(flows)) if caps is None else caps
    return clear(
        flows,
        budgets,
        caps,
        atol,
        error=0.0,
        exactly=lambda: (tuple(map(_fractions, flows)), _fractions(caps), _fractions(caps)),
    )


def clear(
    flows: np.ndarray,
    budgets: np.ndarray,
    caps: np.ndarray,
    atol: float | None,
    error: float,
    exactly: Callable[[], Exactly],
) -> Clearing:
    """Clear as :func:`clearing_vector` does, where the flows are rounded themselves.

    Args:
        flows: likewise.
        budgets: likewise.
        caps: likewise.
        atol: likewise.
        error: what the flows may be off by.
        exactly: yields flows, caps, and caps that ignore noise, for where float64 cannot decide.
    """
    system = System.of(flows, budgets, caps, atol, error)
    try:
        clearing, bound = _clear_in_floats(system)
    except (np.linalg.LinAlgError, OverflowError):
        clearing, bound = None, np.inf
    if clearing is not None and bound <= TOLERANCE:
        return clearing
    if len(flows) <= EXACT_PARTIES:
        noise = Fraction(system.noise) * Fraction(2) ** system.power
        amounts = [Fraction(b) if np.isfinite(b) else b for b in budgets.tolist()]
        return _clear_exactly(exactly(), amounts, noise)
    why = f"n = {len(flows)} parties are too many for exact arithmetic (limit {EXACT_PARTIES})"
    if clearing is None:
        raise ValueError(f"flows: their linear system has no solution in float64, and {why}")
    certain = f"certain only to {bound:.1g}" if bound < 1 else "in doubt"
    return replace(clearing, doubt=f"the scaling factors are {certain}: {why}")


def _clear_in_floats(system: System) -> tuple[Clearing, float]:
    """The fictitious default algorithm in float64, and the bound of its error."""
    scaling = system.caps.copy()
    history = [scaling]
    constrained = np.zeros(len(scaling), dtype=bool)
    while (short := ~constrained & system.short(scaling)).any():
        for payer, earner in np.argwhere(system.flows < 0)[:1]:
            flow = np.ldexp(system.flows[payer, earner], system.power)
            raise NegativeFlowError(int(payer), int(earner), float(flow))
        constrained = constrained | short
        scaling = system.solve(constrained)
        history.append(scaling)
    y, z = system.prices(constrained)
    bound = system.error_bound(scaling, constrained, y)
    funds = np.where(constrained, system.budgets, 0.0)
    amounts = [*z, system.costs @ scaling, funds @ y + system.caps @ z]
    with np.errstate(over="ignore"):
        *z, primal, dual = np.ldexp(amounts, system.power).tolist()
    if not np.isfinite([*z, primal, dual]).all():
        raise OverflowError
    certificate = Certificate(y, np.array(z), primal, dual)
    clearing = Clearing(scaling, constrained, len(history) - 1, np.array(history), certificate)
    return clearing, bound


def _clear_exactly(exact: Exactly, budgets: rational.Amounts, noise: Fraction) -> Clearing:
    """The algorithm in rational numbers."""
    flows, caps, literal_caps = exact
    settled = settle(flows, budgets, caps, literal_caps, noise)
    cleared, n = settled.cleared, len(flows)
    history = np.array([[float(x) for x in scaling] for scaling in cleared.history])
    return Clearing(
        scaling=history[-1],
        constrained=np.array([i in cleared.constrained for i in range(n)]),
        rounds=len(history) - 1,
        history=history,
        certificate=_exact_certificate(settled.flows, budgets, cleared),
        doubt=settled.doubt,
    )


def _exact_certificate(
    flows: rational.Rows, budgets: rational.Amounts, cleared: rational.Cleared
) -> Certificate:
    matrix = rational.clearing_matrix(flows)
    y, z = rational.prices(matrix, cleared.constrained)
    z = tuple(max(price, Fraction(0)) for price in z)  # negative for negative costs alone
    # A budget with a price is finite.
    funds = [Fraction(b) if price else 0 for b, price in zip(budgets, y, strict=True)]
    primal = rational.dot([row[i] for i, row in enumerate(matrix)], cleared.scaling)
    dual = rational.dot(funds, y) + rational.dot(cleared.history[0], z)
    try:
        prices, caps = (np.array([float(price) for price in one]) for one in (y, z))
        return Certificate(prices, caps, float(primal), float(dual))
    except OverflowError:
        raise ValueError(
            "flows: a price of the certificate exceeds float64's range, give values in a larger "
            "unit or merge parties that pay almost nothing to the others"
        ) from None


def _fractions(numbers: np.ndarray) -> rational.Vector:
    return tuple(map(Fraction, numbers.tolist()))


def linear_programme(
    flows: Float[np.ndarray, "parties parties"],
    budgets: Float[np.ndarray, " parties"],
    caps: Float[np.ndarray, " parties"] | None = None,
) -> Float[np.ndarray, " parties"]:
    r"""Scaling factors by HiGHS on (P), or (Q) with caps: a second opinion.

    .. math:: \max_\lambda\ c^\top\lambda \quad\text{s.t.}\quad
        \lambda_i c_i - \sum_k \lambda_k F_{ki} \le b_i, \quad 0 \le \lambda \le u

    Arguments and convention are those of :func:`clearing_vector`. The solver alone may return any
    scaling factor for a party with :math:`c_i = 0`, which it sees neither in the objective nor in a
    constraint.

    Raises:
        ValueError: as :func:`clearing_vector`.
        RuntimeError: if HiGHS finds no optimum.

    >>> import numpy as np
    >>> from shapfair import conditional_shapley_values, linear_programme
    >>> flows = conditional_shapley_values([0, 1, 2, 3, 3, 4, 5, 6])
    >>> linear_programme(flows, np.zeros(3)).round(3)
    array([0.333, 0.667, 1.   ])
    """
    linprog = load("scipy.optimize").linprog

    system = System.of(flows, budgets, np.ones(len(flows)) if caps is None else caps, None)
    limited = np.isfinite(system.budgets)
    result = linprog(
        -system.costs,
        A_ub=system.matrix[limited],
        b_ub=system.budgets[limited],
        bounds=np.column_stack([np.zeros_like(system.caps), system.caps]),
        method="highs",
    )
    if result.status != 0:
        raise RuntimeError(f"HiGHS: {result.message}")
    return np.where(system.costs == 0, 1.0, result.x)
