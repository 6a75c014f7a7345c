"""How far a picture is from its reference: scikit-image's figures, defined for every picture."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import metrics as outside
from strategies import pairs, pictures

from lowrank import metrics
from lowrank.svd import exact_svd

ALL = (metrics.mse, metrics.psnr, metrics.ssim, metrics.relative_error, metrics.spectral_error, metrics.difference)


# --- against scikit-image


@given(pairs(shortest=7))
def test_psnr_is_that_of_scikit_image(pair):
    reference, image = (x.astype(np.float64) for x in pair)
    with np.errstate(divide="ignore"):
        expected = outside.peak_signal_noise_ratio(reference, image, data_range=1)
    assert metrics.psnr(*pair) == pytest.approx(expected, abs=1e-9)


@given(pairs(shortest=7))
def test_ssim_is_that_of_scikit_image(pair):
    reference, image = (x.astype(np.float64) for x in pair)
    axis = 2 if reference.ndim == 3 else None
    expected = outside.structural_similarity(reference, image, data_range=1, channel_axis=axis)
    assert metrics.ssim(*pair) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("shape", [(66, 246), (67, 247), (130, 500), (300, 40), (7, 700), (90, 300, 3)], ids=str)
def test_ssim_of_a_picture_of_several_tiles_is_that_of_scikit_image(shape):
    rng = np.random.default_rng(0)
    reference = rng.random(shape).astype(np.float32)
    image = np.clip(reference + 0.1 * rng.standard_normal(shape), 0, 1)
    axis = 2 if reference.ndim == 3 else None
    expected = outside.structural_similarity(reference.astype(float), image, data_range=1, channel_axis=axis)
    assert metrics.ssim(reference, image) == pytest.approx(expected, abs=1e-12)


def ssim_by_the_paper(x, y, side):
    """Wang et al. 2004, equation 13, over every side x side window; sample covariance as scikit-image's default."""
    x, y = (np.lib.stride_tricks.sliding_window_view(z, (side, side)).reshape(-1, side * side) for z in (x, y))
    unbiased = side * side / (side * side - 1)
    covariance = ((x - x.mean(1, keepdims=True)) * (y - y.mean(1, keepdims=True))).mean(1) * unbiased
    variances = (x.var(1) + y.var(1)) * unbiased
    luminance = (2 * x.mean(1) * y.mean(1) + 0.01**2) / (x.mean(1) ** 2 + y.mean(1) ** 2 + 0.01**2)
    return float((luminance * (2 * covariance + 0.03**2) / (variances + 0.03**2)).mean())


@pytest.mark.parametrize(
    ("shape", "side"), [((20, 9), 7), ((7, 7), 7), ((6, 6), 5), ((5, 30), 5), ((40, 4), 3), ((3, 5), 3)]
)
def test_ssim_is_the_formula_over_the_largest_odd_window_that_fits(shape, side):
    rng = np.random.default_rng(0)
    x, y = rng.random((2, *shape))
    assert metrics.ssim(x, y) == pytest.approx(ssim_by_the_paper(x, y, side), abs=1e-12)


@given(pairs(shortest=1, longest=9, channels=(3,)))
def test_ssim_of_a_color_picture_is_the_mean_over_its_channels(pair):
    reference, image = pair
    channels = [metrics.ssim(reference[..., c], image[..., c]) for c in range(3)]
    assert metrics.ssim(reference, image) == pytest.approx(np.mean(channels), abs=1e-9)


@given(pairs())
def test_mse_is_that_of_scikit_image_and_symmetric(pair):
    reference, image = (x.astype(np.float64) for x in pair)
    assert metrics.mse(reference, image) == pytest.approx(outside.mean_squared_error(reference, image), abs=1e-15)
    assert metrics.mse(reference, image) == metrics.mse(image, reference)
    assert metrics.psnr(reference, image) == metrics.psnr(image, reference)
    assert metrics.ssim(reference, image) == pytest.approx(metrics.ssim(image, reference), abs=1e-9)


