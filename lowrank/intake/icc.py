"""Colours as an ICC profile means them -> sRGB.

LittleCMS does it, through Pillow, for pictures of 8 bits. Pillow hands it nothing deeper, so for deeper samples the one
kind of profile that cameras and screens have is computed here: a curve for each channel, then a matrix (ICC.1:2022,
F.3), then the curve of sRGB (IEC 61966-2-1).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

Floats = NDArray[np.float32]

#: Red, green and blue of sRGB under the D50 that profiles are written for (the sRGB profile of the ICC).
_SRGB = np.array(
    [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
)

#: A profile that moves no colour by more than so many levels of 255 is taken for sRGB itself.
_SAME = 2


def converted(image: Image.Image, profile: bytes) -> Image.Image | None:
    """Convert a picture of mode L, LA, RGB, RGBA or CMYK.

    Returns
    -------
    Image of mode L, LA, RGB or RGBA, or None
        None where there is nothing to do: the profile is sRGB, is broken, or is not for such a picture.
    """
    grey, alpha = image.mode in ("L", "LA"), image.mode in ("LA", "RGBA")
    color = image.convert("L") if image.mode == "LA" else image
    transform = _transform(profile, color.mode)
    if transform is None or (color.mode != "CMYK" and _is_same(transform, color.mode)):
        return None
    result = transform.apply(color)
    if grey:
        result = result.getchannel(1)
    if grey and alpha:
        result = Image.merge("LA", (result, image.getchannel("A")))
    return result


def lab_to_srgb(image: Image.Image) -> Image.Image:
    """Convert a picture of mode LAB (under D50, as TIFF has it) to RGB."""
    lab = ImageCms.createProfile("LAB")
    return ImageCms.buildTransform(lab, ImageCms.createProfile("sRGB"), "LAB", "RGB").apply(image)


def deep_conversion(profile: bytes, channels: int) -> Callable[[Floats], Floats] | None:
    """Return what converts samples (..., channels) in [0, 1], of one or three channels, or None as for `converted`.

    None also where the profile is a table: a curve and a matrix for the channels are what is computed here.
    """
    mode = "L" if channels == 1 else "RGB"
    transform = _transform(profile, mode)
    if transform is None or _is_same(transform, mode):
        return None
    try:
        tags = _tags(profile)
        if channels == 1:
            gray = _curve(tags[b"kTRC"])
            return lambda samples: _encode(gray(samples))
        if b"A2B0" in tags:
            return None
        curves = [_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC")]
        colorants = np.stack([_xyz(tags[name]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")], axis=1)
    except (KeyError, ValueError, struct.error):
        return None
    matrix = (np.linalg.inv(_SRGB) @ colorants).T.astype(np.float32)

    def convert(samples: Floats) -> Floats:
        linear = np.stack([curve(samples[..., i]) for i, curve in enumerate(curves)], axis=-1)
        return _encode(linear @ matrix)

    return convert


def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = "RGBA" if mode == "RGBA" else "RGB"
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, target)
    except (ImageCms.PyCMSError, OSError, ValueError):  # broken, or for other channels: pictures are still pictures
        return None


def _is_same(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether the colours of a grid stay what they are."""
    steps = np.linspace(0, 255, 9).round().astype(np.uint8)
    if mode == "L":
        grid = np.arange(256, dtype=np.uint8)[None]
        before = np.repeat(grid[..., None], 3, axis=2)
    else:
        before = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3)
        grid = before if mode == "RGB" else np.dstack([before, np.full((27, 27), 255, np.uint8)])
    after = np.asarray(transform.apply(Image.fromarray(grid)))[..., :3]
    return bool(np.abs(after.astype(int) - before).max() <= _SAME)


def _tags(profile: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", profile, 128)
    entries = (struct.unpack_from(">4sII", profile, 132 + 12 * i) for i in range(min(count, 100)))
    return {name: profile[start : start + size] for name, start, size in entries}


def _xyz(tag: bytes) -> NDArray[np.float64]:
    return np.array(struct.unpack_from(">3i", tag, 8)) / 0x10000


def _curve(tag: bytes) -> Callable[[Floats], Floats]:
    """Return the tone curve of a tag: device values in [0, 1] -> linear light."""
    if tag.startswith(b"curv"):
        (count,) = struct.unpack_from(">I", tag, 8)
        if count > 1:
            table = np.array(struct.unpack_from(f">{count}H", tag, 12)) / 0xFFFF
            grid = np.linspace(0, 1, count)
            return lambda x: np.interp(x, grid, table).astype(np.float32)
        gamma = struct.unpack_from(">H", tag, 12)[0] / 0x100 if count else 1.0
        return lambda x: np.power(x, np.float32(gamma))
    if not tag.startswith(b"para"):
        raise ValueError("no tone curve")
    (kind,) = struct.unpack_from(">H", tag, 8)
    count = (1, 3, 4, 5, 7)[min(kind, 4)]
    said = [number / 0x10000 for number in struct.unpack_from(f">{count}i", tag, 12)]
    g, a, b, c, d, e, f = (said + [0.0] * 7)[:7]
    if kind == 0:
        a = 1.0
    elif kind in (1, 2) and a:  # the power from where its base is positive on, and below it zero; c is added to both
        d, e, f, c = -b / a, c, c, 0.0
    return lambda x: np.where(x >= d, np.maximum(a * x + b, 0) ** g + e, c * x + f).astype(np.float32)


def _encode(linear: Floats) -> Floats:
    """Linear light -> sRGB, clipped to [0, 1]."""
    linear = np.clip(linear, 0, 1)
    curved = np.float32(1.055) * linear ** np.float32(1 / 2.4) - np.float32(0.055)
    return np.where(linear <= np.float32(0.0031308), np.float32(12.92) * linear, curved)
