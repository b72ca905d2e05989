"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

MicrographsArgument = Annotated[
    list[str],
    typer.Argument(metavar="MICROGRAPHS", help="Files, a folder, a glob or a micrographs STAR."),
]
PixelSize = Annotated[
    float | None,
    typer.Option("--pixel-size", metavar="A/PX", help="Where the header has none, or a wrong one."),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or mps.")]
Track = Annotated[
    str,
    typer.Option(
        "--track",
        metavar="none|tensorboard|wandb",
        help="Where metrics go besides DIR/metrics.jsonl; W&B is offline unless WANDB_MODE=online.",
    ),
]
