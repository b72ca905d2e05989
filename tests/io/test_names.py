"""Names of micrographs that differ by folder, extension, uid prefix and suffix."""

from __future__ import annotations

import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.io.names import match_names, micrograph_key

UID = "000000633063778279389_"
OTHER_UID = "000000000000000000001_"


@pytest.mark.parametrize(
    "name, key",
    [
        ("May08_03.05.02.mrc", "May08_03.05.02"),
        ("May08_03.05.02", "May08_03.05.02"),
        ("MotionCorr/job002/Movies/mic1.MRC", "mic1"),
        ("C:\\data\\mic1.tiff", "mic1"),
        ("mic1.frames.mrcs", "mic1.frames"),
        ("mic1.star", "mic1.star"),
        ("M/mic1.mrc.gz", "mic1"),
        (".mrc", ".mrc"),
    ],
)
def test_key(name: str, key: str):
    assert micrograph_key(name) == key


@pytest.mark.parametrize(
    "pick, micrograph",
    [
        ("mic1", "Movies/mic1.mrc"),
        ("other/folder/mic1.tif", "Movies/mic1.mrc"),
        ("May08_03.05.02.mrc", "x/May08_03.05.02.mrc"),
        (f"{UID}mic1.mrc", "mic1.mrc"),
        ("mic1", f"J5/motioncorrected/{UID}mic1_patch_aligned_doseweighted.mrc"),
        (f"{UID}mic1.mrc", f"{OTHER_UID}mic1.mrc"),
        (f"{UID}mic1.mrc", f"{OTHER_UID}{UID}mic1_patch_aligned.mrc"),
        ("mic1_autopick", "mic1.mrc"),
        ("mic1", "mic1.frames.mrc"),
        ("mic1_DW.mrc", "mic1_fractions.mrc"),
        ("mic1_automatch", "mic1.mrc"),
        ("mic1_topazpicks", "Movies/mic1_DW.mrc"),
        ("mic1_BoxNet2Mask_20180918", "average/mic1.mrc"),
        ("mic1_boxnet2_retrained_2", "mic1.mrc"),
        ("mic1_autopick", f"J7/{UID}mic1_patch_aligned_doseweighted_denoised.mrc"),
        ("mic1_EER.mrc", "mic1.eer"),
    ],
)
def test_matched(pick: str, micrograph: str):
    match = match_names([pick], ["else.mrc", micrograph])
    assert match.pairs == {pick: micrograph}
    assert match.unmatched == []


def test_the_exact_name_goes_before_the_shortened():
    match = match_names(["mic1", "mic1_DW"], ["a/mic1_DW.mrc", "a/mic1.mrc"])
    assert match.pairs == {"mic1": "a/mic1.mrc", "mic1_DW": "a/mic1_DW.mrc"}


def test_ambiguous_names_stay_unmatched():
    two_given = match_names(["mic1"], [f"{UID}mic1.mrc", f"{OTHER_UID}mic1.mrc"])
    assert two_given.unmatched == ["mic1"]
    two_picked = match_names([f"{UID}mic1", f"{OTHER_UID}mic1"], ["mic1.mrc"])
    assert two_picked.unmatched == [f"{UID}mic1", f"{OTHER_UID}mic1"]
    assert match_names(["mic1"], ["mic1_DW.mrc", "mic1_noDW.mrc"]).unmatched == ["mic1"]
    two_pickers = ["mic1_automatch", "mic1_topazpicks"]
    assert match_names(two_pickers, ["mic1.mrc"]).unmatched == two_pickers
    assert match_names(["mic1_automatch"], ["mic1_denoised.mrc", "mic1_DW.mrc"]).pairs == {}


@pytest.mark.parametrize("pick", ["mic1_rejected", "mic1_nonunique", "mic1_2", "mic1_boxnets.1"])
def test_other_endings_are_not_guessed(pick: str):
    """Gautomatch's rejected picks are not those of the micrograph, and mic1_2 is another one."""
    assert match_names([pick], ["mic1.mrc"]).unmatched == [pick]


def test_dots_are_not_extensions():
    match = match_names(["May08_03"], ["May08_03.05.02.mrc", "May08_03.13.02.mrc"])
    assert match.pairs == {}
    assert match.unmatched == ["May08_03"]


GRIDS = ["job002/grid1/mic1.mrc", "job002/grid2/mic1.mrc"]


@pytest.mark.parametrize(
    "micrograph",
    ["job002/grid2/mic1.mrc", "/data/job002/grid2/mic1.mrc", "grid2/mic1.mrc", "./grid2/mic1.tif",
     "x/../grid2/mic1.mrc", "C:\\job002\\grid2\\mic1.mrc"],
)  # fmt: skip
def test_of_one_name_in_two_folders_the_micrographs_folder_is_taken(micrograph: str):
    match = match_names(GRIDS, [micrograph])
    assert match.pairs == {GRIDS[1]: micrograph}
    assert match.unmatched == [GRIDS[0]]


@pytest.mark.parametrize(
    "picks, micrographs",
    [
        (GRIDS, ["mic1.mrc"]),
        (GRIDS, ["elsewhere/mic1.mrc"]),
        ([*GRIDS, "mic1"], [GRIDS[0]]),  # whose is the one without a folder?
        (["a/grid1/mic1", "b/grid1/mic1"], ["grid1/mic1.mrc"]),
        (["mic1"], GRIDS),
    ],
)
def test_one_name_in_two_folders_is_refused_where_no_folder_tells(picks, micrographs):
    with pytest.raises(InputError, match="have the same name in different folders"):
        match_names(picks, micrographs)


def test_one_micrograph_named_with_more_and_fewer_folders():
    names = ["mic1", "grid1/mic1.mrc", "/data/job002/grid1/mic1.mrc"]
    assert match_names(names, ["else/mic1.mrc"]).unmatched == []
    assert match_names(GRIDS, ["mic2.mrc"]).unmatched == GRIDS
