"""Encoded bytes <-> float array in [0, 1]: the only room where Pillow decodes, and where input is limited.

What is done to a picture on the way in: the first frame is taken, the EXIF orientation applied, transparency laid on
white, palettes and CMYK turned into RGB, and samples read at their full depth (Pillow cuts 16-bit colour to 8 bits by
itself). Grey stays grey.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageFile, UnidentifiedImageError

from lowrank.color import LUMA, Array, to_levels
from lowrank.errors import ImageError

#: The formats that are read, as Pillow names them. Nothing else reaches a decoder.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")

#: The most pixels that a picture may have.
MAX_PIXELS = 50_000_000

#: File name endings of the formats above, in lower case.
EXTENSIONS = ("png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff", "avif")

_READABLE = "PNG, JPEG, WebP, GIF, BMP, TIFF or AVIF"
_ORIENTATION, _PHOTOMETRIC, _SAMPLE_FORMAT = 0x0112, 0x0106, 0x0153  # the tags of EXIF and TIFF


def read_image(source: bytes | str | os.PathLike[str], *, gray: bool = False) -> Array:
    """Read a picture.

    Parameters
    ----------
    source : bytes, str or path
        The encoded picture itself, or where it is.
    gray : bool
        Return the BT.601 luma of a colour picture.

    Returns
    -------
    ndarray of float32, shape (h, w) or (h, w, 3)
        Values in [0, 1]. Samples keep their depth: 1/255 or 1/65535 a step; 32-bit and floating-point samples
        outside of [0, 1] are scaled by their own range.

    Raises
    ------
    ImageError
        If there is no such file, or it is no picture, damaged, or larger than `MAX_PIXELS`.
    """
    data = source if isinstance(source, bytes) else _read_file(Path(source))
    samples = _decode(data)
    if samples.ndim == 3 and samples.shape[2] in (2, 4):
        color, alpha = samples[..., :-1], samples[..., -1:]
        samples = color * alpha + (1 - alpha)  # on white
    if samples.ndim == 3 and samples.shape[2] == 1:
        samples = samples[..., 0]
    if gray and samples.ndim == 3:
        samples = samples @ LUMA.astype(np.float32)
    return np.ascontiguousarray(samples)


def to_png(image: Array) -> bytes:
    """Encode a picture as an 8-bit PNG, clipped to [0, 1] and rounded.

    Parameters
    ----------
    image : ndarray, shape (h, w) or (h, w, 3)

    Examples
    --------
    >>> import numpy as np
    >>> picture = np.array([[0.0, 0.2], [0.8, 1.0]])
    >>> read_image(to_png(picture)).round(3).tolist()
    [[0.0, 0.20000000298023224], [0.800000011920929, 1.0]]
    """
    stream = io.BytesIO()
    Image.fromarray(to_levels(image)).save(stream, "PNG")
    return stream.getvalue()


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ImageError(f"There is no file {path.name!r}. Check the name and the folder.") from None
    except (OSError, ValueError):
        raise ImageError(f"The file {path.name!r} cannot be read. Check that it is a file and that you may.") from None


def _decode(data: bytes) -> NDArray[np.float32]:
    """Decode the first frame upright; shape (h, w) or (h, w, 1..4), the last of 2 or 4 channels being alpha."""
    # Pillow raises a dozen unrelated exceptions on hostile bytes (SyntaxError, struct.error, KeyError...), so all of
    # them are caught, here and nowhere else, and no image object outlives its exception: a second load can "succeed".
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise _too_large(image.width * image.height)
            samples = _deep_samples(data, image)
            if samples is None:
                image.load()
                samples = _samples(image)
            return _upright(samples, image.getexif().get(_ORIENTATION, 1))
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise ImageError(f"This file is not a picture that can be read here. Give a {_READABLE} file.") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):  # raised where warnings are errors
        raise _too_large(None) from None
    except Exception:
        raise ImageError("This picture is damaged or incomplete. Export it again and give the new file.") from None


def _too_large(pixels: int | None) -> ImageError:
    has = "" if pixels is None else f" It has {pixels / 1e6:.0f} megapixels."
    return ImageError(f"This picture is too large.{has} Reduce it to at most {MAX_PIXELS // 10**6} megapixels.")


def _samples(image: Image.Image) -> NDArray[np.float32]:
    """Samples of a loaded image in [0, 1], at the depth that its mode has."""
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        values = _tiff_values(image).astype(np.float64)
        if not np.isfinite(values).all():
            raise ImageError("This picture holds values that are no numbers. Export it again as PNG or TIFF.")
        key = image.info.get("transparency")
        return _with_key(_in_unit_range(values, image.mode)[..., None], values == key if isinstance(key, int) else None)
    if "transparency" in image.info or image.mode in ("PA", "La", "RGBa"):
        image = image.convert("LA" if image.mode in ("1", "L", "La") else "RGBA")
    elif image.mode == "CMYK":
        image = _cmyk_to_rgb(image)
    elif image.mode not in ("L", "LA", "RGB", "RGBA"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    samples = np.array(image, np.float32)
    samples /= np.float32(255)  # in place: a second array of a large picture costs more than the division
    return samples


def _tiff_values(image: Image.Image) -> NDArray[Any]:
    """Return numbers as the file means them: Pillow reads unsigned 32 bits as signed, and leaves white at zero."""
    values, tags = np.asarray(image), getattr(image, "tag_v2", {})
    if image.mode == "I" and tags.get(_SAMPLE_FORMAT, (1,))[0] == 1 and tags:
        values = values.view(np.uint32)
    if tags.get(_PHOTOMETRIC) == 0 and values.dtype.kind == "u":
        values = np.iinfo(values.dtype).max - values
    return values


def _in_unit_range(values: NDArray[np.float64], mode: str) -> NDArray[np.float32]:
    low, high = values.min(), values.max()
    if mode.startswith("I;16") or (mode == "I" and low >= 0 and high <= 0xFFFF):
        values = values / 0xFFFF
    elif mode == "I" or low < 0 or high > 1:
        values = (values - low) / ((high - low) or 1.0)
    return values.astype(np.float32)


def _with_key(samples: NDArray[np.float32], keyed: NDArray[np.bool_] | None) -> NDArray[np.float32]:
    """Add an alpha channel that is 0 where PNG's transparent colour was `keyed`."""
    if keyed is None:
        return samples
    return np.concatenate([samples, np.where(keyed, 0, 1).astype(np.float32)[..., None]], axis=2)


