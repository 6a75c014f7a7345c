"""The search for a range that holds the leading singular vectors, stopped when it is good enough.

How good a range is, is known without the truth: the squared error at rank k is ``||A||_F^2 - S_k``, with ``S_k`` the
sum of the k largest Ritz values (eigenvalues of ``Q^T A A^T Q``). Blocks are added until ``S_k`` stands still. No Ritz
value exceeds its squared singular value (Cauchy), so what ``S_j`` lacks grows with j while the error falls: a bound at
rank k holds at every smaller rank.

``A A^T`` times a block is spanned by the next block and those before: but for rounding, a block is coupled to its two
neighbours alone. That saves a third of what it takes to make them orthogonal, and most of the matrix of Ritz values.

The loop calls only NumPy's BLAS. SciPy's wheel brings a second one, and the spinning threads of two on the same cores
take longer than one thread alone.
"""

from __future__ import annotations

from collections.abc import Sequence
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
#: Share of the first singular value down to which float32 tells those of a Gram matrix apart.
FLAT = 1e-2
#: What a turn gains, as a share of the turn before, is reckoned to be at least this much, by whether all blocks are
#: kept. Subspace iteration gains fast at first and slowly in the end.
LEAST_RATE, HIGHEST_RATE = {True: 0.05, False: 0.5}, 0.99
#: That share falls too, from a Krylov block to the next: on photographs to 0.5 to 0.8 of itself. What is reckoned with
#: where the error is estimated, and where the next look at it is planned.
FALL, LIKELY_FALL = 0.85, 0.75
#: Random share of the weights in the first block.
SPREAD = 0.25
#: Random directions that are searched for what the range misses.
PROBES = 4


