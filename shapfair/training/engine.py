"""Continuous batching of jobs over lanes.

Every local device has ``W`` lanes; a lane holds the parameters and the optimiser state of one job.
A jitted block takes up to :data:`BLOCK_STEPS` steps of all lanes of a device at once. Between
blocks the host scores the jobs that are done and puts the longest waiting job into the free lane,
so that short coalitions do not wait for long ones. One host thread serves one device.
"""

import math
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from shapfair.coalitions import coalition_name
from shapfair.datasets import Dataset, Deal, Partition
from shapfair.training.plan import Job, Training, job_batches
from shapfair.training.step import correct, fresh_lane, scoring_chunks, step, training_data

BLOCK_STEPS = 500
"""Most steps between two looks of the host, few enough to stop small networks within a second."""

BLOCK_EXAMPLES = 32_000
"""Most examples of a lane between two looks; on a core some ten seconds of the CIFAR-10 network."""

LANES = {"cpu": 1, "gpu": 32, "tpu": 32}
"""Lanes per device by backend.

On a CPU one model and its Adam moments (660 kB) just fit the cache of one core: full MNIST took
14.6, 15.1, 15.3 and 16.8 s with 1, 2, 4 and 8 lanes on two cores (compiled; medians of three). The
width for accelerators, on which a single small model leaves most of the device idle, is a starting
point, not a measurement.
"""


class TrainingDiverged(ArithmeticError):
    """A loss became infinite or nan; the message names coalition, seed, step and learning rate."""

    job: Job

    @classmethod
    def at(
        cls, step: int, job: Job, parties: Sequence[str], training: Training, *, party: str = ""
    ) -> "TrainingDiverged":
        """The error of a job whose loss is not finite at ``step``, counted from 0.

        ``party`` is who gets the model, if it is one made to order.
        """
        loss = f"loss of the model for party {party}" if party else "loss"
        error = cls(
            f"coalition {coalition_name(job.coalition, parties)}, seed {job.seed}: the {loss} is "
            f"not finite at step {step + 1} of {job.steps} with learning rate "
            f"{training.learning_rate}: lower the learning rate or check the inputs"
        )
        error.job = job
        return error


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


def local_devices() -> list[jax.Device]:
    """Local devices; on a CPU one device per core that this process may use.

    JAX shows all cores as one device unless told otherwise before its first computation. If it has
    already computed something, its devices are taken as they are. The environment variable
    ``SHAPFAIR_DEVICES`` is the most that are taken.
    """
    most = int(os.environ.get("SHAPFAIR_DEVICES", 0)) or None
    try:
        jax.config.update("jax_num_cpu_devices", min(_usable_cores(), most or math.inf))
    except RuntimeError:
        pass
    return jax.local_devices()[:most]


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@partial(jax.jit, static_argnums=(0, 1), donate_argnums=2)
def _block(
    network: nn.Module, training: Training, lanes: Any, batches: Any, steps: Any, data: Any
) -> Any:
    """``steps`` steps of every lane, and the first step of each whose loss is not finite.

    ``batches`` has shape ``(lanes, length, batch_size)``; ``steps``, at most ``length``, is traced,
    so that blocks of all lengths share one compilation.
    """
    steps_of_lanes = jax.vmap(partial(step, network, training), in_axes=(0, 0, None))

    def body(t: Any, carry: Any) -> Any:
        lanes, first_bad = carry
        lanes, loss = steps_of_lanes(lanes, batches[:, t], data)
        return lanes, jnp.where(jnp.isfinite(loss), first_bad, jnp.minimum(first_bad, t))

    lane_count, length = batches.shape[:2]
    fine = jnp.full(lane_count, length)
    return jax.lax.fori_loop(0, steps, body, (lanes, fine))


@partial(jax.jit, donate_argnums=0)
def _fill(lanes: Any, lane: Any, fresh: Any) -> Any:
    """Put fresh parameters and moments into one lane."""
    return jax.tree.map(lambda leaf, new: leaf.at[lane].set(new), lanes, fresh)


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


@dataclass
class _Lane:
    """A job under way: its batches, and how many of them are done."""

    job: Job
    batches: np.ndarray
    done: int = 0

    @property
    def left(self) -> int:
        return len(self.batches) - self.done


