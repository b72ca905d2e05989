"""Options that several commands share, and how they end where micrographs failed."""

from __future__ import annotations

from typing import Annotated, NoReturn

import typer

MICROGRAPHS = typer.Argument(
    metavar="MICROGRAPHS",
    help="Micrograph files, a folder, a glob, a micrographs STAR or cryoSPARC's exposures (.cs).",
)
MicrographsArgument = Annotated[list[str], MICROGRAPHS]
PixelSize = Annotated[
    float | None,
    typer.Option(
        "--pixel-size", metavar="A/PX", help="Pixel size, if the header has none or a wrong one."
    ),
]
Device = Annotated[
    str,
    typer.Option(
        "--device", help="Device to compute on: auto, cpu, cuda, cuda:1 (by number) or mps."
    ),
]
Track = Annotated[
    str,
    typer.Option(
        "--track",
        metavar="none|tensorboard|wandb",
        help="Also log metrics to TensorBoard or W&B (offline unless WANDB_MODE=online).",
    ),
]
Scale = Annotated[
    float,
    typer.Option(
        "--scale",
        metavar="FACTOR",
        help="Factor for coordinates and diameters, for picks made on downsampled images.",
    ),
]
OrientationOption = Annotated[
    str,
    typer.Option(
        "--orientation",
        metavar="flip-y|flip-x|swap-xy",
        help="Mirror the rows or columns of picks, or swap x and y; several are joined by +, "
        "swap-xy first.",
    ),
]
NamedScales = Annotated[
    list[str] | None,
    typer.Option(
        "--scale",
        metavar="[NAME=]FACTOR",
        help="Factor for coordinates and diameters, for picks made on downsampled images; of the "
        "truth with truth=FACTOR. May be repeated.",
    ),
]
NamedOrientations = Annotated[
    list[str] | None,
    typer.Option(
        "--orientation",
        metavar="[NAME=]flip-y|flip-x|swap-xy",
        help="Mirror the rows or columns of picks, or swap x and y; several are joined by +, "
        "swap-xy first. Of the truth with truth=. May be repeated.",
    ),
]


def report_failed(names: list[str]) -> NoReturn:
    """Name the micrographs that failed, and end with the exit code for that."""
    from napari_unetpick.io.picks import tell_count

    typer.echo(f"{tell_count(len(names), 'micrograph')} failed: {', '.join(names)}", err=True)
    raise typer.Exit(3)
