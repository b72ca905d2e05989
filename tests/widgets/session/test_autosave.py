"""What is changed in many micrographs is saved a few at a time, the oldest change first."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QObject
from train_helpers import request_of

from napari_unetpick.errors import EngineError
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.project.project import Project
from napari_unetpick.widgets.pick import use_as_labels as labelling_module
from napari_unetpick.widgets.pick.use_as_labels import LabelsFromCandidates, accept_above
from napari_unetpick.widgets.session import autosave as marking

PLACES = np.array([[50.0, 60.0], [90.0, 90.0]])
SLOW = 0.01  # s a micrograph, as on a busy machine
COUNT = 40
KEYS = [f"m{number:03}" for number in range(COUNT)]


@pytest.fixture
def many(project_session: Any, tmp_path: Path) -> Any:
    project_session.project.add_listed(
        [Micrograph(tmp_path / f"{k}.mrc", f"{k}.mrc") for k in KEYS]
    )
    project_session.save()
    return project_session


@pytest.fixture
def written(many: Any, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """The number of the event loop's turn, and the key, of each micrograph that is written."""
    seen: list[tuple[int, str]] = []
    turns = [0]
    save_some, save_annotations = many.autosave.save, Project.save_annotations

    def save(budget: float = float("inf")) -> bool:
        turns[0] += 1
        return bool(save_some(budget))

    def slow(project: Project, key: str, marks: Any) -> None:
        time.sleep(SLOW)
        save_annotations(project, key, marks)
        seen.append((turns[0], key))

    monkeypatch.setattr(many.autosave, "save", save)
    monkeypatch.setattr(Project, "save_annotations", slow)
    return seen


def on_disk(session: Any, key: str) -> int:
    again = Project.open(session.project.folder, lock=False)
    try:
        return len(again.annotations(key).picks)
    finally:
        again.close()


def test_the_window_is_free_between_a_few_and_the_oldest_come_first(
    many: Any, written: list[tuple[int, str]], qtbot: Any
) -> None:
    order = list(reversed(KEYS))
    for key in order:
        many.annotations.add(key, PLACES, None, "manual")
    many.annotations.add(
        order[0], PLACES + 40, None, "manual"
    )  # still the oldest that is not on disk
    qtbot.waitUntil(lambda: not many.unsaved, timeout=10_000)
    assert [key for _, key in written] == order
    turns = [turn for turn, _ in written]
    assert max(map(turns.count, turns)) <= marking.SAVE_BUDGET / SLOW + 1
    again = Project.open(many.project.folder, lock=False)
    assert [again.entries[key].picks for key in order] == [4] + [2] * (COUNT - 1)
    assert [len(again.annotations(key).picks) for key in order] == [4] + [2] * (COUNT - 1)
    again.close()


def test_all_is_written_at_once_where_a_job_starts(
    many: Any, written: list[tuple[int, str]]
) -> None:
    for key in KEYS:
        many.annotations.add(key, PLACES, None, "manual")
    many.jobs.start(request_of(many, "pick"))
    assert {turn for turn, _ in written} == {1}
    assert len(written) == COUNT
    assert not many.unsaved


def test_a_click_amid_many_accepted_ones_is_on_disk_within_two_seconds(
    many: Any, written: list[tuple[int, str]], qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*args: Any) -> int:
        time.sleep(labelling_module.BUDGET / 3)
        return accept_above(*args)

    monkeypatch.setattr(labelling_module, "accept_above", slow)
    monkeypatch.setattr(marking, "MANY", 10)
    for key in KEYS:
        found = Candidates(PLACES, np.full(2, 0.9), np.zeros(2), 20.0, model="run-1")
        many.candidates.put(key, found)
    ended: list[tuple[int, int, str]] = []
    parent = QObject()
    accepting = LabelsFromCandidates(many, parent)
    accepting.ended.connect(lambda *told: ended.append(told))
    accepting.start(KEYS)
    qtbot.waitUntil(lambda: many.autosave.saving, timeout=2000)
    assert accepting.running, "it waits for the disk"
    many.annotations.add("a.b_3", PLACES, None, "manual")
    qtbot.waitUntil(lambda: on_disk(many, "a.b_3") == 2, timeout=2000)
    qtbot.waitUntil(lambda: not accepting.running and not many.unsaved, timeout=10_000)
    assert ended == [(2 * COUNT, COUNT, "")]
    assert [key for _, key in written if key != "a.b_3"] == KEYS
    last = [key for _, key in written].index("a.b_3")
    assert last < COUNT - 10, "not after all that were still to be accepted"


def test_after_a_full_disk_edits_are_saved_as_soon_as_before(
    many: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(marking, "tell", lambda text, level="info": told.append(text))

    def full(*_: Any) -> None:
        raise EngineError("no space left on the disk")

    with monkeypatch.context() as patch:
        patch.setattr(Project, "save_annotations", full)
        many.annotations.add("a.b_1", PLACES, None, "manual")
        qtbot.waitUntil(lambda: bool(told), timeout=2000)
        assert not many.autosave.saving
    assert many.save()
    many.annotations.add("a.b_2", PLACES, None, "manual")
    qtbot.waitUntil(lambda: on_disk(many, "a.b_2") == 2, timeout=2000)
