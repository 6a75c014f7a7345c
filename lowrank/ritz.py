"""What the Ritz values of a range, the eigenvalues of ``Q^T A A^T Q``, tell of how good it is.

The squared error at rank k is ``||A||_F^2 - S_k``, with ``S_k`` the sum of the k largest. No Ritz value exceeds its
squared singular value (Cauchy), so what ``S_j`` lacks grows with j while the error falls: a bound at rank k holds at
every smaller rank. How fast ``S_k`` grows says how much it lacks. For a Krylov range one decomposition tells: what the
last columns have brought can be read off its vectors.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: What a turn gains, as a share of the turn before, is reckoned to be at least this much, by whether all blocks are
#: kept: subspace iteration gains fast at first and slowly in the end.
LEAST_RATE = {True: 0.05, False: 0.5}
#: And at most this much: more is no series that ends.
HIGHEST_RATE = 0.99
#: To what share of itself the rate falls from a Krylov block to the next, where the error is estimated: on photographs
#: it falls to 0.5 to 0.8.
FALL = 0.85
#: The same where the next look at the error is planned.
LIKELY_FALL = 0.75


class Ritz:
    """Ritz values and vectors, largest first, and what they tell of the distance to the optimum.

    A turn adds to the sum of the k largest a share of what the turn before did, the `rate`, and that falls from turn to
    turn, so what is missing is the rest of a series. The estimate is 1.1 to 3 times the truth on most photographs.

    Parameters
    ----------
    k : int
        The rank asked for.
    total : float
        ``||A||_F^2``.
    tol : float
        What the excess is to be at most.
    floor : float
        Singular values below it are rounding.
    krylov : bool
        Whether all blocks are kept, or only the last (subspace iteration).
    """

    def __init__(self, k: int, total: float, tol: float, floor: float, krylov: bool) -> None:
        self.k, self.total, self.tol, self.floor, self.krylov = k, total, tol, floor, krylov
        self.values, self.vectors = np.empty(0), np.empty((0, 0))
        self.sum, self.gain, self.rate, self.left = -np.inf, np.inf, 1.0, total
        self.excess = np.inf  # by how much the error at rank k exceeds the optimum, as a share of it

    def look(self, gram: NDArray[np.float64], new: int) -> None:
        """Take in the Gram matrix of a range, with so many new columns."""
        known = len(self.values)
        if known in (0, len(gram)):  # the first, or another of the same size
            values, vectors = np.linalg.eigh(gram)
            self.values, self.vectors = values[::-1], np.ascontiguousarray(vectors[:, ::-1])
        else:
            self._extend(gram[:known, known:], gram[known:, known:])
        before, self.sum = self.sum, float(self.values[: self.k].sum())
        if self.krylov:  # the range of a turn before is in this one
            gain = self.owed(gram, new)
            earlier = self.owed(gram, 2 * new) - gain
        else:
            gain, earlier = self.sum - before, self.gain
        self.left = max(self.total - self.sum, float(self.values[self.k :].sum()), self.floor**2)
        resolution = self.floor * self.total**0.5
        # what is left of a matrix of low rank is rounding, and so are its gains
        rounding = 0.1 * resolution if self.left <= resolution else 0.0
        rounding = max(rounding, min(resolution, 1e-13 * self.total))
        self.gain = gain if gain > rounding else 0.0
        rate = self.gain / earlier if earlier > 0 else np.sign(self.gain)
        self.rate = float(np.clip(rate, LEAST_RATE[self.krylov], HIGHEST_RATE))
        self.excess = float(self._excesses(FALL if self.krylov else 1.0)[0]) if np.isfinite(earlier) else np.inf

    @property
    def turns_left(self) -> int:
        """How many turns more it takes, as far as can be told: not at all while Krylov blocks gain more and more."""
        if not np.isfinite(self.excess) or (self.krylov and self.rate == HIGHEST_RATE):
            return 1
        return 1 + int(np.count_nonzero(self._excesses(LIKELY_FALL if self.krylov else 1.0)[1:] > self.tol))

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
        theta = self.values[: self.k].clip(0)  # rounding makes some of a matrix of low rank negative
        shortest = 10 * self.floor / self.total**0.5 * np.sqrt(theta * theta[-1])
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

    def owed(self, gram: NDArray[np.float64], columns: int) -> float:
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
