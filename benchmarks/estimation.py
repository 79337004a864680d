"""Estimates beside shapiq's and pyDVL's own code, on complete tables of ten parties.

Usage: python benchmarks/estimation.py [--repetitions K] [PART ...]

Parts are errors, coverage, unbiased, speed and active; by default all are measured. The peers run
in an environment of their own, which needs Python 3.12; PEERS_PYTHON names an interpreter that has
them.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from estimation_tables import FOLDER, TABLES, N, table

from shapfair import conditional_shapley_values
from shapfair.estimation import Estimate
from shapfair.estimation.active import Active
from shapfair.estimation.baseline import Proportional
from shapfair.estimation.completion import Completion
from shapfair.estimation.design import random_design
from shapfair.estimation.known import PartialTable
from shapfair.estimation.permutations import Permutations
from shapfair.estimation.protocol import Estimator, Values
from shapfair.estimation.reuse import COVERAGE_UNBIASED, MAXIMUM_SAMPLE_REUSE, REGRESSION_ADJUSTED
from shapfair.estimation.stratified import Stratified
from shapfair.estimation.weights import payoffs_of

HERE = Path(__file__).parent
PEERS = HERE.parent / "_build" / "bench-estimation"
BUDGETS = (50, 100, 200, 400)
ROW_BUDGET = 40
"""Evaluations of a peer for each row of the flow matrix, 400 in all."""

OURS: tuple[Estimator, ...] = (
    *(Proportional(), Permutations(), Permutations(antithetic=True), Permutations(tolerance=0.02)),
    *(Stratified(), MAXIMUM_SAMPLE_REUSE, REGRESSION_ADJUSTED),
    *(COVERAGE_UNBIASED, Completion()),
)


def look_up(values: np.ndarray) -> Values:
    """The oracle of a table."""
    return lambda coalitions: values[list(coalitions)]


def of_table(values: np.ndarray, evaluations: int, seed: int) -> Estimate:
    """An estimate from a random design on a table."""
    chosen = tuple(random_design(N, evaluations, seed))
    names = tuple(f"P{i}" for i in range(N))
    known = PartialTable(names, chosen, values[None, list(chosen)])
    return Estimate.from_table(known, design="random", seed=seed)


def peers(name: str, repetitions: int) -> dict[str, dict[str, list[float]]]:
    """Errors of the peers on a table, by their own code."""
    table(name)
    python = os.environ.get("PEERS_PYTHON") or PEERS / "bin" / "python"
    if not Path(python).exists():
        print(f"installing the peers in {PEERS} (once)", file=sys.stderr)
        subprocess.run(["python3.12", "-m", "venv", PEERS], check=True)
        install = "-m pip install --quiet --require-hashes --no-deps -r".split()
        subprocess.run([python, *install, HERE / "requirements-estimation.txt"], check=True)
    budgets = ",".join(map(str, BUDGETS))
    command = [python, HERE / "estimation_peers.py", FOLDER / f"{name}.npy", budgets]
    output = subprocess.check_output(
        [*command, str(repetitions), str(ROW_BUDGET)], text=True, stderr=subprocess.DEVNULL
    )
    found: dict[str, dict[str, list[float]]] = json.loads(output.splitlines()[-1])
    return found


def errors(repetitions: int) -> None:
    """Median largest error of a payoff and relative error of the flows (%), at equal budgets."""
    for name in TABLES:
        values = table(name)
        flows = conditional_shapley_values(values)
        payoffs, size = payoffs_of(flows), np.linalg.norm(flows)
        print(f"\n{name}: median error of a payoff at {BUDGETS}; flows in %")
        best: dict[int, tuple[float, str]] = {}
        theirs = peers(name, repetitions)
        for peer, found in theirs.items():
            medians = [float(np.median(found[str(m)])) for m in BUDGETS]
            for m, x in zip(BUDGETS, medians, strict=True):
                best[m] = min(best.get(m, (np.inf, "")), (x, peer))
            row = "".join(f"{x:10.4g}" for x in medians)
            if "flows" in found:
                row += f"  a run per row {100 * np.median(found['flows']):.3g} %"
            print(f"  {peer:38}{row}")
        by_row = min(float(np.median(f["flows"])) for f in theirs.values() if "flows" in f)
        for one in OURS:
            of_payoffs, of_flows = [], []
            for m in BUDGETS:
                runs = [one.estimate(look_up(values), N, m, s) for s in range(repetitions)]
                of_payoffs.append(np.median([np.abs(r.payoffs - payoffs).max() for r in runs]))
                of_flows.append(np.median([np.linalg.norm(r.flows - flows) / size for r in runs]))
            row = "".join(f"{x:10.4g}" for x in of_payoffs)
            print(f"  {one.name:38}{row}  flows" + "".join(f"{100 * x:8.3g}" for x in of_flows))
            if isinstance(one, Completion):
                pairs = zip(BUDGETS, of_payoffs, strict=True)
                ratios = [f"{x / best[m][0]:.2f} x {best[m][1]}" for m, x in pairs]
                verdict = f"{'; '.join(ratios)}; flows at 200: {of_flows[2] / by_row:.2f} x"
        print(f"  completed beside the best peer: {verdict}", flush=True)


def coverage(repetitions: int) -> None:
    """How often 95 % intervals cover: flows, payoffs, and all payoffs (flows) together."""
    for name in TABLES:
        values = table(name)
        flows = conditional_shapley_values(values)
        truth = {"flows": flows, "payoffs": payoffs_of(flows)}
        for m in (200, 400):
            single: dict[str, list[float]] = {"flows": [], "payoffs": []}
            together: dict[str, list[bool]] = {"flows": [], "payoffs": []}
            for seed in range(repetitions):
                found = of_table(values, m, seed)
                for what in ("payoffs", "flows"):
                    slack = 1e-12 * np.abs(values).max()
                    for simultaneous in (False, True):
                        low, high = found.intervals(what, simultaneous=simultaneous)
                        covers = (low - slack <= truth[what]) & (truth[what] <= high + slack)
                        if what == "flows":
                            covers = covers[~np.eye(N, dtype=bool)]
                        if simultaneous:
                            together[what].append(bool(covers.all()))
                        else:
                            single[what].append(float(covers.mean()))
            row = " ".join(
                f"{what} {np.mean(single[what]):.3f} together {np.mean(together[what]):.3f}"
                for what in single
            )
            print(f"{name:14} m = {m}: {row}", flush=True)


def unbiased(repetitions: int) -> None:
    """Scores of the unbiased estimate's mean over all repetitions: mean |z| and mean z^2."""
    for name in TABLES:
        values = table(name)
        truth = payoffs_of(conditional_shapley_values(values))
        runs = [
            COVERAGE_UNBIASED.estimate(look_up(values), N, 60, seed) for seed in range(repetitions)
        ]
        payoffs = np.array([run.payoffs for run in runs])
        z = (payoffs.mean(axis=0) - truth) / (payoffs.std(axis=0, ddof=1) / np.sqrt(repetitions))
        ratio = np.mean([run.payoff_errors**2 for run in runs]) / payoffs.var(axis=0, ddof=1).mean()
        print(
            f"{name:14} mean |z| {np.abs(z).mean():.2f} (unbiased: 0.80), mean z^2 "
            f"{np.mean(z**2):.2f} (1), mean squared error reported / variance {ratio:.2f}",
            flush=True,
        )


