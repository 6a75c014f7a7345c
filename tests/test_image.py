"""Every picture that is odd, deep, turned, transparent, damaged or hostile. All of them are made here, when needed."""

import io
import json
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps
from strategies import pictures, seeds

from lowrank.color import displayed, to_planes
from lowrank.errors import ImageError
from lowrank.image import read_image, to_png
from lowrank.intake.limits import DEFAULT
from lowrank.intake.sniff import EXTENSIONS, FORMATS

MAX_PIXELS = DEFAULT.pixels

DEEP = np.arange(65536, dtype=np.uint16).reshape(256, 256)  # every 16-bit level once


def bytes_array(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def words(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 65536, shape, np.uint16)


def encoded(image, name, **options):
    """`image` (an array or a Pillow image) in a format, by Pillow."""
    stream = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(stream, name, **options)
    return stream.getvalue()


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


#: Where Adam7's seven passes start and how far they step: (y, x, step y, step x).
ADAM7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]


def png(samples, *extra, palette=None, size=None, data=None, interlaced=False):
    """A PNG of a uint8 or uint16 array (h, w[, 1..4]), by the standard and without Pillow; `extra` are chunks."""
    samples = np.atleast_3d(samples)
    h, w, channels = samples.shape
    kind = 3 if palette is not None else {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    big = samples.astype(samples.dtype.newbyteorder(">"))
    passes = [big[y::dy, x::dx] for y, x, dy, dx in ADAM7] if interlaced else [big]
    lines = b"".join(b"\0" + row.tobytes() for part in passes if part.size for row in part)
    width, height = size or (w, h)
    header = struct.pack(">IIBBBBB", width, height, 8 * samples.dtype.itemsize, kind, 0, 0, interlaced)
    table = [] if palette is None else [chunk(b"PLTE", bytes(palette))]
    body = zlib.compress(lines) if data is None else data
    chunks = [chunk(b"IHDR", header), *table, *extra, chunk(b"IDAT", body), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def tiff(samples, **options):
    stream = io.BytesIO()
    tifffile.imwrite(stream, samples, **options)
    return stream.getvalue()


def exif(orientation):
    """An EXIF block of one entry: the orientation."""
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def on_white(color, alpha):
    alpha = np.asarray(alpha, float)[..., None]
    return color * alpha + (1 - alpha)


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


def encoded_palette(indices, palette, name, **options):
    image = Image.fromarray(indices, "L").convert("P")
    image.putdata(indices.ravel().tolist())
    image.putpalette(palette.tobytes())
    return encoded(image, name, **options)


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


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_floating_point_samples_that_are_no_numbers_are_refused(bad):
    samples = np.ones((4, 4), np.float32)
    samples[1, 2] = bad
    with pytest.raises(ImageError, match="no numbers"):
        read_image(tiff(samples))


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


UPRIGHT = np.kron([[0, 50, 100], [150, 200, 250]], np.ones((16, 16))).astype(np.uint8)  # 32 x 48, no two parts alike

#: What the EXIF standard says the stored rows are, for the picture to be UPRIGHT (checked against Pillow below).
STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],  # mirrored
    3: lambda a: a[::-1, ::-1],  # half a turn
    4: lambda a: a[::-1],  # upside down
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a),  # to be turned clockwise
    7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
    8: lambda a: np.rot90(a, -1),  # to be turned counterclockwise
}
orientations = pytest.mark.parametrize("orientation", STORED)


@orientations
def test_a_turned_jpeg_is_read_upright(orientation):
    stored = np.ascontiguousarray(STORED[orientation](UPRIGHT))
    data = encoded(stored, "JPEG", quality=98, exif=exif_block(orientation))
    outside = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))  # the reference: Pillow's own turning
    np.testing.assert_allclose(np.asarray(outside, float), UPRIGHT, atol=2)
    check(data, UPRIGHT / 255, atol=2 / 255)


def exif_block(orientation):
    block = Image.Exif()
    block[0x0112] = orientation
    return block


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


