"""The tools behind the book: they find what is broken, and repeat themselves byte for byte."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from helpers import ROOT


def run_tool(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a tool of this repository as a user does."""
    command = [sys.executable, str(ROOT / "tools" / name), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


# check_site


def site(folder: Path, body: str = "", head: str = "") -> Path:
    """A site of two pages; ``body`` and ``head`` go into the second."""
    (folder / "sub").mkdir()
    (folder / "style.css").write_text("@font-face { src: url(font.woff2) }")
    (folder / "icon.png").write_bytes(b"")
    (folder / "index.html").write_text('<a href="sub/page.html#there">on</a>')
    page = '<html><head><link rel="stylesheet" href="../style.css">{}</head><body>'
    page += '<h1 id="there">A</h1><a href="../index.html">back</a> <a href="#">top</a>'
    page += '<a href="https://example.org/paper">paper</a><img src="../icon.png" alt="An icon">{}'
    (folder / "sub" / "page.html").write_text(page.format(head, body))
    return folder


def test_sound_site_passes(tmp_path: Path) -> None:
    done = run_tool("check_site.py", site(tmp_path))
    assert done.returncode == 0, done.stdout
    counts = "2 pages, 5 local references, 1 external links, 1 images, 1 style sheets: 0 problems"
    assert sorted(done.stdout.strip().replace(":", ",").split(", ")) == sorted(
        counts.replace(":", ",").split(", ")
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('<a href="gone.html">x</a>', "no such file: gone.html"),
        ('<a href="#gone">x</a>', "no such anchor: #gone"),
        ('<a href="../index.html#gone">x</a>', "no such anchor: ../index.html#gone"),
        ('<a href="/index.html">x</a>', "address of one machine or server: /index.html"),
        ('<img src="../gone.png" alt="A picture">', "no such file: ../gone.png"),
        ('<img src="../icon.png">', "image without alt text"),
        ('<svg role="img" aria-label=" "></svg>', "picture without words"),
        ('<img src="../icon.png" alt=" ">', "image without alt text"),
        ('<img src="../icon.png" alt="../icon.png">', "image without alt text"),
        ('<script src="gone.js"></script>', "no such file: gone.js"),
        ('<script src="https://cdn.test/a.js"></script>', "loaded from another server"),
        ('<script src="//cdn.test/a.js"></script>', "loaded from another server"),
        ('<script>load("https://cdn.test/a.js")</script>', "loaded from another server"),
        ('<img src="https://cdn.test/a.png" alt="A picture">', "loaded from another server"),
        ('<iframe src="https://cdn.test/"></iframe>', "loaded from another server"),
        ("<style>@import 'https://cdn.test/a.css'</style>", "loaded from another server"),
        ('<p style="background: url(https://cdn.test/a.png)">x</p>', "loaded from another server"),
        ('<a href="#">Theorem </a>', "link without a number: 'Theorem '"),
        ('<span class="problematic">x</span>', "marked as problematic"),
        ("<mjx-container><g class='merror'></g></mjx-container>", "marked as merror"),
    ],
)
def test_defect_of_a_page_is_found(tmp_path: Path, body: str, message: str) -> None:
    done = run_tool("check_site.py", site(tmp_path, body))
    assert done.returncode == 1
    assert f"sub/page.html:1: {message}" in done.stdout
    assert done.stdout.strip().endswith(": 1 problems")


@pytest.mark.parametrize("relation", ["stylesheet", "preconnect", "dns-prefetch", "icon"])
def test_link_to_another_server_is_found(tmp_path: Path, relation: str) -> None:
    head = f'<link rel="{relation}" href="https://cdn.test/x">'
    assert (
        "loaded from another server" in run_tool("check_site.py", site(tmp_path, "", head)).stdout
    )


def test_font_from_another_server_is_found(tmp_path: Path) -> None:
    site(tmp_path)
    (tmp_path / "style.css").write_text("@font-face { src: url('https://cdn.test/f.woff2') }")
    done = run_tool("check_site.py", tmp_path)
    assert done.returncode == 1
    assert "style.css: loaded from another server: https://cdn.test/f.woff2" in done.stdout


def test_missing_site_is_an_error(tmp_path: Path) -> None:
    done = run_tool("check_site.py", tmp_path)
    assert done.returncode == 1
    assert "missing" in done.stdout


# refresh_notebooks


def write_notebook(path: Path, *sources: str) -> Path:
    """A notebook with code cells, as an editor might leave it."""
    kernel = {"name": "somebody-elses", "display_name": "Somebody else's"}
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel, "vscode": {"x": 1}})
    notebook.cells = [nbformat.v4.new_markdown_cell("# Title")]
    for source in sources:
        cell = nbformat.v4.new_code_cell(source, metadata={"collapsed": True, "tags": ["kept"]})
        notebook.cells.append(cell)
    nbformat.write(notebook, path)
    return path


