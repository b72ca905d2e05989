"""`unetpick relion-job` as RELION 3.1, 4.0 and 5 start it: each end is the one RELION expects."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import mrcfile
import numpy as np
import pytest
from command_line import unetpick
from numpy.typing import NDArray
from relion_project import DIAMETER, JOB, NAMES, STAR, Project, command
from scipy.ndimage import zoom
from scipy.spatial import KDTree

from napari_unetpick.export.pick_folder import PickFolder
from napari_unetpick.io.atomic import explain_os_error
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.star import read_star

LISTS = {"3.1": "coords_suffix_autopick.star", "4.0": "autopick.star", "5": "autopick.star"}
NODES = {
    "3.1": "_rlnPipeLineNodeType #2\nExternal/job004/coords_suffix_autopick.star 2\n",
    "4.0": "_rlnPipeLineNodeTypeLabel #2\n"
    "External/job004/autopick.star MicrographsCoords.star.relion.autopick\n",
    "5": "_rlnPipeLineNodeTypeLabel #2\n"
    "External/job004/autopick.star MicrographCoordsGroup.star.relion.autopick\n",
}
SUCCESS, FAILURE, ABORTED = (f"RELION_JOB_EXIT_{end}" for end in ("SUCCESS", "FAILURE", "ABORTED"))
KILLED = """
import os, signal, sys
from napari_unetpick.__main__ import main
from napari_unetpick.export.pick_folder import PickFolder
from napari_unetpick.io.atomic import explain_os_error
add = PickFolder.add
def add_and_die(*arguments):
    add(*arguments)
    os.kill(os.getpid(), signal.SIGNAL)
