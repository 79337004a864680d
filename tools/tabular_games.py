"""Value every coalition of two consortia with tabular data, and record the tables.

Usage: python tools/tabular_games.py [NAME ...]

Ten parties each, three seeds, on data that come with scikit-learn. They are a test for estimates
from few coalitions: kernel and defaults of `shapfair.estimation` were fixed before. Finished values
are kept in _build/tabular.sqlite; a run that was stopped goes on where it was.
"""

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_diabetes, load_digits
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.model_selection import train_test_split

from shapfair import evaluate

ROOT = Path(__file__).parent.parent
PARTIES = tuple(f"P{i}" for i in range(1, 11))
MISLABELLED = ("P1", "P2")
SEEDS = (0, 1, 2)


class Records(NamedTuple):
    """Training records with their owners (as positions of :data:`PARTIES`), and test records."""

    inputs: np.ndarray
    labels: np.ndarray
    owners: np.ndarray
    test_inputs: np.ndarray
    test_labels: np.ndarray

    def of(self, members: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and labels of the members' records."""
        rows = np.isin(self.owners, [PARTIES.index(name) for name in members])
        return self.inputs[rows], self.labels[rows]


@cache
def patients() -> Records:
    """Diabetes patients in ten unequal shares, from 1/55 to 10/55 of 265."""
    x, x_test, y, y_test = train_test_split(
        *load_diabetes(return_X_y=True), test_size=0.4, random_state=10
    )
    chances = np.arange(1, 11) / 55
    owners = np.random.default_rng(10).choice(10, len(y), p=chances)
    return Records(x, y, owners, x_test, y_test)


@cache
def digits() -> Records:
    """Handwritten digits in ten equal shares; half of the labels of P1 and P2 are drawn anew."""
    x, x_test, y, y_test = train_test_split(
        *load_digits(return_X_y=True), test_size=0.5, random_state=11
    )
    rng = np.random.default_rng(11)
    owners = rng.permutation(len(y)) % 10
    wrong = (owners < len(MISLABELLED)) & (rng.random(len(y)) < 0.5)
    return Records(x, np.where(wrong, rng.integers(0, 10, len(y)), y), owners, x_test, y_test)


def explained_variance(members: Sequence[str], seed: int) -> float:
    """R^2 of a forest on the members' patients; negative where guessing the mean is better."""
    records = patients()
    forest = RandomForestRegressor(50, min_samples_leaf=3, random_state=seed)
    forest.fit(*records.of(members))
    return float(forest.score(records.test_inputs, records.test_labels))


def accuracy(members: Sequence[str], seed: int) -> float:
    """Accuracy of a forest on the members' digits."""
    records = digits()
    forest = RandomForestClassifier(50, random_state=seed).fit(*records.of(members))
    return float(forest.score(records.test_inputs, records.test_labels))


GAMES: dict[str, Callable[[Sequence[str], int], float]] = {
    "tabular-diabetes": explained_variance,
    "tabular-digits": accuracy,
}


def main() -> None:
    """Value what is missing and write the records."""
    for name in sys.argv[1:] or GAMES:
        store = ROOT / "_build" / "tabular.sqlite"
        store.parent.mkdir(exist_ok=True)
        with ProcessPoolExecutor() as executor:
            found = evaluate(
                GAMES[name], PARTIES, name=name, seeds=SEEDS, store=store, executor=executor
            )
        found.game.to_json(ROOT / "results" / f"{name}.json")


if __name__ == "__main__":
    main()
