"""Make the models of a recorded experiment to order, with zero budgets, and record how it went.

Usage: python tools/record_models.py NAME [--seeds K] [--values FILE] [--folder PATH] [--out FILE]

The targets are those of the mean of the recorded tables, repaired by the monotone hull, the same
under every seed. Models stay in the folder, so that a run which was stopped goes on where it was;
the seconds of the record are those of all runs on the folder.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from shapfair import Game, allocate
from shapfair.made_to_order.delivery import deliver
from shapfair.made_to_order.ordering import targets_of
from shapfair.made_to_order.targets import RewardModel
from shapfair.paper.experiments import EXPERIMENTS
from shapfair.valuation.evaluation import provenance

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def timed(file: Path) -> Iterator[None]:
    """Add the time that this takes to the times of the file, also if it is stopped."""
    start = time.perf_counter()
    try:
        yield
    finally:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as times:
            times.write(f"{time.perf_counter() - start:.1f}\n")


def row(model: RewardModel) -> dict[str, Any]:
    """What is recorded of a model: everything but its parameters."""
    target = model.target
    return {
        "seed": model.seed,
        "party": target.party,
        "own": target.own,
        "target": target.accuracy,
        "best": target.best,
        "start_validation": model.start[0],
        "start_test": model.start[1],
        "validation": model.validation,
        "test": model.test,
        "step": model.step,
        "outcome": model.outcome,
        "curve": model.curve,
    }


def main() -> int:
    """Make the models of every seed and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=EXPERIMENTS)
    parser.add_argument("--seeds", metavar="K", type=int, help="fewer seeds than recorded")
    parser.add_argument("--values", type=Path, help="value table (default: the record)")
    parser.add_argument("--folder", type=Path, default=ROOT / "_build" / "models")
    parser.add_argument("--out", type=Path, help="default: results/models-NAME.json")
    arguments = parser.parse_args()
    name = arguments.name
    game = Game.read(arguments.values or ROOT / "results" / f"{name}.json")
    if game.provenance is None:
        raise ValueError(f"{name}: the value table has no provenance")
    experiment = EXPERIMENTS[name](game.provenance["data_size"])
    seeds = game.provenance["seeds"][: arguments.seeds]
    allocation = allocate(game.averaged(), 0, repair="hull")
    models: list[RewardModel] = []
    found, seconds = 0, 0.0
    for seed in seeds:
        folder = arguments.folder / name / f"seed-{seed}"
        found += len(list(folder.glob("*.json")))
        with timed(folder / "seconds"):
            models += deliver(
                experiment,
                targets_of(allocation, game, experiment, seed),
                seed,
                folder,
                finished=lambda m: print(
                    f"seed {m.seed}, {m.target.party}: target {m.target.accuracy:.4f}, validation "
                    f"{m.validation:.4f}, test {m.test:.4f}, step {m.step:g}, {m.outcome}",
                    flush=True,
                ),
            )
        seconds += sum(map(float, (folder / "seconds").read_text().split()))
    work = {"job_steps": sum(int(np.ceil(model.step)) for model in models)}
    origin = provenance(
        experiment.description(),
        experiment.provenance(),
        seeds,
        seconds,
        {**work, "models_resumed": found},
    )
    lines = ",\n".join(json.dumps(row(model), ensure_ascii=False) for model in models)
    out = arguments.out or ROOT / "results" / f"models-{name}.json"
    header = json.dumps(origin, ensure_ascii=False)
    out.write_text(f'{{"provenance": {header},\n"models": [\n{lines}\n]}}\n', encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
