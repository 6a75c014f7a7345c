"""What stands around the pages: limits on uploads and sessions, headers, and clearing up; each piece by itself.

tests/load has the same in a running server.
"""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from starlette.exceptions import HTTPException
from streamlit.runtime import media_file_manager
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage

from app import server
from app.ui import limits, session, store
from app.ui.viewer import publish

OWN, OTHER = "own", "other"


class Held:
    """What the server asks of Streamlit's store of uploads."""

    def __init__(self, **files):
        self.file_storage = {
            who: {str(i): SimpleNamespace(data=bytes(n)) for i, n in enumerate(f)} for who, f in files.items()
        }

    def get_stats(self):
        total = sum(len(file.data) for files in self.file_storage.values() for file in files.values())
        return {"cache_memory_bytes": [SimpleNamespace(byte_length=total)]}


@pytest.fixture
def streamlit_has(monkeypatch):
    """Say what Streamlit holds, and which sessions have a tab; return those that were closed."""

    def says(active=(), **files):
        closed = []
        here = SimpleNamespace(
            uploaded_file_mgr=Held(**files),
            media_file_mgr=MediaFileManager(MemoryMediaFileStorage("/media")),
            is_active_session=active.__contains__,
            close_session=closed.append,
        )
        monkeypatch.setattr(server.runtime, "get_instance", lambda: here)
        return closed

    monkeypatch.setattr(session, "known", set())
    return says


