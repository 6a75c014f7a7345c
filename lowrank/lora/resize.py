"""Cut an adapter to lower ranks: rules that choose them, and the cut, which is the best of its rank for each layer.

The rules look at singular values alone. Those of a trained adapter say how far it can be cut after training; none says
which rank to train with. The names sv_ratio, sv_fro and sv_cumulative are kohya's; here they keep the smallest rank
that meets the target, where its script for years kept one more.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lowrank.errors import RankError
from lowrank.lora.formats import Adapter
from lowrank.lora.inspection import Layer
from lowrank.parallel import Progress, idle

#: Layers and target -> a rank for each, 1 or more.
Choice = Callable[[Sequence[Layer], float], list[int]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A way to choose ranks: `choose`, its name in words, the unit of its target, a sensible target and its range."""

    choose: Choice
    name: str
    unit: str
    default: float
    lowest: float
    highest: float | None = None

    @property
    def advice(self) -> str:
        """What the rule does, and what it is good for, in plain words."""
        return " ".join((self.choose.__doc__ or "").split())


def uniform(layers: Sequence[Layer], target: float) -> list[int]:
    """Cut every layer to the same rank.

    The only rule with evidence from tasks, and what every loader takes. A layer of lower rank stays as it is.
    """
    return [min(int(target), layer.r) for layer in layers]


def energy(layers: Sequence[Layer], target: float) -> list[int]:
    """Keep this share of each layer's squared norm.

    Good for reporting. 90 % and more keeps far more than a task needs: half is a fair start.
    """
    return [max(layer.needed(target), 1) for layer in layers]


def sv_ratio(layers: Sequence[Layer], target: float) -> list[int]:
    """Keep the singular values above the largest one divided by the target.

    Good for pruning a trained adapter, with 5 to 20. It misleads on the difference of two checkpoints.
    """
    return [max(int((layer.s > layer.s.max(initial=0) / target).sum()), 1) for layer in layers]


def sv_fro(layers: Sequence[Layer], target: float) -> list[int]:
    """Keep this share of each layer's norm, not squared: 0.9 of the norm is 0.81 of the energy."""
    return energy(layers, target**2)


def sv_cumulative(layers: Sequence[Layer], target: float) -> list[int]:
    """Keep this share of the sum of each layer's singular values. The strictest of the shares: small values count."""
    return [max(_first(layer.s.cumsum(), target), 1) for layer in layers]


def budget(layers: Sequence[Layer], target: float) -> list[int]:
    """Spend this many parameters where they keep the most energy, every layer having rank 1 at least.

    The best total energy for its size. On the one fine-tune where it was measured it did no better than equal ranks.
    """
    ranks = [1] * len(layers)
    left = target - sum(sum(layer.shape) for layer in layers)
    if left < 0:
        raise RankError(f"Rank 1 in every layer takes {target - left:,.0f} parameters already. Allow at least as many.")
    waiting = [(-_gain(layer, 1), i) for i, layer in enumerate(layers) if len(layer.s) > 1]
    heapq.heapify(waiting)
    while waiting:
        gain, i = heapq.heappop(waiting)
        layer = layers[i]
        if gain < 0 and sum(layer.shape) <= left:
            ranks[i] += 1
            left -= sum(layer.shape)
            if ranks[i] < len(layer.s):
                heapq.heappush(waiting, (-_gain(layer, ranks[i]), i))
    return ranks


#: Every rule by name.
RULES: dict[str, Rule] = {
    "rank": Rule(uniform, "equal ranks", "", 8, 1, 65536),
    "energy": Rule(energy, "energy", "", 0.5, 0.0, 1.0),
    "sv_ratio": Rule(sv_ratio, "ratio of singular values", "", 10, 1.0),
    "sv_fro": Rule(sv_fro, "share of the norm", "", 0.7, 0.0, 1.0),
    "sv_cumulative": Rule(sv_cumulative, "share of the sum", "", 0.5, 0.0, 1.0),
    "parameters": Rule(budget, "parameters", "parameters", 1_000_000, 1.0),
}


def choose_ranks(layers: Sequence[Layer], rule: str, target: float | None = None) -> dict[str, int]:
    """Choose a rank for every layer of an adapter.

    Parameters
    ----------
    layers : sequence of Layer
        As `lowrank.lora.inspection.inspect_adapter` returns them.
    rule : str
        A key of `RULES`.
    target : float, optional
        In the rule's unit; its default where it is not given.

    Returns
    -------
    dict of str to int
        1 to each layer's own rank.

    Raises
    ------
    RankError
        If the target is out of range, or no ranks meet it.
    ValueError
        If the rule is unknown.
    """
    if rule not in RULES:
        raise ValueError(f"rule must be one of {', '.join(RULES)}, not {rule!r}")
    entry = RULES[rule]
    value = entry.default if target is None else target
    if not (entry.lowest <= value and (entry.highest is None or value <= entry.highest)):
        until = "up" if entry.highest is None else f"to {entry.highest:g}"
        raise RankError(f"The target for {entry.name} must be from {entry.lowest:g} {until}, not {value:g}.")
    return {layer.name: k for layer, k in zip(layers, entry.choose(layers, value), strict=True)}


@dataclass(frozen=True, slots=True)
class Cut:
    """What a choice of ranks keeps, told before anything is cut.

    Attributes
    ----------
    parameters : tuple of int
        Before and after.
    energy : float
        Share of the squared norm of all layers together.
    ranks : tuple of int
        Lowest and highest after the cut.
    """

    parameters: tuple[int, int]
    energy: float
    ranks: tuple[int, int]


def foretell(layers: Sequence[Layer], ranks: Mapping[str, int]) -> Cut:
    """Return what these ranks keep of an adapter, from its spectra."""
    before = sum(layer.parameters for layer in layers)
    after = sum(ranks[layer.name] * sum(layer.shape) for layer in layers)
    whole = sum(layer.norm**2 for layer in layers)
    kept = sum(layer.norm**2 * layer.energy(ranks[layer.name]) for layer in layers)
    chosen = [ranks[layer.name] for layer in layers]
    return Cut((before, after), kept / whole if whole else 1.0, (min(chosen), max(chosen)))


def resized(adapter: Adapter, ranks: Mapping[str, int], *, progress: Progress = idle) -> Adapter:
    """Cut every layer to its rank: the truncated SVD of ``scale * B @ A``, from the factors alone.

    Parameters
    ----------
    adapter : Adapter
    ranks : mapping of str to int
        As `choose_ranks` returns them.
    progress : callable, optional
        Told the share that is done, after each layer.

    Returns
    -------
    Adapter
        Of scale 1 everywhere. A layer whose rank is not below its own is rewritten at its own.

    Raises
    ------
    RankError
        If a rank is below 1.
    TensorError
        If the product of a layer's factors is beyond float64; or as reading a layer raises it.
    """
    layers = {}
    for name, pair in adapter.layers.items():
        layers[name] = pair.truncate(ranks[name])
        progress(len(layers) / len(adapter.layers))
    return replace(adapter, layers=layers)


def _gain(layer: Layer, k: int) -> float:
    """Energy of component k + 1 for each parameter that it takes."""
    return float(layer.s[k] ** 2) / sum(layer.shape)


def _first(kept: np.ndarray, share: float) -> int:
    return int(np.searchsorted(kept, share * kept[-1])) + 1 if kept[-1] else 0
