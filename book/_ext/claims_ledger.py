"""The pages "Claims" and "Errata", made from the ledger ``book/claims/`` when the book is built.

Directives for Sphinx: ``claims-summary`` (how many rows have which verdict), ``claims-table`` (all
rows) and ``errata-table`` (what to correct in the paper, by section). Labels become
cross-references, so a label that no page has fails the build.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective, SphinxRole

from ledger import (
    SECTIONS,
    VERDICTS,
    Row,
    as_list,
    files,
    index_entry,
    load,
    markdown,
    section,
    verdict_of,
)
from sources import address, linked


def breakable(text: str) -> str:
    """Split long formulas before their relations, so that a line of a narrow cell can end there."""
    # Short formulas are matched too: what lies between the dollars of two is no formula.
    return re.sub(
        r"\$([^$]+)\$",
        lambda found: " ".join(_pieces(found[1])) if len(found[1]) >= 28 else found[0],
        text,
    )


def _pieces(formula: str) -> list[str]:
    relation = re.compile(r"[=<>]|\\(?:[lg]eq?|neq?|triangleq)(?![A-Za-z])")
    depth, start, pieces, k = 0, 0, [], 0
    while k < len(formula):
        if depth == 0 and k > start and (found := relation.match(formula, k)):
            pieces.append(formula[start:k])
            start, k = k, found.end()
            continue
        depth += {"{": 1, "(": 1, "[": 1, "}": -1, ")": -1, "]": -1}.get(formula[k], 0)
        # Step over a command as a whole: \left is no relation and \{ no brace.
        k += len(re.match(r"\\(?:[A-Za-z]+|.)|.", formula[k:], re.DOTALL)[0])  # type: ignore[index]
    return [f"${piece.strip()}$" for piece in [*pieces, formula[start:]]]


class LedgerDirective(SphinxDirective):
    """What the directives share."""

    def rows(self) -> list[Row]:
        """Rows of the ledger beside the page, which is built anew when the ledger changes."""
        folder = Path(self.env.srcdir) / "book" / "claims"
        for path in files(folder):
            self.env.note_dependency(str(path))
        return load(folder)

    def parse(self, text: str) -> list[nodes.Node]:
        """Paragraphs of a MyST text."""
        box = nodes.Element()
        lines = StringList(breakable(text).splitlines(), source=self.env.docname)
        self.state.nested_parse(lines, self.content_offset, box)
        return box.children

    def verdict(self, row: Row) -> nodes.paragraph:
        """The verdict as a word with a class for its colour."""
        name = verdict_of(row)
        return nodes.paragraph(
            "", "", nodes.inline("", VERDICTS[name][0], classes=["verdict", f"verdict-{name}"])
        )

    def where(self, row: Row, tests: bool) -> list[nodes.Node]:
        """Link to the page that settles a row, and the names of its tests."""
        found: list[nodes.Node] = []
        if "label" in row:
            text = markdown(Path(self.env.srcdir) / f"{row['notebook']}.ipynb")
            heading = re.search(r"^# (.+)$", text, re.MULTILINE)
            title = heading[1].strip() if heading else row["notebook"]
            # Targets have one role, boxes another. A label that is neither is an unknown target.
            role = "prf:ref" if f"\n:label: {row['label']}\n" in text else "ref"
            found += self.parse(f"{{{role}}}`{title} <{row['label']}>`")
        if tests:
            for test in as_list(row.get("test", [])):
                path, _, name = test.partition("::")
                linked(self.env.app).add(path)
                # A long name may be broken between its words, and is copied whole all the same.
                code = nodes.raw("", f"<code>{name.replace('_', '_<wbr>')}</code>", format="html")
                up = "../" * self.env.docname.count("/")
                link = nodes.reference(
                    "", "", code, refuri=up + address(path, name.partition("[")[0])
                )
                found.append(nodes.paragraph("", "", link, classes=["ledger-test"]))
        return found

    def claim(self, row: Row) -> list[nodes.Node]:
        """The claim, what is true instead, and the counterexample."""
        if row["verdict"] == "typo":
            parts = [f"Printed: {row['printed']}", f"**Read:** {row['correction']}"]
        else:
            parts = [row["statement"]]
            if "correction" in row:
                word = "Found" if row["verdict"] == "observation" else "Instead"
                parts.append(f"**{word}:** {row['correction']}")
            if "counterexample" in row:
                parts.append(f"**Counterexample:** {row['counterexample']}")
        if "remark" in row:
            parts.append(f"Note: {row['remark']}")
        return self.parse("\n\n".join(part.strip() for part in parts))

    def table(
        self,
        heads: Sequence[str],
        rows: Iterable[tuple[str | None, Sequence[Sequence[nodes.Node]]]],
        name: str,
    ) -> nodes.table:
        """A table; every row comes with its anchor, or None, and the contents of its cells."""
        group = nodes.tgroup(cols=len(heads))
        group += [nodes.colspec(colwidth=1) for _ in heads]
        cells = [nodes.entry("", nodes.paragraph("", head)) for head in heads]
        group += nodes.thead("", nodes.row("", *cells))
        body = nodes.tbody()
        for anchor, contents in rows:
            entries = [nodes.entry("", *content) for content in contents]
            body += nodes.row("", *entries, ids=[anchor] if anchor else [])
        group += body
        return nodes.table("", group, classes=["ledger", f"ledger-{name}"])


class ClaimsSummary(LedgerDirective):
    """How many rows have which verdict, and what the verdicts mean."""

    def run(self) -> list[nodes.Node]:
        """One line per verdict."""
        counts = Counter(map(verdict_of, self.rows()))
        rows = []
        for name, (_, meaning) in VERDICTS.items():
            if counts[name]:
                label = self.verdict({"verdict": name})
                count = nodes.paragraph("", str(counts[name]))
                rows.append((None, [[label], [count], [nodes.paragraph("", meaning)]]))
        return [self.table(("verdict", "rows", "meaning"), rows, "summary")]


class ClaimsCount(SphinxRole):
    """How many rows have a verdict, in a sentence."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """The number."""
        folder = Path(self.env.srcdir, "book", "claims")
        for path in files(folder):
            self.env.note_dependency(str(path))
        count = Counter(row["verdict"] for row in load(folder))[self.text]
        return [nodes.Text(str(count))], []


class ClaimsTable(LedgerDirective):
    """All rows. ``claims.js`` lets a reader sort and filter them; without it they are all there."""

    def run(self) -> list[nodes.Node]:
        """The table and, for the script, the data that it sorts and filters by."""
        rows = self.rows()
        cells = [
            (
                f"claim-{row['id']}",
                [
                    self.parse(row["place"]),
                    self.claim(row),
                    [self.verdict(row)],
                    self.where(row, tests=True),
                ],
            )
            for row in rows
        ]
        table = self.table(("place", "claim", "verdict", "settled in"), cells, "claims")
        self.env.metadata[self.env.docname]["claims-table"] = "here"  # for `add_links_back`
        data = json.dumps([index_entry(row) for row in rows], ensure_ascii=False)
        script = data.replace("</", "<\\/")
        return [
            nodes.raw("", '<div id="claims-controls"></div>\n', format="html"),
            table,
            nodes.raw(
                "",
                f'<script type="application/json" id="claims-data">{script}</script>\n',
                format="html",
            ),
        ]


class ErrataTable(LedgerDirective):
    """What to correct in the paper, section by section."""

    def run(self) -> list[nodes.Node]:
        """A section of the page for every section of the paper in which something is off."""
        rows = [row for row in self.rows() if row["verdict"] in ("condition", "false", "typo")]
        found: list[nodes.Node] = []
        for short, title in SECTIONS.items():
            here = [row for row in rows if section(row["place"]) == short]
            if not here:
                continue
            name = "errata-" + re.sub(r"[^a-z0-9]+", "-", short.lower())
            part = nodes.section("", nodes.title("", title), ids=[name], names=[name])
            cells = [(f"erratum-{row['id']}", self.erratum(row)) for row in here]
            part += self.table(("place", "printed", "read instead"), cells, "errata")
            found.append(part)
        return found

    def erratum(self, row: Row) -> list[list[nodes.Node]]:
        """Cells of one row: place, printed text, correct text with its evidence."""
        correct = row["correction"]
        if "counterexample" in row:
            correct += f"\n\nCounterexample: {row['counterexample']}"
        place = self.parse(row["place"])
        if row["verdict"] != "typo":
            place.append(self.verdict(row))
        return [
            place,
            self.parse(row.get("printed") or row["statement"]),
            [*self.parse(correct), *self.where(row, tests=False)],
        ]


def add_links_back(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """End every box that rows of the ledger point to with links to these rows."""
    tables = (page for page, facts in app.env.metadata.items() if "claims-table" in facts)
    page = next(tables, None)
    folder = Path(app.srcdir) / "book" / "claims"
    if page is None or not folder.is_dir():
        return
    found: dict[str, list[Row]] = {}
    for row in load(folder):
        if row.get("notebook") == docname:
            found.setdefault(row["label"], []).append(row)
    address = app.builder.get_relative_uri(docname, page)
    for box in doctree.findall(nodes.Element):
        if "realtype" not in box or box["label"] not in found:
            continue
        line = nodes.paragraph("", "Claims: ", classes=["ledger-back"])
        for k, row in enumerate(found[box["label"]]):
            # Formulas stand between dollars, so they are every other part of a place.
            parts = [
                nodes.math("", part) if odd % 2 else nodes.Text(part)
                for odd, part in enumerate(row["place"].split("$"))
            ]
            link = nodes.reference(
                "", "", *parts, internal=True, refuri=f"{address}#claim-{row['id']}"
            )
            line += [nodes.Text("; "), link] if k else [link]
        box[-1] += line


def add_script(app: Sphinx, page: str, _template: str, _context: Any, doctree: Any) -> None:
    """Load ``claims.js`` on the page that has the table, and on no other."""
    if doctree is not None and any(
        "ledger-claims" in table["classes"] for table in doctree.findall(nodes.table)
    ):
        app.add_js_file("claims.js", loading_method="defer")


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_role("claims-count", ClaimsCount())
    app.add_directive("claims-summary", ClaimsSummary)
    app.add_directive("claims-table", ClaimsTable)
    app.add_directive("errata-table", ErrataTable)
    app.connect("doctree-resolved", add_links_back)
    app.connect("html-page-context", add_script)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
