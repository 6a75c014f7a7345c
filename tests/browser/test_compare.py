"""Compare in a real browser: two pictures of one's own, the chart under the mouse, links and the file."""

import csv
import io

import numpy as np
import pytest
from playwright.sync_api import expect

from app.ui import text
from browser import pictures
from browser.explore_page import AppPage

pytestmark = pytest.mark.browser


def test_two_uploads_legend_hover_and_zoom(app):
    app.open("/compare").clear_compared()
    app.upload_to_compare(
        ("first.jpg", "image/jpeg", pictures.photograph(size=(200, 150))),
        ("second.png", "image/png", pictures.noise(2, 180, 160)),
    )
    assert app.compared() == ["first.jpg", "second.png"]
    assert app.legend() == ["first.jpg", "second.png"]
    assert app.highest == 160

    rank, *read = app.hover()
    assert 1 <= int(rank) <= 160
    assert [line.split(" : ")[0] for line in read] == ["first.jpg", "second.png"]
    _, _, s, _ = pictures.decomposed(pictures.noise(2, 180, 160), "gray")
    expected = float(((s[0][int(rank) :] ** 2).sum() / (s[0] ** 2).sum()) ** 0.5)
    assert float(read[1].split(" : ")[1]) == pytest.approx(expected, abs=6e-5)

    zoomed = app.zoom()
    app.rank_by_keys("ArrowRight")
    assert app.rank == 51
    assert app.axes() == zoomed
    app.rank_by_stop(100)
    assert app.axes() == zoomed
    app.set_measure("energy")
    assert app.axes() != zoomed


def test_zoom_on_explore_survives_a_rank_change(app):
    app.open()
    zoomed = app.zoom()
    app.rank_by_number(51)
    app.rank_by_stop(20)
    assert app.axes() == zoomed


@pytest.mark.parametrize("page", ["explore", "compare"])
def test_the_mark_in_the_chart_goes_with_the_slider(app, page):
    app.open("/" if page == "explore" else "/compare", rank=50)
    chart = f"{page}_chart"
    app.page.locator(".lowrank-needle").wait_for()
    said, rank, _ = app.needle(chart)
    assert (said, rank) == (text.AT_RANK.format(k=50), pytest.approx(50, rel=0.005))
    app.rank_by_number(120)
    said, rank, _ = app.needle(chart)
    assert (said, rank) == (text.AT_RANK.format(k=120), pytest.approx(120, rel=0.005))
    (low, high), _ = app.zoom((0.05, 0.2))  # a part of the axis that rank 120 is not in
    assert not low <= np.log10(120) <= high
    assert app.needle(chart) is None
    app.rank_by_number(round(10 ** ((low + high) / 2)))
    assert app.needle(chart) is not None


def test_a_link_restores_the_comparison(app, new_tab):
    first = app.open("/compare", pictures="noise,coffee", rank=7, color="rgb", measure="energy")
    assert first.compared() == ["Noise", "Coffee"]
    assert first.legend() == ["Noise", "Coffee"]
    assert first.rank == 7
    expect(first.chart.locator(".gtitle")).to_have_text(text.CHARTS["energy"][1])
    first.rank_by_stop(5).wait_for_address("rank=5")
    second = AppPage(new_tab(), app.url).open(first.address)
    assert second.compared() == ["Noise", "Coffee"]
    assert second.rank == 5


def test_the_file_with_all_curves_is_of_the_colour_that_is_shown(app):
    data = {f"{i}.png": pictures.noise(i, 40 + i, 50) for i in (1, 2)}
    app.open("/compare", color="rgb").clear_compared()
    app.upload_to_compare(*((name, "image/png", content) for name, content in data.items()))
    download = app.download(text.COMPARE_DOWNLOAD)
    assert download.suggested_filename == "curves.csv"
    rows = list(csv.DictReader(io.StringIO(download.path().read_text("utf-8"))))
    assert [(row["picture"], int(row["k"])) for row in rows] == [("1", k) for k in range(1, 42)] + [
        ("2", k) for k in range(1, 43)
    ]
    for row in rows:
        own = pictures.numbers(data[row["picture"] + ".png"], "rgb", int(row["k"]))
        assert 100 * float(row["energy"]) == pytest.approx(own["energy"], rel=1e-5)
        assert int(row["stored_numbers"]) == own["numbers"]


def test_two_uploads_of_one_name_stay_two(app):
    app.open("/compare").clear_compared()
    sizes = (40, 70)
    for i, h in enumerate(sizes):
        app.drop(("image.png", "image/png", pictures.noise(i, h, 90)))
        expect(app.captions_element).to_have_count(i + 1)
        app.settled()
    app.rank_by_keys("End")  # the highest of both ranks
    assert app.rank == 70
    ranks = [caption.split(" · ")[1] for caption in app.captions()]
    assert ranks == ["Rank 40", "Rank 70"]
