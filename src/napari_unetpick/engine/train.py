"""Training, from labelled micrographs to a calibrated model in a run folder."""

from __future__ import annotations

import platform
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_unetpick import __version__
from napari_unetpick.engine import partial
from napari_unetpick.engine.dataset import (
    Item,
    disk_needed,
    prepare,
    split,
    split_by_names,
    store_targets,
    training_centres,
)
from napari_unetpick.engine.devices import choose_device, make_deterministic
from napari_unetpick.engine.fit import FitJob, Weights, fit, seconds_a_step
from napari_unetpick.engine.network import UNet, build_network, count_parameters, place
from napari_unetpick.engine.patches import PatchSource
from napari_unetpick.engine.run_folder import MODEL, RunFolder
from napari_unetpick.engine.validate import (
    MATCH,
    Found,
    best_f1,
    calibrate,
    find_candidates,
    judge_candidates,
)
from napari_unetpick.errors import EngineError, InputError, UnetPickError
from napari_unetpick.events import Done, Event, Failed, Message, Metrics
from napari_unetpick.io.labels import Labels, labels_hash, write_labels
from napari_unetpick.io.micrographs import Micrograph
from napari_unetpick.io.models import Model, save_model
from napari_unetpick.picking.calibration import Calibration
from napari_unetpick.settings import Settings, TargetSettings, to_dict

Trained = tuple[dict[str, Any], Weights]  # card and weights
VALIDATED_EACH_EPOCH = 6  # micrographs: more would take longer than the epoch


@dataclass(frozen=True)
class TrainJob:
    """What is to be trained.

    Parameters
    ----------
    micrographs
        All that were given; those without labels are left alone.
    labels
        By micrograph key.
    diameter
        A.
    run
        The run folder.
    pixel_size
        A/px, or None to take each micrograph's own.
    validation
        Keys of the micrographs that validate, or a fraction, or None for the default.
    start
        A model to go on from, or None to start afresh.
    """

    micrographs: list[Micrograph]
    labels: dict[str, Labels]
    diameter: float
    run: Path
    settings: Settings = field(default_factory=Settings)
    pixel_size: float | None = None
    validation: frozenset[str] | float | None = None
    start: Model | None = None
    device: str = "auto"
    threads: int = 2
    resume: bool = False


@dataclass
class Training:
    """A training as it goes: what its stages share."""

    job: TrainJob
    folder: RunFolder
    source: PatchSource
    device: torch.device
    check_stop: Callable[[], None]
    checkpoint: dict[str, Any]
    items: list[Item] = field(default_factory=list)

    @property
    def diameter(self) -> float:
        """Particle diameter in network pixels."""
        return float(np.mean([item.scale.network_diameter for item in self.items]))


def train(job: TrainJob, check_stop: Callable[[], None] = lambda: None) -> Iterator[Event]:
    """Train a model; the run folder then holds what design and users expect of it.

    Parameters
    ----------
    check_stop
        Called between steps; raises `Cancelled` to stop. The run can then be resumed.

    Yields
    ------
    Message, Progress, Metrics, Failed, and Done with the model's path and card.

    Raises
    ------
    InputError, ModelError, EngineError
        With one line that says what to do.
    """
    device, why = choose_device(job.device)
    make_deterministic()
    folder, config = RunFolder(job.run), config_of(job)
    saved = folder.check(config, resume=job.resume)
    if saved is not None and saved.get("finished") and (job.run / MODEL).is_file():
        yield Message(f"{job.run} is finished already; nothing to resume")
        yield Done({"model": str(job.run / MODEL), "finished_before": True})
        return
    yield Message(f"device: {why}")
    source = PatchSource(job.run / "cache", keep=job.resume and folder.begun)
    training = Training(job, folder, source, device, check_stop, saved or {"stages": {}})
    left_out = yield from prepare_items(training)
    folder.begin(config)
    folder.log(f"device: {why}")
    for event in left_out:
        folder.log(f"left out: {event.reason}")
    names = {m.key: m.path.name for m in job.micrographs}
    write_labels(job.run / "labels", {names[k]: v for k, v in job.labels.items() if k in names})
    for line in describe(training):
        folder.log(line)
        yield Message(line)
    held_out = [item for item in training.items if item.held_out is not None]
    steps = train_validated(training) if held_out else train_on_clicks(training)
    card, weights = yield from steps
    save_model(job.run / MODEL, Model({k: v.numpy() for k, v in weights.items()}, card))
    training.checkpoint["finished"] = True
    folder.save_checkpoint(training.checkpoint)
    source.remove()
    summary = summarise(card)
    folder.log(summary)
    yield Message(summary)
    yield Done({"model": str(job.run / MODEL), "card": card})


