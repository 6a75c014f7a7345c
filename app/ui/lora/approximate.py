"""A matrix at rank r: its spectrum, the error of every rank, and what a rank stores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import streamlit as st

from app.ui import charts, figures, text
from app.ui.lora import matrices
from app.ui.lora.matrices import Source
from app.ui.lora.table import rank_rows
from app.ui.metrics import metrics
from app.ui.words import lora as words
from lowrank.lora.advice import USUAL_RANKS, rank_table
from lowrank.lora.budget import adapter_parameters, break_even
from lowrank.svd import Array

_EXPLORE = Path(__file__).parents[2] / "views" / "explore.py"


def part() -> None:
    """Show it."""
    st.markdown(words.MATRIX_INTRO)
    source = matrices.choose()
    if source is None:
        return
    a = matrices.matrix(source.digest, source.name, source.data)
    own, gaussian = matrices.spectrum(source.digest, source.name, source.data)
    m, n = a.shape
    st.caption(said_of(source, a.shape))
    r, key = 1, f"matrix_rank_{source.digest}"
    if len(own) > 1:
        r = st.slider(words.RANK_AXIS, 1, len(own), min(16, len(own)), key=key, persist_state="session")
    own_error, other_error = error(own), error(gaussian)
    facts = {
        text.NUMBERS["relative_error"][0]: text.percent(float(own_error[r])),
        text.NUMBERS["energy"][0]: text.percent(1 - float(own_error[r]) ** 2),
        text.NUMBERS["numbers"][0]: text.count(adapter_parameters(m, n, r)),
        words.OF_MATRIX: text.count(m * n),
        words.BREAK_EVEN: f"{int(break_even(m, n))}",
    }
    metrics(facts)
    st.caption(words.STORED_SAYS)
    left, right = st.columns(2, gap="large")
    index = np.arange(1, len(own) + 1)
    spectra = {words.THIS: own, words.GAUSSIAN: gaussian}
    errors = {words.THIS: own_error, words.GAUSSIAN: other_error}
    with left:
        chart = figures.lines(index, spectra, words.SPECTRUM_CHART, words.INDEX_AXIS, words.SPECTRUM_AXIS, log=True)
        st.plotly_chart(chart, key="spectrum", config=charts.CONFIG, alt=words.SPECTRUM_CHART)
    with right:
        chart = figures.lines(np.arange(len(own) + 1), errors, words.ERROR_CHART, words.RANK_AXIS, words.ERROR_AXIS)
        st.plotly_chart(chart, key="errors", config=charts.CONFIG, alt=words.ERROR_CHART)
    ranks = [rank for rank in USUAL_RANKS if rank <= len(own)]
    rank_rows(rank_table([a.shape], ranks, spectra=[own]), words.TABLE_KEPT_TITLE)
    st.page_link(_EXPLORE, label=words.SAME_SLIDER, icon=":material/image:")


def said_of(source: Source, shape: tuple[int, ...]) -> str:
    """Tell a matrix's sides, and as what a file was read."""
    said = words.SHAPE.format(m=text.count(shape[0]), n=text.count(shape[1]))
    if source.name != "upload":
        return f"{said}."
    return f"{said}, {words.READ_AS_NPY if source.data.startswith(np.lib.format.MAGIC_PREFIX) else words.READ_AS_TEXT}."


def error(s: Array) -> Array:
    """Relative error at rank 0 to len(s), from the tail of the spectrum."""
    squares = np.square(s.astype(np.float64) / (s.max(initial=0) or 1))
    tail = np.concatenate([squares[::-1].cumsum()[::-1], [0.0]])
    return np.sqrt(tail / tail[0]) if tail[0] else tail
