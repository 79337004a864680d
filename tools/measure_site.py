"""Measure the pages of a built book: weight, seconds until they can be read, and requests.

Usage: python tools/measure_site.py FOLDER [PAGE ...]

Every page, or those named, is opened in a fresh headless Chromium whose processor is slowed four
times, without a cache. Weight is what the page asked for, in kilobytes; seconds run until all that
is in sight is drawn, formulas included. Exit status 1 if a page weighs over 2.5 MB, takes over five
seconds, asks another server or has an error. Needs what tools/screenshots.py needs.
"""

import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser
from screenshots import browser, listen, served

SLOWED = 4
HEAVIEST, SLOWEST = 2_500, 5.0
"""Kilobytes and seconds that a page may take."""

READY = """
async () => {
    if (window.MathJax?.startup?.promise) await MathJax.startup.promise;
    await document.fonts.ready;
    return performance.now() / 1000;
}
"""


def measure(browser: Browser, base: str, name: str) -> tuple[float, float, list[str]]:
    """Kilobytes, seconds, and what is wrong with a page."""
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
    page.context.close()
    return sum(sizes) / 1000, seconds, found


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
            kilobytes, seconds, found = measure(chromium, base, name)
            wrong = found or kilobytes > HEAVIEST or seconds > SLOWEST
            bad += bool(wrong)
            print(f"{name:50} {kilobytes:7.0f} kB {seconds:6.2f} s {'WRONG' * bool(wrong)}")
            for text in found:
                print(f"    {text}")
    size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file()) / 1e6
    print(f"{len(names)} pages, {bad} beyond their bounds; the site has {size:.1f} MB")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
