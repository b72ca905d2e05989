"""Training, from labelled micrographs to a calibrated model in a run folder."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from napari_unetpick.engine.data.patches import PatchSource
from napari_unetpick.engine.data.training_set import (
    Item,
    disk_needed,
    split,
    split_by_names,
    training_centres,
)
from napari_unetpick.engine.devices import choose_device, make_deterministic
from napari_unetpick.engine.nn.unet import UNet, build_network, count_parameters
from napari_unetpick.engine.runs.folder import RunFolder
from napari_unetpick.engine.runs.model_card import card_of, summarise
from napari_unetpick.engine.runs.record import Record
from napari_unetpick.engine.runs.resume_check import (
    PIXEL_SIZES,
    check_pixel_sizes,
    pixel_sizes,
    read_start_config,
)
from napari_unetpick.engine.timing import seconds_a_step
from napari_unetpick.engine.train import ranks
from napari_unetpick.engine.train.job import ShowNetwork, Training, TrainJob
from napari_unetpick.engine.train.loop import Weights
from napari_unetpick.engine.train.partial_labels import share_of_epochs, train_on_clicks
from napari_unetpick.engine.train.stage import candidates_of, ready_network, run_stage
from napari_unetpick.engine.train.validation import Pairs, best_f1, calibrate, label_and_pool
from napari_unetpick.errors import InputError, UnetPickError
from napari_unetpick.events import Done, Event, Failed, Message
from napari_unetpick.io.labels import labels_hash, write_labels
from napari_unetpick.io.models import Model, is_whole, save_model
from napari_unetpick.io.picks import tell_count
from napari_unetpick.picking.calibration import Calibration
from napari_unetpick.picking.scale import SAME_PARTICLE
from napari_unetpick.project.occupied import occupied
from napari_unetpick.project.runs import CONFIG, MODEL
from napari_unetpick.settings import to_dict
from napari_unetpick.version import __version__

Trained = tuple[dict[str, Any], Weights]  # card and weights
CALIBRATING = 10  # training micrographs that are asked where few are held out
VALIDATED_EACH_EPOCH = 6  # micrographs: more would take longer than the epoch


def train(
    job: TrainJob,
    check_stop: Callable[[], None] = lambda: None,
    show_network: ShowNetwork = lambda network: None,
) -> Iterator[Event]:
    """Train a model; the run folder then holds what design and users expect of it.

    Parameters
    ----------
    check_stop
        Called between steps; raises `Cancelled` to stop. The run can then be resumed.
    show_network
        Shown the averaged network between steps, for previews; must not change it.

    Yields
    ------
    Message, Progress, Metrics, Failed, and Done with the model's path and card.

    Raises
    ------
    InputError, ModelError, EngineError
        With one line that says what to do.
    """
    with occupied(job.run):
        yield from _train(job, check_stop, show_network)


def _train(
    job: TrainJob, check_stop: Callable[[], None], show_network: ShowNetwork
) -> Iterator[Event]:
    device, why = choose_device(job.device)
    make_deterministic()
    folder, config, record = RunFolder(job.run), config_of(job), Record(job.run, "train")
    saved = folder.check(config, resume=job.resume)
    if saved is not None and saved.get("finished") and is_whole(job.run / MODEL):
        with suppress(UnetPickError):  # a copy of what the checkpoint holds
            folder.save_metrics()
        yield Message(f"{job.run} is already finished; nothing to resume")
        yield Done({"model": str(job.run / MODEL), "finished_before": True})
        return
    why += f", in {ranks.count()} processes" * (ranks.count() > 1)
    yield Message(f"device: {why}")
    source = PatchSource(job.run / "cache", keep=job.resume and folder.started)
    training = Training(
        job, folder, source, device, check_stop, saved or {"stages": {}}, show_network
    )
    left_out = yield from prepare_items(training)
    folder.begin({**config, PIXEL_SIZES: pixel_sizes(training.items)})
    record.begin(training, training.items, why, go_on=job.resume)
    folder.log(f"device: {why}")
    for note in job.notes:
        folder.log(note)
    for event in left_out:
        folder.log(f"skipped: {event.reason}")
    names = {m.key: m.path.name for m in job.micrographs}
    write_labels(job.run / "labels", {names[k]: v for k, v in job.labels.items() if k in names})
    for line in describe_training(training):
        folder.log(line)
        yield Message(line)
    held_out = [item for item in training.items if item.held_out is not None]
    steps = train_validated(training) if held_out else train_on_clicks(training)
    with record:
        card, weights = yield from steps
    save_model(job.run / MODEL, Model({k: v.numpy() for k, v in weights.items()}, card))
    training.checkpoint["finished"] = True
    folder.save_checkpoint(training.checkpoint)
    results = {name: card[name] for name in ("validation", "calibration")}
    record.end(folder.history, **results)
    source.remove()
    summary = summarise(card)
    folder.log(summary)
    yield Message(summary)
    yield Done({"model": str(job.run / MODEL), "card": card})


def prepare_items(training: Training) -> Generator[Event, None, list[Failed]]:
    """Preprocess and split; where that fails, nothing of it is left."""
    job = training.job
    try:
        training.items, failed = yield from training.prepare(job.micrographs, job.labels)
        if job.resume:
            check_pixel_sizes(read_start_config(job.run / CONFIG), training.items, job.run)
        training.items = choose_validation(training)
        training.source.check_room(disk_needed([item.scale for item in training.items]))
    except UnetPickError:
        training.source.remove()
        raise
    return failed


def config_of(job: TrainJob) -> dict[str, Any]:
    """Return what config.toml says, but for the pixel sizes: enough to repeat the run."""
    validation = sorted(job.validation) if isinstance(job.validation, frozenset) else job.validation
    table = {
        "version": __version__,
        "diameter": job.diameter,
        "pixel_size": job.pixel_size,
        "validation": validation,
        "start": "scratch" if job.start is None else job.start.card.get("data", "model"),
        "micrographs": [str(m.path) for m in job.micrographs],
        "labels": labels_hash(job.labels),
        "settings": to_dict(job.settings),
    }
    return {key: value for key, value in table.items() if value is not None}


def choose_validation(training: Training) -> list[Item]:
    """Split the items as the job says, by default as `dataset.split` does."""
    job, items = training.job, training.items
    rng = np.random.default_rng([job.settings.train.seed, 77])
    if isinstance(job.validation, frozenset):
        chosen = split_by_names(items, set(job.validation))
    elif job.validation is not None:
        chosen = split(items, rng, job.validation)
    else:
        chosen = split(items, rng)
    if not sum(len(training_centres(item)) for item in chosen if item.trains):
        raise InputError("no labelled particle is left to train on; label more micrographs")
    return chosen


def describe_training(training: Training) -> Iterator[str]:
    """Say what is trained on what, and what it will take."""
    items, settings = training.items, training.job.settings
    particles = sum(len(item.labels.positives) for item in items)
    held = [item for item in items if item.held_out is not None]
    network = build_network(settings.network)
    scale = items[0].scale
    yield (
        f"{tell_count(len(items), 'labelled micrograph')}, {tell_count(particles, 'particle')}; "
        f"{len(held)} for validation{' (in part)' if held and held[0].trains else ''}; "
        f"particle {training.job.diameter:g} A ({scale.network_diameter:.1f} px "
        f"at {items[0].pixel_size * scale.ratio.mean():.2f} A/px)"
    )
    disk = disk_needed([item.scale for item in items]) / 2**20
    epochs = settings.train.epochs * (1.0 if held else share_of_epochs(training))
    patches = round(epochs * settings.train.patches_per_epoch)
    minutes = patches / settings.train.batch * seconds_a_step(settings, training.device) / 60
    yield (
        f"network of {count_parameters(network):,} parameters, {patches:,} patches: about "
        f"{max(minutes, 0.1):,.1f} minutes, {disk:,.0f} MiB of disk"
    )
    if not held and settings.train.patience:
        yield "no early stopping: there are no validation micrographs"


def train_validated(training: Training) -> Generator[Event, None, Trained]:
    """Train with held-out, fully labelled micrographs or regions; keep the best, calibrate."""
    weights = yield from run_stage(
        training,
        "training",
        number=0,
        items=[item for item in training.items if item.trains],
        epochs=training.job.settings.train.epochs,
        validate=epoch_validation(training),
        rate=training.rate,
    )
    calibration, apart = calibrate_network(training, ready_network(training, weights))
    return card_of(training, calibration, apart), weights


def epoch_validation(training: Training) -> Callable[[UNet], dict[str, float]]:
    """Return what scores a network on a few held-out micrographs after each epoch."""
    held_out = [item for item in training.items if item.held_out is not None]
    few = held_out[:VALIDATED_EACH_EPOCH]

    def validate(network: UNet) -> dict[str, float]:
        ready = network.eval()
        pairs = [(item, candidates_of(training, ready, item)) for item in few]
        return {"validation_f1": best_f1(label_and_pool(pairs, SAME_PARTICLE))}

    return validate


def calibrate_network(training: Training, network: UNet) -> tuple[Calibration, Pairs]:
    """Calibrate on the fully labelled micrographs; also return those held out, with candidates."""
    full = [item for item in training.items if item.labels.state == "full"]
    found = [(item, candidates_of(training, network, item)) for item in full]
    apart = [pair for pair in found if pair[0].held_out is not None]
    calibration = calibrate(
        apart, [pair for pair in found if pair[0].held_out is None][:CALIBRATING]
    )
    return calibration, apart
