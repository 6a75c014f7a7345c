"""Truncated SVD from a small subspace: block Krylov and randomized subspace iteration, and the Gram matrix.

The first two look for an orthonormal ``Q`` whose range holds the leading left singular vectors, and end in the same
projection: the factors of ``Q Q^T A``, the best that the range holds. They differ in what they keep of the blocks
``Y, (A A^T) Y, (A A^T)^2 Y, ...``:

- *randomized subspace iteration* keeps the last, which must be wider than the rank: Halko, Martinsson and Tropp 2011,
  algorithm 4.4, with the projection of algorithm 5.1;
- *block Krylov iteration* keeps all of them, so that narrow ones do: Musco and Musco 2015, algorithm 2, one block at a
  time as in Tropp and Webber 2023 (randomized block Krylov iteration, RBKI).

Photographs decay slowly, and there the Krylov range is better by far for the same number of products.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from lowrank.pace import BLOCK
from lowrank.parallel import Progress
from lowrank.products import InMemory, Products, well_laid
from lowrank.rangefinder import (
    FLAT,
    Range,
    column_bands,
    find_range,
    gaussian,
    gram_of,
    orthonormal,
)
from lowrank.svd import SVD, Array, fixed_signs, squared_norm

#: Columns beyond the rank in the one block of subspace iteration.
OVERSAMPLING = 64
#: A range that would be wider than this share of the shorter side is given up for a full decomposition.
LARGEST_SHARE = 0.75
#: Columns that the Gram matrix takes in at once: the float64 copy stays small.
_COLUMNS = 512
#: Singular values that are computed again in float64: their squares are nearly all of ``||A||_F^2``.
REFINED = 8


def sketched_svd(
    a: Array,
    k: int,
    *,
    tol: float = 1e-3,
    seed: int = 0,
    krylov: bool = True,
    total: float | None = None,
    progress: Progress = lambda share: None,
) -> SVD:
    """Decompose one matrix to rank k from a subspace.

    Parameters
    ----------
    a : ndarray, shape (m, n)
        Finite float32 or float64.
    k : int
        1 to min(m, n).
    tol : float
        By how much the Frobenius error may exceed the optimum, as a share of it, at every rank up to k.
    seed : int
        Of the random numbers.
    krylov : bool
        Keep all blocks, or only the last (subspace iteration).
    total : float, optional
        ``||A||_F^2``, if it is known already.
    progress : callable
        Called with the finished share.

    Returns
    -------
    SVD
        Of rank k, in the dtype of `a`; its `excess` is the estimate that ended the search. In float64 errors below 1e-8
        of the norm are rounding to it, since it squares; and where repeated singular values lie a percent or less above
        a flat rest, it may miss some of them.

    Raises
    ------
    RangeTooLargeError
        If the range would have to be wider than `LARGEST_SHARE` of the shorter side.

    Examples
    --------
    >>> a = np.add.outer(np.arange(400.0), np.arange(300.0))  # of rank 2
    >>> svd = sketched_svd(a, 2)
    >>> bool(np.allclose(svd.reconstruct(), a)), svd.excess <= 1e-3
    (True, True)
    """
    if a.shape[0] > a.shape[1]:  # the basis lies on the shorter side
        return transposed(sketched_svd(a.T, k, tol=tol, seed=seed, krylov=krylov, total=total, progress=progress))
    scaled, exponent, total = _scaled(a, total)
    if exponent:
        svd = sketched_svd(scaled, k, tol=tol, seed=seed, krylov=krylov, progress=progress)
        return with_exponent(svd, exponent)
    a = well_laid(a)
    rng = np.random.default_rng(seed)
    start = column_bands(a, min(BLOCK if krylov else k + OVERSAMPLING, len(a)), rng)
    room = int(LARGEST_SHARE * len(a))
    products = InMemory(a)
    found = find_range(products, start, k, total, tol, rng, progress, room=room, krylov=krylov)
    return project(products, found, k, total, rng)


def gram_svd(
    a: Array,
    k: int,
    *,
    seed: int = 0,
    flat: bool = False,
    total: float | None = None,
    progress: Progress = lambda share: None,
) -> SVD:
    """Decompose one matrix to rank k by way of all eigenvalues of its smaller Gram matrix, in float64.

    The projection onto the whole space. Squaring loses singular values below 1e-8 of the largest; that is less than
    float32 resolves. The vectors of small ones are less orthogonal than those of a bidiagonalization.

    Parameters
    ----------
    a : ndarray, shape (m, n)
        Finite float32 or float64.
    k : int
        1 to min(m, n).
    seed : int
        Of the random vectors that stand in where the matrix has no rank k.
    flat : bool
        Where the k-th singular value is found to be no less than a hundredth of the first, let float32 do for float32,
        and look for k eigenvalues alone: the excess is below 1e-5 there, in less than half the time.
    total : float, optional
        ``||A||_F^2``, if it is known already.
    progress : callable
        Called with the finished share.

    Returns
    -------
    SVD
        Of rank k, in the dtype of `a`.
    """
    if a.shape[0] > a.shape[1]:
        return transposed(gram_svd(a.T, k, seed=seed, flat=flat, total=total, progress=progress))
    scaled, exponent, total = _scaled(a, total)
    if exponent:
        return with_exponent(gram_svd(scaled, k, seed=seed, flat=flat, progress=progress), exponent)
    m, n = a.shape
    if flat and a.dtype == np.float32 and (leading := _leading_in_float32(a, k, total)) is not None:
        V, s = _lengths(InMemory(a), leading, _product_by_scipy(a, leading))
        return factors(leading, V, s, total, 0.0, np.random.default_rng(seed))
    gram = np.zeros((m, m))
    for i in range(0, n, _COLUMNS):
        wide = a[:, i : i + _COLUMNS].astype(np.float64)
        gram += wide @ wide.T
    progress(0.2)
    values, vectors = np.linalg.eigh(gram)
    progress(0.9)
    U = np.ascontiguousarray(vectors[:, : -k - 1 : -1]).astype(a.dtype)
    V, s = _lengths(InMemory(a), U, a.T @ U)
    return factors(U, V, s, total, float(values[:-k].sum()), np.random.default_rng(seed))


def _leading_in_float32(a: Array, k: int, total: float) -> Array | None:
    """Return the k leading left singular vectors, (m, k), or None where the spectrum is too steep for this.

    Squares lose half of the digits: of seven, what lies two decades below the first singular value keeps three, and
    vectors that are mixed with others as long as they are still leave the best error.
    """
    m = len(a)
    gram = _gram_by_scipy(a)
    trace = float(gram.diagonal().sum())
    first = max(float(gram.diagonal().max()), (2 * float(gram.sum()) - trace) / m)  # the largest eigenvalue is no less
    if total - first < k * FLAT**2 * first:  # so the k-th is less than that
        return None
    try:
        values, vectors = scipy.linalg.eigh(
            gram, lower=True, driver="evr", subset_by_index=[m - k, m - 1], overwrite_a=True, check_finite=False
        )
    except np.linalg.LinAlgError:
        return None
    return np.ascontiguousarray(vectors[:, ::-1]) if values[0] >= FLAT**2 * values[-1] else None


def _gram_by_scipy(a: Array) -> Array:
    """Return the lower triangle of ``A A^T`` by the BLAS that is to decompose it: the other's threads would spin."""
    by_rows = a.flags.c_contiguous
    gram: Array = scipy.linalg.blas.ssyrk(1.0, a.T if by_rows else a, trans=by_rows, lower=True)
    return gram


