"""The choice of the model that picks: a finished run or a model file, with its card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtWidgets import QComboBox, QFileDialog, QSizePolicy, QVBoxLayout, QWidget

from napari_unetpick.errors import UnetPickError
from napari_unetpick.widgets.pick.model_labels import describe_card, is_of, model_choices
from napari_unetpick.widgets.qt.controls import hint, say
from napari_unetpick.widgets.session.session import Session

OTHER = "Other model file…"
MODELS = "Models (*.safetensors);;All files (*)"


class ModelBox(QWidget):
    """A choice of models over the card of the one in use.

    Parameters
    ----------
    report
        Shows what went wrong in one line, "" where nothing did.
    """

    def __init__(self, session: Session, report: Callable[[str], None]) -> None:
        super().__init__()
        self.session = session
        self.report = report
        self.box = QComboBox()
        self.box.setToolTip(
            "The model used for picking: one trained in this project (newest first), or another "
            "model file."
        )
        self.box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.box.activated.connect(self._chosen)
        self.card = hint()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.box)
        layout.addWidget(self.card)
        self.refresh()

    def refresh(self) -> None:
        """List the models again and show the one in use."""
        used = self.session.selection.model.path
        choices = model_choices(self.session.project.runs(), used)
        self.box.clear()
        if used is None:
            self.box.addItem("Choose a model", None)
        for words, path in choices:
            self.box.addItem(words, path)
            if used is not None and is_of(used, path):
                self.box.setCurrentIndex(self.box.count() - 1)
        self.box.addItem(OTHER, OTHER)
        say(self.card, describe_card(self.session.selection.model.card))

    def ask_file(self) -> Path | None:
        """Ask for a model file."""
        name, _ = QFileDialog.getOpenFileName(self, "Open a model", "", MODELS)
        return Path(name) if name else None

    def _chosen(self, _: int) -> None:
        choice = self.box.currentData()
        path = self.ask_file() if choice == OTHER else choice
        self.report("")
        if path is not None:
            try:
                self.session.selection.use_model(path)
            except UnetPickError as error:
                self.report(error.in_viewer)
        self.refresh()  # a dialog that was cancelled, or a file that is no model: back to the old
