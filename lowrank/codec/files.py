"""Pictures <-> .lrk files: `encode`, which meets one target, `decode`, and `inspect`, which reads the header alone."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from lowrank import metrics
from lowrank.codec.coders import Decoder
from lowrank.codec.container import ARRANGEMENTS, Arrangement, Header, damaged, unpack
from lowrank.codec.pictures import CODERS, picture_of, prepared, shown_planes, written
from lowrank.codec.targets import of_quality, of_size
from lowrank.color import Array
from lowrank.errors import LowrankError, RankError
from lowrank.intake.limits import DEFAULT, Limits
from lowrank.parallel import Progress, idle

#: Squared error that levels may add where a rank is asked for: a share of what the rank leaves out, and what rounding
#: to 8 bits adds.
_SHARE, _FLOOR = 0.06, 1 / (12 * 255**2)

#: PSNR that a picture of 8 bits may be asked for at most, in dB.
MOST = 58.0

#: Bytes that any file fits into.
_ANY = 2**62

#: Of the time, what the search for the step takes.
_SEARCH = 0.3


def encode(
    image: Array,
    *,
    rank: int | None = None,
    psnr: float | None = None,
    max_bytes: int | None = None,
    arrangement: Arrangement = "whole",
    progress: Progress | None = None,
) -> bytes:
    """Write a picture as a .lrk file: the smallest one that meets a target of rank or PSNR, or the best one of a size.

    Parameters
    ----------
    image : ndarray, shape (h, w) or (h, w, 3)
        Values in [0, 1].
    rank : int, optional
        How many components to keep at most, 1 to `highest_rank`; the levels are so fine that they cost about 0.25 dB,
        and more where the rank leaves out less than rounding to 8 bits does.
    psnr : float, optional
        What `decode` is to reach at least, in dB, before its picture is rounded to 8 bits; see `before_rounding`.
    max_bytes : int, optional
        How large the file may be.
    arrangement : {"whole", "patches"}
        Whether the SVD is that of the picture's own matrix, or that of its 8 x 8 blocks, each a row.
    progress : callable, optional
        Called now and then with the finished share, rising to 1.

    Returns
    -------
    bytes
        As `lowrank.codec.container` spells them out.

    Raises
    ------
    RankError
        If `rank` is out of range.
    LowrankError
        If the target cannot be met.
    ValueError
        If the arrangement is unknown, or the picture has another shape.
    TypeError
        If there is not just one target, or the picture holds integers.

    Notes
    -----
    Memory is at most about 140 bytes a pixel of colour, the picture in float32 included: 1.7 GB for twelve megapixels.

    Examples
    --------
    >>> import numpy as np
    >>> picture = np.outer(np.linspace(0, 1, 40), np.linspace(1, 0, 30))
    >>> data = encode(picture, psnr=40)
    >>> len(data) < 200, metrics.psnr(picture, decode(data)) >= 40
    (True, True)
    """
    tick = progress or idle
    if arrangement not in ARRANGEMENTS:
        raise ValueError(f"arrangement must be one of {', '.join(ARRANGEMENTS)}, not {arrangement!r}")
    if sum(target is not None for target in (rank, psnr, max_bytes)) != 1:
        raise TypeError("give one target: rank, psnr or max_bytes")
    if psnr is not None:
        _check(psnr)
    if max_bytes is not None and max_bytes < 1:
        raise LowrankError(f"No file has {max_bytes:,} bytes. Allow more.")
    image = np.asarray(image)
    source = prepared(image, arrangement, rank, lambda share: tick(_SEARCH / 2 * share))
    tick(_SEARCH / 2)
    if max_bytes is not None:
        data = of_size(source, image, min(max_bytes, _ANY))
    else:
        left_out = None
        if rank is not None:
            left_out = metrics.mse(image, shown_planes(source.exact(), image.ndim))
            psnr = -10 * math.log10(left_out * (1 + _SHARE) + _FLOOR)
        assert psnr is not None
        draft = of_quality(source, image, psnr, left_out)
        tick(_SEARCH)
        data = written(*draft, lambda share: tick(_SEARCH + (1 - _SEARCH) * share))
    tick(1.0)
    return data


def before_rounding(psnr: float) -> float:
    """Return the PSNR, in dB, that a picture must have for `psnr` to be left when it is rounded to 8 bits.

    Rounding adds a squared error of 1/12 of a level's square, as a rule.

    Parameters
    ----------
    psnr : float
        In dB, above 0 and up to `MOST`.

    Raises
    ------
    LowrankError
        If no rounded picture is as good, but for one without any error.

    Examples
    --------
    >>> round(before_rounding(36), 3), round(before_rounding(50), 3)
    (36.022, 50.596)
    """
    _check(psnr)
    if psnr > MOST:
        raise LowrankError(f"{psnr:g} dB is more than 8 bits hold. Ask for {MOST:g} dB or less.")
    return -10 * math.log10(10 ** (-psnr / 10) - _FLOOR)


def _check(psnr: float) -> None:
    if not 0 < psnr < math.inf:
        raise LowrankError(f"A PSNR of {psnr:g} dB is no target. Ask for one above 0 dB.")


def at_steps(image: Array, arrangement: Arrangement) -> Callable[[float], bytes]:
    """Return a function that writes a picture as a .lrk file at a quantizer's step, by its number: 0 to 4096.

    256 more halve the step. For many files of one picture: it is decomposed once.
    """
    source = prepared(image, arrangement, None, idle)
    return lambda step: written(*source.draft(int(step)))


def both_at_steps(image: Array, arrangement: Arrangement) -> Callable[[float], tuple[bytes, Array]]:
    """Return a function like that of `at_steps`, which tells what `decode` makes of the file too.

    It need not be decoded for that: levels are coded without loss, and what they stand for is known.
    """
    source = prepared(image, arrangement, None, idle)

    def both(step: float) -> tuple[bytes, Array]:
        draft = source.draft(int(step))
        return written(*draft), picture_of(*draft)

    return both


def decode(
    data: bytes, *, rank: int | None = None, progress: Progress | None = None, limits: Limits = DEFAULT
) -> Array:
    """Read a .lrk file.

    Parameters
    ----------
    data : bytes
    rank : int, optional
        Keep only so many components of each plane: 1 or more; all that the file holds by default. A file made for that
        rank is better, since its levels are chosen for it.
    progress : callable, optional
        Called now and then with the finished share, rising to 1.
    limits : Limits
        What the file may ask for at most.

    Returns
    -------
    ndarray of float32, shape (h, w) or (h, w, 3)
        Values in [0, 1].

    Raises
    ------
    FormatError
        If it is no .lrk file, of another version, damaged, or over the limits.
    RankError
        If `rank` is less than 1.

    Notes
    -----
    Memory is at most about 140 bytes a pixel of colour, the picture included: 1.7 GB for twelve megapixels.
    """
    tick = progress or idle
    if rank is not None and rank < 1:
        raise RankError(f"Rank {rank} is out of reach here. Choose a rank of 1 or more.")
    header, payload = unpack(bytes(data), limits)
    coder = CODERS[header.arrangement]
    # the CRC has held, so this is a file that someone made wrong on purpose: whatever it does, it is damaged
    try:
        levels = coder.code(Decoder(payload), header, None, tick)
        picture = picture_of(header, levels, rank)
        sound = bool(np.isfinite(picture).all())
    except (ValueError, ArithmeticError, AssertionError, IndexError):
        sound = False
    if not sound:
        raise damaged()
    tick(1.0)
    return picture


def inspect(data: bytes, limits: Limits = DEFAULT) -> Header:
    """Read what a .lrk file says of itself, without decoding it.

    Raises
    ------
    FormatError
        If it is no .lrk file, of another version, damaged, or over the limits.
    """
    return unpack(bytes(data), limits)[0]
