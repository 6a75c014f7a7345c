"""The search for a range that holds the leading singular vectors, stopped when it is good enough.

How good a range is, is known without the truth: the squared error at rank k is ``||A||_F^2 - S_k``, with ``S_k`` the
sum of the k largest Ritz values (eigenvalues of ``Q^T A A^T Q``). Blocks are added until ``S_k`` stands still. No Ritz
value exceeds its squared singular value (Cauchy), so what ``S_j`` lacks grows with j while the error falls: a bound at
rank k holds at every smaller rank.

The loop calls only NumPy's BLAS. SciPy's wheel brings a second one, and the spinning threads of two on the same cores
take longer than one thread alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lowrank.parallel import Progress
from lowrank.products import Products
from lowrank.svd import Array

#: Columns of a Krylov block: narrow ones need fewer products, wide ones are multiplied faster.
BLOCK = 48
#: A new direction that holds less than this many times the mean energy of those left shows a flat spectrum. Noise
#: gives 2, photographs 4 and more as long as the range is smaller than the rank.
STEEPNESS = 3.0
#: Of the gains from block to block, what the estimate reckons with at least; by whether all blocks are kept.
LEAST_RATE = {True: 0.05, False: 0.5}
#: Random share of the weights in the first block.
SPREAD = 0.25
#: Random directions that are searched for what the range misses.
PROBES = 4


class RangeTooLargeError(ArithmeticError):
    """A full decomposition is the shorter way: the range is too wide, or was seen to become so on a flat spectrum."""

    def __init__(self, *, flat: bool = False) -> None:
        super().__init__()
        self.flat = flat


class Range(NamedTuple):
    """An orthonormal basis that holds the leading left singular vectors, and what is known of it."""

    Q: Array  #: (m, l), orthonormal columns
    B: Array  #: (n, l), A^T Q
    values: NDArray[np.float64]  #: (l,), eigenvalues of B^T B, largest first
    vectors: NDArray[np.float64]  #: (l, l), its eigenvectors, one per column
    excess: float  #: estimate of ||A - A_k|| / optimum - 1


def find_range(
    a: Products,
    Y: Array,
    k: int,
    total: float,
    tol: float,
    rng: np.random.Generator,
    progress: Progress,
    *,
    room: int,
    krylov: bool = True,
    steepness: float = STEEPNESS,
) -> Range:
    """Return a range that holds the best rank-k approximation of `a`, (m, n), up to `tol`.

    It begins with the columns of Y, and each turn multiplies by ``A^T`` and by ``A`` once and makes the new block
    orthonormal to those kept. A range that would need more than `room` columns, or a spectrum flatter than `steepness`
    allows, ends the search.
    """
    m, n = a.shape
    width = Y.shape[1]
    Q, B, gram = np.empty((m, room), a.dtype), np.empty((n, room), a.dtype), np.zeros((room, room))
    resolution = 8 * float(np.finfo(a.dtype).eps)
    floor = resolution * total**0.5  # anything shorter is rounding
    kept, ritz, share = 0, _RitzSums(k, total, tol, floor, LEAST_RATE[krylov]), 0.0
    while True:
        Y = _new_directions(Y, Q[:, :kept], floor, width, rng)
        size = kept + Y.shape[1]
        if size > room or size + ritz.blocks_left * width / 2 > room:
            raise RangeTooLargeError
        Z = a.across(Y)
        Q[:, kept:size], B[:, kept:size] = Y, Z
        gram[:size, kept:size] = B[:, :size].T @ Z
        gram[kept:size, :kept] = gram[:kept, kept:size].T
        share = max(share, min(0.95, size / max(1.8 * k, size + ritz.blocks_left * width)))
        progress(share)
        new, unseen = float(np.trace(gram[kept:size, kept:size])), total - float(np.trace(gram[:size, :size]))
        flat = kept and size <= k and new / (size - kept) * (m - size) < steepness * unseen
        if flat and unseen > resolution * total:
            raise RangeTooLargeError(flat=True)
        missed = Y[:, :0]
        if size >= 1.2 * k and ritz.settled(gram[:size, :size]):
            values, vectors = ritz.decomposed(gram[:size, :size])
            missed = _missed_directions(a, Q[:, :size], float(values[k - 1]), floor, rng)
            if not missed.size:
                return Range(Q[:, :size], B[:, :size], values, vectors, ritz.excess)
            ritz = _RitzSums(k, total, tol, floor, LEAST_RATE[krylov])
        Y = a.back(Z, inverse_root(gram[kept:size, kept:size], 0.0))
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
    weights = band_weights(n, count, rng, a.dtype)
    bands = a[:, : weights.size].T.reshape(*weights.shape, m).swapaxes(1, 2)
    return np.ascontiguousarray((bands @ weights[..., None])[..., 0].T)


def band_weights(n: int, count: int, rng: np.random.Generator, dtype: np.dtype[np.floating]) -> Array:
    """Return the weights of n columns in `count` bands of equal width, (count, width); a few columns are left over."""
    width = n // count
    weights: Array = (1 + SPREAD * rng.standard_normal((count, width))).astype(dtype) / width
    return weights


def _new_directions(Y: Array, Q: Array, floor: float, width: int, rng: np.random.Generator) -> Array:
    """Return an orthonormal block, orthogonal to Q too; random columns take the place of those that bring nothing new.

    That is also the restart of a range that multiplication no longer enlarges.
    """
    new = orthonormal(Y, floor, Q)
    missing = min(width, Q.shape[0] - Q.shape[1]) - new.shape[1]
    if missing > 0:
        fresh = gaussian(rng, Q.shape[0], missing, Q.dtype)
        new = np.hstack([new, orthonormal(fresh, 0.0, Q, new)])
    return new


def orthonormal(Y: Array, floor: float, *bases: Array) -> Array:
    """Orthonormalize what the bases leave of Y: block Gram-Schmidt and Cholesky QR, twice (float32 needs that).

    Directions shorter than `floor` are dropped, and those that shrink again the second time: they are rounding.
    """
    for shortest in (floor, 0.1):
        for Q in bases:
            Y = Y - Q @ (Q.T @ Y)
        Y = Y @ inverse_root(gram_of(Y), shortest).astype(Y.dtype)
    return Y


def inverse_root(gram: NDArray[np.float64], floor: float) -> NDArray[np.float64]:
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


def _missed_directions(a: Products, Q: Array, smallest: float, floor: float, rng: np.random.Generator) -> Array:
    """Return directions outside of Q that A stretches more than the k-th of those inside; none, as a rule.

    A Krylov range has at most one block's width of vectors of a repeated singular value, and its Ritz values then stand
    still too early. A few random vectors, drawn towards the largest part of what is left by two power steps, tell.
    """
    X = orthonormal(gaussian(rng, Q.shape[0], min(PROBES, Q.shape[0] - Q.shape[1]), Q.dtype), 0.0, Q)
    if not X.size:
        return X
    Z = a.across(X)
    X = orthonormal(a.back(Z, inverse_root(gram_of(Z), floor)), floor, Q)
    values, vectors = np.linalg.eigh(gram_of(a.across(X)))
    return X @ vectors[:, values > 1.1 * max(smallest, floor**2)].astype(X.dtype)


def gram_of(Y: Array) -> NDArray[np.float64]:
    """Return ``Y^T Y`` in float64."""
    wide = Y.astype(np.float64)
    gram: NDArray[np.float64] = wide.T @ wide
    return gram


def gaussian(rng: np.random.Generator, rows: int, columns: int, dtype: np.dtype[np.floating]) -> Array:
    """Return standard normal numbers."""
    return rng.standard_normal((rows, columns)).astype(dtype)
