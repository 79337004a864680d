"""Speed and memory of the exact side; ``rows()`` is what benchmarks/run.py prints."""

import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from shapfair import Game, conditional_shapley_values


def rows() -> Iterator[dict[str, Any]]:
    """One row per promise: what was measured, the result, what it must reach, whether it does."""
    yield flows_time(20, 0.030)
    yield flows_time(24, 1.0)
    yield flows_memory(24, 4.0)
    yield flows_against_shapiq(12, 500.0)
    yield allocate_process(0.5)


def flows_time(n: int, limit: float) -> dict[str, Any]:
    values = _random_table(n)
    seconds = _median_time(lambda: conditional_shapley_values(values), repeats=7)
    return _row(f"all {n * (n - 1)} flows, n = {n}", seconds * 1e3, limit * 1e3, "ms")


def flows_memory(n: int, limit: float) -> dict[str, Any]:
    """Peak of the game with its own table and of its flows, in tables of 2**n float64 values."""
    tracemalloc.start()
    conditional_shapley_values(Game(_random_table(n)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return _row(f"peak memory of flows, n = {n}", peak / (8 * 2**n), limit, "tables")


def flows_against_shapiq(n: int, at_least: float) -> dict[str, Any]:
    """The same flows from shapiq's ExactComputer, run once per conditioning party."""
    from shapiq import ExactComputer

    values = _random_table(n)

    def theirs() -> np.ndarray:
        flows = np.zeros((n, n))
        for i in range(n):
            others = [j for j in range(n) if j != i]
            bits = 1 << np.array(others)
            computer = ExactComputer(
                lambda coalitions, i=i, bits=bits: values[(1 << i) + coalitions @ bits], n - 1
            )
            shapley = computer("SV").dict_values
            flows[i, others] = [shapley[(k,)] for k in range(n - 1)]
        return flows

    np.testing.assert_allclose(conditional_shapley_values(values), theirs(), atol=1e-9)
    peer = _median_time(theirs, repeats=3)
    ours = _median_time(lambda: conditional_shapley_values(values), repeats=51)
    ratio = peer / ours
    return {
        "what": f"flows, n = {n}, times faster than shapiq",
        "result": f"{ratio:,.0f} x ({peer * 1e3:.0f} ms against {ours * 1e3:.3f} ms)",
        "target": f">= {at_least:g} x",
        "met": ratio >= at_least,
    }


def allocate_process(limit: float) -> dict[str, Any]:
    """``shapfair allocate`` on a table of 5 parties, from the start of the process to its end."""
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "values.csv"
        Game(_random_table(5)).hull().to_csv(table)
        command = [sys.executable, "-m", "shapfair.cli", "allocate", str(table)]
        command += ["--default-budget", "0"]

        def process() -> None:
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

        process()  # compiles the byte code
        seconds = _median_time(process, repeats=7)
    return _row("shapfair allocate, 5 parties, whole process", seconds, limit, "s")


def _random_table(n: int) -> np.ndarray:
    values = np.random.default_rng(n).random(2**n)
    values[0] = 0
    return values


def _median_time(function: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _row(what: str, result: float, limit: float, unit: str) -> dict[str, Any]:
    return {
        "what": what,
        "result": f"{result:.3g} {unit}",
        "target": f"<= {limit:g} {unit}",
        "met": result <= limit,
    }


if __name__ == "__main__":
    for row in rows():
        print(f"{row['what']:45}{row['result']:40}{row['target']:15}", "ok" if row["met"] else "NO")
