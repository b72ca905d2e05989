"""`unetpick train-general`: train the general model again, on simulated micrographs alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_unetpick.cli.options import Device


def train_general(
    run: Annotated[Path, typer.Option(metavar="DIR", help="Output run folder.")],
    patches: Annotated[
        int, typer.Option(metavar="N", min=1, help="Number of training patches.")
    ] = 2_000_000,
    batch: Annotated[int, typer.Option(metavar="N", min=1, help="Patches in a batch.")] = 16,
    start: Annotated[
        Path | None,
        typer.Option(metavar="MODEL", help="Model to continue from. Default: a new network."),
    ] = None,
    rate: Annotated[
        float,
        typer.Option(metavar="R", min=0.0, help="Part of the learning rate, with --start."),
    ] = 0.5,
    back: Annotated[
        float,
        typer.Option(
            metavar="B",
            min=0.0,
            max=1.0,
            help="How far the result lies back on the way to the model of --start.",
        ),
    ] = 0.5,
    first: Annotated[
        int,
        typer.Option(metavar="N", min=0, help="Number of the first sample (diet-N) to learn from."),
    ] = 0,
    seed: Annotated[int, typer.Option(metavar="S", min=0, help="Random seed.")] = 42,
    processes: Annotated[
        int, typer.Option(metavar="N", min=1, help="Processes that simulate micrographs.")
    ] = 1,
    device: Device = "auto",
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume the run in DIR where it was stopped.")
    ] = False,
) -> None:
    """Train the general model from nothing.

    Micrographs are simulated as they are needed. DIR then holds model.safetensors, which every
    command takes as MODEL.
    """
    import torch

    from napari_unetpick.cli.progress import run_stoppable
    from napari_unetpick.engine.general.job import GeneralJob, count_calibrating, general_settings
    from napari_unetpick.engine.general.run import train_general as run_training
    from napari_unetpick.io.models import load_model

    weights = None
    if start is not None:
        model = load_model(start)
        weights = {name: torch.from_numpy(value.copy()) for name, value in model.weights.items()}
    job = GeneralJob(
        run=run,
        settings=general_settings(patches, seed, batch),
        start=weights,
        rate=1.0 if weights is None else rate,
        back=0.0 if weights is None else back,
        first=first,
        processes=processes,
        calibrating=count_calibrating(patches),
        device=device,
        resume=resume,
    )
    done = run_stoppable(
        lambda check: run_training(job, check), "run the same command with --resume to continue"
    )
    typer.echo(done.result["model"])
