"""Slow calls, remembered once.

Keys are a digest of the uploaded bytes and the options; arguments that start with an underscore are not part of a key.
(Handed an array, Streamlit would hash a sample of it and give wrong answers for small edits.) Every cache is bounded.
"""

from __future__ import annotations

import io
import os
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from threading import Lock

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from app.ui import encode
from lowrank import distortion, metrics, sandbox
from lowrank.allot import picture_svd
from lowrank.color import Array, Color, displayed, from_planes, to_planes
from lowrank.curves import CLASSIC_RANKS, PSNR_RANKS_PER_SSIM, Curve, error_curve, measured_ranks
from lowrank.decompose import TOLERANCES
from lowrank.image import Picture, read_picture, to_png
from lowrank.intake.limits import DEFAULT
from lowrank.ranks import choose_rank
from lowrank.sheet import contact_sheet, sweep
from lowrank.svd import SVD

#: Planes and tiles that are worked on at once: BLAS itself keeps to one thread (see main.py).
_THREADS = os.cpu_count() or 1

#: The highest rank that the page offers.
MAX_RANK = 300

MAX_MEGAPIXELS = DEFAULT.pixels // 10**6

#: Digests of the files that come with the app. Only these are decoded in this process.
trusted: set[str] = set()


@st.cache_resource(max_entries=6, show_spinner=False)
def decoded(digest: str, _data: bytes) -> Picture:
    """Decode a picture, in the sandbox where it is a user's; read-only."""
    here = digest in trusted or not sandbox.AVAILABLE
    picture = read_picture(_data) if here else sandbox.read_picture(_data)
    picture.pixels.flags.writeable = False
    return picture


def pixels(digest: str, data: bytes) -> Array:
    """Return a picture's pixels."""
    return decoded(digest, data).pixels


def notes(digest: str, data: bytes) -> tuple[str, ...]:
    """Return what was done to a picture on the way in."""
    return decoded(digest, data).notes


#: Pictures of at most so many pixels are decomposed at once; larger ones show a preview first.
_QUICK = 700_000

#: Pixels of the reduced picture that a preview decomposes, about; and by how much it is reduced at least, in rows and
#: in columns: the preview of a picture that will be there soon must be there sooner.
_PREVIEW, _LEAST_STEP = 300_000, 3

_decomposed: OrderedDict[tuple[str, Color], None] = OrderedDict()


@st.cache_resource(max_entries=24, show_spinner=False)
def factors(digest: str, color: Color, _data: bytes) -> SVD:
    """Decompose a picture's planes up to `MAX_RANK`."""
    # a pixel is within one grey level of the exact one at every rank, which takes a third longer than 0.1 % does
    svd = _decompose(pixels(digest, _data), color, "display-exact")
    _decomposed[digest, color] = None
    while len(_decomposed) > 24:
        _decomposed.popitem(last=False)
    # copies: a truncated view would keep the full factors alive
    return replace(svd, U=svd.U.copy(), s=svd.s.copy(), Vt=svd.Vt.copy())


def is_decomposed(digest: str, color: Color, shape: tuple[int, ...]) -> bool:
    """Whether `factors` would answer at once, or soon enough that a preview is not worth while."""
    return shape[0] * shape[1] <= _QUICK or (digest, color) in _decomposed


@st.cache_resource(max_entries=8, show_spinner=False)
def preview_pixels(digest: str, _data: bytes) -> Array:
    """Reduce a large picture to about `_PREVIEW` pixels."""
    image = pixels(digest, _data)
    return reduced(image, max(_LEAST_STEP, round((image.shape[0] * image.shape[1] / _PREVIEW) ** 0.5)))


@st.cache_resource(max_entries=8, show_spinner=False)
def preview_factors(digest: str, color: Color, _data: bytes) -> SVD:
    """Decompose the reduced picture, quickly; its factors stand in for `factors` until those are there."""
    return _decompose(preview_pixels(digest, _data), color, "preview")


def _decompose(image: Array, color: Color, tolerance: str) -> SVD:
    rank = min(*image.shape[:2], MAX_RANK)
    return picture_svd(image, color, rank, tol=TOLERANCES[tolerance], threads=_THREADS)


@st.cache_resource(max_entries=8, show_spinner=False)
def preview_curve(digest: str, color: Color, _data: bytes) -> Curve:
    """Tabulate the preview: what the numbers will be, roughly."""
    return error_curve(preview_pixels(digest, _data), preview_factors(digest, color, _data), color=color, ranks=())


