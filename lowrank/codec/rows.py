"""In what order factors of a whole picture are coded, and what predicts each number: those beside it and above."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from lowrank.codec.coders import Coder, Ints
from lowrank.codec.entropy import Classes, Levels
from lowrank.codec.waves import COARSE, COARSE_TYPICAL, FINE, FINE_TYPICAL, bins, coarse
from lowrank.parallel import Progress, idle

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
    model = Levels(starts, phases * COARSE, Classes(FINE_TYPICAL))
    flat, mean = out.reshape(-1), np.zeros(n * width, np.int32)
    ends = sorted({0, h, *(rows for rows, _ in shapes)})
    # an encoder knows all numbers, and works out the contexts of many rows at once
    step = 1 if factors is None else LINES
    past = np.zeros((2, n * width), np.int32)
    for begin, end in pairwise(ends):
        sides = [side if begin < rows else 0 for rows, side in shapes]
        places = [_places(sides, phase, (h, w), lead) for phase in range(phases)]
        places = [place for place in places if len(place.p)]
        for top in range(begin, end, step):
            bottom = min(top + step, end)
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
            if factors is None:
                tick(top / h)
                for place in places:
                    told = model.code(coder, None, *(one[..., 0, :] for one in _contexts(before, rows, top, place)))
                    flat[place.own + top * w] = told
                    rows[2, place.p] = np.minimum(np.abs(told), 255)
                mean += 4 * rows[2]
            else:
                lines = np.arange(top, bottom)[:, None] * w
                waves = [
                    model.waves(flat.take(place.own + lines), *_contexts(before, rows, top, place)) for place in places
                ]
                for y, row in enumerate(zip(*waves, strict=True), top):
                    tick(y / h)
                    for wave in row:
                        model.encode(coder, wave)
            past = rows[-2:]
    return [own[:rows, :side] for own, (rows, side) in zip(out, shapes, strict=True)]


def _contexts(before: Ints, rows: Ints, top: int, place: _Places) -> tuple[Ints, Ints, Ints]:
    """What the coder is told of each number of a phase in rows from `top` on.

    Its six contexts, (6, rows, n), its set of weights, and its scale, both (rows, n).
    """
    first, later, both, trend, seen = before.take(place.p, axis=2)
    found = np.empty((7, *trend.shape), np.intp)
    if len(place.beside) > 2:
        beside = rows[2:].take(place.beside, axis=1)
        near = beside[:, 0] + beside[:, 1]
        near *= 3
        near += beside[:, 2]
        near += beside[:, 3]
        near *= 2
        later += 20 * near
        later >>= 6
        scale = bins(later)
        np.multiply(coarse(near), COARSE, out=found[1])
        found[1] += trend
    else:  # nothing of this row is known yet
        beside = rows[1:-1].take(place.beside, axis=1)
        scale = bins(first)
        found[1] = both
    cm = (scale + 1) >> 2
    beside = np.minimum(beside[:, :2], 2)
    found[0], found[2], found[3], found[6] = scale, both, cm, cm
    np.add(seen, 27 * beside[:, 0] + 9 * beside[:, 1], out=found[4])
    np.add(cm, np.minimum(np.arange(top, top + len(trend)) // 8, 23)[:, None] * COARSE, out=found[5])
    found += place.fixed[:, None]
    return found[:6], found[6], scale


class _Places(NamedTuple):
    """Where the numbers of a phase are, in one row of all matrices."""

    p: Ints  #: in a row of all of them, one after the other, with zeros between
    beside: Ints  #: their neighbours there
    own: Ints  #: in the levels, of row 0
    fixed: Ints  #: what their contexts, and sets of weights, begin with, (contexts + 1, n)


def _places(sides: list[int], phase: int, shape: tuple[int, int], lead: int) -> _Places:
    (first, stride, d), (h, w), width = PHASES[phase], shape, shape[1] + 2 * lead
    xs = [np.arange(first, side, stride) for side in sides]
    matrix, x = np.repeat(np.arange(len(xs)), [len(one) for one in xs]), np.concatenate(xs)
    p = matrix * width + x + lead
    fixed = np.zeros((7, len(p)), np.intp)
    fixed[0] = FINE * (len(PHASES) * matrix + phase)
    fixed[1:3] = phase * COARSE * COARSE
    fixed[3] = ((d > 0) * 48 + np.minimum(x // 16, 47)) * COARSE
    fixed[4], fixed[6] = 81 * phase, COARSE * phase
    near = (d, -d, 3 * d, -3 * d) if d else (1, -1)
    return _Places(p, np.stack([p - back for back in near]), matrix * h * w + x, fixed)


def _row(above: Ints, before: Ints, mean: Ints) -> Ints:
    """What the rows before tell of every place of some rows: (5, rows, places).

    Expected magnitudes, for the first phase, and as far as they are known for the others; contexts, in part.
    """
    found = np.zeros((5, *above.shape), np.int32)
    first, later, both, trended, seen = found[..., 3:-3]
    one, two = (tuple(x[:, 3 + i : x.shape[1] - 3 + i] for i in range(-2, 3)) for x in (above, before))
    up = 5 * one[2] + 3 * (one[1] + one[3]) + one[0] + one[4] + 2 * two[2] + two[1]
    trend = mean[:, :-6] + mean[:, 6:] + mean[:, 1:-5] + mean[:, 5:-1]
    trend += 2 * (mean[:, 2:-4] + mean[:, 3:-3] + mean[:, 4:-2])
    trend //= 10
    first[:] = (24 * up + 40 * trend) >> 6
    later[:] = 14 * up + 30 * trend
    trended[:] = coarse(trend)
    both[:] = coarse(up) * COARSE + trended
    np.add(3 * np.minimum(one[2], 2), np.minimum(two[2], 2), out=seen)
    return found
