"""The curves of an evaluation: precision and recall, and reliability."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.evaluation.calibration import ExpectedPrecision, ReliabilityCheck
from napari_unetpick.evaluation.intervals import binomial_interval
from napari_unetpick.evaluation.metrics import PrecisionRecall
from napari_unetpick.evaluation.results import PrecisionRecallCurve
from napari_unetpick.io.picks import tell_count
from napari_unetpick.report.figures.canvas import legend_style, start_figure
from napari_unetpick.report.figures.palette import LIGHT, Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_precision_recall(curve: PrecisionRecallCurve, theme: Theme = LIGHT) -> Figure:
    """Draw precision against recall, with lines of equal F1 and the threshold in use."""
    figure, axes = start_figure("Precision and recall of the candidates", theme)
    draw_equal_f1(axes, theme)
    axes.plot(*steps_of(curve.points), color=theme.first, lw=2)
    label = f"best F1 {curve.best_f1:.3f}, at threshold {curve.best_threshold:.2f}"
    _mark(axes, curve, curve.best_threshold, label, "o", theme.paper, theme.first)
    if curve.threshold is not None:
        label = f"given picks, threshold {curve.threshold:.2f}"
        _mark(axes, curve, curve.threshold, label, "D", theme.second, theme.second)
    axes.set(xlim=(0, 1.01), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
    what = "all candidates" if curve.source == "candidates" else "only the picks given"
    axes.legend(
        loc="lower left",
        title=f"average precision {curve.average_precision:.3f} ({what})",
        **legend_style(theme),
    ).get_title().set_color(theme.ink)
    return figure


def draw_reliability(
    found: ReliabilityCheck, expected: ExpectedPrecision | None = None, theme: Theme = LIGHT
) -> Figure:
    """Draw the part of candidates that is true against their score, bin by bin."""
    figure, axes = start_figure("Reliability of the scores", theme)
    axes.plot([0, 1], [0, 1], color=theme.ink, lw=1, ls=(0, (4, 3)), label="perfectly calibrated")
    score = np.array([row.mean_score for row in found.bins])
    true = np.array([row.fraction_true for row in found.bins])
    ranges = [binomial_interval(round(row.fraction_true * row.n), row.n) for row in found.bins]
    low, high = np.array([(r.low, r.high) for r in ranges]).T
    axes.errorbar(
        score,
        true,
        yerr=[np.maximum(true - low, 0), np.maximum(high - true, 0)],
        fmt="o-",
        color=theme.first,
        lw=1.5,
        capsize=3,
        label=f"{tell_count(found.n, 'candidate')} in {tell_count(len(found.bins), 'bin')} of "
        "equal count, 95 %",
    )
    if expected is not None:
        axes.plot(
            expected.expected,
            expected.true,
            "D",
            color=theme.second,
            ms=8,
            label=f"picks: {expected.expected:.1%} expected, {expected.true:.1%} true",
        )
    axes.set(xlim=(0, 1.01), ylim=(0, 1.02), xlabel="score", ylabel="fraction true")
    axes.grid(color=theme.quiet, lw=0.6)
    axes.legend(
        loc="lower right",
        title=f"calibration error {found.error:.3f}, Brier {found.brier:.3f}",
        **legend_style(theme),
    ).get_title().set_color(theme.ink)
    return figure


def steps_of(points: PrecisionRecall) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return recall and precision to be drawn: before the first candidate, those of the first."""
    recall = np.concatenate([[0.0], points.recall])
    return recall, np.concatenate([points.precision[:1], points.precision])


def draw_equal_f1(axes: Axes, theme: Theme) -> None:
    """Draw P = F R / (2 R - F) for some F1; on the diagonal P = R = F1."""
    for f1 in (0.2, 0.4, 0.6, 0.8, 0.9):
        recall = np.linspace(f1 / 2 + 1e-3, 1.0, 400)
        precision = f1 * recall / (2 * recall - f1)
        inside = precision <= 1.0
        axes.plot(recall[inside], precision[inside], color=theme.quiet, lw=0.8, zorder=0)
        axes.annotate(
            f"F1 {f1:g}",
            (1.0, f1 / (2 - f1)),
            (-2, 2),
            textcoords="offset points",
            ha="right",
            fontsize=8,
            color=theme.ink,
            alpha=0.6,
        )


def _mark(
    axes: Axes,
    curve: PrecisionRecallCurve,
    threshold: float,
    label: str,
    marker: str,
    face: str,
    edge: str,
) -> None:
    """Mark the point of the curve at a threshold: the last with a score no lower."""
    above = int(np.searchsorted(-curve.points.thresholds, -threshold, side="right")) - 1
    if above >= 0:
        axes.plot(
            curve.points.recall[above],
            curve.points.precision[above],
            marker,
            ms=8,
            mew=2,
            mfc=face,
            mec=edge,
            ls="none",
            label=label,
            clip_on=False,
            zorder=5,
        )
