"""Print the speed and memory table; run it on a quiet machine (``make bench``).

Usage: python benchmarks/run.py [--full]
"""

import argparse
import sys

import cluster
import exact
import training
from rich.console import Console
from rich.table import Table


def main() -> int:
    """Measure, print, and exit with 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--full",
        action="store_true",
        help="run the whole CIFAR-10 experiment (half an hour) rather than extrapolate its time",
    )
    full = parser.parse_args().full
    table = Table("what", "measured (median)", "must be", "")
    rows = [*exact.rows(), *training.rows(full=full), *cluster.rows()]
    for row in rows:
        table.add_row(row["what"], row["result"], row["target"], "ok" if row["met"] else "MISSED")
    Console(width=None if sys.stdout.isatty() else 140).print(table)
    return 0 if all(row["met"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