def test_the_formats_are_the_documented_ones():
    assert set(FORMATS) == {"PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"}
    known = Image.registered_extensions()
    assert {known[f".{ending}"] for ending in EXTENSIONS} == set(FORMATS)


# --- what is refused


def refused(source):
    """The message of the ImageError that reading `source` ends in: a sentence about the picture, not the program."""
    with pytest.raises(ImageError) as caught:
        read_image(source)
    message = str(caught.value)
    assert message.endswith(".")
    assert message[0].isupper()
    for private in ("Error", "Exception", "PIL", "Pillow", "<", "0x", "Traceback", "/", "\\"):
        assert private not in message, message
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return message


NO_PICTURES = {
    "nothing": b"",
    "one byte": b"\x89",
    "text": b"This is no picture at all.\n" * 20,
    "HTML": b"<!DOCTYPE html><html><body>404</body></html>",
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>',
    "PDF": b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n%%EOF\n",
    "ZIP": b"PK\x03\x04" + bytes(60),
    "zeros": bytes(1000),
    "a PNG signature alone": b"\x89PNG\r\n\x1a\n",
    "PPM": b"P6\n2 2\n255\n" + bytes(12),
    "PGM": b"P5\n2 2\n255\n" + bytes(4),
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n",
}


@pytest.mark.parametrize("data", NO_PICTURES.values(), ids=NO_PICTURES)
def test_what_is_no_picture_of_the_list_is_refused(data):
    assert "PNG, JPEG, WebP, GIF, BMP, TIFF or AVIF" in refused(data)


@pytest.mark.parametrize("name", ["PPM", "TGA", "PCX", "ICO", "SGI", "JPEG2000"])
def test_formats_that_pillow_reads_but_the_list_does_not_hold_are_refused(name):
    data = encoded(bytes_array(16, 16, 3), name)
    assert Image.open(io.BytesIO(data)).size == (16, 16)
    assert "not a picture that can be read here" in refused(data)


def whole_files():
    noise = bytes_array(24, 32, 3)
    return {
        "PNG": encoded(noise, "PNG"),
        "grey PNG": encoded(noise[..., 0], "PNG"),
        "16-bit PNG": png(words(24, 32, 3)),
        "16-bit PNG with alpha": png(words(24, 32, 2)),
        "JPEG": encoded(noise, "JPEG"),
        "progressive JPEG": encoded(noise, "JPEG", progressive=True),
        "CMYK JPEG": encoded(Image.fromarray(bytes_array(24, 32, 4), "CMYK"), "JPEG"),
    }


@pytest.mark.parametrize("tenths", range(10))
@pytest.mark.parametrize("data", whole_files().values(), ids=whole_files())
def test_a_png_or_jpeg_that_was_cut_off_is_refused(data, tenths):
    assert read_image(data).shape[:2] == (24, 32)
    refused(data[: len(data) * tenths // 10])


def all_files():
    noise = bytes_array(24, 32, 3)
    others = {name: encoded(noise, name) for name in ("GIF", "BMP", "TIFF", "WEBP", "AVIF")}
    return {**whole_files(), **others, "16-bit TIFF": tiff(words(24, 32, 3), photometric="rgb")}


@pytest.mark.parametrize("data", all_files().values(), ids=all_files())
@given(data_=st.data())
def test_damage_ends_in_a_picture_or_an_image_error_and_nothing_else(data, data_):
    damaged = bytearray(data)
    for _ in range(data_.draw(st.integers(1, 6))):
        damaged[data_.draw(st.integers(0, len(data) - 1))] = data_.draw(st.integers(0, 255))
    cut = data_.draw(st.one_of(st.none(), st.integers(0, len(data))))
    try:
        picture = read_image(bytes(damaged[:cut]))
    except ImageError:
        return
    assert picture.dtype == np.float32
    assert np.isfinite(picture).all()
    assert picture.min() >= 0
    assert picture.max() <= 1


@given(
    st.binary(max_size=200), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"BM", b"II*\0"])
)
def test_noise_is_refused(noise, signature):
    refused(signature + noise)


