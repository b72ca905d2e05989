"""What a training would use, and what is missing for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.project.project import Entry, RunInfo
from napari_unetpick.widgets.train.plan import caution, describe, make_plan, obstacle, starts


def entries(**states: dict[str, Any]) -> dict[str, Entry]:
    return {key: Entry(Micrograph(Path(f"/m/{key}.mrc"), key), **f) for key, f in states.items()}


def test_tests_rejected_and_unlabelled_are_never_trained_on() -> None:
    plan = make_plan(
        entries(
            a={"state": "full", "picks": 20},
            b={"state": "partial", "picks": 5},
            c={"state": "full", "picks": 9, "split": "test"},
            d={"state": "full", "picks": 9, "kept": False},
            e={"state": "none"},
        )
    )
    assert plan.keys == ("a", "b")
    assert (plan.full, plan.partial, plan.picks, plan.tests) == (1, 1, 25, 1)
    told = describe(plan)
    assert "25 picks on 1 fully and 1 partly labelled micrographs" in told
    assert "Test split, not trained on: 1 micrograph." in told


def test_only_full_labels_validate_and_something_trains() -> None:
    three = entries(
        a={"state": "full", "split": "validation"},
        b={"state": "partial", "split": "validation", "picks": 3},
        c={"state": "partial", "picks": 3},
    )
    plan = make_plan(three)
    assert plan.validation == ("a",)
    assert plan.unfit == 1
    assert "Validation: 1 micrograph of your choice." in describe(plan)
    alone = make_plan(entries(a={"state": "full", "split": "validation", "picks": 30}))
    assert alone.validation == ()
    assert "Validation: a third" in describe(alone)


def test_a_fifth_of_the_fully_labelled_validates() -> None:
    ten = {f"m{i}": {"state": "full", "picks": 5} for i in range(10)}
    assert "Validation: 2 of the fully labelled ones" in describe(make_plan(entries(**ten)))


@pytest.mark.parametrize(
    ("made", "diameter", "word"),
    [
        ({}, 80.0, "Open micrographs"),
        ({"a": {"state": "partial", "picks": 40}}, None, "diameter"),
        ({"a": {}}, 80.0, "Pick some particles"),
        ({"a": {"state": "full", "picks": 0}}, 80.0, "Pick some particles"),
        ({"a": {"state": "partial", "picks": 40}}, 80.0, ""),
    ],
)
def test_obstacle_names_the_next_step(
    made: dict[str, Any], diameter: float | None, word: str
) -> None:
    missing = obstacle(make_plan(entries(**made)), diameter)
    assert word in missing
    assert bool(missing) == bool(word)


def test_read_only_projects_do_not_train() -> None:
    plan = make_plan(entries(a={"state": "partial", "picks": 40}))
    assert "Save it as another project" in obstacle(plan, 80.0, read_only=True)


def test_few_picks_are_a_caution() -> None:
    assert "9 picks" in caution(make_plan(entries(a={"state": "partial", "picks": 9})))
    assert caution(make_plan(entries(a={"state": "partial", "picks": 10}))) == ""


def test_starts_from_the_last_model_by_default(general: Path) -> None:
    runs = [
        RunInfo("run-3", Path("/p/run-3"), False, 2, None, 3.0),
        RunInfo("run-2", Path("/p/run-2"), True, 16, 0.9, 2.0),
        RunInfo("run-1", Path("/p/run-1"), True, 16, 0.8, 1.0),
    ]
    values = [value for _, value in starts(runs)]
    assert values == [str(Path("/p/run-2")), str(Path("/p/run-1")), "general", "scratch"]
    assert [value for _, value in starts([])] == ["general", "scratch"]
    general.unlink()
    assert starts([]) == [("From scratch", "scratch")]
