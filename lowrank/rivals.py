"""JPEG, WebP, AVIF and PNG through Pillow, and the two .lrk arrangements: at the same bytes, or at the same PSNR.

Every size is that of a whole file, and every error that of the picture in it. The rivals' are decoded for that; of .lrk
it is known, since levels are coded without loss (tests compare the two).
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from PIL import Image

from lowrank import metrics
from lowrank.codec import ARRANGEMENTS, Arrangement, at_steps, before_rounding, both_at_steps, decode, encode
from lowrank.color import Array, displayed, to_levels
from lowrank.errors import LowrankError
from lowrank.image import read_image


@dataclass(frozen=True)
class Codec:
    """A file format with a knob.

    Parameters
    ----------
    name : str
        For the reader.
    prepare : callable
        Picture -> a function that makes a file of it at a quality.
    decode : callable
        Bytes -> picture as shown, in 8 bits.
    qualities : sequence of float
        From the smallest file to the largest; of one value where there is no knob.
    both : callable, optional
        Like `prepare`, and the function gives what the file is decoded to besides, without decoding it.
    """

    name: str
    prepare: Callable[[Array], Callable[[float], bytes]]
    decode: Callable[[bytes], Array]
    qualities: Sequence[float]
    both: Callable[[Array], Callable[[float], tuple[bytes, Array]]] | None = None


class Rate(NamedTuple):
    """What a codec makes of a picture at one quality."""

    #: The knob.
    quality: float
    #: Of the file.
    bytes: int
    #: Bytes in bits, over the pixels of the picture.
    bits_per_pixel: float
    #: Of the decoded file, in dB.
    psnr: float
    #: Of the decoded file.
    ssim: float


def _pillow(kind: str, **settings: object) -> Callable[[Array], Callable[[float], bytes]]:
    def prepare(image: Array) -> Callable[[float], bytes]:
        levels = Image.fromarray(to_levels(image))

        def save(quality: float) -> bytes:
            stream = io.BytesIO()
            knob = {} if kind == "PNG" else {"quality": int(quality)}
            try:
                levels.save(stream, kind, **knob, **settings)
            except (ValueError, OSError, RuntimeError):  # longer sides than the format counts
                raise LowrankError(
                    f"{kind} cannot hold a picture of {levels.width} x {levels.height} pixels."
                ) from None
            return stream.getvalue()

        return save

    return prepare


def _shown(data: bytes) -> Array:
    return displayed(decode(data))


#: Of a curve.
POINTS = 9

_PERCENT = range(1, 101)

#: Of .lrk, the quality is the number of the quantizer's step: 256 more halve it.
_STEPS = range(1200, 2801, 20)


def _lrk(arrangement: Arrangement) -> Codec:
    make, both = partial(at_steps, arrangement=arrangement), partial(both_at_steps, arrangement=arrangement)
    return Codec(f"{arrangement} (.lrk)", make, _shown, _STEPS, both)


#: Every codec by name.
CODECS: dict[str, Codec] = {
    "whole": _lrk("whole"),
    "patches": _lrk("patches"),
    "jpeg": Codec("JPEG", _pillow("JPEG", optimize=True), read_image, _PERCENT),
    "jpeg-progressive": Codec(
        "progressive JPEG", _pillow("JPEG", optimize=True, progressive=True), read_image, _PERCENT
    ),
    "webp": Codec("WebP", _pillow("WEBP", method=4), read_image, _PERCENT),
    "avif": Codec("AVIF", _pillow("AVIF", speed=6), read_image, _PERCENT),
    "png": Codec("PNG", _pillow("PNG", optimize=True), read_image, (0.0,)),
}


def decoded(data: bytes, codec: str, *, gray: bool = False) -> Array:
    """Decode a codec's file; formats that know colour alone give a grey picture three equal channels."""
    picture = CODECS[codec].decode(data)
    return picture[..., 1] if gray and picture.ndim == 3 else picture


