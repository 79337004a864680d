"""The check of access, on a site of one page."""

import shutil

import check_access
import pytest
import screenshots

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, screenshots.BROWSERS)), reason="no Chromium on the PATH"
)

HEAD = '<!DOCTYPE html><html lang="en"><head><title>t</title></head><body><main><h1>t</h1>'


def checked(tmp_path, capsys, body):
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "a.html").write_text(HEAD + body)
    return check_access.main([str(tmp_path)]), capsys.readouterr().out


def test_a_sound_page_passes(tmp_path, capsys):
    status, said = checked(tmp_path, capsys, "<p>sound</p>")
    assert (status, said) == (0, "access: 1 pages in 3 views: 0 problems\n")


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ('<p style="color: #bbb; background: #fff">faint</p>', "color-contrast: p"),
        ('<img src="data:,">', "image-alt: img"),
    ],
)
def test_what_shuts_somebody_out_is_named_in_every_view(tmp_path, capsys, body, rule):
    status, said = checked(tmp_path, capsys, body)
    assert status == 1
    assert said.splitlines()[:3] == [f"book/a.html, {view}: {rule}" for view in check_access.VIEWS]


def test_without_a_browser_it_says_so(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(screenshots, "BROWSERS", ())
    status, said = checked(tmp_path, capsys, "<img>")
    assert (status, said) == (0, "access: not checked, there is no Chromium on the PATH\n")
