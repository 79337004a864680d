"""The photographs of pages, on a site of one page."""

import shutil

import pytest
import screenshots

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, screenshots.BROWSERS)), reason="no Chromium on the PATH"
)

HEAD = (
    '<!DOCTYPE html><html><head><meta charset="utf-8"><link rel="icon" href="data:,">'
    '<meta name="viewport" content="width=device-width"></head><body>'
)
THEME = (
    "<script>document.documentElement.dataset.theme ="
    "matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'</script>"
)


def photograph(tmp_path, capsys, body):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "page.html").write_text(HEAD + THEME + body)
    status = screenshots.main([str(tmp_path / "site"), str(tmp_path / "out"), "page.html"])
    return status, capsys.readouterr().out


def test_a_sound_page_is_photographed_in_four_views(tmp_path, capsys):
    status, said = photograph(tmp_path, capsys, "<h1>Sound</h1><div style='height: 2500px'></div>")
    assert (status, said.count("\n")) == (0, 4), said
    pictures = {path.stem for path in (tmp_path / "out").iterdir()}
    assert pictures == {
        f"page-{view}-{mode}-{part}"
        for view in ("wide", "phone")
        for mode in ("light", "dark")
        for part in (1, 2)
    }


def test_what_is_wrong_is_said(tmp_path, capsys):
    faults = {
        "<img src='http://127.0.0.2:9/x.png'>": "request to another server",
        "<img src='gone.png'>": "failed request",
        "<script>nothing.at.all</script>": "script error",
        "<script>console.error('of its own')</script>": "console error: of its own",
        "<div style='width: 1400px'>wide</div>": "wider than the window",
        "<mjx-merror>?</mjx-merror>": "1 formulas not understood",
        "<script>document.documentElement.dataset.theme = 'blue'</script>": "theme is blue",
    }
    status, said = photograph(tmp_path, capsys, "".join(faults))
    assert status == 1
    for message in faults.values():
        assert said.count(message) >= 4, message  # in every view
