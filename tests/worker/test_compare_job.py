"""The job "compare": sides of known quality on a project's labels, the test split, its looks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_unetpick.engine.nn.unet import build_network, state_of
from napari_unetpick.engine.pick.ensemble import Scorer
from napari_unetpick.engine.pick.score_map import RIM
from napari_unetpick.engine.runs.model_card import name_hash
from napari_unetpick.errors import Cancelled, InputError, UnetPickError
from napari_unetpick.events import Done, Message, Progress
from napari_unetpick.io.images.listing import list_micrographs
from napari_unetpick.io.models import Model, save_model
from napari_unetpick.picking.calibration import Calibration
from napari_unetpick.project.annotations import new_picks
from napari_unetpick.project.copying import copy_project
from napari_unetpick.project.evaluations import read_evaluations
from napari_unetpick.project.project import Annotations, Project
from napari_unetpick.settings import NetworkSettings, Settings, to_dict
from napari_unetpick.worker.jobs import Bench, run_compare

SHAPE, PIXEL_SIZE, DIAMETER = (200, 240), 2.0, 40.0  # px, A/px, A: 20 px
PLACES = np.array([(30.0, 40), (30, 120), (60, 200), (85, 60), (75, 130)])
FALSE = np.array([(170.0, 40), (170, 80), (170, 120), (170, 160), (170, 200)])
NAMES = [f"mic_{i}" for i in range(5)]  # two validate, two test, one is partly labelled
VALIDATION, TEST = NAMES[:2], NAMES[2:4]
SQUARE = np.array([[140.0, 20], [140, 220], [190, 220], [190, 20]])  # around the false places
FILES = {"comparison.html", "comparison.md", "comparison.csv", "comparison.tex"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project whose particles are dark discs, all marked on the fully labelled ones."""
    images = tmp_path / "images"
    images.mkdir()
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    for number, name in enumerate(NAMES):
        image = np.random.default_rng(number).normal(0, 0.3, SHAPE)
        for row, col in PLACES:
            image -= 2 * (np.hypot(y - row, x - col) < 9)
        with mrcfile.new(images / f"{name}.mrc", data=image.astype(np.float32)) as file:
            file.voxel_size = PIXEL_SIZE
    with Project.create(tmp_path / "project", list_micrographs(images), DIAMETER) as project:
        for name in NAMES:
            project.save_annotations(name, Annotations(picks=new_picks(PLACES)))
            part = "validation" if name in VALIDATION else "test"
            project.change(name, state="full" if name in VALIDATION + TEST else "partial")
            project.change(name, split=part)
        project.save()
    return tmp_path / "project"


def write_side(folder: Path, name: str, places: np.ndarray, names: list[str] = NAMES) -> str:
    """Write the same picks, without scores, on some micrographs."""
    rows = [f"{key},{col},{row}" for key in names for row, col in places]
    path = folder.parent / f"{name}.csv"
    path.write_text("\n".join(["micrograph,x,y", *rows]) + "\n")
    return str(path)


def two_sides(folder: Path, names: list[str] = NAMES) -> dict[str, str]:
    """Return one that finds 4 of 5, and one that finds all and as many that are none."""
    return {
        "good": write_side(folder, "good", PLACES[:4], names),
        "poor": write_side(folder, "poor", np.concatenate([PLACES, FALSE]), names),
    }


def bench(check: Any = lambda: None) -> Bench:
    return Bench(check, list, lambda *_: None, lambda *_: None)


def run(folder: Path, check: Any = lambda: None, **fields: Any) -> tuple[dict[str, Any], list[Any]]:
    """Return the result, as the viewer gets it, and the events before it."""
    *events, done = run_compare({"project": str(folder), **fields}, bench(check))
    assert isinstance(done, Done)
    return json.loads(json.dumps(done.result, allow_nan=False)), events


def figures(method: dict[str, Any]) -> list[float]:
    return [method["figures"][f"particle.{each}"][0] for each in ("precision", "recall", "f1")]


