"""The one type: a truncated singular value decomposition of a stack of matrices.

``A = U @ diag(s) @ Vt`` for every matrix of a stack ``(..., m, n)``. A grey picture is a stack of one, a colour
picture a stack of three planes, a plain matrix no stack at all: the leading axes broadcast and nothing here asks.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import lapack

from lowrank.errors import RankError, TensorError

#: How many numbers at a time are float64: they stay in the cache.
_PIECE = 2**17
#: Numbers of a matrix that are so few that the calls would take the most time.
_FEW = 2**13

#: Any real floating dtype.
Array = NDArray[np.floating]

_GESDD = {
    np.dtype(np.float32): (lapack.sgesdd, lapack.sgesdd_lwork),
    np.dtype(np.float64): (lapack.dgesdd, lapack.dgesdd_lwork),
}


def checked_rank(rank: int, highest: int, *, lowest: int = 0) -> int:
    """Return `rank` as an int if it lies in ``lowest..highest``.

    Raises
    ------
    RankError
        If it lies outside, or is no whole number.
    """
    try:
        k = operator.index(rank)
    except TypeError:
        raise RankError(f"The rank must be a whole number from {lowest} to {highest}, not {rank!r}.") from None
    if not lowest <= k <= highest:
        raise RankError(f"Rank {k} is out of reach here. Choose a rank from {lowest} to {highest}.")
    return k


@dataclass(frozen=True, slots=True, eq=False)
class SVD:
    """Rank-r factors of a stack of matrices, with what is needed to know every error.

    Parameters
    ----------
    U : ndarray, shape (..., m, r)
        Left singular vectors, one per column.
    s : ndarray, shape (..., r)
        Singular values, largest first; 0 where `ranks` says that a matrix has no layer.
    Vt : ndarray, shape (..., r, n)
        Right singular vectors, one per row.
    total : ndarray of float64, shape (...)
        ``||A||_F**2`` of each original matrix.
    rest : ndarray of float64, shape (...), optional
        What the factors leave out, ``||A - U s Vt||_F**2``. Where it is not known exactly it follows from the
        others as ``max(total - sum(s**2), 0)``; `truncate` keeps it exact, because that difference cancels: near
        full rank it is no better than ``sqrt(eps) * ||A||``.
    excess : float, optional
        Estimate of how far the Frobenius error lies above the optimum at any rank up to r, as a share of the optimum;
        the largest of the stack. 0 where the factors are exact: ``0.001`` reads "within 0.1 % of optimal". Rounding
        is not part of it: in float32 it counts, in LAPACK's factors too, where the error is a thousandth of the norm.
    ranks : ndarray of int, shape (..., r), optional
        Each matrix's own rank when the stack is cut at k = 1..r. By default that is k for all of them; where ranks are
        allotted (`lowrank.allot`) it is k or less, and the layers in between are zeros that need not be stored.
    error : ndarray of float64, shape (r + 1,), optional
        Squared error, at k = 0..r, of the picture that the stack stands for. By default it is the sum over the
        matrices, as `lowrank.spectrum` adds it up; where planes are not orthogonal, as in YCbCr, it is not.

    Notes
    -----
    The arrays become read-only views: factors are shared between caches, pages and threads.

    Examples
    --------
    >>> import numpy as np
    >>> svd = exact_svd(np.array([[3.0, 0.0], [0.0, 4.0], [0.0, 0.0]]))
    >>> svd.U.shape, svd.s.tolist(), svd.Vt.shape, float(svd.total)
    ((3, 2), [4.0, 3.0], (2, 2), 25.0)
    >>> svd.truncate(1).reconstruct().tolist()
    [[0.0, 0.0], [0.0, 4.0], [0.0, 0.0]]
    """

    U: Array
    s: Array
    Vt: Array
    total: NDArray[np.float64]
    rest: NDArray[np.float64] = None  # type: ignore[assignment]  # always an array once built
    excess: float = 0.0
    ranks: NDArray[np.int64] = None  # type: ignore[assignment]  # always an array once built
    error: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        U, s, Vt = (np.asarray(x).view() for x in (self.U, self.s, self.Vt))
        if U.ndim < 2 or U.shape[:-2] + U.shape[-1:] != s.shape or Vt.shape[:-1] != s.shape:
            raise ValueError(f"factors do not fit together: U {U.shape}, s {s.shape}, Vt {Vt.shape}")
        stack = s.shape[:-1]
        total = _spread(np.asarray(self.total, np.float64), stack)
        if self.rest is not None:
            rest = _spread(np.asarray(self.rest, np.float64), stack)
        elif s.shape[-1] == min(U.shape[-2], Vt.shape[-1]):
            rest = np.zeros(stack)  # full rank: nothing can be left, whatever rounding says
        else:
            rest = np.asarray(np.maximum(total - np.square(s, dtype=np.float64).sum(-1), 0.0))
        ranks = _spread(np.arange(1, s.shape[-1] + 1) if self.ranks is None else self.ranks, s.shape)
        arrays = {"U": U, "s": s, "Vt": Vt, "total": total, "rest": rest, "ranks": ranks}
        if self.error is not None:
            arrays["error"] = _spread(self.error, (s.shape[-1] + 1,))
        for name, value in arrays.items():
            value.flags.writeable = False
            object.__setattr__(self, name, value)

    @property
    def rank(self) -> int:
        """Number of singular values held, r."""
        return int(self.s.shape[-1])

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the original stack, (..., m, n)."""
        return (*self.U.shape[:-1], self.Vt.shape[-1])

    @property
    def full_rank(self) -> int:
        """Highest rank that matrices of this shape can have, min(m, n)."""
        return min(self.shape[-2:])

    @property
    def complete(self) -> bool:
        """Whether every matrix has all of its singular values here."""
        return bool((self.ranks.max(-1, initial=0) == self.full_rank).all())

    @property
    def layers(self) -> NDArray[np.int64]:
        """Number of layers that are stored, over the stack, at k = 0..r; shape (r + 1,)."""
        return np.append(0, self.ranks.sum(tuple(range(self.ranks.ndim - 1))))

    def truncate(self, k: int) -> SVD:
        """Return the best rank-k approximation that these factors hold (Eckart and Young 1936): their first k layers.

        Parameters
        ----------
        k : int
            0 to `rank`.

        Raises
        ------
        RankError
            If `k` is out of range.
        """
        k = checked_rank(k, self.rank)
        tail = np.square(self.s[..., k:], dtype=np.float64).sum(-1)
        error = None if self.error is None else self.error[: k + 1]
        kept = self.U[..., :k], self.s[..., :k], self.Vt[..., :k, :]
        return SVD(*kept, self.total, self.rest + tail, self.excess, self.ranks[..., :k], error)

    def reconstruct(self, k: int | None = None) -> Array:
        """Multiply the first k components out: ``sum(s_i u_i v_i^T for i in 1..k)``.

        Parameters
        ----------
        k : int, optional
            0 to `rank`; all of them by default.

        Returns
        -------
        ndarray, shape (..., m, n)
            In the dtype of the factors.

        Raises
        ------
        RankError
            If `k` is out of range.
        """
        k = self.rank if k is None else checked_rank(k, self.rank)
        return (self.U[..., :k] * self.s[..., None, :k]) @ self.Vt[..., :k, :]

    def layer(self, k: int) -> Array:
        """Return the k-th layer alone, ``s_k u_k v_k^T``, counted from 1.

        Returns
        -------
        ndarray, shape (..., m, n)

        Raises
        ------
        RankError
            If `k` is not in 1..rank.
        """
        i = checked_rank(k, self.rank, lowest=1) - 1
        return self.s[..., i, None, None] * self.U[..., :, i, None] * self.Vt[..., i, None, :]


