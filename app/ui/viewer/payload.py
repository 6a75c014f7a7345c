"""Factors -> bytes for the browser: small enough to travel, and no pixel off by more than one level.

The format, little-endian, one block per rank in rising order, so that the browser paints while the rest streams in:

    for each plane: float32 c                  c * U[i] * V[j] is the layer in grey levels (0..255)
    for each plane: U, one integer per row
    for each plane: V, one integer per column
    zero bytes up to a multiple of 4

The integers are int16 for the first `wide` ranks and int8 after. How many must be wide follows from the errors that
rounding adds up to, so that a photograph takes about a byte a number and a harsh picture what it needs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from lowrank.color import Array
from lowrank.svd import SVD

#: Longest side of a fitted view, in pixels.
FIT_SIDE = 1600

# Rounding errors of many layers add up like a Gaussian's; this variance (grey levels squared) keeps 4.4 standard
# deviations under one level at the worst pixel, and two pictures less than a level apart round at most one apart.
_VARIANCE = (1 / 4.4) ** 2


@dataclass(frozen=True)
class Payload:
    """Encoded factors of a picture of `rows` x `columns` pixels, `planes` of them, up to `rank`."""

    data: bytes
    rows: int
    columns: int
    planes: int
    rank: int
    wide: int


def encode(svd: SVD) -> Payload:
    """Encode the factors of a stack of planes.

    Parameters
    ----------
    svd : SVD
        Of planes in [0, 1], shape (c, m, n).

    Returns
    -------
    Payload
    """
    planes, rows, columns = svd.shape
    u = np.ascontiguousarray(np.moveaxis(svd.U, -1, 0), np.float32)  # (r, c, m)
    v = np.ascontiguousarray(np.moveaxis(svd.Vt, -2, 0), np.float32)  # (r, c, n)
    s = np.moveaxis(svd.s, -1, 0).astype(np.float32) * np.float32(255)  # (r, c)
    wide = _wide(u, v, s)
    data = _blocks(u[:wide], v[:wide], s[:wide], np.int16) + _blocks(u[wide:], v[wide:], s[wide:], np.int8)
    return Payload(data, rows, columns, planes, svd.rank, wide)


def fitted_shape(rows: int, columns: int, pixels: int | None) -> tuple[int, int]:
    """Return the size that a picture is drawn at when it may have so many pixels; its own where there is no limit."""
    scale = 1.0 if pixels is None else min(1.0, (pixels / (rows * columns)) ** 0.5, FIT_SIDE / max(rows, columns))
    return max(1, round(rows * scale)), max(1, round(columns * scale))


def fitted(svd: SVD, rows: int, columns: int) -> SVD:
    """Shrink a decomposed picture by averaging over areas.

    Averaging is linear in rows and in columns, so shrinking U and Vt shrinks the picture at every rank. The vectors of
    the result are not orthonormal any more: it is for drawing, not for measuring.
    """
    if svd.shape[-2:] == (rows, columns):
        return svd
    vt = np.swapaxes(_averaged_rows(np.swapaxes(svd.Vt, -1, -2), columns), -1, -2)
    return SVD(_averaged_rows(svd.U, rows), svd.s, vt, svd.total, svd.rest)


def averaged(planes: Array, rows: int, columns: int) -> Array:
    """Shrink pictures in the same way; shape (..., m, n) -> (..., rows, columns)."""
    across = np.swapaxes(_averaged_rows(planes, rows), -1, -2)
    return np.swapaxes(_averaged_rows(across, columns), -1, -2)


def _averaged_rows(a: Array, rows: int) -> Array:
    """Average over areas along axis -2; shape (..., m, r) -> (..., rows, r)."""
    m = a.shape[-2]
    if m == rows:
        return a
    # cut [0, m) wherever a source or a target pixel begins: each piece lies in one of either
    cuts = np.unique(np.concatenate([np.arange(m + 1), np.arange(rows + 1) * (m / rows)]))
    middle, share = (cuts[1:] + cuts[:-1]) / 2, np.diff(cuts) * (rows / m)
    at = np.minimum((middle * (rows / m)).astype(int), rows - 1), np.minimum(middle.astype(int), m - 1)
    weights = scipy.sparse.csr_array((share.astype(a.dtype), at), shape=(rows, m))
    flat = a.reshape(-1, m, a.shape[-1])
    return np.stack([weights @ matrix for matrix in flat]).reshape(*a.shape[:-2], rows, a.shape[-1])


def _steps(vectors: Array, dtype: type[np.signedinteger]) -> NDArray[np.float32]:
    """Step of each vector so that its largest entry takes the largest integer; shape (r, c, m) -> (r, c, 1)."""
    largest = np.abs(vectors).max(-1, keepdims=True) / np.float32(np.iinfo(dtype).max)
    return np.where(largest > 0, largest, np.float32(1))


def _wide(u: Array, v: Array, s: Array) -> int:
    """How many leading ranks need 16 bits, by the variance that rounding the others to 8 adds at the worst pixel."""
    weight = np.square(s[..., None]) / 12  # the variance of rounding is a twelfth of the step's square
    by_row = weight * np.square(u * _steps(v, np.int8))
    by_column = weight * np.square(v * _steps(u, np.int8))
    # added up from the last rank: entry k is what all ranks from k on contribute; the worst row, column and plane
    worst = sum(np.cumsum(x[::-1], axis=0)[::-1].max(-1) for x in (by_row, by_column)).max(-1)
    return int(np.count_nonzero(worst > _VARIANCE))


def _blocks(u: Array, v: Array, s: Array, dtype: type[np.signedinteger]) -> bytes:
    ranks = len(s)
    if not ranks:
        return b""
    u_step, v_step = _steps(u, dtype), _steps(v, dtype)
    parts = [
        (s[..., None] * u_step * v_step).astype("<f4").reshape(ranks, -1),
        np.rint(u / u_step).astype(np.dtype(dtype).newbyteorder("<")).reshape(ranks, -1),
        np.rint(v / v_step).astype(np.dtype(dtype).newbyteorder("<")).reshape(ranks, -1),
    ]
    row = np.concatenate([part.view(np.uint8).reshape(ranks, -1) for part in parts], axis=1)
    padding = -row.shape[1] % 4
    return np.pad(row, ((0, 0), (0, padding))).tobytes()
