"""Slow calls, each done once: what the pages ask for, and how it is kept.

Every function takes a digest of the file's bytes, the options, and last the bytes themselves; digest and options are
the key, never an array. See store.py for how long an answer is kept and work.py for how it is computed.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.ui import encode, notice, store, work
from app.ui.store import remembered
from lowrank import distortion, metrics, sandbox
from lowrank.allot import planes_svd
from lowrank.color import Array, Color, displayed, from_planes, to_levels, to_planes
from lowrank.curves import CLASSIC_RANKS, PSNR_RANKS_PER_SSIM, Curve, error_curve, measured_ranks
from lowrank.decompose import TOLERANCES
from lowrank.factors import to_npz
from lowrank.image import read_picture, to_png
from lowrank.intake.limits import DEFAULT
from lowrank.ranks import choose_rank
from lowrank.sheet import contact_sheet, sweep
from lowrank.svd import SVD

#: The highest rank that the page offers.
MAX_RANK = 300

MAX_MEGAPIXELS = DEFAULT.pixels // 10**6

#: Pictures of at most so many pixels are decomposed at once; larger ones show a preview first, and take their turn.
_QUICK = 700_000

#: Pixels of the reduced picture that a preview decomposes, about; and by how much it is reduced at least, in rows and
#: in columns: the preview of a picture that will be there soon must be there sooner.
_PREVIEW, _LEAST_STEP = 300_000, 3


def _is_upload(digest: str, data: bytes) -> bool:
    return not store.is_shared(digest)


def is_large(digest: str, data: bytes) -> bool:
    """Whether work on a picture is heavy: it takes its turn in the line, and a preview comes first."""
    height, width, *_ = shape(digest, data)
    return height * width > _QUICK


@remembered(queued=_is_upload, within=store.brief)
def _decoded(digest: str, data: bytes) -> tuple[Array | NDArray[np.uint8], tuple[str, ...]]:
    """Decode a picture, in the sandbox where it is a user's; return its samples, and what was done to it.

    Where it has 8-bit levels and no others, the samples are these levels: a quarter of the memory.
    """
    here = store.is_shared(digest) or not sandbox.AVAILABLE
    image, notes = read_picture(data) if here else sandbox.read_picture(data)
    levels = np.empty(image.shape, np.uint8)
    for rows in _strips(image):
        levels[rows] = to_levels(image[rows])
        if not np.array_equal(_floats(levels[rows]), image[rows]):
            return image, notes
    return levels, notes


@remembered(queued=_is_upload)
def _about(digest: str, data: bytes) -> tuple[tuple[int, ...], tuple[str, ...]]:
    samples, notes = _decoded(digest, data)
    return samples.shape, notes


def shape(digest: str, data: bytes) -> tuple[int, ...]:
    """Return rows and columns of a picture, and 3 where it has colour."""
    return _about(digest, data)[0]


def notes(digest: str, data: bytes) -> tuple[str, ...]:
    """Return what was done to a picture on the way in."""
    return _about(digest, data)[1]


def pixels(digest: str, data: bytes) -> Array:
    """Return a picture's samples, float32 in [0, 1]; read-only."""
    image = _floats(_decoded(digest, data)[0])
    image.flags.writeable = False
    return image


def planes(digest: str, color: Color, data: bytes) -> Array:
    """Return ``to_planes(pixels)``, made a strip at a time: the picture is not there in floats beside its planes."""
    samples = _decoded(digest, data)[0]
    arranged = np.empty((len(to_planes(_floats(samples[:1]), color)), *samples.shape[:2]), np.float32)
    for rows in _strips(samples):
        arranged[:, rows] = to_planes(_floats(samples[rows]), color)
    return arranged