@dataclass(frozen=True)
class Engine:
    """Trains jobs on all local devices.

    Args:
        dataset: training and test examples.
        partition: who owns which training example.
        network: a Flax module from inputs to logits; one compilation serves all coalitions.
        training: batch size, epochs, learning rate.
        duplicates: see :func:`shapfair.training.plan.plan_jobs`.
        lanes: lanes per device; by default :data:`LANES` of the backend.
        devices: by default all local ones, see :func:`local_devices`.
    """

    dataset: Dataset
    partition: Partition | Deal
    network: nn.Module
    training: Training
    duplicates: str = "drop"
    lanes: int | None = None
    devices: tuple[jax.Device, ...] | None = None

    def run(
        self,
        jobs: Iterable[Job],
        finished: Callable[[Job, float], None],
        *,
        is_finished: Callable[[Job], bool] = lambda job: False,
        stepped: Callable[[int], None] = lambda steps: None,
    ) -> Usage:
        """Train every job; the accuracy of each is handed over as soon as it is known.

        The accuracy does not depend on the number of lanes or devices, nor on the order of the
        jobs, beyond floating-point rounding.

        Args:
            jobs: what to train, usually longest first (:func:`~shapfair.training.plan.plan_jobs`).
            finished: called with (job, test accuracy) from the thread of the device.
            is_finished: asked before a job starts; true skips it (another process did it).
            stepped: called with the number of job steps that a block took, for a progress bar.

        Raises:
            TrainingDiverged: when a loss is not finite; jobs that were handed over stay valid.
        """
        jobs = list(jobs)
        devices = (self.devices or tuple(local_devices()))[: len(jobs)]
        if not jobs:
            return Usage()
        queue = _Queue(jobs, is_finished)
        with ThreadPoolExecutor(len(devices), "device") as pool:
            threads = [pool.submit(self._serve, d, queue, finished, stepped) for d in devices]
            try:
                wait(threads, return_when=FIRST_EXCEPTION)
            finally:  # after an error or Ctrl-C the other devices stop at their next block
                queue.stopped.set()
        return sum((thread.result() for thread in threads), Usage())

    def _serve(
        self,
        device: jax.Device,
        queue: _Queue,
        finished: Callable[[Job, float], None],
        stepped: Callable[[int], None],
    ) -> Usage:
        """Work of one device's thread: fill lanes, take a block, score what is done, repeat."""
        width = self.lanes or LANES.get(device.platform, LANES["gpu"])
        work: list[_Lane | None] = [None] * width
        usage = Usage()
        data = jax.device_put(training_data(self.dataset), device)
        test = jax.device_put(scoring_chunks(self.dataset), device)
        idle = self._fresh_lane(0, 0, device)
        lanes = jax.tree.map(lambda leaf: jnp.repeat(leaf[None], width, 0), idle)
        while not queue.stopped.is_set():
            for k in range(width):
                if work[k] is None and (job := queue.take()):
                    batches = job_batches(job, self.partition, self.training, self.duplicates)
                    work[k] = _Lane(job, batches)
                    lanes = _fill(lanes, k, self._fresh_lane(job.seed, job.coalition, device))
            busy = [lane for lane in work if lane]
            if not busy:
                break
            # The lane that is nearest to its end sets the length: no lane ever runs past it.
            steps = min(self._block_steps, *(lane.left for lane in busy))
            lanes, first_bad = _block(
                self.network, self.training, lanes, self._next_batches(work, steps), steps, data
            )
            self._check_finite(work, np.asarray(first_bad))
            usage += Usage(steps * len(busy), steps * width)
            stepped(steps * len(busy))
            for k, lane in enumerate(work):
                if lane is None:
                    continue
                lane.done += steps
                if not lane.left:
                    parameters = jax.tree.map(lambda leaf, k=k: leaf[k], lanes[0])
                    right = int(correct(self.network, parameters, *test))
                    finished(lane.job, right / len(self.dataset.test_labels))
                    work[k] = None
        return usage

    @property
    def _block_steps(self) -> int:
        return max(1, min(BLOCK_STEPS, BLOCK_EXAMPLES // self.training.batch_size))

    def _fresh_lane(self, seed: int, coalition: int, device: jax.Device) -> Any:
        length = self.dataset.train_inputs.shape[1]
        fresh = fresh_lane(self.network, self.training, length, seed, coalition)
        return jax.device_put(fresh, device)

    def _next_batches(self, work: list[_Lane | None], steps: int) -> np.ndarray:
        """The coming batches of every lane, as :func:`_block` takes them."""
        shape = (len(work), self._block_steps, self.training.batch_size)
        batches = np.zeros(shape, np.int32)
        for k, lane in enumerate(work):
            if lane:
                batches[k, :steps] = lane.batches[lane.done : lane.done + steps]
        return batches

    def _check_finite(self, work: list[_Lane | None], first_bad: np.ndarray) -> None:
        for lane, bad in zip(work, first_bad, strict=True):
            if lane and bad < self._block_steps:
                step, parties = lane.done + int(bad), self.partition.parties
                raise TrainingDiverged.at(step, lane.job, parties, self.training)
