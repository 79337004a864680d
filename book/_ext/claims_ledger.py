"""The pages "Claims" and "Errata", made from the ledger ``book/claims.yml`` when the book is built.

Directives for Sphinx: ``claims-summary`` (how many rows have which verdict), ``claims-table`` (all
rows) and ``errata-table`` (what to correct in the paper, by section). Labels become
cross-references, so a label that no page has fails the build.

A row of the ledger has the keys

- ``id``: unique, of small letters, digits and dashes; the anchor on the page is ``claim-`` + id;
- ``place``: where the paper says it, such as ``Lemma 3.1`` or ``Eq. (19), App. D.1``;
- ``covers``: the numbered items of the paper that the row settles;
- ``verdict``: a key of :data:`VERDICTS`;
- ``statement``: the claim in one sentence; a ``typo`` has ``printed`` instead;
- ``correction``: what is true instead; of an ``observation``, what was found. Rows that ``hold``
  have none;
- ``remark``: what else is worth saying, optional;
- ``counterexample``: of a ``false`` row, the exact game;
- ``notebook``, ``label``: the page and the target on it where the claim is settled;
- ``test``: a pytest id or a list of them;
- ``pending``: true for an observation on data that were not trained yet.

``notebook``, ``label`` and ``test`` may be left out of a ``typo``, ``test`` of a pending row. Texts
are MyST and may hold formulas.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

Row = dict[str, Any]

VERDICTS = {
    "holds": ("holds", "true as printed, and proved on the linked page"),
    "condition": ("needs a condition", "true under a condition that the text leaves out"),
    "false": ("false as printed", "an exact counterexample is given, and what is true instead"),
    "observation": ("observation", "a remark or a measurement; the row says what was found"),
    "pending": ("not yet run", "about data or methods that this project does not have yet"),
    "typo": ("slip", "a misprint or a slip of notation, without consequences"),
    "new": ("new", "not in the paper: what this book adds, proved on the linked page"),
}
"""Verdict -> its name on the page and what it means. ``pending`` is an observation to come."""

SECTIONS = {
    "Abstract": "Abstract",
    "Sec. 1": "Section 1, introduction",
    "Sec. 2": "Section 2, background",
    "Sec. 3": "Section 3, parties without budget constraints",
    "Sec. 3.1": "Section 3.1, the payoff vector",
    "Sec. 3.2": "Section 3.2, the payoff flows",
    "Sec. 4": "Section 4, parties with budget constraints",
    "Sec. 5": "Section 5, experiments",
    "Sec. 6": "Section 6, conclusion",
    "Checklist": "Checklist",
    "App. A": "Appendix A, the Shapley value",
    "App. B": "Appendix B, proof of Lemma 3.1",
    "App. C": "Appendix C, proof of Remark 3.6",
    "App. D": "Appendix D, replication robustness",
    "App. D.1": "Appendix D.1, one replication",
    "App. D.2": "Appendix D.2, multiple replications",
    "App. E": "Appendix E, proof of Lemma 3.7",
    "App. F": "Appendix F, decomposition of the Shapley value",
    "App. G": "Appendix G, proof of Lemma 4.1",
    "App. G.1": "Appendix G.1, adjusted payoff flows",
    "App. G.2": "Appendix G.2, existence of the scaling factors",
    "App. G.3": "Appendix G.3, uniqueness of the scaling factors",
    "App. H": "Appendix H, weak efficiency",
    "App. I": "Appendix I, performance constraints",
    "App. J": "Appendix J, additional experiments",
    "App. J.1": "Appendix J.1, MNIST",
    "App. J.2": "Appendix J.2, CIFAR-10",
    "App. J.3": "Appendix J.3, IMDB movie reviews",
}
"""Sections in the order of the paper, by the short names that places use."""

_NUMBERED = """
Sec. 2: Figure 1
Sec. 3.1: Lemma 3.1, (1), Corollary 3.2, Corollary 3.3, (2), Remark 3.4, Remark 3.5, Remark 3.6
Sec. 3.2: (3), (4), Lemma 3.7, (5), Corollary 3.8, Remark 3.9, Remark 3.10, (6), (7), Remark 3.11
Sec. 4: (8), (9), Lemma 4.1, (P), (10), (11), Remark 4.2, Remark 4.3
Sec. 5: first observation, second observation, third observation, fourth observation, Figure 2
App. A: (12)
App. C: (13)
App. D.1: (14), (15), (16), (17), (18), (19)
App. D.2: (20), (21)
App. E: (22), (23), (24)
App. G.1: Lemma G.1, (25), (26), (27), (28), Lemma G.2, (29), (30), (31), (32), (33), (34)
App. G.2: Statement 1, Statement 2, (35), (36), (37), (38), (39), (40), (41), (42), (43)
App. G.3: Lemma G.3, (44), (45), (46), (47), (48), (49), (50), (51), (52), (53), (54), (55)
App. H: (56), Lemma H.1, (57), (58), (59)
App. I: (60), Lemma I.1, (Q), (61)
App. J.2: Figure 3
App. J.3: Figure 4
"""
ITEMS = {
    item: line.split(": ")[0]
    for line in _NUMBERED.strip().splitlines()
    for item in line.split(": ")[1].split(", ")
}
"""Numbered item of the paper -> its section, in the order of the paper."""

TEXTS = ("statement", "printed", "correction", "counterexample", "remark")
KEYS = {"id", "place", "covers", "verdict", "notebook", "label", "test", "pending", *TEXTS}


def load(path: Path) -> list[Row]:
    """Rows of a ledger.

    Raises:
        ValueError: listing everything that is wrong with it.
    """
    rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    if found := problems(rows):
        raise ValueError(f"{path}:\n" + "\n".join(found))
    return list(rows)


def problems(rows: Any) -> list[str]:
    """What is wrong with a ledger by itself, without a look at notebooks and tests."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return ["the ledger is not a list of rows"]
    found = []
    for k, row in enumerate(rows):
        name = row.get("id") if isinstance(row.get("id"), str) else f"row {k + 1}"
        found += [f"{name}: {text}" for text in _row_problems(row)]
    ids = Counter(str(row.get("id")) for row in rows)
    found += [f"{name}: {times} rows have this id" for name, times in ids.items() if times > 1]
    return found


