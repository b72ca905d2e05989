"""What the Evaluate dock asks: which micrographs count, what is left out and what is said of it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from train_helpers import write_run

from napari_unetpick.errors import InputError
from napari_unetpick.io.formats.write import write_picks
from napari_unetpick.io.labels import Labels, write_labels
from napari_unetpick.io.picks import Picks
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.project.evaluations import count_evaluations, log_evaluation
from napari_unetpick.project.project import Project
from napari_unetpick.widgets.evaluate.job import EvaluationRequest, answer
from napari_unetpick.widgets.evaluate.truth import first_truth
from napari_unetpick.widgets.qt.workers import Task
from napari_unetpick.widgets.session.snapshot import take_snapshot

CORNER = np.array([[0, 0], [0, 60], [60, 60], [60, 0]], float)


def plant(session, key, extra=(), model="run-1"):
    """Candidates at all true particles, and at other places."""
    coords = np.concatenate([session.truth[key], np.reshape(extra, (-1, 2))])
    raw = np.full(len(coords), 0.9)
    session.candidates.put(key, Candidates(coords, raw, np.zeros(len(raw)), 20.0, model=model))


def label(session, key, state="full", source="manual"):
    session.annotations.add(key, session.truth[key], None, source)
    session.project.change(key, state=state)


def ask(session, truth="full", evaluated="candidates", border=False):
    return answer(EvaluationRequest(evaluated, truth, border), take_snapshot(session), Task())


def notes(found):
    return "\n".join(found.evaluation.notes)


def test_what_the_user_accepted_is_still_what_the_model_found(project_session):
    session = project_session
    plant(session, "a.b_1")
    label(session, "a.b_1", source="model")  # the viewer shows no candidate there any more
    found = ask(session)
    assert found.evaluation.headline.f1 == 1.0
    assert "12 of 12 true particles were accepted from a model's candidates" in notes(found)


def test_the_border_is_half_a_diameter(project_session):
    session = project_session
    label(session, "a.b_1")
    plant(session, "a.b_1", extra=[(9.0, 150.0)])  # 10 px of the edge: half of 20 px
    assert ask(session).evaluation.half.n_picks == 13
    found = ask(session, border=True)
    assert found.evaluation.half.n_picks == 12
    assert found.unmatched == ()


def test_excluded_areas_count_on_neither_side(project_session):
    session = project_session
    inside = (session.truth["a.b_1"] < 60).all(axis=1)
    label(session, "a.b_1")
    session.annotations.set("a.b_1", replace(session.annotations.of("a.b_1"), exclusions=(CORNER,)))
    plant(session, "a.b_1", extra=[(30.0, 30.0), (9.0, 9.0)])
    found = ask(session).evaluation
    assert found.half.n_truth == 12 - int(inside.sum())
    assert found.headline.precision == 1.0


@pytest.mark.parametrize("evaluated", ["candidates", "picks"])
def test_an_excluded_area_cuts_no_good_pick(project_session, tmp_path, evaluated):
    session = project_session
    place = session.truth["a.b_1"][0]
    label(session, "a.b_1")
    area = place + [[-30, 1], [30, 1], [30, 31], [-30, 31]]  # beside this particle
    moved = session.truth["a.b_1"] + [0.0, 3.0]  # and now in it
    session.annotations.set("a.b_1", replace(session.annotations.of("a.b_1"), exclusions=(area,)))
    session.candidates.put(
        "a.b_1", Candidates(moved, np.full(12, 0.9), np.zeros(12), 20.0, model="r")
    )
    own = "full"
    if evaluated == "picks":
        name = "a.b_1.mrc"
        own = tmp_path / "truth.csv"
        write_picks({name: Picks(name, moved - [0.0, 6.0])}, own, "csv")
    found = ask(session, own, evaluated).evaluation
    assert found.headline.f1 == 1.0
    assert found.half.n_truth == found.half.n_matched


def test_a_fully_labelled_area_of_a_partly_labelled_micrograph_is_truth(project_session):
    session = project_session
    label(session, "a.b_1", "partial")
    area = 2.5 * CORNER  # 150 x 150 px
    session.annotations.set("a.b_1", replace(session.annotations.of("a.b_1"), complete=(area,)))
    inside = int((session.truth["a.b_1"] < 150).all(axis=1).sum())
    assert 2 <= inside < 12
    plant(session, "a.b_1", extra=[(12.0, 12.0), (200.0, 30.0)])
    found = ask(session)
    assert found.evaluation.half.n_truth == inside
    assert found.evaluation.half.n_picks == inside + 1, "the pick outside is not evaluated"
    assert [(each.row, each.col) for each in found.unmatched] == [(12.0, 12.0)]
    assert "1 partly labelled micrograph evaluated only inside fully labelled areas" in notes(found)


def test_micrographs_that_cannot_be_judged_are_left_out_and_said(project_session):
    session = project_session
    for key in ("a.b_1", "a.b_2"):
        label(session, key)
        session.project.change(key, split="test")
    label(session, "a.b_3", "partial")
    session.project.change("a.b_3", split="test")
    plant(session, "a.b_1")
    found = ask(session, "test")
    assert [row.key for row in found.evaluation.micrographs] == ["a.b_1"]
    assert "1 micrograph skipped: not picked yet" in notes(found)
    assert "1 micrograph of this split skipped: not fully labelled, or rejected" in notes(found)


@pytest.mark.parametrize(
    "prepare,words",
    [
        (lambda s: s.project.set_diameter(None), "diameter is not set"),
        (lambda s: None, "has been picked yet"),
        (
            lambda s: s.project.change("a.b_1", state="partial"),
            "no micrograph is fully labelled yet",
        ),
    ],
)
def test_what_is_missing_is_said_with_what_to_do(project_session, prepare, words):
    label(project_session, "a.b_1")
    prepare(project_session)
    with pytest.raises(InputError, match=words):
        ask(project_session)


def test_picks_are_not_compared_with_themselves(project_session):
    label(project_session, "a.b_1")
    with pytest.raises(InputError, match="cannot be evaluated against themselves"):
        ask(project_session, evaluated="picks")


def test_accepted_picks_against_a_file(project_session, tmp_path):
    session = project_session
    session.annotations.add("a.b_1", session.truth["a.b_1"][:6], None, "manual")
    truth = {"a.b_1.mrc": Picks("a.b_1.mrc", session.truth["a.b_1"])}
    write_picks(truth, tmp_path / "truth.csv", "csv")
    found = ask(session, tmp_path / "truth.csv", "picks").evaluation
    assert (found.headline.precision, found.headline.recall) == (1.0, 0.5)


def test_files_beside_a_truth_file_say_how_complete_it_is(project_session, tmp_path):
    session = project_session
    for key in ("a.b_1", "a.b_2"):
        plant(session, key, extra=[(5.0, 5.0)])
    names = {key: f"{key}.mrc" for key in ("a.b_1", "a.b_2")}
    truth = {name: Picks(name, session.truth[key]) for key, name in names.items()}
    write_picks(truth, tmp_path / "truth.csv", "csv")
    (tmp_path / "labels.csv").write_text("micrograph,state\na.b_2.mrc,partial\n")
    square = [[0, 0], [0, 8], [8, 8], [8, 0]]
    (tmp_path / "areas.json").write_text(json.dumps({"a.b_1.mrc": {"exclusions": [square]}}))
    found = ask(session, tmp_path / "truth.csv")
    assert [row.key for row in found.evaluation.micrographs] == ["a.b_1"]
    assert found.evaluation.headline.f1 == 1.0
    assert "1 micrograph of the truth (such as a.b_2) not fully labelled" in notes(found)
    assert "excluded areas in 1 micrograph (such as a.b_1;" in notes(found)


def test_a_truth_file_of_a_micrograph_that_is_gone_says_so(project_session, tmp_path):
    session = project_session
    truth = {f"{key}.mrc": Picks(f"{key}.mrc", session.truth[key]) for key in ("a.b_1", "a.b_2")}
    write_picks(truth, tmp_path / "truth.csv", "csv")
    plant(session, "a.b_1")
    session.project.entry("a.b_2").micrograph.path.unlink()
    said = notes(ask(session, tmp_path / "truth.csv"))
    assert "a.b_2 skipped" in said
    assert "not given" not in said


def test_candidates_of_another_model_are_said(project_session):
    session = project_session
    label(session, "a.b_1")
    plant(session, "a.b_1", model="run-7")
    session.selection.model.path = session.project.runs_folder / "run-8" / "model.safetensors"
    assert "come from run-7, not from run-8" in notes(ask(session))


def test_a_micrograph_whose_file_is_gone_is_left_out_and_said(project_session):
    session = project_session
    for key in ("a.b_1", "a.b_2"):
        label(session, key)
        plant(session, key)
    session.project.entry("a.b_2").micrograph.path.unlink()
    found = ask(session)
    assert [row.key for row in found.evaluation.micrographs] == ["a.b_1"]
    assert "a.b_2 skipped" in notes(found)


def test_false_picks_are_those_nobody_decided_about_the_surest_first(project_session):
    session = project_session
    label(session, "a.b_1")
    places = np.array([(5.0, 5.0), (5.0, 200.0), (235.0, 315.0)])
    coords = np.concatenate([session.truth["a.b_1"], places])
    raw = np.r_[np.full(12, 0.99), 0.7, 0.9, 0.8]
    session.candidates.put("a.b_1", Candidates(coords, raw, np.zeros(15), 20.0, model="run-1"))
    session.annotations.reject("a.b_1", np.array([(5.0, 201.0)]))
    found = ask(session).unmatched
    assert [(each.row, each.col) for each in found] == [(235.0, 315.0), (5.0, 5.0)]
    assert [each.score for each in found] == pytest.approx([0.8, 0.7])


def test_evaluations_of_the_test_split_stay_with_the_project(project_session, tmp_path):
    session = project_session
    session.project.files.test_looks = 1  # by an earlier version
    log_evaluation(session.project.folder, ["run-1"], "", ["a.b_1"])
    session.project.save_as(tmp_path / "copy")
    assert log_evaluation(session.project.folder, ["run-1"], "", ["a.b_1"]) == 3
    assert count_evaluations(tmp_path / "copy", ["a.b_1", "a.b_2"]) == 3
    assert count_evaluations(tmp_path / "copy", ["a.b_2"]) == 1  # which ones was not noted then
    assert Project.open(tmp_path / "copy", lock=False).test_looks == 1


def write_seen(session, name, *keys):
    """A run whose record says that it was trained on some micrographs."""
    run = write_run(session.project.runs_folder, name)
    write_labels(run / "labels", {f"{key}.mrc": Labels("full") for key in keys})
    return run


def test_micrographs_that_trained_the_model_are_said_to_flatter(project_session):
    session = project_session
    session.selection.use_model(write_seen(session, "run-1", "a.b_1", "a.b_2"))
    for key in session.truth:
        label(session, key)
        plant(session, key)
    found = ask(session)
    assert "2 of 3 micrographs used to train the model" in found.caution
    assert found.caution in found.evaluation.notes
    session.project.change("a.b_3", split="test")
    assert ask(session, truth="test").caution == ""


def test_what_counts_is_the_model_that_made_the_candidates(project_session):
    session = project_session
    write_seen(session, "run-1", "a.b_1")
    session.selection.use_model(write_seen(session, "run-2", "a.b_2"))
    for key in session.truth:
        label(session, key)
        plant(session, key, model="run-1")
    assert "1 of 3 micrographs used" in ask(session).caution
    for key in session.truth:
        plant(session, key, model="run-9")  # which is gone
    assert ask(session).caution == ""


def test_the_truth_that_is_set_aside_comes_first(project_session):
    session = project_session
    entries = session.project.entries
    session.project.change("a.b_1", split="test")
    session.project.change("a.b_2", split="validation")
    assert first_truth(entries) == "full", "nothing is labelled"
    label(session, "a.b_1")
    assert first_truth(entries) == "test", "fairer than what trained the model"
    label(session, "a.b_2")
    assert first_truth(entries) == "validation", "looks do not wear it out"
    session.project.change("a.b_2", kept=False)
    assert first_truth(entries) == "test"
