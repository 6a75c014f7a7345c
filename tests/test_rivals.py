"""The rivals: what is said of a file is what the file holds, and the benchmark says the same."""

import importlib.util
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lowrank import decode, metrics, read_image
from lowrank.errors import LowrankError
from lowrank.rivals import CODECS, decoded, rate, rate_curve, same_bytes, same_psnr

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module", params=["gray", "color"])
def photo(request):
    """A part of a photograph."""
    return read_image(ROOT / "sample_images" / "coffee.jpg", gray=request.param == "gray")[100:196, 200:328]


@pytest.fixture(scope="module")
def benchmark():
    """The benchmark of quality, as a module."""
    spec = importlib.util.spec_from_file_location("quality", ROOT / "benchmarks" / "quality.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("codec", [name for name in CODECS if name != "png"])
def test_same_bytes_and_same_psnr(photo, codec):
    data = same_bytes(photo, codec, 4000)
    assert 2000 < len(data) <= 4000
    data = same_psnr(photo, codec, 32)
    assert 31.9 <= metrics.psnr(photo, decoded(data, codec, gray=photo.ndim == 2)) < 34


@pytest.mark.parametrize("codec", ["jpeg", "webp", "avif"])
def test_a_side_longer_than_a_format_counts_is_said(codec):
    with pytest.raises(LowrankError, match="cannot hold a picture of 70000 x 4"):
        same_psnr(np.zeros((4, 70_000), np.float32), codec, 30)


def test_same_psnr_is_the_smallest_jpeg_that_reaches_it(photo):
    best = same_psnr(photo, "jpeg", 33)
    sizes = []
    for quality in range(1, 101):
        stream = io.BytesIO()
        Image.fromarray(np.rint(255 * photo).astype(np.uint8)).save(stream, "JPEG", quality=quality, optimize=True)
        if metrics.psnr(photo, read_image(stream.getvalue())) >= 33:
            sizes.append(len(stream.getvalue()))
    assert len(best) == min(sizes)


def test_what_cannot_be_had(photo):
    with pytest.raises(LowrankError, match="PNG makes no file of 100 bytes"):
        same_bytes(photo, "png", 100)
    with pytest.raises(LowrankError, match="WebP does not reach 90 dB"):
        same_psnr(photo, "webp", 90)
    assert rate(photo, "png", same_psnr(photo, "png", 50)).psnr > 50


@pytest.mark.parametrize("codec", ["whole", "patches", "jpeg", "webp", "avif"])
def test_a_curve_rises(photo, codec):
    qualities = CODECS[codec].qualities
    curve = rate_curve(photo, codec, [qualities[i * (len(qualities) - 10) // 3] for i in range(4)])
    assert [one.bytes for one in curve] == sorted(one.bytes for one in curve)
    assert [one.psnr for one in curve] == sorted(one.psnr for one in curve)
    for one in curve:
        assert one.bits_per_pixel == 8 * one.bytes / (96 * 128)


@pytest.mark.slow
def test_the_chart_and_the_benchmark_say_the_same(photo, benchmark, tmp_path):
    for codec in ("whole", "patches", "jpeg"):
        chart, files = rate_curve(photo, codec, benchmark.QUALITIES[codec]), benchmark.curve(photo, codec, tmp_path)
        assert [one[:3] for one in chart] == [one[:3] for one in files]
        # what a file is decoded to is a product of floats: where a picture lies in memory may round one level otherwise
        assert np.allclose([one[3:] for one in chart], [one[3:] for one in files], rtol=0, atol=1e-4)


def test_what_lrk_says_of_a_file_is_what_it_is_decoded_to(photo):
    for codec in ("whole", "patches"):
        data, picture = CODECS[codec].both(photo)(1900)
        assert data == CODECS[codec].prepare(photo)(1900)
        assert np.abs(decode(data) - picture).max() < 1e-5


def test_the_rate_of_bjontegaard(benchmark):
    curve = [benchmark.Rate(q, 0, 0.1 * 2**q, 20 + 4 * q, 0.5 + 0.05 * q) for q in range(5)]
    half = [one._replace(bits_per_pixel=one.bits_per_pixel / 2) for one in curve]
    assert benchmark.bd_rate(curve, curve) == pytest.approx(0)
    assert benchmark.bd_rate(curve, half) == pytest.approx(-0.5, abs=0.01)
    assert benchmark.bd_rate(half, curve, "ssim") == pytest.approx(1, abs=0.05)


def test_patches_beat_jpeg_here_and_the_whole_does_not_by_much(photo, benchmark, tmp_path):
    curves = {codec: benchmark.curve(photo, codec, tmp_path) for codec in ("jpeg", "patches", "whole")}
    assert benchmark.bd_rate(curves["jpeg"], curves["patches"]) < -0.3
    assert benchmark.bd_rate(curves["jpeg"], curves["whole"]) < 0.3
