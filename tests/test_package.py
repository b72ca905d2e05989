"""The package as users get it: an sdist, the wheel made of it, and picks with that wheel alone."""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from napari_unetpick.evaluation.matching import match_particles
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.version import __version__

pytest.importorskip("hatchling")
REPOSITORY = Path(__file__).parent.parent
SOURCE = REPOSITORY / "src"


def run(*command: object, folder: Path, path: Path | None = None) -> str:
    """Run Python in a folder, with the package from `path`, and return what it prints."""
    environment = {**os.environ, "PYTHONPATH": str(path or "")}
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the sdist of this tree unpacks to."""
    out = tmp_path_factory.mktemp("sdist")
    run("-m", "hatchling", "build", "-t", "sdist", "-d", out, folder=REPOSITORY)
    (file,) = out.glob("*.tar.gz")
    with tarfile.open(file) as archive:
        archive.extractall(out, filter="data")
    return out / f"napari_unetpick-{__version__}"


@pytest.fixture(scope="module")
def wheel(sdist: Path) -> Path:
    """The wheel that is built of it."""
    run("-m", "hatchling", "build", "-t", "wheel", "-d", sdist.parent, folder=sdist)
    (file,) = sdist.parent.glob("*.whl")
    return file


def package_files() -> set[str]:
    """Return the files of the package in this tree."""
    files = (file for file in SOURCE.rglob("*") if file.is_file())
    return {str(file.relative_to(SOURCE)) for file in files if file.suffix != ".pyc"}


def test_the_sdist_holds_the_package_and_no_data_of_tests(sdist: Path) -> None:
    held = {str(file.relative_to(sdist)) for file in sdist.rglob("*") if file.is_file()}
    named = {"PKG-INFO", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff"}
    assert held - {".gitignore"} == named | {f"src/{name}" for name in package_files()}


def test_the_wheel_holds_every_file_of_the_package_and_says_what_it_offers(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        info = f"napari_unetpick-{__version__}.dist-info"
        offers = configparser.ConfigParser(delimiters="=")
        offers.read_string(archive.read(f"{info}/entry_points.txt").decode())
    assert held == package_files()
    needed = {"napari.yaml", "py.typed", "models/general.safetensors"}
    assert {f"napari_unetpick/{name}" for name in needed} <= held
    assert offers["console_scripts"]["unetpick"] == "napari_unetpick.__main__:main"
    assert offers["napari.manifest"]["napari-unetpick"] == "napari_unetpick:napari.yaml"


@pytest.mark.slow
def test_the_wheel_alone_simulates_and_picks(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "site"
    pip = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", place)
    run(*pip, wheel, folder=tmp_path)
    where = run("-c", "import napari_unetpick as n; print(n.__file__)", folder=tmp_path, path=place)
    assert Path(where.strip()).is_relative_to(place)  # not the source of this repository
    unetpick = ("-m", "napari_unetpick")
    assert run(*unetpick, "--version", folder=tmp_path, path=place).strip() == __version__
    size = ("--count", "1", "--size", "512")
    run(*unetpick, "simulate", "data", "--sample", "ribosome", *size, folder=tmp_path, path=place)
    known = ("--diameter", "270", "--contrast", "dark", "--device", "cpu")
    run(*unetpick, "pick", "data", "--out", "picked", *known, folder=tmp_path, path=place)
    (true,) = read_picks(tmp_path / "data" / "picks.csv").values()
    (picks,) = read_picks(tmp_path / "picked" / "picks.csv").values()
    assert true.diameters is not None
    found = match_particles(picks.coords, true.coords, 0.5 * true.diameters) >= 0
    assert found.sum() > 0.5 * len(true)
    assert found.mean() > 0.5
