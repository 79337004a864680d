"""Figures as SVG whose text is text, and as elements of a page that take its colours.

A picture carries the numbers that it draws. As a file it is black on white; put into a page,
black is the page's ink, white its ground, and grey what lies between, so it follows the page from
light to dark. Other colours stay, and are drawn nearer to the ink where they are text.
"""

import io
import json
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unicodedata import east_asian_width
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from shapfair import escapes
from shapfair.extras import load
from shapfair.report import text_tables
from shapfair.report.numbers import Numbers, numbers
from shapfair.report.text_tables import TextTable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ALWAYS_BLACK, ALWAYS_WHITE = "#000001", "#fffffe"
"""Text on a colour that does not follow the page."""

FONTS = "'DejaVu Sans', Verdana, sans-serif"
"""The font that pictures are laid out for, and the next that is as wide."""

PHONE, LEGIBLE = 358, 9.0
"""Pixels of a phone's width that a picture has, and of the smallest text that is read there."""

STYLE = """
.picture { overflow-x: auto; }
.picture svg { display: block; max-width: 100%; height: auto; margin: 0 auto;
  color: var(--picture-ink, #000); }
.picture-note { display: none; font-size: .85rem; }
@media (max-width: 600px) { .picture-note { display: block; } }
"""
"""What a page has to know; it may set ``--picture-ink`` and ``--picture-ground``."""

_SVG, _LINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)
_HEADER = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_FAMILY = re.compile(r" ?font-family: [^;\"]*;?")
_UNTURNED = re.compile(r' transform="rotate\(-?0 [^)]*\)"')
_FONT_SIZE = re.compile(r"font-size: ([\d.]+)px")
_COLOUR = re.compile(r"#([0-9a-f]{6})\b")
_REFERENCE = re.compile(r"#([\w-]+)")


def svg(figure: "Figure") -> str:
    """A figure as SVG, always the same characters, with its numbers.

    Small letters are drawn larger, if the panels allow for it, until they are legible on a phone.
    """
    matplotlib = load("matplotlib")
    from matplotlib.text import Text

    least = 1.01 * LEGIBLE * 72 * figure.get_figwidth() / PHONE
    for letters in figure.findobj(Text):
        assert isinstance(letters, Text)
        if 0.78 * least < float(letters.get_fontsize()) < least:  # smaller ones have to fit a cell
            letters.set_fontsize(least)
    file = io.BytesIO()
    style = {"svg.fonttype": "none", "svg.hashsalt": "shapfair"}
    # Letters stay letters: whatever shows the picture has the fonts that they need.
    form: dict[str, Any] = {"format": "svg", "facecolor": "white", "metadata": {"Date": None}}
    with matplotlib.rc_context(style), warnings.catch_warnings(), wide_letters():
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        figure.savefig(file, bbox_inches="tight", pad_inches=0.02, **form)
    kept = [
        {"title": one.title, **{k: getattr(one.table, k) for k in ("columns", "rows", "align")}}
        for one in numbers(figure)
    ]
    data = f"<metadata>{escape(json.dumps(kept))}</metadata>"
    text = _UNTURNED.sub("", _FAMILY.sub("", _HEADER.sub("", file.getvalue().decode())))
    text = text.replace("<svg ", f'<svg font-family="{FONTS}" ', 1)
    return _METADATA.sub(lambda _: data, text, count=1)


@contextmanager
def wide_letters() -> Iterator[None]:
    """Give letters of East Asia their room, a square each like a long dash.

    Matplotlib's own font lacks them, and boxes in their place have another width.
    """
    from matplotlib import text

    measured = text._get_text_metrics_with_cache  # type: ignore[attr-defined]

    def measure(renderer: Any, letters: str, *rest: Any, **more: Any) -> Any:
        like = "".join("\N{EM DASH}" if east_asian_width(c) in "WF" else c for c in letters)
        width, *high = measured(renderer, like, *rest, **more)
        return width, *(measured(renderer, "lp", *rest, **more)[1:] if like != letters else high)

    text._get_text_metrics_with_cache = measure  # type: ignore[attr-defined]
    try:
        yield
    finally:
        text._get_text_metrics_with_cache = measured  # type: ignore[attr-defined]


