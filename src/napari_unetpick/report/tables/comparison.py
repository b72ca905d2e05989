"""A comparison of methods as tables: for the page, Markdown, CSV, LaTeX and the terminal."""

from __future__ import annotations

import numpy as np

from napari_unetpick.evaluation.figures import RATIOS
from napari_unetpick.evaluation.intervals import Difference
from napari_unetpick.evaluation.methods import PAIRED
from napari_unetpick.io.picks import tell_count
from napari_unetpick.report.tables.evaluation import (
    FIGURES,
    Table,
    csv_text,
    figure_columns,
    figure_rows,
    interval,
    latex_text,
    markdown_table,
    number,
    sentence,
)
from napari_unetpick.study.compare.result import ComparisonResult, MethodResult

NONE = "–"
COUNTS = {1: "One picker scored", 2: "Two pickers compared", 3: "Three pickers compared"}
PICTURE = "precision_recall.png"
SOURCES = {True: "all candidates", False: "given picks"}
CAPTION = (
    "P, R and F1: protocol particle (one-to-one within 0.5 d, pooled); 95 %: bootstrap over "
    "micrographs; centring: median error of matched picks in diameters; AP: average precision; "
    "as delivered: F1 of the picks as the program wrote them"
)


def overview_table(found: ComparisonResult) -> Table:
    """List a method a row: its figures by every protocol."""
    short = ("quarter.f1", "iou0.6.f1", "pixel.f1", "centring.median")
    rows = []
    for method in found.methods:
        figures = method.figures
        rows.append(
            (
                method.name + "*" * bool(method.leak),
                *(number(figures[f"particle.{ratio}"]) for ratio in RATIOS),
                interval(figures["particle.f1"]),
                *(number(figures.get(name)) for name in short),
                f"{method.curve.average_precision:.3f}" if method.curve else NONE,
                f"{method.delivered.f1:.3f}",
            )
        )
    headers = (
        *("method", "P", "R", "F1", "95 % of F1", "F1 at 0.25 d", "F1 iou0.6", "F1 pixel"),
        *("centring (d)", "AP", "F1 as delivered"),
    )
    starred = "; *: leak, see the notes" if any(method.leak for method in found.methods) else ""
    return Table(headers, rows, caption=CAPTION + starred)


def difference_table(found: ComparisonResult) -> Table | None:
    """List F1 of every other method minus the first's, with paired intervals."""
    rows = []
    for method in found.methods[1:]:
        changes = method.differences or {}
        cells = [text for name in PAIRED for text in difference_texts(changes[name])]
        rows.append((method.name, *cells))
    headers = ["method"]
    for _, title in PAIRED.values():
        headers += [title, "95 %"]
    caption = (
        f"F1 minus that of {found.methods[0].name}, paired bootstrap over micrographs; an "
        "interval that contains 0 is no significant difference"
    )
    return Table(headers, rows, caption=caption) if rows else None


def setting_table(found: ComparisonResult) -> Table:
    """List what every method was scored at, and how that was chosen."""
    rows = []
    for method in found.methods:
        choice, span = method.choice, method.fold_range
        rows.append(
            (
                method.name,
                method.kind,
                SOURCES[method.curve.source == "candidates"] if method.curve else "no scores",
                threshold_text(method),
                f"{_plain(span[0])} to {_plain(span[1])}" if span else NONE,
                f"{choice.distance:g}" if choice else NONE,
                f"{method.evaluation.half.n_picks:,}",
                f"{choice.f1:.3f}" if choice else NONE,
                f"{method.figures['particle.f1'][0]:.3f}",
            )
        )
    headers = (
        *("method", "kind", "chosen from", "threshold", "scored at", "minimum distance (d)"),
        *("picks", "validation F1", "F1 scored"),
    )
    caption = (
        (
            "threshold: chosen on all validation micrographs; scored at: range of the "
            "cross-fitted thresholds; validation F1 is optimistic"
        )
        if any(method.folds for method in found.methods)
        else "thresholds chosen on the validation micrographs; validation F1 is optimistic"
    )
    return Table(headers, rows, caption=caption, text_columns=(0, 1, 2))


