"""Give damaged files to the readers: each must be read, or refused in the program's own words.

    python scripts/fuzz.py                          every reader, five seconds each
    python scripts/fuzz.py star cs --seconds 600    ten minutes each of these
    python scripts/fuzz.py --list                   their names

Every file begins as one that the program writes or reads, and has up to eight pieces overwritten,
removed, doubled or put in. Memory is limited, so that a header's promise of a terabyte is found. A
file that ends in anything but the program's own error is made as small as hypothesis can, written
to fuzz-READER/, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import io
import logging
import random
import resource
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mrcfile
import numpy as np
import tifffile
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from napari_unetpick.errors import UnetPickError
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.formats.write import write_picks
from napari_unetpick.io.images.image import check_values, read_micrograph
from napari_unetpick.io.images.listing import list_micrographs
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.labels import Labels, polygon, read_labels, write_labels
from napari_unetpick.io.models import Model, load_model, save_model
from napari_unetpick.io.picks import Picks
from napari_unetpick.project.project import Project

Files = dict[str, bytes]
MEMORY = 4 << 30  # bytes of address space, beside what starting takes
ROUND = 100  # examples between two looks at the clock
SLICES = st.tuples(st.integers(0, 1 << 20), st.integers(0, 40))
PIECES = st.sampled_from(
    (
        *(b"nan", b"inf", b"-1", b"0", b"1e999", b"9" * 30, b"-0.0", b"1,5", b"\xe9", b"\xff\xfe"),
        *(b"\n", b"\t", b",", b" ", b'"', b"'", b"#", b"[", b"{", b"=", b"\0", b"\x00" * 8),
        *(b"loop_\n", b"data_\n", b"_rln", b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80", b"\x80" * 8),
    )
)
EDITS = st.lists(
    st.tuples(
        st.sampled_from(("put", "over", "cut", "double", "end")), SLICES, PIECES | st.binary()
    ),
    min_size=1,
    max_size=8,
)


@dataclass(frozen=True)
class Reader:
    """A whole folder of files as the program makes them, and what reads it."""

    make: Callable[[Path], object]
    read: Callable[[Path], object]


def damaged(content: bytes, edits: list[tuple[str, tuple[int, int], bytes]]) -> bytes:
    """Return the content after some edits, each at a place modulo its length."""
    for kind, (place, length), piece in edits:
        at = place % (len(content) + 1)
        part = content[at : at + length]
        content = {
            "put": content[:at] + piece + content[at:],
            "over": content[:at] + piece + content[at + len(piece) :],
            "cut": content[:at] + content[at + length :],
            "double": content[:at] + part + content[at:],
            "end": content[:at],
        }[kind]
    return content


def some_picks() -> dict[str, Picks]:
    """Return picks of two micrographs."""
    rng = np.random.default_rng(0)
    coords = [rng.uniform(50, 400, (n, 2)) for n in (4, 2)]
    names = ("Micrographs/a_1.mrc", "Micrographs/b.2.mrc")
    return {
        n: Picks(n, c, np.linspace(0.9, 0.1, len(c))) for n, c in zip(names, coords, strict=True)
    }


def picks(fmt: str, out: str) -> Reader:
    """Return the reader of a format of picks, in the file or folder `out`."""

    def make(folder: Path) -> None:
        write_picks(some_picks(), folder / out, fmt, box_size=64)

    return Reader(make, lambda folder: read_picks(folder / out))


def image(name: str, write: Callable[[Path, np.ndarray], object]) -> Reader:
    """Return the reader of an image format."""

    def make(folder: Path) -> None:
        write(folder / name, np.random.default_rng(0).normal(size=(24, 20)).astype(np.float32))

    def read(folder: Path) -> None:
        found = read_micrograph(folder / name)
        check_values(found, name)
        np.asarray(found.data).max()

    return Reader(make, read)


def write_cs(path: Path, fields: list[tuple[str, str, object]]) -> None:
    """Write a cryoSPARC table of two rows."""
    table = np.zeros(2, dtype=[(name, kind) for name, kind, _ in fields])
    for name, _, value in fields:
        table[name] = value
    with io.BytesIO() as file:
        np.save(file, table, allow_pickle=False)
        path.write_bytes(file.getvalue())


CS_PICKS = [
    ("uid", "<u8", (1, 2)),
    ("location/micrograph_path", "S20", b"J1/a_1.mrc"),
    ("location/micrograph_shape", "(2,)<u4", 512),
    ("location/center_x_frac", "<f4", 0.5),
    ("location/center_y_frac", "<f4", 0.25),
]
CS_EXPOSURES = [
    ("uid", "<u8", (1, 2)),
    ("micrograph_blob/path", "S30", (b"Micrographs/a_1.mrc", b"Micrographs/b.2.mrc")),
    ("micrograph_blob/psize_A", "<f4", 1.5),
]
CISTEM_STAR = b"""# Written by cisTEM
data_

loop_
_cisTEMPixelSize #1
_cisTEMOriginalImageFilename #2
_cisTEMOriginalXPosition #3
_cisTEMOriginalYPosition #4
_cisTEMXShift #5
1.5 'Micrographs/a_1.mrc' 150.0 60.5 0.0
1.5 'Micrographs/b.2.mrc' 15.0 300.25 1.0
"""
CS_GROUP = b"""group:
  name: particles
results:
  location:
    metafile: '>picks.cs'
    num_items: 2
"""
EXPOSURES_STAR = b"""data_micrographs

