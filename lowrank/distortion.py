"""Distortion: how far the picture as shown, clipped and rounded to 8 bits, is from the original, at every rank.

Rank k is rank k - 1 and one component more, so all ranks of a tile are run through while the tile is in the cache:
six passes over cached numbers per rank, where reconstructing each rank anew is a matrix product and many passes
over memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import product

import numpy as np
from numpy.typing import NDArray

from lowrank.color import Array, Color, from_planes, mixing, to_planes
from lowrank.parallel import Progress, in_order
from lowrank.svd import SVD

#: Pixels of a tile, at most: few enough for the caches and for BLAS to start no threads, enough to hide Python.
_TILE = 65536

#: Columns of a tile, at most: what BLAS adds up in one go, in one thread.
_WIDTH = 4096


def measured_psnr(
    image: Array,
    svd: SVD,
    *,
    color: Color = "gray",
    progress: Progress | None = None,
    threads: int = 1,
) -> NDArray[np.float64]:
    """Measure the PSNR of the picture as shown at every rank.

    Parameters
    ----------
    image : ndarray, shape (h, w) or (h, w, 3)
        Values in [0, 1].
    svd : SVD
        Of ``to_planes(image, color)``, truncated or not.
    color : {"gray", "rgb", "ycbcr"}
        The arrangement of planes.
    progress : callable, optional
        Called in this thread with the share done, 0 to 1, after each tile. What it raises ends the measurement.
    threads : int
        How many tiles are worked on at once; the result is the same, bit for bit.

    Returns
    -------
    ndarray of float64, shape (svd.rank,)
        PSNR in dB at ranks 1 to ``svd.rank``; infinite where the shown picture is identical.

    Raises
    ------
    ValueError
        If `svd` is not of this picture's shape.

    Notes
    -----
    The definition is ``metrics.psnr(reference, displayed(from_planes(svd.reconstruct(k), color)))``. Here everything is
    in grey levels and in the precision of the factors, and the components are added one after the other. So at rank k
    the picture is off by at most ``(k + 2) eps sum_i |s_i u_i v_i|`` (three times that for YCbCr, where three planes
    make a channel), as a matrix product may be too, and a pixel can differ from the direct way's, by one level, only
    where it is that close to the middle between two. The two PSNR of a picture are within 1e-4 dB, up to 100 dB.

    Examples
    --------
    >>> import numpy as np
    >>> from lowrank.svd import exact_svd
    >>> picture = np.array([[0.0, 1.0, 1.0], [0.0, 1.0, 1.0], [1.0, 0.0, 0.0]])
    >>> measured_psnr(picture, exact_svd(to_planes(picture))).round(2).tolist()
    [9.54, inf, inf]
    """
    planes = to_planes(image, color)
    if svd.shape != planes.shape:
        raise ValueError(f"the factors are of shape {svd.shape}, the picture's planes of {planes.shape}")
    reference = np.moveaxis(np.atleast_3d(from_planes(planes, color)), 2, 0)
    channels, m, n = reference.shape
    components = [_components(svd, weights) for weights in mixing(color)]
    tiles = list(product(range(channels), _slices(m, max(_TILE // min(n, _WIDTH), 1)), _slices(n, _WIDTH)))

    def measure(tile: tuple[int, slice, slice], _: Progress) -> NDArray[np.float64]:
        channel, rows, columns = tile
        left, right = components[channel]
        return _squared_errors(reference[channel, rows, columns], left[:, rows], right[:, :, columns])

    squared = np.zeros(svd.rank)
    for of_tile in in_order([partial(measure, tile) for tile in tiles], threads, progress):
        squared += of_tile
    with np.errstate(divide="ignore"):
        psnr: NDArray[np.float64] = -10 * np.log10(squared / reference.size)
    return psnr


def _squared_errors(reference: Array, left: Array, right: Array) -> NDArray[np.float64]:
    """Sum the squared errors of one tile at every rank; shapes (m, n), (r, m, d), (r, d, n) -> (r,)."""
    dtype = left.dtype.type
    original = np.multiply(reference, dtype(255), dtype=left.dtype, order="C")
    total = np.zeros(original.shape, left.dtype)
    layer = np.empty_like(total)  # and the shown picture, and its error: as few numbers in the cache as can be
    squared = np.empty((len(left), len(original)), left.dtype)
    for u, v, rows in zip(left, right, squared, strict=True):
        np.matmul(u, v, out=layer)
        np.add(total, layer, out=total)
        np.clip(total, dtype(0), dtype(255), out=layer)
        np.rint(layer, out=layer)
        np.subtract(layer, original, out=layer)
        np.vecdot(layer, layer, out=rows)
    in_levels: NDArray[np.float64] = squared.sum(1, dtype=np.float64)
    return in_levels / 255**2


def _components(svd: SVD, weights: NDArray[np.float64]) -> tuple[Array, Array]:
    """Return what each rank adds to one channel, in grey levels: shapes (r, m, d) and (r, d, n), of d planes."""
    part = weights != 0
    left = svd.U[part] * svd.s[part][:, None, :] * (255 * weights[part])[:, None, None].astype(svd.U.dtype)
    spare = ((0, max(2 - len(left), 0)), (0, 0), (0, 0))  # BLAS is slow at d = 1, so a plane of zeros comes along
    left, right = np.pad(left, spare), np.pad(svd.Vt[part], spare)
    return np.ascontiguousarray(left.transpose(2, 1, 0)), np.ascontiguousarray(right.transpose(1, 0, 2))


def _slices(length: int, at_most: int) -> Iterator[slice]:
    """Cut a length into equal pieces."""
    count = -(-length // at_most)
    edges = [length * i // count for i in range(count + 1)]
    return map(slice, edges, edges[1:])
