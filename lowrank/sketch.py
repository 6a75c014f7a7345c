"""Truncated SVD from a small subspace: block Krylov and randomized subspace iteration, stopped when good enough.

Both look for an orthonormal ``Q`` whose range holds the leading left singular vectors, and both end in the same
projection: the factors of ``Q Q^T A``, the best that the range holds. They differ in what they keep of the blocks
``Y, (A A^T) Y, (A A^T)^2 Y, ...``:

- *randomized subspace iteration* keeps the last, which must be wider than the rank: Halko, Martinsson and Tropp 2011,
  algorithm 4.4, with the projection of algorithm 5.1;
- *block Krylov iteration* keeps all of them, so that narrow ones do: Musco and Musco 2015, algorithm 2, one block at a
  time as in Tropp and Webber 2023 (randomized block Krylov iteration, RBKI).

Photographs decay slowly, and there the Krylov range is better by far for the same number of products.

How good the factors are is known without the truth: the squared error at rank k is ``||A||_F^2 - S_k``, with ``S_k``
the sum of the k largest Ritz values (eigenvalues of ``Q^T A A^T Q``). Blocks are added until ``S_k`` stands still. No
Ritz value exceeds its squared singular value (Cauchy), so what ``S_j`` lacks grows with j while the error falls: a
bound at rank k holds at every smaller rank.

The loop calls only NumPy's BLAS. SciPy's wheel brings a second one, and the spinning threads of two on the same cores
take longer than one thread alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lowrank.parallel import Progress
from lowrank.svd import SVD, Array, fixed_signs, squared_norm

#: Columns of a Krylov block: narrow ones need fewer products, wide ones are multiplied faster.
BLOCK = 48
#: Columns beyond the rank in the one block of subspace iteration.
OVERSAMPLING = 64
#: A range wider than this share of the shorter side takes longer than a full decomposition.
LARGEST_SHARE = 0.7
#: A new direction that holds less than this many times the mean energy of those left shows a flat spectrum. Noise
#: gives 2, photographs 4 and more as long as the range is smaller than the rank.
STEEPNESS = 3.0
#: Of the gains from block to block, what the estimate reckons with at least; by whether all blocks are kept.
LEAST_RATE = {True: 0.05, False: 0.5}
#: Random share of the weights in the first block.
SPREAD = 0.25
#: Random directions that are searched for what the range misses.
PROBES = 4
#: Columns that the Gram matrix takes in at once: the float64 copy stays small.
_COLUMNS = 512
#: Singular values that are computed again in float64: their squares are nearly all of ``||A||_F^2``.
REFINED = 8


class RangeTooLargeError(ArithmeticError):
    """The spectrum is so flat that a full decomposition is the shorter way."""


class Range(NamedTuple):
    """An orthonormal basis that holds the leading left singular vectors, and what is known of it."""

    Q: Array  #: (m, l), orthonormal columns
    B: Array  #: (n, l), A^T Q
    values: NDArray[np.float64]  #: (l,), eigenvalues of B^T B, largest first
    vectors: NDArray[np.float64]  #: (l, l), its eigenvectors, one per column
    excess: float  #: estimate of ||A - A_k|| / optimum - 1


def sketched_svd(
    a: Array,
    k: int,
    *,
    tol: float = 1e-3,
    seed: int = 0,
    krylov: bool = True,
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
    progress : callable
        Called with the finished share.

    Returns
    -------
    SVD
        Of rank k, in the dtype of `a`; its `excess` is the estimate that ended the search.

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
        return _transposed(sketched_svd(a.T, k, tol=tol, seed=seed, krylov=krylov, progress=progress))
    scaled, exponent, total = _scaled(a)
    if exponent:
        svd = sketched_svd(scaled, k, tol=tol, seed=seed, krylov=krylov, progress=progress)
        return _with_exponent(svd, exponent)
    if not a.flags.forc:
        a = np.ascontiguousarray(a)  # BLAS would copy any other order at every product
    rng = np.random.default_rng(seed)
    return project(a, find_range(a, k, total, tol, rng, krylov, progress), k, total, rng)


def find_range(
    a: Array, k: int, total: float, tol: float, rng: np.random.Generator, krylov: bool, progress: Progress
) -> Range:
    """Return a range that holds the best rank-k approximation of `a`, (m, n) with m <= n, up to `tol`.

    Each turn multiplies by ``A^T`` and by ``A`` once and makes the new block orthonormal to those kept.
    """
    m, n = a.shape
    width = min(BLOCK if krylov else k + OVERSAMPLING, m)
    room = int(LARGEST_SHARE * m)
    Q, B, gram = np.empty((m, room), a.dtype), np.empty((n, room), a.dtype), np.zeros((room, room))
    resolution = 8 * float(np.finfo(a.dtype).eps)
    floor = resolution * total**0.5  # anything shorter is rounding
    Y, kept, ritz, share = column_bands(a, width, rng), 0, _RitzSums(k, total, tol, floor, LEAST_RATE[krylov]), 0.0
    while True:
        Y = _new_directions(Y, Q[:, :kept], floor, width, rng)
        size = kept + Y.shape[1]
        if size > room or size + ritz.blocks_left * width / 2 > room:
            raise RangeTooLargeError
        Z = a.T @ Y
        Q[:, kept:size], B[:, kept:size] = Y, Z
        gram[:size, kept:size] = B[:, :size].T @ Z
        gram[kept:size, :kept] = gram[:kept, kept:size].T
        share = max(share, min(0.95, size / max(1.8 * k, size + ritz.blocks_left * width)))
        progress(share)
        new, unseen = float(np.trace(gram[kept:size, kept:size])), total - float(np.trace(gram[:size, :size]))
        if kept and size <= k and new / (size - kept) < STEEPNESS * unseen / (m - size) and unseen > resolution * total:
            raise RangeTooLargeError
        missed = Y[:, :0]
        if size >= 1.2 * k and ritz.settled(gram[:size, :size]):
            values, vectors = ritz.decomposed(gram[:size, :size])
            missed = _missed_directions(a, Q[:, :size], float(values[k - 1]), floor, rng)
            if not missed.size:
                return Range(Q[:, :size], B[:, :size], values, vectors, ritz.excess)
            ritz = _RitzSums(k, total, tol, floor, LEAST_RATE[krylov])
        Y = a @ (Z @ _inverse_root(gram[kept:size, kept:size], 0.0).astype(a.dtype))
        if missed.size:  # a Krylov range goes on from them, and from random columns with them
            Y = np.hstack([missed * total**0.5, Y])[:, : missed.shape[1] if krylov else width]
        kept = size if krylov else 0


class _RitzSums:
    """Tells from the sums of the k largest Ritz values, block after block, how far from the optimum they are.

    A Krylov block adds less than the one before, and the share `rate` falls from block to block. So what is missing is
    less than the rest of the geometric series, ``gain * (rate + rate^2 + ...)``: 1.2 to 4 times the truth, measured on
    photographs. Subspace iteration gains fast at first and slowly in the end: `least_rate` bounds the rate from below.
    """

    def __init__(self, k: int, total: float, tol: float, floor: float, least_rate: float) -> None:
        self.k, self.total, self.tol, self.floor, self.least_rate = k, total, tol, floor, least_rate
        self.sums: list[float] = []
        self.excess, self.rate = np.inf, 0.25
        self._decomposed: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None

    def settled(self, gram: NDArray[np.float64]) -> bool:
        """Take the next Ritz values in; say whether the excess is within the tolerance now."""
        self._decomposed = None
        likely = self.excess * self.rate <= self.tol  # then the vectors will be needed too, and bring the values
        values = self.decomposed(gram)[0] if likely else np.linalg.eigvalsh(gram)[::-1]
        self.sums.append(float(values[: self.k].sum()))
        if len(self.sums) < 2:
            return False
        gain = self.sums[-1] - self.sums[-2]
        if gain <= 1e-13 * self.total:  # rounding
            gain = 0.0
        if len(self.sums) > 2:
            earlier = self.sums[-2] - self.sums[-3]
            self.rate = min(max(gain / earlier if earlier > 0 else 0.0, self.least_rate), 0.99)
        left = max(self.total - self.sums[-1], float(values[self.k :].sum()), self.floor**2)
        self.excess = gain * self.rate / (1 - self.rate) / (2 * left) if gain else 0.0
        return len(self.sums) > 2 and self.excess <= self.tol

    def decomposed(self, gram: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return all Ritz values, largest first, and their vectors."""
        if self._decomposed is None:
            values, vectors = np.linalg.eigh(gram)
            self._decomposed = values[::-1], vectors[:, ::-1]
        return self._decomposed

    @property
    def blocks_left(self) -> float:
        """How many more blocks it takes if the gains go on falling as they do."""
        if len(self.sums) < 3 or self.excess <= self.tol:
            return 0.0
        return float(np.log(self.tol / self.excess) / np.log(self.rate))


