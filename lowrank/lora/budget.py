"""What an adapter costs: parameters, break-even rank, and the memory of a fine-tune.

A weight W has m rows (outputs) and n columns (inputs); an adapter of rank r is B (m, r) and A (r, n). There is no
singular value to store: it is multiplied into the factors. Rank r pays while ``r (m + n) < m n``.
"""

from __future__ import annotations

from dataclasses import dataclass

from lowrank.errors import RankError

#: Bytes of one number, by the name of the type as checkpoints have it.
BYTES = {"F32": 4, "BF16": 2, "F16": 2}

#: Bits of one weight in NF4: 4, and the scale of its block of 64, as float32 or itself quantised to 8 bits.
NF4_BITS = {"single": 4 + 32 / 64, "double": 4 + 8 / 64 + 32 / (64 * 256)}

#: What `Memory` leaves out, in words for a page.
NOT_COUNTED = "activations, which grow with batch and sequence, the workspace of the kernels, and fragmentation"


def adapter_parameters(m: int, n: int, r: int) -> int:
    """Return the trainable numbers of a LoRA of rank r: ``r (m + n)``.

    Examples
    --------
    >>> adapter_parameters(1600, 1600, 16), 1600 * 1600
    (51200, 2560000)
    """
    return r * (m + n)


def adapter_share(m: int, n: int, r: int) -> float:
    """Return the adapter's parameters as a share of W's ``m n``.

    Examples
    --------
    >>> adapter_share(1600, 1600, 16)
    0.02
    """
    return adapter_parameters(m, n, r) / (m * n)


def break_even(m: int, n: int) -> float:
    """Return the rank at which A and B are as many numbers as W, ``m n / (m + n)``; half the side of a square.

    Examples
    --------
    >>> break_even(384, 384), break_even(1536, 384)
    (192.0, 307.2)
    """
    return m * n / (m + n)


def forward_flops(m: int, n: int, r: int) -> tuple[int, int]:
    """Return the multiplications and additions of one token: through W, and through the factors beside it.

    Examples
    --------
    >>> forward_flops(4096, 4096, 16)
    (33554432, 262144)
    """
    return 2 * m * n, 2 * adapter_parameters(m, n, r)


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes that a fine-tune keeps in memory all the time; `NOT_COUNTED` comes on top.

    Attributes
    ----------
    base : float
        The frozen or trained weights of the model.
    adapter : float
        A and B.
    gradients, optimizer : float
        Of what is trained: two moments in float32 for Adam.
    """

    base: float
    adapter: float
    gradients: float
    optimizer: float

    @property
    def total(self) -> float:
        """The sum of all four."""
        return self.base + self.adapter + self.gradients + self.optimizer


#: Ways to fine-tune, and what each is called.
WAYS = {"full": "full fine-tuning", "lora": "LoRA", "qlora": "QLoRA"}


def training_memory(
    way: str,
    linear: int,
    other: int = 0,
    adapter: int = 0,
    *,
    adapter_type: str = "F32",
    bits: float = NF4_BITS["double"],
) -> Memory:
    """Return what a fine-tune with Adam keeps in memory, by counting bytes.

    Parameters
    ----------
    way : str
        A key of `WAYS`. ``full`` trains every weight in bfloat16, with gradients in bfloat16; ``lora`` freezes them in
        bfloat16; ``qlora`` freezes the linear layers in few bits and the rest in bfloat16.
    linear, other : int
        Parameters of the model in linear layers, and elsewhere (embeddings, norms, the head).
    adapter : int
        Parameters of the adapter; see `adapter_parameters`.
    adapter_type : str
        Of the adapter's weights and gradients, a key of `BYTES`. Adam's two moments are float32 in any case.
    bits : float
        Of a quantised weight with its share of the scales, as `lowrank.lora.nf4.bits_per_weight`; for ``qlora`` alone.

    Raises
    ------
    RankError
        If a count is negative.
    ValueError
        If `way` or `adapter_type` is unknown.

    Examples
    --------
    Llama 2 7B has 6,476,005,376 parameters in linear layers:

    >>> round(training_memory("qlora", 6_476_005_376).base / 1e9, 3)
    3.341
    >>> round(training_memory("full", 65_000_000_000).total / 1e9)
    780
    """
    if way not in WAYS:
        raise ValueError(f"way must be one of {', '.join(WAYS)}, not {way!r}")
    if min(linear, other, adapter) < 0:
        raise RankError("A count of parameters cannot be negative. Give 0 or more.")
    width = BYTES[adapter_type]
    if way == "full":
        trained = linear + other
        return Memory(2.0 * trained, 0.0, 2.0 * trained, 8.0 * trained)
    frozen = bits if way == "qlora" else 16
    return Memory(linear * frozen / 8 + 2.0 * other, width * adapter, width * adapter, 8.0 * adapter)