def test_figures_are_those_that_the_sides_were_made_with(folder: Path):
    result, events = run(folder, picks=two_sides(folder))
    good, poor = result["sides"]
    assert (good["name"], poor["name"]) == ("good", "poor")
    assert figures(good) == pytest.approx([1.0, 0.8, 8 / 9], abs=1e-4)
    assert figures(poor) == pytest.approx([0.5, 1.0, 2 / 3], abs=1e-4)
    assert good["differences"] is None
    # the micrographs are alike, so resampling them changes nothing
    assert poor["differences"]["particle"] == pytest.approx([2 / 3 - 8 / 9] * 3, abs=1e-4)
    assert (result["part"], result["look"]) == ("validation", None)
    assert result["about"].startswith(
        "Two pickers compared on 2 validation micrographs (10 particles)"
    )
    assert any("1 micrograph of the project" in note for note in result["notes"])  # the partial one
    assert [e.stage for e in events if isinstance(e, Progress)] == ["scoring", "scoring"]


def test_every_comparison_has_a_folder_of_its_own_in_the_project(folder: Path):
    pages = [Path(run(folder, picks=two_sides(folder))[0]["page"]) for _ in range(2)]
    assert [page.parent for page in pages] == [
        folder / "comparisons" / f"comparison-{number}" for number in (1, 2)
    ]
    for page in pages:
        assert {path.name for path in page.parent.iterdir()} == FILES | {"precision_recall.png"}
        lines = (page.parent / "comparison.csv").read_text().splitlines()
        assert [line.split(",")[3] for line in lines[1:]] == ["good", "poor"]
    with Project.open(folder) as project, copy_project(project, folder.parent / "copy") as copy:
        assert (copy.folder / "comparisons" / "comparison-2" / "comparison.html").is_file()


def test_without_final_nothing_of_the_test_split_is_read(folder: Path):
    before, _ = run(folder, picks=two_sides(folder))
    for name in TEST:
        (folder.parent / "images" / f"{name}.mrc").write_bytes(b"<xml>not to be read</xml>")
    after, _ = run(folder, picks=two_sides(folder, VALIDATION))
    assert after["sides"] == before["sides"]
    assert after["failed"] == {}
    assert read_evaluations(folder) == []


def test_the_look_at_the_test_split_is_counted_once(folder: Path):
    with Project.open(folder) as project:
        project.save_annotations(TEST[0], Annotations(picks=new_picks(PLACES[:4])))
        project.test_looks = 1  # by the Evaluate dock of an earlier version
        project.dirty = True
        project.save()
    result, _ = run(folder, picks=two_sides(folder), final=True)
    assert (result["part"], result["look"]) == ("test", 2)
    assert [each["micrograph"] for each in result["micrographs"]] == TEST
    assert figures(result["sides"][0]) == pytest.approx([1.0, 8 / 9, 16 / 17], abs=1e-4)
    (test_evaluation,) = read_evaluations(folder)
    assert test_evaluation.methods == ("good", "poor")
    assert run(folder, picks=two_sides(folder), final=True)[0]["look"] == 3
    with Project.open(folder) as project:
        assert project.test_looks == 1
        with copy_project(project, folder.parent / "copy") as copy:  # no fresh start
            assert read_evaluations(copy.folder) == read_evaluations(folder)


def test_a_comparison_that_is_stopped_leaves_neither_report_nor_look(folder: Path):
    calls: list[int] = []

    def check() -> None:
        calls.append(1)
        if len(calls) == 3:  # one side is scored
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        run(folder, check, picks=two_sides(folder), final=True)
    assert read_evaluations(folder) == []
    assert not (folder / "comparisons").exists()


def test_what_lies_in_excluded_areas_does_not_count(folder: Path):
    with Project.open(folder) as project:
        for name in VALIDATION:
            picks = new_picks(np.concatenate([PLACES, FALSE[:1]]), source="model")
            project.save_annotations(name, Annotations(picks, exclusions=(SQUARE,)))
        project.save()
    result, _ = run(folder, picks=two_sides(folder))
    good, poor = result["sides"]
    assert figures(good) == pytest.approx([1.0, 0.8, 8 / 9], abs=1e-4)
    assert figures(poor) == [1.0, 1.0, 1.0]
    assert result["n_truth"] == 10
    assert any("12 of 12 true particles were accepted" in note for note in result["notes"])


