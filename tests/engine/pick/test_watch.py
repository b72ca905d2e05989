"""Watching without a network: what is found first, what is said, when files are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from types import SimpleNamespace

import mrcfile
import numpy as np
import pytest

from napari_unetpick.engine.pick import run as picking
from napari_unetpick.engine.pick import watch as watching
from napari_unetpick.engine.pick.findings import Findings
from napari_unetpick.engine.pick.watch import Watch, watch
from napari_unetpick.errors import Cancelled, EngineError
from napari_unetpick.events import Done, Event, Failed, FoundCandidates, Message
from napari_unetpick.export.live_folder import LivePickFolder
from napari_unetpick.export.pick_tables import Outcome
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.images.arrivals import Arrivals
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.picks import Picks
from napari_unetpick.picking.candidates import Candidates

AT = np.array([[7.0, 8.0]])
IMAGE = np.random.default_rng(3).normal(size=(60, 40)).astype(np.float32)


def write(path: Path, size: float = 2.0) -> None:
    with mrcfile.new(path, IMAGE, overwrite=True) as file:
        file.voxel_size = size


class Found:
    """A planted search: one candidate in each micrograph; notes what was searched."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.before: Callable[[Path], None] = lambda _: None

    def __call__(self, job: picking.PickJob, *_: object) -> Iterator[Event]:
        self.batches.append([m.key for m in job.micrographs])
        yield Message(f"batch {len(self.batches)}")
        for each in job.micrographs:
            self.before(each.path)
            if not each.path.exists():
                yield Failed(each.name, f"{each.name}: no such file")
                continue
            yield FoundCandidates(each.key, Candidates(AT, np.ones(1), np.ones(1), 10.0))


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Found:
    def choose(_job: object, _scorer: object, micrograph: Micrograph, found: Candidates):
        one = Picks(micrograph.name, found.coords, found.raw, np.full(1, 10.0))
        return Outcome(one, one)

    scorer = SimpleNamespace(general=False, adaptation=None, calibration=SimpleNamespace(kind=""))
    found = Found()
    monkeypatch.setattr(picking, "make_scorer", lambda *_, **__: scorer)
    monkeypatch.setattr(watching, "tell_counts", lambda *_: Message("counted"))
    monkeypatch.setattr(watching, "Arrivals", partial(Arrivals, poll=0.0))
    monkeypatch.setattr(watching, "STEP", 0.001)
    monkeypatch.setattr(picking, "choose", choose)
    monkeypatch.setattr(picking, "find", found)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "arriving").mkdir()
    return tmp_path / "arriving"


def job(folder: Path, **more: object) -> picking.PickJob:
    out = folder.parent / "out"
    return picking.PickJob(micrographs=[], models=[], out=out, device="cpu", **more)  # type: ignore[arg-type]


def events(folder: Path, idle: float = 0.0, **more: object) -> list[Event]:
    return list(watch(job(folder, **more), Watch((str(folder),), idle)))


def texts(of: list[Event]) -> list[str]:
    return [each.text for each in of if isinstance(each, Message)]


def test_what_holds_for_all_is_found_on_the_first_six_that_can_be_used(
    folder: Path, found: Found, monkeypatch: pytest.MonkeyPatch
):
    surveyed: list[list[str]] = []

    def survey(job: picking.PickJob, *_: object) -> Iterator[Event]:
        surveyed.append([m.key for m in job.micrographs])
        yield Message("surveyed")
        return Findings(diameter=150.0)

    monkeypatch.setattr(picking, "survey", survey)
    monkeypatch.setattr(watching, "needs_survey", lambda *_: True)
    write(folder / "a.mrc", size=0.0)  # no pixel size
    for name in "bcdefghi":
        write(folder / f"{name}.mrc")
    (folder / "cut.mrc").write_bytes((folder / "b.mrc").read_bytes()[:1100])
    happened = events(folder)
    assert surveyed == [["b", "c", "d", "e", "f", "g"]]
    assert found.batches[0] == surveyed[0]
    assert sorted(chain(*found.batches)) == [*"bcdefghi"]
    reported = [each for each in happened if isinstance(each, Failed)]
    assert [Path(each.micrograph).name for each in reported] == ["a.mrc", "cut.mrc"]
    assert "no valid pixel size" in reported[0].reason
    assert isinstance(happened[-1], Done)
    assert [Path(name).name for name in happened[-1].result["failed"]] == ["a.mrc", "cut.mrc"]

    write(folder / "j.mrc")
    again = events(folder, unfinished="resume")
    assert "as found before: diameter 150 A" in texts(again)
    assert len(surveyed) == 1
    assert found.batches[-1] == ["j"]


