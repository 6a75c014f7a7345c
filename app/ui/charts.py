"""The charts, in one look.

A figure depends on the pictures alone, never on the rank: a changed figure would lose the reader's zoom.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from app.ui import text
from lowrank.curves import Curve
from lowrank.svd import SVD

#: Okabe and Ito's colours, which stay apart for colour-blind readers; readable on light and dark.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#8C8C00", "#7F7F7F")
CONFIG = {"displaylogo": False, "scrollZoom": False}
#: Of a chart over the ranks, in pixels.
HEIGHT = 460
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "solid", "dash")


@dataclass(frozen=True)
class Series:
    """One picture's curves, with the name for the legend."""

    name: str
    curve: Curve
    svd: SVD


def figure(
    series: Sequence[Series], measure: str, *, log_rank: bool, log_value: bool, break_even: dict[str, int] | None = None
) -> go.Figure:
    """Draw one measure against rank for one or several pictures.

    Parameters
    ----------
    series : sequence of Series
    measure : str
        A key of `text.CHARTS`.
    log_rank, log_value : bool
        Logarithmic axes.
    break_even : dict, optional
        Upright lines, label -> rank.
    """
    _, title, axis = text.CHARTS[measure]
    chart = go.Figure()
    for i, one in enumerate(series):
        color, dash = color_of(i), DASHES[i % len(DASHES)]
        for part, (x, y, mode) in _traces(one, measure).items():
            pale = part == text.MEASURED and mode == "lines"  # broad: it mostly runs along the thin one of the spectrum
            chart.add_scatter(
                x=x,
                y=y,
                mode=mode,
                name=_name(one.name) if len(series) > 1 else part,
                legendgroup=str(i),
                showlegend=len(series) > 1 or len(_traces(one, measure)) > 1 or part == text.OF_LUMA,
                line={"color": color, "width": 7 if pale else 2, "dash": dash if mode == "lines" else "solid"},
                opacity=0.4 if pale else 1,
                marker={"color": color, "size": 7},
                hovertemplate=f"%{{y:{_DIGITS[measure]}}}",
            )
    highest = max((one.svd.rank for one in series), default=1)
    for label, rank in (break_even or {}).items():
        if 1 <= rank <= highest:
            rule = {"dash": "dot", "width": 1, "color": "#888"}
            chart.add_shape(type="line", x0=rank, x1=rank, yref="paper", y0=0, y1=1, line=rule)
            chart.add_annotation(
                x=np.log10(rank) if log_rank else rank,  # on a logarithmic axis Plotly takes an annotation's exponent
                yref="paper",
                y=0.02,
                yanchor="bottom",
                text=label,
                textangle=-90,
                xanchor="right",
                showarrow=False,
                font={"size": 11},
            )
    styled(chart, title, HEIGHT).update_layout(hovermode="x unified")
    chart.update_xaxes(title=text.RANK_AXIS, hoverformat="d")
    if log_rank:
        ticks = [k for k in (1, 3, 10, 30, 100, 300) if k <= highest]
        chart.update_xaxes(type="log", range=[0, np.log10(max(highest, 2)) + 0.01], tickvals=ticks)
    chart.update_yaxes(title=axis, type="log" if log_value else "linear")
    if log_value:
        ticks = {"tickformat": "~%"} if measure == "relative_error" else {"exponentformat": "power"}
        chart.update_yaxes(dtick=1 if decades(chart) > 2 else "D2", **ticks)
    return chart


def styled(chart: go.Figure, title: str, height: int) -> go.Figure:
    """Give a chart the look of all: title at the left, legend below."""
    return chart.update_layout(
        title={"text": title, "x": 0, "font": {"size": 16}},
        height=height,
        margin={"l": 64, "r": 16, "t": 48, "b": 72},
        legend={"orientation": "h", "y": -92 / height, "yanchor": "top", "x": 0},
    )


def color_of(i: int) -> str:
    """Colour of the i-th curve, wherever it is drawn."""
    return PALETTE[i % len(PALETTE)]


def alternative(series: Sequence[Series], measure: str) -> str:
    """Say in words what the figure shows: its title and each curve's ends."""
    _, title, axis = text.CHARTS[measure]
    parts = []
    for one in series:
        _, y, _ = next(iter(_traces(one, measure).values()))
        finite = np.asarray(y)[np.isfinite(y)]
        if finite.size:
            first, last = (f"{value:{_DIGITS[measure]}}" for value in (finite[0], finite[-1]))
            parts.append(f"{one.name}: {first} at the lowest rank, {last} at the highest")
    return f"{title}. {axis}. " + "; ".join(parts)


_DIGITS = {"relative_error": ".4f", "psnr": ".2f", "ssim": ".4f", "energy": ".5f", "singular_values": ".4g"}

_Trace = tuple[NDArray[np.integer], NDArray[np.floating], str]


def _traces(one: Series, measure: str) -> dict[str, _Trace]:
    """Return x, y and drawing mode of each curve that a measure has, by what it was taken from."""
    curve, at = one.curve, one.curve.measured
    if measure == "singular_values":
        if one.svd.error is not None:  # the other planes' own are spread over the ranks at which they join
            return {text.OF_LUMA: (curve.k, one.svd.s[0], "lines")}
        strongest = np.sqrt(np.square(one.svd.s, dtype=np.float64).reshape(-1, one.svd.rank).sum(0))
        return {text.FROM_SPECTRUM: (curve.k, strongest, "lines")}
    if measure == "ssim":
        return {text.MEASURED: (curve.k[at], curve.ssim[at], "lines+markers")}
    values = getattr(curve, measure)
    source = text.FROM_SPECTRUM if one.svd.error is None else text.BEFORE_ROUNDING
    traces: dict[str, _Trace] = {source: (curve.k, np.where(np.isinf(values), np.nan, values), "lines")}
    measured = curve.psnr_measured
    if measure == "psnr" and not np.isnan(measured).all():
        traces[text.MEASURED] = (curve.k, np.where(np.isinf(measured), np.nan, measured), "lines")
    return traces


def decades(chart: go.Figure) -> float:
    """How many powers of ten the curves span."""
    values = np.concatenate([np.asarray(trace.y, np.float64) for trace in chart.data] or [np.ones(1)])
    values = values[np.isfinite(values) & (values > 0)]
    return float(np.log10(values.max() / values.min())) if values.size else 0.0


def _name(name: str) -> str:
    """Return a legend entry: Plotly reads HTML, so a user's file name is escaped, and cut to a line's length."""
    return html.escape(name if len(name) <= 28 else f"{name[:26]}…")
