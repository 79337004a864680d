"""IMDB accuracies with the cheap dropout stream and with threefry, JAX's own.

Usage: python benchmarks/dropout.py [--seeds K]

Trains every party's own model (App. J.3) under every seed with both streams, which start from the
same weights and see the same batches, and prints the means over parties and the interval of their
difference over the seeds.
"""

import argparse
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float64, PRNGKeyArray
from scipy.stats import t

from shapfair.paper.experiments import imdb
from shapfair.paper.networks import WordAverage
from shapfair.training.experiment import Experiment
from shapfair.valuation.run import run


class ThreefryWordAverage(WordAverage):
    """The same network with JAX's own random numbers."""

    def _dropout(self, x: Array, key: PRNGKeyArray | None) -> Array:
        if key is None:
            return x
        kept = jax.random.bernoulli(key, 1 - self.rate, x.shape)
        return jnp.where(kept, x / (1 - self.rate), 0.0)


def accuracies(
    experiment: Experiment, network: WordAverage, seeds: int
) -> Float64[np.ndarray, "seeds parties"]:
    """Test accuracy of every party's own model."""
    own = [1 << i for i in range(len(experiment.parties))]
    variant = replace(experiment, network=network)
    return run(variant, range(seeds), coalitions=own).values[:, own]


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", metavar="K", type=int, default=10)
    seeds = parser.parse_args().seeds
    experiment = imdb()
    cheap = accuracies(experiment, WordAverage(), seeds).mean(1)
    threefry = accuracies(experiment, ThreefryWordAverage(), seeds).mean(1)
    for name, values in (("cheap stream", cheap), ("threefry", threefry)):
        print(f"{name}: {values.mean():.5f}, standard deviation of a seed {values.std(ddof=1):.5f}")
    gap = cheap - threefry
    half = t.ppf(0.975, seeds - 1) * gap.std(ddof=1) / np.sqrt(seeds)
    print(
        f"difference of the means over {seeds} seeds: {gap.mean():+.5f}, 95 % interval "
        f"{gap.mean() - half:+.5f} to {gap.mean() + half:+.5f}"
    )


if __name__ == "__main__":
    main()
