"""Everything that reading a picture can say: why it was refused, and what was done to it.

Nothing else is ever said, whoever decoded: a message that is in neither list did not come from here.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cache
from typing import Self

from lowrank.errors import ImageError

#: The formats that are read, as a sentence names them.
READABLE = "PNG, JPEG, WebP, GIF, BMP, TIFF, AVIF or HEIC"


class _Catalogue(StrEnum):
    """Sentences with fields to fill in."""

    def filled(self, **values: str | int) -> str:
        """Return the sentence with its fields filled in."""
        return self.value.format(readable=READABLE, **values)

    @classmethod
    def of(cls, text: str) -> Self | None:
        """Return the entry that `text` is a filled-in form of, or None."""
        return next((entry for entry in cls if re.fullmatch(_pattern(entry.value), text, re.DOTALL)), None)


@cache
def _pattern(sentence: str) -> str:
    """Match what a sentence can become; only the name of a file may hold more than words and numbers."""
    fields = {"name": ".{1,400}", "readable": re.escape(READABLE)}
    parts = re.split(r"\{(\w+)\}", sentence)
    return "".join(fields.get(p, "[\\w., '-]{1,60}") if i % 2 else re.escape(p) for i, p in enumerate(parts))


class Refusal(_Catalogue):
    """Why a picture cannot be read, and what to do."""

    EMPTY = "This file is empty. Give a {readable} file."
    UNKNOWN = "This file is not a picture that can be read here. Give a {readable} file."
    OTHER_KIND = "This file is {kind}, not a picture that can be read here. Give a {readable} file."
    UNSUPPORTED = "This {format} file is of a kind that cannot be read here. Save it as an ordinary PNG or JPEG file."
    DAMAGED = "This picture is damaged or incomplete. Export it again and give the new file."
    NO_NUMBERS = "This picture holds values that are no numbers. Export it again as PNG or TIFF."
    PIXELS = "This picture is too large. It has {has} megapixels. Reduce it to at most {limit} megapixels."
    SIDE = "This picture is too long. One side has {has} pixels. Crop it to at most {limit} pixels a side."
    FRAMES = "This file has too many frames. Give a single frame, or a file of at most {limit} frames."
    BYTES = "This file is too large. It has {has} MB. Give one of at most {limit} MB."
    SCANS = "This file has more than {limit} progressive scans. Save it again as an ordinary JPEG or PNG file."
    TIME = "This picture takes too long to decode. Save it again as an ordinary PNG or JPEG file, or reduce it."
    MEMORY = "This picture takes too much memory to decode. Reduce it and give the smaller one."
    CRASH = "This picture could not be decoded. Save it again as an ordinary PNG or JPEG file."
    BUSY = "Pictures cannot be read at the moment. Try again in a minute."
    NO_FILE = "There is no file {name}. Check the name and the folder."
    NO_ACCESS = "The file {name} cannot be read. Check that it is a file and that you may."

    def error(self, **values: str | int) -> ImageError:
        """Return the error that says so."""
        return ImageError(self.filled(**values))


class Note(_Catalogue):
    """What was done to a picture, or is good to know of it."""

    DEPTH = "{bits}-bit"
    FLOAT = "floating point"
    REDUCED = "{bits}-bit, read at 8"
    SCALED = "scaled to its own range"
    FRAME = "frame 1 of {frames}"
    TURNED = "rotated by EXIF"
    CMYK = "CMYK to sRGB"
    LAB = "Lab to sRGB"
    PROFILE = "ICC profile to sRGB"
    WHITE = "transparency on white"
