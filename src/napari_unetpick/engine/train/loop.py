"""The training loop: patches in, averaged weights out, resumable at every epoch.

Every epoch draws its randomness from (seed, stage, epoch) alone, so a resumed run takes the same
steps as one that was never interrupted.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import compress
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_unetpick.engine.data.augment import BatchAugmentation
from napari_unetpick.engine.data.patches import PatchSource, Place, draw_places, worst
from napari_unetpick.engine.devices import half_precision
from napari_unetpick.engine.nn.losses import make_loss
from napari_unetpick.engine.nn.unet import UNet, build_network, load_start, place, state_of
from napari_unetpick.engine.train import ranks
from napari_unetpick.engine.train.schedules import ends_early, learning_rate
from napari_unetpick.errors import EngineError
from napari_unetpick.events import Event, Message, Metrics, Progress
from napari_unetpick.settings import Settings

LEAST_STEPS = 4  # between two validations and checkpoints, where an epoch has fewer
T = TypeVar("T")
Batch = tuple[Tensor, Tensor, Tensor]  # image, target, weight, as `BatchAugmentation` has them
Weights = dict[str, Tensor]
State = dict[str, Any]


@dataclass(frozen=True)
class FitJob:
    """One network to be trained.

    Parameters
    ----------
    centres, shapes
        Of each training micrograph in `source`: particles (N, 2) and (rows, cols), network pixels.
    diameter
        Particle diameter in network pixels.
    validate
        Figure of merit of a network (higher is better), or None: then the last weights are kept.
    rate
        Of the recipe's learning rate.
    renew
        Called with each epoch's number, from 0, before its patches are drawn; may change what
        `source`, `centres` and `shapes` hold.
    stage, stage_number
        Name shown, and number that makes this training's randomness its own.
    """

    settings: Settings
    source: PatchSource
    centres: dict[int, NDArray[np.float64]]
    shapes: dict[int, tuple[int, int]]
    diameter: float
    device: torch.device
    validate: Callable[[UNet], dict[str, float]] | None
    epochs: int
    stage: str = "training"
    stage_number: int = 0
    start: Weights | None = None
    rate: float = 1.0
    renew: Callable[[int], None] = lambda epoch: None


@dataclass
class Fit:
    """A training as it stands: everything that the next epoch depends on.

    `hard` are the background patches of the last epoch, with how wrong the network was there;
    `risen` is the epoch in which validation F1 last rose, `stopped` whether that ended it early.
    """

    network: UNet
    average: UNet
    optimiser: torch.optim.AdamW
    epoch: int = 0
    best_score: float = -1.0
    best: Weights | None = None
    hard: list[tuple[Place, float]] = field(default_factory=list)
    risen: int = 0
    stopped: bool = False

    def state(self) -> State:
        """Return plain data and tensors, loadable with `weights_only=True`."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "epoch": self.epoch,
            "best_score": self.best_score,
            "best": self.best,
            "risen": self.risen,
            "stopped": self.stopped,
            "hard": [(p.micrograph, float(p.row), float(p.col), float(e)) for p, e in self.hard],
        }

    def load(self, state: State) -> None:
        """Go back to a saved state."""
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.epoch, self.best_score = state["epoch"], state["best_score"]
        self.best = state["best"]
        self.risen = state.get("risen", self.epoch)
        self.hard = [(Place(i, r, c, background=True), error) for i, r, c, error in state["hard"]]


def begin(job: FitJob) -> Fit:
    """Make the network and its optimiser, from the seed or from given weights."""
    torch.manual_seed(job.settings.train.seed + 1000 * job.stage_number)
    network = build_network(job.settings.network)
    if job.start is not None:
        load_start(network, job.start)
    ranks.synchronise(network, job.device)
    place(network, job.device)
    rate = job.settings.train
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=rate.learning_rate, weight_decay=rate.weight_decay
    )
    return Fit(network, copy.deepcopy(network), optimiser)