@remembered(queued=is_large, within=store.factors)
def factors(digest: str, color: Color, data: bytes) -> SVD:
    """Decompose a picture's planes up to `MAX_RANK`."""
    # a pixel is within one grey level of the exact one at every rank, which takes a third longer than 0.1 % does
    svd = _decompose(planes(digest, color, data), color, "display-exact")
    # copies: a truncated view would keep the full factors alive
    return replace(svd, U=svd.U.copy(), s=svd.s.copy(), Vt=svd.Vt.copy())


def _decompose(arranged: Array, color: Color, tolerance: str) -> SVD:
    rank, tol = min(*arranged.shape[1:], MAX_RANK), TOLERANCES[tolerance]
    return planes_svd(arranged, color, rank, tol=tol, progress=work.report, threads=work.threads())


@remembered(queued=is_large, within=store.brief)
def preview_pixels(digest: str, data: bytes) -> Array:
    """Reduce a large picture to about `_PREVIEW` pixels."""
    image = pixels(digest, data)
    return reduced(image, max(_LEAST_STEP, round((image.shape[0] * image.shape[1] / _PREVIEW) ** 0.5)))


@remembered(queued=is_large, within=store.brief)
def preview_factors(digest: str, color: Color, data: bytes) -> SVD:
    """Decompose the reduced picture, quickly; its factors stand in for `factors` until those are there."""
    return _decompose(to_planes(preview_pixels(digest, data), color), color, "preview")


@remembered(queued=is_large, within=store.brief)
def preview_curve(digest: str, color: Color, data: bytes) -> Curve:
    """Tabulate the preview: what the numbers will be, roughly."""
    return error_curve(preview_pixels(digest, data), preview_factors(digest, color, data), color=color, ranks=())


