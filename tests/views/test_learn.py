"""Learn: its words and its one chart; what is drawn by hand is tested in a browser."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from app.ui.hand import MATRICES
from app.ui.words import learn as words
from views.screen import calm, explore


def test_the_page_says_what_is_true_and_what_is_not():
    at = calm(explore().switch_page("views/learn.py").run())
    assert [one.value for one in at.subheader] == [words.WHY]
    assert words.CLAIM in [one.value for one in at.markdown]
    assert words.SOURCE in [one.value for one in at.caption]
    (chart,) = at.get("plotly_chart")
    (bars,) = json.loads(chart.proto.spec)["data"]
    with (Path(__file__).parents[2] / "sample_weights" / "minilm.csv").open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if (row["rows"], row["columns"]) == ("384", "384")]
    ranks = [int(row["rank_at_0.9"]) for row in rows if row["matrix"].startswith("encoder.")]
    (gaussian,) = (row["rank_at_0.9"] for row in rows if row["kind"] == "control")
    assert len(ranks) == 24
    assert bars["text"] == [f"{np.median(ranks):.0f}", gaussian]
    assert f"itself takes {np.median(ranks):.0f}" in words.CLAIM


@pytest.mark.parametrize(
    ("name", "rank"),
    [(words.CROSS, 2), (words.STRIPES, 1), (words.FADE, 1), (words.DIAGONAL, 8), (words.EMPTY, 0)],
)
def test_the_matrices_have_the_ranks_that_the_text_promises(name, rank):
    assert np.shape(MATRICES[name]) == (8, 12)
    assert np.linalg.matrix_rank(MATRICES[name]) == rank
