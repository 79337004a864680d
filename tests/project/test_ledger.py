"""The claims ledger: complete, sound, and held to the notebooks and tests that it names."""

import ast
import copy
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
import yaml
from helpers import ROOT

EXTENSION = ROOT / "book" / "_ext" / "claims_ledger.py"

_spec = importlib.util.spec_from_file_location("claims_ledger", EXTENSION)
ledger = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(ledger)

ROWS = yaml.safe_load((ROOT / "book" / "claims.yml").read_text(encoding="utf-8"))

NUMBERED = [
    *(f"({k})" for k in range(1, 62)),
    "(P)",
    "(Q)",
    *(f"Lemma {x}" for x in ("3.1", "3.7", "4.1", "G.1", "G.2", "G.3", "H.1", "I.1")),
    *(f"Corollary {x}" for x in ("3.2", "3.3", "3.8")),
    *(f"Remark {x}" for x in ("3.4", "3.5", "3.6", "3.9", "3.10", "3.11", "4.2", "4.3")),
    "Statement 1",
    "Statement 2",
    "Figure 1",
    *(f"Figure 2{panel}" for panel in "abcdefgh"),
    *(f"Figure {k}{panel}" for k in (3, 4) for panel in "abcdefghi"),
    *(
        f"{which} observation{where}"
        for which in ("first", "second", "third", "fourth")
        for where in ("", ", MNIST", ", CIFAR-10", ", IMDB")
    ),
]
"""Everything in the paper that has a number or a letter, written down from the paper."""

REFUTES = re.compile(
    "(^|_)(not|no|never|cannot|without|lower|wrong|empty|false|fail|break|refut|violat|counterexample"
    "|broken|need|differ|infeasible|unsatisfiable|invalid|exceed|contradict|two|several|three|gap|missing)"
)
"""Beginnings of words by which the name of a test says that it refutes something."""


# --- what the ledger refers to -------------------------------------------------------------------


@cache
def markdown(notebook: Path) -> str:
    """Text of a notebook's markdown cells."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


@cache
def boxes(notebook: Path) -> dict[str, str | None]:
    """Label of every box of a notebook -> the verdict that its class names, if any.

    Examples are left out: they refute or illustrate a statement and are none.
    """
    found = {}
    for options in re.findall(
        r"^`{3,}\{prf:(?!example)\w+\}.*\n((?::.*\n)+)", markdown(notebook), re.MULTILINE
    ):
        label = re.search(r"^:label: +(\S+) *$", options, re.MULTILINE)
        verdict = re.search(r"^:class:.*\bverdict-(\w+)", options, re.MULTILINE)
        if label:
            found[label[1]] = verdict[1] if verdict else None
    return found


@cache
def targets(notebook: Path) -> set[str]:
    """All labels of a notebook: of boxes and of other directives, and those on a line.

    A line before a proof is none: the page has no anchor for it.
    """
    text = markdown(notebook)
    labels = re.findall(r"^:(?:label|name): +(\S+) *$", text, re.MULTILINE)
    lines = re.findall(r"^\((\S+)\)= *\n+(?!\n|`{3,}\{prf:proof)", text + "\n", re.MULTILINE)
    return {*labels, *lines}


@cache
def functions(path: Path) -> dict[str, tuple[str, bool]]:
    """Tests of a file -> their source and whether they are parametrised."""
    source = path.read_text(encoding="utf-8")
    found = {}

    def visit(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef):
                visit(node.body, f"{prefix}{node.name}::")
            elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                several = any("parametrize" in ast.unparse(d) for d in node.decorator_list)
                found[prefix + node.name] = (ast.get_source_segment(source, node) or "", several)

    visit(ast.parse(source).body, "")
    return found


def evidence_problems(row: dict, root: Path = ROOT) -> list[str]:
    """What is wrong with a row's notebook, label and tests."""
    found = []
    if "notebook" in row:
        notebook = root / f"{row['notebook']}.ipynb"
        if not notebook.is_file():
            found.append(f"no notebook {row['notebook']}")
        elif row["label"] not in targets(notebook):
            found.append(f"no label {row['label']} in {row['notebook']}")
    for test in ledger.as_list(row.get("test", [])):
        found += test_problems(row, test, root)
    return found


