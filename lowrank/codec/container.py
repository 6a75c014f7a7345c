"""The .lrk file, version 1. All numbers are little-endian.

======  =====  =========================================================================================
offset  bytes  meaning
======  =====  =========================================================================================
0       3      ``LRK``
3       1      version, 1
4       1      arrangement: 0 whole, 1 patches
5       1      planes: 1 grey, 3 colour (YCbCr)
6       4      height
10      4      width
14      2      step v: levels are in units of ``2**(4 - v / 256)``
16      4 p    for each of the p planes: rank (2 bytes), and the shifts of levels 1 and above (1 byte each, signed)
16+4p   2      patches alone: how many basis vectors the file holds of luma, and of chroma
...     4 n    the range coder's words
end-4   4      CRC-32 of all before it
======  =====  =========================================================================================

What a header asks for is checked against the limits before anything is allocated, and the CRC before anything is
decoded. What the words hold is spelt out in `lowrank.codec.patched.code`, `lowrank.codec.whole.code` and below them.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Literal, get_args

from lowrank.color import Color
from lowrank.errors import FormatError, ImageError
from lowrank.intake.limits import DEFAULT, Limits
from lowrank.patches import SIDE

Arrangement = Literal["whole", "patches"]

#: What a file can hold, by name; the first is 0 in the file.
ARRANGEMENTS: tuple[Arrangement, ...] = get_args(Arrangement)

MAGIC, VERSION = b"LRK", 1

#: The rank up to which a whole picture is stored, and the pixels up to which it may have any rank.
HIGHEST_WHOLE, SMALL = 300, 1 << 21

_FIXED = struct.Struct("<3sBBBIIH")
_PLANE = struct.Struct("<Hbb")
_CRC = struct.Struct("<I")

#: Smallest step, as its number in the file.
FINEST = 16 * 256


def damaged() -> FormatError:
    """Return the error to raise for a damaged file."""
    return FormatError("This .lrk file is damaged. Get it anew from where it came from.")


@dataclass(frozen=True)
class Header:
    """What a .lrk file says of itself.

    Parameters
    ----------
    arrangement : {"whole", "patches"}
    shape : (h, w)
        Of the picture, in pixels.
    ranks : tuple of int
        Of every plane: one for a grey picture, three for Y, Cb and Cr.
    step : int
        Number v of the quantiser's step ``2**(4 - v / 256)``.
    shifts : tuple of (int, int)
        Of every plane, as `lowrank.quantize.dequantize` takes them.
    vectors : (int, int)
        How many basis vectors there are of luma and of chroma (patches alone).
    bytes : int
        Of the file.
    """

    arrangement: Arrangement
    shape: tuple[int, int]
    ranks: tuple[int, ...]
    step: int
    shifts: tuple[tuple[int, int], ...]
    vectors: tuple[int, int] = (0, 0)
    bytes: int = 0

    @property
    def color(self) -> Color:
        """The arrangement of planes: ``"gray"`` or ``"ycbcr"``."""
        return "gray" if len(self.ranks) == 1 else "ycbcr"

    @property
    def rank(self) -> int:
        """The highest rank of a plane: luma's."""
        return max(self.ranks)


def step_size(step: int) -> float:
    """Return the quantizer's step, in units of the picture's range, by its number in the file.

    Examples
    --------
    >>> step_size(1024), step_size(1280)
    (1.0, 0.5)
    """
    return float(2.0 ** (4 - step / 256))


def highest_stored(shape: tuple[int, ...], arrangement: Arrangement) -> int:
    """Return the highest rank that a file of a picture of this shape may have."""
    if arrangement == "patches":
        return SIDE * SIDE
    h, w = shape[:2]
    return min(h, w) if h * w <= SMALL else min(h, w, HIGHEST_WHOLE)


def pack(header: Header, payload: bytes) -> bytes:
    """Put a file together."""
    number = ARRANGEMENTS.index(header.arrangement)
    data = _FIXED.pack(MAGIC, VERSION, number, len(header.ranks), *header.shape, header.step)
    for rank, shifts in zip(header.ranks, header.shifts, strict=True):
        data += _PLANE.pack(rank, *shifts)
    if header.arrangement == "patches":
        data += bytes(header.vectors)
    data += payload
    return data + _CRC.pack(zlib.crc32(data))


def unpack(data: bytes, limits: Limits = DEFAULT) -> tuple[Header, bytes]:
    """Take a file apart, and check all that can be checked.

    Returns
    -------
    Header and the range coder's words.

    Raises
    ------
    FormatError
        If it is no .lrk file, of another version, damaged, or over the limits.
    """
    if data[:3] != MAGIC:
        raise FormatError("This is no .lrk file. Open one that lowrank compress has written.")
    if len(data) < _FIXED.size + _PLANE.size + _CRC.size:
        raise damaged()
    if data[3] != VERSION:
        raise FormatError(
            f"This .lrk file is of version {data[3]}, and this program reads version {VERSION}. Update it."
        )
    body, (checksum,) = data[: -_CRC.size], _CRC.unpack(data[-_CRC.size :])
    if zlib.crc32(body) != checksum:
        raise damaged()
    _, _, number, planes, height, width, step = _FIXED.unpack_from(body)
    at = _FIXED.size + planes * _PLANE.size
    if number >= len(ARRANGEMENTS) or planes not in (1, 3) or step > FINEST or len(body) < at:
        raise damaged()
    try:
        limits.check_size(width, height)
    except ImageError as error:
        raise FormatError(str(error)) from None
    triples = [_PLANE.unpack_from(body, _FIXED.size + i * _PLANE.size) for i in range(planes)]
    ranks, vectors = tuple(rank for rank, _, _ in triples), (0, 0)
    arrangement = ARRANGEMENTS[number]
    if arrangement == "patches":
        vectors, at = (*body[at : at + 2], 0, 0)[:2], at + 2
    if (
        max(ranks) > highest_stored((height, width), arrangement)
        or max(vectors) > SIDE * SIDE
        or len(body) < at
        or (len(body) - at) % 4
    ):
        raise damaged()
    shifts = tuple((one, more) for _, one, more in triples)
    return Header(arrangement, (height, width), ranks, step, shifts, vectors, len(data)), body[at:]
