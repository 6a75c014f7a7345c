"""What is written here, loaded by PEFT: without a warning, and with the same difference to the weights."""

import warnings

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model

from lowrank.lora.adapter import initial, pissa, scaling
from lowrank.lora.export import CONFIG, MODEL, peft_files
from lowrank.lora.extract import extract_lora
from lowrank.lora.formats import read_adapter
from lowrank.lora.inspection import inspect_adapter
from lowrank.lora.resize import choose_ranks, resized
from lowrank.lora.safetensors import encode
from lowrank.lora.verify import verify_adapter
from lowrank.svd import exact_svd


class Block(torch.nn.Module):
    """Layers of several shapes, and a convolution."""

    def __init__(self):
        super().__init__()
        self.q = torch.nn.Linear(64, 48, bias=False)
        self.up = torch.nn.Linear(48, 96)
        self.conv = torch.nn.Conv2d(3, 6, 3)


class Model(torch.nn.Module):
    """Two blocks and an outer layer whose name ends theirs, and an embedding."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.blocks = torch.nn.ModuleList([Block(), Block()])
        self.q = torch.nn.Linear(64, 48, bias=False)
        self.words = torch.nn.Embedding(50, 32)


TARGETS = ["q", "up", "conv", "words"]


def trained(tmp_path, **config):
    """Save an adapter as PEFT saves it, with factors that are not zero; return its folder and PEFT's differences."""
    model = get_peft_model(Model(), LoraConfig(r=8, lora_alpha=12, target_modules=TARGETS, **config))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.copy_(torch.randn_like(parameter) / 8)
    model.save_pretrained(tmp_path / "trained")
    return tmp_path / "trained", differences(model)


def differences(model):
    """What PEFT adds to each weight, in float64, by module; a convolution's as a matrix."""
    found = {}
    for name, module in model.base_model.model.named_modules():
        if hasattr(module, "get_delta_weight"):
            delta = module.get_delta_weight("default").detach().double().numpy()
            found[name] = (
                delta.T if isinstance(module.base_layer, torch.nn.Embedding) else delta.reshape(len(delta), -1)
            )
    assert len(found) == 8
    return found


def read(folder):
    return read_adapter(folder / MODEL, (folder / CONFIG).read_bytes())