def speed(repetitions: int) -> None:
    """Seconds of fit, flows and errors, and the memory of the process."""
    for n, m in ((20, 400), (50, 1000)):
        rng = np.random.default_rng(n)
        has, weights = rng.random((n, 200)) < 0.1, rng.random(200)
        chosen = tuple(random_design(n, m, 0))
        rows = np.array([[c >> i & 1 for i in range(n)] for c in chosen])
        values = ((rows @ has) > 0) @ weights / weights.sum()
        known = PartialTable(tuple(f"P{i}" for i in range(n)), chosen, values[None])
        took = []
        for _ in range(max(3, repetitions // 10)):
            start = time.perf_counter()
            found = Estimate.from_table(known, design="random")
            found.intervals("flows")
            took.append(time.perf_counter() - start)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(f"n = {n}, m = {m}: {np.median(took):.2f} s, peak {peak:.2f} GB", flush=True)


def active(repetitions: int) -> None:
    """How many coalitions the random design takes for the flows' error of the active one."""
    for name in TABLES:
        values = table(name)
        flows = conditional_shapley_values(values)

        def error(one: Estimator, m: int, values=values, flows=flows) -> float:
            runs = [one.estimate(look_up(values), N, m, seed) for seed in range(repetitions)]
            return float(np.median([np.linalg.norm(run.flows - flows) for run in runs]))

        random = {m: error(Completion(), m) for m in (60, 75, 100, 150, 200, 300, 400, 600)}
        for m in (75, 100, 150, 200):
            wanted = error(Active(), m)
            sizes, found = np.array(list(random)), np.log(list(random.values()))
            same = np.exp(np.interp(-np.log(wanted), -found, np.log(sizes)))
            print(f"{name:14} active {m} = random {same:.0f}: {same / m:.2f} x", flush=True)


PARTS = {one.__name__: one for one in (errors, coverage, unbiased, speed, active)}
USUAL = {"errors": 20, "coverage": 300, "unbiased": 300, "speed": 30, "active": 10}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    arguments = parser.parse_args()
    for part in arguments.parts or PARTS:
        print(f"\n{part}: {PARTS[part].__doc__}")
        PARTS[part](arguments.repetitions or USUAL[part])


if __name__ == "__main__":
    main()
