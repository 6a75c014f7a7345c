"""The server around the pages: what it takes in and how much, what it tells browsers, and what it clears up.

SECURITY.md says what is promised of it.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import hashlib
import logging
import re
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from pathlib import Path

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import runtime
from streamlit.cli_util import open_browser
from streamlit.web.server.server_util import get_url

from app.ui import limits, memory, session, store
from lowrank.threads import use_threads

_log = logging.getLogger(__name__)

_SWEEP = min(10, limits.FAREWELL)  # seconds between two rounds of clearing up

_UPLOAD = re.compile(r"/_stcore/upload_file/(?P<session>[^/]+)/(?P<file>[^/]+)$")
_PRIVATE = re.compile(r"/media/|/_stcore/upload_file/")
_CLOSED = re.compile(r"/_stcore/metrics$")


def _policy() -> str:
    """Content security policy: everything from here, nothing from elsewhere.

    Streamlit loads the viewer as a module from a blob and styles its page inline; the viewer compiles WebAssembly. The
    one script in Streamlit's page is allowed by its digest.
    """
    page = Path(st.__file__).parent / "static" / "index.html"
    inline = re.findall(r"<script>(.*?)</script>", page.read_text("utf-8"), re.DOTALL)
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in inline)
    scripts = " ".join(f"'sha256-{digest}'" for digest in digests)
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' blob: 'wasm-unsafe-eval' {scripts}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "frame-src 'none'",
            "frame-ancestors 'self'",
            "base-uri 'self'",
            "form-action 'self'",
        )
    )


class Headers:
    """Tell browsers what they may do with what is served; and serve no statistics."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.headers = {
            "Content-Security-Policy": _policy(),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if _CLOSED.search(scope["path"]):
            await PlainTextResponse("Not Found", 404, self.headers)(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self.headers)
                if _PRIVATE.search(scope["path"]):
                    headers["Cache-Control"] = "no-store"
            await send(message)

        await self.app(scope, receive, answer)


class Uploads:
    """Take files within the limits of one session and of all of them; Streamlit itself sees to that of one file."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.files: Counter[str] = Counter()  # that are arriving, by session
        self.bytes: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        upload = _UPLOAD.search(scope["path"]) if scope["type"] == "http" and scope["method"] == "PUT" else None
        if not upload:
            await self.app(scope, receive, send)
            return
        who = upload["session"]
        session.known.add(who)
        arrived = 0

        async def counted() -> Message:
            nonlocal arrived
            message = await receive()
            more = len(message.get("body", b""))
            arrived += more
            self.bytes[who] += more
            self._check(who)
            return message

        self.files[who] += 1
        try:
            self._check(who)
            await self.app(scope, counted, send)
        except HTTPException as error:  # before any of the file was read
            await PlainTextResponse(error.detail, error.status_code)(scope, receive, send)
        finally:
            self.files[who] -= 1
            self.bytes[who] -= arrived
            if not self.files[who]:
                del self.files[who], self.bytes[who]

    def _check(self, who: str) -> None:
        """Raise what tells a browser that a session, or all of them, have enough."""
        held = runtime.get_instance().uploaded_file_mgr
        own = list(held.file_storage.get(who, {}).values())
        if (
            len(own) + self.files[who] > limits.SESSION_FILES
            or sum(len(file.data) for file in own) + self.bytes[who] > limits.SESSION_UPLOADED
        ):
            raise HTTPException(413, "This session has uploaded as much as it may.")
        everybody = sum(stat.byte_length for stats in held.get_stats().values() for stat in stats)
        if everybody + self.bytes.total() > limits.UPLOADED:
            raise HTTPException(503, "The server holds as many files as it may. Try again in a few minutes.")


class Sessions:
    """Let in only so many sessions at a time; a tab that was turned away tries again by itself."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
        elif self.open >= limits.SESSIONS:
            await receive()
            await send({"type": "websocket.close", "code": 1013})  # try again later
        else:
            self.open += 1
            try:
                await self.app(scope, receive, send)
            finally:
                self.open -= 1


MIDDLEWARE = [Middleware(Headers), Middleware(Sessions), Middleware(Uploads)]


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[None]:
    """Prepare the process, and clear up as long as it serves."""
    for name in _PAGES_NEED:
        import_module(name)
    memory.settle()
    use_threads(limits.THREADS)
    _open_browser()
    sweeping = asyncio.create_task(_sweep())
    try:
        yield
    finally:
        sweeping.cancel()
        with suppress(asyncio.CancelledError):
            await sweeping


async def _sweep() -> None:
    left: dict[str, float] = {}
    while True:
        await asyncio.sleep(_SWEEP)
        try:
            clear_up(left, time.monotonic())
        except Exception:  # or nothing would ever be cleared up again
            _log.exception("Clearing up failed; it is tried again in %s seconds.", _SWEEP)


def clear_up(left: dict[str, float], now: float) -> None:
    """Give back what belongs to tabs that have gone: at once what can be computed again, after a while all.

    Streamlit drops a session that was left when another one comes or goes; where nobody does, nothing would happen.

    Parameters
    ----------
    left : dict
        When each session was first found without a tab; kept from one call to the next.
    now : float
        In seconds.
    """
    store.brief.expire()
    server, freed = runtime.get_instance(), False
    for who in list(session.known):
        if server.is_active_session(who):
            left.pop(who, None)
            continue
        freed |= sum(values.drop(who) for values in store.STORES) > 0
        if now - left.setdefault(who, now) >= limits.FAREWELL:
            server.close_session(who)  # with its uploads
            server.media_file_mgr.remove_orphaned_files()  # the first time only marks those for download
            session.known.discard(who)
            del left[who]
            freed = True
    if freed:
        gc.collect()
    memory.give_back()


def _open_browser() -> None:
    """Show the app to whoever has started it at a desk."""
    if st.get_option("server.headless") or Path(sys.argv[0]).name != "main.py":  # uvicorn was started, by a host
        return
    address = st.get_option("server.address") or "localhost"
    open_browser(get_url("localhost" if address in ("0.0.0.0", "::") else address))


#: What pages import, loaded before the first of them is asked for.
_PAGES_NEED = ("pandas", "app.ui.inputs", "app.ui.scene")
