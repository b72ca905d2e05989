"""What trains: the labelled micrographs of a project folder, read without taking its lock."""

from __future__ import annotations

from pathlib import Path

from napari_unetpick.engine.inputs import load_start, seen_as
from napari_unetpick.engine.pick.ensemble import read_card
from napari_unetpick.engine.self_train.job import SelfTrainJob, make_self_train_job
from napari_unetpick.engine.train.job import TrainJob
from napari_unetpick.errors import InputError
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.labels import Labels, read_labels
from napari_unetpick.project.project import Project
from napari_unetpick.protocol.requests import SelfTrainRequest, TrainRequest

SET_ASIDE = ("validation", "test")
TrainingSet = tuple[list[Micrograph], dict[str, Labels], float]


def open_to_read(folder: Path) -> Project:
    """Open a project that the viewer has locked, as it is on disk now."""
    return Project.open(folder, lock=False)


def training_set_of(project: Project) -> TrainingSet:
    """Return what a project has to train on: labelled, not rejected, not set aside for testing.

    Returns
    -------
    The micrographs, their labels by key, and the particle diameter (A).

    Raises
    ------
    InputError
        The project has no diameter.
    """
    if project.diameter is None:
        raise InputError("the project has no particle diameter yet; measure or type it")
    entries = project.entries
    labels = {k: each for k, each in project.labels().items() if entries[k].split != "test"}
    return [entries[key].micrograph for key in labels], labels, project.diameter


def make_train_job(request: TrainRequest) -> TrainJob:
    """Gather a training from a project."""
    project = open_to_read(request.project)
    micrographs, labels, diameter = training_set_of(project)
    if request.keys is not None:
        for key in request.keys:
            if key not in labels:
                raise InputError(f"{key}: has no labels to train on; label it or deselect it")
        micrographs = [m for m in micrographs if m.key in request.keys]
        labels = {m.key: labels[m.key] for m in micrographs}
    if not any(len(each.positives) for each in labels.values()):
        raise InputError("no labelled micrograph has a pick; mark some particles first")
    model, settings = load_start(request.start), request.settings
    if model is not None:
        trained, *_ = read_card(request.start or "the general model", model)
        settings = seen_as(settings, trained)
    return TrainJob(
        micrographs=micrographs,
        labels=labels,
        diameter=diameter,
        run=request.run,
        settings=settings,
        pixel_size=request.pixel_size,
        validation=choose_validation(request, project, labels),
        start=model,
        device=request.device,
        resume=request.resume,
    )


def gather_self_training(request: SelfTrainRequest) -> tuple[SelfTrainJob, list[str]]:
    """Gather a self-training from a project and one of its runs, with what to tell first.

    Labels are those that the run was trained with; whatever is labelled now, rejected or set
    aside is not used. Areas and negatives of the unlabelled micrographs are heeded.
    """
    project = open_to_read(request.project)
    entries = project.entries
    if request.keys is None:
        free = {k: e for k, e in entries.items() if e.kept and e.state == "none"}
        keys = [key for key, entry in free.items() if entry.split not in SET_ASIDE]
    else:
        for key in request.keys:
            if key not in entries:
                raise InputError(f"{key}: no such micrograph in the project; open it again")
            if entries[key].split in SET_ASIDE:
                raise InputError(f"{key}: is in the {entries[key].split} split; deselect it")
        keys = list(request.keys)
    wanted = set(keys)
    # the run's labelled ones may lie elsewhere now; what is only moved is found by its name
    names = read_labels(request.run / "labels") if (request.run / "labels").is_dir() else {}
    labelled = {k for k, e in entries.items() if e.micrograph.path.name in names}
    given = [e.micrograph for k, e in entries.items() if k in wanted or k in labelled]
    return make_self_train_job(
        micrographs=given,
        run=request.run,
        marks={
            key: Labels("none", negatives=marks.negatives, exclusions=marks.exclusions)
            for key in keys
            for marks in [project.annotations(key)]
        },
        rounds=request.rounds,
        epochs=request.epochs,
        positive_quantile=request.positive_quantile,
        ignore_quantile=request.ignore_quantile,
        device=request.device,
        again="either",
    )


def choose_validation(
    request: TrainRequest, project: Project, labels: dict[str, Labels]
) -> frozenset[str] | float | None:
    """Return what validates: as asked for, else the project's own split, else the default."""
    if isinstance(request.validation, frozenset):
        absent = sorted(request.validation - set(labels))
        if absent:
            raise InputError(f"{absent[0]}: cannot validate, since it has no labels; label it")
        return request.validation
    if request.validation is not None:
        return request.validation
    # precision cannot be measured on partly labelled ones
    own = {
        key
        for key, each in labels.items()
        if project.entries[key].split == "validation" and each.state == "full"
    }
    return frozenset(own) if own and own != set(labels) else None
