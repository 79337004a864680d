"""The wings of the package: arrows of import go one way, and nothing is written twice."""

import ast
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from helpers import ROOT

PACKAGE = ROOT / "shapfair"
CHECKERS = "verifier signatures".split()
TOOLS = "extras leftovers memory files names numerals escapes documents".split()
CORE = """
rounding coalitions lattice amounts filling origin tables game games shapley rational payments
settling clearing noise stability
remarks allocation receipt
""".split()
WINGS = """
datasets valuation estimation training paper delivered made_to_order theory report explorer cli
""".split()
ORDER = [*CHECKERS, *TOOLS, *CORE, *WINGS]
"""Low to high: a module imports from its own wing and from lower ones, the core thus from itself
alone. `datasets` and `training` come before what is made of them, and `cli`, which calls all,
last. `theory` and `report` stand on the core; they are high so that nobody trains through them.
The checkers of receipts know nothing of the package, and what they check knows nothing of them."""

KNOWS = {
    **dict.fromkeys(set(ORDER) - {"cli"}, set(ORDER) - set(CHECKERS)),
    **{checker: set[str]() for checker in CHECKERS},
    "datasets": {*TOOLS, "coalitions"},
    "valuation": {*TOOLS, "coalitions", "origin", "tables", "game", "games"},
    "estimation": {*TOOLS, *CORE, "valuation"},
    "training": {*TOOLS, "coalitions", "game", "datasets", "valuation"},  # and nothing of payoffs
    "delivered": {*TOOLS, "datasets", "valuation", "training"},  # the last for own networks alone
    "theory": {*TOOLS, *CORE},
    "report": {*TOOLS, *CORE, "estimation", "theory"},
    "explorer": {*TOOLS, *CORE},
}
"""Wings that may import less than the order allows."""


def imports(tree: ast.Module) -> Iterator[tuple[str, bool]]:
    """What a file imports from the package, and whether for types alone.

    Imports in functions count like all others: they come late, and come all the same.
    """
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name the whole path"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.startswith("shapfair.") and name != "shapfair.__version__":
                yield name.removeprefix("shapfair."), id(node) in for_types


def arrows(package: Path = PACKAGE) -> dict[tuple[str, str], bool]:
    """Importing and imported module, and whether for types alone."""
    files = {
        ".".join(path.relative_to(package).with_suffix("").parts).removesuffix(".__init__"): path
        for path in package.rglob("*.py")
        if path != package / "__init__.py"  # the front door, which loads names when they are used
    }
    found: dict[tuple[str, str], bool] = {}
    for module, path in files.items():
        for name, for_types in imports(ast.parse(path.read_text(encoding="utf-8"))):
            # A name is a module or something in one; what is in none goes through the front door.
            target = next((n for n in (name, name.rpartition(".")[0]) if n in files), "the door")
            if target != module:
                found[module, target] = found.get((module, target), True) and for_types
    return found


def wing(module: str) -> str:
    """The folder of a module, or the module of the core."""
    return module.partition(".")[0]


def problems(found: dict[tuple[str, str], bool]) -> list[str]:
    """Arrows that go up, or where a wing must not look.

    An import for types alone is an arrow, too: who reads the module has to know the other. But it
    loads nothing, so it may go anywhere down.
    """
    wrong = []
    for (module, target), for_types in sorted(found.items()):
        here, there = wing(module), wing(target)
        if here not in ORDER or there not in ORDER:
            wrong.append(f"{module} -> {target}: not a module of a wing in ORDER")
        elif ORDER.index(there) > ORDER.index(here):
            wrong.append(f"{module} -> {target}: goes up")
        elif here != there and not for_types and there not in KNOWS.get(here, ORDER):
            wrong.append(f"{module} -> {target}: {here} knows nothing of {there}")
    return wrong


def test_arrows_go_down() -> None:
    assert problems(arrows()) == []


def circle(found: Iterable[tuple[str, str]]) -> list[str]:
    """Modules that import each other in a ring; empty if there is none."""
    graph = TopologicalSorter[str]()
    for module, target in found:
        graph.add(module, target)
    try:
        graph.prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_no_circles() -> None:
    assert circle(arrows()) == []


