"""What people see of an allocation: a row a party, and the flows between parties, as text."""

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from shapfair.allocation import Allocation
from shapfair.report.text_tables import TextTable

Form = Callable[[float], str]
"""How numbers of one kind are written."""


def number_format(scale: float, digits: int = 4) -> Form:
    """Format numbers to ``digits`` significant digits of ``scale``, all with the same decimals."""
    decimals = min(max(digits - 1 - math.floor(math.log10(scale)), 0), 15) if scale > 0 else 1
    return lambda x: f"{round(float(x), decimals) + 0.0:,.{decimals}f}"  # no "-0.0"


def value_format(allocation: Allocation) -> Form:
    """The format of values, given after the exchange rate, as they were measured before it."""
    rate = allocation.exchange_rate
    form = number_format(float(np.abs(allocation.game.values).max()) / rate)
    return lambda x: form(x / rate)


def payment_format(allocation: Allocation) -> Form:
    """The format of payments: four digits of the largest value, after the exchange rate."""
    return number_format(float(np.abs(allocation.game.values).max()))


def party_table(allocation: Allocation, currency: str = "") -> TextTable:
    """Budget, values, scaling, model and payoff of every party.

    Numbers are means over the tables; with several tables the standard error stands behind each.
    Values of models are shown as they were measured, before the exchange rate.

    Args:
        allocation: what to show.
        currency: what a unit of payoff is called, if it has a name.
    """
    value, payment = value_format(allocation), payment_format(allocation)
    unit = f" ({currency})" if currency else ""
    columns = {
        "party": list(allocation.game.parties),
        f"budget{unit}": _amounts(allocation.budgets, payment),
        f"desired{unit}": _amounts(allocation.desired, payment),
        "own value": _means(allocation, "own_values", value),
        f"Shapley value{unit}": _means(allocation, "shapley", payment),
        "scaling": _means(allocation, "scaling", lambda x: f"{x + 0.0:.4f}"),
        "model value": _means(allocation, "model_values", value),
        f"payoff{unit}": _means(allocation, "payoffs", payment),
    }
    if not np.isfinite(allocation.desired).any():
        del columns[f"desired{unit}"]
    rows = tuple(zip(*columns.values(), strict=True))
    return TextTable(tuple(columns), rows, "<".ljust(len(columns), ">"))


def flow_table(allocation: Allocation) -> TextTable:
    """What every party (row) pays every other (column), means over the tables."""
    parties, number = allocation.game.parties, payment_format(allocation)
    flows = allocation.mean("adjusted_flows").tolist()
    rows = [
        (party, *("" if i == j else number(x) for j, x in enumerate(flows[i])))
        for i, party in enumerate(parties)
    ]
    return TextTable(("pays", *parties), rows, "<" + ">" * len(parties))


def settlement(payoffs: Sequence[float]) -> list[tuple[int, int, float]]:
    """Transfers that give everyone its payoff: payer, payee and amount.

    The largest debt meets the largest claim, so that each transfer settles one of them, and there
    are fewer transfers than parties.

    Args:
        payoffs: of every party; they sum to 0 up to rounding.
    """
    open_, transfers = list(map(float, payoffs)), []
    for _ in range(len(open_) - 1):
        payer = min(range(len(open_)), key=lambda i: open_[i])
        payee = max(range(len(open_)), key=lambda i: open_[i])
        amount = min(-open_[payer], open_[payee])
        if amount <= 0:
            break
        open_[payer] += amount
        open_[payee] -= amount
        transfers.append((payer, payee, amount))
    return transfers


def _means(allocation: Allocation, name: str, form: Form) -> list[str]:
    means = [form(x) for x in allocation.mean(name).tolist()]
    if allocation.game.seeds == 1:
        return means
    errors = [form(x) for x in allocation.standard_error(name).tolist()]
    return [f"{mean} ± {error}" for mean, error in zip(means, errors, strict=True)]


def _amounts(values: Iterable[float], number: Form) -> list[str]:
    """What users gave: never shown as 0 because others are larger."""
    found = []
    for x in values:
        text = number(x) if x < math.inf else "unlimited"
        found.append(f"{x:.3g}" if x and text == number(0.0) else text)
    return found
