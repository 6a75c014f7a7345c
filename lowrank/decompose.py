"""`truncated_svd`: which method for which matrix, decided in one place."""

from __future__ import annotations

from collections.abc import Callable

from lowrank.svd import SVD, as_matrices, checked_rank, exact_svd


def _exact(a: object, rank: int, seed: int) -> SVD:
    return exact_svd(a).truncate(rank)


#: Every method by name: (stack, rank, seed) -> SVD of that rank.
METHODS: dict[str, Callable[[object, int, int], SVD]] = {"exact": _exact}


def truncated_svd(a: object, rank: int | None = None, *, method: str = "auto", seed: int = 0) -> SVD:
    """Return the best rank-k approximation of every matrix of a stack, as factors.

    Parameters
    ----------
    a : array_like, shape (..., m, n)
        Real and finite. float32 is decomposed in float32, everything else in float64.
    rank : int, optional
        How many singular values to keep, 0 to min(m, n); all by default.
    method : str
        ``"auto"`` or a key of `METHODS`.
    seed : int
        For the methods that draw random numbers; the exact one draws none.

    Returns
    -------
    SVD
        The same for the same input and seed, signs included.

    Raises
    ------
    TensorError
        If `a` is empty, not numeric, or not finite.
    RankError
        If `rank` is out of range.
    ValueError
        If `method` is unknown or `a` has fewer than two axes.

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
    name = "exact" if method == "auto" else method
    if name not in METHODS:
        raise ValueError(f"method must be auto or one of {', '.join(METHODS)}, not {method!r}")
    return METHODS[name](matrices, k, seed)
