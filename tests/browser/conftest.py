"""One server and one Chromium for all browser tests, a fresh context for each, and what no test may leave behind."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from browser.explore_page import AppPage

ROOT = Path(__file__).parents[2]
START = 60  # seconds that the server may take to answer on a busy machine
WAIT = 20_000  # milliseconds that anything on the page may take

#: Streamlit asks for these two below a page's own address first, and is told that they are not there.
KNOWN_404 = re.compile(r"/[a-z]+/_stcore/(health|host-config)$")


def chromium() -> str:
    """Return where Chromium is."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if not found:
        pytest.fail("There is no Chromium for the browser tests. Install it with: apt-get install chromium")
    return found


@dataclass
class Server:
    """The running app: its address, and what it has written so far."""

    url: str
    log: Path

    def written(self) -> str:
        return self.log.read_text("utf-8", "replace")


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[Server]:
    """The app, served as a user starts it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    here = Server(f"http://127.0.0.1:{port}", tmp_path_factory.mktemp("server") / "log.txt")
    command = [sys.executable, "-m", "streamlit", "run", "app/main.py", "--server.headless", "true"]
    options = {"port": port, "address": "127.0.0.1", "fileWatcherType": "none"}
    for name, value in options.items():
        command += [f"--server.{name}", str(value)]
    with here.log.open("wb") as log, subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log) as process:
        try:
            _wait_until_healthy(here, process)
            yield here
        finally:
            process.kill()


def _wait_until_healthy(server: Server, process: subprocess.Popen) -> None:
    end = time.monotonic() + START
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{server.url}/_stcore/health", timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)  # nothing to wait on before it listens
    pytest.fail(f"The app did not start:\n{server.written()}")


@pytest.fixture(scope="session")
def chrome() -> Iterator[Browser]:
    """One browser for all tests."""
    path = chromium()
    expect.set_options(timeout=WAIT)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Watch:
    """What must not happen in any test."""

    origin: str
    console: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def look_after(self, context: BrowserContext) -> None:
        context.on("console", self._console)
        context.on("weberror", lambda error: self.console.append(f"uncaught: {error.error}"))
        context.on("request", lambda request: self._asked(request.url))
        context.on("dialog", self._dialog)
        context.on("page", lambda page: page.on("websocket", lambda socket: self._asked(socket.url)))

    def _console(self, message) -> None:
        address = (message.location or {}).get("url", "")
        known = "404" in message.text and address.startswith(self.origin) and KNOWN_404.search(address)
        if message.type == "error" and not known:
            self.console.append(f"{message.text} ({address})")

    def _asked(self, url: str) -> None:
        own = (self.origin + "/", self.origin.replace("http", "ws", 1) + "/", "data:", "blob:", "about:")
        if not url.startswith(own):
            self.foreign.append(url)

    def _dialog(self, dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()


@pytest.fixture
def new_page(chrome, server) -> Iterator[Callable[..., AppPage]]:
    """Open pages, each in a context of its own; afterwards check that all was quiet."""
    contexts, watch, before = [], Watch(server.url), len(server.written())

    def open_page(**options: object) -> AppPage:
        context = chrome.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        context.set_default_timeout(WAIT)
        watch.look_after(context)
        return AppPage(context.new_page(), server.url)

    yield open_page
    for context in contexts:
        context.close()
    assert watch.dialogs == []
    assert watch.foreign == []
    assert watch.console == []
    new = server.written()[before:]
    assert "Traceback" not in new, new
    assert "Session state does not function" not in new, new


@pytest.fixture
def app(new_page) -> AppPage:
    """One page, not yet at any address."""
    return new_page()
