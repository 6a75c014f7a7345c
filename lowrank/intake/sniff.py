"""What a file is, by its first bytes: its name says nothing, and no decoder is asked."""

from __future__ import annotations

import struct

from lowrank.intake.words import Refusal

#: The formats that are read. Nothing else reaches a decoder.
FORMATS = ("PNG", "JPEG", "WebP", "GIF", "BMP", "TIFF", "AVIF", "HEIC")

#: File name endings of these formats, in lower case.
EXTENSIONS = ("png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff", "avif", "heic", "heif")

_READ = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    *((order + mark, "TIFF") for order in (b"II", b"MM") for mark in (b"*\0", b"\0*", b"+\0", b"\0+")),
)

#: What people drop by mistake, or on purpose: offset, bytes, name.
_REFUSED = (
    (0, b"%PDF", "a PDF document"),
    (0, b"%!PS", "a PostScript drawing"),
    (0, b"\xc5\xd0\xd3\xc6", "a PostScript drawing"),
    (0, b"8BPS", "a Photoshop document"),
    (0, b"gimp xcf", "a GIMP document"),
    (8, b"CR\x02\0", "a camera's raw file"),  # Canon's CR2, a TIFF by its first bytes
    (0, b"IIU\0", "a camera's raw file"),
    (0, b"IIRO", "a camera's raw file"),
    (0, b"IIRS", "a camera's raw file"),
    (0, b"MMOR", "a camera's raw file"),
    (0, b"FUJIFILMCCD-RAW", "a camera's raw file"),
    (0, b"\0MRM", "a camera's raw file"),
    (0, b"FOVb", "a camera's raw file"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 picture"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (0, b"\xff\x0a", "a JPEG XL picture"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (0, b"\0\0\x01\0", "an icon"),
    (0, b"DDS ", "a DirectDraw texture"),
    (0, b"v/1\x01", "an OpenEXR picture"),
    (0, b"#?RADIANCE", "a Radiance picture"),
    (0, b"/* XPM */", "an XPM picture"),
    (0, b"SIMPLE  =", "a FITS file"),
    (128, b"DICM", "a DICOM file"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"PK\x03\x04", "an archive or office document"),
    (0, b"\x1f\x8b", "a compressed file"),
    (0, b"7z\xbc\xaf\x27\x1c", "an archive"),
    (0, b"Rar!", "an archive"),
    (0, b"\xd0\xcf\x11\xe0", "an office document"),
    (0, b"{\\rtf", "an office document"),
    (0, b"\x1aE\xdf\xa3", "a video"),
    (8, b"AVI ", "a video"),
    (0, b"\x7fELF", "a program"),
    (0, b"MZ", "a program"),
    (0, b"#!", "a program"),
)

_AVIF = {b"avif", b"avis"}
_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}


def sniff(data: bytes) -> str:
    """Return the one of `FORMATS` that the bytes begin like.

    Raises
    ------
    ImageError
        If they begin like none of them; what they are instead is named where it is known.

    Examples
    --------
    >>> sniff(b"GIF89a...")
    'GIF'
    >>> sniff(b"<svg xmlns='http://www.w3.org/2000/svg'/>")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    lowrank.errors.ImageError: This file is an SVG drawing, not a picture that can be read here. Give a PNG, ...
    """
    if not data:
        raise Refusal.EMPTY.error()
    kind = next((name for at, magic, name in _REFUSED if data.startswith(magic, at)), "")
    if not kind and data[4:8] == b"ftyp":
        brands = _brands(data)
        if brands & _AVIF:
            return "AVIF"
        if brands & _HEIC:
            return "HEIC"
        kind = "a camera's raw file" if b"crx " in brands else "a video"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WebP"
    kind = kind or _markup(data[:4096]) or _plain(data)
    if kind:
        raise Refusal.OTHER_KIND.error(kind=kind)
    for magic, name in _READ:
        if data.startswith(magic):
            return name
    raise Refusal.UNKNOWN.error()


def _brands(data: bytes) -> set[bytes]:
    """The brands that an ISO base media file claims, the major one and the compatible ones."""
    (size,) = struct.unpack_from(">I", data)
    box = data[8 : min(size, 256)]
    return {box[i : i + 4] for i in (0, *range(8, len(box), 4))}


def _markup(head: bytes) -> str:
    """The name of a text in angle brackets, in any encoding that keeps ASCII or doubles it."""
    text = head.replace(b"\0", b"").removeprefix(b"\xef\xbb\xbf").strip(b"\xff\xfe \t\r\n").lower()
    if not text.startswith(b"<"):
        return ""
    if b"<svg" in text:
        return "an SVG drawing"
    return "a web page" if b"html" in text or not text.startswith(b"<?xml") else "an XML file"


def _plain(data: bytes) -> str:
    """The name of the pictures that begin with P and a digit, as text does: those with a blank after."""
    return "a Netpbm picture" if data[:1] == b"P" and data[1:2] in b"1234567" and data[2:3].isspace() else ""
