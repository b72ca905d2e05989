"""A micrograph with a ring at each pick and each missed particle: right, wrong, and missed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.evaluation.results import MicrographResult
from napari_unetpick.report.figures.canvas import make_figure
from napari_unetpick.report.figures.palette import FALSE, LEFT_OUT, MATCHED, MISSED
from napari_unetpick.report.figures.view import MicrographView

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Coords = NDArray[np.float64]
WIDTH = 1280  # pixels of the picture
_STRIP = 64  # of these, the height of the legend
_PAPER = "#14181f"
_INK = "#f2f4f7"


def draw_overlay(
    row: MicrographResult,
    view: MicrographView,
    pixel_size: float | None = None,
    width: int = WIDTH,
) -> Figure:
    """Draw one micrograph with rings of the particle diameter.

    Solid sky blue: matched picks. Dashed vermilion with a cross: false picks. Dotted yellow with a
    plus: missed particles. Thin grey: left out, in the border or an area.

    Parameters
    ----------
    row
        The micrograph's result (matches within half a diameter).
    view
        Its picture, from `view.make_view`.
    pixel_size
        A/px of the file, for a scale bar; None draws none.
    width
        Pixels of the picture; the fewer, the larger are rings and text in it.
    """
    rows, cols = view.pixels.shape
    height = round(width * rows / cols)
    figure = make_figure(width / 100, (height + _STRIP) / 100, 100, _PAPER)
    axes = figure.add_axes((0, 0, 1, height / (height + _STRIP)))
    axes.imshow(
        view.pixels, cmap="gray", vmin=0, vmax=255, extent=view.extent, interpolation="hanning"
    )
    axes.set(xlim=view.extent[:2], ylim=view.extent[2:])
    axes.set_axis_off()
    pair, matches = row.pair, row.matches
    hit = matches.matched >= 0
    found = np.zeros(len(pair.truth), dtype=bool)
    found[matches.matched[hit]] = True
    size = pair.diameter
    right = pair.picks[hit & matches.picks_count]
    wrong = pair.picks[~hit & matches.picks_count]
    missed = pair.truth[~found & matches.truth_counts]
    _draw_rings(axes, pair.picks[~matches.picks_count], size, LEFT_OUT, "-", 0.8)
    _draw_rings(axes, right, size, MATCHED, "-", 1.8)
    _draw_rings(axes, wrong, size, FALSE, (0, (4, 2)), 2.0, "x")
    _draw_rings(axes, missed, size, MISSED, (0, (1, 1.2)), 2.2, "+")
    if pair.border:
        _draw_border(axes, pair.border, pair.shape)
    if pixel_size:
        _draw_scale_bar(axes, view, pixel_size, size)
    _draw_legend(figure, row, len(right), len(wrong), len(missed))
    return figure


def _draw_rings(
    axes: Axes,
    centres: Coords,
    diameter: float,
    colour: str,
    style: str | tuple[int, tuple[float, float]],
    width: float,
    marker: str | None = None,
) -> None:
    from matplotlib.collections import EllipseCollection

    if len(centres) == 0:
        return
    offsets = centres[:, ::-1]  # matplotlib wants (x, y) = (col, row)
    sizes = np.full(len(centres), diameter)
    axes.add_collection(
        EllipseCollection(
            sizes,
            sizes,
            np.zeros(len(centres)),
            units="xy",
            offsets=offsets,
            offset_transform=axes.transData,
            facecolors="none",
            edgecolors=colour,
            linestyles=[style],
            linewidths=width,
        )
    )
    if marker:
        axes.plot(offsets[:, 0], offsets[:, 1], marker, color=colour, ms=7, mew=1.8)


def _draw_border(axes: Axes, border: float, shape: tuple[int, int] | None) -> None:
    from matplotlib.patches import Rectangle

    if shape is not None:
        corner = (border - 0.5, border - 0.5)
        box = Rectangle(
            corner, shape[1] - 2 * border, shape[0] - 2 * border, fill=False, ec=LEFT_OUT, lw=1.2
        )
        axes.add_patch(box)


def _draw_scale_bar(axes: Axes, view: MicrographView, pixel_size: float, diameter: float) -> None:
    """Draw a bar of a round length, some two diameters, in the lower right corner."""
    from matplotlib.patches import Rectangle

    angstrom = _round_length(2 * diameter * pixel_size)
    length = angstrom / pixel_size
    _, right, bottom, _ = view.extent
    margin, thick = 0.02 * right, 0.006 * right
    left = right - margin - length
    backing = Rectangle(
        (left - margin / 2, bottom - 4.2 * margin / 2 - thick),
        length + margin,
        4.2 * margin / 2 + thick - margin / 3,
        color=_PAPER,
        alpha=0.75,
        lw=0,
    )
    axes.add_patch(backing)
    axes.add_patch(Rectangle((left, bottom - margin - thick), length, thick, color=_INK, lw=0))
    axes.text(
        left + length / 2,
        bottom - margin - 1.6 * thick,
        f"{angstrom:g} Å",
        color=_INK,
        ha="center",
        va="bottom",
        fontsize=11,
    )


def _round_length(length: float) -> float:
    """Round down to 1, 2 or 5 times a power of ten: 240 -> 200."""
    power = 10.0 ** np.floor(np.log10(length))
    return float(max(step for step in (1, 2, 5) if step * power <= length * (1 + 1e-9)) * power)


def _draw_legend(
    figure: Figure, row: MicrographResult, right: int, wrong: int, missed: int
) -> None:
    from matplotlib.lines import Line2D

    score = row.matches.score
    name = row.key if len(row.key) <= 48 else "…" + row.key[-47:]
    heights = _STRIP / (figure.get_figheight() * 100)
    text = (
        f"{name}\nF1 {score.f1:.3f}   precision {score.precision:.3f}   recall {score.recall:.3f}"
    )
    figure.text(0.012, 1 - heights / 2, text, color=_INK, va="center", fontsize=12, linespacing=1.5)
    ring: dict[str, Any] = {"marker": "o", "ms": 15, "mfc": "none", "ls": "none"}
    handles: list[Any] = []
    labels = []
    for colour, inner, label, count in (
        (MATCHED, None, "matched", right),
        (FALSE, "x", "false", wrong),
        (MISSED, "+", "missed", missed),
    ):
        outline = Line2D([], [], color=colour, mew=2, **ring)
        if inner is None:
            handles.append(outline)
        else:
            cross = Line2D([], [], color=colour, marker=inner, ms=7, mew=1.8, ls="none")
            handles.append((outline, cross))
        labels.append(f"{label} {count:,}")
    figure.legend(
        handles,
        labels,
        loc="center right",
        bbox_to_anchor=(0.995, 1 - heights / 2),
        ncols=3,
        frameon=False,
        labelcolor=_INK,
        fontsize=13,
        handletextpad=0.5,
        columnspacing=1.8,
    )
