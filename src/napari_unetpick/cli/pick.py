"""`unetpick pick`: pick particles with the general model or a trained one."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_unetpick.cli.options import Device, MicrographsArgument, PixelSize, report_failed
from napari_unetpick.errors import InputError

if TYPE_CHECKING:
    from napari_unetpick.io.images.micrograph import Micrograph


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
    thorough: Annotated[
        bool,
        typer.Option(
            "--thorough",
            help="Average the scores over the eight orientations of a micrograph: mostly better "
            "at low signal, and up to eight times as long.",
        ),
    ] = False,
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
    watch: Annotated[
        bool,
        typer.Option(
            "--watch",
            help="Pick micrographs as they arrive in a folder or match a glob, until Ctrl-C.",
        ),
    ] = False,
    watch_idle: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS", min=0, help="With --watch: end after so long without a new one."
        ),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            help="Pick the I-th of N shares of the micrographs, as a task of an array job. The "
            "same command with --resume instead joins the shares.",
        ),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="local|ADDRESS",
            help="Pick on the workers of a Dask cluster, or on one process for each core here.",
        ),
    ] = None,
) -> None:
    """Pick particles on micrographs: without a training by the general model.

    Contrast, diameter and the threshold of --keep are found on up to six micrographs and written to
    DIR/picking.toml; --resume uses them again. With --watch they are found on the first six that
    arrive, with --shard on the same ones for all shares.

    Writes candidates.csv (every candidate with its score), picks.csv, micrographs.csv (counts and
    usable area), RELION's autopick.star with one file per micrograph, and picks.star for cryoSPARC.
    Unfinished results are in DIR/.picking.
    """
    from napari_unetpick.cli.progress import run_stoppable
    from napari_unetpick.engine.inputs import make_pick_job, read_diameter
    from napari_unetpick.engine.pick.cluster import pick_on_cluster
    from napari_unetpick.engine.pick.run import pick as run_picking
    from napari_unetpick.engine.pick.shard import parse_shard, pick_shard
    from napari_unetpick.engine.pick.watch import Watch
    from napari_unetpick.engine.pick.watch import watch as run_watching

    given = {"--watch": watch, "--shard": shard is not None, "--cluster": cluster is not None}
    modes = [option for option in given if given[option]]
    if len(modes) > 1:
        raise InputError(f"{' with '.join(modes)}: not possible; leave one out")
    if watch_idle is not None and not math.isfinite(watch_idle):
        raise InputError(f"--watch-idle {watch_idle}: give a number of seconds, or leave it out")
    if watch_idle is not None and not watch:
        raise InputError("--watch-idle without --watch: not possible; leave one out")
    share = None if shard is None else parse_shard(shard)
    job = make_pick_job(
        micrographs=None if watch else micrographs,
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
        thorough=thorough,
    )
    names = RelionNames(out, micrographs, {"star", "relion"} & {*job.formats})
    if watch:
        watched = Watch(tuple(micrographs), watch_idle, names.of)
        done = run_stoppable(lambda check: run_watching(job, watched, check))
    else:
        job = replace(job, micrographs=names.of(job.micrographs))
        run = run_picking if share is None else partial(pick_shard, share)
        if cluster is not None:
            run = partial(pick_on_cluster, cluster)
        done = run_stoppable(lambda check: run(job, check))
    if failed := done.result["failed"]:
        report_failed(failed)


class RelionNames:
    """Names micrographs that no STAR names as RELION would, and reports doubtful names once."""

    def __init__(self, out: Path, sources: list[str], wanted: object) -> None:
        given = all(Path(source).suffix.lower() == ".star" for source in sources)
        self.out, self.wanted, self.reported = out, wanted and not given, False

    def of(self, micrographs: list[Micrograph]) -> list[Micrograph]:
        """Return micrographs with their names."""
        from napari_unetpick.io.formats.relion_list import project_names

        if not self.wanted:
            return micrographs
        names, doubts = project_names(
            {m.name: m.path for m in micrographs},
            self.out,
            "for RELION give CtfFind/jobNNN/micrographs_ctf.star as MICROGRAPHS",
        )
        for doubt in doubts if not self.reported else ():
            typer.echo(doubt, err=True)
            self.reported = True
        return [replace(m, name=names[m.name]) for m in micrographs]