def column_bands(a: Array, count: int, rng: np.random.Generator) -> Array:
    """Return the sums of `count` bands of neighbouring columns: the first block, (m, count).

    In a picture they are nearer to the leading singular vectors than Gaussian combinations, and cost no product. The
    random part of the weights keeps any pattern from cancelling itself.
    """
    m, n = a.shape
    width = n // count
    weights = (1 + SPREAD * rng.standard_normal((count, width, 1))).astype(a.dtype) / width
    bands = a[:, : count * width].T.reshape(count, width, m).swapaxes(1, 2)
    return np.ascontiguousarray((bands @ weights)[..., 0].T)


def _new_directions(Y: Array, Q: Array, floor: float, width: int, rng: np.random.Generator) -> Array:
    """Return an orthonormal block, orthogonal to Q too; random columns take the place of those that bring nothing new.

    That is also the restart of a range that multiplication no longer enlarges.
    """
    new = _orthonormal(Y, Q, floor)
    missing = min(width, Q.shape[0] - Q.shape[1]) - new.shape[1]
    if missing > 0:
        fresh = _gaussian(rng, Q.shape[0], missing, Q.dtype)
        new = np.hstack([new, _orthonormal(fresh, np.hstack([Q, new]), 0.0)])
    return new


def _orthonormal(Y: Array, Q: Array, floor: float) -> Array:
    """Orthonormalize what Q leaves of Y: block Gram-Schmidt and Cholesky QR, twice (once is not enough in float32).

    Directions shorter than `floor` are dropped, and those that shrink again the second time: they are rounding.
    """
    for shortest in (floor, 0.1):
        Y = Y - Q @ (Q.T @ Y)
        Y = Y @ _inverse_root(_gram(Y), shortest).astype(Y.dtype)
    return Y