class RangeTooLargeError(ArithmeticError):
    """A full decomposition is the shorter way: the range is too wide, or was seen to become so.

    `flat` says that the singular values may all be above `FLAT` times the first.
    """

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
    kept, near, due, share = 0, 0, k + 2 * width if krylov else k, 0.0
    ritz = _Ritz(k, total, tol, floor, krylov)
    while True:
        Y = _new_directions(Y, Q[:, :kept], max(near - width, 0), floor, width, rng)
        size = kept + Y.shape[1]
        if max(size, due - width // 2) > room:
            raise RangeTooLargeError
        Z = a.across(Y)
        Q[:, kept:size], B[:, kept:size] = Y, Z
        gram[near:size, kept:size] = B[:, near:size].T @ Z
        gram[kept:size, near:kept] = gram[near:kept, kept:size].T
        share = max(share, min(0.95, size / max(1.8 * k, size, due)))
        progress(share)
        new, unseen = float(np.trace(gram[kept:size, kept:size])), total - float(np.trace(gram[:size, :size]))
        mean = new / (size - kept)
        if kept and size <= k and mean * (m - size) < steepness * unseen and unseen > resolution * total:
            raise RangeTooLargeError(flat=mean >= FLAT**2 * np.linalg.eigvalsh(gram[:width, :width])[-1])
        missed = Y[:, :0]
        if size >= due or k + width <= size <= room < size + width:
            ritz.look(gram[:size, :size], size - kept)
            if krylov:
                due = size + ritz.turns_left * width
            if ritz.excess <= tol:
                missed = _missed_directions(a, Q[:, :size], float(ritz.values[k - 1]), floor, rng)
                if not missed.size:
                    return Range(Q[:, :size], B[:, :size], ritz.values, ritz.vectors, float(ritz.excess))
                due = size + 2 * width
        Y = a.back(Z, inverse_root(gram[kept:size, kept:size], 0.0))
        if missed.size:  # a Krylov range goes on from them, and from random columns with them
            Y = np.hstack([missed * total**0.5, Y])[:, : missed.shape[1] if krylov else width]
        if krylov:  # what missed directions push out of a block stays coupled to all that follow
            near, kept = near if missed.size else kept, size


class _Ritz:
    """Ritz values and vectors, largest first, and what they tell of the distance to the optimum.

    A turn adds less to the sum of the k largest than the one before, and the share `rate` falls from turn to turn. So
    what is missing is less than the rest of the geometric series, ``gain * (rate + rate^2 + ...)``: 1.2 to 5 times the
    truth, measured on photographs.
    """

    def __init__(self, k: int, total: float, tol: float, floor: float, krylov: bool) -> None:
        self.k, self.total, self.tol, self.floor, self.krylov = k, total, tol, floor, krylov
        self.values, self.vectors = np.empty(0), np.empty((0, 0))
        self.sum, self.gain, self.rate, self.left, self.excess = -np.inf, np.inf, 1.0, total, np.inf

    def look(self, gram: NDArray[np.float64], new: int) -> None:
        """Take in the Gram matrix of a range, with so many new columns."""
        known = len(self.values)
        if known in (0, len(gram)):  # the first, or another of the same size
            values, vectors = np.linalg.eigh(gram)
            self.values, self.vectors = values[::-1], vectors[:, ::-1]
        else:
            self._extend(gram[:known, known:], gram[known:, known:])
        before, self.sum = self.sum, float(self.values[: self.k].sum())
        if self.krylov:  # the range of a turn before is in this one
            gain = self._owed(gram, new)
            earlier = self._owed(gram, 2 * new) - gain
        else:
            gain, earlier = self.sum - before, self.gain
        self.gain = gain if gain > 1e-13 * self.total else 0.0  # which is rounding
        rate = self.gain / earlier if earlier > 0 else np.sign(self.gain)
        self.rate = float(np.clip(rate, LEAST_RATE[self.krylov], HIGHEST_RATE))
        self.left = max(self.total - self.sum, float(self.values[self.k :].sum()), self.floor**2)
        self.excess = self._excesses(FALL if self.krylov else 1.0)[0] if np.isfinite(earlier) else np.inf

    @property
    def turns_left(self) -> int:
        """How many Krylov blocks more it takes, as far as can be told: not at all while they gain more and more."""
        return 1 if self.rate == HIGHEST_RATE else 1 + int(np.count_nonzero(self._excesses(LIKELY_FALL)[1:] > self.tol))

    def _excesses(self, fall: float) -> NDArray[np.float64]:
        """Return by how much the error exceeds the optimum, as a share of it: now, and after each turn to come."""
        gains = self.gain * np.cumprod(self.rate * fall ** np.arange(1, 200))
        return np.asarray(gains[::-1].cumsum()[::-1] / max(2 * self.left, np.finfo(float).tiny))

    def _extend(self, beside: NDArray[np.float64], below: NDArray[np.float64]) -> None:
        """Take new columns and rows in: in terms of the vectors known, the matrix is diagonal but for a border.

        Leading vectors have converged, and have nothing but rounding there: the others are decomposed without them.
        """
        known = len(self.values)
        border = self.vectors.T @ beside
        shortest = 10 * self.floor / self.total**0.5 * np.sqrt(self.values[: self.k].clip(0) * self.values[self.k - 1])
        coupled = np.linalg.norm(border[: self.k], axis=1) > shortest
        p = int(coupled.argmax()) if coupled.any() else self.k
        inner = np.block([[np.diag(self.values[p:]), border[p:]], [border[p:].T, below]])
        values, turned = np.linalg.eigh(inner)
        vectors = np.zeros((known + len(below), known + len(below)))
        vectors[:known, :p] = self.vectors[:, :p]
        vectors[:known, p:] = self.vectors[:, p:] @ turned[: known - p, ::-1]
        vectors[known:, p:] = turned[known - p :, ::-1]
        values = np.append(self.values[:p], values[::-1])
        order = np.argsort(-values, kind="stable")
        self.values, self.vectors = values[order], vectors[:, order]

    def _owed(self, gram: NDArray[np.float64], columns: int) -> float:
        """Return how much the sum of the k largest Ritz values owes to the last columns of the range, or a little more.

        With X the first rows of the k leading vectors and L the last, the range without those columns holds the space
        of X, and the sum over that space is ``tr (X^T X)^-1 X^T G X``. Where ``L L^T = Y diag(1 - nu) Y^T``, the
        difference is the sum of the diagonal of ``Y^T (G_21 X) (Y^T L)^T`` over nu.
        """
        first, last = self.vectors[:-columns, : self.k], self.vectors[-columns:, : self.k]
        share, Y = np.linalg.eigh(last @ last.T)
        turned = Y.T @ last
        coupled = np.einsum("ij,ij->i", Y.T @ (gram[-columns:, :-columns] @ first), turned)
        alone = np.square(turned) @ self.values[: self.k]  # of directions that are in the last columns alone
        nu = 1 - share
        return float(np.where(nu > 1e-8, coupled / np.maximum(nu, 1e-8), alone).sum())


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


def _new_directions(Y: Array, Q: Array, near: int, floor: float, width: int, rng: np.random.Generator) -> Array:
    """Return an orthonormal block, orthogonal to Q too; random columns take the place of those that bring nothing new.

    That is also the restart of a range that multiplication no longer enlarges. Of the columns before `near`, Y holds
    rounding.
    """
    new = orthonormal(Y, floor, Q, first=[Q[:, near:]])
    missing = min(width, Q.shape[0] - Q.shape[1]) - new.shape[1]
    if missing > 0:
        fresh = gaussian(rng, Q.shape[0], missing, Q.dtype)
        new = np.hstack([new, orthonormal(fresh, 0.0, Q, new)])
    return new


def orthonormal(Y: Array, floor: float, *bases: Array, first: Sequence[Array] = ()) -> Array:
    """Orthonormalize what the bases leave of Y: block Gram-Schmidt and Cholesky QR, twice (float32 needs that).

    Directions shorter than `floor` are dropped, and those that shrink again the second time: they are rounding. The
    first time it is enough to clear Y of what it has much of; if that was too little, there is a third.
    """
    for again, some in enumerate((first or bases, bases, bases)):
        found = 0.0
        for Q in some:
            inside = Q.T @ Y
            Y = Y - Q @ inside
            found = max(found, float(np.abs(inside).max(initial=0.0)))
        Y = Y @ inverse_root(gram_of(Y), 0.1 if again else floor).astype(Y.dtype)
        if again and found < 0.5:
            break
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
