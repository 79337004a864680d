"""The pages Claims and Errata, as they are built, and the script that sorts the table."""

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import claims_ledger
import ledger
import pytest
import yaml
from helpers import ROOT
from ledger_samples import FALSE, HOLDS, PENDING, TYPO

EXTENSIONS = ROOT / "book" / "_ext"
ROWS = ledger.load(ROOT / "book" / "claims")


def build(folder: Path, rows: list[dict]) -> tuple[int, str, Path]:
    """Exit status and messages of a strict build of a small book around a ledger."""
    (folder / "book" / "claims").mkdir(parents=True)
    (folder / "notebooks").mkdir()
    box = "```{prf:lemma} 3.1\n:label: a-box\n:nonumber:\n\nText.\n```"
    text = f"# Zero\n\n{box}\n\n(a-target)=\nText."
    cell = {"cell_type": "markdown", "metadata": {}, "source": [text]}
    page = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    (folder / "notebooks" / "00.ipynb").write_text(json.dumps(page))
    for name, part in (("01-first", rows[:2]), ("02-second", rows[2:])):
        (folder / "book" / "claims" / f"{name}.yml").write_text(yaml.safe_dump(part))
    pages = {"claims": "claims-summary", "all": "claims-table", "errata": "errata-table"}
    for name, directive in pages.items():
        (folder / "book" / f"{name}.md").write_text(f"# {name}\n\n```{{{directive}}}\n```\n")
    names = "\n".join(["notebooks/00", *(f"book/{name}" for name in pages)])
    (folder / "index.md").write_text(f"# Book\n\n```{{toctree}}\n{names}\n```\n")
    (folder / "conf.py").write_text(
        f"import sys\nsys.path.append({str(EXTENSIONS)!r})\nnb_execution_mode = 'off'\n"
        "extensions = ['myst_nb', 'sphinx_proof', 'claims_ledger']\n"
        "myst_enable_extensions = ['dollarmath']\n"
        f"html_static_path = [{str(ROOT / 'book' / '_static')!r}]\n"
    )
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-n", "-W", "--keep-going", "-q"]
    done = subprocess.run(
        [*command, str(folder), str(folder / "out")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr, folder / "out" / "book"


SMALL = [
    HOLDS | {"id": "one", "notebook": "notebooks/00", "label": "a-box", "statement": "Is $x < 1$."},
    FALSE | {"id": "two", "notebook": "notebooks/00", "label": "a-target"},
    TYPO | {"id": "three"},
    PENDING | {"id": "four", "place": "Sec. 5", "notebook": "notebooks/00", "label": "a-target"},
]


@pytest.mark.slow
def test_pages_are_made_from_the_ledger(tmp_path: Path) -> None:
    status, messages, pages = build(tmp_path, SMALL)
    assert (status, messages) == (0, "")
    table = (pages / "all.html").read_text(encoding="utf-8")
    assert re.findall(r'<tr[^>]* id="(claim-\w+)"', table) == [f"claim-{r['id']}" for r in SMALL]
    assert 'href="../notebooks/00.html#a-box"' in table
    assert 'href="../notebooks/00.html#a-target"' in table
    assert "claims.js" in table
    data = re.search(r'<script type="application/json" id="claims-data">(.*?)</script>', table)
    entries = json.loads(data[1].replace("<\\/", "</"))
    assert [entry["verdict"] for entry in entries] == [
        "holds",
        "false as printed",
        "slip",
        "not yet run",
    ]
    assert [entry["part"] for entry in entries] == [
        "Section 3",
        "Section 3",
        "Appendix G",
        "Section 5",
    ]
    errata = (pages / "errata.html").read_text(encoding="utf-8")
    assert re.findall(r'<tr[^>]* id="(erratum-\w+)"', errata) == ["erratum-two", "erratum-three"]
    assert "claims.js" not in errata
    summary = (pages / "claims.html").read_text(encoding="utf-8")
    assert len(re.findall(r'class="verdict ', summary)) == 4
    notebook = (tmp_path / "out" / "notebooks" / "00.html").read_text(encoding="utf-8")
    back = re.findall(r'<p class="ledger-back">(.*?)</p>', notebook)
    assert len(back) == 1  # the box; the target is none
    assert 'href="../book/all.html#claim-one"' in back[0]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("$a=b$ and $c$", "$a=b$ and $c$"),
        (
            r"so $v'_i(C\cup i)=\lambda_iv(C\cup i)+(1-\lambda_i)v(i)$.",
            r"so $v'_i(C\cup i)$ $=\lambda_iv(C\cup i)+(1-\lambda_i)v(i)$.",
        ),
        (
            r"$\sum_{j\ne i}f(x=1)\le\left(y\right)<z_{aaaaaaaaaaa}$",
            r"$\sum_{j\ne i}f(x=1)$ $\le\left(y\right)$ $<z_{aaaaaaaaaaa}$",
        ),
        (r"$=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx$", r"$=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx$"),
        (
            "if $i$ has a very long name, or so = it seems, $j$ too",
            "if $i$ has a very long name, or so = it seems, $j$ too",
        ),
    ],
)
def test_long_formulas_can_break_at_relations(text: str, wanted: str) -> None:
    assert claims_ledger.breakable(text) == wanted


