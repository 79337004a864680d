"""Training with an optimiser that is never reset, as the authors' published code does it.

That code compiles one model, gives it the initial weights again before each coalition, in bitmask
order, and leaves Adam's moments and step count as the coalition before left them; batches keep
their order. Only the first coalition is trained as App. J describes. (This is the code for IMDB;
that for MNIST shuffles, and counts shared examples twice. Here only the optimiser is studied.) The
engine knows nothing of this: here is the plain loop, which shows what it does to the values.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Float64, Int32

from shapfair.datasets import Dataset, Deal, Partition
from shapfair.training.engine import TrainingDiverged
from shapfair.training.experiment import Experiment
from shapfair.training.plan import PADDING, Training
from shapfair.training.step import correct, fresh_lane, scoring_chunks, step, training_data
from shapfair.valuation.protocol import Job


class CarriedExperiment(Experiment):
    """An experiment whose optimiser is carried from coalition to coalition.

    A value depends on all coalitions before it, so a seed that lacks one is trained anew.
    """

    independent: ClassVar[bool] = False

    def description(self) -> dict[str, Any]:
        """As of any experiment, and how the optimiser is treated."""
        return {**super().description(), "optimiser": "carried over"}

    def evaluate(
        self,
        jobs: Iterable[Job],
        finished: Callable[[Job, float], None],
        failed: Callable[[Job, Exception], None],
        *,
        is_finished: Callable[[Job], bool],
        stepped: Callable[[int], None],
    ) -> Mapping[str, int]:
        """Train all coalitions of every seed that lacks one, see :func:`carried_over_values`."""
        jobs = list(jobs)
        for seed in sorted({job.seed for job in jobs}):
            table = carried_over_values(
                self.dataset, self.partition, self.network, self.training, seed, self.duplicates
            )
            for job in (job for job in jobs if job.seed == seed):
                finished(job, float(table[job.coalition]))
                stepped(job.steps)
        steps = sum(job.steps for job in jobs)
        return {"job_steps": steps, "lane_steps": steps}


def carried_over_values(
    dataset: Dataset,
    partition: Partition | Deal,
    network: nn.Module,
    training: Training,
    seed: int,
    duplicates: str = "drop",
) -> Float64[np.ndarray, " coalitions"]:
    """Test accuracy of every coalition in bitmask order, one after the other under one optimiser.

    Args:
        dataset: training and test examples.
        partition: who owns which training example.
        network: a Flax module from inputs to logits.
        training: batch size, epochs, learning rate.
        seed: of the initial weights, of dropout, and of the deal if there is one.
        duplicates: see :func:`shapfair.training.plan.plan_jobs`.

    Raises:
        TrainingDiverged: if a loss is not finite.
    """
    held, n = partition.of_seed(seed), len(partition.parties)
    data = jax.device_put(training_data(dataset))
    test = jax.device_put(scoring_chunks(dataset))
    in_order = [batches_in_order(held, c, training, duplicates) for c in range(2**n)]
    longest = max(map(len, in_order))
    weights, moments, key = fresh_lane(network, training, dataset.train_inputs.shape[1], seed, 0)
    values = np.zeros(2**n)
    for coalition in range(1, 2**n):
        steps = len(in_order[coalition])
        batches = np.resize(in_order[coalition], (longest, training.batch_size))
        lane = (weights, moments, key)
        lane, first_bad = _train(network, training, lane, batches, steps, data)
        if first_bad < steps:
            job = Job(coalition, seed, steps)
            raise TrainingDiverged.at(int(first_bad), job, partition.parties, training)
        trained, moments, _ = lane
        values[coalition] = int(correct(network, trained, *test)) / len(dataset.test_labels)
    return values


def batches_in_order(
    partition: Partition, coalition: int, training: Training, duplicates: str = "drop"
) -> Int32[np.ndarray, "steps batch"]:
    """The members' examples in the order of the training set, the same in every epoch."""
    indices = partition.coalition_indices(coalition, duplicates).astype(np.int32)
    filler = np.full(-len(indices) % training.batch_size, PADDING, np.int32)
    epoch = np.concatenate([indices, filler]).reshape(-1, training.batch_size)
    return np.tile(epoch, (training.epochs, 1))


@partial(jax.jit, static_argnums=(0, 1))
def _train(
    network: nn.Module, training: Training, lane: Any, batches: Any, steps: Any, data: Any
) -> Any:
    """``steps`` steps of a lane, and the first of them whose loss is not finite, else ``steps``."""

    def body(t: Any, carry: Any) -> Any:
        lane, first_bad = carry
        lane, loss = step(network, training, lane, batches[t], data)
        return lane, jnp.where(jnp.isfinite(loss), first_bad, jnp.minimum(first_bad, t))

    return jax.lax.fori_loop(0, steps, body, (lane, jnp.int32(steps)))
