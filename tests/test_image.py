"""What a picture is once it was read: its depth, its colours, its transparency, and which way up."""

import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import bytes_array, chunk, encoded, encoded_palette, exif, exif_block, on_white, png, tiff, words
from odd_pictures import STORED, UPRIGHT
from PIL import Image, ImageOps
from strategies import pictures, seeds

from lowrank.color import displayed, to_planes
from lowrank.image import read_image, to_png

DEEP = np.arange(65536, dtype=np.uint16).reshape(256, 256)  # every 16-bit level once


def check(data, expected, *, atol=1e-6):
    """The picture of `data` is `expected`, as float32 that others may write to."""
    picture = read_image(data)
    assert picture.dtype == np.float32
    assert picture.flags.c_contiguous
    assert picture.flags.writeable
    assert picture.shape == expected.shape
    np.testing.assert_allclose(picture, expected, rtol=0, atol=atol)


# --- 8 bits and fewer


@pytest.mark.parametrize("name", ["PNG", "BMP", "TIFF"])
def test_grey_stays_grey(name):
    levels = bytes_array(5, 7)
    check(encoded(levels, name), levels / 255)


def test_a_grey_gif_is_a_palette_and_so_three_equal_channels():
    levels = bytes_array(5, 7)
    check(encoded(levels, "GIF"), np.repeat(levels[..., None], 3, 2) / 255)


@pytest.mark.parametrize(
    ("name", "options"),
    [("PNG", {}), ("BMP", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}), ("WEBP", {"lossless": True})],
)
def test_lossless_color_is_exact(name, options):
    levels = bytes_array(6, 9, 3)
    check(encoded(levels, name, **options), levels / 255)


@pytest.mark.parametrize(("name", "levels"), [("JPEG", 5), ("WEBP", 8), ("AVIF", 6)])
def test_lossy_color_is_close(name, levels):
    y, x = np.mgrid[0:64, 0:48]
    smooth = np.stack([2 * x + 40, 3 * y, x + y + 60], axis=2).astype(np.uint8)
    check(encoded(smooth, name, quality=95), smooth / 255, atol=levels / 255)


def test_one_bit_is_black_and_white():
    levels = bytes_array(5, 19) > 127
    check(encoded(levels, "PNG"), levels.astype(float))
    check(encoded(levels, "TIFF", compression="group4"), levels.astype(float))


def test_a_palette_becomes_color():
    palette, indices = bytes_array(256, 3, seed=1), bytes_array(6, 8)
    check(png(indices, palette=palette), palette[indices] / 255)
    check(encoded_palette(indices, palette, "GIF"), palette[indices] / 255)
    check(encoded_palette(indices, palette, "BMP"), palette[indices] / 255)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1)])
def test_a_picture_of_one_row_or_column_is_a_picture(size):
    levels = bytes_array(*size)
    check(encoded(levels, "PNG"), levels / 255)


# --- transparency lies on white


def test_alpha_is_laid_on_white():
    levels = bytes_array(7, 5, 4)
    expected = on_white(levels[..., :3] / 255, levels[..., 3] / 255)
    check(encoded(levels, "PNG"), expected)
    check(encoded(levels, "TIFF"), expected)
    check(encoded(levels, "WEBP", lossless=True, exact=True), expected)


def test_grey_with_alpha_stays_grey_on_white():
    levels = bytes_array(7, 5, 2)
    check(encoded(levels, "PNG"), on_white(levels[..., :1] / 255, levels[..., 1] / 255)[..., 0])


def test_nothing_at_all_is_white_and_opaque_is_unchanged():
    levels = bytes_array(4, 4, 4)
    levels[..., 3] = 0
    check(encoded(levels, "PNG"), np.ones((4, 4, 3)))
    levels[..., 3] = 255
    check(encoded(levels, "PNG"), levels[..., :3] / 255)


