"""Models that nobody has trained, of small experiments."""

from functools import cache

import jax
import numpy as np

from shapfair import Experiment
from shapfair.datasets import Dataset, Partition
from shapfair.datasets.inputs import Images, Texts
from shapfair.made_to_order.targets import Price, RewardModel, Target
from shapfair.paper.networks import MLP, WordAverage
from shapfair.training.plan import Training
from shapfair.training.step import example_of

PIXELS = np.random.default_rng(0).integers(0, 256, (60, 6), np.uint8)
LABELS = PIXELS[:, 0] % 3
PARTIES = {"a": range(30), "b": range(60)}


def experiment_of(network, **options):
    parts = {"train": (PIXELS, LABELS), "test": (PIXELS, LABELS), "network": network}
    return Experiment.of_arrays("small", parties=PARTIES, batch_size=10, **{**parts, **options})


@cache
def paper():
    return experiment_of(MLP((4,), 3))


def with_use(network, rows, numbers, **use):
    """An experiment that says how raw inputs are read, as those of the paper do."""
    arrays = (rows, numbers, rows, numbers)
    classes = len(use["labels"])
    dataset = Dataset("small", *arrays, classes=classes, source="made", size="full")
    parts = (Partition.of(PARTIES, 60), network, Training(10, 1))
    return Experiment("small", dataset, *parts, **use)


@cache
def pictures():
    use = {"inputs": Images((2, 3)), "labels": ("cat", "dog", "fox")}
    return with_use(MLP((4,), 3), PIXELS, LABELS.astype(np.uint8), **use)


@cache
def reviews():
    ids = np.random.default_rng(0).integers(0, 5, (60, 4), np.uint16)
    use = {"inputs": Texts(("good", "film", "bad"), 4), "labels": ("negative", "positive")}
    return with_use(WordAverage(5, 3, 2), ids, (LABELS % 2).astype(np.uint8), **use)


def model_of(party, experiment=None, seed=0):
    """A model with the weights with which training starts."""
    experiment = experiment or paper()
    variables = experiment.learner.init(seed, example_of(experiment.dataset))
    price = Price(0.25, 0.5, 2.0, "0f" * 32)
    return RewardModel(
        target=Target(party, 0.5, 0.25, 0.75, 0.26, price),
        seed=3,
        start=(0.25, 0.26),
        alone=0.255,
        validation=0.5,
        test=0.51,
        step=7.5,
        reached=True,
        curve=((0, 0.25), (8, 0.625)),
        parameters=jax.device_get(variables),
    )
