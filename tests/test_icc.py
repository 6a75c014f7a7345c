"""Colours as a profile means them; the outside reference is LittleCMS, through Pillow."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import bytes_array, chunk, encoded, heic, on_white, png, smooth, tiff, words
from PIL import Image, ImageCms
from profiles import grey_profile, icc, power, profile, xyz

from lowrank.image import read_image, read_picture
from lowrank.intake.icc import _curve, converted, deep_conversion

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
P3 = ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06))
PROFILES = {"Adobe RGB": profile(), "Display P3": profile(2.4, P3), "linear": profile(1.0), "dark": profile(3.0)}


def reference(levels, icc_profile):
    """What LittleCMS makes of 8-bit colours, as shares."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile))
    mode = "L" if levels.ndim == 2 else "RGB"
    srgb = ImageCms.createProfile("sRGB")
    return np.asarray(ImageCms.profileToProfile(Image.fromarray(levels, mode), source, srgb, outputMode="RGB")) / 255


def embedded(icc_profile):
    return chunk(b"iCCP", b"x\0\0" + zlib.compress(icc_profile))


@pytest.mark.parametrize("name", PROFILES)
def test_eight_bits_are_converted_by_littlecms(name):
    levels = bytes_array(20, 30, 3)
    pixels, notes = read_picture(png(levels, embedded(PROFILES[name])))
    assert notes == ("ICC profile to sRGB",)
    np.testing.assert_allclose(pixels, reference(levels, PROFILES[name]), atol=1e-6)


@pytest.mark.parametrize("name", PROFILES)
def test_sixteen_bits_are_converted_alike_and_stay_as_deep(name):
    levels = bytes_array(20, 30, 3)
    deep = levels.astype(np.uint16) * 257
    for data in (png(deep, embedded(PROFILES[name])), tiff(deep, photometric="rgb", iccprofile=PROFILES[name])):
        pixels, notes = read_picture(data)
        assert notes == ("16-bit", "ICC profile to sRGB")
        np.testing.assert_allclose(pixels, reference(levels, PROFILES[name]), atol=1.6 / 255)


def test_every_level_of_sixteen_bits_survives_a_profile():
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    pixels = read_image(png(np.dstack([ramp] * 3), embedded(profile())))
    assert np.unique(pixels[..., 1]).size >= 0.99 * 65536
    assert (np.diff(pixels[..., 1].ravel()) >= 0).all()
    pixels = read_image(png(ramp, embedded(grey_profile(1.8))))
    assert pixels.ndim == 2
    assert np.unique(pixels).size >= 0.99 * 65536


def test_neutral_stays_neutral_and_white_stays_white():
    grey = np.repeat(np.arange(256, dtype=np.uint16).reshape(16, 16, 1) * 257, 3, axis=2)
    pixels = read_image(png(grey, embedded(profile())))
    assert np.ptp(pixels, axis=2).max() < 0.002
    assert pixels.max() > 0.999
    assert pixels.min() < 0.001


def test_known_values():
    # Adobe RGB (1998) green lies outside of sRGB; its middle grey of gamma 2.2 is sRGB's within a level
    levels = np.array([[[0, 65535, 0], [32896, 32896, 32896]]], np.uint16)
    pixels = read_image(png(levels, embedded(profile())))
    np.testing.assert_allclose(pixels[0, 0], [0, 1, 0], atol=0.01)
    np.testing.assert_allclose(pixels[0, 1], 0.5 * np.ones(3), atol=0.008)


def test_a_linear_grey_is_brightened():
    # IEC 61966-2-1: linear 0.2140 is sRGB 0.5
    for level in (np.uint8(55), np.uint16(14025)):
        pixels, notes = read_picture(png(np.full((2, 2), level), embedded(grey_profile())))
        assert pixels.shape == (2, 2)
        assert notes[-1] == "ICC profile to sRGB"
        np.testing.assert_allclose(pixels, 0.5, atol=0.004)


def test_alpha_is_left_alone():
    for seen in (bytes_array(9, 8, 4), words(9, 8, 4)):
        peak = np.iinfo(seen.dtype).max
        opaque = seen.copy()
        opaque[..., 3] = peak
        color = read_image(png(opaque, embedded(profile())))
        laid = read_image(png(seen, embedded(profile())))
        np.testing.assert_allclose(laid, on_white(color, seen[..., 3] / peak), atol=1e-5)


def test_srgb_itself_changes_nothing_and_is_not_mentioned():
    for levels in (bytes_array(9, 8, 3), words(9, 8, 3)):
        pixels, notes = read_picture(png(levels, embedded(SRGB)))
        np.testing.assert_array_equal(pixels, read_image(png(levels)))
        assert "ICC profile to sRGB" not in notes


@pytest.mark.parametrize("name", ["JPEG", "WEBP", "TIFF", "AVIF"])
def test_every_format_hands_its_profile_over(name):
    data = encoded(smooth(20, 30), name, icc_profile=profile())
    assert "ICC profile to sRGB" in read_picture(data).notes


def test_a_telephones_picture():
    levels = (words(20, 30, 3) >> 6) << 6  # the upper 10 bits
    deep, plain = (
        heic(levels, bits=10, icc_profile=PROFILES["Display P3"]),
        heic(bytes_array(9, 9, 3), icc_profile=profile()),
    )
    assert read_picture(deep).notes == ("10-bit", "ICC profile to sRGB")
    assert read_picture(plain).notes == ("ICC profile to sRGB",)


