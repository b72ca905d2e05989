"""One training in several processes, as torchrun starts them; alone, nothing here does anything.

Every process draws the same batch from the same generator and learns from its share of it. Logits
are put together again before the loss, so that sums over the batch are those of one process, and
gradients are added up by DistributedDataParallel. Batch normalisation has the statistics of the
whole batch on CUDA, and those of each share on a CPU.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist

from napari_unetpick.engine.devices import choose_device, why_no_cuda
from napari_unetpick.engine.runs.folder import CHECKPOINT
from napari_unetpick.engine.train.job import TrainJob
from napari_unetpick.errors import Cancelled, EngineError, InputError
from napari_unetpick.events import Done, Event
from napari_unetpick.project.runs import CONFIG

LOST = "another process of this training ended; start the same command with --resume to continue"


def rank() -> int:
    """Return the number of this process; 0 keeps the run, and speaks."""
    return int(os.environ["RANK"]) if dist.is_torchelastic_launched() else 0


def count() -> int:
    """Return how many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


@contextmanager
def joined(job: TrainJob) -> Iterator[TrainJob]:
    """Join the other processes; return the job as this one does it, on its GPU, in its folder.

    The first process keeps the run. The others work on a copy that is thrown away.

    Raises
    ------
    EngineError
        Another process was lost.
    InputError
        A batch has fewer patches than there are processes, or a process has no GPU.
    """
    if not dist.is_torchelastic_launched():
        yield job
        return
    on_gpu = job.device.startswith("cuda") or (job.device == "auto" and not why_no_cuda())
    device = f"cuda:{os.environ.get('LOCAL_RANK', 0)}" if on_gpu else job.device
    if on_gpu:
        choose_device(device)  # or say why not
    with losses_in_words():
        dist.init_process_group("cpu:gloo,cuda:nccl" if on_gpu else "gloo")
    own = None
    try:
        if job.settings.train.batch < count():
            raise InputError(
                f"a batch of {job.settings.train.batch} patches for {count()} processes",
                "start fewer, or set a larger batch in the recipe",
            )
        if rank():
            own = Path(tempfile.mkdtemp(prefix="unetpick-rank-"))
            for name in (CONFIG, CHECKPOINT):
                if job.resume and (job.run / name).is_file():
                    shutil.copy(job.run / name, own / name)
        with losses_in_words():
            dist.barrier()  # the first one changes its files from here on
            yield replace(job, device=device, run=own or job.run)
    finally:
        if own is not None:
            shutil.rmtree(own, ignore_errors=True)
        dist.destroy_process_group()


def heard(events: Iterator[Event]) -> Iterator[Event]:
    """Leave out what every process says alike, but for the first, which says it."""
    return (event for event in events if not rank() or isinstance(event, Done))


@contextmanager
def losses_in_words() -> Iterator[None]:
    """Say that a process was lost where torch says that a connection was."""
    try:
        yield
    except (dist.DistBackendError, dist.DistNetworkError, dist.DistStoreError) as error:
        raise EngineError(LOST) from error
    except RuntimeError as error:
        if "gloo" not in str(error) and "onnection" not in str(error):
            raise
        raise EngineError(LOST) from error


def parallel(network: nn.Module, device: torch.device) -> nn.Module:
    """Return what to call instead of the network, so that gradients are those of all shares."""
    if count() == 1:
        return network
    return nn.parallel.DistributedDataParallel(
        network, device_ids=[device.index] if device.type == "cuda" else None
    )


def synchronise(network: nn.Module, device: torch.device) -> None:
    """Let the network's batch normalisation see the whole batch, on CUDA."""
    if count() > 1 and device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]


def share(batch: Tensor) -> Tensor:
    """Return this process's share of a batch (B, ...)."""
    return batch if count() == 1 else batch.tensor_split(count())[rank()]


def gathered(part: Tensor, size: int) -> Tensor:
    """Put the shares of a batch of `size` together; gradients flow through the own share alone."""
    if count() == 1:
        return part
    starts = torch.arange(size).tensor_split(count())
    first = int(starts[rank()][0])
    whole = part.new_zeros((size, *part.shape[1:]))
    whole[first : first + len(part)] = part.detach()
    dist.all_reduce(whole)
    return torch.cat([whole[:first], part, whole[first + len(part) :]])


def first_says(values: dict[str, float]) -> dict[str, float]:
    """Return the figures of the first process, so that all decide alike."""
    if count() == 1:
        return values
    told = torch.tensor(list(values.values()), dtype=torch.float64)
    dist.broadcast(told, 0)
    return dict(zip(values, told.tolist(), strict=True))


def weights_of_first(state: dict[str, Any]) -> dict[str, Any]:
    """Return the weights of the first process: statistics differ from share to share."""
    if count() > 1:
        for value in state.values():
            dist.broadcast(value, 0)
    return state


def together(check_stop: Callable[[], None]) -> Callable[[], None]:
    """Return a check that stops all processes before the same step."""
    if count() == 1:
        return check_stop

    def check() -> None:
        mine: Cancelled | None = None
        try:
            check_stop()
        except Cancelled as error:
            mine = error
        stopped = torch.tensor(float(mine is not None))
        dist.all_reduce(stopped)
        if stopped:
            raise mine or Cancelled("cancelled")

    return check
