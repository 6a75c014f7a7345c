"""Compare: several pictures' curves in one chart, and their numbers at one common rank."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from app.ui import cached, charts, download, inputs, pictures, scene, state, text
from app.ui.charts import Series
from app.ui.needle import needle
from app.ui.pictures import Picture
from app.ui.viewer import viewer
from lowrank.color import Color


def page() -> None:
    """Draw the page."""
    if state.has_lost(*state.view().compared):
        st.warning(text.LOST, icon=":material/image_not_supported:")
    chosen = choice()
    view = state.view()
    state.write_address(
        pictures=state.in_address(*view.compared), rank=view.rank, color=view.color, measure=view.measure
    )
    if not chosen:
        st.info(text.COMPARE_EMPTY)
        return
    measure, log_rank, log_value = inputs.chart_choice("compare")
    titles = pictures.titles()
    series = [one_series(picture, titles[picture.id], measure) for picture in chosen]
    k = min(view.rank, max(len(one.curve.k) for one in series))
    with st.container(gap=None):
        st.plotly_chart(
            charts.figure(series, measure, log_rank=log_rank, log_value=log_value),
            key="compare_chart",
            config=charts.CONFIG,
            alt=charts.alternative(series, measure),
        )
        needle("compare_chart", k)
    st.caption(text.COMPARE_HINT)
    strip(chosen, titles)
    table(chosen, titles, k)
    named = [(text.file_stem(titles[picture.id]), picture, inputs.color_of(picture)) for picture in chosen]
    make = partial(all_curves, named)
    download.button(text.COMPARE_DOWNLOAD, make, "curves.csv", "text/csv", key="download_curves")


def choice() -> list[Picture]:
    """Ask which pictures are compared, and take new ones in."""
    left, right = st.columns([3, 1], gap="medium")
    available = pictures.available()
    with right:
        pictures.drop_zone("compare", add)
    with left:
        st.session_state.compared = [picture.id for picture in state.compared()]
        st.multiselect(
            text.COMPARE_PICK,
            list(available),
            format_func=pictures.titles().__getitem__,
            key="compared",
            max_selections=text.MAX_COMPARED,
            on_change=lambda: state.change(compared=tuple(st.session_state.compared)),
        )
        inputs.color_choice()
    return state.compared()


def add(arrived: list[Picture]) -> None:
    """Compare new pictures as well; the oldest leave where they are too many."""
    known = state.view().compared
    state.change(compared=(*known, *(p.id for p in arrived if p.id not in known))[-text.MAX_COMPARED :])


def one_series(picture: Picture, title: str, measure: str) -> Series:
    """Decompose one picture and return its curve for the chart."""
    color = inputs.color_of(picture)
    with st.spinner(text.DECOMPOSING, show_time=True):
        scene.prepare(picture, color, size="strip")
        spectrum = cached.spectrum(picture.digest, color, picture.data)
    return Series(title, inputs.curve(picture, color, measure), spectrum)


def strip(chosen: list[Picture], titles: dict[str, str]) -> None:
    """Show the pictures beside each other at one common rank, moving together."""
    viewer(
        [
            scene.pane(picture, inputs.color_of(picture), size="strip")
            | {"title": titles[picture.id], "line": charts.color_of(i)}
            for i, picture in enumerate(chosen)
        ],
        key="strip",
        rank=state.view().rank,
        turn=state.view().turn,
        on_rank=lambda rank: state.change(rank=rank),
    )


def table(chosen: list[Picture], titles: dict[str, str], k: int) -> None:
    """Show every picture's numbers at the common rank."""
    rows = []
    for picture in chosen:
        color, own = inputs.color_of(picture), own_rank(picture, k)
        curve = cached.spectrum_curve(picture.digest, color, picture.data)
        m, n = cached.shape(picture.digest, picture.data)[:2]
        rows.append(
            {
                "picture": titles[picture.id],
                "size": f"{n} × {m}",
                "rank": own,
                "psnr": min(curve.psnr[own - 1], text.MOST_DECIBELS),
                "ssim": cached.measured_ssim(picture.digest, color, own, picture.data),
                "energy": 100 * curve.energy[own - 1],
                "relative_error": 100 * curve.relative_error[own - 1],
                "numbers": curve.stored_numbers[own - 1],
                "ratio": curve.ratio[own - 1],
                "bytes": curve.bytes[own - 1],
            }
        )
        if state.view().color == "ycbcr":
            ranks = cached.spectrum(picture.digest, color, picture.data).ranks
            rows[-1]["ranks"] = text.split(ranks[:, own - 1].tolist())
    st.markdown(f"**{text.COMPARE_TABLE.format(k=k)}**")
    formats = {"psnr": "%.1f", "ssim": "%.3f", "energy": "%.2f", "relative_error": "%.2f", "ratio": "%.2f"}
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        width="stretch",
        column_config={
            name: st.column_config.NumberColumn(label, format=formats.get(name, "localized"))
            if name not in ("picture", "size", "ranks")
            else st.column_config.TextColumn(label)
            for name, label in text.COMPARE_COLUMNS.items()
        },
        alt=text.COMPARE_TABLE.format(k=k),
    )


def own_rank(picture: Picture, k: int) -> int:
    """Return the common rank, or the highest that this picture has."""
    return min(k, len(cached.spectrum_curve(picture.digest, inputs.color_of(picture), picture.data).k))


def all_curves(chosen: list[tuple[str, Picture, Color]]) -> bytes:
    """Write the curves of all pictures below each other, the picture's name in the first column."""
    table: list[str] = []
    for name, picture, color in chosen:
        header, *lines = cached.csv(picture.digest, color, picture.data).decode().splitlines()
        table = table or [f"picture,{header}"]
        table += [f"{name},{line}" for line in lines]
    return "\n".join([*table, ""]).encode()


page()
