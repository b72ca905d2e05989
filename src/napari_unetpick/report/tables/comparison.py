"""A comparison of several sides as tables: for the page, Markdown, CSV, LaTeX and the terminal."""

from __future__ import annotations

import csv
import io

import numpy as np

from napari_unetpick.evaluation.figures import RATIOS, Value
from napari_unetpick.evaluation.intervals import Difference
from napari_unetpick.evaluation.methods import PAIRED
from napari_unetpick.io.picks import tell_count
from napari_unetpick.report.tables.benchmark import ROWS
from napari_unetpick.report.tables.evaluation import Table, latex_text, markdown_table
from napari_unetpick.study.compare.result import ComparisonResult, SideResult

NONE = "–"
PICTURE = "precision_recall.png"
SOURCES = {True: "all its candidates", False: "the picks given"}
CAPTION = (
    "P, R and F1: protocol particle (one-to-one within 0.5 d, pooled); 95 %: bootstrap over "
    "micrographs; centring: median error of matched picks in diameters; AP: average precision; "
    "as delivered: F1 of the picks as the program wrote them"
)


def overview_table(found: ComparisonResult) -> Table:
    """List a side a row: its figures by every protocol."""
    short = ("quarter.f1", "iou0.6.f1", "pixel.f1", "centring.median")
    rows = []
    for side in found.sides:
        figures = side.figures
        rows.append(
            (
                side.name + "*" * bool(side.leak),
                *(number(figures[f"particle.{ratio}"]) for ratio in RATIOS),
                interval(figures["particle.f1"]),
                *(number(figures.get(name)) for name in short),
                f"{side.curve.average_precision:.3f}" if side.curve else NONE,
                f"{side.delivered.f1:.3f}",
            )
        )
    headers = (
        *("side", "P", "R", "F1", "95 % of F1", "F1 at 0.25 d", "F1 iou0.6", "F1 pixel"),
        *("centring (d)", "AP", "F1 as delivered"),
    )
    starred = "; *: a leak, see the notes" if any(side.leak for side in found.sides) else ""
    return Table(headers, rows, caption=CAPTION + starred)


def difference_table(found: ComparisonResult) -> Table | None:
    """List F1 of every other side minus the first's, with paired intervals."""
    rows = []
    for side in found.sides[1:]:
        changes = side.differences or {}
        cells = [text for name in PAIRED for text in difference_texts(changes[name])]
        rows.append((side.name, *cells))
    headers = ["side"]
    for _, title in PAIRED.values():
        headers += [title, "95 %"]
    caption = (
        f"F1 minus that of {found.sides[0].name}, resampled on the same micrographs; an interval "
        "that holds 0 tells no winner"
    )
    return Table(headers, rows, caption=caption) if rows else None


def setting_table(found: ComparisonResult) -> Table:
    """List what every side was scored at, and how that was chosen."""
    rows = []
    for side in found.sides:
        choice, span = side.choice, side.fold_range
        rows.append(
            (
                side.name,
                side.kind,
                SOURCES[side.curve.source == "candidates"] if side.curve else "no scores",
                threshold_text(side),
                f"{_plain(span[0])} to {_plain(span[1])}" if span else NONE,
                f"{choice.distance:g}" if choice else NONE,
                f"{side.evaluation.half.n_picks:,}",
                f"{choice.f1:.3f}" if choice else NONE,
                f"{side.figures['particle.f1'][0]:.3f}",
            )
        )
    headers = (
        *("side", "kind", "chosen among", "threshold", "scored at", "minimum distance (d)"),
        *("picks", "F1 where chosen", "F1 scored"),
    )
    caption = (
        "threshold: chosen on all validation micrographs; scored at: the range of those chosen "
        "without the micrograph itself; F1 where chosen flatters"
        if any(side.folds for side in found.sides)
        else "thresholds of the validation micrographs; F1 where chosen flatters"
    )
    return Table(headers, rows, caption=caption, text_columns=(0, 1, 2))


def detail_table(found: ComparisonResult) -> Table:
    """List precision, recall and F1 of every side by every protocol, with 95 % intervals."""
    rows: list[tuple[str, ...]] = []
    for side in found.sides:
        for key, title in ROWS.items():
            cells = [side.figures[f"{key}.{ratio}"] for ratio in RATIOS]
            texts = [text for cell in cells for text in (number(cell), interval(cell))]
            rows.append((side.name, title, *texts))
        centring = side.figures.get("centring.median")
        title = "centring error of matched picks (d)"
        rows.append((side.name, title, number(centring), interval(centring), *("",) * 4))
    headers = ("side", "protocol", "precision", "95 %", "recall", "95 %", "F1", "95 %")
    caption = f"95 %: bootstrap over micrographs, seed {found.seed}"
    return Table(headers, rows, caption=caption, text_columns=(0, 1))


def micrograph_table(found: ComparisonResult) -> Table:
    """List F1 of every side on every micrograph, protocol particle."""
    rows = []
    for i, key in enumerate(found.keys):
        scores = [side.evaluation.micrographs[i].scores["particle"] for side in found.sides]
        rows.append((key, f"{scores[0].n_truth:,}", *(f"{each.f1:.3f}" for each in scores)))
    headers = ("micrograph", "particles", *(side.name for side in found.sides))
    return Table(headers, rows, caption="F1 by the protocol particle")


