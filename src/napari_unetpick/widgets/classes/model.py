"""The class averages as a list: a click rejects one, another keeps it again."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QAbstractListModel, QModelIndex, QSize, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPen, QPixmap

from napari_unetpick.classes.table import Classes
from napari_unetpick.io.picks import tell_count
from napari_unetpick.widgets.gallery.model import picture

SIDE = 104  # px of a picture
REJECTED = QColor("#D55E00")


class ClassModel(QAbstractListModel):
    """Averages with their sizes; rejected ones are crossed out."""

    def __init__(self) -> None:
        super().__init__()
        self.classes: Classes | None = None
        self.rejected: set[int] = set()
        self._pictures: list[QPixmap] = []

    def put(self, classes: Classes | None) -> None:
        """Show other classes, none rejected but those that are so already."""
        self.beginResetModel()
        self.classes = classes
        self.rejected = set() if classes is None else set(classes.rejected)
        averages = () if classes is None else classes.averages
        self._pictures = [picture(average, SIDE) for average in averages]
        self.endResetModel()

    def toggle(self, row: int) -> None:
        """Reject a class, or keep it again."""
        self.rejected ^= {row + 1}
        self.dataChanged.emit(self.index(row), self.index(row))

    def counts(self) -> tuple[int, int]:
        """Return how many picks are kept and rejected."""
        sizes = [] if self.classes is None else self.classes.sizes.tolist()
        rejected = sum(size for number, size in enumerate(sizes, 1) if number in self.rejected)
        return sum(sizes) - rejected, rejected

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # Qt's name
        """How many classes have a picture."""
        return 0 if parent is not None and parent.isValid() else len(self._pictures)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Picture, number and size, and what a click does."""
        if not index.isValid() or self.classes is None:
            return None
        number = index.row() + 1
        size = int(self.classes.sizes[index.row()])
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{number}: {size:,}{' ×' * (number in self.rejected)}"
        if role == Qt.ItemDataRole.ToolTipRole:
            state, other = ("rejected", "keep") if number in self.rejected else ("kept", "reject")
            return f"Class {number}, {tell_count(size, 'pick')}, {state}. Click to {other} it."
        if role == Qt.ItemDataRole.DecorationRole:
            made = self._pictures[index.row()]
            return QIcon(crossed(made) if number in self.rejected else made)
        if role == Qt.ItemDataRole.SizeHintRole:
            return QSize(SIDE + 12, SIDE + 28)
        return None


def crossed(made: QPixmap) -> QPixmap:
    """Return a picture that is dimmed, framed and crossed out."""
    copy = QPixmap(made)
    side = copy.width()
    painter = QPainter(copy)
    painter.fillRect(copy.rect(), QColor(0, 0, 0, 110))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(REJECTED, 4))
    painter.drawRect(2, 2, side - 4, side - 4)
    painter.setPen(QPen(REJECTED, 3))
    painter.drawLine(6, 6, side - 6, side - 6)
    painter.drawLine(6, side - 6, side - 6, 6)
    painter.end()
    return copy
