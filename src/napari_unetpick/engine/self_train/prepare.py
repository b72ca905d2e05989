"""The micrographs of a self-training: labelled ones as training split them, and learners."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

from napari_unetpick.engine.data.training_set import Item, disk_needed
from napari_unetpick.engine.runs.resume_check import check_pixel_sizes, read_start_config
from napari_unetpick.engine.self_train.held_out import parts_to_check
from napari_unetpick.engine.self_train.job import SelfTrainJob
from napari_unetpick.engine.self_train.state import SELF_TRAIN
from napari_unetpick.engine.self_train.teacher import SelfTraining
from napari_unetpick.engine.train.run import choose_validation
from napari_unetpick.errors import InputError, UnetPickError
from napari_unetpick.events import Event, Failed
from napari_unetpick.io.labels import Labels, labels_hash
from napari_unetpick.project.runs import CONFIG


def prepare_all(run: SelfTraining) -> Generator[Event, None, list[Failed]]:
    """Preprocess everything, split the labelled micrographs as training did, find the learners."""
    job, training = run.job, run.training
    marked = {
        m.key: replace(job.marks.get(m.key, Labels("none")), state="partial") for m in job.learn
    }
    try:
        everything, failed = yield from training.prepare(
            [*job.train.micrographs, *job.learn], {**job.train.labels, **marked}
        )
        training.items = [i for i in everything if i.micrograph.key in job.train.labels]
        check_items(job, training.items)
        trained_in = job.train.run
        check_pixel_sizes(read_start_config(trained_in / CONFIG), training.items, trained_in)
        if run.state.resumed:
            check_pixel_sizes(read_start_config(trained_in / SELF_TRAIN), everything, trained_in)
        training.items = choose_validation(training)
        run.learners = [
            *(i for i in training.items if i.labels.state == "partial" and i.held_out is None),
            *(i for i in everything if i.micrograph.key not in job.train.labels),
        ]
        if not run.learners:
            raise InputError(
                "no micrographs for pseudo-labels: all given ones are fully labelled or "
                "used for validation; give unlabelled ones, too"
            )
        training.source.check_room(disk_needed([item.scale for item in everything]))
    except UnetPickError:
        training.source.remove()
        raise
    run.parts = parts_to_check(training.items)
    return failed


def check_items(job: SelfTrainJob, items: list[Item]) -> None:
    """Refuse other labelled data than the model was trained with: the split would be another."""
    known = job.train.start.card.get("data") if job.train.start else None
    if known != labels_hash({item.micrograph.key: item.labels for item in items}):
        raise InputError(
            f"{job.train.run}: labels or labelled micrographs changed since its model was "
            "trained, so its validation split is unknown; train again"
        )