def _cmyk_to_rgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError):  # a broken profile: the plain formula is still right in kind
            pass
    return image.convert("RGB")


def _deep_samples(data: bytes, image: ImageFile.ImageFile) -> NDArray[np.float32] | None:
    """Samples of 16-bit colour in [0, 1], or None where the image has no such thing.

    Pillow keeps only the high byte of each sample. Telling it the opposite byte order yields the low byte, so two
    decodes give both.
    """
    rawmodes = {_rawmode(tile.args) for tile in image.tile}
    rawmode = rawmodes.pop() if len(rawmodes) == 1 else ""
    if rawmode == "LA;16B":  # grey with alpha: four bytes a pixel, which RGBA takes as they are
        raw = np.asarray(_reopened(data, "LA;16B", "RGBA")).astype(np.uint32)
        words = raw[..., 0::2] << 8 | raw[..., 1::2]
    elif rawmode in ("RGB;16B", "RGB;16L", "RGB;16N", "RGBA;16B", "RGBA;16L", "RGBA;16N"):
        native = "L" if sys.byteorder == "little" else "B"
        order = rawmode[-1].replace("N", native)
        swapped = rawmode[:-1] + ("L" if order == "B" else "B")
        high, low = (np.asarray(_reopened(data, rawmode, mode)).astype(np.uint32) for mode in (rawmode, swapped))
        words = high << 8 | low
    else:
        return None
    image.load()  # the orientation below is read from an image that is known to be whole
    key = image.info.get("transparency")
    keyed = (words == np.array(key)).all(-1) if words.shape[-1] == 3 and isinstance(key, tuple) else None
    return _with_key(words.astype(np.float32) / np.float32(0xFFFF), keyed)


def _rawmode(args: Any) -> str:
    mode = args[0] if isinstance(args, Sequence) and not isinstance(args, str) and args else args
    return mode if isinstance(mode, str) else ""


def _reopened(data: bytes, old: str, new: str) -> ImageFile.ImageFile:
    """Decode `data` afresh, its samples unpacked as the raw mode `new` in place of `old`."""
    image = Image.open(io.BytesIO(data), formats=FORMATS)
    image.tile = [
        tile._replace(args=new if isinstance(tile.args, str) else (new, *(tile.args or ())[1:]))
        if _rawmode(tile.args) == old
        else tile
        for tile in image.tile
    ]
    image.load()
    return image


def _upright(samples: NDArray[np.float32], orientation: int) -> NDArray[np.float32]:
    """Undo an EXIF orientation (1 to 8; anything else is left alone)."""
    if orientation in (5, 6, 7, 8):
        samples = samples.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        samples = samples[:, ::-1]
    if orientation in (3, 4, 7, 8):
        samples = samples[::-1]
    return samples
