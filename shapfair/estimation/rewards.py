"""Rewards from an estimate: scaling factors, models and payoffs, with intervals by resampling."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from shapfair.allocation import caps_of
from shapfair.amounts import Amounts, amounts_of
from shapfair.clearing import clearing_vector
from shapfair.estimation.result import Estimate
from shapfair.estimation.weights import counts, flow_terms, payoffs_of
from shapfair.rounding import NOISE, range_error

RESAMPLES = 400
"""Number of games that could as well be the true one."""


@dataclass(frozen=True, eq=False)
class Rewards:
    r"""What parties get when an estimate is allocated within their budgets, in units of payoff.

    Attributes:
        estimate: what was allocated, in units of value.
        budgets: :math:`b_i`, shape ``(n,)``.
        desired: desired model values :math:`r_i`, shape ``(n,)``.
        exchange_rate: payoff per unit of value.
        values: ``scaling``, ``model_values`` and ``payoffs`` of the estimate, shape ``(n,)`` each.
        samples: the same of every resample, shape ``(resamples, n)``; none if errors are not known.
        warnings: what a reader of the numbers should know.
    """

    estimate: Estimate
    budgets: Float[np.ndarray, " n"]
    desired: Float[np.ndarray, " n"]
    exchange_rate: float
    values: Mapping[str, np.ndarray]
    samples: Mapping[str, np.ndarray]
    warnings: tuple[str, ...]

    def interval(self, name: str, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
        """Ends of intervals, each by itself; nan where errors are not known.

        Args:
            name: ``scaling``, ``model_values`` or ``payoffs``.
            level: share of the resamples in an interval.
        """
        if not len(self.samples[name]):
            unknown = np.full(len(self.budgets), np.nan)
            return unknown, unknown
        tail = (1 - level) / 2
        low, high = np.quantile(self.samples[name], [tail, 1 - tail], axis=0)
        return low, high


def reward(
    estimate: Estimate,
    budgets: Amounts = math.inf,
    desired: Amounts = math.inf,
    *,
    exchange_rate: float | int = 1.0,
    seed: int = 0,
) -> Rewards:
    """Allocate an estimate as :func:`shapfair.allocation.allocate` allocates a game.

    Errors of flows go through the clearing by resampling: normal deviations with the covariances of
    the estimate are added in turn to its flows and to the unbiased ones, and each such game is
    allocated. Flows that are estimated as negative count as 0 where a budget or a desired value may
    bind, and the others of the row are scaled to the party's cost.

    Args:
        estimate: flows with errors.
        budgets: the most that a party may pay beyond its revenue, in units of payoff.
        desired: model value beyond which a party will not pay, likewise.
        exchange_rate: payoff per unit of value.
        seed: of the resamples.

    Raises:
        ValueError: if an argument is not as described.

    Cost: 400 linear systems and O(400 m n^2).
    """
    if not 0 < exchange_rate < math.inf:
        raise ValueError(f"exchange_rate: {exchange_rate}, need a positive finite number")
    largest = exchange_rate * float(np.abs(estimate.table.values).max())
    if range_error(largest, estimate.table.n):
        raise ValueError(
            f"exchange_rate: {exchange_rate:g} times the values is up to {largest:.3g}, beyond the "
            "range of float64: take another"
        )
    b = amounts_of("budgets", budgets, estimate.parties)
    r = amounts_of("desired", desired, estimate.parties)
    binds = bool(np.isfinite(b).any() or np.isfinite(r).any())
    games = [_point(estimate)]
    if estimate.sampling is not None:
        games += _resampled(estimate, np.random.default_rng([seed, estimate.table.n]))
    rows = [
        _allocated([np.asarray(x * exchange_rate) for x in game], b, r, binds) for game in games
    ]
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    named = dict(zip(("scaling", "model_values", "payoffs"), columns, strict=True))
    return Rewards(
        estimate,
        b,
        r,
        float(exchange_rate),
        {name: column[0] for name, column in named.items()},
        {name: column[1:] for name, column in named.items()},
        (*estimate.warnings, *(_on_negative_flows(estimate) if binds else ())),
    )


_Parts = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Flows, own values and the grand coalition's value of a game."""


def _point(estimate: Estimate) -> _Parts:
    table = estimate.table
    return estimate.flows, table.own_values, np.array([table.grand_value])


def _resampled(estimate: Estimate, rng: np.random.Generator) -> list[_Parts]:
    """Games that differ from the estimate as the true one may."""
    table, n = estimate.table, estimate.table.n
    flows, own, grand = _point(estimate)
    assert estimate.sampling is not None
    signs = rng.standard_normal((RESAMPLES, len(estimate.sampling.members)))
    centres = np.stack([flows, estimate.unbiased])[np.arange(RESAMPLES) % 2]
    games = centres + np.tensordot(signs, estimate.sampling.flows(), 1)
    noise, size = np.zeros(len(table.coalitions)), table.members.sum(axis=1)
    if estimate.noise is not None:
        noise = np.sqrt(estimate.noise[size])
    shifts = rng.standard_normal((RESAMPLES, len(noise))) * noise
    # Those that are known stand for all of their size.
    stand_for = 1 / np.sqrt(counts(n)[size] * np.bincount(size, minlength=n + 1)[size])
    games += np.tensordot(shifts * stand_for, flow_terms(table.members), 1)
    singles = [table.coalitions.index(1 << i) for i in range(n)]
    grands = grand + shifts[:, [table.coalitions.index(2**n - 1)]]
    return list(zip(games, own + shifts[:, singles], grands, strict=True))


def _allocated(game: Sequence[np.ndarray], b: np.ndarray, r: np.ndarray, binds: bool) -> _Parts:
    """Scaling factors, model values and payoffs of one game."""
    flows, own, (grand,) = game
    noise = NOISE * float(np.max(np.abs([*own, grand])))
    caps = np.array(caps_of(own.tolist(), float(grand), r.tolist(), noise), dtype=np.float64)
    if binds:
        flows = _without_negative_flows(flows, np.where(grand - own > noise, grand - own, 0.0))
        scaling = clearing_vector(flows, b, caps).scaling
    else:
        scaling = caps
    models = scaling * grand + (1 - scaling) * own
    return scaling, models, payoffs_of(scaling[:, None] * flows)


def _without_negative_flows(flows: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """Negative flows as 0, and the others of their row so that what the party pays stays."""
    positive = np.maximum(flows, 0)
    total = positive.sum(axis=1)
    scale: np.ndarray = np.divide(costs, total, out=np.zeros_like(costs), where=total > 0)
    rows = (flows < 0).any(axis=1, keepdims=True) | (costs == 0)[:, None]
    return np.where(rows, positive * scale[:, None], flows)


def _on_negative_flows(estimate: Estimate) -> tuple[str, ...]:
    negative = int((estimate.flows < 0).sum())
    if not negative:
        return ()
    i, j = np.unravel_index(int(np.argmin(estimate.flows)), estimate.flows.shape)
    return (
        f"{negative} estimated flows are negative, the lowest {estimate.flows[i, j]:.4g} from "
        f"{estimate.parties[i]} to {estimate.parties[j]}: they count as 0, and what the party pays "
        "stays",
    )
