"""Adapters by PEFT's and kohya's names: the same products, however they are written; the rest refused with a reason."""

import json
import re
import zipfile
from io import BytesIO

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from adapters import BAD_ADAPTERS, MODULES, factors, kohya, peft
from hypothesis import given
from hypothesis import strategies as st

from lowrank.errors import FormatError, RankError, TensorError
from lowrank.lora.adapter import LoRA
from lowrank.lora.export import CONFIG, MODEL, kohya_file, peft_files, zipped
from lowrank.lora.formats import Adapter, read_adapter
from lowrank.lora.inspection import inspect_adapter
from lowrank.lora.patterns import Patterns
from lowrank.lora.resize import resized
from lowrank.lora.safetensors import SafeTensors
from lowrank.lora.verify import verify_adapter


def products(adapter):
    return {name: pair.delta() for name, pair in adapter.layers.items()}


def same(one, other, atol=1e-6):
    assert set(one) == set(other)
    for name in one:
        np.testing.assert_allclose(one[name], other[name], atol=atol)


def test_peft(tmp_path):
    model, config = peft(alpha=16, r=8)
    (tmp_path / "a.safetensors").write_bytes(model)
    for source in (model, tmp_path / "a.safetensors"):
        adapter = read_adapter(source, config)
        assert adapter.style == "peft"
        assert adapter.notes == ()
        assert set(adapter.layers) == set(MODULES)
        assert adapter.ranks == dict.fromkeys(MODULES, 8)
        assert adapter.parameters == sum(8 * (m + n) for m, n in MODULES.values())
        same(products(adapter), {name: 2.0 * B @ A for name, (A, B) in factors().items()})


def test_rslora_and_patterns_of_alpha():
    up = "model.layers.0.mlp.up_proj"
    model, config = peft(alpha=16, alpha_pattern={"model.layers.1": 99, "0.mlp.up_proj": 4}, use_rslora=True)
    scales = {name: pair.scale for name, pair in read_adapter(model, config).layers.items()}
    assert scales.pop(up) == pytest.approx(4 / 8**0.5)
    assert set(scales.values()) == {16 / 8**0.5}  # a pattern means the end of a name, not its beginning


def test_without_its_configuration_alpha_is_not_known_and_that_is_said():
    adapter = read_adapter(peft(alpha=16)[0])
    assert "adapter_config.json" in adapter.notes[0]
    assert {pair.scale for pair in adapter.layers.values()} == {1.0}


@pytest.mark.parametrize(("alpha", "scale"), [(4.0, 0.5), (8.0, 1.0), (None, 1.0)])
def test_kohya(alpha, scale):
    adapter = read_adapter(kohya(alpha=alpha))
    assert adapter.style == "kohya"
    assert len(adapter.notes) == (alpha is None)
    expected = {f"lora_unet_{k.replace('.', '_')}": scale * B @ A for k, (A, B) in factors().items()}
    same(products(adapter), expected)


def test_convolutions_and_embeddings():
    rng = np.random.default_rng(0)
    conv = rng.standard_normal((4, 3, 3, 3)).astype(np.float32), rng.standard_normal((6, 4, 1, 1)).astype(np.float32)
    table = rng.standard_normal((4, 30)).astype(np.float32), rng.standard_normal((5, 4)).astype(np.float32)
    names = [f"base_model.model.c.lora_{half}.weight" for half in "AB"] + [f"e.lora_embedding_{half}" for half in "AB"]
    data = safetensors.numpy.save(dict(zip(names, conv + table, strict=True)))
    adapter = read_adapter(data)
    assert adapter.layers["c"].shape == (6, 27)
    assert adapter.layers["e"].embedding
    written = safetensors.numpy.load(peft_files(adapter)[MODEL])
    for name, array in zip(names, conv + table, strict=True):
        assert (written["base_model.model." + name.removeprefix("base_model.model.")] == array).all()


def test_whole_tensors_that_came_along_are_written_as_they_are():
    head = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    adapter = read_adapter(*peft(tensors={"base_model.model.classifier.weight": head}))
    assert len(adapter.others) == 1
    assert (safetensors.numpy.load(peft_files(adapter)[MODEL])["base_model.model.classifier.weight"] == head).all()


