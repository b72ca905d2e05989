"""The files of a simulated set agree with each other and come out the same every time."""

from __future__ import annotations

from contextlib import closing

import mrcfile
import numpy as np
import pandas as pd
import pytest
import scipy.ndimage
import starfile

from napari_unetpick.errors import InputError
from napari_unetpick.events import Done, Progress
from napari_unetpick.simulate.samples import get_sample
from napari_unetpick.simulate.write import quantise, simulate_set

SHAPE = (256, 512)  # not square, so that x and y cannot be exchanged unnoticed


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("set") / "made" / "here"
    events = list(simulate_set(get_sample("cage"), out, 2, 9, shape=SHAPE))
    assert [e.step for e in events if isinstance(e, Progress)] == [1, 2]
    assert isinstance(events[-1], Done)
    assert events[-1].result["particles"] == len(pd.read_csv(out / "picks.csv"))
    return out


def test_images_carry_their_pixel_size_and_no_date(folder):
    with mrcfile.open(folder / "cage_0001.mrc") as mrc:
        assert mrc.data.shape == SHAPE
        assert mrc.data.dtype == np.int16
        assert float(mrc.voxel_size.x) == float(mrc.voxel_size.y) == 4.0
        assert int(mrc.header.nlabl) == 1
        assert b"20" not in mrc.header.label[0].replace(b" ", b"")
    assert mrcfile.validate(folder / "cage_0001.mrc")


def test_x_is_the_column_and_y_the_row(folder):
    picks = pd.read_csv(folder / "picks.csv")
    assert picks.columns.tolist() == ["micrograph", "x", "y", "diameter"]
    assert picks.x.max() > SHAPE[0]
    assert picks.y.max() < SHAPE[0]
    for name, rows in picks.groupby("micrograph"):
        image = mrcfile.read(folder / name).astype(float)
        # Blurred by a quarter of its diameter, the hollow cage too is darkest at its centre.
        blur = scipy.ndimage.gaussian_filter
        dark = blur(image, 8.0) - blur(image, 30.0)
        spread = 1.4826 * np.median(np.abs(dark))
        dark = np.clip(dark / spread, -3.0, 3.0)
        x, y = rows.x.round().astype(int), rows.y.round().astype(int)
        assert dark[y, x].mean() < -0.9
        small = x < SHAPE[0]  # exchanged, these too would lie inside the image
        assert dark[x[small], y[small]].mean() > -0.6
        assert dark[SHAPE[0] - 1 - y, x].mean() > -0.6  # nor is the image upside down


def test_truth_row_by_row_has_the_picks(folder):
    picks, truth = pd.read_csv(folder / "picks.csv"), pd.read_csv(folder / "truth.csv")
    assert (truth[["micrograph", "x", "y"]] == picks[["micrograph", "x", "y"]]).all(axis=None)
    assert set(truth.kind) == {"cage"}
    assert set(truth.overlap) <= {0, 1}
    assert truth.thickness.between(60.0, 2000.0).all()
    norms = (truth[["qw", "qx", "qy", "qz"]] ** 2).sum(axis=1)
    np.testing.assert_allclose(norms, 1.0, atol=1e-5)
    assert set(pd.read_csv(folder / "junk.csv").kind) <= {
        "broken",
        "aggregate",
        "crystal",
        "ethane",
    }


def test_star_has_the_defocus_of_the_truth(folder):
    star = starfile.read(folder / "micrographs.star")
    truth = pd.read_csv(folder / "truth.csv").groupby("micrograph").defocus.first()
    micrographs, optics = star["micrographs"], star["optics"]
    assert micrographs.rlnMicrographName.tolist() == ["cage_0001.mrc", "cage_0002.mrc"]
    mean = (micrographs.rlnDefocusU + micrographs.rlnDefocusV) / 2.0
    np.testing.assert_allclose(mean, truth[micrographs.rlnMicrographName], atol=0.1)
    assert (micrographs.rlnCtfMaxResolution >= 8.0).all()
    assert float(optics.rlnMicrographPixelSize.iloc[0]) == 4.0
    assert float(optics.rlnVoltage.iloc[0]) == 300.0
    assert b"\r" not in (folder / "micrographs.star").read_bytes()


def test_first_micrograph_does_not_depend_on_the_count(folder, tmp_path):
    list(simulate_set(get_sample("cage"), tmp_path, 1, 9, shape=SHAPE))
    same = (tmp_path / "cage_0001.mrc").read_bytes() == (folder / "cage_0001.mrc").read_bytes()
    assert same
    picks = (folder / "picks.csv").read_text()
    assert picks.startswith((tmp_path / "picks.csv").read_text())


def test_seeds_and_micrographs_differ(folder, tmp_path):
    first, second = (mrcfile.read(folder / f"cage_000{i}.mrc").astype(float) for i in (1, 2))
    list(simulate_set(get_sample("cage"), tmp_path, 1, 10, shape=SHAPE))
    other = mrcfile.read(tmp_path / "cage_0001.mrc").astype(float)
    for image in (second, other):
        assert abs(np.corrcoef(first.ravel(), image.ravel())[0, 1]) < 0.5


def test_a_stopped_run_keeps_tables_of_what_is_finished(tmp_path):
    with closing(simulate_set(get_sample("cage"), tmp_path, 3, 9, shape=SHAPE)) as events:
        for event in events:
            if isinstance(event, Progress):
                break
    assert set(pd.read_csv(tmp_path / "picks.csv").micrograph) == {"cage_0001.mrc"}
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "cage_0001.mrc",
        "junk.csv",
        "micrographs.star",
        "picks.csv",
        "truth.csv",
    ]


def test_rounding_is_far_below_the_noise():
    rng = np.random.default_rng(0)
    image = rng.poisson(640.0, (200, 200)).astype(np.float32) + 0.3
    counts, units = quantise(image)
    assert np.abs(counts / units - image).max() < 0.1 * np.sqrt(640.0) / 2.0
    assert quantise(np.full((4, 4), 1e9, np.float32))[0].max() > 0  # clipped, not wrapped around


@pytest.mark.parametrize(("count", "seed"), [(0, 1), (10000, 1), (1, -1)])
def test_counts_and_seeds_out_of_range_are_refused_at_once(tmp_path, count, seed):
    with pytest.raises(InputError, match="choose"):
        simulate_set(get_sample("cage"), tmp_path / "out", count, seed)
    assert not (tmp_path / "out").exists()


def test_folders_with_other_micrographs_and_files_are_refused(tmp_path):
    (tmp_path / "mine.mrc").write_bytes(b"")
    with pytest.raises(InputError, match=r"mine\.mrc"):
        simulate_set(get_sample("cage"), tmp_path, 1, 1)
    with pytest.raises(InputError, match="is a file"):
        simulate_set(get_sample("cage"), tmp_path / "mine.mrc", 1, 1)
