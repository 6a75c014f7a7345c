"""The viewer's loops in WebAssembly: the committed bytes are the readable source's, and compute as NumPy does.

wasmtime assembles and runs both kernels; no browser. The same loops in JavaScript are read back from a canvas in
browser/.
"""

import ctypes
import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wasmtime import Engine, Instance, Module, Store

from app.ui.viewer.assemble import assembled

HERE = Path(__file__).parents[1] / "app" / "ui" / "viewer"

quick = settings(deadline=None)
seeds = st.integers(0, 2**32 - 1)


class Kernel:
    """An instance of the committed kernel, and its memory as bytes."""

    def __init__(self, name: str, pages: int = 16) -> None:
        self.store = Store(Engine())
        module = Module(self.store.engine, (HERE / name).read_bytes())
        exports = Instance(self.store, module, []).exports(self.store)
        self.memory = exports["memory"]
        self.memory.grow(self.store, pages - 1)
        size = self.memory.data_len(self.store)
        address = ctypes.addressof(self.memory.data_ptr(self.store).contents)
        self.bytes = np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))
        self._add, self._pack, self._pack_mixed = (exports[name] for name in ("add", "pack", "packMixed"))

    def add(self, *args) -> None:
        self._add(self.store, *args)

    def pack(self, *args) -> None:
        self._pack(self.store, *args)

    def pack_mixed(self, *args) -> None:
        self._pack_mixed(self.store, *args)

    def put(self, at: int, values: np.ndarray) -> None:
        raw = np.ascontiguousarray(values).view(np.uint8).ravel()
        self.bytes[at : at + raw.size] = raw

    def floats(self, at: int, count: int) -> np.ndarray:
        return self.bytes[at : at + 4 * count].copy().view("<f4")


@pytest.fixture(scope="module", params=["kernel.wasm", "kernel-fused.wasm"])
def kernel(request) -> Kernel:
    return Kernel(request.param)


