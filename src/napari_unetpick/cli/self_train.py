"""`unetpick self-train`: a finished run learns from its own sure picks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_unetpick.cli.options import Device, MicrographsArgument, Track


def self_train(
    micrographs: MicrographsArgument,
    run: Annotated[Path, typer.Option(metavar="DIR", help="Run folder with a trained model.")],
    rounds: Annotated[
        int | None, typer.Option(metavar="K", min=1, help="How often it picks and trains [2].")
    ] = None,
    self_training_epochs: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Epochs of a round, if not as trained.")
    ] = None,
    device: Device = "auto",
    track: Track = "none",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where it was stopped, or with more --rounds.")
    ] = False,
    start_over: Annotated[
        bool, typer.Option("--start-over", help="Begin again from the supervised model.")
    ] = False,
) -> None:
    """Train a run further on its own sure picks of unlabelled micrographs.

    Labels, settings and what validates come from the run. The best round replaces the model, if
    it is better on what validates and does no harm there; the supervised model is kept as
    supervised.safetensors.
    """
    from napari_unetpick.cli.progress import run_stoppable
    from napari_unetpick.engine.runs.tracking import make_tracker, tracked
    from napari_unetpick.engine.self_train.job import Again, make_self_train_job
    from napari_unetpick.engine.self_train.run import self_train as run_self_training
    from napari_unetpick.errors import InputError
    from napari_unetpick.io.images.listing import list_micrographs

    if resume and start_over:
        raise InputError("--resume and --start-over: give one of them")
    again: Again = "resume" if resume else "start over" if start_over else "refuse"
    job, messages = make_self_train_job(
        micrographs=list_micrographs(micrographs),
        run=run,
        rounds=rounds,
        epochs=self_training_epochs,
        device=device,
        again=again,
    )
    for message in messages:
        typer.echo(message, err=True)
    tracker = make_tracker(track, run, job.train.settings)
    done = run_stoppable(
        lambda check: tracked(run_self_training(job, check), tracker),
        "run the same command with --resume to go on",
    )
    typer.echo(done.result["model"])
