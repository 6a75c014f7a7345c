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
#: wants the most columns. Powers of the rank from -0.4 on fall faster, and want fewer.
STEADY = 0.93


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
    exact : bool
        Whether there is an exact method to turn to.

    Attributes
    ----------
    due : float
        At how many columns the range is looked at, whatever its blocks hold.
    noisy : bool
        Whether what is left of the matrix looks like noise; known from two blocks below the rank on.
    of_noise : float
        How many columns the range wants then; measured from 512 x 512 to 3000 x 4000.
    mean : float
        Energy of a new direction.
    """

    def __init__(self, m: int, n: int, k: int, width: int, tol: float, krylov: bool, exact: bool = True) -> None:
        digits = -math.log10(min(tol, 0.1))
        likely = k + BLOCK * (1.4 + k / 90) * (digits / 3) ** 0.6  # columns that most photographs want
        dear = likely**3 > 2 * width * m * n  # a look; measured from 1 to 24 megapixels
        self.m, self.k, self.exact = m, k, exact
        self.due = max(likely, k + width) + width if krylov else k
        self.of_noise = (m * -math.expm1(-4 * k / m) + BLOCK) * (1 + 0.2 * (digits - 3))
        self.mean, self.noisy = 0.0, False
        self._earliest = k + 2 * width
        self._share = FADED * PER_DIGIT ** (digits - 2) * (LATER if dear else 1.0)
        self._enough, self._above, self._planned = 0.0, math.inf, not krylov

    def add(self, kept: int, size: int, energy: float, unseen: float) -> None:
        """Take in a block of size - kept columns, what it holds and what is left of the matrix then."""
        self.mean = energy / (size - kept)
        before, self._above = self._above, self.mean * (self.m - size) / unseen if unseen > 0 else math.inf
        if kept and size <= self.k:  # where all that are left are equal, any range will do
            self.noisy = max(1.05, STEADY * before) < self._above < STEEPNESS
        if kept <= self.k < size and not self._planned:
            self._enough = self._share * self.mean
            if self.noisy and self.exact:
                self.plan(max(self.due, self.of_noise))
        if unseen <= 0:  # the range is complete
            self._enough = math.inf

    def worth_a_look(self, size: int) -> bool:
        """Whether the range is likely to be good enough, or has to be looked at."""
        return size >= self.due or (not self._planned and size >= self._earliest and self.mean < self._enough)

    def plan(self, due: float) -> None:
        """Set when to look again, by what a look has told."""
        self._planned, self.due = True, due