PickFolder.add = add_and_die
main()
"""


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from napari_unetpick.simulate.samples import get_sample
    from napari_unetpick.simulate.write import simulate_set

    folder = tmp_path_factory.mktemp("simulated")
    for _ in simulate_set(get_sample("ribosome"), folder, 2, seed=3, shape=(448, 640)):
        pass
    return folder


@pytest.fixture
def project(simulated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = Project(tmp_path)
    for name, file in zip(NAMES, sorted(simulated.glob("*.mrc")), strict=True):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, tmp_path / name)
    made.write_pipeline("5")
    made.list_micrographs(dict.fromkeys(NAMES, 1))
    made.job.mkdir(parents=True)  # as RELION does
    monkeypatch.chdir(tmp_path)
    return made


@pytest.fixture(scope="module")
def truth(simulated: Path) -> list[NDArray[np.float64]]:
    return [each.coords for _, each in sorted(read_picks(simulated / "picks.csv").items())]


def recall(truth: NDArray[np.float64], found: NDArray[np.float64], radius: float) -> float:
    return float((KDTree(found).query(truth)[0] < radius).mean())


@pytest.mark.parametrize("version", ["3.1", "4.0", "5"])
def test_a_job_ends_as_its_version_of_relion_expects(
    project: Project, truth: list[NDArray[np.float64]], version: str
) -> None:
    project.write_pipeline(version)
    done = unetpick(*command("--pipeline_control", f"{JOB}/"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "picking: 2/2" in done.stdout
    assert project.ends() == [SUCCESS]
    nodes = (project.job / "RELION_OUTPUT_NODES.star").read_text()
    assert nodes == "data_output_nodes\n\nloop_\n_rlnPipeLineNodeName #1\n" + NODES[version]
    list_file = project.job / LISTS[version]
    assert [file.name for file in project.job.glob("*.star") if file != list_file] == [
        "RELION_OUTPUT_NODES.star"
    ]
    if version == "3.1":
        assert list_file.read_text() == f"{STAR}\n"
    else:
        [block] = read_star(list_file)
        assert block.text("rlnMicrographName") == NAMES
        files = [f"{JOB}/Movies/mic{number}_autopick.star" for number in (1, 2)]
        assert list(block.text("rlnMicrographCoordinates")) == files
    picks = read_picks(list_file)
    assert list(picks) == list(NAMES)
    for name, true in zip(NAMES, truth, strict=True):
        assert recall(true, picks[name].coords, 0.25 * DIAMETER / 4.0) > 0.8


def test_stopped_by_relion_and_continued(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    assert unetpick(*command()).returncode == 0
    undisturbed = {p.name: p.read_bytes() for p in project.job.rglob("*.star")}
    shutil.rmtree(project.job)
    add = PickFolder.add

    def add_and_stop(*arguments: object) -> None:
        add(*arguments)  # type: ignore[arg-type]
        (project.job / "RELION_JOB_ABORT_NOW").touch()

    with monkeypatch.context() as patch:
        patch.setattr(PickFolder, "add", add_and_stop)
        stopped = unetpick(*command())
    assert stopped.returncode == 130
    assert stopped.stderr.count("\n") == 1
    assert "1 of 2 micrographs done" in stopped.stderr
    assert "continue the job for the rest" in stopped.stderr
    assert project.ends() == [ABORTED]
    (project.job / "RELION_JOB_ABORT_NOW").touch()  # left by a click that came too late
    again = unetpick(*command())
    assert (again.returncode, again.stderr) == (0, "")
    assert "1 of 2 micrographs picked before" in again.stdout
    assert project.ends() == [SUCCESS]
    assert {p.name: p.read_bytes() for p in project.job.rglob("*.star")} == undisturbed


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, code, ends",
    [("SIGKILL", -9, []), ("SIGTERM", 143, [ABORTED]), ("SIGHUP", 129, [ABORTED])],
)
def test_killed_and_continued(project: Project, name: str, code: int, ends: list[str]) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED.replace("SIGNAL", name), *command()],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert killed.returncode == code, killed.stderr
    assert project.ends() == ends
    if ends:
        assert "1 of 2 micrographs done" in killed.stderr.splitlines()[-1]
    again = unetpick(*command())
    assert again.returncode == 0, again.stderr
    assert "1 of 2 micrographs picked before" in again.stdout
    assert project.ends() == [SUCCESS]
    assert list(read_picks(project.job / "autopick.star")) == list(NAMES)


def refused(project: Project, *words: str) -> str:
    """Run a command that cannot be, and return its one line."""
    done = unetpick(*words)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert project.ends() == [FAILURE]
    assert [file.name for file in project.job.iterdir()] == [FAILURE]
    return done.stderr


def test_a_missing_list_and_a_missing_micrograph(project: Project) -> None:
    (project.folder / NAMES[1]).unlink()
    line = refused(project, *command())
    assert f"1 of 2 micrographs cannot be found in the RELION project {project.folder}" in line
    assert f"(such as {NAMES[1]})" in line
    (project.folder / STAR).unlink()
    assert f"{STAR}: no such file" in refused(project, *command())


def test_names_that_do_not_start_in_the_project(project: Project) -> None:
    """They are found from the STAR, but Extract would look from the project."""
    star = project.folder / STAR
    star.write_text(star.read_text().replace("MotionCorr/job002/", ""))
    shutil.copytree(project.folder / "MotionCorr/job002/Movies", star.parent / "Movies")
    assert "2 of 2 micrographs cannot be found" in refused(project, *command())


@pytest.mark.parametrize(
    "words, says",
    [
        ("--in_mics my micrographs.star", "--in_mics my micrographs.star: has a space"),
        ("--model my runs/run1", "--model my runs/run1: has a space"),
        ("--in_movies movies.star", "leave 'Input movies' empty"),
        ("--thresold 0.5", "no such option: --thresold"),
        ("--threshold high", "give auto or a score from 0 to 1"),
        ("--j some", "invalid value for '--j'"),
        ("--device tpu", "device 'tpu' is not known"),
        ("--model none.safetensors", "no such model"),
    ],
)
def test_a_wrong_field_is_one_line_and_a_failure(project: Project, words: str, says: str) -> None:
    assert says in refused(project, *command(), *words.split())


def test_not_in_the_project_folder(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    (project.folder / "default_pipeline.star").unlink()
    assert "is not a RELION project" in refused(project, *command())


def test_two_optics_groups(project: Project, truth: list[NDArray[np.float64]]) -> None:
    """The second camera's pixels are smaller, which only its optics group says."""
    with mrcfile.open(project.folder / NAMES[1], "r+") as file:
        file.set_data(zoom(file.data, 1.25, order=1))
    project.list_micrographs({NAMES[0]: 1, NAMES[1]: 2}, second=3.2)
    done = unetpick(*command())
    assert (done.returncode, done.stderr) == (0, "")
    picks = read_picks(project.job / "autopick.star")
    for name, size, true in zip(NAMES, (4.0, 3.2), truth, strict=True):
        assert recall(true * 4.0 / size, picks[name].coords, 0.25 * DIAMETER / size) > 0.8


