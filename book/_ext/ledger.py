"""The claims ledger: the rows in the folder ``book/claims/``, and the paper's own numbering.

``book/claims/schema.yml`` describes the keys of a row. Texts are MyST and may hold formulas.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

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
"""Keys of what a reader sees."""
SCHEMA = Path(__file__).parents[1] / "claims" / "schema.yml"


def files(folder: Path) -> list[Path]:
    """The files of a ledger, in the order of the paper."""
    return sorted(folder.glob("[0-9]*.yml"))


def read(folder: Path) -> list[Any]:
    """Rows of a ledger, whatever they are."""
    return _parsed(path.read_text(encoding="utf-8") for path in files(folder))


def load(folder: Path) -> list[Row]:
    """Rows of a ledger.

    Raises:
        ValueError: listing everything that is wrong with it.
    """
    return list(_checked(tuple(path.read_text(encoding="utf-8") for path in files(folder))))


@lru_cache(maxsize=1)
def _checked(texts: tuple[str, ...]) -> list[Row]:
    """Rows of the files' texts; kept, since every page of the book asks for them."""
    rows = _parsed(texts)
    if found := problems(rows):
        raise ValueError("the claims ledger:\n" + "\n".join(found))
    return rows


def _parsed(texts: Iterable[str]) -> list[Any]:
    try:
        return [row for text in texts for row in as_list(yaml.safe_load(text))]
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"the claims ledger:\nnot YAML: {error}") from None


def as_list(value: Any) -> list[Any]:
    """One value or several as a list."""
    return value if isinstance(value, list) else [value]


def problems(rows: list[Any]) -> list[str]:
    """What is wrong with a ledger by itself, without a look at notebooks and tests."""
    names = [
        row["id"] if isinstance(row, dict) and isinstance(row.get("id"), str) else f"row {k}"
        for k, row in enumerate(rows, start=1)
    ]
    found = []
    for error in _validator().iter_errors(rows):
        k, *path = error.absolute_path
        found.append(": ".join([names[k], *map(str, path), error.message]))
    found += [
        f"{name}: {text}" for name, row in zip(names, rows, strict=True) for text in _odd(row)
    ]
    return found + [
        f"{x}: {times} rows have this id" for x, times in Counter(names).items() if times > 1
    ]


@lru_cache
def _validator() -> Draft202012Validator:
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def _odd(row: Any) -> Iterator[str]:
    """What the schema cannot say of a row: whether the paper has its place and its items."""
    if not isinstance(row, dict):
        return
    if row.get("verdict") == "typo" and row.get("printed") == row.get("correction"):
        yield "printed and correction are the same"
    if isinstance(row.get("covers"), list):
        yield from (f"covers {x!r}, no item of the paper" for x in row["covers"] if base(x) is None)
    if isinstance(row.get("place"), str) and section(row["place"]) is None:
        yield f"place {row['place']!r} names no section and no numbered item"


def base(item: str) -> str | None:
    """The item itself; an observation may be followed by its data set, Figure 2 by its panel."""
    name = re.sub(r"^(Figure \d)[a-i]$", r"\1", re.sub(r", .*", "", str(item)))
    return name if name in ITEMS else None


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
