"""In what order levels of patches are coded, and what predicts each: its neighbours' magnitudes, coded before it."""

from __future__ import annotations

import numpy as np

from lowrank.codec.coders import Coder, Ints
from lowrank.codec.entropy import Classes, Levels
from lowrank.parallel import Progress, idle


def _edges() -> list[int]:
    """Where logarithmic bins begin: each about a fifth further than the one before."""
    edges = [1]
    while edges[-1] < 1 << 14:
        edges.append(edges[-1] + max(1, edges[-1] * 3 // 16))
    return edges


#: Expected magnitudes in sixteenths -> bins; the highest stands for all above.
_EDGES = _edges()
BINS = np.searchsorted(_EDGES, np.arange(1 << 12), "right")
FINE = int(BINS[-1]) + 1
COARSE_BINS = (BINS + 1) // 4
COARSE = int(COARSE_BINS[-1]) + 1


def _typical(bins: Ints) -> Ints:
    """The middle of every bin, in sixteenths."""
    return np.array([np.flatnonzero(bins == i).mean().astype(int) for i in range(bins.max() + 1)])


FINE_TYPICAL, COARSE_TYPICAL = _typical(BINS), _typical(COARSE_BINS)

#: Planes of a patch matrix that share statistics begin here.
GROUPS = np.searchsorted([1, 3, 6, 10, 20], np.arange(64), "right")


def bins(expected: Ints) -> Ints:
    """Expected magnitudes, in sixteenths, as logarithmic bins."""
    return BINS.take(expected, mode="clip")


def coarse(expected: Ints) -> Ints:
    """The same in bins four times as wide."""
    return COARSE_BINS.take(expected, mode="clip")


def patch_model() -> Levels:
    """Models for `code_patches`, which has the contexts that this begins with."""
    f, c = FINE_TYPICAL, COARSE_TYPICAL
    starts = [
        np.tile(f, 6),
        np.repeat(c, len(c)) // 2 + np.tile(c, len(c)) // 2,
        np.tile(c, 64),
        np.full(3**4 * 2, 8),
        np.repeat(c, len(c)) // 2 + np.tile(c, len(c)) // 2,
        np.tile(c, 64)[: 8 * COARSE],
    ]
    return Levels(starts, COARSE, Classes(FINE_TYPICAL))


def code_patches(
    coder: Coder,
    model: Levels,
    levels: Ints | None,
    shape: tuple[int, int, int],
    reference: Ints | None,
    tick: Progress = idle,
) -> Ints:
    """Code the planes of a patch matrix: (k, rows of blocks, columns of blocks).

    In wave t = x + 2 y + 3 k: neighbours to the left and above, and earlier planes of all four neighbour blocks, are in
    earlier waves. What is known of the last waves is kept wave by wave, so that each neighbour of all levels of a wave
    lies in one run, which fits into a processor's cache however large the picture.
    """
    K, h, w = shape
    out = np.zeros(shape, np.int32) if levels is None else np.ascontiguousarray(levels)
    if not K:
        return out
    flat, source = out.reshape(-1), None if levels is None else out.reshape(-1)
    R = None if reference is None else _surroundings(reference, K)
    # places in a wave, by plane and row: a plane before the first one, and a row before and after each, stay zero
    H = h + 2
    k, y = np.divmod(np.arange(-1, (K + 1) * H + 1), H) - np.ones((2, 1), np.intp)
    start = np.where((k >= 0) & (y >= 0) & (y < h), 2 * y + 3 * k, 1 << 30).astype(np.int32)
    base = ((k * h + y) * w - start).astype(np.int64)
    by_group, by_plane = FINE * GROUPS.take(k, mode="clip"), COARSE * k
    # magnitudes, and their decaying means over the planes of a block, of this wave and the five before it
    A, E = np.zeros((2, 6, len(start)), np.int16)
    waves = w + 2 * (h - 1) + 3 * (K - 1)
    for t in range(waves):
        tick(t / waves)
        a0, a1, a2, a3, _, _ = (A[(t - back) % 6] for back in range(6))
        e0, e1, e2, e3, e4, e5 = (E[(t - back) % 6] for back in range(6))
        a0[:], e0[:] = 0, 0
        first, last = max(0, -((w + 2 * h - 3 - t) // 3)), min(K - 1, t // 3)
        lo, hi = (first + 1) * H + 1, (last + 2) * H + 1
        at = ((t - start[lo:hi]).view(np.uint32) < w).nonzero()[0]
        if not len(at):
            continue
        here, above, deep = slice(lo, hi), slice(lo - 1, hi - 1), slice(lo - H, hi - H)
        W, N, NW, NE = a1[here].take(at), a2[above].take(at), a3[above].take(at), a1[above].take(at)
        P, E0 = a3[deep].take(at), e3[deep].take(at)
        around = e5[lo - H - 1 : hi - H - 1].take(at) + e1[lo - H + 1 : hi - H + 1].take(at)
        around += e4[deep].take(at) + e2[deep].take(at)
        near = 5 * (W + N) + 3 * (NW + NE)
        mu = (29 * near.astype(np.int32) + 22 * E0.astype(np.int32) + 3 * around.astype(np.int32)) >> 6
        scale = bins(mu).astype(np.intp)
        cm = (scale + 1) >> 2
        cn, around = coarse(near).astype(np.intp), coarse(around >> 2)
        p = base[here].take(at) + t
        contexts = np.empty((6, len(at)), np.intp)
        np.add(scale, by_group[here].take(at), out=contexts[0])
        np.add(cn * COARSE, coarse(E0), out=contexts[1])
        np.add(cm, by_plane[here].take(at), out=contexts[2])
        seen = (np.minimum(W, 2) * 3 + np.minimum(N, 2)) * 3 + np.minimum(P, 2)
        contexts[3] = (seen * 3 + np.minimum(NW, 2)) * 2 + np.minimum(NE, 1)
        np.add(around * COARSE, cn, out=contexts[4])
        contexts[5] = cm
        if R is not None:
            contexts[5] += R.take(p) * np.intp(COARSE)
        told = model.code(coder, None if source is None else source.take(p), contexts, cm, scale)
        if source is None:
            flat[p] = told
        at += lo
        a0[at] = a = np.minimum(np.abs(told), 255).astype(np.int16)
        e0[at] = E0 - (E0 >> 2) + 4 * a
    return out


def _surroundings(levels: Ints, planes: int) -> Ints:
    """Magnitudes of the first planes of another patch matrix at the same places, in eight steps; flat."""
    steps = np.zeros((planes, *levels.shape[1:]), np.uint8)
    for own, plane in zip(steps, levels, strict=False):
        r = np.minimum(np.abs(plane), 255).astype(np.int16)
        total = 2 * r + 1
        total[:, 1:] += r[:, :-1]
        total[:, :-1] += r[:, 1:]
        total[1:] += r[:-1]
        total[:-1] += r[1:]
        np.minimum(total >> 1, 7, out=own, casting="unsafe")
    return steps.reshape(-1)


def code_basis(coder: Coder, levels: Ints | None, shape: tuple[int, int]) -> Ints:
    """Code basis vectors by their cosines, (k, 64), a vector in each wave."""
    k, size = shape
    typical = COARSE_TYPICAL
    model = Levels([np.tile(typical, 8), np.full(32, 4)], 1, Classes(FINE_TYPICAL))
    out = np.zeros(shape, np.int32)
    sets = np.zeros(size, np.intp)
    i = np.arange(size)
    for row in range(k):
        far = np.minimum(np.abs(i - row) // 2, 31)
        held = coarse(16 * np.square(out[:row]).sum(0) // 16)
        contexts = np.stack([held + COARSE * np.minimum(far // 2, 7), far])
        out[row] = model.code(coder, None if levels is None else levels[row], contexts, sets, np.zeros(size, np.intp))
    return out
