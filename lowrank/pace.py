"""When a growing range is looked at, and when it is given up: by the energy of its blocks, which costs nothing to know.

A look at how good a range is takes a decomposition, and may take longer than a block more. What a new direction holds,
beside one at column k and beside the mean of all that are left, tells beforehand how far the range has come. All that
depends on this is time: whether a range is good enough, `lowrank.ritz` says.
"""

from __future__ import annotations

import math

#: Columns of a Krylov block: narrow ones need fewer products, wide ones are multiplied faster.
BLOCK = 48
#: A range is looked at when a new direction holds less than this share of the energy of one at column k: on photographs
#: it is good to a hundredth then, and at `PER_DIGIT` times that share to a thousandth.
FADED = 0.5
PER_DIGIT = 0.78
#: Where a look takes longer than a turn, at this part of the share.
LATER = 0.8
#: A new direction that holds less than this many times the mean energy of those left shows a flat spectrum. Noise
#: gives 2, photographs 4 and more as long as the range is smaller than the rank.
STEEPNESS = 3.0
#: And where that has fallen to no less than this part from a block to the next, it is the spectrum of noise, which
#: wants the most columns; a power of the rank flattens out and wants few.
STEADY = 0.96


class Pace:
    """How far a range has come.

    Parameters
    ----------
    m, n : int
        Of the matrix; the range lies in m dimensions.
    k : int
        The rank asked for.
    width : int
        Columns of a block.
    tol : float
        What the excess is to be at most.
    krylov : bool
        Whether all blocks are kept, or only the last (subspace iteration), which is looked at every time.

    Attributes
    ----------
    due : float
        At how many columns the range is looked at, whatever its blocks hold.
    noisy : bool
        Whether what is left of the matrix is noise.
    of_noise : float
        How many columns the range wants then; measured from 512 x 512 to 3000 x 4000.
    mean : float
        Energy of a new direction.
    """

    def __init__(self, m: int, n: int, k: int, width: int, tol: float, krylov: bool) -> None:
        digits = -math.log10(tol)
        likely = 1.44 * k + BLOCK * (digits - 1)  # columns that most photographs want
        dear = likely**3 > 2 * width * m * n  # a look; measured from 1 to 24 megapixels
        self.m, self.k, self.krylov = m, k, krylov
        self.share = FADED * PER_DIGIT ** (digits - 2) * (LATER if dear else 1.0)
        self.due = max(likely, k + width) + width if krylov else k
        self.earliest = k + 2 * width
        self.of_noise = (m * -math.expm1(-4 * k / m) + BLOCK) * (1 + 0.2 * (digits - 3))
        self.above, self.mean, self.faded, self.noisy = math.inf, 0.0, 0.0, False

    def add(self, kept: int, size: int, energy: float, unseen: float) -> None:
        """Take in a block of size - kept columns, what it holds and what is left of the matrix then."""
        self.mean = energy / (size - kept)
        before, self.above = self.above, self.mean * (self.m - size) / unseen if unseen > 0 else math.inf
        if kept and size <= self.k:  # where all that are left are equal, any range will do
            self.noisy = max(1.05, STEADY * before) < self.above < STEEPNESS
        if self.krylov and kept <= self.k < size:
            self.faded = self.share * self.mean
            if self.noisy:
                self.faded, self.due = 0.0, max(self.due, self.of_noise)

    def worth_a_look(self, size: int) -> bool:
        """Whether the range is likely to be good enough, or has to be looked at."""
        return size >= self.due or (size >= self.earliest and self.mean < self.faded)

    def plan(self, due: int) -> None:
        """Set when to look again, by what a look has told."""
        self.faded, self.due = 0.0, due
