"""Check our files against the programs' own readers and writers, in an environment of their own.

    python scripts/check_readers.py                        in a temporary folder, removed afterwards
    python scripts/check_readers.py --environment FOLDER   kept there, and used again

starfile, cryosparc-tools and topaz-em (GPL-3: only ever run as another program) are installed from
PyPI, with PyTorch, which Topaz imports. Each reads what is written here, and what each writes is
read here: all positions must be the same to the program's precision. Exit code 1 where one differs.
PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu takes the small PyTorch.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.export.cs_particles import name_as_exposures, read_names, write_cryosparc
from napari_unetpick.io.assign import assign_picks
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.formats.write import write_picks
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.names import micrograph_key
from napari_unetpick.io.picks import Picks

SOURCE = Path(__file__).parents[1] / "src"
SHAPE = (4092, 5760)
UID = "000000633063778279389"
THOUSANDTH, FRACTION, WHOLE = 1e-3, 1e-3, 1.0
"""Precision: three decimals; float32 fractions; Topaz and EMAN boxes keep whole pixels."""

READ_STAR = """
import json, sys, starfile
blocks = starfile.read(sys.argv[1], always_dict=True)
table = next(t for t in blocks.values() if {x!r} in getattr(t, "columns", ()))
places = {{}}
for row in table.to_dict("records"):
    shift = float(row.get("Width", 0)) / 2
    name = row.get("rlnMicrographName", sys.argv[1])
    places.setdefault(str(name), []).append([row[{x!r}] + shift, row[{y!r}] + shift])
print(json.dumps(places))
"""
WRITE_STAR = """
import json, sys, pandas, starfile
places = json.load(open(sys.argv[2]))
rows = [(n, x, y, 1) for n, each in places.items() for x, y in each]
columns = ["rlnMicrographName", "rlnCoordinateX", "rlnCoordinateY", "rlnOpticsGroup"]
optics = pandas.DataFrame({"rlnOpticsGroup": [1], "rlnMicrographPixelSize": [1.5]})
particles = pandas.DataFrame(rows, columns=columns)
starfile.write({"optics": optics, "particles": particles}, sys.argv[1])
"""
READ_CS = """
import json, sys
from cryosparc.dataset import Dataset
places = {}
for row in Dataset.load(sys.argv[1]).rows():
    ny, nx = row["location/micrograph_shape"]
    place = [row["location/center_x_frac"] * nx, row["location/center_y_frac"] * ny]
    places.setdefault(row["location/micrograph_path"], []).append([float(v) for v in place])
print(json.dumps(places))
"""
WRITE_CS = """
import json, sys
import numpy as np
from cryosparc.dataset import CSDAT_FORMAT, NUMPY_FORMAT, Dataset
rows = [(n, x, y) for n, each in json.load(open(sys.argv[2])).items() for x, y in each]
table = Dataset.allocate(len(rows), [
    ("location/micrograph_path", "O"), ("location/micrograph_shape", "u4", (2,)),
    ("location/center_x_frac", "f4"), ("location/center_y_frac", "f4")])