def test_one_name_in_two_folders(project: Project, truth: list[NDArray[np.float64]]) -> None:
    names = ["MotionCorr/job002/Movies/a/mic.mrc", "MotionCorr/job002/Movies/b/mic.mrc"]
    for old, new in zip(NAMES, names, strict=True):
        (project.folder / new).parent.mkdir()
        (project.folder / old).rename(new)
    project.list_micrographs(dict.fromkeys(names, 1))
    done = unetpick(*command())
    assert (done.returncode, done.stderr) == (0, "")
    [block] = read_star(project.job / "autopick.star")
    assert list(block.text("rlnMicrographName")) == names
    for folder, true in zip("ab", truth, strict=True):
        own = read_picks(project.job / f"Movies/{folder}/mic_autopick.star")["mic"]
        assert recall(true, own.coords, 0.25 * DIAMETER / 4.0) > 0.8


def test_one_pick_file_for_two_micrographs(project: Project) -> None:
    other = NAMES[0].replace("job002", "job009")
    (project.folder / other).parent.mkdir(parents=True)
    shutil.copy(NAMES[1], other)
    project.list_micrographs({NAMES[0]: 1, other: 1})
    line = refused(project, *command())
    assert f"one pick file, Movies/mic1_autopick.star, for {NAMES[0]} and {other}" in line


def test_a_damaged_micrograph_is_left_out_and_named(project: Project) -> None:
    (project.folder / NAMES[1]).write_bytes(b"damaged")
    done = unetpick(*command())
    assert done.returncode == 3
    assert f"1 micrograph failed: {NAMES[1]}" in done.stderr
    assert project.ends() == [SUCCESS]
    [block] = read_star(project.job / "autopick.star")
    assert block.text("rlnMicrographName") == NAMES[:1]


def test_a_continued_job_ends_once(project: Project) -> None:
    """RELION looks for the success first."""
    assert unetpick(*command()).returncode == 0
    assert "no such option" in unetpick(*command("--treshold", "0.4")).stderr
    assert project.ends() == [FAILURE]
    assert unetpick(*command()).returncode == 0
    assert project.ends() == [SUCCESS]


def test_a_mistyped_folder_is_not_made(project: Project) -> None:
    words = command()
    words[2] = "External/jbo004/"
    assert unetpick(*words, "--treshold", "0.4").returncode == 2
    assert not (project.folder / "External/jbo004").exists()


def test_no_picks_are_a_success_too(project: Project) -> None:
    done = unetpick(*[word.replace("0.5", "1") for word in command()])
    assert done.returncode == 0
    assert "warning: no picks" in done.stderr
    assert project.ends() == [SUCCESS]
    picks = read_picks(project.job / "autopick.star")
    assert {name: len(each) for name, each in picks.items()} == dict.fromkeys(NAMES, 0)


def test_a_full_disk_fails_and_is_continued(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(path: Path, picks: object) -> None:
        raise explain_os_error(OSError(errno.ENOSPC, "No space left on device"), path)

    with monkeypatch.context() as patch:
        patch.setattr("napari_unetpick.relion.output.write_star", write)
        full = unetpick(*command())
    assert full.returncode == 2
    assert full.stderr.count("\n") == 1
    assert "no space left on the disk" in full.stderr
    assert project.ends() == [FAILURE]
    assert unetpick(*command()).returncode == 0
    assert project.ends() == [SUCCESS]


def test_continued_with_another_value(project: Project) -> None:
    assert unetpick(*command()).returncode == 0
    other = unetpick(*[word.replace("0.5", "0.6") for word in command()])
    assert other.returncode == 2
    assert unetpick(*command(), "--keep", "most").returncode == 2
    assert "threshold (0.5, now 0.6); give the same ones, or run a new job" in other.stderr
    assert project.ends() == [FAILURE]
