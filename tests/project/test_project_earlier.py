"""Projects of schema 1: opened as they are, converted by the first change; a kill loses nothing."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from napari_unetpick.errors import InputError, UnetPickError
from napari_unetpick.project import annotations as project_annotations
from napari_unetpick.project import table as project_table
from napari_unetpick.project.copying import copy_project
from napari_unetpick.project.project import Annotations, Project

KEY = "May08_03.05, x"
HEAD = "data_\n\nloop_\n_rlnCoordinateX #1\n_rlnCoordinateY #2\n_rlnAutopickFigureOfMerit #3\n"
STAR = HEAD + "  20.250  10.125  1.0\n  7.000  4000.500  0.123456\n  -0.400  0.000  0.5\n"
STAR += "  20.250  10.125  -3.5\n"
EXTRA = (
    "id,x,y,source,created\n"
    "4,20.250,10.125,manual,2024-05-01T10:00:00+00:00\n"
    "2,7.000,4000.500,model,2024-05-02T10:00:00+00:00\n"
    '900,-0.400,0.000,"a ""b"", c",2024-05-03T10:00:00+00:00\n'
    "5,20.250,10.125,topaz,2024-05-04T10:00:00+00:00\n"
)
COORDS = [[10.125, 20.25], [4000.5, 7.0], [0.0, -0.4], [10.125, 20.25]]
SOURCES = ["manual", "model", 'a "b", c', "topaz"]
AREAS = {
    "negatives": [[55.5, 66.0]],
    "exclusions": [[[10.5, 20.0], [10.5, 90.0], [70.0, 90.0]]],
    "complete": [[[0.0, 0.0], [0.0, 30.0], [30.123456, 0.0]]],
}
OLD = [f"{KEY}.areas.json", f"{KEY}.extra.csv", f"{KEY}.star"]


@pytest.fixture
def old(tmp_path):
    """A project as an earlier version left it, with one micrograph that is labelled."""
    folder = tmp_path / "project"
    (folder / "picks").mkdir(parents=True)
    (folder / "picks" / OLD[0]).write_text(json.dumps(AREAS) + "\n")
    (folder / "picks" / OLD[1]).write_text(EXTRA)
    (folder / "picks" / OLD[2]).write_text(STAR)
    (folder / "project.toml").write_text(
        "# A project of napari-unetpick.\nschema = 1\ndiameter = 180.0\ntest_looks = 3\n\n"
        '[micrographs]\ncolumns = ["image", "name", "state", "kept", "split", "picks", '
        '"pixel_size", "defocus", "ctf_resolution", "optics_group"]\nrows = [\n'
        f'  ["../{KEY}.mrc", "{KEY}.mrc", "partial", true, "train", 4, 1.5, 12000.5, 3.25, 2],\n'
        '  ["../b.mrc", "b.mrc", "none", false, "", 0, "", "", "", ""],\n]\n'
    )
    for name in (KEY, "b"):
        (tmp_path / f"{name}.mrc").write_bytes(b"")
    return folder


def files(folder):
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def check(project):
    """Compare everything with what is planted."""
    assert project.messages == []
    assert (project.diameter, project.test_looks) == (180.0, 3)
    first, second = project.entries.values()
    assert (first.state, first.kept, first.split, first.picks) == ("partial", True, "train", 4)
    assert (second.state, second.kept, second.split, second.picks) == ("none", False, "", 0)
    assert (first.micrograph.pixel_size, first.micrograph.optics_group) == (1.5, 2)
    found = project.annotations(KEY)
    np.testing.assert_array_equal(found.picks.coords, COORDS)
    np.testing.assert_array_equal(found.picks.scores, [1.0, 0.123456, 0.5, -3.5])
    assert found.picks.sources.tolist() == SOURCES
    np.testing.assert_array_equal(found.negatives, AREAS["negatives"])
    np.testing.assert_array_equal(found.exclusions, AREAS["exclusions"])
    np.testing.assert_array_equal(found.complete, AREAS["complete"])


@pytest.mark.parametrize("lock", [True, False])
def test_opening_and_closing_changes_nothing(old, lock):
    before = files(old)
    with Project.open(old, lock=lock) as project:
        check(project)
        assert not project.dirty
    after = files(old)
    assert after.pop("picks_index.json", None) is None or lock  # a cache that it never reads
    assert after == before


def test_the_first_change_converts_that_micrograph_and_keeps_a_copy(old):
    before = files(old)
    with Project.open(old) as project:
        project.save_annotations(KEY, project.annotations(KEY))
    after = files(old)
    assert [name for name in after if name.startswith("picks/")] == [f"picks/{KEY}.json"]
    assert after["project.toml.schema1"] == before["project.toml"]
    assert b"schema = 2\n" in after["project.toml"]
    with Project.open(old) as project:
        check(project)
        project.save_annotations("b", Annotations())
        project.set_diameter(90)
        project.save()
    assert files(old)["project.toml.schema1"] == before["project.toml"]


def test_saving_converts_the_table_and_leaves_the_picks(old):
    before = files(old)
    with Project.open(old) as project:
        project.change("b", state="full")
        project.save()
        project.change("b", state="none")
        project.save()
    after = files(old)
    assert after["project.toml.schema1"] == before["project.toml"]
    assert {name: after[name] for name in before if name.startswith("picks/")} == {
        name: content for name, content in before.items() if name.startswith("picks/")
    }
    with Project.open(old) as project:
        check(project)


STEPS = [
    (project_table, "write_text"),
    (project_annotations, "write_text"),
    (project_annotations, "remove_earlier"),
]


@pytest.mark.parametrize("module,step", STEPS, ids=["table", "picks", "removal"])
def test_a_kill_in_the_middle_of_the_conversion_loses_nothing(old, monkeypatch, module, step):
    def killed(*_):
        raise KeyboardInterrupt

    copy = (old / "project.toml").read_bytes()
    project = Project.open(old)
    found = project.annotations(KEY)
    with monkeypatch.context() as patch:
        patch.setattr(module, step, killed)
        with pytest.raises(KeyboardInterrupt):
            project.save_annotations(KEY, found)
    shutil.copytree(old, old.parent / "killed")
    project.close()
    with Project.open(old.parent / "killed") as again:
        check(again)
        again.save_annotations(KEY, again.annotations(KEY))
    with Project.open(old.parent / "killed", lock=False) as again:
        check(again)
    assert (old.parent / "killed" / "project.toml.schema1").read_bytes() == copy
    assert not any((old.parent / "killed" / "picks" / name).exists() for name in OLD)


def test_files_that_were_replaced_are_not_read_again(old, monkeypatch):
    with Project.open(old) as project:
        changed = Annotations(project.annotations(KEY).picks.select(np.array([0])))
        with monkeypatch.context() as patch:
            patch.setattr(project_annotations, "remove_earlier", lambda *_: None)
            project.save_annotations(KEY, changed)
    with Project.open(old) as project:
        assert project.entries[KEY].picks == 1
        assert len(project.annotations(KEY).picks) == 1


def test_picks_that_another_program_moved_or_added_are_of_a_file(old):
    star = old / "picks" / OLD[2]
    star.write_text(STAR.replace("4000.500", "4001.500") + "  1.000  2.000  0.9\n")
    with Project.open(old, lock=False) as project:
        found = project.annotations(KEY).picks
        assert project.entries[KEY].picks == 5
    assert found.sources.tolist() == ["manual", "file", 'a "b", c', "topaz", "file"]
    assert found.coords[1].tolist() == [4001.5, 7.0]


def test_relions_own_manual_picks_are_read(old):
    for name in OLD[:2]:
        (old / "picks" / name).unlink()
    (old / "picks" / OLD[2]).write_text(
        "# version 30001\n\ndata_\n\nloop_\n_rlnCoordinateX #1\n_rlnCoordinateY #2\n"
        "_rlnClassNumber #3\n_rlnAnglePsi #4\n_rlnAutopickFigureOfMerit #5\n"
        "  20.250000  10.125000  -999  -999.00000  -999.00000\n"
        "  7.000000  4000.500000  -999  -999.00000  -999.00000\n\n"
    )
    with Project.open(old, lock=False) as project:
        assert project.entries[KEY].picks == 2
        found = project.annotations(KEY)
    np.testing.assert_array_equal(found.picks.coords, COORDS[:2])
    assert found.picks.scores.tolist() == [1, 1]
    assert found.picks.sources.tolist() == ["file", "file"]
    assert len(found.negatives) == 0


@pytest.mark.parametrize("damage", ["", "nonsense", "id,x,y,source,created\n1,2,3,manual\n"])
def test_damaged_extras_cost_no_pick_and_are_reported(old, damage):
    (old / "picks" / OLD[1]).write_text(damage)
    with Project.open(old, lock=False) as project:
        found = project.annotations(KEY).picks
        (message,) = project.messages
    np.testing.assert_array_equal(found.coords, COORDS)
    assert set(found.sources) == {"file"}
    assert OLD[1] in message
    assert "all there" in message


def test_a_damaged_pick_file_is_one_line(old):
    (old / "picks" / OLD[2]).write_text(STAR[:-10])
    with Project.open(old, lock=False) as project, pytest.raises(InputError, match="star: line"):
        project.annotations(KEY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"exclusions": [[[1, 2], [3, 4]]]}',
        '{"complete": [[[1, 2], [3, 4], [5, NaN]]]}',
        '{"negatives": [[1, 2, 3]]}',
        '{"negatives": [["a", 2]]}',
        '{"exclusions": 5}',
    ],
)
def test_damaged_areas_are_one_line_and_left_alone(old, text):
    (old / "picks" / OLD[0]).write_text(text)
    before = files(old)
    with (
        Project.open(old, lock=False) as project,
        pytest.raises(InputError, match="areas are damaged"),
    ):
        project.annotations(KEY)
    assert files(old) == before


def test_a_copy_of_an_unchanged_project_is_of_today(old):
    before = files(old)
    with Project.open(old, lock=False) as project:
        copy_project(project, old.parent / "copy").close()
    assert files(old) == before
    with Project.open(old.parent / "copy") as copy:
        check(copy)


def test_a_full_disk_leaves_the_project_of_an_earlier_version(old, monkeypatch):
    def full(*_):
        raise UnetPickError("no space left")

    before = files(old)
    project = Project.open(old)
    monkeypatch.setattr(project_table, "atomic_path", full)
    with pytest.raises(UnetPickError):
        project.save_annotations(KEY, Annotations())
    project.close()
    after = files(old)
    assert {name: after[name] for name in before} == before