def aligned(n: int, to: int) -> int:
    return -(-n // to) * to


@dataclass(frozen=True)
class Room:
    """Where things lie in the kernel's memory, in bytes: none over another, some on no round address."""

    rows: int
    cols: int
    stride: int  # of the accumulators
    u: int
    u_stride: int
    v: int
    v_stride: int
    acc: int
    end: int


@st.composite
def rooms(draw, planes: int = 1) -> Room:
    """Shapes, strides and offsets; accumulators have room for rows in twos, they and v for columns in sixteens."""
    rows, cols = draw(st.integers(1, 24)), draw(st.one_of(st.integers(1, 40), st.sampled_from([8, 16, 32, 33])))
    gap = st.integers(0, 37)  # bytes: aligned to nothing
    stride = 4 * aligned(cols, 16) + draw(gap)
    u_stride, v_stride = 4 * aligned(rows, 2) + draw(gap), 4 * aligned(cols, 16) + draw(gap)
    u = 16 + draw(gap)
    v = u + MOST * u_stride + draw(gap)
    acc = v + MOST * v_stride + draw(gap)
    return Room(rows, cols, stride, u, u_stride, v, v_stride, acc, acc + planes * aligned(rows, 2) * stride)


#: Layers at once, at most.
MOST = 19


def test_the_committed_bytes_are_the_sources():
    for name, code in assembled().items():
        assert (HERE / name).read_bytes() == code, name


@quick
@given(
    room=rooms(),
    layers=st.integers(0, MOST),
    sign=st.sampled_from([1.0, -1.0, 0.5]),
    seed=seeds,
    scale=st.sampled_from([1e-3, 1.0, 255.0]),
)
def test_add_is_numpys_sum_of_layers(kernel, room, layers, sign, seed, scale):
    rng = np.random.default_rng(seed)
    kernel.bytes[: room.end + 4096] = rng.integers(0, 256, room.end + 4096, np.uint8)
    tall, wide = aligned(room.rows, 2), aligned(room.cols, 16)
    u = (scale * rng.standard_normal((layers, tall))).astype("<f4")
    v = rng.standard_normal((layers, wide)).astype("<f4")
    acc = (scale * rng.standard_normal((tall, wide))).astype("<f4")
    for i in range(layers):
        kernel.put(room.u + i * room.u_stride, u[i])
        kernel.put(room.v + i * room.v_stride, v[i])
    for i in range(tall):
        kernel.put(room.acc + i * room.stride, acc[i])
    before = kernel.bytes.copy()

    kernel.add(room.acc, room.stride, room.u, room.u_stride, room.v, room.v_stride, room.rows, room.cols, layers, sign)

    terms = sign * u[:, :, None].astype(float) * v[:, None, :]
    right, size = acc + terms.sum(0), np.abs(acc) + np.abs(terms).sum(0)
    for i in range(tall):
        at = room.acc + i * room.stride
        assert (np.abs(kernel.floats(at, wide) - right[i]) <= 1e-5 * size[i]).all()
        before[at : at + 4 * wide] = kernel.bytes[at : at + 4 * wide]
    np.testing.assert_array_equal(kernel.bytes, before)  # nothing else was written: twos of rows, sixteens of columns


@quick
@given(room=rooms(), seed=seeds)
def test_no_layers_and_no_rows_touch_nothing(kernel, room, seed):
    rng = np.random.default_rng(seed)
    kernel.bytes[: room.end] = rng.integers(0, 256, room.end, np.uint8)
    before = kernel.bytes.copy()
    places = room.acc, room.stride, room.u, room.u_stride, room.v, room.v_stride
    kernel.add(*places, room.rows, room.cols, 0, 1.0)
    kernel.add(*places, 0, room.cols, 3, 1.0)
    kernel.pack(room.acc, room.acc, room.acc, room.stride, 16, 0, room.cols, 1.0, 0.0)
    kernel.pack_mixed(room.acc, room.acc, room.acc, room.stride, 16, 0, room.cols, 1.0, 0.0, 16)
    np.testing.assert_array_equal(kernel.bytes, before)


@pytest.mark.parametrize("shape", [(37, 53), (64, 64)])
def test_a_whole_picture_up_and_down_is_numpys(kernel, shape):
    """All layers of a picture, sixteen at a time, as the engine does it; then all but one taken away again."""
    m, n = shape
    picture = 255 * np.random.default_rng(0).random(shape)
    U, s, Vt = np.linalg.svd(picture, full_matrices=False)
    r, tall, wide = len(s), aligned(m, 2), aligned(n, 16)
    u, v = np.zeros((r, tall), "<f4"), np.zeros((r, wide), "<f4")
    u[:, :m], v[:, :n] = (U * s).T, Vt
    u_at, v_at = 16, 16 + u.nbytes
    at = v_at + v.nbytes
    kernel.put(u_at, u)
    kernel.put(v_at, v)
    kernel.put(at, np.zeros((tall, wide), "<f4"))

    def move(start: int, stop: int, sign: float) -> np.ndarray:
        for i in range(start, stop, 16):
            here = u_at + i * u.strides[0], u.strides[0], v_at + i * v.strides[0], v.strides[0]
            kernel.add(at, 4 * wide, *here, m, n, min(16, stop - i), sign)
        return kernel.floats(at, m * wide).reshape(m, wide)[:, :n]

    np.testing.assert_allclose(move(0, r, 1.0), picture, rtol=0, atol=1e-5 * 255)
    np.testing.assert_allclose(move(1, r, -1.0), s[0] * np.outer(U[:, 0], Vt[0]), rtol=0, atol=1e-5 * 255)


# -- pack -------------------------------------------------------------------------------------------------------------

#: Around every rounding and every limit: halves, whole numbers, just beside them, far away, no numbers at all.
_HARD = np.array(
    [
        *itertools.chain.from_iterable(
            (x, np.nextafter(x, -1e9), np.nextafter(x, 1e9)) for x in np.arange(-2, 258, 0.5)
        ),
        *(-0.0, 1e-40, 1e9, -1e9, 3e38, -3e38, np.inf, -np.inf),
    ],
    np.float32,
)


def levels(values: np.ndarray, scale: float, offset: float) -> np.ndarray:
    """Round and clip in float32, as NumPy does."""
    return np.clip(np.rint(values * np.float32(scale) + np.float32(offset)), 0, 255).astype(np.uint8)


@quick
@given(
    room=rooms(planes=3),
    out_gap=st.integers(0, 37),
    seed=seeds,
    gray=st.booleans(),
    look=st.sampled_from([(1.0, 0.0), (127 / 40, 128.0), (0.5, 3.25), (-1.0, 255.0)]),
)
def test_pack_is_numpys_rint_and_clip(kernel, room, out_gap, seed, gray, look):
    rng = np.random.default_rng(seed)
    planes = rng.choice(
        np.concatenate([_HARD, rng.uniform(-60, 320, 500).astype(np.float32)]), (3, room.rows, room.cols)
    )
    if look != (1.0, 0.0):
        planes[~np.isfinite(planes)] = 7
    at = [room.acc + (0 if gray else p) * room.rows * room.stride for p in range(3)]
    out = room.end + 64 + out_gap  # reads go on to the next four columns, too
    size = 4 * room.rows * room.cols
    kernel.bytes[: out + size + 4096] = rng.integers(0, 256, out + size + 4096, np.uint8)
    for p in reversed(range(3)):  # where it is grey, the first plane is written last, over the others
        for i in range(room.rows):
            kernel.put(at[p] + i * room.stride, planes[p, i])
    before = kernel.bytes.copy()

    with np.errstate(over="ignore"):
        right = np.stack([levels(planes[0 if gray else p], *look) for p in range(3)], -1)
    kernel.pack(*at, room.stride, out, room.rows, room.cols, *look)

    pixels = kernel.bytes[out : out + size].reshape(room.rows, room.cols, 4)
    np.testing.assert_array_equal(pixels[..., :3], right)
    assert (pixels[..., 3] == 255).all()
    end = out + size + 4 * (aligned(room.cols, 4) - room.cols)  # up to three pixels past the last one
    before[out:end] = kernel.bytes[out:end]
    np.testing.assert_array_equal(kernel.bytes, before)


mixes = st.one_of(
    st.just([1, 0, 1.402, 1, -0.344136, -0.714136, 1, 1.772, 0]),  # JFIF
    st.just([1, 0, 0, 0, 1, 0, 0, 0, 1]),
    st.lists(st.floats(-2, 2, width=32), min_size=9, max_size=9),
)


@quick
@given(
    room=rooms(planes=3),
    out_gap=st.integers(0, 37),
    seed=seeds,
    mix=mixes,
    look=st.sampled_from([(1.0, 0.0), (127 / 40, 128.0), (-1.0, 255.0)]),
)
def test_pack_mixed_is_numpys_matrix_product_rounded_and_clipped(kernel, room, out_gap, seed, mix, look):
    rng = np.random.default_rng(seed)
    planes = rng.uniform(-200, 320, (3, room.rows, room.cols)).astype(np.float32)
    at = [room.acc + p * room.rows * room.stride for p in range(3)]
    out = room.end + 64 + out_gap
    size = 4 * room.rows * room.cols
    end = out + size + 4 * (aligned(room.cols, 4) - room.cols)
    kernel.bytes[: end + 4096] = rng.integers(0, 256, end + 4096, np.uint8)
    for p in range(3):
        for i in range(room.rows):
            kernel.put(at[p] + i * room.stride, planes[p, i])
    kernel.put(end + 64, np.array(mix, np.float32))
    before = kernel.bytes.copy()

    kernel.pack_mixed(*at, room.stride, out, room.rows, room.cols, *look, end + 64)

    factors = np.array(mix, np.float32).astype(float).reshape(3, 3)
    right = look[0] * np.einsum("cp,pij->ijc", factors, planes.astype(float)) + look[1]
    slack = 1e-6 * (abs(look[0]) * np.einsum("cp,pij->ijc", abs(factors), abs(planes).astype(float)) + abs(look[1]))
    pixels = kernel.bytes[out : out + size].reshape(room.rows, room.cols, 4)
    assert (pixels[..., :3] >= np.rint(right - slack).clip(0, 255)).all()
    assert (pixels[..., :3] <= np.rint(right + slack).clip(0, 255)).all()
    assert (pixels[..., 3] == 255).all()
    before[out:end] = kernel.bytes[out:end]
    np.testing.assert_array_equal(kernel.bytes, before)  # nothing else was written


@quick
@given(room=rooms(planes=3), seed=seeds)
def test_pack_mixed_of_channels_is_pack(kernel, room, seed):
    rng = np.random.default_rng(seed)
    planes = rng.choice(_HARD[np.isfinite(_HARD)], (3, room.rows, room.cols))
    at = [room.acc + p * room.rows * room.stride for p in range(3)]
    for p in range(3):
        for i in range(room.rows):
            kernel.put(at[p] + i * room.stride, planes[p, i])
    out, size = room.end + 64, 4 * room.rows * room.cols
    kernel.put(out + size + 4096, np.eye(3, dtype=np.float32))
    kernel.pack(*at, room.stride, out, room.rows, room.cols, 1.0, 0.0)
    plain = kernel.bytes[out : out + size].copy()
    kernel.pack_mixed(*at, room.stride, out, room.rows, room.cols, 1.0, 0.0, out + size + 4096)
    np.testing.assert_array_equal(kernel.bytes[out : out + size], plain)


def test_halves_go_to_even(kernel):
    kernel.put(1024, np.array([0.5, 1.5, 2.5, 3.5, 253.5, 254.5, 255.5, -0.5], "<f4"))
    kernel.pack(1024, 1024, 1024, 32, 4096, 1, 8, 1.0, 0.0)
    assert kernel.bytes[4096 : 4096 + 32 : 4].tolist() == [0, 2, 2, 4, 254, 254, 255, 0]


@pytest.mark.parametrize("cols", range(1, 10))
def test_pack_writes_as_far_past_the_end_as_it_says_and_no_further(kernel, cols):
    kernel.bytes[4096:8192] = 77
    kernel.pack(1024, 1024, 1024, 64, 4096, 3, cols, 1.0, 0.0)
    last = 4096 + 4 * (2 * cols + aligned(cols, 4))  # of the third row, in fours of columns
    assert (kernel.bytes[last:8192] == 77).all()
    assert last - (4096 + 12 * cols) <= 12
