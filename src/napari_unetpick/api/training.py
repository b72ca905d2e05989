"""Training and self-training from Python, and the models that come of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_unetpick.api.jobs import (
    Micrographs,
    OnEvent,
    PicksLike,
    StrPath,
    as_file,
    listed,
    run_job,
)
from napari_unetpick.io.images.listing import list_micrographs
from napari_unetpick.picking.calibration import Calibration


@dataclass(frozen=True)
class TrainedModel:
    """A model in its run folder.

    Parameters
    ----------
    path
        The model file; its folder is the run folder.
    diameter
        Particle diameter that it was trained for, A; None of the general model.
    calibration
        What makes calibrated scores of its raw ones, and its threshold.
    validation_f1
        F1 on validation micrographs (protocol `particle`), or None with partial labels only.
    card
        Everything else that it was trained with and reached, as `unetpick info` shows it.
    """

    path: Path
    diameter: float | None
    calibration: Calibration
    validation_f1: float | None
    card: dict[str, Any]


def train(
    micrographs: Micrographs,
    picks: PicksLike,
    *,
    diameter: float,
    run: StrPath,
    partial: bool = False,
    pixel_size: float | None = None,
    scale: float = 1.0,
    orientation: str = "none",
    validation: str | float | None = None,
    start: StrPath | None = None,
    recipe: str = "improved",
    epochs: int | None = None,
    seed: int | None = None,
    device: str = "auto",
    resume: bool = False,
    on_event: OnEvent | None = None,
) -> TrainedModel:
    """Train a model on picks, as `unetpick train` does.

    Parameters
    ----------
    micrographs
        Those without picks are left alone.
    picks
        Labels. A micrograph that is named in them is fully labelled, unless `partial`.
    diameter
        Particle diameter, A.
    run
        Run folder to write to.
    partial
        What is not picked is unknown, not background.
    pixel_size
        A/px, instead of the micrographs' own.
    scale
        Factor for coordinates and diameters of the labels, where they are of binned images.
    orientation
        "flip-y", "flip-x", "swap-xy", or several joined by "+", where the labels are mirrored.
    validation
        A pick file of the micrographs that validate, or a fraction of the labelled ones.
    start
        "general", "scratch", or a model to fine-tune.
    recipe
        "improved", "baseline", "plan", or a TOML file.
    epochs, seed
        Instead of the recipe's.
    resume
        Continue the run where it was stopped.

    Raises
    ------
    InputError, ModelError, EngineError
        Something cannot be used, or the computer cannot do it.
    """
    from napari_unetpick.engine.inputs import make_train_job
    from napari_unetpick.engine.train.run import train as run_training

    with as_file(picks) as file:
        job, messages = make_train_job(
            micrographs=listed(micrographs),
            picks=file,
            diameter=diameter,
            run=Path(run),
            pixel_size=pixel_size,
            scale=scale,
            orientation=orientation,
            validation=None if validation is None else str(validation),
            partial=partial,
            start=None if start is None else str(start),
            recipe=recipe,
            epochs=epochs,
            seed=seed,
            device=device,
            resume=resume,
        )
    result = run_job(run_training(job), on_event, messages)
    return read_model(result["model"])


def self_train(
    micrographs: Micrographs,
    run: StrPath | TrainedModel,
    *,
    rounds: int | None = None,
    epochs: int | None = None,
    device: str = "auto",
    resume: bool = False,
    on_event: OnEvent | None = None,
) -> TrainedModel:
    """Train a run further on pseudo-labels, as `unetpick self-train` does.

    Parameters
    ----------
    micrographs
        To learn from; they need no labels.
    rounds, epochs
        Instead of the run's settings.
    resume
        Continue where it was stopped, or with more rounds.

    Returns
    -------
    The best round's model, or the supervised one where no round passed the acceptance test.
    """
    from napari_unetpick.engine.self_train.job import make_self_train_job
    from napari_unetpick.engine.self_train.run import self_train as run_self_training

    job, messages = make_self_train_job(
        micrographs=list_micrographs(micrographs),
        run=run.path.parent if isinstance(run, TrainedModel) else Path(run),
        rounds=rounds,
        epochs=epochs,
        device=device,
        again="resume" if resume else "refuse",
    )
    return read_model(run_job(run_self_training(job), on_event, messages)["model"])


def read_model(path: StrPath) -> TrainedModel:
    """Read what a model file or run folder says of its model."""
    from napari_unetpick.engine.pick.ensemble import read_card
    from napari_unetpick.io.models import load_model
    from napari_unetpick.project.runs import MODEL

    path = Path(path)
    file = path / MODEL if path.is_dir() else path
    model = load_model(file)
    _, calibration, diameter = read_card(str(file), model)
    f1 = (model.card.get("validation") or {}).get("f1")
    return TrainedModel(file, diameter, calibration, f1, model.card)
