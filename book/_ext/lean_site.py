"""Leaves out of the built book what no page asks for: some ten megabytes.

These are maps of the theme's scripts for their developers, the script of icons whose fonts are used
instead (``book/_templates``), translations of the theme, and what the notebooks that pages offer to
download have printed: they are taken to be run, and the page shows it.
"""

import shutil
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from way_out import without_outputs

UNUSED = ("_static/**/*.map", "_static/vendor/fontawesome/*/js", "_static/locales")


def remove_unused(app: Sphinx, exception: Exception | None) -> None:
    """Called by Sphinx when all pages are written."""
    if exception or app.builder.format != "html":
        return
    for pattern in UNUSED:
        for path in list(Path(app.outdir).glob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    for path in Path(app.outdir, "_sources").rglob("*.ipynb"):
        path.write_bytes(without_outputs(path.read_bytes()))


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("build-finished", remove_unused)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
