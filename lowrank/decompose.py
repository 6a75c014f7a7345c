"""`truncated_svd`: which method for which matrix, decided in one place."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from lowrank.blocked import MEMORY, blocked_svd
from lowrank.parallel import Progress, in_order
from lowrank.rangefinder import RangeTooLargeError
from lowrank.sketch import gram_svd, sketched_svd
from lowrank.slabs import check_outside, outside_memory
from lowrank.svd import SVD, Array, as_matrices, checked_dtype, checked_rank, full_svd, measured, squared_norm, stacked

#: By how much the Frobenius error may exceed the optimum, as a share of it, at every rank up to the one asked for.
TOLERANCES = {
    "preview": 1e-2,  # a first picture while the better one is computed
    "default": 1e-3,  # no eye sees the difference
    "display-exact": 1e-5,  # every pixel is within one grey level of the exact rank-k picture
}


class Request(NamedTuple):
    """What is asked of a method."""

    k: int
    tol: float
    seed: int
    memory: int
    total: float | None = None  #: squared norm of the matrix, where it is known
    flat: bool = False  #: the spectrum may be so flat that float32 tells its squares apart


#: One matrix (m, n), what is asked, progress -> its factors of that rank.
Method = Callable[[Any, Request, Progress], SVD]


def _exact(a: Array, asked: Request, progress: Progress) -> SVD:
    svd = full_svd(a, squared_norm(a) if asked.total is None else asked.total)
    return svd if asked.k == svd.rank else svd.truncate(asked.k)


def _gram(a: Array, asked: Request, progress: Progress) -> SVD:
    k = asked.k
    if k == 0:
        return _exact(a, asked, progress)
    flat = asked.flat and 2 * k <= min(a.shape)  # eigenvalues close to each other lose digits in float32
    svd = gram_svd(a, k, seed=asked.seed, flat=flat, total=asked.total, progress=progress)
    resolved = a.dtype == np.float32 or svd.s[-1] > RESOLVED * svd.s[0]
    return svd if resolved else _exact(a, asked, progress)


def _krylov(a: Array, asked: Request, progress: Progress) -> SVD:
    return _sketched(a, asked, progress, krylov=True)


def _subspace(a: Array, asked: Request, progress: Progress) -> SVD:
    return _sketched(a, asked, progress, krylov=False)


def _sketched(a: Array, asked: Request, progress: Progress, *, krylov: bool) -> SVD:
    k, tol, seed, _, total, _ = asked
    if k == 0:
        return _exact(a, asked, progress)
    try:
        svd = sketched_svd(a, k, tol=tol, seed=seed, krylov=krylov, total=total, progress=progress)
    except RangeTooLargeError as error:
        return _best_exact(a, k)(a, asked._replace(flat=error.flat), progress)
    rest, rounding = float(svd.rest), float(np.finfo(np.float64).eps * svd.total)
    if a.dtype == np.float64 and 16 * rounding < rest < 8 * rounding / tol:  # there is an error, which squares blur
        return _exact(a, asked, progress)
    return svd


def _blocked(a: Any, asked: Request, progress: Progress) -> SVD:
    k, tol, seed, memory, *_ = asked
    m, n = a.shape
    if COPIES * m * n * checked_dtype(a.shape, a.dtype).itemsize <= memory:
        whole = as_matrices(a[...])
        return _chosen(whole, k, tol)(whole, asked, progress)
    return blocked_svd(a, k, memory=memory, tol=tol, seed=seed, progress=progress)


#: Every method by name.
METHODS: dict[str, Method] = {
    "exact": _exact,
    "gram": _gram,
    "krylov": _krylov,
    "subspace": _subspace,
    "blocked": _blocked,
}

#: A matrix of which so many copies fit into the memory allowed is read whole: a full decomposition takes that.
COPIES = 10

#: In float64 the Gram matrix is trusted down to this share of the largest singular value; in float32 always.
RESOLVED = 1e-4

#: Shorter side of nearly square float32 matrices below which gesdd is the faster one.
SMALL = 192


def _best_exact(a: Array, k: int) -> Method:
    """The Gram matrix takes half of gesdd's time or less, but cannot tell the smallest singular values apart.

    Where all are asked for, that is no loss in float32, and a gain for long matrices alone. Squares of float32 take up
    to a third longer by way of it, which is of float64, where they are small or most singular values are asked for. The
    last ones are better for that, so only the small squares go the other way.
    """
    short, long = sorted(a.shape)
    if k == short:
        return _gram if a.dtype == np.float32 and 32 <= short <= long / 2 else _exact
    small = SMALL if a.dtype == np.float32 and long < 1.2 * short else 32
    return _gram if k and short >= small else _exact


def _chosen(a: Array, k: int, tol: float) -> Method:
    """Pick by what was measured on photographs from 64 x 64 to 4000 x 6000 (`benchmarks/speed.py`).

    Block Krylov ends with a range of about 1.5 k columns, and some more for each digit of the tolerance. It is worth it
    up to a share of the shorter side: less for long matrices, whose Gram matrix is relatively cheap, and less in
    float64, where products take twice as long and the Gram matrix does not.
    """
    short, long = sorted(a.shape)
    width = 1.5 * k + 32 * max(-math.log10(tol), 1.0) + 64
    worth = (0.75 if a.dtype == np.float32 else 0.57) - 0.1 * min(long / short - 1, 2.0)
    return _krylov if k and width <= worth * short else _best_exact(a, k)


def truncated_svd(
    a: object,
    rank: int | None = None,
    *,
    method: str = "auto",
    seed: int = 0,
    tol: float = TOLERANCES["default"],
    progress: Progress | None = None,
    threads: int = 1,
    memory: int | None = None,
) -> SVD:
    """Return a rank-k approximation of every matrix of a stack, as factors: the best one, or within `tol` of it.

    Parameters
    ----------
    a : array_like, shape (..., m, n)
        Real and finite. float32 is decomposed in float32, everything else in float64. It need not be in memory: a
        memory map, a Dask array, and any (m, n) with ``shape``, ``dtype`` and slices, as of Zarr or HDF5, will do.
    rank : int, optional
        How many singular values to keep, 0 to min(m, n); all by default.
    method : str
        ``"auto"``, which picks the fastest for the shape, rank and tolerance, or a key of `METHODS`: ``"exact"``
        (LAPACK's gesdd), ``"gram"`` (eigenvalues of the smaller Gram matrix), ``"krylov"`` (block Krylov),
        ``"subspace"`` (randomized subspace iteration) or ``"blocked"`` (passes over slabs of rows; what is not in
        memory always goes this way). Krylov and subspace turn to an exact one where the spectrum is so flat that it is
        faster.
    seed : int
        Of the random numbers that the last three draw.
    tol : float
        By how much the Frobenius error may exceed the optimum, as a share of it, at every rank up to `rank`; see
        `TOLERANCES`. What was reached is in `SVD.excess`; the exact methods reach 0.
    progress : callable, optional
        Called now and then in this thread with the finished share, rising to 1. What it raises ends the computation.
    threads : int
        How many matrices of a stack are decomposed at once; the result is the same, bit for bit. It pays where BLAS is
        kept to one thread.
    memory : int, optional
        Bytes that ``"blocked"`` may take beyond `a` in each thread, `MEMORY` by default; `blocked.blocked_svd` has the
        formulas. Where ten copies of the matrix fit in, it is read whole and decomposed as any other.

    Returns
    -------
    SVD
        The same for the same input, seed and machine, signs included.

    Raises
    ------
    TensorError
        If `a` is empty, not numeric, or not finite.
    RankError
        If `rank` is out of range, or `memory` not enough for it.
    ValueError
        If `method` is unknown, `tol` or `memory` is not positive, or `a` has fewer than two axes.

    Examples
    --------
    >>> import numpy as np
    >>> svd = truncated_svd(np.outer([1.0, 2.0], [3.0, 4.0, 12.0]), 1)
    >>> svd.shape, svd.rank, round(float(svd.s[0]), 9)
    ((2, 3), 1, 29.068883707)
    """
    if method != "auto" and method not in METHODS:
        raise ValueError(f"method must be auto or one of {', '.join(METHODS)}, not {method!r}")
    for name, value in (("tol", tol), ("memory", memory)):
        if value is not None and not value > 0:
            raise ValueError(f"{name} must be positive, not {value!r}")
    matrices: Any = a
    totals = None
    if method in ("auto", "blocked") and outside_memory(a):
        method = "blocked"
        check_outside(a)
    elif method == "blocked":
        matrices = np.asarray(a)
    else:
        matrices, totals = measured(a)
    checked_dtype(matrices.shape, matrices.dtype)
    *stack, m, n = matrices.shape
    k = min(m, n) if rank is None else checked_rank(rank, min(m, n))
    asked = Request(k, tol, seed, MEMORY if memory is None else memory)
    jobs = []
    for i in np.ndindex(*stack):
        plane = matrices[i] if stack else matrices
        chosen = _chosen(plane, k, tol) if method == "auto" else METHODS[method]
        jobs.append(partial(chosen, plane, asked if totals is None else asked._replace(total=float(totals[i]))))
    return stacked(list(in_order(jobs, threads, progress)), matrices.shape[:-2])
