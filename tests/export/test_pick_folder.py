"""The output folder of picking: what other programs will read from it."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.export.pick_folder import (
    PickFolder,
    check_folder,
    parse_formats,
)
from napari_unetpick.export.pick_tables import Outcome
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
    return write_pairs(tmp_path / "out", make_pairs(), make_pairs(2), formats)


def write_pairs(out, candidates, picks, formats, unfinished="refuse"):
    """Write a picking; return its files."""
    folder = PickFolder(out, [m for m, _ in picks], {"formats": [*formats]})
    folder.open(unfinished)
    left = folder.todo()
    for (micrograph, every), (_, chosen) in zip(candidates, picks, strict=True):
        if micrograph.name in left:
            folder.add(Outcome(every, chosen))
    folder.finish()
    return [path for path in out.rglob("*") if path.is_file()]


def test_candidates_and_picks_come_back_from_their_tables(tmp_path):
    names = {file.name for file in write(tmp_path, "csv")}
    assert names == {"candidates.csv", "micrographs.csv", "picks.csv", "picking.toml"}
    files = [tmp_path / "out" / name for name in ("candidates.csv", "picks.csv")]
    assert files[0].read_text().startswith("micrograph,x,y,score,diameter\n")
    for file, every in zip(files, (1, 2), strict=True):
        found = read_picks(file, "csv")
        for micrograph, picks in make_pairs(every)[:2]:
            one = found[Path(micrograph.name).name]
            np.testing.assert_allclose(one.coords, picks.coords, atol=1e-3)
            np.testing.assert_allclose(one.scores, picks.scores, atol=1e-6)


def test_a_table_of_micrographs_with_counts_and_usable_area(tmp_path):
    pairs, chosen = make_pairs(), make_pairs(2)
    folder = PickFolder(tmp_path / "out", [m for m, _ in pairs], {"formats": ["csv"]})
    folder.open("refuse")
    usable, in_junk = (0.75, None, 1.0), (4, 0, 0)
    for (_, every), (_, picks), *more in zip(pairs, chosen, usable, in_junk, strict=True):
        folder.add(Outcome(every, picks, *more))
    counts = folder.finish()
    assert (counts.in_junk, counts.usable) == (4, 0.875)
    assert (tmp_path / "out" / "micrographs.csv").read_text().splitlines() == [
        "micrograph,picks,candidates,usable_area,in_junk",
        "May08_03.05.02.mrc,5,9,0.7500,4",
        "second.mrc,2,4,,0",
        "none.mrc,0,0,1.0000,0",
    ]


def test_relion_and_cryosparc_files_hold_the_picks(tmp_path):
    files = write(tmp_path, "star", "csv")
    names = {file.name for file in files}
    assert names == {
        "candidates.csv",
        "micrographs.csv",
        "picks.csv",
        "picking.toml",
        "picks.star",
        "autopick.star",
        "May08_03.05.02_autopick.star",
        "second_autopick.star",
        "none_autopick.star",
    }
    for source in ("autopick.star", "picks.star"):
        found = read_picks(tmp_path / "out" / source)
        for micrograph, picks in make_pairs(2)[:2]:
            one = found[micrograph.name]  # the name as its list wrote it: RELION compares strings
            np.testing.assert_allclose(one.coords, picks.coords, atol=1e-2)
            np.testing.assert_allclose(one.scores, picks.scores, atol=1e-5)


def test_boxes_fit_the_particles_of_their_own_micrograph(tmp_path):
    write(tmp_path, "box")
    for (micrograph, picks), size in zip(make_pairs(2)[:2], (150, 80), strict=False):
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
    write_pairs(out, pair, pair, ("star", "box", "csv"))
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


def contents(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def test_what_an_earlier_picking_wrote_goes_and_other_files_stay(tmp_path):
    out = tmp_path / "out"
    write(tmp_path, "star", "box", "topaz", "eman")
    mine = {"mine.star": b"mine", "info/other_info.json": b"{}", "third_autopick.star": b"mine"}
    for name, text in mine.items():
        (out / name).write_bytes(text)
    write_pairs(out, make_pairs()[1:], make_pairs(2)[1:], ["cbox"])
    found = contents(out)
    assert set(found) == {
        *("candidates.csv", "micrographs.csv", "picks.csv", "picking.toml", *mine),
        *("second.cbox", "none.cbox"),
        *(f"info/{name}_info.json" for name in ("May08_03.05.02", "second", "none")),
    }
    assert {name: found[name] for name in mine} == mine


def test_that_an_earlier_picking_will_be_replaced_is_said(tmp_path):
    out = tmp_path / "out"
    write(tmp_path, "star")
    micrographs = [each for each, _ in make_pairs()][1:]
    (said,) = PickFolder(out, micrographs, {"formats": ["csv"]}).open("refuse")
    assert f"{out}: holds a picking of 3 micrographs, which this one replaces" in said


def test_eman_keeps_what_else_its_file_holds(tmp_path):
    info = tmp_path / "out" / "info" / "second_info.json"
    info.parent.mkdir(parents=True)
    info.write_text('{"ctf": [1.5]}')
    write(tmp_path, "eman")
    assert '"ctf"' in info.read_text()
    assert len(read_picks(info)["second"]) == 2


def test_added_micrographs_take_their_place_and_those_unlisted_stay(tmp_path):
    whole, out = tmp_path / "whole", tmp_path / "out"
    every = (make_pairs(), make_pairs(2))
    formats = sorted({*WRITERS} - {"csv"} | {"star"})
    write_pairs(whole, *every, formats)
    write_pairs(out, *([pairs[0], pairs[2]] for pairs in every), formats)
    picked = (out / "none.box").stat().st_mtime_ns
    folder = PickFolder(out, [m for m, _ in every[0]], {"formats": formats})
    assert folder.open("resume")[1:] == [f"1 micrograph (such as {NAMES[1]}) added to the list"]
    write_pairs(out, *every, formats, "resume")
    expected = contents(whole)
    expected["autopick.star"] = expected["autopick.star"].replace(b"/whole/", b"/out/")
    assert contents(out) == expected
    assert (out / "none.box").stat().st_mtime_ns == picked
    (out / "none.box").unlink()  # what is missing is made again, and nothing else is lost
    folder = PickFolder(out, [m for m, _ in every[0][1:]], {"formats": formats})
    assert f"1 micrograph (such as {NAMES[0]}) no longer in the list" in folder.open("resume")[1]
    write_pairs(out, *(pairs[1:] for pairs in every), formats, "resume")
    assert set(contents(out)) == set(expected)
    assert list(read_picks(out / "picks.star")) == [NAMES[1], NAMES[0]]
    assert list(read_picks(out / "autopick.star")) == [NAMES[1], NAMES[2], NAMES[0]]


def resumed(out, micrographs):
    folder = PickFolder(out, micrographs, {"formats": ["star"]})
    return folder.open("resume")


def test_files_that_are_not_as_they_were_are_named_and_kept(tmp_path):
    out, micrographs = tmp_path / "out", [m for m, _ in make_pairs()]
    write(tmp_path, "star")
    assert len(resumed(out, micrographs)) == 1
    whole = (out / "autopick.star").read_bytes()
    for name in ("second_autopick.star", "autopick.star", "picks.csv"):
        text = (out / name).read_bytes()
        (out / name).write_bytes(text[: len(text) // 2])
    said = resumed(out, micrographs)
    assert "nothing to do" in said[0]
    assert said[1].startswith("2 files (such as second_autopick.star) changed since the picking")
    assert (out / "autopick.star").read_bytes() == whole  # which is made from the names alone
    size = (out / "none_autopick.star").stat().st_size
    (out / "none_autopick.star").write_bytes(bytes(size))  # as a machine that crashed leaves it
    assert resumed(out, micrographs)[1].startswith("3 files")
    more = Micrograph(Path("more.mrc"), "more.mrc")
    with pytest.raises(InputError, match=r"picks\.csv: was changed since it was written"):
        resumed(out, [*micrographs, more])


@pytest.mark.parametrize("before_the_kill", [0, 1, 4, 7, 8])
def test_a_kill_while_files_are_moved(tmp_path, monkeypatch, before_the_kill):
    write_pairs(tmp_path / "whole", make_pairs(), make_pairs(2), ["star"])
    out, real, moved = tmp_path / "out", os.replace, []
    write_pairs(out, make_pairs(3), make_pairs(3), ["box", "star"])

    def replace(old, new):
        if Path(new).parent == out:
            moved.append(new)
            if len(moved) > before_the_kill:
                raise KeyboardInterrupt
        real(old, new)

    def rmtree(*_, **__):
        if moved:
            raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", replace)
    monkeypatch.setattr("shutil.rmtree", rmtree)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, "star")
    assert (out / ".picking").is_dir()
    monkeypatch.undo()
    write_pairs(out, make_pairs(), make_pairs(2), ["star"], "resume")
    expected = contents(tmp_path / "whole")
    expected["autopick.star"] = expected["autopick.star"].replace(b"/whole/", b"/out/")
    assert contents(out) == expected


def test_what_differs_is_named(tmp_path):
    write(tmp_path, "star")
    before = contents(tmp_path)
    micrographs = [m for m, _ in make_pairs()]

    def refused(given, **options):
        folder = PickFolder(tmp_path / "out", given, {"formats": ["star"], **options})
        with pytest.raises(InputError) as error:
            folder.open("resume")
        return str(error.value)

    said = refused(micrographs, formats=["box"], min_distance=12.0)
    assert "other options: formats (star, now box); min distance (none, now 12.0); give" in said
    moved = [dataclasses.replace(m, name=f"/data/{m.name}") for m in micrographs]
    assert f"micrograph name ({NAMES[0]}, now /data/{NAMES[0]})" in refused(moved)
    sized = [dataclasses.replace(m, pixel_size=1.5) for m in micrographs]
    assert f"pixel size of {NAMES[0]} in the list (none, now 1.5)" in refused(sized)
    assert contents(tmp_path) == before
    (tmp_path / "out" / "picking.toml").write_text("formats")
    assert "picking.toml: cannot be read" in refused(micrographs)
