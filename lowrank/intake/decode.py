"""Encoded bytes -> samples at the depth that the file has: where decoders run, and nowhere else.

Pillow keeps 8 bits of most things, so more is asked of it in roundabout ways here. HEIC is read by libheif, and what
Pillow does not hold of a TIFF by tifffile (see tiff.py).
"""

from __future__ import annotations

import io
import logging
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pillow_heif
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageChops,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from lowrank.errors import ImageError
from lowrank.intake import headers, icc, tiff
from lowrank.intake.headers import Header
from lowrank.intake.limits import Limits
from lowrank.intake.samples import Samples, in_srgb, ranged, with_key
from lowrank.intake.words import Note, Refusal

# The readers themselves, not Image.open: that would try them all, and warn of sizes that the limits allow.
_READERS: dict[str, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    "PNG": PngImagePlugin.PngImageFile,
    "JPEG": JpegImagePlugin.JpegImageFile,
    "WebP": WebPImagePlugin.WebPImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
}

for _name in ("PIL", "tifffile"):  # what they log goes where the program wants it, not to the terminal by itself
    logging.getLogger(_name).addHandler(logging.NullHandler())

_ORIENTATION, _BITS, _PHOTOMETRIC, _PLANAR, _SAMPLE_FORMAT = 274, 258, 262, 284, 339  # tags of EXIF and TIFF


def decode(data: bytes, codec: str, header: Header | None, limits: Limits) -> Samples:
    """Decode the first frame.

    Parameters
    ----------
    data : bytes
    codec : str
        One of `lowrank.intake.sniff.FORMATS`.
    header : Header or None
        What `lowrank.intake.headers.examine` found.
    limits : Limits

    Raises
    ------
    ImageError
        If it is over the limits, or of a kind that cannot be read.
    Exception
        Whatever a decoder makes of damaged data.
    """
    if codec == "HEIC":
        return _heic(data, limits)
    try:
        image = _READERS[codec](io.BytesIO(data))
    except SyntaxError:
        if codec == "TIFF":  # of a kind that Pillow does not know
            return tiff.read(data)
        raise
    with image:
        limits.check_size(*image.size)
        frames = header.frames if header else getattr(image, "n_frames", 1)
        limits.check_frames(frames)
        turned = _tags(image).get(_ORIENTATION, 1)  # which Pillow undoes in a TIFF while it loads
        samples = None
        if codec == "TIFF":
            image.tile = [_in_native_order(tile) for tile in image.tile]
            _check_covered(image)
            samples = _deep_tiff(data, image)
        if samples is None:
            samples = _deep(data, image) or _shallow(image)
            samples.orientation = image.getexif().get(_ORIENTATION, 1)
        if header and header.scans:
            _check_whole(image, data, header)
    if (bits := _bits(data, codec, image)) > 8 and samples.peak == 0xFF:
        samples.notes.insert(0, Note.REDUCED.filled(bits=bits))
    if samples.orientation in range(2, 9) or turned in range(2, 9):
        samples.notes.append(Note.TURNED.filled())
    if frames > 1:
        samples.notes.append(Note.FRAME.filled(frames=frames))
    if samples.orientation not in range(1, 9):
        samples.orientation = 1
    return samples


def _tags(image: Image.Image) -> Mapping[int, Any]:
    """The tags of a TIFF; none of anything else."""
    tags: Mapping[int, Any] = getattr(image, "tag_v2", {})
    return tags


def _check_whole(image: Image.Image, data: bytes, header: Header) -> None:
    """Refuse a JPEG whose compressed data ended too early: libjpeg fills up with grey, and warns nobody."""
    again = JpegImagePlugin.JpegImageFile(io.BytesIO(headers.padded(data, header)))
    if ImageChops.difference(image, again).getbbox() is not None:
        raise Refusal.DAMAGED.error()


def _check_covered(image: ImageFile.ImageFile) -> None:
    """Refuse a TIFF with strips missing: Pillow leaves them black, where it reads them without libtiff."""
    if any(tile.codec_name != "raw" for tile in image.tile):
        return
    boxes = [tile.extents or (0, 0, 0, 0) for tile in image.tile]
    planes = len(image.getbands()) if _tags(image).get(_PLANAR, 1) == 2 else 1
    covered = sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in boxes)
    if covered < image.width * image.height * planes or min(tile.offset for tile in image.tile) < 8:
        raise Refusal.DAMAGED.error()


def _bits(data: bytes, codec: str, image: Image.Image) -> int:
    """The bits of a sample, where there may be more than Pillow reads."""
    if codec == "AVIF" and (at := data.find(b"av1C")) >= 0:
        flags = data[at + 6]
        return 12 if flags & 0x20 else 10 if flags & 0x40 else 8
    return int(max(_tags(image).get(_BITS, (8,))))


# -- one byte a sample -------------------------------------------------------------------------------------------------


