"""The shown picture's PSNR at every rank: the direct way's, at every rank, up to pixels that round to either side."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowrank import distortion, metrics
from lowrank.allot import picture_svd
from lowrank.color import COLORS, displayed, from_planes, to_planes
from lowrank.curves import error_curve
from lowrank.distortion import measured_psnr
from lowrank.svd import SVD, exact_svd

KINDS = ("noise", "smooth", "8 bit", "two levels", "constant", "black", "white", "overshooting")
colors = st.sampled_from(COLORS)
float_types = st.sampled_from([np.float32, np.float64])


@st.composite
def pictures(draw, dtypes=float_types, longest=40):
    """A picture (h, w) or (h, w, 3), single rows and columns among them."""
    side = st.integers(1, longest)
    h, w = draw(st.one_of(st.tuples(side, side), st.tuples(st.just(1), side), st.tuples(side, st.just(1))))
    shape = (h, w, *draw(st.sampled_from([(), (3,)])))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(KINDS))
    if kind == "noise":
        picture = rng.random(shape)
    elif kind == "smooth":
        picture = 0.5 + 0.5 * np.sin(np.add.outer(np.arange(h) / 9, np.arange(w) / 7)).reshape(h, w, 1)
        picture = np.broadcast_to(picture, (*shape[:2], 3))[..., 0] if len(shape) == 2 else picture * rng.random(3)
    elif kind == "8 bit":
        picture = rng.integers(0, 256, shape) / 255
    elif kind == "two levels":  # their mean is a tie where their sum is odd
        picture = rng.integers(0, 256, 2)[rng.integers(0, 2, shape)] / 255
    elif kind == "overshooting":  # edges: truncation rings far beyond black and white
        picture = (rng.random(shape) > 0.7).astype(float)
    else:
        picture = np.full(shape, {"constant": rng.integers(0, 511) / 510, "black": 0.0, "white": 1.0}[kind])
    return picture.astype(draw(dtypes))


def directly(picture, svd, color):
    """The definition: each rank reconstructed, shown and measured."""
    reference = from_planes(to_planes(picture, color), color)
    shown = (displayed(from_planes(svd.reconstruct(k), color)) for k in range(1, svd.rank + 1))
    return np.array([metrics.psnr(reference, one) for one in shown])


def assert_close(found, expected, decibels):
    """Equal within so many dB up to 100 dB; beyond, single precision cannot tell a picture from its original."""
    np.testing.assert_allclose(np.minimum(found, 100), np.minimum(expected, 100), rtol=0, atol=decibels)


def squared_bounds(picture, svd, color):
    """Least and greatest sum of squared errors that each rank can have if sums of components are off by rounding."""
    reference = from_planes(to_planes(picture, color), color).astype(np.float64)
    mixing = np.abs(from_planes(np.eye(len(svd.s))[:, :, None], color).reshape(len(svd.s), -1)).T
    eps = np.finfo(svd.U.dtype).eps
    U, s, Vt = (x.astype(np.float64) for x in (svd.U, svd.s, svd.Vt))
    for k in range(1, svd.rank + 1):
        exact = from_planes((U[..., :k] * s[..., None, :k]) @ Vt[..., :k, :], color)
        size = (np.abs(U[..., :k]) * s[..., None, :k]) @ np.abs(Vt[..., :k, :])
        size = np.moveaxis(np.tensordot(mixing, size, 1), 0, -1).reshape(reference.shape)
        slack = (3 * k + 6) * eps * size + np.finfo(np.float32).eps  # three planes at most; `displayed` is in float32
        ends = [np.square(reference - displayed(exact + sign * slack).astype(np.float64)) for sign in (-1, 1)]
        yield np.minimum(*ends).sum(), np.maximum(*ends).sum()


@settings(max_examples=100, deadline=None)
@given(pictures(), colors)
def test_it_is_the_direct_way_at_every_rank_where_no_pixel_lies_between_two_levels(picture, color):
    svd = exact_svd(to_planes(picture, color))
    clear = [least == greatest for least, greatest in squared_bounds(picture, svd, color)]
    found, expected = measured_psnr(picture, svd, color=color), directly(picture, svd, color)
    assert_close(found[clear], expected[clear], 1e-3)  # a single pixel's error may be one level, known to 1e-5 of it


@settings(max_examples=100, deadline=None)
@given(pictures(), colors)
def test_only_pixels_between_two_levels_may_differ_from_exact_sums(picture, color):
    svd = exact_svd(to_planes(picture, color))
    found = measured_psnr(picture, svd, color=color)
    size = picture.shape[0] * picture.shape[1] * (1 if color == "gray" else 3)
    for k, (least, greatest) in enumerate(squared_bounds(picture, svd, color)):
        assert least * (1 - 1e-4) - 1e-10 * size <= size * 10 ** (-found[k] / 10), f"rank {k + 1}"
        assert size * 10 ** (-found[k] / 10) <= greatest * (1 + 1e-4) + 1e-10 * size, f"rank {k + 1}"


@pytest.mark.slow
@pytest.mark.parametrize("color", COLORS)
def test_a_larger_picture_differs_by_less_than_a_ten_thousandth_of_a_db(color):
    rng = np.random.default_rng(3)
    for dtype in (np.float32, np.float64):
        picture = (rng.integers(0, 256, (300, 310, 3)) / 255).astype(dtype)
        svd = exact_svd(to_planes(picture, color)).truncate(120)
        assert_close(measured_psnr(picture, svd, color=color), directly(picture, svd, color), 1e-4)


@pytest.mark.parametrize("color", COLORS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_identical_is_infinite(color, dtype):
    for shape in ((1, 1), (5, 4), (1, 9), (9, 1, 3)):
        picture = np.zeros(shape, dtype)
        assert np.isposinf(measured_psnr(picture, exact_svd(to_planes(picture, color)), color=color)).all()
    levels = (np.random.default_rng(0).integers(0, 256, (12, 9, 3)) / np.float32(255)).astype(np.float32)
    if color != "ycbcr":  # there the original itself is off by rounding
        picture = levels if color == "rgb" else levels[..., 0]
        found = measured_psnr(picture, exact_svd(to_planes(picture, color)), color=color)
        assert np.isposinf(found[-1])
        assert np.isfinite(found[0])


def test_a_picture_far_out_of_range_is_clipped():
    picture = np.full((6, 5), 0.5)
    U, Vt = np.ones((1, 6, 1)), np.ones((1, 1, 5))
    for s, psnr in ((7.0, metrics.psnr(picture, np.ones((6, 5)))), (-7.0, metrics.psnr(picture, np.zeros((6, 5))))):
        assert measured_psnr(picture, SVD(U, np.array([[s]]), Vt, 1.0)) == pytest.approx([psnr])


# --- tiles, threads, progress


@pytest.fixture
def small_tiles(monkeypatch):
    monkeypatch.setattr(distortion, "_TILE", 60)
    monkeypatch.setattr(distortion, "_WIDTH", 13)


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("color", COLORS)
@pytest.mark.parametrize("shape", [(31, 40), (40, 31, 3), (1, 50), (50, 1, 3), (7, 13), (5, 12)])
def test_tiles_cover_every_pixel_once(shape, color):
    picture = np.random.default_rng(1).random(shape)
    svd = exact_svd(to_planes(picture, color))
    assert_close(measured_psnr(picture, svd, color=color), directly(picture, svd, color), 1e-3)


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("color", COLORS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threads_change_no_bit(color, dtype):
    picture = np.random.default_rng(2).random((50, 60, 3)).astype(dtype)
    svd = exact_svd(to_planes(picture, color))
    one, two, five = (measured_psnr(picture, svd, color=color, threads=n) for n in (1, 2, 5))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(one, five)


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("threads", [1, 2])
def test_progress_rises_to_one_in_the_thread_that_asked(threads):
    picture = np.random.default_rng(2).random((50, 60))
    shares, asked = [], set()

    def progress(share):
        shares.append(share)
        asked.add(threading.get_ident())

    measured_psnr(picture, exact_svd(to_planes(picture)), progress=progress, threads=threads)
    assert shares == sorted(set(shares))
    assert len(shares) > 10
    assert shares[-1] == 1
    assert asked == {threading.get_ident()}


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("threads", [1, 2])
def test_what_progress_raises_ends_the_measurement(threads, monkeypatch):
    picture = np.random.default_rng(2).random((200, 300))
    svd = exact_svd(to_planes(picture))
    measured, original = [], distortion._squared_errors

    def counted(*args):
        measured.append(1)
        return original(*args)

    def stop(share):
        raise InterruptedError(share)

    monkeypatch.setattr(distortion, "_squared_errors", counted)
    running = threading.active_count()
    with pytest.raises(InterruptedError):
        measured_psnr(picture, svd, progress=stop, threads=threads)
    assert len(measured) <= 2 * threads  # of more than a thousand: those begun when the first was done
    assert threading.active_count() == running


def test_factors_of_another_picture_are_refused_and_empty_ones_give_nothing():
    picture = np.random.default_rng(2).random((9, 8))
    svd = exact_svd(to_planes(picture))
    with pytest.raises(ValueError, match="shape"):
        measured_psnr(picture.T, svd)
    with pytest.raises(ValueError, match="shape"):
        measured_psnr(picture, svd, color="rgb")
    assert measured_psnr(picture, svd.truncate(0)).shape == (0,)


@given(pictures(), colors)
@settings(max_examples=20, deadline=None)
def test_truncation_takes_the_end_off(picture, color):
    svd = exact_svd(to_planes(picture, color))
    k = (svd.rank + 1) // 2
    np.testing.assert_array_equal(
        measured_psnr(picture, svd.truncate(k), color=color), measured_psnr(picture, svd, color=color)[:k]
    )


# --- in the table


def test_the_table_knows_it_at_every_rank_and_ssim_at_some():
    picture = np.random.default_rng(4).random((60, 50, 3))
    for color in COLORS:
        curve = error_curve(picture, color=color)
        np.testing.assert_array_equal(
            curve.psnr_measured, measured_psnr(picture, picture_svd(picture, color), color=color)
        )
        assert not curve.measured.all()
        np.testing.assert_array_equal(curve.measured, ~np.isnan(curve.ssim))


def test_the_table_measures_nothing_where_no_rank_is_asked_for():
    curve = error_curve(np.random.default_rng(4).random((6, 5)), ranks=())
    assert np.isnan(curve.psnr_measured).all()
    assert not curve.measured.any()


def test_the_tables_progress_rises_to_one_and_can_cancel():
    picture, shares = np.random.default_rng(4).random((60, 50)), []
    error_curve(picture, progress=shares.append)
    assert shares == sorted(set(shares))
    assert shares[-1] == 1

    def stop(share):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        error_curve(picture, progress=stop)
