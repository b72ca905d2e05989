"""The training set: who validates, what is held out, and what one bad micrograph costs."""

from __future__ import annotations

from dataclasses import replace

import mrcfile
import numpy as np
import pytest

from napari_unetpick.engine.data.patches import PatchSource
from napari_unetpick.engine.data.training_set import (
    Region,
    disk_needed,
    prepare,
    split,
    split_by_names,
    store_targets,
    training_centres,
    whole_of,
)
from napari_unetpick.errors import EngineError, InputError
from napari_unetpick.events import Failed, Progress
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.labels import Labels, labels_hash
from napari_unetpick.settings import Settings, TargetSettings


def rng(seed=0):
    return np.random.default_rng(seed)


def held(items):
    return [item for item in items if item.held_out is not None]


@pytest.mark.parametrize("count, expected", [(3, 1), (5, 1), (10, 2), (25, 5)])
def test_a_fifth_of_the_micrographs_validates(make_item, count, expected):
    items = split([make_item(i) for i in range(count)], rng())
    assert len(held(items)) == expected
    assert all(item.held_out == whole_of(item) for item in held(items))
    assert all(not item.trains for item in held(items))
    assert [item.index for item in items] == list(range(count))
    again = split([make_item(i) for i in range(count)], rng())
    assert [item.index for item in held(again)] == [item.index for item in held(items)]


def test_another_fraction_can_be_asked_for(make_item):
    assert len(held(split([make_item(i) for i in range(10)], rng(), 0.5))) == 5
    assert len(held(split([make_item(i) for i in range(10)], rng(), 0.01))) == 1


@pytest.mark.parametrize("count", [1, 2])
def test_one_or_two_micrographs_set_a_third_of_their_area_aside(make_item, count):
    places = [(10, 50), (390, 50), (410, 50), (599, 50)]
    items = split([make_item(i, positives=places) for i in range(count)], rng())
    assert len(held(items)) == count
    for item in items:
        assert item.trains
        assert (item.held_out.bottom - item.held_out.top) / 600 == pytest.approx(1 / 3)
        np.testing.assert_allclose(
            item.scale.to_file(training_centres(item)), [(10, 50), (390, 50)]
        )


def test_partial_labels_never_validate(make_item):
    states = ["partial"] * 6 + ["full"] * 4
    items = split([make_item(i, state) for i, state in enumerate(states)], rng())
    assert [item.labels.state for item in held(items)] == ["full"]
    assert held(split([make_item(i, "partial") for i in range(8)], rng())) == []
    assert split([], rng()) == []


def test_named_micrographs_validate(make_item):
    items = split_by_names([make_item(i) for i in range(4)], {"mic_01", "mic_03"})
    assert [item.index for item in held(items)] == [1, 3]
    assert all(len(training_centres(item)) == 0 for item in held(items))


