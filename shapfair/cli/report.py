"""``shapfair report``: an allocation as a document for the parties."""

import argparse
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from shapfair.cli.options import (
    add_allocation_options,
    add_currency_option,
    allocation_of,
    check_apart,
    print_warnings,
    say,
    whole_file,
    words_of,
)

ENDINGS = (".html", ".md", ".pdf")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE = 120
"""Seconds after which a browser counts as hanging."""


def add_report(subparsers: Any) -> None:
    """Describe ``shapfair report``."""
    parser = subparsers.add_parser(
        "report",
        help="a document for the parties: who pays whom, a page for everyone, how to check it",
        description="Write what an allocation means for the parties, as one file.",
        epilog="example: shapfair report clinics.csv --budget A=50000 --exchange-rate 1000000 "
        "--currency EUR --out report.html",
    )
    add = parser.add_argument
    add("values", metavar="VALUES", type=Path, help="value table, .csv or .json")
    add_allocation_options(add, repair="none", reason="")
    add_currency_option(add)
    add(
        "--out",
        metavar="FILE",
        type=Path,
        required=True,
        help="file to write: .html, .md, or .pdf by way of Chromium",
    )
    parser.set_defaults(handler=_report, words=words_of(parser))


def _report(arguments: argparse.Namespace) -> int:
    ending = arguments.out.suffix
    if ending not in ENDINGS:
        known = ", ".join(ENDINGS)
        raise ValueError(f"--out {arguments.out}: the name must end in one of {known}")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if ending == ".pdf" and not browser:
        raise ValueError(
            f"--out {arguments.out}: PDF needs Chromium, which is not here: "
            "write .html and print it from a browser"
        )
    check_apart({"VALUES": arguments.values, "--out": arguments.out})
    with whole_file("--out", arguments.out) as out:
        from shapfair.receipt import Source
        from shapfair.report.blocks import to_html, to_markdown
        from shapfair.report.consortium import Report

        source = Source.read(arguments.values)
        allocation = allocation_of(arguments, source.game)
        blocks = Report(allocation, source, arguments.currency).blocks()
        if ending == ".pdf":
            print_page(str(browser), to_html(blocks), out)
        else:
            text = to_html(blocks) if ending == ".html" else to_markdown(blocks)
            out.write_text(text, encoding="utf-8")
    print_warnings(allocation.warnings)
    say(f"wrote {arguments.out}")
    return 0


def print_page(browser: str, page: str, out: Path) -> None:
    """Print a page that asks for no other file.

    Raises:
        ValueError: if the browser writes nothing.
    """
    with tempfile.TemporaryDirectory() as folder:
        there, made = Path(folder, "report.html"), Path(folder, "report.pdf")
        there.write_text(page, encoding="utf-8")
        # As root Chromium only runs without its sandbox; the page has no script.
        root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        command = [browser, "--headless", *root, "--disable-gpu", "--no-pdf-header-footer"]
        command += [f"--user-data-dir={folder}/profile", f"--print-to-pdf={made}", there.as_uri()]
        try:
            subprocess.run(command, capture_output=True, timeout=PATIENCE, check=True)
            shutil.copyfile(made, out)
        except (subprocess.SubprocessError, FileNotFoundError):
            raise ValueError(
                f"--out: {browser} printed nothing, write .html and print it from a browser"
            ) from None
