"""The paper's figure types: payoffs, model values and flows.

Functions draw into the given axes and return them. Colours are those of Okabe and Ito, which
colour-blind readers tell apart. Black, white and greys follow a page from light to dark
(:mod:`shapfair.report.pictures`).
"""

import io
import unicodedata
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from shapfair.allocation import Allocation
from shapfair.extras import load
from shapfair.report import pictures
from shapfair.report.numbers import tell
from shapfair.report.pictures import ALWAYS_BLACK, ALWAYS_WHITE
from shapfair.report.rows import number_format
from shapfair.report.text_tables import TextTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COST, REVENUE, PAYOFF, OWN, GAIN = "#D55E00", "#0072B2", "#000000", "#999999", "#009E73"
_CELL = "#0068A8"
"""The largest number of a panel of cells; smaller ones are mixed with the ground. On a dark ground
white letters are read on every mixture."""
_PARTIES = ("#D55E00", "#009E73", "#CC79A7", "#0072B2", "#000000")
"""Colours of parties that are drawn as circles."""

_STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "white",
    "figure.figsize": (6.0, 3.6),
    "figure.constrained_layout.use": True,
    "font.size": 12,
    "grid.color": "#dddddd",
    "legend.frameon": False,
    "savefig.facecolor": "white",
    "svg.hashsalt": "shapfair",  # element names, and so the file, depend on the content alone
}


_AS_IT_IS: dict[str, Any] = {"parse_math": False, "usetex": False}
"""How names of parties are drawn: a dollar sign is one, and begins no formula."""

_LINE, _SHORT = 40, 20
"""Characters of a name in one line, and those for which every figure has room."""


_WITH_ERRORS = 8
"""Most parties whose standard errors fit into the cells."""


def use_style() -> None:
    """Set fonts, colours and reproducible SVG for all figures that follow.

    In a notebook figures are then shown as :func:`shapfair.report.pictures.svg` makes them.
    """
    matplotlib = load("matplotlib")
    matplotlib.rcParams.update(_STYLE)
    try:
        from IPython.core.getipython import get_ipython
    except ModuleNotFoundError:
        return
    if shell := get_ipython():
        from matplotlib import pyplot
        from matplotlib.figure import Figure

        # A notebook's backend asks for PNG when it is loaded, else not before the first figure.
        pyplot.switch_backend(matplotlib.get_backend())
        display: Any = shell.display_formatter
        formatters = display.formatters
        for formatter in formatters.values():
            formatter.pop(Figure, None)
        formatters["image/svg+xml"].for_type(Figure, pictures.svg)


def plot_payoffs(
    allocation: Allocation, ax: "Axes", currency: str = "", *, seeds: Allocation | None = None
) -> "Axes":
    """Payoff of every party between its revenue and its cost, as in Figures 2a, 2c and 2e.

    Bars are means over the tables; with several tables error bars show one standard error.

    Args:
        allocation: what to draw.
        ax: where.
        currency: what a unit of payoff is called, if it has a name.
        seeds: of the single seeds, if the allocation is that of their mean table; the error bars
            are then theirs.
    """
    x = np.arange(allocation.game.n)
    ax.bar(x, -allocation.mean("costs"), 0.7, color=COST, alpha=0.45, label="cost")
    ax.bar(x, allocation.mean("revenues"), 0.7, color=REVENUE, alpha=0.45, label="revenue")
    payoffs = allocation.mean("payoffs")
    ax.bar(
        x, payoffs, 0.3, color=PAYOFF, label="payoff", **_error_bars(seeds or allocation, "payoffs")
    )
    ax.axhline(0, color="black", linewidth=0.8)
    ax.set_ylabel(f"payoff ({_unit(allocation, currency)})")
    if np.abs(allocation.game.values).max() >= 1e4:
        ax.yaxis.set_major_formatter("{x:,.0f}")
    return _by_party(allocation, ax)


