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

from itertools import groupby
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
        for kind, taken in groupby(zip(self._symbols, self._chances, strict=True), lambda one: one[1].ndim):
            if kind == 1:  # all decisions up to the next classes
                bits, p = (np.concatenate(parts) for parts in zip(*taken, strict=True))
                coder.encode(bits.astype(np.int32), _DECISION, p / ONE)
            else:
                for classes, counts in taken:
                    coder.encode(classes.astype(np.int32), _CLASS, _shares(counts))
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


class _Table:
    """What is learned of decisions: of every state of every context, and of every set of weights."""

    def __init__(self, p: Ints, contexts: int, sets: int, trust: int) -> None:
        self.p = p  # chance of a yes, in units of 2**-16
        self.seen = np.full(len(p), trust, np.int64)  # how many observations it counts for
        self.stretched = STRETCH[p]
        self.weights = np.full((contexts, sets), 5 * WEIGHT // (4 * contexts), np.int32)
        self.rows = np.arange(contexts)[:, None] * sets


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
        middle = np.searchsorted(FLOORS, scales // 16, "right")[:, None] - 1
        self._counts = 1 + 60 // (1 + np.square(np.arange(CLASSES) - middle))
        self._crowds = self._counts.sum(1)
        # an encoder takes all decisions at once, from one table: those of each after those before. A decoder has to
        # take them one by one
        self._states, self._sets = len(first), sets
        self._all = _Table(np.tile(first, DECISIONS), len(sizes), DECISIONS * sets, self.TRUST)
        self._each = [_Table(first.copy(), len(sizes), sets, self.TRUST) for _ in range(DECISIONS)]

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
        contexts = np.add(contexts, self._offsets, dtype=np.intp)
        sets = sets.astype(np.intp, copy=False)
        if levels is None:
            return self._decoded(coder, contexts, sets, scales)
        self._encode(coder, levels, contexts, sets, scales)
        return levels

    def _encode(self, coder: Coder, levels: Ints, contexts: Ints, sets: Ints, scales: Ints) -> None:
        """Code known levels: all decisions at once, since each learns from its own alone."""
        magnitude = np.abs(levels)
        active, parts, places, bits = None, [contexts], [sets], [magnitude > 0]
        for j in range(1, DECISIONS + 1):
            hit = bits[-1].nonzero()[0]
            active = hit if active is None else active[hit]
            if j == DECISIONS or not len(active):
                break
            parts.append(parts[-1].take(hit, axis=1) + self._states)
            places.append(places[-1].take(hit) + self._sets)
            bits.append(magnitude.take(active) > j)
        self._decide(coder, self._all, np.concatenate(bits), np.concatenate(parts, 1), np.concatenate(places))
        assert active is not None
        if len(active):
            self._exceed(coder, magnitude.take(active) - DECISIONS, scales.take(active))
        nonzero = magnitude.nonzero()[0]
        if len(nonzero):
            coder.decide(levels.take(nonzero) < 0, np.full(len(nonzero), ONE // 2))

    def _decoded(self, coder: Coder, contexts: Ints, sets: Ints, scales: Ints) -> Ints:
        told, active = np.zeros(contexts.shape[1], np.int32), None
        for j, table in enumerate(self._each):
            hit = self._decide(coder, table, None, contexts, sets).nonzero()[0]
            active = hit if active is None else active[hit]
            if not len(active):
                break
            told[active] = j + 1
            if j + 1 < DECISIONS:
                contexts, sets = contexts.take(hit, axis=1), sets.take(hit)
        else:
            assert active is not None
            told[active] += self._exceed(coder, None, scales.take(active))
        nonzero = told.nonzero()[0]
        if len(nonzero):
            told[nonzero] *= 1 - 2 * coder.decide(None, np.full(len(nonzero), ONE // 2)).astype(np.int32)
        return told

    def _decide(self, coder: Coder, table: _Table, bits: Ints | None, contexts: Ints, sets: Ints) -> Ints:
        p, seen, weights = table.p, table.seen, table.weights
        inputs = table.stretched.take(contexts)
        mixed = np.einsum("ij,ij->j", inputs, weights.take(sets, axis=1))
        mixed >>= 14
        mixed += MOST
        mixture = SQUASH.take(mixed, mode="clip")
        bits = coder.decide(bits, mixture)
        # the contexts learn
        many = np.bincount(contexts.ravel(), minlength=len(p))
        hits = np.bincount(contexts.compress(bits, axis=1).ravel(), minlength=len(p))
        at = many.astype(np.bool_).nonzero()[0]
        m, old = many[at], p[at]
        total = seen[at] + m
        new = old + (hits[at] * ONE - m * old) // total
        p[at], seen[at], table.stretched[at] = new, np.minimum(total, self.LIMIT), STRETCH.take(new, mode="clip")
        # the weights learn; sums of whole numbers below 2**53 are exact, in whatever order
        inputs *= bits * ONE - mixture
        slope = np.bincount((sets + table.rows).ravel(), inputs.ravel(), weights.size).astype(np.int64)
        slope *= self.RATE
        count = np.bincount(sets, minlength=weights.shape[1])
        count += self.DAMPING
        weights += (slope.reshape(weights.shape) // (count << 17)).astype(np.int32)
        return bits

    def _exceed(self, coder: Coder, rest: Ints | None, scales: Ints) -> Ints:
        """Code what levels exceed the decisions by: its class, then plain bits, the highest first."""
        classes = None if rest is None else np.searchsorted(FLOORS, rest, "right") - 1
        classes = coder.classify(classes, self._counts.take(scales, axis=0))
        seen = np.bincount(scales * CLASSES + classes, minlength=self._counts.size).reshape(self._counts.shape)
        self._counts += self.STEP * seen
        here = seen.sum(1)
        self._crowds += self.STEP * here
        crowded = ((self._crowds > self.CROWD) & (here > 0)).nonzero()[0]
        if len(crowded):
            self._counts[crowded] -= self._counts[crowded] >> 1
            self._crowds[crowded] = self._counts[crowded].sum(1)
        told, widths = FLOORS.take(classes), WIDTHS.take(classes)
        for i in range(int(widths.max()) - 1, -1, -1):
            among = (widths > i).nonzero()[0]
            bits = None if rest is None else (rest - told)[among] >> i & 1
            told[among] += coder.decide(bits, np.full(len(among), ONE // 2)).astype(np.int64) << i
        return told
