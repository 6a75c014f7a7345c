"""`truncated_svd`: which method for which matrix, decided in one place."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from lowrank.parallel import Progress, in_order
from lowrank.sketch import RangeTooLargeError, gram_svd, sketched_svd
from lowrank.svd import SVD, Array, as_matrices, checked_rank, exact_svd

#: By how much the Frobenius error may exceed the optimum, as a share of it, at every rank up to the one asked for.
TOLERANCES = {
    "preview": 1e-2,  # a first picture while the better one is computed
    "default": 1e-3,  # no eye sees the difference
    "display-exact": 1e-5,  # every pixel is within one grey level of the exact rank-k picture
}

#: One matrix (m, n), rank, tolerance, seed, progress -> its factors of that rank.
Method = Callable[[Array, int, float, int, Progress], SVD]


def _exact(a: Array, k: int, tol: float, seed: int, progress: Progress) -> SVD:
    return exact_svd(a).truncate(k)


def _gram(a: Array, k: int, tol: float, seed: int, progress: Progress) -> SVD:
    svd = gram_svd(a, k, seed=seed, progress=progress) if k else _exact(a, k, tol, seed, progress)
    resolved = a.dtype == np.float32 or k == 0 or svd.s[-1] > RESOLVED * svd.s[0]
    return svd if resolved else _exact(a, k, tol, seed, progress)


def _krylov(a: Array, k: int, tol: float, seed: int, progress: Progress) -> SVD:
    return _sketched(a, k, tol, seed, progress, krylov=True)


def _subspace(a: Array, k: int, tol: float, seed: int, progress: Progress) -> SVD:
    return _sketched(a, k, tol, seed, progress, krylov=False)


def _sketched(a: Array, k: int, tol: float, seed: int, progress: Progress, *, krylov: bool) -> SVD:
    if k == 0:
        return _exact(a, k, tol, seed, progress)
    try:
        return sketched_svd(a, k, tol=tol, seed=seed, krylov=krylov, progress=progress)
    except RangeTooLargeError:
        return _best_exact(a, k)(a, k, tol, seed, progress)


#: Every method by name.
METHODS: dict[str, Method] = {"exact": _exact, "gram": _gram, "krylov": _krylov, "subspace": _subspace}

#: In float64 the Gram matrix is trusted down to this share of the largest singular value; in float32 always.
RESOLVED = 1e-4


def _best_exact(a: Array, k: int) -> Method:
    """The Gram matrix takes half of gesdd's time or less, but cannot tell the smallest singular values apart."""
    return _exact if k in (0, min(a.shape)) or min(a.shape) < 32 else _gram


def _chosen(a: Array, k: int, tol: float) -> Method:
    """Pick by what was measured on photographs from 64 x 64 to 4000 x 6000 (`benchmarks/speed.py`).

    Block Krylov ends with a range of about 1.6 k columns, and some more for each digit of the tolerance. It is worth it
    up to a share of the shorter side: less for long matrices, whose Gram matrix is relatively cheap, and less in
    float64, where products take twice as long and the Gram matrix does not.
    """
    short, long = sorted(a.shape)
    width = 1.6 * k + 32 * max(-math.log10(tol), 1.0) + 24
    worth = (0.69 if a.dtype == np.float32 else 0.57) - 0.012 * long / short
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
) -> SVD:
    """Return a rank-k approximation of every matrix of a stack, as factors: the best one, or within `tol` of it.

    Parameters
    ----------
    a : array_like, shape (..., m, n)
        Real and finite. float32 is decomposed in float32, everything else in float64.
    rank : int, optional
        How many singular values to keep, 0 to min(m, n); all by default.
    method : str
        ``"auto"``, which picks the fastest for the shape, rank and tolerance, or a key of `METHODS`: ``"exact"``
        (LAPACK's gesdd), ``"gram"`` (eigenvalues of the smaller Gram matrix), ``"krylov"`` (block Krylov) or
        ``"subspace"`` (randomized subspace iteration). The last two turn to an exact one where the spectrum is so
        flat that it is faster.
    seed : int
        Of the random numbers that the last two draw.
    tol : float
        By how much the Frobenius error may exceed the optimum, as a share of it, at every rank up to `rank`; see
        `TOLERANCES`. What was reached is in `SVD.excess`; the exact methods reach 0.
    progress : callable, optional
        Called now and then in this thread with the finished share, rising to 1. What it raises ends the computation.
    threads : int
        How many matrices of a stack are decomposed at once; the result is the same, bit for bit. It pays where BLAS is
        kept to one thread.

    Returns
    -------
    SVD
        The same for the same input, seed and machine, signs included.

    Raises
    ------
    TensorError
        If `a` is empty, not numeric, or not finite.
    RankError
        If `rank` is out of range.
    ValueError
        If `method` is unknown, `tol` is not positive, or `a` has fewer than two axes.

    Examples
    --------
    >>> import numpy as np
    >>> svd = truncated_svd(np.outer([1.0, 2.0], [3.0, 4.0, 12.0]), 1)
    >>> svd.shape, svd.rank, round(float(svd.s[0]), 9)
    ((2, 3), 1, 29.068883707)
    """
    matrices = as_matrices(a)
    highest = min(matrices.shape[-2:])
    k = highest if rank is None else checked_rank(rank, highest)
    if method != "auto" and method not in METHODS:
        raise ValueError(f"method must be auto or one of {', '.join(METHODS)}, not {method!r}")
    if not tol > 0:
        raise ValueError(f"tol must be positive, not {tol!r}")
    stack = matrices.shape[:-2]
    planes = matrices.reshape(-1, *matrices.shape[-2:])
    jobs = []
    for plane in planes:
        chosen = _chosen(plane, k, tol) if method == "auto" else METHODS[method]
        jobs.append(partial(chosen, plane, k, tol, seed))
    found = list(in_order(jobs, threads, progress))
    if not stack:
        return found[0]
    U, s, Vt, total, rest = (
        np.stack([getattr(svd, name) for svd in found]).reshape(*stack, *getattr(found[0], name).shape)
        for name in ("U", "s", "Vt", "total", "rest")
    )
    return SVD(U, s, Vt, total, rest, max(svd.excess for svd in found))
