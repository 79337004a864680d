"""The numbers that a figure draws, as tables, for whoever wants to read or cannot see them.

They are read off the axes: bars with their error bars, lines, points, bands and coloured cells,
with the labels of ticks, axes and legends. A function that draws what says too little by itself,
such as arrows, tells its numbers with :func:`tell`. Lines across a whole panel are left out unless
they have a name, and so is shading; a panel whose axes are not drawn has no numbers.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from shapfair.report.text_tables import TextTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LONGEST = 60
"""Most points of one line or cloud that are written; of more, as many at even distances."""

_told: "WeakKeyDictionary[Axes, TextTable]" = WeakKeyDictionary()


@dataclass(frozen=True)
class Numbers:
    """The numbers of one panel.

    Attributes:
        title: which panel, and what else there is to say.
        table: its numbers, with four significant digits.
    """

    title: str
    table: TextTable


def tell(ax: "Axes", table: TextTable) -> None:
    """Say which numbers a panel shows, where its shapes do not tell."""
    _told[ax] = table


def numbers(figure: "Figure") -> list[Numbers]:
    """The numbers of every panel of a figure that has any, in the order of the panels.

    Args:
        figure: drawn before, so that its ticks have their labels.
    """
    names = _names(figure)
    found = []
    for ax in figure.axes:
        table, more = _told.get(ax), ""
        if table is None and ax.axison:
            table, more = _read(ax, names)
        if table is not None:
            found.append((_title(ax), more, table))
    return [
        Numbers(
            "; ".join(filter(None, (title or (f"panel {k}" if len(found) > 1 else ""), more))), t
        )
        for k, (title, more, t) in enumerate(found, start=1)
    ]


def written(values: Iterable[float]) -> list[str]:
    """Numbers of one column with four significant digits; what is 0 but for rounding is 0."""
    column = np.asarray(list(values), dtype=float)
    largest = np.abs(column[np.isfinite(column)]).max(initial=0.0)

    def one(x: float) -> str:
        if not np.isfinite(x):
            return "" if np.isnan(x) else f"{x}"
        if abs(x) <= 1e-9 * largest:
            return "0"
        if x == round(x) or abs(x) >= 1e3:
            return f"{x:,.0f}"
        return np.format_float_positional(x, precision=4, fractional=False, trim="-")

    return list(map(one, column.tolist()))


# --- what is drawn ------------------------------------------------------------------------------


@dataclass
class _Series:
    """What has one name: places along the axis, and columns of numbers at them."""

    name: str
    places: list[str]
    columns: dict[str, list[str]]

    def cut(self) -> "_Series":
        """With no more points than are written."""
        n = len(self.places)
        if n <= LONGEST:
            return self
        kept = np.linspace(0, n - 1, LONGEST).round().astype(int).tolist()
        columns = {key: [column[k] for k in kept] for key, column in self.columns.items()}
        return _Series(self.name, [self.places[k] for k in kept], columns)


def _read(ax: "Axes", names: dict[Any, str]) -> tuple[TextTable | None, str]:
    """Table of a panel, and what is to be said besides."""
    if (cells := _cells(ax)) is not None:
        return cells, ""
    sideways = _sideways(ax)
    across, along = (ax.yaxis, ax.xaxis) if sideways else (ax.xaxis, ax.yaxis)
    place, value = _plain(across.label.get_text()), _plain(along.label.get_text())
    everything = list(_series(ax, names, sideways, _places(across)))
    series = [one.cut() for one in everything]
    said = [
        f"{name}: {written([at])[0]}"
        for line in ax.lines
        if (name := _name(line, names)) and (at := _across(ax, line)) is not None
    ]
    if len(longer := {len(one.places) for one in everything if len(one.places) > LONGEST}):
        said.append(f"{LONGEST} of {max(longer):,} points of a line")
    more = "; ".join(said)
    if not series:
        return None, more
    if len(series) == 1 and not series[0].name:
        series[0].name = value or "value"
    same = len({tuple(one.places) for one in series}) == 1
    if same and len({one.name for one in series}) == len(series):
        columns = [
            (" ".join(filter(None, (one.name, key))), column)
            for one in series
            for key, column in one.columns.items()
        ]
        return _table([(place, series[0].places), *columns]), more
    # Points at different places: a row each, with the name of its series.
    columns = [("series", [one.name for one in series for _ in one.places])]
    columns = columns if any(columns[0][1]) else []
    columns.append((place, [text for one in series for text in one.places]))
    for key in dict.fromkeys(key for one in series for key in one.columns):
        texts = [t for one in series for t in one.columns.get(key, [""] * len(one.places))]
        columns.append((key or value or "value", texts))
    return _table(columns), more


def _table(columns: Sequence[tuple[str, list[str]]]) -> TextTable:
    head = [name or "place" for name, _ in columns]
    align = "".join("<" if not _numeric(column) else ">" for _, column in columns)
    return TextTable(head, list(zip(*(c for _, c in columns), strict=True)), align)


def _numeric(column: Iterable[str]) -> bool:
    return all(_number(text) is not None for text in column if text)


def _number(text: str) -> float | None:
    try:
        return float(text.replace("\N{MINUS SIGN}", "-").replace(",", ""))
    except ValueError:
        return None


def _series(
    ax: "Axes", names: dict[Any, str], sideways: bool, places: Callable[[Any], list[str]]
) -> Iterator[_Series]:
    """Bars, then error bars, lines, points and bands."""
    from matplotlib import collections, container

    def series(artist: Any, xy: Any, name: str = "", **more: Any) -> _Series:
        points = np.asarray(xy, dtype=float).reshape(-1, 2)
        across, along = points.T[::-1] if sideways else points.T
        columns = {"": along} | more
        return _Series(
            name or _name(artist, names),
            places(across),
            {key: written(column) for key, column in columns.items()},
        )

    taken: list[Any] = []
    for group in ax.containers:
        if isinstance(group, container.BarContainer):
            centres = [
                (p.get_y() + p.get_height() / 2, v)[::-1]
                if sideways
                else (p.get_x() + p.get_width() / 2, v)
                for p, v in zip(group.patches, np.asarray(group.datavalues), strict=True)
            ]
            name = _name(group, names) or _name(group.patches[0], names) if group.patches else ""
            yield series(group, centres, name, **_errors(group.errorbar, sideways))
        elif isinstance(group, container.ErrorbarContainer):
            line, caps, bars = group.lines
            taken += [*filter(None, [line]), *caps, *bars]
            if any(group is getattr(other, "errorbar", None) for other in ax.containers):
                continue
            if line is None:
                continue
            found = _errors(group, sideways) or _errors(group, not sideways)
            yield series(
                group, line.get_xydata(), _name(line, names) or _name(group, names), **found
            )
    for line in ax.lines:
        drawn = line.get_linestyle() != "None" or line.get_marker() not in ("None", "", None)
        if drawn and line not in taken and line.get_transform() == ax.transData:
            yield series(line, line.get_xydata())
    for item in ax.collections:
        if item in taken:
            continue
        if isinstance(item, collections.PathCollection):
            yield series(item, item.get_offsets())
        elif isinstance(item, collections.LineCollection):
            yield series(item, [np.mean(s, axis=0) for s in item.get_segments()])
        elif isinstance(item, collections.FillBetweenPolyCollection):
            name = _name(item, names)
            for path in item.get_paths():
                outline = np.asarray(path.vertices)[:-1]
                n = len(outline) // 2 - 1
                low, high = outline[1 : n + 1], outline[n + 2 :][::-1]
                one = series(item, low, f"{name} band".strip(), to=high[:, 1])
                one.columns = {"from": one.columns[""], "to": one.columns["to"]}
                yield one


def _errors(group: Any, sideways: bool) -> dict[str, Any]:
    """Lengths of error bars, down and up if they differ."""
    if group is None or not group.lines[2]:
        return {}
    line, _, (bars, *_) = group.lines
    axis = 0 if sideways else 1
    ends = np.array([segment[:, axis] for segment in bars.get_segments()])
    if not np.ptp(ends, axis=1).any():
        return {}
    middle = ends.mean(axis=1) if line is None else np.asarray(line.get_xydata())[:, axis]
    down, up = middle - ends[:, 0], ends[:, 1] - middle
    if np.allclose(down, up, rtol=1e-6, atol=1e-12):
        return {"±": up}
    return {"from": ends[:, 0], "to": ends[:, 1]}


def _cells(ax: "Axes") -> TextTable | None:
    """A panel of coloured cells: a row and a column for each of its own."""
    from matplotlib import collections

    meshes = [item for item in ax.collections if isinstance(item, collections.QuadMesh)]
    if not meshes and not ax.images:
        return None
    if meshes:
        values = _filled(meshes[0])
        corners = np.asarray(meshes[0].get_coordinates())
        values = values.reshape(corners.shape[0] - 1, corners.shape[1] - 1)
        x = (corners[0, 1:, 0] + corners[0, :-1, 0]) / 2
        y = (corners[1:, 0, 1] + corners[:-1, 0, 1]) / 2
    else:
        values = _filled(ax.images[0])
        x, y = np.arange(values.shape[1]), np.arange(values.shape[0])
    if values.size > LONGEST**2:
        return None
    corner = " \\ ".join(_plain(a.label.get_text()) for a in (ax.yaxis, ax.xaxis)).strip(" \\")
    texts = written(values.ravel())
    columns = [texts[k :: len(x)] for k in range(len(x))]
    names = _places(ax.xaxis)(x)
    return _table([(corner, _places(ax.yaxis)(y)), *zip(names, columns, strict=True)])


def _filled(cells: Any) -> Any:
    """Numbers of coloured cells; those without a colour are not numbers."""
    return np.ma.filled(np.ma.asarray(cells.get_array(), dtype=float), np.nan)


# --- what it is called --------------------------------------------------------------------------


def _title(ax: "Axes") -> str:
    titles = (_plain(ax.get_title(loc=side)) for side in ("left", "center", "right"))
    axis = ax.xaxis if _sideways(ax) else ax.yaxis
    return next(filter(None, titles), "") or _plain(axis.label.get_text())


def _plain(text: str) -> str:
    return " ".join(text.replace("$", "").split())


def _look(artist: Any) -> Any:
    """What tells the artists of a legend apart: colour, and for lines whether they are dashed."""
    from matplotlib import colors

    for get in ("get_color", "get_facecolor", "get_edgecolor"):
        colour = getattr(artist, get, lambda: None)()
        if colour is not None and len(rgba := colors.to_rgba_array(colour)) and rgba[0, 3]:
            return tuple(rgba[0, :3].round(3).tolist())
    return None


def _legends(figure: "Figure") -> Iterator[tuple[Any, str]]:
    legends = [*figure.legends, *filter(None, (ax.get_legend() for ax in figure.axes))]
    for legend in legends:
        for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True):
            handle = handle[0] if isinstance(handle, tuple) else handle
            yield _look(handle), _plain(text.get_text())


def _names(figure: "Figure") -> dict[Any, str]:
    """Names by colour, as legends give them, where a colour has only one."""
    ordered = sorted(set(_legends(figure)), key=repr)
    groups = {look: [name for _, name in g] for look, g in groupby(ordered, key=lambda p: p[0])}
    return {look: names[0] for look, names in groups.items() if len(names) == 1}


def _name(artist: Any, names: dict[Any, str]) -> str:
    """Label of an artist, or that of its colour in a legend."""
    label = str(artist.get_label() or "")
    if label and not label.startswith("_"):
        return _plain(label)
    return names.get(_look(artist), "")


def _sideways(ax: "Axes") -> bool:
    """Whether places lie on the vertical axis: horizontal bars, or names on that axis alone."""
    turned = {getattr(group, "orientation", None) for group in ax.containers} - {None}
    if turned:
        return turned == {"horizontal"}
    return _labels(ax.yaxis) is not None and _labels(ax.xaxis) is None


def _labels(axis: Any) -> list[tuple[float, str]] | None:
    """Places and texts of the ticks, if these are names and not the places as numbers."""
    from matplotlib.category import StrCategoryFormatter
    from matplotlib.ticker import FixedFormatter, FuncFormatter

    named = FixedFormatter | FuncFormatter | StrCategoryFormatter  # what ticks with labels have
    if not isinstance(axis.get_major_formatter(), named):
        return None
    places = np.asarray(axis.get_majorticklocs(), dtype=float).tolist()
    texts = [" ".join(label.get_text().split()) for label in axis.get_majorticklabels()]
    pairs = list(zip(places, texts, strict=False))
    if all((x := _number(t)) is not None and np.isclose(x, p) for p, t in pairs if t):
        return None
    return pairs


def _places(axis: Any) -> Callable[[Any], list[str]]:
    """Writes places on an axis: the name of the nearest tick where ticks have names."""
    pairs = _labels(axis)
    if pairs is None:
        return lambda where: written(where)
    at = np.array([place for place, _ in pairs])
    reach = np.diff(np.sort(at)).min(initial=1.0) / 2

    def names(where: Any) -> list[str]:
        found = []
        for x in np.asarray(where, dtype=float):
            k = int(np.abs(at - x).argmin())
            found.append(pairs[k][1] if abs(at[k] - x) <= reach else written([x])[0])
        return found

    return names


def _across(ax: "Axes", line: Any) -> float | None:
    """Where a line across the whole panel lies, if it is one."""
    x, y = line.get_xdata(), line.get_ydata()
    if line.get_transform() == ax.get_yaxis_transform(which="grid"):
        return float(y[0])
    if line.get_transform() == ax.get_xaxis_transform(which="grid"):
        return float(x[0])
    return None
