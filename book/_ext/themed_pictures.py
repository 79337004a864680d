"""Puts the figures of notebooks into the pages, where they take the colours of the page.

A figure is an SVG that carries its numbers (:mod:`shapfair.report.pictures`). Its numbers follow it
as tables that open on demand. Other pictures stay files.
"""

from pathlib import Path
from typing import Any

from docutils import nodes
from shapfair.report.pictures import STYLE, details, inline, numbers_of
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform


class ThemedPictures(SphinxPostTransform):
    """Replaces such pictures by what they show."""

    default_priority = 300  # when MyST-NB has chosen among the forms of an output
    formats = ("html",)

    def run(self, **_: Any) -> None:
        """Called by Sphinx for every page."""
        found = 0
        for image in list(self.document.findall(nodes.image)):
            path = Path(self.app.srcdir, image["uri"])
            if path.suffix != ".svg" or not path.is_file():
                continue
            picture = path.read_text(encoding="utf-8")
            if "<metadata>[" not in picture:
                continue
            found += 1
            name = f"picture-{found}"
            html = inline(picture, image.get("alt", ""), name)
            tables = details(numbers_of(picture))
            frame = image.parent if isinstance(image.parent, nodes.figure) else image
            frame.parent.insert(frame.parent.index(frame) + 1, nodes.raw("", tables, format="html"))
            image.replace_self(nodes.raw("", html, format="html"))


def add_style(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Called by Sphinx before it writes a page."""
    if '<div class="picture"' in context.get("body", ""):
        context["metatags"] = context.get("metatags", "") + f"<style>{STYLE}</style>"


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_post_transform(ThemedPictures)
    app.connect("html-page-context", add_style)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