def test_transparent_palette_entries_are_laid_on_white():
    palette, indices = bytes_array(256, 3, seed=1), bytes_array(6, 8)
    alpha = np.full(256, 255)
    alpha[:3] = 0, 100, 200
    indices[0, :3] = 0, 1, 2
    expected = on_white(palette[indices] / 255, alpha[indices] / 255)
    check(png(indices, chunk(b"tRNS", bytes([0, 100, 200])), palette=palette), expected)


def test_the_transparent_entry_of_a_gif_is_white():
    palette, indices = bytes_array(256, 3, seed=1), bytes_array(6, 8)
    indices[0, 0] = 9
    expected = on_white(palette[indices] / 255, indices != 9)
    check(encoded_palette(indices, palette, "GIF", transparency=9), expected)


@pytest.mark.parametrize("make", [bytes_array, words], ids=["8 bit", "16 bit"])
def test_the_transparent_color_of_a_png_is_white(make):
    samples = make(6, 7, 3)
    samples[2, 3] = samples[4, 5] = samples[0, 0]
    samples[1, 1] = samples[0, 0] ^ np.array([0, 0, 1], samples.dtype)  # a neighbour of it, which stays
    key = chunk(b"tRNS", struct.pack(">3H", *samples[0, 0].tolist()))
    opaque = (samples != samples[0, 0]).any(-1)
    check(png(samples, key), on_white(samples / np.iinfo(samples.dtype).max, opaque))


@pytest.mark.parametrize("make", [bytes_array, words], ids=["8 bit", "16 bit"])
def test_the_transparent_grey_of_a_png_is_white(make):
    samples = make(6, 7)
    samples[0, 0], samples[0, 1], samples[3, 3] = 200, 201, 200
    expected = np.where(samples == 200, 1, samples / np.iinfo(samples.dtype).max)
    check(png(samples, chunk(b"tRNS", struct.pack(">H", 200))), expected)


# --- full depth


def deep_color(channels):
    """All 65536 levels in every channel, each channel in another order."""
    return np.stack([np.roll(DEEP, 1000 * c) for c in range(channels)], axis=2)


def test_16_bit_grey_png_keeps_every_level():
    check(png(DEEP), DEEP / 65535)
    assert np.unique(read_image(png(DEEP))).size == 65536


def test_16_bit_color_png_keeps_every_level():
    samples = deep_color(3)
    check(png(samples), samples / 65535)


def test_16_bit_color_png_with_alpha_keeps_every_level():
    samples = deep_color(4)
    check(png(samples), on_white(samples[..., :3] / 65535, samples[..., 3] / 65535))
    samples[..., 3] = 65535
    check(png(samples), samples[..., :3] / 65535)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_interlaced_16_bit_png_keeps_every_level(channels):
    samples = deep_color(channels)
    np.testing.assert_array_equal(read_image(png(samples, interlaced=True)), read_image(png(samples)))


def test_16_bit_grey_png_with_alpha_keeps_every_level():
    samples = deep_color(2)
    check(png(samples), on_white(samples[..., :1] / 65535, samples[..., 1] / 65535)[..., 0])
    samples[..., 1] = 65535
    check(png(samples), samples[..., 0] / 65535)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}], ids=["plain", "deflated"])
def test_16_bit_tiff_keeps_every_level_in_both_byte_orders(byteorder, options):
    samples = deep_color(3)
    check(tiff(samples, byteorder=byteorder, photometric="rgb", **options), samples / 65535)
    check(tiff(DEEP, byteorder=byteorder, photometric="minisblack", **options), DEEP / 65535)


def test_a_dark_16_bit_picture_is_not_brightened():
    dark = words(6, 6) // 100
    check(png(dark), dark / 65535)
    check(tiff(dark), dark / 65535)
    check(png(np.zeros((3, 3), np.uint16)), np.zeros((3, 3)))


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_floating_point_samples_in_range_are_taken_as_they_are(byteorder):
    samples = (0.2 + 0.5 * np.random.default_rng(0).random((8, 6))).astype(np.float32)
    check(tiff(samples, byteorder=byteorder), samples)


