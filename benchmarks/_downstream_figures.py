"""Figures of downstream.py: FSC curves of all pickers, and their 2D classes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from _record import OUT

from napari_unetpick.report.figures.canvas import legend_style, make_figure, start_figure, to_png
from napari_unetpick.report.figures.palette import LIGHT

if TYPE_CHECKING:
    from _downstream_case import Case, Classes

# Okabe and Ito's colours; each picker has its own line style too
STYLES = {
    "truth": ("#000000", "-"),
    "zero-shot": ("#0072B2", "-"),
    "clicks": ("#56B4E9", "--"),
    "topaz": ("#D55E00", "-."),
    "relion": ("#009E73", ":"),
}


def draw_curves(case: Case, curves: Mapping[str, Any], names: Mapping[str, str]) -> Path:
    """Draw the mean FSC of each picker's maps with the noise-free map."""
    figure, axes = start_figure(f"{case.name}: FSC with the noise-free map", LIGHT)
    side = case.box * case.sample.pixel_size
    for job, curve in curves.items():
        color, style = STYLES[job]
        axes.plot(np.arange(len(curve)) / side, curve, style, color=color, label=names[job])
    for level in (0.143, 0.5):
        axes.axhline(level, color=LIGHT.quiet, linewidth=1, zorder=0)
    axes.set(xlabel="spatial frequency, 1/Å", ylabel="FSC", ylim=(-0.05, 1.02), xlim=(0, None))
    axes.legend(**legend_style(LIGHT))
    return save(figure, f"{case.name}_fsc.png")


def draw_classes(case: Case, found: Mapping[str, Classes], names: Mapping[str, str]) -> Path:
    """Draw the class averages, a row a picker, the largest first; good ones have a frame."""
    most = max(len(each.averages) for each in found.values())
    figure = make_figure(0.95 * most + 1.6, 1.25 * len(found), 110, LIGHT.paper)
    grid = figure.subplots(len(found), most, squeeze=False)
    figure.subplots_adjust(left=1.6 / (0.95 * most + 1.6), right=0.99, top=0.93, bottom=0.02)
    for row, (job, classes) in zip(grid, found.items(), strict=True):
        row[0].text(-0.1, 0.5, names[job], ha="right", va="center", transform=row[0].transAxes)
        for axes, number in zip(row, np.argsort(-classes.sizes), strict=True):
            axes.axis("off")
            if not classes.sizes[number]:
                continue
            axes.axis("on")
            axes.set(xticks=[], yticks=[])
            axes.imshow(classes.averages[number], cmap="gray")
            likeness = f"{classes.sizes[number]}: {classes.likeness[number]:.2f}"
            axes.set_title(likeness, fontsize=8, pad=3)
            for spine in axes.spines.values():
                spine.set(color=STYLES["zero-shot"][0], linewidth=3)
                spine.set_visible(bool(classes.good[number]))
    return save(figure, f"{case.name}_classes.png")


def save(figure: Any, name: str) -> Path:
    """Write a figure as PNG."""
    path = OUT / "downstream" / name
    path.write_bytes(to_png(figure))
    return path
