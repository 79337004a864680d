"""Photograph pages of a built book, wide and on a phone, light and dark, and say what is wrong.

Usage: python tools/screenshots.py FOLDER OUT PAGE ...

PAGE is an address inside FOLDER, such as book/intro.html. For every page and view a picture of the
whole page goes to OUT, in parts if it is long. Requests to other servers, failed requests, script
errors, formulas that MathJax could not read and content wider than the window are listed, and the
exit status is then 1. Needs Chromium, which is driven over its DevTools pipe.
"""

import base64
import fcntl
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

WIDTHS = {"wide": 1280, "phone": 390}
"""Window widths in CSS pixels."""
HEIGHT = 900
PART = 2400
"""Height of one picture in CSS pixels; a longer page is split."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
MEASURE = """
(async (width) => {
    if (window.MathJax?.startup?.promise) await MathJax.startup.promise;
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
})
"""
"""Waits for formulas and fonts, then measures the page. A phone widens its window to what does not
fit, so the page is told the width that it was given."""


class Browser:
    """A headless Chromium with one tab, obeying commands of the DevTools protocol."""

    def __init__(self, profile: str) -> None:
        program = next(filter(None, map(shutil.which, BROWSERS)), None)
        if program is None:
            raise SystemExit(f"no browser on PATH, tried {', '.join(BROWSERS)}")
        read_commands, self._commands = os.pipe()
        self._answers, write_answers = os.pipe()
        # Chromium reads commands from descriptor 3 and answers on descriptor 4.
        source, sink = (fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (read_commands, write_answers))
        self._process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={profile}"],
            preexec_fn=lambda: (os.dup2(source, 3), os.dup2(sink, 4)),
            pass_fds=(3, 4),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for fd in (read_commands, write_answers, source, sink):
            os.close(fd)
        self._buffer = b""
        self._number = 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Give one command and wait for its result; what happens meanwhile goes to ``events``."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.events.append(answer)

    def wait_for(self, event: str) -> None:
        """Wait until ``event`` has happened."""
        while not any(seen.get("method") == event for seen in self.events):
            self.events.append(self._receive())

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            chunk = os.read(self._answers, 1 << 16)
            if not chunk:
                raise RuntimeError("the browser has gone")
            self._buffer += chunk
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def close(self) -> None:
        """End the browser."""
        self._session = None
        self.send("Browser.close")
        self._process.wait(timeout=30)


def troubles(events: list[dict[str, Any]], base: str) -> list[str]:
    """Requests that left the site or failed, and errors of scripts."""
    found = []
    for event in events:
        parameters = event.get("params", {})
        match event.get("method"):
            case "Network.requestWillBeSent":
                address = parameters["request"]["url"]
                if not address.startswith((base, "data:", "blob:", "about:")):
                    found.append(f"request to another server: {address}")
            case "Network.responseReceived" if parameters["response"]["status"] >= 400:
                found.append(f"failed request: {parameters['response']['url']}")
            case "Runtime.exceptionThrown":
                details = parameters["exceptionDetails"]
                error = details.get("exception", {}).get("description", details["text"])
                found.append(f"script error: {error}")
            case "Runtime.consoleAPICalled" if parameters["type"] == "error":
                values = [str(a.get("value", a.get("description"))) for a in parameters["args"]]
                found.append(f"console error: {' '.join(values)}")
    return found


def photograph(
    browser: Browser, base: str, page: str, view: str, mode: str, out: Path
) -> list[str]:
    """Photograph one page in one view; returns what is wrong with it."""
    width = WIDTHS[view]
    browser.events.clear()
    feature = {"name": "prefers-color-scheme", "value": mode}
    browser.send("Emulation.setEmulatedMedia", features=[feature])
    browser.send(
        "Emulation.setDeviceMetricsOverride",
        width=width,
        height=HEIGHT,
        deviceScaleFactor=1,
        mobile=view == "phone",
    )
    browser.send("Page.navigate", url=f"{base}/{page}")
    browser.wait_for("Page.loadEventFired")
    result = browser.send(
        "Runtime.evaluate", expression=f"{MEASURE}({width})", awaitPromise=True, returnByValue=True
    )
    seen = result["result"]["value"]
    found = troubles(browser.events, base)
    if seen["theme"] != mode:
        found.append(f"theme is {seen['theme']}")
    if seen["unread"]:
        found.append(f"{seen['unread']} formulas not understood")
    if seen["scrolls"] or seen["wide"]:
        found.append(f"wider than the window: {' '.join(seen['wide'])}")
    stem = page.removesuffix(".html").replace("/", "-")
    for part, top in enumerate(range(0, seen["height"], PART), start=1):
        clip = {"x": 0, "y": top, "width": width, "height": min(PART, seen["height"] - top)}
        picture = browser.send(
            "Page.captureScreenshot", clip=clip | {"scale": 1}, captureBeyondViewport=True
        )
        path = out / f"{stem}-{view}-{mode}-{part}.png"
        path.write_bytes(base64.b64decode(picture["data"]))
    print(f"{page}, {view}, {mode}: {width} x {seen['height']}, {seen['formulas']} formulas")
    return [f"{page}, {view}, {mode}: {text}" for text in found]


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files without writing a line for each."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def main() -> int:
    """Command line; returns the exit status."""
    if len(sys.argv) < 4:
        print("usage: python tools/screenshots.py FOLDER OUT PAGE ...", file=sys.stderr)
        return 2
    folder, out, *pages = sys.argv[1:]
    Path(out).mkdir(parents=True, exist_ok=True)
    found: list[str] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(profile)
        handler = functools.partial(QuietHandler, directory=folder)
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            base = f"http://127.0.0.1:{server.server_port}"
            for page in pages:
                for view in WIDTHS:
                    for mode in ("light", "dark"):
                        found += photograph(browser, base, page, view, mode, Path(out))
            browser.close()
            server.shutdown()
    for text in found:
        print(text)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
