"""An adapter as files: for PEFT a model and a configuration that say the same, for kohya's like one file.

PEFT takes a layer's rank from rank_pattern and its alpha from alpha_pattern; where a layer is missing from the second
it falls back to the global alpha, and the layer is scaled wrongly without a word. So alpha equals r everywhere, both
patterns are written together, and the scale is 1: a loader that ignores patterns of alpha is right as well. For loaders
without patterns every layer can be filled up to one rank with zeros, which changes nothing but the size.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Mapping, Set
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lowrank.errors import RankError, TensorError
from lowrank.lora.adapter import LoRA
from lowrank.lora.formats import PREFIX, Adapter
from lowrank.lora.patterns import ends
from lowrank.lora.safetensors import Stored, encode, shown

#: The files of a PEFT adapter.
MODEL, CONFIG = "adapter_model.safetensors", "adapter_config.json"


def peft_files(
    adapter: Adapter, *, dtype: str = "float32", pad_to: int | None = None, base_model: str = ""
) -> dict[str, bytes]:
    """Return the files of an adapter as PEFT loads them, by name.

    Parameters
    ----------
    adapter : Adapter
        With PEFT's names.
    dtype : {"float32", "float16", "bfloat16"}
        Of the factors; whole tensors beside them keep their own.
    pad_to : int, optional
        Fill every layer up to this rank with zeros, for loaders without rank patterns; 0 takes the highest rank.
    base_model : str
        Name of the model it belongs to, where no configuration was read that says so.

    Raises
    ------
    RankError
        If a layer's rank is above `pad_to`.
    TensorError
        If its names are kohya's, or a number is too large for `dtype`.
    """
    if adapter.style != "peft":
        raise TensorError("The names in this file are not PEFT's, and cannot be turned into them. Write it as it came.")
    layers = _of_one_scale(adapter.layers)
    if pad_to is not None:
        r = pad_to or max(pair.rank for pair in layers.values())
        if r > 65536:
            raise RankError(f"Rank {r} is out of reach here. Choose a rank from 1 to 65536.")
        layers = {name: pair.padded(r) for name, pair in layers.items()}
    tensors: dict[str, NDArray[Any] | Stored] = dict(adapter.others)
    for name, pair in layers.items():
        A, B = _unfolded(pair)
        endings = ("lora_embedding_A", "lora_embedding_B") if pair.embedding else ("lora_A.weight", "lora_B.weight")
        for ending, factor in zip(endings, (A, B), strict=True):
            tensors[f"{PREFIX}{name}.{ending}"] = factor
    config = json.dumps(peft_config(layers, adapter.config, base_model), indent=2).encode()
    return {MODEL: encode(tensors, dtype, {"format": "pt"}), CONFIG: config + b"\n"}


def peft_config(layers: Mapping[str, LoRA], config: Mapping[str, Any], base_model: str = "") -> dict[str, Any]:
    """Return the ``adapter_config.json`` of layers whose scale is 1; what else `config` said is kept."""
    r = max(pair.rank for pair in layers.values())
    inner = {end for name in layers for end in ends(name) if end != name and end in layers}
    pattern = {_pattern(name, inner): pair.rank for name, pair in layers.items() if pair.rank != r}
    fresh = {
        "task_type": None,
        "base_model_name_or_path": base_model,
        "target_modules": sorted(layers),
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": False,
    }
    settled = {
        "peft_type": "LORA",
        "r": r,
        "lora_alpha": r,
        "rank_pattern": pattern,
        "alpha_pattern": pattern,
        "use_rslora": False,
        "use_dora": False,
        "init_lora_weights": True,
        "inference_mode": True,
    }
    return {**fresh, **config, **settled}


def kohya_file(adapter: Adapter, *, dtype: str = "float32") -> bytes:
    """Return an adapter as one file with kohya's endings: lora_down, lora_up, and alpha, which equals the rank.

    The modules keep the names that they have: ``model.layers.0.q_proj`` does not become ``lora_unet_...``.

    Parameters
    ----------
    adapter : Adapter
    dtype : {"float32", "float16", "bfloat16"}
        Of the factors. Alpha is float32 always, which holds every rank; whole tensors keep their own type.

    Raises
    ------
    TensorError
        If a layer is an embedding, which these names cannot tell from a linear layer, or a number is too large for
        `dtype`.
    """
    tensors: dict[str, NDArray[Any] | Stored] = dict(adapter.others)
    for name, pair in _of_one_scale(adapter.layers).items():
        if pair.embedding:
            raise TensorError(
                f"The layer {shown(name)} is an embedding, for which kohya's names have no place. Write a folder."
            )
        A, B = _unfolded(pair)
        alpha = Stored.of(np.array(pair.rank), "float32")
        tensors |= {f"{name}.lora_down.weight": A, f"{name}.lora_up.weight": B, f"{name}.alpha": alpha}
    return encode(tensors, dtype, {"format": "pt"})


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return files as one archive, the same bytes for the same files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
    return stream.getvalue()


def _of_one_scale(layers: Mapping[str, LoRA]) -> dict[str, LoRA]:
    """The layers with their scales multiplied into the factors."""
    return {name: pair if pair.scale == 1 else pair.padded(pair.rank) for name, pair in layers.items()}


def _unfolded(pair: LoRA) -> tuple[NDArray[Any], NDArray[Any]]:
    """Both factors in the shapes that the module has: four axes for a convolution."""
    if not pair.kernel:
        return pair.A, pair.B
    return pair.A.reshape(pair.rank, *pair.kernel), pair.B[:, :, None, None]


def _pattern(name: str, inner: Set[str]) -> str:
    """The module's name as PEFT's pattern: plain, or anchored where another's name ends with it."""
    plain = re.fullmatch(r"[\w.]+", name, re.ASCII) is not None and name not in inner
    return name if plain else "^" + re.escape(name)