def _product_by_scipy(a: Array, U: Array) -> Array:
    """Return ``A^T U`` by the BLAS that gave U."""
    by_rows = a.flags.c_contiguous
    product: Array = scipy.linalg.blas.sgemm(1.0, a.T if by_rows else a, U, trans_a=not by_rows)
    return product


def project(a: Products, found: Range, k: int, total: float, rng: np.random.Generator) -> SVD:
    """Return the rank-k factors of ``Q Q^T A`` (Halko, Martinsson and Tropp 2011, algorithm 5.1).

    ``A^T Q`` is there already, and the eigenvectors W of its Gram matrix give ``U = Q W`` and ``V s = A^T Q W``.
    """
    W = found.vectors[:, :k].astype(a.dtype)
    U = found.Q @ W
    V, s = _lengths(a, U, (W.T @ found.B.T).T)
    svd = factors(U, V, s, total, float(found.values[k:].sum()), rng)
    return SVD(svd.U, svd.s, svd.Vt, svd.total, svd.rest, found.excess)


def _lengths(a: Products, U: Array, V: Array) -> tuple[Array, NDArray[np.float64]]:
    """Return ``V = A^T U`` and the norms of its columns, the first ones from float64."""
    if a.dtype != np.float32:
        return V, np.linalg.norm(V, axis=0)
    top = U[:, :REFINED].astype(np.float64)
    refined = a.across_in_float64(top / np.linalg.norm(top, axis=0))
    V[:, :REFINED] = refined
    s = np.sqrt(np.einsum("ij,ij->j", V, V, dtype=np.float64))
    s[:REFINED] = np.linalg.norm(refined, axis=0)
    return V, s


