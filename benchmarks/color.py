"""What allotted ranks gain: the shown picture's PSNR at equal stored numbers, against one rank for red, green and blue.

    python benchmarks/color.py [PICTURE ...]

At 6, 12 and 25 % of the picture's own numbers, on the coloured samples and three pictures of scikit-image's, or on the
pictures that are named. The allotted ranks never store more numbers than the equal ones. Where the gain is small or a
loss, chroma is as fine as luma, or all that is left is noise.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import skimage.data

from lowrank import metrics, storage
from lowrank.allot import picture_svd
from lowrank.color import Array, displayed, from_planes
from lowrank.image import read_image
from lowrank.svd import SVD

SAMPLES = Path(__file__).parents[1] / "sample_images"
SHARES = (0.06, 0.12, 0.25)


def pictures(paths: list[str]) -> Iterator[tuple[str, Array]]:
    """Yield the pictures that are named, or all of the others."""
    for path in paths or sorted(SAMPLES.glob("*.[jp]*g")):
        image = read_image(path)
        if image.ndim == 3:
            yield Path(path).stem, image
    for name in () if paths else ("astronaut", "coffee", "chelsea"):
        yield f"skimage {name}", getattr(skimage.data, name)().astype(np.float32) / 255


def shown_psnr(image: Array, svd: SVD, color: str, k: int) -> float:
    """Return the PSNR of the rank-k picture, clipped and rounded."""
    return metrics.psnr(image, displayed(from_planes(svd.reconstruct(k), color)))


def main(paths: list[str]) -> None:
    """Print a line for each picture and share."""
    print(f"{'picture':>18}{'share':>7}{'numbers':>9}{'RGB: k':>8}{'dB':>7}{'  Y, Cb, Cr':<16}{'dB':>7}{'gain dB':>9}")
    for name, image in pictures(paths):
        m, n, _ = image.shape
        svds = {color: picture_svd(image, color) for color in ("rgb", "ycbcr")}
        for share in SHARES:
            k = int(share * storage.break_even_rank(m, n))
            layers = svds["rgb"].layers[k]
            own = int(np.count_nonzero(svds["ycbcr"].layers[1:] <= layers))
            equal, allotted = (shown_psnr(image, svds[c], c, i) for c, i in (("rgb", k), ("ycbcr", own)))
            ranks = ", ".join(map(str, svds["ycbcr"].ranks[:, own - 1].tolist()))
            gain = allotted - equal if np.isfinite(allotted - equal) else 0.0
            print(
                f"{name:>18}{share:>7.0%}{storage.stored_numbers(m, n, int(layers)):>9,}{k:>8}{equal:>7.2f}"
                f"  {ranks:<14}{allotted:>7.2f}{gain:>+9.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1:])
