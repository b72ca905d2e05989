"""The Export dock: writes the picks for other programs."""

from __future__ import annotations

from typing import Any

from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QWidget

from napari_unetpick.widgets.export.form import ExportForm
from napari_unetpick.widgets.qt.controls import heading
from napari_unetpick.widgets.qt.dock import Dock


class ExportDock(Dock):
    """The export form, kept up to date."""

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(napari_viewer, parent)
        self.export = ExportForm(self.session)
        self.body.addWidget(heading("Export"))
        self.body.addWidget(self.export)
        self.follow(self.session.project.changed, self.export.project_changed)
        self.follow(self.session.browser.current_changed, lambda _: self.export.refresh())
        self.follow(self.session.project.diameter_changed, lambda _: self.export.refresh())

    def showEvent(self, event: QShowEvent) -> None:  # Qt's name
        """Fit the box to what has become known meanwhile."""
        super().showEvent(event)
        self.export.refresh()