def loaded(folder):
    """Load a folder with PEFT; any warning is an error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = PeftModel.from_pretrained(Model(), str(folder))
    assert [str(warning.message) for warning in caught] == []
    return differences(model)


def put(folder, files):
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)


@pytest.mark.parametrize("config", [{}, {"use_rslora": True}, {"alpha_pattern": {"blocks.1.up": 3, "^q": 5}}])
def test_what_peft_saves_is_read_with_the_same_differences(tmp_path, config):
    folder, theirs = trained(tmp_path, **config)
    ours = read(folder)
    assert verify_adapter(folder / MODEL, (folder / CONFIG).read_bytes()) == ()
    assert set(ours.layers) == set(theirs)
    for name, pair in ours.layers.items():
        np.testing.assert_allclose(pair.delta(), theirs[name], atol=1e-6)


@pytest.mark.parametrize("pad_to", [None, 0, 16])
@pytest.mark.parametrize(("rule", "target"), [("rank", 4), ("energy", 0.6), ("sv_ratio", 3), ("parameters", 4000)])
def test_what_is_cut_and_written_loads_in_peft(tmp_path, rule, target, pad_to):
    folder, theirs = trained(tmp_path, alpha_pattern={"^q": 3})
    adapter = read(folder)
    ranks = choose_ranks(inspect_adapter(adapter), rule, target)
    assert rule == "rank" or len(set(ranks.values())) > 1  # patterns are needed
    put(tmp_path / "cut", peft_files(resized(adapter, ranks), pad_to=pad_to))
    for name, delta in loaded(tmp_path / "cut").items():
        best = exact_svd(theirs[name]).reconstruct(ranks[name])
        np.testing.assert_allclose(delta, best, atol=1e-6)


@pytest.mark.parametrize(("dtype", "atol"), [("float16", 2e-3), ("bfloat16", 2e-2)])
def test_half_precision_loads_in_peft(tmp_path, dtype, atol):
    folder, theirs = trained(tmp_path)
    put(tmp_path / "half", peft_files(read(folder), dtype=dtype))
    for name, delta in loaded(tmp_path / "half").items():
        np.testing.assert_allclose(delta, theirs[name], atol=atol)


def test_an_extracted_adapter_loads_in_peft(tmp_path):
    class Small(torch.nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(1)
            self.up = torch.nn.Linear(48, 96, bias=False)

    model = Small()
    W = model.up.weight.detach().numpy()
    change = np.random.default_rng(0).standard_normal((96, 3)) @ np.random.default_rng(1).standard_normal((3, 48)) / 100
    found = extract_lora(encode({"up.weight": W}), encode({"up.weight": W + change}), 3)
    put(tmp_path / "found", peft_files(found.adapter))
    delta = PeftModel.from_pretrained(model, str(tmp_path / "found")).base_model.model.up.get_delta_weight("default")
    np.testing.assert_allclose(delta.detach().numpy(), change, atol=1e-6)


@pytest.mark.parametrize("rslora", [False, True])
def test_counts_scales_and_starts_are_pefts(rslora):
    layer = torch.nn.ModuleDict({"w": torch.nn.Linear(1600, 1600, bias=False)})
    config = LoraConfig(r=16, lora_alpha=8, use_rslora=rslora, target_modules=["w"])
    model = get_peft_model(layer, config)
    theirs, ours = model.base_model.model["w"], initial(1600, 1600, 16, alpha=8, rslora=rslora)
    assert model.get_nb_trainable_parameters()[0] == ours.parameters == 51_200
    assert theirs.scaling["default"] == ours.scale == scaling(8, 16, rslora=rslora)
    A, B = (getattr(theirs, half)["default"].weight.detach().numpy() for half in ("lora_A", "lora_B"))
    assert A.shape == ours.A.shape
    assert B.shape == ours.B.shape
    assert not B.any()
    assert np.abs(A).max() <= 1600**-0.5
    assert A.std() == pytest.approx(ours.A.std(), rel=0.02)


def test_pissa_is_pefts():
    layer = torch.nn.ModuleDict({"w": torch.nn.Linear(40, 30, bias=False)})
    W = layer["w"].weight.detach().double().numpy().copy()
    config = LoraConfig(r=6, lora_alpha=12, init_lora_weights="pissa", target_modules=["w"])
    theirs = get_peft_model(layer, config).base_model.model["w"]
    pair, base = pissa(W, 6, scale=2.0)
    np.testing.assert_allclose(theirs.get_delta_weight("default").detach().numpy(), pair.delta(), atol=1e-6)
    np.testing.assert_allclose(theirs.base_layer.weight.detach().numpy(), base, atol=1e-6)


def test_dropping_the_alphas_is_what_verify_warns_of(tmp_path):
    """PEFT loads such a folder without a word, and scales the layer wrongly."""
    import json

    folder, _ = trained(tmp_path)
    adapter = read(folder)
    ranks = dict.fromkeys(adapter.layers, 8) | {"blocks.0.up": 1}
    files = peft_files(resized(adapter, ranks))
    put(tmp_path / "right", files)
    config = json.loads(files[CONFIG]) | {"alpha_pattern": {}}
    files = files | {CONFIG: json.dumps(config).encode()}
    put(tmp_path / "wrong", files)
    right, wrong = loaded(tmp_path / "right")["blocks.0.up"], loaded(tmp_path / "wrong")["blocks.0.up"]
    np.testing.assert_allclose(wrong, 8 * right, atol=1e-5)
    assert "not in alpha_pattern" in verify_adapter(files[MODEL], files[CONFIG])[0]
