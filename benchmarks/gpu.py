"""The MNIST network in 1 to 256 lanes of one device, beside one model at a time on it.

Usage: python benchmarks/gpu.py [--lanes 1,4,16,64,256] [--data synthetic|embedded]
           [--epochs K] [--repeats K] [--out FILE]

One model at a time means: all its steps in one compiled loop, its score, the next model. Both ways
take the same steps on the same batches. Times are medians, after a first run that compiles, and
have everything in them: drawing and sending batches, scoring, handing over. The last column is what
a step takes where batches are there and nothing is scored. Runs on a CPU too.
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from shapfair.datasets import MNIST_PARTIES, Dataset, Partition, load
from shapfair.paper.networks import MLP
from shapfair.training.blocks import Pace, advance, advance_one, padded, repeat
from shapfair.training.engine import Engine
from shapfair.training.learner import Learner, adam
from shapfair.training.plan import Job, Training, job_batches, plan_jobs
from shapfair.training.step import Chunks, example_of, fresh_lane, score, training_data

LEARNER = Learner(MLP(), adam(1e-3))
COALITIONS = range(1, 2 ** len(MNIST_PARTIES))


def synthetic(train: int = 60_000, test: int = 10_000) -> Dataset:
    """Random images of the size of MNIST: the time of a step does not depend on what they show."""
    rng = np.random.default_rng(0)

    def draw(count: int) -> tuple[np.ndarray, np.ndarray]:
        images = rng.integers(0, 256, (count, 784)).astype(np.uint8)
        return images, (np.arange(count) % 10).astype(np.uint8)

    return Dataset("synthetic", *draw(train), *draw(test), 10, source="made", size="full")


def one_at_a_time(
    dataset: Dataset, partition: Partition, training: Training, jobs: list[Job]
) -> Callable[[], None]:
    """What trains the jobs one after the other on the first device."""
    data, test = jax.device_put(training_data(dataset)), Chunks.of(dataset)
    example, longest = example_of(dataset), max(job.steps for job in jobs)

    def run() -> None:
        for job in jobs:
            (batches,), _ = padded([job_batches(job, partition, training)], longest)
            lane = fresh_lane(LEARNER, example, job.seed, job.coalition)
            lane, _ = advance_one(LEARNER, lane, batches, job.steps, data)
            score(LEARNER, lane.variables, test)

    return run


def milliseconds(run: Callable[[], None], steps: int, repeats: int) -> float:
    """Median milliseconds per model-step, after one run that compiles."""
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times) / steps * 1e3


def milliseconds_of_steps(dataset: Dataset, training: Training, lanes: int, repeats: int) -> float:
    """Median milliseconds per model-step of blocks of steps alone."""
    data, pace = jax.device_put(training_data(dataset)), Pace(training.batch_size)
    shape = (lanes, pace.most, training.batch_size)
    batches = np.random.default_rng(0).integers(0, len(data[1]), shape).astype(np.int32)
    lengths = np.full(lanes, pace.most, np.int32)
    state = [repeat(fresh_lane(LEARNER, example_of(dataset), 0, 0), lanes)]

    def run() -> None:
        state[0], first_bad = advance(LEARNER, state[0], batches, lengths, data)
        np.asarray(first_bad)

    return milliseconds(run, lanes * pace.most, repeats)


def measure(
    dataset: Dataset, training: Training, widths: list[int], repeats: int
) -> list[dict[str, Any]]:
    """A row for one model at a time, which has 0 lanes, and one for each number of lanes."""
    partition = Partition.by_label(dataset.train_labels, MNIST_PARTIES)
    device = (jax.local_devices()[0],)
    jobs = plan_jobs(partition, COALITIONS, [0], training)
    alone = one_at_a_time(dataset, partition, training, jobs)
    steps = sum(job.steps for job in jobs)
    base = milliseconds(alone, steps, repeats)
    rows: list[dict[str, Any]] = []

    def add(lanes: int, models: int, ms: float, share: float) -> None:
        steps_alone = milliseconds_of_steps(dataset, training, max(1, lanes), repeats)
        row = {"lanes": lanes, "models": models, "ms": ms, "ratio": base / ms, "share": share}
        rows.append({**row, "steps_alone": steps_alone})
        name = lanes or "one loop"
        print(f"{name:>8} {models:7} {ms:16.4f} {base / ms:14.2f} {share:6.1%} {steps_alone:12.4f}")

    print(
        f"{'lanes':>8} {'models':>7} {'ms a model-step':>16} {'times as fast':>14} {'real':>6} "
        f"{'steps alone':>12}"
    )
    add(0, len(jobs), base, 1.0)
    for lanes in widths:
        seeds = range(max(1, -(-4 * lanes // len(COALITIONS))))  # four jobs or more for every lane
        jobs = plan_jobs(partition, COALITIONS, seeds, training)
        engine = Engine(LEARNER, dataset, partition, training, lanes=lanes, devices=device)
        usage = []
        ms = milliseconds(
            lambda e=engine, j=jobs, u=usage: u.append(e.run(j, lambda job, model: None)),
            sum(job.steps for job in jobs),
            repeats,
        )
        add(lanes, len(jobs), ms, usage[0].share)
    return rows


def main() -> None:
    """Measure, print, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lanes", metavar="LIST", default="1,2,4,8,16,32,64,128,256")
    parser.add_argument("--data", choices=["synthetic", "embedded"], default="synthetic")
    parser.add_argument("--epochs", metavar="K", type=int, default=5)
    parser.add_argument("--repeats", metavar="K", type=int, default=3)
    parser.add_argument("--out", metavar="FILE", type=Path)
    a = parser.parse_args()
    dataset = load("mnist", "embedded") if a.data == "embedded" else synthetic()
    device = jax.local_devices()[0]
    print(f"{device.platform}: {device.device_kind}, jax {jax.__version__}, {a.data} data")
    rows = measure(dataset, Training(epochs=a.epochs), [*map(int, a.lanes.split(","))], a.repeats)
    if a.out:
        about = {
            "device": f"{device.platform}: {device.device_kind} ({platform.machine()})",
            "jax": jax.__version__,
            "data": a.data,
            "epochs": a.epochs,
            "repeats": a.repeats,
        }
        a.out.write_text(json.dumps({**about, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