def plot_models(allocation: Allocation, ax: "Axes", *, seeds: Allocation | None = None) -> "Axes":
    """Value of every party's model over its own model's, as in Figures 2b, 2d and 2f.

    The dashed line is the grand coalition's value, the best model that there is. Values are those
    that were measured, before the exchange rate.

    Args:
        allocation: what to draw.
        ax: where.
        seeds: see :func:`plot_payoffs`.
    """
    x, rate = np.arange(allocation.game.n), allocation.exchange_rate
    own, models = allocation.mean("own_values") / rate, allocation.mean("model_values") / rate
    ax.bar(x, own, 0.7, color=OWN, label="own model")
    errors = _error_bars(seeds or allocation, "model_values", 1 / rate)
    ax.bar(x, models - own, 0.7, bottom=own, color=GAIN, label="gained", **errors)
    grand_value = float(allocation.mean("grand_value")) / rate
    ax.axhline(grand_value, color="black", linestyle="--", linewidth=1, label="grand coalition")
    ax.set_ylabel("model (units of value)")
    return _by_party(allocation, ax)


def plot_payments(
    payments: Sequence[Sequence[Any]],
    ax: "Axes",
    names: Sequence[str] | None = None,
    places: Sequence[Sequence[Any]] | None = None,
) -> "Axes":
    """Who pays whom, as in Figure 1: an arrow from payer to payee for every payment that is not 0.

    Arrows have the payer's colour; their widths are proportional to the amounts. Two that go both
    ways keep to the right, as on a road.

    Args:
        payments: amounts, ``payments[i][j]`` is what ``i`` pays ``j``; the diagonal is ignored.
            Whole numbers and fractions are written as such, floats with three digits.
        ax: where to draw; its axes are hidden.
        names: of the parties, in their circles; by default 1, 2, ...
        places: of the parties, in the unit square; by default evenly on a circle, the first on top.
    """
    n = len(payments)
    turns = np.arange(n) / n
    circle = 0.5 + 0.5 * np.column_stack([np.sin(2 * np.pi * turns), np.cos(2 * np.pi * turns)])
    where = np.asarray(circle if places is None else places, dtype=float)
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j and payments[i][j]]
    largest = max((abs(float(payments[i][j])) for i, j in pairs), default=1.0)
    names = [f"{i + 1}" for i in range(n)] if names is None else names
    for i, (x, y) in enumerate(where):
        colour = _PARTIES[i % len(_PARTIES)]
        box = {"boxstyle": "circle,pad=0.45", "fc": colour, "ec": "none"}
        text: dict[str, Any] = {"ha": "center", "va": "center", "fontweight": "bold"}
        text["color"] = "white" if colour == "#000000" else letters(colour)
        ax.text(x, y, names[i], zorder=3, fontsize=14, bbox=box, **text, **_AS_IT_IS)
    rows = []
    for i, j in pairs:
        amount, both = payments[i][j], bool(payments[j][i])
        written = f"{amount:.3g}" if isinstance(amount, float) else f"{amount}"
        rows.append((names[i], names[j], written))
        width = max(1.0, 5 * abs(float(amount)) / largest)
        _arrow(ax, where[i], where[j], written, _PARTIES[i % len(_PARTIES)], width, bend=both)
    (left, low), (right, high) = where.min(axis=0) - 0.17, where.max(axis=0) + 0.17
    ax.set(xlim=(left, right), ylim=(low, high), aspect="equal")
    ax.axis("off")
    tell(ax, TextTable(("payer", "payee", "amount"), rows, "<<>"))
    return ax


def _arrow(
    ax: "Axes", start: Any, end: Any, text: str, colour: str, width: float, *, bend: bool
) -> None:
    rad = 0.17 if bend else 0.0
    arrow = {
        "arrowstyle": "-|>,head_length=0.5,head_width=0.3",
        "color": colour,
        "linewidth": width,
        "shrinkA": 24,
        "shrinkB": 24,
        "connectionstyle": f"arc3,rad={rad}",
    }
    ax.annotate("", end, start, zorder=1, arrowprops=arrow)
    # On the bend, nearer to the payer, so that numbers of crossing arrows stay apart.
    t = 0.4
    x, y = start + t * (end - start) + 2 * t * (1 - t) * rad * (end - start)[::-1] * (1, -1)
    box = {"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none"}
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 12, "fontweight": "bold"}
    ax.text(x, y, text, color=colour, zorder=2, bbox=box, **style)


