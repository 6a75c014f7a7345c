"""One picture at several ranks, to take away: the contact sheet, and the sweep as a film."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lowrank import metrics, storage
from lowrank.allot import picture_svd
from lowrank.color import Array, Color, displayed, from_planes, to_levels, to_planes
from lowrank.curves import CLASSIC_RANKS, geometric_ranks
from lowrank.svd import SVD

_TILE = 420  # longest side of one picture, in pixels
_CAPTION = 46
_GAP = 14
_FONT = 17


def contact_sheet(
    image: Array, svd: SVD | None = None, *, color: Color = "gray", ranks: Sequence[int] | None = None
) -> Array:
    """Draw a picture at several ranks, four in a row, each with its rank, PSNR, SSIM and compression ratio.

    Parameters
    ----------
    image : ndarray, shape (h, w) or (h, w, 3)
        Values in [0, 1].
    svd : SVD, optional
        Of ``to_planes(image, color)``; computed where it is not given.
    color : {"gray", "rgb", "ycbcr"}
        The arrangement of planes.
    ranks : sequence of int, optional
        By default those of the `CLASSIC_RANKS` that the picture has.

    Returns
    -------
    ndarray of float32, shape (H, W, 3)
        Values in [0, 1]. PSNR and SSIM are those of the full-size picture, clipped and rounded to 8 bits.

    Raises
    ------
    RankError
        If `svd` does not hold one of `ranks`.

    Examples
    --------
    >>> import numpy as np
    >>> contact_sheet(np.full((30, 40), 0.5), ranks=[1, 5]).shape
    (375, 882, 3)
    """
    planes = to_planes(image, color)
    svd = picture_svd(image, color) if svd is None else svd
    chosen = [k for k in CLASSIC_RANKS if k <= svd.rank] if ranks is None else list(ranks)
    reference = from_planes(planes, color)
    count, height, width = planes.shape
    scale = _TILE / max(height, width)
    tile = (max(1, round(width * scale)), max(1, round(height * scale)))
    columns = min(4, len(chosen))
    rows = -(-len(chosen) // 4)
    cell = (tile[0] + _GAP, tile[1] + _CAPTION)
    page = Image.new("RGB", (columns * cell[0] + _GAP, rows * cell[1] + _GAP), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(_FONT)
    enlarge = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX
    for i, k in enumerate(chosen):
        shown = displayed(from_planes(svd.reconstruct(k), color))
        left, top = _GAP + (i % 4) * cell[0], _GAP + (i // 4) * cell[1]
        page.paste(Image.fromarray(to_levels(shown)).resize(tile, enlarge), (left, top))
        draw.text((left, top + tile[1] + 4), f"rank {k}", fill="black", font=font)
        ratio = storage.compression_ratio(height, width, int(svd.layers[k]), count)
        draw.text((left, top + tile[1] + 23), _facts(reference, shown, ratio), fill="dimgray", font=font)
    return np.asarray(page, np.float32) / np.float32(255)


def sweep(
    image: Array,
    svd: SVD | None = None,
    *,
    color: Color = "gray",
    last: int | None = None,
    side: int = 640,
    seconds: float = 5.0,
) -> bytes:
    """Film a picture from rank 1 up to `last`, about 40 ranks evenly spaced on a logarithmic axis.

    Parameters
    ----------
    image : ndarray, shape (h, w) or (h, w, 3)
        Values in [0, 1].
    svd : SVD, optional
        Of ``to_planes(image, color)``; computed where it is not given.
    color : {"gray", "rgb", "ycbcr"}
        The arrangement of planes.
    last : int, optional
        The rank that the film ends at; the highest by default.
    side : int
        Longest side in pixels at most; larger pictures are averaged down.
    seconds : float
        How long a turn takes; the last picture stays for as long again as ten others.

    Returns
    -------
    bytes
        An animated WebP that repeats.

    Raises
    ------
    RankError
        If `svd` does not hold `last`.
    """
    svd = picture_svd(image, color) if svd is None else svd
    ranks = geometric_ranks(svd.rank if last is None else last, 40)
    frames = []
    for k in ranks:
        frame = Image.fromarray(to_levels(from_planes(svd.reconstruct(k), color)))
        frame.thumbnail((side, side), Image.Resampling.BOX)
        frames.append(frame.convert("RGB"))
    each = round(1000 * seconds / (len(ranks) + 10))
    durations = [each] * (len(ranks) - 1) + [11 * each]
    stream = io.BytesIO()
    frames[0].save(
        stream, "WEBP", save_all=True, append_images=frames[1:], duration=durations, loop=0, quality=85, method=2
    )
    return stream.getvalue()


def _facts(reference: Array, shown: Array, ratio: float) -> str:
    psnr = metrics.psnr(reference, shown)
    decibel = "identical" if np.isinf(psnr) else f"{psnr:.1f} dB"
    return f"{decibel}   SSIM {metrics.ssim(reference, shown):.3f}   {ratio:.3g} : 1"
