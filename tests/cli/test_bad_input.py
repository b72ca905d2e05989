"""Bad input: exit code 2, one line that names the culprit, no traceback, nothing half-written."""

from __future__ import annotations

import errno
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import mrcfile
import numpy as np
import pytest
import typer.main
from command_line import TinySet, unetpick

from napari_unetpick.cli import app
from napari_unetpick.errors import EngineError
from napari_unetpick.io.atomic import atomic_path


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Assert that a command was refused in one line that holds `words`."""
    assert done.returncode == 2, (done.returncode, done.stderr)
    assert "Traceback" not in done.stderr
    last = [line for line in done.stderr.splitlines() if line.startswith("unetpick:")]
    assert len(last) == 1, done.stderr
    for word in words:
        assert word in last[0], (word, last[0])


def write_mrc(path: Path, data: np.ndarray, pixel_size: float = 4.0) -> Path:
    with mrcfile.new(path, overwrite=True) as mrc:
        mrc.set_data(data)
        mrc.voxel_size = pixel_size
    return path


def required() -> Iterator[tuple[str, list[str]]]:
    """Yield what each command requires, by name, and a command line that lacks it."""
    commands = dict(typer.main.get_command(app).commands)
    for name, command in commands.pop("benchmark").commands.items():
        commands[f"benchmark {name}"] = command
    for name, command in commands.items():
        needed = [param for param in command.params if param.required]
        places = [param for param in needed if param.param_type_name == "argument"]
        for param in needed:
            given = places[: places.index(param)] if param in places else places
            words = ["x"] * len(given)
            for option in needed:
                if option not in (*places, param):
                    words += [option.opts[0], "1"]
            yield param.metavar if param in places else param.opts[0], [*name.split(), *words]


@pytest.mark.parametrize(
    "name, arguments", list(required()), ids=lambda each: each if isinstance(each, str) else each[0]
)
def test_each_required_argument_and_option_is_asked_for_in_one_line(
    name: str, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)  # an External job of RELION says there that it failed
    done = unetpick(*arguments)
    refused(done, "missing", name, "-h")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["tran"], ["no such command 'tran'", "'train'"]),
        (["pick", "x", "--outt", "y"], ["--outt", "--out"]),
        (["pick", "x", "--out"], ["--out", "requires an argument"]),
        (["simulate", "x", "--count", "many"], ["--count", "see unetpick simulate -h"]),
    ],
)
def test_arguments_that_cannot_be_read_are_one_line(arguments: list[str], words: list[str]):
    done = unetpick(*arguments)
    refused(done, *words)
    assert len(done.stderr.splitlines()) == 1


def test_torchrun_starts_train_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "planted")
    refused(unetpick("pick", "x", "--out", "y"), "torchrun", "pick", "train")


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(512, 512)).astype(np.float32)


def make_truncated(path: Path, noise: np.ndarray) -> None:
    write_mrc(path, noise)
    path.write_bytes(path.read_bytes()[:-1000])


def make_empty(path: Path, noise: np.ndarray) -> None:
    path.write_bytes(b"")


def make_xml(path: Path, noise: np.ndarray) -> None:
    path.write_text("<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>" * 40)


def make_nan(path: Path, noise: np.ndarray) -> None:
    write_mrc(path, np.full_like(noise, np.nan))


def make_constant(path: Path, noise: np.ndarray) -> None:
    write_mrc(path, np.ones_like(noise))


def make_movie(path: Path, noise: np.ndarray) -> None:
    write_mrc(path, np.stack([noise, noise, noise]))


def make_complex(path: Path, noise: np.ndarray) -> None:
    write_mrc(path, noise.astype(np.complex64))


def make_no_pixel_size(path: Path, noise: np.ndarray) -> None:
    write_mrc(path, noise, 0)


def make_absurd_pixel_size(path: Path, noise: np.ndarray) -> None:
    write_mrc(path, noise, 4000)


BAD_MICROGRAPHS = {
    "truncated": (make_truncated, "bytes"),
    "zero-byte": (make_empty, "empty"),
    "xml": (make_xml, "XML"),
    "nan": (make_nan, "finite"),
    "constant": (make_constant, "every pixel"),
    "movie": (make_movie, "movie"),
    "complex": (make_complex, "complex"),
    "no-pixel-size": (make_no_pixel_size, "--pixel-size"),
    "absurd-pixel-size": (make_absurd_pixel_size, "--pixel-size"),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", BAD_MICROGRAPHS)
def test_a_bad_micrograph_is_named(kind: str, tiny_run: Path, tmp_path: Path, noise: np.ndarray):
    make, word = BAD_MICROGRAPHS[kind]
    make(tmp_path / "culprit.mrc", noise)
    out = tmp_path / "out"
    done = unetpick("pick", tmp_path / "culprit.mrc", "--model", tiny_run, "--out", out)
    refused(done, "culprit.mrc", word)
    assert not out.exists()


def test_one_bad_micrograph_among_others_is_listed_and_the_rest_is_picked(
    tiny: TinySet, tiny_run: Path, tmp_path: Path
):
    folder = tmp_path / "mics"
    folder.mkdir()
    good = sorted(tiny.folder.glob("*.mrc"))[:2]
    for path in good:
        shutil.copy(path, folder)
    make_xml(folder / "culprit.mrc", np.empty(0))
    out = tmp_path / "out"
    done = unetpick("pick", folder, "--model", tiny_run, "--out", out)
    assert done.returncode == 3, done.stderr
    assert "culprit" in done.stderr
    assert {p.name for p in out.glob("*_autopick.star")} == {
        f"{path.stem}_autopick.star" for path in good
    }


@pytest.mark.parametrize("diameter", ["0", "-50", "nan", "1e9", "15", "4000"])
def test_a_diameter_that_cannot_be(tiny: TinySet, tmp_path: Path, diameter: str):
    arguments = [diameter if a == str(tiny.diameter) else a for a in tiny.train]
    refused(unetpick(*arguments, "--run", tmp_path / "run"), "diameter")
    assert not (tmp_path / "run" / "model.safetensors").exists()


@pytest.mark.parametrize("size", ["0", "-1", "1000", "nan"])
def test_a_pixel_size_that_cannot_be(tiny: TinySet, tmp_path: Path, size: str):
    refused(unetpick(*tiny.train, "--run", tmp_path / "r", "--pixel-size", size), "pixel size")


BAD_PICKS = {
    "no name matches": ("micrograph,x,y\nelsewhere.mrc,10,10\n", "elsewhere.mrc"),
    "none inside": ("micrograph,x,y\nribosome_0001.mrc,9000,10\n", "outside"),
    "column missing": ("micrograph,x\nribosome_0001.mrc,10\n", "y"),
    "no rows": ("micrograph,x,y\n", "picks.csv"),
    "not a number": ("micrograph,x,y\nribosome_0001.mrc,a,b\n", "picks.csv"),
    "empty": ("", "picks.csv"),
}


@pytest.mark.parametrize("kind", BAD_PICKS)
def test_bad_picks_are_named(kind: str, tiny: TinySet, tmp_path: Path):
    text, word = BAD_PICKS[kind]
    (tmp_path / "picks.csv").write_text(text)
    arguments = [str(tmp_path / "picks.csv") if a == str(tiny.picks) else a for a in tiny.train]
    refused(unetpick(*arguments, "--run", tmp_path / "run"), word)
    assert not (tmp_path / "run").exists()


def test_an_empty_star_loop_trains_nothing(tiny: TinySet, tmp_path: Path):
    star = tmp_path / "empty.star"
    labels = "_rlnMicrographName #1\n_rlnCoordinateX #2\n_rlnCoordinateY #3\n"
    star.write_text("data_particles\n\nloop_\n" + labels)
    arguments = [str(star) if a == str(tiny.picks) else a for a in tiny.train]
    refused(unetpick(*arguments, "--run", tmp_path / "run"), "empty.star")


def test_some_strangers_among_the_picks_are_said_and_the_work_goes_on(
    tiny: TinySet, tmp_path: Path
):
    picks = tmp_path / "picks.csv"
    extra = "elsewhere.mrc,10,10,70\nribosome_0001.mrc,99999,10,70\n"
    picks.write_text(tiny.picks.read_text() + extra)
    arguments = [str(picks) if a == str(tiny.picks) else a for a in tiny.train]
    done = unetpick(*arguments, "--run", tmp_path / "run", "--initial-epochs", "1")
    assert done.returncode == 0, done.stderr
    assert "elsewhere.mrc" in done.stderr
    assert "outside" in done.stderr


@pytest.mark.parametrize("name", ["missing", "text", "foreign", "card"])
def test_a_bad_model_is_named(name: str, tiny: TinySet, tmp_path: Path):
    from safetensors.numpy import save_file

    model = tmp_path / "culprit.safetensors"
    if name == "text":
        model.write_text("these are not weights")
    elif name == "foreign":
        save_file({"w": np.ones(3, np.float32)}, model)
    elif name == "card":
        save_file({"w": np.ones(3, np.float32)}, model, metadata={"unetpick": "{broken"})
    done = unetpick("pick", tiny.folder, "--model", model, "--out", tmp_path / "out")
    refused(done, "culprit.safetensors")
    assert not (tmp_path / "out").exists()


def test_a_model_for_another_diameter_warns(tiny: TinySet, tiny_run: Path, tmp_path: Path):
    one = next(iter(sorted(tiny.folder.glob("*.mrc"))))
    arguments = ["pick", one, "--model", tiny_run, "--out", tmp_path / "out"]
    done = unetpick(*arguments, "--diameter", tiny.diameter * 0.6)
    assert done.returncode == 0, done.stderr
    assert "warning" in done.stderr
    assert f"{tiny.diameter:g} A" in done.stderr


def test_zero_picks_is_a_message(tiny: TinySet, tiny_run: Path, tmp_path: Path):
    done = unetpick(
        *("pick", tiny.folder, "--model", tiny_run),
        *("--out", tmp_path / "out", "--threshold", "1"),
    )
    assert done.returncode == 0, done.stderr
    assert "no picks" in done.stderr
    assert (tmp_path / "out" / "picks.csv").read_text().startswith("micrograph,x,y,score")


def test_a_file_where_a_folder_should_be(tiny: TinySet, tiny_run: Path, tmp_path: Path):
    wall = tmp_path / "wall"
    wall.write_text("mine")
    refused(unetpick("pick", tiny.folder, "--model", tiny_run, "--out", wall), "wall")
    refused(unetpick(*tiny.train, "--run", wall), "wall")
    refused(unetpick("simulate", wall, "--count", "1"), "wall")
    refused(unetpick("demo", "--out", wall), "wall")
    assert wall.read_text() == "mine"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--threshold", "2"],
        ["--threshold", "high"],
        ["--format", "star,nonsense"],
        ["--min-distance", "-5"],
        ["--device", "tpu"],
        ["--diameter", "wide"],
        ["--contrast", "grey"],
        ["--keep", "most"],
        ["--keep", "more", "--threshold", "0.5"],
        ["--max-picks", "0"],
    ],
)
def test_bad_options_of_pick(arguments: list[str], tiny: TinySet, tiny_run: Path, tmp_path: Path):
    out = tmp_path / "out"
    done = unetpick("pick", tiny.folder, "--model", tiny_run, "--out", out, *arguments)
    refused(done, arguments[0])
    assert not out.exists()


@pytest.mark.parametrize(
    "text",
    ["[train]\nepochs = 'many'\n", "[trane]\nepochs = 3\n", "[loss]\nkind = 'l2'\n", "not toml ="],
)
def test_a_bad_recipe_is_named(text: str, tiny: TinySet, tmp_path: Path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(text)
    arguments = [str(recipe) if a == str(tiny.recipe) else a for a in tiny.train]
    refused(unetpick(*arguments, "--run", tmp_path / "run"), "recipe.toml")


def test_a_full_disk_leaves_the_old_file(tmp_path: Path):
    target = tmp_path / "picks.csv"
    target.write_text("old")

    def fill_the_disk() -> None:
        with atomic_path(target) as temporary:
            temporary.write_text("half of the new")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(EngineError, match="no space left"):
        fill_the_disk()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_names_match_across_folders_extensions_and_uid_prefixes(tiny: TinySet, tmp_path: Path):
    lines = tiny.picks.read_text().splitlines()
    prefix = "/data/J12/imported/000000633063778279389_"
    moved = [
        line.replace("ribosome_", f"{prefix}ribosome_").replace(".mrc", ".tif") for line in lines
    ]
    picks = tmp_path / "moved.csv"
    picks.write_text("\n".join(moved) + "\n")
    arguments = [str(picks) if a == str(tiny.picks) else a for a in tiny.train]
    done = unetpick(*arguments, "--run", tmp_path / "run", "--initial-epochs", "1")
    assert done.returncode == 0, done.stderr
    assert "4 labelled micrographs" in done.stderr
