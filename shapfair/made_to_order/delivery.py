"""Where payoffs meet training: the targets of an allocation, and the models made for them, on disk.

A delivered model is two files, ``party-1.msgpack`` with the parameters and ``party-1.json`` with
all the rest, numbered in the order of the parties. The second is written last, so that a model
whose JSON file is there is complete.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from flax import serialization

from shapfair.allocation import Allocation
from shapfair.files import write_whole
from shapfair.game import Game
from shapfair.made_to_order.making import reward_models
from shapfair.made_to_order.targets import Price, RewardModel, Target
from shapfair.made_to_order.workbench import Scored
from shapfair.training.experiment import Experiment
from shapfair.valuation.progress import Bar
from shapfair.valuation.store import digest


def targets_of(
    allocation: Allocation,
    game: Game,
    experiment: Experiment,
    seed: int,
    *,
    exchange_rate: float = 1.0,
    receipt: str | None = None,
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
        exchange_rate: payoff per unit of accuracy :math:`\nu`, the one of the allocation.
        receipt: SHA-256 (hex) of the receipt of the allocation, to go with the models.

    Raises:
        ValueError: if the game has no provenance or that of another experiment, was changed since,
            or has no table of the seed; if the allocation is not that of the mean table.
    """
    _check_origin(game, experiment, seed)
    mean = game.averaged().scaled(exchange_rate)
    if not any(np.array_equal(allocation.game.values, one.values) for one in (mean, mean.hull())):
        raise ValueError(
            "allocation: not that of the mean table, of which the targets are: take "
            "allocate(game.averaged(), ...) and the exchange rate of the allocation"
        )
    row = (game.provenance or {})["seeds"].index(seed)
    alone = game.own_values.reshape(-1, game.n)[row].tolist()
    best = float(allocation.game.grand_value) / exchange_rate
    columns = (
        game.parties,
        (allocation.model_values / exchange_rate).tolist(),
        (allocation.game.own_values / exchange_rate).tolist(),
        alone,
        allocation.payoffs.tolist(),
        allocation.scaling.tolist(),
    )
    return tuple(
        Target(party, accuracy, mean, best, one, Price(payoff, scaling, exchange_rate, receipt))
        for party, accuracy, mean, one, payoff, scaling in zip(*columns, strict=True)
    )


def _check_origin(game: Game, experiment: Experiment, seed: int) -> None:
    """Refuse value tables that are not those of the experiment and the seed."""
    origin = game.provenance or {}
    if "digest" not in origin or "seeds" not in origin:
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
    if len(origin["seeds"]) != game.seeds:
        raise ValueError(f"values: {game.seeds} tables of {len(origin['seeds'])} seeds")
    if seed not in origin["seeds"]:
        seeds = ", ".join(map(str, origin["seeds"]))
        raise ValueError(f"values: no table of seed {seed}, there are those of {seeds}")
    is_as_recorded = getattr(game, "is_as_recorded", None)
    if is_as_recorded is not None and not is_as_recorded():
        raise ValueError(
            "values: the table was changed since it was recorded: make it again with "
            "`shapfair reproduce`"
        )


def deliver(
    experiment: Experiment,
    targets: Sequence[Target],
    seed: int,
    folder: str | Path,
    *,
    scored: Scored = lambda party, step, accuracy: None,
    finished: Callable[[RewardModel], None] = lambda model: None,
) -> tuple[RewardModel, ...]:
    """Make the models and save each as soon as it is made; those in the folder are not made again.

    Args:
        experiment: data, parties, network and training.
        targets: what to make.
        seed: seed of the run.
        folder: where the models go; made if missing.
        scored: see :func:`~shapfair.made_to_order.making.reward_models`.
        finished: called with every new model when it is saved.

    Raises:
        ValueError: if the folder holds a party's model that was made to another order, or as
            :func:`~shapfair.made_to_order.making.reward_models`.
        OSError: if a file cannot be read or written.
    """
    paths = {
        party: Path(folder) / f"party-{i + 1}.json"
        for i, party in enumerate(experiment.partition.parties)
    }
    key = digest(experiment.description())
    there = {
        target.party: _load_as_ordered(paths[target.party], key, target, seed)
        for target in targets
        if target.party in paths and paths[target.party].exists()
    }

    def save_and_report(model: RewardModel) -> None:
        save(model, paths[model.target.party], experiment)
        finished(model)

    missing = [target for target in targets if target.party not in there]
    made = reward_models(experiment, missing, seed, finished=save_and_report, scored=scored)
    models = there | {model.target.party: model for model in made}
    return tuple(models[target.party] for target in targets)


