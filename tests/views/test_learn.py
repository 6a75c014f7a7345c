"""Learn: its words and its one chart; what is drawn by hand is tested in a browser."""

import json

from app.ui.words import learn as words
from views.screen import calm, explore


def test_the_page_says_what_is_true_and_what_is_not():
    at = calm(explore().switch_page("views/learn.py").run())
    assert [one.value for one in at.subheader] == [words.WHY]
    assert words.CLAIM in [one.value for one in at.markdown]
    assert words.SOURCE in [one.value for one in at.caption]
    (chart,) = at.get("plotly_chart")
    (bars,) = json.loads(chart.proto.spec)["data"]
    assert bars["text"] == ["156", "88", "16"]
