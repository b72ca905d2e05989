"""Picks as other programs take them: chosen, freed of duplicates and edges, written and counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from napari_unetpick.errors import InputError
from napari_unetpick.io.formats.box_size import (
    box_fits,
    describe_boxes,
    good_box,
    say_sizes,
)
from napari_unetpick.io.formats.output_files import check_folder
from napari_unetpick.io.formats.relion_list import project_names, tell_paths
from napari_unetpick.io.formats.write import ENDINGS, check_writable, write_picks
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.labels import Polygon, inside_any
from napari_unetpick.io.picks import Picks, join_picks, tell_count
from napari_unetpick.picking.peaks import keep_distant
from napari_unetpick.picking.scale import SAME_PARTICLE

What = Literal["picks", "candidates", "both"]

ONE_FILE = {"csv": "picks.csv", "topaz": "topaz.txt", "cryosparc": "picks.star"}
"""Formats that are one file in the folder; the others write a file a micrograph."""


@dataclass(frozen=True)
class ExportOptions:
    """What is written, and how.

    Parameters
    ----------
    formats
        Some of `io.formats.WRITERS`.
    what
        The accepted picks, the candidates above the threshold, or both.
    box_size
        Pixels of the micrograph, even: for all, or where `factor` has no diameter to go by.
    factor
        The box as a multiple of the particle diameter, which may differ in pixels; None:
        `box_size` for all.
    whole_boxes
        Whether picks are left out whose box would cross the edge of the micrograph. RELION pads
        such boxes with repeated pixels; cryoSPARC leaves them out itself.
    """

    formats: tuple[str, ...]
    what: What
    box_size: int
    factor: float | None = None
    whole_boxes: bool = False

    def box_of(self, diameter_px: float | None) -> int:
        """Return the box of a micrograph by the particle's diameter in its pixels."""
        if self.factor is None or diameter_px is None:
            return self.box_size
        return good_box(self.factor * diameter_px)


@dataclass(frozen=True)
class ExportItem:
    """One micrograph with what can be written of it.

    Parameters
    ----------
    picks, candidates
        Accepted picks, and candidates above the threshold; both with scores.
    diameter_px
        Particle diameter in pixels of the file; None where it is not known: no pick counts as
        another's duplicate.
    exclusions
        Areas from which nothing is ever written.
    shape
        (rows, cols) of the file; None where it cannot be read: its edges are not looked at.
    """

    micrograph: Micrograph
    picks: Picks
    candidates: Picks
    diameter_px: float | None
    exclusions: tuple[Polygon, ...] = ()
    shape: tuple[int, int] | None = None


@dataclass(frozen=True)
class ExportCounts:
    """How many picks were written, and why others were not."""

    picks: int = 0
    micrographs: int = 0
    empty: int = 0
    crossing: int = 0
    duplicates: int = 0
    excluded: int = 0
    unknown_edges: int = 0

    def __add__(self, other: ExportCounts) -> ExportCounts:
        pairs = zip(astuple(self), astuple(other), strict=True)
        return ExportCounts(*(one + more for one, more in pairs))


@dataclass(frozen=True)
class ExportResult:
    """What an export made.

    Parameters
    ----------
    files
        Files of each format; RELION's list is the last of its.
    messages
        Messages for the user, one line each.
    boxes
        The smallest and the largest box of a micrograph, in pixels.
    """

    folder: Path
    options: ExportOptions
    files: dict[str, tuple[Path, ...]]
    counts: ExportCounts
    messages: tuple[str, ...] = ()
    boxes: tuple[int, int] = (0, 0)


def export_picks(
    items: Iterable[ExportItem],
    out: Path,
    options: ExportOptions,
    check: Callable[[], None] = lambda: None,
) -> ExportResult:
    """Write picks of micrographs to a folder; files of the same names are replaced.

    Parameters
    ----------
    items
        One a micrograph; those without picks are written as empty where the format can say so.
    out
        The folder, made where it is not there.
    check
        Called before each format; raises to stop.

    Raises
    ------
    InputError
        There is nothing to write, the box is odd, a format unknown, or OUT cannot be written to.
    """
    check_options(options)
    check_folder(out)
    pairs, counts = [], ExportCounts()
    for item in items:
        chosen, counted = choose(item, options)
        pairs.append((item, chosen))
        counts += counted
    if not counts.picks:
        raise InputError(nothing_left(counts, options))
    if any(item.diameter_px is None for item, _ in pairs):  # all have one or none: readers want it
        pairs = [(item, replace(chosen, diameters=None)) for item, chosen in pairs]
    named = {item.micrograph.name: chosen for item, chosen in pairs}
    sizes = [options.box_of(item.diameter_px) for item, _ in pairs]
    files: dict[str, tuple[Path, ...]] = {}
    doubts: list[str] = []
    for fmt in options.formats:
        check()
        target = out / ONE_FILE.get(fmt, "")
        written = named
        if fmt == "relion":
            written, doubts = _for_relion(pairs, out)
            doubts = [tell_paths(out), *doubts]
        boxes = dict(zip((each.micrograph for each in written.values()), sizes, strict=True))
        files[fmt] = tuple(write_picks(written, target, fmt, box_size=boxes))
    messages = [*_left_out(counts, options), *_warnings([item for item, _ in pairs], options)]
    messages += describe_boxes(
        (chosen, box, item.shape) for (item, chosen), box in zip(pairs, sizes, strict=True)
    )
    messages += [*doubts, *_older_files(out, files)]
    return ExportResult(out, options, files, counts, tuple(messages), (min(sizes), max(sizes)))


