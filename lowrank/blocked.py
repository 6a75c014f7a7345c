"""Truncated SVD of a matrix that does not fit in memory: passes over slabs of rows, each read, used and let go.

Two methods, as in memory. *Block Krylov* is that of `sketch`, its range on the side of the columns: of a slab ``A_i``
and a block Y both ``A_i Y`` and its share of ``A^T (A Y)`` need the slab once, so a whole turn is one pass. Its blocks
are wide, because a pass over a disk costs more than columns. *Tall and skinny QR* (Demmel, Grigori, Hoemmen and Langou
2012, section 4: sequential, and parallel where Dask runs it) is exact, for a short side of up to some thousands: a
triangle R is carried from slab to slab, and its right singular vectors are those of A.

A slab is what ``a[i:j]`` gives, so a memory map, a Zarr array or an HDF5 data set will do. Of a Dask array the slabs
become tasks, and Dask runs them on whatever scheduler is set: threads, processes or a cluster.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lowrank.errors import RankError
from lowrank.pace import BLOCK
from lowrank.parallel import Progress
from lowrank.rangefinder import RangeTooLargeError, band_weights, find_range
from lowrank.sketch import factors, project, scale, transposed, with_exponent
from lowrank.slabs import Slabs, slabs_of
from lowrank.svd import SVD, Array, check_norm, checked_dtype, exact_svd

#: Bytes that may be taken where nothing else is said.
MEMORY = 2**30
#: Bytes of the largest slab: larger ones are read and multiplied no faster.
LARGEST_SLAB = 2**26
#: Columns of a Krylov block at most. Up to here wider ones save passes and need few columns more (measured).
WIDEST = 128
#: Where memory is scarce blocks become narrow, and many.
NARROWEST = 16
#: Singular values below this share of the norm are rounding: it makes some of up to 20 eps where the rank is less.
NOISE = 100 * float(np.finfo(np.float64).eps)
#: A Krylov range of more than this share of the shorter side takes longer than QR, where there is memory for that.
LARGEST_SHARE = 0.5


class Plan(NamedTuple):
    """How to go through a matrix within the memory allowed."""

    rows: int  #: of a slab
    width: int = 0  #: columns of a Krylov block; 0 for QR
    room: int = 0  #: columns of the widest Krylov range


def blocked_svd(
    a: Any,
    k: int,
    *,
    memory: int = MEMORY,
    tol: float = 1e-3,
    seed: int = 0,
    progress: Progress = lambda share: None,
) -> SVD:
    """Decompose one matrix to rank k with one slab of it in memory at a time.

    Parameters
    ----------
    a : array, shape (m, n)
        Anything with ``shape``, ``dtype`` and slices ``a[i:j]`` and ``a[:, i:j]``; real and finite, which the first
        pass finds out. float32 is decomposed in float32, everything else slab by slab in float64.
    k : int
        0 to min(m, n).
    memory : int
        Bytes that may be taken beyond `a`. With e bytes for each number, block Krylov needs
        ``e (m + n) (l + max(8 b, 4 k)) + 48 l**2`` for blocks of b columns (`NARROWEST` to `WIDEST`) and a range of l,
        1.2 k + 3 b at least; QR needs ``100 min(m, n)**2 + (8 + 3 e) (m + n) k``; and either a slab of rows, as many
        as columns in a block or in R at least. What is left makes slabs and range larger. Of a Dask array it is the
        calling process that keeps to this, and each running task takes about three slabs.
    tol, seed, progress
        As in `sketch.sketched_svd`.

    Returns
    -------
    SVD
        Of rank k; its `excess` is the estimate that ended the search, or 0 from QR.

    Raises
    ------
    RankError
        If `memory` is not enough.
    TensorError
        If `a` is empty, not numeric, or not finite.

    Examples
    --------
    >>> a = np.add.outer(np.arange(9000.0), np.arange(300.0))  # of rank 2, 21.6 MB
    >>> svd = blocked_svd(a, 2, memory=20_000_000)
    >>> bool(np.allclose(svd.reconstruct(), a)), svd.excess <= 1e-3
    (True, True)
    """
    dtype = checked_dtype(a.shape, a.dtype)
    report = _Report(progress)
    krylov, qr = (plan(a, k, dtype.itemsize, memory) for plan in (_krylov_plan, _qr_plan))
    likely = 1.6 * k + 32 * max(-math.log10(tol), 1.0) + 24  # columns, by and large
    if krylov and not (qr and likely > LARGEST_SHARE * min(a.shape)):
        slabs = slabs_of(a, dtype, krylov.rows, report.within_pass, along_columns=_stored_by_columns(a))
        try:
            return _krylov(slabs, k, krylov, tol, seed, report)
        except RangeTooLargeError:
            if not qr:
                raise RankError(
                    f"The singular values fall so slowly that {_size(memory)} of memory are not enough for rank {k}. "
                    "Allow more memory, or a larger error, or ask for a lower rank."
                ) from None
    if not qr:
        raise RankError(
            f"Rank {k} of this matrix takes more than the {_size(memory)} of memory allowed. "
            "Allow more memory, or ask for a lower rank."
        )
    slabs = slabs_of(a, dtype, qr.rows, report.within_pass, along_columns=a.shape[0] < a.shape[1])
    return _qr(slabs, k, seed, report)


def _krylov_plan(a: Any, k: int, itemsize: int, memory: int) -> Plan | None:
    """The widest blocks for which there is memory."""
    widths = (min(WIDEST, max(BLOCK, 5 * k // 4)), BLOCK, NARROWEST)
    plans = (_krylov_plan_of(min(width, *a.shape), a, k, itemsize, memory) for width in widths)
    return next(filter(None, plans), None)


def _krylov_plan_of(width: int, a: Any, k: int, itemsize: int, memory: int) -> Plan | None:
    """Of what blocks of this width leave, slabs and range take about half each."""
    m, n = a.shape
    row = (m if _stored_by_columns(a) else n) * (a.dtype.itemsize + itemsize)
    rooms = range(width * (math.ceil(1.2 * k / width) + 2), 4 * k + 8 * width + 1)  # columns of the range

    def needed(room: int) -> int:
        return int(itemsize * (m + n) * (room + max(8 * width, 4 * k)) + 48 * room**2)

    spare = memory - needed(rooms[0]) - width * row
    if spare < 0:
        return None
    rows = width + min(LARGEST_SLAB, spare // 2) // row
    return Plan(rows, width, rooms[bisect_right(rooms, memory - rows * row, key=needed) - 1])


def _qr_plan(a: Any, k: int, itemsize: int, memory: int) -> Plan | None:
    """Slabs that are no shorter than the triangle."""
    short, long = sorted(a.shape)
    row = short * (a.dtype.itemsize + itemsize + 24)
    spare = memory - short * row - 100 * short**2 - (8 + 3 * itemsize) * (short + long) * k
    return Plan(short + min(LARGEST_SLAB, spare) // row) if spare >= 0 else None


def _stored_by_columns(a: Any) -> bool:
    return isinstance(a, np.ndarray) and a.flags.f_contiguous and not a.flags.c_contiguous


def _size(count: int) -> str:
    return f"{count / 1e9:.3g} GB" if count >= 1e9 else f"{count / 1e6:.3g} MB"


def _krylov(slabs: Slabs, k: int, plan: Plan, tol: float, seed: int, progress: Progress) -> SVD:
    m, n = slabs.shape
    rng = np.random.default_rng(seed)
    norms, start = slabs.run(_norms_and_bands, band_weights(m, plan.width, rng, slabs.dtype))
    total = _scaled(slabs, norms)
    if k:
        start = np.ldexp(start, -slabs.exponent)
        a = _Transposed(slabs)
        found = find_range(a, start, k, total, tol, rng, progress, room=plan.room, exact=False)
        svd = project(a, found, k, total, rng)
    else:
        svd = SVD(
            np.empty((n, 0), slabs.dtype), np.empty(0, slabs.dtype), np.empty((0, m), slabs.dtype), np.asarray(total)
        )
    return _turned_back(svd, slabs)


def _qr(slabs: Slabs, k: int, seed: int, progress: Progress) -> SVD:
    norms, R = slabs.run(_norms_and_triangle, None, _one_triangle)
    total = _scaled(slabs, norms)
    progress(0.5)
    triangle = exact_svd(np.ldexp(R, -slabs.exponent)).truncate(k)
    progress(0.6)
    V = triangle.Vt.T
    US, _ = slabs.run(_product_in_float64, V)  # A V, whose columns are s long
    s, least = np.linalg.norm(US, axis=0), float(triangle.rest)
    s[s < NOISE * math.sqrt(total)] = 0.0
    svd = factors(V.astype(slabs.dtype), US.astype(slabs.dtype), s, total, least, np.random.default_rng(seed))
    return _turned_back(svd, slabs)


def _scaled(slabs: Slabs, norms: NDArray[np.float64]) -> float:
    """Check the squared norms of the rows; set the slabs' exponent, and return ``||A||_F^2`` of what they are then."""
    total = float(norms.sum())
    check_norm(math.sqrt(total), slabs.dtype)
    slabs.exponent = scale(total)
    return math.ldexp(total, -2 * slabs.exponent)


