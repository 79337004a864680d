"""One model per coalition: what an experiment consists of, and how its coalitions are valued.

Which experiments the paper describes is the matter of :mod:`shapfair.paper.experiments`. One of
one's own is made of arrays, a Flax network and an optax optimiser:

>>> from flax import linen as nn
>>> import numpy as np
>>> x = np.random.default_rng(0).normal(size=(300, 2))
>>> y = (x[:, 0] > x[:, 1]).astype(int)
>>> experiment = Experiment.of_arrays(
...     "halves",
...     train=(x[:200], y[:200]),
...     test=(x[200:], y[200:]),
...     parties={"a": range(100), "b": range(80, 200)},
...     network=nn.Dense(2),
...     batch_size=20,
... )
>>> experiment.run(seeds=[0, 1]).game.parties
('a', 'b')
"""

import os
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import optax
from flax import linen as nn
from numpy.typing import ArrayLike

from shapfair.datasets import Arrays, Dataset, Deal, Duplicates, Examples, Partition
from shapfair.datasets.inputs import Inputs
from shapfair.training.checks import check_flax, check_learner, check_optimiser
from shapfair.training.devices import check_address_space, lanes_of, local_devices, usable_cores
from shapfair.training.engine import Engine, TrainingDiverged, Usage
from shapfair.training.learner import CLASSIFICATION, REGRESSION, Kind, Learner, Task, adam
from shapfair.training.model import Model
from shapfair.training.plan import Training, plan_jobs
from shapfair.training.program import program_of
from shapfair.valuation.evaluation import Evaluation
from shapfair.valuation.protocol import Finished, Job
from shapfair.valuation.provenance import processor, versions
from shapfair.valuation.run import run

PROTOCOL = 1
"""Grows whenever the same description would give other numbers (initial weights, batches, loss)."""

TASKS = {task.name: task for task in (CLASSIFICATION, REGRESSION)}


