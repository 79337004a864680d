"""A device on which models are made to order, side by side in lanes."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import jax
import numpy as np
from jaxtyping import Array, Int32

from shapfair.made_to_order.stopping import HALVINGS, PATIENCE, SCORES_PER_EPOCH, Search, halves
from shapfair.made_to_order.targets import TOLERANCE, RewardModel, Target
from shapfair.training.blocks import Pace, advance_keeping, choose, lane_at, padded, stack
from shapfair.training.engine import TrainingDiverged
from shapfair.training.experiment import Experiment
from shapfair.training.learner import Learner, Variables
from shapfair.training.plan import Job, Training, job_batches, plan_jobs
from shapfair.training.step import (
    Chunks,
    Lane,
    chunk_outputs,
    example_of,
    fresh_lane,
    score_of,
    training_data,
)

LONGEST_STRIDE = 128
"""Most steps between two scores."""

Scored = Callable[[str, int, float], None]
"""Called with party, step and validation accuracy."""


@dataclass(frozen=True, eq=False)
class Own:
    """The model of a party's own data, from which the way to the target starts.

    Attributes:
        parameters: what the optimiser moves, see :class:`~shapfair.training.step.Lane`.
        state: the network's other collections.
        start: its validation and test accuracy.
        accuracy: over all test examples, as value tables have it.
    """

    parameters: Variables
    state: Variables
    start: tuple[float, float]
    accuracy: float


@dataclass
class _Order:
    """A model under way, and the model that is delivered if nothing better follows."""

    target: Target
    own: Own
    search: Search
    validation: float
    variables: Variables
    step: float | int = 0
    delivered: bool = False

    @property
    def missed_by(self) -> float:
        return abs(self.validation - self.target.accuracy)

    def take(self, step: float | int, validation: float, variables: Variables) -> None:
        self.step, self.validation, self.variables = step, validation, variables


class Workbench:
    """A device with its copy of the data, on which models are made side by side."""

    def __init__(
        self, experiment: Experiment, seed: int, device: jax.Device, stopped: threading.Event
    ) -> None:
        self._experiment, self._seed, self._device = experiment, seed, device
        self._stopped = stopped
        self._data = jax.device_put(training_data(experiment.dataset), device)
        self._halves = [Chunks.of(half, device) for half in halves(experiment.dataset, seed)]
        self._grand = 2 ** len(experiment.partition.parties) - 1
        # The batches of the grand coalition come first: a shuffle does not know how many follow.
        training = experiment.training
        longer = replace(training, epochs=PATIENCE * training.epochs)
        self._pooled_job, self._pooled = self._planned(self._grand, longer)
        epoch = len(self._pooled) // longer.epochs
        self._longest = min(LONGEST_STRIDE, max(1, epoch // SCORES_PER_EPOCH))
        self._pace = Pace(training.batch_size)

    def make(
        self, targets: Sequence[Target], owns: Sequence[Own], scored: Scored
    ) -> Iterator[RewardModel]:
        """Yield every model as soon as it is made; end early if stopped."""
        fresh = self._fresh_lanes([self._grand] * len(targets))
        parameters, state = (
            jax.device_put(stack(parts), self._device)
            for parts in ([own.parameters for own in owns], [own.state for own in owns])
        )
        lanes = fresh._replace(parameters=parameters, state=state)
        orders = self._orders(targets, owns, lanes.variables)
        while not self._stopped.is_set():
            for order in orders:
                if not (order.search.length or order.delivered):
                    order.delivered = True
                    yield self._model(order)
            if all(order.delivered for order in orders):
                return
            lanes = self._go_on(orders, lanes, scored)

    def own_models(self, targets: Sequence[Target]) -> list[Own]:
        """The model of every party's own data, trained as for the value table; none if stopped."""
        e = self._experiment
        coalitions = [1 << e.partition.parties.index(target.party) for target in targets]
        planned = [self._planned(coalition, e.training) for coalition in coalitions]
        jobs, batches = [job for job, _ in planned], [batches for _, batches in planned]
        lanes = self._fresh_lanes(coalitions)
        own = self._advance(lanes, batches, targets, jobs, [0] * len(jobs))
        if self._stopped.is_set():
            return []
        outputs = [self._outputs(own.variables, half) for half in self._halves]
        return [self._own(lane_at(own, k), [one[k] for one in outputs]) for k in range(len(jobs))]

    def _own(self, lane: Lane, outputs: Sequence[np.ndarray]) -> Own:
        """The own model of a lane that has these outputs on the halves."""
        learner = self._experiment.learner
        labels = [half.labels for half in self._halves]
        validation, test = map(partial(score_of, learner), outputs, labels)
        flat = [
            one.reshape(-1, *one.shape[2:])[: len(given)]
            for one, given in zip(outputs, labels, strict=True)
        ]
        whole = score_of(learner, np.concatenate(flat)[None], np.concatenate(labels))
        parameters, state = jax.device_get((lane.parameters, lane.state))
        return Own(parameters, state, (validation, test), whole)

    def _fresh_lanes(self, coalitions: Sequence[int]) -> Lane:
        """A lane before the first step for each of the coalitions."""
        e = self._experiment
        example = example_of(e.dataset)
        fresh = [fresh_lane(e.learner, example, self._seed, c) for c in coalitions]
        return jax.device_put(stack(fresh), self._device)

    def _orders(
        self, targets: Sequence[Target], owns: Sequence[Own], variables: Variables
    ) -> list[_Order]:
        steps, longest = len(self._pooled), self._longest
        return [
            _Order(
                target=target,
                own=own,
                search=Search(target.accuracy, steps, longest, own.start[0]),
                validation=own.start[0],
                variables=lane_at(variables, k),
            )
            for k, (target, own) in enumerate(zip(targets, owns, strict=True))
        ]

    def _go_on(self, orders: Sequence[_Order], lanes: Lane, scored: Scored) -> Lane:
        """The next block of every order that is not done; the lanes after it."""
        searches = [order.search for order in orders]
        blocks = [self._pooled[s.step : s.step + s.length] for s in searches]
        targets, steps = [order.target for order in orders], [s.step for s in searches]
        moved = self._advance(lanes, blocks, targets, [self._pooled_job] * len(orders), steps)
        if self._stopped.is_set():
            return lanes
        stay = np.zeros(len(orders), bool)
        for k, accuracy in enumerate(self._accuracies(moved.variables, half=0)):
            if searches[k].length:
                scored(targets[k].party, steps[k] + searches[k].length, accuracy)
                stay[k] = searches[k].score(accuracy)
        chosen = _choose(stay, moved, lanes)
        for k, order in enumerate(orders):
            search = order.search
            if len(blocks[k]) and (search.reached or search.accuracy > order.validation):
                order.take(search.step, search.accuracy, lane_at(chosen.variables, k))
                if search.reached and order.missed_by > TOLERANCE:
                    before, after = (lane_at(at.variables, k) for at in (lanes, moved))
                    self._shorten(order, steps[k], before, after)
        return chosen

    def _shorten(self, order: _Order, step: int, before: Variables, after: Variables) -> None:
        """Bisect the way from one step to the next; the nearest model on it is taken."""
        low, high = 0.0, 1.0
        for _ in range(HALVINGS):
            share = (low + high) / 2
            model = jax.tree.map(partial(_between, share), before, after)
            accuracy = self._accuracies(stack([model]), half=0)[0]
            if abs(accuracy - order.target.accuracy) < order.missed_by:
                order.take(step + share, accuracy, model)
            low, high = (share, high) if accuracy < order.target.accuracy else (low, share)

    def _model(self, order: _Order) -> RewardModel:
        return RewardModel(
            target=order.target,
            seed=self._seed,
            start=order.own.start,
            alone=order.own.accuracy,
            validation=order.validation,
            test=self._accuracies(stack([order.variables]), half=1)[0],
            step=order.step,
            reached=order.search.reached,
            curve=tuple(sorted(order.search.curve.items())),
            parameters=jax.device_get(order.variables),
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
        lanes: Lane,
        blocks: Sequence[Int32[np.ndarray, "_ batch"]],
        targets: Sequence[Target],
        jobs: Sequence[Job],
        done: Sequence[int],
    ) -> Lane:
        """The lanes after one step for each row of their blocks, or fewer if stopped.

        The old lanes stay as they are: a block that passes its target is undone.
        """
        e, gone = self._experiment, 0
        while gone < max(map(len, blocks)) and not self._stopped.is_set():
            parts = [block[gone : gone + self._pace.steps] for block in blocks]
            start = time.perf_counter()
            batches = padded(parts, self._pace.most)
            lanes, first_bad = advance_keeping(e.learner, lanes, *batches, self._data)
            for k in np.flatnonzero(np.asarray(first_bad) < self._pace.most).tolist():
                at, party = done[k] + gone + int(first_bad[k]), targets[k].party
                raise TrainingDiverged.at(at, jobs[k], e.partition.parties, e.training, party=party)
            steps = max(map(len, parts))
            self._pace.took(steps, time.perf_counter() - start)
            gone += steps
        return lanes

    def _accuracies(self, variables: Variables, half: int) -> list[float]:
        test = self._halves[half]
        outputs = self._outputs(variables, test)
        return [score_of(self._experiment.learner, one, test.labels) for one in outputs]

    def _outputs(self, variables: Variables, test: Chunks) -> np.ndarray:
        return np.asarray(_outputs(self._experiment.learner, variables, test.inputs))


_choose = jax.jit(choose)


@partial(jax.jit, static_argnums=0)
def _outputs(learner: Learner, variables: Variables, inputs: Array) -> Array:
    """Outputs of the model of every lane."""
    return jax.vmap(partial(chunk_outputs, learner), in_axes=(0, None))(variables, inputs)


def _between(share: float, old: Array, new: Array) -> Array:
    return (old + share * (new - old)).astype(old.dtype)
