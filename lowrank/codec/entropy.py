"""Whole numbers <-> bits: adaptive binary decisions, their probabilities mixed from several contexts.

A level is told by yes-or-no decisions: is it at least 1, 2, 3; then by how much it exceeds that, and its sign. What
each context has seen so far gives a probability; these are mixed in the logistic domain with weights that learn
(Mahoney's PAQ), and a range coder (`constriction`) writes the decision. Levels are coded in waves, arrays of them at
once: everything within a wave is predicted from earlier waves only, so a wave is a few NumPy calls, and the decoder
sees what the encoder saw.

The decoder must come to the encoder's probabilities to the last bit on any machine, so all of this is whole-number
arithmetic: floats appear only where they hold whole numbers exactly, or the correctly rounded quotient of two.
"""

from __future__ import annotations

from typing import Any, Protocol

import constriction
import numpy as np
from numpy.typing import NDArray

#: Whole numbers of any width, or truth values standing for 0 and 1.
Ints = NDArray[Any]

#: Decisions are made on whether a level is at least 1, 2, 3. What it exceeds that by is told by its class, and its
#: place within the class by plain bits.
DECISIONS = 3
WIDTHS = np.array([0, 0, 0, 0, 1, 1, 2, 2, 3, 3, *range(5, 24)])
FLOORS = np.append(0, np.cumsum(1 << WIDTHS))[:-1]
CLASSES = len(WIDTHS)

#: Largest level.
LARGEST = DECISIONS + int(FLOORS[-1])

#: Probabilities are in units of 2**-16, log-odds in units of 1/256 up to 12, weights in units of 2**-14.
ONE, UNIT, MOST, WEIGHT = 1 << 16, 256, 12 * 256 - 1, 1 << 14

_DECISION = constriction.stream.model.Bernoulli(perfect=False)
_CLASS = constriction.stream.model.Categorical(perfect=False)


def _squash_table() -> Ints:
    x = np.arange(-MOST, MOST + 1) / UNIT
    return np.clip(np.rint(ONE / (1 + np.exp(-x))), 4, ONE - 4).astype(np.int32)


def _stretch_table() -> Ints:
    p = np.arange(1, ONE) / ONE
    table = np.rint(UNIT * np.log(p / (1 - p))).astype(np.int32)
    return np.concatenate([table[:1], table])


#: Log-odds -> probability, and back. A test holds that no entry is near a rounding boundary: any libm gives the same.
SQUASH, STRETCH = _squash_table(), _stretch_table()


class Coder(Protocol):
    """Codes what has a known probability: an encoder is told it, a decoder tells."""

    def decide(self, bits: Ints | None, p: Ints) -> Ints:
        """Code a decision for each probability, in units of 2**-16, that it is 1."""

    def classify(self, classes: Ints | None, counts: Ints) -> Ints:
        """Code a class for each row of counts, which it is as likely as."""


class Encoder:
    """Collects decisions and classes, and writes them all at once."""

    def __init__(self) -> None:
        self._symbols: list[Ints] = []
        self._chances: list[Ints] = []

    def decide(self, bits: Ints | None, p: Ints) -> Ints:
        """Take decisions."""
        return self._take(bits, p.astype(np.uint16))

    def classify(self, classes: Ints | None, counts: Ints) -> Ints:
        """Take classes."""
        return self._take(classes, counts.astype(np.int32))

    def _take(self, symbols: Ints | None, chances: Ints) -> Ints:
        assert symbols is not None
        self._symbols.append(symbols.astype(np.int8))
        self._chances.append(chances)
        return symbols

    def to_bytes(self) -> bytes:
        """Write what was taken, as little-endian 32-bit words."""
        coder = constriction.stream.queue.RangeEncoder()
        for symbols, chances in zip(self._symbols, self._chances, strict=True):
            if chances.ndim == 1:
                coder.encode(symbols.astype(np.int32), _DECISION, chances / ONE)
            else:
                coder.encode(symbols.astype(np.int32), _CLASS, _shares(chances))
        words: bytes = coder.get_compressed().astype("<u4").tobytes()
        return words


class Decoder:
    """Reads decisions and classes."""

    def __init__(self, data: bytes) -> None:
        self._coder = constriction.stream.queue.RangeDecoder(np.frombuffer(data, "<u4").astype(np.uint32))

    def decide(self, bits: Ints | None, p: Ints) -> Ints:
        """Return decisions."""
        decisions: Ints = self._coder.decode(_DECISION, p / ONE)
        return decisions

    def classify(self, classes: Ints | None, counts: Ints) -> Ints:
        """Return classes."""
        found: Ints = self._coder.decode(_CLASS, _shares(counts))
        return found


def _shares(counts: Ints) -> NDArray[np.float64]:
    """Counts as shares of their sum: quotients of whole numbers, which IEEE 754 rounds alike everywhere."""
    shares: NDArray[np.float64] = counts / counts.sum(1, dtype=np.int64)[:, None]
    return shares


