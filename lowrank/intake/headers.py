"""What a file declares, read before any decoder runs and before anything is allocated: sides, frames, scans.

The walks below go from part to part of a file, as its format lays them out. A file that ends within a part was cut off.
Where a format's own library reads the header alone (AVIF, HEIC), it is left to that.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from lowrank.errors import ImageError
from lowrank.intake.limits import Limits
from lowrank.intake.words import Refusal

#: Tags of TIFF.
SUBFILE, WIDTH, LENGTH, COMPRESSION, SUB_IFDS, DNG = 254, 256, 257, 259, 330, 50706


@dataclass(frozen=True)
class Header:
    """What a file declares."""

    width: int
    height: int
    frames: int = 1
    #: Where the compressed data of a Huffman-coded JPEG stands, for each scan: begin and end.
    scans: tuple[tuple[int, int], ...] = ()


def examine(data: bytes, codec: str, limits: Limits) -> Header | None:
    """Read a file's header and hold it against the limits.

    Parameters
    ----------
    data : bytes
    codec : str
        One of `lowrank.intake.sniff.FORMATS`, by which the bytes are taken.
    limits : Limits

    Returns
    -------
    Header, or None for AVIF and HEIC

    Raises
    ------
    ImageError
        If the file asks for more than the limits allow, was cut off, or is a camera's raw file.
    """
    limits.check_bytes(len(data))
    walk = _WALKS.get(codec)
    if walk is None:
        return None
    try:
        header = walk(data, limits)
    except ImageError:
        raise
    except (
        struct.error,
        LookupError,
        ValueError,
        OverflowError,
        zlib.error,
    ):  # it ends where a part should be
        raise Refusal.DAMAGED.error() from None
    limits.check_size(header.width, header.height)
    limits.check_frames(header.frames)
    return header


# -- PNG ---------------------------------------------------------------------------------------------------------------

#: Samples a pixel by PNG's colour type.
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}

#: Where Adam7's passes start and how far they step: x, y, step x, step y.
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def _png(data: bytes, limits: Limits) -> Header:
    at, kind, frames, parts = 8, b"", 1, []
    width, height, bits, color, *_, interlaced = struct.unpack_from(">II5B", data, 16)
    limits.check_size(width, height)
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"acTL":
            (frames,) = struct.unpack_from(">I", data, at + 8)
        elif kind == b"IDAT":
            parts.append((at + 8, length))
        at += 12 + length
        if at > len(data):
            raise Refusal.DAMAGED.error()
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    sizes = [(-(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in passes]
    samples = sum(h * (1 + -(-w * bits * _CHANNELS.get(color, 0) // 8)) for w, h in sizes if w > 0 and h > 0)
    _inflates_to(samples, data, parts)
    return Header(width, height, max(frames, 1))


def _inflates_to(size: int, data: bytes, parts: list[tuple[int, int]], step: int = 1 << 16) -> None:
    """Refuse compressed data that ends before `size` bytes: a decoder would leave the rest of the picture black."""
    stream = zlib.decompressobj()
    for start, length in parts:
        for at in range(start, start + length, step):
            rest = data[at : min(at + step, start + length)]
            while rest and size > 0:
                size -= len(stream.decompress(rest, step))
                rest = stream.unconsumed_tail
            if size <= 0:
                return
    if size > len(stream.flush()):
        raise Refusal.DAMAGED.error()


# -- JPEG --------------------------------------------------------------------------------------------------------------

#: A marker; within compressed data FF 00 stands for FF, and the restarts D0 to D7 part it.
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_END, _SCAN = 0xD9, 0xDA
_ALONE = (0x01, 0xD8)
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}

#: Where arithmetic coding begins. It may leave out zeros at the end of a scan, so that such a scan never looks cut off.
_ARITHMETIC = 0xC9


def _jpeg(data: bytes, limits: Limits) -> Header:
    at, width, height, arithmetic, scans = 2, 0, 0, False, []
    while True:
        found = _MARKER.search(data, at)
        if found is None:  # no end of image: cut off
            raise Refusal.DAMAGED.error()
        at, marker = found.end(), data[found.end() - 1]
        if marker == _END:
            break
        if marker in _ALONE:
            continue
        (length,) = struct.unpack_from(">H", data, at)
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 3)
            limits.check_size(width, height)
            arithmetic = marker >= _ARITHMETIC
        at += length
        if marker == _SCAN:
            following = _MARKER.search(data, at)
            if following is None:
                raise Refusal.DAMAGED.error()
            scans.append((at, following.start()))
            limits.check_scans(len(scans))
            at = following.start()
    if arithmetic:
        return Header(width, height)
    if 8 * sum(end - start for start, end in scans) < -(-width // 8) * -(-height // 8):  # not a bit for each block
        raise Refusal.DAMAGED.error()
    return Header(width, height, scans=tuple(scans))


def padded(data: bytes, header: Header) -> bytes:
    """Return a JPEG with bytes of no meaning wherever its compressed data comes to an end.

    A decoder that had all it needed skips them. One that had not takes them for the picture, where without them it
    would have filled up with grey; so a JPEG was cut off if, and but for chance only if, it looks different now.
    """
    filler = bytes(73 * i % 255 for i in range(1, 33))
    parts, done = [], 0
    for start, end in header.scans:
        parts += [data[done:start], re.sub(rb"(?=\xff[\xd0-\xd7])", filler, data[start:end]), filler]
        done = end
    return b"".join([*parts, data[done:]])


# -- GIF ---------------------------------------------------------------------------------------------------------------


def _gif(data: bytes, limits: Limits) -> Header:
    width, height, packed = struct.unpack_from("<HHB", data, 6)
    at, frames = 13 + _table(packed), 0
    while (block := data[at]) != 0x3B:  # the trailer
        if block == 0x2C:
            x, y, w, h, packed = struct.unpack_from("<4HB", data, at + 1)
            if not frames:  # the first frame may reach beyond the canvas, which then grows
                width, height = max(width, x + w), max(height, y + h)
                limits.check_size(width, height)
            at += 11 + _table(packed)
            frames += 1
            limits.check_frames(frames)
        elif block == 0x21:
            at += 2
        else:
            raise Refusal.DAMAGED.error()
        while data[at]:
            at += data[at] + 1
        at += 1
    return Header(width, height, frames)


def _table(packed: int) -> int:
    """Bytes of the colour table that a GIF's packed field announces."""
    return 3 << (packed & 7) + 1 if packed & 0x80 else 0


