"""A device on which models are made to order, side by side in lanes."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Int32

from shapfair.made_to_order.stopping import HALVINGS, PATIENCE, SCORES_PER_EPOCH, Search, halves
from shapfair.made_to_order.targets import TOLERANCE, RewardModel, Target
from shapfair.training.engine import TrainingDiverged
from shapfair.training.experiment import Experiment
from shapfair.training.plan import Job, Training, job_batches, plan_jobs
from shapfair.training.step import correct, fresh_lane, scoring_chunks, step, training_data

BLOCK_STEPS = 128
"""Most steps between two looks of the host."""

Scored = Callable[[str, int, float], None]
"""Called with party, step and validation accuracy."""


@dataclass
class _Order:
    """A model under way, and the model that is delivered if nothing better follows."""

    target: Target
    start: tuple[float, float]
    search: Search
    validation: float
    parameters: Any
    step: float | int = 0
    delivered: bool = False

    @property
    def missed_by(self) -> float:
        return abs(self.validation - self.target.accuracy)

    def take(self, step: float | int, validation: float, parameters: Any) -> None:
        self.step, self.validation, self.parameters = step, validation, parameters


class Workbench:
    """A device with its copy of the data, on which models are made side by side."""

    def __init__(self, experiment: Experiment, seed: int, device: jax.Device) -> None:
        self._experiment, self._seed, self._device = experiment, seed, device
        self._data = jax.device_put(training_data(experiment.dataset), device)
        self._halves = [
            (jax.device_put(scoring_chunks(half), device), len(half.test_labels))
            for half in halves(experiment.dataset)
        ]
        self._grand = 2 ** len(experiment.partition.parties) - 1
        # The batches of the grand coalition come first: a shuffle does not know how many follow.
        training = experiment.training
        longer = replace(training, epochs=PATIENCE * training.epochs)
        self._pooled_job, self._pooled = self._planned(self._grand, longer)
        epoch = len(self._pooled) // longer.epochs
        self._longest = min(BLOCK_STEPS, max(1, epoch // SCORES_PER_EPOCH))

    def make(
        self, targets: Sequence[Target], scored: Scored, stopped: threading.Event
    ) -> Iterator[RewardModel]:
        """Yield every model as soon as it is made; end early if stopped."""
        lanes = self._own_models(targets, stopped)
        if stopped.is_set():
            return
        orders = self._orders(targets, lanes[0])
        while not stopped.is_set():
            for order in orders:
                if not (order.search.length or order.delivered):
                    order.delivered = True
                    yield self._model(order)
            if all(order.delivered for order in orders):
                return
            lanes = self._go_on(orders, lanes, scored)

    def _own_models(self, targets: Sequence[Target], stopped: threading.Event) -> Any:
        """Lanes with the model of every party's own data and an optimiser that is fresh again."""
        e = self._experiment
        coalitions = [1 << e.partition.parties.index(target.party) for target in targets]
        planned = [self._planned(coalition, e.training) for coalition in coalitions]
        jobs = [job for job, _ in planned]
        lanes = self._fresh_lanes(coalitions)
        for done in range(0, max(job.steps for job in jobs), BLOCK_STEPS):
            if stopped.is_set():
                break
            blocks = [batches[done : done + BLOCK_STEPS] for _, batches in planned]
            lanes = self._advance(lanes, blocks, targets, jobs, [done] * len(jobs))
        return lanes[0], *self._fresh_lanes([self._grand] * len(targets))[1:]

    def _fresh_lanes(self, coalitions: Sequence[int]) -> Any:
        """A lane before the first step for each of the coalitions."""
        e, length = self._experiment, self._experiment.dataset.train_inputs.shape[1]
        fresh = [fresh_lane(e.network, e.training, length, self._seed, c) for c in coalitions]
        return jax.device_put(_stack(fresh), self._device)

    def _orders(self, targets: Sequence[Target], parameters: Any) -> list[_Order]:
        validation, test = (self._accuracies(parameters, half) for half in (0, 1))
        return [
            _Order(
                target=target,
                start=(validation[k], test[k]),
                search=Search(target.accuracy, len(self._pooled), self._longest, validation[k]),
                validation=validation[k],
                parameters=_lane(parameters, k),
            )
            for k, target in enumerate(targets)
        ]

    def _go_on(self, orders: Sequence[_Order], lanes: Any, scored: Scored) -> Any:
        """The next block of every order that is not done; the lanes after it."""
        searches = [order.search for order in orders]
        blocks = [self._pooled[s.step : s.step + s.length] for s in searches]
        targets, steps = [order.target for order in orders], [s.step for s in searches]
        moved = self._advance(lanes, blocks, targets, [self._pooled_job] * len(orders), steps)
        stay = np.zeros(len(orders), bool)
        for k, accuracy in enumerate(self._accuracies(moved[0], half=0)):
            if searches[k].length:
                scored(targets[k].party, steps[k] + searches[k].length, accuracy)
                stay[k] = searches[k].score(accuracy)
        chosen = _choose(stay, moved, lanes)
        for k, order in enumerate(orders):
            search = order.search
            if len(blocks[k]) and (search.reached or search.accuracy > order.validation):
                order.take(search.step, search.accuracy, _lane(chosen[0], k))
                if search.reached and order.missed_by > TOLERANCE:
                    self._shorten(order, steps[k], _lane(lanes[0], k), _lane(moved[0], k))
        return chosen

    def _shorten(self, order: _Order, step: int, before: Any, after: Any) -> None:
        """Bisect the way from one step to the next; the nearest model on it is taken."""
        low, high = 0.0, 1.0
        for _ in range(HALVINGS):
            share = (low + high) / 2
            model = jax.tree.map(lambda old, new, t=share: old + t * (new - old), before, after)
            accuracy = self._accuracies(_stack([model]), half=0)[0]
            if abs(accuracy - order.target.accuracy) < order.missed_by:
                order.take(step + share, accuracy, model)
            low, high = (share, high) if accuracy < order.target.accuracy else (low, share)

    def _model(self, order: _Order) -> RewardModel:
        return RewardModel(
            target=order.target,
            seed=self._seed,
            start=order.start,
            validation=order.validation,
            test=self._accuracies(_stack([order.parameters]), half=1)[0],
            step=order.step,
            reached=order.search.reached,
            curve=tuple(sorted(order.search.curve.items())),
            parameters=jax.device_get(order.parameters),
        )

    def _planned(
        self, coalition: int, training: Training
    ) -> tuple[Job, Int32[np.ndarray, "steps batch"]]:
        """The job of the coalition under these settings, and its batches."""
        e = self._experiment
        (job,) = plan_jobs(e.partition, [coalition], [self._seed], training, e.duplicates)
        return job, job_batches(job, e.partition, training, e.duplicates)

    def _advance(
        self,
        lanes: Any,
        blocks: Sequence[np.ndarray],
        targets: Sequence[Target],
        jobs: Sequence[Job],
        done: Sequence[int],
    ) -> Any:
        """The lanes after one step for each row of their blocks; the old lanes stay as they are."""
        e = self._experiment
        batches = np.zeros((len(blocks), BLOCK_STEPS, e.training.batch_size), np.int32)
        for k, block in enumerate(blocks):
            batches[k, : len(block)] = block
        lengths = np.array([len(block) for block in blocks], np.int32)
        lanes, first_bad = _block(e.network, e.training, lanes, batches, lengths, self._data)
        for k in np.flatnonzero(np.asarray(first_bad) < BLOCK_STEPS).tolist():
            at, party = done[k] + int(first_bad[k]), targets[k].party
            raise TrainingDiverged.at(at, jobs[k], e.partition.parties, e.training, party=party)
        return lanes

    def _accuracies(self, parameters: Any, half: int) -> list[float]:
        chunks, examples = self._halves[half]
        right = np.asarray(_right(self._experiment.network, parameters, *chunks))
        return [int(count) / examples for count in right]


