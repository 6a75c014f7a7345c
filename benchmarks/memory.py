"""Measure the memory that a decomposition to rank 300 takes on top of the picture, at 12 and 24 megapixels.

    python benchmarks/memory.py

Each in a process of its own, on one plane in float32 (`speed.py` says how the photograph is made). What is printed is
the highest resident set while it works, less the one before, as a multiple of the picture's bytes; the goal is 3 at
most, and missing it makes the exit code 1. Linux only: the kernel's own count is reset before and read after.
"""

from __future__ import annotations

import sys
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from speed import PEERS, SIZES, pictures

MEASURED = ("lowrank 1e-3", "lowrank 1e-5", "scikit-learn", "scikit-learn f64")
GOAL = 3.0


def status(field: str) -> int:
    """Bytes that the kernel counts for this process."""
    (line,) = (one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith(field))
    return 1024 * int(line.split()[1])


def extra(size: str, peer: str) -> float:
    """Peak of the resident set over what it was, in pictures."""
    method, kind, _ = PEERS[peer]
    _, a = next(pictures(size, None, quick=True))
    method(np.ones((400, 500), np.float32))  # what is loaded at the first call is not the picture's
    Path("/proc/self/clear_refs").write_text("5")
    before = status("VmRSS")
    method(a.astype(kind, copy=False))
    return (status("VmHWM") - before) / a.nbytes


def main() -> None:
    """Print a line for each size and method."""
    missed = False
    print("peak memory on top of the picture, in times its bytes")
    for size in ("12", "24"):
        for peer in MEASURED:
            with get_context("spawn").Pool(1) as pool:
                found = pool.apply(extra, (size, peer))
            m, n = SIZES[size]
            print(f"{m} x {n}  {peer:<18}{found:6.2f}", flush=True)
            missed |= peer.startswith("lowrank") and found > GOAL
    sys.exit(missed)


if __name__ == "__main__":
    main()
