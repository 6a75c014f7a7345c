"""Adapters as people have them: PEFT's folder, and the single files of kohya and its like -> one frozen type.

A name says which weight a tensor belongs to and which factor it is: ``base_model.model.<module>.lora_A.weight`` with
PEFT, ``<module>.lora_down.weight`` beside ``<module>.alpha`` with kohya. PEFT keeps alpha in ``adapter_config.json``;
kohya without an alpha means scale 1. What is no pair of factors of a plain LoRA is refused, with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import numpy as np

from lowrank.errors import FormatError, TensorError
from lowrank.lora.adapter import LoRA, scaling
from lowrank.lora.floats import decoded
from lowrank.lora.patterns import Patterns
from lowrank.lora.safetensors import SafeTensors, Stored, shown

#: Prefix of PEFT's names.
PREFIX = "base_model.model."

#: Largest adapter_config.json that is read, in bytes.
CONFIG_LIMIT = 1 << 20

#: Highest rank that is read: the work grows with its cube.
RANK_LIMIT = 4096

#: Endings of the two factors, A (r, n) first; the last pair is an embedding's.
ENDINGS = {
    "lora_A.weight": "A", "lora_B.weight": "B",
    "lora_A.default.weight": "A", "lora_B.default.weight": "B",
    "lora_down.weight": "A", "lora_up.weight": "B",
    "lora.down.weight": "A", "lora.up.weight": "B",
    "lora_A": "A", "lora_B": "B",
    "lora_embedding_A": "A", "lora_embedding_B": "B",
}  # fmt: skip

_DORA = "This is a DoRA adapter. Its magnitudes depend on the base weights, so it cannot be cut alone."

#: Parts of names that give away another method, and what to say of it.
OTHERS = {
    "lora_magnitude_vector": _DORA,
    "dora_scale": _DORA,
    "lora_E": "This is an AdaLoRA adapter, with a diagonal between its factors. Convert it to LoRA with PEFT first.",
    "hada_": "This is a LoHa adapter: a product entry by entry, of high rank. Convert it to LoRA with PEFT first.",
    "lokr_": "This is a LoKr adapter: a Kronecker product. Convert it to LoRA with PEFT first.",
    "lora_mid": "This adapter factors its convolutions into three parts (CP), which are not read.",
    "lora_B.bias": "This adapter has a bias beside B (lora_bias), which is not read. Train it without that.",
    "vera_lambda": "This is a VeRA adapter, whose factors are random and shared. There is nothing in it to cut.",
    "ia3_l": "This is an IA3 adapter: vectors and no matrices. There is nothing in it to cut.",
    "oft_": "This is an OFT adapter: rotations and no low rank. There is nothing in it to cut.",
}

#: What the configuration of each of them says, in its peft_type.
_OTHER_TYPES = {
    "ADALORA": "lora_E",
    "LOHA": "hada_",
    "LOKR": "lokr_",
    "VERA": "vera_lambda",
    "IA3": "ia3_l",
    "OFT": "oft_",
}

#: Initialisations that change the base weights when PEFT loads the adapter: what it adds is not what training added.
_BASE_CHANGING = ("pissa", "olora", "corda", "loftq", "mica", "lora_ga")

#: Said of PEFT's weights without their configuration.
NO_CONFIG = "There was no adapter_config.json: alpha is taken as r, which makes the scale 1."


T = TypeVar("T")


class Lazy(Mapping[str, T]):
    """What is read each time that it is asked for, by name: a file may be larger than the memory."""

    def __init__(self, readers: Mapping[str, Callable[[], T]]) -> None:
        self._readers = readers

    def __getitem__(self, name: str) -> T:
        return self._readers[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)


@dataclass(frozen=True, slots=True, eq=False)
class Adapter:
    """A low-rank adapter of a whole model.

    Attributes
    ----------
    layers : mapping of str to LoRA
        Each adapted weight by the name of its module, in the order of the names. From a file it is read when it is
        asked for, and not kept.
    style : {"peft", "kohya"}
        Whose names the file had.
    config : mapping
        PEFT's configuration as it was read; empty where there was none.
    others : mapping of str to Stored
        Whole tensors that came with the factors (PEFT's modules_to_save, biases, buffers), of any type; they are
        written as they are, to the bit.
    notes : tuple of str
        What was assumed on the way in, in sentences.
    """

    layers: Mapping[str, LoRA]
    style: str = "peft"
    config: Mapping[str, Any] = field(default_factory=dict)
    others: Mapping[str, Stored] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def parameters(self) -> int:
        """Numbers in all factors."""
        return sum(pair.parameters for pair in self.layers.values())

    @property
    def ranks(self) -> dict[str, int]:
        """Rank of each layer, as it is stored."""
        return {name: pair.rank for name, pair in self.layers.items()}


def read_adapter(source: bytes | str, config: bytes | None = None) -> Adapter:
    """Read an adapter.

    Parameters
    ----------
    source : bytes or str or path
        The safetensors file's content, or where it is.
    config : bytes, optional
        Content of PEFT's ``adapter_config.json``. Without it alpha is not known, and the scale is taken to be 1.

    Raises
    ------
    FormatError
        If a file is damaged.
    TensorError
        If it holds no LoRA, a factor without its other, factors that do not fit, or another method's tensors. Values
        that are no numbers are found when a layer is read.
    """
    file, settings = SafeTensors(source), read_config(config)
    _refuse_others(file, settings)
    halves: dict[str, dict[str, str]] = {}
    alphas: dict[str, float] = {}
    others: dict[str, Callable[[], Stored]] = {}
    styles = set()
    for key in sorted(file):
        module, _, alpha = key.rpartition(".")
        ending = next((ending for ending in ENDINGS if key.endswith("." + ending)), None)
        if ending is not None:
            half, found = ENDINGS[ending], halves.setdefault(_module(key[: -len(ending) - 1]), {})
            if half in found:
                raise TensorError(
                    f"The tensors {shown(key)} and {shown(found[half])} are the same factor of one layer."
                )
            found[half] = key
            styles.add("kohya" if "down" in ending or "up" in ending else "peft")
        elif alpha == "alpha" and np.prod(file[key].shape) == 1:
            alphas[_module(module)] = float(decoded(file.raw(key), file[key].dtype).reshape(-1)[0])
        else:
            others[key] = partial(file.stored, key)
    if not halves:
        raise TensorError("There is no LoRA in this file: no tensor is named lora_A, lora_B, lora_down or lora_up.")
    style = "kohya" if "kohya" in styles or (alphas and not settings) else "peft"
    notes = []
    if style == "peft" and not settings:
        notes.append(NO_CONFIG)
    if style == "kohya" and len(alphas) < len(halves):
        notes.append(f"{len(halves) - len(alphas)} layers have no alpha; their scale is taken as 1.")
    layers, patterns = {}, Patterns(settings, "alpha_pattern")
    for module, keys in halves.items():
        r = _checked(file, module, keys)
        layers[module] = partial(_read, file, keys, _scale(settings, patterns, module, r, alphas.get(module)))
    return Adapter(Lazy(layers), style, settings, Lazy(others), tuple(notes))


def read_config(data: bytes | None) -> dict[str, Any]:
    """Read PEFT's ``adapter_config.json``; nothing where there is none.

    Raises
    ------
    FormatError
        If it is no table, or too large.
    """
    if data is None:
        return {}
    wrong = FormatError("This is no adapter_config.json that can be read. Copy it again from the adapter's folder.")
    if len(data) > CONFIG_LIMIT:
        raise wrong
    try:
        config = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        raise wrong from None
    if not isinstance(config, dict):
        raise wrong
    return config


def _module(name: str) -> str:
    return name.removeprefix(PREFIX)


def _refuse_others(file: SafeTensors, config: Mapping[str, Any]) -> None:
    for key in file:
        for part, sentence in OTHERS.items():
            if part in key:
                raise TensorError(sentence)
    kind = config.get("peft_type", "LORA")
    if config.get("use_dora"):
        raise TensorError(_DORA)
    if kind != "LORA":
        known = _OTHER_TYPES.get(kind) if isinstance(kind, str) else None
        raise TensorError(OTHERS[known] if known else f"This adapter is no LoRA; its type is {shown(str(kind))}.")
    start = config.get("init_lora_weights", True)
    if isinstance(start, str) and start.lower().startswith(_BASE_CHANGING):
        raise TensorError(
            f"This adapter was started by {shown(start)}, which changes the base weights too. "
            "Save it with path_initial_model_for_weight_conversion in PEFT, which makes a plain LoRA of it."
        )


def _checked(file: SafeTensors, module: str, keys: Mapping[str, str]) -> int:
    """The rank of a layer, by the shapes of its factors; both must be there, and fit."""
    for half, other in (("A", "B"), ("B", "A")):
        if half not in keys:
            raise TensorError(
                f"The layer {shown(module)} has a factor {other} and no {half}. The file is not complete."
            )
    down, up = file[keys["A"]].shape, file[keys["B"]].shape
    linear = len(down) == len(up) == 2
    convolution = len(down) == len(up) == 4 and up[2:] == (1, 1)
    if not (linear or convolution) or 0 in down + up or down[0] != up[1]:
        sizes = " and ".join(" x ".join(map(str, shape)) or "one number" for shape in (down, up))
        raise TensorError(f"The factors of {shown(module)} do not fit together: {sizes}.")
    if down[0] > RANK_LIMIT:
        raise TensorError(
            f"The layer {shown(module)} has rank {down[0]:,}, and more than {RANK_LIMIT:,} is not read here."
        )
    return down[0]


def _read(file: SafeTensors, keys: Mapping[str, str], scale: float) -> LoRA:
    """Both factors of a layer, as matrices."""
    A, B = file.read(keys["A"]), file.read(keys["B"])
    kernel = A.shape[1:] if A.ndim == 4 else ()
    embedding = keys["A"].endswith("lora_embedding_A")
    return LoRA(A.reshape(len(A), -1), B.reshape(len(B), -1), scale, kernel, embedding)


def _scale(config: Mapping[str, Any], alphas: Patterns, module: str, r: int, alpha: float | None) -> float:
    """The factor in front of B A, by the file's own alpha or by PEFT's configuration."""
    if alpha is None and not config:
        return 1.0
    if alpha is None:
        alpha = alphas.of(module, config.get("lora_alpha", 8))
    if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not abs(alpha) < 1e30:
        raise FormatError(f"The alpha of {shown(module)} is no number that can be used. Correct it where it is stored.")
    return scaling(alpha, r, rslora=bool(config.get("use_rslora", False)))
