"""In what order levels are coded, and what predicts each: its neighbours' magnitudes, coded before it."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

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

#: Rows whose contexts an encoder works out at once.
LINES = 32


def code_factors(
    coder: Coder, factors: list[Ints] | None, shapes: list[tuple[int, int]], tick: Progress = idle
) -> list[Ints]:
    """Code matrices in the cosine domain, each of (rows, side), all of them side by side.

    Row by row, and within a row from coarse to fine, so that all but every eighth number have neighbours on both sides.
    """
    n, h, w = len(shapes), max(k for k, _ in shapes), max(side for _, side in shapes)
    lead = 3 * PHASES[1][2]
    width = w + 2 * lead
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
    flat, mean = out.reshape(-1), np.zeros(n * width, np.int32)
    ends = sorted({0, h, *(rows for rows, _ in shapes)})
    # an encoder knows all numbers, and works out the contexts of many rows at once
    lines = 1 if factors is None else LINES
    past = np.zeros((2, n * width), np.int32)
    for begin, end in pairwise(ends):
        sides = [side if begin < rows else 0 for rows, side in shapes]
        places = [_places(sides, phase, (h, w), lead) for phase in range(phases)]
        for top in range(begin, end, lines):
            bottom = min(top + lines, end)
            rows = np.zeros((2 + bottom - top, n * width), np.int32)
            rows[:2] = past
            if factors is not None:
                inner = rows[2:].reshape(-1, n, width)[:, :, lead:-lead]
                np.minimum(np.abs(out[:, top:bottom].swapaxes(0, 1)), 255, out=inner)
            means = np.empty((bottom - top, n * width), np.int32)
            for own, now in zip(means, rows[2:], strict=True):
                own[:] = mean
                mean += 4 * now - (mean >> 2)
            before = _row(rows[1:-1], rows[:-2], means)
            ready = [_contexts(before, rows, top, phase, places[phase]) for phase in range(phases) if factors]
            for y in range(top, bottom):
                tick(y / h)
                for phase, place in enumerate(places):
                    if not len(place.p):
                        continue
                    found = (ready[phase] if factors else _contexts(before, rows, y, phase, place))[:, y - top]
                    at = place.own + y * w
                    told = model.code(
                        coder, flat.take(at) if factors else None, found[:6], found[6] + phase * COARSE, found[7]
                    )
                    if factors is None:
                        flat[at] = told
                        rows[2, place.p] = np.minimum(np.abs(told), 255)
            if factors is None:
                mean += 4 * rows[2]
            past = rows[-2:]
    return [own[:rows, :side] for own, (rows, side) in zip(out, shapes, strict=True)]


def _contexts(before: Ints, rows: Ints, top: int, phase: int, place: _Places) -> Ints:
    """What the coder is told of each number of a phase in rows from `top` on: (8, rows, n).

    First its six contexts, then its set of weights, and its scale.
    """
    up, trend, cu, ce, seen = before.take(place.p, axis=2)
    now = rows[2:]
    if phase:
        W, E, WW, EE = (now.take(one, axis=1) for one in place.beside)
        near = 6 * (W + E) + 2 * (WW + EE)
        cn = coarse(near)
        mu = (20 * near + 14 * up + 30 * trend) >> 6
    else:  # nothing of this row is known yet
        W, E = (rows[1:-1].take(one, axis=1) for one in place.beside)
        cn = cu
        mu = (24 * up + 40 * trend) >> 6
    found = np.empty((8, *mu.shape), np.int32)
    found[7] = scale = bins(mu)
    found[6] = cm = (scale + 1) >> 2
    found[0] = scale
    found[1] = cn * COARSE + ce
    found[2] = cu * COARSE + ce
    found[3] = cm
    found[4] = 27 * np.minimum(W, 2) + 9 * np.minimum(E, 2) + seen
    found[5] = cm + np.minimum(np.arange(top, top + len(now)) // 8, 23)[:, None] * COARSE
    found[:6] += place.fixed[:, None]
    return found


class _Places(NamedTuple):
    """Where the numbers of a phase are, in one row of all matrices."""

    p: Ints  #: in a row of all of them, one after the other, with zeros between
    beside: Ints  #: their neighbours there
    own: Ints  #: in the levels, of row 0
    fixed: Ints  #: what their contexts begin with, (contexts, n)


def _places(sides: list[int], phase: int, shape: tuple[int, int], lead: int) -> _Places:
    (first, stride, d), (h, w), width = PHASES[phase], shape, shape[1] + 2 * lead
    xs = [np.arange(first, side, stride) for side in sides]
    matrix, x = np.repeat(np.arange(len(xs)), [len(one) for one in xs]), np.concatenate(xs)
    p = matrix * width + x + lead
    fixed = np.zeros((6, len(p)), np.int32)
    fixed[0] = FINE * (len(PHASES) * matrix + phase)
    fixed[1:3] = phase * COARSE * COARSE
    fixed[3] = ((d > 0) * 48 + np.minimum(x // 16, 47)) * COARSE
    fixed[4] = 81 * phase
    near = (d, -d, 3 * d, -3 * d) if d else (1, -1)
    return _Places(p, np.stack([p - back for back in near]), matrix * h * w + x, fixed)


def _row(above: Ints, before: Ints, mean: Ints) -> Ints:
    """What the rows before tell of every place of some rows: (5, rows, places)."""
    found = np.zeros((5, *above.shape), np.int32)
    up, trend, cu, ce, seen = found[..., 3:-3]
    one, two = (tuple(x[:, 3 + i : x.shape[1] - 3 + i] for i in range(-2, 3)) for x in (above, before))
    up += 5 * one[2] + 3 * (one[1] + one[3]) + one[0] + one[4] + 2 * two[2] + two[1]
    trend += mean[:, :-6] + mean[:, 6:] + mean[:, 1:-5] + mean[:, 5:-1]
    trend += 2 * (mean[:, 2:-4] + mean[:, 3:-3] + mean[:, 4:-2])
    trend //= 10
    cu[:], ce[:] = coarse(up), coarse(trend)
    np.add(3 * np.minimum(one[2], 2), np.minimum(two[2], 2), out=seen)
    return found
