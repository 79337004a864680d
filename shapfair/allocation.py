"""Allocation: payoffs, model values and flows that a consortium's budgets allow (Section 4)."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, partial
from typing import Any, get_args

import numpy as np
from jaxtyping import Float

from shapfair import clearing, documents, remarks
from shapfair.amounts import Amounts, amounts_of
from shapfair.clearing import Certificate, Clearing, NegativeFlowError
from shapfair.coalitions import check_memory
from shapfair.game import Game, Repair
from shapfair.rounding import exponent, magnitude, range_error
from shapfair.shapley import (
    conditional_shapley_values,
    exact_conditional_shapley_values,
    flow_error,
    shapley_values,
)

PER_TABLE = (
    *("scaling", "payoffs", "model_values", "costs", "revenues", "adjusted_flows"),
    *("shapley", "flows", "grand_value", "own_values", "values"),
)
"""What an allocation and its game hold for every table."""


@dataclass(frozen=True, eq=False)
class Allocation:
    r"""Payoff and model rewards of every party, one row per table of the game.

    All amounts are in units of value, after the exchange rate. ``*seeds`` is the leading axis of
    the game's tables, if it has one.

    Attributes:
        game: the game that was allocated, after exchange rate and repair.
        budgets: :math:`b_i`, shape ``(n,)``.
        desired: desired model values :math:`r_i`, shape ``(n,)``; ``inf`` for the best model.
        shapley: Shapley values :math:`\varphi_i`, shape ``(*seeds, n)``.
        flows: flows with unlimited budgets :math:`\varphi_{j|i}`, shape ``(*seeds, n, n)``; entry
            ``[i, j]`` is what ``i`` pays ``j``.
        clearings: greatest clearing vector of every table.
        warnings: what a reader of the numbers should know: that the game is not monotone, that
            flows are negative, that a certificate is open, that flows within rounding noise
            decide (:mod:`shapfair.rounding`), or that parties would gain by leaving
            (:mod:`shapfair.stability`).
        exchange_rate: payoff per unit of value, :math:`\nu`.
        repair: what was done about a game that is not monotone.
    """

    game: Game
    budgets: Float[np.ndarray, " parties"]
    desired: Float[np.ndarray, " parties"]
    shapley: Float[np.ndarray, "*seeds parties"]
    flows: Float[np.ndarray, "*seeds parties parties"]
    clearings: tuple[Clearing, ...]
    warnings: tuple[str, ...]
    exchange_rate: float
    repair: Repair

    @cached_property
    def scaling(self) -> Float[np.ndarray, "*seeds parties"]:
        r"""Scaling factors :math:`\lambda_i^*`, the solution of (P) or (Q); read-only."""
        scaling = np.reshape([one.scaling for one in self.clearings], self.shapley.shape)
        scaling.flags.writeable = False
        return scaling

    @property
    def adjusted_flows(self) -> Float[np.ndarray, "*seeds parties parties"]:
        r"""What ``i`` pays ``j`` within the budgets, :math:`\lambda_i^*\varphi_{j|i}`."""
        return self.scaling[..., None] * self.flows

    @property
    def costs(self) -> Float[np.ndarray, "*seeds parties"]:
        r"""What every party pays, :math:`\lambda_i^*(v(N) - v(i))`."""
        return self.adjusted_flows.sum(axis=-1)

    @property
    def revenues(self) -> Float[np.ndarray, "*seeds parties"]:
        r"""What every party is paid, :math:`\sum_k\lambda_k^*\varphi_{i|k}`."""
        return self.adjusted_flows.sum(axis=-2)

    @property
    def payoffs(self) -> Float[np.ndarray, "*seeds parties"]:
        """Payoff reward of every party, revenue minus cost, Equation (7); they sum to 0."""
        return self.revenues - self.costs

    @property
    def model_values(self) -> Float[np.ndarray, "*seeds parties"]:
        r"""Value of every party's model by (10), :math:`\lambda_i^*v(N) + (1-\lambda_i^*)v(i)`."""
        grand = self.game.grand_value[..., None]
        return self.scaling * grand + (1 - self.scaling) * self.game.own_values

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """Proof of optimality of every table's scaling factors."""
        return tuple(one.certificate for one in self.clearings)

    def mean(self, name: str) -> np.ndarray:
        """Average over the tables of an attribute of the allocation or its game.

        ``mean("payoffs")`` has shape ``(n,)``, whether the game has a seeds axis or not.

        Raises:
            ValueError: if there is no such attribute with one entry per table.
        """
        samples, unit = self._per_table(name)
        return np.asarray(samples.mean(axis=0) * unit)

    def standard_error(self, name: str) -> np.ndarray:
        """Standard error of :meth:`mean` over the tables; ``nan`` for a single table."""
        samples, unit = self._per_table(name)
        if len(samples) == 1:
            return np.full(samples.shape[1:], np.nan)
        return np.asarray(samples.std(axis=0, ddof=1) / math.sqrt(len(samples)) * unit)

    def _per_table(self, name: str) -> tuple[np.ndarray, float]:
        """An attribute with one entry per table, in a unit in which its squares do not overflow."""
        if name not in PER_TABLE:
            raise ValueError(f"name: {name!r}, need one of {', '.join(PER_TABLE)}")
        values = getattr(self if hasattr(self, name) else self.game, name)
        samples = np.reshape(values, (self.game.seeds, *values.shape[self.game.values.ndim - 1 :]))
        # A power of two, so that nothing is rounded; in two steps, as 2**1024 is no float64.
        power = exponent(float(np.abs(samples).max()))
        return np.ldexp(samples, 1 - power), 2.0 ** (power - 1)

    def to_dict(self) -> dict[str, Any]:
        """The allocation as JSON holds it: means over the tables, infinite amounts as ``None``.

        ``flows`` are the adjusted flows, rows pay. ``certificate`` has one entry per table. With
        several tables there are also standard errors, ``..._se``.
        """
        names = ["scaling", "payoffs", "model_values"]
        document: dict[str, Any] = {
            "parties": list(self.game.parties),
            "seeds": self.game.seeds,
            "grand_value": self.mean("grand_value").tolist(),
            "own_values": self.mean("own_values").tolist(),
            "shapley": self.mean("shapley").tolist(),
            "budgets": [_finite_or_none(amount) for amount in self.budgets.tolist()],
            "desired": [_finite_or_none(amount) for amount in self.desired.tolist()],
            **{name: self.mean(name).tolist() for name in names},
            "flows": self.mean("adjusted_flows").tolist(),
            "certificate": {
                "budget_prices": [c.budget_prices.tolist() for c in self.certificates],
                "cap_prices": [c.cap_prices.tolist() for c in self.certificates],
                "primal": [c.primal for c in self.certificates],
                "dual": [c.dual for c in self.certificates],
            },
            "warnings": list(self.warnings),
        }
        if self.game.seeds > 1:
            document |= {f"{name}_se": self.standard_error(name).tolist() for name in names}
        return document

    def to_json(self) -> str:
        """:meth:`to_dict` as JSON text."""
        return documents.to_text(self.to_dict(), indent=1) + "\n"

    def to_csv(self) -> str:
        """One row per party as CSV text: means, and standard errors if there are several tables.

        The last columns are what the party pays each other one.
        """
        columns = {
            "party": list(self.game.parties),
            "budget": self.budgets.tolist(),
            "desired": self.desired.tolist(),
            "own_value": self.mean("own_values").tolist(),
            "shapley": self.mean("shapley").tolist(),
        }
        for column, name in [
            ("scaling", "scaling"),
            ("model_value", "model_values"),
            ("cost", "costs"),
            ("revenue", "revenues"),
            ("payoff", "payoffs"),
        ]:
            columns[column] = self.mean(name).tolist()
            if self.game.seeds > 1:
                columns[f"{column}_se"] = self.standard_error(name).tolist()
        for name, paid in zip(self.game.parties, self.mean("adjusted_flows").T, strict=True):
            columns[f"pays {name}"] = paid.tolist()
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
        return text.getvalue()


