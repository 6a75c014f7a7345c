"""A real language model's weights are not low-rank, and the table that says so is the one that the model gives."""

import csv
import runpy
from pathlib import Path

import numpy as np
import pytest

from lowrank.lora import nf4
from lowrank.lora.residual import quantized_with_adapter, restored

MAKE = Path(__file__).parents[1] / "sample_weights" / "make.py"


@pytest.fixture(scope="module")
def measured():
    made = runpy.run_path(str(MAKE))
    return [dict(zip(made["COLUMNS"], row, strict=True)) for row in made["rows"]()]


def test_the_table_is_what_the_model_gives(measured):
    with MAKE.with_name("minilm.csv").open(newline="") as stream:
        written = list(csv.DictReader(stream))
    assert [row["matrix"] for row in written] == [row["matrix"] for row in measured]
    for one, other in zip(written, measured, strict=True):
        for column in one.keys() - {"matrix", "kind"}:
            assert float(one[column]) == pytest.approx(float(other[column]), rel=2e-3), (one["matrix"], column)


def test_weights_are_not_low_rank(measured):
    """The figures of the notes, from NumPy in float64 apart from this code."""
    linear = [row for row in measured if row["matrix"].startswith("encoder.")]  # without the head, which nobody adapts
    square = [row for row in linear if row["rows"] == row["columns"] == "384"]
    wide = [row for row in linear if row not in square]
    assert (len(square), len(wide)) == (24, 12)

    def span(rows, column):
        return min(int(row[column]) for row in rows), max(int(row[column]) for row in rows)

    assert span(square, "rank_at_0.9") == (138, 205)
    assert span(square, "rank_at_0.99") == (247, 298)
    assert span(wide, "rank_at_0.9") == (225, 271)
    assert all(int(row["rank_at_0.99"]) > float(row["break_even"]) for row in square + wide)


@pytest.fixture(scope="module")
def linear():
    file = runpy.run_path(str(MAKE))["model"]()
    names = [name for name in file if name.startswith("encoder.") and len(file[name].shape) == 2]
    assert len(names) == 36
    return [file.read(name) for name in names]


@pytest.mark.parametrize(
    ("kind", "block", "error"),
    [
        ("NF4", 64, 0.0939), ("E2M1", 64, 0.1064), ("int4", 64, 0.1147), ("FP4", 64, 0.1271),
        ("NF4", 32, 0.0880), ("NF4", 128, 0.0992), ("NF4", 256, 0.1047),
    ],
)  # fmt: skip
def test_errors_of_four_bits_on_real_weights(linear, kind, block, error):
    """Measured with NumPy apart from this code: the mean over the 36 matrices."""
    errors = [nf4.relative_error(W, nf4.dequantize(nf4.quantize(W, kind, block))) for W in linear]
    assert np.mean(errors) == pytest.approx(error, abs=5e-4)


def test_the_principal_part_first_beats_correcting_afterwards(linear):
    for W in linear[::9]:
        alone = nf4.relative_error(W, nf4.dequantize(nf4.quantize(W)))
        loftq, qpissa, again = (
            nf4.relative_error(W, restored(*quantized_with_adapter(W, 8, start=start, iterations=rounds)))
            for start, rounds in (("LoftQ", 1), ("QPiSSA", 1), ("QPiSSA", 5))
        )
        assert again < qpissa < loftq < alone
