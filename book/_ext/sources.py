"""Sources that pages link to: modules of the package and tests of the claims, as light pages.

``[source]`` in the API and the names of tests in the ledger lead to ``sources/``, so that a reader
without a copy of the repository sees the code. Anchors are the names of classes and functions.
"""

import ast
import inspect
from collections.abc import Iterator
from html import escape
from importlib import import_module
from pathlib import Path
from typing import Any

import shapfair
from sphinx.application import Sphinx
from sphinx.config import Config

FOLDER = "sources"
ROOT = Path(shapfair.__file__).parents[1]

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{name}</title>
<link rel="icon" href="data:,">
<style>
:root {{ color-scheme: light dark; }}
body {{ max-width: 60rem; margin: 1rem auto; padding: 0 1rem; font-family: sans-serif; }}
pre {{ font-size: 0.85rem; line-height: 1.4; overflow-x: auto; }}
span:target {{ outline: 2px solid; outline-offset: 2px; }}
</style>
</head>
<body>
<p><a href="{up}index.html">The book</a> / {name}</p>
<pre tabindex="0">{code}</pre>
</body>
</html>
"""


def address(path: str, name: str = "") -> str:
    """Where a file is, from the top of the site.

    Args:
        path: the file, from the top of the repository.
        name: a class or function in it, as ``Class.method``.
    """
    return f"{FOLDER}/{path.removesuffix('.py')}.html" + (f"#{name}" if name else "")


def definitions(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[int, str]]:
    """Line and dotted name of every class and function."""
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, prefix + node.name
            yield from definitions(node.body, f"{prefix}{node.name}.")


def page(path: str, text: str) -> str:
    """A file as a page, with an anchor at every definition."""
    lines = escape(text).split("\n")
    for line, name in definitions(ast.parse(text).body):
        lines[line - 1] = f'<span id="{name}">{lines[line - 1]}</span>'
    up = "../" * (path.count("/") + 1)
    return PAGE.format(name=escape(path), up=up, code="\n".join(lines))


def resolve(app: Sphinx, domain: str, info: dict[str, str]) -> str | None:
    """Address of what the API documents, from a page of ``book/api/``."""
    if domain != "py" or not info["module"].startswith("shapfair"):
        return None
    thing: Any = import_module(info["module"])
    for part in info["fullname"].split(".") if info["fullname"] else []:
        thing = inspect.unwrap(getattr(thing, part, None) or object)
    thing = thing.fget if isinstance(thing, property) else getattr(thing, "func", thing)
    module = getattr(thing, "__module__", None)
    if not inspect.isfunction(thing) and not inspect.isclass(thing):
        return None
    if not module or not module.startswith("shapfair"):
        return None
    path = Path(str(import_module(module).__file__)).relative_to(ROOT).as_posix()
    names = {name for _, name in definitions(ast.parse((ROOT / path).read_text("utf-8")).body)}
    if thing.__qualname__ not in names:
        return None
    linked(app).add(path)
    return "../../" + address(path, thing.__qualname__)


def linked(app: Sphinx) -> set[str]:
    """Files that pages link to, which are written when all pages are."""
    found: set[str] = app.env.__dict__.setdefault("linked_sources", set())
    return found


def write_pages(app: Sphinx, exception: Exception | None) -> None:
    """Called by Sphinx when all pages are written."""
    if exception or app.builder.format != "html":
        return
    for path in sorted(linked(app)):
        made = Path(app.outdir, address(path))
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_text(page(path, (ROOT / path).read_text("utf-8")), encoding="utf-8")


def prepare(app: Sphinx, config: Config) -> None:
    """Tell the extension that puts ``[source]`` into the API where sources are."""
    config.linkcode_resolve = lambda domain, info: resolve(app, domain, info)


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.setup_extension("sphinx.ext.linkcode")
    app.connect("config-inited", prepare)
    app.connect("build-finished", write_pages)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
