"""Learn: the truncated SVD by hand on a small matrix, and what it has to do with LoRA."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.ui import charts, figures
from app.ui.hand import hand
from app.ui.words import learn as words

#: Directions that hold 90 % of the energy: medians over the 24 attention matrices, 384 x 384, of one model.
DIRECTIONS = {words.WEIGHTS: 156, words.CHANGE: 88, words.EFFECT: 16}


def page() -> None:
    """Draw the page."""
    hand()
    st.subheader(words.WHY)
    st.markdown(words.WHY_SAYS)
    st.plotly_chart(
        figures.bars(DIRECTIONS, words.DIRECTIONS, words.DIRECTIONS_AXIS, words.MATRICES_AXIS, limit=384),
        key="directions",
        config=charts.CONFIG,
        alt=f"{words.DIRECTIONS}: " + ", ".join(f"{name} {count}" for name, count in DIRECTIONS.items()),
    )
    st.markdown(words.CLAIM)
    st.page_link(Path(__file__).with_name("explore.py"), label=words.TO_EXPLORE, icon=":material/image:")
    st.caption(words.SOURCE)


page()
