"""Retrain the recorded experiments and compare with the record, coalition by coalition.

Usage: python tools/compare_record.py [NAME ...] [--seeds K]

The values are kept in a store of their own, so that this run, too, can be stopped and goes on where
it was. ``make clean`` removes it, and the next comparison trains everything again.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from shapfair import Game
from shapfair.coalitions import coalition_name
from shapfair.datasets import DataError
from shapfair.paper.experiments import EXPERIMENTS
from shapfair.valuation.store import digest

ROOT = Path(__file__).resolve().parents[1]
STORE = ROOT / "_build" / "reproduce.sqlite"
STANDARD_ERRORS = 5.0
"""How far two means may lie apart: a chance of about one in a million, were the spread known."""
RESOLUTION = 0.001
"""Slack in accuracy for coalitions whose recorded values hardly vary."""


def tolerance(
    record: Float64[np.ndarray, "seeds coalitions"], seeds: int
) -> Float64[np.ndarray, " coalitions"]:
    """Largest honest distance between the recorded mean and that of a run with ``seeds`` seeds.

    The spread of three values says little: one in ten times it is less than a third of the true
    one. So a coalition's spread counts as no less than the root mean square over all coalitions,
    which rests on many values. Where a coalition shows a larger spread, its own one counts.
    """
    own = record[:, 1:].std(axis=0, ddof=1)
    spread = np.maximum(own, np.sqrt(np.mean(own**2)))
    allowed = RESOLUTION + STANDARD_ERRORS * spread * np.sqrt(1 / len(record) + 1 / seeds)
    return np.append(0.0, allowed)  # the empty coalition has no model


def compare(name: str, seeds: int | None = None) -> int:
    """Retrain an experiment, print the coalitions that disagree and return how many there are.

    Args:
        name: experiment.
        seeds: how many to train, by default as many as recorded.
    """
    file = ROOT / "results" / f"{name}.json"
    try:
        record = Game.read(file)
        experiment = EXPERIMENTS[name]("full")
    except (OSError, DataError) as error:
        print(f"{name}: there is nothing to compare with: {error}")
        return 1
    origin = record.provenance or {}
    if not record.is_as_recorded():
        print(f"{name}: {file.name} is not as it was recorded: values, parties or seeds changed")
        return 1
    description = json.loads(json.dumps(experiment.description()))  # as it is on record
    if origin.get("digest") != digest(description):
        changed = [key for key, value in description.items() if origin.get(key) != value]
        print(f"{name}: {file.name} is the record of other {' and '.join(changed) or 'settings'}")
        return 1
    seeds = seeds or record.seeds
    print(
        f"{name}: {record.values[0, 1:].size} coalitions, {seeds} seeds; the record took "
        f"{origin['seconds'] / record.seeds / 60:.1f} minutes a seed",
        flush=True,
    )
    values = experiment.run(range(seeds), store=STORE).values
    gap = np.abs(values.mean(axis=0) - record.values.mean(axis=0))
    allowed = tolerance(record.values, seeds)
    apart = ~(gap <= allowed)  # written so that nan is apart
    for coalition in np.flatnonzero(apart):
        members = coalition_name(int(coalition), record.parties)
        print(f"{name}: {members}: {gap[coalition]:.4f} apart, {allowed[coalition]:.4f} allowed")
    wrong = int(apart.sum())
    print(
        f"{name}: {len(gap) - 1 - wrong} of {len(gap) - 1} coalitions agree with the record "
        f"(largest distance of means {gap.max():.4f}, {allowed.max():.4f} allowed at most)",
        flush=True,
    )
    return wrong


def main() -> int:
    """Compare the records; 1 if a coalition disagrees."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", metavar="NAME", nargs="*", help="experiments (default: all)")
    parser.add_argument("--seeds", metavar="K", type=int, help="fewer seeds than recorded")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.names if name not in EXPERIMENTS]:
        parser.error(f"no experiment {unknown[0]!r}, choose from {', '.join(EXPERIMENTS)}")
    if arguments.seeds is not None and arguments.seeds < 1:
        parser.error(f"--seeds {arguments.seeds}: need at least 1")
    names = arguments.names or list(EXPERIMENTS)
    wrong = 0
    for k, name in enumerate(names, start=1):
        print(f"--- {k} of {len(names)}", flush=True)
        wrong += compare(name, arguments.seeds)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