def reduced(image: Array, step: int) -> Array:
    """Average blocks of step x step pixels; what does not fill a block at the end is left out."""
    h, w = (n // step for n in image.shape[:2])
    rows = image[: h * step].reshape(h, step, *image.shape[1:]).sum(1)  # along memory first: one pass over the picture
    blocks = rows[:, : w * step].reshape(h, w, step, *image.shape[2:]).sum(2)
    return blocks / np.float32(step * step)


@st.cache_resource(max_entries=64, show_spinner=False)
def thumbnail(digest: str, _data: bytes) -> bytes:
    """Encode a small version for the gallery."""
    return encode.thumbnail(pixels(digest, _data))


@st.cache_resource(max_entries=2000, show_spinner=False)
def measured_ssim(digest: str, color: Color, k: int, _data: bytes) -> float:
    """Reconstruct at rank k, round to 8 bits and measure the SSIM."""
    original, picture = reference(pixels(digest, _data), color), rank_k(factors(digest, color, _data), k, color)
    return metrics.ssim(original, picture)


@st.cache_resource(max_entries=64, show_spinner=False)
def spectrum_curve(digest: str, color: Color, _data: bytes) -> Curve:
    """Tabulate what follows from the spectrum alone: quick."""
    return error_curve(pixels(digest, _data), factors(digest, color, _data), color=color, ranks=())


#: What `psnr_curve` found. No cache of Streamlit's: progress is drawn on the page while it is computed.
_psnr: OrderedDict[tuple[str, Color], NDArray[np.float64]] = OrderedDict()
_psnr_lock = Lock()


def psnr_curve(digest: str, color: Color, data: bytes, progress: Callable[[float], object] = lambda _: None) -> Curve:
    """Tabulate what follows from the spectrum, and the shown picture's PSNR measured at every rank."""
    curve, key = spectrum_curve(digest, color, data), (digest, color)
    with _psnr_lock:
        psnr = _psnr.get(key)
    if psnr is None:
        svd = factors(digest, color, data)
        image = pixels(digest, data)
        psnr = distortion.measured_psnr(image, svd, color=color, progress=progress, threads=_THREADS)
        psnr.flags.writeable = False
    with _psnr_lock:
        _psnr[key] = psnr
        _psnr.move_to_end(key)
        while len(_psnr) > 64:
            _psnr.popitem(last=False)
    return replace(curve, psnr_measured=psnr)


def measured_curve(
    digest: str, color: Color, data: bytes, progress: Callable[[float], object] = lambda _: None
) -> Curve:
    """Tabulate everything, SSIM at chosen ranks too: a second or more, each rank remembered."""
    ranks = measured_ranks(factors(digest, color, data).rank)
    first = ranks[-1] / PSNR_RANKS_PER_SSIM if ranks else 0.0
    whole = first + len(ranks)
    curve = psnr_curve(digest, color, data, lambda share: progress(share * first / whole))
    ssim = curve.ssim.copy()
    for done, k in enumerate(ranks, 1):
        ssim[k - 1] = measured_ssim(digest, color, k, data)
        progress((first + done) / whole)
    return replace(curve, ssim=ssim)


@st.cache_data(max_entries=500, show_spinner=False)
def chosen_rank(digest: str, color: Color, rule: str, target: float | None, _data: bytes) -> int:
    """Choose a rank by one of the RULES."""
    return choose_rank(factors(digest, color, _data), rule, target, image=pixels(digest, _data), color=color)


def png(digest: str, color: Color, k: int, data: bytes) -> bytes:
    """Encode the full-size rank-k picture for download."""
    return to_png(rank_k(factors(digest, color, data), k, color))


def csv(digest: str, color: Color, data: bytes) -> bytes:
    """Write the whole curve for download, measured figures included."""
    return measured_curve(digest, color, data).to_csv().encode()


def npz(digest: str, color: Color, k: int, data: bytes) -> bytes:
    """Pack the rank-k factors for download: U, s, Vt, total; plain arrays, no pickle."""
    svd, stream = factors(digest, color, data).truncate(k), io.BytesIO()
    np.savez(stream, U=svd.U, s=svd.s, Vt=svd.Vt, total=svd.total)
    return stream.getvalue()


def sheet(digest: str, color: Color, data: bytes) -> bytes:
    """Draw the contact sheet of the classic ranks for download."""
    svd = factors(digest, color, data)
    ranks = [k for k in CLASSIC_RANKS if k <= svd.rank]
    return to_png(contact_sheet(pixels(digest, data), svd, color=color, ranks=ranks))


def film(digest: str, color: Color, k: int, data: bytes) -> bytes:
    """Film the sweep from rank 1 to k for download."""
    return sweep(pixels(digest, data), factors(digest, color, data), color=color, last=k)


def reference(image: Array, color: Color) -> Array:
    """Return the picture that rank k is compared with: itself, or its luma."""
    return from_planes(to_planes(image, color), color)


def rank_k(svd: SVD, k: int, color: Color) -> Array:
    """Return the rank-k picture as shown, clipped and rounded."""
    return displayed(from_planes(svd.reconstruct(k), color))
