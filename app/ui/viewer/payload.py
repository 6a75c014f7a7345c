"""Factors -> bytes for the browser: small enough to travel, and no pixel off by more than one level.

The format, little-endian, one block per rank in rising order, so that the browser paints while the rest streams in:

    for each plane: float32 c                  c * U[i] * V[j] is the layer in grey levels (0..255)
    for each plane: U, one number per row      numbers of `bits[k]` bits, lowest bit first, without gaps;
    for each plane: V, one number per column   2**(bits - 1) - 1 is to be taken away from each
    zero bits up to a multiple of 4 bytes

A plane with c = 0 has no layer at this rank, and its U and V are left out.

How many bits a rank gets follows from the errors that rounding adds up to: the same share of them from each rank, so
leading ranks get more (reverse water-filling), and a harsh picture gets what it needs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from lowrank.color import Array
from lowrank.svd import SVD

#: Longest side of a fitted view, in pixels.
FIT_SIDE = 1600

# Rounding errors of many layers add up like a Gaussian's; this variance (grey levels squared) keeps 5.5 standard
# deviations under one level at the worst pixel, and two pictures less than a level apart round at most one apart.
_VARIANCE = (1 / 5.5) ** 2

_FEWEST_BITS, _MOST_BITS = 2, 16


@dataclass(frozen=True)
class Payload:
    """Encoded factors of a picture of `rows` x `columns` pixels, `planes` of them, up to `rank`."""

    data: bytes
    rows: int
    columns: int
    planes: int
    rank: int
    bits: tuple[int, ...]


def encode(svd: SVD, mix: NDArray[np.float64] | None = None) -> Payload:
    """Encode the factors of a stack of planes.

    Parameters
    ----------
    svd : SVD
        Of the planes of a picture in [0, 1], shape (c, m, n).
    mix : ndarray, shape (channels, c), optional
        What each plane adds to each channel that is drawn (`lowrank.color.mixing`); by default each is a channel.

    Returns
    -------
    Payload
    """
    planes, rows, columns = svd.shape
    u = np.ascontiguousarray(np.moveaxis(svd.U, -1, 0), np.float32)  # (r, c, m)
    v = np.ascontiguousarray(np.moveaxis(svd.Vt, -2, 0), np.float32)  # (r, c, n)
    s = np.moveaxis(svd.s, -1, 0).astype(np.float32) * np.float32(255)  # (r, c)
    s[s < 1e-20] = 0  # nothing that could be seen, and nothing that could become 0 on the way
    bits = _bits(u, v, s, np.eye(planes) if mix is None else mix)
    blocks = np.empty(svd.rank, object)
    for b, *there in np.unique(np.column_stack([bits, s != 0]), axis=0).tolist():
        at = (bits == b) & ((s != 0) == there).all(1)
        blocks[at] = _blocks(u[at], v[at], s[at], b)
    return Payload(b"".join(blocks), rows, columns, planes, svd.rank, tuple(bits.tolist()))


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
    return replace(svd, U=_averaged_rows(svd.U, rows), Vt=vt)


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


def _bits(u: Array, v: Array, s: Array, mix: NDArray[np.float64]) -> NDArray[np.int64]:
    """Bits of each rank's numbers, as few as keep the worst pixel's variance; shapes (r, c, m), (r, c, n), (r, c)."""
    in_channels = np.square(mix).T  # the variance of a channel is the sum of its planes', each by its factor's square
    # of a step as large as the vector's largest entry; rounding's variance is a twelfth of the step's square
    weight = np.square(s[..., None].astype(np.float64)) / 12
    by_row = weight * np.square(u * np.abs(v).max(-1, keepdims=True))
    by_column = weight * np.square(v * np.abs(u).max(-1, keepdims=True))
    largest = ((by_row.max(-1) + by_column.max(-1)) @ in_channels).max(-1)

    def shared(share: float) -> NDArray[np.int64]:
        """Bits with which each rank adds `share` to the variance, or less."""
        return np.clip(np.ceil(np.log2(np.sqrt(largest / share) + 1)) + 1, _FEWEST_BITS, _MOST_BITS).astype(np.int64)

    def worst(bits: NDArray[np.int64]) -> float:
        """Variance at the worst row and column of the planes, in the worst channel."""
        steps = (2.0 ** (bits - 1) - 1) ** -2
        by_plane = sum(np.einsum("r,rci->ci", steps, x).max(-1) for x in (by_row, by_column))
        return float((by_plane @ in_channels).max(initial=0.0))

    low, high = np.log2(_VARIANCE) - 40, np.log2(_VARIANCE)
    for _ in range(16):
        middle = (low + high) / 2
        low, high = (middle, high) if worst(shared(2.0**middle)) <= _VARIANCE else (low, middle)
    return shared(2.0**low)


def _blocks(u: Array, v: Array, s: Array, bits: int) -> list[bytes]:
    """Encode ranks that have the same number of bits and layers of the same planes."""
    top, there = 2 ** (bits - 1) - 1, s[0] != 0

    def rounded(vectors: Array) -> tuple[NDArray[np.float32], NDArray[np.uint16]]:
        step = np.abs(vectors).max(-1, keepdims=True) / np.float32(top)
        step = np.where(step > 0, step, np.float32(1))
        numbers = (np.rint(vectors[:, there] / step[:, there]) + np.float32(top)).astype("<u2")
        return step, numbers.reshape(len(s), -1)

    (u_step, u_numbers), (v_step, v_numbers) = rounded(u), rounded(v)
    heads = (s[..., None] * u_step * v_step).astype("<f4").reshape(len(s), -1).view(np.uint8)
    numbers = np.concatenate([u_numbers, v_numbers], axis=1)
    single = np.unpackbits(numbers.view(np.uint8).reshape(*numbers.shape, 2), axis=-1, bitorder="little")[..., :bits]
    packed = np.packbits(single.reshape(len(s), -1), axis=1, bitorder="little")
    rows = np.concatenate([heads, packed], axis=1)
    return [row.tobytes() for row in np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))]
