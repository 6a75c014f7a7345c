"""Thumbnails for the gallery: size, format, and how near to the picture they are."""

import io

import numpy as np
import pytest
from PIL import Image

from app.ui import encode


def opened(data):
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize("shape", [(500, 300, 3), (300, 500), (1, 1), (7, 1000, 3), (192, 192)])
def test_thumbnails_are_the_middle_square(shape):
    image = np.zeros(shape)
    h, w = shape[:2]
    d = min(h, w)
    image[(h - d) // 2 : (h - d) // 2 + d, (w - d) // 2 : (w - d) // 2 + d] = 1
    picture = opened(encode.thumbnail(image))
    assert picture.width == picture.height <= 192
    assert np.asarray(picture).min() >= 250


def test_a_thumbnail_is_small():
    rng = np.random.default_rng(0)
    assert len(encode.thumbnail(rng.random((1000, 1500, 3)))) < 120_000


@pytest.mark.parametrize("channels", [(), (3,)])
def test_a_small_picture_is_encoded_as_it_is(channels):
    y, x = np.mgrid[0:1:100j, 0:1:100j]
    image = np.broadcast_to(
        (0.5 + 0.3 * np.sin(5 * x) * np.cos(4 * y)).reshape(100, 100, *[1 for _ in channels]), (100, 100, *channels)
    )
    picture = opened(encode.thumbnail(image))
    assert picture.format == "JPEG"
    assert picture.size == (100, 100)
    assert picture.mode == ("RGB" if channels else "L")
    assert np.abs(np.asarray(picture, float) - 255 * image).max() < 8


def test_averaging_is_by_area():
    checkers = np.indices((768, 768)).sum(0) % 2 * 1.0  # any other filter would alias or ring
    assert np.abs(np.asarray(opened(encode.thumbnail(checkers)), float) - 127.5).max() <= 1


def test_values_outside_of_the_range_are_clipped():
    image = np.array([[-3.0, 4.0]] * 2).repeat(60, 1).repeat(60, 0)
    picture = np.asarray(opened(encode.thumbnail(image)), int)
    assert picture[:, :50].max() <= 2
    assert picture[:, 70:].min() >= 253


def test_the_same_picture_gives_the_same_bytes():
    image = np.random.default_rng(0).random((90, 60))
    assert encode.thumbnail(image) == encode.thumbnail(image)
