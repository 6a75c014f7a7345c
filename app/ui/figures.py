"""Charts of other things than a picture's curves, in the look of `charts`."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from app.ui import text
from app.ui.charts import DASHES, PALETTE, color_of, decades, styled
from app.ui.words import files
from lowrank.rivals import Rate

#: Rates per pixel that are drawn; beyond, all are good.
_MOST_BITS = 2.0

_DIGITS = {"psnr": ".2f", "ssim": ".4f"}

Values = Sequence[float] | NDArray[np.floating]


def lines(
    x: Values,
    curves: Mapping[str, Values],
    title: str,
    across: str,
    up: str,
    *,
    log: bool = False,
    height: int = 420,
) -> go.Figure:
    """Draw named curves over the same x, on logarithmic axes or on plain ones; the points too where they are few."""
    chart = go.Figure()
    for i, (name, y) in enumerate(curves.items()):
        chart.add_scatter(
            x=list(x),
            y=list(y),
            mode="lines+markers" if len(x) <= 12 else "lines",
            name=name,
            line={"color": color_of(i), "width": 2, "dash": DASHES[i % len(DASHES)]},
            hovertemplate="%{y:.4g}",
        )
    styled(chart, title, height).update_layout(hovermode="x unified", showlegend=len(curves) > 1)
    chart.update_xaxes(title=across, hoverformat="d")
    chart.update_yaxes(title=up)
    if log:
        decade = 1 if np.ptp(np.log10(np.asarray(x, float))) > 1.5 else "D2"
        chart.update_xaxes(type="log", dtick=decade)
        chart.update_yaxes(type="log", dtick=1 if decades(chart) > 2 else "D2")
    return chart


def heat(
    rows: Sequence[str], columns: Sequence[str], values: Sequence[Sequence[float]], words: tuple[str, str, str, str]
) -> go.Figure:
    """Draw a table as colours; `words` are the title, the axes across and up, and what the colours mean."""
    title, across, up, meaning = words
    chart = go.Figure()
    named = [[html.escape(row)] * len(columns) for row in rows]  # two long names may look alike on the axis
    chart.add_heatmap(
        x=list(columns),
        y=list(range(len(rows))),
        z=[list(row) for row in values],
        customdata=named,
        colorscale="Viridis",
        colorbar={"title": {"text": meaning}},
        hovertemplate="%{customdata}, %{x}: %{z}<extra></extra>",
    )
    styled(chart, title, min(180 + 18 * len(rows), 900)).update_layout(margin={"l": 8, "b": 56})
    chart.update_xaxes(title=across, type="category")
    shown = range(0, len(rows), -(-len(rows) // 40))
    labels = [html.escape(rows[i] if len(rows[i]) <= 36 else f"…{rows[i][-34:]}") for i in shown]
    chart.update_yaxes(
        title={"text": up, "standoff": 12}, autorange="reversed", automargin=True, tickvals=list(shown), ticktext=labels
    )
    return chart


def boxes(values: Mapping[str, Values], title: str, across: str, up: str) -> go.Figure:
    """Draw the spread of named groups of values."""
    chart = go.Figure()
    for name, group in values.items():
        chart.add_box(y=list(group), name=name, boxpoints="all", marker={"color": PALETTE[0], "size": 4})
    styled(chart, title, 420).update_layout(showlegend=False)
    chart.update_xaxes(title=across, type="category")
    chart.update_yaxes(title=up, rangemode="tozero")
    return chart


def levels(
    edges: NDArray[np.floating],
    counts: NDArray[np.integer],
    marks: NDArray[np.floating],
    words: tuple[str, str, str],
) -> go.Figure:
    """Draw a histogram with upright marks over it; `words` are the title and the axes across and up."""
    title, across, up = words
    chart = go.Figure()
    middles = (edges[:-1] + edges[1:]) / 2
    chart.add_bar(x=middles, y=counts, width=float(edges[1] - edges[0]), marker={"color": "#8a979c"})
    xs = np.stack([marks, marks, np.full(len(marks), np.nan)], 1).ravel()
    ys = np.tile([0.0, float(counts.max()), np.nan], len(marks))
    line = {"color": PALETTE[3], "width": 1.5}
    chart.add_scatter(x=xs, y=ys, mode="lines", line=line, hovertemplate="%{x:.4f}<extra></extra>")
    styled(chart, title, 400).update_layout(showlegend=False, bargap=0)
    chart.update_xaxes(title=across, range=[-1.05, 1.05])
    chart.update_yaxes(title=up)
    return chart


def bars(counts: Mapping[str, float], title: str, axis: str, names: str, *, limit: float) -> go.Figure:
    """Draw named counts as horizontal bars, on an axis that ends at `limit`."""
    chart = go.Figure()
    chart.add_bar(
        y=list(counts),
        x=list(counts.values()),
        orientation="h",
        marker={"color": PALETTE[0]},
        text=[f"{count:,}" for count in counts.values()],
        textposition="outside",
        hovertemplate="%{y}: %{x}<extra></extra>",
    )
    styled(chart, title, 110 + 52 * len(counts)).update_layout(margin={"l": 8, "b": 48}, showlegend=False)
    chart.update_xaxes(title=axis, range=[0, limit])
    chart.update_yaxes(title={"text": names, "standoff": 12}, autorange="reversed", automargin=True)
    return chart


def rates(curves: Mapping[str, Sequence[Rate]], measure: str) -> go.Figure:
    """Draw rate-distortion curves by name: `measure` (``"psnr"`` or ``"ssim"``) against bits per pixel."""
    chart, shown = go.Figure(), []
    for i, (name, points) in enumerate(curves.items()):
        ordered = [one for one in sorted(points, key=lambda one: one.bytes) if np.isfinite(getattr(one, measure))]
        shown += [(one.bits_per_pixel, getattr(one, measure)) for one in ordered]
        chart.add_scatter(
            x=[one.bits_per_pixel for one in ordered],
            y=[getattr(one, measure) for one in ordered],
            customdata=[text.size(one.bytes) for one in ordered],
            mode="lines+markers",
            name=name,
            line={"color": color_of(i), "width": 2, "dash": DASHES[i % len(DASHES)]},
            marker={"color": color_of(i), "size": 6},
            hovertemplate=f"%{{y:{_DIGITS[measure]}}} at %{{x:.3f}} bits per pixel, %{{customdata}}",
        )
    styled(chart, files.CHART_TITLES[measure], 460).update_layout(hovermode="closest")
    chart.update_xaxes(title=files.RATE_AXIS)
    chart.update_yaxes(title=files.AXES[measure])
    inside = [value for bits, value in shown if bits <= _MOST_BITS]
    if len(inside) > 1:
        margin = 0.04 * (max(inside) - min(inside)) or 1.0
        chart.update_xaxes(range=[0, _MOST_BITS])
        chart.update_yaxes(range=[min(inside) - margin, max(inside) + margin])
    return chart
