"""A list of pictures side by side."""

from __future__ import annotations

from qtpy.QtCore import QAbstractItemModel, QSize
from qtpy.QtWidgets import QListView


def picture_list(model: QAbstractItemModel, side: int) -> QListView:
    """Return a view of a model whose decorations are pictures of `side` pixels."""
    view = QListView()
    view.setModel(model)
    view.setViewMode(QListView.ViewMode.IconMode)
    view.setResizeMode(QListView.ResizeMode.Adjust)
    view.setMovement(QListView.Movement.Static)
    view.setUniformItemSizes(True)
    view.setIconSize(QSize(side, side))
    return view
