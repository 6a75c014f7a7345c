"""One adapted weight: PEFT's convention, the rank of B A from its factors, and what merging costs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowrank.errors import RankError, TensorError
from lowrank.lora.adapter import (
    LoRA,
    from_svd,
    initial,
    merge_loss,
    pissa,
    scaling,
    subspace_similarity,
)
from lowrank.svd import exact_svd


def pair(m, n, r, *, seed=0, scale=1.0, dtype=np.float32):
    """Return an adapter with Gaussian factors."""
    draw = np.random.default_rng(seed).standard_normal
    return LoRA(draw((r, n)).astype(dtype), draw((m, r)).astype(dtype), scale)


def bfloat16(x):
    """Round float32 to the nearest bfloat16, to even, and back."""
    bits = x.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)


def test_scaling():
    assert scaling(8, 8) == 1  # PEFT's default
    assert (scaling(8, 16), scaling(8, 16, rslora=True)) == (0.5, 2.0)
    with pytest.raises(RankError, match="1 or more"):
        scaling(8, 0)


@pytest.mark.parametrize("side", [400, 1600])
def test_the_start_adds_nothing_and_draws_as_peft_does(side):
    start = initial(side, side, 16, alpha=32)
    assert not start.delta().any()
    assert start.scale == 2
    assert np.abs(start.A).max() <= side**-0.5
    np.testing.assert_allclose(start.A.std(), (3 * side) ** -0.5, rtol=0.02)
    assert start.A.shape == (16, side)
    assert start.B.shape == (side, 16)


def test_a_start_beyond_the_matrix_is_refused():
    with pytest.raises(RankError):
        initial(8, 4, 5)


def test_factored_and_merged_forward_agree():
    draw = np.random.default_rng(1).standard_normal
    W, x = draw((300, 200)).astype(np.float32) / 15, draw((10, 200)).astype(np.float32)
    adapter = pair(300, 200, 16, scale=0.05)
    np.testing.assert_allclose(adapter.forward(x, W), x @ adapter.merged(W).T, atol=2e-4)
    exact = x.astype(np.float64) @ (W.astype(np.float64) + 0.05 * adapter.B.astype(np.float64) @ adapter.A).T
    np.testing.assert_allclose(adapter.forward(x, W), exact, atol=2e-4)


@given(
    m=st.integers(1, 30), n=st.integers(1, 30), r=st.integers(1, 40), scale=st.floats(-4, 4), seed=st.integers(0, 99)
)
def test_the_svd_from_the_factors_is_the_svd_of_the_product(m, n, r, scale, seed):
    adapter = pair(m, n, r, seed=seed, scale=scale, dtype=np.float64)
    svd, full = adapter.svd(), np.linalg.svd(adapter.delta(), compute_uv=False)  # NumPy is the outside reference
    atol = 1e-12 * (full[0] + 1)
    np.testing.assert_allclose(svd.s, full[: len(svd.s)], atol=atol)
    np.testing.assert_allclose(adapter.singular_values(), svd.s, atol=atol)
    np.testing.assert_allclose(svd.reconstruct(), adapter.delta(), atol=atol)
    assert svd.rank == min(m, n, r)
    assert full[svd.rank :].sum() <= atol * len(full)
    np.testing.assert_allclose(svd.total, np.square(adapter.delta()).sum(), atol=atol * (full[0] + 1))


@pytest.mark.parametrize("k", [1, 5, 31, 32, 99])
def test_cut_to_k_is_the_truncated_svd_of_the_product(k):
    adapter = pair(120, 90, 32, scale=0.7)
    cut = adapter.truncate(k)
    full = exact_svd(adapter.delta())
    np.testing.assert_allclose(cut.delta(), full.reconstruct(min(k, 32)), atol=1e-10)
    assert (cut.scale, cut.rank) == (1.0, min(k, 32))
    np.testing.assert_allclose((cut.A**2).sum(1), (cut.B**2).sum(0), rtol=1e-9)  # half on each side


def test_cut_to_nothing_is_refused():
    with pytest.raises(RankError):
        pair(9, 9, 4).truncate(0)


@pytest.mark.parametrize("scale", [2.5, -2.5, 0.0])
def test_padding_changes_the_rank_and_not_the_product(scale):
    adapter = pair(20, 30, 3, scale=scale)
    wide = adapter.padded(8)
    assert (wide.rank, wide.scale, wide.A.shape, wide.B.shape) == (8, 1.0, (8, 30), (20, 8))
    np.testing.assert_allclose(wide.delta(), adapter.delta(), atol=1e-12)
    with pytest.raises(RankError, match="Cut it first"):
        wide.padded(4)


def test_from_svd_and_back():
    a = np.random.default_rng(0).standard_normal((12, 9))
    np.testing.assert_allclose(from_svd(exact_svd(a)).delta(), a, atol=1e-12)


def test_the_rank_is_told_from_the_factors_and_not_from_the_weights():
    """NumPy's own rank of the same matrices: right on the float32 product, wrong on what merging leaves."""
    side, r = 400, 16
    adapter = pair(side, side, r)
    product = (adapter.B @ adapter.A).astype(np.float32)
    W = np.random.default_rng(5).standard_normal((side, side)).astype(np.float32)
    assert adapter.numerical_rank() == r
    assert np.linalg.matrix_rank(product) == r
    assert np.linalg.matrix_rank(bfloat16(product)) > 2 * r
    assert np.linalg.matrix_rank((W + product).astype(np.float64) - W) == side


