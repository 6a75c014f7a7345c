"""The step that meets a target: a PSNR, or a size. Few looks at a picture, since each takes as long as it is large."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from lowrank.codec import patched
from lowrank.codec.coders import Ints
from lowrank.codec.container import FINEST, SMALL, Header
from lowrank.codec.estimate import estimated_bytes
from lowrank.codec.pictures import Source, prepared, shown_planes, written
from lowrank.color import Array
from lowrank.errors import LowrankError
from lowrank.parallel import idle
from lowrank.patches import SIDE

#: PSNR that stands for no error at all, in dB.
_BEST = 200.0

#: A file within the first share of the bytes asked for, below them, is near enough: to be nearer, it would have to be
#: written again. It is the second that is aimed at.
_NEAR, _AIM = 0.02, 0.005

#: How much better a picture is when its step is one finer, in dB, whole and in patches; how much larger a file of
#: patches, in logarithms.
_GAINS, _SLOPE = (0.0235, 0.0185), 0.0023

#: Files beside their estimates, as a rule: whole, and patches.
_USUAL = (1.0, 0.98)

#: What is written: a header, and levels.
Draft = tuple[Header, list[Ints]]


def of_quality(source: Source, image: Array, psnr: float, left_out: float | None = None) -> Draft:
    """Return the coarsest draft that reaches a PSNR.

    Where layers are left out for good, the search is for what levels add to that squared error: it changes with the
    step as it always does, and the PSNR hardly.
    """
    found: dict[int, Draft] = {}
    there, most = left_out or 0.0, 10 ** (-psnr / 10)
    large = image.shape[0] * image.shape[1] > SMALL
    patches = isinstance(source, patched.Patches)
    # of patches a finer search costs little, where they are few
    tolerance = 0.2 if left_out is not None else 0.02 if patches and not large else 0.03

    def excess(step: int) -> float:
        draft = source.draft(step)
        value = _decibels(_mse(image, shown_planes(source.restored(*draft), image.ndim)) - there) - _decibels(
            most - there
        )
        if value >= 0 and not (found and min(found) < step):
            found.clear()  # one of them is large enough
            found[step] = draft
        return value - tolerance / 2

    guess = 1024 + round(256 * (_decibels(most - there) / 6.02 - (2.3 if patches or left_out else 1.6)))
    if large and left_out is None and patches:
        part = _sample(image)  # a first look at a part of it saves most of the looks at the whole
        guess = of_quality(prepared(part, "patches", None, idle), part, psnr)[0].step
    _bracket(excess, guess, _GAINS[patches], lambda below, above: min(-below, above) <= tolerance / 2)
    if not found:
        if left_out is None:
            other = "" if patches else ", or for patches"
            raise LowrankError(f"{psnr:g} dB is out of reach for this picture. Ask for less{other}.")
        return source.draft(FINEST)
    ((_, draft),) = found.items()
    return draft


def _mse(image: Array, picture: Array) -> float:
    """Mean squared error, in strips, which a large picture's looks take a third of the time by."""
    total = 0.0
    for top in range(0, len(image), SIDE):
        off = np.subtract(image[top : top + SIDE], picture[top : top + SIDE], dtype=np.float64).ravel()
        total += float(np.einsum("i,i->", off, off))  # not by BLAS, which would start threads for so little
    return total / image.size


def _decibels(error: float) -> float:
    """PSNR of a mean squared error, at most `_BEST`."""
    return min(-10 * math.log10(error), _BEST) if error > 0 else _BEST


def of_size(source: Source, image: Array, max_bytes: int) -> bytes:
    """Return the finest file of no more bytes, or one that is little smaller.

    Files are estimated (`lowrank.codec.estimate`) until one should fit, and that is written; how far off the estimate
    was, is known then.
    """
    ratio, guess = _first_ratio(source, image, max_bytes)
    estimates: dict[int, float] = {}
    best, low, high = b"", -1, FINEST + 1
    for tries in range(20):
        step, (header, levels) = _estimated(source, max_bytes * (1 - _AIM) / ratio, guess, estimates)
        if not low < step < high or tries >= 8:
            step = min(max(step, low + 1), high - 1) if tries < 8 else (low + high) // 2
            header, levels = source.draft(step)
        data = written(header, levels)
        if len(data) > max_bytes:
            high = step
        else:
            low, best = step, data
        if low + 1 >= high or (1 - _NEAR) * max_bytes <= len(data) <= max_bytes:
            break
        ratio, guess = len(data) / (estimates.get(step) or estimated_bytes(header, levels)), step
    if not best:
        raise LowrankError(f"This picture does not fit into {max_bytes:,} bytes. Allow more.")
    return best


def _first_ratio(source: Source, image: Array, max_bytes: int) -> tuple[float, int]:
    """Guess how large files are beside their estimates, and a step: for a large picture, by files of a part of it."""
    pixels = image.shape[0] * image.shape[1]
    guess = min(max(1900 + round(math.log(10 * max_bytes / pixels) / _SLOPE), 0), FINEST)  # 0.8 bits a pixel
    if pixels > SMALL and isinstance(source, patched.Patches):
        part = _sample(image)
        sample, most = prepared(part, "patches", None, idle), max_bytes * part.shape[0] * part.shape[1] / pixels
        step, draft = _estimated(sample, most, guess, {})
        return len(written(*draft)) / estimated_bytes(*draft), step
    return _USUAL[isinstance(source, patched.Patches)], guess


def _estimated(source: Source, target: float, guess: int, known: dict[int, float]) -> tuple[int, Draft]:
    """Return the step, and its draft, whose estimated bytes are nearest to a target; few looks."""
    draft: dict[int, Draft] = {}  # the last one: as a rule that is it

    def look(step: int) -> float:
        if step not in known:
            draft.clear()
            draft[step] = source.draft(step)
            known[step] = estimated_bytes(*draft[step])
        return known[step]

    def excess(step: int) -> float:
        return math.log(look(step) / target)

    guess, slope = min(max(guess, 0), FINEST), _SLOPE
    if not isinstance(source, patched.Patches):  # the fewer bits there are to a pixel, the more depends on the step
        slope = 1 / (150 + 1440 * math.sqrt(look(guess) * target) / math.prod(source.shape))
    _bracket(excess, guess, slope, lambda below, above: min(-below, above) < _AIM * 2 / 3)
    step = min(known, key=lambda step: abs(math.log(known[step] / target)))
    return step, draft.get(step) or source.draft(step)


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


def _bracket(
    f: Callable[[int], float], guess: int, slope: float, near: Callable[[float, float], bool]
) -> tuple[int, int]:
    """Find neighbouring steps between which a rising function changes its sign: by its slope, then by false position.

    Returns
    -------
    low, high : int
        ``f(low) < 0 <= f(high)``; -1, or the finest step and one, where there is no such step. Neighbours, unless
        `near` of their two values said that this is close enough.
    """
    low, below, high, above = -1, -math.inf, FINEST + 1, math.inf
    at, tries, side = min(max(guess, 0), FINEST), 0, 0
    left, right = below, above  # the values, halved for each time that the other end moved alone (Illinois)
    seen: tuple[int, float] | None = None
    while high - low > 1:
        value, tries = f(at), tries + 1
        if seen:  # never much flatter at once: of neighbouring steps the finer one can be the worse
            slope = max((value - seen[1]) / (at - seen[0]), slope / 4)
        seen = at, value
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
        else:  # after two looks further each time: a curve flattens towards its ends
            ahead = at - value / slope - math.copysign((1 << tries) - 2, value)
        at = min(max(math.ceil(ahead), low + 1), high - 1)
    return low, high
