"""QLoRA's NormalFloat4 and its peers: a weight in 4 bits, in blocks that share a scale.

A matrix is read row by row and cut into blocks of 64. Each block is divided by its largest magnitude, its absmax; each
number becomes the nearest of 16 levels, and two of them fill a byte, the first in the high half. For NF4 the bytes,
scales and values are bit for bit those of bitsandbytes on a CPU. Double quantization stores the scales in 8 bits too;
there bitsandbytes' look-up misses the nearest level now and then (2 scales in 1,000), and this one does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from lowrank.errors import RankError
from lowrank.svd import as_matrices

Array32 = NDArray[np.float32]
Codes = NDArray[np.uint8]

#: Block sizes that may be asked for.
SMALLEST_BLOCK, LARGEST_BLOCK = 2, 4096

#: Of double quantization: the scales in one block, and the type of what they are divided by.
SCALES_IN_A_BLOCK = 256


def normal_float(offset: float = 1 - (1 / 30 + 1 / 32) / 2) -> NDArray[np.float64]:
    """Derive the 16 levels of NF4: quantiles of the normal distribution, with an exact zero (Dettmers et al. 2023).

    Eight quantiles above zero and seven below, divided by the largest; 1 - `offset` is the share left out at either
    end. bitsandbytes has them as a table of float32, which is within 2e-7 of these.

    Examples
    --------
    >>> normal_float()[[0, 7, 8, 15]].round(5).tolist()
    [-1.0, 0.0, 0.07958, 1.0]
    """
    above = ndtri(np.linspace(offset, 0.5, 9)[:-1])
    below = -ndtri(np.linspace(offset, 0.5, 8)[:-1])
    levels: NDArray[np.float64] = np.sort(np.concatenate([above, below, [0.0]])) / above.max()
    return levels


def _symmetric(*magnitudes: float) -> Array32:
    levels = np.array(magnitudes) / max(magnitudes)
    return np.unique(np.concatenate([-levels, levels])).astype(np.float32)


#: The levels of each type, rising from -1 to 1.
LEVELS: dict[str, Array32] = {
    # the float32 table of bitsandbytes, which checkpoints are made with; `normal_float` tells where it comes from
    "NF4": np.array(
        [-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
         -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
         0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0],
        np.float32,
    ),
    "FP4": _symmetric(0, 0.0625, 2, 3, 4, 6, 8, 12),  # of bitsandbytes; its smallest level is odd, and not E2M1's
    "E2M1": _symmetric(0, 0.5, 1, 1.5, 2, 3, 4, 6),  # of the OCP microscaling formats
    "int4": _symmetric(*range(8)),
    "int8": _symmetric(*range(128)),
}  # fmt: skip


def bits_per_weight(kind: str = "NF4", block: int = 64, *, double: bool = False) -> float:
    """Return what one weight takes: its code, and its share of the block's scale.

    Examples
    --------
    >>> bits_per_weight(), bits_per_weight(double=True)
    (4.5, 4.126953125)
    """
    code = 8 if len(LEVELS[kind]) > 16 else 4
    return code + ((8 + 32 / SCALES_IN_A_BLOCK) if double else 32) / block


@dataclass(frozen=True, slots=True, eq=False)
class Quantized:
    """A matrix in few bits.

    Attributes
    ----------
    codes : ndarray of uint8
        Index of each number's level, row by row.
    scales : ndarray of float32
        One for each block: what its levels are multiplied by. After double quantization as it comes back from 8 bits.
    kind : str
        A key of `LEVELS`.
    block : int
        Numbers that share a scale.
    shape : tuple of int
        Of the matrix.
    double : bool
        Whether the scales were quantized too.
    """

    codes: Codes
    scales: Array32
    kind: str
    block: int
    shape: tuple[int, ...]
    double: bool = False

    @property
    def bits(self) -> float:
        """Bits of one weight, scales included."""
        return bits_per_weight(self.kind, self.block, double=self.double)

    def packed(self) -> Codes:
        """Return two codes of 4 bits in each byte, the first in the high half; an odd one out is followed by zero's."""
        if len(LEVELS[self.kind]) > 16:
            return self.codes
        zero = LEVELS[self.kind].searchsorted(0.0)
        even = np.append(self.codes, np.uint8(zero)) if self.codes.size % 2 else self.codes
        return even[::2] << np.uint8(4) | even[1::2]


