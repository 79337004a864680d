"""One model per coalition: what an experiment consists of, its runs, where its numbers come from.

Which experiments the paper describes is the matter of :mod:`shapfair.paper.experiments`.
"""

import os
import platform
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np
from flax import linen as nn
from jaxtyping import Float64
from tqdm import tqdm

from shapfair.datasets import Dataset, Deal, Partition
from shapfair.game import Game
from shapfair.paper.carried import carried_over_values
from shapfair.training.engine import Engine, Usage, local_devices
from shapfair.training.plan import Job, Training, plan_jobs
from shapfair.valuation.store import Store, digest

PROTOCOL = 1
"""Grows whenever the same description would give other numbers (initial weights, batches, loss)."""

Duplicates = Literal["drop", "keep"]


@dataclass(frozen=True)
class Experiment:
    r"""One model per coalition: the data, who owns what, and how a model is trained.

    Args:
        name: short name, as ``shapfair reproduce`` takes it.
        dataset: training and test examples.
        partition: which training examples each party owns.
        network: a Flax module from inputs to logits.
        training: batch size, epochs, learning rate.
        duplicates: ``"drop"`` if an example held by two members of a coalition counts once (the
            paper's :math:`D_C = \cup_{i \in C} D_i`), ``"keep"`` if it counts twice.
        carried: train one coalition after the other with an optimiser that is never reset, as in
            :mod:`shapfair.paper.carried`.

    Raises:
        ValueError: if a party holds a training example that does not exist.
    """

    name: str
    dataset: Dataset
    partition: Partition | Deal
    network: nn.Module
    training: Training
    duplicates: Duplicates = "drop"
    carried: bool = False

    def __post_init__(self) -> None:
        records = len(self.dataset.train_labels)
        held = self.partition.of_seed(0)  # a deal gives out the same records under every seed
        for party, indices in zip(held.parties, held.indices, strict=True):
            if indices.max() >= records:
                raise ValueError(
                    f"partition: party {party!r} holds record {indices.max()}, but the data have "
                    f"{records} training records, 0 to {records - 1}"
                )

    def description(self) -> dict[str, Any]:
        """All that a coalition's value depends on, other than its seed; JSON types."""
        network = {
            field.name: getattr(self.network, field.name)
            for field in fields(self.network)
            if field.name not in ("parent", "name")
        }
        return {
            "protocol": PROTOCOL,
            "experiment": self.name,
            "data": self.dataset.digest,
            "partition": self.partition.digest,
            "duplicates": self.duplicates,
            "network": {"kind": type(self.network).__name__, **network},
            "training": {
                field.name: getattr(self.training, field.name) for field in fields(Training)
            },
            **({"optimiser": "carried over"} if self.carried else {}),
        }

    def run(
        self,
        seeds: Sequence[int] = (0,),
        *,
        store: str | Path = ":memory:",
        lanes: int | None = None,
    ) -> "Run":
        """Train every coalition under every seed, and keep each value as soon as it is known.

        Shows a progress bar on a terminal. A run that was stopped goes on where it was when it is
        called again with the same store.

        Args:
            seeds: seeds of the runs, each a row of the value table.
            store: file of finished values; the default keeps them in memory alone.
            lanes: models trained side by side on a device, by default what was fastest on its kind.

        Raises:
            ValueError: if a coalition has fewer examples than one batch.
            TrainingDiverged: if a loss is not finite.
            StoreError: if the store cannot be used.
        """
        start = time.perf_counter()
        parties = self.partition.parties
        coalitions = range(1, 2 ** len(parties))
        with Store(store, self.description()) as values:
            jobs = plan_jobs(self.partition, coalitions, seeds, self.training, self.duplicates)
            waiting = [job for job in jobs if values.get(job.seed, job.coalition) is None]
            with _Progress(self.name, jobs, waiting) as progress:

                def finished(job: Job, value: float) -> None:
                    values.put(job.seed, job.coalition, value)
                    progress.finished()

                if self.carried:
                    usage = self._carry_over(waiting, finished, progress.stepped)
                else:
                    usage = Engine(
                        self.dataset,
                        self.partition,
                        self.network,
                        self.training,
                        self.duplicates,
                        lanes,
                    ).run(
                        waiting,
                        finished=finished,
                        is_finished=lambda job: values.get(job.seed, job.coalition) is not None,
                        stepped=progress.stepped,
                    )
            table = values.table(seeds, len(parties))
            strangers = values.strangers()
        seconds = time.perf_counter() - start
        return Run(self, tuple(seeds), table, usage, seconds, len(jobs) - len(waiting), strangers)

    def _carry_over(
        self,
        waiting: Sequence[Job],
        finished: Callable[[Job, float], None],
        stepped: Callable[[int], None],
    ) -> Usage:
        """Train all coalitions of every seed that lacks one; a seed cannot be gone on with."""
        for seed in sorted({job.seed for job in waiting}):
            table = carried_over_values(
                self.dataset, self.partition, self.network, self.training, seed, self.duplicates
            )
            for job in (job for job in waiting if job.seed == seed):
                finished(job, float(table[job.coalition]))
                stepped(job.steps)
        steps = sum(job.steps for job in waiting)
        return Usage(steps, steps)


