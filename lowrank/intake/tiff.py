"""What Pillow does not hold of a TIFF, by way of tifffile: floats in colour, 64 bits, planes, grey with alpha.

Without further libraries, tifffile reads what is not compressed, or deflated. It leaves missing strips black, so the
strips are looked at first; it refuses by itself those that end too early.
"""

from __future__ import annotations

import io

import numpy as np

from lowrank.intake.samples import Samples, in_srgb, ranged
from lowrank.intake.words import Refusal

_ORIENTATION = 274
_NONE, _DEFLATE, _OLD_DEFLATE = 1, 8, 32946
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_PREMULTIPLIED, _STRAIGHT = 1, 2


def read(data: bytes) -> Samples:
    """Read the first page.

    Raises
    ------
    ImageError
        If it is none of the kinds above, or strips are missing.
    Exception
        Whatever tifffile makes of damaged data.
    """
    import tifffile  # here, because few pictures need it

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages.first
        places = list(zip(page.dataoffsets, page.databytecounts, strict=True))
        colors, extra = page.samplesperpixel - len(page.extrasamples), page.extrasamples[:1]
        if (
            page.dtype is None
            or page.dtype.kind not in "fiu"
            or page.compression not in (_NONE, _DEFLATE, _OLD_DEFLATE)
            or page.predictor not in (1, 2)
            or page.photometric not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB)
            or page.axes not in ("YX", "YXS", "SYX")
            or colors not in (1, 3)
            or len(page.extrasamples) > 1
        ):
            raise Refusal.UNSUPPORTED.error(format="TIFF")
        if len(places) != np.prod(page.chunked) or any(at < 8 or n < 1 or at + n > len(data) for at, n in places):
            raise Refusal.DAMAGED.error()
        values = page.asarray(maxworkers=1)
        if page.axes == "SYX":
            values = np.moveaxis(values, 0, 2)
        alpha = extra in ((_PREMULTIPLIED,), (_STRAIGHT,))
        values = values.reshape(*values.shape[:2], -1)[..., : colors + alpha]
        inverted = page.photometric == _WHITE_IS_ZERO
        samples = ranged(values, page.bitspersample, inverted=inverted, alpha=alpha)
        if extra == (_PREMULTIPLIED,):
            samples = _divided(samples)
        samples.orientation = int(page.tags.valueof(_ORIENTATION, 1))
        return in_srgb(samples, page.iccprofile)


def _divided(samples: Samples) -> Samples:
    """Undo the multiplication by alpha."""
    shares = samples.values.astype(np.float32) / np.float32(samples.peak)
    color, alpha = shares[..., :-1], shares[..., -1:]
    np.divide(color, alpha, out=color, where=alpha > 0)
    return Samples(shares.clip(0, 1), 1.0, samples.notes)
