"""Four bits: the published levels, the codes of bitsandbytes, the errors measured elsewhere, and an adapter on top.

`test_lora_peers.py` compares with bitsandbytes itself where it is installed; here are its published levels.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowrank.errors import RankError, TensorError
from lowrank.lora import nf4
from lowrank.lora.residual import extra_bits, quantized_with_adapter, restored

#: bitsandbytes 0.50.2, functional.get_4bit_type("nf4")
PUBLISHED = [
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
]  # fmt: skip


@pytest.fixture(scope="module")
def gaussian():
    return np.random.default_rng(0).standard_normal((512, 512)).astype(np.float32)


def error(W, **how):
    return nf4.relative_error(W, nf4.dequantize(nf4.quantize(W, **how)))


def test_the_levels_are_the_published_ones_and_follow_from_the_normal_distribution():
    assert nf4.LEVELS["NF4"].tolist() == PUBLISHED
    np.testing.assert_allclose(nf4.normal_float(), PUBLISHED, atol=2e-7)


def test_the_levels_of_the_peers():
    assert [len(levels) for levels in nf4.LEVELS.values()] == [16, 15, 15, 15, 255]
    smallest = {kind: float(levels[levels > 0][0]) for kind, levels in nf4.LEVELS.items()}
    assert smallest["FP4"] == pytest.approx(0.0625 / 12)  # bitsandbytes' FP4 is not E2M1
    assert smallest["E2M1"] == pytest.approx(1 / 12)
    assert smallest["int4"] == pytest.approx(1 / 7)
    for levels in nf4.LEVELS.values():
        assert (np.diff(levels) > 0).all()
        assert (levels[0], levels[-1]) == (-1, 1)
        assert 0 in levels


def test_bits():
    assert nf4.bits_per_weight() == 4.5
    assert nf4.bits_per_weight(double=True) == 4.126953125
    assert nf4.quantize(np.eye(16), block=32).bits == 5


@given(
    st.sampled_from(list(nf4.LEVELS)), st.integers(1, 20), st.integers(1, 20), st.integers(2, 70), st.integers(0, 99)
)
def test_every_number_becomes_the_nearest_level_of_its_block(kind, m, n, block, seed):
    W = np.random.default_rng(seed).standard_normal((m, n)).astype(np.float32)
    quantized = nf4.quantize(W, kind, block)
    back, levels = nf4.dequantize(quantized).reshape(-1), nf4.LEVELS[kind].astype(np.float64)
    for start in range(0, W.size, block):
        part = W.reshape(-1)[start : start + block].astype(np.float64)
        largest = np.abs(part).max()
        nearest = np.abs(part[:, None] / largest - levels).min(1) * largest
        np.testing.assert_allclose(np.abs(part - back[start : start + block]), nearest, atol=1e-6 * largest)
    assert quantized.packed().size == (W.size if kind == "int8" else -(-W.size // 2))


def test_two_codes_in_a_byte_the_first_one_high():
    assert nf4.quantize([[-1.0, 1.0, 0.0]]).packed().tolist() == [0x0F, 0x77]


def test_what_is_a_level_already_comes_back_as_it_was():
    W = np.tile(np.array(PUBLISHED, np.float32) * np.float32(3), (4, 4))
    assert (nf4.dequantize(nf4.quantize(W)) == W).all()
    assert not nf4.dequantize(nf4.quantize(np.zeros((3, 50)))).any()
    assert not nf4.dequantize(nf4.quantize(np.zeros((3, 50)), double=True)).any()


def test_errors_on_a_gaussian_matrix(gaussian):
    """Measured with bitsandbytes and NumPy apart from this code, on a million normal numbers."""
    expected = {"NF4": 0.0920, "E2M1": 0.1057, "int4": 0.1077, "FP4": 0.1220, "int8": 0.0059}
    for kind, value in expected.items():
        assert error(gaussian, kind=kind) == pytest.approx(value, rel=0.015)
    errors = [error(gaussian, block=block) for block in (32, 64, 128, 256)]
    assert errors == sorted(errors)
    per_tensor = {k: nf4.relative_error(gaussian, nf4.dequantize(nf4.per_tensor(gaussian, k))) for k in ("NF4", "int4")}
    assert errors[-1] < per_tensor["NF4"] < per_tensor["int4"]


def test_double_quantization_costs_next_to_nothing(gaussian):
    single, double = error(gaussian), error(gaussian, double=True)
    assert double == pytest.approx(single, rel=5e-4)
    assert nf4.quantize(gaussian, double=True).scales.tolist() != nf4.quantize(gaussian).scales.tolist()


def test_the_map_of_double_quantization():
    levels = nf4.dynamic_map()
    assert len(np.unique(levels)) == 256
    assert levels.max() == 1
    assert levels.min() > -1  # bitsandbytes' own: -1 itself is no level
    assert 0 in levels


def test_what_cannot_be_quantized():
    with pytest.raises(RankError, match="2 to 4096"):
        nf4.quantize(np.eye(4), block=1)
    with pytest.raises(TensorError):
        nf4.quantize([[np.nan, 1.0]])
    with pytest.raises(ValueError, match="kind must be one of"):
        nf4.quantize(np.eye(4), "NF5")


@pytest.fixture(scope="module")
def weight():
    """A weight like a trained one: Gaussian, with a few strong directions."""
    rng = np.random.default_rng(1)
    strong = rng.standard_normal((256, 8)) @ np.diag(np.linspace(3, 1, 8)) @ rng.standard_normal((8, 256)) / 16
    return rng.standard_normal((256, 256)) + 4 * strong


def left(W, r, **how):
    return nf4.relative_error(W, restored(*quantized_with_adapter(W, r, **how)))


@pytest.mark.slow
def test_an_adapter_catches_some_of_what_quantizing_leaves(weight):
    alone = error(weight)
    assert left(weight, 8) < alone
    assert left(weight, 8, start="QPiSSA") < left(weight, 8) * 0.95  # the principal part first is better
    assert left(weight, 8, iterations=5) < left(weight, 8)
    assert left(weight, 8, start="QPiSSA", iterations=5) < left(weight, 8, start="QPiSSA")
    errors = [left(weight, r) for r in (4, 8, 16, 32, 64)]
    assert errors == sorted(errors, reverse=True)


def test_one_round_of_loftq_is_the_best_correction_of_its_rank(weight):
    rest = weight - nf4.dequantize(nf4.quantize(weight))
    s = np.linalg.svd(rest, compute_uv=False)
    assert left(weight, 16) == pytest.approx(np.sqrt((s[16:] ** 2).sum()) / np.linalg.norm(weight))


@pytest.mark.parametrize("start", ["LoftQ", "QPiSSA"])
def test_the_scale_changes_the_factors_and_not_the_sum(weight, start):
    one, two = (quantized_with_adapter(weight, 8, start=start, scale=scale) for scale in (1.0, 2.0))
    np.testing.assert_allclose(restored(*one), restored(*two), atol=1e-10)
    assert two[1].scale == 2
    assert np.linalg.norm(two[1].A) < np.linalg.norm(one[1].A)
    undivided = nf4.dequantize(two[0]) + 2.0 * one[1].delta()  # as PEFT 0.21 would load it
    assert nf4.relative_error(weight, undivided) > nf4.relative_error(weight, restored(*two))


@pytest.mark.parametrize("start", ["LoftQ", "QPiSSA"])
def test_scales_are_quantized_too_when_asked(weight, start):
    single, double = (quantized_with_adapter(weight, 8, start=start, double=double)[0] for double in (False, True))
    assert (single.double, double.double) == (False, True)
    assert not np.array_equal(single.scales, double.scales)


def test_extra_bits_are_few_only_on_large_matrices(weight):
    assert extra_bits(quantized_with_adapter(weight, 8)[1]) == 1.0


def test_what_is_refused(weight):
    with pytest.raises(RankError):
        quantized_with_adapter(weight, 0)
    with pytest.raises(RankError, match="positive"):
        quantized_with_adapter(weight, 8, scale=0.0)
    with pytest.raises(ValueError, match="start"):
        quantized_with_adapter(weight, 8, start="SVDQuant")
    with pytest.raises(ValueError, match="iterations"):
        quantized_with_adapter(weight, 8, iterations=0)
