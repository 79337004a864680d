"""What is trained: jobs, and the batches that each job sees.

A job is one coalition under one seed. Its batches follow from (seed, coalition) alone, so neither
the machine nor the order of the work can change them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from jaxtyping import Int32

from shapfair.coalitions import coalition_name
from shapfair.datasets import Deal, Duplicates, Partition
from shapfair.valuation.protocol import Job

PADDING = -1
"""Index that fills the last batch of an epoch; it has weight zero in the loss."""


@dataclass(frozen=True)
class Training:
    """Training settings; the defaults are those of App. J.1.

    Args:
        batch_size: examples per step.
        epochs: passes over the coalition's data.
        learning_rate: step size of Adam; None with an optimiser of one's own, which has its own.
        shuffled: whether every epoch is a fresh shuffle; if not, all epochs and all coalitions of a
            seed have their examples in the order of the training set.

    Raises:
        ValueError: if batch size or epochs are not positive.
    """

    batch_size: int = 64
    epochs: int = 5
    learning_rate: float | None = 1e-3
    shuffled: bool = True

    def __post_init__(self) -> None:
        for name in ("batch_size", "epochs"):
            if getattr(self, name) < 1:
                raise ValueError(f"training: {name} {getattr(self, name)}, need at least 1")

    def described(self) -> dict[str, Any]:
        """The settings; that batches are shuffled, as nearly always, goes without saying."""
        return {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name != "shuffled" or not self.shuffled
        }


def plan_jobs(
    partition: Partition | Deal,
    coalitions: Sequence[int],
    seeds: Sequence[int],
    training: Training,
    duplicates: Duplicates = "drop",
) -> list[Job]:
    """Jobs for all pairs of coalition and seed, longest first.

    The longest first keeps every lane busy to the end: what is left over last is short.

    Args:
        partition: who owns which training example.
        coalitions: non-empty coalitions as bitmasks.
        seeds: seeds of the runs.
        training: settings; they fix the number of steps.
        duplicates: ``"drop"`` for the union of the members' data as a set (the paper's
            definition), ``"keep"`` for their concatenation.

    Raises:
        ValueError: if a coalition has fewer examples than one batch, or a party that there is not.
    """
    jobs = []
    for seed in seeds:
        dealt = partition.of_seed(seed)
        sizes = dealt.coalition_sizes(duplicates)
        for coalition in coalitions:
            dealt.check_coalition(coalition)
            examples = int(sizes[coalition])
            if examples < training.batch_size:
                raise ValueError(
                    f"coalition {coalition_name(coalition, partition.parties)} has {examples} "
                    f"examples, fewer than one batch of {training.batch_size}: give its members "
                    "more data or lower batch_size"
                )
            steps = training.epochs * -(-examples // training.batch_size)
            jobs.append(Job(coalition, seed, steps))
    return sorted(jobs, key=lambda job: (-job.steps, job.seed, job.coalition))


def job_batches(
    job: Job, partition: Partition | Deal, training: Training, duplicates: Duplicates = "drop"
) -> Int32[np.ndarray, "steps batch"]:
    """Example indices of every step of a job, shape ``(steps, batch_size)``.

    Every epoch is a fresh shuffle drawn from (seed, coalition), unless the examples are to keep
    their order; the last batch of an epoch is filled up with :data:`PADDING`.
    """
    held = partition.of_seed(job.seed).coalition_indices(job.coalition, duplicates)
    indices = held.astype(np.int32)
    shuffle = np.random.default_rng([job.seed, job.coalition])
    filler = np.full(-len(indices) % training.batch_size, PADDING, np.int32)
    epochs = [
        np.concatenate([shuffle.permutation(indices) if training.shuffled else indices, filler])
        for _ in range(training.epochs)
    ]
    return np.concatenate(epochs).reshape(-1, training.batch_size)
