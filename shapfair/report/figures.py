"""The paper's figure types: payoffs, model values and flows.

Functions draw into the given axes and return them. Colours are those of Okabe and Ito, which
colour-blind readers tell apart; the background is opaque, so figures read on light and dark pages.
"""

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from shapfair.allocation import Allocation
from shapfair.extras import load
from shapfair.report.rows import number_format

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COST, REVENUE, PAYOFF, OWN, GAIN = "#D55E00", "#0072B2", "#000000", "#999999", "#009E73"
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


def use_style() -> None:
    """Set fonts, colours and reproducible SVG for all figures that follow."""
    load("matplotlib").rcParams.update(_STYLE)


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
    for i, (x, y) in enumerate(where):
        box = {"boxstyle": "circle,pad=0.45", "fc": _PARTIES[i % len(_PARTIES)], "ec": "none"}
        text: dict[str, Any] = {"ha": "center", "va": "center", "fontweight": "bold"}
        name = f"{i + 1}" if names is None else names[i]
        ax.text(x, y, name, color="white", zorder=3, fontsize=14, bbox=box, **text, **_AS_IT_IS)
    for i, j in pairs:
        amount, both = payments[i][j], bool(payments[j][i])
        written = f"{amount:.3g}" if isinstance(amount, float) else f"{amount}"
        width = max(1.0, 5 * abs(float(amount)) / largest)
        _arrow(ax, where[i], where[j], written, _PARTIES[i % len(_PARTIES)], width, bend=both)
    (left, low), (right, high) = where.min(axis=0) - 0.17, where.max(axis=0) + 0.17
    ax.set(xlim=(left, right), ylim=(low, high), aspect="equal")
    ax.axis("off")
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

    Numbers are means over the tables; with several tables the standard error stands below each.

    Args:
        allocation: what to draw.
        ax: where.
        currency: see :func:`plot_payoffs`.
        seeds: likewise.
    """
    shown = seeds or allocation
    n, several = allocation.game.n, shown.game.seeds > 1
    flows, errors = allocation.mean("adjusted_flows"), shown.standard_error("adjusted_flows")
    largest, others = float(np.abs(flows).max()), ~np.eye(n, dtype=bool)
    number, error = number_format(largest, digits=3), number_format(largest)
    size = min(12.0, 60 / n)  # points; a number has to fit its cell
    ax.grid(False)
    # An empty diagonal: nobody pays itself.
    ax.imshow(np.where(others, flows, np.nan), cmap="Blues", vmin=0, vmax=largest or 1.0)
    for i, j in np.argwhere(others):
        text: dict[str, Any] = {"ha": "center", "fontsize": size}
        text["color"] = "white" if flows[i, j] > 0.6 * largest else "black"
        ax.text(j, i, number(flows[i, j]), va="bottom" if several else "center", **text)
        if several:
            text["fontsize"] = 0.7 * size
            ax.text(j, i, f"±{error(errors[i, j])}", va="top", **text)
    _name_parties(allocation, ax)
    ax.set_yticks(range(n), list(map(_lines, allocation.game.parties)), **_AS_IT_IS)
    ax.set_xlabel(f"is paid ({_unit(allocation, currency)})")
    ax.set_ylabel("pays")
    return ax


def figure(allocation: Allocation, currency: str = "") -> "Figure":
    """Payoffs, models and flows of an allocation, one above the other.

    Args:
        allocation: what to draw.
        currency: what a unit of payoff is called, if it has a name.
    """
    matplotlib = load("matplotlib")
    from matplotlib.figure import Figure

    n, longest = allocation.game.n, max(map(len, allocation.game.parties))
    more = 0.1 * max(0, min(longest, _LINE) - _SHORT)  # inches
    with matplotlib.rc_context(_STYLE):
        # Without pyplot there is no window, no backend and nothing to close.
        drawing = Figure(figsize=(max(6.0, 0.9 * n) + more, max(12.0, 7.2 + 0.7 * n) + 3 * more))
        payoffs, models, flows = drawing.subplots(3, 1)
        plot_payoffs(allocation, payoffs, currency)
        plot_models(allocation, models)
        plot_flows(allocation, flows, currency)
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
    crowded = len(parties) * max(map(len, parties)) > 40
    ax.set_xticks(
        range(len(parties)),
        list(map(_lines, parties)),
        rotation=90 if crowded else 0,
        **_AS_IT_IS,
    )


def _lines(name: str) -> str:
    """A name in lines that leave room for the figure."""
    return "\n".join(name[k : k + _LINE] for k in range(0, len(name), _LINE))
