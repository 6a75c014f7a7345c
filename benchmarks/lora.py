"""Cut an adapter: QR of its factors against the dense ways; and the memory of inspecting a large file.

    python benchmarks/lora.py

One layer of 2048 x 2048 with r = 128, to rank 16, in float64 and on one BLAS thread. Peers form the product B A first:
NumPy's full SVD is what kohya's script did for years and mergekit does, SciPy's randomized one is what it does now. The
goals are 50 times the full SVD, and 100 MB on top of what the process had for a file of 640 MB; missing one makes the
exit code 1. Linux only: the kernel's own count of anonymous memory is read while it works.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.utils.extmath import randomized_svd

from lowrank.lora.adapter import LoRA
from lowrank.lora.formats import read_adapter
from lowrank.lora.inspection import inspect_adapter
from lowrank.lora.safetensors import encode

SIDE, R, K = 2048, 128, 16
FASTER, MEGABYTES = 50, 100


def timed(work: Callable[[], np.ndarray], repeat: int) -> tuple[float, np.ndarray]:
    """Best of several, in seconds, and what came out."""
    best, result = np.inf, np.zeros(0)
    for _ in range(repeat):
        start = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - start)
    return best, result


def ours(pair: LoRA) -> np.ndarray:
    """Cut from the factors; multiplied out afterwards, outside of the clock."""
    cut = pair.truncate(K)
    return np.concatenate([cut.B.T, cut.A], axis=1)


def dense(pair: LoRA) -> np.ndarray:
    """Multiply out and decompose fully."""
    U, s, Vt = np.linalg.svd(pair.scale * pair.B @ pair.A, full_matrices=False)
    half = np.sqrt(s[:K])
    return np.concatenate([(U[:, :K] * half).T, half[:, None] * Vt[:K]], axis=1)


def sketched(pair: LoRA) -> np.ndarray:
    """Multiply out and decompose by a random sketch of twice the rank with two power iterations."""
    U, s, Vt = randomized_svd(pair.scale * pair.B @ pair.A, K, n_oversamples=K, n_iter=2, random_state=0)
    half = np.sqrt(s)
    return np.concatenate([(U * half).T, half[:, None] * Vt], axis=1)


def product(factors: np.ndarray) -> np.ndarray:
    """Multiply two factors that lie side by side."""
    return factors[:, :SIDE].T @ factors[:, SIDE:]


def speed() -> bool:
    """Print the times; whether the goal is met."""
    rng = np.random.default_rng(0)
    fall = 0.97 ** np.arange(R)
    pair = LoRA(rng.standard_normal((R, SIDE)) * fall[:, None], rng.standard_normal((SIDE, R)) * fall, 2.0)
    times, reference = {}, None
    print(f"{SIDE} x {SIDE}, r = {R}, cut to {K}        seconds   times ours   distance from the full SVD's")
    for name, way, repeat in (
        ("QR of the factors", ours, 5),
        ("full SVD of B A", dense, 1),
        ("sketch of B A", sketched, 3),
    ):
        times[name], factors = timed(lambda way=way: way(pair), repeat)
        result = product(factors)
        reference = result if way is dense else reference
        if way is ours:
            mine = result
        else:
            distance = np.linalg.norm(result - mine) / np.linalg.norm(mine)
        ratio = times[name] / times["QR of the factors"]
        shown = "" if way is ours else f"{distance:20.1e} (from ours)"
        print(f"{name:<34}{times[name]:9.3f}{ratio:13.1f}{shown}", flush=True)
    return times["full SVD of B A"] / times["QR of the factors"] >= FASTER


def anonymous() -> int:
    """Bytes of anonymous memory: what is the process's own, not a mapped file's."""
    (line,) = (one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("RssAnon"))
    return 1024 * int(line.split()[1])


def memory() -> bool:
    """Print what inspecting a file of 640 MB takes; whether the goal is met."""
    rng = np.random.default_rng(0)
    r, side, layers = 128, 8192, 77
    A = rng.standard_normal((r, side)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "adapter_model.safetensors"
        one = {
            f"base_model.model.l{i}.lora_{h}.weight": A if h == "A" else A.T.copy() for i in range(layers) for h in "AB"
        }
        path.write_bytes(encode(one))
        del one
        size, before, peak, done = path.stat().st_size, anonymous(), 0, threading.Event()

        def watch() -> None:
            nonlocal peak
            while not done.wait(0.005):
                peak = max(peak, anonymous())

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            count = len(inspect_adapter(read_adapter(path)))
        finally:
            done.set()
            watcher.join()
    extra = (peak - before) / 1e6
    print(f"inspecting {count} layers in {size / 1e6:,.0f} MB: {extra:,.0f} MB on top")
    return extra <= MEGABYTES


if __name__ == "__main__":
    met = [speed(), memory()]
    sys.exit(not all(met))
