"""RELION 3.1 itself, where it is installed (Debian's package `relion`): it takes what we write."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import mrcfile
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray
from relion_project import JOB, NAMES, STAR, Project, as_relion

from napari_unetpick.io.formats.relion_list import write_autopick
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.picks import Picks
from napari_unetpick.io.star import quote, read_star
from napari_unetpick.relion.names import Named, pick_files
from napari_unetpick.relion.output import write_output
from napari_unetpick.relion.project import open_project

pytestmark = pytest.mark.skipif(
    shutil.which("relion_preprocess") is None,
    reason="no RELION here: on Debian or Ubuntu, apt-get install relion",
)
SHAPE = (300, 420)  # not square
BOX, SIGMA = 40, 3.0
JOBS = """
# version 30001

data_job

_rlnJobType                            99
_rlnJobIsContinue                       0


# version 30001

data_joboptions_values

loop_
_rlnJobOptionVariable #1
_rlnJobOptionValue #2
fn_exe "{command}"
in_mic {star}
param1_label diameter
param1_value 280
param2_label threshold
param2_value 0.5
param3_label contrast
param3_value dark
param4_label keep
param4_value ""
nr_threads 1
do_queue No
"""


def places(seed: int) -> NDArray[np.float64]:
    """Centres (row, col) with fractions, some of them so near the edge that a box crosses it."""
    rng = np.random.default_rng(seed)
    found = [np.array([9.3, 200.7]), np.array([150.4, 411.2])]
    for place in rng.uniform(6, np.array(SHAPE) - 6, (200, 2)):
        if all(np.hypot(*(place - other)) > 1.5 * BOX for other in found):
            found.append(place)
    return np.array(found[:12])


def draw(path: Path, centres: NDArray[np.float64]) -> None:
    """Write bright spots, of which each box shows where its particle is."""
    rows, cols = np.mgrid[: SHAPE[0], : SHAPE[1]]
    image = sum(
        np.exp(-((rows - row) ** 2 + (cols - col) ** 2) / (2 * SIGMA**2)) for row, col in centres
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with mrcfile.new(path, np.asarray(image, np.float32)) as file:
        file.voxel_size = 4.0


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = Project(tmp_path)
    made.write_pipeline("3.1")
    monkeypatch.chdir(tmp_path)
    return made


def relion(*words: object, timeout: float = 300) -> str:
    done = subprocess.run(
        list(map(str, words)),
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def extract(ending: str = "_autopick.star") -> Path:
    """Extract particles as RELION's GUI would, and return their STAR."""
    particles = Path("Extract/job005/particles.star")
    relion(
        *("relion_preprocess", "--i", STAR, "--coord_dir", f"{JOB}/", "--coord_suffix", ending),
        *("--part_star", particles, "--part_dir", "Extract/job005/"),
        *("--extract", "--extract_size", BOX),
    )
    return particles


def offsets(particles: Path) -> NDArray[np.float64]:
    """How far each extracted particle is from pixel BOX / 2, RELION's centre, (N, 2) (row, col).

    What is beyond the edge is repeated pixels, so that the brightest one is looked for, not the
    centre of mass.
    """
    table = next(block for block in read_star(particles) if "rlnImageName" in block)
    found = []
    for name in table.text("rlnImageName"):
        number, _, stack = name.partition("@")
        with mrcfile.mmap(stack, permissive=True) as file:
            image = file.data[int(number) - 1]
        found.append(np.array(np.unravel_index(image.argmax(), image.shape)) - BOX / 2)
    return np.array(found)