def factors(U: Array, V: Array, s: NDArray[np.float64], total: float, least: float, rng: np.random.Generator) -> SVD:
    """Return the factors from ``V = A^T U``, whose columns are s long; the error that remains is at least `least`."""
    order = np.argsort(-s, kind="stable")  # rounding may have changed it
    if (np.diff(order) < 0).any():
        U, V, s = U[:, order], V[:, order], s[order]
    r = int((s > 8 * np.finfo(U.dtype).eps * total**0.5).sum())
    s[r:] = 0.0
    V[:, :r] /= s[:r].astype(U.dtype)
    if r and s[r - 1] < 1e-3 * s[0]:  # the small ones caught rounding of the large ones
        V[:, :r] = _straightened(V[:, :r])
    if r < len(s):  # beyond the rank of the matrix any orthonormal vectors will do
        V[:, r:] = orthonormal(gaussian(rng, len(V), len(s) - r, U.dtype), 0.0, V[:, :r])
    rest = max(total - float(np.square(s).sum()), least, 0.0) if len(s) < min(len(U), len(V)) else 0.0
    U, Vt = fixed_signs(U, V.T)
    return SVD(U, s.astype(U.dtype), Vt, np.asarray(total), np.asarray(rest))


def _straightened(V: Array) -> Array:
    """Make the columns orthonormal, each as near to its own as those before it allow."""
    try:
        L = np.linalg.cholesky(gram_of(V)).astype(np.float64, copy=False)
        if L.diagonal().min() > 1e-5:
            straight: Array = V @ _inverse(L).T.astype(V.dtype)
            return straight if L.diagonal().min() > 0.1 else _straightened(straight)  # which rounding has bent again
    except np.linalg.LinAlgError:
        pass
    Q, R = np.linalg.qr(V)  # which takes columns too that depend on each other
    return np.asarray(Q * np.where(R.diagonal() < 0, -1, 1).astype(V.dtype))


def _inverse(L: NDArray[np.float64]) -> NDArray[np.float64]:
    """Invert a lower triangle by halves: NumPy can only invert a full matrix, which takes three times as long."""
    n = len(L) // 2
    if n < 32:
        return np.asarray(np.linalg.inv(L))
    inverse = np.zeros_like(L)
    inverse[:n, :n], inverse[n:, n:] = _inverse(L[:n, :n]), _inverse(L[n:, n:])
    inverse[n:, :n] = -inverse[n:, n:] @ (L[n:, :n] @ inverse[:n, :n])
    return inverse


def transposed(svd: SVD) -> SVD:
    """Return the factors of ``A^T``."""
    U, Vt = fixed_signs(svd.Vt.T, svd.U.T)
    return SVD(U, svd.s, Vt, svd.total, svd.rest, svd.excess)


def _scaled(a: Array, total: float | None) -> tuple[Array, int, float]:
    """Return a / 2**exponent, the exponent, 0 unless squares would underflow or overflow, and ``||a||_F^2``."""
    total = float(squared_norm(a)) if total is None else total
    exponent = scale(total)
    return (np.ldexp(a, -exponent), exponent, total) if exponent else (a, 0, total)


def scale(total: float) -> int:
    """Return the exponent by which numbers of this squared norm are to be scaled, ``a / 2**exponent``: 0, as a rule."""
    exponent = round(math.log2(total) / 2) if total > 0 else 0
    return exponent if abs(exponent) > 30 else 0


def with_exponent(svd: SVD, exponent: int) -> SVD:
    """Return the factors of ``2**exponent A``."""
    s, total, rest = np.ldexp(svd.s, exponent), np.ldexp(svd.total, 2 * exponent), np.ldexp(svd.rest, 2 * exponent)
    return SVD(svd.U, s, svd.Vt, total, rest, svd.excess)
