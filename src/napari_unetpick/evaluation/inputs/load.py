"""From files to what an evaluation needs: picks, truth, candidates, sizes in pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from napari_unetpick.errors import InputError
from napari_unetpick.evaluation.evaluate import evaluate
from napari_unetpick.evaluation.inputs.truth import Areas, judge_truth
from napari_unetpick.evaluation.protocols import Protocol
from napari_unetpick.evaluation.results import Evaluation
from napari_unetpick.inspection.assign_inspected import assign_inspected
from napari_unetpick.inspection.correction import (
    AS_IT_IS,
    NO_IMAGES,
    TRUTH,
    UNCORRECTED,
    Correction,
    Corrections,
    read_corrected,
)
from napari_unetpick.inspection.inspect_picks import Known, inspect_picks
from napari_unetpick.inspection.spacing import reach_of
from napari_unetpick.io.assign import assign_picks
from napari_unetpick.io.images.image import Images, open_images
from napari_unetpick.io.images.listing import list_micrographs
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.names import match_names, micrograph_key, refuse_one_name
from napari_unetpick.io.picks import Picks, PickSet, join_picks
from napari_unetpick.io.sizes import check_sizes

PICKS = "picks"
PICKS_FILE, CANDIDATES_FILE = "picks.csv", "candidates.csv"


@dataclass(frozen=True)
class Inputs:
    """What is evaluated, keyed by micrograph, and what the user should know.

    `exclusions` are areas in which nothing counts. `micrographs` and `pixel_sizes` (A/px) are
    empty where they were not given; `failed` names the micrographs that could not be opened, with
    the reason: they are not scored.
    """

    picks: dict[str, Picks]
    truth: dict[str, Picks]
    candidates: dict[str, Picks] | None = None
    diameters: dict[str, float] | None = None
    border_px: dict[str, float] = field(default_factory=dict)
    exclusions: Areas = field(default_factory=dict)
    micrographs: dict[str, Micrograph] = field(default_factory=dict)
    shapes: dict[str, tuple[int, int]] = field(default_factory=dict)
    pixel_sizes: dict[str, float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    def evaluate(self, protocol: Protocol = "particle", *, seed: int = 42) -> Evaluation:
        """Score the picks; see `evaluate.evaluate`."""
        return evaluate(
            self.picks,
            self.truth,
            self.diameters,
            self.shapes,
            self.border_px,
            protocol,
            candidates=self.candidates,
            exclusions=self.exclusions,
            seed=seed,
        )


def load_inputs(
    picks: Path,
    truth: Path,
    micrographs: str | Path | Sequence[str | Path] | None = None,
    *,
    diameter: float | None = None,
    pixel_size: float | None = None,
    border: float = 0.0,
    corrections: Corrections = UNCORRECTED,
) -> Inputs:
    """Read picks and truth, and match them to each other and to the micrographs.

    As in training, `labels.csv` and `areas.json` beside the truth say how complete it is.

    Parameters
    ----------
    picks
        File or folder of picks. A folder that `pick` wrote gives its candidates as well.
    truth
        File or folder of picks. Only its fully labelled micrographs are scored.
    micrographs
        What `io.micrographs.list_micrographs` takes; only these are scored.
    diameter
        In A, for truth without a diameter of its own.
    pixel_size
        A/px, instead of the micrographs' own.
    border
        Width of the border to leave out, in A; needs micrographs.
    corrections
        Of "truth", and of the picks.

    Raises
    ------
    InputError
        Nothing can be read, no micrograph is shared, or a size is missing.
    """
    check_sizes(diameter, pixel_size, border)
    if border and micrographs is None:
        raise InputError("--border needs the image size; give --micrographs, too")
    if micrographs is None:
        inputs = _match_by_name(picks, truth, diameter, pixel_size, corrections)
    else:
        inputs = _match_to_micrographs(picks, truth, micrographs, diameter, pixel_size, corrections)
    _refuse_strangers(inputs, picks, truth)
    sizes = inputs.pixel_sizes
    own = [key for key, particles in inputs.truth.items() if particles.diameters is not None]
    for key in inputs.truth:
        if key not in sizes and (border or (diameter is not None and key not in own)):
            raise InputError(
                f"{key}: its pixel size is unknown; give --pixel-size (A/px), or "
                "--micrographs whose headers have it"
            )
    if diameter is not None and own:
        inputs.messages.append(
            "matching uses the diameters in the truth; --diameter is used only where there is none"
        )
    return replace(
        inputs,
        diameters=None if diameter is None else {k: diameter / a for k, a in sizes.items()},
        border_px={key: border / sizes[key] for key in inputs.truth} if border else {},
    )


def read_pick_files(
    path: Path,
    images: Images = NO_IMAGES,
    pixel_size: float | None = None,
    correction: Correction = AS_IT_IS,
) -> tuple[PickSet, PickSet | None]:
    """Read picks, and the candidates beside them where a folder of `pick` holds both.

    Both are in pixels and the orientation of the micrographs.
    """
    path = path.expanduser()
    both = (path / PICKS_FILE).is_file() and (path / CANDIDATES_FILE).is_file()
    files = (path / PICKS_FILE, path / CANDIDATES_FILE) if both else (path,)
    found = [read_corrected(file, correction, images, pixel_size) for file in files]
    return found[0], found[1] if both else None


def _match_by_name(
    picks: Path,
    truth: Path,
    diameter: float | None,
    pixel_size: float | None,
    corrections: Corrections,
) -> Inputs:
    """Match picks to truth by the names in the files alone."""
    true, _ = read_pick_files(truth, NO_IMAGES, pixel_size, corrections.of(TRUTH))
    chosen, candidates = read_pick_files(picks, NO_IMAGES, pixel_size, corrections.of(PICKS))
    notes = [*true.messages, *chosen.messages]
    known = Known(diameter=diameter, pixel_size=pixel_size)
    own, found = inspect_picks(_by_key(true, {name: name for name in true}), known, TRUTH)
    notes += [f"truth: {each}" for each in found]
    keyed, exclusions = judge_truth(truth, own, list(true), notes, strangers=True)
    names = list({micrograph_key(name): name for name in [*keyed, *true]}.values())
    known = replace(known, diameters=known.diameters_of(keyed), reach=reach_of(own))
    picked = _by_key(chosen, match_names(chosen, names).pairs)
    picked, found = inspect_picks(picked, known)
    notes += [f"picks: {each}" for each in found]
    return Inputs(
        picked,
        keyed,
        None if candidates is None else _by_key(candidates, match_names(candidates, names).pairs),
        exclusions=exclusions,
        pixel_sizes={} if pixel_size is None else dict.fromkeys(keyed, pixel_size),
        messages=notes,
    )


def _match_to_micrographs(
    picks: Path,
    truth: Path,
    micrographs: str | Path | Sequence[str | Path],
    diameter: float | None,
    pixel_size: float | None,
    corrections: Corrections,
) -> Inputs:
    """Match picks and truth to the micrographs given, and open those for their shapes."""
    listed = {each.key: each for each in list_micrographs(micrographs)}
    given = list(listed.values())
    images = open_images(given, pixel_size)
    shapes, failed = images.shapes, images.failed
    if not shapes:
        raise InputError(next(iter(failed.values())))
    known = Known(images=images, diameter=diameter, pixel_size=pixel_size)
    true_file, _ = read_pick_files(truth, images, pixel_size, corrections.of(TRUTH))
    true = assign_inspected(true_file, given, known, name=TRUTH)
    opened = {key: each for key, each in true.items() if key not in failed}
    if true and not opened:
        raise InputError(failed[next(iter(true))])
    chosen_file, candidates_file = read_pick_files(picks, images, pixel_size, corrections.of(PICKS))
    known = replace(known, diameters=known.diameters_of(true))
    chosen = assign_inspected(chosen_file, given, known, sizes=False)
    candidates = None
    if candidates_file is not None:
        candidates = assign_picks(candidates_file, given, shapes)
    notes = [f"truth: {message}" for message in true.messages]
    names = [each.name for key, each in listed.items() if key not in failed]
    kept, exclusions = judge_truth(truth, opened, names, notes)
    return Inputs(
        {key: each for key, each in chosen.items() if key not in failed},
        kept,
        candidates,
        exclusions=exclusions,
        micrographs=listed,
        shapes=shapes,
        pixel_sizes=images.pixel_sizes,
        failed=failed,
        messages=[*notes, *(f"picks: {message}" for message in chosen.messages)],
    )


def _by_key(picks: Mapping[str, Picks], names: Mapping[str, str]) -> dict[str, Picks]:
    """Key picks by the micrograph that their name belongs to, or by their own name."""
    refuse_one_name(picks)
    together: dict[str, list[Picks]] = {}
    for name, each in picks.items():
        together.setdefault(micrograph_key(names.get(name, name)), []).append(each)
    return {key: join_picks(parts[0].micrograph, parts) for key, parts in together.items()}


def _refuse_strangers(inputs: Inputs, picks: Path, truth: Path) -> None:
    named = {**(inputs.candidates or {}), **inputs.picks}
    if not inputs.truth:
        raise InputError(f"{truth}: names no micrograph; give true particles with micrograph names")
    if named and not set(named) & set(inputs.truth):
        for file, each in ((picks, named), (truth, inputs.truth)):
            if not any(map(len, each.values())):
                raise InputError(f"{file}: has no picks (0 rows)")
        raise InputError(
            f"{picks} and {truth} have no micrograph in common (such as {next(iter(named))} "
            f"against {next(iter(inputs.truth))}); names must agree except for folder and "
            "extension"
        )
