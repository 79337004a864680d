"""Compare the value tables that the authors published with ours; their files stay where they are.

Usage: python tools/authors_tables.py CHECKOUT [--out FILE]

CHECKOUT is a checkout of github.com/qphong/model-payoff-allocation. Their tables are read by
tools/pickled_tables.py, which runs nothing of theirs. What is written are figures that follow from
them: payoffs, factors, differences. The tables themselves are not copied.
"""

import argparse
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pickled_tables import read_table

from shapfair import Game, allocate
from shapfair.theory.linear_rules import payoffs_by_size
from shapfair.theory.schemes import FEES_GAIN_GAME, FEES_PROPORTIONAL, FEES_WITH_NEWCOMER
from shapfair.valuation.provenance import commit

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "benchmarks" / "authors.json"
REPOSITORY = "https://github.com/qphong/model-payoff-allocation"


class Published(NamedTuple):
    """A table of theirs and how ours are to be compared with it.

    Attributes:
        path: in their repository.
        records: names of ours in results/.
        order: for each of our parties its place in their table.
        budgets: the constrained ones of the figure it belongs to, each with a word for it.
    """

    path: str
    records: tuple[str, ...]
    order: tuple[int, ...] = (0, 1, 2, 3, 4)
    budgets: tuple[tuple[str, tuple[float, ...]], ...] = ()


TABLES = {
    "mnist": Published(
        "mnist_training/old/mnist_v_5_parties_no_replication.pkl",
        ("mnist", "mnist-carried", "mnist-duplicates"),
        budgets=(("zero", (0,) * 5), ("rich", (0.3, 0, 0, 0, 0))),
    ),
    "disjoint": Published("mnist_training/mnist_v_5_non_overlap_parties.pkl", ("mnist-disjoint",)),
    "disjoint, older": Published(
        "mnist_training/old/mnist_v_5_non_overlap_parties.pkl", ("mnist-disjoint",)
    ),
    "copy of [1-2]": Published(
        "mnist_training/old/mnist_v_6_parties_replication_1.pkl",
        ("mnist-copy-1-2",),
        (0, 1, 3, 4, 5, 2),  # there the copy stands behind its original
    ),
    "copy of [6-9]": Published(
        "mnist_training/old/mnist_v_6_parties_replication_4.pkl",
        ("mnist-copy-6-9",),
        (0, 1, 2, 3, 4, 5),
    ),
    "imdb": Published(
        "imdb_sentiment_analysis/imdb_5_parties.pkl",
        ("imdb", "imdb-published", "imdb-carried"),
        budgets=(("zero", (0,) * 5), ("rich", (0, 0, inf, 0, 0))),
    ),
}
"""Those that correspond to an experiment on record."""


def reordered(values: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    """The table in our order of the parties."""
    places = np.array([1 << place for place in order])
    masks = np.arange(len(values))[:, None] >> np.arange(len(order)) & 1
    return values[masks @ places]


def figures(theirs: Game, budgets: Iterable[tuple[str, tuple[float, ...]]]) -> dict[str, Any]:
    """What follows from a table: payoffs as measured, constrained ones on its hull."""
    table = theirs.values
    found = {
        "parties": list(theirs.parties),
        "grand_value": rounded(theirs.grand_value),
        "own_values": rounded(theirs.own_values),
        "largest_drop": rounded((table - theirs.hull().values).min() * -1),
        "payoffs": rounded(allocate(theirs).payoffs),
        "payoffs_by_size": rounded(payoffs_by_size(table), 8),
    }
    for scheme in (FEES_GAIN_GAME, FEES_PROPORTIONAL, FEES_WITH_NEWCOMER):
        found[scheme.name] = rounded(np.array(scheme(table).payoffs, dtype=float))
    for word, amounts in budgets:
        allocation = allocate(theirs, list(amounts), repair="hull")
        found[word] = {
            part: rounded(getattr(allocation, part))
            for part in ("scaling", "payoffs", "model_values")
        }
    return found


def beside(theirs: Game, ours: Game) -> dict[str, Any]:
    """Differences between their table and the mean of ours; distances in our standard deviations.

    All but the empty coalition's value are compared.
    """
    difference = (theirs.values - ours.values.mean(axis=0))[1:]
    payoffs, of_ours = allocate(theirs).payoffs, allocate(ours).payoffs
    spread = of_ours.std(axis=0, ddof=1)
    assert ours.provenance is not None
    return {
        "table": ours.provenance["table"],
        "largest_difference": rounded(np.abs(difference).max()),
        "root_mean_square": rounded(np.sqrt((difference**2).mean())),
        "payoff_differences": rounded(payoffs - of_ours.mean(axis=0)),
        "deviations": rounded((payoffs - of_ours.mean(axis=0)) / spread, 2),
    }


def rounded(numbers: Any, digits: int = 5) -> Any:
    """Digits that a record needs, as JSON has them."""
    return (np.round(numbers, digits) + 0.0).tolist()


def compare(checkout: Path) -> dict[str, Any]:
    """The whole comparison."""
    tables = {}
    for name, published in TABLES.items():
        path = checkout / published.path
        read = read_table(path)
        values = reordered(np.array(read.values), published.order)
        records = {
            record: Game.read(ROOT / "results" / f"{record}.json") for record in published.records
        }
        theirs = Game(values, records[published.records[0]].parties)
        tables[name] = {
            "file": published.path,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "their_parties": [read.parties[place] for place in published.order],
            **figures(theirs, published.budgets),
            "beside": {record: beside(theirs, ours) for record, ours in records.items()},
        }
    command = ["git", "-C", str(checkout), "rev-parse", "HEAD"]
    of_theirs = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    return {
        "repository": REPOSITORY,
        "commit": of_theirs,
        "tables": tables,
        "provenance": {
            "commit": commit(),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    }


def main() -> int:
    """Compare and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    found = compare(arguments.checkout)
    arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for name, table in found["tables"].items():
        for record, row in table["beside"].items():
            print(f"{name:16} {record:17} {row['largest_difference']:.4f} at most")
    return 0


if __name__ == "__main__":
    sys.exit(main())
