"""Names in a file never lead out of the output folder, whatever they say."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import unetpick

NAMES = ("../../../evil/mic1.mrc", "{here}/elsewhere/mic2.mrc", "C:\\evil\\mic3.mrc", "~/mic4.mrc")
FORMATS = ("csv", "star", "relion", "box", "cbox", "eman", "topaz")


def write_star(path: Path, names: list[str]) -> Path:
    columns = ("CoordinateX", "CoordinateY", "MicrographName")
    header = [f"_rln{column} #{n}" for n, column in enumerate(columns, 1)]
    rows = [f"{100 * n} 100 {name}" for n, name in enumerate(names, 1)]
    path.write_text("\n".join(["data_", "", "loop_", *header, *rows, ""]))
    return path


@pytest.mark.parametrize("form", FORMATS)
def test_picks_are_written_below_the_output_folder_alone(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    work = tmp_path / "a" / "b" / "c"
    work.mkdir(parents=True)
    monkeypatch.chdir(work)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    picks = write_star(tmp_path / "picks.star", [n.format(here=tmp_path) for n in NAMES])
    done = unetpick("convert", picks, "out", "--to", form, "--box-size", 64, "--pixel-size", 1)
    assert done.returncode == 0, done.stderr
    written = {each for each in tmp_path.rglob("*") if each.is_file()} - {picks}
    assert written
    assert all(each.is_relative_to(work) for each in written)
    assert all(each == work / "out" or work / "out" in each.parents for each in written)


@pytest.mark.parametrize("name", ["..", ".", "x/..", "mic\\.."])
def test_a_name_that_is_no_file_is_refused_before_anything_is_written(name: str, tmp_path: Path):
    picks = write_star(tmp_path / "picks.star", ["right.mrc", name])
    done = unetpick("convert", picks, tmp_path / "out", "--to", "box", "--box-size", 64)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()
