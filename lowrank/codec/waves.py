"""In what order levels are coded, and what predicts each: its neighbours' magnitudes, coded before it."""

from __future__ import annotations

import numpy as np

from lowrank.codec.entropy import Coder, Ints, Levels
from lowrank.parallel import Progress, idle


def _edges() -> list[int]:
    """Where logarithmic bins begin: each about a fifth further than the one before."""
    edges = [1]
    while edges[-1] < 1 << 14:
        edges.append(edges[-1] + max(1, edges[-1] * 3 // 16))
    return edges


#: Expected magnitudes in sixteenths -> bins; the highest stands for all above.
_EDGES = _edges()
BINS = np.searchsorted(_EDGES, np.arange(1 << 12), "right").astype(np.int32)
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
    return Levels(starts, COARSE, FINE_TYPICAL)


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
    earlier waves.
    """
    K, h, w = shape
    if not K:
        return np.zeros(shape, np.int32)
    padded = (K + 1, h + 2, w + 2)
    sy, sk = w + 2, (h + 2) * (w + 2)
    out = np.zeros(padded, np.int32) if levels is None else _framed(levels, padded)
    source = None if levels is None else out.ravel()
    flat = out.ravel()
    # magnitudes, and their decaying means over the planes of a block: in 16 bits, since they are read from all over
    A, E = (np.zeros(padded, np.int16).ravel() for _ in range(2))
    R = None if reference is None else _surroundings(_framed(reference[:K], padded))
    k, y = (g.ravel().astype(np.int32) for g in np.meshgrid(np.arange(K), np.arange(h), indexing="ij"))
    start = 2 * y + 3 * k
    base = (k + 1) * sk + (y + 1) * sy + 1
    waves = w + 2 * (h - 1) + 3 * (K - 1)
    for t in range(waves):
        tick(t / waves)
        x = t - start
        at = np.flatnonzero((x >= 0) & (x < w))
        p, plane = base[at] + x[at], k[at]
        W, N, NW, NE, P = (A.take(p - back) for back in (1, sy, sy + 1, sy - 1, sk))
        q = p - sk
        E0 = E.take(q).astype(np.int32)
        around = (E.take(q - sy) + E.take(q + sy) + E.take(q - 1) + E.take(q + 1)).astype(np.int32)
        near = (5 * (W + N) + 3 * (NW + NE)).astype(np.int32)
        mu = (29 * near + 22 * E0 + 3 * around) >> 6
        ref = 0 * p if R is None else R.take(p).astype(np.int32)
        scale, cm, cn, ce = bins(mu), coarse(mu), coarse(near), coarse(E0)
        contexts = np.stack(
            [
                scale + FINE * GROUPS[plane],
                cn * COARSE + ce,
                plane * COARSE + cm,
                (((np.minimum(W, 2) * 3 + np.minimum(N, 2)) * 3 + np.minimum(P, 2)) * 3 + np.minimum(NW, 2)) * 2
                + np.minimum(NE, 1),
                coarse(around >> 2) * COARSE + cn,
                ref * COARSE + cm,
            ]
        )
        told = model.code(coder, None if source is None else source.take(p), contexts, cm, scale)
        flat[p] = told
        a = np.minimum(np.abs(told), 255)
        A[p] = a
        E[p] = E0 - (E0 >> 2) + 4 * a
    return out[1:, 1:-1, 1:-1]


def _framed(levels: Ints, padded: tuple[int, int, int]) -> Ints:
    """Levels with zeros before the first plane and around each; and after the last one, where there are fewer."""
    out = np.zeros(padded, np.int32)
    k, h, w = levels.shape
    out[1 : k + 1, 1 : h + 1, 1 : w + 1] = levels
    return out


def _surroundings(framed: Ints) -> Ints:
    """Magnitudes of another plane at the same places, in eight steps; flat."""
    R = np.minimum(np.abs(framed), 255).astype(np.int16)
    total = 2 * R + 1
    total[:, :, 1:] += R[:, :, :-1]
    total[:, :, :-1] += R[:, :, 1:]
    total[:, 1:] += R[:, :-1]
    total[:, :-1] += R[:, 1:]
    steps: Ints = np.minimum(total >> 1, 7).ravel()
    return steps


def code_basis(coder: Coder, levels: Ints | None, shape: tuple[int, int]) -> Ints:
    """Code basis vectors by their cosines, (k, 64), a vector in each wave."""
    k, size = shape
    typical = COARSE_TYPICAL
    model = Levels([np.tile(typical, 8), np.full(32, 4)], 1, FINE_TYPICAL)
    out = np.zeros(shape, np.int32)
    sets = np.zeros(size, np.intp)
    i = np.arange(size)
    for row in range(k):
        far = np.minimum(np.abs(i - row) // 2, 31)
        held = coarse(16 * np.square(out[:row]).sum(0) // 16)
        contexts = np.stack([held + COARSE * np.minimum(far // 2, 7), far])
        out[row] = model.code(coder, None if levels is None else levels[row], contexts, sets, np.zeros(size, np.intp))
    return out


#: The order within a row: every eighth number first, then those halfway between. Start, stride, and how far the nearest
#: neighbours that are known already are, on both sides.
PHASES = ((0, 8, 0), (4, 8, 4), (2, 4, 2), (1, 2, 1))


def code_factors(
    coder: Coder, factors: list[Ints] | None, shapes: list[tuple[int, int]], tick: Progress = idle
) -> list[Ints]:
    """Code matrices in the cosine domain, each of (rows, side), all of them side by side.

    Row by row, and within a row from coarse to fine, so that all but every eighth number have neighbours on both sides.
    """
    n, h, w = len(shapes), max(k for k, _ in shapes), max(side for _, side in shapes)
    lead, width = 12, w + 24
    out = np.zeros((n, h, w), np.int32)
    if factors is not None:
        for own, levels in zip(out, factors, strict=True):
            own[: levels.shape[0], : levels.shape[1]] = levels
    f, c, phases = FINE_TYPICAL, COARSE_TYPICAL, len(PHASES)
    half = np.repeat(c, len(c)) // 2 + np.tile(c, len(c)) // 2
    starts = [
        np.tile(f, phases * n),
        np.tile(half, phases),
        np.tile(half, phases),
        np.tile(c, 2 * 48),
        np.full(phases * 81, 8),
        np.tile(c, 24),
    ]
    model = Levels(starts, phases * COARSE, FINE_TYPICAL)
    now, above, before, mean = (np.zeros(n * width, np.int32) for _ in range(4))
    for y in range(h):
        tick(y / h)
        for phase, (first, stride, d) in enumerate(PHASES):
            places = [
                (i, np.arange(first, side, stride))
                for i, (rows, side) in enumerate(shapes)
                if y < rows and side > first
            ]
            if not places:
                continue
            own = np.concatenate([np.full(len(x), i) for i, x in places])
            x = np.concatenate([x for _, x in places])
            p = own * width + x + lead
            N, NN = above[p], before[p]
            beside = above[p - 1] + above[p + 1]
            up = 5 * N + 3 * beside + 2 * NN + above[p - 2] + above[p + 2] + before[p - 1]
            E0, around = mean[p], mean[p - 1] + mean[p + 1]
            wide = mean[p - 2] + mean[p + 2] + mean[p - 3] + mean[p + 3]
            trend = (2 * E0 + 2 * around + wide) // 10
            if d:
                W, E = now[p - d], now[p + d]
                near = 6 * (W + E) + 2 * (now[p - 3 * d] + now[p + 3 * d])
                mu = (20 * near + 14 * up + 30 * trend) >> 6
            else:
                W, E = above[p - 1], above[p + 1]
                near = up
                mu = (24 * up + 40 * trend) >> 6
            scale, cm, cn = bins(mu), coarse(mu), coarse(near)
            ce, cu = coarse(trend), coarse(up)
            contexts = np.stack(
                [
                    scale + FINE * (phases * own + phase),
                    (phase * COARSE + cn) * COARSE + ce,
                    (phase * COARSE + cu) * COARSE + ce,
                    ((d > 0) * 48 + np.minimum(x // 16, 47)) * COARSE + cm,
                    ((np.minimum(W, 2) * 3 + np.minimum(E, 2)) * 3 + np.minimum(N, 2)) * 3
                    + np.minimum(NN, 2)
                    + 81 * phase,
                    min(y // 8, 23) * COARSE + cm,
                ]
            )
            told = model.code(coder, None if factors is None else out[own, y, x], contexts, cm + phase * COARSE, scale)
            out[own, y, x] = told
            now[p] = np.minimum(np.abs(told), 255)
        mean += 4 * now - (mean >> 2)
        above, before = now.copy(), above
        now[:] = 0
    return [own[:rows, :side] for own, (rows, side) in zip(out, shapes, strict=True)]
