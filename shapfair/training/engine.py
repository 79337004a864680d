"""Continuous batching of jobs over lanes.

Every local device has ``W`` lanes; a lane holds the parameters and the optimiser state of one job.
A jitted block takes some steps of all lanes of a device at once, as many as fit into half a second.
Between blocks the longest waiting job gets a lane that is free, so that short coalitions do not
wait for long ones. One host thread serves one device; another has the chores that a block leaves
time for.
"""

import math
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Int32

from shapfair import memory
from shapfair.coalitions import coalition_name
from shapfair.datasets import Deal, Duplicates, Examples, Partition
from shapfair.training.blocks import Pace, advance, lane_at, padded, put_lane, repeat
from shapfair.training.devices import lanes_of, local_devices, on_devices
from shapfair.training.learner import Learner, Variables
from shapfair.training.model import Model
from shapfair.training.plan import Job, Training, job_batches
from shapfair.training.step import (
    Chunks,
    Lane,
    chunk_outputs,
    example_of,
    fresh_lane,
    score_of,
    training_data,
)


class TrainingDiverged(ArithmeticError):
    """A loss or a score is infinite or nan; the message names coalition, seed and, if any, step."""

    def __init__(self, message: str, job: Job) -> None:
        super().__init__(message, job)  # both, so that it can be sent from process to process
        self.job = job

    def __str__(self) -> str:
        return str(self.args[0])

    @classmethod
    def at(
        cls, step: int, job: Job, parties: Sequence[str], training: Training, *, party: str = ""
    ) -> "TrainingDiverged":
        """The error of a job whose loss is not finite at ``step``, counted from 0.

        ``party`` is who gets the model, if it is one made to order.
        """
        loss = f"loss of the model for party {party}" if party else "loss"
        rate = training.learning_rate
        return cls(
            f"coalition {coalition_name(job.coalition, parties)}, seed {job.seed}: the {loss} is "
            f"not finite at step {step + 1} of {job.steps}"
            + (f" with learning rate {rate}" if rate is not None else "")
            + ": lower the learning rate or check the inputs",
            job,
        )


@dataclass(frozen=True)
class Usage:
    """What a run used: steps of jobs, and steps of lanes, idle ones included."""

    job_steps: int = 0
    lane_steps: int = 0

    @property
    def share(self) -> float:
        """Share of the lane steps that were real steps."""
        return self.job_steps / self.lane_steps if self.lane_steps else 1.0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(self.job_steps + other.job_steps, self.lane_steps + other.lane_steps)


class _Queue:
    """Jobs waiting, shared by the devices; a job that turns out to be finished is passed over."""

    def __init__(self, jobs: Iterable[Job], is_finished: Callable[[Job], bool]) -> None:
        self._jobs = iter(jobs)
        self._is_finished = is_finished
        self._lock = threading.Lock()
        self.stopped = threading.Event()

    def take(self) -> Job | None:
        with self._lock:
            if self.stopped.is_set():
                return None
            return next((job for job in self._jobs if not self._is_finished(job)), None)


@dataclass(frozen=True)
class Engine:
    """Trains jobs on all local devices.

    Args:
        learner: network, loss, score, optimiser; one compilation serves all coalitions.
        examples: to train and to test on.
        partition: who owns which training example.
        training: batch size and epochs.
        duplicates: see :func:`shapfair.training.plan.plan_jobs`.
        lanes: lanes per device, no more than there are jobs; by default
            :data:`~shapfair.training.devices.LANES` of the backend.
        devices: by default all local ones, see :func:`~shapfair.training.devices.local_devices`.
    """

    learner: Learner
    examples: Examples
    partition: Partition | Deal
    training: Training
    duplicates: Duplicates = "drop"
    lanes: int | None = None
    devices: tuple[jax.Device, ...] | None = None

    def run(
        self,
        jobs: Iterable[Job],
        finished: Callable[[Job, Model], None],
        *,
        is_finished: Callable[[Job], bool] = lambda job: False,
        stepped: Callable[[int], None] = lambda steps: None,
    ) -> Usage:
        """Train every job; the model of each is handed over as soon as it is scored.

        The model does not depend on the number of lanes or devices, nor on the order of the jobs,
        beyond floating-point rounding.

        Args:
            jobs: what to train, usually longest first (:func:`~shapfair.training.plan.plan_jobs`).
            finished: called with a job and its model from a thread of the device.
            is_finished: asked before a job starts; true skips it (another process did it).
            stepped: called with the number of job steps that a block took, for a progress bar.

        Raises:
            TrainingDiverged: when a loss is not finite; jobs that were handed over stay valid.
            ValueError: if the lanes do not fit into memory.
        """
        jobs = list(jobs)
        devices = (self.devices or tuple(local_devices()))[: len(jobs)]
        if not jobs:
            return Usage()
        queue = _Queue(jobs, is_finished)
        engine = replace(self, lanes=min(self.lanes, len(jobs))) if self.lanes else self
        usages = on_devices(
            devices,
            lambda device: _Worker(engine, device, queue).work(finished, stepped),
            queue.stopped.set,
        )
        return sum(usages, Usage())


@dataclass
class _Assignment:
    """A job under way in a lane: its batches, and how many of them are done."""

    job: Job
    batches: Int32[np.ndarray, "steps batch"]
    done: int = 0
    started: float = field(default_factory=time.perf_counter)

    @property
    def left(self) -> int:
        return len(self.batches) - self.done


