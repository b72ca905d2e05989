"""`unetpick compare`: compare models and other programs' picks on one labelled set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_unetpick.cli.options import (
    Device,
    MicrographsArgument,
    NamedOrientations,
    NamedScales,
    PixelSize,
)

if TYPE_CHECKING:
    from napari_unetpick.study.compare.result import ComparisonResult


def compare(
    micrographs: MicrographsArgument,
    truth: Annotated[
        Path,
        typer.Option(metavar="PICKS", help="True particles of completely labelled micrographs."),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Output folder.")],
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]MODEL", help="Model or run folder to pick with. May be repeated."
        ),
    ] = None,
    picks: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]PICKS",
            help="Picks of another program, or an output folder of pick. May be repeated.",
        ),
    ] = None,
    split: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV",
            help="CSV with columns micrograph,split; the split is train, validation or test.",
        ),
    ] = None,
    validation: Annotated[
        float | None,
        typer.Option(
            metavar="FRACTION",
            help="Fraction of the labelled micrographs used for validation, if no split is "
            "given. Default: 0.5.",
        ),
    ] = None,
    diameter: Annotated[
        float | None,
        typer.Option(
            metavar="A",
            help="Particle diameter in Angstrom, if the truth has none. Models then pick with it, "
            "too.",
        ),
    ] = None,
    pixel_size: PixelSize = None,
    scale: NamedScales = None,
    orientation: NamedOrientations = None,
    border: Annotated[
        float, typer.Option(metavar="A", help="Exclude a border of this width (A) from scoring.")
    ] = 0.0,
    final: Annotated[
        bool,
        typer.Option(
            "--final", help="Score the test micrographs. Test-set evaluations are counted."
        ),
    ] = False,
    seed: Annotated[
        int,
        typer.Option(
            metavar="S", min=0, help="Random seed of the split and of the bootstrap intervals."
        ),
    ] = 42,
    device: Device = "auto",
    json: Annotated[
        bool, typer.Option("--json", help="Print the results as one JSON object only.")
    ] = False,
) -> None:
    """Compare models and other programs' picks: each at a threshold chosen on validation.

    The first picker (models come first) is the reference for differences. Without --final only
    validation micrographs are read. Writes comparison.html, .md, .csv, .tex and
    precision_recall.png.
    """
    from napari_unetpick.cli.progress import run_stoppable
    from napari_unetpick.report.pages.comparison import write_comparison
    from napari_unetpick.study.compare.job import make_compare_job
    from napari_unetpick.study.compare.run import compare as run_comparison

    job = make_compare_job(
        micrographs=micrographs,
        truth=truth,
        out=out,
        models=model or (),
        picks=picks or (),
        split=split,
        validation=validation,
        diameter=diameter,
        pixel_size=pixel_size,
        border=border,
        final=final,
        seed=seed,
        device=device,
        scales=scale or (),
        orientations=orientation or (),
    )
    done = run_stoppable(lambda check: run_comparison(job, check))
    found: ComparisonResult = done.result["comparison"]
    files = write_comparison(out, found)
    if json:
        _print_json(found)
    else:
        _print_text(found, files[-1])
    if found.failed:
        raise typer.Exit(3)


def _print_json(found: ComparisonResult) -> None:
    import json

    print(json.dumps(found.to_dict(), indent=2, allow_nan=False))


def _print_text(found: ComparisonResult, page: Path) -> None:
    from napari_unetpick.report.tables.comparison import about, difference_table, overview_table
    from napari_unetpick.report.tables.evaluation import plain_table

    print(f"{about(found)}\n")
    for table in (overview_table(found), difference_table(found)):
        if table is not None:
            print(plain_table(table))
            print(f"({table.caption})\n")
    if found.test_evaluation is not None:
        print(f"test-set evaluation number {found.test_evaluation} on these micrographs")
    for note in found.all_notes:
        print(f"note: {note}")
    print(f"written: {page}")
