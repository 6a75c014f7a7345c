"""Files that must not open, each with the one thing to be said of it: damaged, hostile, or no pictures at all.

All are made here, nothing is stored.
"""

import gzip
import io
import struct
import zipfile
import zlib

import numpy as np
from makers import (
    bare_tiff,
    bmp,
    box,
    bytes_array,
    chunk,
    encoded,
    gif,
    gif_parts,
    heic,
    jpeg_sized,
    markers,
    png,
    riff,
    tiff,
)
from odd_pictures import DEEP, NOISE, OPENS, SMOOTH, STRIPS, apng, few_colors, offsets, rle, sizes, small_gif
from PIL import Image

from lowrank.intake.words import Refusal

REFUSED: dict[str, tuple[bytes, Refusal]] = {}

for name, extra in {
    "an ICC profile that inflates to 100 MB": chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(10**8), 9)),
    "text that inflates to 100 MB": chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(10**8), 9)),
}.items():
    REFUSED[f"PNG with {name}"] = png(NOISE, extra), Refusal.DAMAGED

# -- cut off -----------------------------------------------------------------------------------------------------------

WHOLE = {
    "PNG": png(NOISE),
    "interlaced PNG": png(NOISE, interlaced=True),
    "16-bit PNG": png(DEEP),
    "moving PNG": encoded(apng[0], "PNG", save_all=True, append_images=apng[1:]),
    "JPEG": encoded(NOISE, "JPEG"),
    "progressive JPEG": encoded(NOISE, "JPEG", progressive=True),
    "CMYK JPEG": encoded(Image.fromarray(bytes_array(24, 32, 4), "CMYK"), "JPEG"),
    "GIF": encoded(few_colors, "GIF"),
    "moving GIF": OPENS["GIF that moves"].data,
    "BMP": encoded(NOISE, "BMP"),
    "TIFF": encoded(NOISE, "TIFF"),
    "TIFF by LZW": encoded(NOISE, "TIFF", compression="tiff_lzw"),
    "16-bit TIFF": tiff(DEEP, photometric="rgb"),
    "TIFF of floats": tiff(np.random.default_rng(0).random((48, 64, 3)).astype("f4"), photometric="rgb"),
    "WebP": encoded(NOISE, "WEBP"),
    "WebP without loss": encoded(NOISE, "WEBP", lossless=True),
    "moving WebP": OPENS["WebP that moves"].data,
    "AVIF": encoded(NOISE, "AVIF"),
    "HEIC": heic(NOISE),
}
for name, data in WHOLE.items():
    for share in (0.1, 0.5, 0.9, 1):
        REFUSED[f"{name} cut at {share:.0%}"] = data[: min(round(share * len(data)), len(data) - 1)], Refusal.DAMAGED

# -- damaged with care: whole by their structure, and yet not ----------------------------------------------------------

