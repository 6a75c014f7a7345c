"""A few figures beside each other."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st


def metrics(values: Mapping[str, str]) -> None:
    """Show figures by name in a row, and below each other where there is no room."""
    with st.container(horizontal=True, gap="large"):
        for name, value in values.items():
            st.metric(name, value, width="content")