def prepare_items(training: Training) -> Generator[Event, None, list[Failed]]:
    """Preprocess and split; where that fails, a folder that held no run is left as it was."""
    failed: list[Failed] = []
    job = training.job
    try:
        for event in prepare(
            job.micrographs,
            job.labels,
            diameter=job.diameter,
            pixel_size=job.pixel_size,
            settings=job.settings,
            source=training.source,
            threads=job.threads,
            check_stop=training.check_stop,
            items=training.items,
        ):
            if isinstance(event, Failed):
                failed.append(event)
            yield event
        training.items = choose_validation(training)
        training.source.check_room(disk_needed([item.scale for item in training.items]))
    except UnetPickError:
        training.source.remove()
        if job.run.is_dir() and not any(job.run.iterdir()):
            job.run.rmdir()
        raise
    return failed


def config_of(job: TrainJob) -> dict[str, Any]:
    """Return what config.toml says: enough to repeat the run."""
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


def describe(training: Training) -> Iterator[str]:
    """Say what is trained on what, and what it will take."""
    items, settings = training.items, training.job.settings
    particles = sum(len(item.labels.positives) for item in items)
    held = [item for item in items if item.held_out is not None]
    network = build_network(settings.network)
    scale = items[0].scale
    yield (
        f"{len(items)} labelled micrographs, {particles:,} particles; "
        f"{len(held)} {'validate (in part)' if held and held[0].trains else 'validate'}; "
        f"particle {training.job.diameter:g} A = {scale.network_diameter:.1f} px "
        f"at {items[0].pixel_size * scale.ratio.mean():.2f} A/px"
    )
    disk = disk_needed([item.scale for item in items]) / 2**20
    epochs = settings.train.epochs * (1.0 if held else partial.total_share(items))
    patches = round(epochs * settings.train.patches_per_epoch)
    minutes = patches / settings.train.batch * seconds_a_step(settings, training.device) / 60
    yield (
        f"network of {count_parameters(network):,} parameters, {patches:,} patches in "
        f"{epochs:g} epochs: about {max(minutes, 0.1):,.1f} minutes, {disk:,.0f} MiB of disk"
    )


def train_validated(training: Training) -> Generator[Event, None, Trained]:
    """Train with held-out, fully labelled micrographs or regions; keep the best, calibrate."""
    held_out = [item for item in training.items if item.held_out is not None]
    few = held_out[:VALIDATED_EACH_EPOCH]

    def validate(network: UNet) -> dict[str, float]:
        ready = network.eval()
        pairs = [(item, candidates_of(training, ready, item)) for item in few]
        return {"validation_f1": best_f1(judge_candidates(pairs, MATCH))}

    weights = yield from run_stage(
        training,
        "training",
        number=0,
        items=[item for item in training.items if item.trains],
        epochs=training.job.settings.train.epochs,
        validate=validate,
    )
    network = ready_network(training, weights)
    calibration = calibrate([(i, candidates_of(training, network, i)) for i in held_out])
    return card_of(training, calibration), weights


def train_on_clicks(training: Training) -> Generator[Event, None, Trained]:
    """Train with partial labels alone: cross-fit, threshold by held-out clicks, train on all."""
    yield Message(
        "partial labels: precision cannot be measured; the threshold comes from held-out clicks"
    )
    settings, pairs = training.job.settings, []
    for number, items in enumerate(partial.make_folds(training.items)):
        weights = yield from run_stage(
            training,
            f"cross-fit {number + 1}",
            number=number + 1,
            items=[item for item in items if item.trains],
            epochs=max(1, round(partial.FOLD_SHARE * settings.train.epochs)),
        )
        network = ready_network(training, weights)
        held = [item for item in items if item.held_out is not None]
        pairs += [(item, candidates_of(training, network, item)) for item in held]
    held_out = partial.gather(pairs)
    chosen = partial.threshold_from_clicks(held_out, np.random.default_rng(settings.train.seed))
    probable: dict[int, list[Any]] = {item.index: [] for item in training.items}
    for item, found in pairs:
        places = partial.probable_particles(item, found, held_out.clicks)
        probable[item.index].append(
            places[item.held_out.holds(places)] if item.held_out else places
        )
    ignored = {index: np.concatenate(parts) for index, parts in probable.items()}
    weights = yield from run_stage(
        training,
        "training",
        number=0,
        items=training.items,
        epochs=max(1, round(partial.FINAL_SHARE * settings.train.epochs)),
        target=replace(settings.target, unknown_weight=partial.CLEAN_WEIGHT),
        ignored=ignored,
    )
    network = ready_network(training, weights)
    found_all = [candidates_of(training, network, item) for item in training.items]
    raw = partial.transfer_threshold(found_all, chosen.picks)
    yield Message(
        f"threshold: {chosen.picks:.0f} picks a micrograph ({chosen.low:.0f}-{chosen.high:.0f}), "
        f"keeping {100 * chosen.recall:.0f} % of {len(held_out.clicks)} held-out clicks"
    )
    calibration = Calibration(kind="rank", threshold=raw, expected_recall=chosen.recall)
    return card_of(training, calibration), weights


