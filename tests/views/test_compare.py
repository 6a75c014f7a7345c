"""Compare: which pictures, one chart, one table at the common rank, and the file with all curves."""

import csv
import html
import io
import json
import math

import numpy as np
import pytest

from app.ui import text
from lowrank import metrics, spectrum, storage
from lowrank.color import COLORS, displayed, from_planes
from lowrank.curves import error_curve
from views.screen import (
    MEASURES,
    SAMPLES,
    calm,
    captions,
    compare,
    core,
    drop,
    explore,
    figure,
    messages,
    noisy,
    pictures_shown,
    rank,
    sample,
    set_color,
    set_rank,
    to_compare,
    to_explore,
    viewer,
)


def choose(at, *chosen):
    return at.multiselect(key="compared").set_value(list(chosen)).run()


def table(at):
    """The rows of the table, by column."""
    (frame,) = at.dataframe
    return frame.value.to_dict("records")


def expected_row(name, data, color, k):
    """What the core says of a picture at rank k."""
    allotted = color == "ycbcr"
    image, svd, reference = core(data, color if core(data, "gray")[0].ndim == 3 else "gray")
    color = "gray" if image.ndim == 2 else color
    planes, m, n = svd.shape
    k = min(k, svd.rank)
    shown = displayed(from_planes(svd.reconstruct(k), color))
    return {
        "picture": name,
        "size": f"{n} × {m}",
        "rank": k,
        "psnr": min(spectrum.psnr(svd)[k], 100),
        "ssim": metrics.ssim(reference, shown),
        "energy": 100 * spectrum.energy(svd)[k],
        "relative_error": 100 * spectrum.relative_error(svd)[k],
        "numbers": storage.stored_numbers(m, n, int(svd.layers[k])),
        "ratio": storage.compression_ratio(m, n, int(svd.layers[k]), planes),
        "bytes": storage.stored_bytes(m, n, int(svd.layers[k])),
    } | ({"ranks": text.split(svd.ranks[:, k - 1].tolist())} if allotted else {})


def assert_same_row(row, expected):
    assert list(row) == list(expected)
    for name, value in expected.items():
        if isinstance(value, float):
            assert row[name] == pytest.approx(value, rel=1e-6, abs=1e-9), name
        else:
            assert row[name] == value, name


# -- which pictures ---------------------------------------------------------------------------------------------------


def test_first_visit_compares_four_samples():
    at = calm(compare())
    assert at.multiselect(key="compared").value == ["portrait", "page", "tartan", "noise"]
    assert [row["picture"] for row in table(at)] == ["Portrait", "Text page", "Tartan", "Noise"]
    assert rank(at) == 50
    assert [trace["name"] for trace in json.loads(figure(at))["data"]] == ["Portrait", "Text page", "Tartan", "Noise"]
    assert not messages(at)


def test_one_picture():
    at = calm(choose(compare(), "dusk"))
    assert [row["picture"] for row in table(at)] == ["Sky"]
    assert len(json.loads(figure(at))["data"]) == 1
    assert at.query_params["pictures"] == "dusk"


def test_eight_pictures():
    at = calm(choose(compare(), *SAMPLES))
    assert len(table(at)) == len(json.loads(figure(at))["data"]) == 8
    styles = {(trace["line"]["color"], trace["line"]["dash"]) for trace in json.loads(figure(at))["data"]}
    assert len(styles) == 8  # told apart, without colour vision too
    assert at.multiselect(key="compared").proto.max_selections == text.MAX_COMPARED == 8


def test_none():
    at = calm(choose(compare(), *[]))
    assert [info.value for info in at.info] == [text.COMPARE_EMPTY]
    assert not at.dataframe
    assert not at.get("plotly_chart")
    at = calm(choose(at, "noise"))  # and back
    assert [row["picture"] for row in table(at)] == ["Noise"]


def test_the_order_is_the_readers():
    at = choose(compare(), "noise", "coffee")
    assert [row["picture"] for row in table(at)] == ["Noise", "Coffee"]