def to_csv(found: ComparisonResult) -> str:
    """Write a line a side: every figure, with `_low` and `_high` for its interval."""
    names = [f"{row}.{ratio}" for row in ROWS for ratio in RATIOS] + ["centring.median"]
    changes = [f"f1_minus_first.{name}" for name in PAIRED]
    facts = (
        *("name", "kind", "n_picks", "n_matched", "threshold", "min_distance", "validation_f1"),
        *("f1_as_delivered", "average_precision"),
    )
    columns = [f"{name}{end}" for name in (*names, *changes) for end in ("", "_low", "_high")]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["part", "n_micrographs", "n_truth", *facts, *columns, "leak"])
    n_truth = found.sides[0].evaluation.half.n_truth
    for side in found.sides:
        plain = side.to_dict()
        unknown = [None] * 3
        values = [plain["figures"].get(name, unknown) for name in names]
        values += [(plain["differences"] or {}).get(name, unknown) for name in PAIRED]
        cells = [found.part, len(found.keys), n_truth, *(plain[fact] for fact in facts)]
        cells += [cell for value in values for cell in value] + [side.leak]
        writer.writerow(["" if cell is None else cell for cell in cells])
    return text.getvalue()


def to_markdown(found: ComparisonResult, title: str) -> str:
    """Write the tables and notes as Markdown."""
    parts = [f"# {title}", f"{about(found)}."]
    tables = {
        "": overview_table(found),
        "Differences": difference_table(found),
        "Settings": setting_table(found),
        "By protocol": detail_table(found),
    }
    for heading, table in tables.items():
        if table is not None:
            parts += [f"## {heading}"] * bool(heading) + [markdown_table(table)]
            parts.append(f"{table.caption[0].upper()}{table.caption[1:]}.")
        if not heading and found.all_notes:
            parts.append("\n".join(f"- {note}" for note in found.all_notes))
        if not heading and any(side.curve for side in found.sides):
            parts.append(f"![Precision against recall]({PICTURE})")
    return "\n\n".join(parts) + "\n"


def to_latex(found: ComparisonResult) -> str:
    r"""Write the overview as a tabular for `\input`, without any package."""
    headers = (
        *("", "P", "R", r"F$_1$ (95\,\%)", "F$_1$ at $d/4$", "F$_1$ iou0.6"),
        *("F$_1$ pixel", "centring ($d$)", "AP"),
    )
    lines = [f"% {about(found)}; P, R, F1: protocol particle", r"\begin{tabular}{lrrrrrrrr}"]
    lines += [r"\hline", " & ".join(headers) + r" \\", r"\hline"]
    for side in found.sides:
        cells = [number(side.figures[f"particle.{ratio}"]) for ratio in RATIOS]
        low_high = interval(side.figures["particle.f1"])
        if low_high != NONE:
            cells[-1] += f" ({low_high.replace(' to ', NONE)})"
        names = ("quarter.f1", "iou0.6.f1", "pixel.f1", "centring.median")
        cells += [number(side.figures.get(name)) for name in names]
        cells.append(f"{side.curve.average_precision:.3f}" if side.curve else NONE)
        lines.append(" & ".join([latex_name(side.name), *map(latex_text, cells)]) + r" \\")
    return "\n".join([*lines, r"\hline", r"\end{tabular}"]) + "\n"


def latex_name(name: str) -> str:
    """Escape a name that stands first in a row.

    A bracket or star there would be read by the end of the row before; two hyphens stay two, and
    a bar is a bar in any font encoding.
    """
    text = latex_text(name).replace("|", r"\textbar{}").replace('"', "''").replace("--", "-{}-")
    return "{}" + text if text[:1] in ("[", "*") else text


def about(found: ComparisonResult) -> str:
    """Say in a line what was compared on what."""
    count = tell_count(len(found.keys), f"{found.part} micrograph")
    particles = tell_count(found.sides[0].evaluation.half.n_truth, "particle")
    look = f", look number {found.look} at them" if found.look else ""
    how = "" if found.part == "test" else ", thresholds cross-fitted" * (len(found.keys) > 1)
    return f"{tell_count(len(found.sides), 'side')} on {count}, {particles}{how}{look}"


def number(value: Value | None) -> str:
    """Write a figure without its interval."""
    return NONE if value is None else f"{value[0]:.3f}"


def interval(value: Value | None) -> str:
    """Write a figure's interval."""
    if value is None or value[1] is None or value[2] is None:
        return NONE
    return f"{value[1]:.3f} to {value[2]:.3f}"


def difference_texts(change: Difference) -> tuple[str, str]:
    """Write a difference and its interval, in F1."""
    if not np.isfinite(change.low):
        return f"{change.value:+.3f}", NONE
    return f"{change.value:+.3f}", f"{change.low:+.3f} to {change.high:+.3f}"


def threshold_text(side: SideResult) -> str:
    """Write the threshold chosen on validation; other programs' scores may have any size."""
    return "none" if side.choice is None else _plain(side.choice.threshold)


def _plain(value: float) -> str:
    if not np.isfinite(value):
        return NONE
    return f"{value:.3f}" if 0.001 <= abs(value) < 1000 or value == 0 else f"{value:.4g}"
