"""The arrangement of patches: blocks after a lapped filter, each a row of coefficients in the picture's own basis."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import numpy as np
import scipy.fft

from lowrank.codec.coders import Coder, Ints
from lowrank.codec.container import Header, step_size
from lowrank.codec.waves import code_basis, code_patches, patch_model
from lowrank.color import Array
from lowrank.parallel import Progress, idle
from lowrank.patches import SIDE, UNLAP, from_patches, grid, lap, padded, to_patches, unlap
from lowrank.quantize import best_shifts, dequantize, quantize, quantize_by_cost

SIZE = SIDE * SIDE

#: What is taken off luma, so that its blocks are centred on zero.
MIDDLE = np.float32(0.5)

#: How many of its basis vectors a file holds where no rank is asked for. Further ones take more bytes than they save:
#: cosines, which need none, do as well there.
VECTORS = 6

#: Planes that are quantized at once.
_PLANES = 8

#: Steps of 1 in which a basis vector's DCT coefficients are kept.
BASIS_STEPS = 10


def _zigzag() -> Ints:
    """Indices of a block's DCT coefficients from low to high frequency."""
    y, x = np.divmod(np.arange(SIZE), SIDE)
    order: Ints = np.lexsort((np.where((x + y) % 2, y, x), x + y))
    return order


def _cosines() -> Array:
    """DCT basis of a block: row i is the i-th vector from low to high frequency."""
    one = scipy.fft.dct(np.eye(SIDE), axis=0, norm="ortho")
    return np.kron(one, one)[_zigzag()]


COSINES = _cosines()


def _gains() -> Array:
    """How much squared error in the picture comes of errors in a block's samples before `unlap`."""
    chain = np.eye(3 * SIDE)
    for joint in (SIDE, 2 * SIDE):
        chain[joint - 4 : joint + 4, joint - 4 : joint + 4] = UNLAP
    one = chain[:, SIDE : 2 * SIDE].T @ chain[:, SIDE : 2 * SIDE]
    return np.kron(one, one)


_GAINS = _gains()


def basis_levels(vectors: Array) -> Ints:
    """Quantize basis vectors, in columns, by their cosines: (64, k) -> (k, 64)."""
    return quantize((COSINES @ vectors).T, 1 / BASIS_STEPS)


def basis(levels: Ints) -> Array:
    """Complete basis vectors with cosines, and make them orthonormal: (k, 64) -> (64, 64), in columns.

    The cosines are those that the vectors hold least of.
    """
    held = np.square(levels.astype(np.int64)).sum(0)
    others = np.sort(np.argsort(held, kind="stable")[: SIZE - len(levels)])
    columns = np.concatenate([levels / BASIS_STEPS, np.eye(SIZE)[others]]).T
    q, r = np.linalg.qr(columns)
    q *= np.where(r.diagonal() < 0, -1, 1)
    vectors: Array = COSINES.T @ q
    return vectors


def steps(vectors: Array, step: float) -> Array:
    """Return each basis vector's step, so that an error of one step costs the same in the picture; shape (64,)."""
    sizes: Array = (step / np.sqrt(np.einsum("ik,ij,jk->k", vectors, _GAINS, vectors))).astype(np.float32)
    return sizes


class Patches:
    """A picture's planes as patch matrices, ready to be quantized at any step.

    Parameters
    ----------
    planes : ndarray, shape (1 or 3, h, w)
        Scaled so that errors count alike.
    rank : int, optional
        Keep so many components, each of a basis vector of the picture's own.
    """

    def __init__(self, planes: Array, rank: int | None = None) -> None:
        self.shape = (planes.shape[1], planes.shape[2])
        self.rank = SIZE if rank is None else rank
        centred = planes.astype(np.float32)
        centred[0] -= MIDDLE
        matrices = to_patches(lap(padded(centred)))
        self.levels, self.bases, self.coefficients, self.largest = [], [], [], []
        for part in (matrices[:1], matrices[1:]):
            if len(part):
                gram = sum(m.T.astype(np.float64) @ m for m in part)
                _, vectors = np.linalg.eigh(gram)
                levels = basis_levels(vectors[:, ::-1][:, : rank or VECTORS])
                self.levels.append(levels)
                self.bases.append(basis(levels))
        for i, matrix in enumerate(matrices):
            vectors = self.bases[min(i, 1)].astype(np.float32)
            self.coefficients.append((vectors.T @ matrix.T)[: self.rank].reshape(self.rank, *grid(self.shape)))
            self.largest.append(np.maximum(self.coefficients[-1].max((1, 2)), -self.coefficients[-1].min((1, 2))))

    def exact(self) -> Array:
        """Return the truncated planes, without any quantization."""
        return _assembled(self.coefficients, self.bases, self.shape)

    def draft(self, step: int) -> tuple[Header, list[Ints]]:
        """Quantize at a step.

        Returns
        -------
        Header and levels
            First of the bases, (vectors, 64), then of the planes, (rank, rows, columns) of blocks.
        """
        size = step_size(step)
        ranks, shifts, planes = [], [], []
        for i, coefficients in enumerate(self.coefficients):
            sizes = steps(self.bases[min(i, 1)], size)[: self.rank, None, None]
            # what is less than half a step everywhere need not be looked at: of a large picture that is most
            kept = coefficients[: int(np.flatnonzero(self.largest[i] > sizes.ravel() / 2).max(initial=-1)) + 1]
            sizes = sizes[: len(kept)]
            levels = _quantized(kept, sizes)
            rank = int(np.flatnonzero(levels.any((1, 2))).max(initial=-1)) + 1
            ranks.append(rank)
            shifts.append(best_shifts(kept[:rank], levels[:rank], sizes[:rank]))
            planes.append(levels[:rank])
        limits = (ranks[0], max(ranks[1:], default=0))
        bases = [levels[:limit] for levels, limit in zip(self.levels, limits, strict=False)]
        vectors = len(bases[0]), len(bases[1]) if len(bases) > 1 else 0
        header = Header("patches", self.shape, tuple(ranks), step, tuple(shifts), vectors)
        return header, [*bases, *planes]

    def restored(self, header: Header, levels: list[Ints]) -> Array:
        """Return what `restore` makes of the last draft."""
        return restore(header, levels)


