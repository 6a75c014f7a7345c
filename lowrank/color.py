"""Picture <-> stack of planes, and picture -> what a screen shows: the only place that knows about colour.

`to_planes` and `from_planes` are each other's inverse. Every arrangement is linear, so a rank-k stack is a rank-k
picture. ``ycbcr`` is the full-range transform of JPEG (JFIF 1.02, ITU-R BT.601 weights) with both chroma planes centred
on zero, so that no singular value is spent on an offset.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Color = Literal["gray", "rgb", "ycbcr"]

#: The arrangements of planes, by name.
COLORS: tuple[Color, ...] = get_args(Color)

#: ITU-R BT.601 luma: what Pillow's "L" and JPEG's Y use.
LUMA = np.array([0.299, 0.587, 0.114])

_TO_YCBCR = np.vstack([LUMA, (np.array([0, 0, 1]) - LUMA) / 1.772, (np.array([1, 0, 0]) - LUMA) / 1.402])
_FROM_YCBCR = np.linalg.inv(_TO_YCBCR)
_FROM_YCBCR[np.abs(_FROM_YCBCR) < 1e-12] = 0  # red knows no Cb, and blue no Cr


def to_planes(image: Array, color: Color = "gray") -> Array:
    """Arrange a picture as a stack of planes.

    Parameters
    ----------
    image : ndarray, shape (h, w) or (h, w, 3)
        Values in [0, 1]. A grey picture asked for in colour gives equal channels.
    color : {"gray", "rgb", "ycbcr"}
        ``gray`` is the BT.601 luma of a colour picture.

    Returns
    -------
    ndarray, shape (1, h, w) or (3, h, w)
        In the picture's floating dtype.

    Raises
    ------
    ValueError
        For any other shape or arrangement.
    TypeError
        If the samples are integers, whose range nobody could know.

    Examples
    --------
    >>> import numpy as np
    >>> to_planes(np.ones((2, 5, 3)), "ycbcr").round(12).tolist()[1][0]
    [0.0, 0.0, 0.0, 0.0, 0.0]
    """
    if color not in COLORS:
        raise ValueError(f"color must be one of {', '.join(COLORS)}, not {color!r}")
    image = _floating(image)
    if image.ndim == 2:
        image = image[..., None] if color == "gray" else np.repeat(image[..., None], 3, axis=2)
    elif image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"a picture has shape (h, w) or (h, w, 3), not {image.shape}")
    elif color == "gray":
        image = image @ LUMA[:, None].astype(image.dtype)
    if color == "ycbcr":
        image = image @ _TO_YCBCR.T.astype(image.dtype)
    return np.ascontiguousarray(np.moveaxis(image, 2, 0))


def from_planes(planes: Array, color: Color = "gray") -> Array:
    """Put a stack of planes together again.

    Parameters
    ----------
    planes : ndarray, shape (1, h, w) or (3, h, w)
    color : {"gray", "rgb", "ycbcr"}
        The arrangement that `to_planes` was given.

    Returns
    -------
    ndarray, shape (h, w) or (h, w, 3)
        Not clipped: a truncated picture may leave [0, 1] a little.

    Raises
    ------
    ValueError
        If the number of planes does not fit the arrangement.
    """
    if color not in COLORS:
        raise ValueError(f"color must be one of {', '.join(COLORS)}, not {color!r}")
    planes = np.asarray(planes)
    if planes.ndim != 3 or planes.shape[0] != (1 if color == "gray" else 3):
        raise ValueError(f"a stack of shape {planes.shape} is no {color} picture")
    image: Array
    if color == "gray":
        image = planes[0]
        return image
    image = np.ascontiguousarray(np.moveaxis(planes, 0, 2))
    if color == "ycbcr":
        image = image @ _FROM_YCBCR.T.astype(image.dtype)
    return image


def mixing(color: Color) -> NDArray[np.float64]:
    """Return what each plane adds to each channel: `from_planes` as a matrix, shape (channels, planes).

    Examples
    --------
    >>> mixing("ycbcr").round(6).tolist()
    [[1.0, 0.0, 1.402], [1.0, -0.344136, -0.714136], [1.0, 1.772, 0.0]]
    """
    return _FROM_YCBCR.copy() if color == "ycbcr" else np.eye(1 if color == "gray" else 3)


def displayed(image: Array) -> Array:
    """Clip to [0, 1] and round to 8 bits: the picture as a screen or a PNG shows it, as float32 in [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> (255 * displayed(np.array([-0.2, 0.5, 1.7]))).tolist()
    [0.0, 128.0, 255.0]
    """
    return to_levels(image) / np.float32(255)


def to_levels(image: Array) -> NDArray[np.uint8]:
    """Clip to [0, 1] and round to the 256 grey levels; same shape, uint8."""
    levels = np.clip(_floating(image).astype(np.float32, copy=False), 0, 1)
    levels *= np.float32(255)  # in place: further arrays of a large picture cost more than the arithmetic
    return np.rint(levels, out=levels).astype(np.uint8)


def _floating(image: Array) -> Array:
    image = np.asarray(image)
    if image.dtype.kind != "f":
        raise TypeError("pictures are floating-point arrays in [0, 1]; divide 8-bit samples by 255")
    return image
