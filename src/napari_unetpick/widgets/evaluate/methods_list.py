"""What a comparison compares: the models of a project and pick files, each with a tick."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from psygnal import Signal
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem

from napari_unetpick.project.runs import MODEL
from napari_unetpick.widgets.pick.model_labels import is_of, model_choices
from napari_unetpick.widgets.session.session import Session

PICK_FILES = "Picks (*.csv *.star *.box *.cbox *.txt *.json *.cs);;All files (*)"
ROWS_SHOWN = 5


class MethodList(QListWidget):
    """Models, the one in use first and ticked, then the pick files that were added.

    Signals (psygnal)
    -----------------
    changed()
        Other methods are ticked.
    """

    changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.added: list[Path] = []  # pick files and folders
        self._ticks: dict[Path, bool] = {}  # that the user set
        self.setToolTip("Methods to compare. The first one ticked is the reference.")
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.itemChanged.connect(self._item_changed)
        self.refresh()

    @property
    def models(self) -> dict[str, Path]:
        """The models that are ticked, by name."""
        return {name: path for name, path, is_model in self._ticked() if is_model}

    @property
    def picks(self) -> dict[str, Path]:
        """The pick files and folders that are ticked, by name."""
        return {name: path for name, path, is_model in self._ticked() if not is_model}

    def refresh(self) -> None:
        """Refresh the list of models; what the user ticked or unticked stays so."""
        used = self.session.selection.model.path
        models = model_choices(self.session.project.runs(), used)
        models.sort(key=lambda each: used is None or not is_of(used, each[1]))
        with QSignalBlocker(self):
            self.clear()
            for words, path in models:
                self._put(words, path, used is not None and is_of(used, path), is_model=True)
            for path in self.added:
                self._put(path.name, path, ticked=True, is_model=False)
        self.setVisible(self.count() > 0)
        rows = min(self.count(), ROWS_SHOWN)
        self.setFixedHeight(self.sizeHintForRow(0) * rows + 2 * self.frameWidth() + 6)

    def add_picks(self, path: Path) -> None:
        """Add a pick file or a folder of them, ticked."""
        if path not in self.added:
            self.added.append(path)
        self._ticks[path] = True
        self.refresh()
        self.changed.emit()

    def forget(self) -> None:
        """Go back to the models alone: another project was opened."""
        self.added.clear()
        self._ticks.clear()
        self.refresh()

    def _put(self, words: str, path: Path, ticked: bool, *, is_model: bool) -> None:
        item = QListWidgetItem(words)
        item.setToolTip(str(path))
        item.setData(Qt.ItemDataRole.UserRole, (str(path), is_model))
        item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
        checked = self._ticks.get(path, ticked)
        item.setCheckState(Qt.CheckState.Checked if checked else Qt.CheckState.Unchecked)
        self.addItem(item)

    def _ticked(self) -> list[tuple[str, Path, bool]]:
        """Return name, path and whether it is a model of what is ticked; names differ."""
        found = []
        for number in range(self.count()):
            item = self.item(number)
            if item.checkState() == Qt.CheckState.Checked:
                path, is_model = item.data(Qt.ItemDataRole.UserRole)
                found.append((Path(path), bool(is_model)))
        names = unique_names(name_of(path) for path, _ in found)
        return [(name, *each) for name, each in zip(names, found, strict=True)]

    def _item_changed(self, item: QListWidgetItem) -> None:
        path = Path(item.data(Qt.ItemDataRole.UserRole)[0])
        self._ticks[path] = item.checkState() == Qt.CheckState.Checked
        self.changed.emit()


def name_of(path: Path) -> str:
    """Return the name of a method: of its run folder, folder or file."""
    if path.name == MODEL:
        return path.parent.name
    return path.name if path.is_dir() else path.stem


def unique_names(names: Iterable[str]) -> list[str]:
    """Number names that were there before: picks, picks (2)."""
    found: list[str] = []
    for name in names:
        tried, number = name, 1
        while tried in found:
            number += 1
            tried = f"{name} ({number})"
        found.append(tried)
    return found
