"""Pictures for the browser tests, and what NumPy says of them: nothing here uses lowrank."""

import io
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from skimage.metrics import structural_similarity

ROOT = Path(__file__).parents[2]


def photograph(orientation: int | None = None, *, size: tuple[int, int] = (420, 330), left: int = 40) -> bytes:
    """Encode a part of the portrait as a JPEG, `size` being width and height as stored."""
    picture = Image.open(ROOT / "sample_images" / "portrait.jpg").convert("RGB")
    picture = picture.crop((left, 60, left + size[0], 60 + size[1]))
    stream, exif = io.BytesIO(), Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    picture.save(stream, "JPEG", quality=92, exif=exif)
    return stream.getvalue()


def noise(seed: int, h: int = 90, w: int = 120) -> bytes:
    """Encode coloured noise as a PNG."""
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (h, w, 3), np.uint8)).save(stream, "PNG")
    return stream.getvalue()


@lru_cache
def decomposed(data: bytes, color: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return planes (c, h, w) in [0, 1] as the eye sees the file upright, and NumPy's U, s, Vt of them."""
    picture = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    planes = np.moveaxis(np.asarray(picture, float) / 255, 2, 0)
    if color == "gray":
        planes = np.tensordot([0.299, 0.587, 0.114], planes, 1)[None]
    return planes, *np.linalg.svd(planes, full_matrices=False)


def truncated(data: bytes, color: str, k: int) -> np.ndarray:
    """Return the rank-k picture in 8 bits, (h, w) or (h, w, 3)."""
    _, U, s, Vt = decomposed(data, color)
    planes = (U[:, :, :k] * s[:, None, :k]) @ Vt[:, :k]
    levels = np.rint(255 * planes.clip(0, 1)).astype(np.uint8)
    return levels[0] if color == "gray" else np.moveaxis(levels, 0, 2)


def numbers(data: bytes, color: str, k: int) -> dict[str, float]:
    """Return every number that Explore shows, from the definitions; and the PSNR measured on the picture shown."""
    planes, _, s, _ = decomposed(data, color)
    c, m, n = planes.shape
    reference = planes[0] if color == "gray" else np.moveaxis(planes, 0, 2)
    shown = truncated(data, color, k) / 255
    lost = (s[:, k:] ** 2).sum() / (s**2).sum()
    square = np.mean((reference - shown) ** 2)
    return {
        "psnr": -10 * np.log10((s[:, k:] ** 2).sum() / planes.size) if k < s.shape[1] else np.inf,
        "psnr_measured": 10 * np.log10(1 / square) if square else np.inf,
        "ssim": structural_similarity(reference, shown, data_range=1, channel_axis=None if color == "gray" else 2),
        "energy": 100 * (1 - lost),
        "relative_error": 100 * np.sqrt(lost),
        "numbers": c * k * (m + n + 1),
        "ratio": m * n / (k * (m + n + 1)),
        "bytes": 4 * c * k * (m + n + 1),
        "pixels": c * m * n,
    }


def difference(a: np.ndarray, b: np.ndarray) -> tuple[int, float]:
    """Return the largest and the mean absolute difference of two pictures in grey levels; grey ones stand for RGB."""
    a, b = (x if x.ndim == 3 else np.repeat(x[..., None], 3, 2) for x in (a, b))
    assert a.shape == b.shape
    error = np.abs(a.astype(int) - b.astype(int))
    return int(error.max()), float(error.mean())
