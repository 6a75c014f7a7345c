"""What was measured of the weights of a real model, and of random ones of their shape: the table of sample_weights."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

_TABLE = Path(__file__).parents[3] / "sample_weights" / "minilm.csv"

#: How the names begin of attention's matrices and the random one beside them; all are 384 x 384.
ATTENTION, GAUSSIAN = "encoder.", "gaussian."

_SIDES = ("384", "384")


def ranks(kind: str, share: float) -> tuple[int, ...]:
    """Return the ranks that the 384 x 384 matrices of a kind need for a share of their energy."""
    return tuple(int(row[f"rank_at_{share:g}"]) for row in _rows() if row["matrix"].startswith(kind))


@cache
def _rows() -> tuple[dict[str, str], ...]:
    """Every 384 x 384 matrix of the table."""
    with _TABLE.open(encoding="utf-8", newline="") as lines:
        return tuple(row for row in csv.DictReader(lines) if (row["rows"], row["columns"]) == _SIDES)
