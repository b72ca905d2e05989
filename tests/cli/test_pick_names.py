"""`unetpick pick` names micrographs as the RELION project does, or says that it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_unetpick.cli.pick import RelionNames
from napari_unetpick.io.images.listing import list_micrographs


def named(source: object, out: str) -> list[str]:
    names = RelionNames(Path(out), [str(source)], wanted=True)
    return [m.name for m in names.of(list_micrographs(str(source)))]


def test_names_for_relion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "MotionCorr" / "job002" / "a.mrc"
    file.parent.mkdir(parents=True)
    file.touch()
    star = tmp_path / "micrographs_ctf.star"
    star.write_text(f"data_micrographs\nloop_\n_rlnMicrographName\n{file}\n")
    right, out = "MotionCorr/job002/a.mrc", "External/job010"
    assert named(right, out) == [right]
    assert named(star, out) == [str(file)]  # letter by letter, whatever it is
    assert capsys.readouterr().err == ""
    assert named(file, out) == [str(file)]
    assert f"1 name may differ (such as {file})" in capsys.readouterr().err
    (tmp_path / ".gui_projectdir").touch()
    for source in (file, "MotionCorr/job002/../job002/a.mrc"):
        assert named(source, out) == [right]
    monkeypatch.chdir(file.parent)
    assert named("a.mrc", "../../External/job010") == [right]
    assert capsys.readouterr().err == ""
