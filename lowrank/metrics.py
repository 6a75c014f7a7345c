"""How far a picture is from its reference: MSE, PSNR, SSIM, relative and spectral error, and the picture of it.

All of them take pictures of values in [0, 1] and compute in float64. Each has a defined value for black, constant,
identical and tiny pictures; none returns NaN.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from lowrank.svd import Array

#: Grey levels (of 255) at which the difference picture reaches its end colours.
DIFFERENCE_LIMIT = 32

#: Rows and columns of windows that are worked on at once: their numbers stay in the cache.
_TILE = (60, 240)

# Colours of the difference picture: darker than the reference, equal, brighter (ColorBrewer RdBu ends, Apache 2.0)
_DARKER = np.array([0x21, 0x66, 0xAC]) / 255
_EQUAL = np.array([0xF7, 0xF7, 0xF7]) / 255
_BRIGHTER = np.array([0xB2, 0x18, 0x2B]) / 255


def mse(reference: Array, image: Array) -> float:
    """Mean squared error.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    reference, image = _pair(reference, image)
    return float(np.mean(np.square(reference - image)))


def psnr(reference: Array, image: Array) -> float:
    """Peak signal-to-noise ratio in dB for a peak of 1; infinite for identical pictures.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> import numpy as np
    >>> round(psnr(np.zeros((4, 4)), np.full((4, 4), 0.1)), 6)
    20.0
    """
    error = mse(reference, image)
    return float("inf") if error == 0 else -10.0 * float(np.log10(error))


def ssim(reference: Array, image: Array) -> float:
    """Structural similarity (Wang et al. 2004), the mean over the picture and its channels.

    The figure of scikit-image's `structural_similarity` at its defaults, 7 x 7 uniform windows and sample covariance,
    for a data range of 1; in a fifth of its time or less, because windows are added up while they are in the cache.
    Where a side is shorter than 7 the window shrinks to the largest odd size that fits; where a side is shorter than 3,
    one window is the whole picture.

    Parameters
    ----------
    reference, image : ndarray, shape (h, w) or (h, w, 3)

    Returns
    -------
    float
        1 for identical pictures.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    reference, image = (np.atleast_3d(x) for x in _checked(reference, image))
    h, w, channels = reference.shape
    side = min(h, w)
    if side < 3:
        reference, image = reference.astype(np.float64), image.astype(np.float64)
        mean_x, mean_y = reference.mean((0, 1)), image.mean((0, 1))
        both, cross = (reference**2 + image**2).mean((0, 1)), (reference * image).mean((0, 1))
        return float(np.mean(_similarity(mean_x, mean_y, both, cross, 1.0)))
    window = min(7, side - 1 + side % 2)
    down, across = h - window + 1, w - window + 1
    total = 0.0
    for top, left, channel in product(range(0, down, _TILE[0]), range(0, across, _TILE[1]), range(channels)):
        bottom, right = min(top + _TILE[0], down) + window - 1, min(left + _TILE[1], across) + window - 1
        x, y = (one[top:bottom, left:right, channel].astype(np.float64) for one in (reference, image))
        total += float(_windows(x, y, window).sum())
    return total / float(down * across * channels)


def _windows(x: Array, y: Array, side: int) -> Array:
    """Similarity in every side x side window; shapes (m, n) -> (m - side + 1, n - side + 1)."""
    area = side * side
    mean_x, mean_y, both, cross = (_box_sums(z, side) / area for z in (x, y, x * x + y * y, x * y))
    return _similarity(mean_x, mean_y, both, cross, area / (area - 1))


def _similarity(mean_x: Array, mean_y: Array, both: Array, cross: Array, sample: float) -> Array:
    """Equation 13 of the paper, from the means of x, y, ``x**2 + y**2`` and ``x y`` over a window."""
    c1, c2 = 0.01**2, 0.03**2
    product, squares = mean_x * mean_y, mean_x**2 + mean_y**2
    covariance, variances = sample * (cross - product), sample * (both - squares)
    return (2 * product + c1) * (2 * covariance + c2) / ((squares + c1) * (variances + c2))


def _box_sums(x: Array, side: int) -> Array:
    """Sum every side x side window, along one axis and then the other."""
    return _run_sums(_run_sums(x, side).T, side).T


def _run_sums(x: Array, length: int) -> Array:
    """Sum every run of `length` rows, put together from runs of 1, 2, 4... rows: few additions, none of them long."""
    count, total, start, runs, size = len(x) - length + 1, None, 0, x, 1
    while True:
        if length & size:
            part = runs[start : start + count]
            total = part if total is None else total + part
            start += size
        if 2 * size > length:
            return x[:count] if total is None else total
        runs, size = runs[:-size] + runs[size:], 2 * size


def relative_error(reference: Array, image: Array) -> float:
    """Relative Frobenius error ``||reference - image||_F / ||reference||_F``.

    0 where both are black, infinite where only the reference is.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    reference, image = _pair(reference, image)
    error = float(np.linalg.norm(reference - image))
    return _ratio(error, float(np.linalg.norm(reference)))


def spectral_error(reference: Array, image: Array) -> float:
    """Relative spectral error ``||reference - image||_2 / ||reference||_2``; the largest one over colour channels.

    For a truncated SVD this is ``s[k] / s[0]``. It takes the singular values of the difference: slow on large pictures.
    0 where both are black, infinite where only the reference is.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    reference, image = (np.atleast_3d(x) for x in _pair(reference, image))
    channels = range(reference.shape[2])
    return max(
        _ratio(float(np.linalg.norm(reference[..., c] - image[..., c], 2)), float(np.linalg.norm(reference[..., c], 2)))
        for c in channels
    )


def difference(reference: Array, image: Array) -> Array:
    """Draw ``image - reference`` on a fixed scale: blue is darker than the reference, red brighter, white equal.

    Parameters
    ----------
    reference, image : ndarray, shape (h, w) or (h, w, 3)
        Of a colour picture's channels the one that differs most is drawn.

    Returns
    -------
    ndarray of float32, shape (h, w, 3)
        The end colours stand for `DIFFERENCE_LIMIT` grey levels or more, whatever the picture.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    reference, image = _pair(reference, image)
    levels = (image - reference) * 255
    if levels.ndim == 3:
        levels = np.take_along_axis(levels, np.abs(levels).argmax(2, keepdims=True), 2)[..., 0]
    return difference_colors(levels)


def difference_colors(levels: Array) -> Array:
    """Colours of `difference` for differences in grey levels; shape (...) -> (..., 3)."""
    share = np.clip(np.asarray(levels) / DIFFERENCE_LIMIT, -1, 1)[..., None]
    return (_EQUAL + np.abs(share) * (np.where(share < 0, _DARKER, _BRIGHTER) - _EQUAL)).astype(np.float32)


def _pair(reference: Array, image: Array) -> tuple[Array, Array]:
    reference, image = _checked(reference, image)
    return reference.astype(np.float64), image.astype(np.float64)


def _checked(reference: Array, image: Array) -> tuple[Array, Array]:
    reference, image = np.asarray(reference), np.asarray(image)
    if reference.shape != image.shape:
        raise ValueError(f"the pictures differ in shape: {reference.shape} and {image.shape}")
    if reference.dtype.kind != "f" or image.dtype.kind != "f":
        raise TypeError("pictures are floating-point arrays in [0, 1]; divide 8-bit samples by 255")
    return reference, image


def _ratio(error: float, norm: float) -> float:
    if norm == 0:
        return 0.0 if error == 0 else float("inf")
    return error / norm