def check_options(options: ExportOptions) -> None:
    """Raise InputError where nothing could be written so."""
    if not options.formats:
        raise InputError("no format is selected; select RELION, cryoSPARC or another one")
    for fmt in options.formats:
        check_writable(fmt)
    if options.box_size < 2 or options.box_size % 2:
        raise InputError(f"a box of {options.box_size} px: give an even number of pixels")


def choose(item: ExportItem, options: ExportOptions) -> tuple[Picks, ExportCounts]:
    """Return what is written of one micrograph, and what was left out.

    Accepted picks go before candidates, and higher scores before lower ones, where two are nearer
    than half a diameter.
    """
    parts = {"picks": [item.picks], "candidates": [item.candidates]}
    given = parts.get(options.what, [item.picks, item.candidates])
    name = item.micrograph.name
    every = join_picks(name, [Picks(name, each.coords, each.scores) for each in given])
    accepted = np.arange(len(every)) < (0 if options.what == "candidates" else len(item.picks))
    free = ~inside_any(every.coords, item.exclusions)
    left, accepted = every.select(free), accepted[free]
    assert left.scores is not None
    left = left.select(np.lexsort((-left.scores, ~accepted)))
    apart = SAME_PARTICLE * (item.diameter_px or 0.0)
    once = left.select(keep_distant(left.coords, -np.arange(len(left), dtype=np.float64), apart))
    whole = np.ones(len(once), dtype=bool)
    if options.whole_boxes and item.shape is not None:
        whole = box_fits(once.coords, item.shape, options.box_of(item.diameter_px))
    picks = once.select(whole)
    if item.diameter_px is not None:
        picks = replace(picks, diameters=np.full(len(picks), item.diameter_px))
    if options.what == "candidates":
        picks = picks.made_by("model")
    counts = ExportCounts(
        picks=len(picks),
        micrographs=1,
        empty=int(not len(picks)),
        crossing=len(once) - len(picks),
        duplicates=len(left) - len(once),
        excluded=len(every) - len(left),
        unknown_edges=int(options.whole_boxes and item.shape is None),
    )
    return picks, counts


def nothing_left(counts: ExportCounts, options: ExportOptions) -> str:
    """Say why there is nothing to write."""
    words = {
        "picks": "accepted picks",
        "candidates": "candidates above the threshold",
        "both": "accepted picks and no candidates above the threshold",
    }[options.what]
    gone = "; ".join(_left_out(counts, options))
    if gone:
        return f"nothing to export: {gone}"
    return f"nothing to export: no {words} in {tell_count(counts.micrographs, 'micrograph')}"


def _left_out(counts: ExportCounts, options: ExportOptions) -> list[str]:
    lines = []
    if counts.crossing:
        lines.append(
            f"{tell_count(counts.crossing, 'pick')} skipped: their boxes would cross the edge"
        )
    if counts.duplicates:
        lines.append(
            f"{tell_count(counts.duplicates, 'duplicate')} skipped (less than half a "
            "diameter from another pick)"
        )
    if counts.excluded:
        lines.append(f"{tell_count(counts.excluded, 'pick')} skipped in excluded areas")
    return lines


def _warnings(items: list[ExportItem], options: ExportOptions) -> list[str]:
    lines = []
    unknown = [item for item in items if options.whole_boxes and item.shape is None]
    if unknown:
        lines.append(
            f"{tell_count(len(unknown), 'micrograph')} cannot be read (such as "
            f"{unknown[0].micrograph.name}): boxes that cross their edges were not skipped"
        )
    unsized = [item for item in items if item.diameter_px is None]
    if unsized:
        lines.append(
            f"{tell_count(len(unsized), 'micrograph')} cannot be read, so their pixel size "
            f"is unknown (such as {unsized[0].micrograph.name}): duplicates were not skipped"
        )
    diameters = [item.diameter_px for item in items if item.diameter_px is not None]
    boxes = {options.box_of(diameter) for diameter in diameters}
    if differ(diameters):
        one = "so are the boxes" if len(boxes) > 1 else "but the box is one for all"
        lines.append(
            f"pixel sizes differ: the particle diameter is {min(diameters):.0f} to "
            f"{max(diameters):.0f} px, {one} ({say_sizes(boxes)}); extract particles of each pixel "
            "size on their own"
        )
    return lines


def _for_relion(
    pairs: list[tuple[ExportItem, Picks]], out: Path
) -> tuple[dict[str, Picks], list[str]]:
    """Name micrographs that were opened as files (those of a STAR are relative) as RELION would."""
    opened = {item.micrograph.name: item.micrograph.path for item, _ in pairs}
    names, doubts = project_names(
        {name: path for name, path in opened.items() if Path(name).is_absolute()},
        out,
        "open CtfFind's micrographs_ctf.star in Micrographs",
    )
    named = [replace(p, micrograph=names.get(p.micrograph, p.micrograph)) for _, p in pairs]
    return {each.micrograph: each for each in named}, doubts


def differ(diameters: Sequence[float]) -> bool:
    """Tell whether particles are not equally wide in pixels, within 1 %."""
    return bool(diameters) and max(diameters) > 1.01 * min(diameters)


def _older_files(out: Path, files: dict[str, tuple[Path, ...]]) -> list[str]:
    """Say where an earlier export left files of micrographs that are not in this one."""
    lines = []
    for fmt, written in files.items():
        if fmt not in ENDINGS:
            continue
        there = set(out.glob(f"{'info/' * (fmt == 'eman')}*{ENDINGS[fmt]}"))
        if older := there - set(written):
            count = tell_count(len(older), "older file")
            lines.append(f"{count} of other micrographs in {out.name} left unchanged ({fmt})")
    return lines