def test_whole_tensors_of_any_type_come_back_to_the_bit():
    """BF16, whole numbers and booleans: as the file has them, whatever the factors are written as."""
    tensors = {
        "base_model.model.head.weight": np.arange(6, dtype=ml_dtypes.bfloat16).reshape(2, 3),
        "base_model.model.precise": np.array([1 / 3, 2 / 3]),
        "base_model.model.position_ids": np.arange(1 << 40, (1 << 40) + 4),
        "base_model.model.mask": np.array([True, False]),
    }
    model, config = peft(tensors=tensors)
    assert verify_adapter(model, config) == ()
    adapter = resized(read_adapter(model, config), dict.fromkeys(MODULES, 2))
    before = SafeTensors(model)
    for data in (peft_files(adapter, dtype="float16")[MODEL], kohya_file(adapter, dtype="bfloat16")):
        after = SafeTensors(data)
        for name in tensors:
            assert (after[name].dtype, after[name].shape) == (before[name].dtype, before[name].shape)
            assert (after.raw(name) == before.raw(name)).all()


def test_verify_finds_what_is_no_number_in_a_whole_tensor():
    model, config = peft(tensors={"base_model.model.head.weight": np.array([1.0, np.nan], np.float32)})
    (said,) = verify_adapter(model, config)
    assert "head.weight' holds NaN or infinite values." in said


@pytest.mark.parametrize(
    "alpha", [np.array(4), np.array([4], np.uint8), np.array(4, np.int16), np.array(4, np.float16), np.array([[4.0]])]
)
def test_alpha_of_any_type_is_read(alpha):
    A, B = factors()[next(iter(MODULES))]
    adapter = read_adapter(safetensors.numpy.save({"m.lora_down.weight": A, "m.lora_up.weight": B, "m.alpha": alpha}))
    assert adapter.layers["m"].scale == 0.5
    assert not adapter.others


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_alpha_is_the_rank_to_the_last_digit_whatever_the_factors_are(dtype):
    """Of bfloat16's 8 bits rank 257 is not one: the scale would be 0.996."""
    pair = LoRA(np.ones((257, 300), np.float32), np.ones((260, 257), np.float32))
    data = kohya_file(Adapter({"m": pair}, "kohya"), dtype=dtype)
    assert SafeTensors(data)["m.alpha"].dtype == "F32"
    assert read_adapter(data).layers["m"].scale == 1.0


def test_an_embedding_is_not_written_under_kohyas_names():
    table = LoRA(np.ones((2, 30), np.float32), np.ones((5, 2), np.float32), embedding=True)
    with pytest.raises(TensorError, match="'e' is an embedding"):
        kohya_file(Adapter({"e": table}))
    linear = LoRA(table.A, table.B)
    assert set(read_adapter(kohya_file(Adapter({"blocks.0.q": linear}))).layers) == {"blocks.0.q"}  # the name it had


@pytest.mark.parametrize(("model", "config", "reason"), BAD_ADAPTERS.values(), ids=BAD_ADAPTERS)
def test_what_cannot_be_cut_is_refused_with_the_reason(model, config, reason):
    with pytest.raises((TensorError, FormatError), match=reason) as caught:
        inspect_adapter(read_adapter(model, config))
    said = str(caught.value)
    assert said.endswith(".")
    assert not any(word in said for word in ("<", "\n", "Error", "Exception"))
    assert verify_adapter(model, config) == (said,)


@pytest.mark.parametrize("pad_to", [None, 0, 16])
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_peft_files_come_back_as_they_were(pad_to, dtype):
    adapter = read_adapter(*peft(alpha=12))
    ranks = dict(zip(MODULES, (8, 3, 5, 1), strict=True))
    uneven = Adapter({name: pair.truncate(ranks[name]) for name, pair in adapter.layers.items()}, config=adapter.config)
    files = peft_files(uneven, dtype=dtype, pad_to=pad_to)
    back = read_adapter(files[MODEL], files[CONFIG])
    assert verify_adapter(files[MODEL], files[CONFIG]) == ()
    assert {pair.scale for pair in back.layers.values()} == {1.0}
    same(products(uneven), products(back), {"float32": 1e-6, "float16": 5e-3, "bfloat16": 5e-2}[dtype])
    assert back.ranks == (ranks if pad_to is None else dict.fromkeys(MODULES, pad_to or 8))
    config = json.loads(files[CONFIG])
    assert config["rank_pattern"] == config["alpha_pattern"]
    assert len(config["rank_pattern"]) == (3 if pad_to is None else 0)
    assert config["lora_alpha"] == config["r"] == max(back.ranks.values())
    assert config["base_model_name_or_path"] == "small"


