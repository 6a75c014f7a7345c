"""Odd, damaged and hostile pictures, each with what must come of it: all made here, nothing is stored.

`OPENS` are pictures however odd they look, each with its pixels as the standard of its format has them, and how far a
lossy format may be from them. `REFUSED` are those that must not open, each with the one thing to be said of it.
"""

import gzip
import io
import struct
import zipfile
import zlib
from dataclasses import dataclass

import numpy as np
from makers import (
    bare_tiff,
    bmp,
    box,
    bytes_array,
    chunk,
    encoded,
    encoded_palette,
    exif,
    exif_block,
    gif,
    gif_parts,
    heic,
    jpeg_of_scans,
    jpeg_sized,
    markers,
    on_white,
    png,
    riff,
    smooth,
    tiff,
    words,
)
from PIL import Image, ImageCms

from lowrank.intake.words import Refusal


@dataclass(frozen=True)
class Opens:
    """A file that opens: its pixels, how far they may be off, and what is said of it."""

    data: bytes
    pixels: np.ndarray
    atol: float = 1e-6
    notes: tuple[str, ...] = ()


OPENS: dict[str, Opens] = {}
REFUSED: dict[str, tuple[bytes, Refusal]] = {}

SMOOTH = smooth(48, 64)
NOISE = bytes_array(48, 64, 3)
GREY = NOISE[..., 0]
DEEP = words(48, 64, 3)
RAMP = np.arange(65536, dtype=np.uint16).reshape(256, 256)  # every 16-bit level once


# -- sizes and contents ------------------------------------------------------------------------------------------------

for h, w in [(1, 1), (1, 2), (2, 1), (1, 3000), (3000, 1), (3, 3), (7, 13), (1, 100_000)]:
    levels = bytes_array(h, w, seed=h)
    OPENS[f"PNG of {w} x {h}"] = Opens(png(levels), levels / 255)
for h, w in [(1, 1), (1, 17), (17, 1)]:
    flat = np.full((h, w, 3), 128, np.uint8)
    for name in ("JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"):
        grey = Image.fromarray(flat).quantize(2) if name == "GIF" else flat
        OPENS[f"{name} of {w} x {h}"] = Opens(encoded(grey, name), flat / 255, 3 / 255)
for title, level in [("black", 0), ("white", 255), ("grey", 119)]:
    flat = np.full((40, 30, 3), level, np.uint8)
    for name in ("PNG", "JPEG", "WEBP", "AVIF", "TIFF", "BMP"):
        OPENS[f"all {title} {name}"] = Opens(encoded(flat, name), flat / 255, 2 / 255)
outer = (np.arange(40)[:, None] * np.arange(6)[None] % 256).astype(np.uint8)
OPENS["PNG of rank 1"] = Opens(png(outer), outer / 255)

# -- PNG ---------------------------------------------------------------------------------------------------------------

for bits in (1, 2, 4):
    few = GREY >> (8 - bits)
    for interlaced in (False, True):
        way = " interlaced" * interlaced
        OPENS[f"PNG of {bits} bits{way}"] = Opens(png(few, bits=bits, interlaced=interlaced), few / (2**bits - 1))
        palette = bytes_array(2**bits, 3, seed=bits)
        OPENS[f"PNG of {bits} bits with palette{way}"] = Opens(
            png(few, bits=bits, interlaced=interlaced, palette=palette), palette[few] / 255
        )
for interlaced in (False, True):
    way = " interlaced" * interlaced
    OPENS[f"PNG of 16 bits, every level{way}"] = Opens(
        png(RAMP, interlaced=interlaced), RAMP / 65535, notes=("16-bit",)
    )
    OPENS[f"PNG of 16 bits in colour{way}"] = Opens(png(DEEP, interlaced=interlaced), DEEP / 65535, notes=("16-bit",))
