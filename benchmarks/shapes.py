"""How long `truncated_svd` takes beside the exact methods, from 64 x 64 to 6000 x 4000, tall and wide.

    python benchmarks/shapes.py [--runs N]        or, with the other tables of speed: make bench-speed

One block for each environment: as it is, and with one thread, as in the app. Every method has a process of its own:
NumPy and SciPy each bring a BLAS, and threads of one that still spin slow the other down. Medians; the ratio is ours to
the best of the others. Of pictures above `LARGEST` only the Gram matrix is waited for, which is many times faster there.

The pictures are parts of photographs enlarged as `speed.py` does it: one whose singular values fall slowly, and one where
they fall fast.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import scipy.linalg
import skimage.data
from speed import enlarged, gray

from lowrank import truncated_svd

SHAPES = [(64, 64), (64, 4096), (128, 128), (256, 256), (300, 6000), (384, 384), (512, 512), (512, 2048), (700, 700)]
SHAPES += [(768, 1024), (1000, 1000), (1000, 6000), (1200, 2400), (2400, 1200), (1500, 1500), (6000, 1500)]
SHAPES += [(2000, 3000), (3000, 3000), (4000, 6000), (6000, 4000)]
RANKS = (32, 300)
LARGEST = 2.5e6

METHODS = {
    "ours": lambda a, k: truncated_svd(a, k),
    "Gram matrix": lambda a, k: truncated_svd(a, k, method="gram"),
    "SciPy gesdd": lambda a, k: scipy.linalg.svd(a, full_matrices=False),
    "NumPy svd": lambda a, k: np.linalg.svd(a, full_matrices=False),
}


def child(name: str, folder: Path, runs: int) -> None:
    """Print as JSON what one method takes for each picture, shape and rank, in milliseconds."""
    method, took = METHODS[name], {}
    for file in sorted(folder.glob("*.npy")):
        picture = np.load(file, mmap_mode="r")
        for m, n in SHAPES:
            if m * n > LARGEST and name not in ("ours", "Gram matrix"):
                continue
            a = np.ascontiguousarray(picture[:m, :n])
            for k in RANKS:
                times: list[float] = []
                while len(times) < runs + 1 and sum(times) < 3:  # the first warms up
                    start = time.perf_counter()
                    method(a, min(k, m, n))
                    times.append(time.perf_counter() - start)
                took[f"{file.stem} {m} x {n} {min(k, m, n)}"] = 1000 * statistics.median(times[1:] or times)
    print(json.dumps(took))


def main(runs: int) -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for photo, image in (("motorcycle", skimage.data.stereo_motorcycle()[0]), ("retina", skimage.data.retina())):
            np.save(folder / f"{photo}.npy", enlarged(gray(image), 6000, 6000))
        for title, extra in (("default environment", {}), ("one thread, as in the app", {"OPENBLAS_NUM_THREADS": "1"})):
            print(f"\n== {title} ==\n{'picture, shape, rank':30}{'ratio':>7}" + "".join(f"{m:>14}" for m in METHODS))
            columns = {}
            for method in METHODS:
                command = [sys.executable, __file__, "--child", method, name, "--runs", str(runs)]
                ended = subprocess.run(command, env=os.environ | extra, stdout=subprocess.PIPE, check=True)
                columns[method] = json.loads(ended.stdout)
            for row, mine in columns["ours"].items():
                others = [columns[m].get(row) for m in METHODS]
                best = min(t for t in others[1:] if t is not None)
                shown = "".join(f"{t:>11.1f} ms" if t is not None else f"{'':>14}" for t in others)
                print(f"{row:30}{mine / best:>7.2f}{shown}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Time truncated_svd beside exact methods, by shape.")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(args.child[0], Path(args.child[1]), args.runs)
    else:
        main(args.runs)