def reduced(image: Array, step: int) -> Array:
    """Average blocks of step x step pixels; what does not fill a block at the end is left out."""
    h, w = (n // step for n in image.shape[:2])
    rows = image[: h * step].reshape(h, step, *image.shape[1:]).sum(1)  # along memory first: one pass over the picture
    blocks = rows[:, : w * step].reshape(h, w, step, *image.shape[2:]).sum(2)
    return blocks / np.float32(step * step)


@remembered(queued=is_large)
def thumbnail(digest: str, data: bytes) -> bytes | str:
    """Encode a small version for the gallery; a dropped picture's is a part of the page and has no address."""
    encoded = encode.thumbnail(pixels(digest, data))
    return encoded if store.is_shared(digest) else f"data:image/jpeg;base64,{base64.b64encode(encoded).decode()}"


@remembered(queued=is_large)
def measured_ssim(digest: str, color: Color, k: int, data: bytes) -> float:
    """Reconstruct at rank k, round to 8 bits and measure the SSIM."""
    original, picture = reference(digest, color, data), rank_k(factors(digest, color, data), k, color)
    return metrics.ssim(original, picture)


@remembered(queued=is_large)
def spectrum_curve(digest: str, color: Color, data: bytes) -> Curve:
    """Tabulate what follows from the spectrum alone: quick."""
    return error_curve(pixels(digest, data), factors(digest, color, data), color=color, ranks=())


@remembered(queued=is_large)
def spectrum(digest: str, color: Color, data: bytes) -> SVD:
    """Return the factors without their vectors: all that charts and numbers need, in a thousandth of the memory."""
    svd = factors(digest, color, data)
    return replace(svd, U=svd.U[:, :0].copy(), Vt=svd.Vt[..., :0].copy())


@remembered(queued=is_large)
def _psnr(digest: str, color: Color, data: bytes) -> NDArray[np.float64]:
    svd = factors(digest, color, data)
    image = pixels(digest, data)
    psnr = distortion.measured_psnr(image, svd, color=color, progress=work.report, threads=work.threads())
    psnr.flags.writeable = False
    return psnr


def psnr_curve(digest: str, color: Color, data: bytes, progress: Callable[[float], object] = lambda _: None) -> Curve:
    """Tabulate what follows from the spectrum, and the shown picture's PSNR measured at every rank."""

    def watch(place: int, share: float) -> None:
        notice.show(place, share)
        progress(share)

    psnr = _psnr(digest, color, data, watch=watch)
    progress(1.0)
    return replace(spectrum_curve(digest, color, data), psnr_measured=psnr)


def measured_curve(
    digest: str, color: Color, data: bytes, progress: Callable[[float], object] = lambda _: None
) -> Curve:
    """Tabulate everything, SSIM at chosen ranks too: a second or more, each rank remembered."""
    ranks = measured_ranks(len(spectrum_curve(digest, color, data).k))
    first = ranks[-1] / PSNR_RANKS_PER_SSIM if ranks else 0.0
    whole = first + len(ranks)
    curve = psnr_curve(digest, color, data, lambda share: progress(share * first / whole))
    found = curve.ssim.copy()
    for done, k in enumerate(ranks, 1):
        found[k - 1] = measured_ssim(digest, color, k, data)
        progress((first + done) / whole)
    return replace(curve, ssim=found)


def curve(
    digest: str, color: Color, measure: str, data: bytes, progress: Callable[[float], object] = lambda _: None
) -> Curve:
    """Tabulate what a measure needs."""
    if measure == "psnr":
        return psnr_curve(digest, color, data, progress)
    if measure == "ssim":
        return measured_curve(digest, color, data, progress)
    return spectrum_curve(digest, color, data)


@remembered(queued=is_large)
def chosen_rank(digest: str, color: Color, rule: str, target: float | None, data: bytes) -> int:
    """Choose a rank by one of the RULES."""
    image, svd = pixels(digest, data), factors(digest, color, data)
    return choose_rank(svd, rule, target, image=image, color=color, progress=work.report)


@remembered(queued=is_large, within=store.brief)
def png(digest: str, color: Color, k: int, data: bytes) -> bytes:
    """Encode the full-size rank-k picture for download."""
    return to_png(rank_k(factors(digest, color, data), k, color))


def csv(digest: str, color: Color, data: bytes) -> bytes:
    """Write the whole curve for download, measured figures included."""
    return measured_curve(digest, color, data).to_csv().encode()


@remembered(queued=is_large, within=store.brief)
def npz(digest: str, color: Color, k: int, data: bytes) -> bytes:
    """Pack the rank-k factors for download, with what they leave out: plain arrays, no pickle."""
    return to_npz(factors(digest, color, data).truncate(k))


@remembered(queued=is_large, within=store.brief)
def sheet(digest: str, color: Color, data: bytes) -> bytes:
    """Draw the contact sheet of the classic ranks for download."""
    svd = factors(digest, color, data)
    ranks = [k for k in CLASSIC_RANKS if k <= svd.rank]
    return to_png(contact_sheet(pixels(digest, data), svd, color=color, ranks=ranks))


@remembered(queued=is_large, within=store.brief)
def film(digest: str, color: Color, k: int, data: bytes) -> bytes:
    """Film the sweep from rank 1 to k for download."""
    return sweep(pixels(digest, data), factors(digest, color, data), color=color, last=k)


def reference(digest: str, color: Color, data: bytes) -> Array:
    """Return the picture that rank k is compared with: itself, or its luma."""
    return from_planes(planes(digest, color, data), color)


def rank_k(svd: SVD, k: int, color: Color) -> Array:
    """Return the rank-k picture as shown, clipped and rounded."""
    return displayed(from_planes(svd.reconstruct(k), color))


def _floats(samples: Array | NDArray[np.uint8]) -> Array:
    """Return samples as shares of white, exactly as a decoder gives them."""
    return np.divide(samples, np.float32(255), dtype=np.float32) if samples.dtype == np.uint8 else samples


def _strips(image: NDArray[Any]) -> Iterator[slice]:
    """Cut a picture into strips of rows."""
    return (slice(top, top + 128) for top in range(0, len(image), 128))