OPENS["PNG of 16 bits, nearly black"] = Opens(png(RAMP // 300), RAMP // 300 / 65535, notes=("16-bit",))
for make, title in [(bytes_array, "8"), (words, "16")]:
    for channels in (2, 4):
        seen = make(9, 11, channels)
        peak = np.iinfo(seen.dtype).max
        laid = on_white(seen[..., :-1] / peak, seen[..., -1] / peak)
        notes = ("16-bit",) * (title == "16") + ("transparency on white",)
        OPENS[f"PNG of {title} bits, {channels} channels"] = Opens(
            png(seen), laid[..., 0] if channels == 2 else laid, notes=notes
        )
palette = bytes_array(256, 3, seed=1)
OPENS["PNG with transparent palette"] = Opens(
    png(GREY, chunk(b"tRNS", bytes(range(256))), palette=palette),
    on_white(palette[GREY] / 255, GREY / 255),
    notes=("transparency on white",),
)
for name, extra in {
    "gamma": chunk(b"gAMA", struct.pack(">I", 45455)),
    "a broken ICC profile": chunk(b"iCCP", b"x\0\0" + zlib.compress(b"no profile")),
    "an ICC profile that inflates to 100 MB": chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(10**8), 9)),
    "text that inflates to 100 MB": chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(10**8), 9)),
    "a private chunk": chunk(b"prVt", bytes(1000)),
    "a broken EXIF block": chunk(b"eXIf", b"MM\0*\xff\xff\xff\xff"),
    "a background": chunk(b"bKGD", b"\0\1\0\1\0\1"),
    "HTML in its text": chunk(b"tEXt", b"Title\0<script>alert(1)</script>"),
}.items():
    damaged_metadata = name.startswith(("an ICC", "text"))
    if not damaged_metadata:
        OPENS[f"PNG with {name}"] = Opens(png(NOISE, extra), NOISE / 255)
    else:  # Pillow reads no such text, and neither do we the picture
        REFUSED[f"PNG with {name}"] = png(NOISE, extra), Refusal.DAMAGED
OPENS["PNG in a part for each byte"] = Opens(png(outer, parts=10**6), outer / 255)
OPENS["PNG with an empty part"] = Opens(png(outer, chunk(b"IDAT", b"")), outer / 255)
OPENS["PNG with something behind it"] = Opens(png(NOISE) + b"<html>" * 50, NOISE / 255)
OPENS["PNG with more data than pixels"] = Opens(
    png(GREY, data=zlib.compress(b"".join(b"\0" + row.tobytes() for row in [*GREY, *GREY]))), GREY / 255
)
apng = [Image.fromarray(bytes_array(9, 8, 3, seed=s)) for s in range(6)]
OPENS["PNG that moves"] = Opens(
    encoded(apng[0], "PNG", save_all=True, append_images=apng[1:]), np.asarray(apng[0]) / 255, notes=("frame 1 of 6",)
)

# -- orientation -------------------------------------------------------------------------------------------------------

UPRIGHT = np.kron([[0, 50, 100], [150, 200, 250]], np.ones((16, 16))).astype(np.uint8)  # 32 x 48, no two parts alike

#: What the EXIF standard says the stored rows are, for the picture to be UPRIGHT.
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
for orientation, store in STORED.items():
    stored = np.ascontiguousarray(store(UPRIGHT))
    turned = ("rotated by EXIF",) * (orientation > 1)
    OPENS[f"JPEG of orientation {orientation}"] = Opens(
        encoded(stored, "JPEG", quality=98, exif=exif_block(orientation)), UPRIGHT / 255, 3 / 255, turned
    )
    OPENS[f"PNG of orientation {orientation}"] = Opens(
        png(stored, chunk(b"eXIf", exif(orientation))), UPRIGHT / 255, notes=turned
    )
    OPENS[f"16-bit TIFF of orientation {orientation}"] = Opens(
        tiff(stored.astype(np.uint16) * 257, extratags=[(274, "H", 1, orientation, True)]),
        UPRIGHT / 255,
        notes=("16-bit", *turned),
    )

# -- JPEG --------------------------------------------------------------------------------------------------------------

for title, options in {
    "baseline": {},
    "progressive": {"progressive": True},
    "with 4:2:0": {"subsampling": 2},
    "with restarts": {"restart_marker_rows": 1},
    "with restarts at every block": {"restart_marker_blocks": 1},
    "progressive with restarts": {"progressive": True, "restart_marker_rows": 1},
    "with a broken ICC profile": {"icc_profile": b"broken"},
    "with a broken EXIF block": {"exif": b"Exif\0\0MM\0*\xff\xff\xff\xff\0\1"},
    "with a comment": {"comment": b"\xff\xda <script>"},
}.items():
    OPENS[f"JPEG {title}"] = Opens(encoded(SMOOTH, "JPEG", **{"quality": 95, **options}), SMOOTH / 255, 16 / 255)
    OPENS[f"grey JPEG {title}"] = Opens(
        encoded(SMOOTH[..., 0], "JPEG", **{"quality": 95, **options}), SMOOTH[..., 0] / 255, 6 / 255
    )
