"""Fuzz the decoder of .lrk files: whatever the bytes, a picture within the limits comes of them, or a FormatError.

``make fuzz-decoder SECONDS=600`` runs it. The checksum would stop nearly every mutation at the door, so it is
made right first: what is tried is the decoder behind it. The seeds are the golden files.
"""

from __future__ import annotations

import struct
import sys
import zlib

import atheris

with atheris.instrument_imports(include=["lowrank.codec", "lowrank.patches", "lowrank.quantize"]):
    import numpy as np

    from lowrank.codec import decode, inspect
    from lowrank.errors import FormatError
    from lowrank.intake.limits import Limits

#: Small, for the sake of many.
LIMITS = Limits(pixels=4_000, side=1000)


def one(data: bytes) -> None:
    """Decode one file, and the same one with its checksum made right."""
    _try(data)
    if len(data) > 4:
        _try(data[:-4] + struct.pack("<I", zlib.crc32(data[:-4])))


def _try(data: bytes) -> None:
    try:
        picture = decode(data, limits=LIMITS)
    except FormatError:
        return
    assert picture.shape[:2] == inspect(data, LIMITS).shape
    assert picture.shape[0] * picture.shape[1] <= LIMITS.pixels
    assert np.isfinite(picture).all()
    assert picture.min() >= 0
    assert picture.max() <= 1


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("error")
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
