"""One table per picture: rank against energy, error, PSNR, SSIM and cost."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from lowrank import distortion, metrics, spectrum, storage
from lowrank.allot import picture_svd
from lowrank.color import Array, Color, displayed, from_planes, to_planes
from lowrank.svd import SVD, checked_rank

#: The ranks that demonstrations of the truncated SVD usually show.
CLASSIC_RANKS = (1, 5, 10, 20, 50, 100, 200, 300)

#: About so many ranks' PSNR is measured in the time of one SSIM; progress is shared out by it.
PSNR_RANKS_PER_SSIM = 100


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Columns of equal length, one entry per rank.

    Attributes
    ----------
    k : ndarray of int, shape (r,)
        1 to r.
    energy, relative_error, psnr : ndarray of float64, shape (r,)
        From the spectrum, before clipping and rounding. PSNR in dB. For YCbCr they describe the picture if the factors
        know its error (`SVD.error`), else the planes. A matrix has no PSNR: NaN throughout.
    psnr_measured : ndarray of float64, shape (r,)
        Of the picture as shown, clipped and rounded to 8 bits, in dB; NaN throughout where nothing was measured.
    ssim : ndarray of float64, shape (r,)
        Of the picture as shown; NaN at ranks where it was not measured.
    stored_numbers, bytes : ndarray of int, shape (r,)
        Of the raw factors, bytes in float32; layers that are not there do not count.
    ratio : ndarray of float64, shape (r,)
        Compression ratio by numbers: the picture's over the factors'.
    """

    k: NDArray[np.int64]
    energy: NDArray[np.float64]
    relative_error: NDArray[np.float64]
    psnr: NDArray[np.float64]
    psnr_measured: NDArray[np.float64]
    ssim: NDArray[np.float64]
    stored_numbers: NDArray[np.int64]
    ratio: NDArray[np.float64]
    bytes: NDArray[np.int64]

    @property
    def measured(self) -> NDArray[np.bool_]:
        """Mask of the ranks at which SSIM was measured; the shown picture's PSNR is known at every rank or at none."""
        return ~np.isnan(self.ssim)

    def to_csv(self) -> str:
        """Return the table as CSV with a header; figures that were not measured are empty."""
        columns = [getattr(self, field.name).tolist() for field in fields(self)]
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(field.name for field in fields(self))
        writer.writerows(["" if x != x else x for x in row] for row in zip(*columns, strict=True))
        return stream.getvalue()


def geometric_ranks(highest: int, count: int = 16) -> list[int]:
    """Return about `count` ranks from 1 to `highest`, evenly spaced on a logarithmic axis.

    Examples
    --------
    >>> geometric_ranks(300, 6)
    [1, 3, 10, 31, 96, 300]
    """
    return sorted({round(float(k)) for k in np.geomspace(1, highest, count)}) if highest else []


def measured_ranks(highest: int) -> list[int]:
    """Return where a table up to rank `highest` is measured: the classic ranks and a geometric grid."""
    return sorted({*geometric_ranks(highest), *(k for k in CLASSIC_RANKS if k <= highest)})


def error_curve(
    image: Array,
    svd: SVD | None = None,
    *,
    color: Color = "gray",
    ranks: Iterable[int] | None = None,
    progress: Callable[[float], object] | None = None,
) -> Curve:
    """Tabulate what every rank keeps of a picture and what it costs.

    Parameters
    ----------
    image : ndarray, shape (h, w) or (h, w, 3)
        Values in [0, 1].
    svd : SVD, optional
        Of ``to_planes(image, color)``; `picture_svd` in full where it is not given. The table ends at its rank.
    color : {"gray", "rgb", "ycbcr"}
        The arrangement of planes.
    ranks : iterable of int, optional
        Where to measure the shown picture's SSIM; by default the `CLASSIC_RANKS` and a geometric grid, as far as the
        table reaches. Its PSNR is measured at every rank. An empty one measures nothing at all, which is quick.
    progress : callable, optional
        Called with the share done, 0 to 1, while measuring; what it raises ends the measurement.

    Returns
    -------
    Curve

    Raises
    ------
    RankError
        If one of `ranks` is beyond the table.
    ValueError
        If `svd` is not of this picture's shape.

    Examples
    --------
    >>> import numpy as np
    >>> curve = error_curve(np.outer(np.linspace(0, 1, 9), np.linspace(0, 1, 8)), ranks=[1])
    >>> curve.energy[0].round(9), curve.ssim[0].round(3), curve.stored_numbers[:3].tolist()
    (np.float64(1.0), np.float64(1.0), [18, 36, 54])
    """
    planes = to_planes(image, color)
    svd = picture_svd(image, color) if svd is None else svd
    if svd.shape != planes.shape:
        raise ValueError(f"the factors are of shape {svd.shape}, the picture's planes of {planes.shape}")
    ranks = measured_ranks(svd.rank) if ranks is None else ranks
    chosen = sorted({checked_rank(rank, svd.rank, lowest=1) for rank in ranks})
    reference = from_planes(planes, color)
    psnr, ssim = np.full((2, svd.rank), np.nan)
    every = svd.rank / PSNR_RANKS_PER_SSIM

    def report(done: float) -> None:
        if progress is not None:
            progress(done / (every + len(chosen)))

    if chosen:
        psnr = distortion.measured_psnr(image, svd, color=color, progress=lambda share: report(share * every))
    for done, rank in enumerate(chosen, 1):
        ssim[rank - 1] = metrics.ssim(reference, displayed(from_planes(svd.reconstruct(rank), color)))
        report(every + done)
    return _tabulated(svd, spectrum.psnr(svd)[1:], psnr, ssim)


def matrix_curve(svd: SVD) -> Curve:
    """Tabulate what every rank keeps of a matrix and what it costs; what only a picture has is NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from lowrank.decompose import truncated_svd
    >>> curve = matrix_curve(truncated_svd(np.diag([2.0, 1.0, 1.0])))
    >>> curve.energy.round(3).tolist(), curve.stored_numbers.tolist(), curve.psnr.tolist()
    ([0.667, 0.833, 1.0], [7, 14, 21], [nan, nan, nan])
    """
    unknown = np.full(svd.rank, np.nan)
    return _tabulated(svd, unknown, unknown, unknown)


def _tabulated(
    svd: SVD, psnr: NDArray[np.float64], psnr_measured: NDArray[np.float64], ssim: NDArray[np.float64]
) -> Curve:
    *stack, m, n = svd.shape
    count, layers = math.prod(stack), svd.layers[1:].tolist()
    return Curve(
        k=np.arange(1, svd.rank + 1),
        energy=spectrum.energy(svd)[1:],
        relative_error=spectrum.relative_error(svd)[1:],
        psnr=psnr,
        psnr_measured=psnr_measured,
        ssim=ssim,
        stored_numbers=np.array([storage.stored_numbers(m, n, i) for i in layers], np.int64),
        ratio=np.array([storage.compression_ratio(m, n, i, count) for i in layers]),
        bytes=np.array([storage.stored_bytes(m, n, i) for i in layers], np.int64),
    )
