"""Several sides on planted micrographs: figures by hand, splits kept apart, evaluations counted."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.events import Done
from napari_unetpick.io.formats.write import write_picks
from napari_unetpick.io.images import image as image_module
from napari_unetpick.io.images.listing import list_micrographs
from napari_unetpick.io.models import Model
from napari_unetpick.io.picks import Picks
from napari_unetpick.project.evaluations import (
    LOG_FILE,
    count_evaluations,
    read_evaluations,
)
from napari_unetpick.project.project import Project
from napari_unetpick.study.compare.job import make_compare_job
from napari_unetpick.study.compare.pick import trained_on
from napari_unetpick.study.compare.run import compare
from napari_unetpick.study.compare.sources import MethodSource, name_and_path

D = 20.0  # px, and 40 A at 2 A/px
ROWS, COLS = 200, 240
# far from each other, and from where they come to lie when turned upside down
PLACES = [(30, 40), (30, 120), (60, 200), (85, 60), (75, 130)]
NAMES = [f"mic_{i}.mrc" for i in range(6)]


def csv(path, rows, header="micrograph,x,y"):
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def picks_of(names, places=PLACES, shift=(0.0, 0.0)):
    return [f"{name},{c + shift[1]},{r + shift[0]}" for name in names for r, c in places]


@pytest.fixture
def planted(tmp_path):
    folder = tmp_path / "mics"
    folder.mkdir()
    for name in NAMES:
        with mrcfile.new(folder / name) as file:
            file.set_data(np.random.default_rng(0).normal(0, 1, (ROWS, COLS)).astype(np.float32))
            file.voxel_size = 2.0
    rows = [f"{row},{D}" for row in picks_of(NAMES)]
    csv(tmp_path / "truth.csv", rows, "micrograph,x,y,diameter")
    parts = [f"{name},{'validation' if i < 3 else 'test'}" for i, name in enumerate(NAMES)]
    csv(tmp_path / "split.csv", parts, "micrograph,split")
    return tmp_path


def job_of(folder, *methods, truth="truth.csv", split="split.csv", **more):
    return make_compare_job(
        micrographs=[str(folder / "mics")],
        truth=folder / truth,
        out=folder / "out",
        picks=[f"{Path(s).stem}={folder / s}" for s in methods],
        split=None if split is None else folder / split,
        **more,
    )


def run(folder, *methods, **more):
    *_, done = compare(job_of(folder, *methods, **more))
    assert isinstance(done, Done)
    return done.result["comparison"]


def f1(method, row="particle"):
    return method.figures[f"{row}.f1"][0]


def test_a_shift_of_a_third_of_the_radius_counts_by_one_protocol_only(planted):
    csv(planted / "exact.csv", picks_of(NAMES))
    csv(planted / "shifted.csv", picks_of(NAMES, shift=(0.0, 0.3 * D)))
    exact, shifted = run(planted, "exact.csv", "shifted.csv").methods
    rows = ("particle", "quarter", "iou0.6", "pixel")
    assert [f1(exact, row) for row in rows] == [1.0, 1.0, 1.0, 1.0]
    assert [f1(shifted, row) for row in rows[:3]] == [1.0, 0.0, 0.0]
    overlap = 2 / math.pi * (math.acos(0.3) - 0.3 * math.sqrt(1 - 0.3**2))  # of shifted discs
    assert f1(shifted, "pixel") == pytest.approx(overlap, abs=0.02)
    assert exact.figures["centring.median"][0] == 0.0
    assert shifted.figures["centring.median"][0] == pytest.approx(0.3)
    assert exact.differences is None
    assert shifted.differences["quarter"].value == -1.0
    assert shifted.differences["particle"].value == 0.0


def test_duplicates_cost_precision_but_for_pixels_and_thinning_spares_scored_ones(planted):
    twice = [*picks_of(NAMES), *picks_of(NAMES, shift=(0.0, 0.12 * D))]
    csv(planted / "plain.csv", twice)
    ranked = [f"{row},{0.9 - 0.1 * (i >= len(twice) // 2)}" for i, row in enumerate(twice)]
    csv(planted / "ranked.csv", ranked, "micrograph,x,y,score")
    plain, scored = run(planted, "plain.csv", "ranked.csv").methods
    assert plain.figures["particle.precision"][0] == 0.5
    assert plain.figures["particle.recall"][0] == 1.0
    assert f1(plain) == f1(plain, "iou0.6") == pytest.approx(2 / 3, abs=1e-4)
    overlap = 2 / math.pi * (math.acos(0.12) - 0.12 * math.sqrt(1 - 0.12**2))  # of shifted discs
    assert f1(plain, "pixel") == pytest.approx(2 / (3 - overlap), abs=0.01)
    assert (f1(scored), scored.choice.distance) == (1.0, 0.5)
    assert scored.delivered.f1 == pytest.approx(2 / 3)  # as the program wrote them


def test_a_method_without_scores_is_scored_as_it_is_and_says_so(planted):
    csv(planted / "bare.csv", picks_of(NAMES, PLACES[:4]))
    method = run(planted, "bare.csv").methods[0]
    assert f1(method) == pytest.approx(8 / 9, abs=1e-4)
    assert (method.choice, method.curve, method.folds) == (None, None, ())
    assert any("no scores" in note for note in method.notes)
    rows = [f"{row},0.5" for row in picks_of(NAMES, PLACES[:4])]
    csv(planted / "some.csv", [rows[0].removesuffix("0.5"), *rows[1:]], "micrograph,x,y,score")
    method = run(planted, "some.csv").methods[0]
    assert f1(method) == pytest.approx(8 / 9, abs=1e-4)
    assert any(note.startswith("1 pick has no score") for note in method.notes)


def test_a_pick_on_an_empty_micrograph_is_false(planted):
    rows = [f"{row},{D}" for row in picks_of(NAMES[1:])]
    csv(planted / "truth.csv", [f"{NAMES[0]},,,", *rows], "micrograph,x,y,diameter")
    csv(planted / "one.csv", [f"{NAMES[0]},50,50", *picks_of(NAMES[1:])])
    csv(planted / "none.csv", picks_of(NAMES[1:]))
    found = run(planted, "one.csv", "none.csv")
    one, none = found.methods
    assert found.keys[0] == "mic_0"
    assert one.figures["particle.precision"][0] == pytest.approx(10 / 11, abs=1e-4)
    assert f1(one) == pytest.approx(20 / 21, abs=1e-4)
    assert f1(one, "pixel") == pytest.approx(2 / 3, abs=1e-4)  # mean of 0, 1, 1
    assert f1(none) == f1(none, "pixel") == 1.0
    assert not any("no picks" in note for note in none.notes)  # there was nothing to find


def test_what_the_truth_does_not_name_is_not_scored_and_said(planted):
    rows = [f"{row},{D}" for row in picks_of([NAMES[i] for i in (0, 1, 3)])]
    csv(planted / "truth.csv", rows, "micrograph,x,y,diameter")
    csv(planted / "a.csv", picks_of(NAMES))
    found = run(planted, "a.csv")
    assert found.keys == ["mic_0", "mic_1"]
    (note,) = (note for note in found.notes if "not in the truth" in note)
    assert "3 micrographs of the split (such as mic_2)" in note
    assert "add a row 'mic_2,,'" in note
    csv(
        planted / "truth.csv",
        [*rows, *(f"mic_{i},,," for i in (2, 4, 5))],
        "micrograph,x,y,diameter",
    )
    found = run(planted, "a.csv")
    assert found.keys == ["mic_0", "mic_1", "mic_2"]
    assert not any("not in the truth" in note for note in found.notes)


def test_labels_beside_the_truth_say_how_complete_it_is(planted):
    """mic_0 is empty without a row, mic_1 only partly labelled, the others as ever."""
    rows = [f"{row},{D}" for row in picks_of(NAMES[1:])]
    csv(planted / "truth.csv", rows, "micrograph,x,y,diameter")
    csv(planted / "labels.csv", ["mic_0.mrc,full", "mic_1.mrc,partial"], "micrograph,state")
    corners = [[0, 0], [0, COLS], [65, COLS], [65, 0]]  # over three of the five particles
    (planted / "areas.json").write_text(json.dumps({"mic_2.mrc": {"exclusions": [corners]}}))
    csv(planted / "a.csv", [f"{NAMES[0]},50,50", *picks_of(NAMES[1:])])
    found = run(planted, "a.csv")
    assert found.keys == ["mic_0", "mic_2"]
    (method,) = found.methods
    assert method.figures["particle.precision"][0] == pytest.approx(2 / 3, abs=1e-4)
    assert method.figures["particle.recall"][0] == 1.0
    assert any("1 micrograph of the truth (such as mic_1) not fully" in n for n in found.notes)
    assert not any("not in the truth" in note for note in found.notes)
    drawn = run(planted, "a.csv", split=None, validation=0.5, final=True)
    assert "mic_1" not in drawn.keys
    csv(planted / "labels.csv", [f"{name},partial" for name in NAMES], "micrograph,state")
    with pytest.raises(InputError, match="no micrograph is fully labelled"):
        run(planted, "a.csv")


def test_a_truth_that_is_called_labels_is_truth(planted):
    csv(planted / "a.csv", picks_of(NAMES[1:]))
    before = run(planted, "a.csv")
    (planted / "truth.csv").rename(planted / "labels.csv")
    after = run(planted, "a.csv", truth="labels.csv")
    assert after.keys == before.keys
    assert after.methods[0].figures == before.methods[0].figures


def test_an_excluded_area_cuts_no_good_pick(planted):
    """The picks of a particle just outside the area lie just inside it: they are right."""
    rows = [f"{row},{D}" for row in picks_of(NAMES, [(100, 97), (40, 40)])]
    csv(planted / "truth.csv", rows, "micrograph,x,y,diameter")
    corners = [[0, 99], [0, COLS], [ROWS, COLS], [ROWS, 99]]
    areas = {name: {"exclusions": [corners]} for name in NAMES}
    (planted / "areas.json").write_text(json.dumps(areas))
    places = [(100, 101), (40, 40), (150, 200)]  # the last on nothing, in the area
    csv(planted / "a.csv", picks_of(NAMES, places))
    scored = [f"{row},0.9" for row in picks_of(NAMES, places[::2])]
    csv(planted / "b.csv", scored, "micrograph,x,y,score")
    plain, inside = run(planted, "a.csv", "b.csv").methods
    assert f1(plain) == 1.0
    assert f1(plain, "pixel") < 1.0
    assert inside.figures["particle.precision"][0] == 1.0
    assert inside.figures["particle.recall"][0] == 0.5
    assert (inside.choice.threshold, inside.curve.points.recall[-1]) == (0.9, 0.5)


def test_picks_upside_down_score_next_to_nothing_and_are_told(planted):
    turned = [(ROWS - 1 - r, c) for r, c in PLACES]
    csv(planted / "turned.csv", picks_of(NAMES, turned))
    csv(planted / "right.csv", picks_of(NAMES))
    wrong, right = run(planted, "turned.csv", "right.csv").methods
    assert [f1(wrong, row) for row in ("particle", "quarter", "iou0.6", "pixel")] == [0, 0, 0, 0]
    assert any("1.000 with the rows mirrored" in note for note in wrong.notes)
    assert right.notes == tuple(note for note in right.notes if "upside" not in note)


def plant_traps(folder):
    """On validation .9 is true and .6 false; on test what is true has .5."""
    rows = []
    for i, name in enumerate(NAMES):
        rows += [f"{row},{0.9 if i < 3 else 0.5}" for row in picks_of([name])]
        rows += [f"{row},0.6" for row in picks_of([name], [(170, 40), (170, 200)])]
    return csv(folder / "trap.csv", rows, "micrograph,x,y,score")


def test_the_threshold_comes_from_validation_whatever_suits_the_test(planted):
    plant_traps(planted)
    method = run(planted, "trap.csv").methods[0]
    assert (method.choice.threshold, f1(method)) == (0.9, 1.0)
    assert method.fold_range == (0.9, 0.9)
    found = run(planted, "trap.csv", final=True)
    method = found.methods[0]
    assert (found.part, found.keys) == ("test", ["mic_3", "mic_4", "mic_5"])
    assert (method.choice.threshold, method.choice.f1) == (0.9, 1.0)
    assert f1(method) == 0.0  # none of the test's true picks reaches it
    assert method.curve.best_f1 == pytest.approx(10 / 12)  # at .5, which the test would have chosen
    assert method.folds == ()


def test_each_validation_micrograph_is_scored_at_what_the_others_choose(planted):
    scores = {"mic_0.mrc": 0.9, "mic_1.mrc": 0.9, "mic_2.mrc": 0.5}
    rows = [f"{row},{scores[name]}" for name in NAMES[:3] for row in picks_of([name])]
    rows += [f"{row},0.6" for row in picks_of(NAMES[:2], [(170, 40), (170, 80), (170, 120)])]
    csv(planted / "mixed.csv", rows, "micrograph,x,y,score")
    method = run(planted, "mixed.csv").methods[0]
    # all: .9 gives 20 / 25, .5 gives 30 / 36 and is chosen; for mic_2 the others choose .9
    assert method.choice.threshold == 0.5
    assert method.fold_range == (0.5, 0.9)
    each = [row.scores["particle"].f1 for row in method.evaluation.micrographs]
    assert each == pytest.approx([10 / 13, 10 / 13, 0.0])
    assert f1(method) == pytest.approx(20 / 31, abs=1e-4)


def test_one_validation_micrograph_is_too_optimistic_and_says_so(planted):
    parts = [f"{NAMES[0]},validation", *(f"{name},test" for name in NAMES[1:])]
    csv(planted / "split.csv", parts, "micrograph,split")
    plant_traps(planted)
    found = run(planted, "trap.csv")
    assert f1(found.methods[0]) == 1.0
    assert found.methods[0].figures["particle.f1"][1:] == (None, None)
    assert any("too optimistic" in note for note in found.notes)


@pytest.mark.parametrize("name", ["mic_3.mrc", "Movies/mic_3.mrc", "mic_3"])
def test_a_split_that_contradicts_itself_is_refused(planted, name):
    csv(planted / "a.csv", picks_of(NAMES))
    rows = (planted / "split.csv").read_text().splitlines()[1:]
    csv(planted / "split.csv", [*rows, f"{name},test"], "micrograph,split")  # says it twice
    assert run(planted, "a.csv").keys == ["mic_0", "mic_1", "mic_2"]
    csv(planted / "split.csv", [*rows, f"{name},validation"], "micrograph,split")
    with pytest.raises(InputError, match="split of mic_3 is 'test' in one row and 'validation'"):
        run(planted, "a.csv")


def test_without_final_no_test_micrograph_is_read(planted, monkeypatch):
    opened = []
    read = image_module.read_micrograph

    def watch(path, **how):
        opened.append(Path(path).name)
        return read(path, **how)

    monkeypatch.setattr(image_module, "read_micrograph", watch)
    plant_traps(planted)
    before = run(planted, "trap.csv").to_dict()
    assert set(opened) == set(NAMES[:3])
    for name in NAMES[3:]:
        (planted / "mics" / name).write_bytes(b"<xml>not to be read</xml>")
    header, *rows = (planted / "trap.csv").read_text().splitlines()
    csv(planted / "trap.csv", [row for row in rows if row < "mic_3"], header)  # and no picks there
    assert run(planted, "trap.csv").to_dict() == before
    assert not (planted / "out").exists()


def test_every_look_at_the_test_is_counted(planted):
    csv(planted / "a.csv", picks_of(NAMES))
    assert run(planted, "a.csv").test_evaluation is None
    assert [run(planted, "a.csv", final=True).test_evaluation for _ in range(2)] == [1, 2]
    looks = read_evaluations(planted / "out")
    assert [test_evaluation.methods for test_evaluation in looks] == [("a",), ("a",)]
    assert looks[0].truth == looks[1].truth
    # another split that shares a micrograph of the test is a look at it; others are new
    shared = [f"{NAMES[0]},validation", f"{NAMES[5]},test"]
    csv(planted / "split.csv", shared, "micrograph,split")
    assert run(planted, "a.csv", final=True).test_evaluation == 3
    fresh = [f"{NAMES[0]},validation", f"{NAMES[1]},test"]
    csv(planted / "split.csv", fresh, "micrograph,split")
    assert run(planted, "a.csv", final=True).test_evaluation == 1
    (planted / "out" / LOG_FILE).write_text("date,sides\n2026,a\n")
    with pytest.raises(InputError, match=LOG_FILE):
        job_of(planted, "a.csv", final=True)


def test_a_project_brings_its_splits_and_counts_the_looks(planted):
    given = list_micrographs(planted / "mics")
    with Project.create(planted / "project", given, 40.0) as project:
        for i, name in enumerate(NAMES):
            project.change(name[:-4], state="full", split="validation" if i < 2 else "test")
        project.change("mic_5", kept=False)
        project.change("mic_4", state="partial")
        project.test_looks = 1  # by the Evaluate dock of an earlier version
        project.save()
    stars = planted / "project" / "picks"
    stars.mkdir(exist_ok=True)
    for name in NAMES[1:]:  # mic_0 is fully labelled, and empty: it has no file
        write_picks(
            {name: Picks(name, np.array(PLACES, float))}, stars / f"{name[:-4]}.star", "star"
        )
    csv(planted / "a.csv", picks_of(NAMES[1:]))

    def final():
        job = make_compare_job(
            micrographs=[str(planted / "project")],
            truth=stars,
            out=planted / "out",
            picks=[str(planted / "a.csv")],
            final=True,
        )
        *_, done = compare(job)
        return done.result["comparison"]

    found = final()
    assert found.keys == ["mic_2", "mic_3"]
    assert found.validation == 2
    assert f1(found.methods[0]) == 1.0
    assert found.test_evaluation == 2
    assert final().test_evaluation == 3
    assert (planted / "project" / LOG_FILE).is_file()
    assert not (planted / "out" / LOG_FILE).exists()
    assert count_evaluations(planted / "project", ["mic_3"]) == 3


def test_candidates_beside_the_picks_are_what_a_threshold_is_chosen_among(planted):
    folder = planted / "picked"
    folder.mkdir()
    csv(
        folder / "picks.csv",
        [f"{r},0.9" for r in picks_of(NAMES, PLACES[:2])],
        "micrograph,x,y,score",
    )
    rows = [
        f"{r},{s}"
        for s, p in zip((0.9, 0.9, 0.4, 0.4, 0.4), PLACES, strict=True)
        for r in picks_of(NAMES, [p])
    ]
    rows += [f"{r},0.3" for r in picks_of(NAMES, [(170, 40)])]
    csv(folder / "candidates.csv", rows, "micrograph,x,y,score")
    method = run(planted, "picked").methods[0]
    assert (method.choice.threshold, f1(method)) == (0.4, 1.0)
    assert method.delivered.f1 == pytest.approx(4 / 7)  # 2 of 5, none false
    assert method.curve.source == "candidates"
    assert method.curve.average_precision == 1.0


def test_a_micrograph_that_cannot_be_opened_is_left_out_for_all(planted):
    (planted / "mics" / NAMES[1]).write_bytes(b"<xml/>")
    csv(planted / "a.csv", picks_of(NAMES))
    found = run(planted, "a.csv")
    assert found.keys == ["mic_0", "mic_2"]
    assert list(found.failed) == ["mic_1"]


def test_angstrom_and_a_border(planted):
    csv(planted / "bare.csv", picks_of(NAMES))  # a truth without diameters
    csv(planted / "a.csv", picks_of(NAMES, [*PLACES, (3, 3)]))
    method = run(planted, "a.csv", truth="bare.csv", diameter=40.0).methods[0]
    assert method.evaluation.diameter_px == D
    assert method.figures["particle.precision"][0] == pytest.approx(5 / 6, abs=1e-4)
    assert f1(run(planted, "a.csv", truth="bare.csv", diameter=40.0, border=20.0).methods[0]) == 1.0


def test_a_model_knows_what_it_was_trained_on(planted):
    from napari_unetpick.engine.runs.model_card import name_hash

    card = {"training": {"names": [name_hash("mic_4")]}}
    method = MethodSource("net", planted / "net.safetensors", Model({}, card))
    assert trained_on(method, ["mic_3", "mic_4"]) == ["mic_4"]
    labels = planted / "run" / "labels"
    labels.mkdir(parents=True)
    csv(labels / "labels.csv", ["mic_5.mrc,full", "mic_3.mrc,none"], "micrograph,state")
    csv(labels / "picks.csv", picks_of(["mic_5.mrc"]))
    csv(labels / "negatives.csv", [])
    (labels / "areas.json").write_text("{}")
    run_folder = replace(method, path=planted / "run")
    assert trained_on(run_folder, ["mic_3", "mic_4", "mic_5"]) == ["mic_4", "mic_5"]
    assert trained_on(replace(method, model=None), ["mic_4"]) == []


def test_names_of_methods(tmp_path):
    (tmp_path / "run1").mkdir()
    (tmp_path / "a=b.csv").write_text("")
    model = tmp_path / "run1" / "model.safetensors"
    model.write_bytes(b"")
    assert name_and_path(str(model), "model") == ("run1", model)
    assert name_and_path(str(tmp_path / "run1"), "model") == ("run1", tmp_path / "run1")
    assert name_and_path(f"my net={model}", "model") == ("my net", model)
    assert name_and_path(str(tmp_path / "a=b.csv"), "picks") == ("a=b", tmp_path / "a=b.csv")


@pytest.mark.parametrize(
    "options, message",
    [
        ({"split": "none.csv"}, "no validation micrographs"),
        ({"split": "typo.csv"}, "split 'valid'"),
        ({"split": "validated.csv", "final": True}, "no labelled test micrographs"),
        ({"validation": 0.5}, "give one of them"),
        ({"split": None, "validation": 1.5}, "--validation 1.5"),
        ({"diameter": 3.0}, "diameter of 3"),
        ({"border": -1.0}, "--border -1"),
        ({"pixel_size": 1e6}, "pixel size"),
        ({"truth": "absent.csv"}, "absent.csv"),
    ],
)
def test_what_cannot_be_is_refused(planted, options, message):
    csv(planted / "a.csv", picks_of(NAMES))
    csv(planted / "none.csv", [f"{name},test" for name in NAMES], "micrograph,split")
    csv(planted / "validated.csv", [f"{name},validation" for name in NAMES], "micrograph,split")
    csv(planted / "typo.csv", [f"{NAMES[0]},valid"], "micrograph,split")
    with pytest.raises(InputError, match=message):
        run(planted, "a.csv", **options)
    assert not (planted / "out").exists()


def test_methods_that_cannot_be_are_refused(planted):
    csv(planted / "else.csv", ["elsewhere.mrc,1,1"])
    csv(planted / "late.csv", [f"{row},0.5" for row in picks_of(NAMES[3:])], "micrograph,x,y,score")
    csv(planted / "a.csv", picks_of(NAMES))
    for methods, options, message in (
        ((), {}, "nothing to compare"),
        (("a.csv", "a.csv"), {}, "two methods are called a"),
        (("absent.csv",), {}, "absent.csv: no such file"),
        (("a.csv", "else.csv"), {}, r"else: .*else\.csv: has 1 pick of 1 micrograph"),
        (("late.csv",), {}, r"late: .*has none of the 3 micrographs compared here \(such as mic_0"),
        (("late.csv",), {"final": True}, "late: has no picks on validation micrographs"),
    ):
        with pytest.raises(InputError, match=message):
            run(planted, *methods, **options)
    assert not (planted / "out").exists()


def test_a_drawn_split_is_said_and_has_no_test_in_common(planted):
    csv(planted / "a.csv", picks_of(NAMES))
    seen = run(planted, "a.csv", split=None, validation=0.34)
    tested = run(planted, "a.csv", split=None, validation=0.34, final=True)
    assert len(seen.keys) == 2
    assert sorted(seen.keys + tested.keys) == [name[:-4] for name in NAMES]
    assert any("2 of 6 labelled micrographs drawn" in note for note in seen.notes)
