"""The arrangement of the whole picture: its truncated SVD, as the rows that span it.

A rank-k matrix has k (m + n - k) degrees of freedom, and its singular vectors take k (m + n) numbers to say them. So
the same matrix is stored in another form. In the cosine domain, where a picture's energy is in few rows, k rows are
picked by pivoted QR: they are stored as they are. They span the row space, and every other row is stored as its k
coordinates in an orthonormal basis of them. Rows that were not picked are small, and so most of their coordinates are
nothing.

All numbers have one step: the basis is made of the rows as decoded, so errors of rows do not grow on the way.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
import scipy.linalg

from lowrank.allot import allotted_ranks
from lowrank.codec.coders import Coder, Ints
from lowrank.codec.container import Header, damaged, step_size
from lowrank.codec.rows import code_factors
from lowrank.color import Array
from lowrank.parallel import Progress, idle
from lowrank.quantize import best_shifts, dequantize, quantize_by_cost
from lowrank.svd import SVD

#: Where the rank is free, a layer is kept whose singular value is so many steps.
WORTH = 6


class Whole:
    """A picture's truncated SVD, ready to be quantized at any step.

    Parameters
    ----------
    svd : SVD
        Of the planes, a stack (1 or 3, h, w), scaled so that errors count alike.
    fixed : bool
        Keep all layers, of chroma those that pay (`lowrank.allot`). Otherwise those that are worth it at a step.
    """

    def __init__(self, svd: SVD, fixed: bool) -> None:
        self.svd = svd
        self.shape = (svd.shape[1], svd.shape[2])
        self.ranks = allotted_ranks(np.square(svd.s, dtype=np.float64))[:, -1].tolist() if fixed else None
        self.left = scipy.fft.dct(svd.U * svd.s[:, None], axis=1, norm="ortho")
        self.right = scipy.fft.dct(svd.Vt, axis=2, norm="ortho")
        self._picked: dict[tuple[int, int], Ints] = {}
        self._bases: list[Array] = []  # of the last draft

    def exact(self) -> Array:
        """Return the truncated planes, without any quantization."""
        ranks = self.ranks or [self.svd.rank] * len(self.svd.s)
        parts = zip(self.svd.U, self.svd.s, self.svd.Vt, ranks, strict=True)
        return np.stack([(U[:, :k] * s[:k]) @ Vt[:k] for U, s, Vt, k in parts])

    def draft(self, step: int) -> tuple[Header, list[Ints]]:
        """Quantize at a step.

        Returns
        -------
        Header and levels
            For each plane: which rows are picked, (1, h), those rows, (rank, w), and the coordinates of the others,
            (rank, h - rank).
        """
        size = step_size(step)
        ranks, shifts, levels = [], [], []
        self._bases = []
        for i, s in enumerate(self.svd.s):
            k = self.ranks[i] if self.ranks else int(np.count_nonzero(s > WORTH * size))
            left, right = self.left[i, :, :k], self.right[i, :k]
            picked = self._rows(i, k)
            rows = left[picked] @ right
            a = _quantized(rows, size)
            moved = best_shifts(rows, a, size)
            self._bases.append(_basis(dequantize(a, size, moved)))
            others = (left[~picked] @ (right @ self._bases[i].T)).T
            levels += [picked[None].astype(np.int32), a, _quantized(others, size)]
            ranks.append(k)
            shifts.append(moved)
        return Header("whole", self.shape, tuple(ranks), step, tuple(shifts)), levels

    def restored(self, header: Header, levels: list[Ints]) -> Array:
        """Return what `restore` makes of the last draft; its bases are there already."""
        return restore(header, levels, bases=self._bases)

    def _rows(self, i: int, k: int) -> Ints:
        """Pick k rows of plane i that span the others best."""
        if (i, k) not in self._picked:
            picked = np.zeros(self.shape[0], np.bool_)
            if k:
                _, pivots = scipy.linalg.qr(self.left[i, :, :k].T, mode="r", pivoting=True, check_finite=False)
                picked[pivots[:k]] = True
            self._picked[i, k] = picked
        return self._picked[i, k]


def _basis(rows: Array) -> Array:
    """Orthonormal basis of rows, each of the row itself and those before it; (k, n) -> (k, n)."""
    q, r = np.linalg.qr(rows.T.astype(np.float64))
    return np.ascontiguousarray((q * np.where(r.diagonal() < 0, -1, 1)).T.astype(np.float32))


def _quantized(rows: Array, size: float) -> Ints:
    """Quantize by cost; the coder expects a mean over neighbours, rows before and after and numbers beside."""
    k, n = rows.shape
    around = np.zeros((k + 4, n + 8), np.float32)
    np.floor(np.abs(rows) / size + np.float32(0.4), out=around[2:-2, 4:-4])
    columns = np.sum([around[:, i : n + i] for i in range(9)], axis=0) / 9
    expected = 0.4 * columns[2:-2] + 0.2 * (columns[1:-3] + columns[3:-1]) + 0.1 * (columns[:-4] + columns[4:])
    return quantize_by_cost(rows, size, expected)


def code(coder: Coder, header: Header, levels: list[Ints] | None, tick: Progress = idle) -> list[Ints]:
    """Code levels as `Whole.draft` returns them; None to decode them."""
    h, w = header.shape
    return code_factors(coder, levels, [shape for k in header.ranks for shape in ((1, h), (k, w), (k, h - k))], tick)


def restore(header: Header, levels: list[Ints], rank: int | None = None, bases: list[Array] | None = None) -> Array:
    """Levels -> planes, as `Whole` takes them."""
    size = step_size(header.step)
    out = np.empty((len(header.ranks), *header.shape), np.float32)
    for i, (k, shifts) in enumerate(zip(header.ranks, header.shifts, strict=True)):
        mask, rows, others = levels[3 * i : 3 * i + 3]
        picked = mask[0] != 0
        if np.count_nonzero(picked) != k:
            raise damaged()
        basis = bases[i] if bases else _basis(dequantize(rows, size, shifts))
        left = np.empty((header.shape[0], k), np.float32)
        left[picked], left[~picked] = dequantize(rows, size, shifts) @ basis.T, dequantize(others, size, shifts).T
        left = scipy.fft.idct(left, axis=0, norm="ortho")
        if rank is not None and rank < k:  # the best of that rank which the file holds
            U = np.linalg.svd(left, full_matrices=False)[0][:, :rank]
            left = U @ (U.T @ left)
        out[i] = left @ scipy.fft.idct(basis, axis=1, norm="ortho")
    return out
