"""The curves of a training run, from its metrics.jsonl."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unetpick.report.figures.canvas import legend_style, start_figure
from napari_unetpick.report.figures.palette import LIGHT, Theme

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_training(rows: Sequence[Mapping[str, Any]], theme: Theme = LIGHT) -> Figure:
    """Draw loss and validation F1 over epochs; dotted lines part the rounds of self-training.

    `rows` hold `loss`, `stage` and, where it was measured, `validation_loss`, `validation_f1`.
    """
    from matplotlib.ticker import MaxNLocator

    rows = [row for row in rows if "taken" not in row]  # results of rounds are no epochs
    figure, axes = start_figure("Training", theme)
    epochs = np.arange(1, len(rows) + 1)
    lines = []
    for key, style, colour in (
        ("loss", "-", theme.first),
        ("validation_loss", "--", theme.first),
    ):
        values = _column(rows, key)
        if np.isfinite(values).any():
            lines += axes.plot(
                epochs, values, style, color=colour, lw=2, label=key.replace("_", " ")
            )
    axes.set(xlabel="epoch", ylabel="loss", xlim=(0.5, max(len(rows), 2) + 0.5))
    axes.yaxis.label.set_color(theme.first)
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    stages = [row.get("stage") for row in rows]
    for number, (before, after) in enumerate(itertools.pairwise(stages), 1):
        if before != after:
            axes.axvline(number + 0.5, color=theme.ink, lw=1, ls=":")
    f1 = _column(rows, "validation_f1")
    if np.isfinite(f1).any():
        right = axes.twinx()
        right.set(ylabel="validation F1", ylim=(0, 1.02))
        right.yaxis.label.set_color(theme.second)
        right.tick_params(colors=theme.ink)
        right.spines[:].set_visible(False)
        measured = np.isfinite(f1)
        lines += right.plot(
            epochs[measured],
            f1[measured],
            "o-",
            ms=4,
            color=theme.second,
            lw=2,
            label="validation F1",
        )
        best = int(np.nanargmax(f1))
        right.annotate(
            f"{f1[best]:.3f}",
            (epochs[best], f1[best]),
            (0, -16),
            textcoords="offset points",
            ha="center",
            color=theme.second,
            annotation_clip=False,
        )
    axes.legend(
        lines, [str(line.get_label()) for line in lines], loc="center right", **legend_style(theme)
    )
    return figure


def _column(rows: Sequence[Mapping[str, Any]], key: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    values = [row.get(key) for row in rows]
    return np.array([np.nan if value is None else float(value) for value in values])
