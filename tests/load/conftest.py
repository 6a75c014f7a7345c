"""A running app for tests over its protocol."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from serving import Server, running_app

from load.client import Tab


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    """The app as a user starts it."""
    with running_app(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def tab(server) -> Iterator[Callable[..., Tab]]:
    """Open tabs that are closed at the end; afterwards the server must not have stumbled."""
    before = len(server.written())
    with ExitStack() as open_tabs:

        def open_tab(query: str = "") -> Tab:
            return open_tabs.enter_context(Tab(server.url, query)).open()

        yield open_tab
    new = server.written()[before:]
    assert "Traceback" not in new, new
