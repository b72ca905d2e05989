"""What a picking that is stopped, or fails, leaves in OUT."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from napari_unetpick.engine.pick import run as picking
from napari_unetpick.errors import Cancelled, EngineError, InputError, UnetPickError
from napari_unetpick.events import Done, Event, Failed, FoundCandidates, Message
from napari_unetpick.export.pick_folder import PickFolder
from napari_unetpick.export.pick_tables import Outcome
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.picks import Picks
from napari_unetpick.picking.candidates import Candidates

MICROGRAPHS = [Micrograph(Path(f"{name}.mrc"), f"M/{name}.mrc") for name in "ab"]
AT = np.array([[7.0, 8.0]])
Pick = Callable[[Path, int], list[Event]]


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> picking.PickJob:
    """A job of which two micrographs are picked without a network."""

    def choose(_job: object, _scorer: object, micrograph: Micrograph, found: Candidates):
        one = Picks(micrograph.name, found.coords, found.raw, np.full(1, 10.0))
        return Outcome(one, one)

    monkeypatch.setattr(
        picking, "make_scorer", lambda *_, **__: SimpleNamespace(general=False, adaptation=None)
    )
    monkeypatch.setattr(picking, "choose", choose)
    monkeypatch.setattr(picking, "tell_counts", lambda *_: Message("counted"))
    plant_find(monkeypatch)
    return picking.PickJob(
        micrographs=MICROGRAPHS, models=[], out=tmp_path / "out", device="cpu", formats=("star",)
    )


def plant_find(
    monkeypatch: pytest.MonkeyPatch, *, stop_after: int = 9, fails: str = "", at: float = 0.0
) -> None:
    """Find one candidate in each micrograph, but for those that fail; stop after some."""

    def find(job: picking.PickJob, *_: object) -> Iterator[Event]:
        for number, each in enumerate(job.micrographs):
            if number == stop_after:
                raise Cancelled("stopped")
            if each.key in fails:
                yield Failed(each.name, f"{each.name}: planted")
            else:
                yield FoundCandidates(each.key, Candidates(AT + at, np.ones(1), np.ones(1), 10.0))
        if stop_after == len(job.micrographs):
            raise Cancelled("stopped")

    monkeypatch.setattr(picking, "find", find)


def contents(folder: Path) -> dict[str, bytes]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def fails(job: picking.PickJob, kind: type[UnetPickError]) -> str:
    with pytest.raises(kind) as stopped:
        list(picking.pick(job))
    return str(stopped.value)


def messages(job: picking.PickJob) -> list[str]:
    return [event.text for event in picking.pick(job) if isinstance(event, Message)]


def test_what_was_done_is_readable_and_resumed(
    job: picking.PickJob, monkeypatch: pytest.MonkeyPatch
):
    list(picking.pick(replace(job, out=job.out.parent / "undisturbed")))
    plant_find(monkeypatch, stop_after=0)
    assert fails(job, Cancelled) == "stopped; nothing was written"
    assert not job.out.exists()
    plant_find(monkeypatch, stop_after=1)
    said = fails(job, Cancelled)
    assert said.startswith(f"stopped; 1 of 2 micrographs done (in {job.out});")
    assert "--resume" in said
    assert read_picks(job.out / "a_autopick.star")["a"].coords.tolist() == AT.tolist()
    assert list(read_picks(job.out / ".picking" / "parts" / "candidates.csv")) == ["a.mrc"]
    before = contents(job.out)
    said = fails(job, InputError)
    assert "--resume" in said
    assert f"delete {job.out / '.picking'}" in said
    assert contents(job.out) == before
    plant_find(monkeypatch)
    *_, done = picking.pick(replace(job, unfinished="resume"))
    assert isinstance(done, Done)
    assert (done.result["micrographs"], done.result["picks"]) == (2, 2)
    same = contents(job.out.parent / "undisturbed")
    same["autopick.star"] = same["autopick.star"].replace(b"/undisturbed/", b"/out/")
    assert contents(job.out) == same


def test_earlier_results_stay_whole_until_the_new_ones_are(
    job: picking.PickJob, monkeypatch: pytest.MonkeyPatch
):
    list(picking.pick(job))
    (job.out / "mine.txt").write_text("mine")
    before = contents(job.out)
    plant_find(monkeypatch, stop_after=1, at=1.0)
    fails(job, Cancelled)
    assert {k: v for k, v in contents(job.out).items() if not k.startswith(".picking")} == before
    plant_find(monkeypatch, at=1.0)
    list(picking.pick(replace(job, unfinished="resume")))
    assert set(contents(job.out)) == set(before)
    assert {n: p.coords.tolist() for n, p in read_picks(job.out / "autopick.star").items()} == {
        m.name: (AT + 1).tolist() for m in MICROGRAPHS
    }


def test_an_error_in_writing_keeps_what_was_done(
    job: picking.PickJob, monkeypatch: pytest.MonkeyPatch
):
    add = PickFolder.add

    def full(folder: PickFolder, one: Outcome) -> None:
        if one.picks.micrograph == "M/b.mrc":
            raise EngineError("no space left on the disk")
        add(folder, one)

    monkeypatch.setattr(PickFolder, "add", full)
    said = fails(job, EngineError)
    assert said.startswith("no space left on the disk; 1 of 2 micrographs done")
    monkeypatch.setattr(PickFolder, "add", add)
    assert "1 of 2 micrographs picked before" in messages(replace(job, unfinished="resume"))
    assert len(read_picks(job.out / "picks.csv")) == 2


def test_what_failed_is_tried_again(job: picking.PickJob, monkeypatch: pytest.MonkeyPatch):
    plant_find(monkeypatch, fails="ab")
    assert fails(job, InputError).startswith("M/a.mrc: planted")
    assert not job.out.exists()
    plant_find(monkeypatch, fails="a")
    *_, done = picking.pick(job)
    assert isinstance(done, Done)
    assert done.result["failed"] == ["M/a.mrc"]
    assert list(read_picks(job.out / "picks.csv")) == ["b.mrc"]
    again = replace(job, unfinished="resume")
    assert "tried again" in messages(again)[2]
    assert list(read_picks(job.out / "picks.csv")) == ["b.mrc"]
    plant_find(monkeypatch)
    messages(again)
    assert list(read_picks(job.out / "picks.csv")) == ["a.mrc", "b.mrc"]
    plant_find(monkeypatch, stop_after=0)
    monkeypatch.setattr(picking, "find", lambda *_: iter(()))
    assert "nothing to do" in messages(again)[-1]


def test_a_job_of_another_command_starts_over(
    job: picking.PickJob, monkeypatch: pytest.MonkeyPatch
):
    plant_find(monkeypatch, stop_after=1)
    restart = replace(job, unfinished="restart")
    assert fails(restart, Cancelled) == "stopped"
    plant_find(monkeypatch, at=1.0)
    assert len(messages(restart)) == 2
    assert read_picks(job.out / "picks.csv")["a.mrc"].coords.tolist() == (AT + 1).tolist()
