"""Explore: one picture, one slider, what rank k keeps of it and what that costs."""

from __future__ import annotations

import plotly.graph_objects as go
import streamlit as st

from app.ui import cached, charts, download, filing, inputs, scene, state, text
from app.ui.needle import needle
from app.ui.pictures import Picture
from app.ui.store import remembered
from app.ui.viewer import Mark, viewer
from app.ui.words import files as files_words
from lowrank.color import Color


def page() -> None:
    """Draw the page."""
    picture = state.picture()
    if lost := state.has_lost(state.view().picture):
        st.warning(text.LOST, icon=":material/image_not_supported:")
    inputs.gallery(picture)
    color = inputs.color_of(picture)
    heading(picture)
    large = cached.is_large(picture.digest, picture.data)
    if not large:
        measure_ssim(picture, color)
    if live_picture(picture, color):
        with st.spinner(text.DECOMPOSING, show_time=True):
            scene.prepare(picture, color)
        st.rerun()  # with the factors in the preview's place
    k = shown_rank(picture, color)
    state.write_address(picture=state.in_address(state.OWN if lost else picture.id), rank=k, color=color)
    with st.container(border=True):
        inputs.target(picture, color)
    downloads(picture, color, k)
    curve_chart(picture, color, k)
    filing.section(picture, color, k, cached.shape(picture.digest, picture.data))
    slow = [large and measure_ssim(picture, color), filing.prepare_rival(picture, color, k)]
    if any(slow):  # so measured and made when all else stands
        st.rerun()


def shown_rank(picture: Picture, color: Color) -> int:
    """Return the rank that is shown: the one chosen, or the highest that this picture has."""
    return min(state.view().rank, len(cached.spectrum_curve(picture.digest, color, picture.data).k))


def measure_ssim(picture: Picture, color: Color) -> bool:
    """Have the SSIM of the rank shown at hand; return whether it was not."""
    k = shown_rank(picture, color)
    if state.ssim_known(picture, color, k):
        return False
    state.remember_ssim(picture, color, k, cached.measured_ssim(picture.digest, color, k, picture.data))
    return True


def heading(picture: Picture) -> None:
    """Say what is looked at, and let colour be chosen."""
    m, n, *channels = cached.shape(picture.digest, picture.data)
    size = (text.CAP if min(m, n) < cached.MAX_RANK else text.SIZE).format(n=n, m=m, cap=min(m, n))
    if done := cached.notes(picture.digest, picture.data):
        size += " " + text.ON_READING.format(notes=", ".join(done))
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"**{picture.label}**: {picture.teaches} {size}", width="content")
        inputs.color_choice(disabled=not channels)


def live_picture(picture: Picture, color: Color) -> bool:
    """Show the viewer; return whether it shows a preview yet."""
    pane = scene.pane(picture, color, zoomed=st.session_state.get("zoomed") == (picture.digest, color))
    m, n, planes = pane["height"], pane["width"], pane["factors"]["planes"]
    k = min(state.view().rank, pane["rank"])
    pane |= {"ssim": state.ssim_shown(picture, color, k)}
    beside = None if pane["preview"] else filing.rival(picture, color, k)
    if beside:
        pane["rival"] = beside[0]
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
        on_stands=state.picture_stands if state.is_first_look() else None,
        marks=[
            *(Mark(rank, label) for label, rank in break_even_marks(pane["breakEven"]).items()),
            *(Mark(rank, said, high=True) for rank, said in state.targets_met(picture, color)),
        ],
        words={
            "larger": text.cost(text.LARGER, "at", pane["breakEven"], pane["rank"]),
            "smaller": text.cost(text.SMALLER, "up to", pane["breakEven"], pane["rank"]),
            "preview": text.PREVIEW,
            **(files_words.BESIDE_VIEWER if beside and beside[0] else {}),
        },
        numbers=numbers,
    )
    if beside:
        st.caption(beside[1])
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
            download.button(label, make, name, mime, key=f"download_{i}")


def curve_chart(picture: Picture, color: Color, k: int) -> None:
    """Draw the picture's curves; the chart stays the same while the rank moves, and the mark goes over it.

    To start Plotly keeps a browser busy for a second. So on the first look the chart waits until the picture stands;
    where nothing tells so, until the next run.
    """
    measure, log_rank, log_value = inputs.chart_choice("explore")
    spectrum = cached.spectrum(picture.digest, color, picture.data)
    with st.container(gap=None):
        if state.is_first_look():
            st.container(height=charts.HEIGHT, border=False)
        else:
            series = [charts.Series(picture.title, inputs.curve(picture, color, measure), spectrum)]
            st.plotly_chart(
                figure(picture.digest, color, measure, log_rank, log_value, picture.data),
                key="explore_chart",
                config=charts.CONFIG,
                alt=charts.alternative(series, measure),
            )
            needle("explore_chart", k)
    st.caption(text.optimality(spectrum.excess, allotted=color == "ycbcr"))


@remembered(queued=cached.is_large)
def figure(digest: str, color: Color, measure: str, log_rank: bool, log_value: bool, data: bytes) -> go.Figure:
    """Make the chart; it takes longer than all else that a move of the rank asks of Python."""
    spectrum = cached.spectrum(digest, color, data)
    lines = break_even_marks(scene.break_even(spectrum, *cached.shape(digest, data)[:2]))
    series = [charts.Series("", cached.curve(digest, color, measure, data), spectrum)]
    return charts.figure(series, measure, log_rank=log_rank, log_value=log_value, break_even=lines)


page()
