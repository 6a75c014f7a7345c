"""A LoRA from two checkpoints: what was planted comes back, rounding is told apart, nothing is left out silently."""

import tracemalloc

import numpy as np
import pytest
import safetensors.numpy
from adapters import BAD_FILES

from lowrank.errors import LowrankError, RankError, TensorError
from lowrank.lora.extract import MATRICES, Checkpoint, extract_lora, rounding_variance
from lowrank.lora.safetensors import encode
from lowrank.svd import exact_svd


def weights(seed=0, shape=(96, 64)):
    rng = np.random.default_rng(seed)
    return {f"layers.{i}.q.weight": (rng.standard_normal(shape) * 0.02).astype(np.float32) for i in range(3)}


def tuned(base, rank=4, size=0.01, seed=1):
    """Change each weight by a matrix of this rank and share of its norm."""
    rng, found = np.random.default_rng(seed), {}
    for name, W in base.items():
        m, n = W.shape
        change = rng.standard_normal((m, rank)) @ rng.standard_normal((rank, n))
        found[name] = (W + change * (size * np.linalg.norm(W) / np.linalg.norm(change))).astype(np.float32)
    return found


def test_what_was_planted_comes_back():
    base = weights()
    after = tuned(base)
    found = extract_lora(encode(base), encode(after), 4)
    assert (found.warnings, found.skipped) == ((), {})
    for layer in found.layers:
        name = layer.name + ".weight"
        delta = after[name].astype(np.float64) - base[name]
        svd = exact_svd(delta)  # float64, where the extraction works in float32
        np.testing.assert_allclose(found.adapter.layers[layer.name].delta(), svd.reconstruct(4), atol=1e-7)
        assert layer.change == pytest.approx(0.01, rel=1e-3)
        assert layer.relative_error < 1e-3
        assert (layer.shape, layer.rank, layer.above_noise) == ((96, 64), 4, 4)


def test_a_rank_above_the_full_one_is_the_full_one():
    base = weights()
    found = extract_lora(encode(base), encode(tuned(base, 60)), 500)
    assert {layer.rank for layer in found.layers} == {64}
    assert all(layer.relative_error < 1e-3 for layer in found.layers)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_rounding_is_foretold_from_the_type(dtype):
    W = np.random.default_rng(0).standard_normal((200, 300)) * 0.02
    data = encode({"a": W}, dtype)
    actual = np.square(W - Checkpoint(data).read("a").astype(np.float64)).mean()
    assert rounding_variance(Checkpoint(data), "a") == pytest.approx(actual, rel=0.03)
    assert rounding_variance(Checkpoint(encode({"a": np.zeros((4, 4))})), "a") == 0


def test_components_of_rounding_are_told_from_those_of_training():
    base = weights(shape=(256, 192))
    after = tuned(base, 6, 0.02)
    found = extract_lora(encode(base, "bfloat16"), encode(after, "bfloat16"), 40)
    assert {layer.above_noise for layer in found.layers} == {6}
    assert all(0.05 < layer.noise < 0.3 for layer in found.layers)
    assert "rounding" in found.warnings[0]
    assert extract_lora(encode(base), encode(after), 40).warnings == ()


def test_two_models_that_are_no_base_and_tuned():
    found = extract_lora(encode(weights(0)), encode(weights(1)), 4)
    assert "hardly a base" in found.warnings[0]