@dataclass(frozen=True)
class Experiment:
    r"""One model per coalition: the data, who owns what, and how a model is trained.

    Args:
        name: short name, as ``shapfair reproduce`` takes it.
        dataset: training and test examples.
        partition: which training examples each party owns.
        network: a Flax module from inputs to outputs, see
            :class:`~shapfair.training.learner.Learner`.
        training: batch size, epochs, learning rate.
        duplicates: ``"drop"`` if an example held by two members of a coalition counts once (the
            paper's :math:`D_C = \cup_{i \in C} D_i`), ``"keep"`` if it counts twice.
        lanes: models trained side by side on a device, no more than there are to train; by default
            what was fastest on its kind.
        optimiser: of optax; by default Adam at the learning rate of ``training``.
        task: loss and score.
        micro_batch: see :class:`~shapfair.training.learner.Learner`.
        version: goes into the key of the store. Needed if score, network, loss or optimiser do
            something in Python that JAX cannot see; give another whenever that changes.
        inputs: how users of a model shall have their raw inputs read; by default these are arrays
            such as those of the data set. Values do not depend on it.
        labels: names of the classes for them; by default their numbers.

    Raises:
        ValueError: if a limit of address space (``ulimit -v``) is too low for XLA, if a party
            holds a training example that does not exist, if there are no lanes, if network, data,
            loss and optimiser do not fit together, or if JAX cannot tell what they compute.
    """

    name: str
    dataset: Examples
    partition: Partition | Deal
    network: nn.Module
    training: Training
    duplicates: Duplicates = "drop"
    lanes: int | None = None
    optimiser: optax.GradientTransformation | None = None
    task: Task = CLASSIFICATION
    micro_batch: int | None = None
    version: str | None = None
    inputs: Inputs | None = None
    labels: tuple[str, ...] = ()

    independent: ClassVar[bool] = True
    """Whether a coalition's model does not depend on the other coalitions."""

    def __post_init__(self) -> None:
        check_address_space()
        records = len(self.dataset.train_labels)
        held = self.partition.of_seed(0)  # a deal gives out the same records under every seed
        for party, indices in zip(held.parties, held.indices, strict=True):
            if indices.max() >= records:
                raise ValueError(
                    f"partition: party {party!r} holds record {indices.max()}, but the data have "
                    f"{records} training records, 0 to {records - 1}"
                )
        if self.lanes is not None and self.lanes < 1:
            raise ValueError(f"lanes: {self.lanes}, need at least 1")
        check_flax(self.network)
        check_optimiser(self.optimiser, self.training)
        if not (self._is_recorded and isinstance(self.dataset, Dataset)):
            check_learner(self._untraced, self.dataset, self.training.batch_size)
        _ = self.learner  # what it computes is settled now

    @classmethod
    def of_arrays(
        cls,
        name: str,
        *,
        train: tuple[ArrayLike, ArrayLike],
        test: tuple[ArrayLike, ArrayLike],
        parties: Mapping[str, ArrayLike],
        network: nn.Module,
        optimiser: optax.GradientTransformation | None = None,
        task: Literal["classification", "regression"] | Task = "classification",
        batch_size: int = 64,
        epochs: int = 5,
        duplicates: Duplicates = "drop",
        lanes: int | None = None,
        micro_batch: int | None = None,
        version: str | None = None,
    ) -> "Experiment":
        """An experiment on data of one's own.

        Args:
            name: short name, for progress and provenance.
            train: inputs, shape ``(train, ...)``, and labels, shape ``(train,)``.
            test: inputs and labels on which every model is scored.
            parties: name of every party and the positions of its training examples, or which they
                are, true or false; examples may have several owners.
            network: a Flax module from a batch of inputs to a batch of outputs: one for each class,
                or a single one for two classes; in regression one.
            optimiser: of optax; by default Adam at the learning rate 1e-3.
            task: ``"classification"`` (cross-entropy, accuracy), ``"regression"`` (squared error,
                :math:`R^2`), or loss and score of one's own.
            batch_size: examples per step.
            epochs: passes over a coalition's data.
            duplicates: see the class, as ``lanes``, ``micro_batch`` and ``version``.
            lanes: see the class.
            micro_batch: see the class.
            version: see the class.

        Raises:
            ValueError: as the class.

        Two parties, who know one half each of where points lie:

        >>> import flax.linen as nn
        >>> import numpy as np
        >>> from shapfair import Experiment, allocate
        >>> points = np.random.default_rng(0).normal(size=(600, 2)).astype("float32")
        >>> sides = (points[:, 0] > 0).astype(int)
        >>> experiment = Experiment.of_arrays(
        ...     "halves",
        ...     train=(points[:400], sides[:400]),
        ...     test=(points[400:], sides[400:]),
        ...     parties={"above": points[:400, 1] > 0, "below": points[:400, 1] <= 0},
        ...     network=nn.Dense(2),
        ... )
        >>> run = experiment.run(seeds=[0, 1])
        >>> run.game.values.shape  # two seeds, four coalitions
        (2, 4)
        >>> bool(abs(allocate(run.game).payoffs.sum(axis=1)).max() < 1e-12)
        True
        """
        x, y, test_x, test_y = (np.asarray(array) for array in (*train, *test))
        arrays = Arrays(x, y, test_x, test_y, name)
        rate = None if optimiser else 1e-3
        return cls(
            name,
            arrays,
            Partition.of(parties, len(arrays.train_labels)),
            network,
            Training(batch_size, epochs, rate),
            duplicates,
            lanes,
            optimiser,
            TASKS[task] if isinstance(task, str) else task,
            micro_batch,
            version,
        )

    def __getstate__(self) -> dict[str, Any]:
        """All but the learner, whose functions cannot be sent; it is traced again where needed."""
        return {name: part for name, part in vars(self).items() if name != "learner"}

    @property
    def parties(self) -> tuple[str, ...]:
        """Names of the parties."""
        return self.partition.parties

    @property
    def bounds(self) -> tuple[float, float]:
        """Where scores lie."""
        return self.task.bounds

    @cached_property
    def learner(self) -> Learner:
        """Network, loss, score and optimiser; traced unless they are the paper's."""
        if self._is_recorded:
            return self._untraced
        return replace(self._untraced, program=self._program())

    def description(self) -> dict[str, Any]:
        """All that a coalition's value depends on, other than its seed; JSON types.

        Networks of the paper are described by name and fields, all others by what they compute, see
        :mod:`shapfair.training.program`.
        """
        network = {f.name: getattr(self.network, f.name) for f in fields(self.network)}
        shown = {
            name: value
            for name, value in network.items()
            if name not in ("parent", "name") and (self._is_recorded or _is_plain(value))
        }
        described = {
            "protocol": PROTOCOL,
            "experiment": self.name,
            "data": self.dataset.digest,
            "partition": self.partition.digest,
            "duplicates": self.duplicates,
            "network": {"kind": type(self.network).__name__, **shown},
            "training": self.training.described(),
        }
        if self._is_recorded:
            return described
        return {
            **described,
            "task": self.task.name,
            "program": self.learner.program,
            "version": self.version,
        }

    def jobs(self, coalitions: Sequence[int], seeds: Sequence[int]) -> list[Job]:
        """See :func:`~shapfair.training.plan.plan_jobs`."""
        return plan_jobs(self.partition, coalitions, seeds, self.training, self.duplicates)

    def capacity(self) -> int:
        """Lanes of all devices."""
        devices = local_devices()
        return len(devices) * (self.lanes or lanes_of(devices[0]))

    def evaluate(
        self,
        jobs: Iterable[Job],
        finished: Finished,
        failed: Callable[[Job, Exception], None],
        *,
        is_finished: Callable[[Job], bool],
        stepped: Callable[[int], None],
    ) -> Mapping[str, int]:
        """Train a model for every job; see :meth:`~shapfair.training.engine.Engine.run`."""
        self._check_unchanged()
        engine = self._engine(self.lanes)

        def hand_over(job: Job, model: Model) -> None:
            finished(job, model.score, model.seconds)

        left, usage = list(jobs), Usage()
        while left:
            try:
                usage += engine.run(left, hand_over, is_finished=is_finished, stepped=stepped)
                break
            except TrainingDiverged as error:
                failed(error.job, error)
                left.remove(error.job)  # the engine passes over those that are finished
        return {"job_steps": usage.job_steps, "lane_steps": usage.lane_steps}

    def train_one(self, coalition: int, seed: int) -> Model:
        """The model of a coalition (bitmask), whose score is its value under the seed.

        Raises:
            ValueError: if the coalition has fewer examples than one batch.
            TrainingDiverged: if a loss is not finite.
        """
        self._check_unchanged()
        (job,) = self.jobs([coalition], [seed])
        models: list[Model] = []
        self._engine(lanes=1).run([job], lambda job, model: models.append(model))
        return models[0]

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
            "lanes": self.lanes or lanes_of(devices[0]),  # of each device
            "processor": processor(),
            "threads": usable_cores(),
            "xla_flags": os.environ.get("XLA_FLAGS", ""),
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

    def _engine(self, lanes: int | None) -> Engine:
        parts = (self.learner, self.dataset, self.partition, self.training, self.duplicates)
        return Engine(*parts, lanes)

    @property
    def _untraced(self) -> Learner:
        kind, rate = Kind.of(self.network), self.training.learning_rate
        optimiser = self.optimiser or adam(rate)
        micro_batch = self.micro_batch or (kind.micro_batch if kind else None)
        return Learner(self.network, optimiser, self.task, micro_batch)

    @property
    def _is_recorded(self) -> bool:
        """Whether name and fields of the network say all, as in the paper's experiments."""
        plain = self.optimiser is None and self.micro_batch is None and self.version is None
        return plain and self.task == CLASSIFICATION and Kind.of(self.network) is not None

    def _program(self) -> str:
        return program_of(self._untraced, self.dataset, self.training.batch_size, self.version)

    def _check_unchanged(self) -> None:
        if not self._is_recorded and self._program() != self.learner.program:
            raise ValueError(
                f"experiment {self.name}: its network, loss or optimiser computes something else "
                "than when the experiment was made: make it anew"
            )


def _is_plain(value: Any) -> bool:
    """Whether JSON can show a field of a network."""
    if isinstance(value, tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str)
