"""Pick files that are unusual and right: read to the pixel, and no check says a word."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cs_files import alignments, write_cs
from napari_unetpick.inspection.assign_inspected import assign_inspected
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.logits import logit

SIZE = 4.0  # A/px
SHAPE = (560, 640)
Row = tuple[str, float, float]
Write = Callable[[Path, list[Row]], Path]
WRITERS: dict[str, tuple[Write, float, tuple[str, ...]]] = {}
"""By name: what writes the rows (micrograph, x, y) and returns the file to read, the precision in
pixels, and what is said of it that is no warning."""


def odd(apart: float = 1e-3, *said: str) -> Callable[[Write], Write]:
    def keep(write: Write) -> Write:
        WRITERS[write.__name__] = (write, apart, said)
        return write

    return keep


NO_LINE_ENDS = [
    f"barrel_{n}_manualpick.star: ends inside a line; is the file cut short?" for n in (1, 2, 3)
]


def text(path: Path, lines: list[str], end: str = "\n", encoding: str = "utf-8") -> Path:
    path.write_bytes((end.join(lines) + end).encode(encoding))
    return path


def loop(labels: str, rows: list[str], name: str = "") -> list[str]:
    return [f"data_{name}", "", "loop_", *(f"_rln{each}" for each in labels.split()), *rows]


def by_name(rows: list[Row]) -> dict[str, list[Row]]:
    return {name: [row for row in rows if row[0] == name] for name, _, _ in rows}


XY = "CoordinateX CoordinateY MicrographName"


@odd()
def star_of_windows(folder: Path, rows: list[Row]) -> Path:
    lines = loop(XY, [f"{x} {y} {name}" for name, x, y in rows])
    return text(folder / "a.star", lines, end="\r\n")


@odd()
def star_with_tabs_and_comments(folder: Path, rows: list[Row]) -> Path:
    body = [f"\t{x}\t\t{y}\t{name} \t" for name, x, y in rows]
    head = ["# by hand", "", "data_ # picks", "loop_ # of all", "_rlnCoordinateX\t#1 # px"]
    head += ["_rlnCoordinateY #2", "_rlnMicrographName #3", "# rows", ""]
    return text(folder / "a.star", [*head, *body[:5], "", "# the rest", *body[5:], "", "# end"])


@odd()
def star_with_quoted_names(folder: Path, rows: list[Row]) -> Path:
    body = [f'"grid 1/it\'s/{name}" {y} {x} \'\' "a b"' for name, x, y in rows]
    return text(folder / "a.star", loop("MicrographName CoordinateY CoordinateX A B", body))


@odd()
def star_of_several_tables(folder: Path, rows: list[Row]) -> Path:
    names = list(by_name(rows))
    particles = [f"{x} {y} {name} 1" for name, x, y in rows]
    lines = ["data_general", "", "_rlnTomoSubTomosAre2DStacks 0", "_rlnNote 'loop_ of all'", ""]
    lines += [*loop("OpticsGroup MicrographPixelSize", ["1 4.0", "2 4.0"], "optics"), ""]
    lines += [*loop("MicrographName OpticsGroup", [f"{n} 1" for n in names], "micrographs"), ""]
    return text(folder / "a.star", lines + loop(f"{XY} OpticsGroup", particles, "particles"))


@odd()
def star_of_relion_3_0_with_more_columns(folder: Path, rows: list[Row]) -> Path:
    body = [f"{x:.6e} +{y:f} {name} 10000 5.0 junk 0 0" for name, x, y in rows]
    labels = f"{XY} Magnification DetectorPixelSize Unknown OriginX OriginY"
    return text(folder / "a.star", loop(labels, body, "images"))


@odd()
def star_with_names_of_cryosparc(folder: Path, rows: list[Row]) -> Path:
    """Imported twice, so that each name has two uids."""
    uids = "000000633063778279389_017646539750839992624_"
    body = [f"{x} {y} J1/{uids}{n[:-4]}_patch_aligned_doseweighted.mrc" for n, x, y in rows]
    return text(folder / "a.star", loop(XY, body))


@odd(1e-3, *NO_LINE_ENDS)
def star_files_without_names(folder: Path, rows: list[Row]) -> Path:
    """Of manual picks, whose figure of merit and angle are unknown; the last has no newline."""
    for name, each in by_name(rows).items():
        body = [f"{x} {y} 2 -999.00000 -999.00000" for _, x, y in each]
        labels = "CoordinateX CoordinateY ParticleSelectionType AnglePsi AutopickFigureOfMerit"
        path = text(folder / f"{name[:-4]}_manualpick.star", loop(labels, body))
        path.write_text(path.read_text().rstrip("\n"))
    return folder


@odd(1e-3, *NO_LINE_ENDS)
def star_with_an_empty_loop_among_others(folder: Path, rows: list[Row]) -> Path:
    star_files_without_names(folder, rows)
    text(folder / "barrel_9_manualpick.star", loop("CoordinateX CoordinateY", []))
    return folder


@odd(0.0051)
def csv_with_decimal_commas(folder: Path, rows: list[Row]) -> Path:
    body = [
        f"{name};{x:.2f};{y:.2f}".replace(".", ",").replace(",mrc", ".mrc") for name, x, y in rows
    ]
    return text(folder / "a.csv", ["Micrograph;X;Y", *body])


@odd()
def csv_with_a_mark_and_quotes(folder: Path, rows: list[Row]) -> Path:
    body = [f'"{y}","{x}","{name}"' for name, x, y in rows]
    return text(folder / "a.csv", ['"Y","X","Micrograph"', *body], "\r\n", "utf-8-sig")


@odd()
def csv_in_utf_16(folder: Path, rows: list[Row]) -> Path:
    body = [f"{name}\t{x}\t{y}" for name, x, y in rows]
    return text(folder / "a.csv", ["micrograph\tx\ty", *body], "\r\n", "utf-16")


@odd()
def csv_of_a_data_frame(folder: Path, rows: list[Row]) -> Path:
    body = [f"{i},{name},{x},{y},,µ,0.0" for i, (name, x, y) in enumerate(rows)]
    return text(folder / "a.csv", [",micrograph,x,y,score,class name,z", *body, "", ",,,,,,"])


@odd()
def table_of_blanks(folder: Path, rows: list[Row]) -> Path:
    body = [f"{name:<20} {x:10.4f} {y:10.4f}" for name, x, y in rows]
    return text(folder / "a.tsv", ["micrograph  x  y", *body])


@odd()
def csv_with_paths_of_windows(folder: Path, rows: list[Row]) -> Path:
    body = [f"C:\\data set\\{name},{x},{y}" for name, x, y in rows]
    return text(folder / "a.csv", ["micrograph,x,y", *body])


@odd()
def points_of_napari(folder: Path, rows: list[Row]) -> Path:
    for name, each in by_name(rows).items():
        body = [f"{float(i)},{y},{x},manual" for i, (_, x, y) in enumerate(each)]
        text(folder / f"{name[:-4]}.csv", ["index,axis-0,axis-1,source", *body])
    return folder


@odd()
def boxes_beyond_the_edges(folder: Path, rows: list[Row]) -> Path:
    """Fractions, negative corners, and sides that are not alike."""
    for name, each in by_name(rows).items():
        body = [f"{x - 150:.3f}  {y - 100:.3f}\t300 200.0" for _, x, y in each]
        text(folder / f"{name[:-4]}.box", ["# of a long particle", *body])
    return folder


@odd(0.51)
def boxes_of_eman1(folder: Path, rows: list[Row]) -> Path:
    """A flag in the fifth column, and an empty file for a micrograph without particles."""
    for name, each in by_name(rows).items():
        body = [f"{round(x - 32)} {round(y - 32)} 64 64 -3" for _, x, y in each]
        text(folder / f"{name[:-4]}.box", body)
    (folder / "barrel_9.box").write_text("")
    return folder


@odd()
def cbox_with_more_columns(folder: Path, rows: list[Row]) -> Path:
    """In another order, of one slice with depth 1, and without estimated sizes."""
    labels = ["EstWidth", "EstHeight", "Width", "Height", "CoordinateY", "CoordinateX", "Extra"]
    labels += ["CoordinateZ", "Depth", "Confidence"]
    for name, each in by_name(rows).items():
        body = [f"<NA> <NA> 60 50 {y - 25} {x - 30} a 0.0 1.0 0.5" for _, x, y in each]
        lines = ["", "data_global", "", "_cbox_format_version 1.0", "", "data_cryolo", "", "loop_"]
        lines += [f"_{label} #{i}" for i, label in enumerate(labels, 1)] + body
        lines += ["", "data_cryolo_include", "", "loop_", "_slice_index #1", "0", ""]
        text(folder / f"{name[:-4]}.cbox", lines)
    return folder


@odd()
def json_with_other_content(folder: Path, rows: list[Row]) -> Path:
    (folder / "info").mkdir()
    for name, each in by_name(rows).items():
        boxes = [[x, y, "auto", 0.5 + i, {"a": 1}] for i, (_, x, y) in enumerate(each)]
        content = {"quality": 5, "ctf": [1, [2]], "boxes_rct": [], "boxes": boxes}
        (folder / "info" / f"{name[:-4]}_info.json").write_text("\n" + json.dumps(content))
    return folder


@odd()
def topaz_with_commas_and_extensions(folder: Path, rows: list[Row]) -> Path:
    body = [f"{name},{x},{y},{logit(np.array([0.3]))[0]}" for name, x, y in rows]
    return text(folder / "a.txt", ["image_name,x_coord,y_coord,score", *body])


def cs_columns(rows: list[Row], uid: str = "") -> dict[str, object]:
    count = len(rows)
    return {
        "uid": np.arange(count, dtype="u8") + 2**60,
        "location/micrograph_path": np.array([f">J3/{uid}{n}".encode() for n, _, _ in rows]),
        "location/micrograph_shape": np.full((count, 2), SHAPE, "u4"),
        "location/center_x_frac": np.array([x for _, x, _ in rows]) / SHAPE[1],
        "location/center_y_frac": np.array([y for _, _, y in rows]) / SHAPE[0],
        "location/micrograph_psize_A": np.full(count, SIZE, "f4"),
    }


@odd()
def cs_with_uids_in_names(folder: Path, rows: list[Row]) -> Path:
    return write_cs(folder / "a.cs", cs_columns(rows, "000000633063778279389_"))


@odd(1e-3, "J2_010_particles.cs joined with J2_passthrough_particles.cs by uid")
def cs_in_two_files(folder: Path, rows: list[Row]) -> Path:
    """Alignments without shifts, and the locations in another order."""
    columns = {name: np.asarray(each)[::-1] for name, each in cs_columns(rows).items()}
    write_cs(folder / "J2_passthrough_particles.cs", columns)
    own = {"uid": cs_columns(rows)["uid"], **alignments("alignments2D", np.zeros((len(rows), 2)))}
    return write_cs(folder / "J2_010_particles.cs", own)


@odd()
def cs_of_filaments(folder: Path, rows: list[Row]) -> Path:
    """With a segment a fifth of a diameter beside each particle."""
    near = [(name, x + 8, y) for name, x, y in rows]
    columns = cs_columns(rows + near)
    uids = np.arange(len(rows), dtype="u8") * 3 + 2**63
    write_cs(folder / "a.cs", {**columns, "filament/filament_uid": np.tile(uids, 2)})
    return folder / "a.cs"


@odd()
def cistem_star(folder: Path, rows: list[Row]) -> Path:
    body = [f"{i} 'm/{n}' {x * SIZE} {y * SIZE}" for i, (n, x, y) in enumerate(rows)]
    labels = ("PositionInStack", "OriginalImageFilename", "OriginalXPosition", "OriginalYPosition")
    head = ["# Written by cisTEM", "data_", "", "loop_", *(f"_cisTEM{each}" for each in labels)]
    return text(folder / "a.star", [*head, *body])


@odd()
def segments_of_filaments(folder: Path, rows: list[Row]) -> Path:
    body = [f"{x} {y} {name} {i // 4} 90 {i % 4 * 30}" for i, (name, x, y) in enumerate(rows)]
    labels = f"{XY} HelicalTubeID AngleTiltPrior HelicalTrackLengthAngst"
    return text(folder / "a.star", loop(labels, body))


@pytest.mark.parametrize("name", WRITERS)
def test_an_odd_file_is_read_without_a_word(barrel, tmp_path: Path, name: str):
    write, apart, said = WRITERS[name]
    rows = [
        (each.micrograph, *place)
        for each in barrel.picks.values()
        for place in each.coords[:, ::-1].tolist()
    ]
    images = barrel.known.images
    source = write(tmp_path, rows)
    read = read_picks(source, image_shapes=images.shapes, pixel_sizes=images.pixel_sizes)
    found = assign_inspected(read, barrel.micrographs, barrel.known)
    assert tuple(found.messages) == said
    for key, each in barrel.picks.items():
        own, truth = found[key].coords, each.coords
        if name == "cs_of_filaments":
            truth = np.concatenate([truth, truth + (0, 8)])
            assert sorted(np.bincount(found[key].tracks)[found[key].tracks]) == [2] * len(truth)
        assert len(own) == len(truth)
        order = [np.lexsort(np.round(places).T) for places in (own, truth)]
        np.testing.assert_allclose(own[order[0]], truth[order[1]], atol=apart, err_msg=key)


def test_picks_in_the_outermost_half_pixels_are_kept(barrel, tmp_path: Path):
    """Pixel 0 reaches from -0.5; half a pixel farther is outside."""
    edge = [(-0.49, -0.5), (SHAPE[1] - 0.51, SHAPE[0] - 0.51), (-0.51, 5.0), (5.0, SHAPE[0] - 0.5)]
    rows = [("barrel_1.mrc", x, y) for x, y in edge]
    (tmp_path / "a.csv").write_text(
        "micrograph,x,y\n" + "".join(f"{name},{x},{y}\n" for name, x, y in rows)
    )
    found = assign_inspected(read_picks(tmp_path / "a.csv"), barrel.micrographs, barrel.known)
    assert found["barrel_1"].coords.tolist() == [[y, x] for x, y in edge[:2]]
    assert found.messages == ["2 of 4 picks lie outside their micrographs: skipped"]
