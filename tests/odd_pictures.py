"""Pictures that open, however odd they look: all made here, nothing is stored.

Each comes with its pixels as the standard of its format has them, and how far a lossy format may be from them.
"""

import struct
import zlib
from dataclasses import dataclass

import numpy as np
from makers import (
    bare_tiff,
    bmp,
    bytes_array,
    chunk,
    encoded,
    encoded_palette,
    exif,
    exif_block,
    gif_parts,
    heic,
    jpeg_of_scans,
    on_white,
    png,
    smooth,
    tiff,
    words,
)
from PIL import Image, ImageCms
from profiles import grey_profile


@dataclass(frozen=True)
class Opens:
    """A file that opens: its pixels, how far they may be off, and what is said of it."""

    data: bytes
    pixels: np.ndarray
    atol: float = 1e-6
    notes: tuple[str, ...] = ()


OPENS: dict[str, Opens] = {}

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
    "a private chunk": chunk(b"prVt", bytes(1000)),
    "a broken EXIF block": chunk(b"eXIf", b"MM\0*\xff\xff\xff\xff"),
    "a background": chunk(b"bKGD", b"\0\1\0\1\0\1"),
    "HTML in its text": chunk(b"tEXt", b"Title\0<script>alert(1)</script>"),
}.items():
    OPENS[f"PNG with {name}"] = Opens(png(NOISE, extra), NOISE / 255)
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

# -- profiles that change nothing -------------------------------------------------------------------------------------

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
