"""A server for one page, for the browsers of this machine alone."""

from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HERE = "127.0.0.1"

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data: blob:; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}
"""The page holds all that it needs, so that it may ask nobody for anything."""


class PageServer(ThreadingHTTPServer):
    """Serves what a function returns, on a free port of the loopback interface.

    Args:
        page: gives the HTML, anew at every request, or raises ValueError or OSError with what is
            said instead.
    """

    daemon_threads = True

    def __init__(self, page: Callable[[], str]):
        super().__init__((HERE, 0), _Handler)
        self.page = page

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://{HERE}:{self.server_port}/"


def _reason(error: ValueError | OSError) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)


class _Handler(BaseHTTPRequestHandler):
    server: PageServer

    def do_GET(self) -> None:
        """Answer a browser that asks for the page by its own address."""
        # Another name for this machine may be a trick of a page elsewhere to read the table.
        if self.headers.get("Host") not in {f"{HERE}:{self.server.server_port}"}:
            self._answer(HTTPStatus.FORBIDDEN, "text/plain", f"Open {self.server.address}\n")
        elif self.path != "/":
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", "There is only one page, /\n")
        else:
            try:
                self._answer(HTTPStatus.OK, "text/html", self.server.page())
            except (ValueError, OSError) as error:
                said = f"{_reason(error)}. Mend the file and reload this page.\n"
                self._answer(HTTPStatus.UNPROCESSABLE_ENTITY, "text/plain", said)

    def _answer(self, status: HTTPStatus, kind: str, text: str) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
