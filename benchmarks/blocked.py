"""Decompose a matrix on the disk within a bound on memory: as a memory map, as a Dask array, and whole for comparison.

    python benchmarks/blocked.py [--side 20000] [--rank 100] [--memory 1000000000] [--routes memmap,dask,...]

Writes a float32 matrix with singular values ``i**-0.9`` (cosines for singular vectors, their entries permuted and their
signs random) into a temporary folder, so that the optimum is known: ``sqrt(sum(i**-1.8 for i > rank))``. Each route has
a process of its own. Its peak memory is the high-water mark of what the process holds above what it held when it was
ready to begin, libraries loaded; pages of mapped files count. With Dask it is the sum of those of the two workers
and of the process that asks. Excess is ``||A - U s Vt|| / optimum - 1``, in float64, from the factors as returned.

Linux only: the high-water mark is read, and reset, in /proc.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.fft

from lowrank import truncated_svd
from lowrank.svd import SVD

POWER = 0.9
SLAB = 500


class OnDisk:
    """What Dask needs of an array: slices of the file, read when they are asked for."""

    def __init__(self, path: Path) -> None:
        self.path, self.ndim = path, 2
        self.shape, self.dtype = np.load(path, mmap_mode="r").shape, np.dtype(np.float32)

    def __getitem__(self, index: object) -> np.ndarray:
        return np.array(np.load(self.path, mmap_mode="r")[index])


def write_matrix(path: Path, side: int) -> None:
    """Write the matrix by slabs of rows."""
    rng = np.random.default_rng(0)
    rows, columns, signs = rng.permutation(side), rng.permutation(side), rng.choice([-1.0, 1.0], side)
    s = (np.arange(1, side + 1) ** -POWER * signs).astype(np.float32)
    out = np.lib.format.open_memmap(path, "w+", np.float32, (side, side))
    for i in range(0, side, SLAB):
        angles = np.pi / (2 * side) * (2 * rows[i : i + SLAB, None] + 1) * np.arange(side)
        left = (np.sqrt(2 / side) * np.cos(angles)).astype(np.float32)
        left[:, 0] /= np.sqrt(2)
        out[i : i + SLAB] = scipy.fft.idct(left * s, norm="ortho", axis=1)[:, columns]
    out.flush()


def resident() -> dict[str, int]:
    """Bytes that this process holds now, and held at most."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {name: 1024 * int(lines[field].split()[0]) for name, field in (("now", "VmRSS"), ("peak", "VmHWM"))}


def begin() -> int:
    """Load the library, warm BLAS up and reset the high-water mark; return what is held."""
    import lowrank.decompose  # noqa: F401  a worker has not yet

    square = np.ones((500, 500), np.float32)
    square @ square
    Path("/proc/self/clear_refs").write_text("5")
    return resident()["now"]


def by_memmap(path: Path, rank: int, memory: int) -> tuple[SVD, float, int]:
    """The blocked method on a memory map."""
    before, start = begin(), time.perf_counter()
    svd = truncated_svd(np.load(path, mmap_mode="r"), rank, memory=memory)
    return svd, time.perf_counter() - start, resident()["peak"] - before


def whole(path: Path, rank: int, memory: int) -> tuple[SVD, float, int]:
    """The method that `truncated_svd` picks when all is in memory; reading it is part of the time."""
    before, start = begin(), time.perf_counter()
    svd = truncated_svd(np.load(path), rank)
    return svd, time.perf_counter() - start, resident()["peak"] - before


def on_two_workers(work: Callable[..., SVD]) -> Callable[[Path, int, int], tuple[SVD, float, int]]:
    """Run `work` on a Dask array, with two processes of one thread each."""

    def route(path: Path, rank: int, memory: int) -> tuple[SVD, float, int]:
        import dask.array as da
        from distributed import Client, LocalCluster

        a = da.from_array(OnDisk(path), chunks=(SLAB, -1))
        cluster = LocalCluster(2, threads_per_worker=1, memory_limit=0, dashboard_address=None)
        with cluster, Client(cluster) as client:
            before = client.run(begin)
            mine, start = begin(), time.perf_counter()
            svd = work(a, rank, memory)
            took = time.perf_counter() - start
            extra = resident()["peak"] - mine
            held = client.run(resident)
            return svd, took, extra + sum(held[name]["peak"] - before[name] for name in held)

    return route


def compressed(a: object, rank: int, memory: int) -> SVD:
    """Dask's own, with settings that are safe: by default it takes no power iterations."""
    import dask
    from dask.array.linalg import svd_compressed

    U, s, Vt = dask.compute(*svd_compressed(a, rank, iterator="QR", n_power_iter=2, seed=0, compute=True))
    return SVD(U, s, Vt, np.asarray(np.square(s, dtype=float).sum()), np.asarray(0.0))


ROUTES = {
    "memmap": ("memory map", by_memmap),
    "dask": ("Dask, 2 workers", on_two_workers(lambda a, rank, memory: truncated_svd(a, rank, memory=memory))),
    "whole": ("whole in memory", whole),
    "peer": ("Dask's svd_compressed, 2 workers", on_two_workers(compressed)),
}


def true_error(path: Path, svd: SVD) -> float:
    """``||A - U s Vt||`` in float64, whether or not the factors are orthonormal."""
    a, right, total = np.load(path, mmap_mode="r"), svd.Vt.astype(np.float64), 0.0
    for i in range(0, len(a), SLAB):
        total += float(((a[i : i + SLAB] - (svd.U[i : i + SLAB].astype(np.float64) * svd.s) @ right) ** 2).sum())
    return total**0.5


def main() -> None:
    """Print a line for each route."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=20_000)
    parser.add_argument("--rank", type=int, default=100)
    parser.add_argument("--memory", type=int, default=10**9, help="bytes")
    parser.add_argument("--routes", default=",".join(ROUTES))
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)  # route and folder, in a process of its own
    args = parser.parse_args()
    if args.one:
        name, folder = args.one
        svd, took, extra = ROUTES[name][1](Path(folder, "matrix.npy"), args.rank, args.memory)
        np.savez(Path(folder, name), U=svd.U, s=svd.s, Vt=svd.Vt)
        print(json.dumps({"took": took, "extra": extra, "estimate": svd.excess}))
        return
    with tempfile.TemporaryDirectory(prefix="lowrank-") as folder:
        path = Path(folder, "matrix.npy")
        write_matrix(path, args.side)
        best = float(np.linalg.norm(np.arange(args.rank + 1.0, args.side + 1) ** -POWER))
        print(
            f"{args.side} x {args.side} float32 ({path.stat().st_size / 1e9:.2g} GB), rank {args.rank}, "
            f"{args.memory / 1e9:.2g} GB of memory allowed\n"
            f"{'route':<34}{'seconds':>9}{'peak extra MB':>15}{'excess estimate':>17}{'excess':>10}",
            flush=True,
        )
        for name in args.routes.split(","):
            command = [sys.executable, __file__, *sys.argv[1:], "--one", name, folder]
            done = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            with np.load(Path(folder, f"{name}.npz")) as saved:
                svd = SVD(saved["U"], saved["s"], saved["Vt"], np.asarray(1.0))
            excess = true_error(path, svd) / best - 1
            estimate = f"{done['estimate']:.4%}" if name != "peer" else "-"
            columns = f"{done['took']:>9.1f}{done['extra'] / 1e6:>15.0f}{estimate:>17}{excess:>10.4%}"
            print(f"{ROUTES[name][0]:<34}{columns}", flush=True)


if __name__ == "__main__":
    main()
