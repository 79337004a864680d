"""Keeps punctuation with its formula: no line begins with the full stop after one."""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

AFTER = re.compile(r"[.,;:?!)\]’”]+")
BEFORE = re.compile(r"[(\[“]+$")


class KeepPunctuation(SphinxPostTransform):
    """Puts formulas and the punctuation around them into spans that no line breaks."""

    default_priority = 700
    formats = ("html",)

    def run(self, **_: Any) -> None:
        """Called by Sphinx for every page."""
        for formula in list(self.document.findall(nodes.math)):
            keep(formula)


def keep(formula: nodes.math) -> None:
    """Take what stands directly at a formula into one span with it."""
    line = formula.parent
    place = line.index(formula)
    before, after = (line[k] if 0 <= k < len(line) else None for k in (place - 1, place + 1))
    opening = BEFORE.search(before) if isinstance(before, nodes.Text) else None
    closing = AFTER.match(after) if isinstance(after, nodes.Text) else None
    if not opening and not closing:
        return
    span = nodes.inline(classes=["unbroken"])
    line.replace(formula, span)
    if opening:
        line.replace(before, nodes.Text(before[: opening.start()]))
        span += nodes.Text(opening[0])
    span += formula
    if closing:
        line.replace(after, nodes.Text(after[closing.end() :]))
        span += nodes.Text(closing[0])


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_post_transform(KeepPunctuation)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
