"""Class averages side by side, with their numbers and how many picks each holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unetpick.classes.table import Classes
from napari_unetpick.io.picks import tell_count
from napari_unetpick.picking.cutouts import SPREAD, standardised
from napari_unetpick.report.figures.canvas import make_figure
from napari_unetpick.report.figures.palette import LIGHT, Theme

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 7
SIDE, CAPTION, GAP, HEAD = 1.2, 0.24, 0.08, 0.62  # inches, at 100 dpi
LABEL = "for sorting, not for publication"


def draw_classes(found: Classes, theme: Theme = LIGHT) -> Figure:
    """Draw the class averages row by row, the largest class first."""
    lines = -(-found.count // COLUMNS)
    width = COLUMNS * (SIDE + GAP) + GAP
    height = HEAD + lines * (SIDE + CAPTION + GAP) + GAP
    figure = make_figure(width, height, 100, theme.paper)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    for number, (average, size) in enumerate(zip(found.averages, found.sizes, strict=True)):
        line, column = divmod(number, COLUMNS)
        left = GAP + column * (SIDE + GAP)
        top = HEAD + line * (SIDE + CAPTION + GAP)
        axes.imshow(
            standardised(average),
            cmap="gray",
            vmin=-0.6 * SPREAD,
            vmax=SPREAD,
            aspect="auto",
            interpolation="bicubic",
            extent=(left, left + SIDE, top + SIDE, top),
        )
        below = top + SIDE + CAPTION / 2
        style = {"color": theme.ink, "va": "center", "fontsize": 10}
        axes.text(left + 0.02, below, f"{number + 1}", weight="bold", **style)
        axes.text(left + SIDE - 0.02, below, tell_count(int(size), "pick"), ha="right", **style)
    axes.set(xlim=(0, width), ylim=(height, 0))
    title = f"{tell_count(len(found), 'pick')} in {found.count} classes"
    for text, at, size in ((title, 0.22, 12), (f"Quick classes, {LABEL}", 0.46, 10)):
        figure.text(GAP / width, 1 - at / height, text, color=theme.ink, fontsize=size, va="center")
    return figure
