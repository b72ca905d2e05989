"""Results as rows of text: for the page, for Markdown, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from napari_unetpick.evaluation.figures import RATIOS, Figures, Value
from napari_unetpick.evaluation.intervals import Interval
from napari_unetpick.evaluation.protocols import DESCRIPTIONS, POOLING
from napari_unetpick.evaluation.results import Evaluation, ProtocolResult
from napari_unetpick.io.picks import tell_count

ROWS = {
    "particle": "particle (pooled)",
    "particle_macro": "particle (macro)",
    "iou0.6": "iou0.6 (pooled)",
    "pixel": "pixel (mean)",
    "quarter": "within 0.25 d (pooled)",
}
FIGURES = [*(f"{row}.{ratio}" for row in ROWS for ratio in RATIOS), "centring.median"]
LATEX = {
    **{letter: "\\" + letter for letter in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "–": "--",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}


@dataclass(frozen=True)
class Table:
    """A table of text; columns from the second on are numbers unless `text_columns` says so."""

    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    text_columns: Sequence[int] = (0,)


def protocol_table(evaluation: Evaluation) -> Table:
    """List precision, recall and F1 by each protocol, the chosen one first."""
    chosen = evaluation.result
    others = [r for tag, r in evaluation.protocols.items() if tag != evaluation.protocol]
    return Table(
        (
            "protocol",
            "match",
            "precision",
            "recall",
            "F1",
            "95 % interval of F1",
            "macro F1",
        ),
        [_protocol_row(result) for result in (chosen, *others)],
        caption=f"{tell_count(len(evaluation.micrographs), 'micrograph')}; intervals: bootstrap "
        f"over micrographs; macro: mean of the micrographs' F1; seed {evaluation.seed}",
        text_columns=(0, 1),
    )


def detail_table(evaluation: Evaluation) -> Table:
    """List the figures that are not precision, recall or F1."""
    half = evaluation.half
    rows = [
        ("particle diameter of the truth, pixels", f"{evaluation.diameter_px:.1f}"),
        ("excluded border, pixels", f"{evaluation.border_px:.1f}"),
        ("counted particles", f"{half.n_truth:,}"),
        ("counted picks", f"{half.n_picks:,}"),
        ("matched one-to-one within half a diameter", f"{half.n_matched:,}"),
        ("F1 within half a diameter", f"{half.f1:.3f}"),
        ("F1 within a quarter of the diameter", f"{evaluation.quarter.f1:.3f}"),
        ("median centring error, in diameters", _ratio(evaluation.centring)),
    ]
    if evaluation.curve is not None:
        curve = evaluation.curve
        rows += [
            ("average precision", f"{curve.average_precision:.3f}"),
            (
                "best F1 over all thresholds (optimistic: chosen on this truth)",
                f"{curve.best_f1:.3f}",
            ),
        ]
    if evaluation.expected is not None:
        found = evaluation.expected
        rows += [
            ("expected precision (from scores)", f"{found.expected:.3f}"),
            ("measured precision", f"{found.true:.3f}"),
        ]
    if evaluation.calibration is not None:
        rows += [
            ("calibration error (equal-count bins)", f"{evaluation.calibration.error:.3f}"),
            ("Brier score", f"{evaluation.calibration.brier:.3f}"),
        ]
    return Table(("figure", "value"), rows)


def micrograph_table(evaluation: Evaluation) -> Table:
    """List every micrograph by the chosen protocol; counts are of particles."""
    rows = []
    for row in evaluation.micrographs:
        score, counts = row.scores[evaluation.protocol], row.matches.score
        rows.append(
            (
                row.key,
                f"{counts.n_truth:,}",
                f"{counts.n_picks:,}",
                f"{counts.n_matched:,}",
                f"{score.precision:.3f}",
                f"{score.recall:.3f}",
                f"{score.f1:.3f}",
                f"{row.quarter.f1:.3f}",
                _ratio(row.centring),
            )
        )
    headers = (
        "micrograph",
        "particles",
        "picks",
        "matched",
        "precision",
        "recall",
        "F1",
        "F1 at 0.25 d",
        "centring error (d)",
    )
    return Table(headers, rows, caption=f"by the protocol {evaluation.protocol}")


def to_csv(evaluation: Evaluation) -> str:
    """Write one line a micrograph, with the names and roundings of the JSON."""
    rows = [_flat(row) for row in evaluation.to_dict()["micrographs"]]
    return csv_text([list(rows[0]), *(list(row.values()) for row in rows)])


def to_markdown(evaluation: Evaluation, title: str) -> str:
    """Write the tables and notes as Markdown."""
    parts = [f"# {title}"]
    for heading, table in (
        ("By protocol", protocol_table(evaluation)),
        ("Details", detail_table(evaluation)),
        ("By micrograph", micrograph_table(evaluation)),
    ):
        parts += [f"## {heading}", markdown_table(table)]
        if table.caption:
            parts.append(sentence(table.caption))
    if evaluation.notes:
        parts += ["## Notes", "\n".join(f"- {note}" for note in evaluation.notes)]
    return "\n\n".join(parts) + "\n"


def markdown_table(table: Table) -> str:
    """Write a table as Markdown, numbers aligned to the right."""
    rule = ["---" if i in table.text_columns else "---:" for i in range(len(table.headers))]
    lines = [table.headers, rule, *table.rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |"
        for line in lines
    )


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Write rows as CSV; None is empty."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def latex_table(table: Table) -> str:
    """Write a table as a LaTeX tabular; the caption goes before it as a comment."""
    columns = "".join("l" if i in table.text_columns else "r" for i in range(len(table.headers)))
    head, *rows = (
        " & ".join(latex_text(cell) for cell in line) + r" \\"
        for line in (table.headers, *table.rows)
    )
    comment = [f"% {table.caption}"] if table.caption else []
    top = [*comment, rf"\begin{{tabular}}{{{columns}}}", r"\hline", head, r"\hline"]
    return "\n".join([*top, *rows, r"\hline", r"\end{tabular}"]) + "\n"


def latex_text(text: str) -> str:
    """Escape what LaTeX would take for a command."""
    return "".join(LATEX.get(letter, letter) for letter in text)


def plain_table(table: Table) -> str:
    """Write a table for a terminal, columns aligned by spaces."""
    lines = [table.headers, *table.rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(table.headers))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i in table.text_columns else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def number(value: Value | None) -> str:
    """Write a figure without its interval."""
    return "–" if value is None else f"{value[0]:.3f}"


def interval(value: Value | None) -> str:
    """Write a figure's interval."""
    if value is None or value[1] is None or value[2] is None:
        return "–"
    return f"{value[1]:.3f} to {value[2]:.3f}"


