"""The stored notebooks are complete; of incomplete ones nbval would compare nothing, and pass."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers import ROOT

NOTEBOOKS = sorted([*ROOT.glob("book/*.ipynb"), *ROOT.glob("notebooks/*.ipynb")])
IGNORED = "nbval-ignore-output"

notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)


def code_cells(path: Path) -> list[dict[str, Any]]:
    """Code cells of a stored notebook."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def tags(cell: dict[str, Any]) -> list[str]:
    """Tags of a cell."""
    return cell["metadata"].get("tags", [])


def has_image(cell: dict[str, Any]) -> bool:
    """Whether a cell shows a picture."""
    kinds = {kind for out in cell["outputs"] for kind in out.get("data", {})}
    return any(kind.startswith("image/") for kind in kinds)


def test_every_notebook_is_a_page_and_every_page_exists() -> None:
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    listed = [toc["root"]] + [c["file"] for part in toc["parts"] for c in part["chapters"]]
    assert len(set(listed)) == len(listed)
    stored = [path.relative_to(ROOT).with_suffix("").as_posix() for path in NOTEBOOKS]
    assert set(stored) <= set(listed)
    prose = [name for name in listed if name not in stored]
    assert [name for name in prose if not (ROOT / f"{name}.md").is_file()] == []


@notebook
def test_cells_were_run_once_in_order(path: Path) -> None:
    counts = [cell["execution_count"] for cell in code_cells(path)]
    assert counts == list(range(1, len(counts) + 1))


@notebook
def test_nothing_went_wrong(path: Path) -> None:
    outputs = [out for cell in code_cells(path) for out in cell["outputs"]]
    assert [out for out in outputs if out["output_type"] == "error"] == []
    assert [out for out in outputs if out.get("name") == "stderr"] == []


@notebook
def test_something_is_compared(path: Path) -> None:
    compared = [cell for cell in code_cells(path) if IGNORED not in tags(cell) and cell["outputs"]]
    assert compared, f"{path.name} shows no output that a new run is compared with"
    for cell in code_cells(path):
        assert "nbval-skip" not in tags(cell)
        if "nbval-check-output" in tags(cell):
            assert cell["outputs"], f"cell {cell['id']} is tagged as checked and shows nothing"


@notebook
def test_figures_are_free_and_described(path: Path) -> None:
    for cell in filter(has_image, code_cells(path)):
        assert IGNORED in tags(cell), f"cell {cell['id']} shows a figure and would be compared"
        alt = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "")
        assert len(alt) > 20, f"cell {cell['id']} shows a figure without alt text"
        for out in cell["outputs"]:
            # Such as [<Line2D>]: the last line has to be plt.show() or an assignment.
            assert out["output_type"] != "execute_result", f"cell {cell['id']} ends in a value"


@notebook
def test_stored_form_is_the_canonical_one(path: Path) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    assert [cell["id"] for cell in content["cells"]] == [
        f"c{index:02d}" for index in range(len(content["cells"]))
    ]
    assert set(content["metadata"]) == {"kernelspec", "language_info"}
    allowed = {"tags", "mystnb"}
    assert [cell["id"] for cell in content["cells"] if set(cell["metadata"]) - allowed] == []
