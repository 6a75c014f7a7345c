"""Picture files as tests need them: by the standards, byte by byte, where no library would write such a thing."""

import io
import struct
import zlib

import numpy as np
import pillow_heif
import tifffile
from PIL import Image


def bytes_array(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def words(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 65536, shape, np.uint16)


def smooth(h, w):
    """Slow waves in three colours, which lossy formats keep closely."""
    y, x = np.mgrid[0 : 1 : h * 1j, 0 : 1 : w * 1j]
    return np.rint(255 * np.stack([x, y, (x + y) / 2], axis=2)).astype(np.uint8)


def encoded(image, name, **options):
    """`image` (an array or a Pillow image) in a format, by Pillow."""
    stream = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(stream, name, **options)
    return stream.getvalue()


def encoded_palette(indices, palette, name, **options):
    image = Image.fromarray(indices, "L").convert("P")
    image.putdata(indices.ravel().tolist())
    image.putpalette(palette.tobytes())
    return encoded(image, name, **options)


# -- PNG ---------------------------------------------------------------------------------------------------------------


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


#: Where Adam7's seven passes start and how far they step: (y, x, step y, step x).
ADAM7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]


def png(samples, *extra, palette=None, size=None, data=None, interlaced=False, bits=None, after=b"", parts=1):
    """A PNG of a uint8 or uint16 array (h, w[, 1..4]), by the standard and without Pillow.

    `extra` are chunks before the picture's data, `data` is that data, in so many `parts`, and `after` what follows it.
    """
    samples = np.atleast_3d(samples)
    h, w, channels = samples.shape
    kind = 3 if palette is not None else {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    bits = bits or 8 * samples.dtype.itemsize
    big = samples.astype(samples.dtype.newbyteorder(">"))
    passes = [big[y::dy, x::dx] for y, x, dy, dx in ADAM7] if interlaced else [big]
    lines = b"".join(b"\0" + packed(row, bits) for part in passes if part.size for row in part)
    width, height = size or (w, h)
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, interlaced)
    table = [] if palette is None else [chunk(b"PLTE", bytes(palette))]
    body = zlib.compress(lines) if data is None else data
    step = max(1, -(-len(body) // parts))
    idat = [chunk(b"IDAT", body[i : i + step]) for i in range(0, len(body), step)] or [chunk(b"IDAT", b"")]
    chunks = [chunk(b"IHDR", header), *table, *extra, *idat, after, chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def packed(row, bits):
    """A row of samples at fewer than 8 bits each, the first in the upper bits; at 8 or more as they are."""
    if bits >= 8:
        return row.tobytes()
    planes = np.unpackbits(row.reshape(-1, 1), axis=1)[:, 8 - bits :]
    return np.packbits(planes.ravel()).tobytes()


# -- TIFF --------------------------------------------------------------------------------------------------------------


def tiff(samples, **options):
    stream = io.BytesIO()
    tifffile.imwrite(stream, samples, **options)
    return stream.getvalue()


def bare_tiff(offsets, counts, data, *, shape=(64, 80), rows=8, following=0, compression=1, extra=()):
    """A grey TIFF of 8 bits whose directory says just this; its strips may be anywhere."""
    entries = [
        (256, 4, [shape[1]]),
        (257, 4, [shape[0]]),
        (258, 3, [8]),
        (259, 3, [compression]),
        (262, 3, [1]),
        (273, 4, offsets),
        (277, 3, [1]),
        (278, 4, [rows]),
        (279, 4, counts),
        *extra,
    ]
    start = 8 + len(data)
    beyond = start + 2 + 12 * len(entries) + 4
    directory, values = struct.pack("<H", len(entries)), b""
    for tag, kind, numbers in sorted(entries):
        raw = struct.pack(f"<{len(numbers)}{'H' if kind == 3 else 'I'}", *numbers)
        place = raw.ljust(4, b"\0") if len(raw) <= 4 else struct.pack("<I", beyond + len(values))
        values += raw if len(raw) > 4 else b""
        directory += struct.pack("<HHI", tag, kind, len(numbers)) + place
    return b"II*\0" + struct.pack("<I", start) + data + directory + struct.pack("<I", following) + values


def exif(orientation):
    """An EXIF block of one entry: the orientation."""
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def exif_block(orientation):
    block = Image.Exif()
    block[0x0112] = orientation
    return block


# -- the others --------------------------------------------------------------------------------------------------------


def gif_parts(data):
    """What stands before a GIF's first compressed data, that data without its blocks, and what stands after."""
    at = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    while data[at] != 0x2C:
        at += 2
        while data[at]:
            at += data[at] + 1
        at += 1
    at += 11 + (3 << (data[at + 9] & 7) + 1 if data[at + 9] & 0x80 else 0)
    head, body = data[:at], b""
    while data[at]:
        body += data[at + 1 : at + 1 + data[at]]
        at += data[at] + 1
    return head, body, data[at + 1 :]


def gif(head, body, rest):
    blocks = (body[i : i + 255] for i in range(0, len(body), 255))
    return head + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0" + rest


def bmp(body, *, size=(80, 64), bits=8, compression=0, colors=256, palette=None):
    """A BMP whose header says just this, its palette a ramp of greys."""
    palette = bytes(v for i in range(colors) for v in (i, i, i, 0)) if palette is None else palette
    start = 54 + len(palette)
    sizes = struct.pack("<IiiHHIIiiII", 40, *size, 1, bits, compression, len(body), 0, 0, colors, 0)
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + sizes + palette + body


def markers(jpeg):
    """Where each marker of a JPEG stands, up to the first scan's data: (marker, place)."""
    at, found = 2, []
    while True:
        found.append((jpeg[at + 1], at))
        if jpeg[at + 1] == 0xDA:
            return found
        at += 2 + struct.unpack_from(">H", jpeg, at + 2)[0]


def jpeg_sized(jpeg, width, height):
    """The same JPEG, its header saying another size."""
    at = next(at for marker, at in markers(jpeg) if marker in (0xC0, 0xC1, 0xC2))
    return jpeg[: at + 5] + struct.pack(">HH", height, width) + jpeg[at + 9 :]


def jpeg_of_scans(count, size=(2000, 2000)):
    """A progressive JPEG of one colour with `count` scans: the first as it is, then empty passes over all of it."""
    data = encoded(np.full((size[1], size[0]), 90, np.uint8), "JPEG", progressive=True, quality=10)
    # the last scan, of the upper bits of one coefficient, over and over: from its tables to its last byte
    starts = [at for at in range(len(data) - 1) if data[at : at + 2] == b"\xff\xda"]
    end = data.rindex(b"\xff\xd9")
    last = data[starts[-1] : end]
    return data[:end] + last * max(0, count - len(starts)) + data[end:]


def riff(*chunks):
    body = b"WEBP" + b"".join(name + struct.pack("<I", len(b)) + b + b"\0" * (len(b) % 2) for name, b in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def heic(array, *, bits=8, more=(), **options):
    """`array` (h, w, 3 or 4) of uint8 or, of `bits` more, of uint16 in HEIC, without loss where quality is -1."""
    mode = {3: "RGB", 4: "RGBA"}[array.shape[2]] + (";16" if bits > 8 else "")
    file = pillow_heif.HeifFile()
    for each in (array, *more):
        file.add_frombytes(mode, (each.shape[1], each.shape[0]), np.ascontiguousarray(each).tobytes())
    stream = io.BytesIO()
    file.save(stream, **{"quality": -1, "chroma": 444, "matrix_coefficients": 0, **options})
    return stream.getvalue()


def box(name, *bodies):
    """A box of an ISO base media file."""
    body = b"".join(bodies)
    return struct.pack(">I", 8 + len(body)) + name + body


def on_white(color, alpha):
    alpha = np.asarray(alpha, float)[..., None]
    return color * alpha + (1 - alpha)