def _shallow(image: Image.Image) -> Samples:
    """Samples of an image in the depth that its mode has."""
    image.load()
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        return _single(image)
    notes: list[str] = []
    profile = image.info.get("icc_profile") or b""
    if "transparency" in image.info or image.mode in ("PA", "La", "RGBa"):
        image = image.convert("LA" if image.mode in ("1", "L", "La") else "RGBA")
    elif image.mode == "LAB":
        image, profile = icc.lab_to_srgb(image), b""
        notes.append(Note.LAB.filled())
    elif image.mode not in ("L", "LA", "RGB", "RGBA", "CMYK"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    converted = icc.converted(image, profile) if profile else None
    if image.mode == "CMYK":
        image = converted or image.convert("RGB")
        notes.append(Note.CMYK.filled())
    elif converted is not None:
        image = converted
        notes.append(Note.PROFILE.filled())
    values = np.asarray(image)
    return Samples(values if values.ndim == 3 else values[..., None], 0xFF, notes)


# -- more --------------------------------------------------------------------------------------------------------------


def _single(image: Image.Image) -> Samples:
    """One channel of integers of more than 8 bits, or of floats."""
    values, tags = np.asarray(image), _tags(image)
    if image.mode == "I" and tags and tags.get(_SAMPLE_FORMAT, (1,))[0] == 1:
        values = values.view(np.uint32)  # which Pillow reads as signed
    bits = tags.get(_BITS, (8 * values.dtype.itemsize,))[0]
    samples = ranged(values[..., None], bits, inverted=tags.get(_PHOTOMETRIC) == 0)
    key = image.info.get("transparency")
    if isinstance(key, int):
        samples.values = with_key(samples.values, values == key, samples.peak)
    return in_srgb(samples, image.info.get("icc_profile"))


_DEEP = re.compile(r"(RGB|RGBX|RGBA);16[BLN]|LA;16B")


def _deep(data: bytes, image: ImageFile.ImageFile) -> Samples | None:
    """16-bit colour, or None where the image has no such thing.

    Pillow keeps only the high byte of each sample. Telling it the opposite byte order yields the low byte, so two
    decodes give both.
    """
    rawmodes = {_rawmode(tile.args) for tile in image.tile}
    rawmode = rawmodes.pop() if len(rawmodes) == 1 else ""
    if not _DEEP.fullmatch(rawmode):
        return None
    if rawmode == "LA;16B":  # grey with alpha: four bytes a pixel, which RGBA takes as they are
        raw = np.asarray(_reopened(data, image, rawmode, "RGBA")).astype(np.uint16)
        words = raw[..., 0::2] << np.uint16(8) | raw[..., 1::2]
        image.load()  # the orientation is read from an image that is known to be whole
    else:
        native = "L" if sys.byteorder == "little" else "B"
        swapped = rawmode[:-1] + ("L" if rawmode[-1].replace("N", native) == "B" else "B")
        words = np.asarray(_reopened(data, image, rawmode, swapped)).astype(np.uint16)
        image.load()
        words |= np.asarray(image).astype(np.uint16) << np.uint16(8)
    key = image.info.get("transparency")
    if words.shape[-1] == 3 and isinstance(key, tuple):
        words = with_key(words, (words == np.array(key)).all(-1), 0xFFFF)
    return in_srgb(Samples(words, 0xFFFF, [Note.DEPTH.filled(bits=16)]), image.info.get("icc_profile"))


def _rawmode(args: Any) -> str:
    mode = args[0] if isinstance(args, Sequence) and not isinstance(args, str) and args else args
    return mode if isinstance(mode, str) else ""


def _reopened(data: bytes, image: ImageFile.ImageFile, old: str, new: str) -> ImageFile.ImageFile:
    """Decode `data` afresh as `image` was, its samples unpacked as the raw mode `new` in place of `old`."""
    other = type(image)(io.BytesIO(data))
    other.tile = [
        tile._replace(args=new if isinstance(tile.args, str) else (new, *(tile.args or ())[1:]))
        if _rawmode(tile.args) == old
        else tile
        for tile in other.tile
    ]
    other.load()
    return other


def _in_native_order(tile: ImageFile._Tile) -> ImageFile._Tile:
    """Correct Pillow, which forgets for 32 bits that libtiff has the bytes in this machine's order already."""
    rawmode = _rawmode(tile.args)
    if tile.codec_name != "libtiff" or isinstance(tile.args, str) or tile.args is None:
        return tile
    return tile._replace(args=(re.sub(r"^([IF]);32B?([SF])?$", r"\1;32N\2", rawmode), *tile.args[1:]))


def _deep_tiff(data: bytes, image: ImageFile.ImageFile) -> Samples | None:
    """More than 8 bits in planes, or multiplied by alpha; or None where the image has no such thing.

    Pillow reads these at 8 bits, or where planes are not compressed, wrongly.
    """
    tags, rawmode = _tags(image), _rawmode(image.tile[0].args)
    planes = tags.get(_PLANAR, 1) == 2 and len(image.getbands()) > 1
    if max(tags.get(_BITS, (8,))) <= 8 or not (planes or rawmode.startswith("RGBa")):
        return None
    try:
        return tiff.read(data)
    except ImageError:
        if planes and image.tile[0].codec_name == "raw":
            raise
        return None


def _heic(data: bytes, limits: Limits) -> Samples:
    """The primary image, which libheif turns upright itself."""
    file = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
    limits.check_frames(len(file))
    image = file[file.primary_index]
    limits.check_size(*image.size)
    info: dict[str, Any] = dict(image.info)
    if image.mode.endswith(";16"):
        bits = info["bit_depth"]  # which are the upper ones of 16
        values = np.asarray(image)
        samples = Samples(values if values.ndim == 3 else values[..., None], ((1 << bits) - 1) << (16 - bits))
        samples.notes.append(Note.DEPTH.filled(bits=bits))
        samples = in_srgb(samples, info.get("icc_profile"))
    else:
        samples = _shallow(image.to_pillow())
    if len(file) > 1:
        samples.notes.append(Note.FRAME.filled(frames=len(file)))
    return samples
