"""Planes <-> stack of patch matrices, b x b blocks as rows; and the lapped filter that smooths the joints of blocks.

A patch matrix has the mathematics of a picture's own matrix with other rows: its right singular vectors are the blocks
that the picture is made of, and rank k keeps k of them, 1 to b * b.
"""

from __future__ import annotations

import numpy as np

from lowrank.color import Array

#: Side of a block.
SIDE = 8

# V of the time-domain lapped transform (Tran, Liang and Tu 2003, figure 3): the free half of the filter on four samples
# either side of a joint. Found by maximizing the coding gain, 9.62 dB, on a first-order Markov source of correlation
# 0.95; with V = 1 there is no filter and the gain is the DCT's 8.83 dB.
_V = np.array(
    [
        [0.955, 0.7833, 0.3548, 0.2391],
        [-0.552, 0.9008, 0.6188, 0.2354],
        [0.1124, -0.3647, 1.0916, 0.3904],
        [-0.0295, 0.0082, -0.1195, 1.1879],
    ]
)
_ONE = np.eye(4)
_BUTTERFLY = np.block([[_ONE, _ONE[::-1]], [_ONE[::-1], -_ONE]])

#: What `lap` does to the eight samples around a joint, and its inverse.
LAP = _BUTTERFLY @ np.block([[_ONE, 0 * _ONE], [0 * _ONE, _V]]) @ _BUTTERFLY / 2
UNLAP = np.linalg.inv(LAP)


def to_patches(planes: Array, side: int = SIDE) -> Array:
    """Cut planes into blocks, each a row; what is missing at the right and at the bottom repeats the last samples.

    Parameters
    ----------
    planes : ndarray, shape (c, h, w)
    side : int
        Of a block, b.

    Returns
    -------
    ndarray, shape (c, ceil(h / b) * ceil(w / b), b * b)
        Blocks from left to right and from top to bottom.

    Examples
    --------
    >>> import numpy as np
    >>> to_patches(np.arange(8.0).reshape(1, 2, 4), 2).tolist()
    [[[0.0, 1.0, 4.0, 5.0], [2.0, 3.0, 6.0, 7.0]]]
    """
    planes = padded(planes, side)
    c, h, w = planes.shape
    blocks = planes.reshape(c, h // side, side, w // side, side).swapaxes(2, 3)
    return np.ascontiguousarray(blocks).reshape(c, -1, side * side)


def from_patches(patches: Array, shape: tuple[int, int], side: int = SIDE) -> Array:
    """Put blocks together again, without what was added at the right and at the bottom.

    Parameters
    ----------
    patches : ndarray, shape (c, n, b * b)
    shape : (h, w)
        Of a plane.
    side : int
        Of a block, b.

    Returns
    -------
    ndarray, shape (c, h, w)

    Raises
    ------
    ValueError
        If the number of blocks does not fit.
    """
    (h, w), (rows, columns) = shape, grid(shape, side)
    if patches.shape[1:] != (rows * columns, side * side):
        raise ValueError(f"patches of shape {patches.shape} do not make planes of shape {shape}")
    blocks = patches.reshape(-1, rows, columns, side, side).swapaxes(2, 3)
    planes: Array = blocks.reshape(-1, rows * side, columns * side)[:, :h, :w]
    return planes


def grid(shape: tuple[int, int], side: int = SIDE) -> tuple[int, int]:
    """Return the rows and columns of blocks that cover a plane."""
    return -(-shape[0] // side), -(-shape[1] // side)


def padded(planes: Array, side: int = SIDE) -> Array:
    """Repeat the last row and column until whole blocks fit."""
    rows, columns = grid(planes.shape[-2:], side)
    missing = rows * side - planes.shape[-2], columns * side - planes.shape[-1]
    return np.pad(planes, ((0, 0), (0, missing[0]), (0, missing[1])), "edge") if any(missing) else planes


def lap(planes: Array) -> Array:
    """Filter across every joint of blocks, so that each block knows of its neighbours.

    Parameters
    ----------
    planes : ndarray, shape (c, h, w)
        Sides are multiples of `SIDE`.

    Returns
    -------
    ndarray, shape (c, h, w)
        What `unlap` turns back.
    """
    return _filtered(planes, LAP)


def unlap(planes: Array) -> Array:
    """Undo `lap`: errors within blocks are spread smoothly over their joints.

    Examples
    --------
    >>> import numpy as np
    >>> planes = np.random.default_rng(0).random((1, 24, 16))
    >>> bool(np.allclose(unlap(lap(planes)), planes))
    True
    """
    return _filtered(planes, UNLAP)


def _filtered(planes: Array, kernel: Array) -> Array:
    c, h, w = planes.shape
    kernel = kernel.astype(planes.dtype)
    planes = planes.copy()
    half = SIDE // 2
    if h > SIDE:
        inner = planes[:, half:-half]
        inner[:] = (kernel @ inner.reshape(c, -1, SIDE, w)).reshape(inner.shape)
    if w > SIDE:
        inner = planes[:, :, half:-half]
        inner[:] = (inner.reshape(c, h, -1, SIDE) @ kernel.T).reshape(inner.shape)
    return planes
