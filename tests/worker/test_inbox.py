"""Requests are filed while a job runs: order, stops, previews, and what cannot be read."""

from __future__ import annotations

import json
import os
import time
from typing import Any, BinaryIO

import pytest

from napari_unetpick.protocol.requests import PreviewRequest
from napari_unetpick.worker.inbox import Inbox


class Post:
    """An inbox with its letter slot and the complaints that it made."""

    def __init__(self) -> None:
        read, write = os.pipe()
        self.slot: BinaryIO = os.fdopen(write, "wb", buffering=0)
        self.complaints: list[tuple[str | None, str]] = []
        self.inbox = Inbox(os.fdopen(read, "rb"), lambda *each: self.complaints.append(each))
        self.inbox.listen()

    def put(self, do: str, **fields: Any) -> None:
        self.slot.write(json.dumps({"v": 1, "do": do, **fields}).encode() + b"\n")

    def settle(self) -> None:
        """Wait until all that was put is filed."""
        self.put("mark", id="mark")
        while (request := self.inbox.next(5)) is not None and request.do != "mark":
            self.rest = [*getattr(self, "rest", []), request]


@pytest.fixture
def post() -> Post:
    return Post()


def test_jobs_come_out_in_order_with_their_arguments(post: Post):
    post.put("train", id="1", run="/r", keys=["a"])
    post.put("pick", id=2)
    first, second = post.inbox.next(5), post.inbox.next(5)
    assert first is not None
    assert second is not None
    assert (first.id, first.do, first.args) == ("1", "train", {"run": "/r", "keys": ["a"]})
    assert (second.id, second.do, second.args) == ("2", "pick", {})


def test_a_stop_is_seen_by_its_job_alone_and_forgotten_with_it(post: Post):
    post.put("stop", id="7")
    post.settle()
    assert post.inbox.is_stopped("7")
    assert not post.inbox.is_stopped("8")
    post.inbox.forget("7")
    assert not post.inbox.is_stopped("7")


def test_of_a_micrograph_the_last_preview_counts(post: Post):
    post.put("preview", id="7", key="a", reply="1")
    post.put("preview", id="7", key="b", reply="2")
    post.put("preview", id="7", key="a", reply="3")
    post.settle()
    assert post.inbox.take_previews("8") == []
    assert post.inbox.take_previews("7") == [PreviewRequest("b", "2"), PreviewRequest("a", "3")]
    assert post.inbox.take_previews("7") == []


def test_the_end_of_the_pipe_stops_every_job(post: Post):
    post.put("train", id="1")
    post.slot.close()
    assert post.inbox.next(5) is not None
    assert post.inbox.next(5) is None
    assert post.inbox.is_stopped("1")


def test_quit_is_an_end_too_and_what_follows_is_not_read(post: Post):
    post.put("quit")
    post.put("train", id="1")
    assert post.inbox.next(5) is None
    deadline = time.monotonic() + 5
    while not post.inbox.closed.is_set() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert post.inbox.closed.is_set()


@pytest.mark.parametrize(
    ("line", "number", "says"),
    [
        (b"no json\n", None, "no JSON"),
        (b"[" * 100_000 + b"\n", None, "no JSON"),
        (b'{"do": "train", "id": "1"}\n', None, "no JSON object with 'v'"),
        (b'{"v": 2, "do": "train", "id": "1"}\n', "1", "restart napari"),
        (b'{"v": 1, "do": "train"}\n', None, "without a job's id"),
    ],
)
def test_what_cannot_be_read_is_told_and_the_rest_goes_on(
    post: Post, line: bytes, number: str | None, says: str
):
    post.slot.write(line)
    post.put("device", id="9")
    request = post.inbox.next(5)
    assert request is not None
    assert request.do == "device"
    ((told, text),) = post.complaints
    assert told == number
    assert says in text
