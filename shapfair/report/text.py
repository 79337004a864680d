"""Allocations as tables for people, on a terminal or in a text file."""

from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from shapfair.allocation import Allocation
from shapfair.report.figures import number_format


def print_allocation(allocation: Allocation, file: Any) -> None:
    """The allocation for people: a row per party, then the flows, then the certificate."""
    game = allocation.game
    console = Console(
        file=file, markup=False, highlight=False, emoji=False, width=None if file.isatty() else 1000
    )
    number = number_format(float(np.abs(game.values).max()))
    several = f", {game.seeds} tables (mean ± standard error)" if game.seeds > 1 else ""
    grand_value = number(float(allocation.mean("grand_value")))
    console.print(f"{game.n} parties{several}, grand coalition's value {grand_value}")
    console.print(_party_table(allocation, number))
    console.print("Payoff flows, rows pay columns:")
    console.print(_flow_table(allocation, number))
    worst = max(allocation.certificates, key=lambda certificate: abs(certificate.gap))
    console.print(
        f"Certificate: total cost {number(worst.primal)}, upper bound {number(worst.dual)}, "
        f"gap {abs(worst.gap):.1e}"
    )


def _party_table(allocation: Allocation, number: Callable[[float], str]) -> Table:
    def column(name: str, form: Callable[[float], str] = number) -> list[str]:
        means = [form(x) for x in allocation.mean(name).tolist()]
        if allocation.game.seeds == 1:
            return means
        errors = [form(x) for x in allocation.standard_error(name).tolist()]
        return [f"{mean} ± {error}" for mean, error in zip(means, errors, strict=True)]

    def amounts(values: Any) -> list[str]:
        return [number(x) if x < float("inf") else "unlimited" for x in values.tolist()]

    columns = {"party": list(allocation.game.parties), "budget": amounts(allocation.budgets)}
    if (allocation.desired < float("inf")).any():
        columns["desired"] = amounts(allocation.desired)
    columns |= {
        "own value": column("own_values"),
        "Shapley value": column("shapley"),
        "scaling": column("scaling", lambda x: f"{x + 0.0:.4f}"),
        "model value": column("model_values"),
        "payoff": column("payoffs"),
    }
    table = Table()
    for name in columns:
        table.add_column(name, justify="left" if name == "party" else "right")
    for row in zip(*columns.values(), strict=True):
        table.add_row(*row)
    return table


def _flow_table(allocation: Allocation, number: Callable[[float], str]) -> Table:
    parties = allocation.game.parties
    table = Table()
    table.add_column("pays")
    for party in parties:
        table.add_column(party, justify="right")
    flows = allocation.mean("adjusted_flows").tolist()
    for i, party in enumerate(parties):
        table.add_row(party, *("" if i == j else number(x) for j, x in enumerate(flows[i])))
    return table
