"""What a reader of an allocation's numbers should know: its warnings, one line each."""

import numpy as np

from shapfair.clearing import Clearing
from shapfair.game import Game, Repair
from shapfair.rounding import TOLERANCE, magnitude


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
