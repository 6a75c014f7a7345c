"""The table of a picture: every column agrees with the module that it comes from."""

import csv
import dataclasses
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import pictures

from lowrank import distortion, metrics, spectrum, storage
from lowrank.allot import picture_svd
from lowrank.color import COLORS, displayed, from_planes, to_planes
from lowrank.curves import CLASSIC_RANKS, Curve, error_curve, geometric_ranks
from lowrank.decompose import truncated_svd
from lowrank.errors import RankError

COLUMNS = [field.name for field in dataclasses.fields(Curve)]
colors = st.sampled_from(COLORS)
small = pictures(longest=16)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random(shape)


@given(small, colors)
def test_all_columns_run_from_rank_one_to_r(picture, color):
    curve = error_curve(picture, color=color, ranks=[])
    r = min(picture.shape[:2])
    np.testing.assert_array_equal(curve.k, np.arange(1, r + 1))
    for name in COLUMNS:
        assert getattr(curve, name).shape == (r,)


@given(small, colors)
def test_the_columns_are_those_of_spectrum_and_storage(picture, color):
    curve = error_curve(picture, color=color, ranks=[])
    svd = picture_svd(picture, color)
    count, m, n = svd.shape
    np.testing.assert_array_equal(curve.energy, spectrum.energy(svd)[1:])
    np.testing.assert_array_equal(curve.relative_error, spectrum.relative_error(svd)[1:])
    np.testing.assert_array_equal(curve.psnr, spectrum.psnr(svd)[1:])
    for i, k in enumerate(curve.k.tolist()):
        kept = svd.truncate(k)
        if color != "ycbcr":  # there not all of them are stored
            assert curve.stored_numbers[i] == kept.U.size + kept.s.size + kept.Vt.size
        assert curve.stored_numbers[i] == storage.stored_numbers(m, n, int(svd.layers[k]))
        assert curve.bytes[i] == 4 * curve.stored_numbers[i]
        assert curve.ratio[i] == pytest.approx(count * m * n / curve.stored_numbers[i])


@given(small, colors)
def test_every_measured_rank_holds_the_figures_of_the_shown_picture(picture, color):
    curve = error_curve(picture, color=color)
    planes = to_planes(picture, color)
    svd, reference = picture_svd(picture, color), from_planes(planes, color)
    np.testing.assert_array_equal(curve.psnr_measured, distortion.measured_psnr(picture, svd, color=color))
    assert curve.measured[[0, -1]].all()
    for i in np.flatnonzero(curve.measured):
        shown = displayed(from_planes(svd.reconstruct(int(curve.k[i])), color))
        assert curve.ssim[i] == metrics.ssim(reference, shown)


@given(pictures(longest=16, dtypes=st.just(np.float64)), colors)
def test_psnr_of_the_spectrum_is_the_measured_one_before_clipping_and_rounding(picture, color):
    curve = error_curve(picture, color=color, ranks=[])
    svd = picture_svd(picture, color)
    reference = from_planes(to_planes(picture, color), color)
    for k, told in zip(curve.k.tolist(), curve.psnr, strict=True):
        measured = metrics.psnr(reference, from_planes(svd.reconstruct(k), color))
        assert measured == pytest.approx(told, abs=1e-6) or min(measured, told) > 200  # there only rounding is left


def test_psnr_of_plain_factors_of_ycbcr_describes_the_planes_and_not_the_picture():
    # The limit of the property above: the transform is linear, and not orthogonal.
    picture = noise(12, 10, 3)
    svd = truncated_svd(to_planes(picture, "ycbcr"))
    curve = error_curve(picture, svd, color="ycbcr", ranks=[])
    assert metrics.psnr(to_planes(picture, "ycbcr"), svd.reconstruct(4)) == pytest.approx(curve.psnr[3])
    assert abs(metrics.psnr(picture, from_planes(svd.reconstruct(4), "ycbcr")) - curve.psnr[3]) > 0.5


@given(pictures(longest=16, dtypes=st.just(np.float64)))
def test_clipping_can_only_help(picture):
    # So the measured PSNR loses at most what rounding to 8 bits costs: half a level at each pixel, by the triangle
    # inequality of the root mean square.
    curve = error_curve(picture)
    root = np.sqrt(10.0 ** (-curve.psnr[curve.measured] / 10))
    worst = -20 * np.log10(root + 0.5 / 255 + 1e-7)
    assert (curve.psnr_measured[curve.measured] >= worst).all()


# --- which ranks are measured


def test_by_default_the_classic_ranks_and_a_geometric_grid_are_measured():
    curve = error_curve(noise(120, 110))
    measured = set(curve.k[curve.measured].tolist())
    assert {1, 5, 10, 20, 50, 100} <= measured
    assert {1, 110} <= measured
    assert 15 <= len(measured) <= 25
    assert not np.isnan(curve.psnr_measured).any()


