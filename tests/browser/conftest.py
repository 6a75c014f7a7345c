"""One server and one Chromium for all browser tests, a fresh context for each, and what no test may leave behind."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright
from serving import Server, running_app

from browser.explore_page import AppPage

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


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[Server]:
    """The app, served as a user starts it."""
    with running_app(tmp_path_factory.mktemp("server")) as server:
        yield server


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
