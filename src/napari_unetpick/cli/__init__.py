"""The command line: one thin module per command; heavy imports wait until it runs."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from napari_unetpick.cli.classes import classes
from napari_unetpick.cli.convert import convert
from napari_unetpick.cli.demo import demo
from napari_unetpick.cli.doctor import doctor
from napari_unetpick.cli.evaluate import evaluate
from napari_unetpick.cli.info import info
from napari_unetpick.cli.pick import pick
from napari_unetpick.cli.relion_job import RelionCommand, relion_job
from napari_unetpick.cli.self_train import self_train
from napari_unetpick.cli.simulate import simulate
from napari_unetpick.cli.studies.ablate import ablate
from napari_unetpick.cli.studies.augmentations import augmentations
from napari_unetpick.cli.studies.benchmark import benchmark
from napari_unetpick.cli.studies.compare import compare
from napari_unetpick.cli.studies.losses import losses
from napari_unetpick.cli.train import train
from napari_unetpick.cli.train_general import train_general
from napari_unetpick.errors import InputError
from napari_unetpick.version import __version__

UsageError = typer.BadParameter.__base__  # click's, which newer versions of typer bring themselves

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def unetpick(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Cryo-EM particle picking: train a U-Net on your picks, pick, evaluate, export."""
    if "TORCHELASTIC_RUN_ID" in os.environ and context.invoked_subcommand != "train":
        raise InputError(
            f"torchrun starts several processes, which {context.invoked_subcommand} can't share",
            "start it without torchrun; only train works with it",
        )


for command in (
    *(demo, train, self_train, pick, evaluate, compare, classes, simulate, convert),
    *(ablate, losses, augmentations, train_general, info, doctor),
):
    app.command()(command)
app.command(cls=RelionCommand)(relion_job)
app.add_typer(benchmark, name="benchmark")


def run() -> int:
    """Run the command line and return its exit code.

    Raises
    ------
    UnetPickError
        The work could not be done, or the arguments are none of the command's (`InputError`).
    """
    try:
        return app(prog_name="unetpick", standalone_mode=False) or 0
    except UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            error.show()
            return 2
        what = " ".join(error.format_message().split()).rstrip(".")
        if what.startswith("Missing") and (about := getattr(error.param, "help", None)):
            what += f" ({about.rstrip('.')})"
        command = error.ctx.command_path if error.ctx else "unetpick"
        asks = what.endswith("?")  # "did you mean"
        raise InputError(what[0].lower() + what[1:], f"see {command} -h" * (not asks)) from None
    except typer.Abort:
        raise KeyboardInterrupt from None
