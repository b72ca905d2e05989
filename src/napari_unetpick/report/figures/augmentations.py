"""A cut-out and its augmented versions as one picture, targets outlined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unetpick.report.figures.canvas import make_figure
from napari_unetpick.report.figures.palette import LIGHT, Theme
from napari_unetpick.study.augmentations import Examples

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS, ROWS = 4, 2
GREY = 3.0  # robust standard deviations from black to white on either side
OUTLINE = "#F5E642"


def draw_augmentations(examples: Examples, title: str, theme: Theme = LIGHT) -> Figure:
    """Draw the original and the samples; the eighth place explains the outlines."""
    figure = make_figure(3 * COLUMNS, 3.25 * ROWS, 120, theme.paper)
    figure.set_layout_engine("constrained")
    for number, (image, target) in enumerate(
        zip(examples.images, examples.targets, strict=True), 1
    ):
        axes = figure.add_subplot(ROWS, COLUMNS, number)
        axes.imshow(image, cmap="gray", vmin=-GREY, vmax=GREY, interpolation="nearest")
        if target.any():
            axes.contour(target, levels=[0.5], colors=OUTLINE, linewidths=1.5)
        name = "original" if number == 1 else f"augmented {number - 1}"
        axes.set_title(name, color=theme.ink, fontsize=12)
        axes.set_axis_off()
    words = figure.add_subplot(ROWS, COLUMNS, ROWS * COLUMNS)
    words.set_axis_off()
    side = examples.images.shape[-1]
    words.text(
        0,
        0.5,
        f"{title}\n\n{side} x {side} px,\nparticle diameter {examples.diameter:.0f} "
        "px.\n\nYellow: target map\n(particles).",
        color=theme.ink,
        fontsize=12,
        va="center",
        transform=words.transAxes,
    )
    return figure
