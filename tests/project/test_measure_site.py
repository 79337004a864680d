"""The measures of pages, on a site of two pages."""

import shutil

import measure_site
import pytest
import screenshots

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, screenshots.BROWSERS)), reason="no Chromium on the PATH"
)

HEAD = '<!DOCTYPE html><html><head><link rel="icon" href="data:,"></head><body>'


def measured(tmp_path, capsys, **pages):
    (tmp_path / "book").mkdir()
    for name, body in pages.items():
        (tmp_path / "book" / f"{name}.html").write_text(HEAD + body)
    status = measure_site.main([str(tmp_path)])
    return status, capsys.readouterr().out


def test_light_pages_pass(tmp_path, capsys):
    status, said = measured(tmp_path, capsys, a="<p>light</p>", b="<p>too</p>")
    assert status == 0, said
    assert "2 pages, 0 beyond their bounds" in said


@pytest.mark.parametrize(
    ("body", "sign"),
    [
        ("x" * 2_600_000, " kB "),
        ("<script>const t = Date.now(); while (Date.now() < t + 5100);</script>", " s "),
        ('<img src="http://localhost:9/x.png">', "request to another server"),
        ("<script>console.error('of its own')</script>", "console error: of its own"),
    ],
)
def test_what_is_beyond_its_bounds_is_named(tmp_path, capsys, body, sign):
    status, said = measured(tmp_path, capsys, a=body)
    assert status == 1
    line = next(line for line in said.splitlines() if line.startswith("book/a.html"))
    assert "WRONG" in line
    assert sign in said
    assert "1 pages, 1 beyond their bounds" in said
