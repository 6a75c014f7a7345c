"""Odd matrices and pictures as arrays, each with its exact rank, or the error that it must end in: all made here."""

import numpy as np

from lowrank.errors import TensorError

RNG = np.random.default_rng(0)

#: Finite matrices by name, each with its rank in exact arithmetic.
MATRICES: dict[str, tuple[np.ndarray, int]] = {}

for m, n in [
    (1, 1),
    (1, 2),
    (2, 1),
    (1, 7),
    (7, 1),
    (1, 5000),
    (5000, 1),
    (2, 3000),
    (3, 3),
    (9, 40),
    (40, 9),
    (64, 64),
]:
    MATRICES[f"noise {m} x {n}"] = RNG.standard_normal((m, n)), min(m, n)
for m, n in [(1, 1), (1, 9), (9, 1), (8, 12), (40, 40)]:
    MATRICES[f"black {m} x {n}"] = np.zeros((m, n)), 0
    MATRICES[f"constant {m} x {n}"] = np.full((m, n), 0.3), 1
for r in (1, 2, 5):
    MATRICES[f"of rank {r}"] = RNG.standard_normal((30, r)) @ RNG.standard_normal((r, 20)), r
pixel = np.zeros((20, 30))
pixel[3, 4] = 1
MATRICES |= {
    "one pixel": (pixel, 1),
    "one row": (np.where(np.arange(20)[:, None] == 3, RNG.random(30), 0), 1),
    "one column": (np.where(np.arange(30)[None] == 3, RNG.random((20, 1)), 0), 1),
    "identity": (np.eye(25), 25),
    "minus identity": (-np.eye(25), 25),
    "orthogonal": (np.linalg.qr(RNG.standard_normal((24, 24)))[0], 24),
    "chessboard": (np.indices((16, 16)).sum(0) % 2 * 1.0, 2),
    "stripes": (np.tile([0.0, 1.0], (16, 8)), 1),
    "ramp": (np.add.outer(np.arange(30.0), np.arange(20.0)) / 48, 2),
    "Hilbert, ill-conditioned": (1 / (1 + np.add.outer(np.arange(12.0), np.arange(12.0))), 12),
    "a triangle": (np.tril(np.ones((15, 15))), 15),
    "nilpotent": (np.eye(10, k=1), 9),
    "two equal singular values": (np.diag([2.0, 2.0, 1.0]), 3),
    "graded over 30 decades": (np.diag(10.0 ** -np.arange(0, 31, 3)), 11),
    "huge": (RNG.standard_normal((12, 9)) * 1e150, 9),
    "tiny": (RNG.standard_normal((12, 9)) * 1e-150, 9),
    "subnormal": (np.full((5, 5), 5e-324), 1),
    "huge and tiny": (np.diag([1e100, 1e-100]), 2),
    "negative": (-RNG.random((10, 12)), 10),
    "float32 noise": (RNG.standard_normal((20, 30)).astype(np.float32), 20),
    "float32 huge": ((RNG.standard_normal((12, 9)) * 1e18).astype(np.float32), 9),
    "float16": (RNG.random((8, 9)).astype(np.float16), 8),
    "integers": (np.arange(20).reshape(4, 5), 2),
    "bytes": (np.full((4, 5), 255, np.uint8), 1),
    "truth values": (np.eye(4, dtype=bool), 4),
    "big end first": (RNG.standard_normal((6, 7)).astype(">f8"), 6),
    "column by column": (np.asfortranarray(RNG.standard_normal((6, 7))), 6),
    "every other row": (RNG.standard_normal((12, 7))[::2], 6),
    "from the end": (RNG.standard_normal((6, 7))[::-1, ::-1], 6),
    "broadcast": (np.broadcast_to(np.arange(5.0), (6, 5)), 1),
}

NOT_FINITE = {
    f"{value} at {place}": (value, place) for value in (np.nan, np.inf, -np.inf) for place in ((0, 0), (4, 5), (2, 3))
}

#: Arrays that are no matrices, or none that can be decomposed, by name.
REFUSED: dict[str, tuple[object, type[Exception]]] = {
    "no rows": (np.zeros((0, 5)), TensorError),
    "no columns": (np.zeros((5, 0)), TensorError),
    "an empty stack": (np.zeros((0, 5, 5)), TensorError),
    "complex": (np.ones((3, 3), complex), TensorError),
    "text": (np.array([["a", "b"]]), TensorError),
    "objects": (np.array([[None, 1]], object), TensorError),
    "dates": (np.array([["2024-01-01"]], "datetime64[D]"), TensorError),
    "a number": (3.0, ValueError),
    "a vector": (np.ones(5), ValueError),
    "float16 that overflowed": (np.full((3, 3), np.inf, np.float16), TensorError),
}
for name, (value, place) in NOT_FINITE.items():
    bad = RNG.standard_normal((5, 6))
    bad[place] = value
    REFUSED[name] = bad, TensorError
