"""How many bytes levels will take, without coding them: the entropy of magnitudes where the coder expects alike.

The expected magnitude is what `lowrank.codec.waves` takes for its first context. Real files are within 2 % of this for
`whole`, more of small pictures, and up to 10 % smaller for `patches`, whose coder knows more. From step to step of one
picture the ratio hardly changes, so one file of it tells all (`lowrank.codec.targets`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lowrank.codec.coders import Ints
from lowrank.codec.container import Header
from lowrank.codec.entropy import DECISIONS, FLOORS, WIDTHS
from lowrank.codec.patched import predicted
from lowrank.codec.waves import FINE, bins

#: Magnitudes -> symbols: those of decisions, and classes of what exceeds them. The bits that each takes besides are of
#: its sign and of its place in the class.
SYMBOLS = np.concatenate(
    [np.arange(DECISIONS), DECISIONS + np.searchsorted(FLOORS, np.arange(1 << 12), "right") - 1]
).astype(np.int32)
_PLAIN = np.concatenate([np.zeros(1), np.ones(DECISIONS - 1), 1 + WIDTHS])

#: Bytes of a header and of the first words, roughly; and of what is learned of chroma planes, each, stored whole.
_FIXED, _CHROMA = 40.0, 100.0


def estimated_bytes(header: Header, levels: list[Ints]) -> float:
    """Return the bytes that a file of these levels takes, roughly."""
    planes = levels[-len(header.ranks) :] if header.arrangement == "patches" else []
    others = levels[: len(levels) - len(planes)]  # a basis is as well told as a factor
    fixed = _FIXED if planes else _FIXED + _CHROMA * (len(header.ranks) - 1)
    return fixed + (sum(_patch_bits(own) for own in planes) + sum(_factor_bits(own) for own in others)) / 8


class _Tally:
    """Counts of symbols by what was expected."""

    def __init__(self) -> None:
        self.counts = np.zeros(FINE * len(_PLAIN), np.int64)

    def add(self, magnitudes: Ints, expected: Ints) -> None:
        """Count magnitudes whose expected values, in sixteenths, are these."""
        at = bins(expected) * len(_PLAIN) + SYMBOLS.take(magnitudes, mode="clip")
        self.counts += np.bincount(at.ravel(), minlength=len(self.counts))

    def bits(self) -> float:
        """Return the conditional entropy of all symbols, and their plain bits."""
        counts = self.counts.reshape(FINE, -1).astype(np.float64)
        return _log(counts.sum(1)) - _log(counts) + float((counts @ _PLAIN).sum())


def _log(counts: NDArray[np.float64]) -> float:
    return float((counts * np.log2(np.maximum(counts, 1))).sum())


def _patch_bits(levels: Ints) -> float:
    """Bits of the planes of a patch matrix, one after the other."""
    tally = _Tally()
    _, h, w = levels.shape
    mean = np.zeros((h + 2, w + 2), np.int32)
    magnitude = np.zeros((h + 2, w + 2), np.int32)
    inner = mean[1:-1, 1:-1]
    own = magnitude[1:-1, 1:-1]
    for i, plane in enumerate(levels):
        np.abs(plane if i else plane - predicted(plane[None])[0], out=own)
        if not own.any() and not inner.any():
            tally.counts[0] += own.size
            continue
        np.minimum(own, 255, out=own)
        expected = 5 * (magnitude[1:-1, :-2] + magnitude[:-2, 1:-1])
        expected += 3 * (magnitude[:-2, :-2] + magnitude[:-2, 2:])
        expected *= 29
        expected += 22 * inner
        expected += 3 * (mean[:-2, 1:-1] + mean[2:, 1:-1] + mean[1:-1, :-2] + mean[1:-1, 2:])
        expected >>= 6
        tally.add(own, expected)
        inner -= inner >> 2
        inner += 4 * own
    return tally.bits()


def _factor_bits(levels: Ints) -> float:
    """Bits of a matrix of factors."""
    tally = _Tally()
    k, n = levels.shape
    if not levels.size:
        return 0.0
    magnitude = np.zeros((k + 2, n + 4), np.int32)
    own = magnitude[2:, 2:-2]
    np.minimum(np.abs(levels), 255, out=own)
    trend, mean = np.empty((k, n + 4), np.int32), np.zeros(n + 4, np.int32)
    for row, now in zip(trend, magnitude[2:], strict=True):
        row[:] = mean
        mean += 4 * now - (mean >> 2)
    expected = 60 * (trend[:, 1:-3] + trend[:, 2:-2] + trend[:, 3:-1]) + 30 * (trend[:, :-4] + trend[:, 4:])
    expected >>= 3
    near, far = magnitude[1:-1], magnitude[:-2]
    up = 5 * near[:, 2:-2] + 3 * (near[:, 1:-3] + near[:, 3:-1]) + near[:, :-4] + near[:, 4:]
    up += 2 * far[:, 2:-2] + far[:, 1:-3]
    expected += 14 * up
    expected += 160 * (magnitude[2:, 1:-3] + magnitude[2:, 3:-1])
    expected >>= 6
    tally.add(own, expected)
    return tally.bits()
