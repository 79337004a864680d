r"""Models made to order: early stopping at a wanted accuracy (Sec. 4 of the paper).

A party's model starts as the model of its own data and goes on with the data of all, until its
validation accuracy reaches the target. Early in training a single step can change the accuracy by
more than the target allows; then the last step is shortened. What such a model costs is not known
here; targets come out of an allocation in :mod:`shapfair.made_to_order.ordering`.
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence

import jax

from shapfair.made_to_order.stopping import halves
from shapfair.made_to_order.targets import (
    TOLERANCE,
    RewardModel,
    Target,
    repetition_tolerance,
)
from shapfair.made_to_order.workbench import Own, Scored, Workbench
from shapfair.training.devices import lanes_of, local_devices, on_devices
from shapfair.training.experiment import Experiment
from shapfair.training.learner import CLASSIFICATION, Variables
from shapfair.training.step import Chunks, score


def accuracies(experiment: Experiment, parameters: Variables, seed: int) -> tuple[float, float]:
    """Validation and test accuracy of a model that was made under a seed.

    See :func:`~shapfair.made_to_order.stopping.halves`.
    """
    validation, test = (
        score(experiment.learner, parameters, Chunks.of(half))
        for half in halves(experiment.dataset, seed)
    )
    return validation, test


def reward_models(
    experiment: Experiment,
    targets: Sequence[Target],
    seed: int,
    *,
    finished: Callable[[RewardModel], None] = lambda model: None,
    scored: Scored = lambda party, step, accuracy: None,
    lanes: int | None = None,
) -> tuple[RewardModel, ...]:
    """Make a model for every target.

    It starts as the very model that the experiment trains for the party alone, and goes on with a
    fresh optimiser and the batches of the grand coalition, of which
    :data:`~shapfair.made_to_order.stopping.PATIENCE` times as many are drawn. No model goes on
    before the own models of all targets are there and found to be those of the value table. The
    devices share the targets; each may make several models side by side.

    Args:
        experiment: data, parties, network and training.
        targets: what to make, at most one for a party.
        seed: seed of the run.
        finished: called with every model as soon as it is made, from the thread of the device.
        scored: called after every score, likewise.
        lanes: models made side by side on a device, by default what was fastest on its kind.

    Returns:
        The models in the order of the targets.

    Raises:
        ValueError: if a party is unknown or named twice, has fewer examples than one batch, if the
            experiment's optimiser is carried from one coalition to the next, if the validation
            half is so small that one example makes more than
            :data:`~shapfair.made_to_order.targets.TOLERANCE`, or if an own model is not as accurate
            as the value table says.
        TrainingDiverged: if a loss is not finite; models that were handed over stay valid.

    Cost: the training of the own models, then about as many steps as the models have in the end,
    and a pass over the validation half for every point of their curves.
    """
    _check(experiment, targets, seed)
    if not targets:
        return ()
    devices = local_devices()[: len(targets)]
    share, stopped = -(-len(targets) // len(devices)), threading.Event()
    benches = {device: Workbench(experiment, seed, device, stopped) for device in devices}
    owns: dict[str, Own] = {}
    made: dict[str, RewardModel] = {}

    def train_alone(bench: Workbench, wave: Sequence[Target]) -> None:
        owns.update(zip((target.party for target in wave), bench.own_models(wave), strict=False))

    def make(bench: Workbench, wave: Sequence[Target]) -> None:
        for model in bench.make(wave, [owns[target.party] for target in wave], scored):
            made[model.target.party] = model
            finished(model)

    def share_out(work: Callable[[Workbench, Sequence[Target]], None]) -> None:
        # The nearer to the best, the longer it takes. The longest begin, that devices end together.
        waiting = deque(sorted(targets, key=lambda target: target.best - target.accuracy))

        def serve(device: jax.Device) -> None:
            width = lanes or min(lanes_of(device), share)
            while not stopped.is_set() and (wave := _take(waiting, width)):
                work(benches[device], wave)

        stopped.clear()
        on_devices(devices, serve, stopped.set)

    share_out(train_alone)
    check_own(targets, {party: own.accuracy for party, own in owns.items()}, seed, experiment)
    share_out(make)
    return tuple(made[target.party] for target in targets)


def check_own(
    targets: Sequence[Target], measured: Mapping[str, float], seed: int, experiment: Experiment
) -> None:
    """Refuse a value table whose own values are not those of the experiment.

    Args:
        targets: with the values that the table claims.
        measured: party -> accuracy of the model of its own data, over all test examples.
        seed: seed of the run.
        experiment: of the run.

    Raises:
        ValueError: naming a party whose two accuracies are further apart than
            :func:`~shapfair.made_to_order.targets.repetition_tolerance` allows.
    """
    allowed = repetition_tolerance(len(experiment.dataset.test_labels))
    for target in targets:
        found, claimed = measured[target.party], target.alone
        if claimed is not None and not abs(found - claimed) <= allowed:
            raise ValueError(
                f"values: the table says {claimed:.4f} for party {target.party} under seed {seed}, "
                f"but the model of its own data has {found:.4f}, and rounding makes no more than "
                f"{allowed:.4f}: make the table of {experiment.name} with `shapfair reproduce`"
            )


def _check(experiment: Experiment, targets: Sequence[Target], seed: int) -> None:
    parties = experiment.partition.parties
    for k, target in enumerate(targets):
        if target.party not in parties:
            raise ValueError(f"targets: no party {target.party!r}, known: {', '.join(parties)}")
        if target.party in [earlier.party for earlier in targets[:k]]:
            raise ValueError(f"targets: party {target.party!r} is named twice")
    if not experiment.independent:
        raise ValueError(
            f"experiment {experiment.name}: its optimiser is carried from coalition to coalition, "
            "so no party's own model can be made by itself: take the experiment with a fresh one"
        )
    examples = len(halves(experiment.dataset, seed)[0].test_labels)
    if experiment.task == CLASSIFICATION and examples * TOLERANCE < 1:
        raise ValueError(
            f"validation: with {examples} examples, half of the test set, accuracies are "
            f"{1 / max(1, examples):.2g} apart, too far to meet a target within {TOLERANCE}: need "
            f"{2 * round(1 / TOLERANCE)} test examples"
        )


def _take(waiting: deque[Target], count: int) -> list[Target]:
    """Up to ``count`` targets; several threads may take at the same time."""
    taken: list[Target] = []
    try:
        while len(taken) < count:
            taken.append(waiting.popleft())
    except IndexError:
        pass
    return taken
