"""Measure the pages of a built book: weight, seconds until they can be read, requests, and code.

Usage: python tools/measure_site.py FOLDER [PAGE ...]

Every page, or those named, is opened in a fresh headless Chromium whose processor is slowed four
times, without a cache. Weight is what the page asked for, in kilobytes; seconds run until all that
is in sight is drawn, formulas included. Code is the part of the article's height that is visible
code; bars are those of folded code that stand directly below another. Exit status 1 if a page
weighs over 2.5 MB, takes over five seconds, asks another server or has an error, if a bar follows a
bar, or if over 15 % of a page on an experiment is code. Needs what tools/screenshots.py needs.
"""

import sys
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Browser
from screenshots import browser, listen, served

SLOWED = 4
HEAVIEST, SLOWEST = 2_500, 5.0
"""Kilobytes and seconds that a page may take."""
MOST_CODE = 0.15
EXPERIMENTS = tuple(f"notebooks/{k}_" for k in (10, 11, 12, 13, 14, 15, 16, 20))
"""How much of a page may be code that shows what came out of an experiment, not how to run one."""

READY = """
async () => {
    if (window.MathJax?.startup?.promise) await MathJax.startup.promise;
    await document.fonts.ready;
    return performance.now() / 1000;
}
"""

CODE = """
() => {
    const article = document.querySelector(".bd-article") ?? document.body;
    const box = (e) => e.getBoundingClientRect();
    const seen = (what) => [...article.querySelectorAll(what)].filter(
        (e) => e.checkVisibility({ visibilityProperty: true }));  // not folded, and no solution
    const code = seen("div.cell_input").reduce((sum, e) => sum + box(e).height, 0);
    const bars = seen("details.hide").map(box);
    return {
        share: code / Math.max(box(article).height, 1),
        // Less than a line of text is between them.
        adjacent: bars.filter((bar, k) => k > 0 && bar.top - bars[k - 1].bottom < 40).length,
    };
}
"""


class Measures(NamedTuple):
    """What was measured of a page, and what is wrong with it."""

    kilobytes: float
    seconds: float
    code: float
    adjacent: int
    found: list[str]

    def beyond(self, name: str) -> bool:
        """Whether the page is beyond its bounds."""
        wordy = name.startswith(EXPERIMENTS) and self.code > MOST_CODE
        slow = self.kilobytes > HEAVIEST or self.seconds > SLOWEST
        return bool(self.found) or slow or wordy or self.adjacent > 0


def measure(browser: Browser, base: str, name: str) -> Measures:
    """Measure a page."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    found, sizes = listen(page, base), list[int]()
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWED})
    session.send("Network.enable")

    def finished(event: Any) -> None:
        sizes.append(event["encodedDataLength"])

    session.on("Network.loadingFinished", finished)
    page.goto(f"{base}/{name}", wait_until="load")
    seconds = float(page.evaluate(READY))
    code = page.evaluate(CODE)
    page.context.close()
    return Measures(sum(sizes) / 1000, seconds, code["share"], code["adjacent"], found)


def main(arguments: list[str]) -> int:
    """Command line; returns the exit status."""
    if not arguments:
        print("usage: python tools/measure_site.py FOLDER [PAGE ...]", file=sys.stderr)
        return 2
    folder, *pages = arguments
    all_pages = sorted(path.relative_to(folder) for path in Path(folder).rglob("*.html"))
    names = pages or [str(path) for path in all_pages if path.parts[0] in ("book", "notebooks")]
    bad = 0
    with served(folder) as base, browser() as chromium:
        for name in names:
            page = measure(chromium, base, name)
            wrong = page.beyond(name)
            bad += wrong
            print(
                f"{name:50} {page.kilobytes:7.0f} kB {page.seconds:6.2f} s {page.code:4.0%} code "
                f"{page.adjacent} bars {'WRONG' * wrong}"
            )
            for text in page.found:
                print(f"    {text}")
    size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file()) / 1e6
    print(f"{len(names)} pages, {bad} beyond their bounds; the site has {size:.1f} MB")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
