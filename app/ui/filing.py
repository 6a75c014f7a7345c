"""The part of Explore on files: what the picture weighs as each, the chart of rate and distortion, .lrk to save."""

from __future__ import annotations

import math

import plotly.graph_objects as go
import streamlit as st

from app.ui import charts, download, figures, files, text
from app.ui.metrics import metrics
from app.ui.needle import needle
from app.ui.pictures import Picture
from app.ui.store import remembered
from app.ui.viewer import publish
from app.ui.words import files as words
from lowrank.codec import MOST, Arrangement, highest_rank
from lowrank.color import Color


def section(picture: Picture, color: Color, k: int, shape: tuple[int, ...]) -> None:
    """Show it; `k` is the rank that the page shows, `shape` the picture's."""
    st.subheader(words.SECTION)
    st.markdown(words.INTRO)
    with st.container(horizontal=True, vertical_alignment="center"):
        weighed = st.toggle(words.WEIGH, key="weigh", help=words.WEIGH_HELP, persist_state="session")
        st.toggle(words.BESIDE, key="jpeg_beside", help=words.BESIDE_HELP, persist_state="session")
        drawn = st.toggle(words.CHART, key="draw_rates", help=words.CHART_HELP, persist_state="session")
    if weighed:
        weigh(picture, color, k)
    if drawn:
        rate_chart(picture, color, k)
    with st.container(border=True):
        save(picture, color, k, shape)


def rival(picture: Picture, color: Color, k: int) -> tuple[str, str] | None:
    """Return the address of the JPEG behind the divider ("" where none is so small), and what is said of it.

    None where none is asked for, or it is not there yet: `prepare_rival` makes it, when all else stands.
    """
    if not waits_for_rival() or not files.jpeg_beside.is_known(picture.digest, color, k):
        return None
    data, size = files.jpeg_beside(picture.digest, color, k, picture.data)
    if not data:
        return "", words.BESIDE_NONE.format(k=k)
    address = publish(data, "image/jpeg", f"{picture.digest}-{color}-{k}-jpeg", picture.digest)
    return address, words.BESIDE_SHOWN.format(jpeg=text.size(len(data)), k=k, lrk=text.size(size))


def prepare_rival(picture: Picture, color: Color, k: int) -> bool:
    """Have the JPEG at hand that is asked for; return whether it was not."""
    if not waits_for_rival() or files.jpeg_beside.is_known(picture.digest, color, k):
        return False
    with st.spinner(words.WEIGHING):
        files.jpeg_beside(picture.digest, color, k, picture.data)
    return True


def waits_for_rival() -> bool:
    """Whether the reader wants the JPEG."""
    return bool(st.session_state.get("jpeg_beside"))


def weigh(picture: Picture, color: Color, k: int) -> None:
    """Show the bytes of each format at the PSNR of the rank-k file."""
    with st.spinner(words.WEIGHING):
        found = files.weights(picture.digest, color, k, picture.data)
    st.markdown(f"**{words.AT.format(k=k, psnr=text.decibel(found.psnr))}**")
    shown = {words.CODECS[codec]: text.size(size) if size else words.NOT_REACHED for codec, size in found.bytes.items()}
    shown[words.UPLOAD] = text.size(len(picture.data))
    metrics(shown)
    st.markdown(verdict(found.bytes))


def verdict(weights: dict[str, int]) -> str:
    """Say in a sentence which file is the smallest, and how the whole SVD stands beside JPEG."""
    reached = {codec: size for codec, size in weights.items() if size}
    winner = min(reached, key=reached.__getitem__)
    if "jpeg" not in reached:
        return words.SMALLEST_ALONE.format(winner=words.CODECS[winner], bytes=text.size(reached[winner]))

    def of_jpeg(codec: str) -> str:
        return text.times(reached[codec] / reached["jpeg"]) if codec in reached else words.NOT_REACHED

    said = words.SMALLEST_JPEG if winner == "jpeg" else words.SMALLEST
    return said.format(
        winner=words.CODECS[winner],
        bytes=text.size(reached[winner]),
        share=of_jpeg(winner),
        whole=of_jpeg("whole"),
        patches=of_jpeg("patches"),
    )


