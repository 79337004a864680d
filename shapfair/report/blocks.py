"""Documents for people, made of blocks that every format writes in its own way.

All text is plain: what others have chosen, such as a name, is harmless in each format.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from shapfair import escapes
from shapfair.report import pictures, text_tables
from shapfair.report.text_tables import TextTable


@dataclass(frozen=True)
class Heading:
    """A heading of level 1 (the title) to 3, perhaps at the top of a page when printed."""

    text: str
    level: int = 2
    new_page: bool = False


@dataclass(frozen=True)
class Paragraph:
    """Some sentences."""

    text: str


@dataclass(frozen=True)
class Items:
    """A list of sentences."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Code:
    """Lines to type as they are."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Picture:
    """A picture by :func:`shapfair.report.pictures.svg`, and words for whoever does not see it."""

    svg: str
    words: str


Block = Heading | Paragraph | Items | Code | Picture | TextTable

_STYLE = """
:root {
  color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --line: #d5dae0; --quiet: #57606a;
}
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ec; --paper: #16191d; --line: #3a4149; --quiet: #a3acb5; }
}
body { color: var(--ink); background: var(--paper); font: 16px/1.55 system-ui, sans-serif;
  max-width: 50rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
h1, h2, h3 { line-height: 1.25; margin: 2.2em 0 .6em; }
h1 { margin-top: 0; }
.scrolls { overflow-x: auto; margin: 1em 0;
  /* A shadow on the right, which the ground covers where the table ends. */
  background:
    linear-gradient(to left, var(--paper) 40%, transparent) right / 4rem 100% no-repeat local,
    linear-gradient(to left, var(--line), transparent) right / 1.5rem 100% no-repeat; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
th, td { padding: .35em .8em; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; }
td[style] { white-space: nowrap; }
thead th { color: var(--quiet); font-weight: 600; }
pre { border: 1px solid var(--line); border-radius: 4px; padding: .7em 1em; overflow-x: auto; }
figure { margin: 1.5em 0; }
figure { --picture-ink: var(--ink); --picture-ground: var(--paper); }
details.numbers { overflow-x: auto; }
@page {
  margin: 15mm;
  @bottom-right { content: counter(page) " / " counter(pages); font: 9pt system-ui, sans-serif; }
}
@media print {
  :root { color-scheme: light; --ink: #000; --paper: #fff; --line: #999; --quiet: #333; }
  body { max-width: none; margin: 0; padding: 0; font-size: 10pt; line-height: 1.45; }
  h1, h2, h3 { margin: 1.5em 0 .5em; break-after: avoid; }
  h1, .new-page { margin-top: 0; }
  .new-page { break-before: page; }
  table { font-size: 9pt; line-height: 1.3; }
  th, td { padding: .25em .6em; }
  /* Long names may break, not words of the head, nor numbers, which are aligned to the right. */
  th, td:not([style]) { overflow-wrap: anywhere; min-width: 5em; }
  td:not([style]) { min-width: 8em; }
  tr, figure, pre, .scrolls { break-inside: avoid; }
  figure .picture, .scrolls, pre { overflow: visible; background: none; }
  /* With its heading on a page of A4 or US letter. */
  figure .picture svg { min-width: 0 !important; max-height: 22cm; }
  figure .picture-note, details.numbers { display: none; }
  pre { white-space: pre-wrap; }
}
"""


def to_html(blocks: Sequence[Block]) -> str:
    """One file that asks for no other. The first heading of level 1 is its title."""
    title = next((b.text for b in blocks if isinstance(b, Heading) and b.level == 1), "")
    body = "\n".join(map(_html, blocks))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escapes.html(title)}</title>\n<style>{_STYLE}{pictures.STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _html(block: Block) -> str:
    text = escapes.html
    match block:
        case Heading(words, level, new_page):
            page = ' class="new-page"' if new_page else ""
            return f"<h{level}{page}>{text(words)}</h{level}>"
        case Paragraph(words):
            return f"<p>{text(words)}</p>"
        case Items(lines):
            return f"<ul>{''.join(f'<li>{text(line)}</li>' for line in lines)}</ul>"
        case Code(lines):
            return f'<pre tabindex="0">{text_lines(lines)}</pre>'
        case Picture(svg, words):
            drawn = pictures.inline(svg, words, "picture")
            return f"<figure>\n{drawn}\n{pictures.details(pictures.numbers_of(svg))}\n</figure>"
        case TextTable():
            # A region that scrolls has to be within reach of the keyboard.
            drawn = text_tables.html(block, markup=_cell)
            return f'<div class="scrolls" tabindex="0">{drawn}</div>'


def _cell(text: str) -> str:
    """HTML of a cell, with a standard error below its mean."""
    return escapes.html(text).replace(" ± ", "<br>± ")


def text_lines(lines: Sequence[str]) -> str:
    """Lines of text as HTML that keeps them."""
    return "\n".join(map(escapes.html, lines))


def to_markdown(blocks: Sequence[Block]) -> str:
    """The same as Markdown, without pictures, whose numbers stand in the tables."""
    parts = [_markdown(block) for block in blocks if not isinstance(block, Picture)]
    return "\n\n".join(parts) + "\n"


def _markdown(block: Block) -> str:
    match block:
        case Heading(words, level):
            return f"{'#' * level} {plain(words)}"
        case Paragraph(words):
            return plain(words)
        case Items(lines):
            return "\n".join(f"- {plain(line)}" for line in lines)
        case Code(lines):
            return "\n".join(f"    {escapes.terminal(line)}" for line in lines)
        case TextTable(columns, rows, align):
            sides = ["---:" if side == ">" else ":---" for side in align]
            head, *body = (list(map(plain, cells)) for cells in (columns, *rows))
            return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, sides, *body))
        case Picture():
            raise AssertionError("pictures are left out")


def plain(text: str) -> str:
    """Text that Markdown takes for no mark-up and no HTML."""
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~&$-])", r"\\\1", escapes.terminal(text))
