"""Messages are one line each, arrays lie in the folder, and a lost folder comes back."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from napari_unetpick.events import Done, FoundCandidates, Message
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.worker.channel import Channel


def lines(pipe: io.BytesIO) -> list[dict]:
    return [json.loads(line) for line in pipe.getvalue().splitlines()]


def test_a_message_is_one_line_of_ascii(tmp_path: Path):
    pipe = io.BytesIO()
    channel = Channel(pipe, tmp_path)
    channel.send_event("7", Message("two\nlines, 4 Å"))
    channel.send_event("7", Done({"best": np.float32(0.5), "count": np.int64(3), "at": tmp_path}))
    assert pipe.getvalue().isascii()
    told, done = lines(pipe)
    assert told == {
        **{"v": 1, "id": "7", "event": "message"},
        **{"text": "two\nlines, 4 Å", "level": "info"},
    }
    assert done["result"] == {"best": 0.5, "count": 3, "at": str(tmp_path)}


@pytest.mark.parametrize("count", [0, 5])
def test_candidates_lie_beside_the_message(tmp_path: Path, count: int):
    pipe, folder = io.BytesIO(), tmp_path / "arrays"
    folder.mkdir()
    shutil.rmtree(folder)
    rng = np.random.default_rng(1)
    coords, raw, near = rng.random((count, 2)), rng.random(count), rng.random(count)
    found = FoundCandidates("a", Candidates(coords, raw, near, 40.0), preview=True, threshold=0.25)
    Channel(pipe, folder).send_event("7", found, reply="r")
    (message,) = lines(pipe)
    assert (message["key"], message["count"], message["threshold"]) == ("a", count, 0.25)
    assert (message["preview"], message["reply"]) == (True, "r")
    table = np.load(folder / message["file"], allow_pickle=False)
    assert table.dtype == np.float64
    np.testing.assert_array_equal(table, np.column_stack([coords, raw, near]))


def test_a_closed_pipe_is_noted_not_raised(tmp_path: Path):
    pipe = io.BytesIO()
    channel = Channel(pipe, tmp_path)
    pipe.close()
    channel.send("memory", text="1 GiB")
    assert channel.broken.is_set()