class _Done(NamedTuple):
    """A job whose steps are all taken: its model, and what this makes of the test inputs."""

    job: Job
    started: float
    variables: Variables
    outputs: Array


class _Worker:
    """A device at work: its lanes, its copy of the data, and what is done in which lane."""

    def __init__(self, engine: Engine, device: jax.Device, queue: _Queue) -> None:
        self._engine, self._device, self._queue = engine, device, queue
        self._data = jax.device_put(training_data(engine.examples), device)
        self._test = Chunks.of(engine.examples, device)
        self._pace = Pace(engine.training.batch_size)
        width = engine.lanes or lanes_of(device)
        self._assigned: list[_Assignment | None] = [None] * width
        self._ready: list[tuple[_Assignment, Lane]] = []
        self._lanes = self._side_by_side(self._fresh_lane(Job(0, 0)), width)

    def work(self, finished: Callable[[Job, Model], None], stepped: Callable[[int], None]) -> Usage:
        """Fill the lanes, take a block, take out what is done, and again."""
        usage, done = Usage(), list[_Done]()
        with ThreadPoolExecutor(1, "beside") as beside:
            while not self._queue.stopped.is_set():
                self._fill()
                if not any(self._assigned):
                    break
                left = sorted(assigned.left for assigned in self._assigned if assigned)
                # One lane in eight may come to its end in a block and wait for the others.
                steps = min(self._pace.steps, left[len(left) // 8])
                ending = bisect_right(left, steps)
                chores = beside.submit(self._do_chores, done, finished, ending)
                block = self._take_block(steps)
                chores.result()
                stepped(block.job_steps)
                usage += block
                done = self._take_out()
        self._hand_over(done, finished)
        return usage

    def _side_by_side(self, lane: Lane, width: int) -> Lane:
        if self._device.platform == "cpu":  # others say by themselves that they have no more
            size = sum(leaf.nbytes for leaf in jax.tree.leaves(lane))
            # The lanes that a block makes stand beside the old ones for a moment.
            memory.check(2 * width * size, f"lanes: {width:,} of {size:,} bytes", "take fewer")
        return repeat(lane, width)

    def _fill(self) -> None:
        """Put the longest waiting jobs into the free lanes."""
        for k, assigned in enumerate(self._assigned):
            if assigned is None and (new := self._ready.pop(0) if self._ready else self._next()):
                self._assigned[k], lane = new
                self._lanes = put_lane(self._lanes, k, lane)

    def _next(self) -> tuple[_Assignment, Lane] | None:
        """The next job, with its batches and a lane for it; None if nothing is left to do."""
        e, job = self._engine, self._queue.take()
        if job is None:
            return None
        batches = job_batches(job, e.partition, e.training, e.duplicates)
        return _Assignment(job, batches), self._fresh_lane(job)

    def _fresh_lane(self, job: Job) -> Lane:
        e = self._engine
        fresh = fresh_lane(e.learner, example_of(e.examples), job.seed, job.coalition)
        return jax.device_put(fresh, self._device)

    def _do_chores(
        self, done: list[_Done], finished: Callable[[Job, Model], None], ending: int
    ) -> None:
        """What the host does during a block: hand over what is done, get ready what comes next."""
        self._hand_over(done, finished)
        self._ready += [new for _ in range(ending) if (new := self._next())]

    def _take_block(self, steps: int) -> Usage:
        """Advance all lanes."""
        nothing = np.empty((0, self._engine.training.batch_size), np.int32)
        blocks = [a.batches[a.done : a.done + steps] if a else nothing for a in self._assigned]
        start = time.perf_counter()
        self._lanes, first_bad = advance(
            self._engine.learner, self._lanes, *padded(blocks, self._pace.most), self._data
        )
        self._check_finite(np.asarray(first_bad))
        self._pace.took(steps, time.perf_counter() - start)
        for assigned, block in zip(self._assigned, blocks, strict=True):
            if assigned:
                assigned.done += len(block)
        return Usage(sum(map(len, blocks)), steps * len(blocks))

    def _check_finite(self, first_bad: Int32[np.ndarray, " lanes"]) -> None:
        for assigned, bad in zip(self._assigned, first_bad.tolist(), strict=True):
            if assigned and bad < self._pace.most:
                parties = self._engine.partition.parties
                raise TrainingDiverged.at(
                    assigned.done + bad, assigned.job, parties, self._engine.training
                )

    def _take_out(self) -> list[_Done]:
        """Free the lanes of the jobs that are done, and let the device begin to score them."""
        done, learner = [], self._engine.learner
        for k, assigned in enumerate(self._assigned):
            if assigned and not assigned.left:
                variables = lane_at(self._lanes, k).variables
                outputs = chunk_outputs(learner, variables, self._test.inputs)
                done.append(_Done(assigned.job, assigned.started, variables, outputs))
                self._assigned[k] = None
        return done

    def _hand_over(self, done: list[_Done], finished: Callable[[Job, Model], None]) -> None:
        learner = self._engine.learner
        for job, started, variables, outputs in done:
            value = score_of(learner, np.asarray(outputs), self._test.labels)
            self._check_score(job, value)
            seconds = time.perf_counter() - started
            finished(job, Model(value, seconds, variables, learner))

    def _check_score(self, job: Job, value: float) -> None:
        if not math.isfinite(value):
            name = coalition_name(job.coalition, self._engine.partition.parties)
            raise TrainingDiverged(
                f"coalition {name}, seed {job.seed}: the score is {value}: lower the learning "
                "rate, or check the score",
                job,
            )
