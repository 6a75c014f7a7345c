"""Raw factors <-> .npz: U, s, Vt and total as plain arrays, for science; a .lrk file is what is small."""

from __future__ import annotations

import io
import math
import zipfile
from typing import Any

import numpy as np

from lowrank.errors import FormatError
from lowrank.svd import SVD

_NAMES = ("U", "s", "Vt", "total")

#: Bytes that the arrays of a file may have together.
MOST = 2**31


def to_npz(svd: SVD) -> bytes:
    """Return the factors as the content of a .npz file.

    Examples
    --------
    >>> from lowrank.decompose import truncated_svd
    >>> svd = truncated_svd(np.diag([3.0, 2.0, 1.0]), 2)
    >>> from_npz(to_npz(svd)).s.tolist()
    [3.0, 2.0]
    """
    stream = io.BytesIO()
    np.savez(stream, U=svd.U, s=svd.s, Vt=svd.Vt, total=svd.total)
    return stream.getvalue()


def from_npz(data: bytes) -> SVD:
    """Read factors that `to_npz` has written.

    Parameters
    ----------
    data : bytes
        Hostile until read: nothing is unpickled, and no more than `MOST` bytes are unpacked.

    Returns
    -------
    SVD

    Raises
    ------
    FormatError
        If it is no such file, or its arrays are no factors that fit together.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MOST:
                raise FormatError(f"The factors in this file are larger than {MOST >> 30} GiB. Store a lower rank.")
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            U, s, Vt, total = (arrays[name] for name in _NAMES)
    except FormatError:
        raise
    except Exception:  # zipfile and NumPy's header parser raise many kinds on hostile bytes
        raise FormatError("This is no .npz file of factors. Open one that has U, s, Vt and total.") from None
    if not _fit(U, s, Vt, total):
        raise FormatError("The arrays in this file are no factors that fit together. Save them again.")
    return SVD(U, s, Vt, total)


def _fit(U: Any, s: Any, Vt: Any, total: Any) -> bool:
    """Whether these are the factors of a stack of matrices: by shape, type and order."""
    kinds = {array.dtype for array in (U, s, Vt)}
    if not kinds <= {np.dtype(np.float32)} and not kinds <= {np.dtype(np.float64)}:
        return False
    if min(U.ndim, Vt.ndim) < 2 or not s.ndim or total.dtype != np.float64:
        return False
    *stack, m, r = U.shape
    fitting = s.shape == (*stack, r) and Vt.shape[:-1] == (*stack, r) and total.shape == tuple(stack)
    if not fitting or r > min(m, Vt.shape[-1]) or not math.prod(U.shape[:-1]) * Vt.shape[-1]:
        return False
    finite = all(np.isfinite(array).all() for array in (U, s, Vt, total))
    return bool(finite and (s >= 0).all() and (np.diff(s) <= 0).all())