def test_problems(row: dict, test: str, root: Path) -> list[str]:
    """What is wrong with one of a row's tests."""
    file, _, name = test.partition("::")
    name, bracket, _ = name.partition("[")
    if not (root / file).is_file() or not re.fullmatch(r"tests/\w+/test_\w+\.py", file):
        return [f"no test file {file}"]
    if name not in functions(root / file):
        return [f"no test {name} in {file}"]
    if bracket and not functions(root / file)[name][1]:
        return [f"{name} has no parameters"]
    return []


test_problems.__test__ = False  # a helper, whatever pytest thinks of its name


def refuting_tests(row: dict, root: Path = ROOT) -> list[str]:
    """Tests of a false row that say in their name, or show by its numbers, that they refute it."""
    lists = re.findall(r"[\[(]([-\d/, ]*,[-\d/, ]*)[\])]", row["counterexample"].replace("\\", ""))
    games = [re.findall(r"\d+", numbers) for numbers in lists]
    found = []
    for test in ledger.as_list(row["test"]):
        file, _, name = test.partition("::")
        source, _ = functions(root / file)[name.partition("[")[0]]
        numbers = " ".join(re.findall(r"\d+", source))
        if REFUTES.search(name) or any(" ".join(game) in numbers for game in games):
            found.append(test)
    return found


# --- the ledger ----------------------------------------------------------------------------------


def test_ledger_is_sound() -> None:
    assert ledger.problems(ROWS) == []


def test_ledger_has_no_fewer_rows_than_the_paper_has_claims() -> None:
    assert len(ROWS) >= 90
    verdicts = Counter(row["verdict"] for row in ROWS)
    assert {"holds", "condition", "false", "observation", "typo"} <= set(verdicts)
    assert verdicts["holds"] > verdicts["false"] > 0


@pytest.mark.parametrize("item", NUMBERED)
def test_every_numbered_item_is_covered(item: str) -> None:
    assert [row["id"] for row in ROWS if item in row["covers"]] != []


def test_nothing_else_is_covered() -> None:
    assert {item for row in ROWS for item in row["covers"]} - set(NUMBERED) == set()


def test_numbers_of_the_paper_are_known_to_the_pages() -> None:
    assert {ledger._base(item) for item in NUMBERED} == set(ledger.ITEMS)
    assert set(ledger.ITEMS.values()) <= set(ledger.SECTIONS)


def test_empty_equation_number_is_a_slip() -> None:
    assert "typo" in [row["verdict"] for row in ROWS if "(49)" in row["covers"]]


def test_rows_are_in_the_order_of_the_paper() -> None:
    order = list(ledger.SECTIONS)
    places = [order.index(ledger.section(row["place"])) for row in ROWS]
    assert places == sorted(places)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_evidence_exists(row: dict) -> None:
    assert evidence_problems(row) == []


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row["verdict"] == "false"], ids=lambda row: row["id"]
)
def test_false_rows_are_refuted_by_a_test(row: dict) -> None:
    assert refuting_tests(row) != []


def test_boxes_bear_the_verdict_of_the_ledger() -> None:
    wrong = []
    for notebook in sorted(ROOT.glob("notebooks/*.ipynb")):
        wrong += box_problems(ROWS, f"notebooks/{notebook.stem}", boxes(notebook))
    assert wrong == []


def box_problems(rows: list[dict], notebook: str, classes: dict[str, str | None]) -> list[str]:
    """Boxes of a notebook whose class is not the verdict of the ledger.

    A row that has the name of a box has its verdict. A box with a verdict other than "holds" is
    linked by a row with that verdict. A box that holds may also settle a row that does not: it is
    the repair.
    """
    wrong = []
    for label, verdict in classes.items():
        linked = [
            row for row in rows if (row.get("label"), row.get("notebook")) == (label, notebook)
        ]
        verdicts = {"holds" if row["verdict"] == "new" else row["verdict"] for row in linked}
        named = [row["verdict"] for row in linked if row["id"] == label]
        if verdict in ("condition", "false") and verdict not in verdicts:
            wrong.append(f"{notebook}: {label} is {verdict}, no row is")
        if verdict and set(named) & {"holds", "condition", "false"} - {verdict}:
            wrong.append(f"{notebook}: {label} is {verdict}, its row is {named[0]}")
    return wrong


