"""`unetpick self-train`: train a finished run on its own confident picks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_unetpick.cli.options import Device, MicrographsArgument, Track


def self_train(
    micrographs: MicrographsArgument,
    run: Annotated[Path, typer.Option(metavar="DIR", help="Run folder with a trained model.")],
    rounds: Annotated[
        int | None,
        typer.Option(
            metavar="K", min=1, help="Number of rounds of picking and training. Default: 2."
        ),
    ] = None,
    self_training_epochs: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Epochs per round. Default: the recipe's."),
    ] = None,
    device: Device = "auto",
    track: Track = "none",
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Resume where it was stopped, or add rounds with a larger --rounds."
        ),
    ] = False,
    start_over: Annotated[
        bool, typer.Option("--start-over", help="Start over from the supervised model.")
    ] = False,
) -> None:
    """Train a run further on its confident picks of unlabelled micrographs (pseudo-labels).

    Labels, settings and validation data come from the run. The best round that passes the
    acceptance test on the validation data replaces the model; the supervised model is kept as
    supervised.safetensors.
    """
    from napari_unetpick.cli.progress import run_stoppable
    from napari_unetpick.engine.runs.tracking import make_tracker, tracked
    from napari_unetpick.engine.self_train.job import Again, make_self_train_job
    from napari_unetpick.engine.self_train.run import self_train as run_self_training
    from napari_unetpick.errors import InputError
    from napari_unetpick.io.images.listing import list_micrographs

    if resume and start_over:
        raise InputError("--resume and --start-over exclude each other; give one of them")
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
        "run the same command with --resume to continue",
    )
    typer.echo(done.result["model"])
