"""QLoRA: four bits over the weights they stand for, the error that leaves, an adapter for it, and the memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app.ui import charts, figures, text, work
from app.ui.lora import matrices
from app.ui.lora.matrices import Source
from app.ui.metrics import metrics
from app.ui.store import remembered
from app.ui.words import lora as words
from lowrank.lora.budget import NOT_COUNTED, WAYS, training_memory
from lowrank.lora.nf4 import LEVELS, bits_per_weight, dequantize, quantize, relative_error
from lowrank.lora.residual import quantized_with_adapter, restored
from lowrank.svd import Array

BLOCKS = (32, 64, 128, 256)

#: Ranks of the adapter that is to correct, and how often both parts are fitted.
RANKS, TIMES = (4, 8, 16, 32, 64, 128), (1, 5)

#: Types of more levels than these have them too close to be drawn.
_DRAWN = 16

#: Height of the residual's chart, and of its place while it is computed.
_HEIGHT = 420

#: Rows and columns that the residual's chart takes at most: it takes a decomposition for each point.
_SIDE = 256


def part() -> None:
    """Show it."""
    st.markdown(words.QLORA_INTRO)
    source = matrices.choose()
    left, middle, right = st.columns([5, 3, 3], vertical_alignment="bottom")
    kind = left.segmented_control(
        words.KIND,
        list(words.KINDS),
        format_func=words.KINDS.__getitem__,
        key="qlora_kind",
        wrap=True,
        default="NF4",
        required=True,
        persist_state="session",
    )
    block = middle.segmented_control(
        words.BLOCK, BLOCKS, key="qlora_block", default=64, required=True, persist_state="session"
    )
    double = right.toggle(words.DOUBLE, key="qlora_double", value=True, persist_state="session")
    draw = None
    if source is not None:
        one(source, kind, block, double)
        draw = residual(source, kind, block, double)
    memory(kind, block, double)
    if draw:  # last, since it takes seconds: what stands below is there already
        draw()


def one(source: Source, kind: str, block: int, double: bool) -> None:
    """Show one type at one block size, and all of them in a table."""
    chart, error = histogram(source.digest, source.name, kind, block, double, source.data)
    metrics({words.BITS: f"{bits_per_weight(kind, block, double=double):.4g}", words.ERROR: text.percent(error)})
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.plotly_chart(chart, key="levels", config=charts.CONFIG, alt=f"{words.LEVELS_CHART}: {words.KINDS[kind]}")
        said = words.LEVELS_SAYS if len(LEVELS[kind]) <= _DRAWN else words.LEVELS_MANY
        st.caption(said.format(kind=words.KINDS[kind], count=len(LEVELS[kind])))
    with right:
        st.markdown(f"**{words.ERRORS_TITLE}**")
        st.dataframe(
            errors(source.digest, source.name, double, source.data),
            hide_index=True,
            width="stretch",
            column_config={
                "kind": st.column_config.TextColumn(words.ERROR_COLUMNS["kind"]),
                **{
                    str(block): st.column_config.NumberColumn(
                        words.ERROR_COLUMNS["block"].format(block=block), format="%.2f", width=60
                    )
                    for block in BLOCKS
                },
            },
            alt=words.ERRORS_TITLE,
        )


@remembered(queued=lambda digest, data: bool(data))
def histogram(digest: str, name: str, kind: str, block: int, double: bool, data: bytes) -> tuple[go.Figure, float]:
    """Quantize, and draw the levels over the weights; the relative error with it."""
    a = matrices.matrix(digest, name, data)
    quantized = quantize(a, kind, block, double=double)
    scales = np.repeat(quantized.scales, block)[: a.size].astype(np.float64)
    scaled = np.divide(a.ravel(), scales, out=np.zeros(a.size), where=scales > 0)
    counts, edges = np.histogram(scaled.clip(-1, 1), 80, (-1, 1))
    marks = LEVELS[kind] if len(LEVELS[kind]) <= _DRAWN else np.empty(0)
    chart = figures.levels(edges, counts, marks, (words.LEVELS_CHART, words.LEVELS_X, words.LEVELS_Y))
    return chart, relative_error(a, dequantize(quantized))


@remembered(queued=lambda digest, data: bool(data))
def errors(digest: str, name: str, double: bool, data: bytes) -> pd.DataFrame:
    """Tabulate the error of every type at every block size."""
    a = matrices.matrix(digest, name, data)
    rows = []
    for kind, said in words.KINDS.items():
        found = {
            str(block): 100 * relative_error(a, dequantize(quantize(a, kind, block, double=double))) for block in BLOCKS
        }
        rows.append({"kind": said, **found})
    return pd.DataFrame(rows)


def residual(source: Source, kind: str, block: int, double: bool) -> Callable[[], None] | None:
    """Make room for what an adapter makes of the error, when asked; return what fills it."""
    st.markdown(f"**{words.RESIDUAL}**")
    st.markdown(words.RESIDUAL_SAYS.format(side=_SIDE))
    if not st.toggle(words.COMPUTE, key="qlora_residual", persist_state="session"):
        return None
    if min(matrices.matrix(source.digest, source.name, source.data).shape) < 2 * RANKS[0]:
        st.info(words.TOO_SMALL)
        return None
    room = st.container(height=_HEIGHT, border=False).empty()

    def watch(place: int, share: float) -> None:
        room.progress(min(share, 1.0), words.COMPUTING)

    def draw() -> None:
        ranks, curves = residual_errors(source.digest, source.name, kind, block, double, source.data, watch=watch)
        chart = figures.lines(ranks, curves, words.RESIDUAL_CHART, words.RANK_AXIS, words.RESIDUAL_AXIS, height=_HEIGHT)
        room.plotly_chart(chart, key="residual", config=charts.CONFIG, alt=words.RESIDUAL)

    return draw


@remembered(queued=lambda digest, data: True)
def residual_errors(
    digest: str, name: str, kind: str, block: int, double: bool, data: bytes
) -> tuple[list[int], dict[str, list[float]]]:
    """Return the error of Q + B A for each rank, by what is done first and how often."""
    a = part_of(matrices.matrix(digest, name, data))
    ranks = [r for r in RANKS if r <= min(a.shape)]
    alone = relative_error(a, dequantize(quantize(a, kind, block, double=double)))
    curves = {words.WITHOUT.format(kind=words.KINDS[kind]): [alone] * len(ranks)}
    ways = [(start, times) for start in ("LoftQ", "QPiSSA") for times in TIMES]
    for done, (start, times) in enumerate(ways):
        said = (words.ONCE if times == 1 else words.FITTED).format(start=start, count=times)
        curves[said] = []
        for at, r in enumerate(ranks):
            work.report((done + at / len(ranks)) / len(ways))
            both = quantized_with_adapter(a, r, start=start, iterations=times, kind=kind, block=block, double=double)
            curves[said].append(relative_error(a, restored(*both)))
    return ranks, curves


def part_of(a: Array) -> Array:
    """The upper left of a large matrix."""
    return a[:_SIDE, :_SIDE]


def memory(kind: str, block: int, double: bool) -> None:
    """Count what a fine-tune keeps in memory, with the linear layers in a type."""
    st.markdown(f"**{words.MEMORY}**")
    bits = bits_per_weight(kind, block, double=double)
    st.markdown(words.MEMORY_SAYS.format(bits=f"{bits:.4g}", kind=words.KINDS[kind], block=block))
    columns = st.columns(3)
    asked = ((words.LINEAR, 6476.0, "linear"), (words.OTHER, 262.4, "other"), (words.ADAPTED, 40.0, "adapted"))
    linear, other, adapter = (
        int(
            1e6
            * column.number_input(label, 0.0, 1e6, value, format="%.1f", key=f"memory_{key}", persist_state="session")
        )
        for column, (label, value, key) in zip(columns, asked, strict=True)
    )
    rows = []
    for way, name in WAYS.items():
        found = training_memory(way, linear, other, adapter, bits=bits)
        parts = {part: getattr(found, part) / 1e9 for part in list(words.MEMORY_COLUMNS)[1:]}
        rows.append({"way": name[:1].upper() + name[1:], **parts})
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        width="stretch",
        column_config={
            name: st.column_config.NumberColumn(label, format="%.2f")
            if name != "way"
            else st.column_config.TextColumn(label)
            for name, label in words.MEMORY_COLUMNS.items()
        },
        alt=words.MEMORY,
    )
    st.caption(words.MEMORY_NOTE.format(what=NOT_COUNTED))