def test_box_of_another_verdict_is_found() -> None:
    book = "notebooks/11_mnist"
    row = HOLDS | {"id": "a-box", "label": "a-box"}
    assert box_problems([row], book, {"a-box": "holds", "repair": "holds", "plain": None}) == []
    assert box_problems([row], book, {"a-box": None}) == []
    named = box_problems([row], book, {"a-box": "false"})
    assert named == [
        f"{book}: a-box is false, no row is",
        f"{book}: a-box is false, its row is holds",
    ]
    other = box_problems([row | {"id": "else"}], book, {"a-box": "condition"})
    assert other == [f"{book}: a-box is condition, no row is"]
    assert box_problems([row | {"id": "else", "verdict": "false"}], book, {"a-box": "holds"}) == []
    assert box_problems([row | {"verdict": "false"}], book, {"a-box": "holds"}) != []


def test_labels_are_unique_in_the_book() -> None:
    labels = Counter(
        label for notebook in ROOT.glob("notebooks/*.ipynb") for label in targets(notebook)
    )
    assert [label for label, times in labels.items() if times > 1] == []


def test_pages_use_the_ledger() -> None:
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["sphinx"]
    assert (ROOT / config["local_extensions"]["claims_ledger"] / "claims_ledger.py") == EXTENSION
    assert "claims_ledger" in config["config"]["extensions"]
    claims, errata = (ROOT / "book" / f"{name}.md" for name in ("claims", "errata"))
    assert re.findall(r"^```\{([a-z-]+)\}", claims.read_text(encoding="utf-8"), re.MULTILINE) == [
        "claims-summary",
        "claims-table",
    ]
    assert "```{errata-table}" in errata.read_text(encoding="utf-8")


# --- a broken ledger is found --------------------------------------------------------------------

HOLDS = {
    "id": "good",
    "place": "Lemma 3.1",
    "covers": ["Lemma 3.1", "(1)"],
    "statement": "There is exactly one.",
    "verdict": "holds",
    "notebook": "notebooks/11_mnist",
    "label": "mnist-zero",
    "test": "tests/paper/test_experiments.py::test_fourth_observation_on_mnist[zero]",
}
FALSE = {
    **HOLDS,
    "verdict": "false",
    "correction": "There is at least one.",
    "counterexample": "The game [0, 0, 0, 0, 0, 1, 2, 2].",
}
TYPO = {
    "id": "slip",
    "place": "Eq. (49), App. G.3",
    "covers": ["(49)"],
    "verdict": "typo",
    "printed": "(49)",
    "correction": "nothing",
}
PENDING = {k: v for k, v in HOLDS.items() if k != "test"} | {
    "verdict": "observation",
    "pending": True,
}


def test_sound_rows_pass() -> None:
    names = ["a", "b", "c", "d"]
    rows = [r | {"id": k} for r, k in zip((HOLDS, FALSE, TYPO, PENDING), names, strict=True)]
    assert ledger.problems(rows) == []
    assert [evidence_problems(row) for row in rows] == [[]] * 4


@pytest.mark.parametrize(
    ("row", "change", "message"),
    [
        (HOLDS, {"verdict": "true"}, "verdict 'true' is none of"),
        (HOLDS, {"verdict": "pending"}, "verdict 'pending' is none of"),
        (HOLDS, {"correction": "Else."}, "correction does not go with 'holds'"),
        (HOLDS, {"note": "x"}, "unknown key 'note'"),
        (HOLDS, {"statement": None}, "statement is missing"),
        (HOLDS, {"statement": " "}, "statement is ' '"),
        (HOLDS, {"test": None}, "test is missing"),
        (HOLDS, {"test": []}, "test is []"),
        (HOLDS, {"label": None}, "label is missing"),
        (HOLDS, {"covers": "(1)"}, "covers is '(1)'"),
        (HOLDS, {"covers": ["(62)"]}, "covers '(62)', no item of the paper"),
        (HOLDS, {"place": "somewhere"}, "names no section"),
        (HOLDS, {"place": "App. Z"}, "names no section"),
        (HOLDS, {"id": "Lemma 3.1"}, "an id has small letters"),
        (HOLDS, {"id": "slip"}, "2 rows have this id"),
        (HOLDS, {"pending": True}, "pending does not go with 'holds'"),
        (FALSE, {"counterexample": None}, "counterexample is missing"),
        (FALSE, {"correction": None}, "correction is missing"),
        (FALSE, {"verdict": "condition", "correction": None}, "correction is missing"),
        (TYPO, {"id": "other", "correction": "(49)"}, "printed and correction are the same"),
        (TYPO, {"id": "other", "printed": None}, "printed is missing"),
        (TYPO, {"id": "other", "label": "eq-49"}, "label and notebook go together"),
        (PENDING, {"pending": None}, "test is missing"),
        (PENDING, {"correction": "In all seeds."}, "correction does not go with 'observation'"),
    ],
)
def test_broken_row_is_found(row: dict, change: dict, message: str) -> None:
    broken = copy.deepcopy(row) | change
    broken = {key: value for key, value in broken.items() if value is not None}
    assert message in "\n".join(ledger.problems([broken, TYPO]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"notebook": "notebooks/00_nothing"}, "no notebook notebooks/00_nothing"),
        ({"label": "mnist"}, "no label mnist in notebooks/11_mnist"),
        ({"test": "tests/test_gone.py::test_x"}, "no test file tests/test_gone.py"),
        ({"test": "tests/project/test_ledger.py::test_gone"}, "no test test_gone"),
        ({"test": "tests/project/test_ledger.py::test_ledger_is_sound[x]"}, "has no parameters"),
    ],
)
def test_missing_evidence_is_found(change: dict, message: str) -> None:
    assert message in "\n".join(evidence_problems(HOLDS | change))