@pytest.mark.parametrize(
    "broken",
    [b"", b"broken", bytes(128), profile()[:200], grey_profile(), icc(b"RGB ", {}), SRGB[:60] + bytes(99)],
    ids=range(7),
)
def test_a_profile_that_is_none_is_passed_over(broken):
    for levels in (bytes_array(9, 8, 3), words(9, 8, 3)):
        np.testing.assert_array_equal(read_image(png(levels, embedded(broken))), read_image(png(levels)))


@given(drawn=st.data())
def test_a_damaged_profile_never_gives_anything_but_colours(drawn):
    damaged = bytearray(profile())
    for _ in range(drawn.draw(st.integers(1, 5))):
        damaged[drawn.draw(st.integers(0, len(damaged) - 1))] = drawn.draw(st.integers(0, 255))
    for levels in (bytes_array(3, 4, 3), words(3, 4, 3), words(3, 4)):
        pixels = read_image(png(levels, embedded(bytes(damaged))))
        assert pixels.shape == levels.shape
        assert np.isfinite(pixels).all()
        assert 0 <= pixels.min() <= pixels.max() <= 1


def parametric(kind, *numbers):
    return b"para\0\0\0\0" + struct.pack(f">HH{len(numbers)}i", kind, 0, *(round(v * 65536) for v in numbers))


CURVES = {
    "none": b"curv\0\0\0\0" + struct.pack(">I", 0),
    "a power": power(1.8),
    "a table": b"curv\0\0\0\0" + struct.pack(">I5H", 5, 0, 4000, 15000, 36000, 65535),
    "type 0": parametric(0, 1.8),
    "type 1": parametric(1, 2.0, 1.1, -0.1),
    "type 2": parametric(2, 2.0, 1.2, -0.2, 0),
    "type 3": parametric(3, 1.8, 0.9, 0.1, 0.2, 0.05),
    "type 4": parametric(4, 1.8, 0.9, 0.1, 0.2, 0.05, 0, 0),
}


@pytest.mark.parametrize("name", CURVES)
def test_curves_are_those_of_littlecms(name):
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    whole = icc(b"GRAY", {b"kTRC": CURVES[name], b"wtpt": xyz((0.9642, 1, 0.8249))})
    ours = deep_conversion(whole, 1)((ramp / np.float32(255)).astype(np.float32))
    theirs = reference(ramp, whole)[..., 0]
    assert ours.dtype == np.float32
    # where sRGB is steep, in the dark, LittleCMS goes by a table of its own
    np.testing.assert_allclose(ours[theirs > 0.2], theirs[theirs > 0.2], atol=1.6 / 255)
    np.testing.assert_allclose(ours[theirs <= 0.2], theirs[theirs <= 0.2], atol=12 / 255)


def test_parametric_curves_are_those_of_the_standard():
    # ICC.1:2022, table 68; LittleCMS moves the black point, so offsets are held against the formulas
    x = np.linspace(0, 1, 101, dtype=np.float32)
    g, a, b, c, d, e, f = 2.4, 0.9, 0.1, 0.3, 0.25, 0.02, 0.01
    power_of = np.maximum(a * x + b, 0) ** g
    for kind, numbers, expected in [
        (0, (g,), x**g),
        (1, (g, a, -b), np.maximum(a * x - b, 0) ** g),
        (2, (g, a, -b, e), np.maximum(a * x - b, 0) ** g + e),
        (3, (g, a, b, c, d), np.where(x >= d, power_of, c * x)),
        (4, (g, a, b, c, d, e, f), np.where(x >= d, power_of + e, c * x + f)),
    ]:
        np.testing.assert_allclose(_curve(parametric(kind, *numbers))(x), expected, atol=1e-4)


def test_a_table_of_colours_is_not_taken_for_a_matrix():
    tags = {b"A2B0": bytes(40)}
    whole = profile()
    with_table = icc(b"RGB ", {**tags, b"wtpt": xyz((0.9642, 1, 0.8249))})
    assert deep_conversion(whole, 3) is not None
    assert deep_conversion(with_table, 3) is None


def test_cmyk_goes_by_its_profile_or_by_the_plain_formula():
    inks = Image.fromarray(bytes_array(16, 16, 4), "CMYK")
    assert converted(inks, profile()) is None  # a screen's profile says nothing of inks
    pixels, notes = read_picture(encoded(inks, "TIFF", icc_profile=profile()))
    assert notes == ("CMYK to sRGB",)
    np.testing.assert_allclose(pixels, np.asarray(inks.convert("RGB")) / 255, atol=1e-6)


def test_lab_becomes_srgb():
    # CIE Lab of sRGB's red under D50 (Lindbloom): 54.29, 80.80, 69.89; and white, and middle grey
    lab = Image.fromarray(np.array([[[138, 81, 70], [255, 0, 0], [137, 0, 0]]], np.uint8), "LAB")
    pixels, notes = read_picture(encoded(lab, "TIFF"))
    assert notes == ("Lab to sRGB",)
    np.testing.assert_allclose(pixels[0], [[1, 0, 0], [1, 1, 1], [0.507, 0.507, 0.507]], atol=0.02)