class Levels:
    """Models of levels, which learn as they code.

    Parameters
    ----------
    starts : list of ndarray
        For each context, its expected magnitude in sixteenths in each of its states.
    sets : int
        How many sets of mixing weights there are.
    scales : ndarray of int
        The expected magnitude, in sixteenths, for each scale that classes are told apart by.
    """

    #: Observations beyond which a probability forgets, and as many as its first guess counts for.
    LIMIT, TRUST = 400, 2

    #: What a class gains by being seen, and the sum of counts beyond which they are halved.
    STEP, CROWD = 24, 8000

    #: How fast weights learn, and the number of decisions that damps a wave's lesson.
    RATE, DAMPING = 96, 100

    def __init__(self, starts: list[Ints], sets: int, scales: Ints) -> None:
        sizes = [len(start) for start in starts]
        self._offsets = np.cumsum([0, *sizes[:-1]])[:, None]
        expected = np.concatenate(starts).astype(np.int64)
        first = ((expected + 1) * ONE) // (expected + 24)
        self._rows = np.arange(len(sizes))[:, None]
        self._p = np.tile(first, (DECISIONS, 1))
        self._seen = np.full(self._p.shape, self.TRUST, np.int64)
        self._stretched = STRETCH[self._p]
        middle = np.searchsorted(FLOORS, scales // 16, "right")[:, None] - 1
        self._counts = 1 + 60 // (1 + np.square(np.arange(CLASSES) - middle))
        self._weights = np.full((DECISIONS, len(sizes), sets), 5 * WEIGHT // (4 * len(sizes)), np.int32)

    def code(self, coder: Coder, levels: Ints | None, contexts: Ints, sets: Ints, scales: Ints) -> Ints:
        """Code a wave.

        Parameters
        ----------
        coder : Coder
        levels : ndarray of int, shape (n,), optional
            What to encode; None to decode.
        contexts : ndarray of int, shape (contexts, n)
            The state of every context for every level.
        sets, scales : ndarray of int, shape (n,)
            The set of weights, and the scale of a large level, for every level.

        Returns
        -------
        ndarray of int, shape (n,)
        """
        contexts = contexts + self._offsets
        active = np.arange(contexts.shape[1])
        magnitude = None if levels is None else np.abs(levels)
        told = np.zeros(len(active), np.int32)
        for j in range(DECISIONS):
            bits = None if magnitude is None else magnitude.take(active) > j
            hit = self._decide(coder, j, bits, contexts, sets).nonzero()[0]
            active = active[hit]
            if not len(active):
                break
            contexts, sets = contexts.take(hit, axis=1), sets[hit]
            told[active] = j + 1
        else:
            rest = None if magnitude is None else magnitude[active] - DECISIONS
            told[active] += self._exceed(coder, rest, scales[active])
        nonzero = told.nonzero()[0]
        if len(nonzero):
            signs = None if levels is None else levels[nonzero] < 0
            signs = coder.decide(signs, np.full(len(nonzero), ONE // 2))
            told[nonzero] *= 1 - 2 * signs.astype(np.int32)
        return told

    def _decide(self, coder: Coder, j: int, bits: Ints | None, contexts: Ints, sets: Ints) -> Ints:
        weights, stretched, p, seen = self._weights[j], self._stretched[j], self._p[j], self._seen[j]
        inputs = stretched.take(contexts)
        mixed = (inputs * weights.take(sets, axis=1)).sum(0, dtype=np.int32) >> 14
        mixture = SQUASH.take(mixed + MOST, mode="clip")
        bits = coder.decide(bits, mixture)
        # the contexts learn
        many = np.bincount(contexts.ravel(), minlength=len(p))
        hits = np.bincount(contexts.compress(bits, axis=1).ravel(), minlength=len(p))
        at = many.nonzero()[0]
        m, old = many[at], p[at]
        total = seen[at] + m
        new = old + (hits[at] * ONE - m * old) // total
        p[at] = new
        seen[at] = np.minimum(total, self.LIMIT)
        stretched[at] = STRETCH.take(new, mode="clip")
        # the weights learn; sums of whole numbers below 2**53 are exact, in whatever order
        inputs *= bits * ONE - mixture
        size = weights.shape[1]
        slope = np.bincount((sets + self._rows * size).ravel(), inputs.ravel(), weights.size).astype(np.int64)
        count = np.bincount(sets, minlength=size) + self.DAMPING
        weights += ((slope.reshape(weights.shape) * self.RATE) // (count << 17)).astype(np.int32)
        return bits

    def _exceed(self, coder: Coder, rest: Ints | None, scales: Ints) -> Ints:
        """Code what levels exceed the decisions by: its class, then plain bits, the highest first."""
        classes = None if rest is None else np.searchsorted(FLOORS, rest, "right") - 1
        classes = coder.classify(classes, self._counts[scales])
        np.add.at(self._counts, (scales, classes), self.STEP)
        crowded = np.unique(scales[self._counts[scales].sum(1) > self.CROWD])
        self._counts[crowded] -= self._counts[crowded] >> 1
        told, widths = FLOORS[classes], WIDTHS[classes]
        for i in range(int(widths.max()) - 1, -1, -1):
            among = (widths > i).nonzero()[0]
            bits = None if rest is None else (rest - told)[among] >> i & 1
            told[among] += coder.decide(bits, np.full(len(among), ONE // 2)).astype(np.int64) << i
        return told
