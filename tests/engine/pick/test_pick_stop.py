"""What a picking that is stopped leaves in OUT."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_unetpick.engine.pick import run as picking
from napari_unetpick.errors import Cancelled
from napari_unetpick.events import Event, FoundCandidates
from napari_unetpick.export.pick_folder import write_results
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.picks import Picks

MICROGRAPHS = [Micrograph(Path(f"{name}.mrc"), f"M/{name}.mrc") for name in "ab"]
AT = np.array([[7.0, 8.0]])


@pytest.fixture
def stop_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, int], Cancelled]:
    """A function that picks into a folder, and is stopped after so many micrographs."""

    def run(out: Path, count: int) -> Cancelled:
        def find(*_: object) -> Iterator[Event]:
            for each in MICROGRAPHS[:count]:
                yield FoundCandidates(each.key, AT, np.ones(1), np.ones(1), 10.0)
            raise Cancelled("stopped")

        def choose(_job: object, _scorer: object, micrograph: Micrograph, found: FoundCandidates):
            return picking.Picked(micrograph, found.coords, found.raw, np.array([0]), 10.0)

        monkeypatch.setattr(picking, "make_scorer", lambda *_: None)
        monkeypatch.setattr(picking, "find", find)
        monkeypatch.setattr(picking, "choose", choose)
        job = picking.PickJob(micrographs=MICROGRAPHS, models=[], out=out, device="cpu")
        with pytest.raises(Cancelled) as stopped:
            list(picking.pick(job))
        return stopped.value

    return run


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


def test_earlier_results_stay_whole(tmp_path: Path, stop_after: Callable[[Path, int], Cancelled]):
    pairs = [(m, Picks(m.name, AT + 1, np.ones(1), np.full(1, 10.0))) for m in MICROGRAPHS]
    write_results(tmp_path, pairs, pairs, ("star", "csv"))
    before = contents(tmp_path)
    assert "nothing is written" in str(stop_after(tmp_path, 0))
    assert contents(tmp_path) == before
    assert not (tmp_path / "stopped").exists()
    said = str(stop_after(tmp_path, 1))
    assert f"1 of 2 micrographs are written to {tmp_path / 'stopped'}" in said
    assert f"{tmp_path} keeps what it held" in said
    assert contents(tmp_path) == before
    assert list(read_picks(tmp_path / "stopped" / "autopick.star")) == ["M/a.mrc"]


def test_a_new_folder_gets_what_was_done(
    tmp_path: Path, stop_after: Callable[[Path, int], Cancelled]
):
    out = tmp_path / "out"
    stop_after(out, 0)
    assert not out.exists()
    assert "1 of 2 micrographs are written" in str(stop_after(out, 1))
    assert read_picks(out / "picks.csv")["a.mrc"].coords.tolist() == AT.tolist()
