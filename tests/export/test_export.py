"""Exporting picks: duplicates, edges and excluded areas planted, and found out again by reading."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_unetpick.errors import Cancelled, InputError
from napari_unetpick.export.write import (
    ExportItem,
    ExportOptions,
    choose,
    export_picks,
)
from napari_unetpick.io.formats.box_size import box_fits
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.formats.write import WRITERS
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.picks import Picks
from napari_unetpick.io.star import read_star

SHAPE = (200, 300)
DIAMETER = 20.0
BOX = 30
NOTHING = Picks("", scores=np.empty(0))
SQUARE = np.array([[140, 140], [140, 160], [160, 160], [160, 140]], float)


def item(name: str = "MotionCorr/job002/a.b_1.mrc", **changes) -> ExportItem:
    """Two picks; candidates on the first, apart, at the edge, in the excluded square."""
    fields = {
        "micrograph": Micrograph(Path(name), name),
        "picks": Picks("", np.array([[50.0, 60.0], [100.0, 200.0]]), np.array([1.0, 0.4])),
        "candidates": Picks(
            "",
            np.array([[53.0, 64.0], [90.25, 90.75], [14.0, 100.0], [150.0, 150.0]]),
            np.array([0.9, 0.8, 0.7, 0.6]),
        ),
        "diameter_px": DIAMETER,
        "exclusions": (SQUARE,),
        "shape": SHAPE,
    }
    return ExportItem(**{**fields, **changes})


def options(*formats: str, what="both", **more) -> ExportOptions:
    return ExportOptions(formats or ("csv",), what, more.pop("box_size", BOX), **more)


@pytest.mark.parametrize(
    "what,expected",
    [
        ("picks", [[50, 60], [100, 200]]),
        ("candidates", [[53, 64], [90.25, 90.75]]),
        ("both", [[50, 60], [100, 200], [90.25, 90.75]]),
    ],
)
def test_each_particle_once_and_none_at_edges_or_in_excluded_areas(what, expected):
    picks, counts = choose(item(), options(what=what, whole_boxes=True))
    np.testing.assert_allclose(picks.coords, expected)
    assert picks.micrograph == "MotionCorr/job002/a.b_1.mrc"
    np.testing.assert_allclose(picks.diameters, DIAMETER)
    assert (counts.picks, counts.excluded) == (len(expected), int(what != "picks"))
    assert (counts.crossing, counts.duplicates) == (int(what != "picks"), int(what == "both"))


def test_edges_stay_by_default_but_excluded_areas_never():
    """RELION pads a cut-off box, and the command line's `pick` keeps it as well."""
    picks, counts = choose(item(), options())
    assert [14.0, 100.0] in picks.coords.tolist()
    assert [150.0, 150.0] not in picks.coords.tolist()
    assert counts.crossing == 0


def test_scores_stay_with_their_picks():
    picks, _ = choose(item(), options(whole_boxes=True))
    np.testing.assert_allclose(picks.scores, [1.0, 0.4, 0.8])


def test_boxes_fit_however_the_centre_is_rounded():
    centres = np.array([[10.0, 50.0], [9.9, 50.0], [90.0, 50.0], [90.1, 50.0]])
    assert box_fits(centres, (100, 100), 20).tolist() == [True, False, True, False]
    for centre, fits in zip(centres[:, 0], [True, False, True, False], strict=True):
        rounded = {int(np.floor(centre)), int(np.ceil(centre))}
        assert fits == all(c - 10 >= 0 and c + 10 - 1 <= 99 for c in rounded)


def test_what_is_removed_removes_nothing_itself():
    line = np.array([[50.0, 50.0], [50.0, 59.0], [50.0, 68.0], [50.0, 78.0]])
    row = item(picks=Picks("", line, np.ones(4)), candidates=NOTHING)
    chosen, _ = choose(row, options())
    assert chosen.coords[:, 1].tolist() == [50.0, 68.0, 78.0]  # half a diameter apart is enough


@pytest.mark.parametrize("fmt", WRITERS)
def test_every_format_comes_back(tmp_path, fmt):
    items = [item(), item("MotionCorr/job002/second.mrc", exclusions=())]
    found = export_picks(items, tmp_path / "out", options(fmt))
    assert found.counts.picks == 9
    assert found.counts.micrographs == 2
    assert all(file.is_file() for file in found.files[fmt])
    read = read_picks(tmp_path / "out" / "autopick.star" if fmt == "relion" else tmp_path / "out")
    by_key = {Path(name).name.removesuffix(".mrc"): picks for name, picks in read.items()}
    expected, _ = choose(items[0], options(fmt))
    apart = 0.51 if fmt == "box" else 0.001
    np.testing.assert_allclose(by_key["a.b_1"].coords, expected.coords, atol=apart)


