"""`unetpick compare`: models and other programs' picks on one labelled set, by one set of rules."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_unetpick.cli.options import Device, MicrographsArgument, PixelSize

if TYPE_CHECKING:
    from napari_unetpick.study.compare.result import ComparisonResult


def compare(
    micrographs: MicrographsArgument,
    truth: Annotated[
        Path, typer.Option(metavar="PICKS", help="The truth, of completely labelled micrographs.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write to.")],
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]MODEL", help="A model or run folder; it picks by itself."),
    ] = None,
    picks: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]PICKS", help="Picks of any program, or a folder of pick."),
    ] = None,
    split: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="micrograph,split: train, validation or test."),
    ] = None,
    validation: Annotated[
        float | None,
        typer.Option(
            metavar="FRACTION", help="Of the labelled micrographs, where no split is given [0.5]."
        ),
    ] = None,
    diameter: Annotated[
        float | None,
        typer.Option(metavar="A", help="Where the truth has none; models pick at it, too."),
    ] = None,
    pixel_size: PixelSize = None,
    border: Annotated[
        float, typer.Option(metavar="A", help="Leave out a border of this width, in Angstrom.")
    ] = 0.0,
    final: Annotated[
        bool, typer.Option("--final", help="Score the test micrographs; each look is counted.")
    ] = False,
    seed: Annotated[
        int, typer.Option(metavar="S", min=0, help="Of the split and the bootstrap.")
    ] = 42,
    device: Device = "auto",
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
) -> None:
    """Compare models and other programs' picks: each at a threshold chosen on validation.

    The first side (models come first) is what the others are compared with. Without --final only
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
    if found.look is not None:
        print(f"look number {found.look} at these test micrographs")
    for note in found.all_notes:
        print(f"note: {note}")
    print(f"written: {page}")
