"""The table of ranks: what each costs, and what it keeps where a matrix is given."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from app.ui import text
from app.ui.words import lora as words
from lowrank.lora.advice import RankRow
from lowrank.lora.inspection import SHARES

#: Shares of the energy as they are written.
SHARE_NAMES = tuple(f"{100 * share:.0f} %" for share in SHARES)

_FORMATS = {"share": "%.2f", "energy": "%.1f", "relative_error": "%.1f"}


def rank_rows(table: Sequence[RankRow], title: str) -> None:
    """Show a table of ranks."""
    rows = []
    for row in table:
        cells: dict[str, float | str] = {
            "r": row.r,
            "parameters": row.parameters,
            "share": 100 * row.share,
            "nbytes": text.size(row.nbytes),
        }
        if row.energy is not None and row.relative_error is not None:
            cells |= {"energy": 100 * row.energy, "relative_error": 100 * row.relative_error}
        rows.append(cells)
    st.markdown(f"**{title}**")
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        width="content",
        column_config={
            name: st.column_config.NumberColumn(label, format=_FORMATS.get(name, "localized"))
            if name != "nbytes"
            else st.column_config.TextColumn(label, alignment="right")
            for name, label in words.TABLE.items()
        },
        alt=title,
    )
