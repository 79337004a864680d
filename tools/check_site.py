"""Check a built book without a browser: links, anchors, images, and that all is loaded from here.

Usage: python tools/check_site.py FOLDER

Prints what was counted; lists every problem and exits with status 1 if there is one. What scripts
request when they run is checked in a browser, by tools/screenshots.py.
"""

import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

SOURCE_OF = {
    "script": "src",
    "img": "src",
    "source": "src",
    "iframe": "src",
    "video": "src",
    "audio": "src",
    "embed": "src",
    "object": "data",
}
"""Elements that make a browser load something, and the attribute that says what."""
NAMED_ONLY = {"canonical", "alternate", "license", "author"}
"""Relations of <link> that a browser does not follow by itself."""
URL_IN_CSS = re.compile(r"""(?:url\(\s*|@import\s+)["']?([^"')\s;]+)""")
URL_IN_SCRIPT = re.compile(r"""["'`]((?:https?:)?//[^"'`\s]+)""")
NAMESPACE = "http://www.w3.org/"
"""Names of XML vocabularies look like addresses, but nobody loads them."""
NUMBERLESS = re.compile(r"(Theorem|Lemma|Proposition|Corollary|Definition|Remark|Example) ")
"""Text of a link to a statement without a number, where the page gives no text of its own."""
SPHINX_PROBLEM = {"problematic", "system-message", "merror"}
"""Classes that mark text which Sphinx or MathJax could not make sense of."""


@dataclass
class Reference:
    """Something that a page points to; ``loaded`` if the browser fetches it unasked."""

    line: int
    address: str
    loaded: bool


@dataclass
class Page(HTMLParser):
    """What one page holds."""

    anchors: set[str] = field(default_factory=set)
    references: list[Reference] = field(default_factory=list)
    problems: list[tuple[int, str]] = field(default_factory=list)
    images: int = 0
    _inline: str = ""
    _in_link: bool = False

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the anchors, references and problems of one element."""
        line = self.getpos()[0]
        attributes = {key: value or "" for key, value in attrs}
        self._inline = ""
        self._in_link = tag == "a"
        if tag == "script" and "src" not in attributes:
            self._inline = "script" if "json" not in attributes.get("type", "") else ""
        elif tag == "style":
            self._inline = "style"
        self.anchors |= {attributes[key] for key in ("id", "name") if attributes.get(key)}
        if trouble := SPHINX_PROBLEM & set(attributes.get("class", "").split()):
            self.problems.append((line, f"marked as {trouble.pop()}"))
        if tag == "a" and "href" in attributes:
            self.references.append(Reference(line, attributes["href"], loaded=False))
        elif tag == "link" and not NAMED_ONLY & set(attributes.get("rel", "").split()):
            self.references.append(Reference(line, attributes.get("href", ""), loaded=True))
        elif attributes.get(SOURCE_OF.get(tag, "")):
            self.references.append(Reference(line, attributes[SOURCE_OF[tag]], loaded=True))
        if "style" in attributes:
            self._styles(attributes["style"])
        if tag == "img":
            self.images += 1
            # Without an alternative text docutils writes the file's address instead.
            alt = attributes.get("alt", "").strip()
            if not alt or alt.endswith((".png", ".svg", ".jpg", ".jpeg")):
                self.problems.append((line, f"image without alt text: {attributes.get('src')}"))
        if tag == "svg" and attributes.get("role") == "img":
            self.images += 1
            if not attributes.get("aria-label", "").strip():
                self.problems.append((line, "picture without words"))

    def handle_endtag(self, tag: str) -> None:
        """Leave a script, a style or a link."""
        self._inline = ""
        self._in_link = False

    def handle_data(self, data: str) -> None:
        """Look into inline scripts and styles, and at what links are called."""
        if self._in_link and NUMBERLESS.fullmatch(data):
            self.problems.append((self.getpos()[0], f"link without a number: {data!r}"))
        if self._inline == "style":
            self._styles(data)
        elif self._inline == "script":
            for address in URL_IN_SCRIPT.findall(data):
                self.references.append(Reference(self.getpos()[0], address, loaded=True))

    def _styles(self, text: str) -> None:
        for address in URL_IN_CSS.findall(text):
            self.references.append(Reference(self.getpos()[0], address, loaded=True))


def resolve(reference: Reference, page: Path, pages: dict[Path, Page]) -> str | None:
    """What is wrong with a reference of ``page``, or None."""
    address = reference.address.strip()
    parts = urlsplit(address)
    if address.startswith(NAMESPACE) and reference.loaded:
        return None
    if parts.scheme in ("http", "https") or parts.netloc:
        return f"loaded from another server: {address}" if reference.loaded else None
    if parts.scheme in ("data", "mailto", "javascript"):
        return None
    if parts.scheme or parts.path.startswith("/"):
        return f"address of one machine or server: {address}"
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    target = target / "index.html" if target.is_dir() else target
    if not target.is_file():
        return f"no such file: {address}"
    # A bare "#" means the top of the page.
    if parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
        return f"no such anchor: {address}"
    return None


def check(folder: Path) -> tuple[Counter[str], list[str]]:
    """Counts and problems of the site in ``folder``."""
    folder = folder.resolve()
    if not (folder / "index.html").is_file():
        return Counter(), [f"{folder / 'index.html'}: missing, so there is no site here"]
    pages: dict[Path, Page] = {}
    for path in sorted(folder.rglob("*.html")):
        # The theme leaves templates in _static, which are no pages.
        if path.is_relative_to(folder / "_static"):
            continue
        page = pages[path] = Page()
        page.feed(path.read_text(encoding="utf-8"))
    problems = []
    counts: Counter[str] = Counter(pages=len(pages))
    for path, page in pages.items():
        found = list(page.problems)
        for reference in page.references:
            external = bool(urlsplit(reference.address).netloc)
            counts["external links" if external else "local references"] += 1
            if trouble := resolve(reference, path, pages):
                found.append((reference.line, trouble))
        counts["images"] += page.images
        problems += [f"{path.relative_to(folder)}:{line}: {text}" for line, text in found]
    for path in sorted(folder.rglob("*.css")):
        counts["style sheets"] += 1
        for address in URL_IN_CSS.findall(path.read_text(encoding="utf-8")):
            # Only what is loaded from afar: fonts of the theme come in several formats.
            if urlsplit(address).netloc and not address.startswith(NAMESPACE):
                name = path.relative_to(folder)
                problems.append(f"{name}: loaded from another server: {address}")
    return counts, problems


def main() -> int:
    """Command line; returns the exit status."""
    if len(sys.argv) != 2:
        print("usage: python tools/check_site.py FOLDER", file=sys.stderr)
        return 2
    counts, problems = check(Path(sys.argv[1]))
    for problem in problems:
        print(problem)
    print(", ".join(f"{n} {what}" for what, n in counts.items()) + f": {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