def test_held_out_parts_weigh_nothing_in_the_targets(make_item, tmp_path):
    item = make_item(0, positives=[(100, 100), (500, 300)])
    item = replace(item, held_out=Region(400, 600))
    source = PatchSource(tmp_path)
    rows, cols = item.scale.network_shape
    source.put_image(0, np.zeros((rows, cols), np.float32))
    store_targets(item, source, TargetSettings())
    planes = source.cut(0, rows // 2, cols // 2, 512)[1:]
    top = 256 - rows // 2
    border = top + round(400 / item.scale.ratio[0])
    assert planes[0, :border].sum() > 20
    assert planes[1, top : border - 1].mean() > 0.1
    assert (planes[:, border : top + rows] == 0)[..., 256 - cols // 2 : 256 + cols // 2].all()
    store_targets(replace(item, held_out=whole_of(item)), source, TargetSettings())
    assert source.cut(0, rows // 2, cols // 2, 512)[1:, top : top + rows].max() == 0


def test_regions_share_their_border_without_overlap():
    coords = np.array([[0.0, 5], [99.9, 5], [100.0, 5], [200.0, 5]])
    assert Region(0, 100).holds(coords).tolist() == [True, True, False, False]
    assert Region(100, 200).holds(coords).tolist() == [False, False, True, False]


def fingerprint(items):
    return labels_hash({item.micrograph.key: item.labels for item in items})


def test_the_fingerprint_knows_labels_and_names_not_their_order(make_item):
    items = [make_item(i, positives=[(10 * i, 20)]) for i in range(3)]
    first = fingerprint(items)
    assert fingerprint(items[::-1]) == first
    square = np.array([[0, 0], [0, 9], [9, 9.0]])
    changes = [
        make_item(1, positives=[(10.01, 20)]),
        make_item(1, "partial", positives=[(10, 20)]),
        make_item(1, positives=[(10, 20)], negatives=np.array([[1.0, 2]])),
        make_item(1, positives=[], negatives=np.array([[10.0, 20]])),
        make_item(1, positives=[(10, 20)], exclusions=(square,)),
        make_item(1, positives=[(10, 20)], complete=(square,)),
    ]
    hashes = [fingerprint([items[0], changed, items[2]]) for changed in changes]
    assert len({first, *hashes}) == len(changes) + 1


def write_micrographs(folder, count=3):
    micrographs, labels = [], {}
    for number in range(count):
        path = folder / f"mic_{number}.mrc"
        with mrcfile.new(path) as mrc:
            mrc.set_data(rng(number).normal(0, 1, (150, 160)).astype(np.float32))
            mrc.voxel_size = 4.0
        micrographs.append(Micrograph(path, path.name))
        labels[f"mic_{number}"] = Labels("full", np.array([[50.0, 60.0]]))
    return micrographs, labels


def run_prepare(micrographs, labels, source):
    events = []
    steps = prepare(
        micrographs,
        labels,
        diameter=160.0,
        pixel_size=None,
        settings=Settings(),
        source=source,
        threads=1,
        check_stop=lambda: None,
    )
    while True:
        try:
            events.append(next(steps))
        except StopIteration as end:
            items, failed = end.value
            assert failed == [event for event in events if isinstance(event, Failed)]
            return items, events


def test_one_bad_micrograph_is_left_out_and_named(tmp_path):
    micrographs, labels = write_micrographs(tmp_path)
    micrographs[1].path.write_bytes(b"<html>not found</html>")
    source = PatchSource(tmp_path / "cache")
    items, events = run_prepare(micrographs, labels, source)
    assert [item.index for item in items] == [0, 2]
    failed = [event for event in events if isinstance(event, Failed)]
    assert [event.micrograph for event in failed] == ["mic_1.mrc"]
    assert [e.step for e in events if isinstance(e, Progress)] == [1, 2, 3]
    for item in items:
        assert source.shape(item.index) == item.scale.network_shape
        assert item.pixel_size == 4.0
    assert disk_needed([item.scale for item in items]) == sum(
        5 * int(np.prod(item.scale.network_shape)) for item in items
    )


def test_a_full_disk_is_no_fault_of_a_micrograph(tmp_path, monkeypatch):
    micrographs, labels = write_micrographs(tmp_path)
    source = PatchSource(tmp_path / "cache")
    put = source.put_image

    def full(index, image):
        if index == 1:
            raise EngineError("no space left on the disk")
        put(index, image)

    monkeypatch.setattr(source, "put_image", full)
    with pytest.raises(EngineError, match="no space left"):
        run_prepare(micrographs, labels, source)


def test_all_bad_is_an_error_and_so_is_nothing_labelled(tmp_path):
    micrographs, labels = write_micrographs(tmp_path, 2)
    source = PatchSource(tmp_path / "cache")
    with pytest.raises(InputError, match="no micrograph has labels"):
        run_prepare(micrographs, {"mic_0": Labels("none")}, source)
    for micrograph in micrographs:
        micrograph.path.write_bytes(b"")
    with pytest.raises(InputError, match="mic_1"):
        run_prepare(micrographs, labels, source)


def test_unlabelled_micrographs_are_not_even_read(tmp_path):
    micrographs, labels = write_micrographs(tmp_path)
    micrographs[2].path.unlink()
    labels["mic_2"] = Labels("none")
    items, events = run_prepare(micrographs, labels, PatchSource(tmp_path / "cache"))
    assert len(items) == 2
    assert not [event for event in events if isinstance(event, Failed)]
