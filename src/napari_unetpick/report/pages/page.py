"""The parts of a report that an evaluation or a training run fills."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from napari_unetpick.evaluation.protocols import DESCRIPTIONS
from napari_unetpick.evaluation.results import Evaluation
from napari_unetpick.io.picks import tell_count
from napari_unetpick.report.figures.canvas import to_png
from napari_unetpick.report.figures.palette import DARK, LIGHT, Theme
from napari_unetpick.report.figures.training import draw_training
from napari_unetpick.report.pages.html import PageImage, Section, Tile
from napari_unetpick.report.tables.evaluation import detail_table, interval_text, protocol_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def summary_tiles(evaluation: Evaluation) -> list[Tile]:
    """Give the headline figures, each with its interval or its meaning."""
    score, intervals = evaluation.headline, evaluation.result.intervals or {}

    def note(name: str) -> str:
        return f"95 %: {interval_text(intervals[name])}" if name in intervals else ""

    tiles = [
        Tile(f"F1 ({evaluation.protocol})", f"{score.f1:.3f}", note("f1")),
        Tile("Precision", f"{score.precision:.3f}", note("precision")),
        Tile("Recall", f"{score.recall:.3f}", note("recall")),
    ]
    if evaluation.curve is not None:
        what = "all candidates" if evaluation.curve.source == "candidates" else "the picks given"
        value = f"{evaluation.curve.average_precision:.3f}"
        tiles.append(Tile("Average precision", value, f"within 0.5 d, {what}"))
    if evaluation.centring is not None:
        tiles.append(
            Tile("Centring error", f"{evaluation.centring:.3f} d", "median of matched picks")
        )
    if evaluation.calibration is not None:
        value = f"{evaluation.calibration.error:.3f}"
        tiles.append(Tile("Calibration error", value, "scores of at least 0.1"))
    return tiles


def evaluation_sections(
    evaluation: Evaluation, curves: Sequence[PageImage], gallery: Sequence[PageImage] = ()
) -> list[Section]:
    """Give the page's parts on scores, curves and crops."""
    sections = [
        Section(
            "Scores by protocol",
            f"Main figures: protocol {evaluation.protocol}, "
            f"{DESCRIPTIONS[evaluation.protocol]}. Matching uses the particle diameter d of "
            "the truth.",
            table=protocol_table(evaluation),
            notes=evaluation.notes,
        )
    ]
    if curves:
        sections.append(Section("Over all thresholds", pictures=curves))
    sections.append(Section("Details", table=detail_table(evaluation)))
    if gallery:
        text = "A false pick with a high score is often a particle missing from the truth."
        sections.append(Section("Picks by score", text, pictures=gallery))
    return sections


def training_section(rows: Sequence[Mapping[str, Any]]) -> Section:
    """Give a section with the curves of a run's metrics.jsonl (see `project.runs.read_metrics`)."""
    picture = themed(lambda theme: draw_training(rows, theme), "Loss and validation F1 by epoch")
    return Section("Training", pictures=[picture] if rows else [])


def themed(
    draw: Callable[[Theme], Figure], alt: str, caption: str = "", wide: bool = False
) -> PageImage:
    """Draw a figure for light and for dark pages."""
    return PageImage(to_png(draw(LIGHT)), alt, caption, to_png(draw(DARK)), wide)


def overlay_section(overlays: Sequence[PageImage], total: int) -> Section:
    """Give the page's part with the overlays and how to read them."""
    text = (
        "Rings have the particle diameter. Solid blue: true pick. Dashed orange with a "
        "cross: false pick. Dotted yellow with a plus: missed particle. Thin grey: "
        "excluded."
    )
    if total > len(overlays):
        text += (
            f"\n\n{len(overlays)} of {tell_count(total, 'micrograph')}, from the lowest F1 to the "
            "highest; all of them are in the folder overlays/."
        )
    return Section("Picks on micrographs", text, pictures=overlays)
