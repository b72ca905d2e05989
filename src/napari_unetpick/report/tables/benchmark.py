"""A benchmark's records as tables, as a figure, and as benchmark.md, .csv and .html."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_unetpick.evaluation.figures import RATIOS
from napari_unetpick.io.atomic import write_text
from napari_unetpick.io.picks import tell_count
from napari_unetpick.report.figures.canvas import legend_style, start_figure
from napari_unetpick.report.figures.palette import LIGHT, Theme
from napari_unetpick.report.pages.html import Section, Tile, write_report
from napari_unetpick.report.pages.page import themed
from napari_unetpick.report.tables.evaluation import (
    FIGURES,
    Table,
    csv_text,
    figure_columns,
    figure_rows,
    interval,
    markdown_table,
    number,
    sentence,
)
from napari_unetpick.study.cryoppp.published import PUBLISHED
from napari_unetpick.study.cryoppp.record import SetRecord

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHORT = {
    "particle.f1": "F1",
    "particle_macro.f1": "macro F1",
    "iou0.6.f1": "F1 iou0.6",
    "pixel.f1": "F1 pixel",
    "quarter.f1": "F1 at 0.25 d",
    "centring.median": "centring (d)",
}
CAPTION = (
    "protocol particle unless stated; centring: median error of matched picks in "
    "diameters; the truth was selected by 2D classification and is incomplete, so "
    "precision is a lower bound"
)


def overview_table(records: Sequence[SetRecord]) -> Table:
    """List a set a row: the F1 by every protocol, and the mean over the sets without a leak."""
    headers = ("set", "micrographs", "particles", "P", "R", "F1", "95 % of F1", *list(SHORT)[1:])
    rows = [
        (
            each.id + "*" * bool(each.leaks),
            f"{each.micrographs:,}",
            f"{each.particles:,}",
            *(number(each.figures[f"particle.{ratio}"]) for ratio in RATIOS),
            interval(each.figures["particle.f1"]),
            *(number(each.figures.get(key)) for key in list(SHORT)[1:]),
        )
        for each in records
    ]
    clean = [each for each in records if not each.leaks]
    if len(clean) > 1:
        names = (*(f"particle.{ratio}" for ratio in RATIOS), *list(SHORT)[1:])
        means = [_mean(clean, name) for name in names]
        total = f"{sum(each.micrographs for each in clean):,}"
        particles = f"{sum(each.particles for each in clean):,}"
        rows.append((f"mean of {len(clean)}", total, particles, *means[:3], "–", *means[3:]))
    starred = "; *: not an unseen set, see the notes" if len(clean) < len(records) else ""
    titles = tuple(SHORT.get(name, name) for name in headers)
    return Table(titles, rows, caption=CAPTION + starred)


def detail_table(records: Sequence[SetRecord]) -> Table:
    """List precision, recall and F1 of every set by every protocol, with 95 % intervals."""
    rows = [row for each in records for row in figure_rows(each.id, each.figures)]
    headers = ("set", "protocol", "precision", "95 %", "recall", "95 %", "F1", "95 %")
    return Table(headers, rows, "95 %: bootstrap over micrographs", text_columns=(0, 1))


def setting_table(records: Sequence[SetRecord], before: dict[str, SetRecord]) -> Table:
    """List what each set was scored with, and validation beside the test where both are known.

    `before` holds the records of the validation parts by set.
    """
    headers = (
        *("set", "protein", "diameter (px)", "A/px", "training micrographs", "picks"),
        *("threshold", "validation - test F1"),
    )
    rows = [
        (
            each.id,
            PUBLISHED[each.id].protein if each.id in PUBLISHED else "",
            f"{each.diameter_px:g}",
            f"{each.pixel_size:g}",
            f"{each.training:,}",
            f"{each.picks:,}",
            f"{each.threshold:.3f}",
            _gap(each, before.get(each.id)),
        )
        for each in records
    ]
    return Table(headers, rows, text_columns=(0, 1))


def to_csv(records: Sequence[SetRecord]) -> str:
    """Write a line a set: every figure, with `_low` and `_high` for its interval."""
    facts = ("part", "micrographs", "particles", "picks", "training", "diameter_px", "pixel_size")
    rows: list[list[object]] = [["set", *facts, *figure_columns(FIGURES), "leak"]]
    for each in records:
        cells = [cell for name in FIGURES for cell in each.figures.get(name, (None,) * 3)]
        known = [getattr(each, name) for name in facts]
        rows.append([each.id, *known, *cells, "; ".join(each.leaks)])
    return csv_text(rows)


def write_benchmark(
    out: Path,
    records: Sequence[SetRecord],
    title: str,
    about: str,
    *,
    before: dict[str, SetRecord] | None = None,
    notes: Sequence[str] = (),
) -> list[Path]:
    """Write benchmark.md, .csv and .html.

    Parameters
    ----------
    about
        What was trained on what, one paragraph.
    before
        Records of the validation parts by set, where the test parts are reported.
    notes
        What went wrong, one line each.

    Returns
    -------
    The files, the page last.
    """
    overview, detail = overview_table(records), detail_table(records)
    settings = setting_table(records, before or {})
    lines = [*notes, *record_notes(records)]
    files = [out / "benchmark.md", out / "benchmark.csv"]
    parts = [f"# {title}", about, markdown_table(overview), sentence(overview.caption)]
    parts += ["## By protocol", markdown_table(detail), sentence(detail.caption)]
    parts += ["## Settings", markdown_table(settings)]
    if lines:
        parts += ["## Notes", "\n".join(f"- {line}" for line in lines)]
    write_text(files[0], "\n\n".join(parts) + "\n")
    write_text(files[1], to_csv(records))
    picture = themed(lambda theme: draw_sets(records, theme), "F1 by set and protocol")
    sections = [
        Section("By set", about, table=overview, pictures=[picture], notes=lines),
        Section("By protocol", table=detail),
        Section("Settings", table=settings),
    ]
    part = records[0].part
    count = sum(each.micrographs for each in records)
    subtitle = f"{tell_count(len(records), 'set')}, {tell_count(count, 'micrograph')}, {part} parts"
    page = out / "benchmark.html"
    files.append(write_report(page, title, summary_tiles(records), sections, subtitle=subtitle))
    return files


def summary_tiles(records: Sequence[SetRecord]) -> list[Tile]:
    """Give the mean over the sets of each headline figure."""
    clean = [each for each in records if not each.leaks] or list(records)
    note = f"mean of {tell_count(len(clean), 'set')}" if len(clean) > 1 else f"set {clean[0].id}"
    return [Tile(title, _mean(clean, key), note) for key, title in SHORT.items()]


def record_notes(records: Sequence[SetRecord]) -> list[str]:
    """Gather what the records say of leaks, sizes and what was left out."""
    lines = []
    for each in records:
        lines += [f"{each.id}: leak: {leak}" for leak in each.leaks]
        lines += [f"{each.id}: {note}" for note in each.notes]
        lines += [f"{each.id}: skipped: {reason}" for reason in each.failed.values()]
    return lines


def draw_sets(records: Sequence[SetRecord], theme: Theme = LIGHT) -> Figure:
    """Draw F1 with its interval, a set a column, by the three protocols."""
    figure, axes = start_figure("F1 by set", theme)
    marks = (
        ("particle", theme.first, "o"),
        ("iou0.6", theme.second, "s"),
        ("pixel", theme.third, "^"),
    )
    for shift, (name, colour, mark) in zip((-0.18, 0.0, 0.18), marks, strict=True):
        cells = [each.figures[f"{name}.f1"] for each in records]
        values = np.array([cell[0] for cell in cells])
        low = [v if cell[1] is None else cell[1] for v, cell in zip(values, cells, strict=True)]
        high = [v if cell[2] is None else cell[2] for v, cell in zip(values, cells, strict=True)]
        ends = np.maximum([values - low, high - values], 0)
        places = np.arange(len(records)) + shift
        axes.errorbar(
            places, values, yerr=ends, fmt=mark, color=colour, capsize=3, lw=1.5, label=name
        )
    axes.set_xticks(range(len(records)), [each.id for each in records])
    axes.set(ylim=(0, 1.02), xlim=(-0.5, len(records) - 0.5), ylabel="F1")
    axes.grid(axis="y", color=theme.quiet, lw=0.6)
    axes.legend(loc="lower left", title="protocol", **legend_style(theme)).get_title().set_color(
        theme.ink
    )
    return figure


def _gap(test: SetRecord, before: SetRecord | None) -> str:
    """Write by how much validation flattered: its own record's F1, or what training reports."""
    chosen = test.selected if before is None else before.figures["particle.f1"][0]
    if test.part != "test" or chosen is None:
        return "–"
    return f"{100 * (chosen - test.figures['particle.f1'][0]):+.1f} points"


def _mean(records: Sequence[SetRecord], name: str) -> str:
    values = [each.figures[name][0] for each in records if name in each.figures]
    return f"{np.mean(values):.3f}" if values else "–"