def rate(image: Array, codec: str, data: bytes, quality: float = math.nan) -> Rate:
    """Return what a codec's file of a picture is worth: bytes, bits per pixel, PSNR and SSIM of what it is decoded to.

    Parameters
    ----------
    image : ndarray, shape (h, w) or (h, w, 3)
        Values in [0, 1].
    codec : str
        A key of `CODECS`.
    data : bytes
        The file.
    quality : float, optional
        That it was made with.

    Examples
    --------
    >>> import numpy as np
    >>> picture = np.outer(np.linspace(0, 1, 32), np.linspace(1, 0, 32))
    >>> rate(picture, "png", same_psnr(picture, "png", 40)).psnr > 50
    True
    """
    return _rated(image, data, decoded(data, codec, gray=image.ndim == 2), quality)


def _rated(image: Array, data: bytes, shown: Array, quality: float) -> Rate:
    bits = 8 * len(data) / (image.shape[0] * image.shape[1])
    return Rate(quality, len(data), bits, metrics.psnr(image, shown), metrics.ssim(image, shown))


def rate_curve(image: Array, codec: str, qualities: Sequence[float] | None = None) -> list[Rate]:
    """Return a codec's rate-distortion curve: a `Rate` for each quality.

    Parameters
    ----------
    image, codec
        As for `rate`.
    qualities : sequence of float, optional
        Of the codec's; `POINTS` from low to high by default.
    """
    every, both = CODECS[codec].qualities, CODECS[codec].both
    chosen = [every[i] for i in _spread(len(every))] if qualities is None else qualities
    if both:
        known = both(image)
        return [
            _rated(image, data, displayed(picture), quality) for quality in chosen for data, picture in [known(quality)]
        ]
    make = CODECS[codec].prepare(image)
    return [rate(image, codec, make(quality), quality) for quality in chosen]


def _spread(count: int) -> list[int]:
    return sorted({round(i * (count - 1) / (POINTS - 1)) for i in range(POINTS)})


def same_bytes(image: Array, codec: str, max_bytes: int) -> bytes:
    """Return the best file of a codec that is no larger than `max_bytes`.

    Raises
    ------
    LowrankError
        If even the smallest is larger.
    """
    if codec in ARRANGEMENTS:
        return encode(image, max_bytes=max_bytes, arrangement=codec)
    best = _bisected(CODECS[codec], image, lambda data: len(data) > max_bytes)[0]
    if best is None:
        raise LowrankError(f"{CODECS[codec].name} makes no file of {max_bytes:,} bytes or less of this picture.")
    return best


def same_psnr(image: Array, codec: str, psnr: float) -> bytes:
    """Return the smallest file of a codec that reaches a PSNR, in dB, as shown: in 8 bits.

    Those of .lrk are made for what rounding leaves of it as a rule, and may miss it by some hundredths.

    Raises
    ------
    LowrankError
        If even the largest does not.
    """
    if codec in ARRANGEMENTS:
        return encode(image, psnr=before_rounding(psnr), arrangement=codec)

    def reaches(data: bytes) -> bool:
        return metrics.psnr(image, decoded(data, codec, gray=image.ndim == 2)) >= psnr

    files = _bisected(CODECS[codec], image, reaches)
    if files[1] is None:
        raise LowrankError(f"{CODECS[codec].name} does not reach {psnr:g} dB on this picture.")
    return files[1]


def _bisected(codec: Codec, image: Array, passed: Callable[[bytes], bool]) -> tuple[bytes | None, bytes | None]:
    """The files of neighbouring qualities between which a test that rises with quality turns from no to yes."""
    make, low, high = codec.prepare(image), -1, len(codec.qualities)
    files: list[bytes | None] = [None, None]
    while high - low > 1:
        middle = (low + high) // 2
        data = make(codec.qualities[middle])
        yes = passed(data)
        files[yes] = data
        low, high = (low, middle) if yes else (middle, high)
    return files[0], files[1]
