"""A matrix as the subspace methods see it: two products with thin blocks.

Where the numbers are, in memory or on a disk, is known here and in `blocked`; the search for a range does not ask.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from lowrank.svd import Array


class Products(Protocol):
    """A matrix A of shape (m, n), by what it does."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """float32 or float64."""

    def across(self, Y: Array) -> Array:
        """Return ``A^T Y``, (n, b)."""

    def back(self, Z: Array, root: NDArray[np.float64]) -> Array:
        """Return ``A Z root``, (m, c), for the Z that `across` returned last."""

    def across_in_float64(self, U: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return ``A^T U``, (n, b), without rounding to float32 on the way."""


#: Bytes of a cache line.
_LINE = 64
#: Below this many bytes it does not matter how far apart the rows are.
_SMALL = 2**22


def well_laid(a: Array) -> Array:
    """Return `a`, (m, n), or a copy that BLAS reads faster: whole rows or columns, an odd number of cache lines apart.

    Where rows are an even number of lines apart, as those of 4000 or 4032 columns in float32, the numbers of a column
    share half of the sets of the first cache or fewer, and OpenBLAS's kernels for AVX-512 take a fourth to a third
    longer to multiply across. Its other kernels do not care, and pay for one copy.
    """
    by_rows = a if abs(a.strides[0]) >= abs(a.strides[1]) else a.T
    apart, step = by_rows.strides
    if step == a.itemsize and apart >= by_rows.shape[1] * step and (a.nbytes < _SMALL or apart % (2 * _LINE)):
        return a
    rows, length = by_rows.shape
    lines = -(-length * a.itemsize // _LINE) | 1
    copy = np.empty((rows, lines * _LINE // a.itemsize), a.dtype)[:, :length]
    copy[...] = by_rows
    return copy if by_rows is a else copy.T


class InMemory(NamedTuple):
    """The products of an array."""

    a: Array

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        m, n = self.a.shape
        return m, n

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """Of the array."""
        return self.a.dtype

    def across(self, Y: Array) -> Array:
        """Return ``A^T Y``, (n, b)."""
        return (Y.T @ self.a).T  # OpenBLAS takes a tenth longer for the other order

    def back(self, Z: Array, root: NDArray[np.float64]) -> Array:
        """Return ``A (Z root)``, (m, c)."""
        return self.a @ (Z @ root.astype(Z.dtype))

    def across_in_float64(self, U: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return ``A^T U``, (n, b), by blocks of rows that stay in the cache while they are float64."""
        product = np.zeros((self.a.shape[1], U.shape[1]))
        rows = max(1, 2**16 // self.a.shape[1])
        for i in range(0, len(self.a), rows):
            product += self.a[i : i + rows].astype(np.float64).T @ U[i : i + rows]
        return product
