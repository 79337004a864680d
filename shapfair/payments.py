"""The payment system of one table in float64: who owes and can pay what, and how certainly."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from shapfair.rounding import NOISE, exponent

Parties = Float[np.ndarray, " parties"]
Constrained = Bool[np.ndarray, " parties"]


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


class System(NamedTuple):
    r"""Flows without rounding noise, and what belongs to them.

    All amounts are in a power of two of the caller's unit, such that the largest flow is just
    below 1. So nothing overflows or loses digits, whatever that unit is.

    Attributes:
        flows: what ``i`` pays ``j``, shape ``(n, n)``.
        costs: :math:`c`, the sums of its rows.
        budgets: :math:`b`, ``inf`` if unlimited.
        caps: :math:`u`, 1 for parties without costs.
        matrix: :math:`A`, of the constraints :math:`A\lambda\le b`.
        noise: flows up to this size count as 0.
        uncertainty: by how much a flow may be off, of rounding or because it counts as 0.
        power: exponent of the unit.
    """

    flows: np.ndarray
    costs: np.ndarray
    budgets: np.ndarray
    caps: np.ndarray
    matrix: np.ndarray
    noise: float
    uncertainty: float
    power: int

    @classmethod
    def of(
        cls,
        flows: np.ndarray,
        budgets: np.ndarray,
        caps: np.ndarray,
        atol: float | None,
        error: float = 0.0,
    ) -> "System":
        """The system of flows that are off by up to ``error``; others as ``clearing_vector``.

        Raises:
            ValueError: if shapes, budgets or caps are not as described there.
        """
        n = len(flows)
        if flows.shape != (n, n) or np.diagonal(flows).any() or not np.isfinite(flows).all():
            raise ValueError("flows: need a square matrix of finite numbers with zero diagonal")
        for name, given, most in [("budgets", budgets, np.inf), ("caps", caps, 1.0)]:
            if given.shape != (n,) or not ((given >= 0) & (given <= most)).all():
                raise ValueError(f"{name}: {given}, need {n} numbers from 0 to {most}")
        largest = float(np.abs(flows).max())
        power = exponent(largest)
        noise = np.ldexp(NOISE * largest if atol is None else atol, -power)
        with np.errstate(over="ignore"):  # a budget that overflows never binds
            scaled, budgets = np.ldexp(flows, -power), np.ldexp(budgets, -power)
        ignored = np.abs(scaled) <= noise
        uncertainty = np.ldexp(error, -power) + np.abs(scaled[ignored]).max()
        flows = np.where(ignored, 0.0, scaled)
        costs = flows.sum(axis=1)
        return cls(
            flows=flows,
            costs=costs,
            budgets=budgets,
            caps=np.where(costs == 0, 1.0, caps),
            matrix=np.diag(costs) - flows.T,
            noise=float(noise),
            uncertainty=float(uncertainty) + (n + 2) * float(np.finfo(np.float64).eps),
            power=power,
        )

    def shortfall(self, scaling: Parties) -> Parties:
        """What every party lacks to pay its scaled cost from its budget and revenue."""
        return self.matrix @ scaling - self.budgets

    def short(self, scaling: Parties) -> Constrained:
        """Parties that lack more than noise.

        A class of parties that is balanced up to rounding must never be flagged as a whole: its
        system would be singular. So shortfalls within the noise of n flows do not count.
        """
        return self.shortfall(scaling) > len(scaling) * self.noise

    def solve(self, constrained: Constrained) -> Parties:
        """Scaling factors when the constrained parties spend all they have and the others pay."""
        d, rest = constrained, ~constrained
        funds = self.budgets[d] + self.caps[rest] @ self.flows[np.ix_(rest, d)]
        scaling = self.caps.copy()
        scaling[d] = np.linalg.solve(self.matrix[np.ix_(d, d)], funds)
        return np.clip(scaling, 0.0, self.caps)

    def prices(self, constrained: Constrained) -> tuple[Parties, Parties]:
        """The dual solution: prices of the budgets, and of the caps in the system's unit."""
        d, y = constrained, np.zeros_like(self.costs)
        y[d] = np.linalg.solve(self.matrix[np.ix_(d, d)].T, self.costs[d])
        # Only with negative flows, which no budget meets, is the maximum with 0 active: paying a
        # negative cost is not optimal for (P), and the gap says so.
        return y, np.where(d, 0.0, np.maximum(self.costs + self.flows @ y, 0.0))

    def error_bound(self, scaling: Parties, constrained: Constrained, prices: Parties) -> float:
        """How far scaling factors, and budget prices as shares of themselves, may be from exact.

        The module :mod:`shapfair.clearing` has the reasons. ``inf`` if it is open which parties
        are constrained.
        """
        n, d = len(scaling), constrained
        pays = (self.flows != 0).any(axis=1)
        if (pays & (np.abs(self.costs) <= n * self.noise)).any():
            return np.inf  # it is open whether such a party has nothing to gain
        change = 4 * n * self.uncertainty  # of a shortfall: half by the flows, half by rounding
        surplus, spread, drift = -self.shortfall(scaling), np.zeros(n), 0.0
        if d.any():
            block, off = self.matrix[np.ix_(d, d)], np.abs(surplus[d]) + change
            spread[d] = np.linalg.solve(block, 2 * off)
            proven = block @ spread[d] - change * np.max(spread) >= off
            if not (proven & (spread[d] > 0) & (scaling + spread < self.caps)[d]).all():
                return np.inf
            residuals = np.abs(self.costs - self.matrix.T @ prices) + change * prices.max()
            drift = float((residuals[d] / self.costs[d]).max())
        # Without costs nobody is short, but where flows are negative noise may not bind a budget.
        at_stake = ~d & (pays | (self.flows < 0).any())
        unsure = at_stake & ~(surplus > self.flows.T @ spread + change)
        if unsure.any() and (~d).sum() > 1:
            return np.inf
        return max(float(np.max(spread)), drift)