def test_only_the_ranks_asked_for_are_measured_whatever_their_order():
    picture = noise(9, 8)
    curve = error_curve(picture, ranks=iter([5, 2, 5, np.int64(8)]))
    assert curve.k[curve.measured].tolist() == [2, 5, 8]
    everything = error_curve(picture, ranks=range(1, 9))
    assert everything.measured.all()
    np.testing.assert_array_equal(curve.ssim[curve.measured], everything.ssim[curve.measured])


def test_no_ranks_asked_for_measure_nothing():
    curve = error_curve(noise(9, 8), ranks=[])
    assert not curve.measured.any()
    assert np.isnan(curve.psnr_measured).all()


@given(st.integers(1, 4000), st.integers(2, 40))
def test_geometric_ranks_rise_from_one_to_the_highest(highest, count):
    ranks = geometric_ranks(highest, count)
    assert ranks[0] == 1
    assert ranks[-1] == highest
    assert ranks == sorted(set(ranks))
    assert len(ranks) <= count
    assert all(type(k) is int for k in ranks)


def test_the_classic_ranks_are_those_of_the_demonstrations():
    assert CLASSIC_RANKS == (1, 5, 10, 20, 50, 100, 200, 300)
    assert geometric_ranks(0) == []


@pytest.mark.parametrize("ranks", [[0], [1, 9], [-1], [2.5], ["3"]])
def test_a_rank_beyond_the_table_is_refused(ranks):
    with pytest.raises(RankError, match="1 to 8"):
        error_curve(noise(9, 8), ranks=ranks)


# --- factors that are given


def test_given_factors_are_used_and_end_the_table():
    picture = noise(20, 16, 3).astype(np.float32)
    full = truncated_svd(to_planes(picture, "rgb"))
    whole = error_curve(picture, color="rgb", ranks=[2, 5])
    given_ = error_curve(picture, full, color="rgb", ranks=[2, 5])
    short = error_curve(picture, full.truncate(6), color="rgb", ranks=[2, 5])
    assert short.k.tolist() == [1, 2, 3, 4, 5, 6]
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(given_, name), getattr(whole, name))
        np.testing.assert_allclose(getattr(short, name), getattr(whole, name)[:6], rtol=1e-9)
    with pytest.raises(RankError, match="1 to 6"):
        error_curve(picture, full.truncate(6), color="rgb", ranks=[7])


@pytest.mark.parametrize(
    ("shape", "color"), [((1, 8, 9), "gray"), ((9, 8), "gray"), ((3, 9, 8), "gray"), ((1, 9, 8), "rgb")]
)
def test_factors_of_another_picture_are_refused(shape, color):
    with pytest.raises(ValueError, match="shape"):
        error_curve(noise(9, 8), truncated_svd(noise(*shape)), color=color, ranks=[])


def test_factors_that_hold_nothing_give_an_empty_table():
    curve = error_curve(noise(9, 8), truncated_svd(noise(1, 9, 8), 0))
    assert curve.k.tolist() == []


def test_progress_rises_to_one():
    shares = []
    error_curve(noise(9, 8), ranks=[1, 3, 5, 8], progress=shares.append)
    assert shares == sorted(set(shares))
    assert (len(shares), shares[-1]) == (5, 1.0)  # one tile of PSNR at every rank, then SSIM at four
    shares.clear()
    error_curve(noise(40, 30, 3), color="rgb", progress=shares.append)
    assert shares == sorted(set(shares))
    assert shares[-1] == 1
    assert len(shares) > 5


# --- CSV


@given(small, colors)
def test_the_csv_reads_back_as_the_table(picture, color):
    r = min(picture.shape[:2])
    curve = error_curve(picture, color=color, ranks={1, r})
    rows = list(csv.DictReader(io.StringIO(curve.to_csv())))
    assert list(rows[0]) == COLUMNS
    assert len(rows) == r
    for name in COLUMNS:
        read = [float(row[name]) if row[name] else np.nan for row in rows]
        np.testing.assert_array_equal(read, getattr(curve, name))


def test_figures_that_were_not_measured_are_empty_cells():
    text = error_curve(noise(5, 4), ranks=[2]).to_csv()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [bool(row["ssim"]) for row in rows] == [False, True, False, False]
    assert all(row["psnr_measured"] for row in rows)
    assert "nan" not in text
    assert text.count("\n") == 5
    assert "\r" not in text
    assert rows[0]["k"] == "1"
    assert rows[-1]["psnr"] == "inf"


@pytest.mark.parametrize(
    "picture", [np.zeros((6, 5)), np.ones((6, 5)), np.zeros((1, 1)), np.full((1, 7, 3), 0.5), noise(2, 2)]
)
def test_black_plain_and_tiny_pictures_have_a_table(picture):
    for color in COLORS:
        curve = error_curve(picture, color=color)
        for name in set(COLUMNS) - {"ssim", "psnr_measured"}:
            assert not np.isnan(getattr(curve, name)).any()
        assert curve.energy[-1] == 1
        assert curve.measured.all()
