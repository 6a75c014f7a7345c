"""Between pictures and levels: a picture's factors, and what levels are decoded to."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from lowrank.codec import patched, whole
from lowrank.codec.coders import Encoder, Ints
from lowrank.codec.container import HIGHEST_WHOLE, Arrangement, Header, highest_stored, pack
from lowrank.color import Array, Color, from_planes, mixing, to_planes
from lowrank.decompose import truncated_svd
from lowrank.parallel import Progress, idle
from lowrank.svd import checked_rank

#: A picture's factors, ready to be quantized at any step.
Source = whole.Whole | patched.Patches

CODERS: dict[Arrangement, ModuleType] = {"whole": whole, "patches": patched}


def highest_rank(shape: tuple[int, ...], arrangement: Arrangement) -> int:
    """Return the highest rank that `encode` takes for a picture of this shape.

    Examples
    --------
    >>> highest_rank((512, 200, 3), "whole"), highest_rank((512, 200), "patches")
    (200, 64)
    """
    return patched.SIZE if arrangement == "patches" else min(*shape[:2], HIGHEST_WHOLE)


def prepared(image: Array, arrangement: Arrangement, rank: int | None, tick: Progress) -> Source:
    """The picture's factors, ready to be quantized."""
    color: Color = "gray" if image.ndim == 2 else "ycbcr"
    planes = to_planes(image, color).astype(np.float32)
    planes *= _scales(color)
    if rank is None:
        k = highest_stored(image.shape, arrangement)
    else:
        k = checked_rank(rank, highest_rank(image.shape, arrangement), lowest=1)
    if arrangement == "patches":
        return patched.Patches(planes, rank and k)
    svd = truncated_svd(planes, k, progress=tick)
    return whole.Whole(svd, fixed=rank is not None)


def picture_of(header: Header, levels: list[Ints], rank: int | None = None) -> Array:
    """What a file of these levels is decoded to."""
    return shown_planes(CODERS[header.arrangement].restore(header, levels, rank), 1 + len(header.ranks) // 3 + 1)


def shown_planes(planes: Array, ndim: int) -> Array:
    """Planes -> picture, clipped."""
    color: Color = "gray" if ndim == 2 else "ycbcr"
    planes /= _scales(color)
    picture = from_planes(planes, color)
    np.clip(picture, 0, 1, out=picture)
    return picture


def _scales(color: Color) -> Array:
    """What planes are multiplied by, so that the same error in each costs the same in the picture; shape (c, 1, 1)."""
    mix = mixing(color)
    scales: Array = np.sqrt(np.square(mix).mean(0)).astype(np.float32)[:, None, None]
    return scales


def written(header: Header, levels: list[Ints], tick: Progress = idle) -> bytes:
    """The file of these levels."""
    coder = Encoder()
    CODERS[header.arrangement].code(coder, header, levels, tick)
    return pack(header, coder.to_bytes())
