"""One model per coalition: what an experiment consists of, and how its coalitions are valued.

Which experiments the paper describes is the matter of :mod:`shapfair.paper.experiments`.
"""

import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Literal

from flax import linen as nn

from shapfair.datasets import Dataset, Deal, Partition
from shapfair.training.engine import LANES, Engine, TrainingDiverged, Usage, local_devices
from shapfair.training.plan import Training, plan_jobs
from shapfair.valuation.evaluation import Evaluation
from shapfair.valuation.protocol import Job
from shapfair.valuation.provenance import versions
from shapfair.valuation.run import run

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
        lanes: models trained side by side on a device, by default what was fastest on its kind.

    Raises:
        ValueError: if a party holds a training example that does not exist.
    """

    name: str
    dataset: Dataset
    partition: Partition | Deal
    network: nn.Module
    training: Training
    duplicates: Duplicates = "drop"
    lanes: int | None = None

    independent: ClassVar[bool] = True
    """Whether a coalition's model does not depend on the other coalitions."""

    def __post_init__(self) -> None:
        records = len(self.dataset.train_labels)
        held = self.partition.of_seed(0)  # a deal gives out the same records under every seed
        for party, indices in zip(held.parties, held.indices, strict=True):
            if indices.max() >= records:
                raise ValueError(
                    f"partition: party {party!r} holds record {indices.max()}, but the data have "
                    f"{records} training records, 0 to {records - 1}"
                )

    @property
    def parties(self) -> tuple[str, ...]:
        """Names of the parties."""
        return self.partition.parties

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
        }

    def jobs(self, coalitions: Sequence[int], seeds: Sequence[int]) -> list[Job]:
        """See :func:`~shapfair.training.plan.plan_jobs`."""
        return plan_jobs(self.partition, coalitions, seeds, self.training, self.duplicates)

    def capacity(self) -> int:
        """Lanes of all devices."""
        devices = local_devices()
        return len(devices) * (self.lanes or LANES.get(devices[0].platform, LANES["gpu"]))

    def evaluate(
        self,
        jobs: Iterable[Job],
        finished: Callable[[Job, float], None],
        failed: Callable[[Job, Exception], None],
        *,
        is_finished: Callable[[Job], bool],
        stepped: Callable[[int], None],
    ) -> Mapping[str, int]:
        """Train a model for every job; see :meth:`~shapfair.training.engine.Engine.run`."""
        engine = Engine(
            self.dataset,
            self.partition,
            self.network,
            self.training,
            self.duplicates,
            self.lanes,
        )
        left, usage = list(jobs), Usage()
        while left:
            try:
                usage += engine.run(left, finished, is_finished=is_finished, stepped=stepped)
                break
            except TrainingDiverged as error:
                failed(error.job, error)
                left.remove(error.job)  # the engine passes over those that are finished
        return {"job_steps": usage.job_steps, "lane_steps": usage.lane_steps}

    def provenance(self) -> dict[str, Any]:
        """Data, versions and devices with which the models are trained here."""
        devices = local_devices()  # first of all, since it sets their number
        return {
            "data_size": self.dataset.size,
            "data_source": self.dataset.source,
            "train_examples": len(self.dataset.train_labels),
            "test_examples": len(self.dataset.test_labels),
            "versions": versions(("shapfair", "jax", "jaxlib", "flax", "optax", "numpy")),
            "device": f"{devices[0].platform}: {devices[0].device_kind} ({platform.machine()})",
            "devices": len(devices),
        }

    def run(
        self,
        seeds: Sequence[int] = (0,),
        *,
        store: str | Path = ":memory:",
        executor: Executor | None = None,
    ) -> Evaluation:
        """Train every coalition under every seed; see :func:`shapfair.valuation.run.run`.

        Raises:
            ValueError: if a coalition has fewer examples than one batch.
            TrainingDiverged: if a loss is not finite.
            StoreError: if the store cannot be used.
            WorkerLost: if a job kills its worker, or if the executor is gone.
        """
        return run(self, seeds, store=store, executor=executor)
