"""Allocations and models as tables for people, on a terminal or in a text file."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from shapfair.allocation import Allocation
from shapfair.report.rows import flow_table, party_table, payment_format, value_format
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
    worst = max(allocation.certificates, key=lambda certificate: abs(certificate.gap))
    out.print(
        f"Certificate: total cost {number(worst.primal)}, upper bound {number(worst.dual)}, "
        f"gap {abs(worst.gap):.1e}"
    )


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
