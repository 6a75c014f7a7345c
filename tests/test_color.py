"""Pictures as planes and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from strategies import pictures, seeds

from lowrank.color import COLORS, LUMA, displayed, from_planes, to_levels, to_planes
from lowrank.svd import exact_svd

in_color = pytest.mark.parametrize("color", ["rgb", "ycbcr"])
every_color = pytest.mark.parametrize("color", COLORS)
color_pictures = pictures(channels=(3,))


def slack(picture):
    return 1e-6 if picture.dtype == np.float32 else 1e-14


def bytes_picture(seed, h=23, w=17):
    return np.random.default_rng(seed).integers(0, 256, (h, w, 3), np.uint8)


def test_the_arrangements_are_the_three_that_are_documented():
    assert COLORS == ("gray", "rgb", "ycbcr")


# --- there and back


@in_color
@given(color_pictures)
def test_a_color_picture_comes_back_from_its_planes(color, picture):
    planes = to_planes(picture, color)
    assert planes.shape == (3, *picture.shape[:2])
    assert planes.dtype == picture.dtype
    assert planes.flags.c_contiguous
    back = from_planes(planes, color)
    assert back.dtype == picture.dtype
    np.testing.assert_allclose(back, picture, rtol=0, atol=slack(picture))


@given(color_pictures)
def test_rgb_planes_are_the_channels_bit_by_bit(picture):
    planes = to_planes(picture, "rgb")
    for c in range(3):
        np.testing.assert_array_equal(planes[c], picture[..., c])
    np.testing.assert_array_equal(from_planes(planes, "rgb"), picture)


@given(pictures(channels=(None,)))
def test_a_grey_picture_is_its_own_plane(picture):
    planes = to_planes(picture)
    np.testing.assert_array_equal(planes, picture[None])
    np.testing.assert_array_equal(from_planes(planes), picture)
    assert planes.dtype == picture.dtype


@in_color
@given(pictures(channels=(None,)))
def test_a_grey_picture_asked_for_in_color_has_equal_channels(color, picture):
    back = from_planes(to_planes(picture, color), color)
    np.testing.assert_allclose(back, np.repeat(picture[..., None], 3, 2), rtol=0, atol=slack(picture))


@given(color_pictures)
def test_grey_loses_color_and_keeps_luma(picture):
    grey = to_planes(picture, "gray")
    assert grey.shape == (1, *picture.shape[:2])
    np.testing.assert_allclose(grey, to_planes(picture, "ycbcr")[:1], rtol=0, atol=slack(picture))


# --- against Pillow


@given(seeds)
def test_ycbcr_is_that_of_pillow_within_its_rounding(seed):
    levels = bytes_picture(seed)
    expected = np.asarray(Image.fromarray(levels).convert("YCbCr"), np.float64)  # the reference: Pillow, JFIF
    found = np.moveaxis(to_planes(levels / 255, "ycbcr"), 0, 2) * 255 + [0, 128, 128]
    assert (found - expected).min() > -0.05  # Pillow rounds down, and its table of weights is coarse
    assert (found - expected).max() < 1.01


@given(seeds)
def test_grey_is_the_luma_of_pillow_within_its_rounding(seed):
    levels = bytes_picture(seed)
    expected = np.asarray(Image.fromarray(levels).convert("L"), np.float64)  # the reference: Pillow, ITU-R 601
    assert abs(to_planes(levels / 255, "gray")[0] * 255 - expected).max() <= 0.51


def test_the_primaries_have_the_published_figures():
    # ITU-R BT.601: Kr = 0.299, Kb = 0.114; chroma spans -0.5 to 0.5.
    planes = to_planes(np.eye(3)[None], "ycbcr")[:, 0]
    np.testing.assert_allclose(planes[0], [0.299, 0.587, 0.114], atol=1e-12)
    np.testing.assert_allclose(planes[1], [-0.168736, -0.331264, 0.5], atol=1e-6)
    np.testing.assert_allclose(planes[2], [0.5, -0.418688, -0.081312], atol=1e-6)
    assert LUMA.sum() == pytest.approx(1)


@given(pictures(channels=(None,)))
def test_grey_has_no_chroma(picture):
    planes = to_planes(np.repeat(picture[..., None], 3, 2), "ycbcr")
    np.testing.assert_allclose(planes[0], picture, rtol=0, atol=slack(picture))
    np.testing.assert_allclose(planes[1:], 0, atol=slack(picture))


# --- linear


@every_color
@given(pictures(channels=(3,), dtypes=st.just(np.float64)), st.floats(-2, 2), st.floats(-2, 2), seeds)
def test_every_arrangement_is_linear(color, picture, a, b, seed):
    other = np.random.default_rng(seed).random(picture.shape)
    mixed = to_planes(a * picture + b * other, color)
    np.testing.assert_allclose(mixed, a * to_planes(picture, color) + b * to_planes(other, color), atol=1e-12)


@given(color_pictures)
def test_a_rank_k_stack_of_ycbcr_planes_is_a_picture_of_rank_at_most_3k(picture):
    # What linearity buys: each channel is a mix of three planes of rank 1.
    image = from_planes(exact_svd(to_planes(picture, "ycbcr")).reconstruct(1), "ycbcr")
    s = np.linalg.svd(np.moveaxis(image.astype(np.float64), 2, 0), compute_uv=False)
    assert (s[:, 3:] <= 1e-5 * max(s.max(), 1)).all()


# --- what a screen shows


@given(pictures())
def test_a_shown_picture_lies_on_the_256_levels(picture):
    shown = displayed(1.5 * picture - 0.25)
    assert shown.dtype == np.float32
    np.testing.assert_array_equal(np.rint(shown * 255) / np.float32(255), shown)
    assert abs(shown - np.clip(1.5 * picture.astype(np.float64) - 0.25, 0, 1)).max() <= 0.5 / 255 + 1e-6
    np.testing.assert_array_equal(displayed(shown), shown)


def test_levels_are_rounded_and_clipped_and_never_wrap_around():
    # astype(uint8) alone turns 260.7 into 4 and cuts 254.9 to 254
    image = np.array([-3.0, -0.001, 0.4 / 255, 0.6 / 255, 254.4 / 255, 254.9 / 255, 260.7 / 255, 9.0])
    levels = to_levels(image)
    assert levels.dtype == np.uint8
    assert levels.tolist() == [0, 0, 0, 1, 254, 255, 255, 255]


def test_every_level_comes_back_from_its_own_value():
    for dtype in (np.float32, np.float64):
        assert to_levels(np.arange(256, dtype=dtype) / 255).tolist() == list(range(256))


# --- what is refused


@pytest.mark.parametrize("shape", [(4,), (4, 4, 1), (4, 4, 2), (4, 4, 4), (3, 4, 4), (2, 4, 4, 3)])
def test_only_pictures_have_planes(shape):
    with pytest.raises(ValueError, match="shape"):
        to_planes(np.ones(shape), "rgb")


@pytest.mark.parametrize(
    ("shape", "color"), [((4, 4), "gray"), ((3, 4, 4), "gray"), ((1, 4, 4), "rgb"), ((4, 4, 3), "ycbcr")]
)
def test_only_stacks_that_fit_the_arrangement_are_pictures(shape, color):
    with pytest.raises(ValueError, match=color):
        from_planes(np.ones(shape), color)


@pytest.mark.parametrize("color", ["grey", "RGB", "", None])
def test_an_unknown_arrangement_is_refused_by_name(color):
    for turn in (to_planes, from_planes):
        with pytest.raises(ValueError, match="gray, rgb, ycbcr"):
            turn(np.ones((3, 4, 3)), color)


@every_color
def test_integer_samples_are_refused(color):
    with pytest.raises(TypeError, match="255"):
        to_planes(np.full((2, 2, 3), 200, np.uint8), color)


def test_integer_samples_are_not_taken_for_white():
    with pytest.raises(TypeError, match="255"):
        to_levels(np.full((2, 2), 100, np.uint8))
