"""The measures of pages, on a site of two pages."""

import shutil

import measure_site
import pytest
import screenshots

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, screenshots.BROWSERS)), reason="no Chromium on the PATH"
)

HEAD = '<!DOCTYPE html><html><head><link rel="icon" href="data:,"></head><body>'


BAR = '<details class="hide"><summary>Show code</summary><div class="cell_input">x</div></details>'


def lines(pixels):
    return f'<div style="height: {pixels}px"></div>'


def code(pixels):
    return f'<div class="cell"><div class="cell_input" style="height: {pixels}px"></div></div>'


def measured(tmp_path, capsys, folder="book", **pages):
    (tmp_path / folder).mkdir()
    for name, body in pages.items():
        (tmp_path / folder / f"{name}.html").write_text(HEAD + body)
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


@pytest.mark.parametrize(
    ("folder", "name", "height", "status"),
    [
        ("notebooks", "11_mnist", 130, 0),
        ("notebooks", "11_mnist", 190, 1),
        ("notebooks", "17_own_scikit_learn", 190, 0),
        ("book", "11_mnist", 190, 0),
    ],
)
def test_a_page_on_an_experiment_has_little_code(tmp_path, capsys, folder, name, height, status):
    page = '<article class="bd-article">' + code(height) + lines(1000 - height) + "</article>"
    found, said = measured(tmp_path, capsys, folder, **{name: page})
    assert found == status, said
    assert f"{height // 10}% code 0 bars" in said


@pytest.mark.parametrize("body", [BAR, '<div style="visibility: hidden">' + code(300) + "</div>"])
def test_folded_code_is_not_seen(tmp_path, capsys, body):
    found, said = measured(tmp_path, capsys, "notebooks", **{"11_mnist": body + lines(20)})
    assert (found, "  0% code" in said) == (0, True), said


@pytest.mark.parametrize(("between", "adjacent"), [(0, 1), (30, 1), (60, 0)])
def test_a_bar_does_not_follow_a_bar(tmp_path, capsys, between, adjacent):
    found, said = measured(tmp_path, capsys, a=BAR + lines(between) + BAR)
    assert found == adjacent
    assert f"{adjacent} bars" in said
