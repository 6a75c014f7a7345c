"""What an adapter's layers hold: spectrum, the rank that is needed for a share of the energy, how flat it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lowrank import spectrum
from lowrank.lora.adapter import LoRA
from lowrank.lora.formats import Adapter

#: Shares of the energy that a table names the needed rank for.
SHARES = (0.5, 0.9, 0.95, 0.99)


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """What one adapted weight holds.

    Attributes
    ----------
    name : str
        Of its module.
    shape : tuple of int
        Of the weight, (m, n).
    r : int
        Rank as it is stored.
    scale : float
        In front of ``B @ A``.
    s : ndarray of float64, shape (min(r, m, n),)
        Singular values of ``scale * B @ A``.
    parameters : int
        Numbers in A and B.
    """

    name: str
    shape: tuple[int, int]
    r: int
    scale: float
    s: NDArray[np.float64]
    parameters: int

    def needed(self, share: float) -> int:
        """Smallest rank that keeps this share of the energy; 0 for a layer of zeros."""
        return spectrum.energy_rank(self.s, share)

    @property
    def stable_rank(self) -> float:
        """As `lowrank.spectrum.stable_rank`."""
        return spectrum.stable_rank(self.s)

    @property
    def effective_rank(self) -> float:
        """As `lowrank.spectrum.effective_rank`."""
        return spectrum.effective_rank(self.s)

    @property
    def norm(self) -> float:
        """Frobenius norm of ``scale * B @ A``."""
        return float(np.linalg.norm(self.s))

    def energy(self, k: int) -> float:
        """Share of the energy that rank k keeps; 1 for a layer of zeros."""
        squares = np.square(self.s)
        total = float(squares.sum())
        return float(squares[:k].sum()) / total if total else 1.0


def layer_of(name: str, pair: LoRA) -> Layer:
    """Inspect one layer: two QR factorisations of its factors, and the singular values of an r x r matrix."""
    return Layer(name, pair.shape, pair.rank, pair.scale, pair.singular_values(), pair.parameters)


def inspect_adapter(adapter: Adapter) -> tuple[Layer, ...]:
    """Inspect every layer of an adapter, in the order of its names."""
    return tuple(layer_of(name, pair) for name, pair in adapter.layers.items())
