"""The jobs of the engine process: requests become generators of events, as the CLI runs them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from napari_unetpick.engine.devices import choose_device
from napari_unetpick.engine.nn.unet import UNet
from napari_unetpick.engine.pick.ensemble import Scorer, make_scorer
from napari_unetpick.engine.pick.find import FindJob, find
from napari_unetpick.engine.pick.findings import Findings
from napari_unetpick.engine.pick.survey import needs_survey, survey
from napari_unetpick.engine.pick.windows import spread
from napari_unetpick.engine.self_train.run import self_train
from napari_unetpick.engine.train.job import ShowNetwork, TrainJob
from napari_unetpick.engine.train.preview import Marked, Previewer
from napari_unetpick.engine.train.run import train
from napari_unetpick.errors import Cancelled, InputError
from napari_unetpick.events import Done, Event, Failed, FoundCandidates, Message
from napari_unetpick.io.models import load_model
from napari_unetpick.protocol.requests import (
    CompareRequest,
    DeviceRequest,
    PickRequest,
    PreviewRequest,
    SelfTrainRequest,
    TrainRequest,
)
from napari_unetpick.study.compare.run import compare
from napari_unetpick.worker.comparison import make_comparison, write_result
from napari_unetpick.worker.failures import explain
from napari_unetpick.worker.training_set import gather_self_training, make_train_job, open_to_read


@dataclass
class Scorers:
    """The scorer of the last picking, kept for the next one with the same models."""

    _key: object = None
    _scorer: Scorer | None = None
    _found: dict[object, Findings] = field(default_factory=dict)

    def get(self, models: tuple[Path, ...], device: torch.device) -> Scorer:
        """Return a scorer of these model files as they are now."""
        key = device, tuple((path, *_stamp(path)) for path in models)
        if self._scorer is None or key != self._key:
            self.drop()
            loaded = [(str(path), load_model(path)) for path in models]
            self._scorer, self._key = make_scorer(loaded, device), key
        return self._scorer

    def find_out(
        self, job: FindJob, scorer: Scorer, check: Callable[[], None]
    ) -> Generator[Event, None, Findings]:
        """Find out what a job leaves open, once for the same micrographs."""
        paths = tuple(each.path for each in spread(job.micrographs))
        key = paths, job.diameter, job.pixel_size, job.contrast
        if key not in self._found:
            self._found[key] = yield from survey(job, scorer, check_stop=check)
        return self._found[key]

    def drop(self) -> None:
        """Let go of it, and of what was found out with it."""
        self._scorer = self._key = None
        self._found = {}


def _stamp(path: Path) -> tuple[int, int]:
    """When a model file was written, and its size; a missing one is told by `load_model`."""
    try:
        stat = (path / "model.safetensors" if path.is_dir() else path).stat()
    except OSError:
        return 0, 0
    return stat.st_mtime_ns, stat.st_size


@dataclass
class Bench:
    """What a job needs of the engine process.

    Parameters
    ----------
    check
        Raises `Cancelled` where the viewer wants the job to stop.
    take_previews
        Returns what the viewer wants to see of a training.
    answer
        Sends the answer to a preview: candidates, or why there are none.
    tell_device
        Told the device that the job runs on, and why.
    """

    check: Callable[[], None]
    take_previews: Callable[[], list[PreviewRequest]]
    answer: Callable[[PreviewRequest, FoundCandidates | Failed], None]
    tell_device: Callable[[torch.device, str], None]
    scorers: Scorers = field(default_factory=Scorers)


Events = Generator[Event, None, None]
Run = Callable[[dict[str, Any], Bench], Events]


def run_train(args: dict[str, Any], bench: Bench) -> Events:
    """Train on a project's labels, with previews between the steps."""
    request = TrainRequest.read(args)
    job = make_train_job(request)
    device, why = choose_device(request.device)
    bench.tell_device(device, why)
    yield from train(job, bench.check, answer_previews(request.project, job, device, bench))


