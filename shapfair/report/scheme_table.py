"""Schemes against properties, for readers: the answers, and the counterexample of every "no"."""

import re
from collections.abc import Sequence

from shapfair import escapes
from shapfair.report.text_tables import TextTable, html
from shapfair.theory.properties import Cell, describe


class Answers(TextTable):
    """Cells that end in a number in square brackets lead to that row of the counterexamples."""

    def _repr_html_(self) -> str:
        return _closed(html(self, "claims grid", markup=_linked))


class Counterexamples(TextTable):
    """Numbered rows that answers lead to."""

    def _repr_html_(self) -> str:
        ids = [f"counterexample-{k}" for k in range(1, len(self.rows) + 1)]
        return _closed(html(self, "claims grid", ids=ids))


def scheme_table(cells: Sequence[Cell]) -> Answers:
    """Schemes against properties; a "no" has the number of its row in :func:`counterexamples`."""
    numbers = {c: k for k, c in enumerate(_refuted(cells), start=1)}
    columns = list(dict.fromkeys(c.property for c in cells))

    def words(c: Cell) -> str:
        found = {"no": f"no [{numbers.get(c)}]", "does not apply": f"does not apply: {c.witness}"}
        return found.get(c.answer, c.answer)

    rows = {name: [name] for name in dict.fromkeys(c.scheme for c in cells)}
    for c in cells:
        rows[c.scheme].append(words(c))
    return Answers(["scheme", *columns], list(rows.values()))


def counterexamples(cells: Sequence[Cell]) -> Counterexamples:
    """The smallest counterexample of every "no", in the order of the cells."""
    rows = [
        (
            f"{k}. {c.scheme}: {c.property}",
            " plus ".join(map(describe, c.counterexample)),
            c.witness,
        )
        for k, c in enumerate(_refuted(cells), start=1)
    ]
    return Counterexamples(("scheme: property", "smallest game", "what breaks it"), rows)


def _refuted(cells: Sequence[Cell]) -> list[Cell]:
    return [c for c in cells if c.answer == "no"]


def _linked(cell: str) -> str:
    link = re.fullmatch(r".* \[(\d+)\]", cell)
    return (
        f'<a href="#counterexample-{link[1]}">{escapes.html(cell)}</a>'
        if link
        else escapes.html(cell)
    )


def _closed(markup: str) -> str:
    """Both ends on one line, as the stored page has them."""
    return markup.replace("</tbody>\n", "</tbody>")