# -- the others --------------------------------------------------------------------------------------------------------


def _bmp(data: bytes, limits: Limits) -> Header:
    (size,) = struct.unpack_from("<I", data, 14)
    width, height, _, bits = struct.unpack_from("<HHHH" if size == 12 else "<iiHH", data, 18)
    runs = size != 12 and struct.unpack_from("<I", data, 30)[0] in (1, 2)
    limits.check_size(width, abs(height))
    if not runs and width * abs(height) * bits > 8 * len(data):
        raise Refusal.DAMAGED.error()
    return Header(width, abs(height))


def _webp(data: bytes, limits: Limits) -> Header:
    (size,) = struct.unpack_from("<I", data, 4)
    end, at, frames, width, height = 8 + size, 12, 0, 0, 0
    if end > len(data):
        raise Refusal.DAMAGED.error()
    while at + 8 <= end:
        kind, length = struct.unpack_from("<4sI", data, at)
        if kind == b"VP8X":
            low, high, low_2, high_2 = struct.unpack_from("<HBHB", data, at + 12)
            width, height = low + (high << 16) + 1, low_2 + (high_2 << 16) + 1
        elif kind == b"VP8 " and not width:
            width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, at + 14))
        elif kind == b"VP8L" and not width:
            (packed,) = struct.unpack_from("<I", data, at + 9)
            width, height = (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
        elif kind == b"ANMF":
            frames += 1
        at += 8 + length + length % 2
    return Header(width, height, max(frames, 1))


def _tiff(data: bytes, limits: Limits) -> Header:
    order, big = "<" if data[:2] == b"II" else ">", 43 in data[2:4]
    (at,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
    first, seen = _directory(data, at, order, big)
    if DNG in first or (first.get(SUBFILE, 0) & 1 and SUB_IFDS in first):  # a small preview before the picture proper
        raise Refusal.OTHER_KIND.error(kind="a camera's raw file")
    width, height = first[WIDTH], first[LENGTH]
    limits.check_size(width, height)
    if first.get(COMPRESSION, 1) == 1 and width * height > 8 * len(data):  # not a bit for each pixel
        raise Refusal.DAMAGED.error()
    pages = {at}
    while seen and seen not in pages:
        pages.add(seen)
        limits.check_frames(len(pages))
        _, seen = _directory(data, seen, order, big)
    return Header(width, height, len(pages))


def _directory(data: bytes, at: int, order: str, big: bool) -> tuple[dict[int, int], int]:
    """The tags of one directory with their first value, or where that stands; and where the next directory is."""
    count_format, entry, pointer, step = ("Q", "HHQ", "Q", 20) if big else ("H", "HHI", "I", 12)
    (count,) = struct.unpack_from(order + count_format, data, at)
    start = at + struct.calcsize(count_format)
    end = start + step * count
    (following,) = struct.unpack_from(order + pointer, data, end)
    tags: dict[int, int] = {}
    for position in range(start, end, step):
        tag, kind, number = struct.unpack_from(order + entry, data, position)
        place = position + step - struct.calcsize(pointer)
        (value,) = struct.unpack_from(order + pointer, data, place)
        size = number * _SIZES.get(kind, 0)
        if size > struct.calcsize(pointer) and value + size > len(data):
            raise Refusal.DAMAGED.error()
        (tags[tag],) = struct.unpack_from(order + "H", data, place) if kind == 3 and number == 1 else (value,)
    return tags, following


#: Bytes of a value by TIFF's type.
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}


_WALKS: dict[str, Callable[[bytes, Limits], Header]] = {
    "PNG": _png,
    "JPEG": _jpeg,
    "GIF": _gif,
    "BMP": _bmp,
    "WebP": _webp,
    "TIFF": _tiff,
}
