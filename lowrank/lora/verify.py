"""Whether an adapter will load and mean what it says: names, shapes, pairs, and the ranks of its configuration."""

from __future__ import annotations

import numpy as np

from lowrank.errors import LowrankError
from lowrank.lora.formats import Adapter, read_adapter
from lowrank.lora.inspection import layer_of
from lowrank.lora.patterns import Patterns, ends
from lowrank.lora.safetensors import shown
from lowrank.parallel import Progress, idle


def verify_adapter(source: bytes | str, config: bytes | None = None, *, progress: Progress = idle) -> tuple[str, ...]:
    """Return what is wrong with an adapter, in sentences; none where all is well.

    Parameters
    ----------
    source : bytes or str or path
        The safetensors file's content, or where it is.
    config : bytes, optional
        Content of its ``adapter_config.json``; for PEFT's names it is needed.
    progress : callable, optional
        Told the share that is done, after each layer.
    """
    try:
        adapter = read_adapter(source, config)
        for done, (name, pair) in enumerate(adapter.layers.items(), 1):  # read, one by one: that finds NaN
            progress(done / len(adapter.layers))
            if np.float64 in (pair.A.dtype, pair.B.dtype):  # products of the other types stay within float64
                layer_of(name, pair)
        return (*_missing(adapter), *_ranks(adapter), *_targets(adapter), *_others(adapter))
    except LowrankError as error:
        return (str(error),)


def _missing(adapter: Adapter) -> list[str]:
    if adapter.style == "peft" and not adapter.config:
        return [
            "There is no adapter_config.json: PEFT cannot load it, and alpha is taken as r, which makes the scale 1."
        ]
    return []


def _ranks(adapter: Adapter) -> list[str]:
    """Ranks that the configuration does not tell, and scales that PEFT would get wrong."""
    config, found = adapter.config, []
    if not config:
        return []
    patterns = Patterns(config, "rank_pattern")
    for name, pair in adapter.layers.items():
        told = patterns.of(name, config.get("r", 8))
        if told != pair.rank:
            found.append(
                f"The layer {shown(name)} has rank {pair.rank}, and the configuration says {shown(str(told))}."
            )
    ranks, alphas = config.get("rank_pattern") or {}, config.get("alpha_pattern") or {}
    for key in sorted(set(ranks) - set(alphas)):
        found.append(f"{shown(key)} is in rank_pattern and not in alpha_pattern, so it has the global alpha.")
    if config.get("use_rslora") and (ranks or alphas):
        found.append("Patterns beside use_rslora: PEFT warns of them. Write alpha = r instead.")
    return found


def _others(adapter: Adapter) -> list[str]:
    """Whole tensors that hold more than numbers."""
    return [
        f"The tensor {shown(name)} holds NaN or infinite values."
        for name, tensor in adapter.others.items()
        if not tensor.finite
    ]


def _targets(adapter: Adapter) -> list[str]:
    """Layers that PEFT would not make, because target_modules does not name them."""
    targets = adapter.config.get("target_modules")
    if not isinstance(targets, list):  # a regular expression, or all-linear
        return []
    named = {str(target) for target in targets}
    return [
        f"The layer {shown(name)} is not among the target_modules."
        for name in adapter.layers
        if named.isdisjoint(ends(name))
    ]