def quantize(W: object, kind: str = "NF4", block: int = 64, *, double: bool = False) -> Quantized:
    """Quantize a matrix in blocks.

    Parameters
    ----------
    W : array_like, shape (m, n)
        Real and finite; computed in float32.
    kind : str
        A key of `LEVELS`.
    block : int
        Numbers that share a scale, along the rows; the last block may be shorter. For one scale for the whole matrix
        see `per_tensor`.
    double : bool
        Quantize the scales to 8 bits as well.

    Raises
    ------
    TensorError
        If W is no finite matrix.
    RankError
        If the block is not from 2 to 4096.
    ValueError
        If `kind` is unknown.
    """
    if not SMALLEST_BLOCK <= block <= LARGEST_BLOCK:
        raise RankError(f"A block has {SMALLEST_BLOCK} to {LARGEST_BLOCK} weights, not {block}.")
    return _quantized(W, kind, block, double)


def per_tensor(W: object, kind: str = "NF4") -> Quantized:
    """Quantize a matrix with one scale for all of it: what blocks are there to avoid."""
    return _quantized(W, kind, as_matrices(W).size, False)


def _quantized(W: object, kind: str, block: int, double: bool) -> Quantized:
    if kind not in LEVELS:
        raise ValueError(f"kind must be one of {', '.join(LEVELS)}, not {kind!r}")
    matrix = as_matrices(W)
    blocks = _blocks(matrix.astype(np.float32, copy=False).reshape(-1), block)
    scales = np.abs(blocks).max(-1)
    # as bitsandbytes does: times the reciprocal, but divided where the last block is short
    scaled = blocks * (np.float32(1) / np.maximum(scales, np.float32(1e-38)))[:, None]
    short = matrix.size % block
    if short:
        scaled[-1] = blocks[-1] / max(scales[-1], np.float32(1e-38))
    scaled = np.clip(scaled.reshape(-1)[: matrix.size], -1, 1)
    levels = LEVELS[kind]
    codes = _nearest(scaled, levels)
    return Quantized(codes, _double(scales) if double else scales, kind, block, matrix.shape, double)


def dequantize(quantized: Quantized) -> Array32:
    """Return the matrix that the codes stand for: level times scale, in float32."""
    values = _blocks(LEVELS[quantized.kind][quantized.codes], quantized.block) * quantized.scales[:, None]
    return values.reshape(-1)[: quantized.codes.size].reshape(quantized.shape)


def relative_error(W: object, approximation: object) -> float:
    """Return ``||W - approximation||_F / ||W||_F`` in float64; 0 for a zero matrix."""
    weight = np.asarray(W, np.float64)
    size = np.linalg.norm(weight)
    return float(np.linalg.norm(weight - np.asarray(approximation, np.float64)) / size) if size else 0.0


def _blocks(flat: Array32, block: int) -> Array32:
    """Cut into rows of a block each, the last one filled up with zeros."""
    return np.pad(flat, (0, -flat.size % block)).reshape(-1, block)


def _nearest(values: Array32, levels: Array32) -> Codes:
    """Index of the nearest level; halfway between two, the lower one."""
    bounds = (levels[:-1] + levels[1:]) / np.float32(2)
    return bounds.searchsorted(values).astype(np.uint8)


def dynamic_map() -> Array32:
    """Return bitsandbytes' 256 levels of 8 bits for scales: a sign, a decade from 1 to 1e-6, the rest within it.

    Dettmers 2015, "8-bit approximations for parallelism in deep learning": the smaller the decade, the fewer the bits.
    """
    levels = [0.0, 1.0]
    for decade in range(7):
        count, start = 2**decade, float(np.float32(0.1))
        steps, step = np.arange(count + 1), float((np.float32(1) - np.float32(0.1)) / np.float32(count))
        # from both ends with a step of float32, as PyTorch's linspace has it
        edges = np.where(steps < (count + 1) // 2, start + step * steps, 1 - step * steps[::-1]).astype(np.float32)
        means = np.float32(10.0 ** (decade - 6)) * ((edges[:-1] + edges[1:]) / np.float32(2))
        levels += [*means.tolist(), *(-means).tolist()]
    return np.sort(np.array(levels, np.float32))


def _double(scales: Array32) -> Array32:
    """Scales as they come back from 8 bits: their mean apart, in blocks of 256 by the dynamic map."""
    mean = scales.mean(dtype=np.float64).astype(np.float32)
    blocks = _blocks(scales - mean, SCALES_IN_A_BLOCK)
    largest = np.abs(blocks).max(-1, keepdims=True)
    levels = dynamic_map()
    codes = _nearest(np.clip(blocks / np.maximum(largest, np.float32(1e-38)), -1, 1), levels)
    restored: Array32 = (levels[codes] * largest).reshape(-1)[: scales.size] + mean
    return restored
