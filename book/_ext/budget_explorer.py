"""The budget explorer with recorded tables, made when the book is built.

The directive ``budget-explorer`` puts tables of ``results/`` and ``book/examples/`` into a page,
where the scripts of :mod:`shapfair.explorer` find them; ``:small:`` leaves out all but the first
table, its budgets and models. Only pages that have an explorer load its scripts.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from shapfair import Game
from shapfair.explorer.page import FOLDER, SCRIPTS, STYLE, element, table_data
from shapfair.receipt import Source
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

EXAMPLE = "book/examples/clinics.csv"
FULL_PAGE = "book/explorer"


@dataclass(frozen=True)
class Preset:
    """Budgets to begin with; None is unlimited."""

    label: str
    budgets: tuple[float | None, ...]
    panels: str = ""


@dataclass(frozen=True)
class Record:
    """A table that the explorer offers.

    Attributes:
        file: where it is, from the top of the repository.
        name: what readers choose it by.
        note: what it is, in a sentence or two.
        page: document that is about it, if any.
        presets: budgets to begin with; by default unlimited and zero ones.
    """

    file: str
    name: str
    note: str
    page: str = ""
    presets: tuple[Preset, ...] = ()


def panels(
    n: int, rich: int, amount: float | None, label: str, *figures: str
) -> tuple[Preset, ...]:
    """The three kinds of budgets of a figure of the paper."""
    one = tuple(amount if i == rich else 0 for i in range(n))
    return (
        Preset("Unlimited budgets", (None,) * n, figures[0]),
        Preset("No money", (0,) * n, figures[1]),
        Preset(label, one, figures[2]),
    )


_IMDB = panels(5, 2, None, "Only 3 has money", "Fig. 4a–c", "Fig. 4d–f", "Fig. 4g–i")
_DIGITS = "Parties are called by the digits they own. Values are accuracies on the test images."

RECORDS = {
    "mnist": Record(
        "results/mnist.json",
        "MNIST",
        f"{_DIGITS} A payoff of 0.1 is worth ten percentage points.",
        "notebooks/11_mnist",
        panels(5, 0, 0.3, "Only [0] has 0.3", "Fig. 2a, b", "Fig. 2c, d, g", "Fig. 2e, f, h"),
    ),
    "cifar10": Record(
        "results/cifar10.json",
        "CIFAR-10",
        "Parties are called by the classes they own. Values are accuracies on the test images.",
        "notebooks/12_cifar10",
        panels(4, 3, None, "Only [6,7] has money", "Fig. 3a–c", "Fig. 3d–f", "Fig. 3g–i"),
    ),
    "imdb": Record(
        "results/imdb.json",
        "IMDB, as printed",
        "Reviews dealt at random, so that nobody has better ones. The protocol of Appendix J.3.",
        "notebooks/13_imdb",
        _IMDB,
    ),
    "imdb-published": Record(
        "results/imdb-published.json",
        "IMDB, published network",
        "The same with the network of the authors' code, and a new optimiser for every model.",
        "notebooks/13_imdb",
        _IMDB,
    ),
    "imdb-carried": Record(
        "results/imdb-carried.json",
        "IMDB, optimiser carried over",
        "The same with an optimiser that is never reset, as in the authors' code: 1 is ahead.",
        "notebooks/13_imdb",
        _IMDB,
    ),
    "mnist-copy-1-2": Record(
        "results/mnist-copy-1-2.json",
        "MNIST, [1-2] joins twice",
        f"{_DIGITS} A sixth party has the same data as [1-2].",
        "notebooks/11_mnist",
    ),
    "mnist-disjoint": Record(
        "results/mnist-disjoint.json",
        "MNIST, nobody's data overlap",
        _DIGITS,
        "notebooks/11_mnist",
    ),
    "mnist-digits": Record("results/mnist-digits.json", "MNIST, a digit each", _DIGITS),
    "clinics": Record(
        EXAMPLE,
        "Three clinics",
        "The example of the first page. Its numbers are made up.",
        "",
        (
            Preset("Unlimited budgets", (None, None, None)),
            Preset("A has 0.05", (0.05, None, None)),
            Preset("No money", (0, 0, 0)),
        ),
    ),
}
"""By the name that stands in addresses; the first one is shown at first."""


def entry(name: str, root: Path, link: Any) -> dict[str, Any]:
    """A table as the explorer reads it.

    Args:
        name: key of :data:`RECORDS`.
        root: top of the repository.
        link: gives the address of a document.
    """
    record = RECORDS[name]
    source = Source.read(root / record.file)
    presets = [_preset(preset, source.game) for preset in record.presets]
    return {
        "id": name,
        "name": record.name,
        "note": record.note,
        **({"page": link(record.page)} if record.page else {}),
        **table_data(source, record.file),
        **({"presets": presets} if presets else {}),
    }


def _preset(preset: Preset, game: Game) -> dict[str, Any]:
    if len(preset.budgets) != game.n:
        raise ValueError(f"{preset.label}: {len(preset.budgets)} budgets for {game.n} parties")
    return {"label": preset.label, "note": preset.panels, "budgets": list(preset.budgets)}


class BudgetExplorer(SphinxDirective):
    """The explorer with all tables, or small with the first."""

    option_spec = {"small": directives.flag}  # noqa: RUF012 (docutils wants a plain dictionary)

    def run(self) -> list[nodes.Node]:
        """An element with the data, which the script fills."""
        root, small = Path(self.env.srcdir), "small" in self.options
        names = list(RECORDS)[:1] if small else list(RECORDS)
        for name in {EXAMPLE, *(RECORDS[name].file for name in names)}:
            self.env.note_dependency(str(root / name))
        data = {
            "tables": [entry(name, root, self._link) for name in names],
            "small": small,
            "full": self._link(FULL_PAGE),
            "example": (root / EXAMPLE).read_text(encoding="utf-8"),
        }
        return [nodes.raw("", element(data), format="html", classes=["budget-explorer"])]

    def _link(self, document: str) -> str:
        return self.env.app.builder.get_relative_uri(self.env.docname, document)


def add_scripts(app: Sphinx, _page: str, _template: str, _context: Any, doctree: Any) -> None:
    """Load the explorer on pages that have one."""
    if doctree is not None and any(
        "budget-explorer" in raw["classes"] for raw in doctree.findall(nodes.raw)
    ):
        app.add_css_file(f"explorer/{STYLE}")
        for script in SCRIPTS:
            app.add_js_file(f"explorer/{script}", loading_method="defer")


def copy_scripts(app: Sphinx) -> None:
    """Put scripts and style where pages find them."""
    if app.builder.format == "html":
        there = Path(app.outdir, "_static", "explorer")
        there.mkdir(parents=True, exist_ok=True)
        for name in (STYLE, *SCRIPTS):
            shutil.copy(FOLDER / name, there / name)


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("budget-explorer", BudgetExplorer)
    app.connect("builder-inited", copy_scripts)
    app.connect("html-page-context", add_scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
