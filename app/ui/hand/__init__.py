"""The truncated SVD by hand: a matrix of 8 rows and 12 columns that is drawn with the mouse, and its layers.

A component of Streamlit like the viewer. Everything is computed in the browser, by jacobi.js, while the hand draws.
"""

from __future__ import annotations

from importlib.resources import files

import streamlit as st

from app.ui.words import learn as words

_HERE = files(__package__)


def _read(name: str) -> str:
    return (_HERE / name).read_text("utf-8")


_component = st.components.v2.component(
    "lowrank_hand", html=_read("hand.html"), css=_read("hand.css"), js=_read("jacobi.js") + _read("hand.js")
)

#: Matrices to begin with: rows of digits, which are tenths of the darkest ink; 9 is the darkest.
_MATRICES = {
    words.HEART: (
        "000000000000",
        "000990099000",
        "009999999900",
        "009999999900",
        "000999999000",
        "000099990000",
        "000009900000",
        "000000000000",
    ),
    words.CROSS: (
        "000009900000",
        "000009900000",
        "000009900000",
        "999999999999",
        "999999999999",
        "000009900000",
        "000009900000",
        "000009900000",
    ),
    words.STRIPES: ("990099009900",) * 8,
    words.FADE: tuple("".join(str(round(9 * i / 7 * j / 11)) for j in range(12)) for i in range(8)),
    words.DIAGONAL: tuple("".join("9" if j in (i, i + 4) else "0" for j in range(12)) for i in range(8)),
    words.EMPTY: ("0" * 12,) * 8,
}


def hand() -> None:
    """Show the matrix, its layers, what the first k keep, and random matrices of rank k beside."""
    matrices = {name: [[int(digit) / 9 for digit in row] for row in rows] for name, rows in _MATRICES.items()}
    _component(key="hand", data={"words": words.HAND, "matrices": matrices})
