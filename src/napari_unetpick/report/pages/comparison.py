"""A comparison's folder: one plot of all curves, comparison.md, .csv, .tex, and the page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_unetpick.io.atomic import atomic_path, write_text
from napari_unetpick.report.figures.canvas import legend_style, start_figure
from napari_unetpick.report.figures.evaluation import draw_equal_f1, steps_of
from napari_unetpick.report.figures.losses import PURPLE
from napari_unetpick.report.figures.palette import LIGHT, Theme
from napari_unetpick.report.pages.html import Section, Tile, write_report
from napari_unetpick.report.pages.page import themed
from napari_unetpick.report.tables.comparison import (
    PICTURE,
    about,
    detail_table,
    difference_table,
    micrograph_table,
    overview_table,
    setting_table,
    to_csv,
    to_latex,
    to_markdown,
)
from napari_unetpick.report.tables.evaluation import interval
from napari_unetpick.study.compare.result import ComparisonResult, MethodResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Comparison of picks"
LINES = ("-", "--", "-.", ":")
MARKS = "osD^vPX"
MOST_TILES = 5


def write_comparison(out: Path, found: ComparisonResult) -> list[Path]:
    """Write comparison.md, .csv, .tex and .html, and precision_recall.png.

    Returns
    -------
    The files, the page last.

    Raises
    ------
    InputError, EngineError
        The folder cannot be written to, or the disk is full.
    """
    picture = themed(
        lambda theme: draw_methods(found, theme),
        "Precision against recall of each method",
        _caption(found),
        wide=True,
    )
    files = [out / f"comparison.{ending}" for ending in ("md", "csv", "tex")]
    write_text(files[0], to_markdown(found, TITLE))
    write_text(files[1], to_csv(found))
    write_text(files[2], to_latex(found))
    files.append(out / PICTURE)
    with atomic_path(files[-1]) as temporary:
        assert isinstance(picture.data, bytes)
        temporary.write_bytes(picture.data)
    first = found.methods[0].name
    sections = [Section("Result", table=overview_table(found), notes=found.all_notes)]
    if (differences := difference_table(found)) is not None:
        sections.append(Section(f"Against {first}", table=differences))
    sections += [
        Section("Over all thresholds", pictures=[picture]),
        Section("Settings", table=setting_table(found)),
        Section("By protocol", table=detail_table(found)),
        Section("By micrograph", table=micrograph_table(found)),
    ]
    page = out / "comparison.html"
    files.append(write_report(page, TITLE, tiles(found), sections, subtitle=about(found)))
    return files


def _caption(found: ComparisonResult) -> str:
    """Say what the curves and marks are."""
    text = (
        "Curves: all thresholds, on the scored micrographs. Marks: the threshold at which each "
        "method is scored"
    )
    if any(len(method.folds) > 1 for method in found.methods):
        text += ", cross-fitted, so that marks may lie off the curve"
    return f"{text}. Grey: lines of equal F1."


def tiles(found: ComparisonResult) -> list[Tile]:
    """Give the F1 of the first methods."""
    shown = []
    for method in found.methods[:MOST_TILES]:
        value = method.figures["particle.f1"]
        note = (
            "a leak" if method.leak else f"95 %: {interval(value)}" if value[1] is not None else ""
        )
        shown.append(Tile(f"F1, {method.name}", f"{value[0]:.3f}", note))
    return shown


def draw_methods(found: ComparisonResult, theme: Theme = LIGHT) -> Figure:
    """Draw precision against recall of all methods, with the points at which they were scored."""
    figure, axes = start_figure("Precision and recall of each method", theme)
    figure.set_size_inches(8.4, 5.6 + 0.22 * len(found.methods))
    draw_equal_f1(axes, theme)
    colours = (theme.first, theme.second, theme.third, PURPLE, theme.ink)
    for number, method in enumerate(found.methods):
        colour = colours[number % len(colours)]
        line, mark = LINES[number % len(LINES)], MARKS[number % len(MARKS)]
        _draw_method(axes, method, colour, line, mark)
    what = "(protocol particle, within 0.5 d)"
    axes.set(xlim=(0, 1.01), ylim=(0, 1.02))
    axes.set(xlabel=f"recall {what}", ylabel=f"precision {what}")
    figure.legend(
        loc="outside lower left",
        title=about(found),
        alignment="left",
        handlelength=3.5,
        **legend_style(theme),
    ).get_title().set_color(theme.ink)
    return figure


def _draw_method(axes: Axes, method: MethodResult, colour: str, line: str, mark: str) -> None:
    """Draw a method's curve, if it has scores, and its point; the legend shows both as one."""
    precision, recall, f1 = (
        method.figures[f"particle.{ratio}"][0] for ratio in ("precision", "recall", "f1")
    )
    label = f"{_plain(method.name)}: F1 {f1:.3f}"
    if method.curve is not None and len(method.curve.points.thresholds):
        axes.plot(*steps_of(method.curve.points), line, color=colour, lw=2)
        label += f", average precision {method.curve.average_precision:.3f}"
        if method.curve.source == "picks":
            label += " (of the picks given)"
    else:
        line = ""
        label += " (no scores)"
    axes.plot(
        recall, precision, mark, ms=9, mew=1.5, mfc=colour, mec=axes.get_facecolor(), clip_on=False
    )
    axes.plot([], [], line + mark, color=colour, lw=2, ms=8, label=label)


def _plain(name: str) -> str:
    """Keep matplotlib from reading a name as mathematics, or from hiding it."""
    return name.replace("$", r"\$")
