"""What a run shows on a terminal, and that it shows nothing elsewhere."""

import io
import re
import sys

import pytest

from shapfair import evaluate


class Screen(io.StringIO):
    """Standard error as a terminal, or not."""

    def __init__(self, terminal):
        super().__init__()
        self.terminal = terminal

    def isatty(self):
        return self.terminal


def screen(monkeypatch, terminal):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys, "stderr", Screen(terminal))
    return sys.stderr


def test_a_terminal_shows_name_steps_and_coalitions(monkeypatch, tmp_path):
    options = {"name": "size [of] it", "store": tmp_path / "s.sqlite"}
    shown = screen(monkeypatch, terminal=True)
    evaluate(lambda parties, seed: 1, ["A", "B"], coalitions=[1, 2], **options)
    assert "2/2 coalitions" in shown.getvalue()
    shown = screen(monkeypatch, terminal=True)
    with pytest.raises(ZeroDivisionError):
        evaluate(lambda parties, seed: 1 / 0, ["A", "B"], **options)
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.getvalue())
    assert "size [of] it" in text  # not taken for markup
    assert "2/3 coalitions" in text
    assert "2/3 steps" in text


def test_nothing_is_shown_elsewhere(monkeypatch):
    shown = screen(monkeypatch, terminal=False)
    evaluate(lambda parties, seed: 1, ["A", "B"], name="n")
    assert shown.getvalue() == ""