def _row_problems(row: Row) -> list[str]:
    found = [f"unknown key {key!r}" for key in row if key not in KEYS]
    for key, value in row.items():
        if key == "covers":
            right = isinstance(value, list) and all(isinstance(item, str) for item in value)
        elif key == "pending":
            right = value is True
        elif key == "test":
            right = bool(value) and all(isinstance(test, str) and test for test in as_list(value))
        else:
            right = isinstance(value, str) and bool(value.strip())
        if not right:
            found.append(f"{key} is {value!r}")
    verdict = row.get("verdict")
    if verdict not in VERDICTS or verdict == "pending":
        return [*found, f"verdict {verdict!r} is none of {', '.join(VERDICTS)}"]
    typo, pending = verdict == "typo", "pending" in row
    needed = {"id", "place", "covers", "printed" if typo else "statement"}
    if verdict in ("condition", "false", "typo"):
        needed.add("correction")
    if verdict == "false":
        needed.add("counterexample")
    if not typo:
        needed |= {"notebook", "label"}
    if not typo and not pending:
        needed.add("test")
    found += [f"{key} is missing" for key in sorted(needed - row.keys())]
    unwanted = {"printed"} if not typo else {"statement", "counterexample"}
    if verdict in ("holds", "new"):
        unwanted |= {"correction", "counterexample"}
    if verdict != "observation":
        unwanted.add("pending")
    if pending:
        unwanted |= {"test", "correction"}
    found += [f"{key} does not go with {verdict!r}" for key in sorted(unwanted & row.keys())]
    if typo and row.get("printed") == row.get("correction"):
        found.append("printed and correction are the same")
    if ("label" in row) != ("notebook" in row):
        found.append("label and notebook go together")
    if isinstance(row.get("id"), str) and not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", row["id"]):
        found.append("an id has small letters, digits and single dashes")
    if isinstance(row.get("covers"), list):
        found += [f"covers {x!r}, no item of the paper" for x in row["covers"] if _base(x) is None]
    if isinstance(row.get("place"), str) and section(row["place"]) is None:
        found.append(f"place {row['place']!r} names no section and no numbered item")
    return found


def _base(item: str) -> str | None:
    """The item itself; an observation may be followed by its data set, Figure 2 by its panel."""
    name = re.sub(r"^(Figure \d)[a-i]$", r"\1", re.sub(r", .*", "", str(item)))
    return name if name in ITEMS else None


def as_list(value: Any) -> list[Any]:
    """One value or several as a list."""
    return value if isinstance(value, list) else [value]


def section(place: str) -> str | None:
    """Key in :data:`SECTIONS` of a place; None if it names none.

    An appendix or section that is named counts; otherwise the first numbered item does.
    """
    if named := re.search(r"(App\. [A-J](\.\d)?|Sec\. \d(\.\d)?|Abstract|Checklist)", place):
        return named[1] if named[1] in SECTIONS else None
    return next((ITEMS[item] for item in items_in(place)), None)


def items_in(place: str) -> list[str]:
    """Numbered items that a place names, in the order of the text."""
    place = re.sub(r"Figs?\. ", "Figure ", place)
    names = re.findall(r"\([0-9PQ]+\)|[A-Z][a-z]+ [A-Z0-9]\.?\d*|\w+ observation", place)
    return [name for name in names if name in ITEMS]


def verdict_of(row: Row) -> str:
    """Key in :data:`VERDICTS`; an observation to come is ``pending``."""
    return "pending" if row.get("pending") else row["verdict"]


def markdown(path: Path) -> str:
    """Text of a notebook's markdown cells; empty if there is no such notebook."""
    if not path.is_file():
        return ""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


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
        path = Path(self.env.srcdir) / "book" / "claims.yml"
        self.env.note_dependency(str(path))
        return load(path)

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
                name = nodes.literal("", test.removeprefix("tests/"))
                found.append(nodes.paragraph("", "", name, classes=["ledger-test"]))
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


def index_entry(row: Row) -> dict[str, str]:
    """What ``claims.js`` knows of a row."""
    place = section(row["place"])
    assert place is not None  # the ledger was checked
    verdict = verdict_of(row)
    tests = as_list(row.get("test", []))
    texts = [row[key] for key in ("id", "place", *TEXTS) if key in row]
    return {
        "id": row["id"],
        "part": re.sub(r"\.\d$", "", place).replace("Sec.", "Section").replace("App.", "Appendix"),
        "verdict": VERDICTS[verdict][0],
        "text": " ".join([*texts, *row["covers"], VERDICTS[verdict][0], *tests]),
    }


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
    path = Path(app.srcdir) / "book" / "claims.yml"
    if page is None or not path.is_file():
        return
    found: dict[str, list[Row]] = {}
    for row in load(path):
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
    app.add_directive("claims-summary", ClaimsSummary)
    app.add_directive("claims-table", ClaimsTable)
    app.add_directive("errata-table", ErrataTable)
    app.connect("doctree-resolved", add_links_back)
    app.connect("html-page-context", add_script)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