def test_counterexample_without_its_test_is_found() -> None:
    assert refuting_tests(FALSE) == []
    by_numbers = {
        "test": "tests/project/test_ledger.py::test_counterexample_is_found_by_its_numbers"
    }
    by_name = {"test": "tests/project/test_ledger.py::test_broken_row_is_found"}
    assert refuting_tests(FALSE | by_numbers) == [by_numbers["test"]]
    assert refuting_tests(FALSE | by_name) == [by_name["test"]]


def test_counterexample_is_found_by_its_numbers() -> None:
    assert re.findall(r"\d", FALSE["counterexample"]) == list("00000122")
    assert [0, 0, 0, 0, 0, 1, 2, 2][-1] == 2


def test_boxes_and_targets_are_read() -> None:
    text = [
        "```{prf:lemma} 3.1, the payoffs\n:label: lemma-3-1\n:nonumber:\n",
        ":class: verdict-holds\n\nText.\n```\n\n(eq-5)=\n$$\nx \\tag{5}\n$$\n",
        "\n(eq-6)=\n\n````{prf:proof}\nClear.\n````\n\n```{prf:example} One\n:label: one\n```\n",
    ]
    cells = [{"cell_type": "markdown", "source": text}]

    class Notebook(type(Path())):
        def read_text(self, encoding: str) -> str:
            assert encoding == "utf-8"
            return json.dumps({"cells": cells})

    assert boxes(Notebook("x.ipynb")) == {"lemma-3-1": "holds"}
    assert targets(Notebook("x.ipynb")) == {"lemma-3-1", "eq-5", "one"}


# --- the pages -----------------------------------------------------------------------------------


def build(folder: Path, rows: list[dict]) -> tuple[int, str, Path]:
    """Exit status and messages of a strict build of a small book around a ledger."""
    (folder / "book").mkdir()
    (folder / "notebooks").mkdir()
    box = "```{prf:lemma} 3.1\n:label: a-box\n:nonumber:\n\nText.\n```"
    text = f"# Zero\n\n{box}\n\n(a-target)=\nText."
    cell = {"cell_type": "markdown", "metadata": {}, "source": [text]}
    page = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    (folder / "notebooks" / "00.ipynb").write_text(json.dumps(page))
    (folder / "book" / "claims.yml").write_text(yaml.safe_dump(rows))
    pages = {"claims": "claims-summary", "all": "claims-table", "errata": "errata-table"}
    for name, directive in pages.items():
        (folder / "book" / f"{name}.md").write_text(f"# {name}\n\n```{{{directive}}}\n```\n")
    names = "\n".join(["notebooks/00", *(f"book/{name}" for name in pages)])
    (folder / "index.md").write_text(f"# Book\n\n```{{toctree}}\n{names}\n```\n")
    (folder / "conf.py").write_text(
        f"import sys\nsys.path.append({str(EXTENSION.parent)!r})\nnb_execution_mode = 'off'\n"
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
    assert ledger.breakable(text) == wanted


def test_label_that_no_page_has_fails_the_build(tmp_path: Path) -> None:
    status, messages, _ = build(tmp_path, [SMALL[0] | {"label": "no-such-label"}, *SMALL[1:]])
    assert status != 0
    assert "no-such-label" in messages


def test_unsound_ledger_fails_the_build(tmp_path: Path) -> None:
    status, messages, _ = build(tmp_path, [SMALL[0] | {"verdict": "maybe"}])
    assert status != 0
    assert "verdict 'maybe' is none of" in messages


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
