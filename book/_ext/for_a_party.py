"""The page "For a party", made from the boxes of that name when the book is built.

Every chapter on the theory says once, in plain words, what it means for who pays, gets and risks:

    :::{admonition} For a party
    :class: for-a-party

    Words.
    :::

The directive ``for-a-party`` repeats them all. Its argument is the caption of a part of the table
of contents. That every chapter has its box is what ``tests/project/test_chapters.py`` asks for.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from ledger import markdown

BOX = re.compile(
    r"^:::\{admonition\} For a party\n:class: for-a-party\n\n(.+?)\n:::$", re.MULTILINE | re.DOTALL
)


def chapters(root: Path, caption: str) -> list[Path]:
    """The notebooks of a part of the book, in the order of its table of contents."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    parts = [part["chapters"] for part in toc["parts"] if part["caption"] == caption]
    files = [chapter["file"] for part in parts for chapter in part]
    return [path for file in files if (path := root / f"{file}.ipynb").is_file()]


def title(text: str) -> str:
    """Title of a chapter."""
    found = re.search(r"^# (.+)$", text, re.MULTILINE)
    return found[1].strip() if found else ""


class ForAParty(SphinxDirective):
    """The boxes of all chapters of a part, each under its chapter's title."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """A section a chapter."""
        root = Path(self.env.srcdir)
        self.env.note_dependency(str(root / "_toc.yml"))
        paths = chapters(root, self.arguments[0])
        found = [node for path in paths for node in self.chapter(root, path)]
        if not found:
            raise self.error(f"no chapter of {self.arguments[0]!r} has a box 'For a party'")
        return found

    def chapter(self, root: Path, path: Path) -> Iterator[nodes.Node]:
        """Title and words of a chapter's box, if it has one."""
        self.env.note_dependency(str(path))
        text = markdown(path)
        boxes = BOX.findall(text)
        if not boxes:
            return
        name = f"for-a-party-{nodes.make_id(path.stem)}"
        part = nodes.section("", nodes.title("", title(text)), ids=[name], names=[name])
        more = f"More in [{title(text)}](/{path.relative_to(root).as_posix()})."
        lines = StringList(f"{boxes[0]}\n\n{more}".splitlines(), source=self.env.docname)
        self.state.nested_parse(lines, self.content_offset, part)
        yield part


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("for-a-party", ForAParty)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