def run_stage(
    training: Training,
    name: str,
    *,
    number: int,
    items: list[Item],
    epochs: int,
    validate: Callable[[UNet], dict[str, float]] | None = None,
    target: TargetSettings | None = None,
    ignored: dict[int, Any] | None = None,
) -> Generator[Event, None, Weights]:
    """Train one network, or take it from the checkpoint; return its best weights."""
    done: dict[str, Any] = training.checkpoint["stages"]
    if name in done and done[name]["epoch"] >= epochs:
        return best_of(done[name])
    settings = training.job.settings
    for item in items:
        extra = ignored.get(item.index) if ignored else None
        store_targets(item, training.source, target or settings.target, extra)
    job = FitJob(
        settings=settings,
        source=training.source,
        centres={item.index: training_centres(item) for item in items},
        shapes={item.index: item.scale.network_shape for item in items},
        diameter=training.diameter,
        device=training.device,
        validate=validate,
        epochs=epochs,
        stage=name,
        stage_number=number,
        start=start_weights(training),
    )

    def save(state: dict[str, Any]) -> None:
        finished = state["epoch"] >= epochs
        kept = {"epoch": state["epoch"], "best": state["best"]} if finished else state
        done[name] = kept
        training.folder.save_checkpoint(training.checkpoint)

    for event in fit(job, done.get(name), save, training.check_stop):
        if isinstance(event, Metrics):
            row = {"stage": name, "epoch": event.epoch, **event.values}
            training.folder.history.append(row)
            figures = ", ".join(f"{key} {value:.4f}" for key, value in event.values.items())
            training.folder.log(f"{name}, epoch {event.epoch}/{epochs}: {figures}")
        yield event
    return best_of(done[name])


def best_of(state: dict[str, Any]) -> Weights:
    """Return the best weights of a finished stage."""
    weights: Weights = state["best"]
    return weights


def start_weights(training: Training) -> Weights | None:
    """Return the weights of the model that the job starts from."""
    start = training.job.start
    if start is None:
        return None
    return {name: torch.from_numpy(value.copy()) for name, value in start.weights.items()}


def ready_network(training: Training, weights: Weights) -> UNet:
    """Return a network with these weights, ready to score."""
    network = build_network(training.job.settings.network)
    network.load_state_dict(weights)
    return place(network.fused(), training.device)


def candidates_of(training: Training, network: UNet, item: Item) -> Found:
    """Find the candidates of one item."""
    return find_candidates(network, item, training.source, training.device, training.check_stop)


def card_of(training: Training, calibration: Calibration) -> dict[str, Any]:
    """Return the model's card: no path, no date, no duration, so one seed gives one file."""
    items, job = training.items, training.job
    history = [row for row in training.folder.history if row["stage"] == "training"]
    held_out = [item for item in items if item.held_out is not None]
    if not all(np.isfinite(row["loss"]) for row in history):
        raise EngineError("training diverged; lower the learning rate")
    return {
        "settings": to_dict(job.settings),
        "diameter": job.diameter,
        "pixel_size": round(float(np.median([item.pixel_size for item in items])), 4),
        "calibration": calibration.to_dict(),
        "validation": {
            "protocol": "particle",
            "border": 0.5,
            "micrographs": len(held_out),
            "f1": round(max((r.get("validation_f1", 0.0) for r in history), default=0.0), 4)
            if held_out
            else None,
        },
        "training": {
            "micrographs": sum(item.trains for item in items),
            "particles": sum(len(training_centres(item)) for item in items if item.trains),
            "labels": sorted({item.labels.state for item in items}),
        },
        "data": labels_hash({item.micrograph.key: item.labels for item in items}),
        "versions": {
            "napari-unetpick": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }


def summarise(card: dict[str, Any]) -> str:
    """Say in a line what the model reached."""
    calibration, validation = card["calibration"], card["validation"]
    if validation["f1"] is None:
        return f"done; threshold {calibration['threshold']:.3f} (a rank, from held-out clicks)"
    return (
        f"done; validation F1 {validation['f1']:.3f} (protocol particle, "
        f"{validation['micrographs']} micrographs, best epoch, border of d/2 left out); "
        f"threshold {calibration['threshold']:.3f}, "
        f"expected precision {calibration['expected_precision']:.2f}"
    )
