"""Training of the general model: from nothing to a calibrated model, resumable at every epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from napari_unetpick.engine.data.patches import PatchSource
from napari_unetpick.engine.devices import choose_device, make_deterministic
from napari_unetpick.engine.general.calibrate import find_all, held_out, learn_calibration
from napari_unetpick.engine.general.job import PATCHES_AN_EPOCH, GeneralJob
from napari_unetpick.engine.general.junk_output import fit_junk_output
from napari_unetpick.engine.general.render import render_or_none
from napari_unetpick.engine.general.supply import Supply
from napari_unetpick.engine.nn.unet import (
    UNet,
    between,
    build_network,
    count_parameters,
    place,
    state_of,
)
from napari_unetpick.engine.runs.folder import RunFolder
from napari_unetpick.engine.runs.record import versions
from napari_unetpick.engine.train.loop import FitJob, Weights, fit
from napari_unetpick.engine.train.validation import best_f1, label_and_pool
from napari_unetpick.events import Done, Event, Message, Metrics
from napari_unetpick.io.models import Model, save_model
from napari_unetpick.io.picks import tell_count
from napari_unetpick.picking.scale import SAME_PARTICLE
from napari_unetpick.project.runs import MODEL
from napari_unetpick.settings import to_dict

STAGE = "general"
VALIDATED_EACH_EPOCH = 16  # held-out micrographs


def train_general(
    job: GeneralJob, check_stop: Callable[[], None] = lambda: None
) -> Iterator[Event]:
    """Train the general model on micrographs that are simulated as they are needed.

    The run folder then holds model.safetensors (float32), metrics.jsonl, config.toml, a log and the
    checkpoint. On the CPU the same settings give the same bytes, however often the run was stopped
    and whatever the number of rendering processes.

    Yields
    ------
    Message, Progress, Metrics, and Done with the model's path and card.

    Raises
    ------
    InputError, EngineError
        With one line that says what to do.
    """
    device, why = choose_device(job.device)
    make_deterministic()
    folder, settings = RunFolder(job.run), job.settings
    state = folder.check(job.config(), resume=job.resume) or {}
    folder.begin(job.config())
    yield Message(f"device: {why}")
    yield Message(describe(job))
    source = PatchSource(job.run / "cache")
    supply = Supply(
        settings,
        source,
        window=job.window,
        fresh=job.fresh,
        first=job.first,
        last=job.last,
        processes=job.processes,
        check_stop=check_stop,
    )
    few = held_out(settings, min(VALIDATED_EACH_EPOCH, job.calibrating))

    def validate(network: UNet) -> dict[str, float]:
        pairs = find_all(network.eval(), few, device)
        return {"validation_f1": best_f1(label_and_pool(pairs, SAME_PARTICLE))}

    def save(fitted: dict[str, Any]) -> None:
        state["fit"] = fitted
        folder.save_checkpoint(state)

    work = FitJob(
        settings=settings,
        source=source,
        centres=supply.centres,
        shapes=supply.shapes,
        diameter=settings.particle_px,
        device=device,
        validate=validate,
        epochs=settings.train.epochs,
        stage=STAGE,
        start=job.start,
        rate=job.rate,
        renew=supply.renew,
    )
    try:
        for event in fit(work, state.get("fit"), save, check_stop):
            if isinstance(event, Metrics):
                folder.history.append({"stage": STAGE, "epoch": event.epoch, **event.values})
                figures = ", ".join(f"{key} {value:.4g}" for key, value in event.values.items())
                folder.log(f"epoch {event.epoch}/{settings.train.epochs}: {figures}")
            yield event
    finally:
        supply.close()
        source.remove()
    weights: Weights = state["fit"]["average"]  # the last: few held-out micrographs choose badly
    if job.start is not None and job.back > 0:
        yield Message("fitting the output for junk again")
        weights = taken_back(job, weights, device, check_stop)
    yield Message(
        f"calibrating on {tell_count(job.calibrating, 'simulated micrograph')} that taught it "
        "nothing"
    )
    network = build_network(settings.network)
    network.load_state_dict(weights)
    learned = yield from learn_calibration(
        place(network.fused(), device),
        settings,
        job.calibrating,
        device,
        job.processes,
        check_stop,
    )
    card = {**card_of(job, device), **learned}
    arrays = {name: np.asarray(value) for name, value in weights.items()}
    save_model(job.run / MODEL, Model(arrays, card))
    table = card["validation"]
    yield Message(f"done; F1 {table['f1']:.3f} on {table['data']} (protocol {table['protocol']})")
    yield Done({"model": str(job.run / MODEL), "card": card})


def taken_back(
    job: GeneralJob, weights: Weights, device: torch.device, check_stop: Callable[[], None]
) -> Weights:
    """Return the weights part of the way back to the start, with their own output for junk."""
    assert job.start is not None
    network = build_network(job.settings.network)
    network.load_state_dict(between(job.start, weights, job.back))
    if network.outputs > 1:
        numbers = range(job.last, job.last + job.window)
        seed = job.settings.train.seed
        rendered = (render_or_none(job.settings, seed, number) for number in numbers)
        micrographs = (each for each in rendered if each is not None)
        fit_junk_output(place(network, device).eval(), micrographs, seed, check_stop)
    return state_of(network)


def describe(job: GeneralJob) -> str:
    """Say what is trained and on how much."""
    train = job.settings.train
    patches = train.epochs * train.patches_per_epoch
    parameters = count_parameters(build_network(job.settings.network))
    return (
        f"general model: network of {parameters:,} parameters, {patches:,} patches of "
        f"{tell_count(job.last - job.first, 'simulated micrograph')} in "
        f"{tell_count(train.epochs, 'epoch')}"
    )


def card_of(job: GeneralJob, device: torch.device) -> dict[str, Any]:
    """Return the card but for the scores: no path, no date, no duration: one seed, one file."""
    train = job.settings.train
    return {
        "general": True,
        "settings": to_dict(job.settings),
        "diameter": None,
        "training": {
            "command": f"unetpick train-general --run DIR --patches "
            f"{train.epochs * PATCHES_AN_EPOCH} --batch {train.batch} --seed {train.seed} "
            f"--first {job.first}"
            + (f" --start MODEL --rate {job.rate:g} --back {job.back:g}" if job.start else ""),
            "micrographs": job.last - job.first,
            "labels": ["simulated"],
        },
        "data": f"diet, samples {job.first} to {job.last - 1}, seed {train.seed}",
        "licence": "BSD-3-Clause",
        "device": device.type,
        "versions": versions(),
    }