def test_the_rank_of_factors_that_repeat_themselves():
    adapter = pair(50, 40, 8)
    twice = LoRA(np.vstack([adapter.A, adapter.A]), np.hstack([adapter.B, adapter.B]))
    assert (twice.rank, twice.numerical_rank()) == (16, 8)
    assert LoRA(np.zeros((4, 9)), np.zeros((7, 4))).numerical_rank() == 0


def test_merging_costs_nothing_to_speak_of_in_float32_and_some_weights_in_half_precision():
    rng = np.random.default_rng(3)
    W = (rng.standard_normal((512, 512)) * 0.02).astype(np.float32)
    adapter = pair(512, 512, 16, scale=0.0005)
    share, largest = merge_loss(adapter, W)
    assert largest < 1e-8
    share, largest = merge_loss(adapter, W.astype(np.float16))
    assert share > 0.01
    assert largest > 1e-6


def test_pissa_splits_the_weight():
    W = np.random.default_rng(2).standard_normal((40, 30))
    s = np.linalg.svd(W, compute_uv=False)
    principal, base = pissa(W, 6, scale=2.0)
    np.testing.assert_allclose(base + principal.delta(), W, atol=1e-12)
    np.testing.assert_allclose(np.linalg.svd(base, compute_uv=False)[0], s[6], rtol=1e-10)
    np.testing.assert_allclose(np.square(principal.A).sum(), s[:6].sum() / 2, rtol=1e-10)
    with pytest.raises(RankError):
        pissa(W, 6, scale=0.0)
    with pytest.raises(RankError):
        pissa(W, 31)


def test_similarity_of_subspaces():
    rng = np.random.default_rng(0)
    a = rng.standard_normal((384, 8))
    assert subspace_similarity(a, a @ rng.standard_normal((8, 8))) == pytest.approx(1)  # the same span
    assert subspace_similarity(a, rng.standard_normal((384, 8))) == pytest.approx(8 / 384, abs=0.02)  # chance: r / n


@pytest.mark.parametrize("size", [1e200, 1e308, 1e100])
def test_a_product_beyond_float64_is_refused(size, capfd):
    adapter = LoRA(np.full((2, 6), size), np.full((5, 2), size))
    for work in ("core", "svd", "singular_values", "numerical_rank"):
        with pytest.raises(TensorError, match="too large"):
            getattr(adapter, work)()
    with pytest.raises(TensorError, match="too large"):
        adapter.truncate(1)
    assert capfd.readouterr() == ("", "")  # nor a word of LAPACK's


def test_factors_that_do_not_fit():
    with pytest.raises(ValueError, match="do not fit"):
        LoRA(np.zeros((3, 4)), np.zeros((5, 2)))