def test_every_module_has_its_place() -> None:
    there = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert there - {"__init__", "__pycache__"} <= set(ORDER)


def test_wrong_arrows_are_found(tmp_path: Path) -> None:
    files = {
        "game": "from shapfair import tables\nimport numpy",
        "tables": "def f():\n    from shapfair.game import Game",
        "shapley": "import typing\nif typing.TYPE_CHECKING:\n    from shapfair.cli import main",
        "training/__init__": "from shapfair.allocation import allocate",
        "allocation": "from shapfair import allocate, __version__",
        "cli/main": "from shapfair.training import allocate",
        "report/__init__": "from shapfair.game import Game\nfrom shapfair.cli.main import main",
        "made_to_order": "",
        "report/text": "if TYPE_CHECKING:\n    from shapfair.made_to_order import Model",
        "report/rows": "from shapfair.made_to_order import Model",
        "verifier": "from shapfair import signatures, tables",
        "signatures": "",
        "receipt": "from shapfair.verifier import check",
        "cli/verify": "from shapfair import signatures, verifier",
    }
    for name, text in files.items():
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    found = arrows(tmp_path)
    assert ("cli.main", "training") in found
    assert problems(found) == [
        "allocation -> the door: not a module of a wing in ORDER",
        "receipt -> verifier: receipt knows nothing of verifier",
        "report -> cli.main: goes up",
        "report.rows -> made_to_order: report knows nothing of made_to_order",
        "shapley -> cli.main: goes up",
        "tables -> game: goes up",
        "training -> allocation: training knows nothing of allocation",
        "verifier -> signatures: goes up",
        "verifier -> tables: goes up",
    ]
    assert set(circle(found)) == {"game", "tables"}


# --- nothing twice -------------------------------------------------------------------------------

SAME = 6
"""As many equal lines in a row are the same thing written twice."""


def code_lines(text: str) -> list[str]:
    """Lines that say something: no blank ones, comments, imports and ends of docstrings.

    Nor signatures, which all methods of one protocol have in common.
    """
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            silent = range(node.lineno - 1, node.end_lineno or 0)
        elif isinstance(node, ast.FunctionDef):
            silent = range(node.lineno - 1, node.body[0].lineno - 1)
        else:
            continue
        for k in silent:
            lines[k] = ""
    stripped = (line.strip() for line in lines)
    return [line for line in stripped if line.strip('"') and not line.startswith("#")]


def written_twice(texts: dict[str, str]) -> dict[frozenset[str], str]:
    """Files that share :data:`SAME` lines in a row, or a file that has them twice -> the lines."""
    first: dict[tuple[str, ...], tuple[str, int]] = {}
    found: dict[frozenset[str], str] = {}
    for name, text in texts.items():
        lines = code_lines(text)
        for k in range(len(lines) - SAME + 1):
            block = tuple(lines[k : k + SAME])
            other, place = first.setdefault(block, (name, k))
            if (other, place) != (name, k):
                found.setdefault(frozenset({name, other}), "\n".join(block))
    return found


def test_no_block_stands_twice() -> None:
    texts = {
        path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(PACKAGE.rglob("*.py"))
    }
    assert written_twice(texts) == {}


def test_blocks_that_stand_twice_are_found() -> None:
    block = "\n".join(f"a{k} = {k}" for k in range(SAME))
    spread = block.replace("\n", "\n\n# why\nimport os\n")
    assert set(written_twice({"x": block, "y": f"b = 0\n{spread}"})) == {frozenset("xy")}
    assert set(written_twice({"x": f"{block}\n{block}"})) == {frozenset("x")}
    assert written_twice({"x": block, "y": block.replace("a0", "b0")}) == {}
    signature = "def f(\n    a,\n    b,\n    c,\n    d,\n    e,\n    f,\n):\n    return "
    assert written_twice({"x": f"{signature}1", "y": f"{signature}2"}) == {}
