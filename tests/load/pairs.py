"""Pairs of pictures that differ in one pixel: whether the app tells them apart, by key and in what it remembers."""

import io
from collections.abc import Iterator

import numpy as np
from PIL import Image

from app.ui import cached, store

#: Megapixels of one pair after the other: 1 to 12.
_SIZES = (1, 2, 1, 3, 1, 4, 2, 6, 1, 8, 2, 12)
_WIDTH = 4000
_KINDS = (("BMP", {}), ("TIFF", {}), ("PNG", {"compress_level": 0}))


def pairs(count: int) -> Iterator[tuple[bytes, bytes]]:
    """Make pairs of files, all different: grey and colour, in three formats without loss."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (_WIDTH * max(_SIZES) * 250 + count) * 3, np.uint8)
    for i in range(count):
        height, colors = 250 * _SIZES[i % len(_SIZES)], 3 if i % 4 == 0 else 1
        shape = (height, _WIDTH, colors)[: 3 if colors == 3 else 2]
        levels = noise[i : i + height * _WIDTH * colors].reshape(shape).copy()
        first = _encoded(levels, i)
        levels[int(rng.integers(height)), int(rng.integers(_WIDTH))] ^= 1 + int(rng.integers(255))
        yield first, _encoded(levels, i)


def told_apart(first: bytes, second: bytes) -> bool:
    """Whether two files have keys of their own, and what is remembered of them differs in one pixel."""
    keys = store.digest(first), store.digest(second)
    a, b = (cached.pixels(key, data) for key, data in zip(keys, (first, second), strict=True))
    return keys[0] != keys[1] and np.count_nonzero(np.atleast_3d(a != b).any(2)) == 1


def _encoded(levels: np.ndarray, i: int) -> bytes:
    stream, (kind, options) = io.BytesIO(), _KINDS[i % len(_KINDS)]
    Image.fromarray(levels).save(stream, kind, **options)
    return stream.getvalue()
