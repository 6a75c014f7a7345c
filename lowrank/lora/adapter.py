"""One adapted weight: ``h = W x + scale * B (A x)``, factored or merged.

The convention is PEFT's: W has m rows (outputs) and n columns (inputs), A is (r, n), B is (m, r), and what is added to
W is ``scale * B @ A``. Sums and products run in float64 here: bfloat16 has 8 bits, and differences need more.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from lowrank.decompose import truncated_svd
from lowrank.errors import RankError, TensorError
from lowrank.svd import SVD, Array, as_matrices, checked_rank, exact_svd, fixed_signs

Array64 = NDArray[np.float64]

#: How the scale follows from alpha and r, by name.
SCALINGS: dict[str, Callable[[float, int], float]] = {
    "alpha / r": lambda alpha, r: alpha / r,  # Hu et al. 2021
    "alpha / sqrt(r)": lambda alpha, r: alpha / math.sqrt(r),  # rsLoRA, Kalajdzievski 2023
}


def scaling(alpha: float, r: int, *, rslora: bool = False) -> float:
    """Return the factor in front of ``B @ A``: ``alpha / r``, or ``alpha / sqrt(r)`` for rsLoRA.

    Raises
    ------
    RankError
        If r is not positive.

    Examples
    --------
    >>> scaling(8, 16), scaling(8, 16, rslora=True)
    (0.5, 2.0)
    """
    if r < 1:
        raise RankError(f"An adapter's rank is 1 or more, not {r}.")
    return SCALINGS["alpha / sqrt(r)" if rslora else "alpha / r"](alpha, r)


@dataclass(frozen=True, slots=True, eq=False)
class LoRA:
    """The two factors that are added to one weight, and their scale.

    Parameters
    ----------
    A : ndarray, shape (r, n)
    B : ndarray, shape (m, r)
    scale : float
        In front of ``B @ A``.
    kernel : tuple of int
        For a convolution, (channels, height, width) that the n columns of A stand for; empty for a linear layer.
    embedding : bool
        Whether W is an embedding, whose weight is the transpose of ``B @ A``.

    Examples
    --------
    >>> import numpy as np
    >>> pair = LoRA(np.array([[3.0, 4.0]]), np.array([[1.0], [0.0], [0.0]]), 2.0)
    >>> pair.shape, pair.rank, pair.parameters, pair.delta()[0].tolist()
    ((3, 2), 1, 5, [6.0, 8.0])
    """

    A: Array
    B: Array
    scale: float = 1.0
    kernel: tuple[int, ...] = ()
    embedding: bool = False

    def __post_init__(self) -> None:
        if self.A.ndim != 2 or self.B.ndim != 2 or len(self.A) != self.B.shape[1]:
            raise ValueError(f"factors do not fit together: A {self.A.shape}, B {self.B.shape}")

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the weight, (m, n)."""
        return len(self.B), self.A.shape[1]

    @property
    def rank(self) -> int:
        """Rows of A, r: what it was given, whether it uses them or not."""
        return len(self.A)

    @property
    def parameters(self) -> int:
        """Numbers in A and B."""
        return self.A.size + self.B.size

    def delta(self) -> Array64:
        """Multiply out what is added to W, ``scale * B @ A``; shape (m, n)."""
        product: Array64 = self.B.astype(np.float64) @ self.A.astype(np.float64)
        return self.scale * product

    def forward(self, x: Array, W: Array) -> Array:
        """Return ``W x + scale * B (A x)`` without ever forming ``B @ A``; x has a sample in each row, (..., n)."""
        return x @ W.T + self.scale * (x @ self.A.T) @ self.B.T

    def merged(self, W: Array) -> Array:
        """Return ``W + scale * B @ A``, rounded to W's type."""
        return (W.astype(np.float64) + self.delta()).astype(W.dtype)

    def unmerged(self, W: Array) -> Array:
        """Return ``W - scale * B @ A``, rounded to W's type: not what was merged, to the last bit (`merge_loss`)."""
        return (W.astype(np.float64) - self.delta()).astype(W.dtype)

    def core(self) -> tuple[Array, Array, Array]:
        """Return orthonormal Q_B (m, q), Q_A (n, q') and the small C with ``scale * B @ A = Q_B @ C @ Q_A.T``.

        Raises
        ------
        TensorError
            If C, or its squared norm, is beyond float64.
        """
        qb, rb = _qr(self.B)
        qa, ra = _qr(self.A.T)
        return qb, qa, self._core(rb, ra)

    def _core(self, rb: Array, ra: Array) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):
            core = self.scale * rb @ ra.T
            if not np.isfinite(np.square(core).sum()):
                raise TensorError("The factors are too large: their product is beyond float64. Scale them down.")
        return core

    def singular_values(self) -> Array64:
        """Return the singular values of ``scale * B @ A``, all that can differ from zero: min(r, m, n) of them.

        Raises
        ------
        TensorError
            As `core`.
        """
        (rb,), (ra,) = (scipy.linalg.qr(_double(x), mode="r", check_finite=False) for x in (self.B, self.A.T))
        core = self._core(rb[: self.rank], ra[: self.rank])
        s: Array64 = scipy.linalg.svdvals(core, check_finite=False)
        return s

    def svd(self) -> SVD:
        """Decompose ``scale * B @ A`` from its factors: QR of both, then the SVD of an r x r matrix.

        The product itself, m x n, is never formed: for 2048 x 2048 at r = 128 that is a hundred times faster, and equal
        to the full SVD to rounding.

        Returns
        -------
        SVD
            Of rank min(r, m, n), in float64.
        """
        qb, qa, core = self.core()
        inner = exact_svd(core)
        U, Vt = fixed_signs(qb @ inner.U, inner.Vt @ qa.T)
        return SVD(U, inner.s, Vt, inner.total, rest=np.zeros(()))

    def numerical_rank(self) -> int:
        """Return the rank of ``B @ A``, found from the factors.

        The tolerance is `numpy.linalg.matrix_rank`'s, for the precision of the factors. From the merged weight it
        cannot be told: the rounding of ``W + B @ A`` is a matrix of full rank.
        """
        s = self.singular_values()
        precise = min(self.A.dtype, self.B.dtype, key=lambda dtype: dtype.itemsize)
        eps = np.finfo(precise).eps if precise.itemsize >= 4 else np.finfo(np.float32).eps
        return int((s > s.max(initial=0) * max(self.shape) * eps).sum())

    def truncate(self, k: int) -> LoRA:
        """Return the best adapter of rank k (Eckart and Young), of scale 1, the singular values on both sides.

        Where k is more than the factors can hold, min(r, m, n), they are all kept.

        Raises
        ------
        RankError
            If k is below 1.
        """
        k = checked_rank(min(k, self.rank, *self.shape), self.rank, lowest=1)
        A, B = _halves(self.svd().truncate(k))
        return replace(self, A=A, B=B, scale=1.0)

    def padded(self, r: int) -> LoRA:
        """Return the same adapter at a higher rank r, filled up with zeros; scale 1.

        Raises
        ------
        RankError
            If r is below `rank`.
        """
        if r < self.rank:
            raise RankError(f"Rank {r} is too low for a layer of rank {self.rank}. Cut it first, or ask for more.")
        more = r - self.rank
        A, B = self.scaled()
        return replace(self, A=np.pad(A, ((0, more), (0, 0))), B=np.pad(B, ((0, 0), (0, more))), scale=1.0)

    def scaled(self) -> tuple[Array64, Array64]:
        """Return A and B with the scale multiplied in, half of it on each side."""
        half = math.sqrt(abs(self.scale))
        return half * _double(self.A), math.copysign(half, self.scale) * _double(self.B)


