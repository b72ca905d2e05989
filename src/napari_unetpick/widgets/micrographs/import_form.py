"""Offers to add open layers to the project; hidden while there are none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakMethod

from qtpy.QtWidgets import QComboBox, QVBoxLayout, QWidget
from superqt.utils import qdebounced

from napari_unetpick.errors import UnetPickError
from napari_unetpick.io.picks import Picks, tell_count
from napari_unetpick.project.copying import remove_images
from napari_unetpick.widgets.layers.import_layers import (
    Source,
    find_images,
    find_points,
    join_session,
    points_on,
    take_points,
    write_sources,
)
from napari_unetpick.widgets.qt.controls import button, hint, row, say
from napari_unetpick.widgets.qt.workers import Background
from napari_unetpick.widgets.session.session import Session

SETTLED_MS = 60  # several files opened at once are one offer
MEANWHILE = "Another project was opened meanwhile: add the open images again."


class ImportForm(QWidget):
    """Buttons for open images and points that are not part of the project.

    Parameters
    ----------
    report
        Shows (what was done, what went wrong), each one line or "".
    ask_new_folder
        Asks for the folder of a new project by its title, None: cancelled.
    imported
        Is given the picks that were imported, by key.
    """

    def __init__(
        self,
        session: Session,
        report: Callable[[str, str], None],
        ask_new_folder: Callable[[str], Path | None],
        imported: Callable[[dict[str, Picks]], None],
    ) -> None:
        super().__init__()
        self.session = session
        self.report = report
        self.ask_new_folder = ask_new_folder
        self.imported = imported
        self._project_folder: Path | None = None
        self.background = Background("layers")
        self.background.done.connect(self._join)
        self.background.failed.connect(lambda text: report("", text))
        self.destroyed.connect(self.background.close)
        self._build()
        self._settled = qdebounced(self.offer, SETTLED_MS, parent=self)
        events = session.viewer.layers.events
        self.destroyed.connect(_Listen([events.inserted, events.removed], self.offer_soon))
        self.hide()  # until it lies in a layout and `offer` finds something

    def _build(self) -> None:
        self.words = hint()
        self.make_project = button(
            "",
            "Add the open micrographs, and open picks on them, to a new project folder. Every "
            "change is saved there.",
            self._make_project,
        )
        self.use_images = button(
            "",
            "Add the open images to the list. Their layers are hidden, not removed.",
            self._use_images,
        )
        self.points = QComboBox()
        self.points.setToolTip("A Points layer with particles of this micrograph.")
        self.points.setMinimumContentsLength(6)
        self.points.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.take = button(
            "Add as picks",
            "Add the points of this layer to the picks of the current micrograph.",
            self._take_points,
        )
        self.points_row = row(self.points, self.take)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.words, self.make_project, self.use_images, self.points_row):
            layout.addWidget(widget)

    def offer_soon(self) -> None:
        """Update when the viewer's layers have settled."""
        self._settled()

    def offer(self) -> None:
        """Show what can be added, or nothing."""
        images = find_images(self.session)
        files = [image for image in images if image.data is None]
        points = find_points(self.session) if self.session.browser.current else []
        count = len(images)
        many = len(files) >= 2
        say(self.words, f"{count:,} images are open as layers." if count >= 2 else "")
        self.make_project.setText(f"New project from {count:,} open images\u2026")
        self.make_project.setVisible(many)
        self.use_images.setText(
            "Add the open image" if count == 1 else f"Add the {count:,} open images"
        )
        self.use_images.setVisible(count > 0)
        chosen = self.points.currentText()
        self.points.clear()
        for layer in points:
            self.points.addItem(layer.name, layer)
        self.points.setCurrentIndex(max(0, self.points.findText(chosen)))
        self.points_row.setVisible(bool(points))
        self.setVisible(bool(images or points))

    def _make_project(self) -> None:
        self._project_folder = self.ask_new_folder("New project folder")
        if self._project_folder is not None:
            self._write()

    def _use_images(self) -> None:
        self._project_folder = None
        self._write()

    def _write(self) -> None:
        """Write images without a file in the background; they join when that is done."""
        try:
            folder, project = self._project_folder, self.session.project
            if folder is not None and not (project.temporary and project.entries):
                self.session.project.new(folder)
        except UnetPickError as error:
            self.report("", error.in_viewer)
            return
        self.report("Adding the open images\u2026", "")
        sources, place = find_images(self.session), self.session.project.folder

        def work(_: Any) -> tuple[Path, list[Source]]:
            write_sources(sources)
            return place, sources

        self.background.start(work)

    def _join(self, result: tuple[Path, list[Source]]) -> None:
        session, (place, sources) = self.session, result
        if place != session.project.folder:
            remove_images([source.path for source in sources if source.data is not None])
            self._project_folder = None
            self.report("", MEANWHILE)
            self.offer()
            return
        try:
            picks_before = _pick_count(session)
            new, imported = join_session(session, sources)
            if self._project_folder is not None and session.project.temporary:
                session.project.save_as(self._project_folder)  # with what was there before
        except UnetPickError as error:
            self.report("", error.in_viewer)
            return
        finally:
            folder, self._project_folder = self._project_folder, None
            self.offer()
        text = f"{tell_count(len(new), 'micrograph')} added"
        picks = _pick_count(session) - picks_before
        text += f" with {tell_count(picks, 'pick')}" if picks else ""
        self.report(f"{text}; saved in {folder}." if folder else f"{text}.", "")
        self.imported(imported)

    def _take_points(self) -> None:
        layer = self.points.currentData()
        if layer is None:
            return
        key = self.session.browser.current
        try:
            _, text = take_points(self.session, layer)
            picks = points_on(self.session, key, layer)
        except UnetPickError as error:
            self.report("", error.in_viewer)
            return
        self.report(text, "")
        self.imported({key: picks})


def _pick_count(session: Session) -> int:
    return sum(entry.picks for entry in session.project.entries.values())


class _Listen:
    """Follows napari's events for a widget, which it must not hold, and ends when it is called."""

    def __init__(self, events: list[Any], call: Callable[[], None]) -> None:
        self._events = events
        self._call = WeakMethod(call)
        for event in events:
            event.connect(self._tell)

    def __call__(self, *_: object) -> None:
        for event in self._events:
            event.disconnect(self._tell)
        self._events = []

    def _tell(self, _: Any = None) -> None:
        call = self._call()
        if call is not None and self._events:
            call()