table["location/micrograph_path"] = np.array([n for n, _, _ in rows], "O")
table["location/micrograph_shape"] = np.full((len(rows), 2), (4092, 5760), "u4")
table["location/center_x_frac"] = np.array([x for _, x, _ in rows]) / 5760
table["location/center_y_frac"] = np.array([y for _, _, y in rows]) / 4092
table.save(sys.argv[1], format=CSDAT_FORMAT if "packed" in sys.argv[1] else NUMPY_FORMAT)
"""
TOPAZ = """
import sys
import topaz.commands.convert as command
command.main(command.add_arguments().parse_args(sys.argv[1:]))
"""
OURS = """
import json, sys
from napari_unetpick.io.formats.read import read_picks
print(json.dumps({n: p.coords[:, ::-1].tolist() for n, p in read_picks(sys.argv[1]).items()}))
"""

Places = dict[str, NDArray[np.float64]]


class Check:
    """The environment of the other programs, the planted picks, and what was compared."""

    def __init__(self, python: Path, folder: Path) -> None:
        self.python, self.folder, self.failures = python, folder, 0
        rng = np.random.default_rng(0)
        names = ("Movies/May08_03.05.02.mrc", "Movies/mic_1.mrc", "Movies/grid 2.mrc")
        edges = np.array([(0, 0), (SHAPE[0] - 1, SHAPE[1] - 1)], float)
        self.picks = {}
        for name in names:
            coords = np.concatenate([edges, rng.uniform(0, 1, (40, 2)) * SHAPE])
            self.picks[name] = Picks(name, coords, np.linspace(0.9, 0.1, len(coords)))

    def run(self, code: str, *arguments: object) -> str:
        """Run code of another program in its environment; return what it prints."""
        command = [self.python, "-c", code, *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[-1])
        return done.stdout

    def compare(self, what: str, found: Mapping[str, object], apart: float) -> None:
        """Compare places, (x, y) by micrograph as written, with those planted; say how it went."""
        read = {
            name: Picks(name, np.array(each, float).reshape(-1, 2)[:, ::-1])
            for name, each in found.items()
        }
        same = assign_picks(read, [Micrograph(Path(name), name) for name in self.picks])
        worst = 0.0
        for name, each in self.picks.items():
            other = same.get(micrograph_key(name))
            if other is None or len(other) != len(each):
                return self.fail(what, f"{0 if other is None else len(other)} picks of {name}")
            worst = max(worst, float(np.abs(other.coords - each.coords).max()))
        if worst > apart:
            return self.fail(what, f"{worst:.4f} px apart")
        count = sum(map(len, self.picks.values()))
        print(f"  {what}: {count} picks of {len(same)} micrographs, at most {worst:.4f} px apart")
        return None

    def fail(self, what: str, why: str) -> None:
        """Count a check that failed, and say why."""
        self.failures += 1
        print(f"  {what}: FAILED, {why}")

    def attempt(self, what: str, read: Callable[[], Mapping[str, object]], apart: float) -> None:
        """Compare what a reader returns; one that stops has failed."""
        try:
            found = read()
        except Exception as error:
            self.fail(what, str(error).splitlines()[0])
        else:
            self.compare(what, found, apart)

    def plan(self) -> Path:
        """Write the planted places as JSON for the other programs."""
        path = self.folder / "places.json"
        text = json.dumps({n: p.coords[:, ::-1].tolist() for n, p in self.picks.items()})
        path.write_text(text)
        return path


def ours(path: Path) -> Places:
    """Return the places that our reader finds, (x, y)."""
    return {name: each.coords[:, ::-1] for name, each in read_picks(path).items()}


def check_starfile(check: Check) -> None:
    """STAR files and .cbox, which are STAR text, against starfile."""
    star = READ_STAR.format(x="rlnCoordinateX", y="rlnCoordinateY")
    cbox = READ_STAR.format(x="CoordinateX", y="CoordinateY")
    folder = check.folder
    write_picks(check.picks, folder / "all.star", "star")
    write_picks(check.picks, folder / "job", "relion")
    write_picks(check.picks, folder / "cbox", "cbox", box_size=64)
    check.attempt(
        "reads our STAR", lambda: json.loads(check.run(star, folder / "all.star")), THOUSANDTH
    )
    for what, code, where in (("RELION files", star, "job/*pick.star"), ("cbox", cbox, "cbox/*")):
        files = [f for f in sorted(folder.glob(where)) if f.name != "autopick.star"]

        def read(code: str = code, files: list[Path] = files) -> dict[str, object]:
            parts = (json.loads(check.run(code, file)) for file in files)
            return {Path(name).stem: each for part in parts for name, each in part.items()}

        check.attempt(f"reads our {what}", read, THOUSANDTH)

    def written() -> Places:
        check.run(WRITE_STAR, folder / "theirs.star", check.plan())
        return ours(folder / "theirs.star")

    check.attempt("writes a STAR with optics that is read here", written, THOUSANDTH)


def check_cryosparc(check: Check) -> None:
    """.cs files of both kinds, against cryosparc-tools."""
    folder = check.folder
    names = [f">J3/{UID}_{micrograph_key(name)}_patch_aligned.mrc" for name in check.picks]
    kinds = [
        ("uid", "u8"),
        ("micrograph_blob/path", "S99"),
        ("micrograph_blob/shape", "u4", (2,)),
        ("micrograph_blob/psize_A", "f4"),
    ]
    table = np.zeros(len(names), kinds)
    table["uid"], table["micrograph_blob/path"] = np.arange(len(names)) + 1, names
    table["micrograph_blob/shape"], table["micrograph_blob/psize_A"] = SHAPE, 1.5
    with open(folder / "exposures.cs", "wb") as file:
        np.save(file, table)
    listed = read_names(folder / "exposures.cs")
    named = name_as_exposures(check.picks, listed, {})
    write_cryosparc(folder / "ours.cs", list(named.values()), listed)
    check.attempt(
        "reads our .cs", lambda: json.loads(check.run(READ_CS, folder / "ours.cs")), FRACTION
    )
    for name in ("theirs.cs", "packed.cs"):
        what = f"writes a .cs that is read here{' (CSDAT)' * (name == 'packed.cs')}"

        def written(name: str = name) -> dict[str, object]:
            check.run(WRITE_CS, folder / name, check.plan())
            found: dict[str, object] = json.loads(check.run(OURS, folder / name))
            return found

        check.attempt(what, written, FRACTION)


def check_topaz(check: Check) -> None:
    """Topaz text, STAR, .box and EMAN2's JSON, against `topaz convert`."""
    folder = check.folder
    # Topaz splits its STAR rows at blanks whatever the quotes, as it says nowhere
    check.picks = {name: each for name, each in check.picks.items() if " " not in name}
    write_picks(check.picks, folder / "ours.txt", "topaz")
    plain = {n: Picks(Path(n).name, p.coords, p.scores) for n, p in check.picks.items()}
    write_picks(plain, folder / "plain.star", "star")
    write_picks(check.picks, folder / "boxes", "box", box_size=64)

    def convert(out: str, *sources: Path, to: str = "coord") -> Places:
        target = folder / out
        if to in ("box", "json"):
            target.mkdir()
        check.run(TOPAZ, *sources, "--to", to, "--boxsize", 64, "-o", target)
        return ours(target)

    text = folder / "ours.txt"
    check.attempt("reads our text, writes text", lambda: convert("1.txt", text), THOUSANDTH)
    star = folder / "plain.star"
    check.attempt("reads our STAR, writes text", lambda: convert("2.txt", star), WHOLE)
    boxes = sorted((folder / "boxes").iterdir())
    check.attempt("reads our boxes, writes text", lambda: convert("3.txt", *boxes), WHOLE)
    for to in ("star", "box", "json"):
        what = f"reads our text, writes {to} that is read here"
        check.attempt(what, lambda to=to: convert(f"4.{to}", text, to=to), WHOLE)


