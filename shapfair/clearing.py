r"""Clearing: the scaling factors that budgets allow (Section 4 of the paper).

With costs :math:`c_i = \sum_j F_{ij}`, the scaled costs :math:`\lambda_i c_i` clear the payment
system of Eisenberg and Noe (2001): every party pays in full, or all that it has, its budget and its
revenue. Their fictitious default algorithm finds the greatest such vector, which is the solution of
the paper's linear programme (P), in at most :math:`n` rounds.

Eisenberg and Noe, Systemic risk in financial systems, Management Science 47(2), 2001, 236-249.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from shapfair.extras import load


class NegativeFlowError(ValueError):
    """A budget binds and some flow is negative, so that there need not be a greatest solution.

    Attributes:
        payer: index of the party whose flow is negative.
        earner: index of the party that it goes to.
        flow: the flow.
    """

    def __init__(self, payer: int, earner: int, flow: float):
        self.payer, self.earner, self.flow = payer, earner, flow
        super().__init__(self.message(str(payer), str(earner)))

    def message(self, payer: str, earner: str) -> str:
        """What happened, with the parties called by these names."""
        return (
            f"flows: party {payer} pays party {earner} a negative {self.flow:.4g} and a budget or "
            "desired value binds: repair the value table (repair='hull') or lift the budgets"
        )


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
    """

    scaling: Float[np.ndarray, " parties"]
    constrained: Bool[np.ndarray, " parties"]
    rounds: int
    history: Float[np.ndarray, "rounds parties"]
    certificate: Certificate


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
        atol: flows up to this size are rounding noise and count as 0; by default 64 ulp of the
            largest flow.

    Raises:
        NegativeFlowError: (a ``ValueError``) if a budget binds and some flow is negative.
        ValueError: if shapes, budgets or caps are not as described.

    Cost: at most ``n`` linear systems, O(n^4), whatever the structure of the flows.
    """
    system = _System.of(flows, budgets, caps, atol)
    scaling = system.caps.copy()
    history = [scaling]
    constrained = np.zeros(len(scaling), dtype=bool)
    while (short := ~constrained & (system.shortfall(scaling) > system.tolerance)).any():
        system.check_flows()
        constrained = constrained | short
        scaling = system.solve(constrained)
        history.append(scaling)
    return Clearing(
        scaling=scaling,
        constrained=constrained,
        rounds=len(history) - 1,
        history=np.array(history),
        certificate=system.certificate(scaling, constrained),
    )


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
    """
    linprog = load("scipy.optimize").linprog

    system = _System.of(flows, budgets, caps, None)
    unit = np.abs(system.flows).max() or 1.0  # HiGHS has absolute tolerances
    limited = np.isfinite(system.budgets)
    result = linprog(
        -system.costs / unit,
        A_ub=system.matrix[limited] / unit,
        b_ub=system.budgets[limited] / unit,
        bounds=np.column_stack([np.zeros_like(system.caps), system.caps]),
        method="highs",
    )
    if result.status != 0:
        raise RuntimeError(f"HiGHS: {result.message}")
    return np.where(system.costs == 0, 1.0, result.x)


class _System(NamedTuple):
    """Flows without rounding noise, costs, budgets, caps, and the matrix A of the constraints."""

    flows: np.ndarray
    costs: np.ndarray
    budgets: np.ndarray
    caps: np.ndarray
    matrix: np.ndarray
    tolerance: float

    @classmethod
    def of(
        cls, flows: np.ndarray, budgets: np.ndarray, caps: np.ndarray | None, atol: float | None
    ) -> "_System":
        n = len(flows)
        if flows.shape != (n, n) or np.diagonal(flows).any() or not np.isfinite(flows).all():
            raise ValueError("flows: need a square matrix of finite numbers with zero diagonal")
        caps = np.ones(n) if caps is None else caps
        for name, given, most in [("budgets", budgets, np.inf), ("caps", caps, 1.0)]:
            if given.shape != (n,) or not ((given >= 0) & (given <= most)).all():
                raise ValueError(f"{name}: {given}, need {n} numbers from 0 to {most}")
        if atol is None:
            atol = 64 * float(np.finfo(np.float64).eps) * float(np.abs(flows).max())
        flows = np.where(np.abs(flows) <= atol, 0.0, flows)
        costs = flows.sum(axis=1)
        # A class of parties that is balanced up to rounding must never be flagged as a whole: its
        # system would be singular. Shortfalls within the noise of n flows therefore do not count.
        return cls(
            flows=flows,
            costs=costs,
            budgets=budgets,
            caps=np.where(costs == 0, 1.0, caps),
            matrix=np.diag(costs) - flows.T,
            tolerance=n * atol,
        )

    def shortfall(self, scaling: np.ndarray) -> np.ndarray:
        """What every party lacks to pay its scaled cost from its budget and revenue."""
        return self.matrix @ scaling - self.budgets

    def check_flows(self) -> None:
        for payer, earner in np.argwhere(self.flows < 0)[:1]:
            raise NegativeFlowError(int(payer), int(earner), float(self.flows[payer, earner]))

    def solve(self, constrained: np.ndarray) -> np.ndarray:
        """Scaling factors when the constrained parties spend all they have and the others pay."""
        d, rest = constrained, ~constrained
        funds = self.budgets[d] + self.caps[rest] @ self.flows[np.ix_(rest, d)]
        scaling = self.caps.copy()
        scaling[d] = np.linalg.solve(self.matrix[np.ix_(d, d)], funds)
        return np.clip(scaling, 0.0, self.caps)

    def certificate(self, scaling: np.ndarray, constrained: np.ndarray) -> Certificate:
        d = constrained
        y = np.zeros_like(scaling)
        y[d] = np.linalg.solve(self.matrix[np.ix_(d, d)].T, self.costs[d])
        # Only with negative flows, which no budget meets, is the maximum with 0 active: paying a
        # negative cost is not optimal for (P), and the gap says so.
        z = np.where(d, 0.0, np.maximum(self.costs + self.flows @ y, 0.0))
        finite_budgets = np.where(d, self.budgets, 0.0)
        return Certificate(
            budget_prices=y,
            cap_prices=z,
            primal=float(self.costs @ scaling),
            dual=float(finite_budgets @ y + self.caps @ z),
        )
