"""Where payoffs meet training: the targets that an allocation gives to an experiment."""

import numpy as np

from shapfair import receipt
from shapfair.allocation import Allocation
from shapfair.delivered.papers import VALUES, Papers
from shapfair.game import Game
from shapfair.made_to_order.targets import Price, Target
from shapfair.tables import Table, json_bytes
from shapfair.training.experiment import Experiment
from shapfair.valuation.store import digest


def targets_of(
    allocation: Allocation,
    game: Game,
    experiment: Experiment,
    seed: int,
    *,
    papers: Papers | None = None,
) -> tuple[Target, ...]:
    r"""Accuracy of every party's model, :math:`(v(i) + \lambda_i^* p_{i,-}(v)) / \nu` (Sec. 4).

    There is one price and one target for a party, whatever the seed: the tables of all seeds are
    averaged, then the hull is taken, then their mean is allocated. The seed only says which model
    is trained, and what its own accuracy must be.

    Args:
        allocation: of ``game.averaged()``.
        game: value tables of a run of the experiment, or of a file of it.
        experiment: the experiment whose values those are.
        seed: one of the seeds of the tables; the models will be of this one.
        papers: receipt of the allocation and its table, to go with the models.

    Raises:
        ValueError: if the game has no provenance or that of another experiment, was changed since,
            or has no table of the seed; if the allocation is not that of the mean table.
    """
    _check_origin(game, experiment, seed)
    rate, mean = allocation.exchange_rate, game.averaged().scaled(allocation.exchange_rate)
    given = mean.hull() if allocation.repair == "hull" else mean
    if not np.array_equal(allocation.game.values, given.values):
        raise ValueError(
            "allocation: not that of the mean table, of which the targets are: take "
            "allocate(game.averaged(), ...)"
        )
    row = (game.provenance or {})["seeds"].index(seed)
    alone = game.own_values.reshape(-1, game.n)[row].tolist()
    best = float(allocation.game.grand_value) / rate
    columns = (
        game.parties,
        (allocation.model_values / rate).tolist(),
        (allocation.game.own_values / rate).tolist(),
        alone,
        allocation.payoffs.tolist(),
        allocation.scaling.tolist(),
    )
    sha256 = papers and papers.sha256
    return tuple(
        Target(party, accuracy, own, best, one, Price(payoff, scaling, rate, sha256))
        for party, accuracy, own, one, payoff, scaling in zip(*columns, strict=True)
    )


def papers_of(allocation: Allocation, game: Game) -> Papers:
    """The receipt of an allocation of ``game.averaged()``, and that table.

    Raises:
        ValueError: if the allocation is another.
    """
    mean = game.averaged()
    values = json_bytes(Table(mean.values, mean.parties, mean.provenance))
    source = receipt.Source.of(VALUES, values)
    return Papers(receipt.to_json(allocation, source).encode(), values)


def _check_origin(game: Game, experiment: Experiment, seed: int) -> None:
    """Refuse value tables that are not those of the experiment and the seed."""
    origin = game.provenance or {}
    if not (origin.get("digest") and origin.get("seeds")):
        raise ValueError(
            "values: no provenance, so nothing says which models these are the values of: take a "
            "table that `shapfair reproduce --out` wrote"
        )
    if origin["digest"] != digest(experiment.description()):
        raise ValueError(
            f"values: of another experiment ({origin.get('experiment')}, "
            f"{origin.get('data_size')} data, digest {origin['digest'][:12]}) than "
            f"{experiment.name} on {experiment.dataset.size} data "
            f"({digest(experiment.description())[:12]}): make its table with `shapfair reproduce`"
        )
    if game.parties != experiment.parties:
        raise ValueError(
            f"values: of parties {', '.join(game.parties)}, but those of {experiment.name} are "
            f"{', '.join(experiment.parties)}, in this order: make its table with "
            "`shapfair reproduce`"
        )
    if seed not in origin["seeds"]:
        seeds = ", ".join(map(str, origin["seeds"]))
        raise ValueError(f"values: no table of seed {seed}, there are those of {seeds}")
    if not game.is_as_recorded():
        raise ValueError(
            "values: the table was changed since it was recorded: make it again with "
            "`shapfair reproduce`"
        )
