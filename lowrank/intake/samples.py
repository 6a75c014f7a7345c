"""What a decoder gave: samples at the depth of the file, and what white is among them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lowrank.intake import icc
from lowrank.intake.words import Note, Refusal

#: Pixels that are converted at a time: a large picture is not held several times over.
BAND = 1 << 20


@dataclass
class Samples:
    """Samples at the depth of the file, and what was done to them."""

    #: Shape (h, w, c); of 2 or 4 channels the last is alpha. uint8 or uint16, or float32 or float64 in [0, 1].
    values: NDArray[Any]
    #: The sample of white.
    peak: float
    notes: list[str] = field(default_factory=list)
    #: Of EXIF: 1 to 8, still to be undone.
    orientation: int = 1


def bands(height: int, width: int) -> list[slice]:
    """Rows to work on at a time."""
    step = max(1, BAND // width)
    return [slice(top, top + step) for top in range(0, height, step)]


def ranged(values: NDArray[Any], bits: int, *, inverted: bool = False, alpha: bool = False) -> Samples:
    """Find out what white is.

    It is known of integers of up to 16 bits, and of floats in [0, 1]; otherwise the samples' own range is taken.
    Integers of 32 bits that would fit into 16 are taken for such.

    Parameters
    ----------
    values : ndarray, shape (h, w, c)
        Of any numeric type.
    bits : int
        Of a sample in the file.
    inverted : bool
        Whether white is zero; for unsigned integers.
    alpha : bool
        Whether the last channel is alpha, which has a range of its own.

    Raises
    ------
    ImageError
        If there are NaN or infinite values.
    """
    kind = values.dtype.kind
    values = values.astype(np.float32 if values.dtype == np.float16 else values.dtype.newbyteorder("="), copy=False)
    notes = [Note.FLOAT.filled() if kind == "f" else Note.DEPTH.filled(bits=bits)]
    if kind == "f" and not np.isfinite(values).all():
        raise Refusal.NO_NUMBERS.error()
    if inverted and kind == "u":
        values = np.array((1 << bits) - 1, values.dtype) - values
    colors = values[..., :-1] if alpha else values
    low, high = colors.min().item(), colors.max().item()
    if kind == "u" and values.dtype.itemsize <= 2:
        return Samples(values, (1 << bits) - 1, notes if bits > 8 else [])
    if kind == "f" and low >= 0 and high <= 1 and not alpha:
        return Samples(values, 1.0, notes)
    if kind in "iu" and low >= 0 and high <= 0xFFFF and values.dtype.itemsize <= 4 and not alpha:
        return Samples(values.astype(np.uint16), 0xFFFF, notes)
    if kind == "f" and low >= 0 and high <= 1:
        low, high = 0, 1
    else:
        notes.append(Note.SCALED.filled())
    scaled = np.empty(values.shape, np.float32)
    scaled[..., : colors.shape[2]] = (colors.astype(np.float64) - low) / ((high - low) or 1)
    if alpha:
        opaque = 1 if kind == "f" else np.iinfo(values.dtype).max
        scaled[..., -1] = (values[..., -1].astype(np.float64) / opaque).clip(0, 1)
    return Samples(scaled, 1.0, notes)


def with_key(values: NDArray[Any], keyed: NDArray[np.bool_], peak: float) -> NDArray[Any]:
    """Add an alpha channel that is 0 where PNG's transparent colour was `keyed`."""
    return np.concatenate([values, np.where(keyed, 0, peak).astype(values.dtype)[..., None]], axis=2)


def in_srgb(samples: Samples, profile: object) -> Samples:
    """Convert samples of more than 8 bits as an ICC profile means them; without one, they stay."""
    height, width, channels = samples.values.shape
    colors = channels - 1 + channels % 2
    convert = icc.deep_conversion(profile, colors) if isinstance(profile, bytes) and profile else None
    if convert is None:
        return samples
    values = np.empty(samples.values.shape, np.float32)
    for rows in bands(height, width):
        part = samples.values[rows].astype(np.float32) / np.float32(samples.peak)
        values[rows, :, :colors], values[rows, :, colors:] = convert(part[..., :colors]), part[..., colors:]
    return Samples(values, 1.0, [*samples.notes, Note.PROFILE.filled()], samples.orientation)