def _spread(a: ArrayLike, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return a view of `a` in this shape; most have it already, and NumPy would take its time to find that out."""
    array = np.asarray(a)
    return array.view() if array.shape == shape else np.broadcast_to(array, shape)


def as_matrices(a: object) -> Array:
    """Return `a` as a finite float32 or float64 stack ``(..., m, n)``: the door that every matrix comes through.

    float32 stays float32; integers, booleans, float16 and anything else real become float64.

    Raises
    ------
    TensorError
        If it is empty, not numeric, or holds NaN or infinite values.
    ValueError
        If it has fewer than two axes.
    """
    return measured(a)[0]


def measured(a: object) -> tuple[Array, NDArray[np.float64]]:
    """Return what `as_matrices` does, and the squared norms, which are its test: they are finite if the numbers are.

    Raises
    ------
    TensorError, ValueError
        As `as_matrices`.
    """
    array = np.asarray(a)
    array = array.astype(checked_dtype(array.shape, array.dtype), copy=False)
    totals = squared_norm(array)
    with np.errstate(over="ignore"):
        norm = float(np.sqrt(totals.sum()))
    check_norm(norm if math.isfinite(norm) or np.isfinite(array).all() else math.nan, array.dtype)
    return array, totals


def checked_dtype(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.dtype[np.floating]:
    """Return the precision that a stack of matrices of this shape and dtype is decomposed in.

    Raises
    ------
    TensorError, ValueError
        As `as_matrices`, as far as shape and dtype tell.
    """
    if dtype.kind not in "fiub":
        raise TensorError(f"This is not a matrix of real numbers (its type is {dtype}). Convert it first.")
    if len(shape) < 2:
        raise ValueError(f"a matrix or a stack of matrices is needed, not an array of shape {shape}")
    if 0 in shape:
        raise TensorError("The matrix is empty. Give one with at least one row and one column.")
    return np.dtype(np.float32 if dtype == np.float32 else np.float64)


def check_norm(norm: float, dtype: np.dtype[np.floating]) -> None:
    """Refuse a Frobenius norm that is NaN, which stands for numbers that are not finite, or that overflows.

    Raises
    ------
    TensorError
    """
    if math.isnan(norm):
        raise TensorError("The matrix holds NaN or infinite values. Replace them before decomposing.")
    if norm > float(np.finfo(dtype).max):
        raise TensorError("The matrix's numbers are too large: its norm overflows. Scale it down.")


def squared_norm(a: Array) -> NDArray[np.float64]:
    """Squared Frobenius norm of each matrix, in float64; shape (..., m, n) -> (...)."""
    if a.shape[-1] == 1 or a.strides[-2] < a.strides[-1]:  # in the order of memory
        a = np.swapaxes(a, -1, -2)
    *stack, m, n = a.shape
    if n < 64 or m * n < _FEW:  # each row is a call, and so is each step
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(np.einsum("...ij,...ij->...", a, a, dtype=np.float64))
    planes = a.reshape(math.prod(stack), m, n)
    norm = np.zeros(len(planes))
    rows = max(1, _PIECE // n)
    together = max(1, rows // max(m, 1))
    with np.errstate(over="ignore", invalid="ignore"):  # the caller looks at the result
        for i, j in itertools.product(range(0, len(planes), together), range(0, m, rows)):
            wide = planes[i : i + together, j : j + rows].astype(np.float64, copy=False)
            norm[i : i + together] += np.vecdot(wide, wide).sum(-1)
    return norm.reshape(stack)


def exact_svd(a: object) -> SVD:
    """Decompose every matrix of a stack fully with LAPACK's divide and conquer (gesdd).

    Parameters
    ----------
    a : array_like, shape (..., m, n)
        Real and finite. float32 is decomposed in float32, everything else in float64.

    Returns
    -------
    SVD
        Of rank min(m, n); signs as `fixed_signs` sets them.

    Raises
    ------
    TensorError
        If `a` is empty, not numeric, or not finite.

    Notes
    -----
    SciPy's driver works in the precision of the input; NumPy's computes float32 in float64, which takes 2.2 to 2.8
    times as long.
    """
    matrices, totals = measured(a)
    stack = matrices.shape[:-2]
    return stacked([full_svd(matrices[i], totals[i]) for i in np.ndindex(*stack)], stack)


def full_svd(a: Array, total: NDArray[np.float64] | float) -> SVD:
    """Decompose one finite float32 or float64 matrix, (m, n), of known squared norm as `exact_svd` does."""
    U, s, Vt = _gesdd(a)
    sign = _signs(U)
    U *= sign
    Vt *= np.swapaxes(sign, -1, -2)
    return SVD(U, s, Vt, np.asarray(total))


def stacked(svds: Sequence[SVD], stack: tuple[int, ...]) -> SVD:
    """Return the factors, all of one rank, of the matrices of a stack of this shape, in its order, as one."""
    if not stack:
        return svds[0]
    U, s, Vt, total, rest = (
        np.stack([getattr(svd, name) for svd in svds]).reshape(*stack, *getattr(svds[0], name).shape)
        for name in ("U", "s", "Vt", "total", "rest")
    )
    return SVD(U, s, Vt, total, rest, max(svd.excess for svd in svds))


def singular_values(a: object) -> Array:
    """Return all singular values of each matrix, without the vectors; shape (..., m, n) -> (..., min(m, n)).

    Raises
    ------
    TensorError
        As `exact_svd`.
    """
    matrices = as_matrices(a)
    s = np.empty((*matrices.shape[:-2], min(matrices.shape[-2:])), matrices.dtype)
    for i in np.ndindex(s.shape[:-1]):
        s[i] = scipy.linalg.svdvals(matrices[i], check_finite=False)
    return s


def _gesdd(a: Array) -> tuple[Array, Array, Array]:
    """Return U (m, r), s (r,) and Vt (r, n) from LAPACK itself: of 64 x 64, `scipy.linalg.svd` takes a tenth longer."""
    gesdd, room = _GESDD[a.dtype]
    least = np.nextafter(np.float32(room(*a.shape, full_matrices=0)[0]), np.float32(np.inf))  # told in float32, rounded
    U, s, Vt, failed = gesdd(a, full_matrices=0, lwork=int(least))
    if failed:  # divide and conquer may not converge; QR iteration is slower and does
        return scipy.linalg.svd(a, full_matrices=False, check_finite=False, lapack_driver="gesvd")
    return U, s, Vt


def fixed_signs(U: Array, Vt: Array) -> tuple[Array, Array]:
    """Flip pairs of singular vectors so that the entry of u_i with the largest magnitude is positive.

    A singular vector's sign is free, and drivers and thread counts choose differently; with it fixed, factors
    can be compared and files are the same every time.

    Parameters
    ----------
    U, Vt : ndarray, shapes (..., m, r) and (..., r, n)

    Returns
    -------
    U, Vt : ndarray
        New arrays of the same shapes and product.
    """
    sign = _signs(U)
    return U * sign, Vt * np.swapaxes(sign, -1, -2)


def _signs(U: Array) -> Array:
    """Return 1, or -1 where the entry with the largest magnitude is negative, for each column; shape (..., 1, r)."""
    largest = U.max(-2, keepdims=True) + U.min(-2, keepdims=True)  # has the sign, and takes no copy to find
    if not largest.all():  # of two that are as large the first one counts
        largest = np.where(largest, largest, np.take_along_axis(U, np.abs(U).argmax(-2, keepdims=True), -2))
    signs: Array = np.where(largest < 0, U.dtype.type(-1), U.dtype.type(1))
    return signs