def test_floating_point_samples_out_of_range_are_scaled_by_their_own_range():
    samples = np.linspace(-3, 7, 48).reshape(8, 6).astype(np.float32)
    check(tiff(samples), (samples + 3) / 10)
    check(tiff(np.full((4, 4), 5, np.float32)), np.zeros((4, 4)))  # and one without a range is black


def test_32_bit_samples_are_scaled_by_their_own_range():
    samples = np.linspace(-(2**31), 2**31 - 1, 48).reshape(8, 6).astype(np.int32)
    check(tiff(samples), (samples.astype(float) + 2**31) / (2**32 - 1))


def test_32_bit_samples_that_fit_into_16_bits_are_taken_for_16_bit_ones():
    samples = (words(8, 6) // 2).astype(np.int32)
    check(tiff(samples), samples / 65535)
    check(tiff(samples.astype(np.int16)), samples / 65535)


def test_unsigned_32_bit_samples_do_not_wrap_around():
    samples = np.linspace(0, 2**32 - 1, 48).reshape(8, 6).astype(np.uint32)
    check(tiff(samples), samples / (2**32 - 1))


def test_where_zero_is_white_8_bit_tiff_is_not_a_negative():
    samples = bytes_array(6, 5)
    check(tiff(samples, photometric="miniswhite"), 1 - samples / 255)


def test_where_zero_is_white_16_bit_tiff_is_not_a_negative():
    samples = words(6, 5)
    check(tiff(samples, photometric="miniswhite"), 1 - samples / 65535)


def test_premultiplied_alpha_is_laid_on_white_too():
    samples = words(6, 5, 4)
    samples[..., :3] = (samples[..., :3] * (samples[..., 3:] / 65535)).astype(np.uint16)
    samples[0, 0] = 0
    expected = samples[..., :3] / 65535 + 1 - samples[..., 3:] / 65535
    # to 8 bits only: Pillow divides by alpha as it unpacks
    check(tiff(samples, photometric="rgb", extrasamples=["assocalpha"]), expected, atol=2 / 255)


# --- CMYK


def test_cmyk_becomes_rgb():
    inks = np.zeros((32, 40, 4), np.uint8)  # paper, cyan, magenta, yellow, black in stripes of 8
    for i, c in enumerate([0, 1, 2, 3], 1):
        inks[:, 8 * i : 8 * i + 8, c] = 255
    expected = np.repeat([[1, 1, 1], [0, 1, 1], [1, 0, 1], [1, 1, 0], [0, 0, 0]], 8, axis=0)
    expected = np.broadcast_to(expected, (32, 40, 3))
    data = encoded(Image.fromarray(inks, "CMYK"), "JPEG", quality=100, subsampling=0)
    check(data, expected, atol=4 / 255)
    check(encoded(Image.fromarray(inks, "CMYK"), "JPEG", quality=100, icc_profile=b"broken"), expected, atol=4 / 255)


# --- the first frame, upright


def test_of_an_animation_the_first_frame_is_read():
    frames = [Image.fromarray(bytes_array(9, 8, 3, seed=s)) for s in range(3)]
    first = np.asarray(frames[0]) / 255
    check(encoded(frames[0], "PNG", save_all=True, append_images=frames[1:]), first)
    check(encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:]), first)
    check(encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True), first)
    frames = [frame.quantize(64) for frame in frames]
    gif = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert Image.open(io.BytesIO(gif)).n_frames == 3
    check(gif, np.asarray(frames[0].convert("RGB")) / 255)


orientations = pytest.mark.parametrize("orientation", STORED)