def detail_table(found: ComparisonResult) -> Table:
    """List precision, recall and F1 of every method by every protocol, with 95 % intervals."""
    rows = [row for method in found.methods for row in figure_rows(method.name, method.figures)]
    headers = ("method", "protocol", "precision", "95 %", "recall", "95 %", "F1", "95 %")
    caption = f"95 %: bootstrap over micrographs, seed {found.seed}"
    return Table(headers, rows, caption=caption, text_columns=(0, 1))


def micrograph_table(found: ComparisonResult) -> Table:
    """List F1 of every method on every micrograph, protocol particle."""
    rows = []
    for i, key in enumerate(found.keys):
        scores = [method.evaluation.micrographs[i].scores["particle"] for method in found.methods]
        rows.append((key, f"{scores[0].n_truth:,}", *(f"{each.f1:.3f}" for each in scores)))
    headers = ("micrograph", "particles", *(method.name for method in found.methods))
    return Table(headers, rows, caption="F1 by the protocol particle")


def to_csv(found: ComparisonResult) -> str:
    """Write a line a method: every figure, with `_low` and `_high` for its interval."""
    facts = (
        *("name", "kind", "n_picks", "n_matched", "threshold", "min_distance", "validation_f1"),
        *("f1_as_delivered", "average_precision"),
    )
    columns = figure_columns([*FIGURES, *(f"f1_minus_first.{name}" for name in PAIRED)])
    rows: list[list[object]] = [["part", "n_micrographs", "n_truth", *facts, *columns, "leak"]]
    n_truth = found.methods[0].evaluation.half.n_truth
    for method in found.methods:
        plain = method.to_dict()
        unknown = [None] * 3
        values = [plain["figures"].get(name, unknown) for name in FIGURES]
        values += [(plain["differences"] or {}).get(name, unknown) for name in PAIRED]
        cells = [found.part, len(found.keys), n_truth, *(plain[fact] for fact in facts)]
        rows.append([*cells, *(cell for value in values for cell in value), method.leak])
    return csv_text(rows)


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
            parts.append(sentence(table.caption))
        if not heading and found.all_notes:
            parts.append("\n".join(f"- {note}" for note in found.all_notes))
        if not heading and any(method.curve for method in found.methods):
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
    for method in found.methods:
        cells = [number(method.figures[f"particle.{ratio}"]) for ratio in RATIOS]
        low_high = interval(method.figures["particle.f1"])
        if low_high != NONE:
            cells[-1] += f" ({low_high.replace(' to ', NONE)})"
        names = ("quarter.f1", "iou0.6.f1", "pixel.f1", "centring.median")
        cells += [number(method.figures.get(name)) for name in names]
        cells.append(f"{method.curve.average_precision:.3f}" if method.curve else NONE)
        lines.append(" & ".join([latex_name(method.name), *map(latex_text, cells)]) + r" \\")
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
    count = len(found.methods)
    pickers = COUNTS.get(count, f"{count} pickers compared")
    micrographs = tell_count(len(found.keys), f"{found.part} micrograph")
    particles = tell_count(found.methods[0].evaluation.half.n_truth, "particle")
    how = ", thresholds cross-fitted" * (found.part != "test" and len(found.keys) > 1)
    if found.test_evaluation:
        how = f", test-set evaluation number {found.test_evaluation}"
    return f"{pickers} on {micrographs} ({particles}){how}"


def difference_texts(change: Difference) -> tuple[str, str]:
    """Write a difference and its interval, in F1."""
    if not np.isfinite(change.low):
        return f"{change.value:+.3f}", NONE
    return f"{change.value:+.3f}", f"{change.low:+.3f} to {change.high:+.3f}"


def threshold_text(method: MethodResult) -> str:
    """Write the threshold chosen on validation; other programs' scores may have any size."""
    return "none" if method.choice is None else _plain(method.choice.threshold)


def _plain(value: float) -> str:
    if not np.isfinite(value):
        return NONE
    return f"{value:.3f}" if 0.001 <= abs(value) < 1000 or value == 0 else f"{value:.4g}"