def _inverse_root(gram: NDArray[np.float64], floor: float) -> NDArray[np.float64]:
    """Return X with ``X^T gram X = I``, from Cholesky or, where directions are lost, from the eigenvalues.

    CholeskyQR2: Yamamoto et al. 2015. The other, SVQB: Stathopoulos and Wu 2002.
    """
    try:
        L = np.linalg.cholesky(gram)
        if L.diagonal().min(initial=np.inf) > max(floor, 1e-5 * L.diagonal().max(initial=0.0)):
            return np.asarray(np.linalg.inv(L).T)
    except np.linalg.LinAlgError:
        pass
    values, vectors = np.linalg.eigh(gram)
    kept = values > max(floor**2, 1e-12 * values.max(initial=0.0))
    return np.asarray(vectors[:, kept] / np.sqrt(values[kept]))


def _missed_directions(a: Array, Q: Array, smallest: float, floor: float, rng: np.random.Generator) -> Array:
    """Return directions outside of Q that A stretches more than the k-th of those inside; none, as a rule.

    A Krylov range has at most one block's width of vectors of a repeated singular value, and its Ritz values then stand
    still too early. A few random vectors, drawn towards the largest part of what is left by two power steps, tell.
    """
    X = _orthonormal(_gaussian(rng, Q.shape[0], min(PROBES, Q.shape[0] - Q.shape[1]), Q.dtype), Q, 0.0)
    Z = a.T @ X
    X = _orthonormal(a @ (Z @ _inverse_root(_gram(Z), floor).astype(Z.dtype)), Q, floor)
    values, vectors = np.linalg.eigh(_gram(a.T @ X))
    return X @ vectors[:, values > 1.1 * max(smallest, floor**2)].astype(X.dtype)


def _gram(Y: Array) -> NDArray[np.float64]:
    wide = Y.astype(np.float64)
    gram: NDArray[np.float64] = wide.T @ wide
    return gram


def _gaussian(rng: np.random.Generator, rows: int, columns: int, dtype: np.dtype[np.floating]) -> Array:
    return rng.standard_normal((rows, columns)).astype(dtype)


