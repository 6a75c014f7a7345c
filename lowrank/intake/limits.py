"""What a picture may ask for at most."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lowrank.intake.words import Refusal


@dataclass(frozen=True)
class Limits:
    """What a picture may ask for at most; whatever asks for more is refused before it gets it.

    Parameters
    ----------
    pixels : int
        Rows times columns.
    side : int
        Rows or columns.
    frames : int
        Frames of an animation or pages of a document, of which only the first is read.
    bytes : int
        Bytes of the file.
    scans : int
        Scans of a progressive JPEG, each of which costs a pass over all pixels.
    seconds : float
        Time to decode. Held by the sandbox alone: nothing stops a decoder in one's own process.
    memory : int
        Bytes to decode in. Held by the sandbox alone, too.

    Examples
    --------
    >>> Limits(pixels=12_000_000).check_size(4000, 3001)
    Traceback (most recent call last):
    lowrank.errors.ImageError: This picture is too large. It has 12.1 megapixels. Reduce it to at most 12 megapixels.
    """

    pixels: int = 50_000_000
    side: int = 100_000
    frames: int = 10_000
    bytes: int = 500_000_000
    scans: int = 100
    seconds: float = 10.0
    memory: int = 2_000_000_000

    def check_size(self, width: int, height: int) -> None:
        """Refuse a picture of too many pixels, or of too long a side, or of none."""
        if width < 1 or height < 1:
            raise Refusal.DAMAGED.error()
        if width * height > self.pixels:
            raise Refusal.PIXELS.error(has=_over(width * height), limit=_millions(self.pixels))
        if max(width, height) > self.side:
            raise Refusal.SIDE.error(has=max(width, height), limit=self.side)

    def check_frames(self, frames: int) -> None:
        """Refuse too many frames."""
        if frames > self.frames:
            raise Refusal.FRAMES.error(limit=self.frames)

    def check_bytes(self, size: int) -> None:
        """Refuse too large a file."""
        if size > self.bytes:
            raise Refusal.BYTES.error(has=_over(size), limit=_millions(self.bytes))

    def check_scans(self, scans: int) -> None:
        """Refuse too many scans."""
        if scans > self.scans:
            raise Refusal.SCANS.error(limit=self.scans)


def _over(number: int) -> str:
    """Millions, rounded up to a tenth: what is over a limit reads so."""
    return f"{math.ceil(number / 1e5) / 10:,.1f}".removesuffix(".0")


def _millions(number: int) -> str:
    return f"{number / 1e6:g}"


#: What is allowed where nothing else is said.
DEFAULT = Limits()