@orientations
def test_a_turned_jpeg_is_read_upright(orientation):
    stored = np.ascontiguousarray(STORED[orientation](UPRIGHT))
    data = encoded(stored, "JPEG", quality=98, exif=exif_block(orientation))
    outside = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))  # the reference: Pillow's own turning
    np.testing.assert_allclose(np.asarray(outside, float), UPRIGHT, atol=2)
    check(data, UPRIGHT / 255, atol=2 / 255)


@orientations
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_turned_16_bit_png_is_read_upright(orientation, channels):
    upright = words(5, 7, channels)
    if channels in (2, 4):
        upright[..., -1] = 65535
    expected = upright[..., : channels - 1 + channels % 2] / 65535
    data = png(STORED[orientation](upright), chunk(b"eXIf", exif(orientation)))
    check(data, expected[..., 0] if channels < 3 else expected)


@orientations
@pytest.mark.parametrize("make", [bytes_array, words], ids=["8 bit", "16 bit"])
@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3)], ids=["grey", "color"])
def test_a_turned_tiff_is_read_upright(orientation, make, shape):
    upright = make(*shape)
    photometric = "rgb" if len(shape) == 3 else "minisblack"
    tag = (274, "H", 1, orientation, True)
    data = tiff(np.ascontiguousarray(STORED[orientation](upright)), photometric=photometric, extratags=[tag])
    check(data, upright / np.iinfo(upright.dtype).max)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_left_alone(orientation):
    samples = words(5, 7)
    check(png(samples, chunk(b"eXIf", exif(orientation))), samples / 65535)


def test_a_turned_webp_is_read_upright():
    stored = np.stack([STORED[6](UPRIGHT)] * 3, axis=2)
    data = encoded(np.ascontiguousarray(stored), "WEBP", lossless=True, exif=exif_block(6))
    check(data, np.stack([UPRIGHT] * 3, axis=2) / 255)


# --- doors


def test_bytes_a_name_and_a_path_give_the_same_picture(tmp_path):
    data = to_png(bytes_array(6, 5, 3) / 255)
    path = tmp_path / "a picture.png"
    path.write_bytes(data)
    for source in (path, str(path)):
        np.testing.assert_array_equal(read_image(source), read_image(data))


def test_the_name_of_a_file_says_nothing_about_its_format(tmp_path):
    path = tmp_path / "really.jpg"
    path.write_bytes(encoded(bytes_array(4, 4), "BMP"))
    assert read_image(path).shape == (4, 4)


@pytest.mark.parametrize("make", [bytes_array, words], ids=["8 bit", "16 bit"])
def test_grey_asked_for_is_the_luma_of_the_picture(make):
    for channels in (3, 4):
        data = png(make(6, 8, channels))
        grey = read_image(data, gray=True)
        assert grey.dtype == np.float32
        np.testing.assert_allclose(grey, to_planes(read_image(data))[0], atol=1e-6)


def test_grey_asked_for_leaves_a_grey_picture_alone():
    data = png(DEEP)
    np.testing.assert_array_equal(read_image(data, gray=True), read_image(data))


@given(pictures())
def test_a_png_of_ours_holds_the_picture_as_shown(picture):
    np.testing.assert_array_equal(read_image(to_png(picture)), displayed(picture))


@given(st.integers(1, 20), st.integers(1, 20), st.sampled_from([(), (3,)]), seeds)
def test_8_bit_pictures_survive_the_round_trip_exactly(h, w, channels, seed):
    levels = bytes_array(h, w, *channels, seed=seed)
    data = to_png(levels.astype(np.float32) / 255)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), levels)  # the reference: Pillow
    np.testing.assert_array_equal(np.rint(read_image(data) * 255), levels)
    assert to_png(read_image(data)) == data


def test_writing_rounds_and_clips():
    image = np.array([[-0.5, 0.4 / 255, 0.6 / 255], [254.4 / 255, 260.7 / 255, 2.0]])
    written = np.asarray(Image.open(io.BytesIO(to_png(image))))
    assert written.tolist() == [[0, 0, 1], [254, 255, 255]]
