"""Keras as an oracle: do coalitions trained by ``keras.fit`` reach the accuracies on record?

Usage: python benchmarks/accuracy.py [--seeds K] [--out FILE]

Five coalitions of MNIST and three of IMDB, as printed, are fitted anew under seeds 0 to K-1, each
to the examples that it has under that seed in the recorded experiment. Initial weights, batches and
dropout are Keras's own. A job that FILE holds is not done again.

The comparison was fixed before the first run. For each of the eight coalitions, Welch's interval of
"mean of Keras minus mean of the record", at a confidence of 1 - 0.05/8, so that all eight hold
together with 95 % at least (Bonferroni). Two questions, answered apart:

- *Is a difference seen?* An interval that does not contain 0 shows one.
- *Could a large one hide?* No if every interval lies within plus and minus MARGIN, one point of
  accuracy.

Both "none seen" and "none can hide" is what we call agreement within noise.

On IMDB the first run did not give it: accuracies of Keras 3.15 spread three to six times as far.
The reason is in keras_values.py; with the gradients of word vectors added up before they are
squared, the IMDB coalitions are fitted a second time, compared in the same way.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from training import HERE, peers_python

from shapfair import Game
from shapfair.paper.experiments import EXPERIMENTS
from shapfair.training.experiment import Experiment
from shapfair.valuation.provenance import commit, processor

RUNS = {
    "mnist": ("mnist", (2, 4, 17, 24, 31), False),
    "imdb": ("imdb", (1, 3, 31), False),
    "imdb-summed": ("imdb", (1, 3, 31), True),
}
"""Experiment, coalitions, and whether sparse gradients are added up before Adam sees them.

Coalitions are bitmasks; MNIST: [1-2], [0-3], [0] with [6-9], [3-5] with [6-9], all. IMDB: 1, 1
with 2, all.
"""

LEVEL, MARGIN = 0.95, 0.01


def fitted(
    experiment: Experiment, jobs: list[tuple[int, int]], summed: bool
) -> Iterator[dict[str, Any]]:
    """What Keras finds for jobs, pairs of coalition and seed, one after the other."""
    data, training = experiment.dataset, experiment.training
    rows = {
        f"rows_{coalition}_{seed}": experiment.partition.of_seed(seed).coalition_indices(coalition)
        for coalition, seed in jobs
    }
    with tempfile.TemporaryDirectory() as folder:
        stored = Path(folder, "data.npz")
        np.savez(
            stored,
            experiment=experiment.name,
            summed=summed,
            epochs=training.epochs,
            batch_size=training.batch_size,
            train_inputs=data.train_inputs,
            train_labels=data.train_labels.astype(np.int64),
            test_inputs=data.test_inputs,
            test_labels=data.test_labels.astype(np.int64),
            jobs=np.array(jobs),
            **rows,
        )
        command = [peers_python(), HERE / "keras_values.py", stored]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                yield json.loads(line)
        if process.returncode:
            raise RuntimeError(f"Keras failed on {experiment.name}")


@cache
def peers_versions() -> dict[str, str]:
    """Versions of Python and the packages that fit the models."""
    program = (
        "import json, platform, importlib.metadata as m; print(json.dumps("
        "{'python': platform.python_version()}"
        " | {p: m.version(p) for p in ('keras', 'tensorflow-cpu', 'numpy')}))"
    )
    found: dict[str, str] = json.loads(subprocess.check_output([peers_python(), "-c", program]))
    return found


def main() -> int:
    """Fit what is not on file, and write it after every model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10, metavar="K")
    parser.add_argument("--out", type=Path, default=HERE / "keras.json")
    arguments = parser.parse_args()
    out: Path = arguments.out
    record = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {"experiments": {}}
    for run, (name, coalitions, summed) in RUNS.items():
        experiment = EXPERIMENTS[name]("full")
        origin = Game.read(HERE.parent / "results" / f"{name}.json").provenance
        assert origin is not None
        described = {key: origin[key] for key in ("digest", "data", "table")}
        if origin["data"] != experiment.dataset.digest:
            raise ValueError(f"{name}: other data than on record")
        found = record["experiments"].setdefault(run, {"record": described, "accuracies": {}})
        values = found["accuracies"]
        jobs = [
            (coalition, seed)
            for seed in range(arguments.seeds)
            for coalition in coalitions
            if str(seed) not in values.get(str(coalition), {})
        ]
        for model in fitted(experiment, jobs, summed) if jobs else ():
            of_coalition = values.setdefault(str(model["coalition"]), {})
            of_coalition[str(model["seed"])] = round(model["accuracy"], 6)
            record |= {"level": LEVEL, "margin": MARGIN}
            record["provenance"] = {
                "versions": peers_versions(),
                "processor": processor(),
                "commit": commit(),
                "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            }
            out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
            print(run, model, file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
