"""A mark in a chart whose figure stays as it is: where the rank stands while the hand moves.

To change a figure would lose the reader's zoom. So the mark is laid over the chart, by a component of Streamlit like
the viewer, whose rank it hears while the slider moves.
"""

from __future__ import annotations

from importlib.resources import files

import streamlit as st

from app.ui import text

_component = st.components.v2.component(
    "lowrank_needle", js=(files(__package__) / "needle.js").read_text("utf-8"), isolate_styles=False
)


def needle(chart: str, rank: int, *, at: tuple[float, float] | None = None) -> None:
    """Mark the rank in a chart of Plotly that the page shows.

    Parameters
    ----------
    chart : str
        Its key.
    rank : int
        Where the slider stands.
    at : (float, float), optional
        The point that stands for this rank, and for no other; without it the rank is the axis across, and the mark
        an upright line that goes with the slider.
    """
    _component(key=f"{chart}_needle", data={"chart": chart, "rank": rank, "at": at, "words": text.AT_RANK})