def left_over(truth: Iterable[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return where the brightest pixel is, from the whole pixel that RELION cuts fractions to."""
    places = np.concatenate(list(truth))
    return np.rint(places) - np.floor(places)


def groups_and_names(particles: Path) -> tuple[list[str], list[str]]:
    table = next(block for block in read_star(particles) if "rlnImageName" in block)
    return list(table.text("rlnOpticsGroup")), list(table.text("rlnMicrographName"))


def test_extract_finds_every_micrograph_and_centres_every_particle(project: Project) -> None:
    names = [
        *NAMES,
        "MotionCorr/job002/Movies/b/mic1.mrc",
        "Micrographs/May08_03.05.02.mrc",
        "MotionCorr/job002/Movies/with a space.mrc",
        "MotionCorr/job002/Movies/without_picks.mrc",
    ]
    truth = {name: places(seed) for seed, name in enumerate(names)}
    for name, centres in truth.items():
        draw(project.folder / name, centres)
    truth[names[-1]] = np.empty((0, 2))
    project.list_micrographs({quote(name): 1 + n % 2 for n, name in enumerate(names)})
    files = pick_files(names, Path(STAR))
    named = [Named(name, files[name], Micrograph(Path(name), name)) for name in names]
    picks = {name: Picks(name, centres) for name, centres in truth.items()}
    write_output(open_project(Path(JOB)), Path(JOB), Path(STAR), named, picks)
    particles = extract()
    groups, found = groups_and_names(particles)
    assert {name: found.count(name) for name in names} == {**dict.fromkeys(names, 12), names[-1]: 0}
    assert set(groups) == {"1", "2"}
    assert_array_equal(offsets(particles), left_over(truth.values()))


def test_the_export_of_pick_and_convert_is_extracted_too(project: Project) -> None:
    """Their files lie in one folder, where RELION 3.1 looks for micrographs without folders."""
    truth = {f"mic{number}.mrc": places(number) for number in (1, 2)}
    for name, centres in truth.items():
        draw(project.folder / name, centres)
    project.list_micrographs(dict.fromkeys(truth, 1))
    write_autopick(Path(JOB), [Picks(name, centres) for name, centres in truth.items()])
    particles = extract()
    _, found = groups_and_names(particles)
    assert len(found) == 24
    assert_array_equal(offsets(particles), left_over(truth.values()))


@pytest.mark.slow
def test_relion_starts_the_job_and_takes_its_output(project: Project, tmp_path: Path) -> None:
    """RELION's own pipeliner writes the command, waits for its end and reads the output node."""
    if "version: 3.1" not in relion("relion_pipeliner", "--version"):
        pytest.skip("the pipeline here is RELION 3.1's")
    if " " in sys.executable:
        pytest.skip("RELION does not quote the path of Python, which has a space")
    from napari_unetpick.simulate.samples import get_sample
    from napari_unetpick.simulate.write import simulate_set

    for _ in simulate_set(get_sample("ribosome"), tmp_path / "set", 2, seed=3, shape=(448, 640)):
        pass
    for name, file in zip(NAMES, sorted((tmp_path / "set").glob("*.mrc")), strict=True):
        (project.folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, project.folder / name)
    project.list_micrographs(dict.fromkeys(NAMES, 1))
    command = f"{sys.executable} -m napari_unetpick relion-job"
    (tmp_path / "job.star").write_text(as_relion(JOBS.format(command=command, star=STAR)))
    relion("relion_pipeliner", "--addJobFromStar", tmp_path / "job.star")
    relion(
        *("relion_pipeliner", "--schedule", "picking", "--RunJobs", f"{JOB}/"),
        *("--sec_wait_after", "1"),
    )
    assert project.ends() == ["RELION_JOB_EXIT_SUCCESS"]
    assert (project.job / "run.err").read_text() == ""
    assert "picking: 2/2" in (project.job / "run.out").read_text()
    blocks = {block.name: block for block in read_star(Path("default_pipeline.star"))}
    jobs = blocks["pipeline_processes"]
    ends = dict(
        zip(jobs.text("rlnPipeLineProcessName"), jobs.text("rlnPipeLineProcessStatus"), strict=True)
    )
    assert ends[f"{JOB}/"] == "2"  # finished
    nodes = blocks["pipeline_nodes"]
    kinds = dict(
        zip(nodes.text("rlnPipeLineNodeName"), nodes.text("rlnPipeLineNodeType"), strict=True)
    )
    assert kinds[f"{JOB}/coords_suffix_autopick.star"] == "2"  # coordinates of micrographs
    assert set(groups_and_names(extract())[1]) == {*NAMES}
