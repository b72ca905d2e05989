"""What a comparison was asked to do: methods, truth and split, checked before any work begins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from napari_unetpick.errors import InputError
from napari_unetpick.evaluation.inputs.truth import Areas, fully_labelled, read_exclusions
from napari_unetpick.evaluation.methods import draw_validation
from napari_unetpick.inspection.assign_inspected import assign_inspected
from napari_unetpick.inspection.correction import (
    TRUTH,
    UNCORRECTED,
    Corrections,
    read_corrections,
)
from napari_unetpick.inspection.inspect_picks import Known
from napari_unetpick.io.assign import assign_picks
from napari_unetpick.io.formats.output_files import check_folder
from napari_unetpick.io.images.image import Images, open_images
from napari_unetpick.io.images.listing import list_micrographs
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.labels import states_beside
from napari_unetpick.io.picks import Picks, tell_count
from napari_unetpick.io.sizes import check_sizes
from napari_unetpick.io.splits import read_split
from napari_unetpick.project.annotations import describe_accepted, read_annotations
from napari_unetpick.project.evaluations import log_folder, read_evaluations
from napari_unetpick.project.folder import PICKS, real_folder
from napari_unetpick.project.table import PROJECT_FILE, Entry, read_project
from napari_unetpick.study.compare.files import read_truth
from napari_unetpick.study.compare.sources import MethodSource, Named, read_methods

SHARE = 0.5  # of the labelled micrographs validates where no split is given


@dataclass(frozen=True)
class CompareJob:
    """What is to be compared; made by `make_compare_job`.

    Parameters
    ----------
    micrographs
        All that were given, by key. Images of those that are not in `images` stay closed.
    truth
        By key, of the micrographs that choose thresholds or are scored.
    validation, test
        Keys; `test` is the whole test part, of which nothing is read unless `final`.
    images
        Shapes and pixel sizes of the micrographs that are read, and why others are left out.
    diameter, pixel_size, border
        In A and A/px, as given.
    looks_folder
        Where test-set evaluations are counted.
    excluded
        Areas, by key, in which nothing is right or wrong.
    corrections
        Scale and orientation of picks, by name.
    """

    micrographs: dict[str, Micrograph]
    truth: dict[str, Picks]
    methods: tuple[MethodSource, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    images: Images
    out: Path
    evaluations_folder: Path
    final: bool = False
    diameter: float | None = None
    pixel_size: float | None = None
    border: float = 0.0
    seed: int = 42
    device: str = "auto"
    notes: list[str] = field(default_factory=list)
    excluded: Areas = field(default_factory=dict)
    corrections: Corrections = UNCORRECTED

    @property
    def known(self) -> Known:
        """What picks are checked against."""
        known = Known(images=self.images, diameter=self.diameter, pixel_size=self.pixel_size)
        return replace(known, diameters=known.diameters_of(self.truth))

    @property
    def part(self) -> Literal["validation", "test"]:
        """Which part is scored."""
        return "test" if self.final else "validation"


def make_compare_job(
    *,
    micrographs: Sequence[str],
    truth: Path,
    out: Path,
    models: Named = (),
    picks: Named = (),
    split: Path | None = None,
    validation: float | None = None,
    diameter: float | None = None,
    pixel_size: float | None = None,
    border: float = 0.0,
    final: bool = False,
    seed: int = 42,
    device: str = "auto",
    scales: Sequence[str] = (),
    orientations: Sequence[str] = (),
) -> CompareJob:
    """Check what `unetpick compare` was given; nothing is written.

    Parameters
    ----------
    models, picks
        `NAME=PATH` or `PATH` each, or paths by name.
    split
        CSV `micrograph,split`; else the splits of a project, or `validation` of the labelled
        micrographs are drawn.
    """
    check_sizes(diameter, pixel_size, border)
    if validation is not None and split is not None:
        raise InputError("--split and --validation exclude each other; give one of them")
    if validation is not None and not 0 < validation < 1:
        raise InputError(f"--validation {validation:g}: give a fraction between 0 and 1")
    check_folder(out, "choose another --out", viewer="choose another folder")
    methods = read_methods(models, picks)
    names = [TRUTH, *(method.name for method in methods if method.kind == "picks")]
    corrections = read_corrections(scales, orientations, names)
    notes: list[str] = []
    given, entries, own_diameter = _list(micrographs, truth, notes)
    listed = {each.key: each for each in given}
    found = read_truth(truth, listed, pixel_size, corrections.of(TRUTH))
    labelled = assign_picks(found, given)
    if _lies_in(truth, micrographs):
        states: Mapping[str, str] = {key: entry.state for key, entry in entries.items()}
    else:
        states = states_beside(truth, [each.name for each in given])
    scored = fully_labelled(labelled, states, truth, notes)
    parts = choose_parts(split, validation, given, entries, scored, seed, notes)
    named = scored | set(labelled)
    if absent := [key for key in parts if parts[key] != "train" and key not in named]:
        notes.append(
            f"{tell_count(len(absent), 'micrograph')} of the split (such as {min(absent)}) "
            "not in the truth: not scored; if it has no particles, add a row "
            f"'{min(absent)},,'"
        )
    validates, tests = (_keys(scored, parts, part) for part in ("validation", "test"))
    _check_parts(validates, tests, final, truth, split)
    scope = [*validates, *(tests if final else ())]
    images = open_images([listed[key] for key in scope], pixel_size)
    if not images.shapes:
        raise InputError(next(iter(images.failed.values())))
    known = Known(images=images, diameter=diameter or own_diameter, pixel_size=pixel_size)
    assigned = assign_inspected(found, given, known, name=TRUTH)
    notes += [f"truth: {message}" for message in assigned.messages]
    if (own := _project_of(micrographs)) is not None and _lies_in(truth, micrographs):
        marks = {key: read_annotations(own / PICKS, key, []) for key in scope}
        if accepted := describe_accepted(each.picks for each in marks.values()):
            notes.append(accepted)
        excluded: Areas = {key: each.exclusions for key, each in marks.items() if each.exclusions}
    else:
        excluded = read_exclusions(truth, [each.name for each in given], scope, notes)
    looks = log_folder(micrographs, given, out)
    if final:
        read_evaluations(looks)  # a damaged file is better found now
    return CompareJob(
        micrographs=listed,
        truth={key: assigned.get(key, Picks("")) for key in scope},
        methods=methods,
        validation=validates,
        test=tests,
        images=images,
        out=out,
        evaluations_folder=looks,
        final=final,
        diameter=diameter or own_diameter,
        pixel_size=pixel_size,
        border=border,
        seed=seed,
        device=device,
        notes=notes,
        excluded=excluded,
        corrections=corrections,
    )


def choose_parts(
    split: Path | None,
    share: float | None,
    given: list[Micrograph],
    entries: Mapping[str, Entry],
    labelled: set[str],
    seed: int,
    notes: list[str],
) -> dict[str, str]:
    """Return the part of each micrograph: from the CSV, the project, or drawn."""
    if split is not None:
        parts: dict[str, str] = dict(read_split(split, given))
        if "validation" not in parts.values():
            raise InputError(
                f"{split}: no validation micrographs, so no threshold can be chosen; mark "
                "some 'validation', or give --validation FRACTION instead of --split"
            )
        if strangers := labelled - set(parts):
            notes.append(
                f"{tell_count(len(strangers), 'labelled micrograph')} without a split in "
                f"{split.name} (such as {min(strangers)}): not scored"
            )
        return parts
    own = {key: entry.split for key, entry in entries.items() if entry.split}
    if share is None and "validation" in own.values():
        notes.append("the project's splits are used")
        return {str(key): str(part) for key, part in own.items()}
    validates, tests = draw_validation(labelled, SHARE if share is None else share, seed)
    notes.append(
        f"{len(validates)} of {len(labelled)} labelled micrographs drawn for validation "
        f"(seed {seed}), the others for testing"
    )
    return dict.fromkeys(validates, "validation") | dict.fromkeys(tests, "test")


def _list(
    sources: Sequence[str], truth: Path, notes: list[str]
) -> tuple[list[Micrograph], dict[str, Entry], float | None]:
    """List the micrographs of files, or of a project with what it says about them."""
    folder = _project_of(sources)
    if folder is None:
        return list_micrographs(list(sources)), {}, None
    diameter, entries = read_project(folder)
    own = _lies_in(truth, sources)
    kept = {k: e for k, e in entries.items() if e.kept and (e.state == "full" or not own)}
    if left := len(entries) - len(kept):
        why = "rejected or not fully labelled" if own else "rejected"
        notes.append(f"{tell_count(left, 'micrograph')} of the project {why}: not scored")
    if not kept:
        raise InputError(f"{folder}: has no fully labelled micrographs; label some completely")
    return [entry.micrograph for entry in kept.values()], kept, diameter


def _project_of(sources: Sequence[str]) -> Path | None:
    """Return the folder where MICROGRAPHS is a project."""
    folder = real_folder(sources[0])
    folder = folder.parent if folder.name == PROJECT_FILE else folder
    return folder if len(sources) == 1 and (folder / PROJECT_FILE).is_file() else None


def _lies_in(truth: Path, sources: Sequence[str]) -> bool:
    project = _project_of(sources)
    return project is not None and real_folder(truth).is_relative_to(project)


def _keys(labelled: Iterable[str], parts: Mapping[str, str], part: str) -> tuple[str, ...]:
    return tuple(sorted(key for key in labelled if parts.get(key) == part))


def _check_parts(
    validates: Sequence[str], tests: Sequence[str], final: bool, truth: Path, split: Path | None
) -> None:
    where = split or truth
    if not validates:
        raise InputError(
            f"{where}: no labelled validation micrographs, so no threshold can be chosen; "
            f"{truth} must have some of them"
        )
    if final and not tests:
        raise InputError(
            f"{where}: no labelled test micrographs",
            "leave out --final, or mark some 'test'",
            viewer="give some fully labelled ones the split Test in Micrographs",
        )
