"""Explore: one picture, one slider, what rank k keeps of it and what that costs."""

from __future__ import annotations

import streamlit as st

from app.ui import cached, charts, inputs, scene, state, text
from app.ui.pictures import Picture
from app.ui.viewer import Mark, viewer
from lowrank.color import Color


def page() -> None:
    """Draw the page."""
    picture = state.picture()
    inputs.gallery(picture)
    color = inputs.color_of(picture)
    heading(picture)
    preview = live_picture(picture, color)
    with st.spinner(text.DECOMPOSING, show_time=True):
        svd = cached.factors(picture.digest, color, picture.data)
    if preview:
        st.rerun()  # with the factors in the preview's place
    k = min(state.view().rank, svd.rank)
    state.write_address(picture=picture.id if picture.is_sample else "", rank=k, color=color)
    with st.container(border=True):
        inputs.target(picture, color)
    downloads(picture, color, k)
    curve_chart(picture, color)
    if not state.ssim_known(picture, color, k):  # slow on large pictures, so measured when all else stands
        state.remember_ssim(picture, color, k, cached.measured_ssim(picture.digest, color, k, picture.data))
        st.rerun()


def heading(picture: Picture) -> None:
    """Say what is looked at, and let colour be chosen."""
    m, n = cached.pixels(picture.digest, picture.data).shape[:2]
    size = (text.CAP if min(m, n) < cached.MAX_RANK else text.SIZE).format(n=n, m=m, cap=min(m, n))
    if done := cached.notes(picture.digest, picture.data):
        size += " " + text.ON_READING.format(notes=", ".join(done))
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"**{picture.label}**: {picture.teaches} {size}", width="content")
        inputs.color_choice(disabled=cached.pixels(picture.digest, picture.data).ndim == 2)


def live_picture(picture: Picture, color: Color) -> bool:
    """Show the viewer; return whether it shows a preview yet."""
    pane = scene.pane(picture, color, zoomed=st.session_state.get("zoomed") == (picture.digest, color))
    m, n, planes = pane["height"], pane["width"], pane["factors"]["planes"]
    k = min(state.view().rank, pane["rank"])
    pane |= {"ssim": state.ssim_shown(picture, color, k)}
    said = text.NUMBERS | (text.ALLOTTED_NUMBERS if color == "ycbcr" else {})
    numbers = {key: {"label": label, "help": explained} for key, (label, explained) in said.items()}
    numbers["pixels"]["value"] = text.size(planes * m * n)

    def zoom_in() -> None:
        st.session_state.zoomed = (picture.digest, color)

    viewer(
        [pane],
        key="viewer",
        rank=state.view().rank,
        turn=state.view().turn,
        on_rank=lambda rank: state.change(rank=rank),
        on_zoom=zoom_in,
        marks=[
            *(Mark(rank, label) for label, rank in break_even_marks(pane["breakEven"]).items()),
            *(Mark(rank, said, high=True) for rank, said in state.targets_met(picture, color)),
        ],
        words={
            "larger": text.cost(text.LARGER, "at", pane["breakEven"], pane["rank"]),
            "smaller": text.cost(text.SMALLER, "up to", pane["breakEven"], pane["rank"]),
            "preview": text.PREVIEW,
        },
        numbers=numbers,
    )
    return bool(pane["preview"])


def break_even_marks(ranks: dict[str, int | None]) -> dict[str, int]:
    """Name the ranks at which the factors break even, as far as they are known."""
    return {text.BREAK_EVEN[by]: rank for by, rank in ranks.items() if rank is not None}


def downloads(picture: Picture, color: Color, k: int) -> None:
    """Offer files; each is made when its button is clicked, not before."""
    stem, key, data = text.file_stem(picture.title), (picture.digest, color), picture.data
    at = f"{stem}-rank{k}"
    offers = (
        (text.DOWNLOAD_PICTURE.format(k=k), f"{at}.png", "image/png", lambda: cached.png(*key, k, data)),
        (text.DOWNLOAD_SHEET, f"{stem}-ranks.png", "image/png", lambda: cached.sheet(*key, data)),
        (text.DOWNLOAD_SWEEP.format(k=k), f"{stem}-sweep.webp", "image/webp", lambda: cached.film(*key, k, data)),
        (text.DOWNLOAD_CURVE, f"{stem}-curve.csv", "text/csv", lambda: cached.csv(*key, data)),
        (text.DOWNLOAD_FACTORS.format(k=k), f"{at}.npz", "application/zip", lambda: cached.npz(*key, k, data)),
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{text.DOWNLOADS}**", width="content")
        for i, (label, name, mime, make) in enumerate(offers):
            st.download_button(label, make, name, mime, key=f"download_{i}", on_click="ignore")


def curve_chart(picture: Picture, color: Color) -> None:
    """Draw the picture's curves; the chart stays the same while the rank moves."""
    measure, log_rank, log_value = inputs.chart_choice("explore")
    curve, svd = inputs.curve(picture, color, measure), cached.factors(picture.digest, color, picture.data)
    lines = break_even_marks(scene.break_even(svd, *svd.shape[1:]))
    series = [charts.Series(picture.title, curve, svd)]
    st.plotly_chart(
        charts.figure(series, measure, log_rank=log_rank, log_value=log_value, break_even=lines),
        key="explore_chart",
        config=charts.CONFIG,
        alt=charts.alternative(series, measure),
    )
    st.caption(text.optimality(svd.excess, allotted=color == "ycbcr"))


page()