def figure_rows(name: str, figures: Figures) -> list[tuple[str, ...]]:
    """List the figures of a set or method by every protocol, with their intervals."""
    rows: list[tuple[str, ...]] = []
    for key, title in ROWS.items():
        cells = [figures[f"{key}.{ratio}"] for ratio in RATIOS]
        rows.append((name, title, *(t for cell in cells for t in (number(cell), interval(cell)))))
    centring = figures.get("centring.median")
    title = "centring error of matched picks (d)"
    return [*rows, (name, title, number(centring), interval(centring), *("",) * 4)]


def figure_columns(names: Iterable[str]) -> list[str]:
    """Return the columns of a CSV with figures: each with `_low` and `_high` for its interval."""
    return [f"{name}{end}" for name in names for end in ("", "_low", "_high")]


def sentence(text: str) -> str:
    """Write a caption as a sentence."""
    return f"{text[0].upper()}{text[1:]}."


def interval_text(interval: Interval | None) -> str:
    """Write an interval, or a dash where too few micrographs give none."""
    return "–" if interval is None else f"{interval.low:.3f} to {interval.high:.3f}"


def _protocol_row(result: ProtocolResult) -> tuple[str, ...]:
    score = result.headline
    interval = result.intervals["f1"] if result.intervals else None
    description = DESCRIPTIONS[result.protocol].removesuffix(", pooled over particles")
    how = "pooled" if POOLING[result.protocol] == "pooled" else "mean"
    return (
        f"{result.protocol} ({how})",
        description.removesuffix(", mean over micrographs"),
        f"{score.precision:.3f}",
        f"{score.recall:.3f}",
        f"{score.f1:.3f}",
        interval_text(interval),
        f"{result.macro.f1:.3f}",
    )


def _flat(row: dict[str, object]) -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in row.items():
        if isinstance(value, dict):
            flat |= {f"f1_{tag}": each for tag, each in value.items()}
        else:
            flat[key] = value
    return flat


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