def allocate(
    game: Game,
    budgets: Amounts = math.inf,
    desired: Amounts = math.inf,
    *,
    exchange_rate: float | int = 1.0,
    repair: Repair = "none",
) -> Allocation:
    r"""Payoffs, model values and flows of the greatest scaling factors within the budgets.

    Every table of the game is allocated on its own. Where budgets bind and tables differ by the
    luck of a seed, allocate ``game.averaged()``: average first, then the hull. Without budgets and
    desired values all scaling factors are 1 and the payoffs are Equation (1), for any game.
    Otherwise the flows must not be negative, which is certain if the game is monotone.

    Scaling factors and their certificates are those of exact arithmetic on the floats given, with
    flows within rounding noise as 0; :mod:`shapfair.rounding` says what is noise, how right the
    numbers are, and when there is a warning. If a party's own value exceeds the grand coalition's,
    its cost is negative; then a warning says that the certificate is open.

    Args:
        game: the parties' value function.
        budgets: the most that a party may pay beyond its revenue, :math:`b_i\ge 0`, in units of
            payoff: a number for all, one per party, or by name (parties not named are unlimited).
        desired: model value :math:`r_i\ge 0` beyond which a party will not pay, in units of payoff,
            given likewise. Its target is :math:`\min(v(N), \max(v(i), r_i))`.
        exchange_rate: payoff per unit of value, :math:`\nu > 0`.
        repair: ``"hull"`` replaces the game by its monotone hull, ``"none"`` takes it as it is.

    Raises:
        ValueError: if an argument is not as described, if flows are negative although a budget or
            a desired value binds, if the amounts leave float64's range, or if memory cannot hold
            three more copies of the values.

    Cost: O(n 2^n) per table for the flows and O(n^4) for clearing. A table whose answer float64
    cannot settle takes rational numbers, 2 ms for n = 5 and 1 s for n = 20; larger ones get a
    warning instead.

    Three clinics, of which A can spend 0.05 at most:

    >>> from shapfair import Game, allocate
    >>> clinics = Game([0, 0.6, 0.7, 0.78, 0.8, 0.85, 0.9, 0.94], ["A", "B", "C"])
    >>> rewards = allocate(clinics, budgets={"A": 0.05})
    >>> rewards.payoffs.round(3), rewards.model_values.round(3)
    (array([-0.05 , -0.083,  0.133]), array([0.755, 0.94 , 0.94 ]))
    >>> rewards.certificates[0].gap < 1e-12  # no other factors within the budgets give more
    True
    """
    if repair not in get_args(Repair):
        raise ValueError(f"repair: {repair!r}, need one of {', '.join(get_args(Repair))}")
    b = amounts_of("budgets", budgets, game.parties)
    r = amounts_of("desired", desired, game.parties)
    check_memory(game.n, game.seeds, copies=3)
    warnings = remarks.on_origin(game)
    game = game.scaled(exchange_rate)
    warnings += remarks.on_monotonicity(game, repair)
    if repair == "hull":
        hulls = game.hull()
        if np.isfinite(b).any() or np.isfinite(r).any():
            warnings += remarks.on_hulls(game, hulls)
        game = hulls
    _check_range(game)
    flows = conditional_shapley_values(game)
    clearings = _clearings(game, flows, b, r)
    warnings += remarks.on_negative_flows(game, flows)
    warnings += remarks.on_open_certificates(game, clearings)
    warnings += remarks.on_doubts(game, clearings)
    allocation = Allocation(
        game=game,
        budgets=b,
        desired=r,
        shapley=shapley_values(game),
        flows=flows,
        clearings=clearings,
        warnings=tuple(warnings),
        exchange_rate=float(exchange_rate),
        repair=repair,
    )
    totals = allocation.model_values + allocation.payoffs
    return replace(allocation, warnings=(*warnings, *remarks.on_leaving(game, totals, b, r)))


