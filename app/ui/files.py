"""What a picture costs as a file: .lrk in both arrangements beside JPEG, WebP, AVIF and PNG, all in true bytes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from app.ui import cached, store, work
from app.ui.store import remembered
from lowrank import rivals
from lowrank.codec import Arrangement, before_rounding, decode, encode
from lowrank.color import Array, Color
from lowrank.errors import LowrankError
from lowrank.image import to_png
from lowrank.intake.limits import DEFAULT
from lowrank.rivals import Rate

#: Drawn in the chart of rate and distortion, in this order; PNG has no knob.
CURVES = ("whole", "patches", "jpeg", "webp", "avif")

#: Weighed at one PSNR.
WEIGHED = ("whole", "patches", "jpeg", "webp", "avif", "png")


#: What a .lrk file may ask of the page at most: one of a few bytes can ask for the work of the largest.
OPEN = replace(DEFAULT, pixels=25_000_000)


def _always(digest: str, data: bytes) -> bool:
    """Writing files is heavy work, whatever their size."""
    return True


@dataclass(frozen=True)
class Weights:
    """Bytes of a picture's files at the PSNR of its rank-k .lrk, by codec; 0 where a codec does not reach it."""

    psnr: float
    bytes: dict[str, int]


def _image(digest: str, color: Color, data: bytes) -> Array:
    """The picture, or its luma; with colour both arrangements share their ranks out over Y, Cb and Cr."""
    return cached.reference(digest, "gray", data) if color == "gray" else cached.pixels(digest, data)


@remembered(queued=_always, within=store.brief)
def lrk(digest: str, color: Color, arrangement: Arrangement, target: str, value: float, data: bytes) -> bytes:
    """Write a picture as .lrk, by one target: rank, psnr or max_bytes."""
    kept = before_rounding(value) if target == "psnr" else int(value)
    return encode(_image(digest, color, data), **{target: kept}, arrangement=arrangement, progress=work.report)


@remembered(queued=_always)
def weights(digest: str, color: Color, k: int, data: bytes) -> Weights:
    """Weigh the rank-k .lrk and the other formats at its PSNR."""
    image, reached = _image(digest, color, data), mark(digest, color, k, data)
    found = {"whole": reached.bytes}
    if math.isinf(reached.psnr):  # without loss: nothing but PNG is sure to be that
        return Weights(reached.psnr, found | {"png": len(rivals.same_psnr(image, "png", 0.0))})
    for done, codec in enumerate(WEIGHED[1:], 1):
        work.report(done / len(WEIGHED))
        try:
            found[codec] = len(rivals.same_psnr(image, codec, reached.psnr))
        except LowrankError:
            found[codec] = 0
    return Weights(reached.psnr, found)


@remembered(queued=_always)
def jpeg_beside(digest: str, color: Color, k: int, data: bytes) -> tuple[bytes, int]:
    """Return the best JPEG that is no larger than the rank-k .lrk, empty where there is none, and the bytes of that."""
    size = len(lrk(digest, color, "whole", "rank", k, data))
    image = _image(digest, color, data)
    try:
        return rivals.same_bytes(image, "jpeg", size), size
    except LowrankError:
        return b"", size


@remembered(queued=_always)
def mark(digest: str, color: Color, k: int, data: bytes) -> Rate:
    """Return where the rank-k .lrk lies in the chart of rate and distortion."""
    return rivals.rate(_image(digest, color, data), "whole", lrk(digest, color, "whole", "rank", k, data))


@remembered(queued=_always)
def curve(digest: str, color: Color, codec: str, data: bytes) -> list[Rate]:
    """Return a codec's rate-distortion curve, the same that ``make bench-quality`` prints; empty where it has none."""
    try:
        return rivals.rate_curve(_image(digest, color, data), codec)
    except LowrankError:  # sides longer than the format counts
        return []


@remembered(queued=_always, within=store.brief)
def opened(digest: str, k: int, data: bytes) -> bytes:
    """Decode a .lrk file at a rank, as PNG."""
    return to_png(decode(data, rank=k or None, progress=work.report, limits=OPEN))  # a plain picture has rank 0
