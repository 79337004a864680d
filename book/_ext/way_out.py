"""Ways out of the book: its sources, what it looks like where it is linked, and all notebooks.

The settings ``repository_address`` and ``site_address`` of ``_config.yml`` are empty as long as
there is no such place; what needs them is then left out. Every page gets a description, its first
sentence. Pages that are notebooks offer one archive with all notebooks, the tables that they read
and the package, so that they run wherever it is unpacked.
"""

import json
import zipfile
from html import escape
from pathlib import Path
from typing import Any

import shapfair
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

ARCHIVE = "_downloads/shapfair-notebooks.zip"
TOP = "shapfair-notebooks"
CONTENTS = (
    *("notebooks/*.ipynb", "book/*.ipynb", "book/examples/*", "results/*"),
    *("benchmarks/*.json", "README.md", "LICENSE", "pyproject.toml"),
    *("shapfair/**/*.py", "shapfair/py.typed", "shapfair/datasets/embedded/*"),
    *("shapfair/receipt.schema.json", "shapfair/explorer/*.*"),
)
ABOUT = """\
All notebooks of the book, without outputs, with the tables that they read and the package.

    python -m venv .venv
    .venv/bin/pip install '.[plots,train,theory]' jupyterlab scikit-learn
    .venv/bin/jupyter lab notebooks

Python 3.11, 3.12 or 3.13; on Windows .venv\\Scripts in place of .venv/bin. Some notebooks train
models, 10 to 14 those of the paper, and fetch their data if they can; the others read tables.
"""
LONGEST = 160
"""Characters of a description that search engines show."""


def offer_sources(_app: Sphinx, config: Config) -> None:
    """Buttons for repository, page source and issues, where there is a repository."""
    if config.repository_address:
        config.html_theme_options |= {
            "repository_url": config.repository_address,
            "use_repository_button": True,
            "use_issues_button": True,
            "use_source_button": True,
        }


def description(doctree: nodes.document) -> str:
    """The first sentence or two of a page, without formulas."""
    for paragraph in doctree.findall(nodes.paragraph):
        text = " ".join(paragraph.astext().split())
        if isinstance(paragraph.parent, nodes.section | nodes.document) and not list(
            paragraph.findall(nodes.math)
        ):
            cut = text[: LONGEST + 1]
            return text if len(text) <= LONGEST else cut[: cut.rfind(" ")] + " …"
    return ""


def describe(app: Sphinx, page: str, _template: str, context: dict[str, Any], doctree: Any) -> None:
    """Called by Sphinx for every page: what it looks like where it is linked."""
    if doctree is None:
        return
    site = app.config.site_address.rstrip("/")
    card = {"og:title": context["title"], "og:type": "article", "twitter:card": "summary"}
    if text := description(doctree):
        card["og:description"] = text
        context["metatags"] += f'<meta name="description" content="{escape(text)}">\n'
    if site:
        card["og:url"] = f"{site}/{page}.html"
    context["metatags"] += "".join(
        f'<meta property="{name}" content="{escape(content)}">\n' for name, content in card.items()
    )


def offer_archive(
    _app: Sphinx, _page: str, _template: str, context: dict[str, Any], _doctree: Any
) -> None:
    """Add the archive to what a notebook's page offers to download."""
    if context.get("page_source_suffix") == ".ipynb":
        for group in context["header_buttons"]:
            if group["label"] == "download-buttons":
                group["buttons"].insert(
                    0,
                    {
                        "type": "link",
                        "url": context["pathto"](ARCHIVE, 1),
                        "text": "all notebooks, ready to run",
                        "icon": "fas fa-file-archive",
                        "tooltip": "Notebooks, the tables that they read, and the package (.zip)",
                        "label": "download-archive-button",
                    },
                )


def pack(root: Path, archive: Path) -> None:
    """Write the archive: the same files give the same bytes.

    Args:
        root: top of the repository.
        archive: the file to write.
    """
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(zipfile.ZipInfo(f"{TOP}/START.txt"), ABOUT)
        for path in sorted({path for pattern in CONTENTS for path in root.glob(pattern)}):
            content = path.read_bytes()
            if path.suffix == ".ipynb":
                content = without_outputs(content)
            member = zipfile.ZipInfo(f"{TOP}/{path.relative_to(root)}")
            made.writestr(member, content, zipfile.ZIP_DEFLATED)


def without_outputs(notebook: bytes) -> bytes:
    """A notebook as if it had never been run."""
    content = json.loads(notebook)
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    return json.dumps(content, indent=1, ensure_ascii=False).encode() + b"\n"


def write_archive(app: Sphinx, exception: Exception | None) -> None:
    """Called by Sphinx when all pages are written."""
    root = Path(shapfair.__file__).parents[1]
    if not exception and app.builder.format == "html" and (root / "pyproject.toml").exists():
        pack(root, Path(app.outdir, ARCHIVE))


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_config_value("repository_address", "", "html", str)
    app.add_config_value("site_address", "", "html", str)
    app.connect("config-inited", offer_sources)
    app.connect("html-page-context", describe)
    app.connect("html-page-context", offer_archive, priority=900)  # after the theme's own buttons
    app.connect("build-finished", write_archive)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
