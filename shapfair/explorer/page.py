"""The explorer as HTML: an element with its data, and a page that needs no other file."""

import json
from pathlib import Path
from typing import Any

from shapfair import escapes
from shapfair.receipt import Source

FOLDER = Path(__file__).parent
STYLE = "explorer.css"
SCRIPTS = ("solver.js", "tables.js", "words.js", "explorer.js")
"""In the order in which they need each other."""

MOST = 16
"""Parties that the explorer takes; so say its scripts, too."""

FALLBACK = (
    "The explorer runs in a browser with JavaScript. Without it, <code>shapfair allocate</code> "
    "gives the same numbers."
)

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{name}: budget explorer</title>
<link rel="icon" href="data:,">
<style>
:root {{ color-scheme: light dark; }}
body {{ max-width: 60rem; margin: 2rem auto; padding: 0 1rem; font-family: system-ui, sans-serif; }}
{style}</style>
</head>
<body>
<h1>{name}</h1>
{element}{scripts}</body>
</html>
"""


def table_data(source: Source, file: str) -> dict[str, Any]:
    """A value table as the explorer reads it: its seeds, values in bitmask order.

    Args:
        source: the table.
        file: what its file is called in commands and receipts.
    """
    game = source.game
    return {
        "file": file,
        "sha256": source.sha256,
        "parties": list(game.parties),
        "values": game.values.reshape(-1, 2**game.n).tolist(),
    }


def element(data: dict[str, Any]) -> str:
    """The element that the scripts fill.

    Args:
        data: ``tables``, which are offered, the first at first; ``small``, whether all but budgets
            and models is left out; ``full``, the page with everything; ``example``, text of a table
            to begin with.
    """
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    return (
        f'<div class="explorer{" is-small" if data["small"] else ""}">\n'
        f'<p class="explorer-fallback">{FALLBACK}</p>\n'
        f'<script type="application/json">{text}</script>\n</div>\n'
    )


def page(source: Source, file: str) -> str:
    """A page with the explorer of one table.

    Args:
        source: the table.
        file: its file, as in :func:`table_data`.

    Raises:
        ValueError: if the explorer does not take so many parties.
    """
    if (n := source.game.n) > MOST:
        raise ValueError(
            f"{file}: {n} parties, the explorer takes up to {MOST}, shapfair allocate up to 26"
        )
    name = Path(file).name
    table = {"id": "table", "name": name, "note": "", **table_data(source, file)}
    scripts = (f"<script>\n{(FOLDER / script).read_text('utf-8')}</script>\n" for script in SCRIPTS)
    return PAGE.format(
        name=escapes.html(name),
        style=(FOLDER / STYLE).read_text("utf-8"),
        element=element({"tables": [table], "small": False, "full": "", "example": ""}),
        scripts="".join(scripts),
    )
