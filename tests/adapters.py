"""Adapters of every kind, as files: what must be read, and what must be refused."""

import json
import struct

import numpy as np
from safetensors.numpy import save

#: Modules of a small model, with their shapes (m, n).
MODULES = {
    "model.layers.0.self_attn.q_proj": (48, 40),
    "model.layers.0.mlp.up_proj": (96, 40),
    "model.layers.1.self_attn.q_proj": (48, 40),
    "model.layers.1.mlp.up_proj": (96, 40),
}


def factors(modules=MODULES, r=8, seed=0, dtype=np.float32, fall=0.8):
    """Return A and B of each module, with singular values that fall."""
    rng = np.random.default_rng(seed)
    found = {}
    for name, (m, n) in modules.items():
        weights = fall ** np.arange(r)
        A, B = rng.standard_normal((r, n)) * weights[:, None] / n**0.5, rng.standard_normal((m, r)) * weights
        found[name] = A.astype(dtype), B.astype(dtype)
    return found


def peft(pairs=None, *, alpha=16, r=8, tensors=None, **more):
    """Return adapter_model.safetensors, as the package writes it, and adapter_config.json."""
    pairs = factors(r=r) if pairs is None else pairs
    arrays = {}
    for name, (A, B) in pairs.items():
        arrays[f"base_model.model.{name}.lora_A.weight"] = A
        arrays[f"base_model.model.{name}.lora_B.weight"] = B
    config = {
        "peft_type": "LORA", "task_type": None, "base_model_name_or_path": "small", "r": r, "lora_alpha": alpha,
        "target_modules": sorted(pairs), "lora_dropout": 0.0, "bias": "none", "fan_in_fan_out": False,
        "use_rslora": False, "use_dora": False, "inference_mode": True, "rank_pattern": {}, "alpha_pattern": {}, **more,
    }  # fmt: skip
    return save(arrays | (tensors or {}), {"format": "pt"}), json.dumps(config).encode()


def kohya(pairs=None, *, alpha=4.0, r=8):
    """Return a file with kohya's names."""
    arrays = {}
    for name, (A, B) in (factors(r=r) if pairs is None else pairs).items():
        flat = "lora_unet_" + name.replace(".", "_")
        arrays |= {f"{flat}.lora_down.weight": A, f"{flat}.lora_up.weight": B}
        if alpha is not None:
            arrays[f"{flat}.alpha"] = np.array(alpha, np.float32)
    return save(arrays)


