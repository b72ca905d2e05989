"""`unetpick relion-job`: picking as an External job of RELION."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperCommand

from napari_unetpick.cli.options import Device, report_failed
from napari_unetpick.relion.command import job_folder_of, plain_options
from napari_unetpick.relion.job_folder import FAILURE, JobFolder, mark

if TYPE_CHECKING:
    from napari_unetpick.engine.pick.run import PickJob
    from napari_unetpick.events import Event


class RelionCommand(TyperCommand):
    """A command that RELION writes; that it is wrong is said in the job folder, too."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Parse labels and values without quotes, some of them empty."""
        if {"-h", "--help"} & {*args}:
            return super().parse_args(ctx, args)
        try:
            return super().parse_args(ctx, plain_options(args))
        except Exception:
            if folder := job_folder_of(args):
                mark(folder, FAILURE)
            raise


def relion_job(
    o: Annotated[
        Path, typer.Option("--o", metavar="DIR", help="Job folder, such as External/job010.")
    ],
    in_mics: Annotated[
        Path, typer.Option("--in_mics", metavar="STAR", help="Micrographs STAR of the project.")
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL",
            help="Model or run folder. Repeat the option for an ensemble. Default: the general "
            "model.",
        ),
    ] = None,
    threshold: Annotated[
        str, typer.Option(metavar="auto|T", help="Lowest score of a pick (0 to 1).")
    ] = "auto",
    keep: Annotated[
        str | None,
        typer.Option(
            metavar="more|balanced|clean",
            help="Choose the threshold by expected precision instead, as in `unetpick pick`.",
        ),
    ] = None,
    diameter: Annotated[
        str | None,
        typer.Option(metavar="auto|A", help="Particle diameter in Angstrom. Default: auto."),
    ] = None,
    contrast: Annotated[
        str, typer.Option(metavar="auto|dark|light", help="Contrast of the particles.")
    ] = "auto",
    min_distance: Annotated[
        float | None,
        typer.Option(
            "--min_distance", metavar="A", help="Minimum distance between picks in Angstrom."
        ),
    ] = None,
    max_picks: Annotated[
        int | None, typer.Option("--max_picks", metavar="N", help="Most picks on a micrograph.")
    ] = None,
    device: Device = "auto",
    j: Annotated[int, typer.Option("--j", metavar="N", min=1, help="CPU threads.")] = 1,
    pipeline_control: Annotated[
        str,
        typer.Option(
            "--pipeline_control",
            metavar="DIR",
            help="Some RELION commands name the job folder twice.",
        ),
    ] = "",
) -> None:
    """Pick particles as an External job of RELION, which writes this command.

    Start it in RELION: job type External, executable `unetpick relion-job`. Labels without a value
    count as not given. Continue resumes the picking.

    Writes what `unetpick pick` writes, the pick files and their list for the project's version of
    RELION (3.1, 4.0, 5), RELION_OUTPUT_NODES.star and RELION_JOB_EXIT_SUCCESS, _FAILURE or
    _ABORTED.
    """
    with JobFolder(o) as folder:
        from napari_unetpick.engine.inputs import make_pick_job, read_diameter
        from napari_unetpick.export.pick_folder import WORK, Advice
        from napari_unetpick.export.pick_record import RECORD
        from napari_unetpick.relion.names import read_names
        from napari_unetpick.relion.output import picked, write_output
        from napari_unetpick.relion.project import open_project

        begun = any((o / name).exists() for name in (WORK, RECORD))
        project = open_project(o)
        named = read_names(in_mics, project.folder)
        job = make_pick_job(
            micrographs=[each.micrograph for each in named],
            models=model,
            out=o,
            diameter=read_diameter(diameter),
            threshold=threshold,
            min_distance=min_distance,
            formats="csv",
            device=device,
            unfinished="resume" if begun else "refuse",
            contrast=contrast,
            keep=keep,
            max_picks=max_picks,
            threads=j,
            advice=Advice("continue the job", "run a new job"),
        )
        failed = _pick(job, folder)
        write_output(project, o, in_mics, named, picked(o))
    if failed:
        report_failed(failed)


def _pick(job: PickJob, folder: JobFolder) -> list[str]:
    """Pick what is not picked, and show in RELION's window how far that is; return what failed."""
    import sys

    import torch

    from napari_unetpick.cli.progress import run_stoppable
    from napari_unetpick.engine.pick.run import pick

    torch.set_num_threads(job.threads or 1)

    def run(stopped: Callable[[], None]) -> Iterator[Event]:
        def check() -> None:
            stopped()
            folder.check()

        return pick(job, check)

    done = run_stoppable(run, news=sys.stdout)
    return list(done.result["failed"])
