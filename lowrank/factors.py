"""Raw factors <-> .npz: the fields of an `SVD` as plain arrays, for science; a .lrk file is what is small."""

from __future__ import annotations

import io
import math
import zipfile
from typing import Any

import numpy as np

from lowrank.errors import FormatError
from lowrank.svd import SVD

_NAMES = ("U", "s", "Vt", "total")

#: Beside them, where they are in a file: a file without them has what follows from the others.
_MORE = ("rest", "excess", "ranks", "error")

#: How far squared singular values may lie above their total, as a share of it, and how far a vector's length from 1:
#: rounding in float32.
_SUM_SLACK, _LENGTH_SLACK = 1e-5, 1e-3

#: Bytes that the arrays of a file may have together.
MOST = 2**31


def to_npz(svd: SVD) -> bytes:
    """Return the factors as the content of a .npz file, with what they leave out and each matrix's own ranks.

    Examples
    --------
    >>> from lowrank.decompose import truncated_svd
    >>> svd = truncated_svd(np.diag([3.0, 2.0, 1.0]), 2)
    >>> from_npz(to_npz(svd)).s.tolist()
    [3.0, 2.0]
    """
    stream = io.BytesIO()
    fields = {name: getattr(svd, name) for name in (*_NAMES, *_MORE)}
    arrays: dict[str, Any] = {name: np.asarray(value) for name, value in fields.items() if value is not None}
    np.savez(stream, allow_pickle=False, **arrays)
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
            fields = {name: arrays[name] for name in (*_NAMES, *(name for name in _MORE if name in arrays))}
    except FormatError:
        raise
    except Exception:  # zipfile and NumPy's header parser raise many kinds on hostile bytes
        raise FormatError("This is no .npz file of factors. Open one that has U, s, Vt and total.") from None
    # NumPy gives a member that is no array as bytes
    if not all(isinstance(array, np.ndarray) for array in fields.values()) or not _fit(**fields):
        raise FormatError("The arrays in this file are no factors that fit together. Save them again.")
    if "excess" in fields:
        fields["excess"] = float(fields["excess"])
    return SVD(**fields)


def _fit(U: Any, s: Any, Vt: Any, total: Any, **more: Any) -> bool:
    """Whether these are the factors of a stack of matrices: by shape, type, order and size."""
    kinds = {array.dtype for array in (U, s, Vt)}
    if not kinds <= {np.dtype(np.float32)} and not kinds <= {np.dtype(np.float64)}:
        return False
    if min(U.ndim, Vt.ndim) < 2 or not s.ndim or total.dtype != np.float64:
        return False
    *stack, m, r = U.shape
    fitting = s.shape == (*stack, r) and Vt.shape[:-1] == (*stack, r) and total.shape == tuple(stack)
    if not fitting or r > min(m, Vt.shape[-1]) or not math.prod(U.shape[:-1]) * Vt.shape[-1]:
        return False
    if not all(np.isfinite(array).all() for array in (U, s, Vt, total)):
        return False
    with np.errstate(over="ignore"):
        held = np.square(s, dtype=np.float64).sum(-1) * (1 - _SUM_SLACK)
        lengths = (np.square(U, dtype=np.float64).sum(-2), np.square(Vt, dtype=np.float64).sum(-1))
    # a layer that a matrix does not have is zero
    unit = all(((abs(one - 1) < 2 * _LENGTH_SLACK) | ((s == 0) & (one == 0))).all() for one in lengths)
    return bool((s >= 0).all() and unit and (total >= held).all()) and _fit_too(s, total, **more)


def _fit_too(s: Any, total: Any, rest: Any = None, excess: Any = None, ranks: Any = None, error: Any = None) -> bool:
    """Whether what is known beside the factors can be true of them."""
    r = s.shape[-1]
    for array, shape in ((rest, total.shape), (excess, ()), (error, (r + 1,))):
        if array is not None and not (
            array.dtype == np.float64 and array.shape == shape and np.isfinite(array).all() and (array >= 0).all()
        ):
            return False
    if rest is not None and not (rest <= total * (1 + _SUM_SLACK)).all():
        return False
    joins = np.ones(s.shape, bool)  # where a matrix has a layer of its own
    if ranks is not None:
        if ranks.dtype != np.int64 or ranks.shape != s.shape or not np.isin(np.diff(ranks, prepend=0), (0, 1)).all():
            return False
        joins = np.diff(ranks, prepend=0) == 1
    lowest = np.minimum.accumulate(np.where(joins, s, np.inf), -1)
    return bool(np.where(joins, s == lowest, s == 0).all())
