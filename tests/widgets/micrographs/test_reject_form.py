"""Reject where: what is out of bounds is counted first, rejected, and kept again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted_set import SHAPE, planted_candidates
from qtpy.QtCore import Qt

from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.picking.junk import JunkMap
from napari_unetpick.project.project import Entry
from napari_unetpick.widgets.micrographs.dock import MicrographsDock
from napari_unetpick.widgets.micrographs.out_of_bounds import QUANTITIES, out_of_bounds
from napari_unetpick.widgets.micrographs.row_scores import Summary
from napari_unetpick.widgets.micrographs.sorting import COLUMNS
from napari_unetpick.widgets.qt.dock import WIDEST
from napari_unetpick.widgets.session.session import Session

USABLE = {"a.b_1": 0.3, "a.b_2": 0.9}  # and a.b_3 was not picked


def entry(name: str, **fields: Any) -> Entry:
    kept = fields.pop("kept", True)
    return Entry(Micrograph(Path(f"{name}.mrc"), f"{name}.mrc", **fields), kept=kept)


ENTRIES = {
    "a": entry("a", defocus=8_000.0, ctf_resolution=3.5),
    "b": entry("b", defocus=31_000.0, ctf_resolution=6.0),
    "c": entry("c", ctf_resolution=9.0),
    "d": entry("d", defocus=40_000.0, ctf_resolution=20.0, kept=False),
}
KNOWN = {"a": Summary(4, 0.7, 0.2), "b": Summary(40, 0.8, 0.5), "c": Summary(0, None, None)}


@pytest.mark.parametrize(
    ("name", "limit", "below", "expected", "unknown"),
    [
        ("Usable area", 50, True, ("a",), 1),
        ("Usable area", 10, False, ("a", "b"), 1),
        ("Found", 10, True, ("a", "c"), 0),
        ("Score", 0.75, True, ("a",), 1),
        ("CTF fit", 6, False, ("c",), 0),
        ("Defocus", 3, False, ("b",), 1),
        ("Defocus", 1, True, ("a",), 1),
    ],
)
def test_kept_ones_out_of_bounds_are_found(
    name: str, limit: float, below: bool, expected: tuple[str, ...], unknown: int
) -> None:
    found = out_of_bounds(ENTRIES, QUANTITIES[name], limit, KNOWN.get, below=below)
    assert (found.keys, found.kept, found.unknown) == (expected, 3, unknown)


def test_the_preview_says_how_many_and_which_stay() -> None:
    found = out_of_bounds(ENTRIES, QUANTITIES["Usable area"], 50, KNOWN.get, below=True)
    assert str(found) == "1 of 3 micrographs would be rejected. 1 without a value stays."


@pytest.fixture
def dock(project_session: Session, qtbot: Any) -> MicrographsDock:
    session = project_session
    for key, usable in USABLE.items():
        cells = np.zeros((10, 20), bool)
        cells[: round(10 * (1 - usable))] = True
        found = planted_candidates(session, key)
        session.candidates.put(key, replace(found, junk=JunkMap(cells, SHAPE)))
    made = MicrographsDock(session.viewer)
    qtbot.addWidget(made)
    made.resize(WIDEST, 700)
    made.show()
    return made


def kept(dock: MicrographsDock) -> list[bool]:
    return [each.kept for each in dock.session.project.entries.values()]


@pytest.mark.parametrize("labelled", [False, True])
def test_usable_area_is_in_sight_and_sorts(
    dock: MicrographsDock, qtbot: Any, labelled: bool
) -> None:
    """Also beside the columns that labels bring with them, in a window of 1280 x 800."""
    column = COLUMNS.index("usable")
    table = dock.table
    if labelled:
        session = dock.session
        session.annotations.add("a.b_1", session.truth["a.b_1"], None, "user")  # type: ignore[attr-defined]
        qtbot.waitUntil(lambda: not table.isColumnHidden(COLUMNS.index("picks")), timeout=5000)
    qtbot.waitUntil(lambda: dock.model.index(0, column).data() == "30%", timeout=5000)
    assert dock.model.index(2, column).data() == ""
    assert not table.isColumnHidden(column)
    right = table.columnViewportPosition(column) + table.columnWidth(column)
    assert right <= table.viewport().width()
    table.sortByColumn(column, Qt.SortOrder.DescendingOrder)
    qtbot.waitUntil(lambda: dock.model.keys == ["a.b_2", "a.b_1", "a.b_3"], timeout=5000)


def test_rejected_after_a_preview_and_undone(dock: MicrographsDock, qtbot: Any) -> None:
    form = dock.reject_form
    dock.reject_section.expand(animate=False)
    expected = "1 of 3 micrographs would be rejected. 1 without a value stays."
    qtbot.waitUntil(lambda: form.preview.text() == expected, timeout=5000)
    assert kept(dock) == [True, True, True]
    assert not form.undo.isEnabled()
    qtbot.mouseClick(form.reject, Qt.MouseButton.LeftButton)
    assert kept(dock) == [False, True, True]
    assert form.preview.text().startswith("0 of 2 micrographs")
    assert not form.reject.isEnabled()
    form.limit.setValue(95)
    assert form.reject.text() == "Reject 1 micrograph"
    qtbot.mouseClick(form.reject, Qt.MouseButton.LeftButton)
    assert kept(dock) == [False, False, True]
    for expected_now in ([False, True, True], [True, True, True]):
        qtbot.mouseClick(form.undo, Qt.MouseButton.LeftButton)
        assert kept(dock) == expected_now
    assert not form.undo.isEnabled()


def test_the_count_follows_the_threshold(dock: MicrographsDock, qtbot: Any) -> None:
    form = dock.reject_form
    dock.reject_section.expand(animate=False)
    form.quantity.setCurrentText("Found")
    form.limit.setValue(1)
    expected = "0 of 3 micrographs would be rejected. 1 without a value stays."
    qtbot.waitUntil(lambda: form.preview.text() == expected, timeout=5000)
    dock.session.selection.set_threshold(0.99)
    qtbot.waitUntil(lambda: form.preview.text().startswith("2 of 3"), timeout=5000)
