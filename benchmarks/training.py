"""Full MNIST: wall time, memory, use of the lanes, and a model-step beside its peers."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

import numpy as np

from shapfair.datasets import load

HERE = Path(__file__).parent
PEERS = HERE.parent / "_build" / "bench"
"""Environment of the peers, made from requirements.txt on first use."""

WARM_RUN = """
from shapfair.experiments import mnist
experiment = mnist()
experiment.run([0])  # compiles, as the peers' warm-up does
run = experiment.run([1])
print(run.seconds / run.usage.job_steps * 1e3)
"""


def rows(repeats: int = 3) -> list[dict[str, str | bool]]:
    """Measure everything; each row says what, the median, the target and whether it is met."""
    runs = [_whole_process() for _ in range(repeats)]
    wall = statistics.median(run["wall"] for run in runs)
    memory = max(run["memory"] for run in runs)
    share = runs[0]["job_steps"] / runs[0]["lane_steps"]
    step = float(subprocess.check_output([sys.executable, "-c", WARM_RUN], text=True))
    table = [
        _row(
            "full MNIST, 31 models, one seed, whole process", f"{wall:.1f} s", "<= 25 s", wall <= 25
        ),
        _row("peak memory of that process", f"{memory:.2f} GB", "< 1.5 GB", memory < 1.5),
        _row("lane steps that are real", f"{share:.1%}", ">= 95 %", share >= 0.95),
        _row("a model-step, all cores", f"{step:.3f} ms", "", True),
    ]
    for peer, name, factor in (
        ("keras-eager", "eager GradientTape loop in Keras", 100),
        ("keras-fit", "keras.fit", 10),
        ("torch", "plain PyTorch loop", 6),
    ):
        ms = _peer(peer)
        ratio = ms / step
        table.append(
            _row(
                f"faster than {name} ({ms:.2f} ms)",
                f"{ratio:.1f} x",
                f">= {factor} x",
                ratio >= factor,
            )
        )
    return table


def _row(what: str, result: str, target: str, met: bool) -> dict[str, str | bool]:
    return {"what": what, "result": result, "target": target, "met": met}


def _whole_process() -> dict[str, float]:
    """One seed from process start to the last score, with an empty store."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "out.json")
        command = [sys.executable, "-m", "shapfair.cli", "reproduce", "mnist"]
        command += ["--store", str(Path(folder, "store.sqlite")), "--out", str(out)]
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        if status:
            raise RuntimeError("shapfair reproduce mnist failed")
        provenance = json.loads(out.read_text())["provenance"]
    kilobyte = 1 if sys.platform == "darwin" else 1024
    return {
        "wall": wall,
        "memory": usage.ru_maxrss * kilobyte / 1e9,
        "job_steps": provenance["job_steps"],
        "lane_steps": provenance["lane_steps"],
    }


def _peer(name: str) -> float:
    """Milliseconds per model-step of a peer, in the peers' own environment."""
    python = PEERS / "bin" / "python"
    if not python.exists():
        print(f"installing the peers in {PEERS} (once)", file=sys.stderr)
        venv.create(PEERS, with_pip=True)
        install = ["-m", "pip", "install", "--quiet", "-r", HERE / "requirements.txt"]
        subprocess.run([python, *install], check=True)
    dataset = load("mnist")
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder, "images.npz")
        np.savez(images, images=dataset.train_inputs, labels=dataset.train_labels)
        output = subprocess.check_output(
            [python, HERE / "peers.py", name, images], text=True, stderr=subprocess.DEVNULL
        )
    return json.loads(output.splitlines()[-1])["ms"]
