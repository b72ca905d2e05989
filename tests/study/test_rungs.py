"""From planted records to the table: means, spreads and differences by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.evaluation.metrics import Score, score_counts
from napari_unetpick.report.tables.evaluation import latex_table, markdown_table
from napari_unetpick.report.tables.ladder import gain_texts, ladder_table, plan_table, write_ladder
from napari_unetpick.settings import to_dict
from napari_unetpick.study.ablation.budget import fit_budget
from napari_unetpick.study.ablation.ladder import Rung, ladder, leave_one_out
from napari_unetpick.study.ablation.plan import PLAN
from napari_unetpick.study.ablation.records import RunRecord, read_records, write_record
from napari_unetpick.study.ablation.run import RECORDS, units_of
from napari_unetpick.study.ablation.rungs import read_ladder

BATCHES = 5
SCRATCH = [rung for rung in ladder() if rung.start is None]
GENERAL = ladder()[-1]


def plant(out: Path, rung: Rung, seeds: tuple[int, ...], hits: tuple[int, ...], **more) -> None:
    """Record hits of 10 picks and 10 particles on each of some micrographs; pixels alike."""
    fitted = fit_budget(rung, BATCHES)
    counts = {f"mic{i}": score_counts(n, 10, 10) for i, n in enumerate(hits)}
    pixel = {key: Score(0.5, 1.0, each.f1 / 2, 10, 10, 5) for key, each in counts.items()}
    record = RunRecord(
        key=fitted.key,
        seeds=seeds,
        settings=to_dict(fitted.settings),
        data="d",
        versions={"torch": "2"},
        minutes=more.get("minutes", 2.0),
        parameters=1000 * len(seeds),
        verdicts=more.get("verdicts", ()),
        scores={"particle": counts, "iou0.6": counts, "pixel": pixel},
    )
    write_record(out / RECORDS, record)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / PLAN).write_text(json.dumps({"data": "d", "batches": BATCHES}))
    return tmp_path


def test_records_come_back_as_they_were(out: Path):
    plant(out, ladder()[0], (42,), (6, 8), verdicts=("refused",))
    (record,) = read_records(out / RECORDS).values()
    assert record.verdicts == ("refused",)
    assert record.scores["particle"]["mic1"] == score_counts(8, 10, 10)


def test_means_spreads_and_differences(out: Path):
    rungs = ladder()
    plant(out, rungs[0], (42,), (4, 6))  # F1 .5
    plant(out, rungs[0], (43,), (6, 8), minutes=4.0)  # .7
    plant(out, rungs[1], (42,), (6, 8), verdicts=("accepted", "refused"))  # .7
    plant(out, rungs[1], (43,), (8, 10))  # .9
    found = read_ladder(out)
    assert found is not None
    first, second = found.rungs
    assert (first.name, second.name) == ("baseline", "+ combined loss")
    f1 = first.figures["particle"].f1
    assert (f1.mean, f1.deviation) == pytest.approx((0.6, 0.2 / 2**0.5))
    assert first.figures["pixel"].f1.mean == pytest.approx(0.3)
    assert first.figures["particle"].difference is None
    change = second.figures["particle"].difference
    assert change is not None  # each micrograph gains two of ten, with either seed
    assert (change.value, change.low, change.high) == pytest.approx((0.2, 0.2, 0.2))
    assert (first.minutes, second.rejected) == (3.0, (1, 2))
    assert found.missing == tuple(rung.name for rung in rungs[2:])
    assert not found.without


def test_only_seeds_that_both_have_are_compared(out: Path):
    rungs = ladder()
    plant(out, rungs[0], (42,), (5, 5))
    plant(out, rungs[0], (43,), (1, 1))
    plant(out, rungs[1], (42,), (6, 6))
    change = read_ladder(out).rungs[1].figures["particle"].difference
    assert change.value == pytest.approx(0.1)


def test_an_ensemble_is_compared_with_its_members(out: Path):
    for number, rung in enumerate(SCRATCH[:-1]):
        plant(out, rung, (42,), (number, number))
        plant(out, rung, (43,), (number + 2, number + 2))
    plant(out, SCRATCH[-1], (42, 43), (9, 9))
    plant(out, leave_one_out()[0], (42, 43), (7, 7))
    found = read_ladder(out)
    last = found.rungs[-1]
    assert last.figures["particle"].difference.value == pytest.approx(0.1)  # .9 against .7 and .9
    assert (last.seeds, last.parameters) == ((42, 43), 2000)
    (without,) = [each for each in found.without if each.name == "without combined loss"]
    assert without.figures["particle"].difference.value == pytest.approx(-0.2)
    assert found.missing == (GENERAL.name,)
    (whole,) = found.gains.items()
    assert whole[0] == "+ ensemble"
    assert whole[1]["particle"].value == pytest.approx(0.8)  # .9 against .0 and .2
    assert gain_texts(found) == [
        "+ ensemble, change from the baseline: F1 (particle) +0.800 (95 %: +0.800 to +0.800); "
        "F1 (pixel) +0.400 (95 %: +0.400 to +0.400)"
    ]


def test_the_general_model_is_compared_with_the_ensemble_from_scratch(out: Path):
    for rung in SCRATCH[:-1]:
        for seed in (42, 43):
            plant(out, rung, (seed,), (5, 5))
    plant(out, SCRATCH[-1], (42, 43), (6, 6))
    plant(out, leave_one_out()[0], (42, 43), (3, 3))
    plant(out, GENERAL, (42, 43), (9, 9))
    found = read_ladder(out)
    last = found.rungs[-1]
    assert last.name == "+ general model"
    assert last.figures["particle"].difference.value == pytest.approx(0.3)
    (without,) = [each for each in found.without if each.name == "without combined loss"]
    assert without.figures["particle"].difference.value == pytest.approx(-0.3)  # from scratch too


def test_with_one_seed_the_general_model_is_compared_with_the_last_single_model(out: Path):
    for rung in SCRATCH[:-1]:
        plant(out, rung, (42,), (5, 5))
    plant(out, replace(GENERAL, ensemble=False), (42,), (7, 7))
    found = read_ladder(out)
    assert found.rungs[-1].name == "+ general model"
    assert found.rungs[-1].figures["particle"].difference.value == pytest.approx(0.2)
    assert found.missing == ("+ ensemble",)


def test_with_more_seeds_the_smaller_ensemble_is_left_out(out: Path):
    for number, rung in enumerate(SCRATCH[:-1]):
        for seed in (42, 43, 44):
            plant(out, rung, (seed,), (number, number))
    plant(out, SCRATCH[-1], (42, 43), (2, 2), minutes=4.0)
    plant(out, leave_one_out()[0], (42, 43), (1, 1))
    plant(out, leave_one_out()[1], (42, 43, 44), (8, 8))
    plant(out, SCRATCH[-1], (42, 43, 44), (9, 9), minutes=6.0)
    found = read_ladder(out)
    last = found.rungs[-1]
    assert (last.seeds, last.minutes, last.parameters) == ((42, 43, 44), 6.0, 3000)
    assert last.figures["particle"].f1.mean == pytest.approx(0.9)
    assert last.figures["particle"].difference.value == pytest.approx(0.2)
    two, three, *_, single = found.without
    # each against the whole with as many seeds
    assert two.figures["particle"].difference.value == pytest.approx(-0.1)
    assert three.figures["particle"].difference.value == pytest.approx(-0.1)
    assert (single.name, single.seeds) == ("without ensemble", (42, 43, 44))
    assert single.figures["particle"].difference.value == pytest.approx(-0.2)


def test_an_ensemble_of_fewer_seeds_is_compared_with_its_members_alone(out: Path):
    for rung in SCRATCH[:-1]:
        for seed, hits in ((42, 6), (43, 6), (44, 1)):
            plant(out, rung, (seed,), (hits, hits))
    plant(out, SCRATCH[-1], (42, 43), (7, 7))
    last = read_ladder(out).rungs[-1]
    assert last.figures["particle"].difference.value == pytest.approx(0.1)


def test_with_one_seed_single_models_are_left_out_of(out: Path):
    fitted = [fit_budget(rung, BATCHES) for rung in (*SCRATCH, *leave_one_out())]
    for number, unit in enumerate(units_of(fitted, (42,))):
        plant(out, unit.rung, unit.seeds, (min(number, 9),) * 2)
    found = read_ladder(out)
    assert found.missing == ("+ ensemble", GENERAL.name)
    names = [each.name for each in found.without]
    assert names == [rung.name for rung in leave_one_out()[:-1]]
    # the last rung, + attention, has .7; without attention is the rung before it
    changes = [each.figures["particle"].difference.value for each in found.without]
    assert changes == pytest.approx([0.1, 0.2, 0.2, 0.2, 0.2, 0.2, -0.1])


def test_with_one_seed_nothing_is_left_out_unless_that_was_asked_for(out: Path):
    for rung in SCRATCH[:-1]:
        plant(out, rung, (42,), (6, 6))
    assert not read_ladder(out).without


def test_tables_print_a_loss_as_a_loss(out: Path):
    plant(out, ladder()[0], (42,), (8, 8))
    plant(out, ladder()[1], (42,), (6, 7))
    found = read_ladder(out)
    text = markdown_table(ladder_table(found.rungs))
    assert "| + combined loss | 1 | 0.650 | -0.150 | -0.200 to -0.100 |" in text
    assert not found.without
    tex = latex_table(plan_table(found))
    assert r"+ combined loss & 50.0 & 100.0 & 32.5 & -7.5 & [-10.0, -5.0] \\" in tex
    plant(out, ladder()[0], (43,), (6, 6))
    tex = latex_table(plan_table(read_ladder(out)))
    assert r"baseline & 50.0 & 100.0 & 35.0 $\pm$ 7.1 & -- & -- \\" in tex
    files = write_ladder(out, found)
    assert all(path.stat().st_size for path in files)
    assert "Not run: + augmentation" in (out / "ladder.md").read_text()


def test_without_records_there_is_no_ladder(tmp_path: Path):
    assert read_ladder(tmp_path) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "{}",
        lambda text: "[]",
        lambda text: "{bad",
        lambda text: text[: len(text) // 2],
        lambda text: text.replace('"pixel"', '"pixels"'),
        lambda text: text.replace('"minutes": 2.0', '"minutes": "long"'),
        lambda text: text.replace('"f1": 0.8', '"f1": null'),
        lambda text: text.replace('"mic1"', '"mic2"', 1),
        lambda text: text.replace('"seeds": [', '"seeds": ["a",'),
    ],
)
def test_a_damaged_record_is_named(out: Path, damage):
    plant(out, ladder()[0], (42,), (8, 8))
    (path,) = (out / RECORDS).glob("*.json")
    whole = path.read_text()
    path.write_text(damage(whole))
    assert path.read_text() != whole
    with pytest.raises(InputError, match=path.name):
        read_ladder(out)


def test_records_of_different_micrographs_are_refused(out: Path):
    plant(out, ladder()[0], (42,), (8, 8))
    plant(out, ladder()[0], (43,), (8, 8, 8))
    with pytest.raises(InputError, match="scores other micrographs"):
        read_ladder(out)


@pytest.mark.parametrize(
    "text",
    ["{bad", "[]", "{}", '{"data": "d", "batches": 1e999}', '{"data": "d", "batches": 0}', "\xff"],
)
def test_a_damaged_plan_is_named(out: Path, text: str):
    plant(out, ladder()[0], (42,), (8, 8))
    (out / PLAN).write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=PLAN):
        read_ladder(out)


@pytest.mark.parametrize("name", ["betagal", "random-44"])
def test_the_committed_records_give_the_committed_tables(name: str, tmp_path: Path):
    folder = Path(__file__).parents[2] / "docs" / "ablation" / name
    found = read_ladder(folder)
    assert found is not None
    for path in write_ladder(tmp_path, found):
        if path.suffix != ".png":
            assert path.read_text() == (folder / path.name).read_text()
    page = (folder.parents[1] / "explanation" / "ablation.md").read_text(encoding="utf-8")
    assert set((tmp_path / "ladder.md").read_text().splitlines()[2:]) <= {
        line.replace("#### ", "## ") for line in page.splitlines()
    }


def test_records_of_other_settings_are_refused_not_left_out(out: Path):
    plant(out, ladder()[0], (42,), (8, 8))
    (path,) = (out / RECORDS).glob("*.json")
    table = json.loads(path.read_text())
    path.write_text(json.dumps(table | {"key": "0123456789ab"}))
    with pytest.raises(InputError, match="its 1 records are of another version"):
        read_ladder(out)
