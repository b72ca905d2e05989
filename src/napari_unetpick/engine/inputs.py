"""Jobs from what a user gives: names, numbers and files, checked before any work begins."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from napari_unetpick.engine.pick.ensemble import is_general
from napari_unetpick.engine.pick.run import PickJob
from napari_unetpick.engine.train.job import TrainJob
from napari_unetpick.errors import InputError
from napari_unetpick.export.pick_folder import Advice, Unfinished, parse_formats
from napari_unetpick.inspection.assign_inspected import assign_inspected
from napari_unetpick.inspection.correction import make_correction, read_corrected
from napari_unetpick.inspection.inspect_picks import Known
from napari_unetpick.io.assign import assign_picks
from napari_unetpick.io.images.image import open_images
from napari_unetpick.io.images.listing import list_micrographs
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.labels import Labels, State, areas_beside, states_beside
from napari_unetpick.io.models import Model, load_model
from napari_unetpick.io.models import general_model as shipped_model
from napari_unetpick.io.picks import Picks
from napari_unetpick.io.sizes import check_diameter, check_sizes
from napari_unetpick.picking.operating_point import Keep
from napari_unetpick.settings import Settings, from_dict, load_recipe


def make_train_job(
    *,
    micrographs: str | Sequence[str],
    picks: Path,
    diameter: float,
    run: Path,
    pixel_size: float | None = None,
    scale: float = 1.0,
    orientation: str = "none",
    validation: str | None = None,
    partial: bool = False,
    negatives: Path | None = None,
    start: str | None = None,
    recipe: str = "improved",
    epochs: int | None = None,
    seed: int | None = None,
    device: str = "auto",
    resume: bool = False,
) -> tuple[TrainJob, list[str]]:
    """Check what `unetpick train` was given.

    Parameters
    ----------
    scale, orientation
        Of all labels, see `inspection.correction`.

    Returns
    -------
    The job, and messages for the user.

    Raises
    ------
    InputError, ModelError
        Something cannot be used.
    """
    check_sizes(diameter, pixel_size)
    settings = change_settings(load_recipe(recipe), epochs, seed)
    model, messages = choose_start(start, settings)
    if model is not None:
        settings = seen_as(settings, from_dict(model.card["settings"]))
    given = list_micrographs(micrographs)
    images = open_images(given, pixel_size)
    correction = make_correction(scale, orientation)
    dark = model is not None and is_general(model)
    known = Known(images=images, diameter=diameter, pixel_size=pixel_size, dark=dark)

    found = read_corrected(picks, correction, images, pixel_size)
    assigned = assign_inspected(found, given, known)
    messages += assigned.messages
    labels = make_labels(given, assigned, picks, "partial" if partial else "full")
    beside = (picks if picks.is_dir() else picks.parent) / "negatives.csv"
    negatives = beside if negatives is None and beside.is_file() else negatives
    if negatives is not None:
        places = read_corrected(negatives, correction, images, pixel_size)
        wrong = assign_picks(places, given, images.shapes)
        messages += wrong.messages
        labels |= {
            key: replace(labels.get(key, Labels("partial")), negatives=each.coords)
            for key, each in wrong.items()
        }
    share: frozenset[str] | float | None = None
    if validation is not None:
        share = read_fraction(validation)
        if share is None:
            found = read_corrected(validation, correction, images, pixel_size)
            validates = assign_inspected(found, given, known, sizes=False)
            messages += validates.messages
            labels |= {key: Labels("full", each.coords) for key, each in validates.items()}
            share = frozenset(validates)
    if not any(len(each.positives) for each in labels.values()):
        raise InputError(f"{picks}: has no picks; mark some particles first")
    job = TrainJob(
        micrographs=given,
        labels=labels,
        diameter=diameter,
        run=run,
        settings=settings,
        pixel_size=pixel_size,
        validation=share,
        start=model,
        device=device,
        resume=resume,
        notes=tuple(messages),
    )
    return job, messages


def make_labels(
    given: list[Micrograph], assigned: Mapping[str, Picks], picks: Path, state: State
) -> dict[str, Labels]:
    """Return labels by micrograph key, with states and areas from beside the picks."""
    labels = {key: Labels(state, each.coords) for key, each in assigned.items()}
    names = [m.name for m in given]
    for key, own in states_beside(picks, names).items():
        labels[key] = replace(labels.get(key, Labels("none")), state=own)
    for key, kinds in areas_beside(picks, names).items():
        labels[key] = replace(
            labels.get(key, Labels("none")),
            exclusions=kinds["exclusions"],
            complete=kinds["complete"],
        )
    return labels


def read_fraction(wish: str) -> float | None:
    """Read `--validation` as a fraction; None: it names picks, whose micrographs validate."""
    try:
        fraction = float(wish)
    except ValueError:
        return None
    if not 0 < fraction < 1:
        raise InputError(f"--validation {wish}: give a fraction between 0 and 1")
    return fraction


def seen_as(settings: Settings, trained: Settings) -> Settings:
    """Return settings with the network of a model and the scale that it sees particles at."""
    return replace(
        settings,
        network=trained.network,
        particle_px=trained.particle_px,
        upsample=trained.upsample,
    )


def choose_start(start: str | None, settings: Settings) -> tuple[Model | None, list[str]]:
    """Return the model to start from, and messages; None is the general model if it fits."""
    if start is not None or shipped_model() is None:
        return load_start(start), []
    general = load_start("general")
    assert general is not None
    own = from_dict(general.card["settings"]).network
    if replace(settings.network, junk=own.junk) == own:
        return general, []
    return None, ["the recipe's network is not the general model's: training starts from scratch"]


def load_start(start: str | None) -> Model | None:
    """Return the model that `--start` names; None and "scratch" are none."""
    if start in (None, "scratch"):
        return None
    if start == "general":
        return load_model(general_model("use --start scratch", "start from scratch"))
    return load_model(start)


def general_model(fix: str = "give --model", viewer: str = "choose another model") -> Path:
    """Return the path of the general model; an InputError where the package has none."""
    path = shipped_model()
    if path is None:
        raise InputError("this version has no general model", fix, viewer=viewer)
    return path


def model_paths(models: Sequence[str | Path] | None) -> list[Path]:
    """Return the paths of models; "general" is the general one, and so is None or nothing."""
    named = models or ["general"]
    return [general_model() if str(each) == "general" else Path(each) for each in named]


def change_settings(settings: Settings, epochs: int | None, seed: int | None) -> Settings:
    """Apply what the command line says over the recipe."""
    train = settings.train
    if epochs is not None:
        train = replace(train, epochs=epochs)
    if seed is not None:
        train = replace(train, seed=seed)
    return replace(settings, train=train)


def make_pick_job(
    *,
    micrographs: str | Sequence[str] | Sequence[Micrograph] | None,
    models: Sequence[str | Path] | None = None,
    out: Path,
    diameter: float | None = None,
    pixel_size: float | None = None,
    threshold: str = "auto",
    min_distance: float | None = None,
    formats: str = "star,csv",
    device: str = "auto",
    unfinished: Unfinished = "refuse",
    contrast: str = "auto",
    keep: str | None = None,
    max_picks: int | None = None,
    junk: bool = True,
    thorough: bool = False,
    threads: int | None = None,
    advice: Advice = Advice(),  # noqa: B008
) -> PickJob:
    """Check what `unetpick pick` was given; without models the general one picks.

    Micrographs are None where they arrive later.
    """
    check_sizes(diameter, pixel_size)
    if min_distance is not None and not min_distance >= 0:
        raise InputError(f"--min-distance {min_distance:g}: give a distance in Angstrom, 0 or more")
    listed = [each for each in micrographs or () if isinstance(each, Micrograph)]
    if micrographs is not None and not listed:
        listed = list_micrographs(cast("str | Sequence[str]", micrographs))
    return PickJob(
        micrographs=listed,
        models=[(str(path), load_model(path)) for path in model_paths(models)],
        out=out,
        diameter=diameter,
        pixel_size=pixel_size,
        threshold=read_threshold(threshold),
        min_distance=min_distance,
        formats=parse_formats(formats),
        device=device,
        unfinished=unfinished,
        contrast=contrast,
        keep=cast("Keep | None", keep),
        max_picks=max_picks,
        junk=junk,
        thorough=thorough,
        threads=threads,
        advice=advice,
    )


def read_diameter(text: str | None) -> float | None:
    """Read `auto` (None, as is nothing) or a diameter in A."""
    if text is None or text == "auto":
        return None
    try:
        return check_diameter(float(text))
    except ValueError:
        raise InputError(f"--diameter {text}: give auto or a diameter in Angstrom") from None


def read_threshold(text: str) -> float | None:
    """Read `auto` (None) or a number from 0 to 1."""
    if text == "auto":
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise InputError(f"--threshold {text}: give auto or a score from 0 to 1")
    return value
