"""Picking from Python, one micrograph after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_unetpick.api.jobs import Micrographs, OnEvent, StrPath, tell
from napari_unetpick.api.training import TrainedModel
from napari_unetpick.errors import InputError
from napari_unetpick.events import Failed, FoundCandidates, Message
from napari_unetpick.io.images.listing import list_micrographs
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.picks import Picks
from napari_unetpick.picking.candidates import Candidates


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
    model: StrPath | TrainedModel | Sequence[StrPath | TrainedModel],
    *,
    diameter: float | None = None,
    pixel_size: float | None = None,
    threshold: float | None = None,
    min_distance: float | None = None,
    device: str = "auto",
    on_event: OnEvent | None = None,
) -> Iterator[PickedMicrograph]:
    """Pick one micrograph after the other; nothing is written (see `write_picks`).

    Parameters
    ----------
    model
        A model, or several that make an ensemble.
    diameter
        Particle diameter in A, if not the model's.
    pixel_size
        A/px, instead of the micrographs' own.
    threshold
        Calibrated score from which a candidate is a pick, or None for the model's.
    min_distance
        Between picks in A, or None for the model's.

    Raises
    ------
    InputError
        Nothing could be picked. Single micrographs that cannot be read are reported to `on_event`
        (`Failed`) and skipped.
    """
    from napari_unetpick.engine.devices import choose_device
    from napari_unetpick.engine.pick.ensemble import make_scorer
    from napari_unetpick.engine.pick.find import FindJob, find
    from napari_unetpick.io.models import load_model

    members = [model] if isinstance(model, str | Path | TrainedModel) else list(model)
    paths = [each.path if isinstance(each, TrainedModel) else Path(each) for each in members]
    chosen, why = choose_device(device)
    scorer = make_scorer([(str(path), load_model(path)) for path in paths], chosen)
    listed = list_micrographs(micrographs)
    by_key = {each.key: each for each in listed}
    job = FindJob(micrographs=listed, diameter=diameter, pixel_size=pixel_size)
    distance = None if min_distance is None else min_distance / (diameter or scorer.diameter)
    tell(Message(f"device: {why}"), on_event)
    count, failed = 0, ""
    for event in find(job, scorer):
        tell(event, on_event)
        if isinstance(event, Failed):
            failed = failed or event.reason
        if isinstance(event, FoundCandidates):
            micrograph, found, count = by_key[event.key], event.candidates, count + 1
            picks = found.picks(scorer.calibration, threshold, distance, micrograph=micrograph.name)
            yield PickedMicrograph(micrograph, picks, found)
    if failed and not count:
        raise InputError(failed)
