"""Retrain the recorded experiments and compare with the record, coalition by coalition.

Usage: python tools/compare_record.py [--seeds K]

The values are kept in a store of their own, so that this run, too, can be stopped and goes on where
it was. ``make clean`` removes it, and the next comparison trains everything again.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from shapfair import Game
from shapfair.coalitions import coalition_name
from shapfair.experiments import EXPERIMENTS

ROOT = Path(__file__).resolve().parents[1]
STORE = ROOT / "_build" / "reproduce.sqlite"
STANDARD_ERRORS = 5.0
"""How far two means may lie apart: a chance of about one in a million per coalition."""
RESOLUTION = 0.001
"""Slack in accuracy for coalitions whose recorded values hardly vary."""


def tolerance(
    record: Float64[np.ndarray, "seeds coalitions"], seeds: int
) -> Float64[np.ndarray, " coalitions"]:
    """Largest honest distance between the recorded mean and that of a run with ``seeds`` seeds."""
    spread = record.std(axis=0, ddof=1)
    return RESOLUTION + STANDARD_ERRORS * spread * np.sqrt(1 / len(record) + 1 / seeds)


def compare(name: str, record: Game, seeds: int) -> int:
    """Print the coalitions that disagree and return how many there are."""
    experiment = EXPERIMENTS[name]("full")
    if record.provenance is None or record.provenance["data"] != experiment.dataset.digest:
        print(f"{name}: the full data cannot be had here, there is nothing to compare with")
        return 1
    values = experiment.run(range(seeds), store=STORE).values
    gap = np.abs(values.mean(axis=0) - record.values.mean(axis=0))
    allowed = tolerance(record.values, seeds)
    for coalition in np.flatnonzero(gap > allowed):
        members = coalition_name(int(coalition), record.parties)
        print(f"{name}: {members}: {gap[coalition]:.4f} apart, {allowed[coalition]:.4f} allowed")
    wrong = int((gap > allowed).sum())
    print(
        f"{name}: {len(gap) - 1 - wrong} of {len(gap) - 1} coalitions agree with the record "
        f"({seeds} seeds, largest distance of means {gap.max():.4f})"
    )
    return wrong


def main() -> int:
    """Compare every record; 1 if a coalition disagrees."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", metavar="K", type=int, help="fewer seeds than recorded")
    arguments = parser.parse_args()
    wrong = 0
    for name in EXPERIMENTS:
        record = Game.read(ROOT / "results" / f"{name}.json")
        wrong += compare(name, record, arguments.seeds or record.seeds)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
