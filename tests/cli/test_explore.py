"""``shapfair explore``: a page of this machine for its own browsers, with one's own table."""

import signal
import sys
import webbrowser
from http.client import HTTPConnection

import pytest
import screenshots
from helpers import ROOT
from interrupt_runs import start

from shapfair import Game, allocate
from shapfair.cli import explore
from shapfair.cli.main import main

CLINICS = (ROOT / "book" / "examples" / "clinics.csv").read_text()


@pytest.fixture
def served(tmp_path):
    """Address and file of a running explorer, which Ctrl-C ends."""
    file = tmp_path / "<b> & c.csv"
    file.write_text(CLINICS)
    command = [sys.executable, "-m", "shapfair.cli", "explore", file.name]
    # A browser of the terminal would never come back; it is not started.
    surroundings = {"BROWSER": "sleep", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    with start(command, cwd=tmp_path, env=surroundings) as process:
        try:
            line = process.stdout.readline()
            address, _, rest = line.partition(" ")
            assert rest == f"shows {file.name}, Ctrl-C ends it\n"
            yield address, file
            process.send_signal(signal.SIGINT)
            assert process.wait(5) == 130
            assert process.stderr.read() == "shapfair: stopped\n"
        finally:
            process.kill()


def asked(address, path="/", **headers):
    host = address.removeprefix("http://").rstrip("/")
    connection = HTTPConnection(host, timeout=10)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode(), answer


def test_the_page_holds_the_table_and_asks_nobody(served):
    address, _ = served
    assert address.startswith("http://127.0.0.1:")
    status, text, answer = asked(address)
    assert status == 200
    assert "<title>&lt;b&gt; &amp; c.csv: budget explorer</title>" in text
    assert "<b> & c.csv</h1>" not in text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_another_name_of_the_machine_and_another_page_get_nothing(served):
    address, _ = served
    for headers in ({"Host": "evil.example"}, {"Host": "localhost:1"}):
        status, text, _ = asked(address, **headers)
        assert (status, text) == (403, f"Open {address}\n")
    status, text, _ = asked(address, "/../../etc/passwd")
    assert (status, text) == (404, "There is only one page, /\n")


def test_a_file_is_read_anew_and_refused_in_a_line(served):
    address, file = served
    file.write_text(CLINICS.replace("0.78", "0.79"))
    assert "0.79" in asked(address)[1]
    file.write_text(CLINICS.replace("0.78", "lots"))
    status, text, _ = asked(address)
    assert status == 422
    assert "value 'lots' is not a number" in text
    assert len(text.splitlines()) == 1
    assert text.endswith("Mend the file and reload this page.\n")
    file.unlink()
    status, text, _ = asked(address)
    assert status == 422
    assert text.startswith(f"{file.name}: No such file or directory. ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A,value\n0,0\n1,x\n", "v.csv: line 3: value 'x' is not a number"),
        (None, "v.csv: No such file or directory"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path, monkeypatch, capsys, text, message):
    monkeypatch.chdir(tmp_path)
    if text is not None:
        (tmp_path / "v.csv").write_text(text)
    assert main(["explore", "v.csv"]) == 2
    assert message in capsys.readouterr().err


def test_more_parties_than_the_page_takes_are_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    game = Game([c.bit_count() for c in range(2**17)], [f"P{k}" for k in range(17)])
    game.to_json("many.json")
    assert main(["explore", "many.json"]) == 2
    assert "many.json: 17 parties, the explorer takes up to 16" in capsys.readouterr().err


def test_a_browser_of_the_terminal_is_left_alone(monkeypatch):
    opened = []

    class Window(webbrowser.BackgroundBrowser):
        def open(self, url, *_):
            opened.append(url)

    class Terminal(webbrowser.GenericBrowser):
        open = Window.open

    monkeypatch.setattr(webbrowser, "GenericBrowser", Terminal)
    monkeypatch.setattr(webbrowser, "get", lambda: Terminal("lynx"))
    explore.open_window("http://terminal/")
    monkeypatch.setattr(webbrowser, "get", lambda: Window("firefox"))
    explore.open_window("http://window/")
    assert opened == ["http://window/"]

    def none():
        raise webbrowser.Error

    monkeypatch.setattr(webbrowser, "get", none)
    explore.open_window("http://nowhere/")


@pytest.mark.slow
def test_the_page_works_under_its_rules(served):
    address, file = served
    try:
        with screenshots.browser() as chromium:
            tab = chromium.new_page()
            troubles = screenshots.listen(tab, address)
            tab.goto(f"{address}#budgets=0.05,0,0")
            tab.wait_for_selector(".explorer.is-ready .ex-sentence:not(:empty)")
            tab.wait_for_timeout(300)
            texts = tab.locator(".ex-row:not(.ex-head) .ex-payoff .ex-numbers b").all_inner_texts()
            assert troubles == []
    except SystemExit as error:
        pytest.skip(str(error))
    shown = [float(text.replace("−", "-")) for text in texts]
    wanted = allocate(Game.read(file), [0.05, 0, 0], repair="hull").mean("payoffs")
    assert shown == pytest.approx(wanted.tolist(), abs=5.1e-4)
