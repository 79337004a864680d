"""What a reader of an allocation's numbers should know: its warnings, one line each."""

import numpy as np

from shapfair.clearing import Clearing
from shapfair.coalitions import coalition_name
from shapfair.game import Game, Repair
from shapfair.rounding import TOLERANCE, magnitude
from shapfair.stability import leaving

CHECKED_PARTIES = 20
"""Most parties for which coalitions that would leave are looked for (a third of a second)."""
CHECKED_TABLES = 4
"""Most tables of so many parties, and more of fewer (a second and a half)."""


def on_origin(game: Game) -> list[str]:
    """Say that values were changed, or are of the embedded subset, with less accurate models."""
    origin, said = game.provenance or {}, []
    if game.is_as_recorded() is False:
        said.append(
            "values not from a recorded run: values, parties or seeds are not those that the run "
            "named in the provenance has recorded"
        )
    if origin.get("data_size") == "embedded":
        said.append("the values are of models trained on the embedded subset, not on the full data")
    return said


def on_monotonicity(game: Game, repair: Repair) -> list[str]:
    """Say how far the game is from monotone, and what was or can be done."""
    report = game.monotonicity()
    if report.monotone:
        return []
    tables = f" in {report.tables} of {game.seeds} tables" if game.seeds > 1 else ""
    advice = {
        "none": "repair='hull' replaces the game by its monotone hull",
        "hull": "replaced by the monotone hull",
    }[repair]
    return [f"{report}{tables}; {advice}"]


def on_hulls(game: Game, hulls: Game) -> list[str]:
    """Say what the luck of single tables is worth, if the hull is taken before the mean.

    A hull picks the larger of two numbers: the mean of hulls is never below the hull of the mean.

    Args:
        game: before the repair.
        hulls: after it.
    """
    if game.seeds == 1:
        return []
    mean = game.averaged()
    each, first = (
        float((one.grand_value - other.grand_value).mean())
        for one, other in ((hulls, game), (mean.hull(), mean))
    )
    if each - first <= TOLERANCE * float(magnitude(game.values).max()):
        return []
    return [
        f"the hulls of the {game.seeds} tables raise v(N) by {each:.2g} on average, that of their "
        f"mean by {first:.2g}: the rest is the luck of single tables, so average them first"
    ]


def on_negative_flows(game: Game, flows: np.ndarray) -> list[str]:
    """Say how many flows are negative beyond the noise."""
    negative = int((flows < -game.rounding[..., None, None]).sum())
    if not negative:
        return []
    every = game.seeds * game.n * (game.n - 1)
    return [f"{negative} of {every} flows are negative, worst {flows.min():.4g}"]


def on_open_certificates(game: Game, clearings: tuple[Clearing, ...]) -> list[str]:
    """Say where a certificate has a gap, which only negative costs leave."""
    gaps = np.array([one.certificate.gap for one in clearings])
    found = gaps > TOLERANCE * magnitude(game.values).ravel()
    if not found.any():
        return []
    negative = (game.own_values > game.grand_value[..., None]).reshape(-1, game.n)[found]
    names = ", ".join(game.parties[i] for i in np.flatnonzero(negative.any(axis=0)))
    tables = f" in {found.sum()} of {game.seeds} tables" if game.seeds > 1 else ""
    return [
        f"v(i) > v(N) for i = {names}{tables}, so that costs are negative: the payoffs are "
        f"Equation (1), but no certificate shows that no other scaling does better (gap up to "
        f"{gaps.max():.4g})"
    ]


def on_doubts(game: Game, clearings: tuple[Clearing, ...]) -> list[str]:
    """Say for which tables noise decides, or a result is not known to the tolerance."""
    return [game.message_about(k) + one.doubt for k, one in enumerate(clearings) if one.doubt]


def on_leaving(
    game: Game, totals: np.ndarray, budgets: np.ndarray, desired: np.ndarray
) -> list[str]:
    r"""Say which coalition would do best on its own (:mod:`shapfair.stability`), if any would.

    Nothing is said of large games, nor where a party wants less than the best model, because what
    it would do with a better one is not known.

    Args:
        game: the game that was allocated.
        totals: model value plus payoff of every party, shape ``(*seeds, n)``.
        budgets: :math:`b_i`, shape ``(n,)``.
        desired: desired model values, shape ``(n,)``.
    """
    large = game.n > CHECKED_PARTIES or game.values.size > CHECKED_TABLES * 2**CHECKED_PARTIES
    if large or (desired < game.grand_value[..., None]).any():
        return []
    found = leaving(game.values, totals, budgets)
    if not len(found.blocking):
        return []
    first, *others = found.blocking.tolist()
    who, gain = coalition_name(first, game.parties), found.gains[first]
    if others:
        who += f" and {len(others)} other coalition{'s' * (len(others) > 1)}"
    often = ""
    if game.seeds > 1:
        noise = "beyond" if gain > found.margins()[first] else "within"
        often = f" in {found.tables[first]} of {game.seeds} tables, {noise} their noise"
    each = "each member of the first" if others else "each member"
    more = f"{gain:,.0f}" if gain >= 1000 else f"{gain:.4g}"
    return [f"{who} would gain by leaving: without the others {each} could have {more} more{often}"]