class _Progress:
    """Progress bar over model-steps; silent when standard error is not a terminal."""

    def __init__(self, name: str, jobs: Sequence[Job], waiting: Sequence[Job]) -> None:
        self._jobs, self._left = len(jobs), len(waiting)
        total = sum(job.steps for job in jobs)
        done = total - sum(job.steps for job in waiting)
        self._bar = tqdm(
            total=total, initial=done, desc=name, unit="step", unit_scale=True, disable=None
        )

    def stepped(self, steps: int) -> None:
        self._bar.update(steps)

    def finished(self) -> None:
        self._left -= 1
        self._bar.set_postfix_str(f"{self._jobs - self._left}/{self._jobs} models")

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()


@dataclass(frozen=True)
class Run:
    """Coalition values of an experiment.

    Args:
        experiment: what was trained.
        seeds: one per row of ``values``.
        values: test accuracies in bitmask order; the empty coalition has 0.
        usage: steps of jobs and of lanes in this call.
        seconds: wall time of this call.
        found: how many values were in the store already.
        strangers: how many values of other experiments are in the store; they are never used.
    """

    experiment: Experiment
    seeds: tuple[int, ...]
    values: Float64[np.ndarray, "seeds coalitions"]
    usage: Usage
    seconds: float
    found: int
    strangers: int

    @property
    def game(self) -> Game:
        """The value tables with their provenance."""
        return Game(self.values, self.experiment.partition.parties, provenance=self.provenance())

    def provenance(self) -> dict[str, Any]:
        """Where the numbers come from: experiment, data, seeds, versions, device, time, commit."""
        packages = ("shapfair", "jax", "jaxlib", "flax", "optax", "numpy")
        device = jax.local_devices()[0]
        description = self.experiment.description()
        return {
            **description,
            "digest": digest(description),
            "data_size": self.experiment.dataset.size,
            "data_source": self.experiment.dataset.source,
            "train_examples": len(self.experiment.dataset.train_labels),
            "test_examples": len(self.experiment.dataset.test_labels),
            "seeds": list(self.seeds),
            "versions": {
                "python": platform.python_version(),
                **{package: version(package) for package in packages},
            },
            "device": f"{device.platform}: {device.device_kind} ({platform.machine()})",
            "devices": len(local_devices()),
            "seconds": round(self.seconds, 1),
            "job_steps": self.usage.job_steps,
            "lane_steps": self.usage.lane_steps,
            "values_resumed": self.found,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": _commit(),
        }


def _commit() -> str | None:
    """Commit of the checkout that this package runs from, None outside one."""
    here = Path(__file__).parent
    command = ["git", "-C", os.fspath(here), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