def test_dropped_pictures_join_the_comparison_until_eight():
    at = compare(pictures="portrait,noise")
    drop(at, ("a.png", noisy(40, 50, seed=1)), ("b.png", noisy(50, 40, seed=2)))
    assert [row["picture"] for row in table(calm(at))] == ["Portrait", "Noise", "a.png", "b.png"]
    drop(at, *((f"{i}.png", noisy(20, 30, seed=i)) for i in range(3, 9)))
    assert [row["picture"] for row in table(calm(at))] == ["a.png", "b.png", *(f"{i}.png" for i in range(3, 9))]


def test_a_dropped_picture_again_stands_once():
    at = drop(compare(pictures="noise"), ("a.png", noisy(40, 50)))
    drop(at, ("a.png", noisy(40, 50)))
    assert [row["picture"] for row in table(at)] == ["Noise", "a.png"]


def test_a_picture_that_was_pushed_out_leaves_the_comparison():
    at = drop(compare(pictures="noise"), ("first.png", noisy(20, 20, seed=99)))
    to_explore(at)
    drop(at, *((f"{i}.png", noisy(20, 20, seed=i)) for i in range(8)))
    assert [row["picture"] for row in table(calm(to_compare(at)))] == ["Noise"]


def test_two_pictures_of_one_name_stay_two():
    at = drop(compare(pictures="noise"), ("image.png", noisy(40, 50, seed=1)), ("image.png", noisy(60, 50, seed=2)))
    assert [row["size"] for row in table(at)][1:] == ["50 × 40", "50 × 60"]
    assert [row["size"] for row in table(set_rank(at, 20))][1:] == ["50 × 40", "50 × 60"]
    assert len(set(at.multiselect(key="compared").options)) == 10
    assert len({trace["name"] for trace in json.loads(figure(at))["data"]}) == 3


def test_a_file_named_like_a_sample_stays_itself():
    at = drop(compare(pictures="portrait"), ("Portrait", noisy(40, 50)))
    assert [row["size"] for row in table(at)] == ["512 × 512", "50 × 40"]
    assert [row["size"] for row in table(set_rank(at, 20))] == ["512 × 512", "50 × 40"]


# -- numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("color", COLORS)
def test_the_table_at_the_common_rank_is_the_cores(color):
    at = compare(pictures="portrait,gravel", color=color)
    for k in (1, 50, 300):
        set_rank(at, k)
        for row, (name, title) in zip(table(at), [("portrait", "Portrait"), ("gravel", "Gravel")], strict=True):
            assert_same_row(row, expected_row(title, sample(name), color, k))
    assert at.dataframe[0].proto.alt == "All pictures at rank 300"


def test_a_picture_of_lower_rank_stands_at_its_own():
    small = noisy(30, 70)
    at = drop(compare(pictures="portrait", rank="100"), ("small.png", small))
    rows = table(calm(at))
    assert [row["rank"] for row in rows] == [100, 30]
    assert_same_row(rows[1], expected_row("small.png", small, "gray", 100))
    assert viewer(at)["highest"] == 300
    assert captions(at)[1] == "small.png · Rank 30 · over 100 dB"


def test_small_pictures_alone_end_the_slider_at_the_highest_of_their_ranks():
    at = drop(compare(), ("a.png", noisy(20, 90)), ("b.png", noisy(35, 90)))
    own = at.multiselect(key="compared").value[-2:]
    choose(at, *own)
    assert viewer(at)["highest"] == 35
    assert [row["rank"] for row in table(calm(at))] == [20, 35]


def test_a_picture_without_colour_stays_grey_among_colours():
    at = compare(pictures="gravel,portrait", color="rgb")
    grey, coloured = table(at)
    assert grey["bytes"] == storage.stored_bytes(512, 512, 50)
    assert coloured["bytes"] == storage.stored_bytes(512, 512, 150)
    set_color(at, "ycbcr")
    grey, coloured = table(at)
    assert grey["ranks"] == "Y 50"
    y, cb, cr = (int(part.split()[1]) for part in coloured["ranks"].split(", "))
    assert y == 50 > max(cb, cr)
    assert coloured["bytes"] == storage.stored_bytes(512, 512, y + cb + cr)


