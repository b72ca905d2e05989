"""The loop of the engine process: one job after the other, until the viewer goes or none comes."""

from __future__ import annotations

import queue
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any

import torch

from napari_unetpick.engine.devices import choose_device, list_gpus, make_deterministic
from napari_unetpick.engine.failures import is_gpu_lost
from napari_unetpick.errors import Cancelled
from napari_unetpick.events import Done, Event, Failed, FoundCandidates, Progress
from napari_unetpick.io.names import micrograph_key
from napari_unetpick.protocol.requests import PreviewRequest
from napari_unetpick.worker.channel import Channel
from napari_unetpick.worker.failures import explain, one_line
from napari_unetpick.worker.inbox import Inbox, Order
from napari_unetpick.worker.jobs import JOBS, Bench, Run, Scorers
from napari_unetpick.worker.memory import free_memory, memory_in_use

FREE_AFTER = 60.0  # seconds idle, until memory is given back
EXIT_AFTER = 600.0  # seconds idle, until the process ends
PROGRESS_EVERY = 0.1  # seconds
MEMORY_EVERY = 2.0


class Engine:
    """Runs the jobs that come in.

    Parameters
    ----------
    jobs
        What it can do, by name.
    free_after, exit_after
        Seconds idle.
    """

    def __init__(
        self,
        inbox: Inbox,
        channel: Channel,
        *,
        jobs: Mapping[str, Run] = JOBS,
        free_after: float = FREE_AFTER,
        exit_after: float = EXIT_AFTER,
    ) -> None:
        self.inbox, self.channel, self.jobs = inbox, channel, jobs
        self.free_after, self.exit_after = free_after, exit_after
        self.scorers = Scorers()
        self.device = torch.device("cpu")
        self._gpu_lost = False
        self._memory_told = self._progress_told = -1e9
        self._stage = ""

    def run(self) -> None:
        """Work until the viewer has gone, nothing was asked for a long time, or the GPU is lost.

        After an error of the GPU only a fresh process can use it again.
        """
        self.tell_device(*choose_device("auto"))
        make_deterministic()  # a second of late imports that the first training need not wait for
        since, freed = time.monotonic(), False
        while not (self.channel.broken.is_set() or self._gpu_lost):
            idle = time.monotonic() - since
            wait = (self.exit_after if freed else min(self.free_after, self.exit_after)) - idle
            try:
                request = self.inbox.next(max(wait, 0.0))
            except queue.Empty:
                if freed or self.exit_after <= self.free_after:
                    return
                self.free()
                freed = True
                continue
            if request is None:
                return
            self.do(request)
            since, freed = time.monotonic(), False

    def do(self, request: Order) -> None:
        """Run one job and tell how it ended; the engine stays usable whatever that is."""
        self._memory_told = self._progress_told = -1e9
        name, fields = self._attempt(request)
        # only here are the traceback and the tensors that it held gone
        if fields.get("kind") == "memory" and not self._gpu_lost:
            self.free()
        self.inbox.forget(request.id)
        self.channel.send(name, request.id, **fields)

    def free(self) -> None:
        """Give memory back."""
        self.scorers.drop()
        free_memory()
        self.channel.send("memory", text=memory_in_use(self.device))

    def tell_device(self, device: torch.device, why: str) -> None:
        """Tell which device is used; the first time this also says that the engine is ready."""
        self.device = device
        badges = {"cpu": "CPU", "mps": "Apple GPU"}
        badge = badges.get(device.type) or f"GPU {torch.cuda.get_device_name(device)}"
        self.channel.send("device", device=device.type, badge=badge, why=why, gpus=list_gpus())

    def _attempt(self, request: Order) -> tuple[str, dict[str, Any]]:
        """Run a job; return the last message's name and fields."""
        number = request.id
        try:
            if self.inbox.is_stopped(number):
                raise Cancelled("stopped before it started")
            self.channel.send("started", number, do=request.do)
            if request.do not in self.jobs:
                known = ", ".join(self.jobs)
                return "error", {
                    "kind": "input",
                    "text": f"this engine has no job '{request.do}'; it knows {known}",
                }
            result: dict[str, Any] = {}
            with closing(self.jobs[request.do](request.args, self._bench(number))) as events:
                for event in events:
                    if isinstance(event, Done):
                        result = event.result
                    else:
                        self._forward(number, event)
        except Cancelled as reason:
            return "stopped", {"text": one_line(reason)}
        except Exception as error:
            self._gpu_lost = is_gpu_lost(error)
            kind, text = explain(error, request.do)
            return "error", {"kind": kind, "text": text}
        return "done", {"result": result}

    def _bench(self, number: str) -> Bench:
        def check() -> None:
            if self.inbox.is_stopped(number) or self.channel.broken.is_set():
                raise Cancelled("stopped; finished results are kept")
            self._tell_memory()

        def answer(wish: PreviewRequest, event: FoundCandidates | Failed) -> None:
            self.channel.send_event(number, event, reply=wish.reply)

        return Bench(
            check=check,
            take_previews=lambda: self.inbox.take_previews(number),
            answer=answer,
            tell_device=self.tell_device,
            scorers=self.scorers,
        )

    def _forward(self, number: str, event: Event) -> None:
        """Send what a job says, but progress a few times a second only."""
        if isinstance(event, Progress):
            now = time.monotonic()
            recent = now - self._progress_told < PROGRESS_EVERY and event.stage == self._stage
            if recent and event.step < event.total:
                return
            self._progress_told, self._stage = now, event.stage
        elif isinstance(event, Failed):
            event = replace(event, micrograph=micrograph_key(event.micrograph))
        self.channel.send_event(number, event)

    def _tell_memory(self) -> None:
        now = time.monotonic()
        if now - self._memory_told >= MEMORY_EVERY:
            self._memory_told = now
            self.channel.send("memory", text=memory_in_use(self.device))
