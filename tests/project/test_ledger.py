"""The claims ledger: complete, sound, and held to the notebooks and tests that it names."""

import ast
import copy
import json
import re
from collections import Counter
from functools import cache
from pathlib import Path

import ledger
import pytest
import yaml
from helpers import ROOT
from ledger_samples import FALSE, HOLDS, PENDING, TYPO

ROWS = ledger.read(ROOT / "book" / "claims")

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


@cache
def expressions(file: Path, name: str) -> set[str]:
    """All expressions of a test and its decorators, and of the constants of the file it names."""
    body = ast.parse(file.read_text(encoding="utf-8")).body
    constants = {
        target.id: node.value
        for node in body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    (test,) = (node for node in body if isinstance(node, ast.FunctionDef) and node.name == name)
    names = {node.id for node in ast.walk(test) if isinstance(node, ast.Name)}
    places = [test, *(constants[name] for name in names & constants.keys())]
    return {ast.dump(x) for place in places for x in ast.walk(place) if isinstance(x, ast.expr)}


def refutation_problems(row: dict, root: Path = ROOT) -> list[str]:
    """What is wrong with the test that computes a row's counterexample, and with its numbers."""
    test, shown = row["refuted"]["by"], row["refuted"]["with"]
    if found := test_problems(row, test, root):
        return found
    file, _, name = test.partition("::")
    if ast.dump(ast.parse(shown, mode="eval").body) not in expressions(root / file, name):
        found.append(f"{shown} is not in {name}")
    numbers, text = (" ".join(re.findall(r"\d+", x)) for x in (shown, row["counterexample"]))
    if f" {numbers} " not in f" {text} ":
        found.append(f"{shown} is not in the counterexample")
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
    assert {ledger.base(item) for item in NUMBERED} == set(ledger.ITEMS)
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
    "row", [row for row in ROWS if "refuted" in row], ids=lambda row: row["id"]
)
def test_counterexamples_are_computed_by_a_test(row: dict) -> None:
    assert refutation_problems(row) == []


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
    assert (ROOT / config["local_extensions"]["claims_ledger"] / "claims_ledger.py").is_file()
    assert "claims_ledger" in config["config"]["extensions"]
    claims, errata = (ROOT / "book" / f"{name}.md" for name in ("claims", "errata"))
    assert re.findall(r"^```\{([a-z-]+)\}", claims.read_text(encoding="utf-8"), re.MULTILINE) == [
        "claims-summary",
        "claims-table",
    ]
    assert "```{errata-table}" in errata.read_text(encoding="utf-8")


# --- a broken ledger is found --------------------------------------------------------------------


def test_sound_rows_pass() -> None:
    names = ["a", "b", "c", "d"]
    rows = [r | {"id": k} for r, k in zip((HOLDS, FALSE, TYPO, PENDING), names, strict=True)]
    assert ledger.problems(rows) == []
    assert [evidence_problems(row) for row in rows] == [[]] * 4


@pytest.mark.parametrize(
    ("row", "change", "message"),
    [
        (HOLDS, {"verdict": "true"}, "verdict: 'true' is not one of"),
        (HOLDS, {"verdict": "pending"}, "verdict: 'pending' is not one of"),
        (HOLDS, {"correction": "Else."}, "correction: 'Else.' should not be valid"),
        (HOLDS, {"note": "x"}, "('note' was unexpected)"),
        (HOLDS, {"statement": None}, "'statement' is a required"),
        (HOLDS, {"statement": " "}, "statement: ' ' does not match"),
        (HOLDS, {"test": None}, "'test' is a required"),
        (HOLDS, {"test": []}, "test: [] should be non-empty"),
        (HOLDS, {"label": None}, "'label' is a dependency of 'notebook'"),
        (HOLDS, {"covers": "(1)"}, "covers: '(1)' is not of type 'array'"),
        (HOLDS, {"covers": ["(62)"]}, "covers '(62)', no item of the paper"),
        (HOLDS, {"place": "somewhere"}, "names no section"),
        (HOLDS, {"place": "App. Z"}, "names no section"),
        (HOLDS, {"id": "Lemma 3.1"}, "id: 'Lemma 3.1' does not match"),
        (HOLDS, {"id": "slip"}, "2 rows have this id"),
        (HOLDS, {"pending": True}, "pending: True should not be valid"),
        (FALSE, {"counterexample": None}, "'counterexample' is a required"),
        (FALSE, {"correction": None}, "'correction' is a required"),
        (FALSE, {"verdict": "condition", "correction": None}, "'correction' is a required"),
        (FALSE, {"refuted": None}, "'refuted' is a required"),
        (FALSE, {"refuted": {"by": "x", "with": "[0, 1]"}}, "refuted: by: 'x' does not match"),
        (FALSE, {"refuted": FALSE["refuted"] | {"with": "[1]"}}, "with: '[1]' does not match"),
        (FALSE, {"verdict": "holds"}, "counterexample: 'The game"),
        (TYPO, {"id": "other", "counterexample": "[0, 1]"}, "counterexample: '[0, 1]' should not"),
        (TYPO, {"id": "other", "correction": "(49)"}, "printed and correction are the same"),
        (TYPO, {"id": "other", "printed": None}, "'printed' is a required"),
        (TYPO, {"id": "other", "label": "eq-49"}, "'notebook' is a dependency of 'label'"),
        (PENDING, {"pending": None}, "'test' is a required"),
        (PENDING, {"correction": "In all seeds."}, "correction: 'In all seeds.' should not"),
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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"by": "tests/project/test_ledger.py::test_gone"}, "no test test_gone"),
        ({"by": "tests/project/test_ledger.py::test_ledger_is_sound"}, "is not in test_ledger_is"),
        ({"with": "[0, 0, 0, 1, 2, 2]"}, "[0, 0, 0, 1, 2, 2] is not in test_counterexample_is"),
        ({"with": "[8, 9]"}, "[8, 9] is not in the counterexample"),
    ],
)
def test_counterexample_without_its_test_is_found(change: dict, message: str) -> None:
    assert refutation_problems(FALSE) == []
    wrong = FALSE | {"refuted": FALSE["refuted"] | change}
    assert message in "\n".join(refutation_problems(wrong))


def test_counterexample_is_found_by_its_numbers() -> None:
    assert [0, 0, 0, 0, 0, 1, 2, 2][-1] == 2
    assert FALSE["refuted"]["by"].endswith("::test_counterexample_is_found_by_its_numbers")


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
