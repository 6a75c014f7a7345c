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

Rows = list[list[float]]


def _drawn(*lines: str) -> Rows:
    """A matrix of lines in which # is ink."""
    return [[float(mark == "#") for mark in line] for line in lines]


#: Matrices to begin with, from 0 to 1.
MATRICES: dict[str, Rows] = {
    words.HEART: _drawn(
        "............",
        "...##..##...",
        "..########..",
        "..########..",
        "...######...",
        "....####....",
        ".....##.....",
        "............",
    ),
    words.CROSS: _drawn(
        ".....##.....",
        ".....##.....",
        ".....##.....",
        "############",
        "############",
        ".....##.....",
        ".....##.....",
        ".....##.....",
    ),
    words.STRIPES: _drawn(*["##..##..##.."] * 8),
    # products, and so of rank 1: rounded to shades they would not be
    words.FADE: [[(i + 1) / 8 * (j + 1) / 12 for j in range(12)] for i in range(8)],
    words.DIAGONAL: [[float(j == i + 2) for j in range(12)] for i in range(8)],
    words.EMPTY: [[0.0] * 12 for _ in range(8)],
}


def hand() -> None:
    """Show the matrix, its layers, what the first k keep, and random matrices of rank k beside."""
    _component(key="hand", data={"words": words.HAND, "matrices": MATRICES})
