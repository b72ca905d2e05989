"""What of a project is exported: kept micrographs, the right candidates, and what is said of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from train_helpers import write_run

from napari_unetpick.errors import InputError
from napari_unetpick.export.write import ExportOptions
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.formats.write import WRITERS
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.widgets.export.gather import export_project
from napari_unetpick.widgets.export.messages import describe_export, next_steps
from napari_unetpick.widgets.qt.workers import Task
from napari_unetpick.widgets.session.snapshot import take_snapshot

SQUARE = np.array([[0, 0], [0, 320], [240, 320], [240, 0]], float)


@pytest.fixture
def session(project_session):
    """Candidates of run-1 in two micrographs, half of them above its threshold of 0.6."""
    made = project_session
    made.selection.use_model(write_run(made.project.runs_folder, "run-1"))
    for key in ("a.b_1", "a.b_2"):
        coords = made.truth[key]
        raw = np.repeat([0.9, 0.3], len(coords) // 2)
        made.candidates.put(key, Candidates(coords, raw, np.zeros(len(raw)), 20.0, model="run-1"))
    return made


def export(session, folder, what="both", fmt="csv", box=2):
    options = ExportOptions((fmt,), what, box)
    return export_project(take_snapshot(session), folder, options, Task())


def test_candidates_above_the_threshold_and_picks_once(session, tmp_path):
    session.annotations.add("a.b_1", session.truth["a.b_1"][:2] + 1.0, None, "manual")
    result = export(session, tmp_path)
    read = read_picks(tmp_path / "picks.csv")
    expected = np.concatenate([session.truth["a.b_1"][:2] + 1.0, session.truth["a.b_1"][2:6]])
    np.testing.assert_allclose(read["a.b_1.mrc"].coords, expected, atol=1e-3)
    np.testing.assert_allclose(read["a.b_1.mrc"].diameters, 20.0)
    assert "1 micrograph without labels or candidates skipped" in result.messages


def test_unsaved_marks_and_the_threshold_of_now_count(session, tmp_path):
    session.selection.set_threshold(0.2)
    session.annotations.reject("a.b_2", session.truth["a.b_2"][:3])
    export(session, tmp_path, "candidates")
    read = read_picks(tmp_path / "picks.csv")
    assert [len(read[name]) for name in ("a.b_1.mrc", "a.b_2.mrc")] == [12, 9]


def test_nothing_of_an_excluded_area(session, tmp_path):
    session.annotations.add("a.b_1", session.truth["a.b_1"][:2], None, "manual")
    session.annotations.set("a.b_1", replace(session.annotations.of("a.b_1"), exclusions=(SQUARE,)))
    result = export(session, tmp_path)
    assert list(read_picks(tmp_path / "picks.csv")) == ["a.b_2.mrc"]
    assert "2 picks skipped in excluded areas" in result.messages


def test_candidates_of_another_model_are_told(session, tmp_path):
    session.selection.use_model(write_run(session.project.runs_folder, "run-2"))
    said = " ".join(export(session, tmp_path).messages)
    assert "candidates in 2 micrographs come from run-1, not from run-2" in said


def test_rejected_micrographs_are_left_out_and_counted(session, tmp_path):
    session.project.change("a.b_1", kept=False)
    result = export(session, tmp_path)
    assert list(read_picks(tmp_path / "picks.csv")) == ["a.b_2.mrc"]
    assert "1 rejected micrograph skipped" in result.messages


def test_with_every_micrograph_rejected_there_is_nothing(session, tmp_path):
    session.project.change(session.project.keys, kept=False)
    with pytest.raises(InputError, match="every micrograph is rejected"):
        export(session, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_damaged_file_costs_only_its_micrograph(session, tmp_path):
    session.candidates.forget()
    (session.project.folder / "candidates" / "a.b_1.npz").write_bytes(b"cut off")
    result = export(session, tmp_path)
    assert list(read_picks(tmp_path / "picks.csv")) == ["a.b_2.mrc"]
    assert any(line.startswith("a.b_1 skipped") for line in result.messages)


def test_says_where_to_click_next_only_for_what_was_written(session, tmp_path):
    result = export(session, tmp_path, fmt="relion", box=30)
    (step,) = next_steps(result)
    assert str(tmp_path / "autopick.star") in step
    assert "Particle box size (pix): 30" in step
    lines = describe_export(result)
    assert lines[0].startswith(f"{result.counts.picks} picks of 2 micrographs")
    assert next_steps(export(session, tmp_path)) == []


@pytest.fixture
def marked(session):
    """Particles marked by hand, their images away from now on; A/px was in the headers alone."""
    made = session
    for path in (made.project.files.folder / "candidates").iterdir():
        path.unlink()
    for key, places in made.truth.items():
        made.annotations.add(key, places, None, "manual")
    folder = made.project.entry("a.b_1").micrograph.path.parent
    made.project.new(folder.parent / "other")
    folder.rename(folder.parent / "unmounted")
    made.project.open(folder.parent / "project")
    return made


def count_written(folder):
    return {name: len(picks) for name, picks in read_picks(folder / "picks.csv").items()}


def test_no_pick_is_a_duplicate_while_the_pixel_size_is_away(marked, tmp_path):
    result = export(marked, tmp_path / "out")
    assert count_written(tmp_path / "out") == {f"a.b_{i}.mrc": 12 for i in (1, 2, 3)}
    assert result.counts.duplicates == 0
    said = [
        line for line in result.messages if "cannot be read, so their pixel size is unknown" in line
    ]
    assert said[0].endswith("duplicates were not skipped")
    for fmt in WRITERS:
        assert export(marked, tmp_path / fmt, fmt=fmt, box=30).counts.picks == 36


def test_the_pixel_size_of_the_other_micrographs_stands_in(marked, tmp_path):
    places = marked.truth["a.b_1"]
    marked.annotations.add(
        "a.b_1", places[:2] + 5.0, None, "manual"
    )  # 7 px off: the same particles
    other = marked.project.entry("a.b_2").micrograph
    marked.project.change("a.b_2", micrograph=replace(other, pixel_size=4.0))
    result = export(marked, tmp_path / "out")
    assert result.counts.duplicates == 2
    assert not any("pixel size" in line for line in result.messages)
    np.testing.assert_allclose(
        read_picks(tmp_path / "out" / "picks.csv")["a.b_1.mrc"].diameters, 20
    )


def test_candidates_tell_how_wide_a_particle_is(marked, tmp_path):
    coords = marked.truth["a.b_1"]
    found = Candidates(coords + 5.0, np.full(12, 0.9), np.zeros(12), 20.0, model="run-1")
    marked.candidates.put("a.b_1", found)
    marked.annotations.add("a.b_3", marked.truth["a.b_3"][:2] + 5.0, None, "manual")
    assert export(marked, tmp_path / "one").counts.duplicates == 2
    written = read_picks(tmp_path / "one" / "picks.csv")
    np.testing.assert_allclose(written["a.b_1.mrc"].coords, coords, atol=1e-3)
    assert all((picks.diameters == 20).all() for picks in written.values())
    marked.candidates.put("a.b_2", replace(found, diameter_px=40.0))
    said = export(marked, tmp_path / "two").messages
    assert any(
        "1 micrograph cannot be read, so their pixel size is unknown" in line for line in said
    )
    assert all(p.diameters is None for p in read_picks(tmp_path / "two" / "picks.csv").values())
