"""Whose work it is: the session that asks, the secret in its addresses, and when to give way.

Streamlit knows the session by the thread that runs its page. Work that a session has done elsewhere, in the line or for
a download, is bound to it here.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from hashlib import blake2b
from typing import ParamSpec, TypeVar

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

_P = ParamSpec("_P")
_T = TypeVar("_T")

_acting: ContextVar[str | None] = ContextVar("acting", default=None)

#: Every session that a page was run for or that has sent a file; the server takes out those that have left.
known: set[str] = set()


def current() -> str:
    """Return the id of the session that asks; empty where there is none."""
    acting = _acting.get()
    if acting is not None:
        return acting
    context = get_script_run_ctx(suppress_warning=True)
    return context.session_id if context else ""


def bound(work: Callable[_P, _T]) -> Callable[_P, _T]:
    """Return `work` as something to be done for the session that asks now, whoever calls it and when."""
    asking = current()

    @wraps(work)
    def done(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        token = _acting.set(asking)
        try:
            return work(*args, **kwargs)
        finally:
            _acting.reset(token)

    return done


def rerun() -> Callable[[], None]:
    """Return what has the page of the session that asks run again, from any thread."""
    asking = current()

    def again() -> None:
        # Streamlit has no public way to it from outside of a run
        found = runtime.get_instance()._session_mgr.get_active_session_info(asking) if runtime.exists() else None
        if found:
            page = found.session
            page._event_loop.call_soon_threadsafe(lambda: page.request_rerun(page._client_state))

    return again


def give_way() -> None:
    """End this run of the page here if its tab has gone or wants another run: Streamlit raises what does it."""
    if get_script_run_ctx(suppress_warning=True):
        _ = "secret" in st.session_state  # any look at the state is a place where Streamlit may interrupt


def token(name: str) -> str:
    """Return what nobody can know who is not in this session: a digest of a name under 128 random bits of its own."""
    if "secret" not in st.session_state:
        st.session_state.secret = secrets.token_bytes(16)
    return blake2b(name.encode(), key=st.session_state.secret, digest_size=16).hexdigest()
