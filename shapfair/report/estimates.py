"""What people and programs see of an estimate: rewards with intervals, worst cases, its cost."""

import csv
import io
import json
import math
from typing import Any

import numpy as np

from shapfair.estimation.bounds import Bounds
from shapfair.estimation.result import Estimate
from shapfair.estimation.rewards import Rewards
from shapfair.report.rows import Form, number_format
from shapfair.report.text_tables import TextTable, console

REWARDS = {"scaling": "scaling", "model_values": "model value", "payoffs": "payoff"}
"""What parties get, and what it is called in a table."""


def print_estimate(
    rewards: Rewards, worst: Bounds | None, test_examples: int | None, file: Any
) -> None:
    """The estimate for people; the worst case stands apart, as nothing of it is estimated.

    Args:
        rewards: what was estimated.
        worst: bounds by monotonicity, None if there are none.
        test_examples: number of test examples of which the values are accuracies, None if not told.
        file: a text file open for writing.

    Raises:
        ValueError: if the values are no accuracies.
    """
    estimate, out = rewards.estimate, console(file)
    number = _format(rewards)
    if test_examples is not None:  # before anything is written, as the values may be no accuracies
        largest = rewards.exchange_rate * float(estimate.test_errors(test_examples).max())
    out.print(summary(estimate))
    out.print(estimate.promise)
    out.print(reward_table(rewards, number))
    out.print("Estimated flows with unlimited budgets (± standard error), rows pay columns:")
    out.print(flow_table(rewards, number))
    if worst is not None:
        repaired = ", known values raised to their hull" if worst.warnings else ""
        out.print(
            "Worst case with unlimited budgets if the game is monotone"
            f"{repaired}, nothing estimated:"
        )
        out.print(worst_table(rewards, worst, number))
    out.print(error_line(estimate, rewards.exchange_rate, number))
    if test_examples is not None:
        out.print(f"By a test set of {test_examples:,} examples at most {number(largest)} more")
    if not estimate.is_exact or len(estimate.table.values) > 1:
        out.print(f"To buy next: {estimate.next_purchase}")


def summary(estimate: Estimate) -> str:
    """How many coalitions were valued, and how the flows were found."""
    seeds = len(estimate.table.values)
    several = f" under {seeds} seeds" if seeds > 1 else ""
    took = f", {estimate.seconds:.1f} s of valuation" if estimate.seconds else ""
    return (
        f"{estimate.table.n} parties, {estimate.evaluations:,} of {2**estimate.table.n - 1:,} "
        f"coalitions valued{several} ({100 * estimate.share:.3g} %){took}; by {estimate.method}"
    )


def error_line(estimate: Estimate, rate: float, number: Form) -> str:
    """The largest standard errors of a payoff by source."""
    split = {by: rate * float(np.max(error)) for by, error in estimate.errors["payoffs"].items()}
    sampling = "not known" if math.isnan(split["sampling"]) else number(split["sampling"])
    seeds = len(estimate.table.values)
    training = number(split["training"]) if seeds > 1 else "not known from one seed"
    return f"Standard error of a payoff: by sampling {sampling}, by training noise {training}"


def reward_table(rewards: Rewards, number: Form) -> TextTable:
    """What every party gets, each with its 95 % interval, and the trivial estimate beside it."""
    estimate = rewards.estimate
    own = estimate.table.own_values * rewards.exchange_rate
    columns = {
        "party": list(estimate.parties),
        "own value": [number(x) for x in own],
        "Shapley value": [number(x * rewards.exchange_rate) for x in estimate.shapley_values],
    }
    for name, title in REWARDS.items():
        form = (lambda x: f"{x + 0.0:.4f}") if name == "scaling" else number
        low, high = rewards.interval(name)
        columns[title] = [form(x) for x in rewards.values[name]]
        columns[f"{title} 95 %"] = [_range(a, b, form) for a, b in zip(low, high, strict=True)]
    trivial = estimate.baseline.sum(axis=0) - estimate.baseline.sum(axis=1)
    columns["trivial payoff"] = [number(x * rewards.exchange_rate) for x in trivial]
    rows = tuple(zip(*columns.values(), strict=True))
    return TextTable(tuple(columns), rows, "<".ljust(len(columns), ">"))


def flow_table(rewards: Rewards, number: Form) -> TextTable:
    """What every party (row) pays every other (column), with standard errors."""
    estimate, rate = rewards.estimate, rewards.exchange_rate
    errors = estimate.standard_error("flows") * rate
    rows = [
        (
            party,
            *(
                "" if i == j else f"{number(flow * rate)} ± {_known(errors[i, j], number)}"
                for j, flow in enumerate(estimate.flows[i])
            ),
        )
        for i, party in enumerate(estimate.parties)
    ]
    return TextTable(("pays", *estimate.parties), rows, "<" + ">" * len(rows))


