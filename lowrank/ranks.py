"""Rules that choose a rank: the smallest k that reaches a target, or the largest that fits a budget.

No rule knows what a picture is for. Each one's docstring says what it is good for and where it misleads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.optimize import brentq

from lowrank import metrics, spectrum, storage
from lowrank.color import Array, Color, displayed, from_planes, to_planes
from lowrank.errors import RankError
from lowrank.parallel import Progress
from lowrank.svd import SVD, singular_values


@dataclass(frozen=True, slots=True)
class Question:
    """What a rule is asked about: the factors, the target, and the picture where there is one."""

    svd: SVD
    target: float
    image: Array | None
    color: Color
    progress: Progress | None = None

    @property
    def planes(self) -> tuple[int, int, int]:
        """Number of planes, rows and columns."""
        *stack, m, n = self.svd.shape
        return int(np.prod(stack)), m, n


@dataclass(frozen=True, slots=True)
class Rule:
    """A way to choose a rank.

    Attributes
    ----------
    choose : callable
        Question -> rank.
    name : str
        In words, for a page or a help text.
    unit : str
        Of the target.
    default, lowest, highest : float or None
        A sensible target and its range; all None for a rule without a target.
    pictures_only : bool
        Whether it says nothing of other matrices.
    """

    choose: Callable[[Question], int]
    name: str
    unit: str = ""
    default: float | None = None
    lowest: float | None = None
    highest: float | None = None
    pictures_only: bool = False

    @property
    def advice(self) -> str:
        """What the rule is good for and where it misleads, in plain words."""
        _, _, paragraphs = (self.choose.__doc__ or "").partition("\n\n")
        return " ".join(paragraphs.partition("\n\n")[0].split())


def by_psnr(question: Question) -> int:
    """Smallest k whose PSNR, by the spectrum, is at least the target in dB.

    Good for photographs: 30 dB is fair, 35 dB good, 40 dB hard to tell apart. It misleads where structure matters more
    than the mean: equal PSNR can look different. Clipping and rounding change the shown picture's PSNR a little.
    """
    return _first(spectrum.psnr(question.svd)[1:] >= question.target)


def by_ssim(question: Question) -> int:
    """Smallest k at which the shown picture's SSIM reaches the target and one rank less misses it.

    Good where structure matters: it follows the eye better than PSNR. It misleads on smooth areas, where fine noise
    lowers it. SSIM can dip as the rank rises; then a lower rank may reach the target as well.
    """
    svd, color = question.svd, question.color

    def picture(k: int) -> Array:
        return from_planes(svd.reconstruct(k).reshape(question.planes), color)

    if question.image is not None:
        reference = from_planes(to_planes(question.image, color), color)
    elif svd.complete:
        reference = picture(svd.rank)
    else:
        raise RankError("SSIM needs the picture itself, or all of its singular values. Give the picture.")

    def met(k: int) -> bool:
        if question.progress is not None:
            question.progress(1 - (reached - missed) / (svd.rank + 1))
        shown = displayed(picture(k))
        return metrics.ssim(reference, shown) >= question.target

    missed, reached = 0, svd.rank
    if not met(reached):
        return _first(np.zeros(0, bool))
    while reached - missed > 1:  # invariant: missed at `missed` (or it is 0), met at `reached`
        middle = (missed + reached) // 2
        missed, reached = (missed, middle) if met(middle) else (middle, reached)
    return reached


def by_energy(question: Question) -> int:
    """Smallest k that keeps at least this share of the squared norm.

    Good for reporting, and for matrices whose mean is near zero. It misleads on raw photographs: the mean brightness
    is most of the energy, so 95 % is 1 to 30 components at a poor 18 to 27 dB.
    """
    return _first(spectrum.energy(question.svd)[1:] >= question.target)


def by_relative_error(question: Question) -> int:
    """Smallest k whose relative Frobenius error is at most the target.

    Good for matrices in general: 0.1 means that the error's norm is a tenth of the matrix's. It misleads when pictures
    of different brightness are compared: the same error counts for less on a brighter one.
    """
    return _first(spectrum.relative_error(question.svd)[1:] <= question.target)


def by_bytes(question: Question) -> int:
    """Largest k whose raw float32 factors take at most this many bytes.

    Good for a hard limit on storage. It misleads about files: a coded file of the same picture is far smaller than its
    raw factors.
    """
    _, m, n = question.planes
    k = _last(question.svd.layers * storage.stored_bytes(m, n, 1) <= question.target)
    if k < 1:
        raise RankError("Even rank 1 takes more bytes than this. Allow more.")
    return k


def by_break_even(question: Question) -> int:
    """Largest k whose factors are no more numbers than the picture has.

    Good for seeing where factors stop paying. It misleads about bytes: a pixel takes 8 bits and a float32 number 32, so
    in bytes the factors stop paying at a quarter of this rank.
    """
    count, m, n = question.planes
    k = _last(question.svd.layers <= storage.break_even_layers(m, n, count))
    if k < 1:
        raise RankError("Even rank 1 stores more numbers than this picture has. There is no break-even rank.")
    return k


def by_gavish_donoho(question: Question) -> int:
    """Number of singular values above the optimal hard threshold for white noise of unknown level.

    Good for noisy pictures, where it is close to the best rank for removing the noise. It misleads on clean ones: fine
    texture counts as noise, and where half of the singular values are nearly zero it keeps almost everything.

    Gavish and Donoho 2014, "The optimal hard threshold for singular values is 4/sqrt(3)", unknown noise: the threshold
    is ``omega(beta) * median(s)`` for the matrix's aspect ratio beta. Of several planes the neediest decides. Where
    the median is zero to rounding, the numerical rank is returned.
    """
    svd = question.svd
    _, m, n = question.planes
    s: NDArray[np.floating]
    if svd.complete:
        s = svd.s
    elif question.image is not None:
        s = singular_values(to_planes(question.image, question.color))
    else:
        raise RankError("This rule needs all singular values. Give the picture, or decompose to the full rank.")
    noise = s.max() * max(m, n) * np.finfo(s.dtype).eps  # of the whole picture: a grey one's chroma is rounding
    median = np.median(s, axis=-1, keepdims=True)
    threshold = np.where(median > noise, omega(min(m, n) / max(m, n)) * median, noise)
    wanted = (s > threshold).sum(-1, keepdims=True)
    return _first((svd.ranks >= wanted).reshape(-1, svd.rank).all(0))


#: Every rule by name.
RULES: dict[str, Rule] = {
    "psnr": Rule(by_psnr, "PSNR", "dB", 30.0, 1.0, 100.0, pictures_only=True),
    "ssim": Rule(by_ssim, "SSIM", "", 0.9, 0.01, 1.0, pictures_only=True),
    "relative_error": Rule(by_relative_error, "relative error", "", 0.1, 0.0, 1.0),
    "energy": Rule(by_energy, "energy", "", 0.99, 0.0, 1.0),
    "bytes": Rule(by_bytes, "bytes", "bytes", 100_000.0, 1.0, None),
    "break_even": Rule(by_break_even, "break-even"),
    "gavish_donoho": Rule(by_gavish_donoho, "Gavish-Donoho"),
}


def choose_rank(
    svd: SVD,
    rule: str,
    target: float | None = None,
    *,
    image: Array | None = None,
    color: Color = "gray",
    progress: Progress | None = None,
) -> int:
    """Choose the rank that a rule asks for.

    Parameters
    ----------
    svd : SVD
        Of a matrix or of a picture's planes; a stack counts as one picture. Of YCbCr planes it should be what
        `lowrank.allot.picture_svd` returns: other factors tell the error of the planes, not of the picture.
    rule : str
        A key of `RULES`.
    target : float, optional
        What is to be reached, in the rule's unit; the rule's default where it is not given.
    image : ndarray, shape (h, w) or (h, w, 3), optional
        The picture that `svd` came from. The ``ssim`` and ``gavish_donoho`` rules need it where `svd` is truncated.
    color : {"gray", "rgb", "ycbcr"}
        The arrangement that `svd` decomposes.
    progress : callable, optional
        Called with the share of ranks that are ruled out, before each picture that a rule measures; what it raises ends
        the choice.

    Returns
    -------
    int
        1 to ``svd.rank``. For targets of quality the smallest rank that reaches them; for budgets (``bytes``,
        ``break_even``) the largest that fits.

    Raises
    ------
    RankError
        If no rank that `svd` holds meets the target, or the target is outside of the rule's range.
    ValueError
        If the rule is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from lowrank import truncated_svd
    >>> svd = truncated_svd(np.diag([4.0, 2.0, 1.0, 0.5]))
    >>> choose_rank(svd, "energy", 0.9), choose_rank(svd, "relative_error", 0.1)
    (2, 4)
    """
    if rule not in RULES:
        raise ValueError(f"rule must be one of {', '.join(RULES)}, not {rule!r}")
    if svd.rank == 0:
        raise RankError("These factors hold no singular value. Decompose to rank 1 or more.")
    entry = RULES[rule]
    value = entry.default if target is None else target
    if entry.lowest is not None and value is not None:
        below, above = value < entry.lowest, entry.highest is not None and value > entry.highest
        if below or above or value != value:
            until = "up" if entry.highest is None else f"to {entry.highest:g}"
            raise RankError(f"The target for {entry.name} must be from {entry.lowest:g} {until}, not {value:g}.")
    return entry.choose(Question(svd, 0.0 if value is None else float(value), image, color, progress))


def known_noise_rank(s: NDArray[np.floating], m: int, n: int, sigma: float) -> int:
    """Count the singular values above the optimal hard threshold for white noise of a known level.

    Gavish and Donoho 2014, known noise: the threshold is ``known_noise_factor(beta) * sqrt(max(m, n)) * sigma``.

    Parameters
    ----------
    s : ndarray, shape (r,)
        Singular values of an m x n matrix, the largest of them at least.
    sigma : float
        Standard deviation of the noise on each entry.

    Examples
    --------
    >>> known_noise_rank(np.array([40.0, 30.0, 5.0]), 100, 100, 1.0)
    2
    """
    return int((s > known_noise_factor(min(m, n) / max(m, n)) * np.sqrt(max(m, n)) * sigma).sum())


def known_noise_factor(beta: float) -> float:
    """Return Gavish and Donoho's factor for known noise, ``lambda(beta)``, for an aspect ratio in (0, 1].

    Examples
    --------
    >>> round(known_noise_factor(1.0), 4)
    2.3094
    """
    return float(np.sqrt(2 * (beta + 1) + 8 * beta / (beta + 1 + np.sqrt(beta**2 + 14 * beta + 1))))


@lru_cache
def omega(beta: float) -> float:
    """Return Gavish and Donoho's factor for unknown noise, ``lambda(beta) / sqrt(mu_beta)``.

    Parameters
    ----------
    beta : float
        Aspect ratio, shorter side over longer, in (0, 1].

    Notes
    -----
    ``lambda`` is `known_noise_factor`, ``mu_beta`` the median of the Marchenko-Pastur law, here from its
    integral (the paper's cubic approximation is off by up to 0.006). With ``t = 1 + beta - 2 sqrt(beta) cos(angle)``
    the integrand is smooth at both ends.

    Examples
    --------
    >>> round(omega(1.0), 4), round(omega(0.5), 4)
    (2.8584, 2.1712)
    """
    centre, half = 1 + beta, 2 * np.sqrt(beta)

    def density(angle: float) -> float:
        return float((half * np.sin(angle)) ** 2 / (2 * np.pi * beta * (centre - half * np.cos(angle))))

    angle = brentq(lambda x: quad(density, 0, x)[0] - 0.5, 0, np.pi)
    median = centre - half * np.cos(angle)
    return float(known_noise_factor(beta) / np.sqrt(median))


def _last(fits: NDArray[np.bool_]) -> int:
    """Return the highest of ranks 0..r that fits, where every rank below it does."""
    return int(np.count_nonzero(fits[1:]))


def _first(met: NDArray[np.bool_]) -> int:
    if not met.any():
        raise RankError("No rank available here reaches this target. Ask for less, or allow a higher rank.")
    return int(met.argmax()) + 1