def raw(header, data=b"", length=None):
    """Return a safetensors file with any header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(dtype="F32", shape=(2, 2), offsets=(0, 16)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


ONE = {"a": entry()}
DATA = np.eye(2, dtype=np.float32).tobytes()

#: Files that are no safetensors, by what is wrong with them.
BAD_FILES = {
    "nothing": b"",
    "seven bytes": b"1234567",
    "a length and no header": struct.pack("<Q", 10),
    "a header of 2**63 bytes": struct.pack("<Q", 1 << 63) + b"{}",
    "a header of 15 MiB that is not there": struct.pack("<Q", 15 << 20) + b"{}",
    "no JSON": raw(b"{" * 100),
    "deep JSON": raw(b"[" * 100_000),
    "a list": raw([]),
    "no UTF-8": raw(b'{"\xff": 1}'),
    "a name twice": raw(json.dumps(ONE).encode().replace(b"}}", b'}, "a": {}}')[:-1] + b"}", DATA),
    "a tensor that is a number": raw({"a": 1}),
    "no type": raw({"a": {"shape": [2, 2], "data_offsets": [0, 16]}}, DATA),
    "an unknown type": raw({"a": entry("F3")}, DATA),
    "a type that is a list": raw({"a": entry(["F32"])}, DATA),
    "a negative side": raw({"a": entry(shape=(-2, -2))}, DATA),
    "a side that is true": raw({"a": entry(shape=(True, 4))}, DATA),
    "a fractional side": raw({"a": entry(shape=(2.0, 2))}, DATA),
    "sides that overflow": raw({"a": entry(shape=(1 << 40, 1 << 40))}, DATA),
    "huge sides": raw(b'{"a": {"dtype": "F32", "shape": [' + b"9" * 5000 + b', 2], "data_offsets": [0, 16]}}', DATA),
    "too many axes": raw({"a": entry(shape=(1,) * 40, offsets=(0, 4))}, DATA),
    "offsets beyond the end": raw({"a": entry(offsets=(16, 32))}, DATA),
    "offsets backwards": raw({"a": entry(offsets=(16, 0))}, DATA),
    "negative offsets": raw({"a": entry(offsets=(-16, 0))}, DATA),
    "three offsets": raw({"a": entry(offsets=(0, 8, 16))}, DATA),
    "too few bytes for the shape": raw({"a": entry(shape=(2, 3))}, DATA),
    "tensors that overlap": raw({"a": entry(), "b": entry(offsets=(8, 24))}, DATA * 2),
    "one tensor twice": raw({"a": entry(), "b": entry()}, DATA),
    "a name of 10,000 letters": raw({"a" * 10_000: entry()}, DATA),
    "100,000 tensors": raw({f"t{i}": entry(shape=(0,), offsets=(0, 0)) for i in range(100_000)}),
    "a pickle": b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00c__main__",
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(100),
}

A, B = np.ones((2, 6), np.float32), np.ones((5, 2), np.float32)
A64, B64 = A.astype(np.float64), B.astype(np.float64)
HTML = "<img src=x onerror=alert(1)>"

#: Files that are safetensors and no LoRA that can be cut, with a word of the reason, and their configuration.
BAD_ADAPTERS = {
    "no LoRA": (save({"weight": A}), None, "no LoRA"),
    "half a pair": (save({"m.lora_A.weight": A}), None, "not complete"),
    "the other half": (save({"m.lora_B.weight": B}), None, "not complete"),
    "half a pair with HTML for a name": (save({f"{HTML}.lora_A.weight": A}), None, "not complete"),
    "factors that do not fit": (save({"m.lora_A.weight": A, "m.lora_B.weight": B.T.copy()}), None, "do not fit"),
    "a factor of one axis": (save({"m.lora_A.weight": A[0], "m.lora_B.weight": B}), None, "do not fit"),
    "a factor of no axis": (save({"m.lora_A.weight": np.zeros(()), "m.lora_B.weight": B}), None, "do not fit"),
    "rank 0": (save({"m.lora_A.weight": A[:0], "m.lora_B.weight": B[:, :0].copy()}), None, "do not fit"),
    "rank 5000": (
        save({"m.lora_A.weight": np.ones((5000, 1)), "m.lora_B.weight": np.ones((1, 5000))}), None, "rank 5,000"),
    "integers": (save({"m.lora_A.weight": A.astype(np.int32), "m.lora_B.weight": B}), None, "holds I32"),
    "NaN": (save({"m.lora_A.weight": A * np.nan, "m.lora_B.weight": B}), None, "NaN"),
    "infinite values": (save({"m.lora_A.weight": A * np.inf, "m.lora_B.weight": B}), None, "NaN or infinite"),
    "factors whose product is beyond float64": (
        save({"m.lora_A.weight": A64 * 1e200, "m.lora_B.weight": B64 * 1e200}), None, "'m' cannot be inspected"),
    "factors whose product's square is beyond float64": (
        save({"m.lora_A.weight": A64 * 1e100, "m.lora_B.weight": B64 * 1e100}), None, "beyond float64"),
    "one factor twice": (
        save({"m.lora_A.weight": A, "m.lora_A.default.weight": A, "m.lora_B.weight": B}), None, "same factor"),
    "DoRA": (save({"m.lora_A.weight": A, "m.lora_B.weight": B, "m.lora_magnitude_vector": B}), None, "DoRA"),
    "DoRA by its configuration": (*peft(use_dora=True), "DoRA"),
    "kohya's DoRA": (save({"m.lora_down.weight": A, "m.lora_up.weight": B, "m.dora_scale": B}), None, "DoRA"),
    "AdaLoRA": (save({"m.lora_A": A, "m.lora_B": B, "m.lora_E": A[:, :1].copy()}), None, "AdaLoRA"),
    "AdaLoRA by its configuration": (*peft(peft_type="ADALORA"), "AdaLoRA"),
    "LoHa": (save({"m.hada_w1_a": A, "m.hada_w1_b": B}), None, "LoHa"),
    "LoKr": (save({"m.lokr_w1": A}), None, "LoKr"),
    "CP": (save({"m.lora_down.weight": A, "m.lora_up.weight": B, "m.lora_mid.weight": A}), None, "CP"),
    "IA3": (*peft(peft_type="IA3"), "IA3"),
    "another type": (*peft(peft_type="<b>X</b>"), "no LoRA"),
    "a type that is a list": (*peft(peft_type=["LORA"]), "no LoRA"),
    "a bias on B": (*peft(tensors={"base_model.model.m.lora_B.bias": B[:, 0].copy()}), "bias"),
    "PiSSA not converted": (*peft(init_lora_weights="pissa_niter_4"), "changes the base"),
    "a configuration that is no JSON": (peft()[0], b"{", "adapter_config.json"),
    "a configuration that is a list": (peft()[0], b"[]", "adapter_config.json"),
    "a deep configuration": (peft()[0], b"[" * 100_000, "adapter_config.json"),
    "a configuration of 2 MiB": (peft()[0], b" " * (2 << 20), "adapter_config.json"),
    "an alpha that is a word": (*peft(alpha="16"), "no number"),
    "an alpha that is true": (*peft(alpha=True), "no number"),
    "an infinite alpha": (peft()[0], peft()[1].replace(b'"lora_alpha": 16', b'"lora_alpha": 1e999'), "no number"),
    "an alpha that is NaN": (peft()[0], peft()[1].replace(b'"lora_alpha": 16', b'"lora_alpha": NaN'), "no number"),
    "a list of patterns": (*peft(alpha_pattern=["a"]), "no table"),
    "a pattern that takes for ever": (*peft(alpha_pattern={"(a+)+b": 1}), "not read here"),
    "an alpha that is NaN in the file": (kohya(alpha=np.nan), None, "no number"),
    "too many patterns with stars": (*peft(alpha_pattern={f"{i}.*": 1 for i in range(200)}), "not read here"),
}  # fmt: skip
