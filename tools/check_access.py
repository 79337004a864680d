"""Check that the pages of a built book can be used by everybody: axe-core's rules, in three views.

Usage: python tools/check_access.py FOLDER [PAGE ...]

Every page, or those named, is opened wide in light and in dark, and on a phone. What axe-core finds
serious or critical is listed, and the exit status is then 1. Without Playwright or Chromium nothing
is checked, which is said.
"""

import shutil
import sys
from pathlib import Path

AXE = Path(__file__).parent / "_vendor" / "axe" / "axe.min.js"
VIEWS = {"light": (1280, "light"), "dark": (1280, "dark"), "phone": (390, "light")}
"""Width in CSS pixels and colour scheme."""

FIND = """
async () => {
    if (window.MathJax?.startup?.promise) await MathJax.startup.promise;
    await new Promise((done) => setTimeout(done, 400));  // access.js looks again after 200 ms
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    return violations.filter((one) => ["serious", "critical"].includes(one.impact))
        .flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.target.join(" ")}`));
}
"""


def main(arguments: list[str]) -> int:
    """Command line; returns the exit status."""
    if not arguments:
        print("usage: python tools/check_access.py FOLDER [PAGE ...]", file=sys.stderr)
        return 2
    try:
        from screenshots import BROWSERS, browser, served
    except ImportError:
        print("access: not checked, Playwright is not installed")
        return 0
    if not any(map(shutil.which, BROWSERS)):
        print("access: not checked, there is no Chromium on the PATH")
        return 0
    folder, *pages = arguments
    everything = sorted(path.relative_to(folder) for path in Path(folder).rglob("*.html"))
    names = pages or [str(path) for path in everything if path.parts[0] in ("book", "notebooks")]
    rules, found = AXE.read_text(encoding="utf-8"), 0
    with served(folder) as base, browser() as chromium:
        for name in names:
            for view, (width, mode) in VIEWS.items():
                size, phone = {"width": width, "height": 900}, view == "phone"
                page = chromium.new_page(viewport=size, color_scheme=mode, is_mobile=phone)  # type: ignore[arg-type]
                page.goto(f"{base}/{name}", wait_until="load")
                page.add_script_tag(content=rules)
                for text in page.evaluate(FIND):
                    found += 1
                    print(f"{name}, {view}: {text}")
                page.close()
    print(f"access: {len(names)} pages in {len(VIEWS)} views: {found} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
