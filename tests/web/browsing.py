"""A plain server of files that counts what it sends, and headless Chromium in front of it."""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class _Counting(SimpleHTTPRequestHandler):
    """Files as they lie, unpacked and unchanged: what any host of static files does."""

    sent: dict[str, int]
    clean_addresses: bool

    def do_GET(self) -> None:
        if self.clean_addresses and self.path.endswith("/index.html"):
            self.send_response(308)
            self.send_header("Location", "./")
            self.end_headers()
        else:
            super().do_GET()

    def copyfile(self, source: Any, outputfile: Any) -> None:
        content = source.read()
        outputfile.write(content)
        name = self.path.split("?")[0].rsplit("/", 1)[-1]
        self.sent[name] = self.sent.get(name, 0) + len(content)

    def log_message(self, *_unread: Any) -> None: ...


class Served:
    """A folder, served on this machine.

    Args:
        folder: What is served.
        clean_addresses: Lead from index.html to its folder, as some hosts do.
    """

    def __init__(self, folder: Path, *, clean_addresses: bool = False) -> None:
        self.sent: dict[str, int] = {}
        handler = type("_Handler", (_Counting,), {"sent": self.sent, "clean_addresses": clean_addresses})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=os.fspath(folder)))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.address = f"http://127.0.0.1:{self._server.server_port}/"

    def stop(self) -> None:
        """No request is answered any more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @classmethod
    @contextmanager
    def of(cls, folder: Path, **settings: bool) -> "Iterator[Served]":
        """Served within the block."""
        served = cls(folder, **settings)
        served._thread.start()
        try:
            yield served
        finally:
            if served._thread.is_alive():
                served.stop()


def absent(told: str) -> NoReturn:
    """Skip on a person's machine; where CI is set, what is absent is a fault."""
    if os.environ.get("CI"):
        pytest.fail(told)
    pytest.skip(told)


def chromium_path() -> str | None:
    """Where Chromium is; None where there is none."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


@contextmanager
def chromium() -> "Iterator[Browser]":
    """Headless Chromium; see `absent`."""
    path = chromium_path()
    if path is None:
        absent("there is no Chromium here (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()
