"""RELION's own rules: its versions, where it looks for a pick file, and how it writes a command."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.io.formats.relion_suffix import pick_file
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.picks import Picks
from napari_unetpick.io.star import read_star
from napari_unetpick.relion.command import job_folder_of, plain_options
from napari_unetpick.relion.names import Named, pick_files, picked_as
from napari_unetpick.relion.output import write_output
from napari_unetpick.relion.project import RelionProject, open_project, read_version

OLD_NODES = "data_pipeline_nodes\n\nloop_\n_rlnPipeLineNodeName #1\n_rlnPipeLineNodeType #2\n"
NODES = OLD_NODES.replace("NodeType ", "NodeTypeLabel ")


@pytest.mark.parametrize(
    "text, version",
    [
        (f"{OLD_NODES}Import/job001/movies.star 0\n", "3.1"),
        (f"# version 30001\n\n{OLD_NODES}", "3.1"),
        (f"# version 30001\n\n{NODES}", "4.0"),
        (f"# version 50001\n\n{NODES}", "5"),
        (f"{NODES}_rlnPipeLineNodeTypeLabelDepth #3\n", "5"),
        (f"# version 50001\n\n{NODES}Import/job001/m.star MicrographMoviesData.star.relion\n", "5"),
    ],
)
def test_the_pipeline_tells_the_version(tmp_path: Path, text: str, version: str) -> None:
    pipeline = tmp_path / "default_pipeline.star"
    pipeline.write_text(text)
    assert read_version(pipeline) == version


def test_a_pipeline_without_jobs_tells_none(tmp_path: Path) -> None:
    pipeline = tmp_path / "default_pipeline.star"
    pipeline.write_text("# version 30001\n\ndata_pipeline_general\n\n_rlnPipeLineJobCounter 1\n")
    with pytest.raises(InputError, match="RELION's version is unknown"):
        read_version(pipeline)


@pytest.mark.parametrize("job", [".", "../other/External/job004", "/elsewhere/job004"])
def test_a_job_lies_in_its_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, job: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("default_pipeline.star").write_text(NODES)
    with pytest.raises(InputError, match="is not in the RELION project"):
        open_project(Path(job))


@pytest.mark.parametrize(
    "name, file",
    [
        ("MotionCorr/job002/Movies/mic1.mrc", "Movies/mic1"),
        ("MotionCorr/job1234/Movies/mic1.mrc", "Movies/mic1"),
        ("MotionCorr/job002/raw/job005/mic1.mrc", "raw/job005/mic1"),
        ("data/MotionCorr/job002/mic1.mrc", "mic1"),
        ("job002/mic1.mrc", "job002/mic1"),  # RELION looks behind the first slash
        ("MotionCorr/job2/mic1.mrc", "MotionCorr/job2/mic1"),
        ("Micrographs/May08_03.05.02.mrc", "Micrographs/May08_03.05.02"),
        ("mic1.mrc", "mic1"),
    ],
)
def test_where_relion_looks_for_a_pick_file(name: str, file: str) -> None:
    assert pick_file(name, "_autopick.star") == f"{file}_autopick.star"


def test_a_name_that_leads_out_is_refused() -> None:
    with pytest.raises(InputError, match=r"\.\./raw/mic1\.mrc leads out of the folder"):
        pick_files(["MotionCorr/job002/../raw/mic1.mrc"], Path("m.star"))


def test_micrographs_of_one_name_are_told_apart() -> None:
    names = ["M/job002/a/mic1.mrc", "M/job002/b/mic1.mrc", "M/job002/b/mic2.mrc"]
    assert picked_as(pick_files(names, Path("m.star"))) == {
        names[0]: "a__mic1",
        names[1]: "b__mic1",
        names[2]: names[2],
    }


def test_the_list_gives_names_back_letter_by_letter(tmp_path: Path) -> None:
    names = ["Movies/a b.mrc", "Movies/épître's.mrc", 'Movies/say"so.mrc', "data_x/_mic#1.mrc"]
    files = pick_files(names, Path("m.star"))
    named = [Named(name, files[name], Micrograph(Path(name), name)) for name in names]
    project, job = RelionProject(tmp_path, "5"), Path("External/job004")
    write_output(project, job, Path("m.star"), named, {name: Picks(name) for name in names})
    [block] = read_star(tmp_path / job / "autopick.star")
    assert list(block.text("rlnMicrographName")) == names
    for file in block.text("rlnMicrographCoordinates"):
        assert (tmp_path / file).is_file()


def test_a_command_of_relion() -> None:
    words = "--o External/job004/ --in_mics m.star --keep  --max-picks 200 ----device cpu --j 4"
    assert plain_options(words.split()) == [
        *("--o", "External/job004/", "--in_mics", "m.star", "--max_picks", "200"),
        *("--device", "cpu", "--j", "4"),
    ]
    assert plain_options(["--keep", "", "--contrast=dark"]) == ["--contrast", "dark"]
    assert job_folder_of(words.split()) == Path("External/job004")
    assert job_folder_of(["--in_mics", "m.star", "--o"]) is None
    with pytest.raises(InputError, match="stray: has a space"):
        plain_options(["stray", "--o", "External/job004/"])
