"""Photograph pages of a built book, wide and on a phone, light and dark, and say what is wrong.

Usage: python tools/screenshots.py FOLDER OUT PAGE ...

PAGE is an address inside FOLDER, such as book/intro.html. For every page and view a picture of the
whole page goes to OUT, in parts if it is long. Requests to other servers, failed requests, script
errors, formulas that MathJax could not read and content wider than the window are listed, and the
exit status is then 1. Needs Playwright and a Chromium on the PATH, such as Debian's.
"""

import functools
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

WIDTHS = {"wide": 1280, "phone": 390}
"""Window widths in CSS pixels."""
HEIGHT = 900
PART = 2400
"""Height of one picture in CSS pixels; a longer page is split."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--no-sandbox", "--disable-background-networking", "--hide-scrollbars")
MEASURE = """
async (width) => {
    if (window.MathJax?.startup?.promise) {
        await MathJax.startup.promise;
        await MathJax.startup.document.lazyTypesetAll();  // else only what is in sight
    }
    await document.fonts.ready;
    const root = document.documentElement;
    const article = document.querySelector(".bd-article") ?? document.body;
    // What lies in a box that scrolls by itself may be wider than the window.
    const boxed = (e) => e !== article
        && (getComputedStyle(e).overflowX !== "visible" || boxed(e.parentElement));
    const wide = [...article.querySelectorAll("*")].filter((e) =>
        e.getBoundingClientRect().right > width + 1 && !boxed(e.parentElement));
    return {
        theme: root.dataset.theme,
        height: Math.max(root.scrollHeight, document.body.scrollHeight),
        scrolls: root.scrollWidth > width + 1,
        wide: wide.slice(0, 3).map((e) => `<${e.tagName.toLowerCase()} class="${e.className}">`),
        formulas: document.querySelectorAll("mjx-container").length,
        unread: document.querySelectorAll("mjx-merror, [data-mjx-error]").length,
    };
}
"""
"""Waits for formulas and fonts, then measures the page. A phone widens its window to what does not
fit, so the page is told the width that it was given."""


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files without writing a line for each."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def served(folder: str | Path) -> Iterator[str]:
    """Address at which the files of a folder are served."""
    handler = functools.partial(QuietHandler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        raise SystemExit(f"no browser on PATH, tried {', '.join(BROWSERS)}")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=program, args=FLAGS)


def listen(page: Page, base: str) -> list[str]:
    """A list that fills with requests that leave the site or fail, and errors of scripts."""
    found: list[str] = []
    near = (base, "data:", "blob:", "about:")

    def requested(request: Any) -> None:
        if not request.url.startswith(near):
            found.append(f"request to another server: {request.url}")

    def answered(response: Any) -> None:
        if response.status >= 400:
            found.append(f"failed request: {response.url}")

    def said(message: Any) -> None:
        if message.type == "error":
            found.append(f"console error: {message.text}")

    page.on("request", requested)
    page.on("response", answered)
    page.on("console", said)
    page.on("pageerror", lambda error: found.append(f"script error: {error}"))
    return found


def photograph(
    browser: Browser, base: str, name: str, view: str, mode: Any, out: Path
) -> list[str]:
    """Photograph one page in one view; returns what is wrong with it."""
    width = WIDTHS[view]
    size: Any = {"width": width, "height": HEIGHT}
    page = browser.new_page(viewport=size, color_scheme=mode, is_mobile=view == "phone")
    found = listen(page, base)
    page.goto(f"{base}/{name}", wait_until="load")
    seen = page.evaluate(MEASURE, width)
    if seen["theme"] != mode:
        found.append(f"theme is {seen['theme']}")
    if seen["unread"]:
        found.append(f"{seen['unread']} formulas not understood")
    if seen["scrolls"] or seen["wide"]:
        found.append(f"wider than the window: {' '.join(seen['wide'])}")
    stem = name.removesuffix(".html").replace("/", "-")
    for part, top in enumerate(range(0, seen["height"], PART), start=1):
        clip: Any = {"x": 0, "y": top, "width": width, "height": min(PART, seen["height"] - top)}
        page.screenshot(path=out / f"{stem}-{view}-{mode}-{part}.png", clip=clip, full_page=True)
    page.close()
    print(f"{name}, {view}, {mode}: {width} x {seen['height']}, {seen['formulas']} formulas")
    return [f"{name}, {view}, {mode}: {text}" for text in found]


def main(arguments: list[str]) -> int:
    """Command line; returns the exit status."""
    if len(arguments) < 3:
        print("usage: python tools/screenshots.py FOLDER OUT PAGE ...", file=sys.stderr)
        return 2
    folder, out, *pages = arguments
    Path(out).mkdir(parents=True, exist_ok=True)
    found: list[str] = []
    with served(folder) as base, browser() as chromium:
        for page in pages:
            for view in WIDTHS:
                for mode in ("light", "dark"):
                    found += photograph(chromium, base, page, view, mode, Path(out))
    for text in found:
        print(text)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
