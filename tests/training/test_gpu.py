"""Training on a graphics card, where there is one."""

import jax
import numpy as np
import pytest

from shapfair.datasets import MNIST_PARTIES, Partition, load
from shapfair.paper.networks import MLP
from shapfair.training.engine import Engine
from shapfair.training.learner import Learner, adam
from shapfair.training.plan import Training, plan_jobs

pytestmark = pytest.mark.gpu


@pytest.fixture(scope="module")
def gpu():
    try:
        return jax.devices("gpu")[0]
    except RuntimeError:
        pytest.skip("no graphics card")


@pytest.mark.parametrize("lanes", [1, 7, 64])
def test_a_graphics_card_trains_the_models_that_a_processor_does(gpu, lanes):
    dataset, training = load("mnist", "embedded"), Training(epochs=3)
    partition = Partition.by_label(dataset.train_labels, MNIST_PARTIES)
    jobs = plan_jobs(partition, range(1, 32), [0, 1], training)
    learner = Learner(MLP(), adam(1e-3))

    def values(device, lanes):
        found = {}
        engine = Engine(learner, dataset, partition, training, lanes=lanes, devices=(device,))
        engine.run(jobs, lambda job, model: found.update({job: model.score}))
        return np.array([found[job] for job in jobs])

    apart = values(gpu, lanes) - values(jax.devices("cpu")[0], 1)
    # Rounding alone differs; 62 models, 1,000 test images.
    assert np.abs(apart).max() <= 0.02
    assert abs(apart.mean()) <= 0.002