def _check_range(game: Game) -> None:
    for k, largest in enumerate(magnitude(game.values).ravel().tolist()):
        if error := range_error(largest, game.n):
            raise ValueError(f"values: {game.message_about(k)}{error}")


def _clearings(
    game: Game, flows: np.ndarray, budgets: np.ndarray, desired: np.ndarray
) -> tuple[Clearing, ...]:
    """Greatest clearing vector of every table."""
    n, clearings = game.n, []
    tables, noises = game.values.reshape(-1, 2**n), game.rounding.ravel().tolist()
    for k, (table, noise) in enumerate(zip(tables, noises, strict=True)):
        own, grand, wishes = table[2 ** np.arange(n)].tolist(), float(table[-1]), desired.tolist()
        caps = np.array(caps_of(own, grand, wishes, noise), dtype=np.float64)
        error = flow_error(n) * float(magnitude(table))
        exactly = partial(_exactly, table, own, grand, wishes, noise)
        try:
            found = clearing.clear(flows.reshape(-1, n, n)[k], budgets, caps, noise, error, exactly)
        except NegativeFlowError as flow:
            payer, earner = game.parties[flow.payer], game.parties[flow.earner]
            raise ValueError(game.message_about(k) + flow.message(payer, earner)) from None
        except ValueError as reason:
            raise ValueError(f"{game.message_about(k)}{reason}") from None
        clearings.append(found)
    return tuple(clearings)


def _exactly(
    table: np.ndarray, own: list[float], grand: float, desired: list[float], noise: float
) -> clearing.Exactly:
    """Flows and caps of a table without rounding."""
    values = list(map(Fraction, own))
    wishes = [Fraction(r) if math.isfinite(r) else r for r in desired]
    caps, literal = (
        tuple(map(Fraction, caps_of(values, Fraction(grand), wishes, least)))
        for least in (Fraction(noise), 0)
    )
    return exact_conditional_shapley_values(table), caps, literal


def caps_of(own: Sequence[Any], grand: Any, desired: Sequence[Any], noise: Any) -> list[Any]:
    r"""Largest scaling factors :math:`u_i = (t_i - v(i)) / c_i`, Equation (61) corrected.

    The target is :math:`t_i = \min(v(N), \max(v(i), r_i))`: the paper's :math:`\min(v(N), r_i)`
    breaks individual rationality where :math:`r_i < v(i)`. A party with nothing to gain has
    :math:`u_i = 1`. Floats and fractions are taken alike.
    """
    return [
        (min(grand, max(value, wish)) - value) / (grand - value) if grand - value > noise else 1
        for value, wish in zip(own, desired, strict=True)
    ]


def _finite_or_none(amount: float) -> float | None:
    return amount if math.isfinite(amount) else None
