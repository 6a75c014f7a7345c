"""One door to every method: what holds whichever is chosen."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import matrices, of_known_rank, orthonormal, stacks

from lowrank import spectrum
from lowrank.decompose import METHODS, truncated_svd
from lowrank.errors import RankError, TensorError
from lowrank.svd import exact_svd

NAMES = ("auto", *METHODS)
every_method = pytest.mark.parametrize("method", NAMES)
FACTORS = ("U", "s", "Vt", "total", "rest")


def same_bits(one, other):
    for name in FACTORS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def decaying(m, n, seed=0):
    rng = np.random.default_rng(seed)
    r = min(m, n)
    return (orthonormal(rng, m, r) * 0.7 ** np.arange(r)) @ orthonormal(rng, n, r).T


def test_there_is_an_exact_method():
    assert "exact" in METHODS
    assert "auto" not in METHODS  # it is the choice between them


@every_method
@given(of_known_rank())
def test_every_method_finds_a_matrix_of_rank_k_whole(method, known):
    a, k = known
    svd = truncated_svd(a, k, method=method)
    assert (svd.rank, svd.shape) == (k, a.shape)
    np.testing.assert_allclose(svd.reconstruct(), a, rtol=0, atol=1e-10)


@every_method
@pytest.mark.parametrize("shape", [(60, 40), (40, 60), (3, 30, 30)])
def test_every_method_is_close_to_the_best_on_a_decaying_spectrum(method, shape):
    a = decaying(*shape[-2:]) * np.ones(shape)
    best = float(np.linalg.norm(a - exact_svd(a).reconstruct(10)))
    assert best > 0.01
    svd = truncated_svd(a, 10, method=method)
    assert float(np.linalg.norm(a - svd.reconstruct())) <= 1.01 * best
    assert spectrum.squared_error(svd)[-1] ** 0.5 == pytest.approx(best, rel=0.01)


@every_method
@given(matrices(stacks=[(), (2,)]), st.data())
def test_the_same_input_gives_the_same_bits(method, a, data):
    k = data.draw(st.integers(0, min(a.shape[-2:])))
    same_bits(truncated_svd(a, k, method=method, seed=3), truncated_svd(a.copy(), k, method=method, seed=3))


@every_method
@given(matrices(stacks=[(), (2,)]), st.data())
def test_what_comes_back_is_of_the_rank_and_precision_asked_for(method, a, data):
    k = data.draw(st.integers(0, min(a.shape[-2:])))
    svd = truncated_svd(a, k, method=method)
    assert svd.rank == k
    assert svd.shape == a.shape
    assert svd.U.dtype == svd.s.dtype == svd.Vt.dtype == a.dtype
    assert svd.total.dtype == svd.rest.dtype == np.float64
    np.testing.assert_allclose(svd.total, np.square(a, dtype=np.float64).sum((-2, -1)), rtol=1e-12)


@every_method
@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (1, 4), (2, 4, 6)])
def test_no_rank_given_is_the_full_rank(method, shape):
    a = np.random.default_rng(0).standard_normal(shape)
    svd = truncated_svd(a, method=method)
    assert svd.rank == svd.full_rank == min(shape[-2:])
    np.testing.assert_allclose(svd.reconstruct(), a, atol=1e-12)


@every_method
def test_rank_zero_holds_nothing_and_knows_what_it_left_out(method):
    svd = truncated_svd(np.diag([3.0, 4.0]), 0, method=method)
    assert svd.rank == 0
    assert svd.rest == pytest.approx(25)
    assert not svd.reconstruct().any()


@every_method
@pytest.mark.parametrize("rank", [-1, 4, 300, 2.5, "3"])
def test_a_rank_beyond_the_matrix_is_refused_and_never_clamped(method, rank):
    with pytest.raises(RankError, match="0 to 3"):
        truncated_svd(np.ones((3, 5)), rank, method=method)


@every_method
def test_bad_matrices_are_refused_at_the_door(method):
    for bad in (np.full((3, 3), np.nan), np.ones((0, 3)), np.eye(2) * 1j):
        with pytest.raises(TensorError):
            truncated_svd(bad, method=method)
    with pytest.raises(ValueError, match="matrix"):
        truncated_svd(np.ones(3), method=method)


@pytest.mark.parametrize("method", ["", "lanczos", "Exact", None])
def test_an_unknown_method_is_refused_by_name(method):
    with pytest.raises(ValueError, match="auto or one of exact"):
        truncated_svd(np.eye(3), method=method)


@given(stacks())
def test_the_exact_method_is_the_exact_svd_truncated(a):
    same_bits(truncated_svd(a, 1, method="exact"), exact_svd(a).truncate(1))


@every_method
def test_lists_and_integers_are_matrices(method):
    svd = truncated_svd([[3, 0], [0, 4]], method=method)
    np.testing.assert_allclose(svd.s, [4, 3])


@pytest.mark.slow
@every_method
def test_eight_threads_at_once_change_no_bit(method):
    pictures = [np.random.default_rng(i).random((3, 64, 48)).astype(np.float32) for i in range(8)]

    def work(a):
        return truncated_svd(a, 20, method=method)

    serial = [work(a) for a in pictures]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            for one, other in zip(serial, pool.map(work, pictures), strict=True):
                same_bits(one, other)


@every_method
def test_planes_side_by_side_change_no_bit(method):
    stack = np.random.default_rng(5).random((2, 3, 90, 70)).astype(np.float32)
    one, several = (truncated_svd(stack, 20, method=method, threads=threads) for threads in (1, 3))
    same_bits(one, several)
    assert one.excess == several.excess