def test_fewer_than_six_are_enough_when_no_more_come(
    folder: Path, found: Found, monkeypatch: pytest.MonkeyPatch
):
    def survey(job: picking.PickJob, *_: object) -> Iterator[Event]:
        yield Message(f"surveyed {len(job.micrographs)}")
        return Findings(diameter=150.0)

    monkeypatch.setattr(picking, "survey", survey)
    monkeypatch.setattr(watching, "needs_survey", lambda *_: True)
    write(folder / "a.mrc")
    write(folder / "b.mrc")
    assert "surveyed 2" in texts(events(folder, idle=0.2))
    assert found.batches == [["a", "b"]]


def test_one_that_changes_while_it_is_picked_is_picked_again_and_one_that_goes_is_forgotten(
    folder: Path, found: Found
):
    for name in "abc":
        write(folder / f"{name}.mrc")
    left = ["a.mrc", "b.mrc"]

    def disturb(path: Path) -> None:
        if path.name in left:
            left.remove(path.name)
            path.write_bytes(path.read_bytes() + b"more") if path.stem == "a" else path.unlink()

    found.before = disturb
    happened = events(folder)
    assert found.batches == [["a", "b", "c"], ["a"]]
    assert not [each for each in happened if isinstance(each, Failed)]
    assert happened[-1].result["failed"] == []  # type: ignore[union-attr]
    picks = read_picks(folder.parent / "out" / "autopick.star")
    assert [Path(name).stem for name in picks] == ["a", "c"]
    assert texts(happened).count("batch 1") == 1
    assert "batch 2" not in texts(happened)


@pytest.mark.parametrize("pause, rows", [(0, [1, 2, 3, 4]), (1e9, [1, 1, 1, 1])])
def test_the_list_is_written_after_each_batch_and_the_tables_when_it_is_worth_it(
    folder: Path, found: Found, monkeypatch: pytest.MonkeyPatch, pause: float, rows: list[int]
):
    out = folder.parent / "out"
    listed: list[int] = []
    in_tables: list[int] = []

    def look(path: Path) -> None:
        if (out / "autopick.star").is_file():
            listed.append(len(read_picks(out / "autopick.star")))
            in_tables.append(len(read_picks(out / "picks.csv")))
        if path.stem < "e":
            write(folder / f"{chr(ord(path.stem) + 1)}.mrc")

    found.before = look
    monkeypatch.setattr(watching, "WRITING", pause)
    write(folder / "a.mrc")
    events(folder)
    assert found.batches == [["a"], ["b"], ["c"], ["d"], ["e"]]
    assert listed == [1, 2, 3, 4]
    assert in_tables == rows
    assert len(read_picks(out / "picks.csv")) == 5


def test_stopped_and_full_disk(folder: Path, found: Found, monkeypatch: pytest.MonkeyPatch):
    out = folder.parent / "out"
    for name in "abc":
        write(folder / f"{name}.mrc")

    def stop(path: Path) -> None:
        if path.stem == "c":
            raise Cancelled("stopped")

    found.before = stop
    with pytest.raises(Cancelled, match=r"stopped; 2 of 3 micrographs done .*--resume"):
        events(folder)
    assert len(read_picks(out / "picks.csv")) == 2
    found.before = lambda _: None
    add = LivePickFolder.add

    def full(folder: LivePickFolder, one: Outcome) -> None:
        raise EngineError("no space left on the disk")

    monkeypatch.setattr(LivePickFolder, "add", full)
    with pytest.raises(EngineError, match=r"no space left on the disk; 2 of 3 micrographs done"):
        events(folder, unfinished="resume")
    monkeypatch.setattr(LivePickFolder, "add", add)
    (folder / "a.mrc").unlink()  # moved to the archive
    events(folder, unfinished="resume")
    assert len(read_picks(out / "picks.csv")) == 3
    assert found.batches[-1] == ["c"]
    assert not (out / ".picking").exists()


def test_killed_while_it_picks(folder: Path, found: Found):
    """Nothing that was picked is picked again, and nothing is missing."""
    out = folder.parent / "out"
    for name in "abcd":
        write(folder / f"{name}.mrc")

    def kill(path: Path) -> None:
        if path.stem == "c":
            raise KeyboardInterrupt

    found.before = kill
    with pytest.raises(KeyboardInterrupt):
        events(folder)
    assert not (out / "picks.csv").exists()
    assert len(list(out.glob("*_autopick.star"))) == 2
    (folder / "a.mrc").unlink()
    found.before = lambda _: None
    assert "2 of 4 micrographs picked before" in texts(events(folder, unfinished="resume"))
    assert found.batches == [["a", "b", "c", "d"], ["c", "d"]]
    assert [Path(n).stem for n in read_picks(out / "autopick.star")] == ["a", "b", "c", "d"]
