"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

MicrographsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="MICROGRAPHS",
        help="Micrograph files, a folder, a glob, a micrographs STAR or "
        "cryoSPARC's exposures (.cs).",
    ),
]
PixelSize = Annotated[
    float | None,
    typer.Option(
        "--pixel-size", metavar="A/PX", help="Pixel size, if the header has none or a wrong one."
    ),
]
Device = Annotated[
    str, typer.Option("--device", help="Device to compute on: auto, cpu, cuda or mps.")
]
Track = Annotated[
    str,
    typer.Option(
        "--track",
        metavar="none|tensorboard|wandb",
        help="Also log metrics to TensorBoard or W&B (offline unless WANDB_MODE=online).",
    ),
]
