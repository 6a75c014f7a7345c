"""Learn: the truncated SVD by hand on a small matrix, and what it has to do with LoRA."""

from __future__ import annotations

from pathlib import Path
from statistics import median

import streamlit as st

from app.ui import charts, figures
from app.ui.hand import hand
from app.ui.lora import weights
from app.ui.words import learn as words


def page() -> None:
    """Draw the page."""
    hand()
    st.subheader(words.WHY)
    st.markdown(words.WHY_SAYS)
    directions = {
        words.WEIGHTS: round(median(weights.ranks(weights.ATTENTION, 0.9))),
        words.RANDOM: weights.ranks(weights.GAUSSIAN, 0.9)[0],
    }
    st.plotly_chart(
        figures.bars(directions, words.DIRECTIONS, words.DIRECTIONS_AXIS, words.MATRICES_AXIS, limit=384),
        key="directions",
        config=charts.CONFIG,
        alt=f"{words.DIRECTIONS}: " + ", ".join(f"{name} {count}" for name, count in directions.items()),
    )
    st.caption(words.DIRECTIONS_SAYS)
    st.markdown(words.CLAIM)
    st.page_link(Path(__file__).with_name("explore.py"), label=words.TO_EXPLORE, icon=":material/image:")
    st.caption(words.SOURCE)


page()