lines = b"".join(b"\0" + row.tobytes() for row in NOISE)
stopped = zlib.compressobj()
unended = stopped.compress(lines[:5000]) + stopped.flush(zlib.Z_SYNC_FLUSH)
for title, data in {
    "half of its rows": zlib.compress(lines[: len(lines) // 2]),
    "all rows but one": zlib.compress(lines[:-193]),
    "half of its rows and no end": unended,
    "no rows": zlib.compress(b""),
    "no data": b"",
    "16 bytes of data": zlib.compress(lines)[:16],
    "a wrong checksum": zlib.compress(lines)[:-1] + b"?",
    "noise for data": bytes_array(3000).tobytes(),
}.items():
    REFUSED[f"PNG with {title}"] = png(NOISE, data=data), Refusal.DAMAGED
good = png(NOISE)
for title, data in {
    "a wrong checksum of its header": good[:29] + b"?" + good[30:],
    "no rows in its header": png(NOISE, size=(64, 0)),
    "3 bits": png(NOISE, bits=8)[:24] + b"\3" + good[25:],
    "a chunk of 2 GB": good[:33] + b"\x7f\xff\xff\xffIDAT" + good[41:],
    "nothing but its signature": good[:8],
    "line ends as of text": good.replace(b"\r\n", b"\n", 1) + b"\0",
}.items():
    REFUSED[f"PNG with {title}"] = data, Refusal.UNKNOWN if title.startswith("line") else Refusal.DAMAGED

for title, options in {
    "": {},
    "progressive ": {"progressive": True},
    "restarting ": {"restart_marker_rows": 1},
}.items():
    for content, levels in {"noise": NOISE, "slow waves": SMOOTH}.items():
        data = encoded(levels, "JPEG", quality=90, **options)
        begin = markers(data)[-1][1] + 14
        for share in (0.0, 0.3, 0.8):
            cut = begin + round(share * (len(data) - 2 - begin))
            REFUSED[f"{title}JPEG of {content} with its end at {share:.0%}"] = data[:cut] + b"\xff\xd9", Refusal.DAMAGED
tiny = encoded(np.full((16, 16), 60, np.uint8), "JPEG")
REFUSED["JPEG of 320 bytes, 7000 x 7000"] = jpeg_sized(tiny, 7000, 7000), Refusal.DAMAGED
REFUSED["JPEG of no rows"] = jpeg_sized(tiny, 16, 0), Refusal.DAMAGED
REFUSED["JPEG without a scan"] = tiny[: markers(tiny)[-1][1]] + b"\xff\xd9", Refusal.DAMAGED

head, lzw, rest = gif_parts(small_gif)
for share in (0, 0.1, 0.5, 0.95):
    REFUSED[f"GIF with {share:.0%} of its data"] = gif(head, lzw[: round(share * len(lzw))], rest), Refusal.DAMAGED
REFUSED["GIF without a frame"] = small_gif[:13] + small_gif[13 : 13 + 96] + b";", Refusal.DAMAGED

REFUSED["BMP with half of its runs"] = bmp(rle[:128] + b"\0\1", compression=1), Refusal.DAMAGED
REFUSED["BMP of no runs"] = bmp(b"\0\1", compression=1), Refusal.DAMAGED
REFUSED["BMP with a palette of 4000 colours"] = bmp(rle, colors=4000, palette=bytes(16000)), Refusal.DAMAGED
REFUSED["BMP of 7000 x 7000 and 4 kB"] = bmp(rle, size=(7000, 7000)), Refusal.DAMAGED

for title, (places, lengths, extra) in {
    "half of its strips": (offsets[:4], sizes[:4], {}),
    "a strip beyond its end": ([*offsets[:7], 10**6], sizes, {}),
    "strips nowhere": ([0] * 8, [0] * 8, {}),
    "7000 rows in a strip of 640 bytes": (offsets[:1], sizes[:1], {"shape": (7000, 7000), "rows": 7000}),
    "its next page beyond its end": (offsets, sizes, {"following": 10**6}),
}.items():
    REFUSED[f"TIFF with {title}"] = bare_tiff(places, lengths, STRIPS.tobytes(), **extra), Refusal.DAMAGED
for title, strips in {
    "half of its strips": [zlib.compress(STRIPS[i : i + 8].tobytes()) for i in range(0, 32, 8)],
    "an empty strip": [*(zlib.compress(STRIPS[i : i + 8].tobytes()) for i in range(0, 56, 8)), b""],
    "a short strip": [*(zlib.compress(STRIPS[i : i + 8].tobytes()) for i in range(0, 56, 8)), zlib.compress(b"?")],
}.items():
    places = [8 + sum(map(len, strips[:i])) for i in range(len(strips))]
    data = bare_tiff(places, [len(s) for s in strips], b"".join(strips), compression=8)
    REFUSED[f"deflated TIFF with {title}"] = data, Refusal.DAMAGED
floats = np.random.default_rng(0).random((16, 16)).astype(np.float32)
for bad in (np.nan, np.inf, -np.inf):
    floats[3, 3] = bad
    REFUSED[f"TIFF that holds {bad}"] = tiff(floats), Refusal.NO_NUMBERS
    REFUSED[f"TIFF in colour that holds {bad}"] = tiff(np.dstack([floats] * 3), photometric="rgb"), Refusal.NO_NUMBERS
REFUSED["TIFF of complex numbers"] = tiff(np.ones((4, 4), np.complex64)), Refusal.UNSUPPORTED
REFUSED["TIFF of 7 channels"] = (
    tiff(bytes_array(9, 9, 7), photometric="minisblack", planarconfig="contig"),
    Refusal.UNSUPPORTED,
)

webp = encoded(NOISE, "WEBP")
REFUSED["WebP that says it is longer"] = webp[:4] + struct.pack("<I", len(webp)) + webp[8:], Refusal.DAMAGED
REFUSED["WebP of no picture"] = riff((b"VP8X", bytes(4) + b"\x3f\0\0\x2f\0\0")), Refusal.DAMAGED
REFUSED["WebP of noise"] = (
    riff((b"VP8 ", b"\0\0\0\x9d\1\x2a\x40\0\x30\0" + bytes_array(500).tobytes())),
    Refusal.DAMAGED,
)
for name, brand in (("AVIF", b"avif"), ("HEIC", b"heic")):
    REFUSED[f"{name} of its first box"] = box(b"ftyp", brand, bytes(4), b"mif1"), Refusal.DAMAGED
    REFUSED[f"{name} of noise"] = box(b"ftyp", brand, bytes(4), b"mif1") + bytes_array(500).tobytes(), Refusal.DAMAGED
    REFUSED[f"{name} of an empty index"] = box(b"ftyp", brand, bytes(4)) + box(b"meta", bytes(4)), Refusal.DAMAGED

# -- something else under a picture's name -----------------------------------------------------------------------------

archive = io.BytesIO()
with zipfile.ZipFile(archive, "w") as inside:
    inside.writestr("[Content_Types].xml", "<Types/>")
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>alert(1)</script></svg>'
numbers = io.BytesIO()
np.save(numbers, np.eye(3))
#: What it is, by the words that the message must hold, and the bytes.
OTHERS = {
    "an SVG drawing": [SVG.encode(), b"\xef\xbb\xbf \n<?xml version='1.0'?>\n" + SVG.encode(), SVG.encode("utf-16")],
    "a web page": [b"<!DOCTYPE html><html><body>404</body></html>", b"\n\n<HTML>", b"<script>alert(1)</script>"],
    "an XML file": [b"<?xml version='1.0'?><note/>"],
    "a PDF document": [b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n%%EOF\n"],
    "a PostScript drawing": [
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
        b"\xc5\xd0\xd3\xc6" + bytes(99),
    ],
    "a Photoshop document": [b"8BPS\0\1" + bytes(60)],
    "a camera's raw file": [
        b"II*\0\x10\0\0\0CR\2\0" + bytes(60),
        b"IIU\0" + bytes(60),
        b"IIRO" + bytes(60),
        b"FUJIFILMCCD-RAW 0201" + bytes(60),
        b"FOVb" + bytes(60),
        box(b"ftyp", b"crx ", bytes(4), b"crx isom"),
        bare_tiff(offsets, sizes, STRIPS.tobytes(), extra=[(50706, 4, [1])]),
        bare_tiff(offsets, sizes, STRIPS.tobytes(), extra=[(254, 4, [1]), (330, 4, [8])]),
    ],
    "a JPEG 2000 picture": [encoded(NOISE, "JPEG2000"), b"\xff\x4f\xff\x51" + bytes(60)],
    "a JPEG XL picture": [b"\xff\x0a" + bytes(60), b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(60)],
    "an icon": [encoded(NOISE, "ICO")],
    "a DirectDraw texture": [encoded(NOISE, "DDS")],
    "an OpenEXR picture": [b"v/1\1" + bytes(60)],
    "a Radiance picture": [b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 1\n" + bytes(4)],
    "a Netpbm picture": [encoded(NOISE, "PPM"), b"P5\n2 2\n255\n" + bytes(4)],
    "an archive or office document": [archive.getvalue()],
    "a compressed file": [gzip.compress(SVG.encode())],
    "a video": [
        box(b"ftyp", b"isom", bytes(4), b"isommp42"),
        b"\x1aE\xdf\xa3" + bytes(60),
        b"RIFF" + bytes(4) + b"AVI LIST",
    ],
    "a NumPy array": [numbers.getvalue()],
    "a program": [b"\x7fELF" + bytes(60), b"#!/bin/sh\nexit\n"],
    "a DICOM file": [bytes(128) + b"DICM" + bytes(60)],
}
for kind, files in OTHERS.items():
    for i, data in enumerate(files, 1):
        REFUSED[f"{kind} ({i})"] = data, Refusal.OTHER_KIND
for title, data in {
    "text": b"This is no picture at all.\n" * 20,
    "zeros": bytes(1000),
    "one byte": b"\x89",
    "noise": bytes_array(500, seed=4).tobytes(),
    "TGA": encoded(NOISE, "TGA"),
    "PCX": encoded(NOISE, "PCX"),
    "SGI": encoded(NOISE, "SGI"),
}.items():
    REFUSED[title] = data, Refusal.UNKNOWN
REFUSED["nothing"] = b"", Refusal.EMPTY