def run(main):
    """Run a coroutine in a thread of its own: a browser's test may have left a loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, main).result()


def request(app, method="PUT", path=f"/_stcore/upload_file/{OWN}/file", chunks=(b"x",), kind="http"):
    """Send a request in pieces through a middleware; return the status, the headers and how many pieces were read."""
    sent, pieces = [], list(chunks)

    async def receive():
        body = pieces.pop(0) if pieces else b""
        return {"type": "http.request", "body": body, "more_body": bool(pieces)}

    async def send(message):
        sent.append(message)

    run(app({"type": kind, "method": method, "path": path, "headers": []}, receive, send))
    start = sent[0]
    headers = {name.decode().lower(): value.decode() for name, value in start.get("headers", [])}
    return start.get("status", start.get("code")), headers, len(chunks) - len(pieces)


async def takes_all(scope, receive, send):
    """An app that reads a request to its end, as Streamlit does."""
    try:
        while (await receive()).get("more_body"):
            pass
        status = 204
    except HTTPException as error:
        status = error.status_code
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b""})


# -- uploads ----------------------------------------------------------------------------------------------------------


def test_a_file_within_the_limits_is_taken(streamlit_has):
    streamlit_has()
    uploads = server.Uploads(takes_all)
    assert request(uploads)[0] == 204
    assert not uploads.files
    assert not uploads.bytes
    assert session.known == {OWN}


def test_a_session_has_so_many_files(streamlit_has):
    streamlit_has(**{OWN: [1] * (limits.SESSION_FILES - 1), OTHER: [1] * limits.SESSION_FILES})
    assert request(server.Uploads(takes_all))[0] == 204
    streamlit_has(**{OWN: [1] * limits.SESSION_FILES})
    status, _, read = request(server.Uploads(takes_all))
    assert (status, read) == (413, 0)


def test_a_file_that_goes_beyond_a_sessions_bytes_is_cut_off_where_it_does(streamlit_has, monkeypatch):
    monkeypatch.setattr(limits, "SESSION_UPLOADED", 1000)
    streamlit_has(**{OWN: [300], OTHER: [900]})
    pieces = [bytes(100)] * 20
    status, _, read = request(server.Uploads(takes_all), chunks=pieces)
    assert (status, read) == (413, 8)  # 300 + 800
    assert request(server.Uploads(takes_all), chunks=pieces[:7])[0] == 204


def test_all_sessions_together_have_so_many_bytes(streamlit_has, monkeypatch):
    monkeypatch.setattr(limits, "UPLOADED", 1000)
    streamlit_has(**{OTHER: [800]})
    status, _, read = request(server.Uploads(takes_all), chunks=[bytes(100)] * 20)
    assert (status, read) == (503, 3)


def test_files_that_arrive_at_the_same_time_are_counted_together(streamlit_has, monkeypatch):
    monkeypatch.setattr(limits, "SESSION_FILES", 3)
    streamlit_has()
    uploads, here = server.Uploads(takes_all), asyncio.Event()
    statuses = []

    async def receive():
        await here.wait()
        return {"type": "http.request", "body": b"x", "more_body": False}

    async def send(message):
        statuses.extend([message["status"]] if "status" in message else [])

    async def all_at_once():
        scope = {"type": "http", "method": "PUT", "path": f"/_stcore/upload_file/{OWN}/file", "headers": []}
        waiting = [asyncio.ensure_future(uploads(scope, receive, send)) for _ in range(5)]
        await asyncio.sleep(0)
        here.set()
        await asyncio.gather(*waiting)

    run(all_at_once())
    assert sorted(statuses) == [204, 204, 204, 413, 413]


@pytest.mark.parametrize(("method", "path"), [("DELETE", f"/_stcore/upload_file/{OWN}/f"), ("GET", "/"), ("PUT", "/x")])
def test_other_requests_are_no_matter_of_the_limits(streamlit_has, method, path):
    streamlit_has(**{OWN: [1] * limits.SESSION_FILES})
    assert request(server.Uploads(takes_all), method=method, path=path)[0] == 204


def test_a_session_that_keeps_all_that_it_may_can_still_drop_a_picture():
    largest = 60 * 1024 * 1024  # the limit of one file, see .streamlit/config.toml
    assert limits.KEPT_BYTES + largest < limits.SESSION_UPLOADED < limits.UPLOADED
    assert limits.KEPT + 8 <= limits.SESSION_FILES


# -- sessions ---------------------------------------------------------------------------------------------------------


def test_so_many_sessions_at_a_time(monkeypatch):
    monkeypatch.setattr(limits, "SESSIONS", 2)
    gate, served = asyncio.Event(), []

    async def page(scope, receive, send):
        served.append(scope)
        await gate.wait()

    async def open_four():
        doors, refused = server.Sessions(page), []

        async def receive():
            return {"type": "websocket.connect"}

        async def send(message):
            refused.append(message)

        scope = {"type": "websocket", "path": "/_stcore/stream"}
        tabs = [asyncio.ensure_future(doors(scope, receive, send)) for _ in range(4)]
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(*tabs)
        assert refused == [{"type": "websocket.close", "code": 1013}] * 2
        await doors(scope, receive, send)
        assert len(served) == 3

    run(open_four())


# -- headers ----------------------------------------------------------------------------------------------------------


def test_what_browsers_are_told():
    _, headers, _ = request(server.Headers(takes_all), "GET", "/")
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'self'"
    assert re.fullmatch(r"'self' blob: 'wasm-unsafe-eval'( 'sha256-[\w+/]{43}=')+", policy["script-src"])
    assert policy["object-src"] == policy["frame-src"] == "'none'"
    assert not re.search(r"https?:|\*|'unsafe-eval'", headers["content-security-policy"])
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "cache-control" not in headers


@pytest.mark.parametrize("path", ["/media/0123.webp", "/base/media/0123.zip", "/_stcore/upload_file/a/b"])
def test_what_is_a_sessions_own_is_stored_nowhere(path):
    assert request(server.Headers(takes_all), "GET", path)[1]["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/_stcore/metrics", "/base/_stcore/metrics"])
def test_statistics_are_not_served(path):
    status, headers, _ = request(server.Headers(takes_all), "GET", path)
    assert status == 404
    assert headers["x-content-type-options"] == "nosniff"


# -- clearing up ------------------------------------------------------------------------------------------------------


def test_what_can_be_computed_again_goes_with_the_tab_and_all_else_after_a_while(streamlit_has):
    closed, left = streamlit_has(active={OTHER}), {}
    session.known.update({OWN, OTHER})
    for who in (OWN, OTHER):
        store.shown.put((who, "x"), b"x")
    server.clear_up(left, 100.0)
    assert store.shown.get((OWN, "x")) is None
    assert store.shown.get((OTHER, "x")) == b"x"
    assert closed == []
    server.clear_up(left, 100.0 + limits.FAREWELL - 1)
    assert closed == []
    server.clear_up(left, 100.0 + limits.FAREWELL)
    assert closed == [OWN]
    assert session.known == {OTHER}
    server.clear_up(left, 10_000.0)
    assert closed == [OWN]
    assert store.shown.drop(OTHER) == 1


def test_a_tab_that_comes_back_is_not_closed(streamlit_has):
    left = {}
    streamlit_has()
    session.known.add(OWN)
    server.clear_up(left, 100.0)
    streamlit_has(active={OWN})
    server.clear_up(left, 101.0)
    closed = streamlit_has()
    server.clear_up(left, 100.0 + limits.FAREWELL)
    assert closed == []  # it left anew
    server.clear_up(left, 101.0 + 2 * limits.FAREWELL)
    assert closed == [OWN]


def test_what_a_browser_still_fetches_outlives_a_run_that_was_cut_short_but_not_its_tab(streamlit_has, monkeypatch):
    monkeypatch.setattr(media_file_manager, "_get_session_id", lambda: OWN)
    monkeypatch.setattr(session, "token", str)
    streamlit_has()
    session.known.add(OWN)
    files = server.runtime.get_instance().media_file_mgr
    address = publish(b"factors", "application/zip", "name", "digest").removeprefix("/media/")

    def run_that_asks_for_nothing():
        files.clear_session_refs(OWN)
        files.remove_orphaned_files()

    run_that_asks_for_nothing()
    assert files.read_file(address.removesuffix(".zip")) is not None
    publish(b"factors", "application/zip", "name", "digest")
    run_that_asks_for_nothing()
    assert files.read_file(address.removesuffix(".zip")) is not None
    left = {}
    for now in (0.0, limits.FAREWELL):
        server.clear_up(left, now)
    assert files.read_file(address.removesuffix(".zip")) is None


def test_uploads_of_a_closed_tab_are_gone_within_three_minutes():
    assert limits.FAREWELL + 2 * server._SWEEP < 180