@given(pairs())
def test_relative_error_is_the_root_of_scikit_images_normalized_one(pair):
    reference, image = (x.astype(np.float64) for x in pair)
    if not reference.any():
        expected = np.inf if image.any() else 0
    else:
        expected = outside.normalized_root_mse(reference, image, normalization="euclidean")
    assert metrics.relative_error(reference, image) == pytest.approx(expected, abs=1e-12)


# --- spectral error


@given(pictures(channels=(None,), dtypes=st.just(np.float64)), st.data())
def test_spectral_error_of_a_truncated_svd_is_the_next_singular_value_over_the_first(picture, data):
    svd = exact_svd(picture)
    k = data.draw(st.integers(0, svd.rank - 1))
    expected = svd.s[k] / svd.s[0] if picture.any() else 0
    assert metrics.spectral_error(picture, svd.reconstruct(k)) == pytest.approx(expected, abs=1e-12)


def test_spectral_error_of_a_color_picture_is_that_of_its_worst_channel():
    reference = np.zeros((3, 3, 3))
    reference[..., 0], reference[..., 1], reference[..., 2] = np.eye(3), 0.5 * np.eye(3), 1
    image = reference.copy()
    image[0, 0, 0], image[0, 0, 1] = 0.9, 0.2  # 0.1 of 1 and 0.3 of 0.5
    assert metrics.spectral_error(reference, image) == pytest.approx(0.6)


# --- a defined value for every picture

SHAPES = [(1, 1), (1, 9), (9, 1), (2, 2), (3, 5), (6, 6), (7, 7), (1, 1, 3), (2, 8, 3), (6, 6, 3)]


def odd_pictures(shape):
    rng = np.random.default_rng(1)
    yield from (np.zeros(shape), np.ones(shape), np.full(shape, 0.5), rng.random(shape), 1e-200 * rng.random(shape))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_no_metric_is_ever_nan(shape):
    for reference in odd_pictures(shape):
        for image in odd_pictures(shape):
            for metric in ALL:
                assert not np.isnan(metric(reference, image)).any(), metric.__name__


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_identical_pictures_are_perfect(shape):
    for picture in odd_pictures(shape):
        assert metrics.mse(picture, picture) == 0
        assert metrics.psnr(picture, picture) == math.inf
        assert metrics.ssim(picture, picture) == pytest.approx(1, abs=1e-12)
        assert metrics.relative_error(picture, picture) == 0
        assert metrics.spectral_error(picture, picture) == 0


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("a", "b"), [(0.0, 1.0), (0.2, 0.6), (0.0, 0.3), (1.0, 0.9)])
def test_ssim_of_two_plain_pictures_is_the_luminance_term(shape, a, b):
    # Wang et al. 2004: with no variance only (2ab + c1) / (a^2 + b^2 + c1) is left, c1 = 0.01^2, whatever the window
    expected = (2 * a * b + 0.0001) / (a**2 + b**2 + 0.0001)
    assert metrics.ssim(np.full(shape, a), np.full(shape, b)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("shape", [(1, 6), (2, 9), (2, 2)])
def test_ssim_of_a_picture_too_small_for_windows_sees_it_as_one_window(shape):
    x, y = np.random.default_rng(3).random((2, *shape))
    covariance = np.cov(x.ravel(), y.ravel(), ddof=0)  # the reference: NumPy's covariance matrix
    luminance = (2 * x.mean() * y.mean() + 1e-4) / (x.mean() ** 2 + y.mean() ** 2 + 1e-4)
    expected = luminance * (2 * covariance[0, 1] + 9e-4) / (covariance[0, 0] + covariance[1, 1] + 9e-4)
    assert metrics.ssim(x, y) == pytest.approx(expected)


def test_only_the_reference_being_black_is_an_infinite_relative_error():
    black, grey = np.zeros((4, 4)), np.full((4, 4), 0.5)
    for metric in (metrics.relative_error, metrics.spectral_error):
        assert metric(black, black) == 0
        assert metric(black, grey) == math.inf
        assert metric(grey, black) == pytest.approx(1)


@given(pairs(longest=12))
def test_every_metric_computes_in_float64(pair):
    pair = [x.astype(np.float32) for x in pair]
    for metric in ALL:
        np.testing.assert_array_equal(metric(*pair), metric(*(x.astype(np.float64) for x in pair)))


# --- what is refused


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64, np.bool_])
@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.__name__)
def test_integer_samples_are_refused_before_they_wrap_around(metric, dtype):
    # np.mean((a - b)**2) of uint8 says 0 for 0 against 16, where the truth is 256
    whole, floats = np.ones((8, 8), dtype), np.ones((8, 8))
    for pair in ((whole, whole), (whole, floats), (floats, whole)):
        with pytest.raises(TypeError, match="255"):
            metric(*pair)


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.__name__)
def test_pictures_of_different_shape_are_refused_and_never_broadcast(metric):
    with pytest.raises(ValueError, match="shape"):
        metric(np.ones((8, 8)), np.ones((8, 1)))
    with pytest.raises(ValueError, match="shape"):
        metric(np.ones((8, 8, 3)), np.ones((8, 8)))


