"""Tracking: planted metrics are read back from TensorBoard and W&B; a tracker stops no training."""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from napari_unetpick.engine.runs.tracking import make_tracker, tracked
from napari_unetpick.errors import Cancelled, InputError
from napari_unetpick.events import Done, Event, Message, Metrics, Progress
from napari_unetpick.settings import Settings

PLANTED = [
    Metrics(1, {"loss": 0.5, "validation_f1": 0.25, "rate": 0.002}),
    Metrics(2, {"loss": 0.25, "validation_f1": 0.75, "rate": 0.001}),
    Metrics(1, {"loss": 0.125}, "round 1"),
]


def job() -> Iterator[Event]:
    for metrics in PLANTED:
        yield Progress(metrics.stage, 1, 1)
        yield metrics
    yield Done({"model": "m"})


def warnings_of(events: list[Event]) -> list[str]:
    return [e.text for e in events if isinstance(e, Message) and e.level == "warning"]


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WANDB_MODE", "WANDB_PROJECT", "WANDB_API_KEY", "WANDB_ERROR_REPORTING"):
        monkeypatch.setenv(name, "")  # so that it is put back
        monkeypatch.delenv(name)


class Recorder:
    """A tracker that remembers, and fails where it is told to."""

    def __init__(self, fails: str = "") -> None:
        self.calls: list[Any] = []
        self.fails = fails

    def _call(self, name: str, what: Any) -> str:
        self.calls.append(what)
        if name == self.fails:
            raise OSError("no space\nleft")
        return "look there"

    def open(self) -> str:
        return self._call("open", "open")

    def log(self, metrics: Metrics) -> None:
        self._call("log", metrics)

    def close(self) -> None:
        self._call("close", "close")


def test_events_pass_unchanged_and_metrics_are_logged():
    tracker = Recorder()
    events = list(tracked(job(), tracker))
    assert [e for e in events if not isinstance(e, Message)] == list(job())
    assert tracker.calls == ["open", *PLANTED, "close"]
    assert [e.text for e in events if isinstance(e, Message)] == ["look there"]
    assert list(tracked(job(), None)) == list(job())


def test_nothing_is_opened_without_metrics():
    tracker = Recorder()
    assert list(tracked(iter([Done({})]), tracker)) == [Done({})]
    assert tracker.calls == []


@pytest.mark.parametrize("fails", ["open", "log", "close"])
def test_a_tracker_that_fails_warns_once_and_the_job_goes_on(fails: str):
    tracker = Recorder(fails)
    events = list(tracked(job(), tracker))
    assert [e for e in events if not isinstance(e, Message)] == list(job())
    (warning,) = warnings_of(events)
    assert "no space left" in warning
    assert len(tracker.calls) == {"open": 1, "log": 2, "close": 5}[fails]
    assert isinstance(events[-1], Done)


def test_a_stopped_job_closes_its_tracker():
    def stopped() -> Iterator[Event]:
        yield PLANTED[0]
        raise Cancelled("stopped")

    tracker = Recorder()
    with pytest.raises(Cancelled):
        list(tracked(stopped(), tracker))
    assert tracker.calls == ["open", PLANTED[0], "close"]