def test_padding_below_the_highest_rank_is_refused():
    adapter = read_adapter(*peft())
    with pytest.raises(RankError, match="Rank 4 is too low for a layer of rank 8"):
        peft_files(adapter, pad_to=4)
    with pytest.raises(RankError, match="out of reach"):
        peft_files(adapter, pad_to=1 << 20)


def test_kohya_files_come_back_as_they_were():
    adapter = read_adapter(kohya(alpha=3.0))
    back = read_adapter(kohya_file(adapter))
    same(products(adapter), products(back))
    assert back.style == "kohya"
    assert {pair.scale for pair in back.layers.values()} == {1.0}
    with pytest.raises(TensorError, match="not PEFT's"):
        peft_files(adapter)


def test_a_name_that_ends_another_is_anchored():
    pair = LoRA(np.ones((4, 6)), np.ones((5, 4)))
    files = peft_files(Adapter({"x.q": pair, "q": pair.truncate(1), "a(b": pair.truncate(2)}))
    assert json.loads(files[CONFIG])["rank_pattern"] == {"^q": 1, "^a\\(b": 2}


def test_the_archive_is_the_same_every_time():
    files = peft_files(read_adapter(*peft()))
    assert zipped(files) == zipped(files)
    with zipfile.ZipFile(BytesIO(zipped(files))) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == files


def test_verify_finds_what_peft_would_stumble_over():
    model, config = peft(r=8)
    assert verify_adapter(model, config) == ()
    assert "cannot load" in verify_adapter(model)[0]
    assert verify_adapter(kohya()) == ()
    wrong = json.loads(config) | {"r": 4}
    assert len(verify_adapter(model, json.dumps(wrong).encode())) == len(MODULES)
    wrong = json.loads(config) | {"rank_pattern": {"0.mlp.up_proj": 8}}
    assert "not in alpha_pattern" in verify_adapter(model, json.dumps(wrong).encode())[0]
    wrong = json.loads(config) | {"target_modules": ["q_proj"]}
    assert len(verify_adapter(model, json.dumps(wrong).encode())) == 2
    wrong = json.loads(config) | {"alpha_pattern": {"q_proj": 8}, "use_rslora": True}
    assert "use_rslora" in verify_adapter(model, json.dumps(wrong).encode())[0]


@pytest.mark.parametrize(
    ("pattern", "module", "met"),
    [
        ("q_proj", "layers.0.q_proj", True), ("proj", "q_proj", False), ("^q", "q", True), ("^q", "x.q", False),
        (r"layers\.0\.q", "model.layers.0.q", True), (".*q", "layers.0.q", True), ("layers.*q", "m.layers.7.q", True),
        ("^layers.*q", "m.layers.7.q", False), ("q.*", "layers.q_proj", True), ("aa.*aa", "aaa", False),
        ("^layers.*q", "layers.7.q", True), ("^.*q", "layers.7.q", True), ("q.*x", "q.q.x", True), ("a.*", "b", False),
        ("q.*q", "q.q", True), (".*", "a", True), ("b.*c", "ab.c", False),
    ],
)  # fmt: skip
def test_patterns_mean_what_pefts_regular_expressions_mean(pattern, module, met):
    assert bool(re.match(rf"(.*\.)?({pattern})$", module)) is met  # as PEFT 0.21 has it
    assert Patterns({"t": {pattern: 1}}, "t").of(module, 0) == met


names = st.text("ab.", max_size=6)


@given(names, names, names, st.booleans(), st.booleans())
def test_any_pattern_that_is_read_means_what_the_regular_expression_means(module, head, tail, anchored, star):
    pattern = "^" * anchored + re.escape(head) + ".*" * star + re.escape(tail)
    met = bool(re.match(rf"(.*\.)?({pattern})$", module))
    assert Patterns({"t": {pattern: 1}}, "t").of(module, 0) == met
