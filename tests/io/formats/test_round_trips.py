"""Whatever is picked comes back from every format within its precision, on square and K3 images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cs_files import alignments, write_cs
from napari_unetpick.export.cs_particles import name_as_exposures, read_names, write_cryosparc
from napari_unetpick.inspection.orientation import ORIENTATIONS
from napari_unetpick.io.assign import assign_picks
from napari_unetpick.io.formats.annotation_file import Annotations
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.formats.write import write_picks
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.names import micrograph_key
from napari_unetpick.io.picks import Picks
from napari_unetpick.project.project import Project

SHAPES = ((4096, 4096), (4092, 5760), (5760, 4092))
FEW = settings(
    max_examples=20, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
THOUSANDTH, WHOLE, FRACTION = 5.1e-4, 0.5 + 1e-9, 6e-4
"""Precision: three decimals, whole pixels, float32 fractions of 5760 pixels."""


@dataclass(frozen=True)
class Planted:
    """Picks of some micrographs of one shape, (rows, cols)."""

    shape: tuple[int, int]
    picks: dict[str, Picks]

    @property
    def micrographs(self) -> list[Micrograph]:
        return [Micrograph(Path(name), name) for name in self.picks]

    @property
    def shapes(self) -> dict[str, tuple[int, int]]:
        return dict.fromkeys(self.picks, self.shape)


@st.composite
def names(draw: st.DrawFn) -> str:
    """Names as microscopes, programs and people give them."""
    uid = draw(st.sampled_from(("", "", "000000633063778279389_")))
    stem = draw(st.text("aB7 ._-%é'\"#,;|=()µ", min_size=1, max_size=12).map(str.strip))
    ending = draw(st.sampled_from(("", "_DW", "_patch_aligned_doseweighted", ".frames")))
    folder = draw(st.sampled_from(("", "Movies/", "MotionCorr/job002/Movies/")))
    return f"{folder}{uid}g{stem}{ending}{draw(st.sampled_from(('.mrc', '.tif', '.MRC')))}"


@st.composite
def planted(draw: st.DrawFn, tidy: bool = False) -> Planted:
    """Up to three micrographs with picks anywhere on them, the last half pixels included."""
    shape = draw(st.sampled_from(SHAPES))
    unique = {"min_size": 1, "max_size": 3, "unique_by": lambda name: micrograph_key(name).lower()}
    called = draw(st.just(["a.mrc", "b.mrc"]) if tidy else st.lists(names(), **unique))
    axes = [st.floats(-0.499, side - 0.502) | st.integers(0, side - 1) for side in shape]
    made = {}
    for name in called:
        coords = np.array(draw(st.lists(st.tuples(*axes), max_size=6)), float).reshape(-1, 2)
        coords = np.append(coords, [[shape[0] - 9, 12.25]], axis=0)  # all near 0 are no pixels
        made[name] = Picks(name, coords, np.linspace(0.1, 0.9, len(coords)))
    return Planted(shape, made)


def same(found: dict[str, Picks], truth: Planted, apart: float, scored: bool = True) -> None:
    """Assert that the picks are those planted, each in its place, with its score if it has one."""
    back = assign_picks(found, truth.micrographs, {})
    for name, each in truth.picks.items():
        again = back[micrograph_key(name)]
        np.testing.assert_allclose(again.coords, each.coords, atol=apart, rtol=0, err_msg=name)
        if scored and again.scores is not None:
            np.testing.assert_allclose(again.scores, each.scores, atol=2e-6)


FORMATS = {
    "csv": ("picks.csv", THOUSANDTH),
    "star": ("picks.star", THOUSANDTH),
    "cryosparc": ("picks.star", THOUSANDTH),
    "relion": ("job", THOUSANDTH),
    "topaz": ("picks.txt", THOUSANDTH),
    "cbox": ("boxes", THOUSANDTH),
    "eman": ("project", THOUSANDTH),
    "box": ("boxes", WHOLE),
}


@pytest.mark.parametrize("fmt", FORMATS)
@FEW
@given(truth=planted(), half_box=st.integers(1, 400))
def test_every_format_keeps_places_and_names(fmt: str, truth: Planted, half_box: int):
    out, apart = FORMATS[fmt]
    with TemporaryDirectory() as folder:
        write_picks(truth.picks, Path(folder) / out, fmt, box_size=2 * half_box)
        same(read_picks(Path(folder) / out), truth, apart)


@FEW
@given(truth=planted(), order=st.permutations(list(FORMATS)))
def test_a_chain_of_all_formats_moves_nothing_by_more_than_the_coarsest(
    truth: Planted, order: list[str]
):
    picks = dict(truth.picks)
    with TemporaryDirectory() as folder:
        for number, fmt in enumerate(order):
            path = Path(folder) / str(number) / FORMATS[fmt][0]
            path.parent.mkdir()
            write_picks(picks, path, fmt, box_size=64)
            found = assign_picks(read_picks(path), truth.micrographs, {})
            picks = {each.micrograph: each for each in found.values()}
    same(picks, truth, WHOLE + len(order) * THOUSANDTH, scored=False)


@FEW
@given(truth=planted())
def test_a_project_keeps_places(truth: Planted):
    with TemporaryDirectory() as folder:
        with Project.create(Path(folder) / "p", truth.micrographs, 120.0) as project:
            for name, each in truth.picks.items():
                annotations = Annotations(each.made_by("manual"))
                project.save_annotations(micrograph_key(name), annotations)
            project.save()
        same(read_picks(Path(folder) / "p" / "picks"), truth, THOUSANDTH)


@FEW
@given(truth=planted(), pixel_size=st.floats(0.3, 5))
def test_cs_files_keep_places_on_exposures_with_uids(truth: Planted, pixel_size: float):
    with TemporaryDirectory() as folder:
        path, exposures = Path(folder) / "picks.cs", Path(folder) / "exposures.cs"
        count = len(truth.picks)
        table = {
            "uid": np.arange(count, dtype="u8") + 2**63,
            "micrograph_blob/path": np.array([f">J1/{name}".encode() for name in truth.picks]),
            "micrograph_blob/shape": np.full((count, 2), truth.shape, "u4"),
            "micrograph_blob/psize_A": np.full(count, pixel_size, "f4"),
        }
        listed = read_names(write_cs(exposures, table))
        named = name_as_exposures(truth.picks, listed, {})
        write_cryosparc(path, list(named.values()), listed)
        found = read_picks(path, image_shapes=truth.shapes, pixel_size=pixel_size)
        same(found, truth, FRACTION)
        assert found.messages == []


@pytest.mark.parametrize("turn", ORIENTATIONS[1:], ids=str)
@FEW
@given(truth=planted(tidy=True))
def test_what_is_turned_twice_lies_where_it_was(turn, truth: Planted):
    """A quarter turn is undone by the other quarter turn; flips by themselves."""
    rows, cols = truth.shape
    source = (cols, rows) if turn.swap_xy else truth.shape
    back = next(
        each
        for each in ORIENTATIONS
        if np.allclose(each.apply(turn.apply(np.eye(2), source), truth.shape), np.eye(2))
        and (not turn.swap_xy or each.swap_xy)
    )
    for each in truth.picks.values():
        again = back.turn(turn.turn(each, truth.shape), source)
        np.testing.assert_allclose(again.coords, each.coords, atol=1e-9)


@FEW
@given(truth=planted(tidy=True))
def test_cryoppp_counts_rows_from_the_other_end(truth: Planted):
    with TemporaryDirectory() as folder:
        for name, each in truth.picks.items():
            y = truth.shape[0] - 1 - each.coords[:, 0]
            rows = [f"{x:.3f},{v:.3f},90" for x, v in zip(each.coords[:, 1], y, strict=True)]
            text = "\n".join(["X-Coordinate,Y-Coordinate,Diameter", *rows])
            (Path(folder) / f"{micrograph_key(name)}.csv").write_text(text)
        found = read_picks(folder, image_shapes=truth.shapes)
        same({n: Picks(n, p.coords) for n, p in found.items()}, truth, THOUSANDTH)


@dataclass(frozen=True)
class Aligned:
    """One way of writing a particle and its shift, (x, y) in A, on micrographs of 1.5 A/px."""

    write: Callable[[Path, Planted, np.ndarray], Path]
    apart: float


def particles_star(path: Path, truth: Planted, moved: np.ndarray) -> Path:
    """Write particles of RELION 3.1 and later, in two optics groups with binned images."""
    rows = [
        f"{x + dx / 1.5:.6f} {y + dy / 1.5:.6f} {dx:.6f} {dy:.6f} {1 + number % 2} {name}"
        for name, each in truth.picks.items()
        for number, ((y, x), (dx, dy)) in enumerate(
            zip(each.coords.tolist(), np.resize(moved, (len(each), 2)), strict=True)
        )
    ]
    labels = [
        "CoordinateX",
        "CoordinateY",
        "OriginXAngst",
        "OriginYAngst",
        "OpticsGroup",
        "MicrographName",
    ]
    optics = ["rlnOpticsGroup", "rlnMicrographPixelSize", "rlnImagePixelSize"]
    text = "# version 30001\n\ndata_optics\n\nloop_\n"
    text += "".join(f"_{label} #{i}\n" for i, label in enumerate(optics, 1))
    text += "1 1.5 3.0\n2 1.5 6.0\n\n\n# version 30001\n\ndata_particles\n\nloop_\n"
    text += "".join(f"_rln{label} #{i}\n" for i, label in enumerate(labels, 1))
    path.with_suffix(".star").write_text(text + "\n".join(rows) + "\n")
    return path.with_suffix(".star")


def particles_cs(path: Path, truth: Planted, moved: np.ndarray) -> Path:
    """Write cryoSPARC's two files: shifts in pixels of 3 A, and locations passed on."""
    names = [name for name, each in truth.picks.items() for _ in range(len(each))]
    coords = np.concatenate([each.coords for each in truth.picks.values()])
    shift = np.resize(moved, coords.shape)
    uid = np.arange(len(coords), dtype="u8")
    place = (coords[:, ::-1] + shift / 1.5) / np.array(truth.shape[::-1])
    passed_on = {
        "uid": uid[::-1],
        "location/micrograph_path": np.array([f"J1/{n}".encode() for n in names])[::-1],
        "location/micrograph_shape": np.full((len(uid), 2), truth.shape, "u4"),
        "location/center_x_frac": place[::-1, 0].astype("f4"),
        "location/center_y_frac": place[::-1, 1].astype("f4"),
        "location/micrograph_psize_A": np.full(len(uid), 1.5, "f4"),
    }
    write_cs(path.with_name("J2_passthrough_particles.cs"), passed_on)
    own = {"uid": uid, **alignments("alignments3D", shift / 3.0)}
    return write_cs(path.with_name("J2_010_particles.cs"), own)


@pytest.mark.parametrize(
    "way",
    [Aligned(particles_star, 1e-5), Aligned(particles_cs, FRACTION)],
    ids=["star", "cs"],
)
@FEW
@given(
    truth=planted(tidy=True),
    moved=st.lists(st.tuples(*[st.floats(-60, 60)] * 2), min_size=1, max_size=4),
)
def test_shifts_of_alignment_lead_back_to_the_particle(way: Aligned, truth: Planted, moved: list):
    with TemporaryDirectory() as folder:
        found = read_picks(way.write(Path(folder) / "particles", truth, np.array(moved, float)))
        same(found, truth, way.apart)
