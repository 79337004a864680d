"""Tables of text for people: plain, as HTML in a notebook, and with lines on a terminal."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shapfair import escapes

if TYPE_CHECKING:
    import rich.table
    from rich.console import Console

WIDE = 1000
"""Columns of a console that is not on a terminal, since a file has no edge to break lines at."""

_SIDES = {"<": "left", ">": "right"}


@dataclass(frozen=True, repr=False)
class TextTable:
    """Named columns and rows of text.

    Its ``repr`` is plain text, a notebook shows it as HTML, and ``console(file).print(table)``
    draws lines around the cells.

    Attributes:
        columns: names of the columns.
        rows: the cells of every row, as many as there are columns.
        align: ``<`` or ``>`` for every column, left or right; empty if all are left.

    Raises:
        ValueError: if a row or ``align`` does not fit the columns.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    align: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", tuple(self.columns))
        object.__setattr__(self, "rows", tuple(map(tuple, self.rows)))
        object.__setattr__(self, "align", self.align or "<" * len(self.columns))
        wanted = len(self.columns)
        for k, row in enumerate(self.rows, start=1):
            if len(row) != wanted:
                raise ValueError(f"rows: row {k} has {len(row)} cells, need {wanted}")
        if len(self.align) != wanted or set(self.align) - set(_SIDES):
            raise ValueError(f"align: {self.align!r}, need < or > for each of {wanted} columns")

    def __repr__(self) -> str:
        return "\n".join("  ".join(line).rstrip() for line in zip(*self._padded(), strict=True))

    def _padded(self) -> Iterator[list[str]]:
        """The columns, their cells filled up to the same width."""
        for column, side in zip(
            zip(self.columns, *self.rows, strict=True), self.align, strict=True
        ):
            cells = list(map(escapes.terminal, column))
            width = max(map(len, cells))
            yield [cell.rjust(width) if side == ">" else cell.ljust(width) for cell in cells]

    def _repr_html_(self) -> str:
        return html(self, left=True)

    def __rich__(self) -> "rich.table.Table":
        from rich.table import Table as RichTable

        drawn = RichTable()
        for name, side in zip(self.columns, self.align, strict=True):
            drawn.add_column(escapes.terminal(name), justify="right" if side == ">" else "left")
        for row in self.rows:
            drawn.add_row(*map(escapes.terminal, row))
        return drawn


def html(
    table: TextTable,
    classes: str = "claims",
    *,
    left: bool = False,
    ids: Iterable[str] = (),
    marked: str = "",
    markup: Callable[[str], str] = escapes.html,
) -> str:
    """A table as HTML.

    Args:
        table: what to show.
        classes: classes of the element, for the style sheet.
        left: keep columns on the left there, where the style sheet has all but the first on the
            right.
        ids: anchors of the rows, if they have any.
        marked: a column whose cells have its name as their class.
        markup: HTML of the text of a cell.
    """
    looks = [
        (f' class="{marked}"' if name == marked else "")
        + (f' style="text-align: {_SIDES[side]}"' if side == ">" or (left and k > 0) else "")
        for k, (name, side) in enumerate(zip(table.columns, table.align, strict=True))
    ]

    def line(tag: str, cells: Sequence[str], opening: str = "<tr>") -> str:
        parts = (f"<{tag}{look}>{cell}</{tag}>" for cell, look in zip(cells, looks, strict=True))
        return f"{opening}{''.join(parts)}</tr>"

    openings = [f'<tr id="{name}">' for name in ids] or ["<tr>"] * len(table.rows)
    body = [
        line("td", [markup(cell) for cell in row], opening)
        for row, opening in zip(table.rows, openings, strict=True)
    ]
    head = line("th", [escapes.html(name) for name in table.columns])
    return "\n".join(
        [
            f'<table class="{classes}">',
            f"<thead>{head}</thead>",
            "<tbody>",
            *body,
            "</tbody>",
            "</table>",
        ]
    )


def console(file: Any) -> "Console":
    """A console that writes text as it is, without a meaning for brackets and colons.

    Args:
        file: a terminal, whose width is kept, or any other open text file, where no line breaks.
    """
    from rich.console import Console

    width = None if file.isatty() else WIDE
    return Console(file=file, markup=False, highlight=False, emoji=False, width=width)
