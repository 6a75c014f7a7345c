"""Pictures for the screen: small enough to travel, and what `st.image` would otherwise do to them unasked.

Handed an array, Streamlit shrinks anything over 1460 pixels with a bilinear filter and encodes it again. Here the
picture is reduced by area, or enlarged in whole pixels, and encoded once.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from lowrank.color import Array, to_levels

#: Longest side on the screen, in pixels.
SIDE = 1200

#: JPEG quality, with full-resolution chroma: within a few grey levels of the picture.
QUALITY = 95


def for_screen(image: Array, side: int = SIDE) -> bytes:
    """Encode a picture for display.

    Parameters
    ----------
    image : ndarray, shape (h, w) or (h, w, 3)
        Values in [0, 1]; clipped and rounded.
    side : int
        Longest side of the result in pixels.

    Returns
    -------
    bytes
        A JPEG. Larger pictures are averaged down; pictures under a quarter of `side` have their pixels repeated, so
        that they are not blurred.
    """
    picture = Image.fromarray(to_levels(image))
    longest = max(picture.size)
    if longest > side:
        scale = side / longest
        picture = picture.resize([max(1, round(x * scale)) for x in picture.size], Image.Resampling.BOX)
    elif longest * 4 < side:
        picture = picture.resize([x * (side // 2 // longest) for x in picture.size], Image.Resampling.NEAREST)
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=QUALITY, subsampling=0)
    return stream.getvalue()


def thumbnail(image: Array, side: int = 192) -> bytes:
    """Encode the middle square of a picture, `side` pixels wide or less."""
    h, w = image.shape[:2]
    d = min(h, w)
    top, left = (h - d) // 2, (w - d) // 2
    return for_screen(image[top : top + d, left : left + d], side)
