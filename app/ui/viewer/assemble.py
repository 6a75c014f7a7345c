"""Assemble the viewer's kernel from its source.

    python app/ui/viewer/assemble.py

kernel.wasm is kernel.wat as it stands. kernel-fused.wasm is the same with each multiplication and addition of the inner
loop fused into one instruction (relaxed SIMD), which takes two thirds of the time; not every browser has it. Needs
wasmtime, which the tests bring.
"""

from __future__ import annotations

import re
from pathlib import Path

from wasmtime import wat2wasm

HERE = Path(__file__).parent
_SUM = re.compile(r"\(f32x4\.add \(local\.get (\$[st]\d)\) \(f32x4\.mul (\(local\.get \$[xy]\) \(local\.get \$w\))\)\)")


def assembled() -> dict[str, bytes]:
    """Return the bytes of both kernels by file name."""
    source = (HERE / "kernel.wat").read_text("utf-8")
    fused, count = _SUM.subn(r"(f32x4.relaxed_madd \2 (local.get \1))", source)
    if count != 8:
        raise ValueError(f"the inner loop has eight sums, not {count}")
    return {"kernel.wasm": bytes(wat2wasm(source)), "kernel-fused.wasm": bytes(wat2wasm(fused))}


if __name__ == "__main__":
    for name, code in assembled().items():
        (HERE / name).write_bytes(code)
