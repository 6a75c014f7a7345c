"""A real language model's weights are not low-rank, and the table that says so is the one that the model gives."""

import csv
import runpy
from pathlib import Path

import pytest

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
