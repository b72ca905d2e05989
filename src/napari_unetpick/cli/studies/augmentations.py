"""`unetpick augmentations`: a figure of augmented training samples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def augmentations(
    micrograph: Annotated[Path, typer.Argument(metavar="MICROGRAPH", help="Micrograph file.")],
    out: Annotated[Path, typer.Option(metavar="PNG", help="Image file to write.")] = Path(
        "augmentations.png"
    ),
    picks: Annotated[
        Path | None,
        typer.Option(
            metavar="PICKS", help="Picks of the micrograph. Default: picks.csv in its folder."
        ),
    ] = None,
    diameter: Annotated[
        float | None,
        typer.Option(
            metavar="A", help="Particle diameter in Angstrom. Default: the picks' diameter."
        ),
    ] = None,
    pixel_size: Annotated[
        float | None,
        typer.Option(metavar="A/px", help="Pixel size, instead of the one in the header."),
    ] = None,
    recipe: Annotated[
        str,
        typer.Option(
            help="Recipe with the augmentation settings: improved, baseline, plan, or a TOML file."
        ),
    ] = "improved",
) -> None:
    """Draw a crop of a micrograph and six augmented samples of it, with their target maps."""
    from napari_unetpick.io.atomic import atomic_path
    from napari_unetpick.report.figures.augmentations import draw_augmentations
    from napari_unetpick.report.figures.canvas import to_png
    from napari_unetpick.settings import load_recipe
    from napari_unetpick.study.augmentations import augment_examples

    examples = augment_examples(micrograph, load_recipe(recipe), picks, diameter, pixel_size)
    for note in examples.notes:
        typer.echo(note, err=True)
    figure = draw_augmentations(examples, micrograph.stem)
    with atomic_path(out) as path:
        path.write_bytes(to_png(figure))
    typer.echo(f"original and {len(examples.images) - 1} augmented samples: {out}")
