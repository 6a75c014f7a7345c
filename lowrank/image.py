"""Encoded bytes <-> float array in [0, 1]: the door for pictures.

What is done to a picture on the way in: the first frame is taken, the EXIF orientation applied, transparency laid on
white, an ICC profile, CMYK and Lab converted to sRGB, and samples read at their full depth. Grey stays grey. What a
file may ask for is limited before it is decoded; what is damaged is refused, never half shown.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lowrank.color import LUMA, Array, to_levels
from lowrank.errors import ImageError
from lowrank.intake import headers
from lowrank.intake.decode import decode
from lowrank.intake.limits import DEFAULT, Limits
from lowrank.intake.samples import Samples, bands
from lowrank.intake.sniff import sniff
from lowrank.intake.words import Note, Refusal


class Picture(NamedTuple):
    """A picture, and what was done to it on the way in."""

    #: float32, shape (h, w) or (h, w, 3), values in [0, 1].
    pixels: Array
    #: In words, as "16-bit" or "rotated by EXIF"; none where nothing is to be said.
    notes: tuple[str, ...] = ()


def read_image(source: bytes | str | os.PathLike[str], *, gray: bool = False, limits: Limits = DEFAULT) -> Array:
    """Read a picture.

    Parameters
    ----------
    source : bytes, str or path
        The encoded picture itself, or where it is.
    gray : bool
        Return the BT.601 luma of a colour picture.
    limits : Limits
        What it may ask for at most.

    Returns
    -------
    ndarray of float32, shape (h, w) or (h, w, 3)
        Values in [0, 1]. Samples keep their depth: 1/255 or 1/65535 a step; 32-bit and floating-point samples
        outside of [0, 1] are scaled by their own range.

    Raises
    ------
    ImageError
        If there is no such file, or it is no picture, damaged, or over the limits.

    See Also
    --------
    read_picture : says as well what was done to the picture.
    lowrank.sandbox.read_picture : does it in a process of its own, which a hostile file cannot hold up or break.
    """
    return read_picture(source, gray=gray, limits=limits).pixels


def read_picture(source: bytes | str | os.PathLike[str], *, gray: bool = False, limits: Limits = DEFAULT) -> Picture:
    """Read a picture, and say what was done to it.

    Takes and raises what `read_image` does.

    Examples
    --------
    >>> import io
    >>> from PIL import Image
    >>> stream = io.BytesIO()
    >>> Image.new("RGBA", (5, 3), (255, 0, 0, 0)).save(stream, "PNG")
    >>> pixels, notes = read_picture(stream.getvalue())
    >>> pixels.shape, pixels.min().item(), notes
    ((3, 5, 3), 1.0, ('transparency on white',))
    """
    data = source if isinstance(source, bytes) else read_file(source, limits)
    return developed(decoded(data, limits), gray=gray)


def to_png(image: Array) -> bytes:
    """Encode a picture as an 8-bit PNG, clipped to [0, 1] and rounded.

    Parameters
    ----------
    image : ndarray, shape (h, w) or (h, w, 3)

    Examples
    --------
    >>> import numpy as np
    >>> picture = np.array([[0.0, 0.2], [0.8, 1.0]])
    >>> read_image(to_png(picture)).round(3).tolist()
    [[0.0, 0.20000000298023224], [0.800000011920929, 1.0]]
    """
    stream = io.BytesIO()
    Image.fromarray(to_levels(image)).save(stream, "PNG")
    return stream.getvalue()


def read_file(source: str | os.PathLike[str], limits: Limits = DEFAULT) -> bytes:
    """Return the content of a file that is no larger than the limits allow."""
    path = Path(source)
    name = repr(path.name if len(path.name) <= 100 else f"{path.name[:99]}…")
    try:
        with path.open("rb") as file:
            limits.check_bytes(os.fstat(file.fileno()).st_size)
            data = file.read(limits.bytes + 1)  # of a pipe, nobody knows the size
    except FileNotFoundError:
        raise Refusal.NO_FILE.error(name=name) from None
    except (OSError, ValueError):
        raise Refusal.NO_ACCESS.error(name=name) from None
    limits.check_bytes(len(data))
    return data


def decoded(data: bytes, limits: Limits) -> Samples:
    """Decode a picture: everything that is done to bytes from outside, and nothing else."""
    codec = sniff(data)
    header = headers.examine(data, codec, limits)
    # Decoders raise a dozen unrelated exceptions on hostile bytes (SyntaxError, struct.error, KeyError...), so all of
    # them are caught, here and nowhere else, and no image object outlives its exception: a second load can "succeed".
    try:
        return decode(data, codec, header, limits)
    except ImageError as error:
        raise error from None
    except MemoryError:
        raise Refusal.MEMORY.error() from None
    except Exception:
        raise Refusal.DAMAGED.error() from None


def developed(samples: Samples, *, gray: bool = False) -> Picture:
    """Samples -> float32 in [0, 1], on white, upright."""
    height, width, channels = samples.values.shape
    colors, notes, seen_through = channels - 1 + channels % 2, samples.notes, False
    luma = gray and colors == 3
    pixels = np.empty((height, width) if luma or colors == 1 else (height, width, colors), np.float32)
    for rows in bands(height, width):
        part = samples.values[rows].astype(np.float32)
        part /= np.float32(samples.peak)
        color, alpha = part[..., :colors], part[..., colors:]
        if channels > colors and alpha.min() < 1:
            seen_through = True
            color = color * alpha + (1 - alpha)
        pixels[rows] = color @ LUMA.astype(np.float32) if luma else color if colors == 3 else color[..., 0]
    if seen_through:
        notes = [*notes, Note.WHITE.filled()]
    return Picture(np.ascontiguousarray(_upright(pixels, samples.orientation)), tuple(notes))


def _upright(pixels: NDArray[np.float32], orientation: int) -> NDArray[np.float32]:
    """Undo an EXIF orientation (1 to 8; anything else is left alone)."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels
