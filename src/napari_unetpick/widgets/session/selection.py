"""The model in use, its threshold and minimum distance: which candidates are picks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from psygnal import Signal

from napari_unetpick.adapters.notify import tell
from napari_unetpick.errors import UnetPickError
from napari_unetpick.io.models import general_model
from napari_unetpick.project.project import View
from napari_unetpick.widgets.session.annotations import AnnotationStore
from napari_unetpick.widgets.session.candidates import CandidateStore
from napari_unetpick.widgets.session.open_project import OpenProject
from napari_unetpick.widgets.session.pick_model import Chosen, PickModel

GENERAL = "general"  # in the view


class Selection:
    """Makes picks of candidates.

    Signals (psygnal)
    -----------------
    changed()
        Model, threshold, minimum distance, diameter or a pixel size changed: other candidates
        are picks.
    edited()
        The user chose a model, threshold or distance, which is to be written.

    Attributes
    ----------
    model
        Card, calibration, threshold and minimum distance.
    """

    changed = Signal()
    edited = Signal()

    def __init__(
        self, project: OpenProject, annotations: AnnotationStore, candidates: CandidateStore
    ) -> None:
        self._project, self._annotations, self._candidates = project, annotations, candidates
        self.model = PickModel()
        self._is_chosen = False  # by the user
        project.diameter_changed.connect(lambda _: self.changed.emit())
        project.images_changed.connect(lambda: self.changed.emit())

    def of(self, key: str) -> Chosen | None:
        """Return a micrograph's candidates as threshold and distance now choose them, or None."""
        found = self._candidates.of(key)
        if found is None:
            return None
        project = self._project
        diameter = project.headers.diameter_px(project.entry(key).micrograph, project.diameter)
        preview = self._candidates.previews.get(key)
        return self.model.choose_among(found, self._annotations.of(key), diameter, preview)

    def use_model(self, run: Path | None) -> None:
        """Choose the run or model file whose calibration gives candidates their score."""
        self.model.choose(run)
        self._chosen()

    def set_threshold(self, threshold: float | None) -> None:
        """Set the score from which candidates are picks, or None for the model's."""
        self.model.threshold = threshold
        self._chosen()

    def set_min_distance(self, fraction: float | None) -> None:
        """Set the minimum distance in diameters, or None for the model's."""
        self.model.min_distance = fraction
        self._chosen()

    def adapt(self, calibration: dict[str, Any]) -> None:
        """Use a calibration that a picking found on these micrographs."""
        self.model.adapt(calibration)
        self.edited.emit()
        self.changed.emit()

    def restore(self) -> None:
        """Choose the model, threshold and distance that the project was left with.

        Without those it is the newest run's model, else the general one.
        """
        project, view = self._project, self._project.files.view
        newest = [run.path for run in project.runs() if run.finished][:1]
        general = general_model()
        left = [project.folder / view.model] if view.model else []
        if view.model == GENERAL:  # wherever it is installed now
            left = [general] if general is not None else []
        for path in [*left, *newest, general, None]:
            try:
                self.model.choose(path)
            except UnetPickError as error:
                tell(error.in_viewer, "warning")
                continue
            self._is_chosen = path in left
            if self._is_chosen:
                self.model.threshold = view.threshold
                self.model.min_distance = view.min_distance
            if self.model.general:
                self.model.adapt(view.calibration)
            return

    def view(self, current: str) -> View:
        """Return what is to be kept of it, with the micrograph that is looked at."""
        path, folder = self.model.path, self._project.folder
        if path is not None and path == general_model():
            path = Path(GENERAL) if self._is_chosen else None
        elif path is not None and path.is_relative_to(folder):
            path = path.relative_to(folder)
        name = "" if path is None else path.as_posix()
        model = self.model
        return View(current, name, model.threshold, model.min_distance, model.adapted)

    def _chosen(self) -> None:
        self._is_chosen = True
        self.edited.emit()
        self.changed.emit()