def test_a_file_that_is_not_there_is_named_without_its_folder(tmp_path):
    message = refused(tmp_path / "secret" / "gone.png")
    assert "gone.png" in message
    assert "secret" not in message


def test_a_folder_is_no_picture(tmp_path):
    assert tmp_path.name in refused(tmp_path)


@pytest.mark.parametrize("name", ["", "x" * 5000])
def test_a_name_that_cannot_be_a_file_is_refused(name):
    refused(name)


def test_a_name_with_a_zero_byte_is_refused_and_shown_escaped():
    with pytest.raises(ImageError, match=r"'a\\x00b\.png'"):
        read_image("a\0b.png")


@pytest.mark.parametrize("size", [(7072, 7072), (10_000, 6000), (1, MAX_PIXELS + 1)])
@pytest.mark.parametrize("make", [bytes_array, words], ids=["8 bit", "16 bit"])
def test_a_header_that_claims_too_many_pixels_is_refused_before_they_are_decoded(size, make):
    # An incomplete IDAT: a decoder that had come so far would have called the picture damaged.
    started = time.perf_counter()
    message = refused(png(make(1, 1, 3), size=size, data=b"\x78\x9c\x03\x00"))
    assert "at most 50 megapixels" in message
    assert f"{size[0] * size[1] / 1e6:.0f} megapixels" in message
    assert time.perf_counter() - started < 1


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("size", [(10_000, 10_000), (30_000, 30_000), (2**31 - 1, 2**31 - 1)])
def test_a_bomb_is_too_large(size):
    assert "at most 50 megapixels" in refused(png(bytes_array(1, 1), size=size, data=b"\x78\x9c\x03\x00"))


def test_a_bomb_is_too_large_even_where_warnings_are_errors():
    assert "at most 50 megapixels" in refused(png(bytes_array(1, 1), size=(10_000, 10_000), data=b"\x78\x9c\x03\x00"))


def test_exactly_the_limit_is_not_too_large():
    rows = MAX_PIXELS // 10_000
    assert "too large" not in refused(png(bytes_array(1, 1), size=(10_000, rows), data=b"\x78\x9c\x03\x00"))
    assert "too large" in refused(png(bytes_array(1, 1), size=(10_000, rows + 1), data=b"\x78\x9c\x03\x00"))


def test_a_refused_picture_does_not_open_at_the_second_try():
    # A Pillow image whose load failed "works" the next time, half black
    data = whole_files()["PNG"]
    for _ in range(3):
        refused(data[: len(data) // 2])


# --- 295 odd files, where they are at hand

CORPUS = Path(__file__).parents[2] / "shared" / "corpus"

if (CORPUS / "manifest.jsonl").exists():
    ENTRIES = [json.loads(line) for line in (CORPUS / "manifest.jsonl").read_text().splitlines()]
    GROUPS = sorted({(entry["expect"]["outcome"], str(Path(entry["path"]).parent)) for entry in ENTRIES})

    @pytest.mark.filterwarnings("ignore:::PIL")  # see the bomb above: Pillow's warnings leave read_image
    @pytest.mark.parametrize(("outcome", "folder"), GROUPS)
    def test_the_corpus_of_odd_files_opens_or_is_refused_as_it_should(outcome, folder):
        for entry in ENTRIES:
            expect, path = entry["expect"], CORPUS / entry["path"]
            if (expect["outcome"], path.parent) != (outcome, CORPUS / folder):
                continue
            if outcome == "error":
                refused(path)
                continue
            try:
                picture = read_image(path)
            except ImageError:
                assert outcome == "either", path
                continue
            assert np.isfinite(picture).all(), path
            if outcome == "opens":
                assert list(picture.shape[:2]) == expect["hw"], path
                assert np.unique(picture).size == expect.get("levels", np.unique(picture).size), path