whole = encoded(SMOOTH, "JPEG", quality=95)
OPENS["JPEG with something behind it"] = Opens(whole + bytes_array(5000).tobytes(), SMOOTH / 255, 16 / 255)
OPENS["JPEG with a JPEG behind it"] = Opens(whole + whole, SMOOTH / 255, 16 / 255)
OPENS["JPEG of 100 scans"] = Opens(jpeg_of_scans(100, (64, 48)), np.full((48, 64), 90 / 255), 3 / 255)
inks = np.zeros((32, 40, 4), np.uint8)  # paper, cyan, magenta, yellow, black in stripes of 8
for i in range(4):
    inks[:, 8 * i + 8 : 8 * i + 16, i] = 255
printed = np.repeat([[1, 1, 1], [0, 1, 1], [1, 0, 1], [1, 1, 0], [0, 0, 0]], 8, axis=0)
printed = np.broadcast_to(printed, (32, 40, 3))
for title, options in {"": {}, " with a broken ICC profile": {"icc_profile": b"broken"}}.items():
    data = encoded(Image.fromarray(inks, "CMYK"), "JPEG", quality=100, subsampling=0, **options)
    OPENS[f"CMYK JPEG{title}"] = Opens(data, printed, 4 / 255, ("CMYK to sRGB",))
OPENS["CMYK TIFF"] = Opens(encoded(Image.fromarray(inks, "CMYK"), "TIFF"), printed, notes=("CMYK to sRGB",))

# -- GIF ---------------------------------------------------------------------------------------------------------------

few_colors = Image.fromarray(NOISE).quantize(32)
plain = np.asarray(few_colors.convert("RGB")) / 255
OPENS["GIF"] = Opens(encoded(few_colors, "GIF"), plain)
OPENS["GIF interlaced"] = Opens(encoded(few_colors, "GIF", interlace=1), plain)
OPENS["GIF that moves"] = Opens(
    encoded(few_colors, "GIF", save_all=True, append_images=[few_colors.rotate(90 * i) for i in (1, 2, 3)]),
    plain,
    notes=("frame 1 of 4",),
)
indices = np.asarray(few_colors)
OPENS["GIF with a transparent colour"] = Opens(
    encoded_palette(indices, palette, "GIF", transparency=9),
    on_white(palette[indices] / 255, indices != 9),
    notes=("transparency on white",),
)
small_gif = encoded(few_colors, "GIF")
OPENS["GIF with blocks of one byte"] = Opens(
    (parts := gif_parts(small_gif))[0] + b"".join(bytes([1, byte]) for byte in parts[1]) + b"\0" + parts[2],
    plain,
)

# -- BMP ---------------------------------------------------------------------------------------------------------------

