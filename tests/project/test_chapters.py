"""What every chapter on the theory ends with, and the page that collects it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import for_a_party
import pytest
import yaml
from helpers import ROOT
from ledger import markdown

PART, BEYOND = "The theory, statement by statement", "Beyond the paper"
CHAPTERS = for_a_party.chapters(ROOT, PART) + for_a_party.chapters(ROOT, BEYOND)
EXTENSIONS = ROOT / "book" / "_ext"

chapter = pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in CHAPTERS])


def test_chapters_are_those_of_the_theory() -> None:
    names = [path.stem for path in CHAPTERS]
    assert names[0] == "01_games_and_shapley"
    assert "09_monotonicity" in names
    assert "10_training_every_coalition" not in names


def test_page_repeats_that_part() -> None:
    page = (ROOT / "book" / "for_a_party.md").read_text(encoding="utf-8")
    for part in (PART, BEYOND):
        assert f"```{{for-a-party}} {part}\n```" in page


@chapter
def test_no_relation_of_formulas_runs_into_the_next_letter(path: Path) -> None:
    """As in ``\\neN``, which TeX does not know, and which is shown red only when it is drawn."""
    relations = r"\\(?:neq?|in|notin|subset(?:eq)?|setminus|cup|cap)[A-Z]\w*"
    assert re.findall(relations, markdown(path)) == []


@chapter
def test_box_for_a_party_is_in_plain_words(path: Path) -> None:
    text = markdown(path)
    (box,) = for_a_party.BOX.findall(text)
    assert text.index("## What to remember") < text.index(box)
    # No formulas, and no links or labels: the words also stand on another page.
    assert re.findall(r"\$|\{[a-z:]+\}`|\]\(|^\(.+\)=", box, re.MULTILINE) == []
    assert 60 <= len(box.split()) <= 250


@chapter
def test_exercises_have_solutions_which_are_folded_and_run(path: Path) -> None:
    text = markdown(path)
    exercises = re.findall(r"^`{3,}\{exercise\}.*\n:label: (\S+)$", text, re.MULTILINE)
    solutions = re.findall(
        r"^`{3,}\{solution(?:-start)?\} (\S+)\n:class: dropdown$", text, re.MULTILINE
    )
    assert len(exercises) in (2, 3)
    assert solutions == exercises
    assert "{solution-start}" in text  # code, in cells of the page


# --- the directive -------------------------------------------------------------------------------

BOXED = "# {}\n\n:::{{admonition}} For a party\n:class: for-a-party\n\nWords of {}.\n\nMore.\n:::"


def build(folder: Path, pages: dict[str, str], caption: str = "Theory") -> tuple[int, str, Path]:
    """Exit status, messages and the collecting page of a strict build of a small book."""
    (folder / "notebooks").mkdir()
    for name, text in pages.items():
        cell = {"cell_type": "markdown", "metadata": {}, "source": [text]}
        page = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
        (folder / "notebooks" / f"{name}.ipynb").write_text(json.dumps(page))
    files = [{"file": f"notebooks/{name}"} for name in pages]
    parts = [{"caption": "Theory", "chapters": [*files, {"file": "all"}]}]
    (folder / "_toc.yml").write_text(yaml.safe_dump({"root": "index", "parts": parts}))
    (folder / "all.md").write_text(f"# For a party\n\n```{{for-a-party}} {caption}\n```\n")
    names = "\n".join([*(file["file"] for file in files), "all"])
    (folder / "index.md").write_text(f"# Book\n\n```{{toctree}}\n{names}\n```\n")
    (folder / "conf.py").write_text(
        f"import sys\nsys.path.append({str(EXTENSIONS)!r})\nnb_execution_mode = 'off'\n"
        "extensions = ['myst_nb', 'for_a_party']\nmyst_enable_extensions = ['colon_fence']\n"
    )
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-n", "-W", "--keep-going", "-q"]
    done = subprocess.run(
        [*command, str(folder), str(folder / "out")],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr, folder / "out" / "all.html"


@pytest.mark.slow
def test_boxes_are_collected_in_the_order_of_the_book(tmp_path: Path) -> None:
    pages = {
        "b": BOXED.format("Payoffs", "payoffs"),
        "c": "# Without\n\nText.",
        "a": BOXED.format("Flows", "flows"),
    }
    status, messages, page = build(tmp_path, pages)
    assert (status, messages) == (0, "")
    html = page.read_text(encoding="utf-8")
    assert re.findall(r"<h2>(\w+)<", html) == ["Payoffs", "Flows"]
    assert re.findall(r"<p>Words of (\w+)\.</p>\s*<p>More\.</p>", html) == ["payoffs", "flows"]
    assert [f'href="notebooks/{name}.html"' in html for name in "ba"] == [True, True]


@pytest.mark.slow
@pytest.mark.parametrize("caption", ["Theory", "Practice"])
def test_part_without_boxes_fails_the_build(tmp_path: Path, caption: str) -> None:
    text = "# Flows\n\nText." if caption == "Theory" else BOXED.format("Flows", "x")
    status, messages, _ = build(tmp_path, {"a": text}, caption)
    assert status != 0
    assert f"no chapter of '{caption}' has a box 'For a party'" in messages
