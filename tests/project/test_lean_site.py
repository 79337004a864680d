"""What the built book leaves out."""

import json
from types import SimpleNamespace

import lean_site


def built(tmp_path, form="html"):
    keep = ["_static/scripts/theme.js", "_static/vendor/fontawesome/6.5.2/css/all.css"]
    drop = [
        *("_static/scripts/theme.js.map", "_static/vendor/fontawesome/6.5.2/js/all.js"),
        "_static/locales/fr/a.mo",
    ]
    for name in (*keep, *drop):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    app = SimpleNamespace(outdir=tmp_path, builder=SimpleNamespace(format=form))
    return app, keep, drop


def left(tmp_path, names):
    return [name for name in names if (tmp_path / name).exists()]


def test_what_no_page_asks_for_is_removed(tmp_path):
    app, keep, drop = built(tmp_path)
    cell = {"cell_type": "code", "source": "1", "outputs": ["1"], "execution_count": 1}
    notebook = tmp_path / "_sources" / "notebooks" / "one.ipynb"
    notebook.parent.mkdir(parents=True)
    notebook.write_text(json.dumps({"cells": [cell, {"cell_type": "markdown", "source": "Text"}]}))
    lean_site.remove_unused(app, None)
    assert left(tmp_path, keep) == keep
    assert left(tmp_path, drop) == []
    assert json.loads(notebook.read_text())["cells"] == [
        cell | {"outputs": [], "execution_count": None},
        {"cell_type": "markdown", "source": "Text"},
    ]


def test_other_formats_and_failed_builds_are_left_alone(tmp_path):
    app, keep, drop = built(tmp_path, "latex")
    lean_site.remove_unused(app, None)
    app.builder.format = "html"
    lean_site.remove_unused(app, ValueError("failed"))
    assert left(tmp_path, keep + drop) == keep + drop
