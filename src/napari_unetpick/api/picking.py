"""Picking from Python: micrographs that are there, and those that arrive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from napari_unetpick.api.jobs import Micrographs, OnEvent, StrPath, listed, result_of, run_job, tell
from napari_unetpick.api.training import TrainedModel
from napari_unetpick.errors import InputError
from napari_unetpick.events import Failed, FoundCandidates, Message
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.images.listing import list_micrographs
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.picks import Picks
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.picking.operating_point import check_choice

Models = StrPath | TrainedModel | Sequence[StrPath | TrainedModel] | None
"""A model, or several that make an ensemble; None is the general model, as is "general"."""


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
    model: Models = None,
    *,
    diameter: float | None = None,
    pixel_size: float | None = None,
    threshold: float | None = None,
    min_distance: float | None = None,
    contrast: str = "auto",
    keep: Literal["more", "balanced", "clean"] | None = None,
    max_picks: int | None = None,
    junk: bool = True,
    thorough: bool = False,
    shard: str | None = None,
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
    thorough
        Average the scores over the eight orientations of a micrograph: mostly better at low signal,
        and up to eight times as long.
    shard
        "I/N": the I-th of N shares of the micrographs, every N-th by name. Give each the same
        micrographs: what is found out before is found on all, so that the shares fit together.

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
    from napari_unetpick.engine.pick.shard import parse_shard
    from napari_unetpick.engine.pick.survey import needs_survey, survey
    from napari_unetpick.io.models import load_model

    check_choice(keep, threshold, max_picks)
    share = None if shard is None else parse_shard(shard)
    paths = model_paths(_paths(model))
    chosen, why = choose_device(device)
    models = [(str(path), load_model(path)) for path in paths]
    scorer = make_scorer(models, chosen, junk=junk, thorough=thorough)
    given = list_micrographs(micrographs)
    by_key = {each.key: each for each in given}
    job = FindJob(micrographs=given, diameter=diameter, pixel_size=pixel_size, contrast=contrast)
    tell(Message(f"device: {why}"), on_event)
    if needs_survey(job, scorer, keep):
        found = result_of(survey(job, scorer, keep, min_distance), on_event)
        job = found.applied_to(job)
        threshold = threshold if found.threshold is None else found.threshold
    if share is not None:
        job = replace(job, micrographs=share.of(given))
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


def watch(
    micrographs: Micrographs,
    out: StrPath,
    model: Models = None,
    *,
    idle: float | None = None,
    formats: str = "star,csv",
    resume: bool = False,
    diameter: float | None = None,
    pixel_size: float | None = None,
    threshold: float | None = None,
    min_distance: float | None = None,
    contrast: str = "auto",
    keep: Literal["more", "balanced", "clean"] | None = None,
    max_picks: int | None = None,
    junk: bool = True,
    thorough: bool = False,
    device: str = "auto",
    on_event: OnEvent | None = None,
) -> dict[str, Picks]:
    """Pick micrographs as they arrive, as `unetpick pick --watch` does.

    The files of each are in `out` when it is picked. `on_event` raises `Cancelled` to stop. All
    that is not explained here is as for `pick`.

    Parameters
    ----------
    micrographs
        Folders or globs.
    out
        Folder to write to.
    idle
        Seconds without a new micrograph after which it ends; None: only when stopped.
    formats
        As `--format` takes them.
    resume
        Continue the picking in `out`.

    Returns
    -------
    All picks, by the file name of their micrograph.

    Raises
    ------
    InputError
        Something cannot be used, or `out` holds a picking and `resume` is not given. Micrographs
        that cannot be read are reported to `on_event` (`Failed`).
    """
    from napari_unetpick.engine.inputs import make_pick_job
    from napari_unetpick.engine.pick.watch import Watch
    from napari_unetpick.engine.pick.watch import watch as run_watching

    job = make_pick_job(
        micrographs=None,
        models=_paths(model),
        out=Path(out),
        diameter=diameter,
        pixel_size=pixel_size,
        threshold="auto" if threshold is None else str(threshold),
        min_distance=min_distance,
        formats=formats,
        device=device,
        unfinished="resume" if resume else "refuse",
        contrast=contrast,
        keep=keep,
        max_picks=max_picks,
        junk=junk,
        thorough=thorough,
    )
    run_job(run_watching(job, Watch(tuple(listed(micrographs)), idle)), on_event)
    picked = Path(out) / "picks.csv"
    return read_picks(picked) if picked.is_file() else {}


def _paths(model: Models) -> list[StrPath]:
    members = [model] if isinstance(model, str | Path | TrainedModel) else list(model or ())
    return [each.path if isinstance(each, TrainedModel) else each for each in members]
