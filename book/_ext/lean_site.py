"""Leaves out of the built book what the theme brings and no page asks for: some four megabytes.

These are maps of its scripts for their developers, the script of icons whose fonts are used instead
(``book/_templates``), and translations of the theme.
"""

import shutil
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

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


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("build-finished", remove_unused)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
