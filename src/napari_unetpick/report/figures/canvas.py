"""Figures without pyplot's global state, and how they become PNG and JPEG."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unetpick.report.figures.palette import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 150


def to_png(figure: Figure) -> bytes:
    """Render a figure as PNG, the same bytes for the same figure."""
    return _encode(figure, "PNG")


def to_jpeg(figure: Figure, quality: int = 82) -> bytes:
    """Render a picture of a micrograph as JPEG, a fifth of the PNG."""
    return _encode(figure, "JPEG", quality=quality)


def _encode(figure: Figure, kind: str, **options: Any) -> bytes:
    """Encode the figure's pixels; it is drawn once, however many kinds are asked for."""
    from PIL import Image

    canvas: Any = figure.canvas
    if figure.stale:
        canvas.draw()
    buffer = io.BytesIO()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3]
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, kind, **options)
    return buffer.getvalue()


def make_figure(width: float, height: float, dpi: float, paper: str) -> Figure:
    """Make an empty figure (inches) with a canvas of its own, without pyplot's global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=dpi, facecolor=paper)
    FigureCanvasAgg(figure)
    return figure


def start_figure(title: str, theme: Theme) -> tuple[Figure, Axes]:
    """Start a plot: one pair of axes without a box, in the theme's colours."""
    figure = make_figure(6.4, 4.8, _DPI, theme.paper)
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot()
    axes.set_facecolor(theme.paper)
    axes.set_title(title, color=theme.ink, loc="left", fontsize=12, pad=10)
    axes.tick_params(colors=theme.ink, labelsize=10)
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set_color(theme.ink)
        axis.label.set_fontsize(11)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(theme.ink)
    return figure, axes


def legend_style(theme: Theme) -> dict[str, Any]:
    """Give the keywords of a legend in the theme's colours."""
    return {
        "frameon": True,
        "facecolor": theme.paper,
        "edgecolor": theme.quiet,
        "labelcolor": theme.ink,
        "fontsize": 9,
        "title_fontsize": 10,
        "framealpha": 0.9,
    }
