"""One server and one Chromium for all browser tests, a tab for each, and what must not happen in any."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from serving import Server, running_app

from browser.explore_page import AppPage

WAIT = 20_000  # milliseconds that anything on the page may take
WINDOW = {"width": 1280, "height": 1000}

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


class Watch:
    """What must not happen in a tab: a dialog, a request to somebody else, an error in the console."""

    def __init__(self, page: Page, origin: str) -> None:
        self.origin = origin
        self.console: list[str] = []
        self.foreign: list[str] = []
        self.dialogs: list[str] = []
        self._listening = [
            (page.context, "console", self._console),
            (page.context, "weberror", lambda error: self.console.append(f"uncaught: {error.error}")),
            (page.context, "request", lambda request: self._asked(request.url)),
            (page.context, "dialog", self._dialog),
            (page, "websocket", lambda socket: self._asked(socket.url)),
        ]
        for emitter, event, listener in self._listening:
            emitter.on(event, listener)

    def end(self) -> None:
        """Watch no longer."""
        for emitter, event, listener in self._listening:
            emitter.remove_listener(event, listener)

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


@contextmanager
def watched(page: Page, server: Server) -> Iterator[Watch]:
    """Check in the end that all was quiet, in the tab and at the server."""
    watch, before = Watch(page, server.url), len(server.written())
    yield watch
    watch.end()
    assert (watch.dialogs, watch.foreign, watch.console) == ([], [], [])
    new = server.written()[before:]
    assert "Traceback" not in new, new
    assert "Session state does not function" not in new, new


@pytest.fixture(scope="session")
def the_tab(chrome) -> Iterator[Page]:
    """The tab that `tab` gives to one test after the other."""
    with chrome.new_context() as context:
        yield context.new_page()


@pytest.fixture
def watch(the_tab, server) -> Iterator[Watch]:
    """What is noted of `tab`; what a test expects there it may take out."""
    with watched(the_tab, server) as watch:
        yield watch


@pytest.fixture
def tab(the_tab, server, watch) -> Iterator[Page]:
    """A tab as good as new: another document and session, nothing stored. In a new one the scripts take 3 s to start.

    What a page cannot take back, as scripts for every document or a slower processor, asks for `new_tab`.
    """
    the_tab.set_default_timeout(WAIT)
    the_tab.set_viewport_size(WINDOW)
    the_tab.emulate_media(color_scheme="light")
    yield the_tab
    the_tab.unroute_all()
    the_tab.goto(f"{server.url}/_stcore/health")  # of the same origin: at any other the browser forgets the scripts
    the_tab.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
    the_tab.context.clear_cookies()
    the_tab.mouse.up()
    the_tab.mouse.move(0, 0)
    for key in ("Space", "Control", "Shift", "ArrowRight"):
        the_tab.keyboard.up(key)


@pytest.fixture
def new_tab(chrome, server) -> Iterator[Callable[..., Page]]:
    """Open tabs, each in a context of its own."""
    with ExitStack() as stack:

        def open_tab(**options: object) -> Page:
            context = chrome.new_context(**{"viewport": WINDOW, **options})
            page = context.new_page()
            page.set_default_timeout(WAIT)
            stack.enter_context(watched(page, server))
            stack.enter_context(context)  # which is closed first
            return page

        yield open_tab


@pytest.fixture
def app(tab, server) -> AppPage:
    """One page, not yet at any address."""
    return AppPage(tab, server.url)
