"""Time `truncated_svd` against its peers at rank 300, with the accuracy of each beside its time.

    python benchmarks/speed.py [--quick] [--images DIR] [--runs N] [--sizes 1,3,12,24]

Every peer has its turn in every round, so that whatever else the machine does hits all alike; the table shows medians
and how many times as long each takes as `truncated_svd`. Ratios carry over to other machines, times do not. Excess is
the largest over ranks 1 to 300 of ``||A - A_k|| / optimum - 1``, in float64, from the factors as returned; the optimum
comes from all eigenvalues of the Gram matrix in float64. The second table is the same with
``OPENBLAS_THREAD_TIMEOUT=20``: scikit-learn alternates NumPy's and SciPy's BLAS, whose idle threads spin and hold up
each other's; the variable ends the spinning. The third is on one thread, in processor time: the one
to trust on a busy machine.

Pictures: the large ones that no package brings are made from real ones (scikit-image's and scikit-learn's, or those in
``--images``, which are taken as they are where they are large enough). Plain enlarging would make them of low rank. So
each doubling of the size adds an octave of detail: the finest layer of the photograph itself, divided by its local
contrast, tiled from pieces that are shifted and mirrored at random, and times the local contrast of the enlarged
picture; at the end the noise of a sensor, one grey level, and rounding to 8 bits. The singular values then fall as
those of real photographs of that size do, as k**-0.9 to k**-1.3 for k = 30 to 300. The harsh ones: uniform noise, a
page of text, an orthogonal matrix (all singular values equal), and a spectrum that falls as k**-0.5.

Needs scikit-learn; fbpca joins where it is installed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import scipy.linalg
import scipy.sparse.linalg
import skimage.data
import sklearn.datasets
from PIL import Image
from sklearn.utils.extmath import randomized_svd

from lowrank import read_image, to_planes, truncated_svd

try:
    import fbpca
except ImportError:
    fbpca = None

RANK = 300
PAUSE = 0.1
SIZES = {"1": (1024, 1024), "3": (1536, 2048), "12": (3000, 4000), "24": (4000, 6000)}
SAMPLES = Path(__file__).parents[1] / "sample_images"
Factors = tuple[np.ndarray, np.ndarray, np.ndarray]


def ours(a: np.ndarray, tol: float) -> Factors:
    """Our factors."""
    svd = truncated_svd(a, RANK, tol=tol)
    return svd.U, svd.s, svd.Vt


#: name -> (method, precision, largest picture in megapixels that is waited for)
PEERS: dict[str, tuple[Callable[[np.ndarray], Factors], type, float]] = {
    "lowrank 1e-3": (lambda a: ours(a, 1e-3), np.float32, 99),
    "lowrank 1e-2": (lambda a: ours(a, 1e-2), np.float32, 99),
    "lowrank 1e-5": (lambda a: ours(a, 1e-5), np.float32, 99),
    "lowrank f64": (lambda a: ours(a, 1e-3), np.float64, 99),
    "scikit-learn": (lambda a: randomized_svd(a, RANK, random_state=0), np.float32, 99),
    "scikit-learn f64": (lambda a: randomized_svd(a, RANK, random_state=0), np.float64, 99),
    "scipy svds": (lambda a: scipy.sparse.linalg.svds(a, RANK, rng=0), np.float32, 4),
    "scipy gesdd": (lambda a: scipy.linalg.svd(a, full_matrices=False), np.float32, 4),
    "numpy svd": (lambda a: np.linalg.svd(a, full_matrices=False), np.float32, 13),
}
if fbpca is not None:
    PEERS["fbpca f64"] = (lambda a: fbpca.pca(a, RANK, raw=True), np.float64, 13)


def resized(a: np.ndarray, m: int, n: int) -> np.ndarray:
    """Bicubic, to m x n."""
    return np.asarray(Image.fromarray(a.astype(np.float32)).resize((n, m), Image.Resampling.BICUBIC))


def enlarged(photo: np.ndarray, m: int, n: int) -> np.ndarray:
    """A picture of m x n with detail down to the pixel; see the top of this file."""
    rng = np.random.default_rng(0)
    h, w = photo.shape
    fine = photo - resized(resized(photo, h // 2, w // 2), h, w)
    contrast = resized(resized(np.abs(fine), h // 16, w // 16), h, w) + 1e-4
    texture = np.clip(fine / contrast, -5, 5)
    while photo.shape != (m, n):
        rows, columns = min(m, 2 * photo.shape[0]), min(n, 2 * photo.shape[1])
        tiles = np.empty((rows, columns), np.float32)
        for i in range(0, rows, h):
            for j in range(0, columns, w):
                piece = np.roll(texture, rng.integers((h, w)), (0, 1))[:: rng.choice([1, -1]), :: rng.choice([1, -1])]
                tiles[i : i + h, j : j + w] = piece[: rows - i, : columns - j]
        photo = resized(photo, rows, columns) + 0.6 * resized(contrast, rows, columns) * tiles
    photo = photo + rng.normal(0, 1 / 255, photo.shape)
    return (np.rint(np.clip(photo, 0, 1) * 255) / 255).astype(np.float32)


def gray(image: np.ndarray) -> np.ndarray:
    """An 8-bit picture as one plane."""
    image = np.asarray(image, np.float32)[..., :3] / 255 if image.ndim == 3 else np.asarray(image, np.float32) / 255
    return image @ np.array([0.299, 0.587, 0.114], np.float32) if image.ndim == 3 else image


def pictures(size: str, folder: Path | None, quick: bool) -> Iterator[tuple[str, np.ndarray]]:
    """Name and plane, photographs first."""
    m, n = SIZES[size]
    if folder is not None:
        for path in sorted(folder.iterdir()):
            plane = to_planes(read_image(path, gray=True))[0]
            yield path.stem[:12], plane if min(plane.shape) >= min(m, n) else enlarged(plane, m, n)
        return
    yield "retina", enlarged(gray(skimage.data.retina()), m, n)
    if not quick:
        yield "motorcycle", enlarged(gray(skimage.data.stereo_motorcycle()[0]), m, n)
        yield "china", enlarged(gray(sklearn.datasets.load_sample_image("china.jpg")), m, n)
    if size in ("1", "3"):
        rng = np.random.default_rng(0)
        page = to_planes(read_image(SAMPLES / "page.png", gray=True))[0]
        lines = np.tile(page, (-(-m // page.shape[0]), -(-n // page.shape[1])))[:m, :n].copy()
        for i in range(0, m, 40):  # other words in every line
            lines[i : i + 40] = np.roll(lines[i : i + 40], rng.integers(n), 1)
        yield "text page", lines
        yield "noise", rng.random((m, n), np.float32)
        left, right = (np.linalg.qr(rng.standard_normal((side, m)))[0].astype(np.float32) for side in (m, n))
        yield "orthogonal", left @ right.T
        yield "k**-0.5", (left * np.arange(1, m + 1, dtype=np.float32) ** -0.5) @ right.T


def optimum(a: np.ndarray) -> np.ndarray:
    """The least possible error at ranks 1 to RANK."""
    wide = (a if len(a) <= a.shape[1] else a.T).astype(np.float64)
    tail = np.linalg.eigvalsh(wide @ wide.T)[: len(wide) - 1].clip(0).cumsum()[::-1]
    return np.sqrt(tail[:RANK])


def errors(a: np.ndarray, factors: Factors) -> np.ndarray:
    """The true error at ranks 1 to RANK in float64, whether or not the factors are orthonormal."""
    U, s, Vt = (np.asarray(x[..., :RANK], np.float64) if i < 2 else x for i, x in enumerate(factors))
    Vt = np.asarray(Vt[:RANK], np.float64)
    order = np.argsort(-s)  # svds sorts the other way round
    U, s, Vt = U[:, order], s[order], Vt[order]
    wide = a.astype(np.float64)
    inner = np.einsum("ik,ik->k", U, wide @ Vt.T) * s
    both = (U.T @ U) * (Vt @ Vt.T) * np.outer(s, s)
    square = 2 * np.tril(both, -1).sum(1) + both.diagonal()
    return np.sqrt(np.maximum((wide**2).sum() - 2 * inner.cumsum() + square.cumsum(), 0))


def product_rate(a: np.ndarray) -> float:
    """Operations a second of ``A @ X`` with RANK columns."""
    X = np.ones((a.shape[1], RANK), a.dtype)
    return 2 * a.size * RANK / min(seconds(lambda: a @ X)[0] for _ in range(5))


def seconds(call: Callable[[], object]) -> tuple[float, object]:
    """How long one call takes, and what it returns. On one thread: of the processor's time.

    After a pause, in which the threads of the last one's BLAS stop to spin: that is not the next one's doing.
    """
    clock = time.process_time if os.environ.get("OPENBLAS_NUM_THREADS") == "1" else time.perf_counter
    time.sleep(PAUSE)
    start = clock()
    result = call()
    return clock() - start, result


def table(sizes: list[str], folder: Path | None, quick: bool, runs: int) -> None:
    """Print a block of lines for each picture."""
    for size in sizes:
        for name, a in pictures(size, folder, quick):
            best = optimum(a)
            megapixels = a.size / 1e6
            chosen = {k: p for k, p in PEERS.items() if megapixels <= p[2] and not (quick and k in QUICK_OUT)}
            planes = {kind: a.astype(kind) for kind in (np.float32, np.float64)}
            times: dict[str, list[float]] = {peer: [] for peer in chosen}
            excess = {}
            for run in range(runs):
                for peer, (method, kind, _) in chosen.items():
                    if run and statistics.median(times[peer]) > 3:
                        continue  # once is enough for what takes long
                    took, factors = seconds(lambda f=method, x=planes[kind]: f(x))
                    times[peer].append(took)
                    if not run:
                        excess[peer] = float((errors(a, factors) / np.maximum(best, 1e-30) - 1).max())
            mine = statistics.median(times["lowrank 1e-3"])
            rate = product_rate(a)
            share = 4 * a.size * RANK / mine / rate
            print(
                f"\n{name}, {a.shape[0]} x {a.shape[1]}; products at {rate / 1e9:.0f} GF/s, "
                f"4 m n k of them in {share:.0%} of our time"
            )
            for peer, t in times.items():
                median = statistics.median(t)
                print(
                    f"  {peer:<18}{1000 * median:>9.0f} ms{median / mine:>8.2f} x   excess {excess[peer]:9.4%}",
                    flush=True,
                )


TABLES = {
    "default environment": {},
    "OPENBLAS_THREAD_TIMEOUT=20": {"OPENBLAS_THREAD_TIMEOUT": "20"},
    "one thread, as the app runs: processor time": {"OPENBLAS_NUM_THREADS": "1"},
}
QUICK_OUT = {"numpy svd", "scipy gesdd", "scipy svds", "fbpca f64", "lowrank 1e-2", "lowrank f64"}


def main() -> None:
    """Print the tables, each in a process of its own: the variable is read when BLAS is loaded."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="1 and 3 megapixels, few peers")
    parser.add_argument("--images", type=Path, help="a folder of pictures to use instead")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--sizes", help="megapixels, of 1, 3, 12 and 24, with commas")
    parser.add_argument("--one-table", action="store_true", help="only the environment as it is")
    args = parser.parse_args()
    sizes = args.sizes.split(",") if args.sizes else ["1", "3"] if args.quick else list(SIZES)
    if args.one_table:
        table(sizes, args.images, args.quick, args.runs)
        return
    for title, extra in TABLES.items():
        print(f"\n== {title} ==", flush=True)
        subprocess.run([sys.executable, __file__, *sys.argv[1:], "--one-table"], env=os.environ | extra, check=True)


if __name__ == "__main__":
    main()
