"""Encoded bytes -> samples at the depth that the file has: the only place where a decoder runs.

Pillow keeps 8 bits of most things, so more is asked of it in roundabout ways here; HEIC is read by libheif, and what Pillow
cannot hold of a TIFF by tifffile.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pillow_heif
from numpy.typing import NDArray
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
from lowrank.intake import headers, icc
from lowrank.intake.headers import Header
from lowrank.intake.limits import Limits
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

_ORIENTATION, _BITS, _PHOTOMETRIC, _PLANAR, _SAMPLE_FORMAT = 274, 258, 262, 284, 339  # tags of EXIF and TIFF


#: Pixels that are converted at a time.
_BAND = 1 << 20


@dataclass
class Samples:
    """What a file holds."""

    #: Shape (h, w, c); of 2 or 4 channels the last is alpha. uint8 or uint16, or float32 or float64 in [0, 1].
    values: NDArray[Any]
    #: The sample of white.
    peak: float
    notes: list[str] = field(default_factory=list)
    #: Of EXIF: 1 to 8, still to be undone.
    orientation: int = 1


def decode(data: bytes, format: str, header: Header | None, limits: Limits) -> Samples:
    """Decode the first frame.

    Parameters
    ----------
    data : bytes
    format : str
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
    if format == "HEIC":
        return _heic(data, limits)
    try:
        image = _READERS[format](io.BytesIO(data))
    except SyntaxError:
        if format == "TIFF":
            return _unusual_tiff(data)
        raise
    with image:
        limits.check_size(*image.size)
        frames = header.frames if header else image.n_frames  # type: ignore[attr-defined]
        limits.check_frames(frames)
        turned = _tags(image).get(_ORIENTATION, 1)  # which Pillow undoes in a TIFF while it loads
        samples = None
        if format == "TIFF":
            _check_covered(image)
            samples = _deep_tiff(data, image)
        if samples is None:
            samples = _deep(data, image) or _shallow(image)
            samples.orientation = image.getexif().get(_ORIENTATION, 1)
        if header and header.scans:
            _check_whole(image, data, header)
    if (bits := _bits(data, format, image)) > 8 and samples.peak == 255:
        samples.notes.insert(0, Note.REDUCED.filled(bits=bits))
    if samples.orientation in range(2, 9) or turned in range(2, 9):
        samples.notes.append(Note.TURNED.value)
    if frames > 1:
        samples.notes.append(Note.FRAME.filled(frames=frames))
    if samples.orientation not in range(1, 9):
        samples.orientation = 1
    return samples


def _tags(image: Image.Image) -> dict[int, Any]:
    """The tags of a TIFF; none of anything else."""
    return getattr(image, "tag_v2", {})


def _check_whole(image: Image.Image, data: bytes, header: Header) -> None:
    """Refuse a JPEG whose compressed data ended too early: libjpeg fills up with grey, and warns nobody."""
    again = JpegImagePlugin.JpegImageFile(io.BytesIO(headers.padded(data, header)))
    if ImageChops.difference(image, again).getbbox() is not None:
        raise Refusal.DAMAGED.error()


def _check_covered(image: ImageFile.ImageFile) -> None:
    """Refuse a TIFF with strips missing: Pillow leaves them black, where it reads them without libtiff."""
    w, h = (max(tile.extents[i] for tile in image.tile) for i in (2, 3))
    planes = len(image.getbands()) if _tags(image).get(_PLANAR, 1) == 2 else 1
    areas = ((x1 - x0) * (y1 - y0) for _, (x0, y0, x1, y1), _, _ in image.tile)
    raw = any(tile.codec_name == "raw" for tile in image.tile)
    if raw and ({w, h} != set(image.size) or sum(areas) < w * h * planes or min(tile.offset for tile in image.tile) < 8):
        raise Refusal.DAMAGED.error()


def _bits(data: bytes, format: str, image: Image.Image) -> int:
    """The bits of a sample, where there may be more than Pillow reads."""
    if format == "AVIF" and (at := data.find(b"av1C")) >= 0:
        flags = data[at + 6]
        return 12 if flags & 0x20 else 10 if flags & 0x40 else 8
    return max(_tags(image).get(_BITS, (8,)))


