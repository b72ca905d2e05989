"""The menu of selected micrographs: keep, reject, split, completeness of their labels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from qtpy.QtWidgets import QMenu, QWidget

from napari_unetpick.widgets.session.session import Session

CHANGES: dict[str, list[tuple[str, str, dict[str, Any]]]] = {
    "": [
        ("Keep", "Use them for training and picking.", {"kept": True}),
        (
            "Reject",
            "Exclude them from training and picking. They stay in the list with their picks.",
            {"kept": False},
        ),
    ],
    "Split": [
        ("Automatic", "Training decides how they are used.", {"split": ""}),
        ("Training", "Train on them.", {"split": "train"}),
        ("Validation", "Measure the model on them during training.", {"split": "validation"}),
        ("Test", "Keep them for the final evaluation; never train on them.", {"split": "test"}),
    ],
    "Labels": [
        ("Unlabelled", "Their picks are not used for training.", {"state": "none"}),
        ("Partly", "Some particles are picked; the rest is unknown.", {"state": "partial"}),
        (
            "Fully",
            "All particles are picked; unpicked areas count as background.",
            {"state": "full"},
        ),
    ],
}


class SelectedMenu(QMenu):
    """The menu of the selected rows."""

    def __init__(
        self, session: Session, selected: Callable[[], list[str]], parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.session = session
        self.selected = selected
        self.setToolTipsVisible(True)
        for title, changes in CHANGES.items():
            menu = self
            if title:
                menu = self.addMenu(title)
                menu.setToolTipsVisible(True)
            for text, tip, fields in changes:
                action = menu.addAction(text)
                action.setToolTip(tip)
                action.triggered.connect(partial(self._change, fields))

    def _change(self, fields: dict[str, Any], *_: object) -> None:
        keys = self.selected()
        if keys:
            self.session.project.change(keys, **fields)