def worst_table(rewards: Rewards, worst: Bounds, number: Form) -> TextTable:
    """Least and greatest payoff, and of every flow, as far as known values decide."""
    low, high = rewards.exchange_rate * worst.flows
    columns = ("party", "payoff", *(f"pays {name}" for name in rewards.estimate.parties))
    payoffs = zip(*(rewards.exchange_rate * worst.payoffs), strict=True)
    rows = [
        (
            party,
            _range(ends[0], ends[1], number),
            *("" if i == j else _range(low[i, j], high[i, j], number) for j in range(len(low))),
        )
        for i, (party, ends) in enumerate(zip(rewards.estimate.parties, payoffs, strict=True))
    ]
    return TextTable(columns, rows, "<" + ">" * (len(columns) - 1))


def to_json(rewards: Rewards, worst: Bounds | None, test_examples: int | None = None) -> str:
    """The estimate for programs; amounts are payoffs, what is not known is ``null``."""
    return (
        json.dumps(_plain(document(rewards, worst, test_examples)), indent=1, ensure_ascii=False)
        + "\n"
    )


def document(
    rewards: Rewards, worst: Bounds | None, test_examples: int | None = None
) -> dict[str, Any]:
    """What :func:`to_json` writes, as dictionaries, arrays and numbers."""
    estimate, rate = rewards.estimate, rewards.exchange_rate
    intervals = {name: np.stack(rewards.interval(name)) for name in REWARDS}
    tests = None if test_examples is None else rate * estimate.test_errors(test_examples)
    return {
        "parties": list(estimate.parties),
        "design": estimate.design,
        "method": estimate.method,
        "promise": estimate.promise,
        "certificate": estimate.is_exact
        or (estimate.design == "random" and bool(estimate.sampling)),
        "evaluations": estimate.evaluations,
        "share": estimate.share,
        "seeds": len(estimate.table.values),
        "seconds": estimate.seconds,
        "exchange_rate": rate,
        "budgets": rewards.budgets,
        "desired": rewards.desired,
        "grand_value": rate * estimate.table.grand_value,
        "own_values": rate * estimate.table.own_values,
        **rewards.values,
        "intervals": intervals,
        "unlimited": {
            name: {
                "estimate": rate * getattr(estimate, name),
                "standard_error": rate * estimate.standard_error(name),
                "simultaneous": rate * np.stack(estimate.intervals(name)),
            }
            for name in ("flows", "payoffs", "shapley_values")
        },
        "errors_of_payoffs": {
            **{by: rate * error for by, error in estimate.errors["payoffs"].items()},
            "test_set_at_most": tests,
        },
        "trivial_flows": rate * estimate.baseline,
        "worst_case": worst
        and {
            "payoffs": rate * worst.payoffs,
            "flows": rate * worst.flows,
            "warnings": list(worst.warnings),
        },
        "next_purchase": estimate.next_purchase,
        "warnings": list(rewards.warnings),
    }


def to_csv(rewards: Rewards) -> str:
    """One row per party as CSV text; what is not known is empty."""
    estimate = rewards.estimate
    columns: dict[str, Any] = {"party": estimate.parties}
    columns["own_value"] = rewards.exchange_rate * estimate.table.own_values
    columns["shapley"] = rewards.exchange_rate * estimate.shapley_values
    for name in REWARDS:
        low, high = rewards.interval(name)
        columns |= {name: rewards.values[name], f"{name}_low": low, f"{name}_high": high}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(_plain(row) for row in zip(*columns.values(), strict=True))
    return text.getvalue()


def _format(rewards: Rewards) -> Form:
    return number_format(float(np.abs(rewards.exchange_rate * rewards.estimate.table.mean).max()))


def _known(number: float, form: Form) -> str:
    return "?" if math.isnan(number) else form(number)


def _range(low: float, high: float, form: Form) -> str:
    return "?" if math.isnan(low) else f"{form(low)} to {form(high)}"


def _plain(thing: Any) -> Any:
    """JSON types: arrays as lists, numbers that are not finite as ``None``."""
    if isinstance(thing, dict):
        return {key: _plain(value) for key, value in thing.items()}
    if isinstance(thing, np.ndarray | list | tuple):
        return [_plain(value) for value in (thing.tolist() if hasattr(thing, "tolist") else thing)]
    if isinstance(thing, float | np.floating):
        return float(thing) if math.isfinite(thing) else None
    return thing
