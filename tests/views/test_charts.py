"""The charts: axes, titles, names, lines; the same figure whatever the rank."""

import html
import re

import numpy as np
import pytest
from hostile_names import HOSTILE_NAMES

from app.ui import charts, figures, text
from app.ui.charts import Series, alternative, figure
from lowrank.curves import error_curve
from lowrank.rivals import Rate
from views.screen import MEASURES, core, noisy

DATA = noisy(60, 45)


def series(name="a.png", data=DATA, color="gray", ranks=None):
    image, svd, _ = core(data, color)
    return Series(name, error_curve(image, svd, color=color, ranks=ranks), svd)


@pytest.fixture(scope="module")
def one():
    return series()


def test_the_measures_are_those_of_the_words():
    assert set(charts._DIGITS) == set(text.CHARTS) == set(MEASURES)


def test_there_may_be_more_curves_than_kinds_of_line():
    names = [str(i) for i in range(len(charts.DASHES) + 1)]
    plain = figures.lines([1, 2], {name: [1.0, 2.0] for name in names}, "t", "x", "y")
    rates = figures.rates({name: [Rate(1, 100, 0.5, 30.0, 0.9)] for name in names}, "psnr")
    for chart in (plain, rates):
        assert [trace.line.dash for trace in chart.data] == [*charts.DASHES, charts.DASHES[0]]


@pytest.mark.parametrize("measure", MEASURES)
def test_titles_and_axes_have_names_and_units(one, measure):
    chart = figure([one], measure, log_rank=False, log_value=False)
    _, title, axis = text.CHARTS[measure]
    assert chart.layout.title.text == title
    assert chart.layout.xaxis.title.text == text.RANK_AXIS
    assert chart.layout.yaxis.title.text == axis
    assert chart.layout.xaxis.type is None
    assert chart.layout.yaxis.type == "linear"


@pytest.mark.parametrize("log_value", [False, True])
@pytest.mark.parametrize("log_rank", [False, True])
def test_axes_are_logarithmic_where_asked(one, log_rank, log_value):
    chart = figure([one], "relative_error", log_rank=log_rank, log_value=log_value)
    assert (chart.layout.xaxis.type == "log") == log_rank
    assert (chart.layout.yaxis.type == "log") == log_value
    if log_rank:
        assert chart.layout.xaxis.range[0] == 0  # rank 1
        assert 10 ** chart.layout.xaxis.range[1] == pytest.approx(45, rel=0.05)
        assert chart.layout.xaxis.tickvals == (1, 3, 10, 30)


@pytest.mark.parametrize("measure", MEASURES)
def test_curves_are_the_numbers_of_the_table(one, measure):
    chart = figure([one], measure, log_rank=True, log_value=False)
    curve = one.curve
    if measure == "ssim":
        (trace,) = chart.data
        assert np.array_equal(trace.x, curve.k[curve.measured])
        assert np.array_equal(trace.y, curve.ssim[curve.measured])
        assert trace.name == text.MEASURED
        return
    first, *rest = chart.data
    assert np.array_equal(first.x, curve.k)
    if measure == "singular_values":
        assert np.allclose(first.y, one.svd.s[0], rtol=1e-6)
    else:
        values = getattr(curve, measure)
        assert np.array_equal(first.y, np.where(np.isinf(values), np.nan, values), equal_nan=True)
    assert first.name == text.FROM_SPECTRUM
    if measure == "psnr":
        (measured,) = rest
        assert measured.name == text.MEASURED
        assert measured.mode == "lines"
        assert np.array_equal(measured.x, curve.k)
        expected = curve.psnr_measured
        assert np.array_equal(measured.y, np.where(np.isinf(expected), np.nan, expected), equal_nan=True)
    else:
        assert not rest


def test_singular_values_of_colour_are_those_of_all_planes_together():
    coloured = series(color="rgb")
    chart = figure([coloured], "singular_values", log_rank=True, log_value=True)
    assert np.allclose(chart.data[0].y, np.sqrt((coloured.svd.s.astype(float) ** 2).sum(0)))


def test_where_ranks_are_allotted_the_curves_say_what_they_are():
    allotted = series(color="ycbcr")
    (luma,) = figure([allotted], "singular_values", log_rank=True, log_value=True).data
    assert (luma.name, luma.showlegend) == (text.OF_LUMA, True)
    assert np.array_equal(luma.y, allotted.svd.s[0])
    psnr = figure([allotted], "psnr", log_rank=True, log_value=False)
    assert [trace.name for trace in psnr.data] == [text.BEFORE_ROUNDING, text.MEASURED]
    assert np.array_equal(psnr.data[0].y, allotted.curve.psnr)


