"""The bits of numbers: from the types of checkpoints to float32 and float64, and back.

NumPy has neither bfloat16, which is the upper half of a float32, nor floats of 8 bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lowrank.errors import TensorError

#: What tensors are read as.
Floats = NDArray[np.float32] | NDArray[np.float64]

#: Bytes of one number, by type. All that the format knows and a matrix may be made of.
WIDTHS = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1,
    "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8, "U32": 4, "U16": 2, "U8": 1, "BOOL": 1,
}  # fmt: skip

#: Types of weights.
FLOATS = ("F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2")

#: Bits of the fraction: the spacing of numbers in [1, 2) is ``2 ** -FRACTION_BITS``.
FRACTION_BITS = {"F64": 52, "F32": 23, "F16": 10, "BF16": 7, "F8_E4M3": 3, "F8_E5M2": 2}

#: What is written, by the names that people use.
WRITTEN = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}


def decoded(raw: NDArray[Any], dtype: str) -> Floats:
    """Return the values of a tensor's bits.

    Floats as float32, which holds all of them but F64 exactly; F64 and whole numbers as float64.
    """
    if dtype not in FLOATS:
        return (raw.view(f"<i{WIDTHS[dtype]}") if dtype.startswith("I") else raw).astype(np.float64)
    if dtype == "BF16":  # the upper half of a float32
        single: NDArray[np.float32] = (raw.astype(np.uint32) << np.uint32(16)).view(np.float32)
        return single
    if dtype.startswith("F8"):
        byte: NDArray[np.float32] = _float8(dtype)[raw]
        return byte
    values = raw.view(f"<f{WIDTHS[dtype]}")
    with np.errstate(invalid="ignore"):  # the caller looks for NaN
        return values.astype(np.float64) if dtype == "F64" else values.astype(np.float32)


def _float8(dtype: str) -> NDArray[np.float32]:
    """All 256 values of an 8-bit float: E4M3 without infinities (its largest pattern is NaN), E5M2 as IEEE has it."""
    exponent_bits, fraction_bits = (4, 3) if dtype == "F8_E4M3" else (5, 2)
    bits = np.arange(256)
    sign = np.where(bits >= 128, -1.0, 1.0)
    exponent = bits >> fraction_bits & (1 << exponent_bits) - 1
    fraction = (bits & (1 << fraction_bits) - 1) / (1 << fraction_bits)
    bias = (1 << exponent_bits - 1) - 1
    value = np.where(exponent, (1 + fraction) * 2.0 ** (exponent - bias), fraction * 2.0 ** (1 - bias))
    if dtype == "F8_E4M3":
        value[bits & 127 == 127] = np.nan
    else:
        top = exponent == 31
        value[top] = np.where(fraction[top] == 0, np.inf, np.nan)
    return (sign * value).astype(np.float32)


def rounded(values: NDArray[Any], dtype: str) -> NDArray[Any]:
    """Round to a type of `WRITTEN`, to nearest even; the bits as little-endian numbers of its width.

    Raises
    ------
    TensorError
        If a value is too large for the type.
    """
    with np.errstate(over="ignore"):
        single = values.astype("<f4")
        if dtype == "bfloat16":
            bits = single.view("<u4")
            bits = (bits + np.uint32(0x7FFF) + (bits >> np.uint32(16) & np.uint32(1))) & np.uint32(0xFFFF0000)
            out, back = (bits >> np.uint32(16)).astype("<u2"), bits.view("<f4")
        else:
            out = back = values.astype("<f2" if dtype == "float16" else "<f4")
    if not np.isfinite(back).all():
        raise TensorError(f"A number is too large for {dtype}. Choose bfloat16 or float32.")
    return out
