"""What the viewer gets: a picture's factors by address, and every number for every rank as it is to be read."""

from __future__ import annotations

import io
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from PIL import Image

from app.ui import cached, store, text
from app.ui.pictures import Picture
from app.ui.store import remembered
from app.ui.viewer import payload, publish
from lowrank import storage
from lowrank.color import Array, Color, from_planes, mixing, to_levels, to_planes
from lowrank.curves import Curve
from lowrank.svd import SVD

#: Fitted to a large stage, fitted to one of several small ones, or at the picture's own size.
Size = Literal["stage", "strip", "full"]

_PIXELS = {"stage": 1280 * 960, "strip": 480 * 480, "full": None}

#: Streamlit compresses most types on the fly, which takes longer than the factors need to travel; not this one.
_FACTORS_TYPE = "application/zip"


@dataclass(frozen=True)
class Drawn:
    """A picture made ready for the viewer: factors and original as they travel, and the numbers of every rank."""

    factors: payload.Payload
    mixing: list[float] | None
    original: bytes = field(repr=False)
    curve: Curve
    readout: dict[str, list[str]] = field(repr=False)
    break_even: dict[str, int | None]


def pane(picture: Picture, color: Color, *, size: Size = "stage", zoomed: bool = False) -> dict[str, Any]:
    """Describe one picture to the viewer; `zoomed` adds the full-size factors.

    The preview stands in for the factors until those are there.
    """
    height, width = cached.shape(picture.digest, picture.data)[:2]
    preview = is_preview(picture, color, size)
    drawn = (_preview if preview else _full)(picture.digest, color, size, picture.data)
    name = f"{picture.digest}-{color}"
    return {
        "picture": f"{name}-{size}",
        "title": picture.title,
        "line": None,
        "alt": picture.alt,
        "rank": len(drawn.curve.k),
        "height": height,
        "width": width,
        **_published(drawn, f"{name}-{size}{'-preview' * preview}", picture.digest),
        "full": _published(_full(picture.digest, color, "full", picture.data), f"{name}-full", picture.digest)
        if zoomed and not preview
        else None,
        "preview": preview,
        "breakEven": drawn.break_even,
        "readout": drawn.readout,
        "curve": np.minimum(drawn.curve.psnr, 100).round(2).tolist(),
    }


def is_preview(picture: Picture, color: Color, size: Size = "stage") -> bool:
    """Whether a preview is all that can be shown soon."""
    ready = _full.is_known(picture.digest, color, size) or cached.factors.is_known(picture.digest, color)
    return cached.is_large(picture.digest, picture.data) and not ready


def prepare(picture: Picture, color: Color, *, size: Size = "stage") -> None:
    """Do all that `pane` needs to show the picture itself and no preview, in one turn."""
    _full(picture.digest, color, size, picture.data)


@remembered(queued=cached.is_large)
def _full(digest: str, color: Color, size: Size, data: bytes) -> Drawn:
    svd, curve = cached.factors(digest, color, data), cached.spectrum_curve(digest, color, data)
    return _drawn(svd, curve, cached.planes(digest, color, data), cached.shape(digest, data), color, size)


@remembered(queued=cached.is_large, within=store.brief)
def _preview(digest: str, color: Color, size: Size, data: bytes) -> Drawn:
    svd, curve = cached.preview_factors(digest, color, data), cached.preview_curve(digest, color, data)
    planes = to_planes(cached.preview_pixels(digest, data), color)
    drawn = _drawn(svd, curve, planes, cached.shape(digest, data), color, size)
    # a reduced picture is decibels closer at the same rank: its numbers would not be those of the picture
    return replace(drawn, readout={name: [text.PENDING] * len(said) for name, said in drawn.readout.items()})


def _drawn(svd: SVD, curve: Curve, planes: Array, shape: tuple[int, ...], color: Color, size: Size) -> Drawn:
    fitted = payload.fitted(svd, *payload.fitted_shape(*svd.shape[1:], _PIXELS[size]))
    return Drawn(
        payload.encode(fitted, mixing(color)),
        mixing(color).ravel().tolist() if color == "ycbcr" else None,
        _lossless(planes, color, size),
        curve,
        _readout(svd, curve, color),
        break_even(svd, *shape[:2]),
    )


def break_even(svd: SVD, m: int, n: int) -> dict[str, int | None]:
    """Return the highest ranks whose factors are no larger than the picture's m x n pixels, by bytes and by numbers.

    None where that is beyond these factors, and ranks are allotted, so that nobody can know.
    """
    return {"bytes": _break_even(svd, m, n, "float32"), "numbers": _break_even(svd, m, n, None)}


def _break_even(svd: SVD, m: int, n: int, precision: str | None) -> int | None:
    planes, equal = svd.shape[0], svd.error is None
    k = int(np.count_nonzero(svd.layers[1:] <= storage.break_even_layers(m, n, planes, precision)))
    if k < svd.rank or k == min(m, n):
        return k
    return storage.break_even_rank(m, n, precision) if equal else None


def _published(drawn: Drawn, name: str, digest: str) -> dict[str, Any]:
    encoded = drawn.factors
    return {
        "factors": {
            "id": name,
            "url": publish(encoded.data, _FACTORS_TYPE, name, digest),
            "bytes": len(encoded.data),
            "rows": encoded.rows,
            "columns": encoded.columns,
            "planes": encoded.planes,
            "rank": encoded.rank,
            "bits": encoded.bits,
            "mixing": drawn.mixing,
        },
        "original": publish(drawn.original, "image/webp", f"original-{name}", digest),
    }


def _lossless(planes: Array, color: Color, size: Size) -> bytes:
    """Encode the picture itself, without loss, at the size that the factors are drawn."""
    planes = payload.averaged(planes, *payload.fitted_shape(*planes.shape[1:], _PIXELS[size]))
    stream = io.BytesIO()
    Image.fromarray(to_levels(from_planes(planes, color))).save(stream, "WEBP", lossless=True, quality=0, method=0)
    return stream.getvalue()


def _readout(svd: SVD, curve: Curve, color: Color) -> dict[str, list[str]]:
    """Every number for every rank as it is to be read: the browser formats nothing."""
    allotted = {"ranks": [text.split(ranks) for ranks in svd.ranks.T.tolist()]} if color == "ycbcr" else {}
    return allotted | {
        "psnr": [text.decibel(x) for x in curve.psnr.tolist()],
        "relative_error": [text.percent(x) for x in curve.relative_error.tolist()],
        "energy": [text.percent(x) for x in curve.energy.tolist()],
        "numbers": [text.count(x) for x in curve.stored_numbers.tolist()],
        "ratio": [text.ratio(x) for x in curve.ratio.tolist()],
        "bytes": [text.size(x) for x in curve.bytes.tolist()],
    }