def fit(
    job: FitJob,
    saved: State | None,
    save: Callable[[State], None],
    check_stop: Callable[[], None],
    show_network: Callable[[UNet], None] = lambda network: None,
) -> Iterator[Event]:
    """Train; the result is what `save` was last given.

    Parameters
    ----------
    saved
        State to resume from, or None.
    save
        Called with the state after every epoch; after several where they are of a step or two.
    check_stop
        Called before every step; raises `Cancelled` to stop.
    look
        Shown the averaged network, ready to score, after every step; must not change it.

    Yields
    ------
    Progress a few times a second, Metrics once an epoch, a Message where it ends early.
    """
    run = begin(job)
    if saved is not None:
        run.load(saved)
    check_stop = ranks.together(check_stop)
    learn = ranks.parallel(run.network, job.device)
    steps = max(1, job.settings.train.patches_per_epoch // job.settings.train.batch)
    started, first = time.monotonic(), run.epoch * steps
    total = job.epochs * steps
    pause = max(1, LEAST_STEPS // steps)
    while run.epoch < job.epochs and not run.stopped:
        losses = []
        for step, loss in enumerate(train_epoch(job, run, learn, steps, check_stop)):
            losses.append(loss)
            done = run.epoch * steps + step + 1
            pace = (time.monotonic() - started) / (done - first)
            yield Progress(job.stage, done, total, pace * (total - done))
            show_network(run.average.eval())
        figures = {"loss": float(np.mean([float(loss) for loss in losses]))}
        if not np.isfinite(figures["loss"]):
            raise EngineError(
                "training diverged (the loss is not a number); lower the learning rate and "
                "try again"
            )
        run.epoch += 1
        due = run.epoch % pause == 0 or run.epoch == job.epochs
        if due:
            figures |= validate_epoch(job, run)
        figures["rate"] = run.optimiser.param_groups[0]["lr"]
        run.stopped = job.validate is not None and ends_early(
            job.settings.train, run.epoch, run.risen, job.epochs
        )
        yield Metrics(run.epoch, figures, job.stage)
        if due or run.stopped:
            save(run.state())
    if run.stopped:
        yield Message(
            f"{job.stage}: ended early, after {run.epoch} of {job.epochs} epochs; "
            f"validation F1 has not risen above {run.best_score:.3f} since epoch {run.risen}"
        )


def validate_epoch(job: FitJob, run: Fit) -> dict[str, float]:
    """Validate the averaged weights and keep the best."""
    if job.validate is None:
        run.best = ranks.weights_of_first(state_of(run.average))
        return {}
    figures = ranks.first_says(job.validate(run.average))
    if figures["validation_f1"] > run.best_score:
        run.risen = run.epoch
    if figures["validation_f1"] >= run.best_score:
        run.best_score = figures["validation_f1"]
        run.best = ranks.weights_of_first(state_of(run.average))
    return figures


def train_epoch(
    job: FitJob, run: Fit, learn: nn.Module, steps: int, check_stop: Callable[[], None]
) -> Iterator[Tensor]:
    """Take the steps of one epoch, yielding each step's loss: on its device, which may be late.

    `learn` is the network, as `ranks.parallel` has it.
    """
    settings = job.settings.train
    loss_of = make_loss(job.settings.loss)
    places, batches = draw_epoch(job, run, steps)
    errors = []
    run.network.train()
    for step, (image, target, weight) in enumerate(batches):
        check_stop()
        rate = learning_rate(settings, run.epoch + step / steps, job.epochs)
        for group in run.optimiser.param_groups:
            group["lr"] = job.rate * rate
        with half_precision(job.device):
            logits = learn(ranks.share(image).contiguous(memory_format=torch.channels_last))
        logits = ranks.gathered(logits.float(), len(image))
        loss = loss_of(logits, target, weight)
        run.optimiser.zero_grad(set_to_none=True)
        (loss * ranks.count()).backward()  # type: ignore[no-untyped-call]  # a mean follows
        run.optimiser.step()
        update_average(run, settings.average_decay)
        errors.append(background_errors(logits.detach(), target, weight))
        yield loss.detach()
    told = zip(places, torch.cat(errors).tolist(), strict=True)
    run.hard = [(place, error) for place, error in told if place.background]


def draw_epoch(job: FitJob, run: Fit, steps: int) -> tuple[list[Place], Iterator[Batch]]:
    """Draw the places of an epoch's patches; return them and the augmented batches.

    On a GPU the next batch is made while the network learns from the last one.
    """
    settings = job.settings.train
    job.renew(run.epoch)
    rng = np.random.default_rng([settings.seed, job.stage_number, run.epoch])
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    augment = BatchAugmentation(job.settings.augment, job.diameter)
    size = augment.source_size(settings.patch_px)
    places = draw_places(
        rng,
        job.centres,
        job.shapes,
        steps * settings.batch,
        settings.patch_px,
        balanced=settings.balanced,
        hard=worst([each for each in run.hard if each[0].micrograph in job.shapes]),
    )

    def make() -> Iterator[Batch]:
        for first in range(0, len(places), settings.batch):
            chosen = places[first : first + settings.batch]
            stack = np.stack([job.source.cut(p.micrograph, p.row, p.col, size) for p in chosen])
            batch = torch.from_numpy(stack).to(job.device)
            yield augment(batch, settings.patch_px, generator)

    return places, ahead(make()) if job.device.type == "cuda" else make()


def ahead(items: Iterator[T]) -> Iterator[T]:
    """Make the next item in a thread while the last one is used."""
    with ThreadPoolExecutor(1) as maker:
        coming = maker.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = maker.submit(next, items, None)
            yield item


def update_average(run: Fit, decay: float) -> None:
    """Move the averaged weights towards the network's: a <- decay a + (1 - decay) w.

    Early on the average follows faster, (1 + n) / (10 + n), so that it forgets the random start.
    torch's `AveragedModel` copies the weights of the first step instead: other models.
    """
    steps = next(iter(run.optimiser.state.values()))["step"]
    decay = min(decay, float((1 + steps) / (10 + steps))) if decay > 0 else 0.0
    averaged, current = (
        [*each.parameters(), *each.buffers()] for each in (run.average, run.network)
    )
    real = [each.is_floating_point() for each in averaged]
    with torch.no_grad():
        torch._foreach_lerp_(
            list(compress(averaged, real)), list(compress(current, real)), 1 - decay
        )
        for counted, count, weight in zip(averaged, current, real, strict=True):
            if not weight:
                counted.copy_(count)


def background_errors(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Return how much score the network gave to background in each patch: (B,)."""
    wrong = torch.sigmoid(logits[:, :1]).square() * (1 - target[:, :1]) * weight
    return wrong.sum((1, 2, 3)) / weight.sum((1, 2, 3)).clamp_min(1)
