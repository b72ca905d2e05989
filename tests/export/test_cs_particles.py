"""Picks written as .cs, named as cryoSPARC's exposures are, and read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cs_files import write_cs
from napari_unetpick.cli import app
from napari_unetpick.errors import InputError
from napari_unetpick.export.cs_particles import (
    name_as_exposures,
    read_names,
    write_cryosparc,
)
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.names import match_names
from napari_unetpick.io.picks import Picks

UID = "000000633063778279389"
FOLDER = "J3/motioncorrected"
SHAPE = (4092, 5760)


@pytest.fixture
def exposures(tmp_path: Path) -> Path:
    """The exposures of Patch CTF: the uids in their names, a K3's shape, images not at hand."""
    names = [f">{FOLDER}/{UID[:-1]}{i}_mic{i}_patch_aligned_doseweighted.mrc" for i in (1, 2, 3)]
    table = {
        "uid": np.array([11, 22, 2**63 + 33], "u8"),
        "micrograph_blob/path": np.array(names, "S"),
        "micrograph_blob/shape": np.full((3, 2), SHAPE, "u4"),
        "micrograph_blob/psize_A": np.full(3, 0.86, "f4"),
        "mscope_params/exp_group_id": np.array([1, 1, 7], "u4"),
    }
    return write_cs(tmp_path / "J4" / "exposures_accepted.cs", table)


def planted_picks() -> dict[str, Picks]:
    rng = np.random.default_rng(0)
    return {
        f"mic{i}.mrc": Picks(
            f"mic{i}.mrc", rng.uniform(0, 1, (40, 2)) * np.array(SHAPE), rng.uniform(0, 1, 40)
        )
        for i in (1, 3)
    }


def test_picks_come_back_where_they_were(exposures: Path, tmp_path: Path):
    picks = planted_picks()
    listed = read_names(exposures)
    named = name_as_exposures(picks, listed, {"mic1": SHAPE})
    files = write_cryosparc(tmp_path / "out.cs", list(named.values()), listed)
    found = read_picks(files[0])
    assert read_picks(files[1]).keys() == found.keys()  # by the group
    pairs = match_names(found, picks).pairs
    assert sorted(pairs.values()) == ["mic1.mrc", "mic3.mrc"]
    for name, own in pairs.items():
        np.testing.assert_allclose(found[name].coords, picks[own].coords, atol=1e-3)
        np.testing.assert_allclose(found[name].scores, picks[own].scores, atol=1e-6)


def test_each_particle_is_tied_to_its_exposure(exposures: Path, tmp_path: Path):
    listed = read_names(exposures)
    named = name_as_exposures(planted_picks(), listed, {})
    path, group = write_cryosparc(tmp_path / "out.cs", list(named.values()), listed)
    table = np.load(path, allow_pickle=False)
    assert len(np.unique(table["uid"])) == 80
    last = table[table["location/micrograph_uid"] == 2**63 + 33]
    assert len(last) == 40
    assert set(last["location/exp_group_id"]) == {7}
    assert last["location/micrograph_path"][0].decode() == listed[2].name
    assert last["location/micrograph_shape"].tolist() == [list(SHAPE)] * 40
    assert "metafile: '>out.cs'" in group.read_text()
    assert "num_items: 80" in group.read_text()
    first = path.read_bytes()
    write_cryosparc(path, list(named.values()), listed)
    assert path.read_bytes() == first, "the uids stay"


def test_exposures_of_another_size_or_none(exposures: Path, tmp_path: Path):
    listed = read_names(exposures)
    with pytest.raises(InputError, match=r"mic1\.mrc: has 1023 x 1440 px, and its exposure 4092"):
        name_as_exposures(planted_picks(), listed, {"mic1": (1023, 1440)})
    with pytest.raises(InputError, match="names must agree"):
        name_as_exposures({"other": Picks("other", np.ones((1, 2)))}, listed, {})
    with pytest.raises(InputError, match="is not among the exposures; give --exposures"):
        write_cryosparc(tmp_path / "out.cs", list(planted_picks().values()), [])
    table = write_cs(tmp_path / "a.cs", {"uid": np.ones(1, "u8"), "blob/path": np.array([b"a"])})
    with pytest.raises(InputError, match="lists no micrographs"):
        read_names(table)


@pytest.mark.parametrize("name", ["picks.star", "picks.cs"])
def test_convert_names_picks_as_the_exposures(exposures: Path, tmp_path: Path, name: str):
    source, out = tmp_path / "picks.csv", tmp_path / name
    source.write_text("micrograph,x,y\nmic2.mrc,100.25,200.5\nmic9.mrc,1,1\n")
    given = ["convert", str(source), str(out), "--to", "cryosparc", "--exposures", str(exposures)]
    app(given, standalone_mode=False)
    found = read_picks(out)
    assert list(found) == [f"{FOLDER}/{UID[:-1]}2_mic2_patch_aligned_doseweighted.mrc"]
    np.testing.assert_allclose(next(iter(found.values())).coords, [[200.5, 100.25]], atol=1e-3)


def test_cryosparcs_own_package_reads_it(exposures: Path, tmp_path: Path):
    dataset = pytest.importorskip("cryosparc.dataset", reason="cryosparc-tools is not installed")
    listed = read_names(exposures)
    named = name_as_exposures(planted_picks(), listed, {})
    path, _ = write_cryosparc(tmp_path / "out.cs", list(named.values()), listed)
    table = dataset.Dataset.load(path)
    assert len(table) == 80
    assert sorted(set(table["location/micrograph_path"])) == [listed[0].name, listed[2].name]
    ours = np.load(path, allow_pickle=False)
    assert np.asarray(table["uid"]).tolist() == ours["uid"].tolist()
    for field in ("location/center_x_frac", "location/micrograph_shape"):
        np.testing.assert_array_equal(np.asarray(table[field]), ours[field])
    assert len(table.query({"location/micrograph_uid": 11})) == 40