def test_every_tensor_that_is_left_out_is_named_with_its_reason():
    base = weights()
    after = tuned(base)
    same = "layers.1.q.weight"
    after[same] = base[same]
    zeros = np.zeros((3, 3), np.float32)
    one = {
        "norm.weight": np.ones(4, np.float32), "embed_tokens.weight": np.ones((9, 4), np.float32),
        "head.weight": np.ones((7, 4), np.float32), "old.weight": zeros, "ids": np.arange(3), "zero.weight": zeros,
        "free": zeros, "empty.weight": np.zeros((0, 3), np.float32),
    }  # fmt: skip
    other = {
        "norm.weight": np.zeros(4, np.float32), "embed_tokens.weight": np.zeros((9, 4), np.float32),
        "head.weight": np.ones((8, 4), np.float32), "new.weight": zeros, "ids": np.arange(3) + 1, "zero.weight": -zeros,
        "free": zeros + 1, "empty.weight": np.zeros((0, 3), np.float32),
    }  # fmt: skip
    found = extract_lora(safetensors.numpy.save(base | one), safetensors.numpy.save(after | other), 4)
    assert set(found.adapter.layers) == {"layers.0.q", "layers.2.q"}
    reasons = {
        same: "identical", "norm.weight": "1 axes", "embed_tokens.weight": "by its name", "head.weight": "vocabulary",
        "old.weight": "base alone", "new.weight": "tuned one alone", "ids": "no floating", "zero.weight": "equal num",
        "free": "no weight of a layer", "empty.weight": "empty",
    }  # fmt: skip
    assert set(found.skipped) == set(reasons)
    for name, reason in reasons.items():
        assert reason in found.skipped[name]
    assert "3 tensors that training changed" in found.warnings[-1]


def test_chosen_by_name():
    base = weights()
    after = tuned(base)
    found = extract_lora(encode(base), encode(after), 4, include=["*.0.*"], exclude=[])
    assert set(found.adapter.layers) == {"layers.0.q"}
    assert "not among those" in found.skipped["layers.1.q.weight"]


def test_weights_stored_as_inputs_by_outputs():
    base = weights()
    after = tuned(base)
    plain, turned = (
        extract_lora(encode(base), encode(after), 4, fan_in_fan_out=turn).adapter for turn in (False, True)
    )
    for name, pair in plain.layers.items():
        np.testing.assert_allclose(turned.layers[name].delta(), pair.delta().T, atol=1e-7)
    assert turned.config["fan_in_fan_out"] is True


def test_a_folder_of_files(tmp_path):
    base = weights()
    after = tuned(base)
    for i, (name, W) in enumerate(base.items()):
        (tmp_path / f"model-{i}.safetensors").write_bytes(encode({name: W}))
    calls = []
    found = extract_lora(tmp_path, encode(after), 4, progress=calls.append)
    assert len(found.layers) == 3
    assert calls == [1 / 3, 2 / 3, 1]
    (tmp_path / "again.safetensors").write_bytes(encode(base))
    with pytest.raises(TensorError, match="in two files"):
        extract_lora(tmp_path, encode(after), 4)


@pytest.mark.parametrize("rank", [8, pytest.param(512, marks=pytest.mark.slow)])
def test_memory_is_bounded_by_the_largest_weight_and_not_by_the_model(rank):
    base = {name: W for i in range(4) for name, W in weights(i, (512, 512)).items()}
    base |= {f"{name[:-7]}.{i}.weight": W for i in range(4) for name, W in base.items()}
    data = encode(base), encode(tuned(base, 16))
    tracemalloc.start()
    found = extract_lora(*data, rank)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    factors = sum(pair.A.nbytes + pair.B.nbytes for pair in found.adapter.layers.values())
    assert found.memory == MATRICES * 512 * 512 * 4
    assert peak < found.memory + factors + (1 << 20)


def test_nothing_to_extract(tmp_path):
    data = encode(weights())
    with pytest.raises(TensorError, match="No weight differs"):
        extract_lora(data, data, 4)
    with pytest.raises(RankError):
        extract_lora(data, data, 0)
    with pytest.raises(TensorError, match="There is no tensor"):
        extract_lora(tmp_path, data, 4)


@pytest.mark.parametrize("bad", BAD_FILES.values(), ids=BAD_FILES)
def test_bad_files(bad):
    with pytest.raises(LowrankError):
        extract_lora(encode(weights()), bad, 4)
