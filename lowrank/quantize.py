"""Real numbers <-> levels: uniform steps with a dead zone, and where in its interval a level is put back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lowrank.color import Array

Levels = NDArray[np.int32]

#: What a bit is worth, in squared steps: at high rates ``2 ln 2 / 12`` (a uniform error, halved by half a bit).
BIT = 0.16

#: Units of a step in which `shifts` are kept.
SHIFT_UNIT = 256


def quantize(values: Array, step: Array | float) -> Levels:
    """Divide by the step and round to the nearest.

    Examples
    --------
    >>> import numpy as np
    >>> quantize(np.array([-1.7, -0.6, 0.4, 3.0]), 1.0).tolist()
    [-2, -1, 0, 3]
    """
    levels: Levels = np.rint(values / step).astype(np.int32)
    return levels


def quantize_by_cost(values: Array, step: Array | float, expected: Array) -> Levels:
    """Divide by the step and round to where the squared error and the bits it takes add up to least.

    Parameters
    ----------
    values : ndarray
    step : ndarray or float
    expected : ndarray
        The magnitude, in steps, that the coder will expect. Where it expects little, a level costs more and needs to be
        worth it: the dead zone is wider.

    Returns
    -------
    ndarray of int

    Notes
    -----
    A level one higher costs about ``log2(1 + 1 / m)`` bits where the expected magnitude is m (geometric law), and the
    first one its sign as well. It pays when the number lies above the middle by half of what these bits are worth.
    """
    scaled = np.abs(values)
    scaled /= step
    bits = np.log2(1 + 1 / np.maximum(expected, np.float32(1e-3)))
    levels = np.floor(scaled + (np.float32(0.5) - np.float32(BIT / 2) * bits))
    levels[scaled < np.float32(0.5) + np.float32(BIT / 2) * (1 + bits)] = 0
    np.maximum(levels, 0, out=levels)
    signed: Levels = np.copysign(levels, values, out=levels).astype(np.int32)
    return signed


def dequantize(levels: Levels, step: Array | float, shifts: tuple[int, int] = (0, 0)) -> Array:
    """Multiply by the step, after moving levels of magnitude 1, and those above, by their shifts.

    Parameters
    ----------
    levels : ndarray of int
    step : ndarray or float
        As it was given to `quantize`.
    shifts : (int, int)
        In 1/256 of a step, away from zero: -128 to 127.

    Returns
    -------
    ndarray of float32

    Examples
    --------
    >>> import numpy as np
    >>> dequantize(np.array([-2, 0, 1]), 1.0, (-64, 32)).tolist()
    [-2.125, 0.0, 0.75]
    """
    one, more = (np.float32(shift / SHIFT_UNIT) for shift in shifts)
    moved = levels.astype(np.float32)
    moved += np.clip(moved, -1, 1) * one + np.clip(np.trunc(moved / 2), -1, 1) * (more - one)
    moved *= step
    return moved


def best_shifts(values: Array, levels: Levels, step: Array | float) -> tuple[int, int]:
    """Return the shifts that put levels back at the mean of what they stand for."""
    nonzero = np.flatnonzero(levels)
    level = levels.ravel()[nonzero]
    step = np.broadcast_to(step, values.shape).ravel()[nonzero] if np.ndim(step) else step
    off = np.abs(values.ravel()[nonzero] / step) - np.abs(level)
    one = np.abs(level) == 1
    means = [float(part.mean()) if len(part) else 0.0 for part in (off[one], off[~one])]
    first, second = (int(np.clip(np.rint(mean * SHIFT_UNIT), -128, 127)) for mean in means)
    return first, second