def test_tensorboard_holds_what_was_planted(tmp_path: Path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    settings = Settings(recipe="plan")
    events = list(tracked(job(), make_tracker("tensorboard", tmp_path, settings)))
    assert warnings_of(events) == []
    board = EventAccumulator(str(tmp_path / "tensorboard"))
    board.Reload()
    found = {
        (tag, point.step): point.value
        for tag in board.Tags()["scalars"]
        for point in board.Scalars(tag)
    }
    assert found == pytest.approx(
        {
            ("training/loss", 1): 0.5,
            ("training/loss", 2): 0.25,
            ("training/validation_f1", 1): 0.25,
            ("training/validation_f1", 2): 0.75,
            ("training/rate", 1): 0.002,
            ("training/rate", 2): 0.001,
            ("round-1/loss", 1): 0.125,
        }
    )
    (text,) = board.Tensors("settings/text_summary")
    assert 'recipe = "plan"' in text.tensor_proto.string_val[0].decode()


def records_of(path: Path) -> Iterator[Any]:
    """Read the records of a W&B run file: 7 bytes of header, then CRC, length, type, protobuf."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at = path.read_bytes(), 7
    assert len(data) < 32768, "a longer file is cut into blocks"
    while at + 7 <= len(data):
        length, kind = struct.unpack("<HB", data[at + 4 : at + 7])
        assert kind == 1
        record = Record()
        record.ParseFromString(data[at + 7 : at + 7 + length])
        yield record
        at += 7 + length


@pytest.fixture
def real_wandb() -> Iterator[Any]:
    os.environ["WANDB_ERROR_REPORTING"] = "false"
    wandb = pytest.importorskip("wandb")
    yield wandb
    wandb.teardown()


@pytest.mark.slow
def test_wandb_is_offline_and_holds_what_was_planted(real_wandb: Any, tmp_path: Path):
    run = tmp_path / "run-7"
    settings = Settings(recipe="plan")
    events = list(tracked(job(), make_tracker("wandb", run, settings)))
    assert warnings_of(events) == []
    (file,) = run.glob("wandb/offline-run-*/run-*.wandb")
    said = [e.text for e in events if isinstance(e, Message)]
    assert said == [f"W&B, offline: wandb sync {file.parent} uploads it"]
    real_wandb.teardown()  # W&B's own process has written all when it has ended
    records = list(records_of(file))
    rows = [
        {(item.key or "/".join(item.nested_key)): item.value_json for item in record.history.item}
        for record in records
        if record.WhichOneof("record_type") == "history"
    ]
    figures = [
        {k: float(v) for k, v in row.items() if k.startswith(("training/", "round-1/"))}
        for row in rows
    ]
    assert figures == [
        {
            "training/loss": 0.5,
            "training/validation_f1": 0.25,
            "training/rate": 0.002,
            "training/epoch": 1,
        },
        {
            "training/loss": 0.25,
            "training/validation_f1": 0.75,
            "training/rate": 0.001,
            "training/epoch": 2,
        },
        {"round-1/loss": 0.125, "round-1/epoch": 1},
    ]
    begun = next(r.run for r in records if r.WhichOneof("record_type") == "run")
    assert (begun.project, begun.display_name) == ("unetpick", "run-7")
    config = {item.key: item.value_json for item in begun.config.update}
    assert config["recipe"] == '"plan"'
    assert not any(path.name == "requirements.txt" for path in run.rglob("*"))


@pytest.fixture
def fake_wandb(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A module that remembers how it was called; nobody is signed in."""
    made = SimpleNamespace(given={}, signed_in=False)
    run = SimpleNamespace(
        dir="d/files",
        url=None,
        define_metric=lambda *_, **__: None,
        log=lambda _: None,
        finish=lambda: None,
    )

    def init(**given: Any) -> SimpleNamespace:
        made.given = given
        return run

    def login(*, prompt: bool) -> bool:
        assert prompt is False, "no command waits for an answer"
        return bool(made.signed_in)

    made.init, made.login, made.Settings = init, login, dict
    monkeypatch.setitem(sys.modules, "wandb", made)
    return made


@pytest.mark.parametrize("mode", ["", "offline", "online", "disabled"])
def test_wandb_goes_online_only_where_the_user_says_so(
    fake_wandb: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: str
):
    fake_wandb.signed_in = True
    if mode:
        monkeypatch.setenv("WANDB_MODE", mode)
    events = list(tracked(job(), make_tracker("wandb", tmp_path, Settings())))
    assert warnings_of(events) == []
    assert fake_wandb.given["mode"] == (mode or "offline")
    assert fake_wandb.given["dir"] == str(tmp_path)
    assert os.environ["WANDB_ERROR_REPORTING"] == "false"
    assert fake_wandb.given["settings"]["console"] == "off"


def test_wandb_online_needs_a_user(fake_wandb: SimpleNamespace, monkeypatch, tmp_path: Path):
    monkeypatch.setenv("WANDB_MODE", "online")
    with pytest.raises(InputError, match="run wandb login"):
        make_tracker("wandb", tmp_path, Settings())
    monkeypatch.setenv("WANDB_MODE", "on")
    with pytest.raises(InputError, match="WANDB_MODE=on: give one of offline, online, disabled"):
        make_tracker("wandb", tmp_path, Settings())
    assert fake_wandb.given == {}


@pytest.mark.parametrize(
    "kind, module", [("tensorboard", "torch.utils.tensorboard"), ("wandb",) * 2]
)
def test_a_missing_package_is_one_line(kind: str, module: str, monkeypatch, tmp_path: Path):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=rf'pip install "napari-unetpick\[{kind}\]"') as caught:
        make_tracker(kind, tmp_path / "run", Settings())
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_an_unknown_tracker_lists_the_known(tmp_path: Path):
    with pytest.raises(InputError, match="--track mlflow: give one of none, tensorboard, wandb"):
        make_tracker("mlflow", tmp_path, Settings())
    assert make_tracker("none", tmp_path, Settings()) is None