def rate_chart(picture: Picture, color: Color, k: int) -> None:
    """Draw the codecs' curves, which do not depend on the rank, and mark where rank k lies."""
    measure = st.segmented_control(
        words.MEASURE,
        list(words.MEASURES),
        format_func=words.MEASURES.__getitem__,
        key="rate_measure",
        default="psnr",
        required=True,
        label_visibility="collapsed",
        persist_state="session",
    )
    bar = st.empty()
    for done, codec in enumerate(files.CURVES):
        name = words.CODECS[codec]
        bar.progress(done / len(files.CURVES), words.DRAWING.format(name=name))
        files.curve(picture.digest, color, codec, picture.data)
    bar.empty()
    with st.container(gap=None):
        st.plotly_chart(
            figure(picture.digest, color, measure, picture.data),
            key="rate_chart",
            config=charts.CONFIG,
            alt=alternative(picture, color, measure),
        )
        with st.spinner(words.WEIGHING):
            here = files.mark(picture.digest, color, k, picture.data)
        if math.isfinite(reached := getattr(here, measure)):
            needle("rate_chart", k, at=(here.bits_per_pixel, reached))
    st.caption(words.MARK.format(k=k, bits=here.bits_per_pixel, psnr=text.decibel(here.psnr)))


@remembered(queued=lambda digest, data: False)
def figure(digest: str, color: Color, measure: str, data: bytes) -> go.Figure:
    """Make the chart."""
    curves = {words.CODECS[codec]: files.curve(digest, color, codec, data) for codec in files.CURVES}
    return figures.rates(curves, measure)


def alternative(picture: Picture, color: Color, measure: str) -> str:
    """Say in words what the chart shows: each curve's ends."""
    parts = []
    for codec in files.CURVES:
        points = files.curve(picture.digest, color, codec, picture.data)
        finite = [one for one in points if math.isfinite(getattr(one, measure))]
        ends = (
            f"{getattr(one, measure):.3g} at {one.bits_per_pixel:.2g} bits per pixel"
            for one in finite[:: len(finite) - 1 or 1]
        )
        parts.append(f"{words.CODECS[codec]}: " + ", ".join(ends))
    return f"{words.CHART_TITLES[measure]}. " + "; ".join(parts)


def save(picture: Picture, color: Color, k: int, shape: tuple[int, ...]) -> None:
    """Offer the picture as a .lrk file by a target; it is made when the button is clicked."""
    st.markdown(f"**{words.DOWNLOAD}**")
    how, what, value_column, button = st.columns([2, 2, 2, 2], vertical_alignment="bottom")
    arrangement: Arrangement = how.segmented_control(
        words.ARRANGEMENT,
        list(words.ARRANGEMENTS),
        format_func=words.ARRANGEMENTS.__getitem__,
        key="lrk_arrangement",
        default="whole",
        required=True,
        persist_state="session",
    )
    target = what.selectbox(
        words.TARGET,
        list(words.TARGETS),
        format_func=words.TARGETS.__getitem__,
        key="lrk_target",
        persist_state="session",
    )
    highest = highest_rank(shape, arrangement)
    if target == "rank" and arrangement == "whole":
        value: float = min(k, highest)
        value_column.markdown(words.AT_RANK.format(k=value))
    elif target == "rank":
        value = value_column.number_input(
            words.RANK_VALUE.format(highest=highest),
            1,
            highest,
            min(16, highest),
            key="lrk_rank",
            persist_state="session",
        )
    elif target == "psnr":
        value = value_column.number_input(
            words.TARGETS[target], 10.0, MOST, 32.0, 0.5, "%.1f", key="lrk_psnr", persist_state="session"
        )
    else:
        value = value_column.number_input(
            words.TARGETS[target], 100, 10**8, 20_000, 1000, key="lrk_bytes", persist_state="session"
        )
    name = f"{text.file_stem(picture.title)}-{arrangement}.lrk"
    download.button(
        words.SAVE,
        lambda: files.lrk(picture.digest, color, arrangement, target, value, picture.data),
        name,
        "application/octet-stream",
        key="lrk_save",
        within=button,
        width="stretch",
    )
    st.caption(words.SHELL)
