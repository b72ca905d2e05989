"""Evaluation and comparison from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from napari_unetpick.api.jobs import (
    Micrographs,
    OnEvent,
    PicksLike,
    StrPath,
    as_file,
    listed,
    run_job,
    tell,
)
from napari_unetpick.evaluation.protocols import Protocol
from napari_unetpick.evaluation.results import Evaluation
from napari_unetpick.events import Message
from napari_unetpick.study.compare.result import ComparisonResult


def evaluate(
    picks: PicksLike,
    truth: PicksLike,
    micrographs: Micrographs | None = None,
    *,
    diameter: float | None = None,
    pixel_size: float | None = None,
    border: float = 0.0,
    scales: Sequence[str] = (),
    orientations: Sequence[str] = (),
    protocol: Protocol = "particle",
    on_event: OnEvent | None = None,
) -> Evaluation:
    """Score picks against truth, as `unetpick evaluate` does.

    Parameters
    ----------
    micrographs
        Only these are scored, and picks outside them are reported; None: by the names alone.
    diameter
        Particle diameter in A, where the truth has none.
    border
        Width of the border that is left out, A; needs micrographs.
    scales, orientations
        Of the picks ("4", "flip-y") and of the truth ("truth=4"), as `--scale` and `--orientation`
        take them.
    protocol
        "particle", "iou0.6" or "pixel".
    on_event
        Is told what was found when picks and truth were checked (`Message`).
    """
    from napari_unetpick.evaluation.inputs.load import PICKS, load_inputs
    from napari_unetpick.inspection.correction import TRUTH, read_corrections

    with as_file(picks) as file, as_file(truth) as true:
        inputs = load_inputs(
            file,
            true,
            micrographs,
            diameter=diameter,
            pixel_size=pixel_size,
            border=border,
            corrections=read_corrections(scales, orientations, (TRUTH, PICKS)),
        )
    for text in inputs.messages:
        tell(Message(text, "warning"), on_event)
    return inputs.evaluate(protocol)


def compare(
    micrographs: Micrographs,
    truth: PicksLike,
    *,
    out: StrPath,
    models: Mapping[str, StrPath] | None = None,
    picks: Mapping[str, StrPath] | None = None,
    split: StrPath | None = None,
    diameter: float | None = None,
    pixel_size: float | None = None,
    border: float = 0.0,
    scales: Sequence[str] = (),
    orientations: Sequence[str] = (),
    final: bool = False,
    seed: int = 42,
    device: str = "auto",
    on_event: OnEvent | None = None,
) -> ComparisonResult:
    """Compare models and other programs' picks by name, as `unetpick compare` does.

    Parameters
    ----------
    out
        Folder for what the models pick.
    models, picks
        By the name that the result gives them.
    split
        CSV `micrograph,split`; else half of the labelled micrographs choose the thresholds.
    scales, orientations
        Of the truth and of picks, as `--scale` and `--orientation` take them: "Topaz=4".
    final
        Score the test micrographs; each evaluation of them is counted.
    """
    from napari_unetpick.study.compare.job import make_compare_job
    from napari_unetpick.study.compare.run import compare as run_comparison

    with as_file(truth) as true:
        job = make_compare_job(
            micrographs=listed(micrographs),
            truth=true,
            out=Path(out),
            models=models or {},
            picks=picks or {},
            split=None if split is None else Path(split),
            diameter=diameter,
            pixel_size=pixel_size,
            border=border,
            final=final,
            seed=seed,
            device=device,
            scales=scales,
            orientations=orientations,
        )
    found: ComparisonResult = run_job(run_comparison(job), on_event)["comparison"]
    return found
