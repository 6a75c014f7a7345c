"""LoRA in motion: W frozen, B and A beside it to scale, and the same computed with numbers."""

from __future__ import annotations

from importlib.resources import files
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from app.ui import charts, figures, text, work
from app.ui.store import remembered
from app.ui.words import lora as words
from lowrank.lora.adapter import SCALINGS, LoRA, initial, merge_loss, scaling

_HERE = files(__package__)

#: Of the notebook: side, rank, alpha.
START = (1600, 16, 16)

#: Beyond this side the numbers are tried on a smaller weight.
_LARGEST = 2048

#: From this side on that takes its turn in the line: tenths of a second, and 20 bytes for each number of W.
_HEAVY = 1024

#: Lowest and highest of each number that the browser may tell: those of the page's own controls.
_LIMITS = ((64, 8192), (1, 512), (1, 256))


def _read(name: str) -> str:
    return (_HERE / name).read_text("utf-8")


_component = st.components.v2.component(
    "lowrank_motion", html=_read("motion.html"), css=_read("motion.css"), js=_read("motion.js")
)


class Checks(NamedTuple):
    """What holds of one adapter, in numbers."""

    at_start: bool  #: whether it adds anything before training
    forward: float  #: relative difference of the outputs, factored and merged
    rank: int
    changed: float  #: share of the weights that merging and unmerging in half precision changes


def part() -> None:
    """Show it."""
    st.markdown(words.MOTION_INTRO)
    start = st.session_state.setdefault("motion_numbers", START)

    def told() -> None:
        st.session_state.motion_numbers = numbers(st.session_state.motion.numbers)

    _component(key="motion", data={"words": words.MOTION, "start": list(start)}, on_numbers_change=told)
    d, r, alpha = st.session_state.motion_numbers
    slip = st.empty()  # a place of its own: what is below stays the same, with it or without
    if (d, r) == START[:2]:
        slip.caption(words.SLIP)
    left, right = st.columns(2, gap="large")
    with left:
        side = min(d, _LARGEST)
        st.markdown(f"**{words.CHECKS.format(d=text.count(side))}**", help=words.CHECKS_HELP)
        found = checks(_DIGESTS[side >= _HEAVY], side, min(r, side), alpha, b"")
        rows = {
            words.AT_START: words.NOT_ZERO if found.at_start else words.ZERO,
            words.FORWARD: text.power(found.forward),
            words.MERGED: f"{found.rank}",
            words.UNMERGED: text.percent(found.changed),
        }
        st.table(rows, border="horizontal")
    with right:
        st.plotly_chart(scale_chart(alpha), key="scale_chart", config=charts.CONFIG, alt=words.SCALE_CHART)
        st.caption(words.SCALE_CAPTION)


def numbers(said: object) -> tuple[int, int, int]:
    """Return side, rank and alpha as a browser says them, within their limits; the first ones where it says no such."""
    if not isinstance(said, list) or len(said) != len(_LIMITS) or not all(isinstance(one, int | float) for one in said):
        return START
    d, r, alpha = (int(min(max(low, one), high)) for one, (low, high) in zip(said, _LIMITS, strict=True))  # NaN: low
    return d, r, alpha


#: What stands for the work of checking, of small weights and of those that are queued.
_DIGESTS = ("adapter-in-motion", "large-adapter-in-motion")


@remembered(queued=lambda digest, data: digest == _DIGESTS[True])
def checks(digest: str, d: int, r: int, alpha: int, data: bytes) -> Checks:
    """Try an adapter of these numbers out, on a random weight."""
    rng = np.random.default_rng(0)
    W = (rng.standard_normal((d, d)) / d**0.5).astype(np.float32)
    work.report(0.1)
    start = initial(d, d, r, alpha=alpha)
    pair = LoRA(start.A, (rng.standard_normal((d, r)) / d).astype(np.float32), scaling(alpha, r))
    x = rng.standard_normal((4, d)).astype(np.float32)
    merged = x @ pair.merged(W).T
    forward = float(np.linalg.norm(pair.forward(x, W) - merged) / np.linalg.norm(merged))
    work.report(0.3)
    at_start = bool(start.delta().any())
    work.report(0.5)
    rank = pair.numerical_rank()
    work.report(0.7)
    return Checks(at_start, forward, rank, merge_loss(pair, W.astype(np.float16))[0])


def scale_chart(alpha: float) -> go.Figure:
    """Draw both scalings against rank."""
    ranks = np.unique(np.rint(np.geomspace(1, 512, 60)))
    curves = {words.SCALINGS[name]: [rule(alpha, r) for r in ranks.tolist()] for name, rule in SCALINGS.items()}
    return figures.lines(ranks, curves, words.SCALE_CHART, words.RANK_AXIS, words.SCALE_AXIS, log=True, height=360)
