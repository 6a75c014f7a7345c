"""Fuzz the intake: whatever the bytes, a picture within the limits comes of them, or one sentence of the catalogue.

``make fuzz SECONDS=600`` runs it. Atheris mutates the seeds (see seeds.py) by which lines of the intake and of Pillow's
readers they reach. A finding is an exception of any other kind, a picture of other values than [0, 1], or a wrong word;
its bytes are written to the folder of findings, and run again by naming the file.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["lowrank", "PIL", "pillow_heif", "tifffile"]):
    import numpy as np

    from lowrank.errors import ImageError
    from lowrank.image import read_picture
    from lowrank.intake.limits import Limits
    from lowrank.intake.words import Note, Refusal

#: Small, for the sake of many: every check is passed on the way, whatever the limit is.
LIMITS = Limits(pixels=40_000, side=4000, frames=50, scans=20)


def one(data: bytes) -> None:
    """Read one file."""
    said = ""
    try:
        pixels, notes = read_picture(data, limits=LIMITS)
    except ImageError as error:
        said = str(error)
    if said:
        assert Refusal.of(said), said
        return
    assert pixels.dtype == np.float32
    assert pixels.ndim == 2 or pixels.shape[2:] == (3,)
    assert pixels.shape[0] * pixels.shape[1] <= LIMITS.pixels
    assert pixels.min() >= 0
    assert pixels.max() <= 1
    assert all(Note.of(note) for note in notes)


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore")
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
