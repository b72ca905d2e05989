"""Trainings of a session: started, followed, previewed and taken over, whichever docks are open."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal
from qtpy.QtCore import QTimer

from napari_unetpick.adapters.notify import tell
from napari_unetpick.errors import InputError, UnetPickError
from napari_unetpick.events import Failed, FoundCandidates, Metrics, Progress
from napari_unetpick.io.labels import labels_hash
from napari_unetpick.widgets.qt.preferences import read_preferences
from napari_unetpick.widgets.session.pixel_sizes import size_obstacle
from napari_unetpick.widgets.train.plan import make_plan, obstacle
from napari_unetpick.widgets.train.resume import read_config, resume_args

if TYPE_CHECKING:
    from napari_unetpick.client import Job
    from napari_unetpick.widgets.session.session import Session

log = logging.getLogger(__name__)
FIRST_PREVIEW_MS = 5_000  # after the first step: earlier the network knows nothing
PREVIEW_EVERY_MS = 15_000  # each costs a third of a second of training on a CPU
SETTLED_MS = 300  # who steps on within this does not wait for a preview
PREPARING = "preparing"  # the stage before the first step, which has no network to look at
PREVIEW = "preview"  # what a preview's candidates are marked as made by


class Training:
    """The training of one viewer, and what it has said so far.

    Signals (psygnal)
    -----------------
    changed()
        A training began or ended, or the list of runs changed.
    measured()
        There are new figures in `rows`.
    troubled(text)
        One line of what went wrong in the viewer, "" when a new attempt begins; what goes wrong
        in the engine is shown by the run panel.

    Attributes
    ----------
    run
        Folder of the run that is training, or trained last; None before the first.
    rows
        Its figures, a dict an epoch: stage, epoch, loss, validation_f1.
    job
        The running job, or None.
    """

    changed = Signal()
    measured = Signal()
    troubled = Signal(str)

    def __init__(self, session: Session) -> None:
        self.session = session
        self.run: Path | None = None
        self.rows: list[dict[str, Any]] = []
        self.job: Job | None = None
        self.trouble = ""
        self._asked = ""  # the micrograph whose preview is awaited
        self._previewing = False
        self._timer = QTimer()
        self._timer.timeout.connect(self._preview)
        session.current_changed.connect(self._current_changed)
        session.project_changed.connect(self._forget)

    @property
    def running(self) -> bool:
        """Whether a training runs or waits for the engine."""
        return self.job is not None

    # -- starting ------------------------------------------------------------------------------

    def start(self, settings: dict[str, Any], start: str, device: str = "auto") -> None:
        """Train a new run on what is labelled.

        Raises
        ------
        InputError
            Something is missing; the line says what to do.
        """
        project = self.session.project
        plan = make_plan(project.entries)
        unsized = size_obstacle(self.session, plan.keys)
        read_only = project.read_only
        if missing := obstacle(plan, project.diameter, read_only=read_only, unsized=unsized):
            raise InputError(missing)
        self._submit(
            "train",
            project.runs_folder / project.new_run_name(),
            settings=settings,
            start=start,
            validation=list(plan.validation) or None,
            keys=list(plan.keys),
            device=device,
        )

    def resume(self, name: str, device: str = "auto") -> None:
        """Go on with a run that was stopped.

        Raises
        ------
        InputError
            It cannot go on: micrographs, labels or diameter are not what they were.
        """
        session, project = self.session, self.session.project
        run = project.runs_folder / name
        args = resume_args(run, project.entries, project.runs())
        config = read_config(run)
        labels = {
            key: session.marks(key).as_labels(session.entry(key).state) for key in args["keys"]
        }
        if config.get("diameter") != project.diameter:
            raise InputError(
                f"{name} was started with a diameter of {config.get('diameter')} A: set that "
                "again, or train a new run"
            )
        if config.get("labels") != labels_hash(labels):
            raise InputError(
                f"{name} cannot go on: labels have changed since it was started; press Train"
            )
        self._submit("train", run, device=device, **args)

    def start_self_training(self, run: Path, rounds: int, quantile: float | None) -> None:
        """Let a finished run learn from its own sure picks; None: what is sure is found out."""
        device = read_preferences().device
        self._submit("self-train", run, rounds=rounds, positive_quantile=quantile, device=device)

    def _submit(self, do: str, run: Path, **args: Any) -> None:
        if self.running:
            raise InputError("a training runs already: stop it first, or wait")
        job = self.session.start(do, run=str(run), **args)
        self.run, self.rows = run, []
        self._say("")
        self.job = job
        job.progress.connect(self._progress)
        job.metrics.connect(self._metrics)
        job.found.connect(self._found)
        job.failed.connect(self._failed)
        job.done.connect(self._done)
        job.error.connect(self._error)
        job.finished.connect(lambda: self._finished(job))
        self.changed.emit()

    # -- what the job says ---------------------------------------------------------------------

    def _progress(self, event: Progress) -> None:
        if event.stage != PREPARING and not self._previewing:
            self._previewing = True
            self._timer.start(FIRST_PREVIEW_MS)

    def _metrics(self, event: Metrics) -> None:
        self.rows.append({"stage": event.stage, "epoch": event.epoch, **event.values})
        self.measured.emit()

    def _preview(self) -> None:
        self._timer.setInterval(PREVIEW_EVERY_MS)
        key = self.session.current
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
        if key in self.session.project.entries and self._belongs():
            made = replace(event.candidates, model=PREVIEW)
            shown_from = 0.3 if event.threshold is None else event.threshold
            self.session.put_candidates(key, made, keep=False, preview=shown_from)

    def _failed(self, _: Failed) -> None:
        self._asked = ""  # perhaps the preview: the run panel says why

    def _done(self, result: dict[str, Any]) -> None:
        self._leave_off()
        if self.run is None or not self._belongs():
            return
        try:
            self.session.use_model(self.run)
        except UnetPickError as error:
            self._say(str(error))
            return
        validation = (self.session.model.card.get("validation") or {}).get("f1")
        reached = "" if validation is None else f": validation F1 {validation:.3f}"
        tell(f"{self.run.name} is trained{reached}")
        self._pick_current()

    def _pick_current(self) -> None:
        """Let the new model pick the micrograph that is looked at, in place of its preview."""
        session, run = self.session, self.run
        key = session.current
        if not key or run is None:
            session.end_previews()
            return
        job = session.start(
            "pick",
            gives_way=True,  # its user may go on to pick all at once
            keys=[key],
            models=[str(run)],
            diameter=None,
            device=read_preferences().device,
        )

        def found(event: FoundCandidates) -> None:
            if event.key in session.project.entries and session.model.name == run.name:
                made = replace(event.candidates, model=run.name)
                session.put_candidates(event.key, made)

        job.found.connect(found)
        job.finished.connect(lambda: None if self.running else session.end_previews())

    def _error(self, _: str, text: str) -> None:
        # the run panel keeps the line in sight; this reaches who looks elsewhere
        name = "" if self.run is None else f"{self.run.name}: "
        tell(f"{name}{text}", "error")

    def _finished(self, job: Job) -> None:
        if job is not self.job:
            return
        self._leave_off()
        if job.state != "done":
            self.session.end_previews()
        self.job = None
        self.changed.emit()

    # -- within --------------------------------------------------------------------------------

    def _leave_off(self) -> None:
        """Ask for no more previews."""
        self._timer.stop()
        self._asked, self._previewing = "", False

    def _belongs(self) -> bool:
        """Whether the run is one of the project that is open."""
        return self.run is not None and self.run.parent == self.session.project.runs_folder

    def _say(self, text: str) -> None:
        self.trouble = text
        self.troubled.emit(text)

    def _forget(self) -> None:
        """Another project was opened: its runs are others."""
        self._leave_off()
        self.rows = []
        if not self.running:
            self.run = None
        self._say("")
        self.changed.emit()
