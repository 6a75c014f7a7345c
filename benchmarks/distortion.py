"""Time the shown picture's PSNR at every rank to 300, by tiles and the direct way (reconstruct, round, measure).

    python benchmarks/distortion.py [RANK] [DIRECT_RANKS]

In seconds of CPU time, which other work on the machine disturbs least; the direct way is timed at a few ranks spread
evenly and multiplied up. BLAS takes one thread. The factors are random: what is measured does not depend on them.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when NumPy is imported

import numpy as np

from lowrank import metrics
from lowrank.color import Array, Color, displayed, from_planes, to_planes
from lowrank.distortion import measured_psnr
from lowrank.svd import SVD

SHAPES = ((512, 512), (1000, 1000), (3000, 4000))
COLORS: tuple[Color, ...] = ("gray", "rgb", "ycbcr")


def synthetic(shape: tuple[int, int], color: Color, rank: int) -> tuple[Array, SVD]:
    """Make a picture and factors that give something like it, with a photograph's decay."""
    rng = np.random.default_rng(0)
    planes, (m, n) = 1 if color == "gray" else 3, shape
    U, Vt = (rng.standard_normal((planes, *sides), np.float32) for sides in ((m, rank), (rank, n)))
    s = np.broadcast_to((0.05 * np.arange(1, rank + 1) ** -0.8).astype(np.float32), (planes, rank)).copy()
    U[..., 0], Vt[:, 0], s[:, 0] = 1, 1, (0.5, *[0.5 if color == "rgb" else 0.01] * (planes - 1))
    image = np.clip(from_planes((U * s[:, None]) @ Vt, color) + 0.02 * rng.standard_normal(1, np.float32), 0, 1)
    return displayed(image), SVD(U, s, Vt, total=np.ones(planes))


def seconds(call: Callable[[], object]) -> tuple[float, float]:
    """Return a call's CPU and wall time."""
    cpu, wall = time.process_time(), time.perf_counter()
    call()
    return time.process_time() - cpu, time.perf_counter() - wall


def main(rank: int = 300, few: int = 6) -> None:
    """Print a line for each size and arrangement of planes."""
    print(f"PSNR of the shown picture at ranks 1 to {rank}, float32: seconds of CPU time (wall time in brackets)")
    print(f"{'pixels':>13}{'color':>7}{'by tiles':>18}{'2 threads':>18}{'direct':>9}{'ratio':>7}{'differ by dB':>14}")
    ranks = np.unique(np.linspace(1, rank, few).astype(int)).tolist()
    for shape in SHAPES:
        for color in COLORS:
            image, svd = synthetic(shape, color, rank)
            found: list[np.ndarray] = []
            measured_psnr(image, svd.truncate(2), color=color)  # the first call pays for loading
            one = seconds(lambda a=image, b=svd, c=color, to=found: to.append(measured_psnr(a, b, color=c)))
            two = seconds(lambda a=image, b=svd, c=color: measured_psnr(a, b, color=c, threads=2))
            reference, direct, apart = from_planes(to_planes(image, color), color), 0.0, 0.0
            for k in ranks:
                start = time.process_time()
                psnr = metrics.psnr(reference, displayed(from_planes(svd.reconstruct(k), color)))
                direct += (time.process_time() - start) / len(ranks) * rank
                apart = max(apart, abs(found[0][k - 1] - psnr))
            columns = [f"{cpu:.2f} ({wall:.2f})" for cpu, wall in (one, two)]
            size = " x ".join(map(str, shape))
            print(
                f"{size:>13}{color:>7}{columns[0]:>18}{columns[1]:>18}{direct:>9.1f}{direct / one[0]:>7.1f}"
                f"{apart:>14.1e}",
                flush=True,
            )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
