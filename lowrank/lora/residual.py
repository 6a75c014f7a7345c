"""W as few bits and few layers: ``W ~ Q + scale * B @ A``, Q in 4 bits and the adapter where training starts.

Which comes first decides. What quantization leaves over is nearly noise, and a low rank catches little of it; taking
the principal part out before quantizing leaves less to quantize. Either can be repeated: each part fitted to what the
other leaves.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lowrank.decompose import truncated_svd
from lowrank.errors import RankError
from lowrank.lora.adapter import Array64, LoRA, from_svd
from lowrank.lora.nf4 import Quantized, dequantize, quantize
from lowrank.svd import as_matrices, checked_rank

#: What is done first, by name.
STARTS = {"LoftQ": "quantize first, then correct (Li et al. 2023)", "QPiSSA": "principal part first (Meng et al. 2024)"}


def quantized_with_adapter(
    W: object,
    r: int,
    *,
    start: str = "LoftQ",
    iterations: int = 1,
    kind: str = "NF4",
    block: int = 64,
    double: bool = False,
    scale: float = 1.0,
) -> tuple[Quantized, LoRA]:
    """Approximate a weight by a quantized matrix plus an adapter.

    Parameters
    ----------
    W : array_like, shape (m, n)
    r : int
        Rank of the adapter, 1 to min(m, n).
    start : str
        A key of `STARTS`.
    iterations : int
        How often both parts are fitted to each other.
    kind, block, double
        As `lowrank.lora.nf4.quantize`.
    scale : float
        Of the adapter. Its factors are divided by it: PEFT's own LoftQ does not, and is right at alpha = r alone.

    Returns
    -------
    quantized : Quantized
    pair : LoRA

    Raises
    ------
    TensorError
        If W is no finite matrix.
    RankError
        If the rank or block is out of range, or `scale` is not positive.
    ValueError
        If `start` or `kind` is unknown, or `iterations` is below 1.
    """
    if start not in STARTS:
        raise ValueError(f"start must be one of {', '.join(STARTS)}, not {start!r}")
    if iterations < 1:
        raise ValueError(f"iterations must be 1 or more, not {iterations}")
    if not scale > 0:
        raise RankError("The scale must be above zero. Give a positive alpha.")
    weight = as_matrices(W).astype(np.float64, copy=False)
    r = checked_rank(r, min(weight.shape), lowest=1)
    pair = _principal(weight, r) if start == "QPiSSA" else None
    for i in range(iterations):
        quantized = quantize(weight if pair is None else weight - pair.delta(), kind, block, double=double)
        if start == "LoftQ" or i + 1 < iterations:  # QPiSSA ends with the quantized part
            pair = _principal(weight - dequantize(quantized), r)
    assert pair is not None
    half = scale**0.5
    return quantized, replace(pair, A=pair.A / half, B=pair.B / half, scale=scale)


def restored(quantized: Quantized, pair: LoRA) -> Array64:
    """Return ``Q + scale * B @ A``, the weight that training starts from; shape (m, n)."""
    return dequantize(quantized).astype(np.float64) + pair.delta()


def extra_bits(pair: LoRA, bits: int = 16) -> float:
    """Return the bits of the factors for each number of the weight.

    Examples
    --------
    >>> import numpy as np
    >>> extra_bits(LoRA(np.zeros((16, 4096)), np.zeros((4096, 16))))
    0.125
    """
    m, n = pair.shape
    return pair.parameters * bits / (m * n)


def _principal(weight: Array64, r: int) -> LoRA:
    return from_svd(truncated_svd(weight, r, method="exact"))