def _turned_back(svd: SVD, slabs: Slabs) -> SVD:
    """Return A's factors from those of the transpose of what the slabs held."""
    svd = with_exponent(svd, slabs.exponent) if slabs.exponent else svd
    return svd if slabs.along_columns else transposed(svd)


class _Report:
    """Progress that rises within a pass too, so that it may be watched, and cancelled, at every slab."""

    def __init__(self, progress: Progress) -> None:
        self.progress, self.share = progress, 0.0

    def __call__(self, share: float) -> None:
        self.share = max(self.share, share)
        self.progress(self.share)

    def within_pass(self, part: float) -> None:
        """Take a tenth of what is left for a pass: how many there will be is not known."""
        self(self.share + 0.1 * part * (1 - self.share))


class _Transposed:
    """``A^T`` by its products, for a range on the side of A's columns."""

    def __init__(self, slabs: Slabs) -> None:
        m, n = slabs.shape
        self.shape, self.dtype, self.slabs = (n, m), slabs.dtype, slabs
        self._product: Array = np.empty((n, 0), slabs.dtype)

    def across(self, Y: Array) -> Array:
        Z, self._product = self.slabs.run(_both_products, Y)
        return Z

    def back(self, Z: Array, root: NDArray[np.float64]) -> Array:
        """``A^T Z root``, of the pass that gave Z: in float32 too the new directions are as good (measured)."""
        return self._product @ root.astype(Z.dtype)

    def across_in_float64(self, U: NDArray[np.float64]) -> NDArray[np.float64]:
        product: NDArray[np.float64] = self.slabs.run(_product_in_float64, U)[0]
        return product


