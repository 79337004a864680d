"""Allocations and models as tables for people, on a terminal or in a text file."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from shapfair.allocation import Allocation
from shapfair.report.rows import (
    Form,
    flow_table,
    party_table,
    payment_format,
    settlement,
    value_format,
)
from shapfair.report.text_tables import TextTable, console

if TYPE_CHECKING:
    from shapfair.made_to_order.targets import RewardModel


def print_allocation(allocation: Allocation, file: Any, currency: str = "") -> None:
    """The allocation for people: a row per party, then the flows, then the certificate."""
    game, number, out = allocation.game, payment_format(allocation), console(file)
    several = f", {game.seeds} tables (mean ± standard error)" if game.seeds > 1 else ""
    grand_value = value_format(allocation)(float(allocation.mean("grand_value")))
    out.print(f"{game.n} parties{several}, grand coalition's value {grand_value}")
    out.print(party_table(allocation, currency))
    out.print(f"Payoff flows{f' in {currency}' * bool(currency)}, rows pay columns:")
    out.print(flow_table(allocation))
    for line in _binding(allocation, number):
        out.print(line)
    worst = max(allocation.certificates, key=lambda certificate: abs(certificate.gap))
    out.print(
        f"Certificate: total cost {number(worst.primal)}, upper bound {number(worst.dual)}, "
        f"gap {abs(worst.gap):.1e}"
    )


def _binding(allocation: Allocation, number: Form) -> list[str]:
    """Whose budgets bind, and by what all payments together would grow with one more unit."""
    prices = np.array([one.budget_prices for one in allocation.certificates]).mean(axis=0)
    short = np.array([one.constrained for one in allocation.clearings])
    found = []
    for i in np.flatnonzero(short.any(axis=0)):
        often = f" in {short[:, i].sum()} of {len(short)} tables" if len(short) > 1 else ""
        found.append(f"{allocation.game.parties[i]}{often} ({prices[i]:.3g})")
    lines = []
    if found:
        lines.append(
            "Budgets that bind, and by what all payments together grow with one more unit: "
            + ", ".join(found)
        )
    transfers = [
        f"{allocation.game.parties[payer]} -> {allocation.game.parties[payee]} {number(amount)}"
        for payer, payee, amount in settlement(allocation.mean("payoffs").tolist())
        if number(amount) != number(0.0)
    ]
    if transfers:
        lines.append(f"Settlement: {', '.join(transfers)}")
    return lines


def print_models(models: Sequence["RewardModel"], file: Any) -> None:
    """The models for people, a row each."""
    columns = ("party", "own", "target", "validation", "test", "steps", "outcome")
    rows = []
    for model in models:
        target = model.target
        numbers = (target.own, target.accuracy, model.validation, model.test)
        accuracies = [f"{number:.4f}" for number in numbers]
        rows.append((target.party, *accuracies, f"{model.step:.6g}", model.outcome))
    console(file).print(TextTable(columns, rows, "<>>>>><"))