def gram_svd(a: Array, k: int, *, seed: int = 0, progress: Progress = lambda share: None) -> SVD:
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
    progress : callable
        Called with the finished share.

    Returns
    -------
    SVD
        Of rank k, in the dtype of `a`.
    """
    if a.shape[0] > a.shape[1]:
        return _transposed(gram_svd(a.T, k, seed=seed, progress=progress))
    scaled, exponent, total = _scaled(a)
    if exponent:
        return _with_exponent(gram_svd(scaled, k, seed=seed, progress=progress), exponent)
    m, n = a.shape
    gram = np.zeros((m, m))
    for i in range(0, n, _COLUMNS):
        wide = a[:, i : i + _COLUMNS].astype(np.float64)
        gram += wide @ wide.T
    progress(0.2)
    values, vectors = np.linalg.eigh(gram)
    progress(0.9)
    U = np.ascontiguousarray(vectors[:, : -k - 1 : -1]).astype(a.dtype)
    return _factors(a, U, a.T @ U, total, float(values[:-k].sum()), np.random.default_rng(seed))


def project(a: Array, found: Range, k: int, total: float, rng: np.random.Generator) -> SVD:
    """Return the rank-k factors of ``Q Q^T A`` (Halko, Martinsson and Tropp 2011, algorithm 5.1).

    ``A^T Q`` is there already, and the eigenvectors W of its Gram matrix give ``U = Q W`` and ``V s = A^T Q W``.
    """
    W = found.vectors[:, :k].astype(a.dtype)
    svd = _factors(a, found.Q @ W, found.B @ W, total, float(found.values[k:].sum()), rng)
    return SVD(svd.U, svd.s, svd.Vt, svd.total, svd.rest, found.excess)


def _factors(a: Array, U: Array, V: Array, total: float, least: float, rng: np.random.Generator) -> SVD:
    """Norm the columns of ``V = A^T U``; the error that remains is at least `least`."""
    if a.dtype == np.float32:
        top = U[:, :REFINED].astype(np.float64)
        refined = _product_in_float64(a, top / np.linalg.norm(top, axis=0))
        V[:, :REFINED] = refined
        s = np.sqrt(np.einsum("ij,ij->j", V, V, dtype=np.float64))
        s[:REFINED] = np.linalg.norm(refined, axis=0)
    else:
        s = np.linalg.norm(V, axis=0)
    order = np.argsort(-s, kind="stable")  # rounding may have changed it
    if (np.diff(order) < 0).any():
        U, V, s = U[:, order], V[:, order], s[order]
    r = int((s > 8 * np.finfo(a.dtype).eps * total**0.5).sum())
    s[r:] = 0.0
    V[:, :r] /= s[:r].astype(a.dtype)
    if r and s[r - 1] < 1e-3 * s[0]:  # the small ones caught rounding of the large ones
        V[:, :r] = _straightened(V[:, :r])
    if r < len(s):  # beyond the rank of the matrix any orthonormal vectors will do
        V[:, r:] = _orthonormal(_gaussian(rng, len(V), len(s) - r, a.dtype), V[:, :r], 0.0)
    rest = max(total - float(np.square(s).sum()), least, 0.0)
    U, Vt = fixed_signs(U, V.T)
    return SVD(U, s.astype(a.dtype), Vt, np.asarray(total), np.asarray(rest))


def _straightened(V: Array) -> Array:
    """Make the columns orthonormal, each as near to its own as those before it allow."""
    try:
        L = np.linalg.cholesky(_gram(V))
        if L.diagonal().min() > 1e-5:
            return np.asarray(V @ np.linalg.inv(L).T.astype(V.dtype))
    except np.linalg.LinAlgError:
        pass
    Q, R = np.linalg.qr(V)  # which takes columns too that depend on each other
    return np.asarray(Q * np.where(R.diagonal() < 0, -1, 1).astype(V.dtype))


def _transposed(svd: SVD) -> SVD:
    U, Vt = fixed_signs(svd.Vt.T, svd.U.T)
    return SVD(U, svd.s, Vt, svd.total, svd.rest, svd.excess)


def _scaled(a: Array) -> tuple[Array, int, float]:
    """Return a / 2**exponent, the exponent, 0 unless squares would underflow or overflow, and ``||a||_F^2``."""
    total = float(squared_norm(a))
    exponent = round(np.log2(total) / 2) if total > 0 else 0
    return (np.ldexp(a, -exponent), exponent, total) if abs(exponent) > 30 else (a, 0, total)


def _with_exponent(svd: SVD, exponent: int) -> SVD:
    s, total, rest = np.ldexp(svd.s, exponent), np.ldexp(svd.total, 2 * exponent), np.ldexp(svd.rest, 2 * exponent)
    return SVD(svd.U, s, svd.Vt, total, rest, svd.excess)


def _product_in_float64(a: Array, U: NDArray[np.float64]) -> NDArray[np.float64]:
    """``A^T U`` by blocks of rows that stay in the cache while they are float64."""
    product = np.zeros((a.shape[1], U.shape[1]))
    rows = max(1, 2**16 // a.shape[1])
    for i in range(0, len(a), rows):
        product += a[i : i + rows].astype(np.float64).T @ U[i : i + rows]
    return product