def plot_flows(
    allocation: Allocation, ax: "Axes", currency: str = "", *, seeds: Allocation | None = None
) -> "Axes":
    """What every party (row) pays every other (column), as in Figures 2g and 2h.

    Numbers are means over the tables; with several tables and up to eight parties the standard
    error stands below each.

    Args:
        allocation: what to draw.
        ax: where.
        currency: see :func:`plot_payoffs`.
        seeds: likewise.
    """
    # A number has to fit its cell in a figure of six inches.
    return _flows(allocation, ax, currency, seeds or allocation, min(12.0, 60 / allocation.game.n))


def _flows(
    allocation: Allocation, ax: "Axes", currency: str, shown: Allocation, size: float
) -> "Axes":
    from matplotlib.colors import LinearSegmentedColormap

    n, several = allocation.game.n, shown.game.seeds > 1
    flows, texts = allocation.mean("adjusted_flows"), _amounts(allocation, shown)
    largest, mixed = float(np.abs(flows).max()) or 1.0, [(_CELL, 0.0), (_CELL, 1.0)]
    edges, others = np.arange(n + 1) - 0.5, ~np.eye(n, dtype=bool)
    ax.grid(False)
    ax.pcolormesh(
        *(edges, edges, np.ma.masked_where(~others, flows)),  # nobody pays itself
        cmap=LinearSegmentedColormap.from_list("mixed", mixed),
        vmin=0,
        vmax=largest,
        edgecolors="white",
        linewidth=1,
    )
    ax.set(aspect="equal", xlim=(-0.5, n - 0.5), ylim=(n - 0.5, -0.5))
    for i, j in np.argwhere(others):
        number, *error = texts[i][j].split()
        # Black follows the page; white is for cells that are dark on every ground.
        ink = letters(_CELL, max(0.0, float(flows[i, j])) / largest)
        text: dict[str, Any] = {"ha": "center", "color": "black" if ink == ALWAYS_BLACK else ink}
        below = several and n <= _WITH_ERRORS
        ax.text(j, i, number, va="bottom" if below else "center", fontsize=size, **text)
        if below:
            ax.text(j, i, error[0], va="top", fontsize=0.93 * size, **text)
    names = allocation.game.parties
    rows = [(name, *line) for name, line in zip(names, texts, strict=True)]
    tell(ax, TextTable(("pays \\ is paid", *names), rows, "<" + ">" * n))
    _name_parties(allocation, ax)
    ax.set_yticks(range(n), list(map(_lines, allocation.game.parties)), **_AS_IT_IS)
    ax.set_xlabel(f"is paid ({_unit(allocation, currency)})")
    ax.set_ylabel("pays")
    return ax


def _amounts(allocation: Allocation, shown: Allocation) -> list[list[str]]:
    """Flows as text, with standard errors if there are any; the diagonal is empty."""
    flows, n = allocation.mean("adjusted_flows"), allocation.game.n
    largest = float(np.abs(flows).max())
    number, error = number_format(largest, digits=3), number_format(largest)
    errors = shown.standard_error("adjusted_flows") if shown.game.seeds > 1 else None

    def text(i: int, j: int) -> str:
        if i == j:
            return ""
        return number(flows[i, j]) + ("" if errors is None else f" ±{error(errors[i, j])}")

    return [[text(i, j) for j in range(n)] for i in range(n)]


def _cell(allocation: Allocation, size: float) -> float:
    """Points that a cell needs for a number of that size."""
    n = allocation.game.n
    texts = [text.split() for line in _amounts(allocation, allocation) for text in line]
    shown = [part for text in texts for part in text[: 2 if n <= _WITH_ERRORS else 1]]
    return 12 + 0.67 * size * max(map(len, shown), default=1)