# -- kernels: (slab, index of its first row, argument) -> rows of one result, term of another --------------------------


def _norms_and_bands(slab: Array, first: int, weights: Array) -> tuple[Array, Array]:
    """Squared norms of the rows, NaN where a number is not finite; weighted sums of the bands of rows, (n, count)."""
    bands = np.zeros((slab.shape[1], len(weights)), slab.dtype)
    width = weights.shape[1]
    with np.errstate(over="ignore", invalid="ignore"):  # the norms tell
        for i in range(first // width, min(-(-(first + len(slab)) // width), len(weights))):
            rows = slice(max(i * width - first, 0), (i + 1) * width - first)
            start = max(first - i * width, 0)
            part = slab[rows]
            bands[:, i] = weights[i, start : start + len(part)] @ part
    return _norms(slab), bands


def _norms_and_triangle(slab: Array, first: int, _: object) -> tuple[Array, Array]:
    """Squared norms of the rows, and R of the slab's QR decomposition."""
    return _norms(slab), _triangle(slab.astype(np.float64, copy=False))


def _one_triangle(one: Array, other: Array) -> Array:
    return _triangle(np.vstack([one, other]))


def _triangle(a: Array) -> Array:
    return np.asarray(np.linalg.qr(a, mode="r"))


def _norms(slab: Array) -> NDArray[np.float64]:
    with np.errstate(over="ignore"):
        norms: NDArray[np.float64] = np.einsum("ij,ij->i", slab, slab, dtype=np.float64)[:, None]
    if not np.isfinite(norms).all():
        norms[~np.isfinite(slab).all(1)] = np.nan
    return norms


def _both_products(slab: Array, first: int, Y: Array) -> tuple[Array, Array]:
    Z = slab @ Y
    return Z, slab.T @ Z


def _product_in_float64(slab: Array, first: int, U: NDArray[np.float64]) -> tuple[Array, Array]:
    rows = max(1, 2**16 // slab.shape[1])  # which stay in the cache while they are float64
    return np.concatenate([slab[i : i + rows].astype(np.float64) @ U for i in range(0, len(slab), rows)]), U[:0]
