"""What a comparison reads: image sizes, the truth, and every method's picks and candidates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_unetpick.errors import InputError
from napari_unetpick.evaluation.inputs.load import read_pick_files
from napari_unetpick.inspection.assign_inspected import assign_inspected
from napari_unetpick.inspection.correction import AS_IT_IS, Correction, read_corrected
from napari_unetpick.inspection.inspect_picks import Known
from napari_unetpick.inspection.orientation import AS_READ
from napari_unetpick.io.assign import assign_picks
from napari_unetpick.io.images.image import Images, open_images
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.picks import Picks, PickSet, count_unscored, tell_count

NEEDS_IMAGES = ("height is needed", "pixel size of the micrographs", "OriginalPixelSize")
"""What readers say where they would read better, or at all, with the images at hand."""

ELSEWHERE = ("not given", "known image size")
"""What is said of picks on micrographs that are not compared."""


@dataclass(frozen=True)
class MethodPicks:
    """A method's picks on the micrographs in question, by key.

    Parameters
    ----------
    delivered
        As the program wrote them.
    candidates
        All scored ones, from which a threshold makes picks: of `candidates.csv`, or else the
        picks. None where there are no scores.
    everything
        Whether `candidates` are more than the picks.
    notes
        What the reader should know, one line each.
    """

    delivered: dict[str, Picks]
    candidates: dict[str, Picks] | None
    everything: bool
    notes: tuple[str, ...] = ()


def read_truth(
    path: Path,
    micrographs: Mapping[str, Micrograph],
    pixel_size: float | None,
    correction: Correction = AS_IT_IS,
) -> PickSet:
    """Read the truth of all micrographs, most often without opening any image."""
    needed = path.suffix.lower() == ".cs" or correction.orientation != AS_READ
    return _read_with_images(
        lambda images: read_corrected(path, correction, images, pixel_size),
        open_images(micrographs.values()) if needed else Images(),
        micrographs,
    )


def read_method(
    name: str,
    paths: Sequence[Path],
    keys: Sequence[str],
    micrographs: Mapping[str, Micrograph],
    known: Known,
    correction: Correction = AS_IT_IS,
) -> MethodPicks:
    """Read a method's picks from files or folders, and keep those on the micrographs `keys`.

    Parameters
    ----------
    paths
        Each with picks of some of the micrographs.
    micrographs
        All that were given, so that names match as they would in all of them.
    known
        What the picks are checked against; only its images are read.
    correction
        Of the picks.

    Raises
    ------
    InputError
        A file cannot be used, or it names none of `keys`; the message names the method.
    """
    picks: dict[str, Picks] = {}
    candidates: dict[str, Picks] = {}
    notes: list[str] = []
    everything = True
    try:
        for path in paths:
            chosen, more = _read_files(path, micrographs, known, correction)
            given = list(micrographs.values())
            assigned = assign_inspected(chosen, given, known, name=name, sizes=False)
            notes += [
                line for line in assigned.messages if not any(word in line for word in ELSEWHERE)
            ]
            picks |= assigned
            everything &= more is not None
            if more is not None:
                candidates |= assign_picks(more, given, known.images.shapes)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    named = {**picks, **candidates}
    if named and not set(named) & set(keys):
        raise InputError(
            f"{name}: {paths[0]} has none of the {tell_count(len(keys), 'micrograph')} "
            f"compared here (such as {keys[0]}); pick those, too"
        )
    delivered = {key: picks[key] for key in keys if key in picks}
    rows = {key: candidates[key] for key in keys if key in candidates}
    if not (everything and _all_scored(rows)):
        everything, rows = False, delivered
    if not _all_scored(rows):
        count, missing = sum(map(len, rows.values())), count_unscored(rows.values())
        if count:
            what = "no scores"
            if missing < count:
                what = f"{tell_count(missing, 'pick')} {'have' if missing > 1 else 'has'} no score"
            notes.append(f"{what}: scored as delivered, without a threshold or minimum distance")
        return MethodPicks(delivered, None, False, tuple(notes))
    if not everything:
        notes.append(
            "only picks are given, which a threshold may have cut: the curve ends at the "
            "lowest score"
        )
    return MethodPicks(delivered, rows, everything, tuple(notes))


def _read_files(
    path: Path, micrographs: Mapping[str, Micrograph], known: Known, correction: Correction
) -> tuple[PickSet, PickSet | None]:
    more: list[PickSet | None] = []

    def read(images: Images) -> PickSet:
        chosen, candidates = read_pick_files(path, images, known.pixel_size, correction)
        more.append(candidates)
        return chosen

    return _read_with_images(read, Images(dict(known.images.shapes)), micrographs), more[-1]


def _read_with_images(
    read: Callable[[Images], PickSet], known: Images, micrographs: Mapping[str, Micrograph]
) -> PickSet:
    """Read picks; only where they need more than is known of the micrographs, open all of them.

    CryoPPP counts rows from the last, and shifts of aligned particles need pixel sizes.
    """
    try:
        found = read(known)
        told = found.messages
    except InputError as error:
        told = [str(error)]
        if not _needs_images(told):
            raise
    return read(open_images(micrographs.values())) if _needs_images(told) else found


def _needs_images(told: Sequence[str]) -> bool:
    return any(word in line for word in NEEDS_IMAGES for line in told)


def _all_scored(rows: Mapping[str, Picks]) -> bool:
    filled = [each for each in rows.values() if len(each)]
    return bool(filled) and all(
        each.scores is not None and bool(np.isfinite(each.scores).all()) for each in filled
    )
