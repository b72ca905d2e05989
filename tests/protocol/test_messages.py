"""What one side writes the other reads: events, arrays, requests, and nothing foreign."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unetpick.events import Done, Failed, FoundCandidates, Message, Metrics, Progress
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.picking.junk import JunkMap
from napari_unetpick.protocol.messages import decode, encode, event_of, message_of, plain
from napari_unetpick.protocol.requests import (
    CompareRequest,
    DeviceRequest,
    PickRequest,
    SelfTrainRequest,
    TrainRequest,
)
from napari_unetpick.settings import RECIPES, Settings

PROJECT, RUN = Path("/p"), Path("/p/runs/run-1")


@pytest.mark.parametrize(
    "event",
    [
        Message("two\nlines, 4 \u00c5", "warning"),
        Progress("training", 3, 8, 1.5),
        Metrics(2, {"loss": 0.5}),
        Failed("a", "unreadable"),
        Done({"count": 3}),
    ],
)
def test_an_event_is_read_as_it_was_said(event: Any, tmp_path: Path) -> None:
    line = encode({"id": "7", **message_of(event, tmp_path), "unknown": 1})
    assert line.isascii()
    assert line.count(b"\n") == 1
    assert event_of(decode(line, "event"), tmp_path) == event


@pytest.mark.parametrize("count", [0, 5])
def test_candidates_come_back_and_leave_no_file(tmp_path: Path, count: int) -> None:
    rng = np.random.default_rng(1)
    coords, raw, near = rng.random((count, 2)), rng.random(count), rng.random(count)
    junk = JunkMap(rng.random((7, 9)) < 0.3, (70, 90)) if count else None
    found = FoundCandidates("a", Candidates(coords, raw, near, 40.0, junk=junk), True, 0.25)
    read = event_of(decode(encode(message_of(found, tmp_path))), tmp_path)
    assert isinstance(read, FoundCandidates)
    each = read.candidates
    np.testing.assert_array_equal(each.coords, coords)
    np.testing.assert_array_equal(each.raw, raw)
    np.testing.assert_array_equal(each.nearness, near)
    assert (read.key, each.diameter_px, read.preview) == ("a", 40.0, True)
    assert read.threshold == 0.25
    assert (each.junk is None) == (junk is None)
    if junk is not None and each.junk is not None:
        np.testing.assert_array_equal(each.junk.cells, junk.cells)
        assert each.junk.shape == junk.shape
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "request_",
    [
        TrainRequest(PROJECT, RUN),
        TrainRequest(
            PROJECT,
            RUN,
            RECIPES["plan"],
            start="general",
            validation=frozenset({"b", "a"}),
            keys=("a", "b", "c"),
            device="cpu",
            resume=True,
            pixel_size=1.5,
        ),
        TrainRequest(PROJECT, RUN, validation=0.25),
        SelfTrainRequest(PROJECT, RUN, 3, 4, 0.4, 0.1, ("a",), "cuda"),
        PickRequest(PROJECT, ("a", "b"), (RUN, Path("m.safetensors")), 160.0, "cpu", 2.0),
        CompareRequest(PROJECT, {"b": RUN, "a": Path("/x")}, {"Topaz": Path("/t")}, True, 80.0),
        DeviceRequest("mps"),
    ],
)
def test_a_request_is_read_as_it_was_sent(request_: Any) -> None:
    fields = decode(encode({"do": request_.do, **request_.to_fields()}), "do")
    assert (fields.pop("v"), fields.pop("do")) == (1, request_.do)
    read = type(request_).read(fields)
    assert read == request_
    if isinstance(read, CompareRequest):
        assert list(read.models) == ["b", "a"], "the first is what others are compared with"


def test_messages_carry_paths_settings_sets_and_numpy_numbers() -> None:
    sent = plain({"run": Path("a"), "keys": {"b", "a"}, "size": np.float64(1.5), "t": (1, None)})
    assert sent == {"run": "a", "keys": ["a", "b"], "size": 1.5, "t": [1, None]}
    assert plain(Settings())["train"]["seed"] == 42
    with pytest.raises(TypeError, match="cannot carry a object"):
        plain({"x": object()})


@pytest.mark.parametrize("line", [b"no json", b"[1, 2]", b"[" * 100_000, b"{}", b'{"event": []}'])
def test_what_is_no_message_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"not an object|lacks|nested|Expecting"):
        decode(line, "event")