def save(model: RewardModel, path: str | Path, experiment: Experiment) -> None:
    """Write a model: ``path`` gets all but the parameters, a file of the same name those.

    Args:
        model: what to write.
        path: ends in ``.json``; its folder is made if missing.
        experiment: the experiment of the model, whose digest goes with it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = serialization.msgpack_serialize(model.parameters)
    document = {
        name: value
        for name, value in vars(model).items()
        if name not in ("target", "parameters", "curve")
    }
    document = {
        "experiment": experiment.name,
        "digest": digest(experiment.description()),
        "target": asdict(model.target),
        **document,
        "outcome": model.outcome,
        "curve": model.curve,
        "sha256": hashlib.sha256(weights).hexdigest(),
    }
    write_whole(path.with_suffix(".msgpack"), weights)
    write_whole(path, (json.dumps(document) + "\n").encode())


def load(path: str | Path) -> RewardModel:
    """Read a model that :func:`save` wrote; nothing in the files is executed.

    Raises:
        ValueError: if the files are not such a model or do not belong together.
        OSError: if they cannot be read.
    """
    return _load(Path(path))[0]


def _load(path: Path) -> tuple[RewardModel, dict[str, Any]]:
    weights = path.with_suffix(".msgpack").read_bytes()
    try:
        document = json.loads(path.read_bytes())
        if document["sha256"] != hashlib.sha256(weights).hexdigest():
            raise ValueError("the parameters beside it are not the ones that were saved with it")
        model = RewardModel(
            target=_target(document["target"]),
            seed=document["seed"],
            start=(document["start"][0], document["start"][1]),
            validation=document["validation"],
            test=document["test"],
            step=document["step"],
            reached=document["reached"],
            curve=tuple((step, accuracy) for step, accuracy in document["curve"]),
            parameters=serialization.msgpack_restore(weights),
        )
    except KeyError as error:
        raise ValueError(f"{path}: not a delivered model, it has no {error}") from None
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: not a delivered model ({error})") from None
    return model, document


def _target(fields: dict[str, Any]) -> Target:
    price = fields.pop("price")
    return Target(**fields, price=None if price is None else Price(**price))


def _load_as_ordered(path: Path, key: str, target: Target, seed: int) -> RewardModel:
    """A model of the folder if it is what is wanted.

    Raises:
        ValueError: if it is another.
    """
    model, document = _load(path)
    if (document["digest"], model.target, model.seed) != (key, target, seed):
        raise ValueError(
            f"{path}: a model for party {model.target.party} with target "
            f"{model.target.accuracy:.4g}, seed {model.seed} of {document['experiment']}, not the "
            f"one that is wanted (target {target.accuracy:.4g}, seed {seed}): choose another folder"
        )
    return model


class Progress(Bar):
    """Progress bar over the models."""

    def __init__(self, count: int) -> None:
        super().__init__("models", count, "models")

    def scored(self, party: str, step: int, accuracy: float) -> None:
        """Show where a model is."""
        self.note(f"{party}: step {step}, accuracy {accuracy:.4f}")

    def finished(self, model: RewardModel) -> None:
        """Count a model."""
        self.advance()
