"""The search for a range that holds the leading singular vectors, stopped when it is good enough.

How good a range is, its Ritz values tell (`lowrank.ritz`): blocks are added until it is good enough.

``A A^T`` times a block is spanned by the next block and those before: but for rounding, a block is coupled to its two
neighbours alone, as long as no part of an image is left out. That saves a third of what it takes to make blocks
orthogonal, and most of the matrix of Ritz values. (With the first block they are coupled by rounding, where the first
singular value is large.)

The loop calls only NumPy's BLAS. SciPy's wheel brings a second one, and the spinning threads of two on the same cores
take longer than one thread alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lowrank.pace import Pace
from lowrank.parallel import Progress
from lowrank.products import Products
from lowrank.ritz import Ritz
from lowrank.svd import Array

#: Share of the first singular value down to which float32 tells those of a Gram matrix apart.
FLAT = 1e-2
#: Where they are, a full decomposition in float32 is fast: a range of noise may have this part of the room.
ROOM_OF_FLAT = 0.5
#: Random share of the weights in the first block.
SPREAD = 0.25
#: Random directions that are searched for what the range misses.
PROBES = 4
#: How often subspace iteration, whose range does not grow, takes such directions in.
RESTARTS = 3


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
    exact: bool = True,
) -> Range:
    """Return a range that holds the best rank-k approximation of `a`, (m, n), up to `tol`.

    It begins with the columns of Y, and each turn multiplies by ``A^T`` and by ``A`` once and makes the new block
    orthonormal to those kept. A range that would need more than `room` columns ends the search. Where there is an
    `exact` method to turn to, it ends as soon as the energy of the blocks tells.
    """
    m, n = a.shape
    width = Y.shape[1]
    Q, B = np.empty((m, room), a.dtype, "F"), np.empty((n, room), a.dtype, "F")
    gram = np.zeros((room, room))
    resolution = 8 * float(np.finfo(a.dtype).eps)
    floor = resolution * total**0.5  # anything shorter is rounding
    kept, near, share, cut, looks, restarts = 0, 0, 0.0, False, 0, 0
    pace = Pace(m, n, k, width, tol, krylov, exact)
    ritz = Ritz(k, total, tol, floor, krylov)
    # a large singular value that is spread over many columns would drown the others in its rounding
    Y = Y @ np.linalg.eigh(gram_of(Y))[1][:, ::-1].astype(a.dtype)
    while True:
        Y = _new_directions(Y, Q[:, :kept], max(near - width, 0), floor, width, rng)
        size = kept + Y.shape[1]
        if size > room:
            raise RangeTooLargeError
        Z = a.across(Y)
        Q[:, kept:size], B[:, kept:size] = Y, Z
        for rows in (slice(0, min(width, near)), slice(near, size)):
            gram[rows, kept:size] = B[:, rows].T @ B[:, kept:size]
            gram[kept:size, rows] = gram[rows, kept:size].T
        share = max(share, min(0.95, size / max(1.8 * k, size, pace.due)))
        progress(share)
        new, unseen = float(np.trace(gram[kept:size, kept:size])), total - float(np.trace(gram[:size, :size]))
        pace.add(kept, size, new, unseen if unseen > resolution * total else 0.0)
        if exact and pace.noisy and size <= k:
            flat = bool(pace.mean >= FLAT**2 * np.linalg.eigvalsh(gram[:width, :width])[-1])
            if pace.of_noise > room // width * width * (ROOM_OF_FLAT if flat else 1.0):
                raise RangeTooLargeError(flat=flat)
        missed = Y[:, :0]
        if pace.worth_a_look(size) or k + width <= size <= room < size + width:
            ritz.look(gram[:size, :size], size - kept)
            looks += 1
            if ritz.excess <= tol:
                missed = _missed_directions(a, Q[:, :size], float(ritz.values[k - 1]), floor, rng)
                if not missed.size:
                    return Range(Q[:, :size], B[:, :size], ritz.values, ritz.vectors, ritz.excess)
            turns = 2 if missed.size else ritz.turns_left * (looks if krylov else 1)  # what was too soon is so again
            restarts += bool(missed.size)
            hopeless = size + (turns - 0.5 if krylov else turns / 2) * width > room
            if (hopeless and exact) or (restarts > RESTARTS and not krylov):
                raise RangeTooLargeError(flat=bool(ritz.values[k - 1] >= FLAT**2 * ritz.values[0]))
            pace.plan(size + turns * width if krylov else k)
        Y = a.back(Z, _scaling(gram[kept:size, kept:size], resolution))
        if missed.size:  # a Krylov range goes on from them, and from random columns with them
            Y = np.hstack([missed * total**0.5, Y])[:, : missed.shape[1] if krylov else width]
        if krylov:  # a block of whose image a part is left out stays coupled to all that follow
            cut = cut or bool(missed.size)
            near, kept = near if cut else kept, size


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
        gram = (Y.T @ Y).astype(np.float64) if again else gram_of(Y)  # of what is nearly orthonormal, float32 will do
        Y = Y @ inverse_root(gram, 0.1 if again else floor).astype(Y.dtype)
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


def _scaling(gram: NDArray[np.float64], resolution: float) -> NDArray[np.float64]:
    """Return an invertible X that makes ``X^T gram X = I``, but for what is so short that it is rounding.

    That part stays too: a Krylov range has to hold the whole image of a block.
    """
    values, vectors = np.linalg.eigh(gram)
    longest = float(values.max(initial=0.0))
    return np.asarray(vectors / np.sqrt(values.clip(resolution**2 * longest))) if longest > 0 else vectors


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
