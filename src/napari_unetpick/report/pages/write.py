"""Everything that an evaluation leaves in its folder: tables, curves, pictures, and the page."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.evaluation.results import Evaluation, MicrographResult
from napari_unetpick.io.atomic import atomic_path, write_text
from napari_unetpick.io.picks import tell_count
from napari_unetpick.report.figures.canvas import to_jpeg, to_png
from napari_unetpick.report.figures.evaluation import draw_precision_recall, draw_reliability
from napari_unetpick.report.figures.gallery import (
    CROP_DIAMETERS,
    CROP_PX,
    GalleryPick,
    choose_picks,
    draw_gallery,
)
from napari_unetpick.report.figures.overlay import draw_overlay
from napari_unetpick.report.figures.view import Greys, cut_crop, make_view
from napari_unetpick.report.pages.html import PageImage, Section, Tile, write_report
from napari_unetpick.report.pages.page import (
    evaluation_sections,
    overlay_section,
    summary_tiles,
    themed,
)
from napari_unetpick.report.tables.evaluation import micrograph_table, to_csv, to_markdown

Images = Callable[[str], NDArray[Any] | None]
"""Gives a micrograph's (rows, cols) array by its key, or None where there is none."""
ON_PAGE = 3  # overlays on the page; the folder has all


def write_evaluation(
    out: str | Path,
    evaluation: Evaluation,
    images: Images | None = None,
    title: str = "Evaluation of picks",
    *,
    subtitle: str = "",
    pixel_sizes: Mapping[str, float] | None = None,
    before: Sequence[Section] = (),
    after: Sequence[Section] = (),
    tiles: Sequence[Tile] | None = None,
    on_progress: Callable[[int, int, str], None] | None = None,
) -> list[Path]:
    """Write results.json, .csv and .md, the curves, the gallery, overlays and report.html.

    Parameters
    ----------
    out
        The folder; made if it is not there. Each file is written whole or not at all.
    images
        Gives the micrographs; without it there are no overlays and no gallery.
    subtitle
        What was compared; the protocol and the number of micrographs are named in any case.
    pixel_sizes
        A/px by micrograph key, for the scale bars.
    before, after
        Sections of the page before and after those of the evaluation.
    tiles
        The page's headline figures, instead of those of the evaluation.
    on_progress
        Called with (done, total, key) after each micrograph's picture.

    Returns
    -------
    The files, the page last.

    Raises
    ------
    InputError, EngineError
        The folder cannot be written to, or the disk is full.
    """
    out = Path(out)
    files = [out / "results.json", out / "results.csv", out / "results.md"]
    write_text(files[0], json.dumps(evaluation.to_dict(), indent=2, ensure_ascii=False) + "\n")
    write_text(files[1], to_csv(evaluation))
    write_text(files[2], to_markdown(evaluation, title))
    curves = _write_curves(out, evaluation, files)
    overlays: list[PageImage] = []
    gallery: list[PageImage] = []
    if images is not None:
        overlays, gallery = _write_pictures(
            out, evaluation, images, pixel_sizes or {}, files, on_progress
        )
    sections = [*before, *evaluation_sections(evaluation, curves, gallery)]
    if overlays:
        sections.append(overlay_section(overlays, len(evaluation.micrographs)))
    sections += [Section("By micrograph", table=micrograph_table(evaluation)), *after]
    line = (
        f"protocol {evaluation.protocol}, {tell_count(len(evaluation.micrographs), 'micrograph')}"
    )
    subtitle = f"{subtitle} · {line}" if subtitle else line[0].upper() + line[1:]
    tiles = summary_tiles(evaluation) if tiles is None else tiles
    files.append(write_report(out / "report.html", title, tiles, sections, subtitle=subtitle))
    return files


def _write_curves(out: Path, evaluation: Evaluation, files: list[Path]) -> list[PageImage]:
    pictures = []
    curve, calibration = evaluation.curve, evaluation.calibration
    if curve is not None and len(curve.points.thresholds):
        picture = themed(
            lambda theme: draw_precision_recall(curve, theme), "Precision against recall"
        )
        pictures.append(_keep(picture, out / "precision_recall.png", files))
    if calibration is not None:
        picture = themed(
            lambda theme: draw_reliability(calibration, evaluation.expected, theme),
            "Fraction of true candidates against their score",
        )
        pictures.append(_keep(picture, out / "reliability.png", files))
    return pictures


def _write_pictures(
    out: Path,
    evaluation: Evaluation,
    images: Images,
    pixel_sizes: Mapping[str, float],
    files: list[Path],
    on_progress: Callable[[int, int, str], None] | None,
) -> tuple[list[PageImage], list[PageImage]]:
    """Open each micrograph once: its overlay for the page, and its crops for the gallery."""
    rows = evaluation.micrographs
    chosen = choose_picks(rows)
    crops: dict[tuple[str, int], Greys] = {}
    shown = {row.key for row in _for_page(rows)}
    overlays = []
    for done, row in enumerate(rows, 1):
        image = images(row.key)
        if image is not None:
            view = make_view(image, row.pair.diameter)
            figure = draw_overlay(row, view, pixel_sizes.get(row.key))
            _write_bytes(out / "overlays" / f"{row.key}.png", to_png(figure), files)
            if row.key in shown:
                alt = f"{row.key}: matched, false and missed particles"
                overlays.append(PageImage(to_jpeg(figure), alt, row.key, wide=True))
            width = CROP_DIAMETERS * row.pair.diameter
            for pick in chosen:
                if pick.micrograph == row.key:
                    centre = row.pair.picks[pick.index]
                    crops[row.key, pick.index] = cut_crop(view, centre, width, CROP_PX)
        if on_progress is not None:
            on_progress(done, len(rows), row.key)
    have = [pick for pick in chosen if (pick.micrograph, pick.index) in crops]
    return overlays, _write_gallery(out, have, crops, evaluation.half.n_picks, files)


def _write_gallery(
    out: Path,
    picks: list[GalleryPick],
    crops: Mapping[tuple[str, int], Greys],
    total: int,
    files: list[Path],
) -> list[PageImage]:
    if not picks:
        return []
    aligned = [crops[pick.micrograph, pick.index] for pick in picks]
    picture = themed(
        lambda theme: draw_gallery(picks, aligned, total, theme),
        "Crops of picks, best score first, marked true or false",
        wide=True,
    )
    return [_keep(picture, out / "gallery.png", files)]


def _for_page(rows: Sequence[MicrographResult]) -> list[MicrographResult]:
    """Choose micrographs from the worst to the best F1, evenly: not the pretty ones alone."""
    ranked = sorted(rows, key=lambda row: (row.matches.score.f1, row.key))
    if len(ranked) <= ON_PAGE:
        return ranked
    return [ranked[i] for i in np.linspace(0, len(ranked) - 1, ON_PAGE).round().astype(int)]


def _keep(picture: PageImage, path: Path, files: list[Path]) -> PageImage:
    if isinstance(picture.data, bytes):
        _write_bytes(path, picture.data, files)
    return picture


def _write_bytes(path: Path, data: bytes, files: list[Path]) -> None:
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
    files.append(path)
