"""`unetpick train`: train a model on labelled micrographs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_unetpick.cli.options import (
    Device,
    MicrographsArgument,
    OrientationOption,
    PixelSize,
    Scale,
    Track,
)


def train(
    micrographs: MicrographsArgument,
    picks: Annotated[
        Path,
        typer.Option(
            metavar="PICKS", help="Your picks: CSV, STAR, .box and others, or a folder of them."
        ),
    ],
    diameter: Annotated[float, typer.Option(metavar="A", help="Particle diameter in Angstrom.")],
    run: Annotated[Path, typer.Option(metavar="DIR", help="Output run folder.")],
    pixel_size: PixelSize = None,
    scale: Scale = 1.0,
    orientation: OrientationOption = "none",
    validation: Annotated[
        str | None,
        typer.Option(
            metavar="PICKS|FRACTION",
            help="Picks of the validation micrographs, or the fraction of labelled micrographs "
            "to use for validation.",
        ),
    ] = None,
    partial: Annotated[
        bool,
        typer.Option(
            "--partial", help="Labels are partial: unpicked areas are unknown, not background."
        ),
    ] = False,
    negatives: Annotated[
        Path | None, typer.Option(metavar="PICKS", help="Picks of places that are not particles.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Model to start from: general (default), scratch, or a model to fine-tune.",
        ),
    ] = None,
    recipe: Annotated[
        str,
        typer.Option(
            metavar="NAME|TOML", help="Training recipe: improved, baseline, plan, or a TOML file."
        ),
    ] = "improved",
    initial_epochs: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Number of epochs. Default: the recipe's."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="S", min=0, help="Random seed. Default: 42.")
    ] = None,
    device: Device = "auto",
    track: Track = "none",
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume the run in DIR where it was stopped.")
    ] = False,
) -> None:
    """Train a model on picks.

    Micrographs named in PICKS count as fully labelled, unless --partial is given or a labels.csv
    (micrograph,state) beside the picks says otherwise.
    """
    from napari_unetpick.cli.progress import run_stoppable
    from napari_unetpick.engine.inputs import make_train_job
    from napari_unetpick.engine.runs.tracking import make_tracker, tracked
    from napari_unetpick.engine.train.ranks import heard, joined, rank
    from napari_unetpick.engine.train.run import train as run_training

    job, messages = make_train_job(
        micrographs=micrographs,
        picks=picks,
        diameter=diameter,
        run=run,
        pixel_size=pixel_size,
        scale=scale,
        orientation=orientation,
        validation=validation,
        partial=partial,
        negatives=negatives,
        start=start,
        recipe=recipe,
        epochs=initial_epochs,
        seed=seed,
        device=device,
        resume=resume,
    )
    for message in () if rank() else messages:
        typer.echo(message, err=True)
    tracker = make_tracker("none" if rank() else track, run, job.settings)
    with joined(job) as own:
        done = run_stoppable(
            lambda check: heard(tracked(run_training(own, check), tracker)),
            "run the same command with --resume to continue",
        )
    if not rank():
        typer.echo(done.result["model"])
