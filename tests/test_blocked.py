"""Passes over slabs: as near to the best as in memory, within the memory allowed, from any store."""

import subprocess
import sys
import tracemalloc

import dask.array as da
import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from sound import assert_sound, excess, of_spectrum, same_bits
from threadpoolctl import threadpool_limits

from lowrank import blocked, decompose, slabs
from lowrank.blocked import BLOCK, blocked_svd
from lowrank.decompose import truncated_svd
from lowrank.errors import RankError, TensorError
from lowrank.sketch import sketched_svd
from lowrank.svd import exact_svd

MB = 10**6


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """These matrices are small, and threads that wait for a busy core make it slow."""
    with threadpool_limits(1):
        yield


@pytest.fixture
def low_slabs(monkeypatch):
    """Slabs of no more rows than a block has columns, whatever the memory."""
    monkeypatch.setattr(blocked, "LARGEST_SLAB", 0)


class Rows:
    """A matrix of low rank plus a ripple, whose entries are made when they are asked for; what a store has, no more."""

    def __init__(self, m, n, dtype=np.float32, rank=60):
        self.left = of_spectrum(np.arange(1.0, rank + 1) ** -0.9, m, rank, np.float32)
        self.right = of_spectrum(np.ones(rank), rank, n, np.float32, seed=1)
        self.shape, self.dtype, self.reads = (m, n), np.dtype(dtype), []

    def __getitem__(self, index):
        rows, columns = index if isinstance(index, tuple) else (index, slice(None))
        self.reads.append(rows.start or 0)
        made = (self.left[rows] @ self.right[:, columns]).astype(self.dtype, copy=False)
        made[:: max(1, len(made) // 9), ::7] += self.dtype.type(1e-3)
        return made


def saved(path, a):
    np.save(path, a)
    return np.load(path, mmap_mode="r")


def decaying(m, n, dtype=np.float32, power=0.9, seed=0):
    return of_spectrum(np.arange(1.0, min(m, n) + 1) ** -power, m, n, dtype, seed)


# -- as near to the best as they say -----------------------------------------------------------------------------------


@pytest.mark.slow
@settings(max_examples=40)
@given(
    st.sampled_from([(320, 240), (240, 320), (280, 280), (900, 130), (130, 900)]),
    st.sampled_from([np.float32, np.float64]),
    st.sampled_from([0.3, 0.5, 0.9, 1.5, 3.0]),
    st.integers(1, 60),
    st.sampled_from([0, 30_000, 2**26]),
    st.sampled_from([20 * MB, 60 * MB]),
    st.sampled_from([1e-2, 1e-3, 1e-5]),
    st.integers(0, 9),
)
def test_power_laws_are_within_the_estimate(shape, dtype, power, k, slab, memory, tol, seed):
    a = decaying(*shape, dtype, power, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocked, "LARGEST_SLAB", slab)
        svd = blocked_svd(a, k, memory=memory, tol=tol, seed=seed)
        same_bits(svd, blocked_svd(a.copy(), k, memory=memory, tol=tol, seed=seed))
    assert 0 <= svd.excess <= tol
    assert excess(a, svd, (1, k)) <= svd.excess + 1e-6
    assert_sound(a, svd, k)


@settings(max_examples=25)
@given(
    st.sampled_from([np.uint8, np.int16, np.float16, ">f4", np.float32, np.float64, np.int64, bool]),
    st.sampled_from([(300, 200), (200, 300)]),
    st.sampled_from("CF"),
    st.integers(1, 30),
)
def test_every_type_gives_what_it_gives_in_memory(dtype, shape, order, k):
    a = np.asarray(100 + 4000 * decaying(*shape, np.float64, 0.7)).clip(0, 255).astype(dtype, order=order)
    svd, whole = blocked_svd(a, k, memory=6 * MB), truncated_svd(a, k)
    assert svd.U.dtype == svd.s.dtype == whole.s.dtype
    assert excess(a, svd, (1, k)) <= 1e-3
    assert_sound(a.astype(whole.s.dtype), svd, k)
    assert float(svd.total) == pytest.approx(float(whole.total), rel=1e-12)
    np.testing.assert_allclose(svd.s, whole.s, rtol=3e-2)
    assert float(svd.s[0]) == pytest.approx(float(whole.s[0]), rel=1e-6)


@pytest.mark.parametrize("shape", [(700, 60), (60, 700), (90, 90)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.usefixtures("low_slabs")
def test_a_short_side_is_decomposed_exactly_by_qr(shape, dtype):
    a = decaying(*shape, dtype, 4.0)
    exact = exact_svd(a)
    for k in (min(shape) // 2, min(shape)):
        svd = blocked_svd(a, k, memory=4 * MB)
        assert svd.excess == 0
        assert_sound(a, svd, k)
        best = float(np.linalg.norm(exact.s[k:], axis=-1))
        error = float(np.linalg.norm(a - svd.reconstruct().astype(np.float64)))
        assert error <= best * (1 + 1e-6) + 40 * np.finfo(dtype).eps
    assert svd.rest == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_where_qr_does_not_fit_krylov_does_nearly_everything(dtype):
    a = decaying(90, 6000, dtype)
    memory = 30 * MB
    svd = blocked_svd(a, 60, memory=memory)
    assert svd.excess == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocked, "_qr_plan", lambda *_: None)
        for rank in (60, 85, 90):
            svd = blocked_svd(a, rank, memory=3 * memory)
            assert excess(a, svd, [rank]) <= 1e-3
            assert_sound(a, svd, rank)


M, N = 300, 260
RNG = np.random.default_rng(0)
HARSH = {
    "zero": np.zeros((M, N)),
    "constant": np.full((M, N), 0.7),
    "checkerboard": np.indices((M, N)).sum(0) % 2 * 1.0,
    "identity": np.eye(M, N),
    "noise": RNG.random((M, N)),
    "one bright pixel": np.pad([[1.0]], ((7, M - 8), (9, N - 10))),
    "rank one": np.outer(RNG.random(M), RNG.random(N)),
    "step": np.tri(M, N),
    "steep": of_spectrum(np.geomspace(1, 1e-5, N), M, N),
    "bright mean": 1e3 + decaying(M, N, np.float64),
}


@pytest.mark.parametrize("name", HARSH)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.usefixtures("low_slabs")
def test_harsh_matrices(name, dtype):
    for a in (HARSH[name].astype(dtype), HARSH[name].T.astype(dtype)):
        for k in (1, 30):
            svd = blocked_svd(a, k, memory=20 * MB)
            assert svd.excess <= 1e-3
            assert excess(a, svd, [k]) <= svd.excess + 1e-4
            assert_sound(a, svd, k)


def test_repeated_singular_values_beyond_a_block_are_not_missed():
    a = of_spectrum(np.r_[np.ones(60), np.geomspace(0.5, 1e-4, 540)], 700, 600)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocked, "_qr_plan", lambda *_: None)
        assert excess(a, blocked_svd(a, 20, memory=60 * MB), [20]) <= 1e-3
        assert excess(a, blocked_svd(a, 80, memory=60 * MB), [60, 80]) <= 1e-3


@pytest.mark.parametrize("scale", [1e-30, 1e-15, 1e15, 1e30])
@pytest.mark.parametrize("k", [20, 200])
def test_the_scale_does_not_matter(scale, k):
    a = decaying(300, 250)
    plain, scaled = (blocked_svd(x, k, memory=40 * MB) for x in (a, a * np.float32(scale)))
    np.testing.assert_allclose(scaled.s, plain.s * np.float32(scale), rtol=1e-4)
    assert float(scaled.rest) == pytest.approx(float(plain.rest) * scale**2, rel=1e-3)


@pytest.mark.parametrize("large", [1, 40, 100])
def test_small_singular_values_do_not_drown_in_the_pass_that_does_both_products(large):
    """Its ``A^T (A Y)`` is rounded before the block is made orthonormal; in memory it is the other way round."""
    s = np.r_[np.geomspace(1, 1e-4, large), 1e-4 * np.arange(1.0, 401 - large) ** -0.3]
    a = of_spectrum(s, 500, 400, np.float32)
    for k in (30, 60):
        best = np.linalg.norm(s[k:])
        errors = [
            np.linalg.norm(a - svd.reconstruct().astype(np.float64))
            for svd in (blocked_svd(a, k, memory=40 * MB), sketched_svd(a, k))
        ]
        assert errors[0] <= errors[1] + 1e-3 * best


# -- within the memory -------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(2000, 1500), (1500, 2000), (20_000, 300), (300, 20_000), (120, 6000)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("memory", [15, 60])
def test_no_more_memory_is_taken_than_allowed(shape, dtype, memory):
    done = 0
    for k in (5, 60):
        a = Rows(*shape, dtype)
        tracemalloc.start()
        try:
            svd = blocked_svd(a, k, memory=memory * MB)
        except RankError:
            continue  # whether that was right is asked below
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        done += 1
        assert peak <= memory * MB
        assert svd.excess <= 1e-3
    assert done or memory < 60


def test_what_cannot_be_done_in_the_memory_is_refused_before_anything_is_read():
    a = Rows(3000, 2000)
    factors = 4 * 5000 * 300
    for memory in (1, 10_000, factors):
        with pytest.raises(RankError, match="Allow more memory, or ask for a lower rank"):
            blocked_svd(a, 300, memory=memory)
    assert a.reads == []
    assert blocked_svd(a, 10, memory=2 * factors).rank == 10


def test_six_times_the_factors_are_enough():
    for m, n, k in ((30_000, 20_000, 100), (1_000_000, 50_000, 300), (200_000, 200_000, 50)):
        a = np.lib.stride_tricks.as_strided(np.zeros(1, np.float32), (m, n), (0, 0))  # nothing is read of it
        assert blocked._krylov_plan(a, k, 4, int(8.5 * 4 * (m + n) * k) + 40 * MB)


def test_more_memory_means_fewer_and_wider_blocks():
    plans = [blocked._krylov_plan(Rows(3000, 2000), 100, 4, memory * MB) for memory in (15, 27, 100)]
    assert [plan.width for plan in plans] == [16, BLOCK, 125]
    assert plans[0].rows < plans[1].rows < plans[2].rows


@pytest.mark.usefixtures("low_slabs")
def test_a_flat_spectrum_that_outgrows_the_memory_is_refused_with_words():
    a = np.random.default_rng(0).standard_normal((3000, 2000)).astype(np.float32)
    with pytest.raises(RankError, match="fall so slowly that 9 MB"):
        blocked_svd(a, 20, memory=9 * MB, tol=1e-5)
    assert blocked_svd(a, 20, memory=9 * MB, tol=1e-1).excess <= 1e-1


@pytest.mark.usefixtures("low_slabs")
def test_few_passes(monkeypatch):
    a = Rows(3000, 2000)
    blocked_svd(a, 100, memory=100 * MB)
    passes = a.reads.count(0)
    assert len(a.reads) == passes * -(-3000 // 125)
    assert passes <= 8  # one for norms and a start, three to five for the range, two to look for more, one in float64


@pytest.mark.slow
def test_a_memory_map_lets_its_pages_go(tmp_path):
    code = """
import sys, numpy as np
from pathlib import Path
from lowrank.blocked import blocked_svd
def held():
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines["RssFile"].split()[0]) * 1024
a = np.load(sys.argv[1], mmap_mode="r")
blocked_svd(a[:500], 5, memory=30_000_000)
before = held()
blocked_svd(a, 5, memory=30_000_000)
print(held() - before)
"""
    np.save(tmp_path / "a.npy", np.broadcast_to(np.arange(2000, dtype=np.float32), (10_000, 2000)))  # 80 MB
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "a.npy"], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 10 * MB


# -- from any store ----------------------------------------------------------------------------------------------------


def stores(tmp_path, a):
    """The same matrix in every kind of store that is promised to do."""
    np.save(tmp_path / "c.npy", a)
    np.save(tmp_path / "f.npy", np.asfortranarray(a))
    wide = np.memmap(tmp_path / "wide", a.dtype, "w+", shape=(2 * len(a), 3 * a.shape[1]))
    wide[::2, 1::3] = a
    return {
        "memory map": np.load(tmp_path / "c.npy", mmap_mode="r"),
        "by columns": np.load(tmp_path / "f.npy", mmap_mode="r"),
        "every other row": wide[::2, 1::3],
        "Zarr": zarr.create_array(tmp_path / "a.zarr", data=a, chunks=(70, 50)),
        "Dask": da.from_array(a, chunks=(70, 90)),
        "Dask by columns": da.from_array(a, chunks=(-1, 40)),
        "Dask, uneven": da.from_array(a, chunks=((1, 99, len(a) - 100), -1)),
        "Dask, transposed": da.from_array(np.ascontiguousarray(a.T), chunks=64).T,
        "in memory": a,
    }


@pytest.mark.parametrize("shape", [(400, 300), (300, 400), (700, 40), (40, 700)])
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
@pytest.mark.usefixtures("low_slabs")
def test_every_store_gives_the_same(tmp_path, shape, dtype):
    a = np.asarray(255 * decaying(*shape).clip(0, None) / decaying(*shape).max(), dtype)
    memory = 9 * MB
    expected = truncated_svd(a, 20, method="blocked", memory=memory)
    for name, store in stores(tmp_path, a).items():
        svd = truncated_svd(store, 20, memory=memory, method="blocked" if name == "in memory" else "auto")
        assert svd.excess <= 1e-3, name
        assert excess(a, svd, [1, 20]) <= 1e-3, name
        np.testing.assert_allclose(svd.s[:5], expected.s[:5], rtol=1e-3, err_msg=name)
        assert svd.U.dtype == expected.U.dtype, name
        assert_sound(a.astype(svd.U.dtype), svd, 20)


def test_a_private_map_keeps_what_was_written_into_it(tmp_path):
    np.save(tmp_path / "a.npy", decaying(400, 300))
    a = np.load(tmp_path / "a.npy", mmap_mode="c")
    a[:] = np.outer(np.arange(400), np.ones(300))
    svd = blocked_svd(a, 2, memory=9 * MB)
    assert a[399, 0] == 399
    np.testing.assert_allclose(svd.reconstruct(), a, atol=1e-2)


def test_chunks_of_rows_are_read_whole():
    a = Rows(3000, 1000)
    a.chunks = (64, 1000)
    blocked_svd(a, 5, memory=12 * MB)
    steps = {high - low for low, high in zip(a.reads, a.reads[1:], strict=False) if high > low}
    assert len(steps) == 1
    assert steps.pop() % 64 == 0


def test_lists_and_stacks():
    stack = np.stack([decaying(60, 50, seed=i) for i in range(3)])
    whole = truncated_svd(stack, 5)
    for a in (stack.tolist(), stack, da.from_array(stack, chunks=(1, 20, 50))):
        svd = truncated_svd(a, 5, method="blocked")
        assert svd.shape == (3, 60, 50)
        np.testing.assert_allclose(svd.s, whole.s, rtol=1e-4)
    with pytest.raises(ValueError, match="one by one"):
        truncated_svd(zarr.array(stack), 5)


def test_auto_goes_by_where_the_numbers_are_and_by_their_size(tmp_path):
    a = saved(tmp_path / "a.npy", decaying(400, 300))
    small, large = 10 * a.nbytes - 1, 10 * a.nbytes
    same_bits(truncated_svd(a, 20, memory=small), blocked_svd(a, 20, memory=small))
    same_bits(truncated_svd(a, 20, memory=large), truncated_svd(np.array(a), 20))
    same_bits(truncated_svd(np.array(a), 20, memory=small), truncated_svd(np.array(a), 20))
    assert decompose.COPIES * a.nbytes < blocked.MEMORY
    same_bits(truncated_svd(a, 20), truncated_svd(np.array(a), 20))


def test_what_is_outside_of_memory():
    inside = (np.eye(3), np.eye(3)[0], np.float64(3), [[1.0]], 1.0, "text", np.ma.masked_array(np.eye(3)))
    assert not any(slabs.outside_memory(a) for a in inside)
    assert all(slabs.outside_memory(a) for a in (zarr.array(np.eye(3)), da.eye(3, chunks=2), Rows(9, 9, rank=5)))


def test_dask_is_not_imported_by_what_needs_it_not(tmp_path):
    saved(tmp_path / "a.npy", decaying(400, 300))
    code = "import sys, numpy as np, lowrank; a = np.load(sys.argv[1], mmap_mode='r'); "
    code += "lowrank.truncated_svd(a, 5, memory=2_000_000); print('dask' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "a.npy"], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("False\n", "")


# -- what is refused, and how it goes on -------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [0, 5, 150])
@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize(
    ("value", "words"), [(np.nan, "NaN or infinite"), (-np.inf, "NaN or infinite"), (1e200, "too large")]
)
@pytest.mark.usefixtures("low_slabs")
def test_a_bad_number_in_the_last_slab_is_found(value, words, lazy, k):
    a = decaying(300, 200, np.float64)
    a[-1, -1] = value
    if value == 1e200:
        a[-1] = value
    source = da.from_array(a, chunks=(100, 200)) if lazy else a
    with pytest.raises(TensorError, match=words):
        blocked_svd(source, k, memory=20 * MB)


@pytest.mark.parametrize(
    ("store", "error", "words"),
    [
        (da.ones((0, 5)), TensorError, "empty"),
        (da.ones((5, 5), dtype=complex), TensorError, "real numbers"),
        (da.ones(5), ValueError, "matrix"),
        (da.ones((50, 5))[da.arange(50) > 7], ValueError, "compute_chunk_sizes"),
        (zarr.array(np.eye(3, dtype="complex64")), TensorError, "real numbers"),
    ],
)
def test_what_is_no_matrix_is_refused_before_it_is_read(store, error, words):
    with pytest.raises(error, match=words):
        truncated_svd(store, 1)


@pytest.mark.parametrize("memory", [0, -1])
def test_the_memory_must_be_positive(memory):
    with pytest.raises(ValueError, match="memory"):
        truncated_svd(np.eye(3), 1, memory=memory)


def test_rank_zero_knows_what_it_left_out():
    a = decaying(300, 200)
    svd = blocked_svd(a, 0, memory=9 * MB)
    assert svd.shape == (300, 200)
    assert svd.rest == pytest.approx(float(np.square(a, dtype=float).sum()))


def test_progress_rises_to_one_and_is_told_at_every_slab():
    a, shares = Rows(3000, 2000), []
    truncated_svd(a, 20, memory=20 * MB, progress=shares.append)
    assert shares == sorted(set(shares))
    assert shares[-1] == 1
    assert len(shares) >= len(a.reads)


class CancelledError(Exception):
    pass


@pytest.mark.usefixtures("low_slabs")
def test_progress_may_cancel_within_a_pass():
    a = Rows(3000, 2000)

    def cancel(share):
        if len(a.reads) == 3:
            raise CancelledError

    with pytest.raises(CancelledError):
        truncated_svd(a, 20, memory=20 * MB, progress=cancel)
    assert len(a.reads) == 3