for bits in (1, 4, 8):
    few = (GREY >> (8 - bits)).astype(np.uint8)
    rows = [np.packbits(np.unpackbits(row[:, None], axis=1)[:, 8 - bits :].ravel()).tobytes() for row in few[::-1]]
    body = b"".join(row.ljust(-(-len(row) // 4) * 4, b"\0") for row in rows)
    palette = bytes_array(2**bits, 4, seed=bits)  # blue, green, red, nothing
    OPENS[f"BMP of {bits} bits"] = Opens(
        bmp(body, size=(64, 48), bits=bits, colors=2**bits, palette=palette.tobytes()), palette[few][..., 2::-1] / 255
    )
upside = bytes_array(48, 64, 3)
OPENS["BMP from top to bottom"] = Opens(
    bmp(upside[..., ::-1].tobytes(), size=(64, -48), bits=24, colors=0), upside / 255
)
OPENS["BMP from bottom to top"] = Opens(
    bmp(upside[::-1, :, ::-1].tobytes(), size=(64, 48), bits=24, colors=0), upside / 255
)
rle = b"".join(bytes([80, level]) + b"\0\0" for level in range(64, 0, -1))
runs = np.repeat(np.arange(1, 65)[:, None], 80, 1) / 255
OPENS["BMP of runs"] = Opens(bmp(rle + b"\0\1", compression=1), runs, 1e-6)

# -- TIFF --------------------------------------------------------------------------------------------------------------

for order in "<>":
    for compression in (None, "zlib"):
        how = f"{'little' if order == '<' else 'big'} end first, {compression or 'plain'}"
        options = {"byteorder": order, "compression": compression}
        for kind in (np.uint8, np.uint16):
            peak = np.iinfo(kind).max
            notes = ("16-bit",) * (peak > 255)
            colors = words(20, 24, 3).astype(kind)
            OPENS[f"TIFF of {peak}, {how}"] = Opens(
                tiff(colors, photometric="rgb", **options), colors / peak, notes=notes
            )
            planes = np.ascontiguousarray(np.moveaxis(colors, 2, 0))
            OPENS[f"TIFF in planes of {peak}, {how}"] = Opens(
                tiff(planes, photometric="rgb", planarconfig="separate", **options), colors / peak, notes=notes
            )
        for kind in ("f2", "f4", "f8"):
            shares = np.random.default_rng(0).random((20, 24)).astype(kind)
            OPENS[f"TIFF of floats {kind}, {how}"] = Opens(
                tiff(shares, **options), shares.astype(float), notes=("floating point",)
            )
        shares = np.random.default_rng(0).random((20, 24, 3)).astype("f4")
        OPENS[f"TIFF of floats in colour, {how}"] = Opens(
            tiff(shares, photometric="rgb", **options), shares, notes=("floating point",)
        )
wide = np.linspace(-3, 7, 480).reshape(20, 24)
for kind, title in [("f4", "floats"), ("f8", "doubles")]:
    OPENS[f"TIFF of {title} beyond 1"] = Opens(
        tiff(wide.astype(kind)), (wide + 3) / 10, notes=("floating point", "scaled to its own range")
    )
counts = np.linspace(0, 2**32 - 1, 480).reshape(20, 24).astype(np.uint32)
OPENS["TIFF of 32 bits"] = Opens(tiff(counts), counts / (2**32 - 1), notes=("32-bit", "scaled to its own range"))
OPENS["TIFF of 16 bits, white at zero"] = Opens(
    tiff(RAMP, photometric="miniswhite"), 1 - RAMP / 65535, notes=("16-bit",)
)
OPENS["TIFF of 16 bits, grey with alpha"] = Opens(
    tiff(words(9, 11, 2), photometric="minisblack", planarconfig="contig", extrasamples=["unassalpha"]),
    on_white(words(9, 11, 2)[..., :1] / 65535, words(9, 11, 2)[..., 1] / 65535)[..., 0],
    notes=("16-bit", "transparency on white"),
)
multiplied = words(9, 11, 4)
multiplied[..., :3] = multiplied[..., :3] * (multiplied[..., 3:] / 65535)
OPENS["TIFF of 16 bits, multiplied by alpha"] = Opens(
    tiff(multiplied, photometric="rgb", extrasamples=["assocalpha"]),
    multiplied[..., :3] / 65535 + 1 - multiplied[..., 3:] / 65535,
    2e-5,
    ("16-bit", "transparency on white"),
)
OPENS["BigTIFF"] = Opens(tiff(RAMP, bigtiff=True), RAMP / 65535, notes=("16-bit",))
OPENS["TIFF in tiles"] = Opens(tiff(NOISE, photometric="rgb", tile=(16, 16)), NOISE / 255)
OPENS["TIFF of 3 pages"] = Opens(
    encoded(NOISE, "TIFF", save_all=True, append_images=[Image.fromarray(NOISE)] * 2),
    NOISE / 255,
    notes=("frame 1 of 3",),
)
for compression in ("tiff_lzw", "packbits", "tiff_adobe_deflate"):
    OPENS[f"TIFF {compression}"] = Opens(encoded(NOISE, "TIFF", compression=compression), NOISE / 255)
bilevel = NOISE[..., 0] > 127
OPENS["TIFF as faxes are"] = Opens(encoded(bilevel, "TIFF", compression="group4"), bilevel.astype(float))
STRIPS = bytes_array(64, 80)
offsets, sizes = [8 + 640 * i for i in range(8)], [640] * 8
OPENS["TIFF of strips"] = Opens(bare_tiff(offsets, sizes, STRIPS.tobytes()), STRIPS / 255)
OPENS["TIFF whose pages go in a circle"] = Opens(
    (ring := bare_tiff(offsets, sizes, STRIPS.tobytes(), following=8 + STRIPS.size)), STRIPS / 255
)

# -- WebP, AVIF, HEIC --------------------------------------------------------------------------------------------------

OPENS["WebP"] = Opens(encoded(SMOOTH, "WEBP", quality=95), SMOOTH / 255, 16 / 255)
OPENS["WebP without loss"] = Opens(encoded(NOISE, "WEBP", lossless=True), NOISE / 255)
seen = bytes_array(48, 64, 4)
OPENS["WebP with alpha"] = Opens(
    encoded(seen, "WEBP", lossless=True, exact=True),
    on_white(seen[..., :3] / 255, seen[..., 3] / 255),
    notes=("transparency on white",),
)
OPENS["WebP that moves"] = Opens(
    encoded(NOISE, "WEBP", save_all=True, append_images=[Image.fromarray(255 - NOISE)], lossless=True),
    NOISE / 255,
    notes=("frame 1 of 2",),
)
OPENS["AVIF"] = Opens(encoded(SMOOTH, "AVIF", quality=95), SMOOTH / 255, 12 / 255)
OPENS["AVIF that moves"] = Opens(
    encoded(SMOOTH, "AVIF", quality=95, save_all=True, append_images=[Image.fromarray(255 - SMOOTH)]),
    SMOOTH / 255,
    12 / 255,
    ("frame 1 of 2",),
)
OPENS["HEIC"] = Opens(heic(NOISE), NOISE / 255)
OPENS["HEIC with alpha"] = Opens(
    heic(seen), on_white(seen[..., :3] / 255, seen[..., 3] / 255), 2e-5, ("transparency on white",)
)
tens = (np.arange(48 * 64).reshape(48, 64, 1) % 1024 * 64).repeat(3, 2).astype(np.uint16)  # 10 bits, the upper ones
OPENS["HEIC of 10 bits"] = Opens(heic(tens, bits=10), tens / 65472, notes=("10-bit",))
OPENS["HEIC of two pictures"] = Opens(heic(NOISE, more=[255 - NOISE]), NOISE / 255, notes=("frame 1 of 2",))

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

# -- bombs -------------------------------------------------------------------------------------------------------------


def resized(data, width, height):
    """An AVIF or HEIC file that says it is of another size."""
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", width, height) + data[at + 8 :]


def zeros(count):
    return zlib.compress(bytes(count), 9)


#: Small files that ask for much, made when called: refused within a second of CPU and 64 MB (see test_bombs.py).
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


# -- colour ------------------------------------------------------------------------------------------------------------


def profile(gamma=2.2, primaries=((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), name=b"test"):
    """An ICC profile of a screen: a matrix (by default Adobe RGB's primaries, adapted to D50) and a power."""
    columns = np.linalg.inv(np.diag([1, 1, 1]))
    for i, (x, y) in enumerate(primaries):
        columns[:, i] = x / y, 1, (1 - x - y) / y
    white = np.array([0.3127 / 0.3290, 1, (1 - 0.3127 - 0.3290) / 0.3290])
    columns = columns * np.linalg.solve(columns, white)
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    d50 = np.array([0.9642, 1, 0.8249])
    adapt = np.linalg.inv(bradford) @ np.diag((bradford @ d50) / (bradford @ white)) @ bradford
    tags = {key: xyz(column) for key, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), (adapt @ columns).T, strict=True)}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), power(gamma))
    return icc(b"RGB ", {**tags, b"wtpt": xyz(d50), b"desc": b"desc" + bytes(8) + name})


