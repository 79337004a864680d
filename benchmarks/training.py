"""Training: whole experiments, use of the lanes, and model-steps beside their peers."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from shapfair.datasets import Dataset, load

Row = dict[str, str | bool]

HERE = Path(__file__).parent
PEERS = HERE.parent / "_build" / "bench"
"""Environment of the peers, made from requirements.txt on first use."""

WARM_RUN = """
import sys
from shapfair.paper.experiments import EXPERIMENTS
experiment = EXPERIMENTS[sys.argv[1]]()
experiment.run([0])  # compiles, as the peers' warm-up does
run = experiment.run([1])
print(run.seconds / run.work["job_steps"] * 1e3)
"""

CIFAR10_PASS = """
import time
from dataclasses import replace
from shapfair.paper.experiments import cifar10
from shapfair.valuation.run import run
e = cifar10()
# Ten test images: of all images of the experiment one in fifty is scored, here it would be more.
few = {part: getattr(e.dataset, part)[:10] for part in ("test_inputs", "test_labels")}
training = replace(e.training, epochs=2)
short = replace(e, dataset=replace(e.dataset, **few), training=training)
own = [1, 2, 4, 8]  # every party's own model
run(short, coalitions=own)  # compiles, as the peers' warm-up does
start = time.perf_counter()
run(short, coalitions=own)
print(training.epochs * len(e.dataset.train_labels) / (time.perf_counter() - start))
"""

CIFAR10_IMAGES = 8 * 50_000 * 20
"""Images that the CIFAR-10 experiment passes: each is in 8 of the 15 coalitions, 20 epochs long."""


def rows(repeats: int = 3, full: bool = False) -> Iterator[Row]:
    """Measure everything; each row says what, the median, the target and whether it is met.

    Args:
        repeats: how often whole experiments are run, other than CIFAR-10.
        full: run the CIFAR-10 experiment, half an hour, rather than extrapolate.
    """
    yield from mnist_rows(repeats)
    yield from cifar10_rows(full)
    yield from imdb_rows(repeats)


def mnist_rows(repeats: int) -> Iterator[Row]:
    runs = [_whole_process("mnist") for _ in range(repeats)]
    wall = statistics.median(run["wall"] for run in runs)
    memory = max(run["memory"] for run in runs)
    share = runs[0]["job_steps"] / runs[0]["lane_steps"]
    step = _number(WARM_RUN, "mnist")
    yield _row(
        "full MNIST, 31 models, one seed, whole process", f"{wall:.1f} s", "<= 25 s", wall <= 25
    )
    yield _row("peak memory of that process", f"{memory:.2f} GB", "< 1.5 GB", memory < 1.5)
    yield _row("lane steps that are real", f"{share:.1%}", ">= 95 %", share >= 0.95)
    yield _row("a model-step, all cores", f"{step:.3f} ms", "", True)
    dataset = load("mnist")
    for peer, name, factor in (
        ("mnist-keras-eager", "eager GradientTape loop in Keras", 100),
        ("mnist-keras-fit", "keras.fit", 10),
        ("mnist-torch", "plain PyTorch loop", 6),
    ):
        ms = _peer(peer, dataset)
        yield _ratio(f"faster than {name} ({ms:.2f} ms)", ms / step, factor)


def cifar10_rows(full: bool) -> Iterator[Row]:
    rate = _number(CIFAR10_PASS)
    yield _row(
        "CIFAR-10 network, training images a second, all lanes",
        f"{rate:,.0f}",
        ">= 4,800",
        rate >= 4800,
    )
    dataset = load("cifar10")
    for peer, name, factor in (
        ("cifar10-keras-fit", "keras.fit", 1.25),
        ("cifar10-torch", "plain PyTorch loop, channels last", 1.5),
    ):
        theirs = 512 / _peer(peer, dataset) * 1e3
        yield _ratio(f"faster than {name} ({theirs:,.0f} images a second)", rate / theirs, factor)
    if full:
        minutes, how = _whole_process("cifar10")["wall"] / 60, "whole process"
    else:
        minutes, how = CIFAR10_IMAGES / rate / 60, "EXTRAPOLATED from images a second"
    yield _row(
        f"full CIFAR-10, 15 models, one seed, {how}",
        f"{minutes:.1f} min",
        "<= 30 min",
        minutes <= 30,
    )


def imdb_rows(repeats: int) -> Iterator[Row]:
    from shapfair.paper.experiments import imdb

    step = _number(WARM_RUN, "imdb")
    yield _row(
        "IMDB, a model-step, all cores, with scoring", f"{step:.3f} ms", "<= 0.40 ms", step <= 0.4
    )
    ms = _peer("imdb-keras-fit", imdb().dataset)
    yield _ratio(f"faster than keras.fit ({ms:.2f} ms)", ms / step, 15)
    wall = statistics.median(_whole_process("imdb")["wall"] for _ in range(repeats))
    yield _row(
        "full IMDB, 31 models, one seed, whole process", f"{wall:.1f} s", "<= 60 s", wall <= 60
    )


def _row(what: str, result: str, target: str, met: bool) -> Row:
    return {"what": what, "result": result, "target": target, "met": met}


def _ratio(what: str, ratio: float, factor: float) -> Row:
    return _row(what, f"{ratio:.2f} x", f">= {factor} x", ratio >= factor)


def _number(code: str, *arguments: str) -> float:
    """The number that a process of its own prints."""
    return float(subprocess.check_output([sys.executable, "-c", code, *arguments], text=True))


def _whole_process(name: str) -> dict[str, Any]:
    """One seed from process start to the last score, with an empty store."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "out.json")
        command = [sys.executable, "-m", "shapfair.cli", "reproduce", name]
        command += ["--store", str(Path(folder, "store.sqlite")), "--out", str(out)]
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        if status:
            raise RuntimeError(f"shapfair reproduce {name} failed")
        provenance = json.loads(out.read_text())["provenance"]
    kilobyte = 1 if sys.platform == "darwin" else 1024
    return {
        "wall": wall,
        "memory": usage.ru_maxrss * kilobyte / 1e9,
        "job_steps": provenance["job_steps"],
        "lane_steps": provenance["lane_steps"],
    }


def peers_python() -> Path:
    """Interpreter of the peers' own environment, which is made on first use."""
    if given := os.environ.get("PEERS_PYTHON"):
        return Path(given)
    python = PEERS / "bin" / "python"
    if not python.exists():
        print(f"installing the peers in {PEERS} (once)", file=sys.stderr)
        venv.create(PEERS, with_pip=True)
        install = "-m pip install --quiet --require-hashes --no-deps -r".split()
        subprocess.run([python, *install, HERE / "requirements.txt"], check=True)
    return python


def _peer(name: str, dataset: Dataset) -> float:
    """Milliseconds per model-step of a peer."""
    python = peers_python()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "data.npz")
        np.savez(data, inputs=dataset.train_inputs, labels=dataset.train_labels)
        output = subprocess.check_output(
            [python, HERE / "peers.py", name, data], text=True, stderr=subprocess.DEVNULL
        )
    return json.loads(output.splitlines()[-1])["ms"]
