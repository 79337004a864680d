import shutil
import subprocess

import pytest
from helpers import additive

from shapfair import Game
from shapfair.cli import report
from shapfair.cli.main import main


@pytest.fixture(autouse=True)
def table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Game(additive(0.1, 0.3, 0.4), ("A", "B", "C")).to_csv("v.csv")
    return tmp_path


def test_a_page_in_a_currency(table, capsys):
    options = ["--budget=A=1000", "--exchange-rate=1e6", "--currency=EUR"]
    assert main(["report", "v.csv", *options, "--out=r.html"]) == 0
    assert capsys.readouterr().out == "wrote r.html\n"
    page = (table / "r.html").read_text()
    assert "pays 1,000 EUR on balance" in page
    assert "payoff (EUR)" in page
    assert main(["report", "v.csv", *options, "--out=again.html"]) == 0
    assert (table / "again.html").read_text() == page  # the same input gives the same bytes


def test_markdown(table):
    assert main(["report", "v.csv", "--out=r.md"]) == 0
    assert (table / "r.md").read_text().startswith("# Who pays whom")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--out=r.docx"], "--out r.docx: the name must end in one of .html, .md, .pdf"),
        (["--out=v.csv"], "--out v.csv: the name must end in"),
        (["--out=r.md", "--currency=\x1b[0m"], "argument --currency: "),
        (["--out=r.md", "--budget=D=1"], "argument --budget: no party 'D'"),
        ([], "the following arguments are required: --out"),
    ],
)
def test_what_is_wrong_is_one_line(table, capsys, options, message):
    assert main(["report", "v.csv", *options]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith(f"shapfair: error: {message}")
    assert err.count("\n") == 1
    assert [path.name for path in table.iterdir()] == ["v.csv"]


def test_pdf_without_a_browser_is_refused(capsys, monkeypatch):
    monkeypatch.setattr(report, "BROWSERS", ("no-such-browser",))
    assert main(["report", "v.csv", "--out=r.pdf"]) == 2
    assert "PDF needs Chromium, which is not here: write .html and print it" in (
        capsys.readouterr().err
    )


def test_a_browser_that_prints_nothing_is_an_error(table, capsys, monkeypatch):
    monkeypatch.setattr(report, "BROWSERS", ("false",))
    assert main(["report", "v.csv", "--out=r.pdf"]) == 2
    assert "printed nothing, write .html and print it" in capsys.readouterr().err
    assert [path.name for path in table.iterdir()] == ["v.csv"]


@pytest.mark.slow
@pytest.mark.skipif(not any(map(shutil.which, report.BROWSERS)), reason="no Chromium here")
def test_pdf(table):
    assert main(["report", "v.csv", "--out=r.pdf"]) == 0
    assert (table / "r.pdf").read_bytes().startswith(b"%PDF")


def test_a_browser_that_hangs_is_stopped(capsys, monkeypatch):
    def hang(*_, **__):
        raise subprocess.TimeoutExpired("chromium", 120)

    monkeypatch.setattr(report, "BROWSERS", ("true",))
    monkeypatch.setattr(subprocess, "run", hang)
    assert main(["report", "v.csv", "--out=r.pdf"]) == 2
    assert "printed nothing" in capsys.readouterr().err
