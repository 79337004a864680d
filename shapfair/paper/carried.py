"""Training with an optimiser that is never reset, as the authors' published code does it.

That code compiles one model, gives it the initial weights again before each coalition, in bitmask
order, and leaves Adam's moments and step count as the coalition before left them; batches keep
their order. Only the first coalition is trained as App. J describes. (This is the code for IMDB;
that for MNIST shuffles, and counts shared examples twice. Here only the optimiser is studied.) The
engine knows nothing of this: here is the plain loop, which shows what it does to the values. To
tell what does it, batches can be shuffled, and the order of the coalitions reversed.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import jax
import numpy as np
from jaxtyping import Float64, Int32

from shapfair.datasets import Deal, Duplicates, Examples, Partition
from shapfair.training.blocks import BLOCK_STEPS, advance_one, padded
from shapfair.training.engine import TrainingDiverged
from shapfair.training.experiment import Experiment
from shapfair.training.learner import Learner
from shapfair.training.model import Model
from shapfair.training.plan import Training, job_batches
from shapfair.training.step import Chunks, example_of, fresh_lane, score, training_data
from shapfair.valuation.protocol import Finished, Job


@dataclass(frozen=True)
class CarriedExperiment(Experiment):
    """An experiment whose optimiser is carried from coalition to coalition.

    A value depends on all coalitions before it, so a seed that lacks one is trained anew.

    Args:
        shuffled: whether batches are shuffled as in other experiments; by default they keep their
            order, as in the published code.
        backwards: whether the coalitions are trained from the grand coalition down to the first.
    """

    shuffled: bool = False
    backwards: bool = False

    independent: ClassVar[bool] = False

    def description(self) -> dict[str, Any]:
        """As of any experiment, and how the optimiser is treated."""
        marks = {"batches": "shuffled"} if self.shuffled else {}
        marks |= {"coalitions": "backwards"} if self.backwards else {}
        return {**super().description(), "optimiser": "carried over", **marks}

    def train_one(self, coalition: int, seed: int) -> Model:
        """Not to be had: a model depends on those before it."""
        raise ValueError(
            f"experiment {self.name}: its optimiser is carried from coalition to coalition, so no "
            "model can be trained by itself: take the experiment with a fresh one"
        )

    def provenance(self) -> dict[str, Any]:
        """As of any experiment; but one model after the other is trained, on one device."""
        return {**super().provenance(), "devices": 1, "lanes": 1}

    def evaluate(
        self,
        jobs: Iterable[Job],
        finished: Finished,
        failed: Callable[[Job, Exception], None],
        *,
        is_finished: Callable[[Job], bool],
        stepped: Callable[[int], None],
    ) -> Mapping[str, int]:
        """Train all coalitions of every seed that lacks one, see :func:`carried_over_values`."""
        jobs = list(jobs)
        for seed in sorted({job.seed for job in jobs}):
            start = time.perf_counter()
            table = carried_over_values(
                self.learner,
                self.dataset,
                self.partition,
                self.training,
                seed,
                self.duplicates,
                shuffled=self.shuffled,
                backwards=self.backwards,
            )
            seconds = (time.perf_counter() - start) / (len(table) - 1)  # on average
            for job in (job for job in jobs if job.seed == seed):
                finished(job, float(table[job.coalition]), seconds)
                stepped(job.steps)
        steps = sum(job.steps for job in jobs)
        return {"job_steps": steps, "lane_steps": steps}


def carried_over_values(
    learner: Learner,
    examples: Examples,
    partition: Partition | Deal,
    training: Training,
    seed: int,
    duplicates: Duplicates = "drop",
    *,
    shuffled: bool = False,
    backwards: bool = False,
) -> Float64[np.ndarray, " coalitions"]:
    """Test accuracy of every coalition in bitmask order, one after the other under one optimiser.

    Args:
        learner: network, loss, score, optimiser.
        examples: to train and to test on.
        partition: who owns which training example.
        training: batch size and epochs.
        seed: of the initial weights, of shuffles and dropout, and of the deal if there is one.
        duplicates: see :func:`shapfair.training.plan.plan_jobs`.
        shuffled: see :class:`CarriedExperiment`, as ``backwards``.
        backwards: whether the last coalition is trained first.

    Raises:
        TrainingDiverged: if a loss is not finite.
    """
    held, n = partition.of_seed(seed), len(partition.parties)
    data, test = jax.device_put(training_data(examples)), Chunks.of(examples)
    start = fresh_lane(learner, example_of(examples), seed, 0)
    lane, values = start, np.zeros(2**n)
    training = replace(training, shuffled=shuffled)
    for coalition in range(1, 2**n)[:: -1 if backwards else 1]:
        batches = job_batches(Job(coalition, seed), held, training, duplicates)
        lane = lane._replace(parameters=start.parameters, state=start.state)
        for done in range(0, len(batches), BLOCK_STEPS):
            (block,), (steps,) = padded([batches[done : done + BLOCK_STEPS]], BLOCK_STEPS)
            lane, bad = advance_one(learner, lane, block, steps, data)
            if bad < BLOCK_STEPS:
                job = Job(coalition, seed, len(batches))
                raise TrainingDiverged.at(done + int(bad), job, partition.parties, training)
        values[coalition] = score(learner, lane.variables, test)
    return values


def batches_in_order(
    partition: Partition, coalition: int, training: Training, duplicates: Duplicates = "drop"
) -> Int32[np.ndarray, "steps batch"]:
    """The members' examples in the order of the training set, the same in every epoch."""
    in_order = replace(training, shuffled=False)
    return job_batches(Job(coalition, seed=0), partition, in_order, duplicates)
