"""LoRA: the notebook's question in five parts, one at a time."""

from __future__ import annotations

import streamlit as st

from app.ui.lora import approximate, choice, inspect, motion, qlora
from app.ui.words import lora as words

_PARTS = {
    "motion": motion.part,
    "matrix": approximate.part,
    "adapter": inspect.part,
    "choice": choice.part,
    "qlora": qlora.part,
}


def page() -> None:
    """Draw the page: the part that is asked for."""
    asked = st.query_params.get("part")
    if asked in _PARTS and asked != st.session_state.get("lora_written"):  # by a link, or by Back
        st.session_state.lora_part = asked
    chosen = st.segmented_control(
        words.PARTS_LABEL,
        list(words.PARTS),
        format_func=words.PARTS.__getitem__,
        key="lora_part",
        default=None if "lora_part" in st.session_state else "motion",
        required=True,
        label_visibility="collapsed",
        persist_state="session",
    )
    st.session_state.lora_written = chosen
    if asked != chosen:
        st.query_params["part"] = chosen
    _PARTS[chosen]()


page()
