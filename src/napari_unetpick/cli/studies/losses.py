"""`unetpick losses`: compare loss functions on easy, hard and empty examples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def losses(
    out: Annotated[
        Path, typer.Option(metavar="PNG", help="Image file to write the curves to.")
    ] = Path("losses.png"),
    recipe: Annotated[
        str,
        typer.Option(
            help="Recipe with the loss weights: improved, baseline, plan, or a TOML file."
        ),
    ] = "improved",
) -> None:
    """Print the values of the loss functions on examples, and plot their curves."""
    from napari_unetpick.io.atomic import atomic_path
    from napari_unetpick.report.figures.canvas import to_png
    from napari_unetpick.report.figures.losses import draw_losses, loss_table
    from napari_unetpick.report.tables.evaluation import plain_table
    from napari_unetpick.settings import load_recipe
    from napari_unetpick.study.losses import study_losses

    study = study_losses(load_recipe(recipe).loss)
    typer.echo(plain_table(loss_table(study)))
    for each in study.examples:
        typer.echo(f"{each.name}: {each.about}")
    with atomic_path(out) as path:
        path.write_bytes(to_png(draw_losses(study)))
    typer.echo(f"curves: {out}")
