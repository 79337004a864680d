"""Estimates beside shapiq's and pyDVL's own code, on complete tables of ten parties.

Usage: python benchmarks/estimation.py [--repetitions K] [--out FILE] [PART ...]

Parts are errors, coverage, unbiased, speed and active; by default all are measured. With --out what
was found is written as JSON, each part with its provenance; parts of an earlier file that are not
measured again stay. The peers run in an environment of their own, which needs Python 3.12;
PEERS_PYTHON names an interpreter that has them.
"""

import argparse
import json
import os
import platform
import re
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

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
from shapfair.valuation.provenance import commit, versions

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

Found = dict[str, Any]
"""What a part found, as JSON has it."""


def look_up(values: np.ndarray) -> Values:
    """The oracle of a table."""
    return lambda coalitions: values[list(coalitions)]


def of_table(values: np.ndarray, evaluations: int, seed: int) -> Estimate:
    """An estimate from a random design on a table."""
    chosen = tuple(random_design(N, evaluations, seed))
    names = tuple(f"P{i}" for i in range(N))
    known = PartialTable(names, chosen, values[None, list(chosen)])
    return Estimate.from_table(known, design="random", seed=seed)


def tidy(number: float) -> float:
    """Four digits, as a record needs no more."""
    return float(f"{number:.4g}")


def quartiles(runs: Sequence[float]) -> list[float]:
    """Lower quartile, median and upper quartile of repetitions."""
    return [tidy(x) for x in np.quantile(runs, [0.25, 0.5, 0.75])]


@cache
def peers_python() -> str:
    """An interpreter that has the peers."""
    python = os.environ.get("PEERS_PYTHON") or PEERS / "bin" / "python"
    if not Path(python).exists():
        print(f"installing the peers in {PEERS} (once)", file=sys.stderr)
        subprocess.run(["python3.12", "-m", "venv", PEERS], check=True)
        install = "-m pip install --quiet --require-hashes --no-deps -r".split()
        subprocess.run([python, *install, HERE / "requirements-estimation.txt"], check=True)
    return os.fspath(python)


def ask_peers(*arguments: str) -> Any:
    """JSON that the peers' interpreter prints in its last line."""
    command = [peers_python(), *arguments]
    return json.loads(
        subprocess.check_output(command, text=True, stderr=subprocess.DEVNULL).splitlines()[-1]
    )


def peers_versions() -> dict[str, str]:
    """Versions of the peers."""
    program = (
        "import json, importlib.metadata as m; "
        "print(json.dumps({p: m.version(p) for p in ('shapiq', 'pyDVL', 'xgboost', 'numpy')}))"
    )
    found: dict[str, str] = ask_peers("-c", program)
    return found


def peers(name: str, repetitions: int) -> dict[str, dict[str, list[float]]]:
    """Errors of the peers on a table, by their own code."""
    table(name)
    program, path = str(HERE / "estimation_peers.py"), str(FOLDER / f"{name}.npy")
    budgets = ",".join(map(str, BUDGETS))
    found: dict[str, dict[str, list[float]]] = ask_peers(
        program, path, budgets, str(repetitions), str(ROW_BUDGET)
    )
    return found


def errors(repetitions: int) -> Found:
    """Largest error of a payoff and relative error of the flows, at equal budgets."""
    return {name: _errors_on(name, repetitions) for name in TABLES}


def _errors_on(name: str, repetitions: int) -> Found:
    values = table(name)
    flows = conditional_shapley_values(values)
    payoffs, size = payoffs_of(flows), np.linalg.norm(flows)
    print(f"\n{name}: median error of a payoff at {BUDGETS}; flows in %")
    methods: Found = {}
    for peer, found in peers(name, repetitions).items():
        of_payoffs = {m: quartiles(found[str(m)]) for m in BUDGETS}
        of_flows = {ROW_BUDGET * N: quartiles(found["flows"])} if "flows" in found else {}
        methods[peer] = {"payoffs": of_payoffs, "flows": of_flows}
    theirs = list(methods)
    for one in OURS:
        methods[one.name] = {"payoffs": {}, "flows": {}}
        for m in BUDGETS:
            runs = [one.estimate(look_up(values), N, m, s) for s in range(repetitions)]
            off = [float(np.abs(run.payoffs - payoffs).max()) for run in runs]
            far = [float(np.linalg.norm(run.flows - flows) / size) for run in runs]
            methods[one.name]["payoffs"][m] = quartiles(off)
            methods[one.name]["flows"][m] = quartiles(far)
    for method, found in methods.items():
        row = "".join(f"{found['payoffs'][m][1]:10.4g}" for m in BUDGETS)
        of_rows = "".join(f"{100 * far[1]:8.3g}" for far in found["flows"].values())
        print(f"  {method:38}{row}  flows{of_rows}")
    _print_verdict(methods, theirs)
    return {"about": _about(name), "methods": methods}


def _about(name: str) -> str:
    return (TABLES[name].__doc__ or "").split("\n")[0]