@pytest.mark.slow
def test_label_that_no_page_has_fails_the_build(tmp_path: Path) -> None:
    status, messages, _ = build(tmp_path, [SMALL[0] | {"label": "no-such-label"}, *SMALL[1:]])
    assert status != 0
    assert "no-such-label" in messages


@pytest.mark.slow
def test_unsound_ledger_fails_the_build(tmp_path: Path) -> None:
    status, messages, _ = build(tmp_path, [SMALL[0] | {"verdict": "maybe"}, *SMALL[1:]])
    assert status != 0
    assert "one: verdict: 'maybe' is not one of" in messages


# --- claims.js -----------------------------------------------------------------------------------

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="claims.js is tested in node, not found here")
RUN = """
const claims = require(process.argv[1]);
const { rows, verdicts, queries } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const ids = (found) => found.map((row) => row.id);
console.log(JSON.stringify(queries.map((query) => {
  const shown = claims.filter(rows, query);
  const before = ids(rows).join();
  const sorted = claims.sort(shown, rows, query.key, query.direction, verdicts);
  if (ids(rows).join() !== before) throw new Error("the rows were moved");
  return {
    shown: ids(sorted),
    counts: [...claims.counts(shown, "verdict")],
    sentence: claims.sentence(shown.length, rows.length),
    again: claims.asked(claims.addressOf({ verdict: "", part: "", text: "", ...query })),
  };
})));
"""
VERDICT_NAMES = [name for name, _ in ledger.VERDICTS.values()]
QUERIES = [
    {},
    {"key": "place", "direction": -1},
    {"key": "verdict", "direction": 1},
    {"key": "verdict", "direction": -1},
    {"verdict": "slip"},
    {"part": "Appendix G", "key": "verdict", "direction": 1},
    {"verdict": "slip", "part": "Appendix G", "key": "place", "direction": -1},
    {"text": "BALANCE"},
    {"text": "  party   payoff "},
    {"text": "(46)"},
    {"text": "payoff zebra"},
    {"text": "test_paper_experiments", "verdict": "observation", "key": "place", "direction": -1},
]


@needs_node
def test_script_sorts_and_filters_like_python() -> None:
    rows = [ledger.index_entry(row) for row in ROWS]
    queries = [{"key": "place", "direction": 1} | query for query in QUERIES]
    data = json.dumps({"rows": rows, "verdicts": VERDICT_NAMES, "queries": queries})
    script = ROOT / "book" / "_static" / "claims.js"
    done = subprocess.run(
        [NODE, "-e", RUN, str(script)],
        input=data,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    sizes = set()
    for query, found in zip(queries, json.loads(done.stdout), strict=True):
        shown = expected(rows, query)
        assert found["shown"] == [row["id"] for row in shown], query
        whole = {"verdict": "", "part": "", "text": ""} | query
        # An address leads to what it was made of; all rows as they come need none.
        usual = {"verdict": "", "part": "", "text": "", "key": "place", "direction": 1}
        assert found["again"] == (None if whole == usual else whole)
        assert dict(found["counts"]) == Counter(row["verdict"] for row in shown)
        few, many = len(shown), len(rows)
        sentences = {
            0: f"No claim matches; there are {many}.",
            many: f"Showing all {many} claims.",
        }
        assert found["sentence"] == sentences.get(few, f"Showing {few} of {many} claims.")
        sizes.add(few)
    assert {0, len(rows)} < sizes  # the queries tell rows apart


def expected(rows: list[dict], query: dict) -> list[dict]:
    """Rows that a query shows, in its order."""
    shown = []
    for row in rows:
        text = re.sub(r"[$`*]", "", row["text"]).lower()
        if all(word in text for word in query.get("text", "").lower().split()):
            if query.get("verdict", row["verdict"]) == row["verdict"]:
                if query.get("part", row["part"]) == row["part"]:
                    shown.append(row)
    if query["key"] == "place":
        return shown[:: query["direction"]]
    return sorted(shown, key=lambda r: query["direction"] * VERDICT_NAMES.index(r["verdict"]))
