"""Large pictures that are like photographs to a decomposer, each of its own."""

import io
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[2]


@lru_cache(maxsize=2)
def _enlarged(width: int, height: int) -> np.ndarray:
    small = Image.open(ROOT / "sample_images" / "coffee.jpg").convert("RGB")
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC), np.int16)


def photograph(seed: int, width: int = 4000, height: int = 3000) -> bytes:
    """Encode a colour photograph as JPEG: an enlarged one, shifted by chance and with the grain of a camera."""
    rng = np.random.default_rng(seed)
    picture = np.roll(_enlarged(width, height), int(rng.integers(width)), 1)
    grain = rng.integers(-6, 7, (height, width, 1), dtype=np.int16)
    stream = io.BytesIO()
    Image.fromarray((picture + grain).clip(0, 255).astype(np.uint8)).save(stream, "JPEG", quality=88)
    return stream.getvalue()
