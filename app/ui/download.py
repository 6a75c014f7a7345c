"""Files to save: each is made when its button is clicked, for the session that asks, and not before."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.ui import pictures, session
from lowrank.errors import LowrankError


def button(
    label: str,
    make: Callable[[], bytes],
    name: str,
    mime: str,
    *,
    key: str,
    within: DeltaGenerator | None = None,
    **layout: Any,
) -> None:
    """Offer a file.

    Streamlit makes it while no page is run, and says only that it failed. So what went wrong is left with the problems
    of the session, and its page is run again, which says them.

    Parameters
    ----------
    label, name, mime : str
        Of the button and the file.
    make : callable
        Returns the content.
    key : str
        Of the button.
    within : DeltaGenerator, optional
        Where it stands.
    **layout
        Further arguments of `st.download_button`.
    """
    waiting, again = pictures.problems(), session.rerun()

    def made() -> bytes:
        try:
            return make()
        except LowrankError as error:
            waiting.append((name, error))
            again()
            raise

    place = st if within is None else within
    place.download_button(label, session.bound(made), name, private(mime, name), key=key, on_click="ignore", **layout)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether the log has use for it: what the reader is told has no traceback there."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error and error.__cause__, LowrankError)


logging.getLogger("streamlit.runtime.backend_operation_handler").addFilter(_is_news)


def private(mime: str, name: str) -> str:
    """Return a type of content for a download: its name is shown, so the secret is a parameter of the type."""
    return f"{mime}; token={session.token(name)}"