def grey_profile(gamma=1.0):
    """An ICC profile of grey: a power."""
    return icc(b"GRAY", {b"kTRC": power(gamma), b"wtpt": xyz((0.9642, 1, 0.8249))})


def xyz(numbers):
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in numbers))


def power(gamma):
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"


def icc(space, tags):
    """A profile of version 2 for a screen."""
    start, table, body = 132 + 12 * len(tags), b"", b""
    for name, tag in tags.items():
        table += name + struct.pack(">II", start + len(body), len(tag))
        body += tag + b"\0" * (-len(tag) % 4)
    head = struct.pack(">I4sI4s4s4s", start + len(body), b"\0\0\0\0", 0x02400000, b"mntr", space, b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061) + bytes(48)
    return head + struct.pack(">I", len(tags)) + table + body


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
OPENS["JPEG with the profile of sRGB"] = Opens(
    encoded(SMOOTH, "JPEG", quality=95, icc_profile=SRGB), OPENS["JPEG baseline"].pixels, 16 / 255
)
OPENS["16-bit PNG with the profile of sRGB"] = Opens(
    png(DEEP, chunk(b"iCCP", b"x\0\0" + zlib.compress(SRGB))), DEEP / 65535, notes=("16-bit",)
)
OPENS["JPEG with the profile of grey, for colour"] = Opens(
    encoded(SMOOTH, "JPEG", quality=95, icc_profile=grey_profile()), SMOOTH / 255, 16 / 255
)
