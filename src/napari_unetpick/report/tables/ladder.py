"""The ladder as a plot and as tables, for the page of results and for a paper."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_unetpick.evaluation.intervals import Difference, Spread
from napari_unetpick.evaluation.protocols import Protocol
from napari_unetpick.io.atomic import atomic_path, write_text
from napari_unetpick.io.picks import tell_count
from napari_unetpick.report.figures.canvas import legend_style, make_figure, to_png
from napari_unetpick.report.figures.palette import LIGHT
from napari_unetpick.report.tables.evaluation import Table, csv_text, latex_table, markdown_table
from napari_unetpick.study.ablation.rungs import Ladder, RungResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN: tuple[Protocol, ...] = ("particle", "pixel")


def write_ladder(out: Path, ladder: Ladder) -> list[Path]:
    """Write ladder.md, .csv, .tex and .png; return their paths."""
    table = ladder_table(ladder.rungs)
    parts = ["# Ablation", about(ladder), markdown_table(table), *gain_texts(ladder)]
    if ladder.without:
        parts += ["## Everything but one", markdown_table(ladder_table(ladder.without))]
    if ladder.missing:
        parts.append("Not run: " + "; ".join(ladder.missing) + ".")
    write_text(out / "ladder.md", "\n\n".join(parts) + "\n")
    write_text(out / "ladder.csv", csv_text([table.headers, *table.rows]))
    write_text(out / "ladder.tex", latex_table(plan_table(ladder)))
    with atomic_path(out / "ladder.png") as temporary:
        temporary.write_bytes(to_png(draw_ladder(ladder)))
    return [out / f"ladder.{ending}" for ending in ("md", "csv", "tex", "png")]


def about(ladder: Ladder) -> str:
    """Say what the figures are."""
    return (
        f"{tell_count(ladder.micrographs, 'test micrograph')}; F1 at the automatic "
        "threshold, mean over seeds ± standard deviation; change from the row above with "
        "the 95 % interval of a paired bootstrap over micrographs; batches per epoch: "
        f"{ladder.batches}; minutes and parameters of one model, for an ensemble of all "
        "members."
    )


def gain_texts(ladder: Ladder) -> list[str]:
    """Say what all rungs together change."""
    return [
        f"{name}, change from the {ladder.rungs[0].name}: "
        + "; ".join(
            f"F1 ({tag}) {change} (95 %: {interval})"
            for tag in SHOWN
            for change, interval in [change_texts(gain[tag])]
        )
        for name, gain in ladder.gains.items()
    ]


def ladder_table(rungs: Sequence[RungResult]) -> Table:
    """List rungs: F1 by two protocols, the change that each brought, and its cost."""
    headers = ["method", "seeds"]
    for tag in SHOWN:
        headers += [f"F1 ({tag})", "change", "95 %"]
    headers += ["P (pixel)", "R (pixel)", "rounds rejected", "min", "parameters"]
    rows = []
    for rung in rungs:
        row = [rung.name, str(len(rung.seeds))]
        for tag in SHOWN:
            figures = rung.figures[tag]
            row += [spread_text(figures.f1), *change_texts(figures.difference)]
        pixel = rung.figures["pixel"]
        rejected, tested = rung.rejected
        row += [f"{pixel.precision.mean:.3f}", f"{pixel.recall.mean:.3f}"]
        row += [f"{rejected} of {tested}" if tested else "–"]
        row += [f"{rung.minutes:.1f}", f"{rung.parameters:,}"]
        rows.append(row)
    return Table(headers, rows)


def plan_table(ladder: Ladder) -> Table:
    """List method, F1 and delta in points, as the plan has it, with intervals."""
    rows = []
    for rung in ladder.rungs:
        figures = rung.figures["pixel"]
        change = figures.difference
        low_high = f"[{100 * change.low:+.1f}, {100 * change.high:+.1f}]" if change else "–"
        rows.append(
            (
                rung.name,
                *(f"{100 * getattr(figures, n).mean:.1f}" for n in ("precision", "recall")),
                spread_text(figures.f1, 100, 1),
                f"{100 * change.value:+.1f}" if change else "–",
                low_high,
            )
        )
    headers = ("Method", "P", "R", "F1 (pixel)", "Delta", "95 %")
    return Table(headers, rows, caption=about(ladder))


def spread_text(value: Spread, scale: float = 1.0, digits: int = 3) -> str:
    """Write mean ± deviation, or the value alone where it is a single one."""
    mean, deviation = (f"{scale * each:.{digits}f}" for each in (value.mean, value.deviation))
    return f"{mean} ± {deviation}" if value.n > 1 else mean


def change_texts(change: Difference | None) -> tuple[str, str]:
    """Write a difference and its interval."""
    if change is None:
        return "–", "–"
    return f"{change.value:+.3f}", f"{change.low:+.3f} to {change.high:+.3f}"


def draw_ladder(ladder: Ladder) -> Figure:
    """Draw F1 of every rung from top to bottom, a point a protocol, its spread over seeds."""
    rungs, theme = ladder.rungs, LIGHT
    figure = make_figure(9.0, 1.6 + 0.42 * len(rungs), 150, theme.paper)
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot()
    axes.set_facecolor(theme.paper)
    places = range(len(rungs))
    styles = (("o", theme.first, "-"), ("s", theme.second, "--"))
    for tag, (marker, colour, line) in zip(SHOWN, styles, strict=True):
        values = [rung.figures[tag].f1 for rung in rungs]
        low = [value.mean - value.low for value in values]
        high = [value.high - value.mean for value in values]
        axes.errorbar(
            [value.mean for value in values],
            list(places),
            xerr=[low, high],
            fmt=marker + line,
            color=colour,
            lw=1.4,
            ms=7,
            capsize=4,
            label=tag,
        )
    axes.set_yticks(list(places), [rung.name for rung in rungs], color=theme.ink)
    axes.invert_yaxis()
    axes.set_xlabel("F1 at the automatic threshold; bars: lowest and highest seed", color=theme.ink)
    axes.grid(axis="x", color=theme.quiet, lw=0.6)
    axes.tick_params(colors=theme.ink)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(**legend_style(theme))
    return figure
