"""A stage of a training: one network fitted, or taken from the checkpoint of an earlier try."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import torch

from napari_unetpick.engine.dataset import Item, store_targets, training_centres
from napari_unetpick.engine.fit import FitJob, Weights, fit
from napari_unetpick.engine.network import UNet, build_network, place
from napari_unetpick.engine.targets import fit_discs
from napari_unetpick.engine.train_job import Training
from napari_unetpick.engine.validate import Found, find_candidates
from napari_unetpick.events import Event, Metrics
from napari_unetpick.settings import TargetSettings


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
) -> Generator[Event, None, Weights]:
    """Train one network, or take it from the checkpoint; return its best weights."""
    done: dict[str, Any] = training.checkpoint["stages"]
    if name in done and done[name]["epoch"] >= epochs:
        return best_of(done[name])
    settings = training.job.settings
    centres = {item.index: training_centres(item) for item in items}
    discs = fit_discs(target or settings.target, list(centres.values()), training.diameter)
    for item in items:
        extra = ignored.get(item.index) if ignored else None
        store_targets(item, training.source, discs, extra)
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
        start=start_weights(training),
        rate=rate,
    )

    def save(state: dict[str, Any]) -> None:
        finished = state["epoch"] >= epochs
        kept = {"epoch": state["epoch"], "best": state["best"]} if finished else state
        done[name] = kept
        training.folder.save_checkpoint(training.checkpoint)

    for event in fit(job, done.get(name), save, training.check_stop, training.look):
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
