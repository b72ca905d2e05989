"""`unetpick benchmark`: train, pick and evaluate on public data sets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_unetpick.cli.options import Device

if TYPE_CHECKING:
    from napari_unetpick.study.cryoppp.job import Benchmark

benchmark = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Train, pick and evaluate on public data sets.",
)


@benchmark.callback()
def _group() -> None:
    """Train, pick and evaluate on public data sets."""


@benchmark.command()
def cryoppp(
    root: Annotated[
        Path,
        typer.Argument(metavar="ROOT", help="Folder with one subfolder per set, as downloaded."),
    ],
    sets: Annotated[
        str, typer.Option(metavar="ID,ID,...", help="EMPIAR numbers of the sets to score.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Output folder.")] = Path(
        "cryoppp-benchmark"
    ),
    train_on: Annotated[
        str,
        typer.Option(
            metavar="each|published",
            help="Train one model per set, or one model on the published training sets found in "
            "ROOT.",
        ),
    ] = "each",
    recipe: Annotated[
        str,
        typer.Option(
            metavar="NAME|TOML", help="Training recipe: improved, baseline, plan, or a TOML file."
        ),
    ] = "improved",
    seed: Annotated[
        int | None,
        typer.Option(
            metavar="S", min=0, help="Random seed of the split and of training. Default: 42."
        ),
    ] = None,
    final: Annotated[
        bool,
        typer.Option(
            "--final", help="Score the test micrographs, once. Default: validation micrographs."
        ),
    ] = False,
    budget: Annotated[
        float | None,
        typer.Option(metavar="MINUTES", help="Stop after this time; continue with --resume."),
    ] = None,
    device: Device = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Resume the benchmark in DIR.")] = False,
) -> None:
    """Benchmark on CryoPPP sets, in the layout of the download.

    Each set is split by micrograph into training, validation and test (a fifth each for the last
    two). Writes DIR/<set>/ with the model and the picks, and benchmark.md, .csv and .html.
    """
    from napari_unetpick.cli.progress import run_stoppable
    from napari_unetpick.errors import Cancelled
    from napari_unetpick.study.cryoppp.benchmark import benchmark as run_benchmark
    from napari_unetpick.study.cryoppp.job import make_benchmark

    job = make_benchmark(
        root=root,
        sets=sets,
        out=out,
        train_on=train_on,
        recipe=recipe,
        seed=seed,
        final=final,
        budget=budget,
        device=device,
        resume=resume,
    )
    try:
        done = run_stoppable(
            lambda check: run_benchmark(job, check),
            "run the same command with --resume to continue; finished sets are kept",
        )
    except Cancelled:
        _report(job, [])
        raise
    result = done.result
    notes = [f"{name} was not scored: {reason}" for name, reason in result["failed"].items()]
    notes += [f"skipped in training: {reason}" for reason in result["untrained"].values()]
    incomplete = _report(job, notes)
    if notes or result["left"] or incomplete:
        raise typer.Exit(3)


def _report(job: Benchmark, notes: list[str]) -> bool:
    """Write and print the results; return whether any micrograph was skipped."""
    from napari_unetpick.report.tables.benchmark import (
        detail_table,
        overview_table,
        record_notes,
        write_benchmark,
    )
    from napari_unetpick.report.tables.evaluation import plain_table
    from napari_unetpick.study.cryoppp.record import all_records

    records = all_records(job.out, job.part)
    if not records:
        return False
    before = {each.id: each for each in all_records(job.out, "validation")} if job.final else {}
    files = write_benchmark(
        job.out,
        records,
        "CryoPPP benchmark",
        _about(job),
        before=before,
        notes=notes,
    )
    overview = overview_table(records)
    print(plain_table(overview))
    print(f"({overview.caption})\n")
    print(plain_table(detail_table(records)))
    for note in (*notes, *record_notes(records)):
        print(f"note: {note}")
    print(f"written: {files[-1]}")
    return any(each.failed for each in records if each.id in job.sets)


def _about(job: Benchmark) -> str:
    """Say what was trained on what."""
    how = {
        "each": "One model per set, trained on its training micrographs.",
        "published": (
            "One model for all, trained on the training micrographs of the published training "
            "sets (CryoTransformer's and CryoSegNet's) that were available."
        ),
    }[job.train_on]
    scored = {
        "validation": (
            "Scored on validation micrographs. Thresholds and epochs of trained sets were "
            "chosen on them, so these scores are optimistic. The test micrographs are "
            "untouched."
        ),
        "test": "Scored on the test micrographs, once.",
    }[job.part]
    return f"{how} Sets are split by micrograph, seed {job.seed}. {scored}"