def from_svd(svd: SVD) -> LoRA:
    """Return the adapter that adds these factors to a weight: ``B = U sqrt(s)``, ``A = sqrt(s) Vt``, scale 1."""
    A, B = _halves(svd)
    return LoRA(A, B)


def initial(m: int, n: int, r: int, *, alpha: float | None = None, rslora: bool = False, seed: int = 0) -> LoRA:
    """Return an adapter as training starts: A uniform within ``1 / sqrt(n)``, B zero, so that nothing is added yet.

    PEFT's default, which calls it kaiming_uniform with a = sqrt(5); A's standard deviation is ``1 / sqrt(3 n)``.

    Parameters
    ----------
    m, n, r : int
        Outputs, inputs, rank.
    alpha : float, optional
        By default r, which makes the scale 1.

    Raises
    ------
    RankError
        If r is not in 1..min(m, n).

    Examples
    --------
    >>> pair = initial(1600, 1600, 16)
    >>> pair.parameters, float(abs(pair.A).max()) <= 0.025, bool(pair.delta().any())
    (51200, True, False)
    """
    r = checked_rank(r, min(m, n), lowest=1)
    bound = 1 / math.sqrt(n)
    A = np.random.default_rng(seed).uniform(-bound, bound, (r, n)).astype(np.float32)
    return LoRA(A, np.zeros((m, r), np.float32), scaling(r if alpha is None else alpha, r, rslora=rslora))


