"""Slabs of rows of a matrix outside of memory: each is read, given to a kernel, and let go.

A kernel turns a slab ``A_i`` into rows of one result, which are stacked, and a term of another, which are added up:
with ``A_i Y`` and ``A_i^T (A_i Y)`` one pass gives ``A Y`` and ``A^T A Y``. What runs the kernels is a loop, or Dask
where the matrix is a Dask array.
"""

from __future__ import annotations

import mmap
import operator
from collections.abc import Callable
from functools import partial, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Rows of one result, and of the other the sum of what the slabs give.
Results = tuple[NDArray[Any], NDArray[Any]]
#: (slab, index of its first row, argument) -> its part of the results
Kernel = Callable[[Any, int, Any], Results]
#: Adds two terms up.
Combine = Callable[[Any, Any], Any]


def outside_memory(a: object) -> bool:
    """Say whether these numbers are elsewhere: a memory map, a Dask array, or what has shape, dtype and slices."""
    if isinstance(a, np.memmap):
        return True
    if isinstance(a, (np.ndarray, np.generic)) or not all(hasattr(a, x) for x in ("shape", "dtype", "__getitem__")):
        return False
    try:
        np.dtype(a.dtype)  # type: ignore[attr-defined]
    except TypeError:  # a tensor of another library
        return False
    return True


def check_outside(a: Any) -> None:
    """Refuse what cannot be taken slab by slab.

    Raises
    ------
    ValueError
        If the shape is not known, or of a stack that is neither NumPy's nor Dask's.
    """
    if any(side != side for side in a.shape):
        raise ValueError("the shape of this Dask array is not known; call compute_chunk_sizes() first")
    if len(a.shape) > 2 and not isinstance(a, np.ndarray) and not is_dask(a):
        raise ValueError("a stack outside of memory must be a memory map or a Dask array; give its matrices one by one")


def is_dask(a: object) -> bool:
    """Say whether Dask computes this array, without importing Dask."""
    return hasattr(a, "__dask_graph__")


def slabs_of(
    a: Any,
    dtype: np.dtype[np.floating],
    rows: int,
    beat: Callable[[float], object] = lambda part: None,
    *,
    along_columns: bool = False,
) -> Slabs:
    """Return the slabs of `a`, (m, n), with so many `rows` each; of its transpose where they go along its columns."""
    kind = _DaskSlabs if is_dask(a) else Slabs
    return kind(a, dtype, rows, beat, along_columns)


class Slabs:
    """The slabs of a matrix (m, n), read one after the other.

    Parameters
    ----------
    a : array, shape (m, n), or (n, m) where `along_columns`
        With ``shape``, ``dtype`` and slices.
    dtype : float32 or float64
        What each slab is converted to.
    rows : int
        Of a slab; fewer where `a` is stored in chunks, to cut none.
    beat : callable
        Called after each slab with its part of all; what it raises ends the pass.
    along_columns : bool
        Take columns of `a` for rows.
    """

    def __init__(
        self, a: Any, dtype: np.dtype[np.floating], rows: int, beat: Callable[[float], object], along_columns: bool
    ) -> None:
        chunks = getattr(a, "chunks", None)
        chunk = chunks[along_columns] if isinstance(chunks, tuple) else None
        chunk = max(chunk) if isinstance(chunk, tuple) else chunk  # Dask names them all
        self.a, self.dtype, self.beat, self.along_columns = a, dtype, beat, along_columns
        self.shape: tuple[int, int] = a.shape[::-1] if along_columns else a.shape
        self.rows = rows - rows % chunk if isinstance(chunk, int) and 0 < chunk < rows else rows
        #: The matrix is that of `a` over ``2**exponent``.
        self.exponent = 0
        self._map = _file_map(a)

    def run(self, kernel: Kernel, argument: object = None, combine: Combine = operator.add) -> Results:
        """Run a kernel over all slabs.

        Returns
        -------
        rows : ndarray, shape (m, c)
            Of all slabs.
        total : ndarray
            Of all terms, added up from the first slab to the last.
        """
        total = None
        for first in range(0, self.shape[0], self.rows):
            part, term = self._work(kernel)(self._slab(first), first, argument)
            if total is None:
                rows = np.empty((self.shape[0], part.shape[1]), part.dtype)
            rows[first : first + self.rows] = part
            total = term if total is None else combine(total, term)
            if self._map is not None:
                self._map.madvise(mmap.MADV_DONTNEED)  # or its pages would count as ours until someone else needs them
            self.beat(len(part) / self.shape[0])
        assert total is not None  # there is a row
        return rows, total

    def _slab(self, first: int) -> Any:
        rows = slice(first, first + self.rows)
        return self.a[:, rows] if self.along_columns else self.a[rows]

    def _work(self, kernel: Kernel) -> Kernel:
        return partial(_on_numbers, kernel, self.dtype, self.exponent, self.along_columns)


class _DaskSlabs(Slabs):
    """The slabs of a Dask array: each is a task, and the terms are added up two by two."""

    def run(self, kernel: Kernel, argument: object = None, combine: Combine = operator.add) -> Results:
        import dask

        work, add = dask.delayed(self._work(kernel), nout=2), dask.delayed(combine)
        shared = dask.delayed(argument)  # sent once, not with every task
        chunks = (-1, self.rows) if self.along_columns else (self.rows, -1)
        slabs = self.a.rechunk(chunks).to_delayed().ravel()
        parts, terms = zip(*(work(slab, i * self.rows, shared) for i, slab in enumerate(slabs)), strict=True)
        while len(terms) > 1:
            terms = tuple(reduce(add, terms[i : i + 2]) for i in range(0, len(terms), 2))
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"}):  # the argument is meant
            rows, total = dask.compute(parts, terms[0])
        self.beat(1.0)
        return np.concatenate(rows), total


def _on_numbers(
    kernel: Kernel,
    dtype: np.dtype[np.floating],
    exponent: int,
    turned: bool,
    slab: object,
    first: int,
    argument: object,
) -> Results:
    numbers = np.asarray(slab)
    numbers = numbers.T if turned else numbers
    if numbers.dtype != dtype or exponent or not numbers.flags.forc:  # BLAS would copy any other order at every product
        numbers = np.array(numbers, dtype, order="K" if numbers.flags.forc else "C")
    if exponent:
        np.ldexp(numbers, -exponent, out=numbers)
    return kernel(numbers, first, argument)


def _file_map(a: Any) -> mmap.mmap | None:
    """The map under an array whose pages may be let go, because the file holds what they hold."""
    shared = isinstance(a, np.memmap) and a.mode in ("r", "r+", "w+") and hasattr(mmap, "MADV_DONTNEED")
    while shared and isinstance(a, np.ndarray):
        a = a.base
    return a if shared and isinstance(a, mmap.mmap) else None
