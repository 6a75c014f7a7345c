"""How long `truncated_svd` takes beside the exact methods, from 64 x 64 to 6000 x 4000, tall and wide.

    python benchmarks/shapes.py [--runs N]        or, after the tables of speed: make bench-speed

Processor time of one thread, as in the app, so that a busy machine says the same; the least of all runs. The ratio is
ours to the best of the others: LAPACK's gesdd in float32 (SciPy) and float64 (NumPy), and the Gram matrix. Of pictures
above a megapixel only the Gram matrix is waited for, which is twice as fast there, and of the largest nothing is but
ours: see the tables of speed.

The pictures are parts of two photographs, enlarged as `speed.py` does it. The singular values of one fall slowly; those
of the other fall fast, and end in noise.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when BLAS is loaded

import argparse
import time
from collections.abc import Callable

import numpy as np
import scipy.linalg
import skimage.data
from speed import enlarged, gray

from lowrank import truncated_svd

SHAPES = [(64, 64), (64, 4096), (128, 128), (256, 256), (300, 6000), (384, 384), (512, 512), (2048, 512), (700, 700)]
SHAPES += [(768, 1024), (1000, 1000), (1000, 6000), (1200, 2400), (2400, 1200), (1500, 1500), (2000, 1500)]
SHAPES += [(3000, 3000), (4000, 6000), (6000, 4000)]
RANKS = (32, 300)

#: name -> (method, largest picture in megapixels that is waited for)
METHODS: dict[str, tuple[Callable[[np.ndarray, int], object], float]] = {
    "ours": (truncated_svd, 99),
    "Gram matrix": (lambda a, k: truncated_svd(a, k, method="gram"), 6.1),
    "SciPy gesdd": (lambda a, k: scipy.linalg.svd(a, full_matrices=False), 1.1),
    "NumPy svd": (lambda a, k: np.linalg.svd(a, full_matrices=False), 1.1),
}


def milliseconds(call: Callable[[], object], runs: int) -> float:
    """Return the least processor time of some runs, after a first; fewer where they take long."""
    took: list[float] = []
    call()
    while len(took) < runs and sum(took) < 0.5:
        start = time.process_time()
        call()
        took.append(time.process_time() - start)
    return 1000 * min(took)


def main(runs: int) -> None:
    """Print the table."""
    print(f"{'picture, shape, rank':30}{'ratio':>7}" + "".join(f"{name:>14}" for name in METHODS))
    for photo, image in (("motorcycle", skimage.data.stereo_motorcycle()[0]), ("retina", skimage.data.retina())):
        picture = enlarged(gray(image), 6000, 6000)
        for m, n in SHAPES:
            a = np.ascontiguousarray(picture[:m, :n])
            for k in sorted({min(rank, m, n) for rank in RANKS}):
                times = [
                    milliseconds(lambda f=method, x=a, k=k: f(x, k), runs)
                    for method, megapixels in METHODS.values()
                    if a.size <= megapixels * 1e6
                ]
                ratio = f"{times[0] / min(times[1:]):.2f}" if times[1:] else ""
                shown = "".join(f"{t:>11.1f} ms" for t in times)
                print(f"{f'{photo} {m} x {n}, {k}':30}{ratio:>7}{shown}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Time truncated_svd beside exact methods, by shape.")
    parser.add_argument("--runs", type=int, default=9)
    main(parser.parse_args().runs)