def run_self_train(args: dict[str, Any], bench: Bench) -> Events:
    """Train a run further on its own confident picks, with previews between the steps."""
    request = SelfTrainRequest.read(args)
    job, messages = gather_self_training(request)
    for message in messages:
        yield Message(message)
    device, why = choose_device(request.device)
    bench.tell_device(device, why)
    show_network = answer_previews(request.project, job.train, device, bench)
    yield from self_train(job, bench.check, show_network)


def answer_previews(folder: Path, job: TrainJob, device: torch.device, bench: Bench) -> ShowNetwork:
    """Return what looks at a network in training for the viewer's previews."""
    project = open_to_read(folder)

    def mark(key: str) -> Marked:
        nonlocal project
        if key not in project.entries:  # it may have been added since
            project = open_to_read(folder)
        marks = project.annotations(key)
        return project.entries[key].micrograph, marks.picks.coords

    previewer = Previewer(job, device, mark)

    def show_network(network: UNet) -> None:
        for wish in bench.take_previews():
            bench.answer(wish, preview(previewer, network, wish.key, bench.check))

    return show_network


def preview(
    previewer: Previewer, network: UNet, key: str, check: Callable[[], None]
) -> FoundCandidates | Failed:
    """Find a preview's candidates; whatever fails there, the training continues."""
    try:
        return previewer.find(network, key, check)
    except Cancelled:
        raise
    except Exception as error:  # the training is worth more than a preview
        return Failed(key, explain(error, "preview")[1])


def run_pick(args: dict[str, Any], bench: Bench) -> Events:
    """Find candidates on micrographs of a project; each micrograph's are told at once."""
    request = PickRequest.read(args)
    project = open_to_read(request.project)
    for key in request.keys:
        if key not in project.entries:
            raise InputError(f"{key}: no such micrograph in the project; open it again")
    device, why = choose_device(request.device)
    bench.tell_device(device, why)
    scorer = bench.scorers.get(request.models, device)
    surveyed = [key for key in request.surveyed if key in project.entries] or project.entries
    everything = FindJob(
        micrographs=[project.entries[key].micrograph for key in surveyed],
        diameter=request.diameter,
        pixel_size=request.pixel_size,
        contrast=request.contrast,
    )
    job = replace(everything, micrographs=[project.entries[k].micrograph for k in request.keys])
    found = Findings()
    if needs_survey(job, scorer):
        found = yield from bench.scorers.find_out(everything, scorer, bench.check)
        job, scorer = found.applied_to(job), found.calibrated(scorer)
    counts: list[int] = []
    failed: list[str] = []
    for event in find(job, scorer, bench.check):
        if isinstance(event, Failed):
            failed.append(event.reason)
        elif isinstance(event, FoundCandidates):
            counts.append(len(event.candidates))
        yield event
    if failed and not counts:
        raise InputError(failed[0])
    yield Done(
        {
            "micrographs": len(counts),
            "candidates": sum(counts),
            "failed": len(failed),
            "diameter": job.diameter or scorer.diameter,
            "calibration": scorer.calibration.to_dict(),
            "found": found.to_table(),
        }
    )


def run_compare(args: dict[str, Any], bench: Bench) -> Events:
    """Compare models and other programs' picks on a project's labels, and write the report."""
    request = CompareRequest.read(args)
    job = make_comparison(request)
    if request.models:
        bench.tell_device(*choose_device(request.device))
    for event in compare(job, bench.check):
        if isinstance(event, Done):
            yield Done(write_result(request.project, event.result["comparison"]))
        else:
            yield event


def run_device(args: dict[str, Any], bench: Bench) -> Events:
    """Say which device a job would run on."""
    device, why = choose_device(DeviceRequest.read(args).device)
    bench.tell_device(device, why)
    yield Done({"device": device.type, "why": why})


JOBS: dict[str, Run] = {
    "train": run_train,
    "self-train": run_self_train,
    "pick": run_pick,
    "compare": run_compare,
    "device": run_device,
}