def numbers_of(picture: str) -> list[Numbers]:
    """The numbers that a picture made by :func:`svg` carries."""
    element = ElementTree.fromstring(picture).find(f"{{{_SVG}}}metadata")
    kept = json.loads(element.text or "[]") if element is not None else []
    return [
        Numbers(one["title"], TextTable(one["columns"], one["rows"], one["align"])) for one in kept
    ]


def inline(picture: str, words: str, name: str) -> str:
    """A picture as an element of a page.

    Args:
        picture: made by :func:`svg`.
        words: what it shows, for whoever does not see it.
        name: begins the names inside, which no other picture of the page may have.
    """
    root = ElementTree.fromstring(picture)
    left, low, width, height = map(float, root.get("viewBox", "").split())
    used = {match[1] for value in _values(root) for match in _REFERENCE.finditer(value)}
    for element in list(root.iter()):
        for child in list(element):
            if _tag(child) in ("metadata", "style"):
                element.remove(child)
        _plain_names(element, used, name)
        if "style" in element.attrib:
            element.set("style", _themed(element.get("style", ""), _tag(element) in _LETTERS))
    smallest = min(filter(None, map(_size, root.iter("text"))), default=12.0)
    needed = round(min(LEGIBLE / smallest, 4 / 3) * width)
    root.attrib.clear()
    root.attrib |= {
        "role": "img",
        "aria-label": words,
        "viewBox": f"{left:g} {low:g} {width:g} {height:g}",
        "width": f"{width * 4 / 3:.0f}",  # pixels in points
        "style": f"min-width: {needed}px" if needed > PHONE else "",
        "fill": "currentColor",  # what has no colour is black
        "font-family": FONTS,
        "stroke-linejoin": "round",
    }
    body = ElementTree.tostring(root, encoding="unicode").replace(' style=""', "")
    note = '<p class="picture-note">Scrolls sideways.</p>\n' if needed > PHONE else ""
    reached = ' tabindex="0"' if note else ""  # what scrolls has to be within reach of the keyboard
    return f'{note}<div class="picture"{reached}>{body}</div>'


def details(found: list[Numbers]) -> str:
    """Numbers as tables that open on demand, or nothing if there are none."""
    if not found:
        return ""
    tables = "\n".join(
        (f"<p>{escapes.html(one.title)}</p>\n" if one.title else "")
        + text_tables.html(one.table, "claims numbers")
        for one in found
    )
    return (
        '<details class="numbers">\n<summary>Numbers of this figure</summary>\n'
        f"{tables}\n</details>"
    )


_LETTERS = ("text", "tspan")


def _tag(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _values(root: Any) -> Iterator[str]:
    return (value for element in root.iter() for value in element.attrib.values())


def _size(text: Any) -> float:
    """Size of the letters of a text; of a formula, those that are not raised or lowered."""
    return max((float(x) for v in _values(text) for x in _FONT_SIZE.findall(v)), default=0.0)


def _plain_names(element: Any, used: set[str], name: str) -> None:
    """Names as HTML has them: no namespaces, and none that nothing refers to."""
    element.tag = _tag(element)
    for key, value in list(element.attrib.items()):
        del element.attrib[key]
        if key == "id":
            if value in used:
                element.set(key, f"{name}-{value}")
        elif key == f"{{{_LINK}}}href":
            element.set("href", value.replace("#", f"#{name}-"))
        else:
            element.set(key, value.replace("url(#", f"url(#{name}-"))


def _themed(style: str, letters: bool) -> str:
    """A style with the page's colours."""

    def colour(match: re.Match[str]) -> str:
        if match[0] in (ALWAYS_BLACK, ALWAYS_WHITE):
            return match[0]
        red, green, blue = (int(match[1][k : k + 2], 16) for k in (0, 2, 4))
        if red == green == blue:
            if red in (0, 255):
                return "var(--picture-ground, #fff)" if red else "currentColor"
            share = round(100 - red / 2.55)
            return f"color-mix(in srgb, currentColor {share}%, var(--picture-ground, #fff))"
        return f"color-mix(in srgb, {match[0]} 60%, currentColor)" if letters else match[0]

    return _COLOUR.sub(colour, style)