@partial(jax.jit, static_argnums=(0, 1))
def _block(
    network: nn.Module, training: Training, lanes: Any, batches: Any, lengths: Any, data: Any
) -> Any:
    """``lengths[k]`` steps of lane ``k``, and the first step of each whose loss is not finite.

    Nothing is donated: a block that passes its target is undone.
    """

    def advance(lane: Any, batches: Any, length: Any) -> Any:
        def body(t: Any, carry: Any) -> Any:
            lane, first_bad = carry
            lane, loss = step(network, training, lane, batches[t], data)
            return lane, jnp.where(jnp.isfinite(loss), first_bad, jnp.minimum(first_bad, t))

        return jax.lax.fori_loop(0, length, body, (lane, BLOCK_STEPS))

    return jax.vmap(advance)(lanes, batches, lengths)


@partial(jax.jit, static_argnums=0)
def _right(network: nn.Module, parameters: Any, inputs: Any, labels: Any) -> Any:
    """Number of examples that the model of every lane gets right."""
    return jax.vmap(partial(correct, network), in_axes=(0, None, None))(parameters, inputs, labels)


@jax.jit
def _choose(stay: Any, moved: Any, lanes: Any) -> Any:
    """Each lane as it is after the block if it is to stay there, else as it was before."""
    pick = jax.vmap(lambda s, new, old: jax.tree.map(partial(jnp.where, s), new, old))
    return pick(stay, moved, lanes)


def _stack(lanes: Sequence[Any]) -> Any:
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *lanes)


def _lane(stacked: Any, k: int) -> Any:
    return jax.tree.map(lambda leaf: leaf[k], stacked)
