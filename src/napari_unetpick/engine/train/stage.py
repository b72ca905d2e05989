"""A stage of a training: one network fitted, or taken from the checkpoint of an earlier try."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_unetpick.engine.data.targets import fit_discs
from napari_unetpick.engine.data.training_set import Item, store_targets, training_centres
from napari_unetpick.engine.nn.unet import UNet, build_network, place
from napari_unetpick.engine.pick.score_map import find_on, score_map
from napari_unetpick.engine.train.job import Training
from napari_unetpick.engine.train.loop import FitJob, Weights, fit
from napari_unetpick.events import Event, Message, Metrics
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.settings import TargetSettings

JUNK = 0.5  # score of a pixel from which it is junk, which teaches nothing
KEPT = ("epoch", "best", "stopped")  # of a finished stage


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
    rate: float = 1.0,
    start: Weights | None = None,
) -> Generator[Event, None, Weights]:
    """Train one network, or take it from the checkpoint; return its best weights.

    It starts from `start`, or else from the model that the job starts from, if any. Where that one
    knows junk, its junk teaches nothing but what junk is, so that the network goes on knowing it.
    """
    done: dict[str, Any] = training.checkpoint["stages"]
    if name in done and is_finished(done[name], epochs):
        return best_of(done[name])
    settings = training.job.settings
    centres = {item.index: training_centres(item) for item in items}
    discs = fit_discs(target or settings.target, list(centres.values()), training.diameter)
    first = start_weights(training) if settings.network.junk else None
    teacher = None if first is None else ready_network(training, first)
    for item in items:
        extra = ignored.get(item.index) if ignored else None
        junk = None if teacher is None else junk_in(training, teacher, item)
        store_targets(item, training.source, discs, extra, junk)
    job = FitJob(
        settings=settings,
        source=training.source,
        centres=centres,
        shapes={item.index: item.scale.network_shape for item in items},
        diameter=training.diameter,
        device=training.device,
        validate=validate,
        epochs=epochs,
        stage=name,
        stage_number=number,
        start=start if start is not None else start_weights(training),
        rate=rate,
    )

    def save(state: dict[str, Any]) -> None:
        finished = is_finished(state, epochs)
        done[name] = {key: state[key] for key in KEPT} if finished else state
        training.folder.save_checkpoint(training.checkpoint)

    for event in fit(job, done.get(name), save, training.check_stop, training.show_network):
        if isinstance(event, Metrics):
            row = {"stage": name, "epoch": event.epoch, **event.values}
            training.folder.history.append(row)
            figures = ", ".join(f"{key} {value:.4g}" for key, value in event.values.items())
            training.folder.log(f"{name}, epoch {event.epoch}/{epochs}: {figures}")
        elif isinstance(event, Message):
            training.folder.log(event.text)
        yield event
    return best_of(done[name])


def is_finished(state: dict[str, Any], epochs: int) -> bool:
    """Tell whether a stage has come to its end, by its last epoch or early."""
    return bool(state["epoch"] >= epochs or state.get("stopped", False))


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


def junk_in(training: Training, network: UNet, item: Item) -> NDArray[np.bool_]:
    """Return where the network sees junk in one item, (rows, cols) of the network's shape."""
    image = training.source.image(item.index)
    scores = score_map(network, image, training.device, check_stop=training.check_stop)
    return np.asarray(scores[1] >= JUNK)


def candidates_of(
    training: Training, network: UNet, item: Item, *, negative: bool = False
) -> Candidates:
    """Find the candidates of one item, or of its negative; none in junk."""
    image = training.source.image(item.index)
    image = -image if negative else image
    found = find_on(network, image, item.scale, training.device, training.check_stop)
    return found.outside_junk()
