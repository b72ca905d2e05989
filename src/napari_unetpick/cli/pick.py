"""`unetpick pick`: pick particles with the general model or a trained one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_unetpick.cli.options import Device, MicrographsArgument, PixelSize, report_failed

if TYPE_CHECKING:
    from napari_unetpick.engine.pick.run import PickJob


def pick(
    micrographs: MicrographsArgument,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Output folder.")],
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL",
            help="Model, run folder or general. Repeat the option for an ensemble. Default: "
            "general, the model that comes with the program.",
        ),
    ] = None,
    diameter: Annotated[
        str | None,
        typer.Option(
            metavar="auto|A",
            help="Particle diameter in Angstrom. Default: auto, the model's; with the general "
            "model it is estimated.",
        ),
    ] = None,
    contrast: Annotated[
        str,
        typer.Option(
            metavar="auto|dark|light",
            help="Contrast of the particles; light micrographs are inverted. Default: auto, found "
            "with the general model, as trained with another one.",
        ),
    ] = "auto",
    pixel_size: PixelSize = None,
    threshold: Annotated[
        str,
        typer.Option(
            metavar="auto|T",
            help="Lowest score of a pick (0 to 1). Default: auto, the model's threshold.",
        ),
    ] = "auto",
    keep: Annotated[
        str | None,
        typer.Option(
            metavar="more|balanced|clean",
            help="Choose the threshold by expected precision: more (at least 0.6), balanced (best "
            "expected F1), clean (at least 0.95).",
        ),
    ] = None,
    max_picks: Annotated[
        int | None,
        typer.Option(metavar="N", help="Most picks on a micrograph; the best scores are kept."),
    ] = None,
    junk: Annotated[
        bool,
        typer.Option(
            "--junk/--no-junk",
            help="Leave out picks in areas that the model sees as junk (ice, carbon, edges).",
        ),
    ] = True,
    min_distance: Annotated[
        float | None,
        typer.Option(
            metavar="A", help="Minimum distance between picks in Angstrom. Default: the model's."
        ),
    ] = None,
    fmt: Annotated[
        str,
        typer.Option(
            "--format",
            help="Output formats, comma-separated: star, csv, box, cbox, eman, topaz, cryosparc.",
        ),
    ] = "star,csv",
    device: Device = "auto",
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume an unfinished picking in DIR.")
    ] = False,
) -> None:
    """Pick particles on micrographs: without a training by the general model.

    Contrast, diameter and the threshold of --keep are found on up to six micrographs and written to
    DIR/picking.toml; --resume uses them again.

    Writes candidates.csv (every candidate with its score), picks.csv, micrographs.csv (counts and
    usable area), RELION's autopick.star with one file per micrograph, and picks.star for cryoSPARC.
    Unfinished results are in DIR/.picking.
    """
    from napari_unetpick.cli.progress import run_stoppable
    from napari_unetpick.engine.inputs import make_pick_job, read_diameter
    from napari_unetpick.engine.pick.run import pick as run_picking

    job = make_pick_job(
        micrographs=micrographs,
        models=model,
        out=out,
        diameter=read_diameter(diameter),
        pixel_size=pixel_size,
        threshold=threshold,
        min_distance=min_distance,
        formats=fmt,
        device=device,
        unfinished="resume" if resume else "refuse",
        contrast=contrast,
        keep=keep,
        max_picks=max_picks,
        junk=junk,
    )
    if "star" in job.formats or "relion" in job.formats:
        job = _named_for_relion(job, micrographs)
    done = run_stoppable(lambda check: run_picking(job, check))
    if failed := done.result["failed"]:
        report_failed(failed)


def _named_for_relion(job: PickJob, sources: list[str]) -> PickJob:
    """Name micrographs that no STAR names as RELION would, and report doubtful names."""
    from dataclasses import replace

    from napari_unetpick.io.formats.relion_list import project_names

    if all(Path(source).suffix.lower() == ".star" for source in sources):
        return job
    names, doubts = project_names(
        {m.name: m.path for m in job.micrographs},
        job.out,
        "for RELION give CtfFind/jobNNN/micrographs_ctf.star as MICROGRAPHS",
    )
    for doubt in doubts:
        typer.echo(doubt, err=True)
    return replace(job, micrographs=[replace(m, name=names[m.name]) for m in job.micrographs])
