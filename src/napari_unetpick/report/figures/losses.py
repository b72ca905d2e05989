"""The losses as a table of text, and as curves over what the network says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unetpick.report.figures.canvas import legend_style, make_figure
from napari_unetpick.report.figures.palette import LIGHT, Theme
from napari_unetpick.report.tables.evaluation import Table
from napari_unetpick.study.losses import CONFIDENCES, LossStudy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PURPLE = "#CC79A7"  # the fifth of Okabe and Ito's
STYLES = {"bce": "-", "focal": "--", "dice": ":", "combined": "-", "pu": "-."}


def loss_table(study: LossStudy) -> Table:
    """List the loss of each example."""
    names = [each.name for each in study.examples]
    rows = [
        (kind, *(f"{row[name]:.5f}" for name in names), f"{row['hard'] / row['easy']:.0f}")
        for kind, row in study.table.items()
    ]
    return Table(("loss", *names, "hard / easy"), rows)


def draw_losses(study: LossStudy, theme: Theme = LIGHT) -> Figure:
    """Draw what each loss makes of a particle, and of a place without one."""
    figure = make_figure(10.0, 4.6, 150, theme.paper)
    figure.set_layout_engine("constrained")
    colours = (theme.first, theme.second, theme.third, theme.ink, PURPLE)
    for number, (title, curves) in enumerate(
        (
            ("Predicted probability of a particle", study.found),
            ("Predicted probability of a false pick", study.invented),
        ),
        1,
    ):
        axes = figure.add_subplot(1, 2, number)
        axes.set_facecolor(theme.paper)
        axes.set_title(title, color=theme.ink, loc="left", fontsize=12)
        for (kind, values), colour in zip(curves.items(), colours, strict=True):
            axes.plot(
                CONFIDENCES,
                values,
                STYLES.get(kind, "-"),
                color=colour,
                lw=3 if kind == "combined" else 2,
                label=kind,
            )
        axes.set_yscale("log")
        axes.set(xlabel="probability", xlim=(0, 1))
        axes.set_ylabel("loss of the patch (log scale)")
        axes.grid(color=theme.quiet, lw=0.6)
        axes.tick_params(colors=theme.ink)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(**legend_style(theme))
    return figure