def figure(allocation: Allocation, currency: str = "") -> "Figure":
    """Payoffs, models and flows of an allocation, one above the other.

    Args:
        allocation: what to draw.
        currency: what a unit of payoff is called, if it has a name.
    """
    matplotlib = load("matplotlib")
    from matplotlib.figure import Figure

    n, crowded = allocation.game.n, _crowded(allocation.game.parties)
    longest = 0.1 * min(_LINE, max(map(_width, allocation.game.parties)))  # inches, about
    size = max(8.0, min(12.0, 60 / n))  # legible, though the figure gets wider
    below = longest if crowded else 0.2
    cells = max(2.0, n * _cell(allocation, size) / 72, 0 if crowded else 1.1 * n * longest)
    heights = (3 + below, 3 + below, cells + below + 0.7)
    with matplotlib.rc_context(_STYLE):
        # Without pyplot there is no window, no backend and nothing to close.
        drawing = Figure(figsize=(max(6.0, cells + longest + 1.2), sum(heights)))
        payoffs, models, flows = drawing.subplots(3, 1, height_ratios=heights)
        plot_payoffs(allocation, payoffs, currency)
        plot_models(allocation, models)
        _flows(allocation, flows, currency, allocation, size)
    return drawing


def save(drawing: "Figure", path: str | Path | io.BufferedIOBase, form: str = "svg") -> None:
    """Write a figure to a path or an open file in the format ``form``, always the same bytes.

    Warns:
        UserWarning: if the font lacks characters of the names.
    """
    matplotlib = load("matplotlib")
    dated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        file: Any = path
        drawing.savefig(file, format=form, metadata=dated.get(form), dpi=150)
    said = {str(warning.message): warning.category for warning in caught}
    lacking = [line for line in said if "missing from" in line]  # one a character
    if lacking:
        warnings.warn(f"figure: boxes for {len(lacking)} characters the font lacks", stacklevel=2)
    for line in said.keys() - set(lacking):
        warnings.warn(line, said[line], stacklevel=2)


def letters(colour: str, share: float = 1.0) -> str:
    """The colour of letters on another, mixed with white: black or white, what contrasts more.

    The contrast is never below 4.58, the square root of the 21 between black and white.
    """
    from matplotlib.colors import to_rgb

    mixed = share * np.array(to_rgb(colour)) + (1 - share)
    linear = np.where(mixed <= 0.04045, mixed / 12.92, ((mixed + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ (0.2126, 0.7152, 0.0722))  # WCAG 2.2, relative luminance
    return ALWAYS_BLACK if (luminance + 0.05) ** 2 > 1.05 * 0.05 else ALWAYS_WHITE


def _unit(allocation: Allocation, currency: str) -> str:
    """What payoffs are counted in."""
    return currency or ("units of value" if allocation.exchange_rate == 1 else "units of payoff")


def _error_bars(allocation: Allocation, name: str, scale: float = 1.0) -> dict:
    if allocation.game.seeds == 1:
        return {}
    return {"yerr": scale * allocation.standard_error(name), "ecolor": "#CC79A7", "capsize": 3}


def _by_party(allocation: Allocation, ax: "Axes") -> "Axes":
    _name_parties(allocation, ax)
    ax.set_xlabel("party")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    return ax


def _name_parties(allocation: Allocation, ax: "Axes") -> None:
    parties = allocation.game.parties
    # Upright names end at their tick, whatever font they are shown in.
    upright: dict[str, Any] = {"rotation": 90, "ha": "right", "va": "center"}
    turned = {**upright, "rotation_mode": "anchor"} if _crowded(parties) else {}
    ax.set_xticks(range(len(parties)), list(map(_lines, parties)), **turned, **_AS_IT_IS)


def _crowded(parties: Sequence[str]) -> bool:
    """Whether names are too long to stand beside each other."""
    return len(parties) * max(map(_width, parties)) > 40


def _width(name: str) -> int:
    """Width of a name in letters; those of East Asia count twice."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in name)


def _lines(name: str) -> str:
    """A name in lines that leave room for the figure."""
    line = _LINE if _width(name) == len(name) else _LINE // 2
    return "\n".join(name[k : k + line] for k in range(0, len(name), line))
