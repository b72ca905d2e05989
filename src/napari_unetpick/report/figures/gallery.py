"""Crops of picks in order of their score, each marked true or false by colour, style and letter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_unetpick.evaluation.results import MicrographResult
from napari_unetpick.io.picks import tell_count
from napari_unetpick.report.figures.canvas import make_figure
from napari_unetpick.report.figures.palette import LIGHT, Theme
from napari_unetpick.report.figures.view import Greys

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 12
MOST = 72
CROP_PX = 100
CROP_DIAMETERS = 1.5


@dataclass(frozen=True)
class GalleryPick:
    """A pick to be shown: where it is, and whether it matches truth."""

    micrograph: str
    index: int
    score: float | None
    true: bool


def choose_picks(rows: Sequence[MicrographResult], most: int = MOST) -> list[GalleryPick]:
    """Choose picks evenly over the ranks of their scores, best first (all, if there are few)."""
    ranked = [
        GalleryPick(
            row.key,
            int(index),
            _score(row, index),
            bool(row.matches.matched[index] >= 0),
        )
        for row in rows
        for index in np.flatnonzero(row.matches.picks_count)
    ]
    ranked.sort(key=lambda pick: -np.inf if pick.score is None else -pick.score)
    if len(ranked) <= most:
        return ranked
    return [ranked[i] for i in np.linspace(0, len(ranked) - 1, most).round().astype(int)]


def _score(row: MicrographResult, index: int) -> float | None:
    score = np.nan if row.pick_scores is None else row.pick_scores[index]
    return float(score) if np.isfinite(score) else None


def draw_gallery(
    picks: Sequence[GalleryPick], crops: Sequence[Greys], total: int, theme: Theme = LIGHT
) -> Figure:
    """Draw the crops row by row, with a letter and the score under each.

    Parameters
    ----------
    picks, crops
        Row-aligned; crops are square uint8, all of one size.
    total
        How many picks there are in all, for the title.
    """
    from matplotlib.patches import Rectangle

    columns = min(COLUMNS, max(len(crops), 6))
    lines = -(-len(crops) // columns)
    side, caption, gap, head = 1.0, 0.24, 0.06, 0.62  # inches, at 100 dpi
    width, height = columns * (side + gap) + gap, lines * (side + caption + gap) + gap + head
    figure = make_figure(width, height, 100, theme.paper)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    for number, (pick, crop) in enumerate(zip(picks, crops, strict=True)):
        line, column = divmod(number, columns)
        left = gap + column * (side + gap)
        top = head + line * (side + caption + gap)
        axes.imshow(
            crop,
            cmap="gray",
            vmin=0,
            vmax=255,
            aspect="auto",
            interpolation="bilinear",
            extent=(left, left + side, top + side, top),
        )
        colour = theme.first if pick.true else theme.second
        style = "-" if pick.true else (0, (3, 1.5))
        frame = Rectangle((left, top), side, side, fill=False, ec=colour, lw=2.5, ls=style)
        axes.add_patch(frame)
        score = "" if pick.score is None else f"  {pick.score:.2f}"
        axes.text(
            left + side / 2,
            top + side + caption / 2,
            f"{'T' if pick.true else 'F ×'}{score}",
            color=colour,
            ha="center",
            va="center",
            fontsize=10,
            weight="bold",
        )
    axes.set(xlim=(0, width), ylim=(height, 0))
    _draw_head(figure, len(crops), total, height, theme)
    return figure


def _draw_head(figure: Figure, shown: int, total: int, height: float, theme: Theme) -> None:
    counted = tell_count(total, "pick")
    what = f"{shown:,} of {counted}, evenly by score" if shown < total else counted
    top = 1 - 0.2 / height
    below = 1 - 0.44 / height
    left = 0.06 / figure.get_figwidth()
    figure.text(left, top, f"{what}, best score first", color=theme.ink, fontsize=12, va="center")
    for offset, text, colour in (
        (0.0, "T  solid frame: matches a particle", theme.first),
        (3.2, "F ×  dashed frame: matches none", theme.second),
    ):
        figure.text(
            left + offset / figure.get_figwidth(),
            below,
            text,
            color=colour,
            fontsize=10,
            va="center",
            weight="bold",
        )