def test_a_curve_that_was_not_measured_is_drawn_from_the_spectrum_alone():
    chart = figure([series(ranks=())], "psnr", log_rank=True, log_value=False)
    assert [trace.name for trace in chart.data] == [text.FROM_SPECTRUM]


def test_one_picture_needs_no_legend_two_do():
    alone = figure([series()], "energy", log_rank=True, log_value=False)
    assert not any(trace.showlegend for trace in alone.data)
    both = figure([series("a"), series("b", noisy(40, 50))], "energy", log_rank=True, log_value=False)
    assert [trace.name for trace in both.data] == ["a", "b"]
    assert all(trace.showlegend for trace in both.data)
    assert both.layout.hovermode == "x unified"


def test_each_picture_is_hidden_and_shown_as_one():
    both = figure([series("a"), series("b", noisy(40, 50))], "psnr", log_rank=True, log_value=False)
    assert [trace.legendgroup for trace in both.data] == ["0", "0", "1", "1"]


def test_eight_pictures_are_told_apart_by_colour_and_by_dash():
    eight = figure([series(str(i)) for i in range(8)], "energy", log_rank=True, log_value=False)
    assert len({trace.line.color for trace in eight.data}) == 8
    assert len({trace.line.dash for trace in eight.data}) == 6
    assert len(charts.PALETTE) >= text.MAX_COMPARED


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_names_are_escaped_and_short(name):
    chart = figure([series(name), series("b")], "energy", log_rank=True, log_value=False)
    shown = chart.data[0].name
    assert not re.search("[<>]", shown)
    assert len(html.unescape(shown)) <= 28
    assert html.unescape(shown) == (name if len(name) <= 28 else f"{name[:26]}…")
    assert "%{" not in chart.data[0].hovertemplate.replace("%{y:", "")
    assert name not in chart.data[0].hovertemplate


@pytest.mark.parametrize("log_rank", [False, True])
def test_break_even_lines_stand_at_their_rank(one, log_rank):
    lines = {"bytes": 6, "numbers": 25, "beyond": 46, "nowhere": 0}
    chart = figure([one], "relative_error", log_rank=log_rank, log_value=True, break_even=lines)
    assert [(shape.x0, shape.x1) for shape in chart.layout.shapes] == [(6, 6), (25, 25)]
    assert [note.text for note in chart.layout.annotations] == ["bytes", "numbers"]
    at = [10**note.x if log_rank else note.x for note in chart.layout.annotations]
    assert at == pytest.approx([6, 25])


def test_the_same_pictures_give_the_same_figure(one):
    arguments = {"log_rank": True, "log_value": True, "break_even": {"x": 3}}
    assert figure([one], "psnr", **arguments).to_json() == figure([one], "psnr", **arguments).to_json()


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("level", [0.0, 0.5])
def test_a_picture_of_one_colour_can_be_drawn_on_every_axis(measure, level):
    picture = np.full((9, 8), level, np.float32)
    curve = error_curve(picture)
    flat = Series("flat", curve, core(DATA, "gray")[1].truncate(8))
    for log in (False, True):
        chart = figure([flat], measure, log_rank=log, log_value=log)
        assert not np.isinf(np.concatenate([np.asarray(trace.y, float) for trace in chart.data])).any()
    assert alternative([flat], measure)


def test_no_series_at_all():
    assert not figure([], "energy", log_rank=True, log_value=True).data


@pytest.mark.parametrize("measure", MEASURES)
def test_the_alternative_text_names_title_axis_pictures_and_ends(one, measure):
    said = alternative([one, series("second <b>.png")], measure)
    _, title, axis = text.CHARTS[measure]
    assert said.startswith(f"{title}. {axis}. a.png: ")
    assert "second <b>.png: " in said
    assert said.count("at the lowest rank") == 2
    assert "nan" not in said
    assert "inf" not in said


def test_the_alternative_text_tells_the_numbers(one):
    first, last = one.curve.relative_error[0], one.curve.relative_error[-1]
    assert f"a.png: {first:.4f} at the lowest rank, {last:.4f} at the highest" in alternative([one], "relative_error")
