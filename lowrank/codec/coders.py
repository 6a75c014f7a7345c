"""Symbols of known probabilities <-> bits, by a range coder (`constriction`)."""

from __future__ import annotations

from typing import Any, Protocol

import constriction
import numpy as np
from numpy.typing import NDArray

#: Whole numbers of any width, or truth values standing for 0 and 1.
Ints = NDArray[Any]

_DECISION = constriction.stream.model.Bernoulli(perfect=False)
_PLAIN = constriction.stream.model.Bernoulli(0.5, perfect=False)
_CLASS = constriction.stream.model.Categorical(perfect=False)


class Coder(Protocol):
    """Codes what has a known probability: an encoder is told it, a decoder tells."""

    def decide(self, bits: Ints | None, p: NDArray[np.float64]) -> Ints:
        """Code a decision for each probability, of whole units of 2**-16, that it is 1."""

    def classify(self, classes: Ints | None, counts: Ints, sums: Ints) -> Ints:
        """Code a class for each row of counts, which it is as likely as."""

    def plain(self, bits: Ints | None, count: int) -> Ints:
        """Code so many bits that are as likely as not."""


class Encoder:
    """Writes decisions, classes and plain bits."""

    def __init__(self) -> None:
        self._coder = constriction.stream.queue.RangeEncoder()

    def decide(self, bits: Ints | None, p: NDArray[np.float64]) -> Ints:
        """Write decisions."""
        assert bits is not None
        self._coder.encode(bits.astype(np.int32), _DECISION, p)
        return bits

    def classify(self, classes: Ints | None, counts: Ints, sums: Ints) -> Ints:
        """Write classes."""
        assert classes is not None
        self._coder.encode(classes.astype(np.int32), _CLASS, _shares(counts, sums))
        return classes

    def plain(self, bits: Ints | None, count: int) -> Ints:
        """Write plain bits."""
        assert bits is not None
        self._coder.encode(bits.astype(np.int32), _PLAIN)
        return bits

    def to_bytes(self) -> bytes:
        """Return what was written, as little-endian 32-bit words."""
        words: bytes = self._coder.get_compressed().astype("<u4").tobytes()
        return words


class Decoder:
    """Reads decisions, classes and plain bits."""

    def __init__(self, data: bytes) -> None:
        self._coder = constriction.stream.queue.RangeDecoder(np.frombuffer(data, "<u4").astype(np.uint32))

    def decide(self, bits: Ints | None, p: NDArray[np.float64]) -> Ints:
        """Return decisions."""
        decisions: Ints = self._coder.decode(_DECISION, p)
        return decisions

    def classify(self, classes: Ints | None, counts: Ints, sums: Ints) -> Ints:
        """Return classes."""
        found: Ints = self._coder.decode(_CLASS, _shares(counts, sums))
        return found

    def plain(self, bits: Ints | None, count: int) -> Ints:
        """Return plain bits."""
        found: Ints = self._coder.decode(_PLAIN, count)
        return found


def _shares(counts: Ints, sums: Ints) -> NDArray[np.float64]:
    """Counts as shares of their sums: quotients of whole numbers, which IEEE 754 rounds alike everywhere."""
    shares: NDArray[np.float64] = counts / sums[:, None]
    return shares