# -- 8 bits ------------------------------------------------------------------------------------------------------------


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
        notes.append(Note.LAB.value)
    elif image.mode not in ("L", "LA", "RGB", "RGBA", "CMYK"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    converted = icc.converted(image, profile) if profile else None
    if image.mode == "CMYK":
        image = converted or image.convert("RGB")
        notes.append(Note.CMYK.value)
    elif converted is not None:
        image = converted
        notes.append(Note.PROFILE.value)
    values = np.asarray(image)
    return Samples(values if values.ndim == 3 else values[..., None], 255, notes)


# -- more --------------------------------------------------------------------------------------------------------------


def _single(image: Image.Image) -> Samples:
    """One channel of integers of more than 8 bits, or of floats."""
    values, tags = np.asarray(image), _tags(image)
    if image.mode == "I" and tags and tags.get(_SAMPLE_FORMAT, (1,))[0] == 1:
        values = values.view(np.uint32)  # which Pillow reads as signed
    bits = tags.get(_BITS, (8 * values.dtype.itemsize,))[0]
    samples = _ranged(values[..., None], bits, inverted=tags.get(_PHOTOMETRIC) == 0)
    key = image.info.get("transparency")
    if isinstance(key, int):
        samples.values = _with_key(samples.values, values == key, samples.peak)
    return _in_srgb(samples, image.info.get("icc_profile"))


def _ranged(values: NDArray[Any], bits: int, inverted: bool = False, alpha: bool = False) -> Samples:
    """Find what white is: of integers of up to 16 bits and of floats in [0, 1] it is known, else their own range is taken.

    Integers of 32 bits that would fit into 16 are taken for such.
    """
    kind = values.dtype.kind
    values = values.astype(np.float32 if values.dtype == np.float16 else values.dtype.newbyteorder("="), copy=False)
    notes = [Note.FLOAT.value if kind == "f" else Note.DEPTH.filled(bits=bits)]
    if kind == "f" and not np.isfinite(values).all():
        raise Refusal.NO_NUMBERS.error()
    if inverted and kind == "u":
        values = np.array((1 << bits) - 1, values.dtype) - values
    colors = values[..., :-1] if alpha else values
    low, high = colors.min().item(), colors.max().item()
    if kind == "f" and low >= 0 and high <= 1:
        return Samples(values, 1.0, notes)
    if kind == "u" and values.dtype.itemsize <= 2:
        return Samples(values, (1 << min(bits, 16)) - 1, notes)
    if kind in "iu" and low >= 0 and high <= 0xFFFF and values.dtype.itemsize <= 4:
        return Samples(values.astype(np.uint16), 0xFFFF, notes)
    notes.append(Note.SCALED.value)
    scaled = np.empty(values.shape, np.float32)
    scaled[..., : colors.shape[2]] = (colors.astype(np.float64) - low) / ((high - low) or 1)
    if alpha:
        top = 1 if kind == "f" else np.iinfo(values.dtype).max
        scaled[..., -1] = (values[..., -1].astype(np.float64) / top).clip(0, 1)
    return Samples(scaled, 1.0, notes)


def _in_srgb(samples: Samples, profile: bytes | None) -> Samples:
    """Convert samples of more than 8 bits as an ICC profile means them, some rows at a time."""
    height, width, channels = samples.values.shape
    colors = channels - 1 + channels % 2
    convert = icc.deep_conversion(profile, colors) if profile else None
    if convert is None:
        return samples
    values, step = np.empty(samples.values.shape, np.float32), max(1, _BAND // width)
    for rows in (slice(top, top + step) for top in range(0, height, step)):
        part = samples.values[rows] / np.float32(samples.peak)
        values[rows] = np.dstack([convert(part[..., :colors]), part[..., colors:]])
    return Samples(values, 1.0, [*samples.notes, Note.PROFILE.value], samples.orientation)


def _with_key(values: NDArray[Any], keyed: NDArray[np.bool_], peak: float) -> NDArray[Any]:
    """Add an alpha channel that is 0 where PNG's transparent colour was `keyed`."""
    return np.dstack([values, np.where(keyed, 0, peak).astype(values.dtype)])


_DEEP = re.compile(r"(RGB|RGBX|RGBA);16[BLN]|LA;16B")


def _deep(data: bytes, image: ImageFile.ImageFile) -> Samples | None:
    """16-bit colour, or None where the image has no such thing.

    Pillow keeps only the high byte of each sample. Telling it the opposite byte order yields the low byte, so two decodes
    give both.
    """
    rawmodes = {_rawmode(tile.args) for tile in image.tile}
    rawmode = rawmodes.pop() if len(rawmodes) == 1 else ""
    if not _DEEP.fullmatch(rawmode):
        return None
    if rawmode == "LA;16B":  # grey with alpha: four bytes a pixel, which RGBA takes as they are
        raw = np.asarray(_reopened(data, image, "LA;16B", "RGBA")).astype(np.uint16)
        words = raw[..., 0::2] << 8 | raw[..., 1::2]
        image.load()  # the orientation is read from an image that is known to be whole
    else:
        native = "L" if sys.byteorder == "little" else "B"
        swapped = rawmode[:-1] + ("L" if rawmode[-1].replace("N", native) == "B" else "B")
        words = np.asarray(_reopened(data, image, rawmode, swapped)).astype(np.uint16)
        image.load()
        words |= np.asarray(image).astype(np.uint16) << np.uint16(8)
    key = image.info.get("transparency")
    if words.shape[-1] == 3 and isinstance(key, tuple):
        words = _with_key(words, (words == np.array(key)).all(-1), 0xFFFF)
    return _in_srgb(Samples(words, 0xFFFF, [Note.DEPTH.filled(bits=16)]), image.info.get("icc_profile"))


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


# -- HEIC --------------------------------------------------------------------------------------------------------------


def _heic(data: bytes, limits: Limits) -> Samples:
    """Read the primary image, which libheif turns upright itself."""
    file = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
    limits.check_frames(len(file))
    image = file[file.primary_index]
    limits.check_size(*image.size)
    if not image.mode.endswith(";16"):
        samples = _shallow(image.to_pillow())
    else:
        bits = image.info["bit_depth"]  # which are the upper ones of 16
        values = np.asarray(image)
        peak = ((1 << bits) - 1) << (16 - bits)
        values = values if values.ndim == 3 else values[..., None]
        samples = _in_srgb(Samples(values, peak, [Note.DEPTH.filled(bits=bits)]), image.info.get("icc_profile"))
    if len(file) > 1:
        samples.notes.append(Note.FRAME.filled(frames=len(file)))
    return samples


# -- what Pillow does not hold -----------------------------------------------------------------------------------------


def _deep_tiff(data: bytes, image: ImageFile.ImageFile) -> Samples | None:
    """More than 8 bits in planes, or multiplied by alpha; or None where the image has no such thing.

    Pillow reads these at 8 bits, or where planes are not compressed, wrongly.
    """
    tags, mode = _tags(image), _rawmode(image.tile[0].args)
    if max(tags.get(_BITS, (8,))) <= 8 or not (tags.get(_PLANAR, 1) == 2 or mode.startswith("RGBa")):
        return None
    try:
        return _unusual_tiff(data)
    except ImageError:
        if tags.get(_PLANAR, 1) == 2 and image.tile[0].codec_name == "raw":
            raise
        return None


def _unusual_tiff(data: bytes) -> Samples:
    """Read floats in colour, 64 bits, planes, grey with alpha: what tifffile reads without further libraries."""
    import tifffile  # here, because few pictures need it

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages.first
        places = list(zip(page.dataoffsets, page.databytecounts, strict=True))
        extra = page.extrasamples[:1]
        colors = page.samplesperpixel - len(page.extrasamples)
        known = page.compression in (1, 8, 32946) and page.predictor in (1, 2) and page.photometric in (0, 1, 2)
        if not known or page.axes not in ("YX", "YXS", "SYX") or page.dtype.kind not in "fiu" or colors not in (1, 3):
            raise Refusal.UNSUPPORTED.error(format="TIFF")
        if len(places) != np.prod(page.chunked) or any(o < 8 or n < 1 or o + n > len(data) for o, n in places):
            raise Refusal.DAMAGED.error()
        values = page.asarray(maxworkers=1)
        if page.axes == "SYX":
            values = np.moveaxis(values, 0, 2)
        alpha = extra in ((1,), (2,))
        values = values.reshape(*values.shape[:2], -1)[..., : colors + alpha]
        samples = _ranged(values, page.bitspersample, inverted=page.photometric == 0, alpha=alpha)
        if extra == (1,):  # multiplied by alpha: divide, for alpha to be laid on white as everywhere
            opacity = samples.values[..., -1:].astype(np.float32) / np.float32(samples.peak)
            straight = samples.values[..., :-1] / np.float32(samples.peak) / np.maximum(opacity, np.float32(1e-9))
            samples.values, samples.peak = np.dstack([straight.clip(0, 1), opacity]), 1.0
        samples.orientation = page.tags.valueof(_ORIENTATION, 1)
        return _in_srgb(samples, page.iccprofile)
