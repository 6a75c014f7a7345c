"""What the viewer gets: a picture's factors by address, and every number for every rank as it is to be read."""

from __future__ import annotations

import io
from typing import Any, Literal

import numpy as np
import streamlit as st
from PIL import Image

from app.ui import cached, text
from app.ui.pictures import Picture
from app.ui.viewer import payload, publish
from lowrank import storage
from lowrank.color import Color, from_planes, mixing, to_levels, to_planes
from lowrank.curves import Curve
from lowrank.svd import SVD

#: Fitted to a large stage, fitted to one of several small ones, or at the picture's own size.
Size = Literal["stage", "strip", "full"]

_PIXELS = {"stage": 1280 * 960, "strip": 480 * 480, "full": None}

#: Streamlit compresses most types on the fly, which takes longer than the factors need to travel; not this one.
_FACTORS_TYPE = "application/zip"


def pane(picture: Picture, color: Color, *, size: Size = "stage", zoomed: bool = False) -> dict[str, Any]:
    """Describe one picture to the viewer; `zoomed` adds the full-size factors.

    The preview stands in for the factors until those are there.
    """
    key, data = (picture.digest, color), picture.data
    height, width = cached.pixels(picture.digest, data).shape[:2]
    preview = not cached.is_decomposed(*key, (height, width))
    svd, curve = (
        (cached.preview_factors(*key, data), cached.preview_curve(*key, data))
        if preview
        else (cached.factors(*key, data), cached.spectrum_curve(*key, data))
    )
    return {
        "picture": f"{picture.digest}-{color}-{size}",
        "title": picture.title,
        "line": None,
        "alt": picture.alt,
        "rank": len(curve.k),
        "height": height,
        "width": width,
        "factors": _factors(*key, size, preview, data),
        "original": _original(*key, size, preview, data),
        "full": {
            "factors": _factors(*key, "full", preview, data),
            "original": _original(*key, "full", preview, data),
        }
        if zoomed and not preview
        else None,
        "preview": preview,
        "breakEven": break_even(svd, height, width),
        "readout": _readout(*key, preview, svd, curve),
        "curve": np.minimum(curve.psnr, 100).round(2).tolist(),
    }


def break_even(svd: SVD, m: int, n: int) -> dict[str, int | None]:
    """Return the highest ranks whose factors are no larger than the picture's m x n pixels, by bytes and by numbers.

    None where that is beyond these factors, and ranks are allotted, so that nobody can know.
    """
    return {"bytes": _break_even(svd, m, n, "float32"), "numbers": _break_even(svd, m, n, None)}


def _break_even(svd: SVD, m: int, n: int, precision: str | None) -> int | None:
    planes, equal = svd.shape[0], svd.error is None
    k = int(np.count_nonzero(svd.layers[1:] <= storage.break_even_layers(m, n, planes, precision)))
    if k < svd.rank or k == min(m, n):
        return k
    return storage.break_even_rank(m, n, precision) if equal else None


def _factors(digest: str, color: Color, size: Size, preview: bool, data: bytes) -> dict[str, Any]:
    encoded = _payload(digest, color, size, preview, data)
    name = f"{digest}-{color}-{size}{'-preview' * preview}"
    return {
        "id": name,
        "url": publish(encoded.data, _FACTORS_TYPE, name),
        "bytes": len(encoded.data),
        "rows": encoded.rows,
        "columns": encoded.columns,
        "planes": encoded.planes,
        "rank": encoded.rank,
        "bits": encoded.bits,
        "mixing": mixing(color).ravel().tolist() if color == "ycbcr" else None,
    }


def _original(digest: str, color: Color, size: Size, preview: bool, data: bytes) -> str:
    name = f"original-{digest}-{color}-{size}{'-preview' * preview}"
    return publish(_lossless(digest, color, size, preview, data), "image/webp", name)


@st.cache_resource(max_entries=24, show_spinner=False)
def _payload(digest: str, color: Color, size: Size, preview: bool, _data: bytes) -> payload.Payload:
    svd = (cached.preview_factors if preview else cached.factors)(digest, color, _data)
    return payload.encode(payload.fitted(svd, *payload.fitted_shape(*svd.shape[1:], _PIXELS[size])), mixing(color))


@st.cache_resource(max_entries=24, show_spinner=False)
def _lossless(digest: str, color: Color, size: Size, preview: bool, _data: bytes) -> bytes:
    """Encode the picture itself, without loss, at the size that the factors are drawn."""
    image = cached.preview_pixels(digest, _data) if preview else cached.pixels(digest, _data)
    planes = to_planes(image, color)
    planes = payload.averaged(planes, *payload.fitted_shape(*planes.shape[1:], _PIXELS[size]))
    stream = io.BytesIO()
    Image.fromarray(to_levels(from_planes(planes, color))).save(stream, "WEBP", lossless=True, quality=0, method=0)
    return stream.getvalue()


@st.cache_resource(max_entries=64, show_spinner=False)
def _readout(digest: str, color: Color, preview: bool, _svd: SVD, _curve: Curve) -> dict[str, list[str]]:
    """Every number for every rank as it is to be read: the browser formats nothing."""
    allotted = {"ranks": [text.split(ranks) for ranks in _svd.ranks.T.tolist()]} if color == "ycbcr" else {}
    return allotted | {
        "psnr": [text.decibel(x) for x in _curve.psnr.tolist()],
        "relative_error": [text.percent(x) for x in _curve.relative_error.tolist()],
        "energy": [text.percent(x) for x in _curve.energy.tolist()],
        "numbers": [text.count(x) for x in _curve.stored_numbers.tolist()],
        "ratio": [text.ratio(x) for x in _curve.ratio.tolist()],
        "bytes": [text.size(x) for x in _curve.bytes.tolist()],
    }
