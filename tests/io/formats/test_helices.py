"""Helices: their ends are no particles, their segments are; boxes of tomograms are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.io.formats.read import read_picks

ENDS = "10 20 60 60 -1\n210 320 60 60 -2\n400 20 60 60 -1\n400 320 60 60 -2\n"
SEGMENTS = """#micrograph: mic1.mrc
#segment length: 60
#segment width: 60
#helix: (40.0, 50.0),(80.0, 50.0),60
40.0 50.0
60.5 50.0
#helix: (400.0, 50.0),(400.0, 350.0),60
400.0 150.25
"""


def test_ends_of_helices_are_refused(tmp_path: Path):
    (tmp_path / "mic1.box").write_text(ENDS)
    with pytest.raises(InputError, match=r"mic1\.box: has the start and end points of helices"):
        read_picks(tmp_path / "mic1.box")


@pytest.mark.parametrize("flags", [(-1, -1), (-3, -3), (0, -3), (0.5, -2), (0.25, 0.75)])
def test_other_fifth_columns_are_particles(tmp_path: Path, flags: tuple):
    """EMAN1's kinds of boxes, logits of a picker, scores."""
    rows = "".join(f"{10 * i} 20 60 60 {flag}\n" for i, flag in enumerate(flags))
    (tmp_path / "mic1.box").write_text(rows)
    picks = read_picks(tmp_path / "mic1.box")
    assert picks["mic1"].coords.tolist() == [[50, 30], [50, 40]]
    assert picks.messages == []


@pytest.mark.parametrize("name", ["mic1.box", "mic1.txt"])
@pytest.mark.parametrize("separator", [" ", "\t", ", "])
def test_segments_of_helices_are_centres(tmp_path: Path, name: str, separator: str):
    lines = SEGMENTS.strip().split("\n")
    body = (line if line[0] == "#" else line.replace(" ", separator) for line in lines)
    (tmp_path / name).write_text("\n".join(body))
    for source in (tmp_path / name, tmp_path):
        picks = read_picks(source)["mic1"]
        assert picks.coords.tolist() == [[50, 40], [50, 60.5], [150.25, 400]]
        assert picks.tracks.tolist() == [0, 0, 1]


def test_filaments_of_cryolo_are_tracks(tmp_path: Path):
    labels = ["CoordinateX", "CoordinateY", "Width", "Height", "filamentid"]
    head = "".join(f"_{label}\n" for label in labels)
    rows = "10 20 60 60 0.0\n40 20 60 60 0.0\n400 20 60 60 1.0\n"
    (tmp_path / "mic1.cbox").write_text(f"data_cryolo\n\nloop_\n{head}{rows}")
    picks = read_picks(tmp_path / "mic1.cbox")["mic1"]
    assert picks.tracks.tolist() == [0, 0, 1]
    assert picks.coords[0].tolist() == [50, 40]


def test_boxes_of_a_tomogram_are_refused(tmp_path: Path):
    path = tmp_path / "mic1.box"
    path.write_text("10 20 35 60 60\n70 80 36 60 60\n")  # x y z width height
    with pytest.raises(InputError, match="boxes of a tomogram"):
        read_picks(path)
    path.write_text("10 20 60 60 60\n")  # a figure of merit of 60
    assert read_picks(path)["mic1"].scores.tolist() == [60]


@pytest.mark.parametrize(
    "rows, message",
    [
        ("10 20 5 60 60 1\n10 20 6 60 60 1\n", "boxes of a tomogram"),  # slice by slice
        ("10 20 5 60 60 40\n", "boxes of a tomogram"),  # traced
        ("10 20 <NA> 60 60 <NA>\n40 20 <NA> 60 60 <NA>\n", None),
        ("10 20 0 60 60 1\n40 20 0 60 60 1\n", None),
    ],
)
def test_cbox_of_a_tomogram(tmp_path: Path, rows: str, message: str | None):
    labels = ["CoordinateX", "CoordinateY", "CoordinateZ", "Width", "Height", "Depth"]
    head = "".join(f"_{label}\n" for label in labels)
    (tmp_path / "mic1.cbox").write_text(f"data_cryolo\n\nloop_\n{head}{rows}")
    if message is None:
        assert read_picks(tmp_path / "mic1.cbox")["mic1"].coords.tolist() == [[50, 40], [50, 70]]
    else:
        with pytest.raises(InputError, match=message):
            read_picks(tmp_path / "mic1.cbox")
