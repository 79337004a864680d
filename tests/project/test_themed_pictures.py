"""Figures of notebooks stand in the pages as elements, with their words and their numbers."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import ROOT, additive

from shapfair import Game, allocate
from shapfair.report import figures, pictures


def notebook(words: str) -> str:
    """A notebook with two figures, one of which has a caption."""
    allocation = allocate(Game(additive(1, 3, 4), ("Nord", "Süd", "West")))
    data = {"image/svg+xml": pictures.svg(figures.figure(allocation)), "text/plain": "<Figure>"}
    output = {"output_type": "display_data", "data": data, "metadata": {}}
    cells = [{"cell_type": "markdown", "metadata": {}, "source": ["# Page"]}]
    for more in ({"figure": {"caption": "Who pays.", "name": "fig"}}, {}):
        shown = {"mystnb": {"image": {"alt": words}, **more}}
        code = {"cell_type": "code", "execution_count": 1, "source": ["plot()"]}
        cells.append({**code, "metadata": shown, "outputs": [output]})
    language = {"language_info": {"name": "python"}}
    return json.dumps({"cells": cells, "metadata": language, "nbformat": 4, "nbformat_minor": 4})


@pytest.mark.slow
def test_figures_stand_in_the_page(tmp_path: Path) -> None:
    words = 'Three bars, "Nord" the lowest.'
    (tmp_path / "index.ipynb").write_text(notebook(words), encoding="utf-8")
    (tmp_path / "conf.py").write_text(
        f"import sys\nsys.path.append({str(ROOT / 'book' / '_ext')!r})\nnb_execution_mode = 'off'\n"
        "extensions = ['myst_nb', 'themed_pictures']\n"
    )
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-n", "-W", "-q", ".", "out"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    html = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "<img" not in html
    assert not list((tmp_path / "out").rglob("*.svg"))  # the files would double the site
    assert html.count(f'role="img" aria-label="{words.replace(chr(34), "&quot;")}"') == 2
    assert html.count("<style>") == 1
    ids = re.findall(r'id="(picture-[^"]+)"', html)
    assert len(ids) == len(set(ids)) > 0
    # Picture, caption, numbers, in this order.
    order = re.compile(r"<figure.*?<svg.*?<figcaption.*?Who pays.*?</figure>\s*<details", re.DOTALL)
    assert order.search(html)
    assert html.count("<summary>Numbers of this figure</summary>") == 2
    assert html.count("<td") == 2 * (3 * 4 + 3 * 3 + 3 * 4)
