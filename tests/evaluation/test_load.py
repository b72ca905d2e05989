"""Files in, matched picks out: names, sizes, pick folders, and what is refused."""

from __future__ import annotations

import json

import mrcfile
import numpy as np
import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.evaluation.evaluate import evaluate
from napari_unetpick.evaluation.inputs.load import load_inputs

TRUTH = "micrograph,x,y,diameter\nMovies/m.01.mrc,20,10,8\nm.02.mrc,30,40,8\n"
NO_DIAMETER = "micrograph,x,y\nm.01.mrc,20,10\nm.02.mrc,30,40\n"
PICKS = "micrograph,x,y,score\nm.01,20.5,10,0.9\nm.01,50,50,0.8\n"


@pytest.fixture
def folder(tmp_path):
    for name in ("m.01.mrc", "m.02.mrc"):
        with mrcfile.new(tmp_path / name) as file:
            file.set_data(np.random.default_rng(0).normal(0, 1, (60, 80)).astype(np.float32))
            file.voxel_size = 2.0
    (tmp_path / "truth.csv").write_text(TRUTH)
    (tmp_path / "bare.csv").write_text(NO_DIAMETER)
    (tmp_path / "picks.csv").write_text(PICKS)
    return tmp_path


def score(inputs):
    return evaluate(
        inputs.picks,
        inputs.truth,
        inputs.diameters,
        inputs.shapes,
        inputs.border_px,
        candidates=inputs.candidates,
        exclusions=inputs.exclusions,
    )


def test_names_match_without_folder_and_extension(folder):
    result = score(load_inputs(folder / "picks.csv", folder / "truth.csv"))
    assert (result.half.n_matched, result.half.n_picks, result.half.n_truth) == (1, 2, 2)
    assert [row.key for row in result.micrographs] == ["m.01", "m.02"]


def test_angstrom_become_pixels_by_the_header_or_the_option(folder):
    found = load_inputs(
        folder / "picks.csv", folder / "bare.csv", folder / "m.0*.mrc", diameter=16.0
    )
    assert found.diameters == {"m.01": 8.0, "m.02": 8.0}
    assert found.shapes["m.01"] == (60, 80)
    given = load_inputs(folder / "picks.csv", folder / "bare.csv", diameter=16.0, pixel_size=4.0)
    assert given.diameters == {"m.01": 4.0, "m.02": 4.0}
    border = load_inputs(folder / "picks.csv", folder / "truth.csv", folder, border=24.0)
    assert border.border_px == {"m.01": 12.0, "m.02": 12.0}
    # row 10 lies 10.5 px from the edge, row 50 of 60 lies 9.5: only the particle of m.02 counts
    assert (score(border).half.n_truth, score(border).half.n_picks) == (1, 0)


def test_given_diameter_does_not_replace_that_of_the_truth(folder):
    found = load_inputs(folder / "picks.csv", folder / "truth.csv", diameter=500.0, pixel_size=1.0)
    assert score(found).micrographs[0].pair.diameter == 8.0
    assert any("--diameter is used only" in message for message in found.messages)


def test_only_the_micrographs_given_are_scored(folder):
    found = load_inputs(folder / "picks.csv", folder / "truth.csv", folder / "m.01.mrc")
    assert list(found.truth) == ["m.01"]
    assert any(m.startswith("truth: 1 ") and "not given" in m for m in found.messages)


def test_a_pick_folder_gives_its_candidates(folder):
    out = folder / "picked"
    out.mkdir()
    (out / "picks.csv").write_text(PICKS)
    (out / "candidates.csv").write_text(PICKS + "m.02,30,41,0.2\n")
    (out / "m.01_autopick.star").write_text(
        "data_\n\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n1 1\n"
    )
    found = load_inputs(out, folder / "truth.csv")
    result = score(found)
    assert result.half.n_picks == 2
    assert result.curve.source == "candidates"
    assert result.curve.points.recall[-1] == 1.0
    assert result.curve.threshold == 0.8


def test_a_damaged_micrograph_is_left_out_and_named(folder):
    (folder / "m.02.mrc").write_bytes(b"<xml>no such object</xml>")
    found = load_inputs(folder / "picks.csv", folder / "truth.csv", folder)
    assert list(found.failed) == ["m.02"]
    assert list(found.truth) == ["m.01"]
    assert not any("not given" in message for message in found.messages)
    (folder / "one.csv").write_text("micrograph,x,y,diameter\nm.02.mrc,1,2,8\n")
    with pytest.raises(InputError, match=found.failed["m.02"].split(":")[0]):
        load_inputs(folder / "picks.csv", folder / "one.csv", folder)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"border": 5.0}, "--border needs"),
        ({"border": -5.0}, "--border -5"),
        ({"diameter": 0.0}, "diameter of 0"),
        ({"diameter": float("nan")}, "diameter of nan"),
        ({"pixel_size": 9999.0}, "pixel size of 9999"),
        ({"diameter": 16.0}, r"m.01: its pixel size is unknown"),
    ],
)
def test_sizes_that_cannot_be_are_refused(folder, options, message):
    with pytest.raises(InputError, match=message):
        load_inputs(folder / "picks.csv", folder / "bare.csv", **options)


