"""The output folder of picking: what other programs will read from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.export.pick_folder import check_folder, parse_formats, write_results
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.formats.write import WRITERS
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.picks import Picks

NAMES = ["MotionCorr/job002/May08_03.05.02.mrc", "MotionCorr/job002/second.mrc", "none.mrc"]


def make_pairs(every=1):
    """Three micrographs (the last without picks), their diameters 100, 50 and 100 px."""
    rng = np.random.default_rng(4)
    pairs = []
    for name, count, diameter in zip(NAMES, (9, 4, 0), (100.0, 50.0, 100.0), strict=True):
        coords = np.column_stack([rng.uniform(100, 400, count), rng.uniform(500, 900, count)])
        scores = np.sort(rng.uniform(0.1, 0.99, count))[::-1]
        picks = Picks(name, coords, scores, np.full(count, diameter))
        pairs.append((Micrograph(Path(name), name), picks.select(np.arange(0, count, every))))
    return pairs


def write(tmp_path, *formats):
    return write_results(tmp_path / "out", make_pairs(), make_pairs(2), formats)


def test_candidates_and_picks_come_back_from_their_tables(tmp_path):
    files = write(tmp_path, "csv")
    assert [file.name for file in files] == ["candidates.csv", "picks.csv"]
    assert files[0].read_text().startswith("micrograph,x,y,score,diameter\n")
    for file, every in zip(files, (1, 2), strict=True):
        found = read_picks(file, "csv")
        for micrograph, picks in make_pairs(every)[:2]:
            one = found[Path(micrograph.name).name]
            np.testing.assert_allclose(one.coords, picks.coords, atol=1e-3)
            np.testing.assert_allclose(one.scores, picks.scores, atol=1e-6)


def test_relion_and_cryosparc_files_hold_the_picks(tmp_path):
    files = write(tmp_path, "star", "csv")
    names = {file.name for file in files}
    assert names == {
        "candidates.csv",
        "picks.csv",
        "picks.star",
        "autopick.star",
        "May08_03.05.02_autopick.star",
        "second_autopick.star",
        "none_autopick.star",
    }
    assert all(file.is_file() for file in files)
    for source in ("autopick.star", "picks.star"):
        found = read_picks(tmp_path / "out" / source)
        for micrograph, picks in make_pairs(2)[:2]:
            one = found[micrograph.name]  # the name as its list wrote it: RELION compares strings
            np.testing.assert_allclose(one.coords, picks.coords, atol=1e-2)
            np.testing.assert_allclose(one.scores, picks.scores, atol=1e-5)


def test_boxes_fit_the_particles_of_their_own_micrograph(tmp_path):
    write(tmp_path, "box")
    for (micrograph, picks), size in zip(make_pairs(2)[:2], (150, 76), strict=False):
        rows = np.loadtxt(tmp_path / "out" / f"{micrograph.key}.box", ndmin=2)
        assert (rows[:, 2:] == size).all()
        np.testing.assert_allclose(rows[:, 1::-1] + size / 2, picks.coords, atol=0.51)


@pytest.mark.parametrize("fmt", sorted(WRITERS))
def test_every_format_gives_the_picks_back(tmp_path, fmt):
    write(tmp_path, fmt)
    out = tmp_path / "out"
    expected = {m.key: p.coords for m, p in make_pairs(2)}
    kinds = {"box": "*.box", "cbox": "*.cbox", "eman": "info/*.json", "topaz": "topaz.txt"}
    kinds |= {"csv": "picks.csv", "cryosparc": "picks.star"}
    files = sorted(out.glob(kinds.get(fmt, "*_autopick.star")))
    assert files
    found = {}
    for file in files:
        for name, picks in read_picks(file).items():
            key = Micrograph(file, name).key.removesuffix("_info").removesuffix("_autopick")
            found[key] = picks.coords
    for key in ("May08_03.05.02", "second"):
        np.testing.assert_allclose(found[key], expected[key], atol=0.51)


def test_all_formats_at_once_do_not_overwrite_each_other(tmp_path):
    files = write(tmp_path, *sorted(WRITERS))
    assert len({str(f) for f in files}) >= 14
    found = read_picks(tmp_path / "out" / "picks.star")
    np.testing.assert_allclose(found[NAMES[0]].coords, make_pairs(2)[0][1].coords, atol=1e-2)


@pytest.mark.parametrize("name", ["../../evil.mrc", "/etc/evil.mrc", "..\\evil.mrc"])
def test_no_name_leads_out_of_the_folder(tmp_path, name):
    out = tmp_path / "deep" / "deeper" / "out"
    pair = [(Micrograph(Path(name), name), Picks(name, np.array([[5.0, 6.0]]), np.array([0.5]),
             np.array([20.0])))]  # fmt: skip
    write_results(out, pair, pair, ("star", "box", "csv"))
    written = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert all(out in p.parents for p in written)
    assert (out / "evil_autopick.star").is_file()


def test_formats_are_read_from_the_command_line():
    assert parse_formats("star, csv,box") == ("star", "csv", "box")
    with pytest.raises(InputError, match=r"--format dynamo: unknown; give some of .*star"):
        parse_formats("star,dynamo")


def test_a_file_where_the_folder_should_be_is_refused_before_any_work(tmp_path):
    path = tmp_path / "out"
    path.write_text("mine")
    with pytest.raises(InputError, match="is a file where a folder is needed"):
        check_folder(path)
    with pytest.raises(InputError, match="is a file where a folder is needed"):
        write(tmp_path, "csv")
    assert path.read_text() == "mine"
    check_folder(tmp_path)
    check_folder(tmp_path / "new")
