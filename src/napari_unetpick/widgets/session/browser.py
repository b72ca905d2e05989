"""Which micrograph is looked at, and which rows of the list of micrographs are selected."""

from __future__ import annotations

from collections.abc import Sequence

from psygnal import Signal

from napari_unetpick.widgets.session.open_project import OpenProject


class Browser:
    """The current micrograph, and the list as it is shown.

    Signals (psygnal)
    -----------------
    current_changed(key)
        Another micrograph is the current one ("" for none). Its layers follow when it is read.
    selected_changed()
        Other rows are selected in the list.

    Attributes
    ----------
    current
        Key of the current micrograph, or "".
    order
        Keys as the list of micrographs shows them, where it is open.
    selected
        Keys of the rows that are selected there.
    """

    current_changed = Signal(str)
    selected_changed = Signal()

    def __init__(self, project: OpenProject) -> None:
        self._project = project
        self.current = ""
        self.order: list[str] = []
        self.selected: list[str] = []
        project.added.connect(self._added)

    def go(self, key: str) -> None:
        """Make a micrograph the current one; its layers follow as soon as it is read."""
        if key == self.current or key not in self._project.entries:
            return
        self.current = key
        self.current_changed.emit(key)

    def step(self, by: int, *, kept_only: bool = False) -> None:
        """Go to the micrograph `by` places on (negative: back), as far as the list reaches."""
        entries = self._project.entries
        every = self.order or self._project.keys
        keys = [k for k in every if not kept_only or entries[k].kept or k == self.current]
        if keys:
            here = keys.index(self.current) if self.current in keys else 0
            self.go(keys[min(max(here + by, 0), len(keys) - 1)])

    def neighbours(self, key: str, reach: int) -> list[str]:
        """Return the keys up to `reach` places from one, the nearest first."""
        keys = self._project.keys
        here = keys.index(key)
        around = [here + i for j in range(1, reach + 1) for i in (j, -j)]
        return [keys[i] for i in around if 0 <= i < len(keys)]

    def select(self, keys: Sequence[str]) -> None:
        """Note which rows are selected."""
        self.selected = list(keys)
        self.selected_changed.emit()

    def forget(self) -> None:
        """Another project is open: no micrograph is the current one yet."""
        self.current, self.order, self.selected = "", [], []

    def _added(self, new: list[str]) -> None:
        if not self.current and new:
            self.go(new[0])