@pytest.mark.parametrize("given", [False, True])
def test_files_beside_the_truth_say_how_complete_it_is(folder, given):
    """m.01 has an excluded area with a false pick, m.02 is partly labelled, m.03 is empty."""
    with mrcfile.new(folder / "m.03.mrc") as file:
        file.set_data(np.random.default_rng(0).normal(0, 1, (60, 80)).astype(np.float32))
    states = "micrograph,state\nm.01.mrc,full\nm.02.mrc,partial\nm.03.mrc,full\n"
    (folder / "labels.csv").write_text(states)
    square = [[45, 45], [45, 55], [55, 55], [55, 45]]
    (folder / "areas.json").write_text(json.dumps({"m.01.mrc": {"exclusions": [square]}}))
    (folder / "picks.csv").write_text(f"{PICKS}m.02,60,20,0.9\nm.03,30,30,0.7\n")
    source = folder if given else None
    found = load_inputs(folder / "picks.csv", folder / "truth.csv", source)
    assert list(found.truth) == ["m.01", "m.03"]
    result = score(found)
    assert (result.half.n_matched, result.half.n_picks, result.half.n_truth) == (1, 2, 1)
    for text in (
        "1 micrograph of the truth (such as m.02) not fully labelled",
        "1 micrograph (such as m.03) without particles",
        "excluded areas in 1 micrograph (such as m.01",
    ):
        assert sum(text in message for message in found.messages) == 1
    (folder / "labels.csv").write_text("micrograph,state\nm.01,partial\nm.02,none\n")
    with pytest.raises(InputError, match="no micrograph is fully labelled"):
        load_inputs(folder / "picks.csv", folder / "truth.csv", source)


def test_a_truth_that_is_called_labels_is_truth(folder):
    before = score(load_inputs(folder / "picks.csv", folder / "truth.csv", folder)).headline
    (folder / "truth.csv").rename(folder / "labels.csv")
    found = load_inputs(folder / "picks.csv", folder / "labels.csv", folder)
    assert score(found).headline == before


def test_strangers_are_refused(folder):
    (folder / "other.csv").write_text("micrograph,x,y\nelse.mrc,1,2\n")
    with pytest.raises(
        InputError, match=r"have no micrograph in common \(such as else against m.01\)"
    ):
        load_inputs(folder / "other.csv", folder / "truth.csv")
    with pytest.raises(InputError, match=r"other\.csv: has 1 pick of 1 micrograph .*, and none"):
        load_inputs(folder / "other.csv", folder / "truth.csv", folder)
    # picks of one micrograph, truth of the other: both are given, none is shared
    (folder / "one.csv").write_text("micrograph,x,y\nm.02.mrc,1,2\n")
    (folder / "first.csv").write_text("micrograph,x,y,diameter\nm.01.mrc,1,2,8\n")
    with pytest.raises(InputError, match="have no micrograph in common"):
        load_inputs(folder / "one.csv", folder / "first.csv", folder)
    (folder / "none.star").write_text("data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n")
    with pytest.raises(InputError, match=r"none\.star: has no picks \(0 rows\)"):
        load_inputs(folder / "none.star", folder / "truth.csv")
    with pytest.raises(InputError, match=r"none\.star: has no picks \(0 rows\)"):
        load_inputs(folder / "picks.csv", folder / "none.star")
    (folder / "zero.csv").write_text("micrograph,x,y\n")
    found = load_inputs(folder / "zero.csv", folder / "truth.csv", folder)
    assert "picks: zero.csv: has no picks (0 rows)" in found.messages


def test_one_name_in_two_folders_is_refused_not_scored_as_one(folder):
    (folder / "two.csv").write_text(TRUTH + "Other/m.01.mrc,50,50,8\n")
    for sides in (("two.csv", "truth.csv"), ("picks.csv", "two.csv"), ("two.csv", "two.csv")):
        with pytest.raises(InputError, match="have the same name in different folders"):
            load_inputs(*(folder / side for side in sides))


@pytest.mark.parametrize("unknown", ["", "nan"])
def test_picks_of_which_some_have_no_score_are_scored_without_curves(folder, unknown):
    (folder / "some.csv").write_text(PICKS + f"m.02,30,40,{unknown}\n")
    result = score(load_inputs(folder / "some.csv", folder / "truth.csv"))
    assert (result.half.n_matched, result.half.n_picks) == (2, 3)
    assert result.curve is None
    assert result.calibration is None
    assert "1 pick without a score: no curve and no calibration" in result.notes


def test_unknown_scores_of_picks_leave_the_curve_of_their_candidates(folder):
    (folder / "candidates.csv").write_text(PICKS + "m.02,30,40,0.7\n")
    (folder / "picks.csv").write_text(PICKS + "m.01,30,30,\n")
    result = score(load_inputs(folder, folder / "truth.csv"))
    assert result.expected.threshold == 0.8
    assert result.curve.source == "candidates"
