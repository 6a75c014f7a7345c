"""Small pictures for the gallery."""

from __future__ import annotations

import io

from PIL import Image

from lowrank.color import Array, to_levels

_QUALITY = 90


def thumbnail(image: Array, side: int = 192) -> bytes:
    """Encode the middle square of a picture as a JPEG, `side` pixels wide at most.

    Parameters
    ----------
    image : ndarray, shape (h, w) or (h, w, 3)
        Values in [0, 1]; clipped and rounded.
    side : int
        In pixels. Larger pictures are averaged down, smaller ones keep their size.
    """
    h, w = image.shape[:2]
    d = min(h, w)
    top, left = (h - d) // 2, (w - d) // 2
    step = max(1, d // (4 * side))  # four samples a pixel and side are plenty to average
    picture = Image.fromarray(to_levels(image[top : top + d : step, left : left + d : step]))
    picture.thumbnail((side, side), Image.Resampling.BOX)
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=_QUALITY)
    return stream.getvalue()
