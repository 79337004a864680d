"""Complete value tables of ten parties, made from scikit-learn's data or recorded, for estimates.

The kernel and all defaults of `shapfair.estimation` were fixed before any of these was looked at.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import Ridge
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB

from shapfair import Game

N = 10
FOLDER = Path(__file__).parent.parent / "_build" / "estimation"

Score = Callable[[np.ndarray], float]
"""Value of a coalition, given which training records its parties have together."""


def _digits_split() -> tuple[np.ndarray, ...]:
    x, y = load_digits(return_X_y=True)
    return train_test_split(x, y, test_size=0.5, random_state=0, stratify=y)


def _table(owned: np.ndarray, score: Score) -> np.ndarray:
    """Values of all coalitions; ``owned[i]`` marks the records of party i."""
    values = np.zeros(2**N)
    for coalition in range(1, 2**N):
        members = [i for i in range(N) if coalition >> i & 1]
        values[coalition] = score(owned[members].any(axis=0))
    return values


def _digits(owned: np.ndarray) -> np.ndarray:
    """Accuracy of naive Bayes on handwritten digits."""
    x, x_test, y, y_test = _digits_split()

    def score(rows: np.ndarray) -> float:
        model = GaussianNB(var_smoothing=1e-2).fit(x[rows], y[rows])
        return float((model.predict(x_test) == y_test).mean())

    return _table(owned, score)


def digit_each() -> np.ndarray:
    """Every party has one digit: nearly additive."""
    _, _, y, _ = _digits_split()
    return _digits(np.array([y == digit for digit in range(N)]))


def digits_shared() -> np.ndarray:
    """Every party has one to four digits, which others have, too."""
    _, _, y, _ = _digits_split()
    rng = np.random.default_rng(0)
    kinds = [rng.permutation(10)[: rng.integers(1, 5)] for _ in range(N)]
    return _digits(np.array([np.isin(y, held) for held in kinds]))


def diabetes() -> np.ndarray:
    """R^2 of ridge regression; records are dealt in unequal shares."""
    x, x_test, y, y_test = train_test_split(
        *load_diabetes(return_X_y=True), test_size=0.4, random_state=0
    )
    rng = np.random.default_rng(1)
    owner = rng.choice(N, len(y), p=np.arange(1, N + 1) / 55)
    owned = np.array([owner == i for i in range(N)])
    return _table(owned, lambda rows: float(Ridge(0.1).fit(x[rows], y[rows]).score(x_test, y_test)))


def cancer() -> np.ndarray:
    """Accuracy of a forest beyond that of guessing; two parties have wrong labels."""
    x, x_test, y, y_test = train_test_split(
        *load_breast_cancer(return_X_y=True), test_size=0.5, random_state=0
    )
    rng = np.random.default_rng(2)
    owner = rng.integers(N, size=len(y))
    y = np.where(owner < 2, 1 - y, y)
    guess = max(y_test.mean(), 1 - y_test.mean())

    def score(rows: np.ndarray) -> float:
        forest = RandomForestClassifier(20, random_state=0).fit(x[rows], y[rows])
        return float((forest.predict(x_test) == y_test).mean() - guess)

    return _table(np.array([owner == i for i in range(N)]), score)


def _recorded(name: str) -> np.ndarray:
    """Mean over the recorded seeds."""
    return Game.read(Path(__file__).parent.parent / "results" / f"{name}.json").averaged().values


def mnist_digits() -> np.ndarray:
    """Recorded: accuracy of a network on MNIST, every party has one digit."""
    return _recorded("mnist-digits")


def tabular_diabetes() -> np.ndarray:
    """Recorded: R^2 of a forest; patients are dealt in unequal shares."""
    return _recorded("tabular-diabetes")


def tabular_digits() -> np.ndarray:
    """Recorded: accuracy of a forest; half of the labels of two parties are wrong."""
    return _recorded("tabular-digits")


MADE = (digit_each, digits_shared, diabetes, cancer)
RECORDED = (mnist_digits, tabular_diabetes, tabular_digits)
TABLES = {one.__name__: one for one in MADE + RECORDED}


def table(name: str) -> np.ndarray:
    """A table, which is made once."""
    path = FOLDER / f"{name}.npy"
    if not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        np.save(path, TABLES[name]())
    return np.load(path)
