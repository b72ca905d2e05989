"""Training jobs of a session: start, follow, preview and use the model; independent of docks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from psygnal import Signal
from qtpy.QtCore import QTimer

from napari_unetpick.adapters.notify import tell
from napari_unetpick.client import Job
from napari_unetpick.errors import InputError, UnetPickError
from napari_unetpick.events import Failed, FoundCandidates, Metrics, Progress
from napari_unetpick.io.labels import labels_hash
from napari_unetpick.protocol.requests import (
    PickRequest,
    SelfTrainRequest,
    TrainRequest,
)
from napari_unetpick.settings import from_dict
from napari_unetpick.widgets.qt.preferences import read_preferences
from napari_unetpick.widgets.session.follower import JobFollower
from napari_unetpick.widgets.session.session import Session
from napari_unetpick.widgets.train.plan import (
    SCRATCH,
    SelfTrainPlan,
    TrainPlan,
    make_plan,
    make_self_train_plan,
    obstacle,
)
from napari_unetpick.widgets.train.resume import read_config, resume_request

FIRST_PREVIEW_MS = 5_000  # after the first step: a new network's earlier previews are empty
PREVIEW_EVERY_MS = 15_000  # each costs a third of a second of training on a CPU
CORRECTED_MS = 3_000  # both, where training starts from a model: corrections show at once
SETTLED_MS = 300  # stepping on within this time asks for no preview
PREPARING = "preparing"  # the stage before the first step: there is no network yet
PREVIEW = "preview"  # the `model` of a preview's candidates
SHOWN_FROM = 0.3  # raw score, if a preview suggests no threshold


class Training(JobFollower):
    """The training of one viewer, with its metrics so far.

    Signals (psygnal)
    -----------------
    measured()
        There are new metrics in `rows`.

    Attributes
    ----------
    run
        Folder of the current or last training; None before the first.
    rows
        Its metrics, one dict per epoch: stage, epoch, loss, validation_f1.
    """

    measured = Signal()

    def __init__(self, session: Session) -> None:
        self.run: Path | None = None
        self.rows: list[dict[str, Any]] = []
        self._asked = ""  # the micrograph whose preview is awaited
        self._previewing = self._corrects = False
        self._timer = QTimer()
        self._timer.timeout.connect(self._preview)
        super().__init__(session)
        session.browser.current_changed.connect(self._current_changed)

    # -- starting ------------------------------------------------------------------------------

    def obstacle(self, plan: TrainPlan) -> str:
        """Return what is missing before training can start, and what to do; "" if nothing is."""
        project = self.session.project
        missing = obstacle(plan, project.diameter, read_only=project.read_only)
        return missing or self.session.pixel_sizes.obstacle(plan.keys)

    def self_train_obstacle(self, plan: SelfTrainPlan) -> str:
        """Return what is missing before self-training can start, and what to do, or ""."""
        missing = plan.obstacle(read_only=self.session.project.read_only)
        return missing or self.session.pixel_sizes.obstacle(plan.keys)

    def start(self, settings: dict[str, Any], start: str, device: str = "auto") -> None:
        """Train a new run on the labels.

        Raises
        ------
        InputError
            Something is missing; the message says what to do.
        """
        project = self.session.project
        plan = make_plan(project.entries)
        if missing := self.obstacle(plan):
            raise InputError(missing)
        self.follow(
            TrainRequest(
                project.folder,
                project.runs_folder / project.files.new_run_name(),
                from_dict(settings),
                start=start,
                validation=frozenset(plan.validation) or None,
                keys=plan.keys,
                device=device,
            )
        )

    def resume(self, name: str, device: str = "auto") -> None:
        """Resume a run that was stopped.

        Raises
        ------
        InputError
            Micrographs, labels or diameter changed since it was started.
        """
        project, annotations = self.session.project, self.session.annotations
        run = project.runs_folder / name
        request = resume_request(project.folder, run, project.entries, project.runs())
        config = read_config(run)
        labels = {
            key: annotations.of(key).as_labels(project.entry(key).state)
            for key in request.keys or ()
        }
        if config.get("diameter") != project.diameter:
            raise InputError(
                f"{name} was started with a diameter of {config.get('diameter')} Å: restore it to "
                "resume, or train a new run"
            )
        if config.get("labels") != labels_hash(labels):
            raise InputError(
                f"{name} cannot be resumed: labels changed since it was started; press Train"
            )
        self.follow(replace(request, device=device))

    def start_self_training(self, run: Path, rounds: int, quantile: float | None) -> None:
        """Self-train a finished run; `quantile` None: as in its settings."""
        project = self.session.project
        if missing := self.self_train_obstacle(
            make_self_train_plan(project.runs(), project.entries)
        ):
            raise InputError(missing)
        device = read_preferences().device
        self.follow(
            SelfTrainRequest(project.folder, run, rounds, positive_quantile=quantile, device=device)
        )

    # -- events of the job ---------------------------------------------------------------------

    def _started(self, request: TrainRequest | SelfTrainRequest) -> None:
        self.run, self.rows = request.run, []
        self._corrects = isinstance(request, TrainRequest) and request.start != SCRATCH

    def _progress(self, event: Progress) -> None:
        if event.stage != PREPARING and not self._previewing:
            self._previewing = True
            self._timer.start(CORRECTED_MS if self._corrects else FIRST_PREVIEW_MS)

    def _metrics(self, event: Metrics) -> None:
        self.rows.append({"stage": event.stage, "epoch": event.epoch, **event.values})
        self.measured.emit()

    def _preview(self) -> None:
        self._timer.setInterval(CORRECTED_MS if self._corrects else PREVIEW_EVERY_MS)
        key = self.session.browser.current
        if self.job is not None and key and key != self._asked:
            self._asked = key
            self.job.preview(key)

    def _current_changed(self, _: str) -> None:
        if self._previewing:
            self._timer.start(SETTLED_MS)

    def _found(self, event: FoundCandidates) -> None:
        self._asked = ""
        key = event.key
        # what a project opened meanwhile has is not replaced, nor what another job picked since
        if key in self.session.project.entries and self.belongs:
            made = replace(event.candidates, model=PREVIEW)
            shown_from = SHOWN_FROM if event.threshold is None else event.threshold
            self.session.candidates.put_preview(key, made, shown_from)

    def _failed(self, _: Failed) -> None:
        self._asked = ""  # perhaps the preview: the run panel says why

    def _done(self, result: dict[str, Any]) -> None:
        self._end_previewing()
        if self.run is None or not self.belongs:
            return
        try:
            self.session.selection.use_model(self.run)
        except UnetPickError as error:
            self.say(error.in_viewer)
            return
        validation = (self.session.selection.model.card.get("validation") or {}).get("f1")
        reached = "" if validation is None else f": validation F1 {validation:.3f}"
        tell(f"{self.run.name} finished{reached}")
        self._pick_current()

    def _pick_current(self) -> None:
        """Pick the current micrograph with the new model, in place of its preview."""
        session, run = self.session, self.run
        key = session.browser.current
        if not key or run is None:
            session.candidates.end_previews()
            return
        device = read_preferences().device
        request = PickRequest(session.project.folder, (key,), (run,), device=device)
        # the user may want to pick all at once
        job = session.jobs.start(request, gives_way=True)

        def found(event: FoundCandidates) -> None:
            known = event.key in session.project.entries
            if known and session.selection.model.name == run.name:
                made = replace(event.candidates, model=run.name)
                session.candidates.put(event.key, made)

        job.found.connect(found)
        job.finished.connect(lambda: None if self.running else session.candidates.end_previews())

    def _error(self, text: str) -> None:
        # the run panel shows the message, too; a notification is seen from anywhere
        name = "" if self.run is None else f"{self.run.name}: "
        tell(f"{name}{text}", "error")

    def _ended(self, job: Job) -> None:
        self._end_previewing()
        if job.state != "done":
            self.session.candidates.end_previews()

    # -- within --------------------------------------------------------------------------------

    def _end_previewing(self) -> None:
        """Stop asking for previews."""
        self._timer.stop()
        self._asked, self._previewing = "", False

    def _project_changed(self) -> None:
        self._end_previewing()
        self.rows = []
        if not self.running:
            self.run = None
        self.say("")
        super()._project_changed()


def training_of(session: Session) -> Training:
    """Return the training of a session, made at the first call."""
    if "training" not in session.extras:
        session.extras["training"] = Training(session)
    made: Training = session.extras["training"]
    return made
