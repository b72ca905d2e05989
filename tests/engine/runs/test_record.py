"""record.json: versions, data and results of each start; it stands in no resume's way."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import replace
from pathlib import Path

import numpy
import pytest
import torch
from tiny_training import is_epoch, make_tiny_job, run_until

from napari_unetpick.engine.runs import record
from napari_unetpick.engine.runs.record import micrographs_hash, read_record, versions
from napari_unetpick.engine.train.run import train
from napari_unetpick.errors import Cancelled
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.labels import labels_hash
from napari_unetpick.io.models import load_model

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.slow
def test_a_run_records_what_it_ran_with_and_what_came_of_it(tmp_path: Path):
    job = make_tiny_job(tmp_path, epochs=2, seed=5)
    list(train(job))
    (entry,) = json.loads((tmp_path / "run" / "record.json").read_text())
    assert entry["command"] == "train"
    assert entry["seed"] == 5
    assert entry["device"].startswith("CPU (1 threads")
    assert entry["versions"]["numpy"] == numpy.__version__
    assert entry["versions"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert entry["versions"]["python"] == platform.python_version()
    assert {"scikit-image", "scipy", "safetensors", "napari-unetpick"} <= set(entry["versions"])
    assert entry["data"]["labels"] == labels_hash(job.labels)
    weights = load_model(tmp_path / "run").weights
    learned = [v.size for n, v in weights.items() if "running" not in n and "tracked" not in n]
    assert entry["parameters"] == sum(learned)
    assert 0 < entry["minutes"] < 10
    card = load_model(tmp_path / "run").card
    assert entry["results"]["epochs"] == {"training": 2}
    assert entry["results"]["validation"] == card["validation"]


@pytest.mark.slow
def test_a_resumed_run_has_an_entry_for_each_start_whatever_the_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    list(train(make_tiny_job(tmp_path, run="whole", epochs=3)))
    monkeypatch.setattr(record, "versions", lambda: {"numpy": "1.0", "torch": "2.0"})
    with pytest.raises(Cancelled):
        run_until(make_tiny_job(tmp_path, epochs=3), is_epoch(1))
    (before,) = read_record(tmp_path / "run" / "record.json")
    assert before["results"] is None
    assert before["minutes"] > 0
    monkeypatch.setattr(record, "versions", versions)
    list(train(make_tiny_job(tmp_path, epochs=3, resume=True)))
    first, second = read_record(tmp_path / "run" / "record.json")
    assert first == before
    assert first["versions"]["numpy"] == "1.0"
    assert second["versions"]["numpy"] == numpy.__version__
    assert second["data"] == first["data"]
    assert second["results"]["epochs"] == {"training": 3}
    models = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("run", "whole")]
    assert models[0] == models[1]


@pytest.mark.slow
def test_a_damaged_record_does_not_stop_a_resume(tmp_path: Path):
    with pytest.raises(Cancelled):
        run_until(make_tiny_job(tmp_path, epochs=2), is_epoch(1))
    (tmp_path / "run" / "record.json").write_text("{half")
    list(train(make_tiny_job(tmp_path, epochs=2, resume=True)))
    (entry,) = read_record(tmp_path / "run" / "record.json")
    assert entry["results"]["epochs"] == {"training": 2}


def test_the_hash_of_the_micrographs_covers_name_size_and_shape(make_item, tmp_path: Path):
    def hash_of(name: str = "a.mrc", data: bytes = b"1234", folder: str = "x", rows: int = 600):
        path = tmp_path / folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        item = make_item(0)
        scale = replace(item.scale, file_shape=(rows, 480))
        return micrographs_hash([replace(item, micrograph=Micrograph(path, name), scale=scale)])

    known = hash_of()
    assert hash_of(data=b"4321") == known, "pixels are not read"
    assert hash_of(folder="y") == known, "folders do not count"
    assert len({known, hash_of(name="b.mrc"), hash_of(data=b"123"), hash_of(rows=601)}) == 4


def test_the_hash_does_not_depend_on_the_order(make_item, tmp_path: Path):
    items = [make_item(number) for number in range(3)]
    assert micrographs_hash(items) == micrographs_hash(items[::-1])
    assert micrographs_hash(items) != micrographs_hash(items[:2])
    assert os.path.exists(items[0].micrograph.path) is False, "a file that is gone is no error"