loop_
_rlnMicrographName #1
_rlnMicrographPixelSize #2
_rlnDefocusU #3
Micrographs/a_1.mrc 1.5 12000
Micrographs/b.2.mrc 1.5 9000
"""


def micrographs(name: str, write: Callable[[Path], object]) -> Reader:
    """Return the reader of a list of the micrographs Micrographs/a_1.mrc and b.2.mrc."""

    def make(folder: Path) -> None:
        (folder / "Micrographs").mkdir()
        for each in some_picks():
            (folder / each).touch()
        write(folder / name)

    return Reader(make, lambda folder: list_micrographs(folder / name))


def make_project(folder: Path) -> None:
    """Make a project with annotations."""
    with Project.create(folder / "project", [Micrograph(folder / "a.mrc", "a.mrc")], 120.0) as made:
        for key in made.entries:
            made.save_annotations(key, made.annotations(key))
        made.save()


def read_project(folder: Path) -> None:
    """Open a project without a lock and read its annotations and candidates."""
    with Project.open(folder / "project", lock=False) as project:
        for key in project.entries:
            project.annotations(key)
            project.candidates(key)


def make_labels(folder: Path) -> None:
    """Write the labels of a run: states, picks, negatives and areas."""
    corners = polygon([(1.0, 1.0), (9.0, 1.0), (9.0, 9.0)])
    points = np.array([(5.0, 6.0), (7.5, 8.25)])
    write_labels(folder, {"a.mrc": Labels("partial", points, points + 3, (corners,), (corners,))})


READERS = {
    "mrc": image("a.mrc", lambda path, data: mrcfile.write(path, data, voxel_size=1.5)),
    "tiff": image("a.tif", tifffile.imwrite),
    "star": picks("star", "picks.star"),
    "relion": picks("relion", "job"),
    "csv": picks("csv", "picks.csv"),
    "topaz": picks("topaz", "picks.txt"),
    "box": picks("box", "box"),
    "cbox": picks("cbox", "cbox"),
    "json": picks("eman", "eman"),
    "cs": Reader(
        lambda folder: write_cs(folder / "picks.cs", CS_PICKS),
        lambda folder: read_picks(folder / "picks.cs"),
    ),
    "group": Reader(
        lambda folder: [
            write_cs(folder / "picks.cs", CS_PICKS),
            (folder / "picks.csg").write_bytes(CS_GROUP),
        ],
        lambda folder: read_picks(folder / "picks.csg"),
    ),
    "cistem": Reader(
        lambda folder: (folder / "a.star").write_bytes(CISTEM_STAR),
        lambda folder: read_picks(folder / "a.star"),
    ),
    "exposures": micrographs("all.cs", lambda path: write_cs(path, CS_EXPOSURES)),
    "micrographs": micrographs("all.star", lambda path: path.write_bytes(EXPOSURES_STAR)),
    "model": Reader(
        lambda folder: save_model(
            folder / "model.safetensors", Model({"w": np.ones((2, 3), np.float32)}, {"a": 1})
        ),
        lambda folder: load_model(folder / "model.safetensors"),
    ),
    "project": Reader(make_project, read_project),
    "labels": Reader(make_labels, read_labels),
}


def bound_memory() -> None:
    """Let this process take no more than `MEMORY` from now on."""
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY,) * 2)


def fuzz(name: str, seconds: float, first: int) -> tuple[int, str]:
    """Try damaged files on a reader; return how many, and the failure or ""."""
    reader = READERS[name]
    tried, started, smallest = 0, time.monotonic(), Files()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        reader.make(folder)
        whole = {f: f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}
        reader.read(folder)  # undamaged, it is read

        @settings(
            max_examples=ROUND,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        )
        @given(st.sampled_from(sorted(whole)), EDITS)
        def once(file: Path, edits: list[tuple[str, tuple[int, int], bytes]]) -> None:
            nonlocal tried
            tried += 1
            content = damaged(whole[file], edits)
            file.write_bytes(content)
            try:
                reader.read(folder)
            except UnetPickError as error:
                if not str(error).strip():
                    raise AssertionError("an error without a word") from error
            except BaseException:
                smallest.clear()
                smallest[str(file.relative_to(folder))] = content
                raise
            finally:
                file.write_bytes(whole[file])

        number = first
        while time.monotonic() - started < seconds:
            try:
                seed(number)(once)()
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    raise
                return tried, keep(name, smallest, error)
            number += 1
    return tried, ""


def keep(name: str, files: Files, error: BaseException) -> str:
    """Write the file that did it; return its name and the end of the traceback."""
    folder = Path(f"fuzz-{name}")
    for relative, content in files.items():
        (folder / relative).parent.mkdir(parents=True, exist_ok=True)
        (folder / relative).write_bytes(content)
    where = "".join(traceback.format_exception(error)[-12:])
    return f"{folder}/{next(iter(files), '')}\n{where}"


def main() -> int:
    """Fuzz the readers named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("readers", nargs="*", help="default: all")
    parser.add_argument("--seconds", type=float, default=5.0, help="for each reader")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    if unknown := set(options.readers) - set(READERS):
        parser.error(f"no such reader: {', '.join(sorted(unknown))}; one of {', '.join(READERS)}")
    if options.list:
        print("\n".join(READERS))
        return 0
    bound_memory()
    logging.disable()  # tifffile's
    worst = 0
    for name in options.readers or READERS:
        tried, failure = fuzz(name, options.seconds, options.seed)
        print(f"{name}: {tried:,} files, " + (f"FAILED on {failure}" if failure else "no surprise"))
        worst = max(worst, bool(failure))
    print(f"seed {options.seed}")
    return worst


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    sys.exit(main())
