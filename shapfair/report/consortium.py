"""A report on an allocation for the parties: what everyone brings, pays, receives and gets."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from shapfair import receipt, remarks
from shapfair.allocation import Allocation, allocate
from shapfair.coalitions import coalition_name, members
from shapfair.receipt import Source
from shapfair.report import figures, pictures
from shapfair.report.blocks import Block, Code, Heading, Items, Paragraph, Picture
from shapfair.report.rows import (
    Form,
    flow_table,
    party_table,
    payment_format,
    settlement,
    value_format,
)
from shapfair.report.text_tables import TextTable
from shapfair.stability import Leaving, leaving

SHOWN = 5
"""Most coalitions that would leave which are listed."""
ABREAST = 7
"""Most columns of numbers that fit on paper."""


@dataclass(frozen=True)
class Report:
    """What the parties of an allocation are told.

    Amounts of money are in units of payoff; values of models are shown as they were measured,
    before the exchange rate.

    Attributes:
        allocation: the allocation.
        source: the file of its value table.
        currency: what a unit of payoff is called, perhaps empty.
    """

    allocation: Allocation
    source: Source
    currency: str = ""

    def blocks(self) -> list[Block]:
        """The whole report.

        Cost: an allocation for every party whose budget binds, and that of
        :func:`shapfair.stability.leaving`.
        """
        parties = range(self.allocation.game.n)
        return [
            *self._summary(),
            *self._settlement(),
            *self._figures(),
            *self._leaving(),
            *self._noise(),
            *self._proof(),
            *(block for i in parties for block in self._party(i)),
        ]

    # --- numbers ------------------------------------------------------------------------------

    @property
    def _names(self) -> Sequence[str]:
        return self.allocation.game.parties

    @cached_property
    def _value(self) -> Form:
        return value_format(self.allocation)

    @cached_property
    def _amount(self) -> Form:
        return payment_format(self.allocation)

    def _money(self, x: float) -> str:
        if math.isinf(x):
            return "unlimited"
        return f"{self._amount(x)} {self.currency}".rstrip()

    def _means(self, name: str) -> list[float]:
        found: list[float] = self.allocation.mean(name).tolist()
        return found

    @cached_property
    def _short(self) -> list[int]:
        """In how many tables each party's budget does not suffice for its full share."""
        constrained = np.array([one.constrained for one in self.allocation.clearings])
        found: list[int] = constrained.sum(axis=0).tolist()
        return found

    # --- sections -----------------------------------------------------------------------------

    def _summary(self) -> list[Block]:
        game, rate = self.allocation.game, self.allocation.exchange_rate
        several = f" (mean of {game.seeds} runs)" if game.seeds > 1 else ""
        grand = self._value(float(self.allocation.mean("grand_value")))
        paid = "Payments are in the unit of model value."
        if rate != 1 or self.currency:
            paid = (
                f"One unit of model value is worth {rate:,.15g} {self.currency or 'in payments'}."
            )
        return [
            Heading("Who pays whom, and who gets which model", 1),
            Paragraph(
                f"{game.n} parties train together. The model of all their data is worth "
                f"{grand}{several}. Everyone pays what its model improves, to those whose data "
                "improved it; who cannot pay that gets a proportionally weaker model, and those "
                f"who would have been paid receive less. {paid}"
            ),
            Items([self._sentence(i) for i in range(game.n)]),
            party_table(self.allocation, self.currency),
            Paragraph(
                "The Shapley value is what a party adds to a group, on average over all orders in "
                "which the parties could have joined. The scaling is the share of the improvement "
                "that a party pays for and gets. Values are those of the table that was measured."
            ),
        ]

    def _sentence(self, i: int) -> str:
        """What a party does and gets, in plain words."""
        payoff, share = self._means("payoffs")[i], self._means("scaling")[i]
        net = self._money(abs(payoff))
        if net == self._money(0.0):
            money = "neither pays nor receives anything on balance"
        else:
            money = f"{'receives' if payoff > 0 else 'pays'} {net} on balance"
        value = self._value(self._means("model_values")[i])
        if share > 1 - 1e-9:
            model = f"gets the full model, worth {value}"
        else:
            why = "what it asked for" if not self._short[i] else "as far as its budget allows"
            own = self._value(self._means("own_values")[i])
            model = (
                f"gets a model worth {value}, {share:.0%} of the way up from its own {own}, {why}"
            )
        return f"{self._names[i]} {money} and {model}."

    def _settlement(self) -> list[Block]:
        transfers = settlement(self._means("payoffs"))
        shown = [
            (self._names[payer], self._names[payee], self._money(amount))
            for payer, payee, amount in transfers
            if self._money(amount) != self._money(0.0)
        ]
        if not shown:
            return [Heading("Settlement"), Paragraph("Nobody has to pay anybody on balance.")]
        return [
            Heading("Settlement"),
            Paragraph("These transfers, fewer than there are parties, settle everything."),
            TextTable(("from", "to", "amount"), shown, "<<>"),
            Paragraph("They are made of these payments, rows pay columns:"),
            *narrow(flow_table(self.allocation)),
        ]

    def _figures(self) -> list[Block]:
        drawing = figures.figure(self.allocation, self.currency)
        words = "Payoffs, models and payments of all parties; the tables have the same numbers."
        return [
            Heading("In pictures", new_page=True),
            Picture(pictures.svg(drawing), words),
        ]

    @cached_property
    def _gains(self) -> Leaving | None:
        """What coalitions gain by leaving, where that can be said."""
        one, game = self.allocation, self.allocation.game
        large = game.n > remarks.CHECKED_PARTIES
        if large or (one.desired < game.grand_value[..., None]).any():
            return None
        return leaving(game.values, one.model_values + one.payoffs, one.budgets)

    def _leaving(self) -> list[Block]:
        heading, found = Heading("Would anybody leave?"), self._gains
        if found is None:
            why = "parties that want less than the best model, or more than 20 parties"
            return [heading, Paragraph(f"This is not looked into with {why}.")]
        coalitions = found.blocking.tolist()
        if not coalitions:
            words = "No group of parties would be better off by leaving and training on its own."
            return [heading, Paragraph(words)]
        several = self.allocation.game.seeds > 1
        margins = found.margins()
        rows = []
        for c in coalitions[:SHOWN]:
            row = [coalition_name(c, self._names), self._money(float(found.gains[c]))]
            if several:
                row.append(f"{found.tables[c]} of {found.seeds}")
                row.append("yes" if found.gains[c] > margins[c] else "no")
            rows.append(row)
        columns = ["group", "each member could have more by"]
        columns += ["in how many runs", "beyond their noise"] if several else []
        more = len(coalitions) - SHOWN
        return [
            heading,
            Paragraph(
                "Model rewards can be copied, so a group that leaves has a model of its own for "
                "each of its members. These would be better off that way. Agree on how long "
                "everyone stays, or on a payment that keeps them."
            ),
            TextTable(columns, rows, "<>" + ">>" * several),
            *([Paragraph(f"And {more} other groups, by less.")] if more > 0 else []),
        ]

    def _noise(self) -> list[Block]:
        game = self.allocation.game
        if game.seeds > 1:
            words = (
                f"The numbers are means over {game.seeds} independent runs of all trainings; "
                "behind ± stands the standard error of such a mean. The test set was the same for "
                "all runs: what another one would say is not in these errors."
            )
        else:
            words = (
                "There is one value of every coalition, so nothing is known of how much chance in "
                "training moves the payments. Train again with other seeds to know."
            )
        blocks: list[Block] = [Heading("How sure are these numbers?"), Paragraph(words)]
        if self.allocation.warnings:
            blocks += [Paragraph("Warnings:"), Items(self.allocation.warnings)]
        return blocks

    def _proof(self) -> list[Block]:
        document = receipt.receipt(self.allocation, self.source)
        text = receipt.to_json(self.allocation, self.source)
        worst = max(abs(one.gap) for one in self.allocation.certificates)
        digest = hashlib.sha256(text.encode()).hexdigest()
        written = document["command"].replace("--format=json", "--format=json --out=receipt.json")
        return [
            Heading("How to check this"),
            Paragraph(
                "The first command writes the receipt of this allocation, to the byte; the second "
                "checks it with exact fractions and none of the code that made it. VALUES is the "
                f"value table. No other shares pay more in all: proved with a gap of at most "
                f"{worst:.1e}."
            ),
            Code([written, "shapfair verify receipt.json VALUES", "sha256sum VALUES receipt.json"]),
            TextTable(
                ("file", "SHA-256"), [("VALUES", self.source.sha256), ("receipt.json", digest)]
            ),
        ]

    def _party(self, i: int) -> list[Block]:
        name, allocation = self._names[i], self.allocation
        mean = {
            key: self._means(key)[i]
            for key in ("own_values", "model_values", "costs", "revenues", "payoffs", "scaling")
        }
        total = mean["model_values"] + mean["payoffs"] - mean["own_values"]
        flows = allocation.mean("adjusted_flows")
        others = [j for j in range(allocation.game.n) if j != i]
        partners = [
            (self._names[j], *map(self._amount, (flows[j, i], flows[i, j])), *net)
            for j in others
            for net in [(self._amount(flows[j, i] - flows[i, j]),)]
        ]
        full = mean["scaling"] > 1 - 1e-9
        facts = [
            ("What its own model is worth", self._value(mean["own_values"])),
            ("What the model that it gets is worth", self._value(mean["model_values"])),
            ("Share of the improvement that it gets", "all" if full else f"{mean['scaling']:.1%}"),
            ("It pays", self._money(mean["costs"])),
            ("It is paid", self._money(mean["revenues"])),
            ("On balance", self._money(mean["payoffs"])),
            ("Budget", self._money(float(allocation.budgets[i]))),
        ]
        return [
            Heading(name, 2, new_page=True),
            Paragraph(self._sentence(i)),
            TextTable((name, ""), facts, "<>"),
            Heading("Why", 3),
            Paragraph(
                "The others pay for what these data add to their models, on average over all "
                "orders in which parties could have joined; and the other way round."
            ),
            TextTable(("party", f"pays {name}", f"is paid by {name}", "net"), partners, "<>>>"),
            Heading("What more money would buy", 3),
            Paragraph(self._more_money(i)),
            Heading("If it stays away", 3),
            Paragraph(
                f"Alone it has its own model, worth {self._value(mean['own_values'])}, and no "
                f"payments. Taking part is worth {self._money(total)} to it, model and payments "
                f"together. {self._groups_of(i)}"
            ),
        ]

    def _more_money(self, i: int) -> str:
        allocation, short = self.allocation, self._short[i]
        if not short:
            return "Its budget is enough, so more of it would change nothing."
        step = unit(float(allocation.mean("grand_value")))
        more, all_of_it = (
            float(self._again(i, amount).mean("model_values")[i])
            for amount in (allocation.budgets[i] + step, math.inf)
        )
        needed = -float(self._again(i, math.inf).mean("payoffs")[i])
        often = ""
        if allocation.game.seeds > 1:
            often = f" in {short} of {allocation.game.seeds} runs"
        now = self._value(self._means("model_values")[i])
        return (
            f"Its budget is too small{often}. With {self._money(step)} more its model would be "
            f"worth {self._value(more)} instead of {now}. With {self._money(needed)} it would get "
            f"one worth {self._value(all_of_it)}, if the others' budgets stay as they are."
        )

    def _again(self, i: int, budget: float) -> Allocation:
        """The allocation if one party had another budget."""
        one = self.allocation
        budgets = one.budgets.copy()
        budgets[i] = budget
        return allocate(one.game, budgets, one.desired)

    def _groups_of(self, i: int) -> str:
        if self._gains is None:
            return ""
        mine = [c for c in self._gains.blocking.tolist() if i in members(c)]
        if not mine:
            return "No group with it would be better off without the others."
        group, gain = coalition_name(mine[0], self._names), float(self._gains.gains[mine[0]])
        return f"In the group {group} every member could have {self._money(gain)} more."


def narrow(table: TextTable) -> list[TextTable]:
    """A table as several that fit on paper; each has the first column, of names."""
    wide = len(table.columns) - 1
    bounds = [1 + k * wide // parts for parts in [-(-wide // ABREAST)] for k in range(parts + 1)]

    def part(cells: Sequence[str], start: int, end: int) -> list[str]:
        return [cells[0], *cells[start:end]]

    return [
        TextTable(
            part(table.columns, *ends),
            [part(row, *ends) for row in table.rows],
            "".join(part(table.align, *ends)),
        )
        for ends in pairwise(bounds)
    ]


def unit(grand_value: float) -> float:
    """A hundredth of an amount, to one digit: an amount to think in."""
    hundredth = abs(grand_value) / 100
    if hundredth <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(hundredth))
    return round(hundredth / power) * power
