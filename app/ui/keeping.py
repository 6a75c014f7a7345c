"""A place to drop files that knows them still when the reader comes back to its page; Streamlit's own forgets them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import streamlit as st

from app.ui import limits, text


class File(NamedTuple):
    """A dropped file."""

    name: str
    data: bytes


def drop_zone(key: str, label: str, types: Sequence[str], *, about: str, several: bool = False) -> list[File]:
    """Show it, and what it holds from before; return the files.

    Files of one zone are kept until others are dropped there or they are taken away, as long as the session lasts; not
    those of more than `limits.KEPT_FILE` bytes.
    """
    kept: dict[str, list[File]] = st.session_state.setdefault("kept_files", {})

    def changed() -> None:  # by the reader's hand alone, and not when the page is shown again
        kept.pop(key, None)

    given = st.file_uploader(label, types, accept_multiple_files=several, key=key, help=about, on_change=changed)
    files = given if isinstance(given, list) else [given] if given else []
    if not files:
        return _from_before(key, kept)
    found = [File(file.name, file.getvalue()) for file in files]
    if sum(len(file.data) for file in found) <= limits.KEPT_FILE:
        kept[key] = found
    return found


def _from_before(key: str, kept: dict[str, list[File]]) -> list[File]:
    files = kept.get(key, [])
    if files:
        names = ", ".join(f"**{text.literal(file.name)}** ({text.size(len(file.data))})" for file in files)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(text.STILL_HERE.format(names=names), width="content")
            st.button(text.TAKE_AWAY, key=f"{key}_away", type="tertiary", on_click=lambda: kept.pop(key, None))
    return files
