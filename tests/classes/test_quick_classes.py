"""Quick classes of micrographs: kinds apart, kept picks at their centres, files read back."""

from __future__ import annotations

from pathlib import Path

import mrcfile
import numpy as np
import pytest

from napari_unetpick.classes.images import SIDE, cut_stack
from napari_unetpick.classes.sorting import ToSort, choose, diameters_px, sort_picks
from napari_unetpick.classes.table import read_classes, write_classes
from napari_unetpick.errors import Cancelled, InputError
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.picks import Picks
from planted_kinds import DIAMETER, write_planted


def no_step(stage: str, done: int, total: int) -> None:
    """Nobody is told."""


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Micrographs with picks beside their particles: 1.5 px off along each axis."""
    folder = tmp_path_factory.mktemp("planted")
    places, kinds = write_planted(folder)
    rng = np.random.default_rng(5)
    given = [
        ToSort(
            Micrograph(folder / name, name),
            Picks(name, at + rng.normal(0, 1.5, at.shape)),
            DIAMETER,
        )
        for name, at in places.items()
    ]
    return given, np.concatenate(list(places.values())), np.concatenate(list(kinds.values()))


@pytest.fixture(scope="module")
def found(planted):
    return sort_picks(planted[0], no_step, count=6)[0]


def test_junk_goes_and_particles_are_recentred(planted, found):
    _, places, kinds = planted
    shares = [kinds[found.numbers == n].mean() for n in range(1, found.count + 1)]
    sorted_out = found.reject([n for n, share in enumerate(shares, 1) if share < 0.5])
    kept, rejected = sorted_out.split()
    out = np.isin(found.numbers, list(sorted_out.rejected))
    assert kinds[~out].mean() > 0.95  # rings
    assert kinds[out].mean() < 0.05
    assert sum(map(len, kept)) == (~out).sum()
    np.testing.assert_array_equal(
        np.concatenate([each.coords for each in rejected]), found.coords[out]
    )
    after = np.concatenate([each.coords for each in kept]) - places[~out]
    before = found.coords[~out] - places[~out]
    assert np.sqrt((after**2).mean()) < 0.6 * np.sqrt((before**2).mean())


def test_classes_are_numbered_by_size_and_particles_are_bright(found):
    assert (np.diff(found.sizes) <= 0).all()
    assert found.sizes.sum() == len(found)
    middle = np.hypot(*(np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2))
    for average in found.averages:
        assert average[middle < 9].mean() > average[middle > 20].mean() + 0.2


def test_a_table_is_read_as_it_was_written(found, tmp_path: Path):
    chosen = found.reject([2])
    write_classes(tmp_path, chosen)
    again = read_classes(tmp_path)
    for name in ("coords", "shifts", "diameters", "correlations", "angles"):
        np.testing.assert_allclose(getattr(again, name), getattr(chosen, name), atol=6e-3)
    assert again.numbers.tolist() == chosen.numbers.tolist()
    assert again.micrographs.tolist() == chosen.micrographs.tolist()
    assert again.rejected == {2}
    with mrcfile.open(tmp_path / "classes.mrcs") as stack:
        assert stack.is_image_stack()
        np.testing.assert_allclose(stack.data, found.averages)
    first = (tmp_path / "classes.mrcs").read_bytes()
    write_classes(tmp_path, chosen)
    assert (tmp_path / "classes.mrcs").read_bytes() == first


def test_numbers_that_are_none_are_refused(found):
    with pytest.raises(InputError, match="no class 9; give numbers from 1 to"):
        found.reject([9])
    with pytest.raises(InputError, match="keep at least one"):
        found.reject(range(1, found.count + 1))


def test_whole_micrographs_are_chosen():
    given = [ToSort(Micrograph(Path(f"m{i}.mrc"), f"m{i}"), _picks(30), 20.0) for i in range(10)]
    given.append(ToSort(Micrograph(Path("e.mrc"), "e"), _picks(0), 20.0))
    chosen = choose(given, 100, seed=1)
    assert [len(each.picks) for each in chosen] == [30, 30, 30]
    assert chosen != choose(given, 100, seed=2)
    assert [len(each.picks) for each in choose(given, 20, seed=1)] == [30], "at least one"
    assert len(choose(given, 1000, seed=1)) == 10


def _picks(count: int) -> Picks:
    return Picks("m", np.zeros((count, 2)))


def test_what_cannot_be_read_is_skipped_and_reported(planted, tmp_path: Path):
    given = [*planted[0][:1], ToSort(Micrograph(tmp_path / "gone.mrc", "gone"), _picks(9), 30.0)]
    found, messages = sort_picks(given, no_step, count=3)
    assert set(found.micrographs) == {"mic0.mrc"}
    assert any("gone.mrc: no such file; its picks are skipped" in each for each in messages)
    with pytest.raises(InputError, match="too few to sort"):
        sort_picks([ToSort(given[0].micrograph, _picks(9), 30.0)], no_step)
    with pytest.raises(InputError, match="no such file"):
        sort_picks([ToSort(Micrograph(tmp_path / "gone.mrc", "g"), _picks(10), 30.0)], no_step)


def test_a_stop_ends_it(planted):
    def stop(stage: str, done: int, total: int) -> None:
        if stage == "aligning":
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        sort_picks(planted[0], stop)


def test_binning_keeps_the_centre():
    """A micrograph of small pixels is binned before images are cut."""
    y, x = np.mgrid[:700, :700]
    image = 50 - 20 * np.exp(-((y - 350.25) ** 2 + (x - 340.75) ** 2) / (2 * 40.0**2))
    stack = cut_stack(image.astype(np.float32), np.array([[350.25, 340.75]]), 240.0)
    weight = np.clip(-stack[0] - 0.5 * (-stack[0]).max(), 0, None)
    middle = [(weight * axis).sum() / weight.sum() for axis in np.mgrid[:SIDE, :SIDE]]
    np.testing.assert_allclose(middle, (SIDE - 1) / 2, atol=0.1)


def test_a_diameter_is_the_users_or_the_picks():
    picks = {"a": Picks("a", np.zeros((2, 2)), diameters=np.array([30.0, np.nan]))}
    assert diameters_px(picks, 90.0, {"a": 1.5}) == {"a": 60.0}
    assert diameters_px(picks, None, {}) == {"a": 30.0}
    with pytest.raises(InputError, match="no valid pixel size"):
        diameters_px(picks, 90.0, {})
    with pytest.raises(InputError, match="give --diameter"):
        diameters_px({"a": _picks(2)}, None, {})
