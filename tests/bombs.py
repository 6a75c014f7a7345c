"""Small files that ask for much, made when called, each with the one thing to be said of it."""

import struct
import zlib

import numpy as np
from bad_pictures import WHOLE, head, lines, lzw, rest, tiny, webp
from makers import (
    bare_tiff,
    bmp,
    chunk,
    encoded,
    gif,
    jpeg_of_scans,
    jpeg_sized,
    png,
    riff,
)
from odd_pictures import NOISE, STRIPS, offsets, rle, sizes, small_gif

from lowrank.intake.words import Refusal

# -- bombs -------------------------------------------------------------------------------------------------------------


def resized(data, width, height):
    """An AVIF or HEIC file that says it is of another size."""
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", width, height) + data[at + 8 :]


def zeros(count):
    return zlib.compress(bytes(count), 9)


BOMBS = {
    "PNG of 30000 x 30000": (lambda: png(NOISE, size=(30_000, 30_000)), Refusal.PIXELS),
    "PNG of 2 ** 31 - 1 squared": (lambda: png(NOISE, size=(2**31 - 1, 2**31 - 1)), Refusal.PIXELS),
    "PNG of 13000 x 13000 and 16 bytes": (
        lambda: png(NOISE, size=(13_000, 13_000), data=zlib.compress(lines)[:16]),
        Refusal.PIXELS,
    ),
    "PNG of 9400 x 9400, all zero": (
        lambda: png(np.zeros((1, 1, 4), np.uint8), size=(9400, 9400), data=zeros(9400 * 37_601)),
        Refusal.PIXELS,
    ),
    "PNG of 7000 x 7000, all zero but for the last byte": (
        lambda: png(np.zeros((1, 1, 3), np.uint8), size=(7000, 7000), data=zeros(7000 * 21_001 - 1)),
        Refusal.DAMAGED,
    ),
    "PNG of 2 ** 31 frames": (lambda: png(NOISE, chunk(b"acTL", struct.pack(">II", 2**31, 0))), Refusal.FRAMES),
    "PNG of two rows, too long": (lambda: png(NOISE, size=(200_000, 2)), Refusal.SIDE),
    "JPEG of 65500 x 65500": (lambda: jpeg_sized(tiny, 65_500, 65_500), Refusal.PIXELS),
    "JPEG of 300 bytes, 13000 x 13000": (lambda: jpeg_sized(tiny, 13_000, 13_000), Refusal.PIXELS),
    "JPEG of 300 bytes, 7000 x 7000": (lambda: jpeg_sized(tiny, 7000, 7000), Refusal.DAMAGED),
    "JPEG of 101 scans": (lambda: jpeg_of_scans(101), Refusal.SCANS),
    "JPEG of 5000 scans": (lambda: jpeg_of_scans(5000), Refusal.SCANS),
    "GIF canvas of 65535 x 65535": (lambda: small_gif[:6] + b"\xff" * 4 + small_gif[10:], Refusal.PIXELS),
    "GIF frame of 65535 x 65535": (
        lambda: gif(head[:-6] + b"\xff" * 4 + head[-2:], lzw, rest),
        Refusal.PIXELS,
    ),
    "GIF of 20000 frames": (lambda: small_gif[:-1] + small_gif[len(head) - 11 : -1] * 20_000 + b";", Refusal.FRAMES),
    "BMP of 2 ** 31 - 1 squared": (lambda: bmp(rle, size=(2**31 - 1, 2**31 - 1)), Refusal.PIXELS),
    "BMP of 4 kB, 7000 x 7000": (lambda: bmp(rle, size=(7000, 7000)), Refusal.DAMAGED),
    "TIFF of 5 kB, 7000 x 7000": (
        lambda: bare_tiff([8], [5120], STRIPS.tobytes(), shape=(7000, 7000), rows=7000),
        Refusal.DAMAGED,
    ),
    "deflated TIFF of 50 bytes, 7000 x 7000": (
        lambda: bare_tiff([8], [len(zeros(9))], zeros(9), shape=(7000, 7000), rows=7000, compression=8),
        Refusal.DAMAGED,
    ),
    "BMP of runs, 40000 x 40000": (lambda: bmp(rle, size=(40_000, 40_000), compression=1), Refusal.PIXELS),
    "TIFF of 2 ** 32 - 1 squared": (
        lambda: bare_tiff(offsets, sizes, STRIPS.tobytes(), shape=(2**32 - 1, 2**32 - 1)),
        Refusal.PIXELS,
    ),
    "TIFF that inflates, 90000 x 90000": (
        lambda: bare_tiff([8], [len(zeros(10**7))], zeros(10**7), shape=(90_000, 90_000), compression=8),
        Refusal.PIXELS,
    ),
    "WebP canvas of 2 ** 24 squared": (
        lambda: riff((b"VP8X", b"\2\0\0\0" + b"\xff" * 6), (b"VP8 ", webp[20:])),
        Refusal.PIXELS,
    ),
    "WebP of 16383 x 16383": (lambda: riff((b"VP8L", b"\x2f\xfe\xbf\xff\x0f" + bytes(50))), Refusal.PIXELS),
    "AVIF of 7200 x 7000, all black": (
        lambda: encoded(np.zeros((7200, 7000), np.uint8), "AVIF", speed=10, quality=10),
        Refusal.PIXELS,
    ),
    "AVIF of 16000 x 16000": (lambda: resized(WHOLE["AVIF"], 16_000, 16_000), Refusal.PIXELS),
    # what libavif would not decode itself, and what libheif finds to be of another size than it says, ends as damaged
    "AVIF of 2 ** 31 - 1 squared": (lambda: resized(WHOLE["AVIF"], 2**31 - 1, 2**31 - 1), Refusal.DAMAGED),
    "HEIC of 16000 x 16000": (lambda: resized(WHOLE["HEIC"], 16_000, 16_000), Refusal.DAMAGED),
    "HEIC of 2 ** 31 - 1 squared": (lambda: resized(WHOLE["HEIC"], 2**31 - 1, 2**31 - 1), Refusal.DAMAGED),
}
