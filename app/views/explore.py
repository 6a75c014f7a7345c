"""Explore: one picture, one slider, what rank k keeps of it and what that costs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import streamlit as st

from app.ui import cached, charts, encode, inputs, state, text
from app.ui.pictures import Picture
from lowrank import metrics, storage
from lowrank.color import Color
from lowrank.svd import SVD


def page() -> None:
    """Draw the page."""
    picture = state.picture()
    inputs.gallery(picture)
    with st.spinner(text.DECOMPOSING, show_time=True):
        color = inputs.color_of(picture)
        svd = cached.factors(picture.digest, color, picture.data)
    heading(picture, svd)
    k = inputs.rank(svd.rank)
    three_pictures(picture, color, k)
    fill_ssim = numbers(picture, color, svd, k)
    targets, saving = st.columns([3, 1], gap="medium")
    with targets, st.container(border=True, height="stretch"):
        inputs.target(picture, color)
    with saving, st.container(border=True, height="stretch"):
        downloads(picture, color, k)
    fill_ssim()
    state.write_address(picture=picture.id if picture.is_sample else "", rank=k, color=color)
    curve_chart(picture, color, svd)


def heading(picture: Picture, svd: SVD) -> None:
    """Say what is looked at, and let colour be chosen."""
    _, m, n = svd.shape
    left, right = st.columns([4, 1], vertical_alignment="bottom")
    left.markdown(f"#### {picture.label}")
    cap = text.CAP.format(n=n, m=m, cap=svd.rank) if svd.rank < cached.MAX_RANK else text.SIZE.format(n=n, m=m)
    left.caption(f"{picture.teaches} {cap}")
    with right:
        inputs.color_choice(disabled=cached.pixels(picture.digest, picture.data).ndim == 2)


def three_pictures(picture: Picture, color: Color, k: int) -> None:
    """Show the original, the rank-k picture, and their difference on its fixed scale."""
    shown = cached.shown(picture.digest, color, k, picture.data)
    original, at_rank, difference = st.columns(3)
    with original:
        encoded = cached.original(picture.digest, color, picture.data)
        st.image(encoded, text.ORIGINAL, width="stretch", alt=picture.alt)
    with at_rank:
        caption = text.AT_RANK.format(k=k)
        st.image(shown.picture, caption, width="stretch", alt=f"{caption}. {picture.alt}")
    with difference:
        limit = metrics.DIFFERENCE_LIMIT
        explained = text.DIFFERENCE_SCALE.format(limit=limit)
        st.image(shown.difference, text.DIFFERENCE, width="stretch", alt=f"{text.DIFFERENCE}. {explained}")
        colors = metrics.difference_colors(np.linspace(-limit, limit, 640))
        st.image(encode.scale_bar(colors), text.SCALE_ENDS.format(limit=limit), width="stretch", alt=explained)


def numbers(picture: Picture, color: Color, svd: SVD, k: int) -> Callable[[], None]:
    """Show what rank k keeps and costs; return the call that fills in SSIM, which is slow on large pictures."""
    planes, m, n = svd.shape
    curve = cached.spectrum_curve(picture.digest, color, picture.data)
    row, factor_bytes, pixel_bytes = k - 1, storage.stored_bytes(m, n, k, planes), planes * m * n
    values = {
        "psnr": text.decibel(cached.shown(picture.digest, color, k, picture.data).psnr),
        "ssim": None,
        "relative_error": text.percent(curve.relative_error[row]),
        "energy": text.percent(curve.energy[row]),
        "numbers": text.count(int(curve.stored_numbers[row])),
        "ratio": text.ratio(curve.ratio[row]),
        "bytes": text.size(factor_bytes),
        "pixels": text.size(pixel_bytes),
    }
    slots = {}
    with st.grid(8, min_column_width=130):
        for name, value in values.items():
            label, explained = text.NUMBERS[name]
            slots[name] = st.empty() if value is None else st.metric(label, value, help=explained)
    sentence = text.LARGER if factor_bytes > pixel_bytes else text.SMALLER
    st.markdown(
        sentence.format(
            factors=text.size(factor_bytes),
            pixels=text.size(pixel_bytes),
            bytes_rank=storage.break_even_rank(m, n, "float32"),
            numbers_rank=storage.break_even_rank(m, n),
        )
    )

    def fill_ssim() -> None:
        label, explained = text.NUMBERS["ssim"]
        value = cached.ssim(picture.digest, color, k, picture.data)
        slots["ssim"].metric(label, text.decimals(value), help=explained)

    return fill_ssim


def downloads(picture: Picture, color: Color, k: int) -> None:
    """Offer files; each is made when its button is clicked, not before."""
    stem, key, data = text.file_stem(picture.title), (picture.digest, color), picture.data
    at = f"{stem}-rank{k}"
    offers = (
        (text.DOWNLOAD_PICTURE.format(k=k), f"{at}.png", "image/png", lambda: cached.png(*key, k, data)),
        (text.DOWNLOAD_SHEET, f"{stem}-ranks.png", "image/png", lambda: cached.sheet(*key, data)),
        (text.DOWNLOAD_CURVE, f"{stem}-curve.csv", "text/csv", lambda: cached.csv(*key, data)),
        (text.DOWNLOAD_FACTORS.format(k=k), f"{at}.npz", "application/zip", lambda: cached.npz(*key, k, data)),
    )
    st.markdown(f"**{text.DOWNLOADS}**")
    for i, (label, name, mime, make) in enumerate(offers):
        st.download_button(label, make, name, mime, key=f"download_{i}", on_click="ignore", width="stretch")


def curve_chart(picture: Picture, color: Color, svd: SVD) -> None:
    """Draw the picture's curves; the chart stays the same while the rank moves."""
    measure, log_rank, log_value = inputs.chart_choice("explore")
    curve = inputs.curve(picture, color, measure)
    _, m, n = svd.shape
    lines = {
        text.BREAK_EVEN_BYTES: storage.break_even_rank(m, n, "float32"),
        text.BREAK_EVEN_NUMBERS: storage.break_even_rank(m, n),
    }
    series = [charts.Series(picture.title, curve, svd)]
    st.plotly_chart(
        charts.figure(series, measure, log_rank=log_rank, log_value=log_value, break_even=lines),
        key="explore_chart",
        config=charts.CONFIG,
        alt=charts.alternative(series, measure),
    )


page()