def merge_loss(pair: LoRA, W: Array) -> tuple[float, float]:
    """Return what merging and unmerging in W's own type costs: the share of weights changed, the largest change.

    In float32 the change is rounding; in half precision a few per cent of the weights come back different. So keep W.
    """
    back = pair.unmerged(pair.merged(W))
    moved = np.abs(back.astype(np.float64) - W.astype(np.float64))
    return float((moved > 0).mean()), float(moved.max(initial=0.0))


def pissa(W: object, r: int, *, scale: float = 1.0) -> tuple[LoRA, Array64]:
    """Split W into its principal part, to be trained, and the rest, to be frozen (PiSSA, Meng et al. 2024).

    ``B = U_r sqrt(s_r / scale)``, ``A = sqrt(s_r / scale) Vt_r``; the base becomes ``W - scale * B @ A``.

    Returns
    -------
    pair : LoRA
    base : ndarray, shape (m, n)
        Its largest singular value is W's number r + 1.

    Raises
    ------
    RankError
        If r is not in 1..min(m, n), or `scale` is not positive.
    TensorError
        If W is no finite matrix.
    """
    weight = as_matrices(W).astype(np.float64, copy=False)
    r = checked_rank(r, min(weight.shape), lowest=1)
    if not scale > 0:
        raise RankError("The scale must be above zero. Give a positive alpha.")
    A, B = _halves(truncated_svd(weight, r, method="exact"))
    pair = LoRA(A / math.sqrt(scale), B / math.sqrt(scale), scale)
    return pair, weight - pair.delta()


def subspace_similarity(left: Array, right: Array) -> float:
    """Return how much two subspaces share, from 0 to 1: ``||U_i^T U_j||_F**2 / min(i, j)`` (Hu et al. 2021, eq. 4).

    Parameters
    ----------
    left, right : ndarray, shapes (n, i) and (n, j)
        Spanned by the columns; they need not be orthonormal. For the right subspace of a LoRA give ``A.T``.

    Examples
    --------
    >>> import numpy as np
    >>> round(subspace_similarity(np.eye(4)[:, :2], np.eye(4)[:, :3]), 12)
    1.0
    >>> round(subspace_similarity(np.eye(4)[:, :2], np.eye(4)[:, 1:3]), 12)
    0.5
    """
    product = _qr(left)[0].T @ _qr(right)[0]
    return float(np.square(product).sum() / min(product.shape))


def _double(x: Array) -> Array64:
    return x.astype(np.float64)


def _qr(x: Array) -> tuple[Array, Array]:
    q, r = scipy.linalg.qr(_double(x), mode="economic", check_finite=False)
    return q, r


def _halves(svd: SVD) -> tuple[Array, Array]:
    """A and B, each with the square roots of the singular values."""
    half = np.sqrt(svd.s.astype(np.float64))
    return half[:, None] * svd.Vt, svd.U * half
