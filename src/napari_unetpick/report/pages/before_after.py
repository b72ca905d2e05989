"""Two models on the same micrographs, side by side, and what each number means."""

from __future__ import annotations

from collections.abc import Sequence

from napari_unetpick.evaluation.results import MicrographResult
from napari_unetpick.io.picks import tell_count
from napari_unetpick.report.figures.canvas import to_jpeg
from napari_unetpick.report.figures.overlay import draw_overlay
from napari_unetpick.report.figures.view import make_view
from napari_unetpick.report.pages.comparison import draw_methods, tiles
from napari_unetpick.report.pages.html import PageImage, Section, Tile
from napari_unetpick.report.pages.page import themed
from napari_unetpick.report.pages.write import Images
from napari_unetpick.report.tables.comparison import difference_texts
from napari_unetpick.report.tables.evaluation import Table, interval
from napari_unetpick.study.compare.result import ComparisonResult, MethodResult

HALF_WIDTH = 880  # pixels of a picture that stands beside another
HEADERS = ("model", "labels", "picks", "true", "precision", "recall", "F1", "95 % of F1")


def before_after_sections(
    found: ComparisonResult, labels: Sequence[str], text: str, images: Images, pixel_size: float
) -> list[Section]:
    """Give the page's parts on two models: figures, one micrograph, and all thresholds.

    Parameters
    ----------
    found
        Both, as delivered; the second one's F1 is compared with the first one's.
    labels
        What each was trained on, in a few words.
    text
        What was done; the micrographs and the numbers are explained after it.
    pixel_size
        Of the micrographs, A/px.
    """
    curves = themed(
        lambda theme: draw_methods(found, theme), "Precision and recall of both models", wide=True
    )
    explained = (
        "Marks: the picks of each model. Curves: all other thresholds; lower ones pick more, with "
        "higher recall and lower precision. Top right is perfect. Grey: lines of equal F1."
    )
    return [
        Section("Before and after", text, table=side_by_side(found, labels), notes=meanings(found)),
        one_micrograph(found, images, pixel_size),
        Section("Other thresholds", explained, pictures=[curves]),
    ]


def before_after_tiles(found: ComparisonResult) -> list[Tile]:
    """Give the F1 of both, and the second one's other figures beside the first one's."""
    first, second = (method.evaluation.half for method in found.methods)
    return [
        *tiles(found),
        Tile("Precision", f"{second.precision:.3f}", f"before: {first.precision:.3f}"),
        Tile("Recall", f"{second.recall:.3f}", f"before: {first.recall:.3f}"),
        Tile("Picks", f"{second.n_picks:,}", f"before: {first.n_picks:,}"),
    ]


def side_by_side(found: ComparisonResult, labels: Sequence[str]) -> Table:
    """List a model a row, by the protocol `particle`."""
    half = found.methods[0].evaluation.half
    caption = (
        f"{tell_count(len(found.keys), 'test micrograph')}, "
        f"{tell_count(half.n_truth, 'particle')}; protocol particle: a pick is true if it lies "
        "within half a diameter of a particle that no other pick has"
    )
    rows = [_row(*each) for each in zip(found.methods, labels, strict=True)]
    return Table(HEADERS, rows, caption=caption, text_columns=(0, 1))


def _row(method: MethodResult, labels: str) -> tuple[str, ...]:
    score = method.evaluation.half
    return (
        *(method.name, labels, f"{score.n_picks:,}", f"{score.n_matched:,}"),
        *(f"{value:.3f}" for value in (score.precision, score.recall, score.f1)),
        interval(method.figures["particle.f1"]),
    )


def meanings(found: ComparisonResult) -> list[str]:
    """Say in plain words what the numbers are, and how far apart the models are."""
    first, second = found.methods
    value, span = difference_texts((second.differences or {})["particle"])
    return [
        "Picks: how many the model made on the test micrographs. True: how many of these are "
        "particles.",
        "Precision: the fraction of the picks that are particles. The others are false picks, to "
        "be removed in 2D classification.",
        "Recall: the fraction of the particles that were picked. The others are missed.",
        "F1: one number for both, their harmonic mean. It is 1 if every particle and nothing else "
        "is picked.",
        "95 %: the interval that a bootstrap over the micrographs gives. The fewer micrographs, "
        "the less certain it is.",
        f"Difference in F1, {second.name} minus {first.name}: {value} (95 %: {span}, paired over "
        "the micrographs). An interval that contains 0 is no significant difference.",
    ]


def one_micrograph(found: ComparisonResult, images: Images, pixel_size: float) -> Section:
    """Show the picks of both on the micrograph of the first one's median F1."""
    key = middle_key(found.methods[0])
    pictures = []
    for method in found.methods:
        row = next(row for row in method.evaluation.micrographs if row.key == key)
        image, score = images(key), row.matches.score
        if image is None:
            continue
        view = make_view(image, row.pair.diameter)
        figure = draw_overlay(row, view, pixel_size, HALF_WIDTH)
        caption = (
            f"{method.name}: {score.n_matched:,} true, {score.n_picks - score.n_matched:,} false, "
            f"{score.n_truth - score.n_matched:,} missed"
        )
        pictures.append(PageImage(to_jpeg(figure), caption, caption))
    text = (
        f"{key}, on which the {found.methods[0].name} has its median F1. Solid blue: true pick. "
        "Dashed orange with a cross: false pick. Dotted yellow with a plus: missed particle."
    )
    return Section("One micrograph, both models", text, pictures=pictures)


def middle_key(method: MethodResult) -> str:
    """Return the micrograph of median F1; of two, the lower one."""

    def f1(row: MicrographResult) -> float:
        return row.matches.score.f1

    ranked = sorted(method.evaluation.micrographs, key=f1)
    return ranked[(len(ranked) - 1) // 2].key
