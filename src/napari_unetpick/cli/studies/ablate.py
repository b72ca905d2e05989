"""`unetpick ablate`: what each improvement over the plain U-Net is worth on given data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_unetpick.cli.options import MICROGRAPHS, Device, PixelSize


def ablate(
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Output folder for runs, records and tables.")
    ],
    micrographs: Annotated[list[str] | None, MICROGRAPHS] = None,
    picks: Annotated[
        Path | None, typer.Option(metavar="PICKS", help="Picks of the labelled micrographs.")
    ] = None,
    diameter: Annotated[
        float | None, typer.Option(metavar="A", help="Particle diameter in Angstrom.")
    ] = None,
    pixel_size: PixelSize = None,
    split: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV",
            help="CSV with columns micrograph,split. Default: two fifths of the labelled "
            "micrographs are drawn as the test set.",
        ),
    ] = None,
    labelled: Annotated[
        int | None,
        typer.Option(
            metavar="K",
            min=1,
            help="Use the labels of K training micrographs only; treat the others as unlabelled.",
        ),
    ] = None,
    partial: Annotated[
        bool,
        typer.Option(
            "--partial", help="Labels are partial: unpicked areas are unknown, not background."
        ),
    ] = False,
    truth: Annotated[
        Path | None,
        typer.Option(
            metavar="PICKS", help="Complete picks of the test micrographs, if PICKS are partial."
        ),
    ] = None,
    border: Annotated[
        float,
        typer.Option(metavar="A", min=0, help="Exclude a border of this width (A) from scoring."),
    ] = 0.0,
    seeds: Annotated[
        int, typer.Option(metavar="N", min=1, help="Number of random seeds per rung.")
    ] = 3,
    budget: Annotated[
        float | None,
        typer.Option(
            metavar="MINUTES",
            min=0,
            help="Time limit of this call; 0 writes the tables of DIR again, from its records "
            "alone. Default: 60, or none with --batches.",
        ),
    ] = None,
    batches: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Batches per epoch; the recipes have 40. Default: as many as let all runs fit "
            "the budget.",
        ),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            help="Make only the I-th of N shares of the runs, such as 1/8; needs --batches. "
            "Without it afterwards, the same command makes the ensembles.",
        ),
    ] = None,
    leave_one_out: Annotated[
        bool,
        typer.Option("--leave-one-out", help="Also train everything but one step, for each step."),
    ] = False,
    device: Device = "auto",
) -> None:
    """Train the ladder of improvements rung by rung, score each, and write the tables.

    Results recorded in DIR are kept: the same command resumes where it was stopped or where the
    budget ended.
    """
    from napari_unetpick.cli.progress import run_stoppable
    from napari_unetpick.engine.pick.shard import parse_shard
    from napari_unetpick.errors import InputError
    from napari_unetpick.study.ablation.job import make_ablate_job
    from napari_unetpick.study.ablation.run import ablate as run_ablation

    if budget == 0:
        _write_tables(out)
        return
    if not micrographs or picks is None or diameter is None:
        raise InputError(
            "give MICROGRAPHS, --picks and --diameter; without them, --budget 0 writes the tables "
            "of --out"
        )
    job, messages = make_ablate_job(
        micrographs=micrographs,
        picks=picks,
        diameter=diameter,
        out=out,
        pixel_size=pixel_size,
        split=split,
        labelled=labelled,
        partial=partial,
        truth=truth,
        border=border,
        seeds=seeds,
        budget=budget,
        batches=batches,
        shard=None if shard is None else parse_shard(shard),
        leave_one_out=leave_one_out,
        device=device,
    )
    for message in messages:
        typer.echo(message, err=True)
    run_stoppable(lambda check: run_ablation(job, check), "run the same command again to resume")
    _write_tables(out)


def _write_tables(out: Path) -> None:
    """Print and write what the records of `out` say."""
    from napari_unetpick.errors import InputError
    from napari_unetpick.report.tables.evaluation import plain_table
    from napari_unetpick.report.tables.ladder import about, gain_texts, ladder_table, write_ladder
    from napari_unetpick.study.ablation.rungs import read_ladder

    found = read_ladder(out)
    if found is None:
        raise InputError(f"{out}: no results yet; leave --budget out to make some")
    for rungs in filter(None, (found.rungs, found.without)):
        typer.echo(plain_table(ladder_table(rungs)) + "\n")
    for text in gain_texts(found):
        typer.echo(text)
    typer.echo(f"({about(found)})")
    if found.missing:
        typer.echo("not run: " + "; ".join(found.missing))
    for path in write_ladder(out, found):
        typer.echo(f"written: {path}")
