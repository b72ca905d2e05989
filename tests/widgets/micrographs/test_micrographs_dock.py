"""The Micrographs dock, by real clicks and keys where there are some, over planted micrographs."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QRect, Qt
from qtpy.QtGui import QImage
from qtpy.QtWidgets import QStyleOptionViewItem

from napari_unetpick.adapters.layer_data import image_layer, points_layer
from napari_unetpick.io.images.image import read_micrograph
from napari_unetpick.io.images.listing import list_micrographs
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.picks import Picks
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.project.project import Project
from napari_unetpick.widgets.layers.import_layers import write_sources
from napari_unetpick.widgets.micrographs import import_form as import_form
from napari_unetpick.widgets.micrographs.dock import MicrographsDock
from napari_unetpick.widgets.micrographs.sorting import COLUMNS
from napari_unetpick.widgets.qt.dock import WIDEST
from napari_unetpick.widgets.session.session import Session

KEYS = ["a.b_1", "a.b_2", "a.b_3"]


@pytest.fixture
def dock(session: Session, qtbot: Any) -> MicrographsDock:
    made = MicrographsDock(session.viewer)
    qtbot.addWidget(made)
    made.resize(320, 700)
    made.show()
    return made


@pytest.fixture
def full(project_session: Session, qtbot: Any) -> MicrographsDock:
    made = MicrographsDock(project_session.viewer)
    qtbot.addWidget(made)
    made.resize(320, 700)
    made.show()
    return made


def click(qtbot: Any, widget: Any) -> None:
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)


def click_row(
    qtbot: Any,
    dock: MicrographsDock,
    key: str,
    modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
) -> None:
    place = dock.table.visualRect(dock.model.index(dock.model.row_of(key), 1)).center()
    qtbot.mouseClick(dock.table.viewport(), Qt.MouseButton.LeftButton, modifier, place)


def cell(dock: MicrographsDock, key: str, heading: str) -> Any:
    names = [
        dock.model.headerData(i, Qt.Orientation.Horizontal) for i in range(dock.model.columnCount())
    ]
    return dock.model.index(dock.model.row_of(key), names.index(heading)).data()


def choose(menu: Any, *path: str) -> None:
    for name in path[:-1]:
        # held until the submenu is used: in PySide6 6.10 that goes with its action's wrapper
        action = next(a for a in menu.actions() if a.text() == name)
        menu = action.menu()
    next(a for a in menu.actions() if a.text() == path[-1]).trigger()


def open_images(session: Session, folder: Path, keys: list[str]) -> None:
    from napari.layers import Image

    for key in keys:
        image = read_micrograph(folder / f"{key}.mrc")
        data, more, _ = image_layer(image.data, key, 4.0, path=str(folder / f"{key}.mrc"))
        session.viewer.add_layer(Image(data, **more))


# -- opening ---------------------------------------------------------------------------------------


def test_a_folder_is_opened_by_the_menu(
    dock: MicrographsDock, planted: Any, tmp_path: Path, qtbot: Any
) -> None:
    assert "No micrographs yet" in dock.counts.text()
    dock.open_form.ask_folder = lambda title: tmp_path / "mics"  # type: ignore[method-assign]
    choose(dock.open_form.open_menu, "Folder\u2026")
    qtbot.waitUntil(lambda: dock.model.keys == KEYS, timeout=5000)
    assert dock.news.text() == "3 micrographs added."
    assert dock.session.browser.current == "a.b_1"
    qtbot.waitUntil(lambda: "3 micrographs, 0 picks" in dock.counts.text(), timeout=1000)
    assert dock.place.text() == "Not saved as a project yet."
    choose(dock.open_form.open_menu, "Folder\u2026")
    qtbot.waitUntil(lambda: "0 micrographs added. 3 were" in dock.news.text(), timeout=5000)


def test_a_typed_pattern_adds_what_fits(
    dock: MicrographsDock, planted: Any, tmp_path: Path, qtbot: Any
) -> None:
    qtbot.keyClicks(dock.open_form.pattern, f"{tmp_path}/mics/*_[23].mrc")
    qtbot.keyClick(dock.open_form.pattern, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: dock.model.keys == KEYS[1:], timeout=5000)
    assert dock.open_form.pattern.text() == ""


def test_a_star_brings_defocus_and_ctf(
    dock: MicrographsDock, planted: Any, tmp_path: Path, qtbot: Any
) -> None:
    rows = "\n".join(f"mics/{key}.mrc 1.2e4 1.4e4 3.{i}" for i, key in enumerate(KEYS))
    star = tmp_path / "micrographs_ctf.star"
    star.write_text(
        "data_micrographs\n\nloop_\n_rlnMicrographName #1\n_rlnDefocusU #2\n_rlnDefocusV #3\n"
        f"_rlnCtfMaxResolution #4\n{rows}\n"
    )
    dock.open_form.ask_files = lambda title, kinds: [star]  # type: ignore[method-assign]
    choose(dock.open_form.open_menu, "Micrographs STAR\u2026")
    qtbot.waitUntil(lambda: dock.model.keys == KEYS, timeout=5000)
    assert cell(dock, "a.b_2", "Defocus (µm)") == "1.30"
    assert cell(dock, "a.b_2", "CTF fit (Å)") == "3.1"


def test_nothing_found_is_one_line_and_a_cancelled_dialog_is_nothing(
    dock: MicrographsDock, tmp_path: Path, qtbot: Any
) -> None:
    dock.open_form.open_sources([tmp_path / "none" / "*.mrc"])
    qtbot.waitUntil(lambda: "no file matches" in dock.trouble.text(), timeout=5000)
    assert "\n" not in dock.trouble.text()
    assert dock.news.text() == ""
    dock.open_form.ask_folder = lambda title: None  # type: ignore[method-assign]
    choose(dock.open_form.open_menu, "Folder\u2026")
    assert dock.session.project.keys == []


def test_saving_and_opening_a_project(full: MicrographsDock, tmp_path: Path, qtbot: Any) -> None:
    form, session = full.open_form, full.session
    session.annotations.add("a.b_2", np.array([[50.0, 60.0]]), None, "manual")
    form.ask_new_folder = lambda title: tmp_path / "copy"  # type: ignore[method-assign]
    click(qtbot, form.save_project_button)
    assert session.project.folder == tmp_path / "copy"
    assert "Saved in" in full.news.text()
    assert full.place.text() == "Project: copy"
    form.ask_folder = lambda title: tmp_path / "project"  # type: ignore[method-assign]
    click(qtbot, form.open_project_button)
    assert full.place.text() == "Project: project"
    assert cell(full, "a.b_2", "Picks") == "1"
    form.ask_folder = lambda title: tmp_path / "mics"  # type: ignore[method-assign]
    click(qtbot, form.open_project_button)
    assert full.trouble.text()
    assert full.place.text() == "Project: project"


@pytest.mark.parametrize("answer,leaves", [("cancel", False), ("discard", True), ("save", True)])
def test_picks_of_no_project_are_asked_about(
    dock: MicrographsDock, planted: Any, tmp_path: Path, qtbot: Any, answer: str, leaves: bool
) -> None:
    Project.create(tmp_path / "other").close()
    session, form = dock.session, dock.open_form
    session.project.add(tmp_path / "mics")
    session.annotations.add("a.b_1", np.array([[50.0, 60.0]]), None, "manual")
    form.ask_folder = lambda title: tmp_path / "other"  # type: ignore[method-assign]
    form.ask_new_folder = lambda title: tmp_path / "kept"  # type: ignore[method-assign]
    form.ask_unsaved = lambda: answer  # type: ignore[method-assign]
    click(qtbot, form.open_project_button)
    assert (session.project.folder == tmp_path / "other") is leaves
    if answer == "save":
        with Project.open(tmp_path / "kept") as kept:
            assert kept.annotations("a.b_1").picks.coords.tolist() == [[50.0, 60.0]]


def test_a_project_open_elsewhere_is_read_only_and_says_so(
    dock: MicrographsDock, planted: Any, tmp_path: Path, qtbot: Any
) -> None:
    with Project.create(tmp_path / "p"):
        dock.session.project.open(tmp_path / "p")
        assert "read-only" in dock.place.text()
        assert "open in" in dock.place.text()


# -- the list --------------------------------------------------------------------------------------


def test_a_clicked_row_is_shown_and_the_shown_micrograph_is_selected(
    full: MicrographsDock, qtbot: Any
) -> None:
    session = full.session
    click_row(qtbot, full, "a.b_3")
    assert session.browser.current == "a.b_3"
    qtbot.waitUntil(lambda: session.layers.shown_key == "a.b_3", timeout=5000)
    session.browser.go("a.b_2")
    assert full.table.selected_keys() == ["a.b_2"]
    qtbot.keyClick(full.table, Qt.Key.Key_Up)
    assert session.browser.current == "a.b_1"


def test_previous_and_next_by_buttons_and_keys(full: MicrographsDock, qtbot: Any) -> None:
    session = full.session
    assert not full.previous.isEnabled()
    click(qtbot, full.next)
    assert session.browser.current == "a.b_2"
    layer = session.layers.get("picks")
    bound = {str(key): call for key, call in layer.keymap.items()}
    bound["."](layer)
    assert session.browser.current == "a.b_3"
    assert not full.next.isEnabled()
    bound[","](layer)
    click(qtbot, full.previous)
    assert session.browser.current == "a.b_1"


def test_next_goes_by_the_list_as_it_is_sorted_and_narrowed(
    full: MicrographsDock, qtbot: Any
) -> None:
    session = full.session
    full.table.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    assert full.model.keys == KEYS[::-1]
    session.browser.go("a.b_3")
    session.project.change("a.b_2", kept=False)
    full.kind.setCurrentText("Kept")
    click(qtbot, full.next)
    assert session.browser.current == "a.b_1"
    full.table.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
    full.kind.setCurrentText("All")
    assert full.model.keys == KEYS


def test_names_are_searched(full: MicrographsDock, qtbot: Any) -> None:
    full.session.browser.go("a.b_3")
    qtbot.keyClicks(full.search, "B_3")
    qtbot.waitUntil(lambda: full.model.keys == ["a.b_3"], timeout=2000)
    assert full.counts.text().startswith("1 of 3 micrographs")
    assert full.table.selected_keys() == ["a.b_3"]


def test_the_current_micrograph_stays_listed_until_it_is_left(
    full: MicrographsDock, qtbot: Any
) -> None:
    session = full.session
    full.kind.setCurrentText("Unlabelled")
    session.annotations.add("a.b_1", np.array([[50.0, 60.0]]), None, "manual")
    qtbot.wait(50)
    assert full.model.keys == KEYS
    assert session.browser.current == "a.b_1"
    session.browser.go("a.b_2")
    assert full.model.keys == KEYS[1:]


def test_picks_and_state_follow_and_a_tick_rejects(full: MicrographsDock, qtbot: Any) -> None:
    session = full.session
    session.annotations.add("a.b_1", np.array([[50.0, 60.0], [90, 90]]), None, "manual")
    assert cell(full, "a.b_1", "Picks") == "2"
    assert cell(full, "a.b_1", "Labels") == "partly"
    index = full.model.index(1, 0)
    full.model.setData(index, Qt.CheckState.Unchecked, Qt.ItemDataRole.CheckStateRole)
    assert not session.project.entry("a.b_2").kept
    assert index.data(Qt.ItemDataRole.FontRole).strikeOut()
    assert "rejected: not trained on or picked" in index.data(Qt.ItemDataRole.ToolTipRole)
    qtbot.waitUntil(lambda: "1 rejected" in full.counts.text(), timeout=1000)
    session.save()
    with Project.open(session.project.folder, lock=False) as saved:
        assert [e.kept for e in saved.entries.values()] == [True, False, True]


def test_selected_rows_are_changed_by_the_menu(full: MicrographsDock, qtbot: Any) -> None:
    session = full.session
    click_row(qtbot, full, "a.b_1")
    click_row(qtbot, full, "a.b_2", Qt.KeyboardModifier.ControlModifier)
    assert full.table.selected_keys() == ["a.b_1", "a.b_2"]
    choose(full.menu, "Split", "Test")
    choose(full.menu, "Labels", "Fully")
    choose(full.menu, "Reject")
    assert [session.project.entry(k).split for k in KEYS] == ["test", "test", ""]
    assert [session.project.entry(k).state for k in KEYS] == ["full", "full", "none"]
    assert [session.project.entry(k).kept for k in KEYS] == [False, False, True]
    full.table.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    assert sorted(full.table.selected_keys()) == ["a.b_1", "a.b_2"]  # kept while rows move
    choose(full.menu, "Keep")
    assert all(session.project.entry(k).kept for k in KEYS)


def test_pictures_come_late_and_a_bad_file_says_why(
    full: MicrographsDock, tmp_path: Path, qtbot: Any
) -> None:
    decoration = Qt.ItemDataRole.DecorationRole
    index = full.model.index(0, 0)
    qtbot.waitUntil(lambda: isinstance(index.data(decoration), QImage), timeout=5000)
    (tmp_path / "bad.mrc").write_bytes(b"")
    full.session.project.add(tmp_path / "bad.mrc")
    qtbot.waitUntil(lambda: full.model.row_of("bad") == 3, timeout=2000)
    bad = full.model.index(3, 0)
    tip = Qt.ItemDataRole.ToolTipRole
    qtbot.waitUntil(lambda: "is empty" in bad.data(tip), timeout=5000)
    (tmp_path / "bad.mrc").write_bytes((tmp_path / "mics" / "a.b_1.mrc").read_bytes())
    full.session.project.add(tmp_path / "bad.mrc")
    qtbot.waitUntil(lambda: isinstance(bad.data(decoration), QImage), timeout=5000)
    full.with_pictures.setChecked(False)
    assert index.data(decoration) is None
    assert full.table.rowHeight(0) < 40


def test_scores_are_read_late_follow_the_threshold_and_sort(
    full: MicrographsDock, qtbot: Any
) -> None:
    session = full.session
    places = np.array([[50.0, 50], [100, 100], [150, 150]])
    for key, raw in (("a.b_1", [0.9, 0.4, 0.2]), ("a.b_3", [0.8, 0.7, 0.6])):
        session.candidates.put(
            key, Candidates(places, np.array(raw), np.zeros(3), 20.0, model="run-1")
        )
    qtbot.waitUntil(lambda: cell(full, "a.b_3", "Found") == "3", timeout=5000)
    assert cell(full, "a.b_3", "Score") == "0.70"
    assert (cell(full, "a.b_1", "Found"), cell(full, "a.b_2", "Found")) == ("1", "")
    session.selection.set_threshold(0.3)
    qtbot.waitUntil(lambda: cell(full, "a.b_1", "Found") == "2", timeout=5000)
    session.selection.set_threshold(None)
    full.table.sortByColumn(COLUMNS.index("found"), Qt.SortOrder.DescendingOrder)
    qtbot.waitUntil(lambda: full.model.keys == ["a.b_3", "a.b_1", "a.b_2"], timeout=5000)


def test_candidates_and_score_are_in_sight_without_scrolling(
    full: MicrographsDock, qtbot: Any
) -> None:
    table = full.table
    full.resize(WIDEST, 700)
    qtbot.waitUntil(lambda: table.horizontalScrollBar().maximum() == 0, timeout=5000)
    score = COLUMNS.index("score")
    assert table.columnViewportPosition(score) + table.columnWidth(score) <= (
        table.viewport().width()
    )
    assert table.isColumnHidden(COLUMNS.index("split")), "no micrograph has one"
    full.session.project.change("a.b_2", split="test")
    qtbot.waitUntil(lambda: not table.isColumnHidden(COLUMNS.index("split")), timeout=5000)
    assert table.isColumnHidden(COLUMNS.index("defocus"))


@pytest.mark.parametrize("height", [20, 52])
def test_both_ends_of_a_long_name_are_in_sight(
    full: MicrographsDock, monkeypatch: pytest.MonkeyPatch, height: int
) -> None:
    name = "one_of_those_names_that_go_on_for_longer_than_a_list_is_wide_end"
    monkeypatch.setattr(full.model, "data", lambda index, role: name if role == 0 else None)
    option = QStyleOptionViewItem()
    option.rect = QRect(0, 0, 160, height)
    full.table.itemDelegateForColumn(0).initStyleOption(option, full.model.index(0, 0))
    shown = option.text.replace("\u200b", "")
    assert shown.startswith("one")
    assert shown.endswith("end")
    assert "\u2026" in shown


def test_display_settings_reach_the_layer(full: MicrographsDock, qtbot: Any) -> None:
    layers = full.session.layers
    layer = layers.get("micrograph")
    before = layer.data.shape
    full.display.low_pass.setValue(80.0)
    full.display.spread.setValue(1.5)
    assert (layers.images.settings.low_pass, layers.images.settings.spread) == (80.0, 1.5)
    qtbot.waitUntil(lambda: layer.data.shape < before, timeout=5000)  # as 80 A need
    assert layer.data.std() == pytest.approx(1, abs=1e-3)  # one grey scale fits all micrographs
    assert tuple(layer.contrast_limits) == (-1.5, 1.5)
    full.display_section.expand(animate=False)
    qtbot.wait(20)
    click(qtbot, full.display.reset)
    assert (layers.images.settings.low_pass, layers.images.settings.spread) == (20.0, 3.0)


def test_closing_the_dock_leaves_session_and_keys(project_session: Session, qtbot: Any) -> None:
    dock = MicrographsDock(project_session.viewer)
    dock.table.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    assert project_session.browser.order == KEYS[::-1]
    dock.deleteLater()
    del dock
    qtbot.waitUntil(lambda: project_session.browser.order == [], timeout=2000)
    project_session.annotations.add("a.b_1", np.array([[50.0, 60.0]]), None, "manual")
    project_session.viewer.add_points([[1, 1]])
    layer = project_session.layers.get("picks")
    next(call for key, call in layer.keymap.items() if str(key) == ".")(layer)
    assert project_session.browser.current == "a.b_2"


# -- what is open already --------------------------------------------------------------------------


def test_several_open_files_become_a_project_with_their_picks(
    dock: MicrographsDock, planted: dict[str, np.ndarray], tmp_path: Path, qtbot: Any
) -> None:
    from napari.layers import Points

    session, form = dock.session, dock.import_form
    assert not form.isVisible()
    open_images(session, tmp_path / "mics", KEYS)
    data, more, _ = points_layer(Picks("a.b_2.mrc", planted["a.b_2"]), "a.b_2", 4.0, 20)
    session.viewer.add_layer(Points(data, **more))
    qtbot.waitUntil(form.make_project.isVisible, timeout=2000)
    assert "from 3 open images" in form.make_project.text()
    form.ask_new_folder = lambda title: tmp_path / "mine"  # type: ignore[method-assign]
    click(qtbot, form.make_project)
    qtbot.waitUntil(lambda: session.project.folder == tmp_path / "mine", timeout=5000)
    qtbot.waitUntil(lambda: dock.news.text().startswith("3 micrographs added"), timeout=5000)
    assert "with 12 picks; saved in" in dock.news.text()
    assert dock.trouble.text() == ""
    assert session.project.keys == KEYS
    qtbot.waitUntil(lambda: not form.isVisible(), timeout=2000)
    session.save()
    with Project.open(tmp_path / "mine", lock=False) as saved:
        assert np.allclose(saved.annotations("a.b_2").picks.coords, planted["a.b_2"], atol=1e-3)


def test_the_picks_made_before_come_into_the_new_project(
    dock: MicrographsDock, planted: Any, tmp_path: Path, qtbot: Any
) -> None:
    session, form = dock.session, dock.import_form
    session.project.add(tmp_path / "mics" / "a.b_1.mrc")
    session.annotations.add("a.b_1", np.array([[50.0, 60.0]]), None, "manual")
    open_images(session, tmp_path / "mics", KEYS)
    qtbot.waitUntil(form.make_project.isVisible, timeout=2000)
    assert "from 2 open images" in form.make_project.text()
    form.ask_new_folder = lambda title: tmp_path / "mine"  # type: ignore[method-assign]
    click(qtbot, form.make_project)
    qtbot.waitUntil(lambda: session.project.folder == tmp_path / "mine", timeout=5000)
    assert session.project.keys == KEYS
    assert session.annotations.of("a.b_1").picks.coords.tolist() == [[50.0, 60.0]]


def test_one_open_image_is_used_and_points_are_labels(dock: MicrographsDock, qtbot: Any) -> None:
    session, form = dock.session, dock.import_form
    image = np.random.default_rng(0).normal(size=(200, 240)).astype(np.float32)
    session.viewer.add_image(image, name="open one")
    session.viewer.add_points([[100, 120], [40, 50]], name="mine")
    qtbot.waitUntil(form.use_images.isVisible, timeout=2000)
    assert form.use_images.text() == "Add the open image"
    assert not form.points_row.isVisible()  # no micrograph yet
    click(qtbot, form.use_images)
    qtbot.waitUntil(lambda: session.layers.shown_key == "open_one", timeout=5000)
    qtbot.waitUntil(form.points_row.isVisible, timeout=2000)
    assert not form.use_images.isVisible()
    assert form.points.currentText() == "mine"
    click(qtbot, form.take)
    assert session.annotations.of("open_one").picks.coords.tolist() == [[100, 120], [40, 50]]
    assert dock.news.text() == "2 of 2 points of mine imported as picks of open_one."


def test_an_image_written_for_one_project_does_not_join_another(
    dock: MicrographsDock,
    planted: Any,
    tmp_path: Path,
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session, form = dock.session, dock.import_form
    Project.create(tmp_path / "project", list_micrographs(tmp_path / "mics")).close()
    layer = session.viewer.add_image(np.eye(64, dtype=np.float32), name="mine")
    qtbot.waitUntil(form.use_images.isVisible, timeout=2000)
    opened, written = Event(), []

    def write_late(sources: Any) -> None:
        opened.wait(10)
        write_sources(sources)
        written.extend(source.path for source in sources)

    monkeypatch.setattr(import_form, "write_sources", write_late)
    click(qtbot, form.use_images)
    session.project.open(tmp_path / "project")
    opened.set()
    qtbot.waitUntil(lambda: "meanwhile" in dock.trouble.text(), timeout=5000)
    assert session.project.keys == KEYS
    assert layer.visible
    assert [path.exists() for path in written] == [False]
    click(qtbot, form.use_images)  # again: into the project that is open
    qtbot.waitUntil(lambda: "mine" in session.project.keys, timeout=5000)
    assert session.project.entry("mine").micrograph.path.parent.parent == tmp_path / "project"


# -- size and speed --------------------------------------------------------------------------------


def test_five_thousand_micrographs_do_not_slow_it(dock: MicrographsDock, qtbot: Any) -> None:
    session = dock.session
    session.project.add_listed(
        [Micrograph(Path(f"/none/hole_{n:05d}_avg.mrc"), f"hole_{n:05d}_avg.mrc", defocus=9e3 + n)
         for n in range(5000)]
    )  # fmt: skip
    qtbot.waitUntil(lambda: dock.model.rowCount() == 5000, timeout=3000)
    steps: dict[str, float] = {}

    def timed(name: str, call: Any) -> None:
        start = time.perf_counter()
        call()
        steps[name] = time.perf_counter() - start

    timed("list", dock.model.refresh)
    timed("sort", lambda: dock.table.sortByColumn(0, Qt.SortOrder.DescendingOrder))
    timed("narrow", lambda: dock.kind.setCurrentText("Kept"))
    timed("one", lambda: session.project.change("hole_02500_avg", split="test"))
    timed("paint", lambda: (dock.table.scrollToBottom(), dock.table.viewport().repaint()))
    asked = len(dock.table.seen())
    assert 0 < asked < 40
    assert max(steps.values()) < 0.5, steps  # some tens of ms; the machine may be busy
    assert dock.pictures.waiting <= 40
    dock.table.sortByColumn(
        COLUMNS.index("found"), Qt.SortOrder.DescendingOrder
    )  # none has scores: all are asked for
    qtbot.waitUntil(
        lambda: all(key in dock.summaries for key in session.project.keys), timeout=20_000
    )


def test_it_fits_beside_the_canvas(dock: MicrographsDock) -> None:
    assert dock.widget().minimumSizeHint().width() <= 300


def test_it_loads_nothing_heavy() -> None:
    module = MicrographsDock.__module__
    code = f"import sys, {module}; print(*{{name.split('.')[0] for name in sys.modules}})"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    heavy = {"torch", "pyqtgraph", "starfile", "matplotlib", "pandas", "mrcfile"}
    assert heavy & set(loaded.stdout.split()) == set()


def test_every_control_has_a_tooltip(dock: MicrographsDock) -> None:
    from qtpy.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QLineEdit
    from superqt import QCollapsible

    kinds = (QAbstractButton, QAbstractSpinBox, QComboBox, QLineEdit)
    bare = [
        widget
        for kind in kinds
        for widget in dock.findChildren(kind)
        if not widget.toolTip()
        and not widget.objectName().startswith("qt_")
        and not isinstance(widget.parent(), QLineEdit | QAbstractSpinBox)
        and widget.parent() is not dock.table
        and not isinstance(widget.parent(), QCollapsible)
    ]
    assert bare == []


def test_a_click_on_its_row_shows_a_deleted_micrograph_again(
    full: MicrographsDock, project_session: Session, qtbot: Any
) -> None:
    viewer, layers = project_session.viewer, project_session.layers
    for kind in ("micrograph", "candidates", "picks"):
        viewer.layers.remove(layers.get(kind))
    click_row(qtbot, full, "a.b_1")
    qtbot.waitUntil(lambda: layers.get("micrograph") is not None, timeout=5000)
    assert [layer.name for layer in viewer.layers] == ["a.b_1", "Candidates", "Picks"]
    assert project_session.browser.current == "a.b_1"
