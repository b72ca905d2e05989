"""Picking from Python, one micrograph after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from napari_unetpick.api.jobs import Micrographs, OnEvent, StrPath, result_of, tell
from napari_unetpick.api.training import TrainedModel
from napari_unetpick.errors import InputError
from napari_unetpick.events import Failed, FoundCandidates, Message
from napari_unetpick.io.images.listing import list_micrographs
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.picks import Picks
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.picking.operating_point import check_choice


@dataclass(frozen=True)
class PickedMicrograph:
    """What was found on one micrograph.

    Parameters
    ----------
    picks
        After threshold and minimum distance, best first, with calibrated scores.
    candidates
        All places that the network found, before any threshold.
    """

    micrograph: Micrograph
    picks: Picks
    candidates: Candidates


def pick(
    micrographs: Micrographs,
    model: StrPath | TrainedModel | Sequence[StrPath | TrainedModel] | None = None,
    *,
    diameter: float | None = None,
    pixel_size: float | None = None,
    threshold: float | None = None,
    min_distance: float | None = None,
    contrast: str = "auto",
    keep: Literal["more", "balanced", "clean"] | None = None,
    max_picks: int | None = None,
    junk: bool = True,
    device: str = "auto",
    on_event: OnEvent | None = None,
) -> Iterator[PickedMicrograph]:
    """Pick one micrograph after the other; nothing is written (see `write_picks`).

    Parameters
    ----------
    model
        A model, or several that make an ensemble; None is the general model, as is "general".
    diameter
        Particle diameter in A, if not the model's; with the general model it is estimated.
    pixel_size
        A/px, instead of the micrographs' own.
    threshold
        Calibrated score from which a candidate is a pick, or None for the model's.
    min_distance
        Between picks in A, or None for the model's.
    contrast
        "dark" or "light" particles; "auto" is found with the general model, as trained with
        another one.
    keep
        Instead of a threshold: "more" (expected precision at least 0.6), "balanced" (best expected
        F1) or "clean" (at least 0.95).
    max_picks
        On a micrograph, the best ones; None is no limit.
    junk
        Leave out picks in areas that the model sees as junk (ice, carbon, edges). Which areas these
        are is in the candidates: `candidates.junk`, or None where the model doesn't know.

    Raises
    ------
    InputError
        Nothing could be picked, or there is no general model. Single micrographs that cannot be
        read are reported to `on_event` (`Failed`) and skipped.
    """
    from napari_unetpick.engine.devices import choose_device
    from napari_unetpick.engine.inputs import model_paths
    from napari_unetpick.engine.pick.ensemble import make_scorer
    from napari_unetpick.engine.pick.find import FindJob, find, in_diameters
    from napari_unetpick.engine.pick.survey import needs_survey, survey
    from napari_unetpick.io.models import load_model

    check_choice(keep, threshold, max_picks)
    members = [model] if isinstance(model, str | Path | TrainedModel) else list(model or ())
    paths = model_paths([e.path if isinstance(e, TrainedModel) else e for e in members])
    chosen, why = choose_device(device)
    scorer = make_scorer([(str(path), load_model(path)) for path in paths], chosen, junk=junk)
    listed = list_micrographs(micrographs)
    by_key = {each.key: each for each in listed}
    job = FindJob(micrographs=listed, diameter=diameter, pixel_size=pixel_size, contrast=contrast)
    tell(Message(f"device: {why}"), on_event)
    if needs_survey(job, scorer, keep):
        found = result_of(survey(job, scorer, keep, min_distance), on_event)
        job = found.applied_to(job)
        threshold = threshold if found.threshold is None else found.threshold
    distance = in_diameters(min_distance, job, scorer)
    count, failed = 0, ""
    for event in find(job, scorer):
        tell(event, on_event)
        if isinstance(event, Failed):
            failed = failed or event.reason
        if isinstance(event, FoundCandidates):
            micrograph, candidates, count = by_key[event.key], event.candidates, count + 1
            picks = candidates.picks(
                scorer.calibration, threshold, distance, most=max_picks, micrograph=micrograph.name
            )
            yield PickedMicrograph(micrograph, picks, candidates)
    if failed and not count:
        raise InputError(failed)
