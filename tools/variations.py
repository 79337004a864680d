"""Vary what the paper's experiments hold fixed, and record the tables.

Usage: python tools/variations.py [NAME ...] [--seeds K]

How reviews are dealt and models trained (IMDB), what a party makes of its data before it joins
(MNIST), and how long is trained (both). A seed starts from the same weights as in the recorded
experiments, and a coalition whose data are not touched sees the same batches: differences are
paired. Values are kept in _build/variations.sqlite; a run that was stopped goes on where it was.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from shapfair.datasets import Dataset, Partition
from shapfair.made_to_order.stopping import halves
from shapfair.paper.carried import CarriedExperiment
from shapfair.paper.experiments import imdb, mnist
from shapfair.training.blocks import BLOCK_STEPS, advance_one, padded
from shapfair.training.engine import TrainingDiverged
from shapfair.training.experiment import Experiment
from shapfair.training.plan import job_batches
from shapfair.training.step import Chunks, example_of, fresh_lane, score, training_data

ROOT = Path(__file__).resolve().parents[1]
EPOCHS = 10
"""Longest training whose way is recorded."""

# --- IMDB: how it is trained, who gets which reviews ---------------------------------------------


def fixed_order() -> Experiment:
    """Fresh optimiser; all coalitions of a seed have their reviews in the same order."""
    base = imdb("full", "published")
    training = replace(base.training, shuffled=False)
    return replace(base, name="imdb-fixed-order", training=training)


def carried(name: str, **how: bool) -> Experiment:
    """Carried optimiser, with shuffled batches or from the grand coalition down."""
    base = imdb("full", "carried")
    assert isinstance(base, CarriedExperiment)
    return replace(base, name=name, **how)


def one_deal() -> Experiment:
    """The reviews of seed 0 under every seed, so that seeds differ by their training alone."""
    base = imdb("full", "published")
    return replace(base, name="imdb-one-deal", partition=base.partition.of_seed(0))


# --- MNIST: what a party makes of its data -------------------------------------------------------

NOISE = 128
"""Standard deviation of the noise on images whose grey values are from 0 to 255."""


def withheld(party: str, name: str) -> Experiment:
    """The party joins with every other one of its images."""
    base = mnist("full", name=name)
    k = base.parties.index(party)
    held = list(base.partition.indices)
    held[k] = held[k][::2]
    return replace(base, partition=Partition(base.parties, tuple(held)))


def split(party: str, name: str) -> Experiment:
    """The party joins under two names, each with one half of its images."""
    base = mnist("full", name=name)
    k = base.parties.index(party)
    held = list(base.partition.indices)
    whole, held[k] = held[k], held[k][::2]
    names = (*base.parties, f"second half of {party}")
    return replace(base, partition=Partition(names, (*held, whole[1::2])))


def with_changed(party: str, name: str, change: Callable[..., Any]) -> Experiment:
    """The party joins with changed copies of some of its images instead of these.

    Copies are records of their own: a coalition with others who hold the images has both.

    Args:
        party: who changes its images.
        name: what the experiment is called.
        change: from the party's inputs, its labels and a generator to which of them are changed,
            and the inputs and labels of these.
    """
    base = mnist("full", name=name)
    data, k = base.dataset, base.parties.index(party)
    held = list(base.partition.indices)
    rng = np.random.default_rng(0)
    inputs, labels = data.train_inputs[held[k]], data.train_labels[held[k]]
    changed, new_inputs, new_labels = change(inputs, labels, rng)
    copies = len(data.train_labels) + np.arange(len(new_labels))
    held[k] = np.concatenate([held[k][~changed], copies])
    more = replace(
        data,
        train_inputs=np.concatenate([data.train_inputs, new_inputs]),
        train_labels=np.concatenate([data.train_labels, new_labels]),
    )
    return replace(base, dataset=more, partition=Partition(base.parties, tuple(held)))


def flipped(inputs: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> Any:
    """A fifth of the images with another label, any of the nine with equal chance."""
    changed = np.zeros(len(labels), bool)
    changed[rng.choice(len(labels), len(labels) // 5, replace=False)] = True
    others = (labels[changed] + rng.integers(1, 10, changed.sum())) % 10
    return changed, inputs[changed], others.astype(labels.dtype)


def noisy(inputs: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> Any:
    """All images with Gaussian noise, grey values rounded and kept within their range."""
    sums = inputs + rng.normal(0, NOISE, inputs.shape)
    return np.ones(len(labels), bool), np.clip(np.rint(sums), 0, 255).astype(inputs.dtype), labels


# --- how long is trained -------------------------------------------------------------------------


@dataclass(frozen=True)
class OnTheWay(Experiment):
    """An experiment that is scored after every epoch on the way to :data:`EPOCHS` of them.

    Its values are those of any experiment with these settings: a model after five epochs is one on
    the way to ten. All numbers of epochs share one training.
    """

    paths: dict[tuple[int, int], np.ndarray] = field(
        default_factory=dict, compare=False, repr=False
    )

    def evaluate(self, jobs, finished, failed, *, is_finished, stepped):  # type: ignore[no-untyped-def]
        """See :class:`~shapfair.valuation.protocol.Valuation`."""
        for job in jobs:
            if not is_finished(job):
                start = time.perf_counter()
                value = self.value(self.path(job))
                finished(job, value, time.perf_counter() - start)
                stepped(job.steps)
        return {}

    def value(self, path: np.ndarray) -> float:
        """The value of a coalition with this path."""
        return float(path[self.training.epochs - 1, 0])

    def path(self, job):  # type: ignore[no-untyped-def]
        """Accuracy after every epoch on all test examples and on each half of them, ``(10, 3)``."""
        if (job.seed, job.coalition) not in self.paths:
            data, tests = on_device(self.dataset, job.seed)
            longest = replace(self.training, epochs=EPOCHS)
            batches = job_batches(job, self.partition, longest, self.duplicates)
            lane = fresh_lane(self.learner, example_of(self.dataset), job.seed, job.coalition)
            scores = []
            for epoch in np.split(batches, EPOCHS):
                for done in range(0, len(epoch), BLOCK_STEPS):
                    (block,), (steps,) = padded([epoch[done : done + BLOCK_STEPS]], BLOCK_STEPS)
                    lane, bad = advance_one(self.learner, lane, block, steps, data)
                    if bad < BLOCK_STEPS:
                        raise TrainingDiverged.at(int(bad), job, self.parties, self.training)
                scores.append([score(self.learner, lane.variables, test) for test in tests])
            self.paths[job.seed, job.coalition] = np.array(scores)
        return self.paths[job.seed, job.coalition]


class StoppedEarly(OnTheWay):
    """The epoch that is best on one half of the test examples, valued on the other half."""

    def description(self) -> dict[str, Any]:
        """As of any experiment, and how the number of epochs is chosen."""
        rule = "epoch of best accuracy on the seed's half of the test examples, valued on the other"
        return {**super().description(), "stopped": rule}

    def value(self, path: np.ndarray) -> float:
        """The value of a coalition with this path."""
        return float(path[np.argmax(path[:, 1]), 2])


@lru_cache(maxsize=1)
def on_device(data: Dataset, seed: int) -> tuple[Any, list[Chunks]]:
    """Training data; test examples, all and each half of them."""
    parts = (data, *halves(data, seed))
    return jax.device_put(training_data(data)), [Chunks.of(part) for part in parts]


def on_the_way(base: Callable[..., Experiment]) -> list[Experiment]:
    """The experiment after 10, 9, ..., 1 epochs, and stopped early."""
    known = base("full")
    parts = {part.name: getattr(known, part.name) for part in fields(known)}
    longest = OnTheWay(**parts | {"training": replace(known.training, epochs=EPOCHS)})
    ways = [
        replace(longest, training=replace(known.training, epochs=epochs))
        for epochs in range(EPOCHS, 0, -1)
    ]
    parts = {part.name: getattr(longest, part.name) for part in fields(longest)}
    return [*ways, StoppedEarly(**parts | {"name": f"{known.name}-stopped-early"})]


# --- records -------------------------------------------------------------------------------------


def record_of(experiment: Experiment) -> str:
    """Name of the file of an experiment."""
    epochs = type(experiment) is OnTheWay
    return f"{experiment.name}-epochs-{experiment.training.epochs}" if epochs else experiment.name


def alone(make: Callable[[], Experiment]) -> Callable[[], list[Experiment]]:
    """As a list of one."""
    return lambda: [make()]


MANIPULATED = ("[1-2]", "[6-9]")
"""A party with a negative payoff, whose data another one has, too, and one with a positive."""

VARIATIONS: dict[str, tuple[int, Callable[[], list[Experiment]]]] = {
    "imdb-fixed-order": (10, alone(fixed_order)),
    "imdb-carried-shuffled": (10, alone(partial(carried, "imdb-carried-shuffled", shuffled=True))),
    "imdb-carried-backwards": (
        10,
        alone(partial(carried, "imdb-carried-backwards", backwards=True)),
    ),
    "imdb-one-deal": (10, alone(one_deal)),
    "mnist-epochs": (3, partial(on_the_way, mnist)),
    "imdb-epochs": (3, partial(on_the_way, imdb)),
}
"""Name -> number of seeds, and what makes the experiments."""

for _party in MANIPULATED:
    for _how, _make in {
        "withheld": withheld,
        "flipped": partial(with_changed, change=flipped),
        "noisy": partial(with_changed, change=noisy),
        "split": split,
    }.items():
        _name = f"mnist-{_how}-{_party.strip('[]')}"
        VARIATIONS[_name] = (5, alone(partial(_make, _party, _name)))


def main() -> None:
    """Train what is missing and write the records."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[*VARIATIONS, []], metavar="NAME")
    parser.add_argument("--seeds", metavar="K", type=int, help="seeds 0 to K-1")
    parser.add_argument("--store", type=Path, default=ROOT / "_build" / "variations.sqlite")
    parser.add_argument("--folder", type=Path, default=ROOT / "results")
    arguments = parser.parse_args()
    arguments.store.parent.mkdir(exist_ok=True)
    for name in arguments.names or VARIATIONS:
        seeds, make = VARIATIONS[name]
        experiments = make()
        for seed in range(arguments.seeds or seeds):  # numbers of epochs share what is trained
            for experiment in experiments:
                experiment.run([seed], store=arguments.store)
            print(f"{name}: seed {seed}", flush=True)
        for experiment in experiments:
            found = experiment.run(range(arguments.seeds or seeds), store=arguments.store)
            found.game.to_json(arguments.folder / f"{record_of(experiment)}.json")


if __name__ == "__main__":
    main()
