"""Matrices and pictures for properties.

Hypothesis draws a shape, a kind and a seed; NumPy fills the array. Drawing every entry would be slow, and would rarely
give a spectrum worth testing.
"""

import numpy as np
from hypothesis import strategies as st

KINDS = ("gaussian", "low rank", "decaying", "flat", "constant", "zero", "integer")

seeds = st.integers(0, 2**32 - 1)
float_types = st.sampled_from([np.float32, np.float64])


def sides(longest=24):
    """(m, n): wide, tall, square, a single row or column."""
    side = st.integers(1, longest)
    return st.one_of(
        st.tuples(side, side),
        side.map(lambda n: (n, n)),
        side.map(lambda n: (1, n)),
        side.map(lambda n: (n, 1)),
        st.tuples(st.integers(1, 4), st.just(longest)),
        st.tuples(st.just(longest), st.integers(1, 4)),
    )


def orthonormal(rng, m, r):
    """m x r with orthonormal columns, by Householder QR."""
    return np.linalg.qr(rng.standard_normal((m, r)))[0]


def filled(rng, kind, m, n):
    """One m x n matrix of the kind."""
    r = min(m, n)
    if kind == "gaussian":
        return rng.standard_normal((m, n))
    if kind == "low rank":
        k = rng.integers(1, r + 1)
        return rng.standard_normal((m, k)) @ rng.standard_normal((k, n))
    if kind == "decaying":
        return (orthonormal(rng, m, r) * 0.5 ** np.arange(r)) @ orthonormal(rng, n, r).T
    if kind == "flat":  # every singular value is 1
        return orthonormal(rng, m, r) @ orthonormal(rng, n, r).T
    if kind == "integer":
        return rng.integers(-3, 4, (m, n)).astype(float)
    return np.full((m, n), 0.0 if kind == "zero" else rng.standard_normal())


@st.composite
def matrices(draw, dtypes=float_types, longest=24, kinds=KINDS, stacks=((),)):
    """An array (..., m, n) of varied shape, spectrum and scale; `stacks` are the leading axes to choose from."""
    m, n = draw(sides(longest))
    stack = draw(st.sampled_from(stacks))
    kind, scale, dtype = draw(st.sampled_from(kinds)), draw(st.sampled_from([1.0, 1e-3, 1e3])), draw(dtypes)
    rng = np.random.default_rng(draw(seeds))
    a = np.empty((*stack, m, n))
    for i in np.ndindex(*stack):
        a[i] = filled(rng, kind, m, n)
    return (a if kind == "integer" else a * scale).astype(dtype)


def stacks(dtypes=float_types, longest=12):
    """A stack of at least two matrices."""
    return matrices(dtypes, longest, stacks=((2,), (3,), (2, 2)))


@st.composite
def of_known_rank(draw, longest=24):
    """(A, r): a float64 matrix whose r singular values are spread over one decade, and no more."""
    m, n = draw(sides(longest))
    r = draw(st.integers(1, min(m, n)))
    rng = np.random.default_rng(draw(seeds))
    return (orthonormal(rng, m, r) * np.geomspace(1, 0.1, r)) @ orthonormal(rng, n, r).T, r


@st.composite
def pictures(draw, shortest=1, longest=40, channels=(None, 3), dtypes=float_types):
    """A picture (h, w) or (h, w, 3) of values in [0, 1]: noise, smooth, edges, or one colour."""
    h, w = draw(st.tuples(*[st.integers(shortest, longest)] * 2))
    c = draw(st.sampled_from(channels))
    shape = (h, w) if c is None else (h, w, c)
    kind = draw(st.sampled_from(["noise", "smooth", "edges", "8 bit", "constant", "black", "white"]))
    rng = np.random.default_rng(draw(seeds))
    y, x = np.mgrid[0 : 1 : h * 1j, 0 : 1 : w * 1j].reshape((2, h, w) + (1,) * (len(shape) - 2))
    if kind == "noise":
        picture = rng.random(shape)
    elif kind == "smooth":
        picture = 0.5 + 0.5 * np.sin(rng.uniform(0, 9, shape[2:]) * x + rng.uniform(0, 9, shape[2:]) * y)
    elif kind == "edges":
        picture = np.where((x > rng.random(shape[2:])) ^ (y > rng.random(shape[2:])), rng.random(), rng.random())
    elif kind == "8 bit":
        picture = rng.integers(0, 256, shape) / 255
    else:
        picture = np.full(shape, {"constant": rng.random(), "black": 0.0, "white": 1.0}[kind])
    return picture.astype(draw(dtypes))


@st.composite
def pairs(draw, shortest=1, longest=40, channels=(None, 3)):
    """Two pictures of one shape and dtype: unrelated, or the second a little noisier than the first."""
    first = draw(pictures(shortest, longest, channels))
    rng = np.random.default_rng(draw(seeds))
    other = rng.random(first.shape)
    noise = draw(st.sampled_from([0.01, 0.1, 1.0]))
    return first, np.clip((1 - noise) * first + noise * other, 0, 1).astype(first.dtype)
