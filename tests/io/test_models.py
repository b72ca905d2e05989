"""Model files: the same model is the same bytes; foreign files are refused in one line."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from safetensors.numpy import save_file

from napari_unetpick.errors import InputError, ModelError
from napari_unetpick.io.models import (
    CARD,
    GENERAL,
    SCHEMA,
    Model,
    digest,
    is_whole,
    load_model,
    read_card,
    save_model,
)


def make_model():
    rng = np.random.default_rng(0)
    weights = {
        "stem.0.weight": rng.normal(size=(4, 1, 5, 5)).astype(np.float32),
        "stem.1.num_batches_tracked": np.array(17),
        "head.bias": rng.normal(size=1).astype(np.float32),
        "turned": np.asfortranarray(rng.normal(size=(3, 4)).astype(np.float32)),
    }
    card = {"diameter": 160.5, "settings": {"b": [1, 2.5], "a": None}, "name": "ß"}
    return Model(weights, card)


def header(path):
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length])


def test_weights_and_card_come_back(tmp_path):
    path = tmp_path / "model.safetensors"
    model = make_model()
    save_model(path, model)
    for source in (path, str(path), tmp_path):  # a run folder stands for its model
        found = load_model(source)
        assert found.card == {"schema": SCHEMA, **model.card}
        assert found.weights.keys() == model.weights.keys()
        for name, value in model.weights.items():
            np.testing.assert_array_equal(found.weights[name], value)
            assert found.weights[name].dtype == value.dtype
    assert read_card(path)["diameter"] == 160.5


def test_one_model_is_one_file_byte_for_byte(tmp_path):
    first, again = tmp_path / "a" / "model.safetensors", tmp_path / "b" / "other.safetensors"
    model = make_model()
    save_model(first, model)
    backwards = Model(dict(reversed(model.weights.items())), dict(reversed(model.card.items())))
    save_model(again, backwards)
    os.utime(first, (0, 0))
    assert first.read_bytes() == again.read_bytes()
    save_model(again, load_model(first))
    assert first.read_bytes() == again.read_bytes()


def test_the_header_holds_the_card_alone(tmp_path):
    path = tmp_path / "model.safetensors"
    save_model(path, make_model())
    metadata = header(path)["__metadata__"]
    assert list(metadata) == [CARD]  # several keys would be written in random order
    assert json.loads(metadata[CARD]).keys() == {
        *("schema", "diameter", "settings", "name", "checksum")
    }
    assert str(tmp_path) not in path.read_bytes().decode("latin-1")


def test_zeros_in_the_place_of_weights_are_damage(tmp_path):
    """As after a crash of the machine: the right size, and the header whole."""
    path = tmp_path / "model.safetensors"
    save_model(path, make_model())
    assert is_whole(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-8] + bytes(8))
    assert not is_whole(path)
    with pytest.raises(ModelError, match=r"damaged .its checksum.; train or copy it again"):
        load_model(path)


def test_a_model_of_an_earlier_version_has_no_checksum(tmp_path):
    assert is_whole(GENERAL)
    path = tmp_path / "model.safetensors"
    save_model(path, load_model(GENERAL))
    assert digest(load_model(path)) == digest(load_model(GENERAL))


def write_foreign(path, kind):
    weights = {"w": np.zeros(3, np.float32)}
    good = json.dumps({"schema": SCHEMA})
    if kind == "text":
        path.write_text("<html>404</html>")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "huge header":
        path.write_bytes(b"\xff" * 64)
    elif kind == "truncated":
        save_model(path, make_model())
        path.write_bytes(path.read_bytes()[:-20])
    elif kind == "another program's":
        save_file(weights, path, metadata={"format": "pt"})
    elif kind == "no metadata":
        save_file(weights, path)
    elif kind == "no json":
        save_file(weights, path, metadata={CARD: "{broken"})
    elif kind == "no schema":
        save_file(weights, path, metadata={CARD: "{}"})
    elif kind == "a list":
        save_file(weights, path, metadata={CARD: "[1]"})
    elif kind == "newer":
        save_file(weights, path, metadata={CARD: good.replace(str(SCHEMA), str(SCHEMA + 1))})
    elif kind == "pickle":
        path.write_bytes(b"\x80\x02}q\x00.")


@pytest.mark.parametrize(
    "kind",
    [
        "text",
        "empty",
        "huge header",
        "truncated",
        "another program's",
        "no metadata",
        "no json",
        "no schema",
        "a list",
        "newer",
        "pickle",
        "missing",
    ],
)
def test_what_is_no_model_is_refused_in_one_line(tmp_path, kind):
    path = tmp_path / "wrong.safetensors"
    write_foreign(path, kind)
    with pytest.raises(ModelError, match=r"wrong\.safetensors") as caught:
        load_model(path)
    assert "\n" not in str(caught.value)
    if kind == "newer":
        assert "update" in str(caught.value)


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"no such model"):
        load_model(tmp_path)


@pytest.mark.parametrize("error", [MemoryError(), OSError("Cannot allocate memory (os error 12)")])
def test_a_full_memory_is_no_damage(tmp_path, monkeypatch, error):
    def full(*_, **__):
        raise error

    save_model(tmp_path / "model.safetensors", make_model())
    monkeypatch.setattr("safetensors.numpy.load_file", full)
    with pytest.raises(MemoryError):
        load_model(tmp_path / "model.safetensors")


def test_a_model_that_may_not_be_read_is_no_damage(tmp_path, monkeypatch):
    def refused(*_, **__):
        raise PermissionError(13, "Permission denied")

    save_model(tmp_path / "model.safetensors", make_model())
    monkeypatch.setattr("safetensors.numpy.load_file", refused)
    with pytest.raises(InputError, match=r"Permission denied.; check its permissions"):
        load_model(tmp_path / "model.safetensors")
