"""project.toml: edited, damaged or newer, it is one clear line; its paths and numbers are exact."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.project.table import Entry, format_project, read_project

HEAD = "schema = 2\n[micrographs]\n"


def write(folder, text):
    (folder / "project.toml").write_text(text, encoding="utf-8")


def test_it_is_toml_that_others_can_read(tmp_path):
    entry = Entry(Micrograph(tmp_path / "a\x7fb\n.mrc", "a", float("nan"), None, 3.5, 2))
    table = tomllib.loads(format_project(99.5, [entry], tmp_path))
    assert table["diameter"] == 99.5
    row = dict(zip(table["micrographs"]["columns"], table["micrographs"]["rows"][0], strict=True))
    assert row["image"] == "a\x7fb\n.mrc"
    assert row["pixel_size"] == row["defocus"] == ""
    assert row["optics_group"] == 2


def test_paths_are_relative_only_near_the_project():
    folder = Path("/nowhere/lab/project")
    expected = {
        "/nowhere/lab/project/a.mrc": "a.mrc",
        "/nowhere/lab/project/Movies/a.mrc": "Movies/a.mrc",
        "/nowhere/lab/a.mrc": "../a.mrc",
        "/nowhere/lab/Movies/deep/a.mrc": "../Movies/deep/a.mrc",
        "/nowhere/a.mrc": "/nowhere/a.mrc",
        "/nowhere/laboratory/a.mrc": "/nowhere/laboratory/a.mrc",
        "/a.mrc": "/a.mrc",
    }
    entries = [Entry(Micrograph(Path(path), "a")) for path in expected]
    rows = tomllib.loads(format_project(None, entries, folder))["micrographs"]["rows"]
    assert [row[0] for row in rows] == list(expected.values())
    rows = tomllib.loads(format_project(None, entries[:1], Path("/project")))["micrographs"]["rows"]
    assert rows[0][0] == "/nowhere/lab/project/a.mrc"  # beside it lies the whole disk


def test_columns_of_hand_written_files_may_be_few_and_in_any_order(tmp_path):
    rows = '[["full", "Movies/a.mrc", 7], ["none", "/abs/b.tif", 8]]'
    write(tmp_path, f'{HEAD}columns = ["state", "image", "new"]\nrows = {rows}\n')
    diameter, entries = read_project(tmp_path)
    assert diameter is None
    assert list(entries) == ["a", "b"]
    assert entries["a"] == Entry(Micrograph(tmp_path / "Movies" / "a.mrc", "Movies/a.mrc"), "full")
    assert entries["b"].micrograph.path == Path("/abs/b.tif")


def test_a_project_without_micrographs_is_one(tmp_path):
    write(tmp_path, "schema = 1\ndiameter = 90\n")
    assert read_project(tmp_path) == (90.0, {})


@pytest.mark.parametrize(
    "text,match",
    [
        ("", "schema is None"),
        ("schema = 3\nanything = 1\n", "newer version .schema 3, this one reads 2.; update"),
        ("schema = 0\n", "schema is 0"),
        ("schema = 'x'\n", "schema is 'x'"),
        ("schema = 1\ndiameter = 'wide'\n", "diameter 'wide'"),
        ("schema = 1\ndiameter = nan\n", "diameter nan"),
        ("schema = 1\n[micrographs\n", "damaged"),
        ("schema = 2\ndiameter = 26", "its end with the micrographs is missing"),
        ("schema = 1\nmicrographs = 3\n", "not a table"),
        (HEAD + "columns = 3\n", "not a table"),
        (HEAD + "columns = ['name']\nrows = [['a']]\n", "no column image"),
        (HEAD + "columns = ['image']\nrows = [['a.mrc'], ['b.mrc', 1]]\n", "row 2 .* 1 columns"),
        (
            HEAD + "columns = ['image']\nrows = [['a.mrc'], ['x/a.tif']]\n",
            "row 2 .* a is listed twice",
        ),
        (HEAD + "columns = ['image']\nrows = [[5]]\n", "row 1 .* not text"),
        (
            HEAD + "columns = ['image', 'name']\nrows = [['a.mrc', '..']]\n",
            "is not a valid file name",
        ),
        (
            HEAD + "columns = ['image', 'name']\nrows = [['a.mrc', 'x/..']]\n",
            "is not a valid file name",
        ),
        (HEAD + "columns = ['image', 'state']\nrows = [['a.mrc', 'half']]\n", "state 'half'"),
        (HEAD + "columns = ['image', 'state']\nrows = [['a.mrc', []]]\n", "state"),
        (HEAD + "columns = ['image', 'kept']\nrows = [['a.mrc', 'yes']]\n", "kept is 'yes'"),
        (HEAD + "columns = ['image', 'picks']\nrows = [['a.mrc', 1.5]]\n", "picks is 1.5"),
        (HEAD + "columns = ['image', 'defocus']\nrows = [['a.mrc', inf]]\n", "defocus is inf"),
        (HEAD + "columns = ['image', 'ctf']\nrows = [['a.mrc', [1, 2]]]\n", "ctf is .1, 2."),
        (HEAD + "columns = ['image', 'ctf']\nrows = [['a.mrc', 7]]\n", "ctf is 7"),
        (HEAD + "columns = ['image', 'ctf']\nrows = [['a.mrc', 'a.b.c.d']]\n", "ctf is 'a.b.c.d'"),
        ("a = " + "[" * 5000 + "]" * 5000, "damaged"),
    ],
)
def test_damage_is_one_line_that_names_the_file(tmp_path, text, match):
    write(tmp_path, text)
    with pytest.raises(InputError, match=match) as caught:
        read_project(tmp_path)
    assert "project.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_are_one_line(tmp_path):
    (tmp_path / "project.toml").write_bytes(b"schema = 1\n# \xff\xfe\n")
    with pytest.raises(InputError, match="damaged"):
        read_project(tmp_path)


def test_names_that_look_like_paths_give_keys_within_the_project(tmp_path):
    names = ["../x.mrc", "/etc/y.mrc", "..\\..\\z.mrc", "C:\\w.mrc"]
    rows = ", ".join(f"['a.mrc', '{name}']" for name in names)
    write(tmp_path, f"{HEAD}columns = ['image', 'name']\nrows = [{rows}]\n")
    assert list(read_project(tmp_path)[1]) == ["x", "y", "z", "w"]
