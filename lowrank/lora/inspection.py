"""What an adapter's layers hold: spectrum, the rank that is needed for a share of the energy, how flat it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lowrank import spectrum
from lowrank.errors import TensorError
from lowrank.lora.adapter import LoRA
from lowrank.lora.formats import Adapter
from lowrank.lora.safetensors import shown
from lowrank.parallel import Progress, idle

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
    """Inspect one layer: two QR factorisations of its factors, and the singular values of an r x r matrix.

    Raises
    ------
    TensorError
        If the product of its factors is beyond float64.
    """
    try:
        s = pair.singular_values()
    except TensorError as error:
        raise TensorError(f"The layer {shown(name)} cannot be inspected. {error}") from None
    return Layer(name, pair.shape, pair.rank, pair.scale, s, pair.parameters)


def inspect_adapter(adapter: Adapter, *, progress: Progress = idle) -> tuple[Layer, ...]:
    """Inspect every layer of an adapter, in the order of its names.

    Parameters
    ----------
    adapter : Adapter
    progress : callable, optional
        Told the share that is done, after each layer.

    Raises
    ------
    TensorError
        As `layer_of`; or as reading a layer raises it.
    """
    layers = []
    for name, pair in adapter.layers.items():
        layers.append(layer_of(name, pair))
        progress(len(layers) / len(adapter.layers))
    return tuple(layers)
