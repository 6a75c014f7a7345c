"""What sound factors are: as near to the best as they say, orthonormal, and with the error they say."""

import numpy as np
import pytest
from strategies import orthonormal

from lowrank.svd import singular_values


def of_spectrum(s, m, n, dtype=np.float64, seed=0):
    """m x n with these singular values, and random vectors."""
    rng = np.random.default_rng(seed)
    return ((orthonormal(rng, m, len(s)) * s) @ orthonormal(rng, n, len(s)).T).astype(dtype)


def excess(a, svd, ranks=None):
    """The largest true excess at `ranks` (all), in float64; below float32's resolution nothing counts as error."""
    wide = np.asarray(a, np.float64)
    s = singular_values(wide)
    floor = 200 * float(np.finfo(svd.s.dtype).eps) * float(np.linalg.norm(s))
    worst = 0.0
    for k in range(1, svd.rank + 1) if ranks is None else ranks:
        best = float(np.linalg.norm(s[k:]))
        error = float(np.linalg.norm(wide - np.asarray(svd.truncate(k).reconstruct(), np.float64)))
        worst = max(worst, (error - floor) / max(best, floor) - 1) if floor else worst
    return worst


def assert_sound(a, svd, k):
    """Factors of rank k in the dtype of `a`: orthonormal, sorted, and with the error they say."""
    tolerance = {"f4": 1e-4, "f8": 1e-9}[a.dtype.str[1:]]
    assert (svd.rank, svd.shape) == (k, a.shape)
    assert svd.U.dtype == svd.s.dtype == svd.Vt.dtype == a.dtype
    for basis in (svd.U, svd.Vt.T):
        np.testing.assert_allclose(basis.T @ basis, np.eye(k), atol=tolerance)
    assert (np.diff(svd.s) <= 0).all()
    assert (svd.s >= 0).all()
    error = np.linalg.norm(a.astype(np.float64) - svd.reconstruct()) ** 2
    assert float(svd.rest) == pytest.approx(
        error, rel=1e-3, abs=float(svd.total) * {"f4": 1e-6, "f8": 1e-12}[a.dtype.str[1:]]
    )


def same_bits(one, other):
    for name in ("U", "s", "Vt", "total", "rest"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.excess == other.excess
