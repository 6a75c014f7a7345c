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