def _print_verdict(methods: Found, theirs: Sequence[str]) -> None:
    """The completed table beside the best peer."""
    ours, ratios = methods[Completion.name], []
    for m in BUDGETS:
        best = min(theirs, key=lambda peer: methods[peer]["payoffs"][m][1])
        ratio = ours["payoffs"][m][1] / methods[best]["payoffs"][m][1]
        ratios.append(f"{ratio:.2f} x {best}")
    by_row = min(far[1] for peer in theirs for far in methods[peer]["flows"].values())
    flows = ours["flows"][200][1] / by_row
    verdict = f"{'; '.join(ratios)}; flows at 200: {flows:.2f} x"
    print(f"  completed beside the best peer: {verdict}", flush=True)


def coverage(repetitions: int) -> Found:
    """How often 95 % intervals cover: flows, payoffs, and all payoffs (flows) together."""
    return {name: {m: _coverage_at(name, m, repetitions) for m in (200, 400)} for name in TABLES}


def _coverage_at(name: str, m: int, repetitions: int) -> Found:
    values = table(name)
    flows = conditional_shapley_values(values)
    truth = {"flows": flows, "payoffs": payoffs_of(flows)}
    slack = 1e-12 * np.abs(values).max()
    seen: dict[str, list[float]] = {}
    for seed in range(repetitions):
        found = of_table(values, m, seed)
        for what in ("payoffs", "flows"):
            for simultaneous in (False, True):
                low, high = found.intervals(what, simultaneous=simultaneous)
                covers = (low - slack <= truth[what]) & (truth[what] <= high + slack)
                if what == "flows":
                    covers = covers[~np.eye(N, dtype=bool)]
                share = float(covers.all()) if simultaneous else float(covers.mean())
                seen.setdefault(f"{what} together" if simultaneous else what, []).append(share)
    means = {what: tidy(float(np.mean(shares))) for what, shares in seen.items()}
    row = ", ".join(f"{what} {mean:.3f}" for what, mean in means.items())
    print(f"{name:14} m = {m}: {row}", flush=True)
    return means


def unbiased(repetitions: int) -> Found:
    """Scores of the unbiased estimate's mean over all repetitions: mean |z| and mean z^2."""
    results = {}
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
        results[name] = {
            "mean |z|": tidy(float(np.abs(z).mean())),
            "mean z^2": tidy(float(np.mean(z**2))),
            "squared error / variance": tidy(float(ratio)),
        }
    return results


def speed(repetitions: int) -> Found:
    """Seconds of fit, flows and errors, and the memory of the process."""
    results = {}
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
        results[str(n)] = {
            "evaluations": m,
            "seconds": tidy(float(np.median(took))),
            "peak GB": tidy(peak),
        }
    return results


def active(repetitions: int) -> Found:
    """How many coalitions the random design takes for the flows' error of the active one."""
    results: Found = {}
    for name in TABLES:
        values = table(name)
        flows = conditional_shapley_values(values)

        def error(one: Estimator, m: int, values=values, flows=flows) -> float:
            runs = [one.estimate(look_up(values), N, m, seed) for seed in range(repetitions)]
            return float(np.median([np.linalg.norm(run.flows - flows) for run in runs]))

        random = {m: error(Completion(), m) for m in (60, 75, 100, 150, 200, 300, 400, 600)}
        results[name] = {}
        for m in (75, 100, 150, 200):
            wanted = error(Active(), m)
            sizes, found = np.array(list(random)), np.log(list(random.values()))
            same = float(np.exp(np.interp(-np.log(wanted), -found, np.log(sizes))))
            print(f"{name:14} active {m} = random {same:.0f}: {same / m:.2f} x", flush=True)
            results[name][m] = tidy(same)
    return results


PARTS = {one.__name__: one for one in (errors, coverage, unbiased, speed, active)}
USUAL = {"errors": 20, "coverage": 300, "unbiased": 300, "speed": 30, "active": 10}


def provenance(part: str, repetitions: int) -> Found:
    """Where the numbers of a part come from."""
    return {
        "repetitions": repetitions,
        "commit": commit(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(("shapfair", "numpy", "scipy", "scikit-learn")),
        "peers": peers_versions() if part == "errors" else {},
        "processor": f"{os.cpu_count()} cores, {platform.machine()}",
    }


def record(path: Path, part: str, entry: Found) -> None:
    """Put a part into the file, which may have others."""
    known: Found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    ordered = {name: (known | {part: entry}).get(name) for name in PARTS}
    kept = {name: entry for name, entry in ordered.items() if entry is not None}
    text = json.dumps(kept, indent=1) + "\n"
    lists = re.compile(r"\[\s+([^][{}]*?)\s+\]")  # of numbers, each in one line
    path.write_text(lists.sub(lambda found: f"[{' '.join(found[1].split())}]", text), "utf-8")


def main() -> None:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int)
    parser.add_argument("--out", type=Path, metavar="FILE", help="write what was found as JSON")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    arguments = parser.parse_args()
    for part in arguments.parts or PARTS:
        print(f"\n{part}: {PARTS[part].__doc__}")
        repetitions = arguments.repetitions or USUAL[part]
        found = PARTS[part](repetitions)
        if arguments.out:
            entry = {"provenance": provenance(part, repetitions), "found": found}
            record(arguments.out, part, entry)


if __name__ == "__main__":
    main()
