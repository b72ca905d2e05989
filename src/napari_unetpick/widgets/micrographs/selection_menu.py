"""What can be done with selected micrographs: keep, reject, split, say how they are labelled."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from qtpy.QtWidgets import QMenu, QWidget

from napari_unetpick.widgets.session.session import Session

CHANGES: dict[str, list[tuple[str, str, dict[str, Any]]]] = {
    "": [
        ("Keep", "Pick them, and train on their labels.", {"kept": True}),
        (
            "Reject",
            "Leave them out of training and picking; they stay in the list with their picks.",
            {"kept": False},
        ),
    ],
    "Split": [
        ("Automatic", "Training chooses what they serve for.", {"split": ""}),
        ("Training", "The model learns from them.", {"split": "train"}),
        ("Validation", "They measure the model while it learns.", {"split": "validation"}),
        ("Test", "They are never learnt from: they judge the model in the end.", {"split": "test"}),
    ],
    "Labels": [
        ("Unlabelled", "What is marked on them is not used.", {"state": "none"}),
        ("Partly", "Some particles are marked; the rest is unknown.", {"state": "partial"}),
        (
            "Fully",
            "Every particle is marked: what is not marked counts as background.",
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
