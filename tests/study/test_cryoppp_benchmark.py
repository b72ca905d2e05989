"""The CryoPPP benchmark on a small simulated tree: truth upright, parts, leaks, what is kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from cryoppp_tree import HEADER, QUICK, RECIPE, SHAPE, Planted, plant_set

from napari_unetpick.errors import Cancelled, InputError
from napari_unetpick.evaluation.evaluate import evaluate
from napari_unetpick.evaluation.figures import figures_of
from napari_unetpick.events import Done, Event, Failed, Message
from napari_unetpick.io.formats.cryoppp import flip_rows
from napari_unetpick.io.picks import Picks
from napari_unetpick.study.cryoppp.benchmark import benchmark, find_leaks
from napari_unetpick.study.cryoppp.job import CONDITIONS, Benchmark, make_benchmark
from napari_unetpick.study.cryoppp.published import PUBLISHED, TRAINING_SETS
from napari_unetpick.study.cryoppp.record import RECORD, all_records, read_records
from napari_unetpick.study.cryoppp.run import SHARED, Trained, write_truth
from napari_unetpick.study.cryoppp.sets import FEWEST, find_sets, read_set, set_id, split_parts


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cryoppp")


@pytest.fixture(scope="module")
def barrels(root: Path) -> Planted:
    return plant_set(root / "10017", "barrel", 5)


@pytest.fixture(scope="module")
def cages(root: Path) -> Planted:
    return plant_set(root / "EMPIAR-10081", "cage", 5, name="10081 mic {}")


@pytest.fixture
def bad(root: Path) -> Iterator[Path]:
    folder = root / "10028"
    (folder / "micrographs").mkdir(parents=True)
    yield folder
    (folder / "micrographs").rmdir()
    folder.rmdir()


@pytest.fixture(scope="module")
def recipe(root: Path) -> str:
    (root / "tiny.toml").write_text(RECIPE)
    (root / "quick.toml").write_text(QUICK)
    return str(root / "tiny.toml")


@pytest.fixture
def make(
    root: Path, barrels: Planted, cages: Planted, recipe: str, tmp_path: Path
) -> Callable[..., Benchmark]:
    def job(**changes: object) -> Benchmark:
        given = {"root": root, "sets": "10017", "out": tmp_path / "out", "recipe": recipe}
        return make_benchmark(**{**given, "device": "cpu", **changes})  # type: ignore[arg-type]

    return job


def words(events: list[Event]) -> str:
    return "\n".join(each.text for each in events if isinstance(each, Message))


def result(events: list[Event]) -> dict[str, object]:
    assert isinstance(events[-1], Done)
    return events[-1].result


def test_published_lists_agree_with_each_other():
    assert len(PUBLISHED) == 34
    assert len(TRAINING_SETS) == len(set(TRAINING_SETS)) == 22
    assert set(TRAINING_SETS) <= set(PUBLISHED)
    assert PUBLISHED["10345"].pixel_size == pytest.approx(2 * 0.673, rel=2e-3), "binned by two"


@pytest.mark.parametrize("name", ["10017", "EMPIAR-10017", "empiar_10017", " empiar10017 "])
def test_a_set_goes_by_its_number(name: str):
    assert set_id(name) == "10017"


def test_sets_are_found_under_either_name(root: Path, barrels: Planted, cages: Planted):
    assert find_sets(root) == {"10017": barrels.folder, "10081": cages.folder}


def test_the_planted_truth_is_read_upright(barrels: Planted):
    found = read_set("10017", barrels.folder, 42)
    assert set(found.truth) == set(barrels.truth)
    for key, coords in barrels.truth.items():
        np.testing.assert_allclose(found.truth[key].coords, coords, atol=1e-3)
    assert found.diameter_px == barrels.diameter_px
    planted = {key: Picks(key, coords) for key, coords in barrels.truth.items()}
    upside_down = {key: flip_rows(each, SHAPE[0]) for key, each in planted.items()}
    assert evaluate(planted, found.truth).headline.f1 == 1.0
    assert evaluate(upside_down, found.truth).headline.f1 < 0.4, "what not turning it would give"


def test_the_images_agree_with_the_truth_as_it_is_read(barrels: Planted, cages: Planted):
    for planted in (barrels, cages):
        found = read_set("10017", planted.folder, 42)
        assert not any("fit the images" in note for note in found.notes)


def test_a_copy_that_was_turned_already_is_noticed(tmp_path: Path):
    planted = plant_set(tmp_path / "10081", "cage", 4)
    for path in (planted.folder / "ground_truth" / "particle_coordinates").glob("May*.csv"):
        head, *rows = path.read_text().replace('"', "").splitlines()
        cells = [row.split(",") for row in rows]
        turned = [",".join([x, f"{SHAPE[0] - 1 - float(y):.3f}", *rest]) for x, y, *rest in cells]
        path.write_text("\n".join([head, *turned]) + "\n")
    found = read_set("10081", planted.folder, 42)
    assert any("already mirrored" in note for note in found.notes)


def test_the_published_pixel_size_wins_and_that_is_said(barrels: Planted, cages: Planted):
    found = read_set("10017", barrels.folder, 42)
    assert found.pixel_size == 1.77
    assert found.diameter == pytest.approx(1.77 * barrels.diameter_px)
    assert any("1.77" in note and f"{HEADER:g} (its headers)" in note for note in found.notes)
    unknown = read_set("99999", barrels.folder, 42)
    assert unknown.pixel_size == pytest.approx(HEADER)


def test_the_stars_pixel_size_comes_before_the_headers(tmp_path: Path):
    planted = plant_set(tmp_path / "10005", "cage", 3)
    star = planted.folder / "ground_truth" / "empiar-10005_particles_selected.star"
    star.write_text("data_optics\n\nloop_\n_rlnOpticsGroup #1\n_rlnImagePixelSize #2\n1 2.5\n")
    found = read_set("10005", planted.folder, 42)
    assert found.pixel_size == 2.5
    assert any("2.5 A/px (its STAR)" in note for note in found.notes)


def test_what_cannot_be_read_is_left_out_and_named(barrels: Planted):
    found = read_set("10017", barrels.folder, 42)
    assert list(found.failed) == ["broken.mrc"]
    assert "0 bytes" in found.failed["broken.mrc"]


def test_a_set_without_diameters_takes_the_published_one(tmp_path: Path):
    planted = plant_set(tmp_path / "10017", "barrel", 3)
    for path in (planted.folder / "ground_truth" / "particle_coordinates").glob("May*.csv"):
        rows = path.read_text().replace('"', "").splitlines()
        path.write_text("\n".join(",".join(row.split(",")[:2]) for row in rows) + "\n")
    found = read_set("10017", planted.folder, 42)
    assert found.diameter_px == PUBLISHED["10017"].diameter_px
    assert (next(iter(found.truth.values())).diameters == found.diameter_px).all()
    with pytest.raises(InputError, match="none is published for 77777"):
        read_set("77777", planted.folder, 42)


def test_too_few_micrographs_are_an_error_that_says_why(tmp_path: Path):
    planted = plant_set(tmp_path / "10017", "barrel", FEWEST - 1)
    with pytest.raises(InputError, match=r"2 micrographs .* 3 are needed .*0 bytes"):
        read_set("10017", planted.folder, 42)


def test_the_light_version_is_told_apart(tmp_path: Path):
    (tmp_path / "10017" / "micrographs").mkdir(parents=True)
    (tmp_path / "10017" / "micrographs" / "a.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(InputError, match="CryoPPP_Lite"):
        read_set("10017", tmp_path / "10017", 42)


def test_parts_are_disjoint_repeatable_and_hardly_move():
    keys = [f"mic_{i}" for i in range(100)]
    parts = split_parts("10017", keys, 42)
    counts = [list(parts.values()).count(part) for part in ("train", "validation", "test")]
    assert counts == [60, 20, 20]
    assert split_parts("10017", keys[::-1], 42) == parts
    assert split_parts("10017", keys, 43) != parts
    fewer = split_parts("10017", keys[1:], 42)
    assert sum(parts[key] != fewer[key] for key in fewer) <= 2
    assert sorted(split_parts("x", keys[:3], 1).values()) == ["test", "train", "validation"]


def test_an_empty_micrograph_stays_known_to_be_empty(barrels: Planted, tmp_path: Path):
    from napari_unetpick.io.formats.read import read_picks

    found = read_set("10017", barrels.folder, 42)
    first, second, *_ = found.truth
    emptied = replace(found, truth={**found.truth, first: found.truth[first].select([])})  # type: ignore[arg-type]
    write_truth(tmp_path / "truth.csv", emptied, [first, second])
    read = read_picks(tmp_path / "truth.csv")
    assert {name: len(each) for name, each in read.items()} == {
        f"{first}.mrc": 0,
        f"{second}.mrc": len(barrels.truth[second]),
    }


def test_figures_are_those_of_a_hand_count():
    """Two micrographs of two particles, d = 10: one centred, one 4 px off; one found, one not."""
    truth = {
        "a": Picks("a", np.array([[20.0, 20.0], [60.0, 60.0]]), None, np.full(2, 10.0)),
        "b": Picks("b", np.array([[20.0, 20.0], [60.0, 60.0]]), None, np.full(2, 10.0)),
    }
    picks = {
        "a": Picks("a", np.array([[20.0, 20.0], [60.0, 64.0]])),
        "b": Picks("b", np.array([[20.0, 22.0]])),
    }
    figures = figures_of(evaluate(picks, truth))
    assert figures["particle.precision"][0] == 1.0
    assert figures["particle.recall"][0] == 0.75
    assert figures["particle.f1"][0] == pytest.approx(6 / 7, abs=1e-4)
    assert figures["particle_macro.f1"][0] == pytest.approx((1 + 2 / 3) / 2, abs=1e-4)
    assert figures["quarter.f1"][0] == pytest.approx(4 / 7, abs=1e-4)
    assert figures["centring.median"][0] == pytest.approx(0.2)
    assert figures["particle.f1"][1:] == pytest.approx((2 / 3, 1.0), abs=1e-4)
    low, high = figures["centring.median"][1:]
    assert low is not None
    assert high is not None
    assert 0 <= low <= 0.2 <= high <= 0.4


@pytest.mark.slow
def test_planted_particles_are_found_and_one_bad_set_does_not_stop_the_others(
    make: Callable[..., Benchmark], bad: Path
):
    job = make(sets="10028,EMPIAR-10081,10017", final=True)
    events = list(benchmark(job))
    assert result(events)["finished"] == ["10081", "10017"]
    assert "no .mrc" in result(events)["failed"]["10028"]  # type: ignore[index]
    assert any(isinstance(each, Failed) and "0 bytes" in each.reason for each in events)
    records = all_records(job.out, "test")
    assert [each.id for each in records] == ["10017", "10081"]
    for each in records:
        assert each.figures["particle.f1"][0] > 0.7
        assert (each.training, each.micrographs) == (4, 1)
        assert not each.leaks
    assert not (job.out / "10017" / "picks-validation").exists()


def test_only_bad_sets_are_an_error(make: Callable[..., Benchmark], bad: Path):
    job = make(sets="10028")
    with pytest.raises(InputError, match=r"no \.mrc"):
        list(benchmark(job))
    assert not (job.out / CONDITIONS).exists()
    make()  # the corrected command is not refused


@pytest.mark.slow
def test_a_stopped_benchmark_goes_on_and_the_test_is_scored_once(
    make: Callable[..., Benchmark], recipe: str
):
    calls = 0

    def stop_after_some_steps() -> None:
        nonlocal calls
        calls += 1
        if calls > 12:
            raise Cancelled("stop")

    quick = recipe.replace("tiny", "quick")
    make = partial(make, recipe=quick)
    job = make()
    with pytest.raises(Cancelled):
        list(benchmark(job, stop_after_some_steps))
    assert (job.out / "10017" / "run" / "checkpoint.pt").is_file(), "stopped within training"
    assert not (job.out / "10017" / RECORD).exists()
    with pytest.raises(InputError, match="--resume"):
        make()
    with pytest.raises(InputError, match="another recipe, seed"):
        make(resume=True, seed=7)
    list(benchmark(make(resume=True)))
    record = read_records(job.out / "10017")["validation"]
    straight = make(out=job.out.parent / "straight")
    list(benchmark(straight))
    assert read_records(straight.out / "10017") == {"validation": record}

    again = list(benchmark(make(resume=True)))
    assert "already scored" in words(again)
    assert len([e for e in again if not isinstance(e, Message | Done)]) == 0, "nothing was done"

    final = make(resume=True, final=True)
    list(benchmark(final))
    both = read_records(job.out / "10017")
    assert both["validation"] == record
    planted = json.loads((job.out / "10017" / RECORD).read_text())
    planted["parts"]["test"]["picks"] = 123456
    (job.out / "10017" / RECORD).write_text(json.dumps(planted))
    list(benchmark(final))
    assert read_records(job.out / "10017")["test"].picks == 123456, "kept, not scored again"


def test_the_budget_leaves_sets_for_later(make: Callable[..., Benchmark]):
    job = make(sets="10017,10081", budget=1e-9)
    events = list(benchmark(job))
    assert result(events)["left"] == ["10017", "10081"]
    assert "--resume" in words(events)


@pytest.mark.slow
def test_a_model_of_published_sets_tells_its_leaks(make: Callable[..., Benchmark], tmp_path: Path):
    root = tmp_path / "root"
    trained = plant_set(root / "10005", "barrel", 4, name="a_{}")
    plant_set(root / "10059", "cage", 4, name="b_{}")
    unseen = plant_set(root / "10017", "barrel", 4, name="c_{}", first=2)
    job = make(root=root, sets="10017,10005", train_on="published")
    events = list(benchmark(job))
    records = {each.id: each for each in all_records(job.out, "validation")}
    assert records["10017"].leaks == []
    assert "10005 is a training set" in records["10005"].leaks[0]
    assert all(each.training == 6 for each in records.values()), "two sets, no test part"
    assert all(each.selected is None for each in records.values())
    assert "training on 2 of the 22" in words(events)
    assert "trained for particles of" not in words(events), "every particle has the model's width"
    assert records["10017"].figures["particle.f1"][0] > 0.6
    # a set that was not trained on is tested on all that is not validation
    list(benchmark(replace(job, final=True, resume=True)))
    tests = {each.id: each for each in all_records(job.out, "test")}
    assert tests["10017"].micrographs == len(unseen.truth) - 1
    assert tests["10005"].micrographs == 1 < len(trained.truth)
    assert (job.out / SHARED / "run" / "model.safetensors").is_file()


def test_names_that_were_trained_on_are_a_leak(barrels: Planted):
    found = read_set("10017", barrels.folder, 42)
    model = Trained(Path("run"), {"10059": replace(found, id="10059")}, pooled=True)
    assert find_leaks(found, model, found.keys("test")) == []
    (leak,) = find_leaks(found, model, found.keys("train", "test"))
    assert "3 micrographs with the name of a training micrograph of set 10059" in leak
    assert find_leaks(found, replace(model, sets={"10017": found}, pooled=False), ["x"]) == []


@pytest.mark.parametrize(
    "changes,match",
    [
        ({"sets": "10017,10018"}, "no set 10018"),
        ({"sets": " , "}, "EMPIAR numbers"),
        ({"train_on": "all"}, "each, published"),
        ({"train_on": "published"}, "none of the published training sets"),
        ({"budget": 0.0}, "above 0"),
        ({"recipe": "nonsense"}, "nonsense"),
        ({"root": Path("nowhere")}, "no such folder"),
    ],
)
def test_bad_input_is_told_before_anything_is_written(
    make: Callable[..., Benchmark], tmp_path: Path, changes: dict[str, object], match: str
):
    with pytest.raises(InputError, match=match):
        make(**changes)
    assert not (tmp_path / "out").exists()


def test_a_damaged_record_is_named(tmp_path: Path):
    (tmp_path / RECORD).write_text('{"format": 99}')
    with pytest.raises(InputError, match=r"record\.json: not a record"):
        read_records(tmp_path)
