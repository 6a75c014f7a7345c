"""The live viewer: every rank drawn in the browser while the hand moves.

A component of Streamlit (version 2: in the page itself, no frame, no build step). Python sends the factors once, by
address, and hears of the rank when the hand lets go. See payload.py for the bytes, engine.js for the arithmetic,
pane.js for one picture, viewer.js for the controls.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
import streamlit as st

from app.ui import session, text
from lowrank.curves import CLASSIC_RANKS
from lowrank.metrics import DIFFERENCE_LIMIT, difference_colors

_HERE = files(__package__)


def _read(name: str) -> str:
    return (_HERE / name).read_text("utf-8")


#: The fastest first; the browser takes the first one that it understands.
_KERNELS = [base64.b64encode((_HERE / name).read_bytes()).decode() for name in ("kernel-fused.wasm", "kernel.wasm")]

_component = st.components.v2.component(
    "lowrank_viewer",
    html=_read("viewer.html"),
    css=_read("viewer.css"),
    js=f"const KERNELS = {_KERNELS};\n" + _read("engine.js") + _read("pane.js") + _read("viewer.js"),
)


class Mark(NamedTuple):
    """A rank that is marked on the slider, and by what; `high` and in colour where the reader asked for it."""

    rank: int
    text: str
    high: bool = False


def publish(data: bytes, mime: str, name: str, digest: str) -> str:
    """Put bytes where this session's browser can fetch them, and return the address, which only this session knows.

    Streamlit's own store: session-bound, streamed, and left uncompressed. To be called again on every run: what a run
    did not ask for is dropped when it or another session's ends, and a download at the second time. That is why these
    are downloads: where the hand cuts a run short before it has asked, the browser may still be fetching.

    The address is a digest of type, file name and content, of which it takes samples where that is long. So the file
    name, which is shown to nobody, is the picture's digest under a secret of the session: no two pictures share an
    address, and none can be worked out, not even from the same picture.

    Parameters
    ----------
    data : bytes
    mime : str
        Type of the content.
    name : str
        What the page has it for, each thing another one.
    digest : str
        Of the picture that it was made of.
    """
    from streamlit.runtime import get_instance

    return get_instance().media_file_mgr.add(
        data, mime, f"lowrank-{name}", session.token(digest), is_for_static_download=True
    )


def viewer(
    panes: Sequence[dict[str, Any]],
    *,
    key: str,
    rank: int,
    turn: int,
    on_rank: Callable[[int], None],
    on_zoom: Callable[[], None] = lambda: None,
    on_stands: Callable[[], None] | None = None,
    marks: Sequence[Mark] = (),
    words: dict[str, str] | None = None,
    numbers: dict[str, dict[str, str]] | None = None,
) -> None:
    """Show one picture, or several that move together.

    Parameters
    ----------
    panes : sequence of dict
        As `cached.pane` makes them.
    key : str
        Identity of the viewer on its page.
    rank : int
        Where the slider stands at first, and again whenever `turn` changes.
    turn : int
        Counts the times that the rank was changed elsewhere than in the viewer.
    on_rank : callable
        Told the rank when the hand lets go.
    on_zoom : callable
        Called when a view closer than the fitted one asks for the full-size factors.
    on_stands : callable, optional
        Called as soon as the picture stands on the screen, or cannot be had, and the page run again.
    marks : sequence of Mark
        On the track.
    words : dict, optional
        Sentences that depend on the picture.
    numbers : dict, optional
        What stands beside a single picture: key -> label, help, and value where it does not depend on the rank.
    """
    highest = max(pane["rank"] for pane in panes)
    levels = np.arange(-DIFFERENCE_LIMIT, DIFFERENCE_LIMIT + 1)
    rgb = np.rint(difference_colors(levels) * 255).astype(np.uint32)
    data = {
        "panes": list(panes),
        "rank": rank,
        "turn": turn + st.session_state.get(f"{key}_again", 0),
        "waited": on_stands is not None,
        "highest": highest,
        "stops": [k for k in CLASSIC_RANKS if k <= highest],
        "marks": [mark._asdict() for mark in marks],
        "words": {**text.VIEWER, **(words or {})},
        "numbers": numbers or {},
        "difference": {
            "limit": DIFFERENCE_LIMIT,
            "colors": (0xFF000000 + (rgb[:, 2] << 16) + (rgb[:, 1] << 8) + rgb[:, 0]).tolist(),  # RGBA, little-endian
            "gradient": ",".join(f"rgb({r} {g} {b})" for r, g, b in rgb[:: DIFFERENCE_LIMIT // 4].tolist()),
        },
    }

    def release() -> None:
        rank, when = st.session_state[key].rank
        on_rank(int(rank))
        st.session_state[f"{key}_heard"] = when

    stands = on_stands or (lambda: None)
    seen = _component(key=key, data=data, on_rank_change=release, on_wanted_change=on_zoom, on_stands_change=stands)
    told = getattr(seen, "rank", None)
    if told and told[1] > st.session_state.get(f"{key}_heard", 0):
        # the run that was to hear of it was cut short, or it is a new session's first, of a page that has outlived its
        # server: that has just set the viewer back to what the address says
        if f"{key}_heard" not in st.session_state:
            st.session_state[f"{key}_again"] = 1
        release()
        st.rerun()
