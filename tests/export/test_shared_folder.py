"""The output folder that several processes share: the first one's findings hold for all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.export.pick_folder import PickFolder
from napari_unetpick.export.pick_tables import Outcome
from napari_unetpick.export.shared_folder import SharedPickFolder
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.picks import Picks

MICROGRAPHS = [Micrograph(Path(f"{name}.mrc"), f"M/{name}.mrc") for name in "abcd"]
OPTIONS = {"formats": ["star"], "device": "cuda"}


def outcome(micrograph: Micrograph, at: float = 5.0) -> Outcome:
    one = Picks(micrograph.name, np.array([[at, 6.0]]), np.ones(1), np.full(1, 10.0))
    return Outcome(one, one)


def shared(out: Path, **options: object) -> SharedPickFolder:
    folder = SharedPickFolder(out, MICROGRAPHS, {**OPTIONS, **options})
    folder.open("refuse")
    return folder


def contents(out: Path) -> dict[str, bytes]:
    files = [file for file in out.rglob("*") if file.is_file()]
    place = str(out).encode()
    return {str(f.relative_to(out)): f.read_bytes().replace(place, b"OUT") for f in files}


def join(out: Path, device: str = "cuda") -> list[str]:
    folder = PickFolder(out, MICROGRAPHS, {**OPTIONS, "device": device})
    messages = folder.open("resume")
    folder.finish()
    return messages


def test_the_first_findings_hold_for_all(tmp_path: Path):
    first, second = shared(tmp_path / "out"), shared(tmp_path / "out")
    second.keep_found({"contrast": "dark"})
    first.keep_found({"contrast": "light"})  # a little later
    third = shared(tmp_path / "out")
    assert [each.found for each in (first, second, third)] == [{"contrast": "dark"}] * 3
    for folder, micrograph in zip((first, second, third, first), MICROGRAPHS, strict=True):
        folder.add(outcome(micrograph))
    assert [file.name for file in (tmp_path / "out").glob(".picking*")] == [".picking"]
    assert join(tmp_path / "out") == ["4 of 4 micrographs picked before"]

    plain = PickFolder(tmp_path / "plain", MICROGRAPHS, OPTIONS)
    plain.open("refuse")
    plain.keep_found({"contrast": "dark"})
    for micrograph in MICROGRAPHS:
        plain.add(outcome(micrograph))
    plain.finish()
    assert contents(tmp_path / "out") == contents(tmp_path / "plain")


def test_what_a_kill_left_without_a_record_is_not_taken_for_done(tmp_path: Path):
    out = tmp_path / "out"
    folder = shared(out)
    folder.add(outcome(MICROGRAPHS[0], at=1.0))
    (out / ".picking" / "picking.toml").unlink()  # as at the end of `finish`
    (out / ".picking-left").mkdir()
    again = shared(out)
    assert len(again.todo()) == 4
    for micrograph in MICROGRAPHS[1:]:
        again.add(outcome(micrograph))
    assert again.todo() == ["M/a.mrc"]
    again.add(outcome(MICROGRAPHS[0]))
    join(out)
    rows = (out / "picks.csv").read_text().split()[1:]
    assert rows == [f"{name}.mrc,6.000,5.000,1.000000,10.000" for name in "abcd"]
    assert not list(out.glob(".picking*"))


def test_a_finished_picking_is_added_to_or_replaced(tmp_path: Path):
    out = tmp_path / "out"
    first = PickFolder(out, MICROGRAPHS[:2], OPTIONS)
    first.open("refuse")
    for micrograph in MICROGRAPHS[:2]:
        first.add(outcome(micrograph))
    first.finish()
    one, two = shared(out), shared(out)
    assert one.todo() == two.todo() == ["M/c.mrc", "M/d.mrc"]
    two.add(outcome(MICROGRAPHS[3]))
    one.add(outcome(MICROGRAPHS[2]))
    assert join(out)[0] == "4 of 4 micrographs picked before"
    assert len((out / "picks.csv").read_text().splitlines()) == 5
    other = SharedPickFolder(out, MICROGRAPHS, {**OPTIONS, "threshold": 0.5})
    assert "which this one replaces when it is done" in other.open("refuse")[0]
    with pytest.raises(InputError, match="threshold"):
        SharedPickFolder(out, MICROGRAPHS, {**OPTIONS, "threshold": 0.5}).open("resume")


def test_any_device_joins_what_is_complete(tmp_path: Path):
    folder = shared(tmp_path / "out")
    for micrograph in MICROGRAPHS[:3]:
        folder.add(outcome(micrograph))
    with pytest.raises(InputError, match=r"device \(cuda, now cpu\)"):
        join(tmp_path / "out", "cpu")
    folder.add(outcome(MICROGRAPHS[3]))
    join(tmp_path / "out", "cpu")
    assert 'device = "cuda"' in (tmp_path / "out" / "picking.toml").read_text()
