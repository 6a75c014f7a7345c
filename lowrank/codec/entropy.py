"""Whole numbers <-> bits: adaptive binary decisions, their probabilities mixed from several contexts.

A level is told by yes-or-no decisions: is it at least 1, 2, 3; then by how much it exceeds that, and its sign. What
each context has seen so far gives a probability; these are mixed in the logistic domain with weights that learn
(Mahoney's PAQ), and a range coder (`lowrank.codec.coders`) writes the decision. Levels are coded in waves, arrays of
them at once: everything within a wave is predicted from earlier waves only, so a wave is a few NumPy calls, and the
decoder sees what the encoder saw.

The decoder must come to the encoder's probabilities to the last bit on any machine, so all of this is whole-number
arithmetic: floats appear only where they hold whole numbers exactly, or the correctly rounded quotient of two.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from lowrank.codec.coders import Coder, Ints

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


def _squash_table() -> Ints:
    x = np.arange(-MOST, MOST + 1) / UNIT
    return np.clip(np.rint(ONE / (1 + np.exp(-x))), 4, ONE - 4).astype(np.int32)


def _stretch_table() -> Ints:
    p = np.arange(1, ONE) / ONE
    table = np.rint(UNIT * np.log(p / (1 - p))).astype(np.int32)
    return np.concatenate([table[:1], table])


#: Log-odds -> probability, and back. A test holds that no entry is near a rounding boundary: any libm gives the same.
SQUASH, STRETCH = _squash_table(), _stretch_table()
#: The same probabilities as a coder takes them: multiples of 2**-16, which floats hold exactly.
CHANCES = SQUASH / ONE


class Wave(NamedTuple):
    """What an encoder knows of a wave: all that coding it takes, in the order in which it takes it."""

    contexts: Ints  #: of its n decisions, and of the m levels for which none is left: (contexts, n + m)
    sets: Ints  #: the decisions' sets of weights, (n,)
    bits: Ints  #: the decisions, (n,)
    scales: Ints  #: of those m levels, (m,)
    classes: Ints  #: of what they exceed them by, (m,)
    plain: Ints  #: their places in the classes, the highest bits first, and all signs


class Classes:
    """Models of classes, one for each scale.

    Parameters
    ----------
    scales : ndarray of int
        The expected magnitude, in sixteenths, for each scale.
    """

    #: What a class gains by being seen, and the sum of counts beyond which they are halved.
    STEP, CROWD = 24, 8000

    def __init__(self, scales: Ints) -> None:
        middle = np.searchsorted(FLOORS, scales // 16, "right")[:, None] - 1
        self._counts = 1 + 60 // (1 + np.square(np.arange(CLASSES) - middle))
        self._crowds = self._counts.sum(1)

    def code(self, coder: Coder, classes: Ints | None, scales: Ints) -> Ints:
        """Code a class for each of some scales; None to decode."""
        classes = coder.classify(classes, self._counts.take(scales, axis=0), self._crowds.take(scales))
        np.add.at(self._counts.reshape(-1), scales * CLASSES + classes, self.STEP)
        here = np.bincount(scales, minlength=len(self._crowds))
        self._crowds += self.STEP * here
        for scale in (self._crowds > self.CROWD).nonzero()[0]:
            if here[scale]:
                self._counts[scale] -= self._counts[scale] >> 1
                self._crowds[scale] = self._counts[scale].sum()
        return classes


class Levels:
    """Models of levels, which learn as they code.

    Parameters
    ----------
    starts : list of ndarray
        For each context, its expected magnitude in sixteenths in each of its states.
    sets : int
        How many sets of mixing weights there are.
    classes : Classes
        Models of what exceeds the decisions.
    """

    #: Observations beyond which a probability forgets, and as many as its first guess counts for.
    LIMIT, TRUST = 400, 2

    #: How fast weights learn, and the number of decisions that damps a wave's lesson.
    RATE, DAMPING = 96, 100

    def __init__(self, starts: list[Ints], sets: int, classes: Classes) -> None:
        sizes = [len(start) for start in starts]
        self._offsets = np.cumsum([0, *sizes[:-1]])[:, None]
        expected = np.concatenate(starts).astype(np.int64)
        first = ((expected + 1) * ONE) // (expected + 24)
        # the states and the sets of all decisions are in one table, those of each after those of the one before
        self._p = np.tile(first, DECISIONS)  # chance of a yes, in units of 2**-16
        self._seen = np.full(len(self._p), self.TRUST)  # how many observations it counts for
        self._stretched = STRETCH[self._p]
        self._states, self._sets = len(first), sets
        self._weights = np.full((len(sizes), DECISIONS * sets), 5 * WEIGHT // (4 * len(sizes)), np.int32)
        self._rows = np.arange(len(sizes))[:, None] * DECISIONS * sets
        self._classes = classes

    def code(self, coder: Coder, levels: Ints | None, contexts: Ints, sets: Ints, scales: Ints) -> Ints:
        """Code a wave.

        Parameters
        ----------
        coder : Coder
        levels : ndarray of int, shape (n,), optional
            What to encode; None to decode.
        contexts : ndarray of int, shape (contexts, n)
            The state of every context for every level; not of use afterwards.
        sets, scales : ndarray of int, shape (n,)
            The set of weights, and the scale of a large level, for every level.

        Returns
        -------
        ndarray of int, shape (n,)
        """
        if levels is None:
            return self._decoded(coder, contexts, sets, scales)
        (wave,) = self.waves(levels[None], contexts[:, None], sets[None], scales[None])
        self.encode(coder, wave)
        return levels

    def waves(self, levels: Ints, contexts: Ints, sets: Ints, scales: Ints) -> list[Wave]:
        """Work out what an encoder knows, for many waves at once: arguments as of `code`, but (..., waves, n)."""
        count, n = levels.shape
        levels, magnitude = levels.ravel(), np.abs(levels).ravel()
        # of all levels, of those of at least 1, 2, 3: which they are, and what their decision is told
        left = [np.arange(len(levels))]
        states, weights = [contexts.reshape(len(contexts), -1) + self._offsets], [sets.ravel()]
        bits = [magnitude > 0]
        for j in range(1, DECISIONS + 1):
            hit = bits[-1].nonzero()[0]
            left.append(left[-1].take(hit))
            states.append(states[-1].take(hit, axis=1) + self._states)
            weights.append(weights[-1].take(hit) + self._sets)
            bits.append(magnitude.take(left[-1]) > j)
        told = np.concatenate(states, axis=1), np.concatenate(weights), np.concatenate(bits)
        order, ends = _in_waves(np.concatenate(left), count, n)
        told_states, told_weights, told_bits = told if order is None else (one.take(order, axis=-1) for one in told)
        nonzero, large = left[1], left[-1]
        rest = magnitude.take(large) - DECISIONS
        classes = FLOORS.searchsorted(rest, "right") - 1
        rest, planes = rest - FLOORS.take(classes), _planes(classes)
        plain = np.concatenate([*(rest.take(some) >> i & 1 for i, some in planes), levels.take(nonzero) < 0])
        order, plain_ends = _in_waves(np.concatenate([*(large.take(some) for _, some in planes), nonzero]), count, n)
        plain, scales = plain if order is None else plain.take(order), scales.ravel().take(large)
        large_ends = large.searchsorted(n * np.arange(count + 1))
        found = []
        for (a, b), (c, d), (e, f) in zip(*map(pairwise, (ends, large_ends, plain_ends)), strict=True):
            asked = slice(a, b - (d - c))
            found.append(
                Wave(told_states[:, a:b], told_weights[asked], told_bits[asked], scales[c:d], classes[c:d], plain[e:f])
            )
        return found

    def encode(self, coder: Coder, wave: Wave) -> None:
        """Code a wave that is known."""
        inputs, chances = self._mixed(wave.contexts[:, : len(wave.sets)], wave.sets)
        coder.decide(wave.bits, chances)
        self._learn(wave.contexts, wave.sets, inputs, chances, wave.bits)
        if len(wave.classes):
            self._classes.code(coder, wave.classes, wave.scales)
        if len(wave.plain):
            coder.plain(wave.plain, len(wave.plain))

    def _decoded(self, coder: Coder, contexts: Ints, sets: Ints, scales: Ints) -> Ints:
        told = np.zeros(contexts.shape[1], np.int32)
        contexts += self._offsets
        inputs, chances = self._mixed(contexts, sets)
        bits = coder.decide(None, chances).astype(np.bool_)
        nonzero = bits.nonzero()[0]
        if not len(nonzero):
            self._learn(contexts, sets, inputs, chances, bits)
            return told
        told[nonzero] = 1
        # the chances of all further decisions, in case they are asked
        number, active = np.arange(1, DECISIONS + 1)[:, None], nonzero
        states = (contexts.take(active, axis=1)[:, None] + number * self._states).reshape(len(contexts), -1)
        further = (sets.take(active) + number[:-1] * self._sets).ravel()
        inputs_, chances_ = self._mixed(states[:, : len(further)], further)
        asked, answers = [np.arange(len(active))], [bits]
        for j in range(1, DECISIONS):
            answers.append(coder.decide(None, chances_.take(asked[-1])).astype(np.bool_))
            hit = answers[-1].nonzero()[0]
            active = active.take(hit)
            told[active] = j + 1
            asked.append(asked[-1].take(hit) + len(nonzero))
        at = np.concatenate(asked)
        contexts = np.concatenate([contexts, states.take(at, axis=1)], axis=1)
        at = at[: len(at) - len(active)]
        inputs = np.concatenate([inputs, inputs_.take(at, axis=1)], axis=1)
        sets, chances = np.append(sets, further.take(at)), np.append(chances, chances_.take(at))
        self._learn(contexts, sets, inputs, chances, np.concatenate(answers))
        planes: list[tuple[int, Ints]] = []
        if len(active):
            classes = self._classes.code(coder, None, scales.take(active))
            told[active] += FLOORS.take(classes)
            planes = [(i, active.take(some)) for i, some in _planes(classes)]
        plain, begin = coder.plain(None, sum(len(some) for _, some in planes) + len(nonzero)), 0
        for i, some in planes:
            told[some] += plain[begin : begin + len(some)] << i
            begin += len(some)
        told[nonzero] *= 1 - 2 * plain[begin:]
        return told

    def _mixed(self, contexts: Ints, sets: Ints) -> tuple[Ints, Ints]:
        """Return what contexts say, and the chances of a yes that they come to together."""
        inputs = self._stretched.take(contexts)
        mixed = np.einsum("ij,ij->j", inputs, self._weights.take(sets, axis=1))
        mixed >>= 14
        mixed += MOST
        return inputs, CHANCES.take(mixed, mode="clip")

    def _learn(self, contexts: Ints, sets: Ints, inputs: Ints, chances: Ints, bits: Ints) -> None:
        """Learn from decisions; as many times as they were a yes, the next one was asked, or was none left."""
        p, seen = self._p, self._seen
        many = np.bincount(contexts.ravel(), minlength=len(p) + self._states)
        at = many[: len(p)].astype(np.bool_).nonzero()[0]
        m, hits, old = many.take(at), many.take(at + self._states), p.take(at)
        total = seen.take(at) + m
        new = old + (hits * ONE - m * old) // total
        p[at], seen[at], self._stretched[at] = new, np.minimum(total, self.LIMIT), STRETCH.take(new, mode="clip")
        # the weights learn: sums of multiples of 2**-16 are exact, in whatever order, and so is the floor of a quotient
        slope = np.bincount((sets + self._rows).ravel(), (inputs * (bits - chances)).ravel(), self._weights.size)
        lesson = self.RATE / 2 * slope.reshape(self._weights.shape)
        lesson /= np.bincount(sets, minlength=self._weights.shape[1]) + self.DAMPING
        self._weights += np.floor(lesson, out=lesson).astype(np.int32)


def _planes(classes: Ints) -> list[tuple[int, Ints]]:
    """Bits of places in classes, the highest first, and which have them."""
    widths = WIDTHS.take(classes)
    return [(i, (widths > i).nonzero()[0]) for i in range(int(widths.max(initial=0)) - 1, -1, -1)]


def _in_waves(at: Ints, waves: int, n: int) -> tuple[Ints | None, Ints]:
    """Order of places by the wave they are in, of n places each, and where each wave begins and ends in it."""
    if waves == 1:
        return None, np.array([0, len(at)])
    wave = (at // n).astype(np.uint8)
    return wave.argsort(kind="stable"), np.append(0, np.bincount(wave, minlength=waves).cumsum())