@pytest.fixture
def model(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run whose network sees what is dark; it knows a validation micrograph."""
    network = NetworkSettings(width=4, depth=1, stride=2)
    torch.manual_seed(0)
    card = {
        "settings": to_dict(Settings(network=network)),
        "diameter": DIAMETER,
        "calibration": Calibration().to_dict(),
        "training": {"names": [name_hash(VALIDATION[0])]},
    }
    weights = {k: v.numpy() for k, v in state_of(build_network(network)).items()}
    path = folder / "runs" / "run=1" / "model.safetensors"  # a user may name it so
    path.parent.mkdir(parents=True)
    save_model(path, Model(weights, card))

    def see(_: Scorer, image: np.ndarray, *__: object) -> tuple[np.ndarray, None]:
        dark = gaussian_filter(-np.asarray(image, np.float32), 4)
        return np.pad(np.clip(dark / dark.max(), 0.0, 1.0), RIM)[None], None

    monkeypatch.setattr(Scorer, "score", see)
    return path.parent


def test_a_model_picks_once_and_tells_what_it_was_trained_on(folder: Path, model: Path):
    fields = {"models": {"run=1": str(model)}, "picks": two_sides(folder), "device": "cpu"}
    first, _ = run(folder, **fields)
    assert [method["name"] for method in first["sides"]] == ["run=1", "good", "poor"]
    own, good, _ = first["sides"]
    # all that is dark, and nothing else: a threshold parts them, but each micrograph's is its own
    assert (own["validation_f1"], own["average_precision"]) == (1.0, 1.0)
    assert figures(own)[0] == 1.0
    change = good["differences"]["particle"][0]
    assert change == pytest.approx(8 / 9 - figures(own)[2], abs=2e-4)
    assert "trained on 1 of the 2 scored micrographs" in own["leak"]
    assert own["leak"] in first["notes"]
    again, events = run(folder, **fields)
    assert again["sides"] == first["sides"]
    assert any(
        "picks of the validation micrographs are kept" in e.text
        for e in events
        if isinstance(e, Message)
    )
    assert run(folder, **fields, final=True)[0]["sides"][0]["leak"] is None


def unlabel(project: Project) -> None:
    for name in NAMES:
        project.change(name, state="partial")


def no_split(project: Project) -> None:
    for name in NAMES:
        project.change(name, split="")


def no_test(project: Project) -> None:
    for name in TEST:
        project.change(name, kept=False)


def no_picks(project: Project) -> None:
    for name in VALIDATION:
        project.save_annotations(name, Annotations())


@pytest.mark.parametrize(
    ("change", "fields", "says"),
    [
        (unlabel, {}, "set it to fully labelled there, then give"),
        (no_split, {}, "split Validation in Micrographs"),
        (no_test, {"final": True}, "split Test in Micrographs"),
        (no_picks, {}, "No particles are marked"),
        (lambda project: project.set_diameter(None), {}, "Set the particle diameter first"),
        (None, {"picks": {}}, "nothing to compare"),
        (None, {"picks": {"gone": "/no/such.csv"}}, "such.csv: no such file or folder"),
        (None, {"picks": ["a.csv"]}, "a table of names and paths is needed"),
        (None, {"models": {"gone": "/no/run"}}, "/no/run"),
        (None, {"final": "no"}, "true or false is needed"),
        (None, {"border": -1.0}, "border"),
        (None, {"project": "/no/project"}, "/no/project"),
    ],
)
def test_what_cannot_be_compared_is_one_line(folder: Path, change: Any, fields: Any, says: str):
    if change is not None:
        with Project.open(folder) as project:
            change(project)
            project.save()
    with pytest.raises(UnetPickError) as caught:
        run(folder, **{"picks": two_sides(folder), **fields})
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (folder / "comparisons").exists()


def test_a_damaged_count_of_looks_stops_a_final_comparison(folder: Path):
    (folder / "test_looks.csv").write_text("date,sides\n2026,a\n")
    with pytest.raises(InputError, match=r"test_looks\.csv"):
        run(folder, picks=two_sides(folder), final=True)
    assert run(folder, picks=two_sides(folder))[0]["look"] is None
