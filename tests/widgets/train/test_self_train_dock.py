"""The Self-train dock: what it counts, asks for and shows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from train_helpers import write_run

from napari_unetpick.events import Metrics
from napari_unetpick.io.formats.csv_picks import write_csv
from napari_unetpick.io.models import Model, load_model, save_model
from napari_unetpick.io.picks import Picks
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.project.runs import pseudo_labels_file
from napari_unetpick.widgets.train.job import training_of
from napari_unetpick.widgets.train.rounds_table import result_text, rounds_of
from napari_unetpick.widgets.train.self_train_dock import SelfTrainDock


@pytest.fixture
def dock(project_session: Any, qtbot: Any) -> SelfTrainDock:
    write_run(project_session.project.runs_folder, "run-1")
    made = SelfTrainDock(project_session.viewer)
    qtbot.addWidget(made)
    return made


def test_counts_what_is_unlabelled(dock: SelfTrainDock, project_session: Any) -> None:
    assert "3 unlabelled micrographs" in dock.plan_text.text()
    project_session.project.change("a.b_1", state="full")
    project_session.project.change("a.b_2", kept=False)
    assert "1 unlabelled micrograph." in dock.plan_text.text()
    project_session.project.change("a.b_3", state="partial")
    assert dock.plan_text.text() == "Pseudo-labels from 1 partly labelled micrograph."
    assert dock.start.isEnabled()
    project_session.project.change("a.b_2", kept=True)
    assert "1 unlabelled and 1 partly labelled micrographs." in dock.plan_text.text()
    for key in ("a.b_2", "a.b_3"):
        project_session.project.change(key, state="full")
    assert "All micrographs are fully labelled" in dock.plan_text.text()
    assert not dock.start.isEnabled()


def test_a_model_is_needed(project_session: Any, qtbot: Any) -> None:
    made = SelfTrainDock(project_session.viewer)
    qtbot.addWidget(made)
    assert "Train a model first" in made.plan_text.text()
    assert not made.start.isEnabled()


def test_rounds_are_shown_as_they_come(
    dock: SelfTrainDock, project_session: Any, fake_engine: Any, qtbot: Any
) -> None:
    dock.rounds.setValue(3)
    dock.quantile.setValue(0.7)
    qtbot.mouseClick(dock.start, Qt.MouseButton.LeftButton)
    job = fake_engine.submitted[-1]
    assert job.do == "self-train"
    assert job.args["run"] == str(project_session.project.runs_folder / "run-1")
    assert (job.args["rounds"], job.args["positive_quantile"]) == (3, 0.7)
    job.metrics.emit(Metrics(1, {"loss": 0.3}))
    assert dock.table.isHidden()
    job.metrics.emit(Metrics(1, {"taken": 1200.0, "ignored": 30.0, "accepted": 0.0}))
    texts = [dock.table.item(0, column).text() for column in range(5)]
    assert texts == ["1", "1,200", "30", "–", "rejected"]
    job.break_down("input", "there is no self-training yet")
    assert "no self-training yet" in dock.panel.trouble.text()
    assert dock.start.isEnabled()


def test_results() -> None:
    rows = [{"taken": 5.0, "round": 2.0, "f1": 0.91, "accepted": 1.0}, {"x": 1}]
    assert rounds_of(rows) == [("2", "5", "0", "0.910", "kept")]
    assert result_text({"accepted": 0.0}) == "rejected"
    assert result_text({"accepted": -1.0}) == "inconclusive"
    assert result_text({}) == ""
    gains = [{"taken": 5.0, "accepted": 1.0, "change": gain} for gain in (0.01, 0.03, -0.005)]
    assert [texts[-1] for texts in rounds_of(gains)] == ["not the best", "kept", "not better"]


def take(session: Any, number: int, **counts: int) -> None:
    """Write a round's pseudo-labels: the first particles of some micrographs."""
    picks = [
        Picks(
            f"{key}.mrc",
            session.truth[key][:count],
            np.linspace(0.9, 0.4, count),
            np.full(count, 20),
        )
        for key, count in ((f"a.b_{name[1:]}", count) for name, count in counts.items())
    ]
    write_csv(pseudo_labels_file(session.project.runs_folder / "run-1", number), picks)


def keep(session: Any, number: int) -> None:
    """Write in the model's card that a round was kept."""
    path = session.project.runs_folder / "run-1" / "model.safetensors"
    model = load_model(path)
    save_model(path, Model(model.weights, {**model.card, "self_training": {"round": number}}))


def test_what_the_kept_round_took_is_looked_through_as_candidates(
    dock: SelfTrainDock, project_session: Any, qtbot: Any
) -> None:
    session = project_session
    assert not dock.review.isEnabled()
    own = Candidates(session.truth["a.b_2"][:2], np.ones(2), np.zeros(2), 20.0, model="run-1")
    session.candidates.put("a.b_2", own)
    take(session, 1, m2=5, m3=12)
    take(session, 2, m3=3)
    keep(session, 1)
    training_of(session).changed.emit()  # as when a job ends
    qtbot.mouseClick(dock.review, Qt.MouseButton.LeftButton)
    assert (
        "17 pseudo-labels of round 1, which was kept, on 2 micrographs" in dock.review_line.text()
    )
    assert session.browser.current == "a.b_2"
    for key, count in (("a.b_2", 5), ("a.b_3", 12)):
        chosen = session.selection.of(key)
        assert chosen.above.all(), "whatever the model's threshold"
        np.testing.assert_allclose(chosen.coords, session.truth[key][:count], atol=1e-3)
        np.testing.assert_allclose(chosen.scores, np.linspace(0.9, 0.4, count), atol=1e-6)
    session.annotations.accept("a.b_2", session.selection.of("a.b_2").coords[:1], np.ones(1))
    session.annotations.reject("a.b_2", session.selection.of("a.b_2").coords[:1])
    assert len(session.selection.of("a.b_2").coords) == 3
    assert len(session.project.files.candidates("a.b_2")) == 2, "the model's stay in the project"
    assert not dock.back.isHidden()
    qtbot.mouseClick(dock.back, Qt.MouseButton.LeftButton)
    assert session.candidates.of("a.b_2").model == "run-1"
    assert session.candidates.of("a.b_3") is None
    assert dock.back.isHidden()
    assert dock.review_line.isHidden()


def test_where_no_round_was_kept_the_last_one_is_shown(
    dock: SelfTrainDock, project_session: Any, qtbot: Any
) -> None:
    take(project_session, 1, m2=5)
    take(project_session, 2, m3=4)
    dock.refresh()
    qtbot.mouseClick(dock.review, Qt.MouseButton.LeftButton)
    assert (
        "4 pseudo-labels of round 2, which was not kept, on 1 micrograph" in dock.review_line.text()
    )
    assert project_session.browser.current == "a.b_3"


def test_nothing_is_looked_through_while_a_job_runs(
    dock: SelfTrainDock, project_session: Any, fake_engine: Any
) -> None:
    take(project_session, 1, m2=5)
    dock.refresh()
    dock.start.click()
    assert not dock.review.isEnabled(), "its previews would take their place"
    fake_engine.submitted[-1].stop()
    assert dock.review.isEnabled()


def test_a_damaged_file_is_said(dock: SelfTrainDock, project_session: Any, qtbot: Any) -> None:
    (project_session.project.runs_folder / "run-1" / "round-1.csv").write_text(
        "micrograph,x,y\na,1,b\n"
    )
    dock.refresh()
    qtbot.mouseClick(dock.review, Qt.MouseButton.LeftButton)
    assert "which is not a number" in dock.review_line.text()
    assert not project_session.candidates.previews
