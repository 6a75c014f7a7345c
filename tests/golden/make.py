"""Make the golden files of version 1, each with the picture that it was decoded to then.

``python tests/golden/make.py`` writes what is missing and touches nothing that is there: files of version 1 have to
stay readable, so those in the repository are never made anew.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from lowrank.codec import decode, encode
from lowrank.image import to_png

FOLDER = Path(__file__).parent


def picture(height: int, width: int, channels: int) -> np.ndarray:
    """A small picture with slopes, an edge, waves and some noise."""
    y, x = np.mgrid[:height, :width] / 10
    rng = np.random.default_rng(7)
    gray: np.ndarray = 0.5 + 0.2 * np.sin(x * y) + 0.2 * (x > y) + 0.05 * rng.standard_normal((height, width))
    if channels == 3:
        gray = np.stack([gray, gray * 0.7 + 0.1 * y / y.max(), 1 - gray], axis=2)
    return np.clip(gray, 0, 1).astype(np.float32)


#: Name -> picture, and what is asked of `encode`.
FILES = {
    "whole-gray": ((20, 27, 1), {"rank": 6, "arrangement": "whole"}),
    "whole-color": ((18, 16, 3), {"psnr": 28, "arrangement": "whole"}),
    "patches-gray": ((21, 30, 1), {"psnr": 30, "arrangement": "patches"}),
    "patches-color": ((17, 24, 3), {"max_bytes": 300, "arrangement": "patches"}),
}


def main() -> None:
    """Write what is missing."""
    for name, ((height, width, channels), target) in FILES.items():
        file = FOLDER / f"{name}.lrk"
        if file.exists():
            continue
        image = picture(height, width, channels)
        file.write_bytes(encode(image[..., 0] if channels == 1 and image.ndim == 3 else image, **target))
        file.with_suffix(".png").write_bytes(to_png(decode(file.read_bytes())))
        sys.stdout.write(f"{file.name}: {file.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