def test_relion_finds_the_names_of_its_own_star_and_empty_micrographs(tmp_path):
    empty = item("MotionCorr/job002/none.mrc", picks=NOTHING)
    result = export_picks([item(), empty], tmp_path, options("relion", what="picks"))
    assert result.files["relion"][-1] == tmp_path / "autopick.star"
    (block,) = read_star(tmp_path / "autopick.star")
    assert tuple(block.text("rlnMicrographName")) == (
        "MotionCorr/job002/a.b_1.mrc",
        "MotionCorr/job002/none.mrc",
    )
    assert result.counts.empty == 1
    assert f"paths in autopick.star are absolute: {tmp_path} lies in no" in result.messages[-1]


def test_says_what_was_left_out_and_what_may_go_wrong(tmp_path):
    (tmp_path / "gone_autopick.star").write_text("data_\n")
    other = item("/data/second.mrc", shape=None, diameter_px=2 * DIAMETER)
    result = export_picks([item(), other], tmp_path, options("relion", whole_boxes=True))
    said = "\n".join(result.messages)
    for words in (
        "1 pick skipped: their boxes would cross the edge",
        "2 duplicates skipped",
        "2 picks skipped in excluded areas",
        "1 micrograph cannot be read (such as /data/second.mrc)",
        "particle diameter is 20 to 40 px, but the box is one for all (30 px)",
        "open CtfFind's micrographs_ctf.star",
        "1 older file of other micrographs",
    ):
        assert words in said


@pytest.mark.parametrize(
    "chosen,fields,words",
    [
        (options(box_size=31), {}, "31 px: give an even number"),
        (ExportOptions((), "both", 30), {}, "no format is selected"),
        (options("mrc"), {}, "'mrc' cannot be written"),
        (options(what="candidates"), {"candidates": NOTHING}, "no candidates above"),
        (options(what="both", box_size=202, whole_boxes=True), {}, "would cross the edge"),
    ],
)
def test_nothing_is_written_where_it_makes_no_sense(tmp_path, chosen, fields, words):
    with pytest.raises(InputError, match=words):
        export_picks([item(**fields)], tmp_path / "out", chosen)
    assert not (tmp_path / "out").exists()


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="is a file"):
        export_picks([item()], tmp_path / "out", options())


def test_stops_between_formats(tmp_path):
    def stop() -> None:
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        export_picks([item()], tmp_path / "out", options(), stop)
    assert not (tmp_path / "out").exists()


def test_relion_gets_names_from_the_project_of_what_was_opened_as_a_file(tmp_path):
    (tmp_path / "default_pipeline.star").touch()
    path = tmp_path / "M" / "a.mrc"
    path.parent.mkdir()
    path.touch()
    opened = item(micrograph=Micrograph(path, str(path)))
    result = export_picks([opened], tmp_path / "out", options("relion", "cryosparc"))
    assert f"paths in autopick.star start in the RELION project {tmp_path}" in result.messages
    assert not any("names exactly as in its own STAR" in message for message in result.messages)
    assert list(read_picks(tmp_path / "out" / "autopick.star")) == ["M/a.mrc"]
    assert list(read_picks(tmp_path / "out" / "picks.star")) == [str(path)]


def test_each_pixel_size_has_its_box(tmp_path):
    fine = item("M/fine.mrc", diameter_px=39.0, exclusions=())
    result = export_picks([item(), fine], tmp_path, options("box", factor=1.5))
    widths = {path.stem: path.read_text().split()[2] for path in sorted(tmp_path.glob("*.box"))}
    assert widths == {"a.b_1": "30", "fine": "60"}  # 1.5 x 39 = 58.5; 58 is 2 x 29
    assert result.boxes == (30, 60)
    coarse, fine_picks = (read_picks(tmp_path / f"{n}.box")[n] for n in ("a.b_1", "fine"))
    assert coarse.coords[:2].tolist() == fine_picks.coords[:2].tolist() == [[50, 60], [100, 200]]
    said = "\n".join(result.messages)
    assert "particle diameter is 20 to 39 px, so are the boxes (30 to 60 px)" in said
    whole, _ = choose(fine, options(factor=1.5, whole_boxes=True))
    assert [100.0, 200.0] in whole.coords.tolist()
    assert [14.0, 100.0] not in whole.coords.tolist()


def test_boxes_at_the_edge_and_beside_each_other_are_counted(tmp_path):
    near = item(
        picks=Picks("", np.array([[100.0, 100.0], [100.0, 125.0], [5.0, 5.0]]), np.ones(3)),
        candidates=NOTHING,
    )
    said = export_picks([near], tmp_path, options("csv")).messages
    assert said == (
        "3 boxes of 30 px: 1 crossing the edge of the micrograph, 2 overlapping a neighbour",
    )
    apart = item(picks=Picks("", np.array([[50.0, 60.0], [100.0, 200.0]]), np.ones(2)))
    assert export_picks([apart], tmp_path, options("csv", what="picks")).messages == ()
