"""Ways out of the book: descriptions, buttons where there is a repository, the archive."""

import json
import subprocess
import sys
import zipfile
from types import SimpleNamespace

import pytest
import way_out
import yaml
from docutils.core import publish_doctree
from helpers import ROOT

from shapfair import __version__


def test_a_description_is_the_first_words_without_formulas():
    text = f"Top\n===\n\n.. note:: Boxed.\n\nWith :math:`x`.\n\n{'long words ' * 30}\n"
    found = way_out.description(publish_doctree(text, settings_overrides={"report_level": 5}))
    assert found.startswith("long words long")
    assert found.endswith(" …")
    assert 150 < len(found) <= way_out.LONGEST + 2
    sections = publish_doctree("One\n===\n\nA *short* one.\n\nTwo\n===\n\nText.\n")
    assert way_out.description(sections) == "A short one."


def config(**settings):
    return SimpleNamespace(html_theme_options={"home": True}, **settings)


def test_without_an_address_there_are_no_buttons():
    without = config(repository_address="")
    way_out.offer_sources(None, without)
    assert without.html_theme_options == {"home": True}
    settings = config(repository_address="https://example.org/a/b")
    way_out.offer_sources(None, settings)
    assert settings.html_theme_options["repository_url"] == "https://example.org/a/b"
    assert settings.html_theme_options["use_issues_button"]


@pytest.mark.parametrize("site", ["", "https://example.org/book/"])
def test_a_page_says_what_it_is(site):
    doctree = publish_doctree('One\n===\n\nA "short" one.\n\nTwo\n===\n\nText.\n')
    context = {"title": "A & B", "metatags": ""}
    app = SimpleNamespace(config=SimpleNamespace(site_address=site))
    way_out.describe(app, "book/x", "", context, doctree)
    tags = context["metatags"]
    assert '<meta name="description" content="A &quot;short&quot; one.">' in tags
    assert '<meta property="og:title" content="A &amp; B">' in tags
    assert ("https://example.org/book/book/x.html" in tags) == bool(site)


@pytest.mark.parametrize(("suffix", "links"), [(".ipynb", 1), (".md", 0), (None, 0)])
def test_pages_that_are_notebooks_offer_the_archive(suffix, links):
    usual = {"label": "download-source-button"}
    group = {"label": "download-buttons", "buttons": [usual]}
    context = {
        "page_source_suffix": suffix,  # as Sphinx gives it to every page that has a source
        "header_buttons": [{"label": "other"}, group],
        "pathto": lambda name, _resource: f"../{name}",
    }
    way_out.offer_archive(None, "notebooks/x", "page.html", context, None)
    found = [button for button in group["buttons"] if button is not usual]
    assert [button["url"] for button in found] == [f"../{way_out.ARCHIVE}"] * links


def test_the_archive_has_what_its_notebooks_need_and_is_the_same_twice(tmp_path):
    first, second = tmp_path / "a.zip", tmp_path / "b" / "b.zip"
    way_out.pack(ROOT, first)
    way_out.pack(ROOT, second)
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        archive.extractall(tmp_path)
    there = tmp_path / way_out.TOP
    names = {path.relative_to(there).as_posix() for path in there.rglob("*") if path.is_file()}
    tracked = subprocess.run(
        ["git", "ls-files", "notebooks", "results", "book/examples", "shapfair"],
        **{"cwd": ROOT, "capture_output": True, "text": True, "check": True},
    ).stdout.splitlines()
    assert {name for name in tracked if not name.endswith(".toml")} <= names
    notebook = json.loads((there / "notebooks" / "03_flows.ipynb").read_text())
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert not any(cell["outputs"] for cell in cells)
    # Its first code runs with the package and tables of the archive alone.
    code = "from shapfair import Game; print(Game.read('../results/mnist.json').n)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        **{"cwd": there / "notebooks", "capture_output": True, "text": True},
        env={"PYTHONPATH": str(there), "PATH": "/usr/bin:/bin"},
    )
    assert done.stdout == "5\n", done.stderr


def test_what_to_cite_is_this_version():
    cited = (ROOT / "book" / "cite.md").read_text()
    assert f"version = {{{__version__}}}" in cited
    paper = (ROOT / "book" / "references.bib").read_text().partition("title     = ")[2]
    assert paper.partition("\n")[0] in cited
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == __version__
