"""Fuzz the files of numbers: whatever the bytes, a matrix or an adapter comes of them, or one sentence.

``make fuzz-tensors SECONDS=600`` runs it. Each input is read as an upload of a matrix, as a safetensors file, and as an
adapter, its configuration being what follows a zero line. A finding is any other exception, a value that is no number,
or a sentence that shows a page's markup.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["lowrank"]):
    import numpy as np

    from lowrank.errors import FormatError, RankError, TensorError
    from lowrank.lora.formats import read_adapter
    from lowrank.lora.inspection import inspect_adapter
    from lowrank.lora.resize import choose_ranks, resized
    from lowrank.tensors import decode_matrix

from seeds import MARK


def one(data: bytes) -> None:
    """Read one input in every way."""
    model, mark, config = data.partition(MARK)
    for read in (matrix, adapter):
        try:
            read(model, config if mark else None)
        except (FormatError, TensorError, RankError) as error:
            said = str(error)
            assert said.endswith(".")
            assert not set(said) & set("<>\n\x1b"), said


def matrix(data: bytes, _: bytes | None) -> None:
    """Read a matrix."""
    a = decode_matrix(data)
    assert a.ndim == 2
    assert np.isfinite(a).all()


def adapter(data: bytes, config: bytes | None) -> None:
    """Read an adapter, and cut it."""
    found = read_adapter(data, config)
    layers = inspect_adapter(found)
    cut = resized(found, choose_ranks(layers, "energy"))
    assert set(cut.layers) == {layer.name for layer in layers}


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore")
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
