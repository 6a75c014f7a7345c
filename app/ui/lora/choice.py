"""Which r: what each costs, what others measured, where to start; and never one right answer."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app.ui import charts, figures
from app.ui.lora import matrices, weights
from app.ui.lora.table import SHARE_NAMES, rank_rows
from app.ui.words import lora as words
from lowrank.lora.advice import FINDINGS, STARTING_POINT, SWEEPS, USUAL_RANKS, rank_table
from lowrank.lora.inspection import SHARES

#: Linear layers of models that people adapt: (rows, columns), and how many of each.
MODELS = {
    "minilm": [((384, 384), 24), ((1536, 384), 6), ((384, 1536), 6)],
    "llama": [((4096, 4096), 128), ((11008, 4096), 64), ((4096, 11008), 32)],
    "notebook": [((1600, 1600), 1)],
    "large": [((4096, 4096), 1)],
}


def part() -> None:
    """Show it."""
    st.info(STARTING_POINT)
    model = st.selectbox(
        words.MODEL,
        list(words.MODELS),
        format_func=words.MODELS.__getitem__,
        key="choice_model",
        persist_state="session",
    )
    costs(model) if model in MODELS else costs_of_own()
    sweeps()
    not_low()
    st.markdown(f"**{words.FINDINGS}**")
    for finding, source in FINDINGS:
        st.markdown(f"- {finding} :small[:gray[{source}]]")


def costs(model: str) -> None:
    """Tabulate what each rank costs on every linear layer of a model."""
    shapes = [shape for shape, count in MODELS[model] for _ in range(count)]
    rank_rows(rank_table(shapes, USUAL_RANKS), words.TABLE_TITLE)


def costs_of_own() -> None:
    """Tabulate what each rank costs and keeps of a matrix."""
    source = matrices.choose()
    if source is not None:
        a = matrices.matrix(source.digest, source.name, source.data)
        own, _ = matrices.spectrum(source.digest, source.name, source.data)
        ranks = [rank for rank in USUAL_RANKS if rank <= len(own)]
        rank_rows(rank_table([a.shape], ranks, spectra=[own]), words.TABLE_KEPT_TITLE)


def sweeps() -> None:
    """Show the published sweeps, each with its source."""
    st.markdown(f"**{words.SWEEPS}**")
    for row in (SWEEPS[:2], SWEEPS[2:]):
        for column, sweep in zip(st.columns(2, gap="large"), row, strict=True):
            with column:
                st.markdown(f"{sweep.says} {sweep.what[:1].upper()}{sweep.what[1:]}.")
                result = words.RESULT.format(unit=sweep.unit)
                shown = pd.DataFrame(sweep.figures, columns=[words.SETTING, result])
                if sweep.shares:
                    shown.insert(1, words.TABLE["share"], sweep.shares)
                digits = 0 if (shown[result] % 1 == 0).all() else 1
                st.dataframe(
                    shown,
                    hide_index=True,
                    width="stretch",
                    height="content",
                    column_config={result: st.column_config.NumberColumn(format=f"%.{digits}f")},
                    alt=sweep.what,
                )
                st.caption(sweep.source[:1].upper() + sweep.source[1:])


def not_low() -> None:
    """Show, on a real model, that weights need hundreds of ranks."""
    needed = {name: weights.ranks(weights.ATTENTION, share) for name, share in zip(SHARE_NAMES, SHARES, strict=True)}
    st.markdown(f"**{words.NOT_LOW}**")
    chart = figures.boxes(needed, words.NOT_LOW_CHART, words.NOT_LOW_X, words.NOT_LOW_Y)
    ranges = ", ".join(f"{share}: {min(ranks)} to {max(ranks)}" for share, ranks in needed.items())
    st.plotly_chart(chart, key="not_low", config=charts.CONFIG, alt=f"{words.NOT_LOW_CHART}. {ranges}")
    st.caption(words.NOT_LOW_SAYS)
