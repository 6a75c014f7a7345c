"""What rank k costs, counted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowrank import storage
from lowrank.svd import exact_svd

side = st.integers(1, 20_000)
precisions = pytest.mark.parametrize("precision", [None, "float32", "float16", "8-bit"])


@given(st.integers(1, 30), st.integers(1, 30), st.data())
def test_the_count_is_that_of_the_factors_themselves(m, n, data):
    planes = data.draw(st.sampled_from([1, 3]))
    k = data.draw(st.integers(0, min(m, n)))
    svd = exact_svd(np.ones((planes, m, n), np.float32)).truncate(k)
    layers = int(svd.layers[-1])
    assert layers == planes * k
    assert storage.stored_numbers(m, n, layers) == svd.U.size + svd.s.size + svd.Vt.size
    assert storage.stored_bytes(m, n, layers) == svd.U.nbytes + svd.s.nbytes + svd.Vt.nbytes


def test_the_classic_figures():
    # 50 columns and 50 rows of 512 are 51,200 numbers; the 50 singular values come on top.
    assert storage.stored_numbers(512, 512, 50) == 51_200 + 50
    assert storage.stored_numbers(512, 512, 3 * 50) == 3 * 51_250
    assert storage.stored_bytes(512, 512, 50) == 205_000
    assert storage.compression_ratio(512, 512, 50) == pytest.approx(5.115, abs=5e-4)
    assert storage.bits_per_pixel(512, 512, 50) == pytest.approx(205_000 * 8 / 512**2)


def test_the_classic_ranks_of_a_photograph_are_larger_than_its_pixels():
    # Ranks 100, 200 and 300 of the usual demonstration, in float32, against 402 x 600 pixels of 8 bits.
    assert all(storage.stored_bytes(402, 600, k) > 402 * 600 for k in (100, 200, 300))
    assert storage.stored_bytes(402, 600, 50) < 402 * 600


@pytest.mark.parametrize(
    ("shape", "ranks"),
    # worked out by hand for the project's notes on storage: by numbers, float32, float16, 8 bits
    [((402, 600), (240, 60, 120, 240)), ((512, 512), (255, 63, 127, 255))],
)
def test_break_even_ranks_of_known_pictures(shape, ranks):
    found = tuple(storage.break_even_rank(*shape, p) for p in (None, "float32", "float16", "8-bit"))
    assert found == ranks


@precisions
@given(side, side)
def test_break_even_is_the_last_rank_that_fits(precision, m, n):
    def cost(k):
        return storage.stored_numbers(m, n, k) if precision is None else storage.stored_bytes(m, n, k, precision)

    k = storage.break_even_rank(m, n, precision)
    assert type(k) is int
    assert cost(k) <= m * n < cost(k + 1)


@given(side, side, st.integers(1, 3))
def test_break_even_is_where_the_ratio_passes_one(m, n, planes):
    k = storage.break_even_rank(m, n)
    assert storage.compression_ratio(m, n, planes * k, planes) >= 1
    assert storage.compression_ratio(m, n, planes * (k + 1), planes) < 1
    layers = storage.break_even_layers(m, n, planes)
    assert planes * k <= layers < planes * (k + 1)
    assert storage.compression_ratio(m, n, layers + 1, planes) < 1
    assert k <= min(m, n)


@precisions
@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1)])
def test_a_single_row_or_column_never_pays(precision, shape):
    assert storage.break_even_rank(*shape, precision) == 0


@given(side, side, st.integers(1, 300), st.sampled_from([1, 3]))
def test_cost_is_linear_in_layers(m, n, k, planes):
    one = storage.stored_numbers(m, n, 1)
    assert storage.stored_numbers(m, n, k) == k * one
    assert storage.compression_ratio(m, n, k, planes) == pytest.approx(planes * m * n / (k * one))
    assert storage.bits_per_pixel(m, n, k) == pytest.approx(k * 32 * one / (m * n))


@given(side, side, st.integers(0, 900))
def test_halving_the_precision_halves_the_bytes(m, n, layers):
    single, half, byte = (storage.stored_bytes(m, n, layers, p) for p in ("float32", "float16", "8-bit"))
    assert single == 2 * half == 4 * byte
    assert byte == storage.stored_numbers(m, n, layers)


def test_storing_nothing_costs_nothing():
    assert storage.stored_bytes(4, 4, 0) == 0
    assert storage.compression_ratio(4, 4, 0) == float("inf")
    assert storage.bits_per_pixel(4, 4, 0) == 0