@pytest.mark.slow
def test_refreshed_notebook_is_canonical_and_byte_stable(tmp_path: Path) -> None:
    path = write_notebook(
        tmp_path / "a.ipynb",
        "import os, sys\nprint('a noise', file=sys.stderr)\n"
        "print('of two', flush=True)\nprint('lines')",
        "[os.getcwd(), sys.executable]",
        "quiet = 1",
    )
    first = run_tool("refresh_notebooks.py", path)
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("a.ipynb: ")
    assert "a.ipynb, cell 1, stderr: a noise" in first.stderr
    stored = path.read_bytes()
    notebook = nbformat.read(path, as_version=4)
    assert [cell.id for cell in notebook.cells] == ["c00", "c01", "c02", "c03"]
    assert [cell.get("execution_count") for cell in notebook.cells] == [None, 1, 2, 3]
    assert notebook.cells[1].metadata == {"tags": ["kept"]}
    assert [out.text for out in notebook.cells[1].outputs] == ["of two\nlines\n"]
    # The kernel is this interpreter, in the folder of the notebook.
    shown = notebook.cells[2].outputs[0].data["text/plain"]
    assert repr(str(tmp_path.resolve())) in shown
    assert repr(sys.executable) in shown

    assert run_tool("refresh_notebooks.py", path).returncode == 0
    assert path.read_bytes() == stored

    checked = run_tool("refresh_notebooks.py", "--check", path)
    assert (checked.returncode, path.read_bytes()) == (0, stored)
    path.write_text(path.read_text().replace("lines\\n", "other lines\\n"))
    checked = run_tool("refresh_notebooks.py", "--check", path)
    assert checked.returncode == 1
    assert "differs in cell 1" in checked.stdout
    assert "other lines" in path.read_text()


@pytest.mark.parametrize(
    ("source", "report"),
    [
        ("x = 1\nassert x == 2, 'no'", "a.ipynb, cell 2, line 2:\n  assert x == 2, 'no'\n"),
        ("half(\n  0)", "a.ipynb, cell 2, line 1:\n  half(\n  ZeroDivisionError: division by zero"),
        ("import os\nos._exit(9)", "a.ipynb, cell 2: the kernel died"),
    ],
)
def test_failing_cell_is_named_and_nothing_is_written(
    tmp_path: Path, source: str, report: str
) -> None:
    path = write_notebook(tmp_path / "a.ipynb", "def half(x):\n    return 1 / x", source)
    before = path.read_bytes()
    done = run_tool("refresh_notebooks.py", path)
    assert done.returncode == 1
    assert report in done.stderr
    assert len(done.stderr.splitlines()) <= 4
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.ipynb"]


def test_reader_s_copy_leaves_the_clone_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = ROOT / "tools" / "refresh_notebooks.py"
    spec = importlib.util.spec_from_file_location("refresh_notebooks", path)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    clone, copy = tmp_path / "clone", tmp_path / "copy"
    beside = [name for name in tool.SOURCES if "." in name]
    for name in (*beside, "book/notation.md", "results/table.json"):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_text(name)
    (clone / "notebooks").mkdir()
    notebook = write_notebook(
        clone / "notebooks" / "a.ipynb", "open('../results/table.json').read()"
    )
    before = notebook.read_bytes()
    (copy / "notebooks").mkdir(parents=True)
    (copy / "notebooks" / "b.ipynb").write_text("of an earlier copy")

    monkeypatch.setattr(tool, "ROOT", clone)
    monkeypatch.setattr(sys, "argv", ["refresh_notebooks.py", "--into", str(copy)])
    assert tool.main() == 0
    assert capsys.readouterr().out.startswith("a.ipynb: ")
    assert notebook.read_bytes() == before
    assert "results/table.json" in (copy / "notebooks" / "a.ipynb").read_text()
    names = {entry.relative_to(copy).as_posix() for entry in copy.rglob("*") if entry.is_file()}
    assert names == {*beside, "book/notation.md", "notebooks/a.ipynb", "results/table.json"}


def test_reader_s_copy_has_the_files_that_pages_include_or_offer() -> None:
    pages = [path.read_text() for path in (ROOT / "book").glob("*.md")]
    named = {name for page in pages for name in re.findall(r"(?<=\.\./)[\w/]+\.\w[\w.]*", page)}
    assert {"SECURITY.md", "shapfair/verifier.py"} <= named
    tool = (ROOT / "tools" / "refresh_notebooks.py").read_text()
    assert all(f'"{name}"' in tool for name in named if not name.startswith("notebooks"))


def test_missing_notebook_is_one_clear_line(tmp_path: Path) -> None:
    done = run_tool("refresh_notebooks.py", tmp_path / "gone.ipynb")
    assert done.returncode == 2
    assert "no such notebook" in done.stderr.splitlines()[-1]
