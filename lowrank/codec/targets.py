"""The step that meets a target: a PSNR, or a size. Few looks at a picture, since each takes as long as it is large."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable

import numpy as np

from lowrank.codec import patched
from lowrank.codec.container import FINEST, SMALL, Header, unpack
from lowrank.codec.entropy import Ints
from lowrank.codec.pictures import Source, picture_of, prepared, written
from lowrank.color import Array
from lowrank.errors import LowrankError
from lowrank.parallel import idle
from lowrank.patches import SIDE

#: PSNR that stands for no error at all, in dB.
_BEST = 200.0

#: A file within this share of the bytes asked for, below them, is near enough.
_NEAR = 0.005


def of_quality(source: Source, image: Array, psnr: float, tolerant: bool) -> tuple[Header, list[Ints]]:
    """Return the coarsest draft that reaches a PSNR."""
    found: dict[int, tuple[Header, list[Ints]]] = {}

    def excess(step: int) -> float:
        draft = source.draft(step)
        value = _psnr(image, picture_of(*draft)) - psnr
        if value >= 0:
            found.clear()  # one of them is large enough
            found[step] = draft
        return value

    large = image.shape[0] * image.shape[1] > SMALL
    tolerance = 0.03 if large else 0.02 if tolerant else 0.005
    guess = 1024 + round(256 * (psnr / 6.02 - 2.3))
    if large and not tolerant and isinstance(source, patched.Patches):
        part = _sample(image)  # a first look at a part of it saves most of the looks at the whole
        guess = of_quality(prepared(part, "patches", None, idle), part, psnr, tolerant)[0].step
    _, step = _bracket(excess, guess, 0.018, lambda low, high: high < tolerance)
    if step > FINEST:
        if not tolerant:
            raise LowrankError(f"{psnr:g} dB is out of reach for this picture. Ask for less, or for patches.")
        return source.draft(FINEST)
    return found[step]


def _psnr(image: Array, picture: Array) -> float:
    """PSNR in dB, at most `_BEST`; in strips, which a large picture's looks take a third of the time by."""
    total = 0.0
    for top in range(0, len(image), SIDE):
        off = np.subtract(image[top : top + SIDE], picture[top : top + SIDE], dtype=np.float64).ravel()
        total += float(off @ off)
    return min(-10 * math.log10(total / image.size), _BEST) if total else _BEST


def of_size(source: Source, image: Array, max_bytes: int) -> bytes:
    """Return the finest file of no more bytes, or one that is little smaller."""
    step, best = _step_of_size(source, image, max_bytes), b""
    low, high, slope, last = -1, FINEST + 1, 0.0023, (0, 0.0)
    for tries in range(20):
        data = written(*source.draft(step))
        excess = math.log(len(data) / max_bytes)
        if excess > 0:
            high = step
        else:
            low, best = step, data
        if low + 1 >= high or -_NEAR <= excess <= 0:
            break
        if tries and step != last[0]:
            slope = max((excess - last[1]) / (step - last[0]), 1e-4)
        last = step, excess
        aim = step - (excess + _NEAR / 2) / slope if tries < 8 else (low + high) / 2
        step = min(max(math.floor(aim), low + 1), high - 1)
    if not best:
        raise LowrankError(f"This picture does not fit into {max_bytes:,} bytes. Allow more.")
    return best


def _step_of_size(source: Source, image: Array, max_bytes: int) -> int:
    """Guess the step of a file of a size: for a large picture by a part of it, else by an estimate without coding."""
    pixels = image.shape[0] * image.shape[1]
    if pixels > SMALL and isinstance(source, patched.Patches):
        part = _sample(image)
        most = int(max_bytes * part.shape[0] * part.shape[1] / pixels)
        with contextlib.suppress(LowrankError):
            return unpack(of_size(prepared(part, "patches", None, idle), part, most))[0].step
    tried: dict[int, float] = {}

    def excess(step: int) -> float:
        tried[step] = math.log(_estimate(source.draft(step)[1]) / max_bytes)
        return tried[step]

    _bracket(excess, 1800, 0.0023, lambda below, above: min(-below, above) < 0.02)
    return min(tried, key=lambda step: abs(tried[step]))


def _sample(image: Array) -> Array:
    """Strips of a large picture, from all over it, of about a megapixel together."""
    strip = 8 * SIDE
    every = -(-image.shape[0] * image.shape[1] // (SMALL // 2))
    rows = np.arange(image.shape[0])
    return (
        image[rows // strip % every == every // 2]
        if image.shape[0] >= strip * every
        else image[:, : SMALL // image.shape[0]]
    )


def _estimate(levels: list[Ints]) -> float:
    """Bytes that levels take, roughly."""
    total = 40.0
    for own in levels:
        counts = np.bincount(np.minimum(np.abs(own), 4096).ravel())
        total += float(counts[1:] @ (5 + 1.5 * np.log2(np.arange(1, len(counts))))) / 8
    return total


def _bracket(
    f: Callable[[int], float], guess: int, slope: float, near: Callable[[float, float], bool]
) -> tuple[int, int]:
    """Find neighbouring steps between which a rising function changes its sign, by false position (Illinois).

    Returns
    -------
    low, high : int
        ``f(low) < 0 <= f(high)``; -1, or the finest step and one, where there is no such step. Neighbours, unless
        `near` of their two values said that this is close enough.
    """
    low, below, high, above = -1, -math.inf, FINEST + 1, math.inf
    at, tries, side = min(max(guess, 0), FINEST), 0, 0
    left, right = below, above  # the values, halved for each time that the other end moved alone
    while high - low > 1:
        value, tries = f(at), tries + 1
        if value < 0:
            low, below, left = at, value, value
            right, side = (right / 2, -1) if side < 0 else (right, -1)
        else:
            high, above, right = at, value, value
            left, side = (left / 2, 1) if side > 0 else (left, 1)
        if near(below, above):
            break
        if math.isfinite(below) and math.isfinite(above):
            ahead = low + (high - low) * -left / (right - left)
        else:  # further each time: a curve flattens towards its ends
            ahead = at - math.copysign((1 << tries) + abs(value) / slope, value)
        at = min(max(math.ceil(ahead), low + 1), high - 1)
    return low, high