def _quantized(coefficients: Array, sizes: Array) -> Ints:
    """Quantize by cost, some planes at a time: the rest of a large picture stays out of the way."""
    levels = np.empty(coefficients.shape, np.int32)
    for start in range(0, len(levels), _PLANES):
        own, around = slice(start, start + _PLANES), slice(max(start - 2, 0), start + _PLANES + 2)
        expected = _expected(coefficients[around], sizes[around])[start - around.start :][:_PLANES]
        levels[own] = quantize_by_cost(coefficients[own], sizes[own], expected)
    return levels


def _expected(coefficients: Array, sizes: Array) -> Array:
    """Guess what magnitude the coder will expect: a mean over neighbours in the plane, and in the planes around it."""
    k, h, w = coefficients.shape
    around = np.zeros((k + 4, h + 2, w + 2), np.float32)
    own = around[2:-2, 1:-1, 1:-1]
    np.abs(coefficients, out=own)
    own /= sizes
    np.floor(own + np.float32(0.4), out=own)
    plane = around[2:-2]
    rows = plane[:, :-2] + plane[:, 2:] + plane[:, 1:-1]
    near = rows[:, :, :-2] + rows[:, :, 2:] + rows[:, :, 1:-1] - own
    deep = around[1:-3, 1:-1, 1:-1] + around[3:-1, 1:-1, 1:-1]
    deep += (around[:-4, 1:-1, 1:-1] + around[4:, 1:-1, 1:-1]) / 2
    expected: Array = near / 16 + deep / 6
    return expected


def code(coder: Coder, header: Header, levels: list[Ints] | None, tick: Progress = idle) -> list[Ints]:
    """Code levels as `Patches.draft` returns them; None to decode them."""
    planes = len(header.ranks)
    counts = header.vectors[: 2 if planes == 3 else 1]
    found: list[Ints] = []
    for i, count in enumerate(counts):
        found.append(code_basis(coder, None if levels is None else levels[i], (count, SIZE)))
    model, before, done, total = patch_model(), None, 0, max(sum(header.ranks), 1)
    for i, rank in enumerate(header.ranks):
        if i == 1:
            model = patch_model()  # chroma has little in common with luma
        own = None
        if levels is not None:
            own = levels[len(counts) + i].copy()
            own[:1] -= predicted(own[:1])
        shape = (rank, *grid(header.shape))
        own = code_patches(coder, model, own, shape, before, partial(_part, tick, done / total, rank / total))
        done, before = done + rank, own
        if levels is None:
            own = own.copy()
            own[:1] = integrated(own[:1])
        found.append(own)
    return found


def _part(tick: Progress, done: float, share: float, of_it: float) -> None:
    """Report a share of a part."""
    tick(done + share * of_it)


def predicted(first: Ints) -> Ints:
    """Predict every block's level in the first plane from its left, upper and upper left neighbours."""
    left, above = np.roll(first, 1, -1), np.roll(first, 1, -2)
    prediction: Ints = (3 * left + 3 * above - 2 * np.roll(left, 1, -2) + 2) >> 2
    prediction[..., 0, :], prediction[..., 0] = left[..., 0, :], above[..., 0]
    prediction[..., 0, 0] = 0
    return prediction


def integrated(residual: Ints) -> Ints:
    """Add predictions to their residuals again, along diagonals: the inverse of ``first - predicted(first)``."""
    first = residual.astype(np.int32)
    for out in first:
        h, w = out.shape
        out[0] = out[0].cumsum()
        out[:, 0] = out[:, 0].cumsum()
        flat, y = out.ravel(), np.arange(1, h)
        for t in range(2, h + w - 1):
            rows = y[(t - y >= 1) & (t - y < w)]
            p = rows * w + t - rows
            flat[p] += (3 * flat[p - 1] + 3 * flat[p - w] - 2 * flat[p - w - 1] + 2) >> 2
    return first


def restore(header: Header, levels: list[Ints], rank: int | None = None) -> Array:
    """Levels -> planes, as `Patches` takes them."""
    count = len(levels) - len(header.ranks)
    bases, planes = levels[:count], levels[count:]
    vectors = [basis(own) for own in bases]
    coefficients = (
        dequantize(own[:rank], steps(vectors[min(i, 1)], step_size(header.step))[: len(own[:rank]), None, None], shifts)
        for i, (own, shifts) in enumerate(zip(planes, header.shifts, strict=True))
    )
    return _assembled(coefficients, vectors, header.shape)


def _assembled(coefficients: Iterable[Array], bases: list[Array], shape: tuple[int, int]) -> Array:
    """Coefficients, (rank, rows, columns) of blocks for each plane -> planes, one after the other."""
    rows, columns = grid(shape)
    planes = []
    for i, own in enumerate(coefficients):
        vectors = bases[min(i, 1)][:, : len(own)].astype(np.float32)
        patches = own.reshape(len(own), rows * columns).T @ vectors.T
        plane = from_patches(patches[None], (rows * SIDE, columns * SIDE))
        if not i:
            plane += MIDDLE
        planes.append(unlap(plane)[0, : shape[0], : shape[1]])
    return np.stack(planes)
