"""Allocation: payoffs, model values and flows that a consortium's budgets allow (Section 4)."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from jaxtyping import Float

from shapfair.clearing import Certificate, Clearing, NegativeFlowError, clearing_vector
from shapfair.game import Game, Repair
from shapfair.shapley import conditional_shapley_values, shapley_values

Amounts = float | int | Sequence[Any] | np.ndarray | Mapping[str, Any]
"""One amount for all parties, one per party, or by name (the others unlimited)."""


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
        warnings: what a reader of the numbers should know, such as that the game is not monotone.
    """

    game: Game
    budgets: Float[np.ndarray, " parties"]
    desired: Float[np.ndarray, " parties"]
    shapley: Float[np.ndarray, "*seeds parties"]
    flows: Float[np.ndarray, "*seeds parties parties"]
    clearings: tuple[Clearing, ...]
    warnings: tuple[str, ...]

    @property
    def scaling(self) -> Float[np.ndarray, "*seeds parties"]:
        r"""Scaling factors :math:`\lambda_i^*`, the solution of (P) or (Q)."""
        return np.reshape([clearing.scaling for clearing in self.clearings], self.shapley.shape)

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
        return tuple(clearing.certificate for clearing in self.clearings)

    def mean(self, name: str) -> np.ndarray:
        """Average over the tables of an attribute of the allocation or its game.

        ``mean("payoffs")`` has shape ``(n,)``, whether the game has a seeds axis or not.
        """
        return np.asarray(self._per_table(name).mean(axis=0))

    def standard_error(self, name: str) -> np.ndarray:
        """Standard error of :meth:`mean` over the tables; ``nan`` for a single table."""
        samples = self._per_table(name)
        if len(samples) == 1:
            return np.full(samples.shape[1:], np.nan)
        return np.asarray(samples.std(axis=0, ddof=1) / math.sqrt(len(samples)))

    def _per_table(self, name: str) -> np.ndarray:
        values = getattr(self if hasattr(self, name) else self.game, name)
        return np.reshape(values, (self.game.seeds, *values.shape[self.game.values.ndim - 1 :]))

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
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def to_csv(self) -> str:
        """One row per party as CSV text: means, and standard errors if there are several tables."""
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

    Every table of the game is allocated on its own. Without budgets and desired values all scaling
    factors are 1 and the payoffs are Equation (1), for any game. Otherwise the flows must not be
    negative, which is certain if the game is monotone.

    Args:
        game: the parties' value function.
        budgets: the most that a party may pay beyond its revenue, :math:`b_i\ge 0`, in units of
            payoff: a number for all, one per party, or by name (parties not named are unlimited).
        desired: model value :math:`r_i\ge 0` beyond which a party will not pay, in units of payoff,
            given likewise. Its target is :math:`\min(v(N), \max(v(i), r_i))`.
        exchange_rate: payoff per unit of value, :math:`\nu > 0`.
        repair: ``"hull"`` replaces the game by its monotone hull, ``"none"`` takes it as it is.

    Raises:
        ValueError: if an argument is not as described, or flows are negative although a budget or
            a desired value binds.

    Cost: O(n 2^n) per table for the flows and O(n^4) for clearing.
    """
    if repair not in get_args(Repair):
        raise ValueError(f"repair: {repair!r}, need one of {', '.join(get_args(Repair))}")
    b = _amounts("budgets", budgets, game.parties)
    r = _amounts("desired", desired, game.parties)
    game = game.scaled(exchange_rate)
    warnings = _origin_warnings(game) + _monotonicity_warnings(game, repair)
    if repair == "hull":
        game = game.hull()
    flows = conditional_shapley_values(game)
    if (negative := int((flows < -game.rounding).sum())) > 0:
        warnings.append(
            f"{negative} of {game.seeds * game.n * (game.n - 1)} flows are negative, "
            f"worst {flows.min():.4g}"
        )
    return Allocation(
        game=game,
        budgets=b,
        desired=r,
        shapley=shapley_values(game),
        flows=flows,
        clearings=_clearings(game, flows, b, r),
        warnings=tuple(warnings),
    )


def _clearings(
    game: Game, flows: np.ndarray, budgets: np.ndarray, desired: np.ndarray
) -> tuple[Clearing, ...]:
    """Greatest clearing vector of every table."""
    n, clearings = game.n, []
    tables = zip(flows.reshape(-1, n, n), _caps(game, desired).reshape(-1, n), strict=True)
    for k, (table_flows, caps) in enumerate(tables):
        try:
            clearings.append(clearing_vector(table_flows, budgets, caps, atol=game.rounding))
        except NegativeFlowError as error:
            table = f"table {k + 1}: " if game.seeds > 1 else ""
            payer, earner = game.parties[error.payer], game.parties[error.earner]
            raise ValueError(table + error.message(payer, earner)) from None
    return tuple(clearings)


def _caps(game: Game, desired: np.ndarray) -> np.ndarray:
    r"""Largest scaling factors :math:`u_i = (t_i - v(i)) / c_i`, Equation (61) corrected.

    The target is :math:`t_i = \min(v(N), \max(v(i), r_i))`: the paper's :math:`\min(v(N), r_i)`
    breaks individual rationality where :math:`r_i < v(i)`. A party with nothing to gain has
    :math:`u_i = 1`.
    """
    grand, own = game.grand_value[..., None], game.own_values
    gains = np.minimum(grand, np.maximum(own, desired)) - own
    costs = grand - own
    return np.divide(gains, costs, out=np.ones_like(costs), where=costs > game.rounding)


def _amounts(argument: str, given: Amounts, parties: Sequence[str]) -> np.ndarray:
    """Amounts as an array, one per party.

    Raises:
        ValueError: naming the argument and the party.
    """
    named: list[tuple[str, Any]]
    if isinstance(given, Mapping):
        for name in [name for name in given if name not in parties][:1]:
            raise ValueError(f"{argument}: no party {name!r}, known: {', '.join(parties)}")
        named = [(name, given.get(name, math.inf)) for name in parties]
    else:
        array = np.asarray(given, dtype=object)
        amounts = [array.item()] * len(parties) if array.ndim == 0 else list(array)
        if len(amounts) != len(parties):
            raise ValueError(f"{argument}: {len(amounts)} amounts for {len(parties)} parties")
        named = list(zip(parties, amounts, strict=True))
    for name, amount in named:
        try:
            valid = not isinstance(amount, str) and float(amount) >= 0
        except (TypeError, ValueError):
            valid = False
        if not valid:
            raise ValueError(
                f"{argument}: party {name} has {amount!r}, need a number >= 0 (inf for unlimited)"
            )
    return np.array([float(amount) for _, amount in named])


def _origin_warnings(game: Game) -> list[str]:
    """Say that values come from the embedded subset, on which models are less accurate."""
    if (game.provenance or {}).get("data_size") != "embedded":
        return []
    return ["the values are of models trained on the embedded subset, not on the full data"]


def _monotonicity_warnings(game: Game, repair: Repair) -> list[str]:
    report = game.monotonicity()
    if report.monotone:
        return []
    tables = f" in {report.tables} of {game.seeds} tables" if game.seeds > 1 else ""
    advice = {
        "none": "repair='hull' replaces the game by its monotone hull",
        "hull": "replaced by the monotone hull",
    }[repair]
    return [f"{report}{tables}; {advice}"]


def _finite_or_none(amount: float) -> float | None:
    return amount if math.isfinite(amount) else None