PROGRAMS: dict[str, tuple[list[str], Callable[[Check], None]]] = {
    "starfile": (["starfile"], check_starfile),
    "cryosparc-tools": (["cryosparc-tools"], check_cryosparc),
    "topaz-em": (["--no-deps", "topaz-em"], check_topaz),
}
FOR_TOPAZ = ["pandas", "pillow", f"torch=={version('torch').partition('+')[0]}"]


def make_environment(folder: Path) -> Path:
    """Make a virtual environment, if it is not there; return its interpreter."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    return python


def install(python: Path, *packages: str) -> str:
    """Install packages; return what pip says where that fails."""
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
    done = subprocess.run(
        [python, "-m", "pip", "install", *quiet, *packages], capture_output=True, text=True
    )
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["failed"])[-1]


def main() -> int:
    """Check each program in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--environment", type=Path, help="kept and used again")
    options = parser.parse_args()
    failures = 0
    with tempfile.TemporaryDirectory(prefix="unetpick-readers-") as scratch:
        python = make_environment(options.environment or Path(scratch) / "environment")
        for name, (packages, check_program) in PROGRAMS.items():
            wanting = install(python, *FOR_TOPAZ) if name == "topaz-em" else ""
            if why := wanting or install(python, *packages):
                print(f"{name}: cannot be installed, not checked ({why})")
                continue
            show = f"from importlib.metadata import version; print(version({name!r}))"
            folder = Path(scratch) / name
            folder.mkdir()
            check = Check(python, folder)
            print(f"{name} {check.run(show).strip()}")
            check_program(check)
            failures += check.failures
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