def test_a_perfect_picture_shows_no_undefined_number():
    at = calm(compare(pictures="tartan,noise", color="rgb", rank="300"))
    tartan, noise = table(at)
    assert tartan["psnr"] == 100
    assert tartan["ssim"] == 1
    assert math.isfinite(noise["psnr"])
    assert captions(at)[0] == "Tartan · Rank 300 · over 100 dB"


def test_the_strip_shows_every_picture_and_its_psnr():
    at = compare(pictures="portrait,noise", rank="20")
    rows = table(at)
    for caption, row in zip(captions(at), rows, strict=True):
        name, own, psnr = caption.split(" · ")
        assert (name, own) == (row["picture"], "Rank 20")
        assert psnr == text.decibel(row["psnr"])
    before = viewer(at)
    after = viewer(set_rank(at, 21))
    assert (before.pop("rank"), after.pop("rank")) == (20, 21)
    assert after == before  # nothing is sent again
    assert len({url for shown in pictures_shown(at) for url in shown}) == 4


def test_the_curves_above_the_slider_have_the_colours_of_the_chart():
    at = compare()
    drawn = [trace["line"]["color"] for trace in json.loads(figure(at))["data"]]
    assert [picture["line"] for picture in viewer(at)["panes"]] == drawn


# -- chart ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_is_drawn_and_stays_while_the_rank_moves(measure):
    at = compare(pictures="noise")
    drop(at, *((f"{i}.png", noisy(50, 40, seed=100 * i + MEASURES.index(measure))) for i in (1, 2)))
    choose(at, *at.multiselect(key="compared").value[1:])
    at.segmented_control(key="measure").set_value(measure).run()
    before = figure(calm(at))
    assert html.escape(text.CHARTS[measure][1]) in before
    assert at.query_params["measure"] == measure
    for k in (1, 17, 40):
        set_rank(at, k)
        assert figure(calm(at)) == before


def test_the_measure_is_one_for_both_pages():
    at = compare(pictures="noise,dusk")
    at.segmented_control(key="measure").set_value("energy").run()
    to_explore(at)
    assert at.segmented_control(key="measure").value == "energy"
    assert text.CHARTS["energy"][1] in figure(at)


def test_the_axes_are_each_pages_own():
    at = compare(pictures="noise,dusk")
    at.toggle(key="log_rank_compare").set_value(False).run()
    assert json.loads(figure(at))["layout"]["xaxis"].get("type") != "log"
    assert json.loads(figure(to_explore(at)))["layout"]["xaxis"]["type"] == "log"


# -- the file ---------------------------------------------------------------------------------------------------------


def test_the_csv_holds_every_curve(downloads):
    first, second = noisy(30, 40, seed=1), noisy(50, 40, None, seed=2)
    at = drop(compare(color="rgb"), ("First one.png", first), ("second.png", second))
    choose(at, *at.multiselect(key="compared").value[-2:])
    rows = list(csv.DictReader(io.StringIO(downloads["curves.csv"]().decode())))
    assert len(rows) == 30 + 40
    for name, data, color in (("first-one", first, "rgb"), ("second", second, "gray")):
        image, svd, _ = core(data, color)
        curve = error_curve(image, svd, color=color)
        own = [row for row in rows if row["picture"] == name]
        assert [int(row["k"]) for row in own] == curve.k.tolist()
        for column in ("energy", "relative_error", "psnr", "ssim", "psnr_measured", "ratio", "bytes"):
            read = np.array([float(row[column] or "nan") for row in own])
            assert np.array_equal(read, getattr(curve, column), equal_nan=True), column


def test_the_csv_of_a_hostile_name_is_no_formula(downloads):
    drop(compare(pictures="noise"), ('=HYPERLINK("http://x","a"),b.png', noisy(20, 30)))
    rows = list(csv.reader(io.StringIO(downloads["curves.csv"]().decode())))
    assert {len(row) for row in rows} == {len(rows[0])}
    assert all(row[0][0].isalnum() for row in rows)


def test_the_common_rank_reaches_explore():
    at = set_rank(compare(), 123)
    assert rank(to_explore(at)) == 123
    assert rank(explore()) == 50  # another session