# --- the picture of the difference

BLUE, WHITE, RED = (np.array(x) / 255 for x in ([0x21, 0x66, 0xAC], [0xF7, 0xF7, 0xF7], [0xB2, 0x18, 0x2B]))


def color_of(levels, background=0.5):
    """The colour that a pixel `levels` brighter than the reference gets, in a picture that is otherwise unchanged."""
    reference = np.full((5, 4), background)
    image = reference.copy()
    image[2, 1] += levels / 255
    return metrics.difference(reference, image)[2, 1]


@given(pictures())
def test_where_nothing_differs_the_difference_is_white(picture):
    drawn = metrics.difference(picture, picture)
    assert drawn.shape == (*picture.shape[:2], 3)
    assert drawn.dtype == np.float32
    np.testing.assert_allclose(drawn, np.broadcast_to(WHITE, drawn.shape), atol=1e-6)


def test_darker_is_blue_and_brighter_is_red():
    for levels in (4, 16, 32):
        assert color_of(-levels)[2] > color_of(-levels)[0] + 0.05
        assert color_of(levels)[0] > color_of(levels)[2] + 0.05
    np.testing.assert_allclose(color_of(-metrics.DIFFERENCE_LIMIT), BLUE, atol=1e-6)
    np.testing.assert_allclose(color_of(metrics.DIFFERENCE_LIMIT), RED, atol=1e-6)


def test_half_of_the_limit_is_half_of_the_way_from_white():
    np.testing.assert_allclose(color_of(16), (WHITE + RED) / 2, atol=1e-6)
    np.testing.assert_allclose(color_of(-8), WHITE + (BLUE - WHITE) / 4, atol=1e-6)


def test_the_scale_ends_at_the_limit():
    np.testing.assert_allclose(color_of(100), RED, atol=1e-6)
    np.testing.assert_allclose(color_of(-100), BLUE, atol=1e-6)
    assert abs(color_of(metrics.DIFFERENCE_LIMIT - 1) - RED).max() > 0.005


@given(pictures(shortest=2), st.floats(-32, 32))
def test_the_scale_is_fixed_whatever_the_picture(picture, levels):
    image = picture.astype(np.float64)
    changed = image.copy()
    changed[0, 0] += levels / 255
    changed[-1, -1] = 40  # an outlier, which a scale of the picture's own would follow
    np.testing.assert_allclose(metrics.difference(image, changed)[0, 0], color_of(levels), atol=1e-6)


def test_of_a_color_picture_the_channel_that_differs_most_is_drawn():
    reference = np.full((1, 2, 3), 0.5)
    image = reference + np.array([[[1, -9, 4], [-1, 2, 0]]]) / 255
    expected = metrics.difference_colors(np.array([[-9.0, 2.0]]))
    np.testing.assert_allclose(metrics.difference(reference, image), expected, atol=1e-6)
