"""Ranks shared out over the planes of a colour picture: to luma most, to chroma as many as pay.

Most of what is in a photograph is in its luma; Cb and Cr are smoother, and with equal ranks many of their numbers would
describe what is hardly there. So rank k means k layers of luma, and of chroma those that take away at least as much
squared error of the RGB picture, number for number, as the k-th layer of luma does. A layer of any plane stores
m + n + 1 numbers, and layer i of plane p takes away about ``w_p s_{p,i}**2``, where ``w_p`` is the squared norm of the
plane's column in the matrix of `lowrank.color.mixing`.

A chroma layer that gains less than luma's last one never joins, so even the highest rank may leave a little out.

The result is an ordinary `SVD`, arranged: index k of a chroma plane holds the layer that joins at rank k, or a zero
layer where none does. So everything that takes an SVD takes this one; `SVD.ranks` and `SVD.layers` say what is there.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from lowrank.color import Array, Color, mixing, to_planes
from lowrank.decompose import TOLERANCES, truncated_svd
from lowrank.parallel import Progress, in_order
from lowrank.svd import SVD

#: Rows of a picture that are worked on at once, so that a large one needs little memory.
_ROWS = 256


def picture_svd(
    image: Array,
    color: Color = "gray",
    rank: int | None = None,
    *,
    tol: float = TOLERANCES["default"],
    threads: int = 1,
    progress: Progress | None = None,
) -> SVD:
    """Decompose a picture's planes, with equal ranks, or with allotted ones where they are YCbCr.

    Parameters
    ----------
    image : ndarray, shape (h, w) or (h, w, 3)
        Values in [0, 1].
    color : {"gray", "rgb", "ycbcr"}
        The arrangement of planes.
    rank : int, optional
        How many singular values to keep of each plane, 0 to min(h, w); all by default.
    tol, threads, progress
        As `truncated_svd` has them.

    Returns
    -------
    SVD
        Of ``to_planes(image, color)``.

    Raises
    ------
    RankError
        If `rank` is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> light, red = np.random.default_rng(0).random((60, 40)), np.linspace(0.9, 1, 40)
    >>> picture = np.stack([light * red, light, light], axis=2)
    >>> picture_svd(picture, "ycbcr").ranks[:, [0, 19, 39]].tolist()
    [[1, 20, 40], [0, 0, 0], [0, 0, 1]]
    """
    return planes_svd(to_planes(image, color), color, rank, tol=tol, threads=threads, progress=progress)


def planes_svd(
    planes: Array,
    color: Color = "gray",
    rank: int | None = None,
    *,
    tol: float = TOLERANCES["default"],
    threads: int = 1,
    progress: Progress | None = None,
) -> SVD:
    """Decompose planes as `picture_svd` does those of a picture; shape (c, m, n)."""
    svd = truncated_svd(planes, rank, tol=tol, threads=threads, progress=progress)
    return allotted(svd, planes, mixing(color), threads=threads) if color == "ycbcr" else svd


def allotted_ranks(gains: NDArray[np.floating]) -> NDArray[np.int64]:
    """Share ranks out: to the first plane k, to every other one its layers that gain no less than the first's k-th.

    Parameters
    ----------
    gains : ndarray, shape (c, r)
        Squared error that each layer takes away, largest first in each plane.

    Returns
    -------
    ndarray of int, shape (c, r)
        Each plane's rank at k = 1..r. It grows by at most one at a time, so it is never above k; no layer without gain
        is taken but the first plane's.

    Notes
    -----
    Where the limit of one at a time does not bind, no other choice of as many layers gains more: every layer that is
    taken gains at least as much as any that is not.

    Examples
    --------
    >>> allotted_ranks(np.array([[90, 30, 20, 5], [50, 20, 4, 0], [9, 8, 7, 6]])).tolist()
    [[1, 2, 3, 4], [0, 1, 2, 2], [0, 0, 0, 1]]
    """
    luma = gains[0]
    due = np.array([np.searchsorted(-own, -luma, "right").clip(max=np.count_nonzero(own)) for own in gains])
    steps = np.arange(1, len(luma) + 1)
    # at most one at a time: what was due at step j can have grown by k - j until step k
    ranks: NDArray[np.int64] = np.minimum(steps, steps + np.minimum.accumulate(due - steps, axis=1))
    ranks[0] = steps
    return ranks


def allotted(svd: SVD, planes: Array, mix: NDArray[np.float64], *, threads: int = 1) -> SVD:
    """Arrange the layers of a stack so that index k holds what joins at rank k.

    Parameters
    ----------
    svd : SVD
        Of `planes`, every plane with equal rank.
    planes : ndarray, shape (c, m, n)
        Luma first.
    mix : ndarray of float64, shape (channels, c)
        What each plane adds to each channel of the picture: `lowrank.color.mixing`.
    threads : int
        How many parts of the picture are worked on at once; the result is the same, bit for bit.

    Returns
    -------
    SVD
        Of the same shape and rank, with `SVD.ranks`, and the picture's squared error at every rank as `SVD.error`.
    """
    squares = np.square(svd.s, dtype=np.float64)
    ranks = allotted_ranks(np.square(mix).sum(0)[:, None] * squares)
    joins = np.diff(ranks, axis=1, prepend=0) > 0
    U, s, Vt, rest = np.zeros_like(svd.U), np.zeros_like(svd.s), np.zeros_like(svd.Vt), svd.rest.copy()
    for p, at in enumerate(joins):
        count = np.count_nonzero(at)
        U[p][:, at], s[p, at], Vt[p, at] = svd.U[p, :, :count], svd.s[p, :count], svd.Vt[p, :count]
        rest[p] += squares[p, count:].sum()
    error = _squared_errors(U * s[:, None], Vt, joins, planes, mix, threads)
    return SVD(U, s, Vt, svd.total, rest, svd.excess, ranks, error)


def _squared_errors(
    left: Array, right: Array, joins: NDArray[np.bool_], planes: Array, mix: NDArray[np.float64], threads: int
) -> NDArray[np.float64]:
    """Return the picture's squared error at k = 0..r, exactly: errors of planes that are mixed do not just add up.

    What is left out at rank k is the residual R of all layers together and the layers X_j that have not joined yet.
    With ``W = mix^T mix`` its squared norm is ``<R, R> + sum_j (2 <R, X_j> + <X_j, X_j> + 2 sum_{l > j} <X_j, X_l>)``,
    where layers of planes p and q have ``<X_j, X_l> = W_pq (u_j . u_l) (v_j . v_l)``. Summed from the end, as rest and
    tail, it does not cancel.
    """
    W = (mix.T @ mix).astype(planes.dtype)
    step, plane = np.nonzero(joins.T)
    columns, rows = left[plane, :, step], right[plane, step]  # one layer in each row
    products = (columns @ columns.T) * (rows @ rows.T) * W[plane][:, plane]
    own = [(at, columns[at], rows[at]) for at in (plane == p for p in range(len(planes)))]

    def left_out(top: int, _: Progress) -> tuple[float, NDArray[np.float64]]:
        """<R, R> and 2 <R, X_j>, of the rows from `top` on."""
        part = slice(top, top + _ROWS)
        residual = np.stack([a[part] - u[:, part].T @ v for a, (_, u, v) in zip(planes, own, strict=True)])
        mixed = np.tensordot(W, residual, 1)
        seen = np.empty(len(step))
        for (at, u, v), one in zip(own, mixed, strict=True):
            seen[at] = 2 * np.einsum("jn,jn->j", u[:, part] @ one, v, dtype=np.float64)
        return float(np.einsum("pij,pij->", mixed, residual, dtype=np.float64)), seen

    rest, lost = 0.0, products.diagonal() + 2 * np.triu(products, 1).sum(1, dtype=np.float64)
    for residual, seen in in_order([partial(left_out, top) for top in range(0, planes.shape[1], _ROWS)], threads):
        rest += residual
        lost += seen
    tail = np.bincount(step, lost, joins.shape[1])[::-1].cumsum()[::-1]
    return np.maximum(rest + np.append(tail, 0.0), 0.0)
