"""From the singular values alone, at every rank: squared error, relative error, energy, PSNR; and how flat they are.

By Eckart and Young (1936) the best rank-k approximation leaves out exactly the tail of the spectrum, so no pixel is
needed: ``||A - A_k||_F**2 = rest + sum(s[k:]**2)``. The sum runs in float64 from the small end. (Subtracting the head
from the total instead cancels, and went negative in float32.)

Every function of an `SVD` returns index k = 0..r along its last axis. A stack counts as one picture: the planes'
errors add up, which is exact for grey and RGB planes. For YCbCr it is not, and factors from `lowrank.allot` bring the
picture's error with them. PSNR and relative error are those before clipping to [0, 1] and rounding to 8 bits; clipping
can only help, rounding can go either way.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from lowrank.svd import SVD

Curve64 = NDArray[np.float64]


def squared_error(svd: SVD) -> Curve64:
    """Return ``||A - A_k||_F**2``, summed over the stack, or what the factors say that it is (`SVD.error`).

    Returns
    -------
    ndarray of float64, shape (r + 1,)
        Index k = 0..r; a sum over the stack never increases.

    Examples
    --------
    >>> import numpy as np
    >>> from lowrank.svd import exact_svd
    >>> squared_error(exact_svd(np.diag([3.0, 2.0, 1.0]))).tolist()
    [14.0, 5.0, 1.0, 0.0]
    """
    if svd.error is not None:
        return svd.error
    squares = np.square(svd.s, dtype=np.float64).reshape(int(np.prod(svd.s.shape[:-1])), svd.rank).sum(0)
    tail = np.append(squares, 0.0)[::-1].cumsum()[::-1]
    error: Curve64 = svd.rest.sum() + tail
    return error


def relative_error(svd: SVD) -> Curve64:
    """Return ``||A - A_k||_F / ||A||_F``, the relative Frobenius error; 0 for a black picture.

    Returns
    -------
    ndarray of float64, shape (r + 1,)
        From 1 at k = 0 down.
    """
    return np.sqrt(_lost_share(svd))


def energy(svd: SVD) -> Curve64:
    """Return the share of ``||A||_F**2`` that rank k keeps; 1 for a black picture.

    Returns
    -------
    ndarray of float64, shape (r + 1,)
        From 0 up; exactly 1 at the end when r is the full rank.

    Notes
    -----
    On a raw photograph this says little: the mean brightness alone is most of it.
    """
    return 1.0 - _lost_share(svd)


def _lost_share(svd: SVD) -> Curve64:
    error = squared_error(svd)
    # measured by the error at k = 0, which is the total as the spectrum adds it up: shares start at exactly 1
    return error / error[0] if error[0] > 0 else np.zeros_like(error)


def psnr(svd: SVD) -> Curve64:
    """Return the peak signal-to-noise ratio in dB for a peak of 1, ``10 log10(1 / MSE)``.

    Returns
    -------
    ndarray of float64, shape (r + 1,)
        Infinite where nothing is lost.
    """
    with np.errstate(divide="ignore"):
        return -10.0 * np.log10(squared_error(svd) / np.prod(svd.shape))


def effective_rank(s: NDArray[np.floating]) -> float:
    """Return the exponential of the entropy of ``s / sum(s)`` (Roy and Vetterli 2007): how many values share the sum.

    It describes a spectrum and compares matrices; it does not choose a rank.

    Parameters
    ----------
    s : ndarray, shape (r,)
        Singular values.

    Returns
    -------
    float
        1 to r; 0 where all are zero.

    Examples
    --------
    >>> round(effective_rank(np.array([2.0, 1.0])), 5)
    1.88988
    """
    values = s.astype(np.float64)
    total = values.sum()
    return float(np.exp(entr(values / total).sum())) if total else 0.0


def stable_rank(s: NDArray[np.floating]) -> float:
    """Return ``sum(s**2) / max(s)**2``, the squared Frobenius norm over the squared spectral norm; 0 for a zero matrix.

    Near 1 one direction outweighs all others. It is no rank to cut at.

    Examples
    --------
    >>> stable_rank(np.array([2.0, 1.0]))
    1.25
    """
    largest = float(s.max(initial=0))
    return float(np.square(s.astype(np.float64) / largest).sum()) if largest else 0.0


def energy_rank(s: NDArray[np.floating], share: float) -> int:
    """Return the smallest k whose ``sum(s[:k]**2)`` is at least this share of all; 0 for a zero matrix.

    Parameters
    ----------
    s : ndarray, shape (r,)
        All singular values, largest first.
    share : float
        0 to 1.

    Examples
    --------
    >>> [energy_rank(np.array([3.0, 2.0, 1.0]), share) for share in (0.5, 0.9, 1.0)]
    [1, 2, 3]
    """
    kept = np.square(s.astype(np.float64)).cumsum()
    if not kept.size or not kept[-1]:
        return 0
    return int(np.searchsorted(kept, share * kept[-1], side="left")) + 1
