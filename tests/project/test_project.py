"""A project: what is planted in it is found again, also after kills, moves and damage."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.io.images.micrograph import Ctf, Micrograph
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.project import pick_index
from napari_unetpick.project.annotations import new_picks, write_annotations
from napari_unetpick.project.project import Annotations, Entry, Project

SQUARE = np.array([[10.5, 20.0], [10.5, 90.0], [70.0, 90.0], [70.0, 20.0]])


def make_images(folder, names):
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for name in names:
        (folder / name).write_bytes(b"")
        found.append(Micrograph(folder / name, str(folder / name)))
    return found


def make_candidates(count=3):
    raw = np.linspace(0.9, 0.1, count)
    return Candidates(np.arange(2.0 * count).reshape(-1, 2), raw, raw / 2, 42.5, model="run-1")


@pytest.fixture
def project(tmp_path):
    images = make_images(tmp_path / "Movies", ["a.b.mrc", "c, d.mrc", "e.tif"])
    with Project.create(tmp_path / "project", images, 180) as opened:
        yield opened


def reopen(project):
    project.close()
    return Project.open(project.folder)


def test_every_field_is_found_again(tmp_path):
    images = [
        Micrograph(
            tmp_path / "Movies" / "a.mrc",
            "Movies/a.mrc",
            1.234567,
            12345.6789,
            3.25,
            optics_group=2,
            ctf=Ctf(12345.0, 12346.5, -42.25, 300.0, 2.7, 0.07, 12.5),
        ),
        Micrograph(tmp_path / "project" / "in.tif", "in.tif"),
        Micrograph(tmp_path.parent / 'with "quotes" \\ and\ttab é.mrc', "x/é.mrc", 0.5),
    ]
    entries = [
        Entry(images[0], "full", True, "train", 7),
        Entry(images[1], "partial", False, "", 0),
        Entry(images[2], "none", True, "validation", 12),
    ]
    project = Project.create(tmp_path / "project", images, diameter=123.5)
    for entry in entries:
        key = entry.micrograph.key
        project.change(key, state=entry.state, kept=entry.kept, split=entry.split)
        project.save_annotations(key, Annotations(new_picks(np.ones((entry.picks, 2)))))
    project.save()
    with reopen(project) as found:
        assert found.diameter == 123.5
        assert list(found.entries.items()) == [(e.micrograph.key, e) for e in entries]
        assert not found.read_only
        assert not found.dirty


def test_saving_without_a_change_writes_nothing(project):
    path = project.folder / "project.toml"
    before = path.stat().st_mtime_ns, path.read_bytes()
    project.change("e", state="none")
    project.set_diameter(180.0)
    assert project.add([project.entries["e"].micrograph]) == []
    assert not project.dirty
    project.save()
    assert (path.stat().st_mtime_ns, path.read_bytes()) == before
    project.change("e", state="full")
    assert project.dirty
    project.save()
    assert path.read_bytes() != before[1]


@pytest.mark.parametrize(
    "fields", [{"state": "half"}, {"split": "holdout"}, {"kept": 1}, {"picks": -1}]
)
def test_fields_that_cannot_be_are_refused(project, fields):
    before = dict(project.entries)
    with pytest.raises(InputError, match=next(iter(fields))):
        project.change("e", **fields)
    assert project.entries == before


@pytest.mark.parametrize("diameter", [0, -3, 3, 9000, float("nan"), float("inf"), "180", True])
def test_a_diameter_that_cannot_be_is_refused(project, diameter):
    with pytest.raises(InputError, match="diameter"):
        project.set_diameter(diameter)
    assert project.diameter == 180


def test_unknown_micrographs_are_refused(project):
    for call in (project.annotations, project.candidates, project.change):
        with pytest.raises(InputError, match=r"no micrograph '\.\./a'"):
            call("../a")
    with pytest.raises(InputError, match="no micrograph"):
        project.save_annotations("../a", Annotations())
    with pytest.raises(InputError, match="no micrograph"):
        project.save_candidates("/tmp/a", make_candidates())


def test_images_beside_the_project_move_with_it(tmp_path):
    near = make_images(tmp_path / "old" / "Movies", ["a.mrc"])
    far = make_images(tmp_path / "elsewhere", ["b.mrc"])
    project = Project.create(tmp_path / "old" / "project", [*near, *far])
    project.close()
    text = (project.folder / "project.toml").read_text(encoding="utf-8")
    assert '"../Movies/a.mrc"' in text
    (tmp_path / "old").rename(tmp_path / "new")
    with Project.open(tmp_path / "new" / "project") as moved:
        assert moved.entries["a"].micrograph.path == tmp_path / "new" / "Movies" / "a.mrc"
        assert moved.entries["b"].micrograph.path == far[0].path
        assert moved.missing == []


def test_a_project_behind_a_link_finds_its_images(tmp_path):
    images = make_images(tmp_path / "data" / "Movies", ["a.mrc"])
    Project.create(tmp_path / "data" / "project", images).close()
    (tmp_path / "link").symlink_to(tmp_path / "data" / "project", target_is_directory=True)
    with Project.open(tmp_path / "link") as opened:
        assert opened.missing == []


def test_vanished_images_stay_listed_and_are_found_in_a_new_place(tmp_path, project):
    project.change("e", state="full")
    project.save()
    (tmp_path / "Movies" / "e.tif").unlink()
    with reopen(project) as opened:
        assert opened.missing == ["e"]
        assert "1 micrograph of 3 not found" in opened.messages[0]
        assert str(tmp_path / "Movies" / "e.tif") in opened.messages[0]
        (moved,) = make_images(tmp_path / "Archive", ["e.tif"])
        assert opened.add([moved]) == []
        assert opened.missing == []
        assert opened.entries["e"].state == "full"
    (tmp_path / "Movies").rename(tmp_path / "gone")
    with Project.open(project.folder, lock=False) as opened:
        assert opened.missing == ["a.b", "c, d", "e"]


def test_a_list_with_ctf_adds_what_it_knows(tmp_path, project):
    path = tmp_path / "Movies" / "e.tif"
    assert project.add([Micrograph(path, "Movies/e.tif", 1.5, 20000.0, 4.0, 1)]) == []
    assert project.entries["e"].micrograph == Micrograph(path, "Movies/e.tif", 1.5, 20000.0, 4.0, 1)
    project.add([Micrograph(path, str(path))])  # a folder knows nothing of it
    assert project.entries["e"].micrograph.ctf_resolution == 4.0


@pytest.mark.parametrize("name", ["e.mrc", "E.tif"])
def test_two_micrographs_of_one_name_are_refused(tmp_path, project, name):
    other = make_images(tmp_path / "Other", [name])
    with pytest.raises(InputError, match="same name"):
        project.add(other)
    assert len(project.entries) == 3
    assert not project.dirty


@pytest.mark.parametrize("name", ["..", "x/..", ".mrc/..", "a/."])
def test_names_that_lead_outside_are_refused(tmp_path, name):
    with pytest.raises(InputError, match="is not a valid file name"):
        Project.create(tmp_path / "project", [Micrograph(tmp_path / "a.mrc", name)])
    assert not (tmp_path / "project").exists()


def test_a_name_that_is_no_text_is_refused(tmp_path, project):
    path = tmp_path / os.fsdecode(b"caf\xe9.mrc")
    with pytest.raises(InputError, match="not valid UTF-8"):
        project.add([Micrograph(path, str(path))])


@pytest.mark.parametrize("part", ["picks", "candidates", "runs"])
def test_creating_overwrites_nobodys_files(tmp_path, part):
    (tmp_path / part).mkdir()
    with pytest.raises(InputError, match=part):
        Project.create(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [part]


def test_creating_where_a_project_or_a_file_is_fails(tmp_path, project):
    before = (project.folder / "project.toml").read_bytes()
    with pytest.raises(InputError, match="is already a project"):
        Project.create(project.folder)
    assert (project.folder / "project.toml").read_bytes() == before
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        Project.create(tmp_path / "file")


def test_opening_what_is_no_project_fails_and_leaves_nothing(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match="is not a project"):
            Project.open(folder)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_project_does_not_stay_locked(project):
    project.close()
    path = project.folder / "project.toml"
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole[:-20], encoding="utf-8")
    with pytest.raises(InputError, match="damaged"):
        Project.open(project.folder)
    assert not (project.folder / "project.lock").exists()
    path.write_text(whole, encoding="utf-8")
    with Project.open(path) as opened:  # project.toml stands for its folder
        assert not opened.read_only


def counts(project):
    return {key: entry.picks for key, entry in project.entries.items()}


def test_counts_survive_a_kill_before_the_project_was_saved(project):
    project.save_annotations("e", Annotations(new_picks(np.arange(10.0).reshape(-1, 2))))
    project.index.write = lambda: None  # closed without save, as a killed process
    with reopen(project) as opened:
        assert counts(opened) == {"a.b": 0, "c, d": 0, "e": 5}
        assert not opened.dirty
    (opened.folder / "picks" / "e.json").unlink()
    with Project.open(opened.folder) as again:
        assert again.entries["e"].picks == 0
        assert "picks of 1 micrograph are missing" in again.messages[0]


def test_counts_are_kept_and_only_what_changed_is_counted_again(project, monkeypatch):
    for number, key in enumerate(project.entries, 1):
        project.save_annotations(key, Annotations(new_picks(np.ones((number, 2)))))
    project.close()
    read = []
    real = pick_index.count_rows
    monkeypatch.setattr(pick_index, "count_rows", lambda path: read.append(path.name) or real(path))
    with Project.open(project.folder) as again:
        assert counts(again) == {"a.b": 1, "c, d": 2, "e": 3}
        assert read == []
    (project.folder / "picks" / "e.json").write_bytes(
        (project.folder / "picks" / "a.b.json").read_bytes()
    )
    with Project.open(project.folder) as again:
        assert counts(again) == {"a.b": 1, "c, d": 2, "e": 1}
        assert read == ["e.json"]
    for damage in ("", "[]", '{"e": 3}', '{"e": [1, 2, "x"]}', '{"e": [1, 1e999, 2]}'):
        (project.folder / "picks_index.json").write_text(damage)
        with Project.open(project.folder, lock=False) as again:
            assert counts(again) == {"a.b": 1, "c, d": 2, "e": 1}


def test_a_click_writes_the_file_of_its_micrograph_and_no_other(project):
    project.save_annotations("e", Annotations(new_picks(np.ones((3, 2)))))
    project.save()
    before = {path: path.stat().st_mtime_ns for path in project.folder.rglob("*")}
    project.change("e", picks=4)
    project.save_annotations("e", Annotations(new_picks(np.ones((4, 2)))))
    project.save()
    after = {path: path.stat().st_mtime_ns for path in project.folder.rglob("*")}
    changed = {path.name for path in after if after[path] != before.get(path)}
    assert changed == {"picks", "e.json"}  # the folder, in which it was renamed
    assert counts(project)["e"] == 4


def test_a_reader_sees_the_counts_but_has_nothing_to_save(project):
    project.save_annotations("e", Annotations(new_picks(np.zeros((2, 2)))))
    with Project.open(project.folder, lock=False) as reader:
        assert reader.entries["e"].picks == 2
        assert len(reader.annotations("e").picks) == 2
        assert reader.read_only
        assert reader.holder is None
        reader.save()  # nothing changed
        reader.change("e", state="full")
        with pytest.raises(InputError, match="read-only"):
            reader.save()


def test_leftovers_of_a_killed_process_are_removed(project):
    project.save_annotations("e", Annotations())
    project.save_candidates("e", make_candidates())
    leftovers = [
        project.folder / ".project.toml.abc.tmp",
        project.folder / "picks" / ".e.json.x.tmp",
        project.folder / "candidates" / ".e.npz.x.tmp",
    ]
    of_a_run = project.folder / "runs" / "run-1" / ".checkpoint.pt.x.tmp"
    of_a_run.parent.mkdir(parents=True)
    for path in [*leftovers, of_a_run]:
        path.write_text("half")
    Project.open(project.folder, lock=False)
    assert all(path.exists() for path in leftovers)
    with reopen(project):
        assert not any(path.exists() for path in leftovers)
        assert of_a_run.exists()  # its training may go on


def test_labels_are_those_a_training_uses(project):
    for key, state in (("a.b", "full"), ("c, d", "partial")):
        project.change(key, state=state)
    project.save_annotations(
        "c, d",
        Annotations(
            new_picks(np.array([[1.5, 2.5]])),
            np.array([[3.0, 4.0]]),
            (SQUARE,),
            (SQUARE + 100,),
        ),
    )
    labels = project.labels()
    assert list(labels) == ["a.b", "c, d"]
    assert labels["a.b"].state == "full"
    assert len(labels["a.b"].positives) == 0
    found = labels["c, d"]
    assert found.state == "partial"
    np.testing.assert_array_equal(found.positives, [[1.5, 2.5]])
    np.testing.assert_array_equal(found.negatives, [[3, 4]])
    np.testing.assert_array_equal(found.exclusions, [SQUARE])
    np.testing.assert_array_equal(found.complete, [SQUARE + 100])
    project.change("a.b", kept=False)
    assert list(project.labels()) == ["c, d"]


def test_candidates_are_found_again(project):
    planted = make_candidates(5)
    assert project.candidates("e") is None
    for key in project.entries:
        project.save_candidates(key, planted)
    found = project.candidates("c, d")
    for name in ("coords", "raw", "nearness"):
        np.testing.assert_array_equal(getattr(found, name), getattr(planted, name))
        assert getattr(found, name).dtype == np.float64
    assert (found.model, found.diameter_px) == ("run-1", 42.5)


def test_damaged_or_foreign_candidates_are_one_line(project):
    path = project.folder / "candidates" / "e.npz"
    project.save_candidates("e", make_candidates())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="pick this micrograph again"):
        project.candidates("e")
    np.savez(path, coords=np.array([[object(), object()]]), raw=np.zeros(1), near=np.zeros(1))
    with pytest.raises(InputError, match="pick this micrograph again"):  # a pickle is not loaded
        project.candidates("e")
    with pytest.raises(InputError, match="one length"):
        Candidates(np.zeros((2, 2)), np.zeros(2), np.zeros(1), 1.0, model="m")


def test_five_thousand_micrographs_open_and_save_quickly(tmp_path):
    images = make_images(tmp_path / "Movies", [f"grid_{i:05d}_fractions.mrc" for i in range(5000)])
    project = Project.create(tmp_path / "project", images, 150)
    write_annotations(tmp_path, "one", Annotations(new_picks(np.ones((50, 2)))))
    text = (tmp_path / "one.json").read_text()
    (project.folder / "picks").mkdir()
    for key in project.entries:
        (project.folder / "picks" / f"{key}.json").write_text(text)
        project.change(key, state="full", split="train", picks=50)
    started = time.perf_counter()
    project.save()
    saving = time.perf_counter() - started
    project.close()
    started = time.perf_counter()
    with Project.open(project.folder) as opened:
        opening = time.perf_counter() - started
        assert opened.entries == project.entries
        assert set(counts(opened).values()) == {50}
        assert opened.missing == []
    assert saving < 3
    assert opening < 3
